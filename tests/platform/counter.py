"""A counter for manual reimbursement over a test town: institutions without a network, rules."""
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from town import NOTE, Clerk, Town, stay

from tongchou.enrolment import Designation, Institution
from tongchou.ledger import clearing_file, read_calendar, read_rules
from tongchou.settlement.manual import ManualRules, manual_file, read_manual_rules

DOCUMENTS = ["identity", "original_invoice", "discharge_note", "cost_list", "bank_account"]
FIRST, SECOND = Clerk("first"), Clerk("second")
VILLAGE, AWAY = "N1", "W3"


def shipped_rules(**changes: object) -> ManualRules:
    """The rules that ship, or a change of them."""
    days = read_rules(clearing_file("bijie")).manual_days
    return replace(read_manual_rules(manual_file("bijie"), days), **changes)


class Counter:
    """A town's counter. The clock of the town stands on 2024-12-30."""

    def __init__(self, town: Town, **rules: object) -> None:
        self.town = town
        self.desk = town.platform.manual(shipped_rules(**rules), read_calendar())
        self.clerk = Clerk("clerk", town.region)
        people = town.platform.enrolment
        known = town.platform.database
        with known.connection() as connection:
            there = connection.execute("select count(*) from institution where region = %s and "
                                       "code = %s", (town.region, VILLAGE)).fetchone()[0]
        if not there:
            for code, level, place in ((VILLAGE, "2", "local"), (AWAY, "3", "outside")):
                people.add_institution(town.region, Institution(
                    code, "hospital", level, (), place, town.region, "2020-01-01", ""), **NOTE)
                people.add_institution(town.region, Designation(
                    code, "general", False, "2020-01-01", ""), **NOTE)

    def handed_in(self, psn_no: str, mdtrt_id: str, total: str = "10000.00", key: str = "",
                  **changes: object) -> dict[str, object]:
        """Registers a bill with all documents, unless changed."""
        request = stay(psn_no, mdtrt_id, total, **{
            "fixmedins_code": VILLAGE, "reason": "not_networked", "received_on": "2024-06-03",
            "invoices": [f"INV-{mdtrt_id}"], "documents": DOCUMENTS, "setl_time": None, **changes})
        text = self.desk.register(request, key or f"{mdtrt_id}-taken", who=self.clerk)
        return json.loads(text)

    def step(self, case: Mapping[str, object], what: str, on: str, who: Clerk | None = None,
             key: str = "", **rest: object) -> dict[str, object]:
        """One step; the case after it."""
        request = {"psn_no": case["psn_no"], "on": on, **rest}
        who = replace(who or self.clerk, region=self.town.region)
        return json.loads(self.desk.step(str(case["case_id"]), what, request,
                                         key or f"{case['case_id']}-{what}-{on}", who=who))

    def reviewed(self, case: Mapping[str, object], on: str = "2024-06-05", **first: object,
                 ) -> dict[str, object]:
        """Both reviews by two people."""
        self.step(case, "first_review", on, FIRST, **first)
        return self.step(case, "second_review", on, SECOND)

    def settled(self, case: Mapping[str, object], on: str = "2024-06-06", **first: object,
                ) -> dict[str, object]:
        """Reviewed and settled."""
        return self.step(self.reviewed(case, on, **first), "settle", on)

    def shown(self, case: Mapping[str, object]) -> dict[str, object]:
        """The case as it stands."""
        return self.desk.case(str(case["psn_no"]), str(case["case_id"]), who=self.clerk)
