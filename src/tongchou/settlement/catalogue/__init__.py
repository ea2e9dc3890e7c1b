"""The catalogue (医保目录): what each item costs at most, who may use it, what the person pays first.

Rows come from CSV or Excel (`read_items`), are kept with two time axes (`import_rows`) and are
read as a snapshot in memory (`Catalogues`), which the bill split asks. See docs/catalogue.md.
"""
from .codes import CATEGORIES, CLASSES, KINDS, LEVEL_RANKS
from .importing import Imported, import_rows
from .model import Age, Catalogue, Item, Restrictions, VisitRule
from .reading import Reading, RowFault, read_items, read_rules
from .report import write_report, write_template
from .snapshots import Catalogues, sample_catalogue

__all__ = ["CATEGORIES", "CLASSES", "KINDS", "LEVEL_RANKS", "Age", "Catalogue", "Catalogues",
           "Imported", "Item", "Reading", "Restrictions", "RowFault", "VisitRule", "import_rows",
           "read_items", "read_rules", "sample_catalogue", "write_report", "write_template"]
