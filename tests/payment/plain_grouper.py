"""A grouping scheme interpreted as it stands in its tables, with dictionaries and plain loops.

The second opinion of the grouper's tests, and the yardstick of bench/grouping.py: it shares no
line with `tongchou.payment` and was written from the description of the tables alone.
"""
from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

# The folder of published tables, beside a checkout; tests say so and are skipped without it.
PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "drg-scheme"


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    """Rows of a table."""
    with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class PlainGrouper:
    """One version; `group` answers a single case."""

    def __init__(self, folder: Path) -> None:
        self.classes = sorted(rows_of(folder, "mdc"), key=lambda row: int(row["order"]))
        self.class_dx = {(row["mdc"], row["dx"]): row["site"] for row in rows_of(folder, "mdc_dx")}
        self.bases = defaultdict(list)
        for row in sorted(rows_of(folder, "adrg"), key=lambda row: int(row["order"])):
            self.bases[row["mdc"]].append(row)
        self.base_dx = {(row["adrg"], row["dx"]) for row in rows_of(folder, "adrg_dx")}
        self.base_px = {(row["adrg"], int(row["slot"]), row["px"])
                        for row in rows_of(folder, "adrg_px")}
        self.severity = {row["drg"]: row["severity"] for row in rows_of(folder, "drg")}
        self.heavy = {row["dx"]: (row["level"], row["exclusion_table"])
                      for row in rows_of(folder, "complication")}
        self.table = defaultdict(set)
        for row in rows_of(folder, "principal_exclusion"):
            self.table[row["dx"]].add(row["exclusion_table"])
        self.valid = {row["px"] for row in rows_of(folder, "valid_px")}

    def group(self, case: dict[str, object]) -> str | None:
        """The group of a case of the case table (as a dictionary), None without one."""
        if not case["dx"]:
            return None
        for major in self.classes:
            if self._in_class(major, case):
                for base in self.bases[major["mdc"]]:
                    if self._in_base(base, case):
                        return self._by_severity(base, case)
        return None

    def _in_class(self, major: dict[str, str], case: dict[str, object]) -> bool:
        mdc, dx = major["mdc"], case["dx"]
        looked = {"none": None, "principal": dx[:1], "any": dx}[major["dx_rule"]]
        if looked is not None and not any((mdc, code) in self.class_dx for code in looked):
            return False
        for condition in major["other_conditions"].split(";"):
            if condition.startswith("sex=") and case["sex"] != condition[4:]:
                return False
            if condition == "age_years=0" and case["age_years"] != 0:
                return False
            if condition == "principal_px_valid" and not self._operated(case):
                return False
            if condition.startswith("sites>="):
                sites = {self.class_dx.get((mdc, code)) for code in dx} - {None, ""}
                if len(sites) < int(condition[7:]):
                    return False
        return True

    def _operated(self, case: dict[str, object]) -> bool:
        return bool(case["px"]) and case["px"][0] in self.valid

    def _in_base(self, base: dict[str, str], case: dict[str, object]) -> bool:
        adrg, dx = base["adrg"], case["dx"]
        looked = {"none": None, "principal": dx[:1], "any": dx}[base["dx_rule"]]
        if looked is not None and not any((adrg, code) in self.base_dx for code in looked):
            return False
        if base["newborn_28d"] and not (case["age_days"] is not None and case["age_days"] <= 28):
            return False
        weight = case["birth_weight_g"]
        if base["weight_ge_g"] and (weight is None or weight < int(base["weight_ge_g"])):
            return False
        if base["weight_lt_g"] and (weight is None or weight >= int(base["weight_lt_g"])):
            return False
        return self._procedures(base["px_rule"], adrg, case)

    def _procedures(self, rule: str, adrg: str, case: dict[str, object]) -> bool:
        done = case["px"]

        def slot(number: int) -> bool:
            return any((adrg, number, code) in self.base_px for code in done)

        if rule.startswith("slots:"):
            words = re.sub(r"\d+", lambda found: str(slot(int(found[0]))), rule[6:])
            return bool(eval(words))  # noqa: S307 - True, False, &, | and brackets only
        return {"none": lambda: True,
                "principal": lambda: bool(done) and (adrg, 1, done[0]) in self.base_px,
                "any": lambda: slot(1),
                "any1_and_any2": lambda: slot(1) and slot(2),
                "principal_valid": lambda: self._operated(case),
                "no_valid_px": lambda: not self._operated(case)}[rule]()

    def _by_severity(self, base: dict[str, str], case: dict[str, object]) -> str | None:
        barred = self.table.get(case["dx"][0], ())
        levels = {level for level, table in (self.heavy[code] for code in case["dx"][1:]
                                             if code in self.heavy) if table not in barred}
        for drg in base["drgs"].split("|"):
            asked = self.severity[drg]
            if asked == "any" or "MCC" in levels or (asked == "mcc_or_cc" and levels):
                return drg
        return None
