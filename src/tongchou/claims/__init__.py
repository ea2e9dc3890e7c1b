"""Bills in files: one case, a table, a hundred million (floor 4)."""
from .case import Case, CaseDocument, ContributionQuestion, open_case, read_case
from .case_settle import settle_claims, share_contribution

__all__ = ["Case", "CaseDocument", "ContributionQuestion", "casefile", "excel", "mapping",
           "open_case", "promises", "read_case", "rejects", "settle_claims", "share_contribution",
           "stream"]
