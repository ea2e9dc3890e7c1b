"""A hospital's statement: what it gets for a year and why, ready to be written (清算对账单).

It adds nothing to the clearing and rounds nothing: it picks one hospital's lines in one insurance,
and checks that they add up before anybody prints them.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..clearing import PAYMENT_ZH, Clearing, Flag, HospitalYear, Month, Payment, Step

INSURANCE_ZH = {"employees": "职工 employees", "residents": "居民 residents"}
NORMAL = "normal"
# What a file of scores or prices may say about a case beside its amounts.
TOLD = ("group", "cost_fen", "deviation", "method", "price", "ratio_ppm", "multiplier_ppm",
        "coefficient_ppm", "review", "auxiliary")
BY_GROUP = ("drg", "points")       # methods whose `price` names a band of cost or a review


@dataclass(frozen=True)
class Line:
    """One amount with its name in both languages."""

    key: str
    zh: str
    en: str
    amount_fen: int


@dataclass(frozen=True)
class Deduction:
    """What was taken off: signed fen below 0, the month ("" for the year), and why."""

    month: str
    zh: str
    en: str
    amount_fen: int
    why: str


@dataclass(frozen=True)
class Share:
    """What all points of the insurance are worth, so that a hospital can work out its part.

    The hospital's standard is `standard_fen` x its points / `points_milli`, to the fen below or
    above (largest remainder, 最大余数法).
    """

    standard_fen: int
    points_milli: int


@dataclass(frozen=True)
class Statement:
    """One hospital, one insurance, one year.

    `year` lines sum to `payable`, `paid` lines and `clearing` sum to it too. `cases` are the
    hospital's cases (CASE_AMOUNTS and what of TOLD is known), `deviating` those among them whose
    cost deviated or that a special review took (`deviation_known` false: nobody said). `share` is
    None in an elastic year, whose points have two values.
    """

    region: str
    year: int
    hospital: str
    name: str
    insurance: str
    totals: HospitalYear
    year_lines: tuple[Line, ...]
    payable: Line
    paid_lines: tuple[Line, ...]
    clearing: Line
    steps: tuple[Step, ...]
    months: tuple[Month, ...]
    payments: tuple[Payment, ...]
    deductions: tuple[Deduction, ...]
    cases: pa.Table
    deviating: pa.Table
    deviation_known: bool
    share: Share | None
    flags: tuple[Flag, ...]
    unsure: tuple[str, ...]
    clear_by: date | None

    @property
    def file_name(self) -> str:
        """Name of its files without ending: year, hospital and insurance."""
        plain = "".join(one if one.isalnum() or one in "-_" else "_" for one in self.hospital)
        return f"{self.year}-{plain}-{self.insurance}"

    @property
    def title(self) -> str:
        """What stands on top."""
        return f"{self.year} 年度医保支付清算对账单 Statement of the year's clearing"

    @property
    def of_whom(self) -> tuple[tuple[str, str], ...]:
        """Who it is for: name of the field, value."""
        return (("统筹区 Region", self.region), ("医疗机构 Hospital",
                                               f"{self.hospital} {self.name}".strip()),
                ("险种 Insurance", INSURANCE_ZH.get(self.insurance, self.insurance)),
                ("病例 Cases", f"{self.totals.cases:,}"),
                ("分值 Points", points_text(self.totals.points_milli)))


def statements_of(clearing: Clearing, told: pa.Table | None = None) -> Iterator[Statement]:
    """A statement for each hospital and insurance, in the order of the clearing.

    `told` is the table of scores or prices the clearing was made from; without it a statement has
    no list of deviating cases.
    """
    cases = _joined(clearing.cases, told)
    region = {year.insurance: next((one.steps for one in clearing.budgets
                                    if one.insurance == year.insurance), ()) +
              next((one.steps for one in clearing.values if one.insurance == year.insurance), ())
              for year in clearing.hospitals}
    for year in clearing.hospitals:
        yield _statement(clearing, year, cases, region[year.insurance])


def _statement(clearing: Clearing, year: HospitalYear, cases: pa.Table,
               region: tuple[Step, ...]) -> Statement:
    mine = cases.filter(pc.and_(pc.equal(cases.column("hospital"), year.hospital),
                                pc.equal(cases.column("insurance"), year.insurance)))
    made = Statement(
        clearing.region, clearing.year, year.hospital, year.name, year.insurance, year,
        _year_lines(year), Line("year", "年度应付", "Payable for the year", year.year_fen),
        _paid_lines(year), Line("clearing", "年终清算", "Due at the clearing", year.clearing_fen),
        region + year.steps, year.months,
        tuple(one for one in clearing.payments
              if (one.hospital, one.insurance) == (year.hospital, year.insurance)),
        _deductions(year), mine, mine.filter(_deviates(mine)),
        bool({"deviation", "price", "review"} & set(mine.column_names)), _share(clearing, year),
        tuple(flag for flag in clearing.flags if _concerns(flag, year)), clearing.unsure,
        clearing.clear_by)
    _check(made)
    return made


def _share(clearing: Clearing, year: HospitalYear) -> Share | None:
    found = next((one for one in clearing.values if one.insurance == year.insurance), None)
    if found is None or found.growth_value_micro or not found.points_milli:
        return None
    return Share(found.standard_fen, found.points_milli)


def _year_lines(year: HospitalYear) -> tuple[Line, ...]:
    return (Line("due", "病例应付（基金部分）", "Points x value, the fund's part", year.due_fen),
            Line("amounts", "分值以外应付", "Paid beside points", year.amounts_fen),
            Line("assessment", "考核", "Assessment", year.assessment_fen),
            Line("sharing", "结余留用与超支分担", "Surplus kept, overrun shared",
                 year.sharing_fen),
            Line("audit", "审核扣款", "Audit deductions", year.audit_fen))


def _paid_lines(year: HospitalYear) -> tuple[Line, ...]:
    return (Line("prepayment", PAYMENT_ZH["prepayment"], "Prepayment", year.prepayment_fen),
            Line("monthly", PAYMENT_ZH["monthly"], "Paid monthly", year.monthly_fen),
            Line("deposit", PAYMENT_ZH["deposit"], "Quality deposit", year.deposit_fen))


def _deductions(year: HospitalYear) -> tuple[Deduction, ...]:
    why = {step.key: step.basis.source for step in year.steps}
    said = [name for step in year.steps if step.key == "audit" for name, _ in step.operands]
    found = [Deduction(month.month, "月度审核扣款", "Audit of the month", -month.audit_fen,
                       "; ".join(name for name in said if name.startswith(month.month))
                       or why.get("audit", ""))
             for month in year.months if month.audit_fen]
    listed = sum(one.amount_fen for one in found)
    for line in _year_lines(year)[2:]:
        # The audit of the year has the months' inside; only the rest is a deduction of its own.
        left = line.amount_fen - listed if line.key == "audit" else line.amount_fen
        if left < 0:
            found.append(Deduction("", line.zh, line.en, left, why.get(line.key, "")))
    return tuple(found)


def _concerns(flag: Flag, year: HospitalYear) -> bool:
    """A flag of this hospital in this insurance, of its insurance, or of the region's rules."""
    words = set(re.split(r"[\s,/.:]+", flag.where))
    insurances = words & set(INSURANCE_ZH)
    if insurances and year.insurance not in insurances:
        return False
    return year.hospital in words or flag.where.split(".")[0] in (year.insurance, "rules")


