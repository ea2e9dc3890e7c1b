"""Hospital coefficients (医疗机构系数): per class, per class and group, with bonuses.

A row says for which insurance, hospital, level and group it holds; an empty cell means any. For a
case the most telling row counts: hospital before level, with the group before without it, and of
two such rows the one that names the insurance.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import CaseError, Refusal
from ...money import PPM, percent_text
from .catalogue_write import write_csv
from .encode import words_of
from .match import Matched
from .price import LEVELS, amounts, level_places, over_years, year_places, years_of
from .region import Region
from .rows import read_rows
from .statistics import Moments, moments, rounded

COLUMNS = ("insurance", "hospital", "level", "group", "coefficient", "why")
NEEDED = ("level", "coefficient")


@dataclass(frozen=True)
class Factor:
    """One coefficient and whom it is for; "" means any."""

    coefficient_ppm: int
    insurance: str = ""
    hospital: str = ""
    level: str = ""
    group: str = ""
    why: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Whom it is for."""
        return self.insurance, self.hospital, self.level, self.group


def hospital_coefficients(table: pa.Table, matched: Matched, region: Region) -> list[Factor]:
    """Coefficients from several years of matched cases, by the region's method.

    class: mean cost of the level over the mean of all; class_case_mix: cost of the level over what
    the same cases would cost at their groups' means; class_group adds rows for groups with enough
    cases at every level, a gap wide enough, and no lower level above a higher one.
    With `by_insurance` employees and residents have rows of their own beside those for all.
    """
    years = years_of(table, region)
    place = year_places(table, years)
    factors = _of_cases(table, matched, place, region, "")
    if region.says("coefficients.by_insurance", "yes"):
        ids, words = words_of(table, "insurance")
        for number, word in enumerate(words):
            factors += _of_cases(table, matched, np.where(ids == number, place, -1), region, word)
    return factors + _with_bonus(table, factors, region)


def _of_cases(table: pa.Table, matched: Matched, place: np.ndarray, region: Region,
              insurance: str) -> list[Factor]:
    """Coefficients from the cases whose `place` among the years is not -1."""
    method, years = region.word("coefficients.method"), len(years_of(table, region))
    costs, levels = amounts(table, "cost_fen"), level_places(table)
    if method == "class":
        found = moments(np.where((levels >= 0) & (place >= 0), levels * years + place, -1),
                        costs, 3 * years)
        rows = _plain(found, region, years)
    else:
        rows = _case_mix(matched, costs, levels, place, region)
    factors = [Factor(ppm, insurance, level=level, why=method) for level, ppm in rows]
    if method == "class_group":
        factors += _by_group(matched, costs, np.where(place == years - 1, levels, -1), region)
    return [replace(factor, insurance=insurance) for factor in factors]


def _plain(found: Moments, region: Region, years: int) -> list[tuple[str, int]]:
    together = Moments(found.cases.reshape(3, years).sum(axis=0),
                       found.sum.reshape(3, years).sum(axis=0), [0] * years)
    whole = over_years(together, range(years), region)
    if not whole:
        raise Refusal("no-base", "no case names a hospital level, so there are no coefficients")
    rows = []
    for number, level in enumerate(LEVELS):
        mean = over_years(found, range(number * years, (number + 1) * years), region)
        if mean is not None:
            rows.append((level, rounded(mean / whole * PPM)))
    return rows


def _case_mix(matched: Matched, costs: np.ndarray, levels: np.ndarray, place: np.ndarray,
              region: Region) -> list[tuple[str, int]]:
    """Cost over expected cost; years weigh as everywhere, case by case."""
    means = np.array([*(group.mean_fen or 0 for group in matched.catalogue.groups), 0], np.int64)
    expected = means[matched.group]
    weights = region.get("building.year_weights")
    assert isinstance(weights, tuple)
    weight = np.array([*weights, 0], np.int64)[place]
    used = np.where(expected > 0, weight, 0)
    rows = []
    for number, level in enumerate(LEVELS):
        here = levels == number
        below = int((expected * used * here).sum())
        if below:
            rows.append((level, rounded(Fraction(int((costs * used * here).sum()) * PPM, below))))
    if not rows:
        raise Refusal("no-base", "no matched case names a hospital level")
    return rows


