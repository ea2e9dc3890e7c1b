"""The year's money for one insurance's points, and a point's value at its start (总额、年初点值).

Three ways lead to the total: inpatient budget less items, last year's share of this year's
inpatient budget, last year's payment and its growth. The reserve lies inside.
"""
from __future__ import annotations

from fractions import Fraction

from ...errors import Refusal
from ...money import PPM, percent_text, yuan_grouped
from .exact import rounded
from .figures import Fund
from .model import Budget, Step
from .reading import Basis, unset
from .rules import GROWTH, SUBTRACTION, BudgetRule, Rules, ValueRule

MILLI, FEN_OF_MICRO = 1000, 10_000               # micro-yuan in a fen


def operand(name: str, amount_fen: int) -> tuple[str, str]:
    """An amount as an operand of a step."""
    return name, f"{yuan_grouped(amount_fen)} yuan"


def points_text(points_milli: int) -> str:
    """Points with their three decimals, for people."""
    return f"{points_milli // MILLI:,}.{points_milli % MILLI:03d}"


def value_text(value_micro: int) -> str:
    """The value of a point in yuan with six decimals."""
    return f"{value_micro // PPM:,}.{value_micro % PPM:06d}"


def budget_of(fund: Fund, rules: Rules, aside_fen: int) -> Budget:
    """The insurance's budget; `aside_fen` is what fixed amounts take inside it.

    Raises Refusal: `unset-payment-rule`, `budget-below-reserve`, `budget-below-amounts`.
    """
    rule = rules.budget
    total, first = _total(fund, rule)
    reserve = fund.fen("reserve")
    inside = reserve if rule.reserve_inside else 0
    if total < inside:
        raise Refusal("budget-below-reserve", f"{fund.insurance}: the budget "
                      f"{yuan_grouped(total)} is below the reserve {yuan_grouped(inside)} 总额低于"
                      "调节金", fund.where, hint="Check budget, items outside and reserve.")
    if total - inside < aside_fen:
        raise Refusal("budget-below-amounts", f"{fund.insurance}: fixed amounts of "
                      f"{yuan_grouped(aside_fen)} are more than {yuan_grouped(total - inside)}, "
                      "the budget without its reserve", fund.where,
                      hint="Pay them outside the budget (amounts.from), or check the figures.")
    left = total - inside - aside_fen
    last = Step("point_fund", "fund for points", "可用于分值的基金",
                "total - reserve - fixed amounts", (operand("total", total), operand(
                    "reserve", inside), operand("fixed amounts", aside_fen)), left, rule.basis)
    return Budget(fund.insurance, total, reserve, aside_fen, left, (first, last))


def _total(fund: Fund, rule: BudgetRule) -> tuple[int, Step]:
    if rule.method == SUBTRACTION:
        return _subtracted(fund, rule.basis)
    last = fund.fen("last_year_paid")
    if rule.method == GROWTH:
        if fund.growth_ppm is None:
            raise unset(f"figures.{fund.insurance}.growth", fund.where)
        total = rounded(Fraction(last * (PPM + fund.growth_ppm), PPM))
        sign = "-" if fund.growth_ppm < 0 else ""
        growth = ("growth", sign + percent_text(abs(fund.growth_ppm)))
        return total, Step("total", "budget by growth", "按增长率测算", "last year x (1 + growth)",
                           (operand("last year", last), growth), total, rule.basis)
    whole, before = fund.fen("inpatient_budget"), fund.fen("last_year_inpatient")
    if before < last or not before:
        raise Refusal("bad-figure", f"{fund.insurance}: last year's payment "
                      f"{yuan_grouped(last)} is no part of {yuan_grouped(before)}", fund.where,
                      hint="last_year_inpatient is all inpatient fund payments of last year.")
    total = rounded(Fraction(whole * last, before))
    return total, Step("total", "budget by last year's share", "按比例分配",
                       "inpatient budget x last year paid / last year inpatient", (
                           operand("inpatient budget", whole), operand("last year paid", last),
                           operand("last year inpatient", before)), total, rule.basis)


def _subtracted(fund: Fund, basis: Basis) -> tuple[int, Step]:
    whole, away, outside = (fund.fen(name) for name in
                            ("inpatient_budget", "away_from_home", "items_outside"))
    total = whole - away - outside
    return total, Step("total", "budget by items, reserve inside", "按支出项目分配（含调节金）",
                       "inpatient budget - away from home - items outside", (
                           operand("inpatient budget", whole), operand("away from home", away),
                           operand("items outside", outside)), total, basis)


def start_value(fund: Fund, rule: ValueRule) -> Fraction:
    """Fen of a thousandth of a point at the start of the year (年初点值).

    Given, or weighted cost / weighted points of the years before. Refusal when either is unset.
    """
    if not rule.start_weights:
        if fund.start_value_micro is None:
            raise unset(f"figures.{fund.insurance}.start_value", fund.where)
        return Fraction(fund.start_value_micro, FEN_OF_MICRO * MILLI)
    if len(fund.history) != len(rule.start_weights):
        raise unset(f"figures.{fund.insurance}.history of {len(rule.start_weights)} years",
                    fund.where)
    pairs = list(zip(rule.start_weights, fund.history, strict=True))
    points = sum(weight * milli for weight, (_, milli) in pairs)
    if not points:
        raise no_points(fund.insurance, fund.where)
    return Fraction(sum(weight * cost for weight, (cost, _) in pairs), points)


def no_points(insurance: str, where: str) -> Refusal:
    """There is money, but no point shares it."""
    return Refusal("no-points", f"no point of {insurance} shares the budget 无分值", where,
                   hint="Check the cases' points and amounts.paid (`amount` keeps cases with both "
                   "out of the points), or take this insurance's figures out.")


def micro(fen_a_milli: Fraction) -> int:
    """Millionths of a yuan a point of fen a thousandth, rounded down; for showing."""
    return int(fen_a_milli * FEN_OF_MICRO * MILLI)
