"""Who may do what (权限): one table, read by the routes and by the tests."""
from __future__ import annotations

WINDOW = frozenset({"clerk", "agency"})
AGENCY = frozenset({"agency"})
CARE = frozenset({"clerk", "agency", "institution"})
READERS = frozenset({"clerk", "agency", "auditor"})
OFFICE = frozenset({"agency", "auditor"})
EVERYONE = CARE | {"auditor"}

PERMISSIONS: dict[str, frozenset[str]] = {
    # people (参保)
    "person.register": WINDOW,
    "person.read": EVERYONE,
    "person.search": CARE,
    "person.change": WINDOW,
    "referral.send": CARE,
    # institutions and catalogue (机构与目录)
    "institution.read": EVERYONE,
    "institution.change": AGENCY,
    "catalogue.read": EVERYONE,
    "catalogue.import": AGENCY,
    "import.run": AGENCY,
    # pooling areas and their packs (统筹区与政策)
    "region.read": EVERYONE | {"administrator"},
    "region.open": frozenset({"administrator"}),
    "pack.read": EVERYONE,
    "pack.change": AGENCY,
    # settlement (结算)
    "settlement.presettle": CARE,
    "settlement.settle": CARE,
    "settlement.reverse": CARE,
    "settlement.read": EVERYONE,
    "settlement.replay": OFFICE,
    "reimbursement.take": WINDOW,
    "reimbursement.read": READERS,
    "status.recognise": WINDOW,
    "status.recompute": AGENCY,
    # books and clearing (账簿与清算)
    "ledger.read": OFFICE,
    "ledger.close": AGENCY,
    "reconciliation.read": OFFICE | {"institution"},
    "filing.read": OFFICE | {"institution"},
    "filing.make": frozenset({"agency", "institution"}),
    "filing.pay": AGENCY,
    # the platform itself (系统)
    "access.read": frozenset({"auditor"}),
    "operator.manage": frozenset({"administrator"}),
}
