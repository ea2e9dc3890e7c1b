"""What groups are worth: points of a region from its own cases (病种分值测算).

RW of a group = its mean cost over the years / base x scale, where the base is the mean of all
cases (mean method), of one disease (base-disease method) or a fixed amount (fixed-quota method).
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pyarrow as pa

from ...errors import CaseError, Refusal
from ...money import AMOUNT_LIMIT_FEN
from .encode import MISSING, int_column, words_of
from .match import Matched
from .model import POINT, Catalogue, Group
from .region import Region
from .statistics import Moments, moments, rounded, trimmed, weighted_mean

DEAD = 5                      # discharge way of the national settlement list: died
LEVELS = ("1", "2", "3")
COSTS = ("cost_fen", "drug_fen", "consumable_fen")


@dataclass(frozen=True)
class Standards:
    """Mean cost of the last year by place of group and hospital level, int64[groups, 4] in fen.

    Columns are levels 1, 2, 3 and all hospitals; 0 where there was no case. `all_fen` is the mean
    of all cases, grouped or not; `year` the year they are from.
    """

    mean_fen: np.ndarray
    cases: np.ndarray
    all_fen: int
    year: int


@dataclass(frozen=True)
class Priced:
    """A catalogue with points, the standards of its last year, the base and the years used."""

    catalogue: Catalogue
    standards: Standards
    base_fen: int
    years: tuple[int, ...]
    kept: int
    trimmed: int


def _given(table: pa.Table, name: str) -> bool:
    """Whether the cases carry an amount at all: without drug costs there are no drug points."""
    return name in table.column_names and table.column(name).null_count < table.num_rows


def years_of(table: pa.Table, region: Region) -> tuple[int, ...]:
    """The newest years of the table, as many as there are weights; Refusal when there are fewer."""
    weights = region.get("building.year_weights")
    assert isinstance(weights, tuple)
    found = np.unique(int_column(table, "year"))
    years = [int(year) for year in found if year != MISSING][-len(weights):]
    if len(years) < len(weights):
        raise Refusal("years-missing", f"the cases are of {years or 'no year'}, the weights "
                      f"{':'.join(map(str, weights))} need {len(weights)} years",
                      hint="Give more years, or other building.year_weights.")
    return tuple(years)


def amounts(table: pa.Table, name: str) -> np.ndarray:
    """A column of amounts in fen; CaseError where one is missing, negative or beyond any bill."""
    if name not in table.column_names:
        raise CaseError("missing-column", f"the case table has no column {name!r}")
    values = int_column(table, name)
    wrong = np.flatnonzero((values < 0) | (values > AMOUNT_LIMIT_FEN))
    if len(wrong):
        row, seen = int(wrong[0]), int(values[wrong[0]])
        raise CaseError("bad-amount", f"{name} is {'missing' if seen == MISSING else seen} in "
                        f"{len(wrong)} cases", f"row {row + 1}, case "
                        f"{table.column('case')[row].as_py()}, {name}",
                        hint="Take these cases out, or complete them.")
    return values


def price(table: pa.Table, matched: Matched, region: Region) -> Priced:
    """Points for the catalogue that `table` (several years of cases) was matched with.

    Raises Refusal: a parameter the region leaves open, too few years, a base without cases.
    """
    years = years_of(table, region)
    place = year_places(table, years)
    costs = amounts(table, "cost_fen")
    size = len(matched.catalogue.groups)
    inside = place >= 0
    # Ungrouped cases count for the base too; they are a cell of their own after the groups.
    groups = np.where(matched.group < 0, size, matched.group).astype(np.int64)
    cells = np.where(inside, groups * len(years) + place, -1)
    keep = inside & trimmed(cells, costs, region.whole("building.trim_low"),
                            region.whole("building.trim_high"))
    found = {name: moments(np.where(keep, cells, -1), amounts(table, name),
                           (size + 1) * len(years)) for name in COSTS
             if name == "cost_fen" or _given(table, name)}
    spread = moments(np.where(keep, groups, -1), costs, size + 1)
    base = _base(found["cost_fen"], matched.catalogue, region, len(years))
    points = {name: _points(one, region, len(years), size,
                            _base_of(one, name, base, region, len(years)))
              for name, one in found.items()}
    standards, facts = _last_year(table, matched, groups, keep & (place == len(years) - 1), costs,
                                  years[-1])
    priced = [_priced(group, number, points, spread, facts, region)
              for number, group in enumerate(matched.catalogue.groups)]
    return Priced(replace(matched.catalogue, groups=tuple(priced)), standards, rounded(base),
                  years, int(keep.sum()), int((inside & ~keep).sum()))


def year_places(table: pa.Table, years: tuple[int, ...]) -> np.ndarray:
    """int64[n]: place of a case's year among `years`, -1 for another."""
    column = int_column(table, "year")
    place = np.full(len(column), -1, np.int64)
    for number, year in enumerate(years):
        place[column == year] = number
    return place


def over_years(found: Moments, cells: Iterable[int], region: Region) -> Fraction | None:
    """The weighted mean of cells, one a year and oldest first."""
    weights = region.get("building.year_weights")
    assert isinstance(weights, tuple)
    return weighted_mean([(int(found.cases[cell]), int(found.sum[cell])) for cell in cells],
                         weights, region.word("building.year_mean") == "means")


