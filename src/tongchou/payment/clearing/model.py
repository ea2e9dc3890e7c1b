"""What a clearing finds: budgets, point values, months, years and why (清算结果).

Everything is whole: fen, thousandths of points (`_milli`), parts per million (`_ppm`), millionths
of a yuan for the value of a point (`_micro`, for showing: money is never made from it). Every
amount of a hospital is the `amount_fen` of a `Step` that says where it comes from, so a statement
is the steps in their order and nothing else.

    hospital year (per insurance):  fund_fen + amounts_fen -> assessment, sharing, audit -> year_fen
    year_fen == prepayment_fen + monthly_fen + deposit_fen + clearing_fen        always, to the fen
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import pyarrow as pa

from .reading import Basis

INSURANCES = ("employees", "residents")          # 职工, 居民: never one pot
FLOATING, FIXED, ELASTIC = "floating", "fixed", "elastic"
# Kinds of payments in the order of a year.
PREPAYMENT, EARLY, REST, MONTHLY, DEPOSIT, CLEARING = (
    "prepayment", "early", "rest", "monthly", "deposit", "clearing")
PAYMENT_ZH = {PREPAYMENT: "预付金", EARLY: "先行拨付", REST: "审核后拨付", MONTHLY: "月度结算",
              DEPOSIT: "质量保证金", CLEARING: "年终清算"}

# A row a case of the answer: what its points are worth, and the fund's part of that.
CASE_AMOUNTS = pa.schema([
    ("case", pa.string()), ("hospital", pa.string()), ("insurance", pa.string()),
    ("month", pa.string()), ("points_milli", pa.int64()), ("standard_fen", pa.int64()),
    ("due_fen", pa.int64())])


@dataclass(frozen=True)
class Step:
    """One line of why: `amount_fen` is what `formula` gives for `operands`, by the rule `basis`.

    `key` is stable (`fund`, `assessment` ...); `operands` are (name in the formula, value with its
    unit as people write it); `amount_fen` None for a line that makes no money (a point value).
    """

    key: str
    label_en: str
    label_zh: str
    formula: str
    operands: tuple[tuple[str, str], ...]
    amount_fen: int | None
    basis: Basis


@dataclass(frozen=True)
class Flag:
    """Something a person should look at; nothing was changed silently because of it.

    `code` is stable, `where` names the rule, hospital or insurance.
    """

    code: str
    where: str
    text_en: str
    text_zh: str


@dataclass(frozen=True)
class Budget:
    """An insurance's money of the year (按病种付费总额), all in fen.

    `total_fen` is what the method gives, the reserve (调节金) inside it; `aside_fen` what fixed
    amounts take first where they are paid inside; `fund_fen` is left for the points.
    """

    insurance: str
    total_fen: int
    reserve_fen: int
    aside_fen: int
    fund_fen: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class PointValue:
    """What the year's points are worth in one insurance (结算点值).

    `standard_fen` is the total cost the points stand for (patients' part inside), `due_fen` the
    fund's part of it; `left_fen` is fund money of the budget that no point took (below 0: a fixed
    value promised more than the budget). `value_micro` is standard_fen / points,
    `growth_value_micro` that of growth in an elastic year (0 without). `ratio` is the payment
    ratio used, None where the patients' part is taken off instead.
    """

    insurance: str
    kind: str
    points_milli: int
    standard_fen: int
    due_fen: int
    left_fen: int
    value_micro: int
    start_value_micro: int
    growth_value_micro: int
    ratio: Fraction | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Month:
    """A hospital's month in one insurance (月度结算), all in fen.

    payable = standard + amounts - patient; deposit = its held share where it is above 0;
    pay = payable - deposit - audit - carried_in, and what would be below 0 is carried_out.
    """

    month: str
    cases: int
    points_milli: int
    standard_fen: int
    amounts_fen: int
    patient_fen: int
    deposit_fen: int
    audit_fen: int
    carried_in_fen: int
    pay_fen: int
    carried_out_fen: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class HospitalYear:
    """A hospital's year in one insurance, what it gets and why; all in fen.

    `booked_fen` is what item-wise settlement has booked for its cases; `standard_fen` its points
    x value; `due_fen` the fund's part; `amounts_fen` what is paid beside points (cases with an
    amount, capitation, other fixed amounts). `assessment_fen`, `sharing_fen` and `audit_fen` are
    signed changes: year_fen = due_fen + amounts_fen + the three. `clearing_fen` below 0 is owed
    back.
    """

    hospital: str
    name: str
    insurance: str
    cases: int
    points_milli: int
    cost_fen: int
    patient_fen: int
    booked_fen: int
    standard_fen: int
    due_fen: int
    amounts_fen: int
    assessment_fen: int
    sharing_fen: int
    audit_fen: int
    year_fen: int
    prepayment_fen: int
    monthly_fen: int
    deposit_fen: int
    clearing_fen: int
    months: tuple[Month, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Payment:
    """Money that goes to a hospital on a day (拨付计划).

    `kind` is one of PREPAYMENT, EARLY, REST, MONTHLY, DEPOSIT, CLEARING; `month` is YYYY-MM or ""
    for the year; `due_on` None where no rule names a day.
    """

    hospital: str
    insurance: str
    kind: str
    month: str
    due_on: date | None
    amount_fen: int
    basis: Basis


@dataclass(frozen=True)
class Clearing:
    """A region's year, cleared. `cases` is CASE_AMOUNTS in the order of the input.

    `hospitals` are sorted by hospital and insurance; `unsure` names rules that are not of grade A.
    """

    region: str
    year: int
    budgets: tuple[Budget, ...]
    values: tuple[PointValue, ...]
    hospitals: tuple[HospitalYear, ...]
    payments: tuple[Payment, ...]
    flags: tuple[Flag, ...]
    clear_by: date | None
    unsure: tuple[str, ...]
    cases: pa.Table
