"""Institutions and the area's rules, kept a few seconds (机构与统筹区规则).

Every settlement asks for them and they change a few times a year, so all their times of force are
kept, and a day is looked up among these. What was changed elsewhere is seen after `KEPT_SECONDS`;
what this process changes is seen at once (`forget`).
"""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..database import Database
from ..enrolment import AreaRules, Designation, Institution, area_store, in_force
from ..errors import Refusal
from ..settlement import SplitRules

KEPT_SECONDS = 5.0
KEPT_ENTRIES = 50_000
# Which designation a kind of visit asks for; every other visit asks for `general`.
NEEDED = {"chronic_outpatient": "chronic", "pharmacy": "dispensing",
          "day_treatment": "day_treatment"}
Found = TypeVar("Found")


class Places:
    """What a pooling area says of institutions and of itself on a day. Safe between threads."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database, self._monotonic = database, monotonic
        self._kept: dict[tuple[str, ...], tuple[float, object]] = {}
        self._lock = threading.Lock()

    def rules(self, region: str, day: str) -> AreaRules:
        """The area's rules in force on a day."""
        def read() -> list[tuple[str, Mapping[str, object], str, str, str]]:
            with self._database.connection() as connection:
                return area_store.rules_of(connection, region)
        found = self._remembered(("rules", region), read)
        return AreaRules(region, {name: (value, clause) for name, value, clause, first, last
                                  in found if in_force(first, last, day)})

    def split_rules(self, region: str, day: str) -> SplitRules:
        """How the area splits bills (费用拆分口径, rule `bill_split`).

        Where it has set nothing, the strictest: an unknown item is refused, and a line a fen off.
        """
        found = self.rules(region, day).values.get("bill_split")
        return SplitRules(**found[0]) if found else SplitRules()

    def institution(self, region: str, code: str, day: str,
                    ) -> tuple[Institution, tuple[Designation, ...]]:
        """An institution on a day, with what it is designated for.

        Raises Refusal `unknown-institution`.
        """
        def read() -> tuple[list[Institution], list[Designation]]:
            with self._database.connection() as connection:
                return tuple([fact for _, fact in area_store.institution_facts(
                    connection, region, kind.TABLE, [code])] for kind in (Institution, Designation))
        known, designations = self._remembered(("institution", region, code), read)
        found = next((one for one in known if in_force(one.first, one.last, day)), None)
        if found is None:
            raise Refusal("unknown-institution", f"no institution {code!r} is known in region "
                          f"{region} on {day} (机构不存在)", "fixmedins_code", "",
                          "Register it, or check the code and the day.")
        return found, tuple(one for one in designations if in_force(one.first, one.last, day))

    def designated(self, region: str, code: str, visit: str, day: str) -> Institution:
        """A networked institution designated for a kind of visit (定点).

        Raises Refusal `unknown-institution`, `not-designated`, `not-networked`.
        """
        institution, designations = self.institution(region, code, day)
        wanted = NEEDED.get(visit, "general")
        found = [one for one in designations if one.kind in (wanted, visit)]
        if not found:
            kinds = ", ".join(one.kind for one in designations) or "nothing"
            raise Refusal("not-designated", f"{code} is not designated for {wanted} on {day}: it "
                          f"is for {kinds} (非定点)", "fixmedins_code", "", "Costs of an "
                          "institution that is not designated are the person's own (BJ-28).")
        if not any(one.networked for one in found):
            raise Refusal("not-networked", f"{code} does not settle on the spot (未联网)",
                          "fixmedins_code", "BJ-50", "The person pays and hands the bill in at "
                          "the agency: a manual reimbursement.")
        return institution

    def forget(self) -> None:
        """Reads everything anew from now on."""
        with self._lock:
            self._kept.clear()

    def _remembered(self, key: tuple[str, ...], read: Callable[[], Found]) -> Found:
        now = self._monotonic()
        known = self._kept.get(key)
        if known is not None and now - known[0] < KEPT_SECONDS:
            return known[1]
        found = read()
        with self._lock:
            if len(self._kept) >= KEPT_ENTRIES:
                self._kept.clear()
            self._kept[key] = (now, found)
        return found
