"""Policy packs: what one regime of one city pays, read from YAML with its places (floor 2)."""
from .load import (as_node, clause_texts, load_pack, pack_file, packs_folder, read_tree,
                   read_with_problems, shipped_packs, unset_choice)
from .model import (Adjustment, Cap, ClassRule, Contribution, Deductible, Layer, Pack, Parameter,
                    Tiers)
from .reading import suggest
from .stored import pack_document, pack_from_document
from .source import FILE_LIMIT_BYTES, Node, parse_yaml, read_text
from .values import Cell, Table, Value, unique

__all__ = ["FILE_LIMIT_BYTES", "Adjustment", "Cap", "Cell", "ClassRule", "Contribution",
           "Deductible", "Layer", "Node", "Pack", "Parameter", "Table", "Tiers", "Value", "as_node",
           "clause_texts", "coverage", "diff", "lint", "load_pack", "mutation", "pack_document",
           "pack_file", "pack_from_document", "packs_folder", "parse_yaml", "read_text",
           "read_tree", "read_with_problems", "shipped_packs", "suggest", "unique", "unset_choice"]
