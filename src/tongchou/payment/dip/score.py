"""Scores of cases: points x deviation x hospital x auxiliary coefficient (病例分值).

A score is a whole number of thousandths of a point. Each factor is a step of its own, rounded half
up to the thousandth, so that a hospital can follow every printed number with a pocket calculator.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import CaseError, Refusal
from ...money import AMOUNT_LIMIT_FEN, FEN, PPM
from .auxiliary import Trigger, auxiliary_of_cases, first_of
from .coefficients import FactorTable
from .derived import derive, ratio_ppm
from .encode import MISSING, Encoded, words_of
from .match import REASONS, Matched, named
from .model import POINT
from .price import Standards, amounts, level_places
from .region import Region

SCORE_LIMIT = 1 << 62
UNPRICED = "group-without-points"
SCORE_REASONS = (*REASONS, UNPRICED)
VALUE_UNIT = 10 ** 6           # a point's value is kept in millionths of a yuan
UNITS_OF_FEN = VALUE_UNIT // FEN
# Columns of the case table that go on, with the names clearing has for them.
CARRIED = {"hospital": "hospital", "hospital_level": "hospital_level", "insurance": "insurance",
           "year": "year", "stay_days": "stay_days", "cost_fen": "cost_fen",
           "fund_fen": "fund_fen", "person_fen": "patient_fen"}


@dataclass(frozen=True)
class Terms:
    """What scores rest on beside the catalogue: standards, coefficients, auxiliary types.

    `values` is what a point is worth by insurance ("" any), in millionths of a yuan; needed only
    where the region's standard is the payment standard.
    """

    standards: Standards
    factors: FactorTable
    triggers: tuple[Trigger, ...] = ()
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """`table`: one row a case (columns in docs/payment-dip.md); `encoded`: what indicators ask;
    `score_milli` int64[n]."""

    table: pa.Table
    encoded: Encoded
    score_milli: np.ndarray


@dataclass
class _Steps:
    """The factors of every case, each int64[n]; ratios and factors in ppm, points in thousandths.

    `priced` says whether a case has points of a group; `by_day` is its bed-day score or -1.
    """

    costs: np.ndarray
    points: np.ndarray
    priced: np.ndarray
    by_day: np.ndarray
    factor: np.ndarray
    standard: np.ndarray
    multiplier: np.ndarray
    band: np.ndarray
    after: np.ndarray
    auxiliary: np.ndarray
    which: np.ndarray
    kept: np.ndarray
    violation: np.ndarray


def score_cases(table: pa.Table, matched: Matched, region: Region, terms: Terms) -> Scored:
    """The score of every case of a matched case table.

    Raises CaseError (missing or negative cost, a score beyond all measure) and Refusal (open
    parameter, a hospital without coefficient, a catalogue without points).
    """
    costs = amounts(table, "cost_fen")
    points, priced = _points(matched)
    factor = _factors(table, matched, terms)
    standard = _standard(table, matched, points, factor, region, terms)
    encoded = _with_derived(table, matched, standard, region)
    multiplier, band, after = _deviation(costs, standard, factor, region)
    auxiliary, which, names = auxiliary_of_cases(list(terms.triggers), matched, encoded, region,
                                                 words_of(table, "insurance"))
    core = np.array([*(group.core for group in matched.catalogue.groups), False])[matched.group]
    steps = _Steps(costs, points, priced, _bed_days(matched), factor, standard, multiplier,
                   np.where(priced, band, -1), after, np.where(core, auxiliary, PPM),
                   np.where(core, which, -1), *_violations(matched, region, encoded))
    score = _times(_times(_times(points, multiplier, table), after, table), steps.auxiliary, table)
    free = ~priced & (steps.by_day < 0)
    alone, alone_factor = _no_group(steps, free, region, terms, table)
    score = np.where(steps.by_day >= 0, steps.by_day, np.where(free, alone, score))
    steps.after = np.where(free, alone_factor, np.where(priced, after, PPM))
    score = _times(score, steps.kept, table)
    return Scored(_as_table(table, matched, region, steps, score, names), encoded, score)


def _points(matched: Matched) -> tuple[np.ndarray, np.ndarray]:
    """Points of the group of each case, and whether it has any."""
    catalogue = matched.catalogue
    own = [catalogue.groups[catalogue.index_of[group.same_as]].points_milli if group.same_as
           else group.points_milli for group in catalogue.groups]
    if not any(one is not None for one in own) and not any(g.days for g in catalogue.groups):
        raise Refusal("no-points", "no group of the catalogue has points", catalogue.version,
                      hint="Make a region's catalogue: `tongchou payment catalogue`.")
    found = np.array([*(-1 if one is None else one for one in own), -1], np.int64)[matched.group]
    return np.maximum(found, 0), found >= 0


def _factors(table: pa.Table, matched: Matched, terms: Terms) -> np.ndarray:
    """Hospital coefficient of each case; 1 in primary-care groups, where all are paid alike."""
    groups = matched.catalogue.groups
    found = terms.factors.of_cases(table, matched.group, [group.code for group in groups])
    primary = np.array([*(group.primary_care for group in groups), False])[matched.group]
    found = np.where(primary, PPM, found)
    lacking = np.flatnonzero(found < 0)
    if len(lacking):
        row = int(lacking[0])
        seen = {name: table.column(name)[row].as_py()
                for name in ("hospital", "hospital_level", "insurance")}
        raise Refusal("no-coefficient", f"no hospital coefficient holds for {seen} and "
                      f"{len(lacking)} cases", f"case {table.column('case')[row].as_py()}",
                      hint="Add a row to coefficients.csv; empty cells mean any.")
    return found


def _standard(table: pa.Table, matched: Matched, points: np.ndarray, factor: np.ndarray,
              region: Region, terms: Terms) -> np.ndarray:
    """Cost standard of each case in fen, 0 for none: what its cost is compared with."""
    if not region.bands:
        return np.zeros(len(points), np.int64)
    if region.word("deviation.standard") == "payment_standard":
        ids, words = words_of(table, "insurance")
        worth = [terms.values.get(word or "", terms.values.get("", 0)) for word in (*words, "")]
        if not all(worth):
            raise Refusal("unset-parameter", "the payment standard needs the value of a point",
                          hint="Give --value, or keep values.csv beside the catalogue.")
        if int(points.max(initial=0)) * max(worth) > AMOUNT_LIMIT_FEN * POINT * UNITS_OF_FEN:
            raise CaseError("standard-too-large", "points x value is more than any bill",
                            "--value", hint="Give the value of one point in yuan.")
        value = np.array(worth, np.int64)[ids]
        return _times(points, factor, table) * value // (POINT * UNITS_OF_FEN)
    means = np.vstack([terms.standards.mean_fen, np.zeros((1, 4), np.int64)])
    found = means[matched.group, level_places(table)]       # an unknown level (-1): all hospitals
    if region.word("deviation.missing_standard") == "group_mean":
        found = np.where(found > 0, found, means[matched.group, 3])
    return found


def _with_derived(table: pa.Table, matched: Matched, standard: np.ndarray,
                  region: Region) -> Encoded:
    same = [not region.has(f"monitoring.{key}") or region.word(f"monitoring.{key}") == "yes"
            for key in ("same_hospital", "same_group")]
    found = derive(table, matched, standard, *same)
    return replace(matched.encoded, numbers={**matched.encoded.numbers, **found})


def _deviation(costs: np.ndarray, standard: np.ndarray, factor: np.ndarray,
               region: Region) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(what points are multiplied with, band or -1, coefficient still to come) of each case.

    Bounds are compared exactly (cost x 10**6 against bound x standard), r itself is in ppm.
    """
    multiplier, after = np.full(len(costs), PPM, np.int64), factor
    which = np.full(len(costs), -1, np.int32)
    known = standard > 0
    ratio = np.where(known, ratio_ppm(costs, standard), 0)
    for number, band in enumerate(region.bands):
        # A bound of a band and a standard multiply within int64; ENDLESS is left out.
        lies = known & band.above(costs * PPM, standard) & band.below(costs * PPM, standard)
        made = (ratio if band.ratio else 0) + band.plus_ppm + (
            factor if band.coefficient == "plus" else 0)
        multiplier = np.where(lies, made, multiplier)
        after = np.where(lies & (band.coefficient != "times"), PPM, after)
        which = np.where(lies, number, which)
    return multiplier, which, after


