"""Visits as institutions register them (就诊登记, floor 5): from registration through fee lines to
settlement and discharge. Knows no money rule and no message format."""
from .model import Batch, KeptSettlement, NewLine, NewVisit, Visit
from .service import Visits, moved_on
from .store import MOVED_ON

__all__ = ["Batch", "KeptSettlement", "MOVED_ON", "NewLine", "NewVisit", "Visit", "Visits",
           "moved_on", "store"]
