"""A cleared year of two hospitals, made by hand from drawn amounts, for the statement tests."""
from __future__ import annotations

from datetime import date

import pyarrow as pa

from tongchou.payment.clearing import (CASE_AMOUNTS, Basis, Budget, Clearing, Flag, HospitalYear,
                                       Month, Payment, PointValue, Step)

BASIS = Basis("云滨示例支付办法 2025 第十二条", "X", "assessment")
MILLI_A_CASE = 1_234_567


def step(key: str, zh: str, en: str, formula: str, fen: int | None, **figures: str) -> Step:
    return Step(key, en, zh, formula, tuple(figures.items()), fen, BASIS)


def months_of(due: list[int], audit_fen: int, share: int = 20) -> tuple[Month, ...]:
    """A month a due amount: 1/share is held, `audit_fen` taken off, the rest carried if below 0."""
    made, carried = [], 0
    for number, standard in enumerate(due, 1):
        held = standard // share
        left = standard - held - audit_fen - carried
        made.append(Month(f"2025-{number:02d}", 3, 3 * MILLI_A_CASE, standard, 0, 0, held,
                          audit_fen, carried, max(left, 0), max(-left, 0),
                          (step("audit", "月度审核扣款", "Audit", "audit", -audit_fen),)))
        carried = made[-1].carried_out_fen
    return tuple(made)


def year_of(hospital: str, name: str, due: list[int], audit_fen: int,
            changes: tuple[int, int]) -> HospitalYear:
    """The hospital's year: assessment and sharing are `changes`, the audit is the months'."""
    months = months_of(due, audit_fen)
    standard, held = sum(due), sum(month.deposit_fen for month in months)
    audit = -audit_fen * len(due)
    year, paid = standard + sum(changes) + audit, sum(month.pay_fen for month in months)
    points = 3 * len(due) * MILLI_A_CASE
    steps = (
        step("due", "病例应付", "Points x value", "points x value", standard,
             points=f"{points // 1000}.{points % 1000:03d}", value="8.123456 yuan"),
        step("assessment", "考核", "Assessment", "due x (factor - 1)", changes[0], factor="98.5%"),
        step("sharing", "结余留用", "Surplus kept", "0 where u >= lo", changes[1], u="101.2%"),
        step("audit", "审核扣款", "Audit deductions", "sum of the months' audits", audit),
        step("year", "年度应付", "Payable", "due + assessment + sharing + audit", year))
    return HospitalYear(hospital, name, "employees", 3 * len(due), points, standard * 2, 0,
                        standard, standard, standard, 0, *changes, audit, year, 0, paid, held,
                        year - paid - held, months, steps)


def cleared(due: list[list[int]], audit_fen: int = 0, changes: tuple[int, int] = (0, 0),
            ) -> tuple[Clearing, pa.Table]:
    """A clearing with a hospital a list, three cases a month, and the table of their scores."""
    years = tuple(year_of(f"H{number:02d}", "云滨市人民医院", months, audit_fen, changes)
                  for number, months in enumerate(due, 1))
    cases, told = [], []
    for year in years:
        for month in year.months:
            for number in range(3):
                first, rest = divmod(month.standard_fen, 3)
                fen = first + (number < rest)
                case = f"{year.hospital}-{month.month}-{number}"
                cases.append((case, year.hospital, "employees", month.month, MILLI_A_CASE, fen,
                              fen))
                kind = ("low", None, "high")[number]
                told.append((case, "I21.0:36.0700", 2 * fen, kind, number == 2))
    table = pa.Table.from_pylist([dict(zip(CASE_AMOUNTS.names, row, strict=True))
                                  for row in cases], CASE_AMOUNTS)
    scores = pa.table(dict(zip(("case", "group", "cost_fen", "deviation", "review"),
                               map(list, zip(*told, strict=True)), strict=True)))
    whole = sum(year.due_fen for year in years)
    budget = Budget("employees", whole, 0, 0, whole, (step(
        "fund", "年度预算", "Budget", "last year x (1 + growth)", whole, growth="5%"),))
    value = PointValue("employees", "floating", sum(year.points_milli for year in years), whole,
                       whole, 0, 8_123_456, 8_000_000, 0, None, (step(
                           "value", "结算点值", "Value of a point", "fund / points", None,
                           value="8.123456 yuan"),))
    payments = tuple(Payment(year.hospital, "employees", "monthly", month.month,
                             date(2025, 12, 31), month.pay_fen, BASIS)
                     for year in years for month in year.months)
    flags = (Flag("deposit-high", "H01", "the deposit is above 5%.", "质量保证金高于 5%。"),)
    return Clearing("云滨示例统筹区", 2025, (budget,), (value,), years, payments, flags,
                    date(2026, 4, 30), ("deposit: our own choice (X)",), table), scores
