"""The catalogue (医保目录): what an item costs at most, who may use it, what is paid first.

Rows come from CSV or Excel (`read_items`), are kept with two time axes (`import_rows`) and are
read as a snapshot in memory (`Catalogues`), which the bill split asks. See docs/catalogue.md.
"""
from .codes import CATEGORIES, CLASSES, KINDS, LEVEL_RANKS
from .importing import Imported, import_rows, joined
from .model import Age, Catalogue, Item, Restrictions, VisitRule
from .reading import Reading, RowFault, read_items, read_rules
from .report import write_report, write_template
from .snapshots import Catalogues, sample_catalogue, sample_readings
from .store import Deed

__all__ = ["CATEGORIES", "CLASSES", "KINDS", "LEVEL_RANKS", "Age", "Catalogue", "Catalogues",
           "Deed", "Imported", "Item", "Reading", "Restrictions", "RowFault", "VisitRule",
           "import_rows", "joined", "read_items", "read_rules", "sample_catalogue",
           "sample_readings", "write_report", "write_template"]
