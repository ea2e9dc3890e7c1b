"""A grouping scheme interpreted as it stands in its tables, with dictionaries and plain loops.

The second opinion of the grouper's tests, and the yardstick of bench/grouping.py: it shares no
line with `tongchou.payment` and was written from the description of the tables alone.
"""
from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

# The folder of published tables, beside a checkout; tests say so and are skipped without it.
PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "drg-scheme"


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    """Rows of a table."""
    with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class Answer(NamedTuple):
    """Where a case ends; `level` is that of the heaviest complication that counts."""

    group: str | None = None
    adrg: str | None = None
    mdc: str | None = None
    level: str | None = None


class PlainGrouper:
    """One version; `answer` and `group` take a single case.

    With `ambiguous` an operation that counts as one and fits no ADRG of a class entered by its
    principal diagnosis goes to the letter and QY, after the last ADRG that asks for a procedure.
    """

    def __init__(self, folder: Path, ambiguous: bool = False) -> None:
        self.ambiguous = ambiguous
        self.classes = sorted(rows_of(folder, "mdc"), key=lambda row: int(row["order"]))
        self.class_dx = {row["mdc"]: {} for row in self.classes}
        for row in rows_of(folder, "mdc_dx"):
            self.class_dx[row["mdc"]][row["dx"]] = row["site"]
        self.conditions = {row["mdc"]: [part for part in row["other_conditions"].split(";") if part]
                           for row in self.classes}
        self.bases = defaultdict(list)
        for row in sorted(rows_of(folder, "adrg"), key=lambda row: int(row["order"])):
            self.bases[row["mdc"]].append(row)
        self.base_dx, self.base_px = defaultdict(set), defaultdict(set)
        for row in rows_of(folder, "adrg_dx"):
            self.base_dx[row["adrg"]].add(row["dx"])
        for row in rows_of(folder, "adrg_px"):
            self.base_px[row["adrg"], int(row["slot"])].add(row["px"])
        self.severity = {row["drg"]: row["severity"] for row in rows_of(folder, "drg")}
        self.heavy = {row["dx"]: (row["level"], row["exclusion_table"])
                      for row in rows_of(folder, "complication")}
        self.table = defaultdict(set)
        for row in rows_of(folder, "principal_exclusion"):
            self.table[row["dx"]].add(row["exclusion_table"])
        self.valid = {row["px"] for row in rows_of(folder, "valid_px")}

    def group(self, case: dict[str, object]) -> str | None:
        """The group of a case of the case table (as a dictionary), None without one."""
        return self.answer(case).group

    def answer(self, case: dict[str, object]) -> Answer:
        """Everything about a case of the case table (as a dictionary)."""
        if not case["dx"]:
            return Answer()
        level, first = self._level(case), None
        for major in self.classes:
            if self._in_class(major, case):
                first = first or major["mdc"]
                if found := self._in_some_base(major, case):
                    return Answer(self._by_severity(found, level), found["adrg"], major["mdc"],
                                  level)
        return Answer(mdc=first, level=level)

    def _in_some_base(self, major: dict[str, str], case: dict[str, object],
                      ) -> dict[str, str] | None:
        bases = self.bases[major["mdc"]]
        misfits = self.ambiguous and major["dx_rule"] == "principal" and self._operated(case)
        if misfits:
            bases = bases[: 1 + max((place for place, base in enumerate(bases)
                                     if base["px_rule"] != "none"), default=-1)]
        for base in bases:
            if self._in_base(base, case):
                return base
        misfit = f"{major['mdc']}QY"
        return {"adrg": misfit, "drgs": misfit} if misfits else None

    def _in_class(self, major: dict[str, str], case: dict[str, object]) -> bool:
        own, dx = self.class_dx[major["mdc"]], case["dx"]
        if not self._looked_up(major["dx_rule"], own, dx):
            return False
        for condition in self.conditions[major["mdc"]]:
            if condition.startswith("sex=") and case["sex"] != condition[4:]:
                return False
            if condition == "age_years=0" and case["age_years"] != 0:
                return False
            if condition == "principal_px_valid" and not self._operated(case):
                return False
            if condition.startswith("sites>="):
                sites = {own.get(code) for code in dx} - {None, ""}
                if len(sites) < int(condition[7:]):
                    return False
        return True

    def _looked_up(self, rule: str, own: dict[str, str] | set[str], dx: list[str]) -> bool:
        if rule == "principal":
            return dx[0] in own
        return rule == "none" or any(code in own for code in dx)

    def _operated(self, case: dict[str, object]) -> bool:
        return bool(case["px"]) and case["px"][0] in self.valid

    def _in_base(self, base: dict[str, str], case: dict[str, object]) -> bool:
        if not self._looked_up(base["dx_rule"], self.base_dx[base["adrg"]], case["dx"]):
            return False
        if base["newborn_28d"] and not (case["age_days"] is not None and case["age_days"] <= 28):
            return False
        weight = case["birth_weight_g"]
        if base["weight_ge_g"] and (weight is None or weight < int(base["weight_ge_g"])):
            return False
        if base["weight_lt_g"] and (weight is None or weight >= int(base["weight_lt_g"])):
            return False
        return self._procedures(base["px_rule"], base["adrg"], case)

    def _procedures(self, rule: str, adrg: str, case: dict[str, object]) -> bool:
        done = case["px"]

        def slot(number: int) -> bool:
            own = self.base_px[adrg, number]
            return any(code in own for code in done)

        if rule == "none":
            return True
        if rule == "principal":
            return bool(done) and done[0] in self.base_px[adrg, 1]
        if rule.startswith("slots:"):
            words = re.sub(r"\d+", lambda found: str(slot(int(found[0]))), rule[6:])
            return bool(eval(words))  # noqa: S307 - True, False, &, | and brackets only
        return {"any": lambda: slot(1),
                "any1_and_any2": lambda: slot(1) and slot(2),
                "principal_valid": lambda: self._operated(case),
                "no_valid_px": lambda: not self._operated(case)}[rule]()

    def _level(self, case: dict[str, object]) -> str | None:
        barred = self.table.get(case["dx"][0], ())
        levels = {level for level, table in (self.heavy[code] for code in case["dx"][1:]
                                             if code in self.heavy) if table not in barred}
        return "MCC" if "MCC" in levels else "CC" if levels else None

    def _by_severity(self, base: dict[str, str], level: str | None) -> str | None:
        for drg in base["drgs"].split("|"):
            asked = self.severity.get(drg, "any")
            if asked == "any" or level == "MCC" or (asked == "mcc_or_cc" and level):
                return drg
        return None
