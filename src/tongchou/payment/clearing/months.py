"""A hospital's months (月度结算): points at the start value less patients, deposit and audit.

(points x value - what patients paid) x share - audit deductions. A month never pays less than 0:
what would be below is carried into the next one, and at the year's end into the clearing.
"""
from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ...money import percent_text
from .budget import micro, operand, points_text, value_text
from .exact import part, rounded
from .model import Month, Step
from .reading import Basis


@dataclass(frozen=True)
class MonthSums:
    """A month's cases of one hospital and insurance; points and patients of cases with points.

    `amounts_fen` is the fund's part of cases with an amount and of the hospital's fixed money.
    """

    month: str
    cases: int
    points_milli: int
    patient_fen: int
    amounts_fen: int
    audit_fen: int

    def empty(self) -> bool:
        """Whether the month has nothing to say."""
        return not (self.cases or self.amounts_fen or self.audit_fen)


def pay_months(sums: list[MonthSums], value: Fraction, deposit_ppm: int,
               basis: Basis) -> tuple[Month, ...]:
    """The months in their order; `value` is fen a thousandth of a point."""
    made, carried = [], 0
    for one in sums:
        if one.empty() and not carried:
            continue
        made.append(_pay(one, value, deposit_ppm, carried, basis))
        carried = made[-1].carried_out_fen
    return tuple(made)


def _pay(sums: MonthSums, value: Fraction, deposit_ppm: int, carried: int, basis: Basis) -> Month:
    standard = rounded(sums.points_milli * value)
    payable = standard + sums.amounts_fen - sums.patient_fen
    deposit = part(max(payable, 0), deposit_ppm)
    left = payable - deposit - sums.audit_fen - carried
    steps = (
        Step("standard", "points x start value", "分值×年初点值", "points x value",
             (("points", points_text(sums.points_milli)),
              ("value", f"{value_text(micro(value))} yuan")), standard, basis),
        Step("payable", "payable", "应付基金", "standard + amounts - patients",
             (operand("standard", standard), operand("amounts", sums.amounts_fen),
              operand("patients", sums.patient_fen)), payable, basis),
        Step("deposit", "quality deposit held", "预留质量保证金", "payable x deposit",
             (operand("payable", payable), ("deposit", percent_text(deposit_ppm))), deposit,
             basis),
        Step("pay", "paid this month", "本月拨付",
             "payable - deposit - audit - carried in, not below 0",
             (operand("payable", payable), operand("deposit", deposit),
              operand("audit", sums.audit_fen), operand("carried in", carried)), max(left, 0),
             basis))
    return Month(sums.month, sums.cases, sums.points_milli, standard, sums.amounts_fen,
                 sums.patient_fen, deposit, sums.audit_fen, carried, max(left, 0), max(-left, 0),
                 steps)
