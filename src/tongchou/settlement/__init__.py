"""Real-time settlement: bills split, settled, reversed, recomputed and replayed (floor 5)."""
from .answers import body_hash
from .attempts import Asked, local_time
from .bill import (FeeLine, SplitBill, SplitLine, SplitRules, Visit, bill_of, bill_row,
                   compare_parts, fee_line, split_bill)
from .catalogue import Catalogues
from .gathering import Gathering
from .order import Along
from .reading import People
from .regimes import Regime, Regimes
from .replay import replay_settlement
from .service import SettlementService
from .year import REFUNDS

__all__ = ["Along", "Asked", "Catalogues", "FeeLine", "Gathering", "People", "REFUNDS", "Regime",
           "Regimes", "SettlementService", "SplitBill", "SplitLine", "SplitRules", "Visit", "audit",
           "audit_store", "bill_of", "bill_row", "body_hash", "catalogue", "compare_parts",
           "fee_line", "local_time", "manual", "outbox", "replay", "replay_settlement",
           "split_bill", "store"]
