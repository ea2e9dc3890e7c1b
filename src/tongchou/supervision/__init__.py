"""Supervision of care as it is ordered (智能审核, floor 5): list rules of a region, and clues.

Rules are data with a source (`read_rules`, `import_rules`); `clues` says what of a patient's orders
a rule speaks against. A clue is told and kept, it never changes a settlement. See docs/clues.md.
"""
from .checking import Clue, Encounter, Order, Patient, clues
from .libraries import Point, Written, points, write_rules
from .model import KINDS, ListRule, RuleBook
from .reading import Fault, Reading, read_rules, sample_rules
from .rulebooks import Imported, Rulebooks, import_rules

__all__ = ["KINDS", "Clue", "Encounter", "Fault", "Imported", "ListRule", "Order", "Patient",
           "Point", "Reading", "RuleBook", "Rulebooks", "Written", "clues", "import_rules",
           "points", "read_rules", "sample_rules", "store", "write_rules"]
