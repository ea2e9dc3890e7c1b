"""DRG weights from cases: mean cost of a group / mean cost of all (病组权重测算).

Means and weights are fractions; the table rounds them once at its end. Adjusted groups keep the
total weight (总权重不变): what one group gains the others lose in proportion.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import Refusal
from ...money import PPM, divide_rounded
from ..clearing.exact import total, totals_by
from ..clearing.reading import Basis, Section, malformed, open_section
from .bounds import WEIGHT_DIGITS
from .columns import CaseColumns
from .selection import LEVELS

WEIGHT_TABLE = pa.schema([("group", pa.string()), ("levels", pa.string()),
                          ("weight", pa.string()), ("mean_yuan", pa.string()),
                          ("cases", pa.int64()), ("trimmed", pa.int64())])


@dataclass(frozen=True)
class Weighing:
    """How weights are made: trimmed shares at both ends of each group, classes of levels.

    `own_base`: a class of levels has its own mean as base, else all share one. Groups with fewer
    kept cases than `least_cases` get no weight. `adjusted` are factors in ppm by group.
    """

    trim_low_ppm: int
    trim_high_ppm: int
    classes: tuple[tuple[str, ...], ...]
    own_base: bool
    least_cases: int
    digits: int
    adjusted: tuple[tuple[str, int], ...]
    basis: Basis


@dataclass(frozen=True)
class Weight:
    """One group in one class of levels: its kept and trimmed cases, its mean and its weight."""

    group: str
    levels: tuple[str, ...]
    cases: int
    trimmed: int
    mean_fen: Fraction
    weight: Fraction


def read_weighing(path: Path) -> Weighing:
    """The section `weighing` of a file of rules."""
    section = open_section(path).section("weighing")
    classes = tuple(row.words("levels") for row in section.rows("level_classes"))
    named = [level for one in classes for level in one]
    if sorted(set(named)) != sorted(named) or not set(named) <= set(LEVELS):
        raise malformed(section.where, "level_classes must name levels 1, 2, 3 once each",
                        "Write `- levels: [\"1\"]`.")
    adjusted = []
    for row in section.rows("adjusted") if section.has("adjusted") else ():
        row.basis()
        adjusted.append((row.text("group"), row.ppm("factor", 10 * PPM)))
        row.done()
    made = Weighing(section.ppm("trim_low"), section.ppm("trim_high"), classes,
                    section.word("base", ("all", "class")) == "class",
                    section.count("least_cases"), section.count("digits"), tuple(adjusted),
                    section.basis())
    section.done()
    if not 0 < made.digits <= WEIGHT_DIGITS or made.trim_low_ppm + made.trim_high_ppm >= PPM:
        raise malformed(section.where, "digits are 1 to 6, and trimming leaves some cases",
                        "Write `digits: 4`, `trim_low: 2.5%`, `trim_high: 2.5%`.")
    return made


def kept_after_trimming(cell: np.ndarray, cost_fen: np.ndarray, low_ppm: int,
                        high_ppm: int) -> np.ndarray:
    """bool[n]: not among the cheapest `low_ppm` or dearest `high_ppm` of its cell.

    The number cut at each end is rounded down, so small cells keep all; a cell of -1 is not kept.
    Among equal costs the first in the file counts as the cheaper.
    """
    order = np.lexsort((cost_fen, cell))
    ordered = cell[order]
    starts = np.searchsorted(ordered, ordered)
    size = np.searchsorted(ordered, ordered, side="right") - starts
    place = np.arange(len(order)) - starts
    inside = (place >= size * low_ppm // PPM) & (place < size - size * high_ppm // PPM)
    kept = np.zeros(len(cell), np.bool_)
    kept[order] = inside & (ordered >= 0)
    return kept


def weigh(cases: CaseColumns, how: Weighing) -> list[Weight]:
    """Weights by group and class of levels. Raises Refusal `no-base` where nothing costs."""
    groups, classes = cases.group.words, how.classes
    of_level = np.array([next((at for at, one in enumerate(classes) if word in one), -1)
                         for word in cases.level.words] + [_class_of_unknown(classes)], np.int64)
    level = of_level[cases.level.ids]
    inside = (cases.group.ids >= 0) & (level >= 0)
    cell = np.where(inside, cases.group.ids.astype(np.int64) * len(classes) + level, -1)
    kept = kept_after_trimming(cell, cases.cost_fen, how.trim_low_ppm, how.trim_high_ppm)
    size = len(groups) * len(classes)
    sums = totals_by(cell[kept], cases.cost_fen[kept], size)
    counts = np.bincount(cell[kept], minlength=size).tolist()
    cut = np.bincount(cell[inside & ~kept], minlength=size).tolist()
    bases = [_base(cases, kept & ((level == at) | (not how.own_base)))
             for at in range(len(classes))]
    made = [Weight(group, classes[at], counts[place], cut[place],
                   Fraction(sums[place], counts[place]),
                   Fraction(sums[place], counts[place]) / bases[at])
            for number, group in enumerate(groups) for at in range(len(classes))
            if counts[place := number * len(classes) + at] >= max(how.least_cases, 1)
            and sums[place]]
    return adjusted_weights(sorted(made, key=lambda one: (one.group, one.levels)),
                            dict(how.adjusted), how)


def _class_of_unknown(classes: tuple[tuple[str, ...], ...]) -> int:
    """Cases of unknown level count where one table is for all levels, else nowhere."""
    return 0 if len(classes) == 1 and set(classes[0]) == set(LEVELS) else -1


def _base(cases: CaseColumns, kept: np.ndarray) -> Fraction:
    costs = total(cases.cost_fen[kept])
    if not costs and kept.any():
        raise Refusal("no-base", "the cases cost nothing, so there is no base for weights",
                      hint="Check the costs.")
    return Fraction(costs or 1, int(kept.sum()) or 1)


def total_weight(weights: list[Weight]) -> Fraction:
    """Weight of all kept cases."""
    return sum((one.weight * one.cases for one in weights), Fraction())


def adjusted_weights(weights: list[Weight], factors: Mapping[str, int],
                     how: Weighing) -> list[Weight]:
    """Weights with some groups changed by a factor in ppm, the total weight of each class kept."""
    if not factors:
        return weights
    unknown = sorted(set(factors) - {one.group for one in weights})
    if unknown:
        raise malformed(how.basis.place, f"weighing.adjusted: {unknown[0]!r} is no group of the "
                        "cases with a weight", "Correct it, or take it out.")
    keeps = {levels: _keeping([one for one in weights if one.levels == levels], factors, how)
             for levels in {one.levels for one in weights}}
    return [replace(one, weight=one.weight * (Fraction(factors[one.group], PPM)
                                              if one.group in factors else keeps[one.levels]))
            for one in weights]


def _keeping(weights: list[Weight], factors: Mapping[str, int], how: Weighing) -> Fraction:
    """The factor of the groups that are not adjusted: it keeps the total of their class."""
    rest = total_weight([one for one in weights if one.group not in factors])
    gain = sum((one.weight * one.cases * Fraction(factors[one.group] - PPM, PPM)
                for one in weights if one.group in factors), Fraction())
    if not gain:
        return Fraction(1)
    if not rest or rest <= gain or 0 in factors.values():
        raise malformed(how.basis.place, "weighing.adjusted leaves some group no weight, so the "
                        "total cannot be kept (总权重不变)", "Write smaller factors, or fewer.")
    return (rest - gain) / rest


def check_digits(weights: list[Weight], how: Weighing) -> None:
    """Refuses a table in which a weight would be rounded to 0."""
    for one in weights:
        if 2 * one.weight * 10 ** how.digits < 1:
            raise malformed(how.basis.place, f"the weight of {one.group} is 0 to {how.digits} "
                            "digits", "Write more digits, or raise least_cases.")


def weight_table(weights: list[Weight], digits: int) -> pa.Table:
    """WEIGHT_TABLE: weights to `digits` decimals and means to the fen, halves up."""
    lines = [{"group": one.group, "levels": "" if set(one.levels) == set(LEVELS) else
              "|".join(one.levels), "weight": _decimal(one.weight, digits),
              "mean_yuan": _decimal(one.mean_fen * Fraction(1, 100), 2), "cases": one.cases,
              "trimmed": one.trimmed} for one in weights]
    return pa.Table.from_pylist(lines, schema=WEIGHT_TABLE)


def _decimal(value: Fraction, digits: int) -> str:
    """A fraction as a decimal number."""
    whole = divide_rounded(value.numerator * 10 ** digits, value.denominator)
    text = str(whole).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}"