def _by_group(matched: Matched, costs: np.ndarray, levels: np.ndarray,
              region: Region) -> list[Factor]:
    groups = matched.catalogue.groups
    cells = np.where((levels >= 0) & (matched.group >= 0), matched.group * 3 + levels, -1)
    found = moments(cells, costs, 3 * len(groups))
    least, gap = region.whole("coefficients.group_cases"), region.whole("coefficients.group_gap")
    factors = []
    for place, group in enumerate(groups):
        present = [(level, found.mean(place * 3 + number)) for number, level in enumerate(LEVELS)
                   if found.cases[place * 3 + number]]
        cases = [int(found.cases[place * 3 + number]) for number in range(3)
                 if found.cases[place * 3 + number]]
        means = [mean for _, mean in present if mean]
        if len(means) < 2 or min(cases) < least or means != sorted(means) or \
                (means[-1] - means[0]) * PPM < gap * means[0]:
            continue
        whole = Fraction(int(found.sum[place * 3:place * 3 + 3].sum()), sum(cases))
        factors += [Factor(rounded(mean / whole * PPM), level=level, group=group.code,
                           why="class_group") for level, mean in present if mean]
    return factors


def _with_bonus(table: pa.Table, factors: list[Factor], region: Region) -> list[Factor]:
    """Rows of hospitals with a bonus: each row of their level, and what is added."""
    if not region.bonuses:
        return []
    ids, names = words_of(table, "hospital")
    levels = level_places(table)
    made = []
    for hospital, add in region.bonuses.items():
        rows = np.flatnonzero(ids == names.index(hospital)) if hospital in names else []
        level = LEVELS[levels[rows[0]]] if len(rows) and levels[rows[0]] >= 0 else None
        made += [replace(one, coefficient_ppm=max(one.coefficient_ppm + add, 0), hospital=hospital,
                         why=f"base {percent_text(one.coefficient_ppm)} and bonus")
                 for one in factors if one.level == level]
    return made


@dataclass(frozen=True)
class FactorTable:
    """Coefficients made ready for look-up by whole columns."""

    factors: tuple[Factor, ...]

    def of_cases(self, table: pa.Table, groups: np.ndarray, codes: list[str]) -> np.ndarray:
        """int64[n]: coefficient of every case in ppm, -1 where no row holds.

        `groups` int[n] are places in `codes` (-1 for none).
        """
        columns = [words_of(table, name) for name in ("insurance", "hospital", "hospital_level")]
        columns.append((groups, codes))
        found = np.full(len(groups), -1, np.int64)
        for factor in sorted(self.factors, key=_telling):
            chosen = np.ones(len(groups), bool)
            for (ids, words), wanted in zip(columns, factor.key, strict=True):
                if wanted:
                    chosen &= ids == (words.index(wanted) if wanted in words else -2)
            found[chosen] = factor.coefficient_ppm
        return found


def _telling(factor: Factor) -> tuple[bool, bool, bool, bool]:
    return bool(factor.hospital), bool(factor.group), bool(factor.level), bool(factor.insurance)


def read_factors(path: Path, codes: set[str]) -> FactorTable:
    """Coefficients from `coefficients.csv`; CaseError for an unknown group or a row given twice."""
    found: dict[tuple[str, str, str, str], Factor] = {}
    for row in read_rows(path, NEEDED, COLUMNS):
        ppm = row.ppm("coefficient")
        if ppm is None:
            raise row.error("missing-value", "coefficient is empty", "coefficient")
        level = row.word("level", LEVELS) if row.text("level") else ""
        group = row.text("group")
        if group and group not in codes:
            raise row.error("dangling-group", f"{group!r} is no group of the catalogue", "group")
        factor = Factor(ppm, row.text("insurance"), row.text("hospital"), level, group,
                        row.text("why"))
        if factor.key in found:
            raise row.error("duplicate-row", "a row above is for the same cases", "level")
        found[factor.key] = factor
    if not found:
        raise CaseError("empty-file", "there are no coefficients", str(path))
    return FactorTable(tuple(found.values()))


def write_factors(path: Path, factors: list[Factor]) -> None:
    """Writes `coefficients.csv`."""
    write_csv(path, COLUMNS, [(*factor.key, percent_text(factor.coefficient_ppm), factor.why)
                              for factor in factors])
