"""What the year's points are worth, and what each hospital's come to (结算点值).

Amounts are fixed once for the insurance and then shared out by largest remainder, so hospitals add
up to the insurance to the fen, and each is within a fen of its points x value.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...errors import Refusal
from ...money import PPM, percent_text, yuan_grouped
from .budget import micro, no_points, operand, points_text, value_text
from .exact import INT64_MAX, rounded, spread
from .model import ELASTIC, FIXED, FLOATING, Budget, Flag, PointValue, Step
from .national import national
from .rules import HOSPITAL_RATIO, LESS_PATIENT, REGION_RATIO, ValueRule


@dataclass(frozen=True)
class Sums:
    """An insurance's cases that are paid by points, summed by hospital, in one order.

    `base_milli` is the base volume of an elastic year, () else.
    """

    insurance: str
    points_milli: tuple[int, ...]
    cost_fen: tuple[int, ...]
    patient_fen: tuple[int, ...]
    booked_fen: tuple[int, ...]
    base_milli: tuple[int, ...] = ()


@dataclass(frozen=True)
class Valued:
    """The value, and by hospital what its points stand for, why, and the fund's part of it."""

    value: PointValue
    standard_fen: tuple[int, ...]
    due_fen: tuple[int, ...]
    worth: tuple[tuple[Step, ...], ...]
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class _Worth:
    """Standards by hospital, their steps by hospital, and the insurance's steps.

    `growth` is fen a thousandth of a point of growth, 0 without.
    """

    standard_fen: list[int]
    by_hospital: list[tuple[Step, ...]]
    growth: Fraction
    steps: tuple[Step, ...]
    flags: tuple[Flag, ...] = ()


def value_points(sums: Sums, budget: Budget, rule: ValueRule, start: Fraction,
                 where: str) -> Valued:
    """Values the points of one insurance; `start` is fen a thousandth of a point.

    Raises Refusal: `no-points`, `no-booked-fund`, `budget-below-base`.
    """
    points = sum(sums.points_milli)
    if not points:
        raise no_points(sums.insurance, where)
    ratio, steps = _ratio(sums, rule, where)
    pot = budget.fund_fen + sum(sums.patient_fen) if ratio is None \
        else rounded(budget.fund_fen / ratio)
    worth = _WORTH[rule.kind](sums, pot, rule, start, where)
    standard = sum(worth.standard_fen)
    due = _due(sums, budget.fund_fen, rule, ratio, worth.standard_fen, standard == pot)
    pot_step = Step(
        "pot", "cost that the fund's money covers", "基金可覆盖的住院总费用",
        "fund for points + patients" if ratio is None else "fund for points / ratio",
        (operand("fund for points", budget.fund_fen), operand("patients", sum(sums.patient_fen))
         if ratio is None else ("ratio", _share_text(ratio))), pot, rule.basis)
    value = PointValue(
        sums.insurance, rule.kind, points, standard, sum(due), budget.fund_fen - sum(due),
        micro(Fraction(standard, points)), micro(start), micro(worth.growth), ratio,
        (*steps, pot_step, *worth.steps))
    return Valued(value, tuple(worth.standard_fen), tuple(due), tuple(worth.by_hospital),
                  worth.flags)


def _share_text(ratio: Fraction) -> str:
    ppm = rounded(ratio * PPM)
    return ("" if Fraction(ppm, PPM) == ratio else "about ") + percent_text(ppm)


def _ratio(sums: Sums, rule: ValueRule, where: str) -> tuple[Fraction | None, tuple[Step, ...]]:
    """The region's payment ratio (医保支付比例): set, or booked fund / cost of the year."""
    if rule.fund_part == LESS_PATIENT:
        return None, ()
    if rule.ratio is not None:
        return rule.ratio, ()
    booked, cost = sum(sums.booked_fen), sum(sums.cost_fen)
    if not booked:
        raise Refusal("no-booked-fund", f"the fund has booked nothing for {sums.insurance}, so "
                      "there is no payment ratio", where, hint="Give fund_fen of the cases, or a "
                      "ratio in value.ratio.")
    ratio = Fraction(booked, cost)
    return ratio, (Step("ratio", "payment ratio", "医保支付比例", "booked / cost", (
        operand("booked", booked), operand("cost", cost)), None, rule.basis),)


def _even(amount_fen: int, weights: Sequence[int]) -> list[int]:
    """`amount_fen` by largest remainder; 0 weights all round only where there is nothing.

    Raises Refusal `amount-overflow` beyond what a column of fen holds.
    """
    if amount_fen > INT64_MAX:
        raise Refusal("amount-overflow", f"the points are worth {yuan_grouped(amount_fen)} yuan, "
                      "more than any fund has", hint="Check the units of points and value.")
    if not sum(weights):
        assert not amount_fen, amount_fen
        return [0] * len(weights)
    owner = np.zeros(len(weights), np.int64)
    return spread([amount_fen], owner, np.array(weights, np.int64)).tolist()


