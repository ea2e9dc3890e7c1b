"""Visits as institutions register them (就诊登记, floor 5): from registration through fee lines to
settlement and discharge. Knows no money rule and no message format."""
from .model import Batch, KeptSettlement, NewLine, NewVisit, Visit
from .service import Visits

__all__ = ["Batch", "KeptSettlement", "NewLine", "NewVisit", "Visit", "Visits", "store"]