def _violations(matched: Matched, region: Region,
                encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
    """(share of the score that is kept in ppm, place of the indicator or -1) of each case.

    Only indicators with a factor take points; of several the lowest factor counts.
    """
    kept = np.full(encoded.size, PPM, np.int64)
    which = np.full(encoded.size, -1, np.int32)
    for number, one in enumerate(region.indicators):
        if one.factor_ppm is not None:
            hit = (first_of((one,), matched.catalogue, encoded) == 0) & (one.factor_ppm < kept)
            kept, which = np.where(hit, one.factor_ppm, kept), np.where(hit, number, which)
    return kept, which


def _times(milli: np.ndarray, ppm: np.ndarray, table: pa.Table) -> np.ndarray:
    """milli x ppm, halves up to the thousandth; CaseError where it leaves all measure."""
    wrong = np.flatnonzero(milli > SCORE_LIMIT // np.maximum(ppm, 1))
    if len(wrong):
        row = int(wrong[0])
        raise CaseError("score-too-large", f"the cost is {ppm[row]} ppm of the standard",
                        f"case {table.column('case')[row].as_py()}, cost_fen",
                        hint="Check the cost and the standard of its group.")
    count, rest = np.divmod(milli * ppm, PPM)
    return count + (2 * rest >= PPM)


def _bed_days(matched: Matched) -> np.ndarray:
    """Score of stays paid by the day, -1 for others: days in each band x points of the band.

    A stay without days, or of 0 days, counts as one day.
    """
    found = np.full(matched.encoded.size, -1, np.int64)
    for place, group in enumerate(matched.catalogue.groups):
        if not group.days:
            continue
        rows = np.flatnonzero(matched.group == place)
        days = matched.encoded.numbers.get("stay_days", np.ones(len(found), np.int64))[rows]
        days = np.maximum(days, 1)
        score = np.zeros(len(rows), np.int64)
        for number, band in enumerate(group.days):
            last = group.days[number + 1].first - 1 if number + 1 < len(group.days) else days
            score += np.maximum(np.minimum(days, last) - band.first + 1, 0) * band.day_milli
        found[rows] = score
    return found


def _no_group(steps: _Steps, free: np.ndarray, region: Region, terms: Terms,
              table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """(score, coefficient) of cases without a group: a share of cost over the mean of all."""
    size = len(free)
    if not free.any() or region.word("no_group.method") == "zero":
        return np.zeros(size, np.int64), np.full(size, PPM, np.int64)
    every = np.full(size, terms.standards.all_fen, np.int64)
    ratio = np.maximum(ratio_ppm(steps.costs, every), 0)
    scale = np.full(size, region.whole("points.scale") * POINT, np.int64)
    share = np.full(size, region.whole("no_group.factor"), np.int64)
    score = _times(_times(np.where(free, scale, 0), ratio, table), share, table)
    if region.word("no_group.coefficient") == "none":
        return score, np.full(size, PPM, np.int64)
    return _times(score, steps.factor, table), steps.factor


def _as_table(table: pa.Table, matched: Matched, region: Region, steps: _Steps, score: np.ndarray,
              names: list[str]) -> pa.Table:
    """One row a case with every factor, so that the score can be checked by hand."""
    made = matched.as_table(table)
    free = ~steps.priced & (steps.by_day < 0)
    reason = np.where(free & (matched.group >= 0), len(REASONS), matched.reason)
    made = made.set_column(made.column_names.index("reason"), "reason",
                           named(SCORE_REASONS, reason))
    review = np.array([*(band.review for band in region.bands), False])
    columns = {
        "group_points_milli": pa.array(steps.points), "standard_fen": pa.array(steps.standard),
        "ratio_ppm": pa.array(np.maximum(ratio_ppm(steps.costs, steps.standard), 0)),
        "deviation": named((band.kind for band in region.bands), steps.band),
        "review": pa.array(review[steps.band]),
        "multiplier_ppm": pa.array(np.where(steps.priced, steps.multiplier, PPM)),
        "coefficient_ppm": pa.array(steps.after), "auxiliary": named(names, steps.which),
        "auxiliary_ppm": pa.array(steps.auxiliary),
        "violation": named((one.name for one in region.indicators), steps.violation),
        "violation_ppm": pa.array(steps.kept), "score_milli": pa.array(score)}
    for name, own in (("drug_points_milli", "drug_milli"),
                      ("consumable_points_milli", "consumable_milli")):
        values = np.array([*(getattr(group, own) or 0 for group in matched.catalogue.groups), 0],
                          np.int64)
        columns[name] = pa.array(values[matched.group])
    if "discharged" in table.column_names:
        columns["month"] = _months(table)
    for name, values in columns.items():
        made = made.append_column(name, values)
    for name, new in CARRIED.items():
        if name in table.column_names:
            made = made.append_column(new, table.column(name))
    return made


def _months(table: pa.Table) -> pa.Array:
    """Month of discharge as 2026-03, by which a hospital is paid."""
    days = pc.dictionary_encode(table.column("discharged").combine_chunks())
    if isinstance(days, pa.ChunkedArray):
        days = days.combine_chunks() if days.num_chunks else pa.array(
            [], pa.date32()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(days.indices, pc.strftime(days.dictionary, "%Y-%m"))


assert MISSING < 0            # amounts() and np.maximum above rely on it
