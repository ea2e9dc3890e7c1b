"""Cases priced by their group: weight x rate x coefficient, or points (按病组付费).

    base = weight x rate; standard = base x hospital coefficient

An outlier's worth follows its band (`formula`), a case of the special review follows the review.
"""
from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...errors import Refusal
from ...money import PPM
from ..clearing.exact import scaled_half_up, spread, total, totals_by
from .columns import CaseColumns
from .formula import Worth
from .priced import (NO_GROUP, NO_MEAN, NO_SCORE, NO_WEIGHT, NOT_GROUPED, Priced,
                     plain_coefficient, within)
from .rates import WEIGHT_UNIT, Rates, Volume, rate_of, shared_money
from .review import reviewed
from .rules import GroupPricing, Rule

MILLI = 1000
REVIEWED = "special review 特例单议"


@dataclass
class _Work:
    """The cases of a rule that have a weight: columns int64[m]; `all_rows` are all it took."""

    rule: Rule
    terms: GroupPricing
    all_rows: np.ndarray
    rows: np.ndarray
    weight: np.ndarray
    mean: np.ndarray
    coefficient: np.ndarray
    cost: np.ndarray


def price_by_group(state: Priced, taken: np.ndarray, rule: Rule) -> None:
    """Prices these cases by the terms of a group rule. Raises Refusal for what is not set."""
    terms, cases = rule.terms, state.cases
    assert isinstance(terms, GroupPricing)
    if terms.table is None:
        _by_scores(state, taken, rule, terms)
        return
    rows = _grouped(state, taken)
    weight, mean = terms.table.of_cases(cases, rows)
    state.fail(rows[weight < 0], NO_WEIGHT)
    known = weight >= 0
    if terms.outliers.against == "mean" and terms.outliers.bands:
        state.fail(rows[known & (mean < 0)], NO_MEAN)
        known &= mean >= 0
    rows = rows[known]
    work = _Work(rule, terms, taken, rows, weight[known], mean[known],
                 terms.coefficients.of_cases(cases, rows), cases.cost_fen[rows])
    state.weight_micro[rows] = work.weight
    state.coefficient_ppm[rows] = work.coefficient
    if terms.points:
        points = _worth(state, work, Worth(
            work.weight, scaled_by(work.weight, work.coefficient), work.weight, work.mean))
        _by_points(state, work, (points + MILLI // 2) // MILLI)
    else:
        _by_weight(state, work)


def _grouped(state: Priced, rows: np.ndarray) -> np.ndarray:
    cases = state.cases
    state.fail(rows[~cases.listed[rows]], NOT_GROUPED)
    state.fail(rows[cases.listed[rows] & (cases.group.ids[rows] < 0)], NO_GROUP)
    return rows[cases.group.ids[rows] >= 0]


def _by_scores(state: Priced, taken: np.ndarray, rule: Rule, terms: GroupPricing) -> None:
    """Points as the file of groups has them (DIP)."""
    score = state.cases.score_milli
    if score is None:
        raise Refusal("unset-payment-rule", f"{rule.basis.place}: the file of groups has no column "
                      "score_milli 未设定", rule.basis.place,
                      hint="Give the output of `tongchou payment points`, or name a table.")
    found = score[taken]
    state.fail(taken[found < 0], NO_SCORE)
    rows = taken[found >= 0]
    plain = np.zeros(len(rows), np.int64)
    work = _Work(rule, terms, taken, rows, plain, plain, plain_coefficient(len(rows)),
                 state.cases.cost_fen[rows])
    _by_points(state, work, found[found >= 0])


def scaled_by(values: np.ndarray, ppm: np.ndarray) -> np.ndarray:
    """values x ppm to the nearest whole number, halves up; int64[n], all at least 0."""
    if len(values) and int(values.max()) * int(ppm.max()) >= 1 << 62:
        return ((values.astype(object) * ppm + PPM // 2) // PPM).astype(np.int64)
    return (values * ppm + PPM // 2) // PPM


def _worth(state: Priced, work: _Work, worth: Worth) -> np.ndarray:
    """The normal worth, or what the band of a case makes of it."""
    outliers, found = work.terms.outliers, worth.normal.copy()
    if not outliers.bands:
        return found
    countable = np.flatnonzero(worth.compared_fen > 0)
    bands = outliers.band_of(work.cost[countable], worth.compared_fen[countable],
                             work.weight[countable])
    for place, band in enumerate(outliers.bands):
        at = countable[bands == place]
        found[at] = band.pay.of(worth, work.cost, at)
        state.price[work.rows[at]] = state.name_of(band.name)
    return found


def _by_weight(state: Priced, work: _Work) -> None:
    """Base and standard in fen, then outliers, then the special review."""
    base, standard = _standards(state, work)
    for amount in (base, standard):
        within(amount, work.rule.basis)
    state.standard_fen[work.rows] = standard
    worth = {"standard": Worth(base, standard, standard, standard),
             "base": Worth(base, standard, base, base),
             "mean": Worth(base, standard, base, work.mean)}[work.terms.outliers.against]
    amount = _worth(state, work, worth)
    chosen = _reviewed(state, work, standard)
    if len(chosen):
        amount[chosen] = work.terms.review.pay.of(Worth(base, standard, standard, standard),
                                                  work.cost, chosen)
    state.pay(work.rows, amount, work.rule.basis)


def _reviewed(state: Priced, work: _Work, standard: np.ndarray) -> np.ndarray:
    """Places of the cases that the special review pays; they are named in the result."""
    review = work.terms.review
    if review is None:
        return np.zeros(0, np.int64)
    hospital = state.cases.hospital.ids
    found = reviewed(review, work.cost, standard, hospital[work.rows],
                     hospital if review.of_all else hospital[work.all_rows])
    state.price[work.rows[found.chosen]] = state.name_of(REVIEWED)
    state.figures.setdefault("review", {})[work.rule.name] = {
        "candidates": found.candidates, "quota": found.quota, "reviewed": len(found.chosen)}
    return found.chosen


def _by_points(state: Priced, work: _Work, points: np.ndarray) -> None:
    """Points, and their money where the value of a point is settled here."""
    state.points_milli[work.rows] = points
    rates = work.terms.rates
    if rates is None:
        return
    amount = np.zeros(len(points), np.int64)
    for number, insurance in enumerate(state.cases.insurance.words):
        at = np.flatnonzero(state.cases.insurance.ids[work.rows] == number)
        if len(at):
            amount[at] = _valued(state, work, rates, insurance, at, points[at])
    state.standard_fen[work.rows] = amount
    chosen = _reviewed(state, work, amount)
    if len(chosen):
        pay, standard = work.terms.review.pay, amount.copy()
        amount[chosen] = pay.of(Worth(*[standard] * 4), work.cost, chosen)
        points[chosen] = pay.of(Worth(points, points, points, standard), work.cost, chosen)
    state.pay(work.rows, amount, work.rule.basis)
    state.points_milli[work.rows] = points


def _valued(state: Priced, work: _Work, rates: Rates, insurance: str, at: np.ndarray,
            points: np.ndarray) -> np.ndarray:
    """Fen of points: at a fixed value, or the fund divided so that it adds up to the fen."""
    rows, cases = work.rows[at], state.cases
    volume = Volume({"": Fraction(total(points), MILLI)}, total(cases.fund_fen[rows]),
                    total(cases.cost_fen[rows]))
    value = rate_of(rates, insurance, volume).get("")
    if value is None:
        return np.zeros(len(at), np.int64)
    state.rates.setdefault(work.rule.name, {})[insurance, ""] = value
    if rates.kind == "fixed":
        return scaled_half_up(points, value.numerator, value.denominator * MILLI)
    money = shared_money(rates, insurance, volume)
    return spread([int(money)], np.zeros(len(at), np.int64), points)


def _standards(state: Priced, work: _Work) -> tuple[np.ndarray, np.ndarray]:
    """(base, standard) in fen of each case, each rounded once, halves up."""
    cases, rates = state.cases, work.terms.rates
    assert rates is not None
    known = _hospital_rates(state, work, rates)
    hospitals, size = len(cases.hospital.words), len(work.rows)
    owner = cases.insurance.ids[work.rows].astype(np.int64) * hospitals + \
        cases.hospital.ids[work.rows]
    order = np.lexsort((work.coefficient, owner))
    base, standard = np.zeros(size, np.int64), np.zeros(size, np.int64)
    changes = np.flatnonzero((np.diff(owner[order]) != 0) | (np.diff(work.coefficient[order]) != 0))
    for at in np.split(order, changes + 1) if size else ():
        rate = known[int(owner[at[0]])]
        distinct, inverse = np.unique(work.weight[at], return_inverse=True)
        base[at] = scaled_half_up(distinct, rate.numerator,
                                  rate.denominator * WEIGHT_UNIT)[inverse]
        rate *= Fraction(int(work.coefficient[at[0]]), PPM)
        standard[at] = scaled_half_up(distinct, rate.numerator,
                                      rate.denominator * WEIGHT_UNIT)[inverse]
    return base, standard


def _hospital_rates(state: Priced, work: _Work, rates: Rates) -> dict[int, Fraction]:
    """Rate by insurance number x hospitals + hospital number."""
    cases, found = state.cases, {}
    hospitals = cases.hospital.words
    for number, insurance in enumerate(cases.insurance.words):
        at = np.flatnonzero(cases.insurance.ids[work.rows] == number)
        if not len(at):
            continue
        made = rate_of(rates, insurance, _volume(cases, work, rates, at))
        state.rates.setdefault(work.rule.name, {}).update(
            {(insurance, name): rate for name, rate in made.items()})
        found.update({number * len(hospitals) + place: made[name]
                      for place, name in enumerate(hospitals) if name in made})
    return found


def _volume(cases: CaseColumns, work: _Work, rates: Rates, at: np.ndarray) -> Volume:
    """Weight by hospital, and the booked money, of the cases at these places."""
    rows, hospitals = work.rows[at], cases.hospital.words
    values, unit = work.weight[at], WEIGHT_UNIT
    if rates.with_coefficient:
        values, unit = values * work.coefficient[at], WEIGHT_UNIT * PPM
    sums = totals_by(cases.hospital.ids[rows], values, len(hospitals))
    return Volume({name: Fraction(one, unit) for name, one in zip(hospitals, sums, strict=True)
                   if one}, total(cases.fund_fen[rows]), total(cases.cost_fen[rows]))