def _all_cases(found: Moments, region: Region, years: int) -> Fraction:
    """Mean of all cases over the years."""
    cases, total = (column.reshape(-1, years).sum(axis=0) for column in (found.cases, found.sum))
    together = Moments(cases, total, [0] * years)
    mean = over_years(together, range(years), region)
    if not mean:
        raise Refusal("no-base", "the cases cost nothing, so there is no base for points")
    return mean


def _base(found: Moments, catalogue: Catalogue, region: Region, years: int) -> Fraction:
    method = region.word("points.method")
    if method == "fixed_quota":
        return Fraction(region.whole("points.fixed_mean"))
    if method == "mean":
        return _all_cases(found, region, years)
    code = region.word("points.base_disease")
    place = catalogue.index_of.get(code)
    if place is None:
        raise Refusal("dangling-group", f"the base disease {code!r} is no group of the catalogue",
                      hint="points.base_disease names a group's code.")
    mean = over_years(found, range(place * years, (place + 1) * years), region)
    if not mean:
        raise Refusal("no-base", f"the base disease {code} has no cases")
    return mean


def _base_of(found: Moments, name: str, base: Fraction, region: Region, years: int) -> Fraction:
    """Drugs and consumables over their own mean, or over the same base as the whole cost."""
    if name == "cost_fen" or region.word("points.drug_over") == "total":
        return base
    return _all_cases(found, region, years) if found.sum.any() else Fraction(1)


def _points(found: Moments, region: Region, years: int, size: int,
            base: Fraction) -> list[tuple[Fraction | None, int | None]]:
    """(mean in fen, points in thousandths) of each group."""
    scale = region.whole("points.scale") * POINT
    made: list[tuple[Fraction | None, int | None]] = []
    for group in range(size):
        mean = over_years(found, range(group * years, (group + 1) * years), region)
        made.append((mean, None if mean is None else rounded(mean * scale / base)))
    return made


@dataclass(frozen=True)
class _Facts:
    """Of the last year, by group: cases, deaths, days, and cases at the primary level."""

    cases: np.ndarray
    deaths: np.ndarray
    days: np.ndarray
    at_level: np.ndarray


def _last_year(table: pa.Table, matched: Matched, groups: np.ndarray, chosen: np.ndarray,
               costs: np.ndarray, year: int) -> tuple[Standards, _Facts]:
    size = len(matched.catalogue.groups)
    levels = level_places(table)
    by_level = moments(np.where(chosen & (levels >= 0), groups * 3 + levels, -1), costs,
                       (size + 1) * 3)
    whole = moments(np.where(chosen, groups, -1), costs, size + 1)
    count = np.column_stack([by_level.cases.reshape(-1, 3), whole.cases])
    total = np.column_stack([by_level.sum.reshape(-1, 3), whole.sum])
    mean = np.where(count > 0, (2 * total + count) // np.maximum(2 * count, 1), 0)
    every = rounded(Fraction(int(whole.sum.sum()), max(int(whole.cases.sum()), 1)))
    columns = [int_column(table, name) if name in table.column_names else None
               for name in ("discharge_way", "stay_days")]
    died = np.zeros(len(groups), bool) if columns[0] is None else columns[0] == DEAD
    days = np.zeros(len(groups), np.int64) if columns[1] is None else np.maximum(columns[1], 0)
    facts = _Facts(whole.cases, moments(np.where(chosen & died, groups, -1), costs,
                                        size + 1).cases,
                   moments(np.where(chosen, groups, -1), days, size + 1).sum, count)
    return Standards(mean[:size], count[:size], every, year), facts


def level_places(table: pa.Table) -> np.ndarray:
    """int64[n]: 0, 1, 2 for hospital levels 1, 2, 3; -1 for an unknown one."""
    ids, words = words_of(table, "hospital_level")
    places = [LEVELS.index(word) if word in LEVELS else -1 for word in words]
    return np.array([*places, -1], np.int64)[ids]


def _priced(group: Group, place: int, points: dict[str, list], spread: Moments, facts: _Facts,
            region: Region) -> Group:
    """The group with its points and figures; TCM and bed-day groups keep their own."""
    mean, milli = points["cost_fen"][place]
    if group.days or group.same_as:
        milli = None
    elif group.layer == "tcm" and group.points_milli is not None:
        milli = group.points_milli
    cases = int(facts.cases[place])
    return replace(
        group, points_milli=milli, mean_fen=None if mean is None else rounded(mean),
        drug_milli=points["drug_fen"][place][1] if "drug_fen" in points else None,
        consumable_milli=points["consumable_fen"][place][1] if "consumable_fen" in points else None,
        cases=int(spread.cases[place]), cv_ppm=spread.cv_ppm(place),
        mean_days_milli=rounded(Fraction(int(facts.days[place]) * POINT, cases)) if cases
        else None,
        death_rate_ppm=rounded(Fraction(int(facts.deaths[place]) * 10 ** 6, cases)) if cases
        else None,
        primary_care=_primary(group, place, spread, facts, region))


def _primary(group: Group, place: int, spread: Moments, facts: _Facts, region: Region) -> bool:
    """Primary-care group (基层病种): mostly treated at the primary level, and of even cost."""
    if not region.has("building.primary_share") or not group.core:
        return group.primary_care
    level = LEVELS.index(region.word("building.primary_level"))
    cases, here = int(facts.cases[place]), int(facts.at_level[place, level])
    enough = cases > 0 and here * 10 ** 6 >= region.whole("building.primary_share") * cases
    return enough and not spread.cv_over(place, region.whole("building.primary_cv"))
