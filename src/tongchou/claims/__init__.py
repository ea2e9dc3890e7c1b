"""Bills in files: one case, a table, a hundred million (floor 4)."""
from .case import Case, CaseDocument, ContributionQuestion, open_case, read_case
from .case_claim import read_claim
from .case_settle import settle_claims, share_contribution
from .statement import layer_clauses, settlement_dict

__all__ = ["Case", "CaseDocument", "ContributionQuestion", "casefile", "excel", "layer_clauses",
           "mapping", "open_case", "promises", "read_case", "read_claim", "rejects",
           "settle_claims", "settlement_dict", "share_contribution", "stream"]
