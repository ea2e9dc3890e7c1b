"""The main job on real spending: sample claims under the shipped regimes, ready to read (演示).

    made = settle_regimes(read_regimes(), Path("out/demo"))
"""
from .example import explained_example
from .regimes import Regime, read_regimes, sample_claims
from .run import Made, settle_regimes
from .summary import LayerSums, SchemeSums

__all__ = ["LayerSums", "Made", "Regime", "SchemeSums", "explained_example", "read_regimes",
           "sample_claims", "settle_regimes", "tables", "words", "workbook"]
