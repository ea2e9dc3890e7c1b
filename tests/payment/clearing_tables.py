"""What the tests of clearing share: small rules, figures and cases as texts that tests break."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tongchou.payment.clearing import (Clearing, DueOn, clear_cases, read_figures, read_rules,
                                       read_scored)

YEAR = 2025
FROM = "source: a test, grade: X"
RULES: dict[str, str] = {
    "budget": f"method: subtraction, {FROM}",
    "amounts": f"paid: amount, from: budget, hospital_amounts: year_end, {FROM}",
    "value": f"kind: floating, fund_part: region_ratio, ratio: booked, start: given, {FROM}",
    "prepayment": f"method: given, {FROM}",
    "monthly": f"deposit: 5%, keep_above_cap: no, {FROM}",
    "schedule": "file_days: 14, early: 70%, early_workdays: 10, rest_workdays: 15, "
                f"rest_from: early_due, {FROM}",
    "year_end": f"order: [assessment, audit, sharing], assessment: amount, {FROM}",
    "sharing": "surplus: [{from: 85%, to: 100%, kept: 100%}], below: booked, overrun: "
               f"[{{from: 100%, to: 115%, paid: 70%}}], limit: none, {FROM}",
}
FUND = ("inpatient_budget: {budget}, away_from_home: 0, items_outside: 0, reserve: {reserve}, "
        "start_value: 10")
HOSPITALS = "hospital,name,insurance,assessment,prepayment_yuan,last_year_yuan,base_points," \
    "capitation_yuan,other_yuan,other_why\n"
AUDIT = "hospital,insurance,month,yuan,why\n"
CASES = "case,hospital,insurance,month,points_milli,amount_fen,cost_fen,patient_fen,fund_fen\n"
# (hospital, points, cost, patient, fund) in whole points and yuan
Case = tuple[str, int, int, int, int]


def rules(**changed: str) -> str:
    """clearing.yaml with some rules replaced; "" leaves a rule out."""
    lines = [f"  {name}: {{{text}}}" for name, text in {**RULES, **changed}.items() if text]
    return "\n".join(["region: test", f"year: {YEAR}", "rules:", *lines, ""])


def figures(funds: Mapping[str, str], audit: bool = False) -> str:
    """figures.yaml of these insurances."""
    lines = [f"{name}: {{{text}}}" for name, text in funds.items()]
    return "\n".join([f"year: {YEAR}", *lines, "hospitals: hospitals.csv",
                      f"audit: {'audit.csv' if audit else 'none'}", ""])


def fund(budget: object = 1000, reserve: object = 0, more: str = "") -> str:
    """Figures of one insurance in yuan."""
    return FUND.format(budget=budget, reserve=reserve) + more


def row(hospital: str, insurance: str = "employees", assessment: str = "100%",
        prepayment: object = 0, base: object = "", capitation: object = "", other: object = "",
        why: str = "") -> str:
    """A line of hospitals.csv."""
    return f"{hospital},,{insurance},{assessment},{prepayment},,{base},{capitation},{other}," \
        f"{why}\n"


def case(number: object, hospital: str = "H1", points: object = 1000, cost: int = 10_000,
         patient: int = 3_000, fund: int = 7_000, insurance: str = "employees",
         month: str = "2025-01", amount: object = "") -> str:
    """A line of cases.csv; points whole, amounts in yuan."""
    milli = points if points == "" else int(points) * 1000
    fen = amount if amount == "" else int(amount) * 100
    return f"{number},{hospital},{insurance},{month},{milli},{fen},{cost * 100}," \
        f"{patient * 100},{fund * 100}\n"


def write(folder: Path, rule_text: str, figure_text: str, hospitals: str, cases: str,
          audit: str = "") -> None:
    """The files of a clearing."""
    for name, text in (("clearing.yaml", rule_text), ("figures.yaml", figure_text),
                       ("hospitals.csv", HOSPITALS + hospitals), ("audit.csv", AUDIT + audit),
                       ("cases.csv", CASES + cases)):
        (folder / name).write_text(text, encoding="utf-8")


def cleared(folder: Path, due_on: DueOn | None = None) -> Clearing:
    """Clears the files of a folder; every row must be read."""
    region, found = read_rules(folder / "clearing.yaml"), read_figures(folder / "figures.yaml")
    read = read_scored(folder / "cases.csv", region.year, set(found.hospitals))
    assert not read.refused, read.rejects.to_pylist()
    return clear_cases(read.cases, region, found, due_on)
