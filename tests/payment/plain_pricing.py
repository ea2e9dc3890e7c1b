"""Prices of the example's rules case by case with fractions: no arrays, no code of the package."""
from __future__ import annotations

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

FUNDS = {"employees": (310_000_00, None), "residents": (330_000_00, Fraction(7, 10))}
FACTORS = {"1": Fraction(92, 100), "2": Fraction(98, 100), "3": Fraction(102, 100)}
Row = dict[str, str]


def rounded(value: Fraction) -> int:
    """Halves up."""
    return (value + Fraction(1, 2)).__floor__()


def weights_of(path: Path) -> dict[tuple[str, str], Fraction]:
    """(group, level) -> weight."""
    with path.open(encoding="utf-8") as file:
        return {(line["group"], level): Fraction(line["weight"])
                for line in csv.DictReader(file) for level in line["levels"].split("|")}


def rule_of(row: Row, group: str) -> str:
    """The method that takes a case, in the order of the example."""
    dx, level, days = row["dx"].split("|")[0], row["hospital_level"], int(row["stay_days"])
    if dx.startswith(("F2", "F31")):
        return "bed_day"
    if row["insurance"] == "residents" and level == "1" and row["hospital"] == "H12":
        return "capitation"
    if row["hospital"] in ("H08", "H11") and dx.startswith("M54.5"):
        return "tcm_day"
    if dx.startswith("S72") and any(px.startswith("79.0") for px in row["px"].split("|")):
        return "tcm"
    if (dx.startswith("I50") and level == "1") or (dx.startswith("I20") and level == "2"):
        return "quota"
    return "by_item" if days <= 2 or days >= 60 or not group else "drg"


def factor_of(row: Row) -> Fraction:
    """The hospital coefficient."""
    return Fraction(104, 100) if row["hospital"] == "H01" else FACTORS[row["hospital_level"]]


def prices(rows: list[Row], groups: dict[str, str],
           weights: dict[tuple[str, str], Fraction]) -> Iterator[tuple[str, str, int]]:
    """(case, method, fen) of every case; all cases have a weight where they need one."""
    method = {row["case"]: rule_of(row, groups[row["case"]]) for row in rows}
    drg = [row for row in rows if method[row["case"]] == "drg"]
    rates = {insurance: _rate(insurance, drg, groups, weights) for insurance in FUNDS}

    def standard(row: Row, group: str) -> int:
        weight = weights[group, row["hospital_level"]]
        return rounded(weight * rates[row["insurance"]] * factor_of(row))

    chosen = _reviewed([(int(row["cost_fen"]), standard(row, groups[row["case"]]), row["case"])
                        for row in drg], len(rows) * 5 // 100)
    for row in rows:
        case, cost = row["case"], int(row["cost_fen"])
        found = method[case]
        if found == "drg":
            weight = weights[groups[case], row["hospital_level"]]
            amount = cost if case in chosen else _band(cost, standard(row, groups[case]), weight)
        elif found == "tcm":
            amount = standard(row, "B25")
        else:
            amount = _listed(found, row, cost)
        yield case, found, amount


def _rate(insurance: str, drg: list[Row], groups: dict[str, str],
          weights: dict[tuple[str, str], Fraction]) -> Fraction:
    own = [row for row in drg if row["insurance"] == insurance]
    fund, ratio = FUNDS[insurance]
    if ratio is None:
        ratio = Fraction(sum(int(row["fund_fen"]) for row in own),
                         sum(int(row["cost_fen"]) for row in own))
    return fund / ratio * Fraction(95, 100) / sum(
        weights[groups[row["case"]], row["hospital_level"]] for row in own)


def _reviewed(cases: list[tuple[int, int, str]], quota: int) -> set[str]:
    """The dearest above twice their standard."""
    candidates = sorted((one for one in cases if one[0] > 2 * one[1]),
                        key=lambda one: one[1] - one[0])
    return {case for _, _, case in candidates[:quota]}


def _band(cost: int, standard: int, weight: Fraction) -> int:
    if 2 * cost < standard:
        return cost
    if weight < 1 and cost > 3 * standard:
        return cost - 2 * standard
    if weight >= 1 and cost > 2 * standard:
        return cost - standard
    return standard


def _listed(method: str, row: Row, cost: int) -> int:
    """Prices that the example writes down."""
    if method == "bed_day":
        return sum(32_000 if day <= 15 else 26_000 if day <= 60 else 19_000
                   for day in range(1, int(row["stay_days"]) + 1))
    if method == "quota":
        return min(cost, 520_000) if row["dx"].startswith("I50") else 780_000
    return {"capitation": 0, "tcm_day": 360_000 - 70_000 + 21_000, "by_item": cost}[method]