def _joined(cases: pa.Table, told: pa.Table | None) -> pa.Table:
    """The cases of the clearing with what the scores say, in the clearing's order."""
    if told is None:
        return cases
    names = [name for name in TOLD if name in told.column_names and name not in cases.column_names]
    found = pc.index_in(cases.column("case"), value_set=told.column("case"))
    for name in names:
        column = told.column(name)
        plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) \
            else column
        cases = cases.append_column(name, plain.take(found))
    return cases


def _deviates(cases: pa.Table) -> pa.Array:
    """Cases outside the normal band, or in special review; a quota or bed-day price is neither."""
    found = np.zeros(cases.num_rows, bool)
    if "deviation" in cases.column_names:
        found |= ~_among(cases, "deviation", ("", NORMAL))
    if {"price", "method"} <= set(cases.column_names):
        found |= ~_among(cases, "price", ("",)) & _among(cases, "method", BY_GROUP)
    if "review" in cases.column_names:
        found |= pc.fill_null(cases.column("review"), False).to_numpy()
    return pa.array(found)


def _among(cases: pa.Table, name: str, words: tuple[str, ...]) -> np.ndarray:
    """bool[n]: whether a case's word is one of these; an empty one counts as ""."""
    return pc.is_in(pc.fill_null(cases.column(name), ""), pa.array(words)).to_numpy()


def _check(made: Statement) -> None:
    """What every statement promises; the clearing has made it so."""
    payable = made.payable.amount_fen
    assert sum(line.amount_fen for line in made.year_lines) == payable, made.file_name
    paid = sum(line.amount_fen for line in made.paid_lines)
    assert paid + made.clearing.amount_fen == payable, made.file_name
    assert pc.sum(made.cases.column("due_fen")).as_py() in (None, made.totals.due_fen) or \
        made.totals.amounts_fen, made.file_name


def points_text(milli: int) -> str:
    """Points with three decimals and separators, for people."""
    return f"{milli // 1000:,}.{milli % 1000:03d}" if milli >= 0 else f"-{points_text(-milli)}"
