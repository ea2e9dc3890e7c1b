"""Policy packs: what one regime of one city pays, read from YAML with its places (floor 2)."""
from .load import load_pack, pack_file, packs_folder, read_with_problems, shipped_packs
from .model import Pack

__all__ = ["Pack", "load_pack", "pack_file", "packs_folder", "read_with_problems",
           "shipped_packs"]