# --- the three kinds ------------------------------------------------------------------------------
def _floating(sums: Sums, pot: int, rule: ValueRule, start: Fraction, where: str) -> _Worth:
    points = sum(sums.points_milli)
    step = Step("value", "value of a point", "结算点值", "covered cost / points",
                (operand("covered cost", pot), ("points", points_text(points)),
                 ("value", f"{value_text(micro(Fraction(pot, points)))} yuan")), None, rule.basis)
    return _one_value(sums, pot, Fraction(pot, points), rule, step)


def _one_value(sums: Sums, pot: int, value: Fraction, rule: ValueRule, step: Step) -> _Worth:
    """Every point of the insurance at one value."""
    standard = _even(pot, sums.points_milli)
    return _Worth(standard, [(_part("standard", "points", "分值", points, value, amount, rule),)
                             for points, amount in zip(sums.points_milli, standard, strict=True)],
                  Fraction(0), (step,))


def _fixed(sums: Sums, pot: int, rule: ValueRule, start: Fraction, where: str) -> _Worth:
    points = sum(sums.points_milli)
    standard = rounded(points * start)
    step = Step("value", "points at the fixed value", "固定点值", "points x value",
                (("points", points_text(points)), ("value", f"{value_text(micro(start))} yuan")),
                standard, rule.basis)
    return _one_value(sums, standard, start, rule, step)


def _elastic(sums: Sums, pot: int, rule: ValueRule, start: Fraction, where: str) -> _Worth:
    """Base volume at a fixed value, growth at a floating one (弹性点值)."""
    pairs = list(zip(sums.points_milli, sums.base_milli, strict=True))
    base = [min(points, volume) for points, volume in pairs]
    growth = [max(points - volume, 0) for points, volume in pairs]
    fixed = start
    if rule.base_share_ppm is not None:
        if not sum(sums.base_milli):
            raise no_points(f"{sums.insurance}, base volume,", where)
        fixed = Fraction(pot * rule.base_share_ppm, PPM * sum(sums.base_milli))
    base_pot = rounded(sum(base) * fixed)
    if base_pot > pot:
        raise Refusal("budget-below-base", f"{sums.insurance}: the base volume costs "
                      f"{yuan_grouped(base_pot)}, the money covers {yuan_grouped(pot)} 总额低于基准"
                      "总额", where, hint="Lower the base's value or volume, or raise the budget.")
    growth_pot = pot - base_pot if sum(growth) else 0
    if rule.growth_most_ppm is not None:
        most = sum(growth) * fixed * Fraction(rule.growth_most_ppm, PPM)
        growth_pot = min(growth_pot, int(most))
    value = Fraction(growth_pot, sum(growth)) if sum(growth) else Fraction(0)
    shares = (_even(base_pot, base), _even(growth_pot, growth))

    def steps(base: int, growth: int, base_fen: int, growth_fen: int) -> tuple[Step, ...]:
        return (_part("base", "base volume", "基准量", base, fixed, base_fen, rule),
                _part("growth", "growth", "增量", growth, value, growth_fen, rule))
    return _Worth([one + more for one, more in zip(*shares, strict=True)],
                  [steps(*row) for row in zip(base, growth, *shares, strict=True)], value,
                  steps(sum(base), sum(growth), base_pot, growth_pot),
                  _split_flags(base_pot, growth_pot, rule))


def _part(key: str, label_en: str, label_zh: str, points_milli: int, value: Fraction,
          amount_fen: int, rule: ValueRule) -> Step:
    return Step(key, f"{label_en} x value", f"{label_zh}×点值", "points x value",
                (("points", points_text(points_milli)),
                 ("value", f"{value_text(micro(value))} yuan")), amount_fen, rule.basis)


def _split_flags(base_fen: int, growth_fen: int, rule: ValueRule) -> tuple[Flag, ...]:
    low, high = national().elastic_ppm
    whole = base_fen + growth_fen
    if low * whole <= base_fen * PPM <= high * whole:
        return ()
    share = percent_text(base_fen * PPM // whole) if whole else "0%"
    return (Flag("elastic-split", rule.basis.place, f"the base volume takes {share}, not "
                 f"{percent_text(low)} to {percent_text(high)}",
                 f"基准总额占{share}，不在{percent_text(low)}至{percent_text(high)}之间"),)


_WORTH = {FLOATING: _floating, FIXED: _fixed, ELASTIC: _elastic}


def _due(sums: Sums, fund_fen: int, rule: ValueRule, ratio: Fraction | None,
         standard_fen: list[int], whole: bool) -> list[int]:
    """The fund's part by hospital; the budget to the fen where the whole covered cost is paid."""
    if ratio is None:
        return [standard - patient for standard, patient in
                zip(standard_fen, sums.patient_fen, strict=True)]
    if rule.fund_part == HOSPITAL_RATIO:
        return [rounded(Fraction(standard * booked, cost)) if cost else 0
                for standard, booked, cost in
                zip(standard_fen, sums.booked_fen, sums.cost_fen, strict=True)]
    assert rule.fund_part == REGION_RATIO
    amount = fund_fen if whole else rounded(sum(standard_fen) * ratio)
    return _even(amount, standard_fen if rule.kind == ELASTIC else sums.points_milli)
