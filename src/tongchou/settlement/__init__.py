"""Real-time settlement: bills split, settled, reversed, recomputed and replayed (floor 5)."""
from .answers import body_hash
from .regimes import Regime, Regimes
from .service import Asked, People, SettlementService, local_time
from .year import REFUNDS

__all__ = ["Asked", "People", "REFUNDS", "Regime", "Regimes", "SettlementService", "body_hash",
           "local_time"]
