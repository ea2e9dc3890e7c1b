"""A region's catalogue folder: groups, standards, coefficients, auxiliary types (本地目录)."""
from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import CaseError
from ...money import NumberFault, scaled, yuan_text
from .auxiliary import read_triggers, trigger_coefficients, write_triggers
from .build import Built
from .catalogue_write import write_catalogue, write_csv
from .coefficients import FactorTable, hospital_coefficients, read_factors, write_factors
from .derived import derive
from .encode import words_of
from .model import POINT, Catalogue
from .price import LEVELS, Standards, amounts, level_places, year_places
from .region import Region
from .rows import read_rows
from .score import UNITS_OF_FEN, VALUE_UNIT, Terms, score_cases
from .statistics import rounded, sum_of

STANDARDS, COEFFICIENTS, AUXILIARY, SPLITS, VALUES = (
    "standards.csv", "coefficients.csv", "auxiliary.csv", "splits.csv", "values.csv")
VALUE_DIGITS = 6
ALL = "all"


def terms_of(table: pa.Table, built: Built, region: Region) -> Terms:
    """Coefficients and auxiliary types from the cases the catalogue was built from.

    `table` must hold the same years; only the last one tells the auxiliary types.
    """
    priced, matched = built.priced, built.matched
    table = table.filter(pa.array(year_places(table, priced.years) >= 0))
    factors = hospital_coefficients(table, matched, region)
    triggers = []
    if region.types:
        standard = np.vstack([priced.standards.mean_fen, np.zeros((1, 4), np.int64)])[
            matched.group, level_places(table)]
        matched.encoded.numbers.update(derive(table, matched, standard))
        last = year_places(table, priced.years) == len(priced.years) - 1
        costs, (ids, words) = amounts(table, "cost_fen"), words_of(table, "insurance")
        triggers = trigger_coefficients(matched, matched.encoded, costs, last, region)
        for place, word in enumerate(words if region.says("auxiliary.by_insurance", "yes") else ()):
            triggers += [replace(one, insurance=word) for one in trigger_coefficients(
                matched, matched.encoded, costs, last & (ids == place), region)]
    terms = Terms(priced.standards, FactorTable(tuple(factors)), tuple(triggers))
    return replace(terms, values=_year_start_values(table, built, region, terms))


def _year_start_values(table: pa.Table, built: Built, region: Region,
                       terms: Terms) -> dict[str, int]:
    """Value of a point before the year begins (年初分值点值), by insurance, "" for all together.

    Total cost of the years over their total score, both weighted by year; scores without
    deviations, which need this value where the standard is the payment standard.
    """
    plain = replace(region, bands=())
    scored = score_cases(table, built.matched, plain, terms).score_milli
    weights = region.get("building.year_weights")
    assert isinstance(weights, tuple)
    weight = np.array(weights, np.int64)[year_places(table, built.priced.years)]
    ids, words = words_of(table, "insurance")
    costs, found = amounts(table, "cost_fen"), {}
    for place, word in enumerate(("", *words)):
        chosen = np.ones(len(ids), bool) if not place else ids == place - 1
        total = sum_of(scored, weight, chosen)
        if total:
            found[word] = rounded(Fraction(sum_of(costs, weight, chosen) * POINT * UNITS_OF_FEN,
                                           total))
    return found


def write_region_catalogue(folder: Path, built: Built, terms: Terms) -> None:
    """Writes everything `read_catalogue` and `read_terms` read, and the splits weighed."""
    write_catalogue(built.priced.catalogue, folder)
    write_standards(folder, built.priced.catalogue, terms.standards)
    write_factors(folder / COEFFICIENTS, list(terms.factors.factors))
    write_triggers(folder / AUXILIARY, list(terms.triggers))
    write_csv(folder / SPLITS, ("dx", "main", "related", "with", "without", "extra_ppm", "splits"),
              [(one.dx, one.main, one.related, yuan_text(one.with_fen), yuan_text(one.base_fen),
                one.extra_ppm, "yes" if one.splits else "no") for one in built.splits])
    write_csv(folder / VALUES, ("insurance", "value"), [
        (insurance or ALL, value_text(value)) for insurance, value in terms.values.items()])


def write_standards(folder: Path, catalogue: Catalogue, standards: Standards) -> None:
    """Writes `standards.csv`; levels of a group without cases have no row."""
    rows = [(ALL, ALL, standards.year, "", yuan_text(standards.all_fen))]
    for place, group in enumerate(catalogue.groups):
        for column, level in enumerate((*LEVELS, ALL)):
            if standards.cases[place, column]:
                rows.append((group.code, level, standards.year, standards.cases[place, column],
                             yuan_text(int(standards.mean_fen[place, column]))))
    write_csv(folder / STANDARDS, ("group", "level", "year", "cases", "mean"), rows)


def value_text(value: int) -> str:
    """Millionths of a yuan with six decimals."""
    return f"{value // VALUE_UNIT}.{value % VALUE_UNIT:06d}"


def read_value(written: str) -> int:
    """A value of a point in yuan, at most six decimals; NumberFault."""
    found = scaled(written, VALUE_DIGITS, "a value in yuan")
    if found <= 0:
        raise NumberFault(f"{written!r} is not above 0")
    return found


def read_terms(folder: Path, catalogue: Catalogue, value: int = 0) -> Terms:
    """Standards, coefficients, auxiliary types and values of a region's catalogue folder.

    `value` (millionths of a yuan a point) stands instead of the values in the folder.
    Raises CaseError: a file missing or wrong, a group that the catalogue does not have.
    """
    codes = set(catalogue.index_of)
    triggers = read_triggers(folder / AUXILIARY, codes) if (folder / AUXILIARY).is_file() else []
    return Terms(_standards(folder / STANDARDS, catalogue),
                 read_factors(folder / COEFFICIENTS, codes), tuple(triggers),
                 {"": value} if value else _values(folder / VALUES))


def _values(path: Path) -> dict[str, int]:
    """Values of a point by insurance; none where the folder has no such file."""
    found: dict[str, int] = {}
    for row in read_rows(path, ("insurance", "value"), ("insurance", "value")) \
            if path.is_file() else ():
        insurance = row.needed("insurance")
        try:
            found["" if insurance == ALL else insurance] = read_value(row.needed("value"))
        except NumberFault as fault:
            raise row.error("bad-number", str(fault), "value") from None
    return found


def _standards(path: Path, catalogue: Catalogue) -> Standards:
    size = len(catalogue.groups)
    mean, cases = np.zeros((size, 4), np.int64), np.zeros((size, 4), np.int64)
    seen: set[tuple[str, str]] = set()
    every, years = 0, set()
    columns = ("group", "level", "year", "cases", "mean")
    for row in read_rows(path, columns, columns):
        code, level, fen = row.needed("group"), row.word("level", (*LEVELS, ALL)), row.fen("mean")
        if fen is None:
            raise row.error("missing-value", "mean is empty", "mean")
        if (code, level) in seen:
            raise row.error("duplicate-row", "a row above is for the same group and level", "group")
        seen.add((code, level))
        years.add(row.whole("year"))
        if code == ALL:
            every = fen
        elif code in catalogue.index_of:
            place, column = catalogue.index_of[code], (*LEVELS, ALL).index(level)
            mean[place, column], cases[place, column] = fen, row.whole("cases", 0) or 0
        else:
            raise row.error("dangling-group", f"{code!r} is no group of the catalogue", "group")
    if not every or len(years) != 1:
        raise CaseError("bad-standards", "the mean of all cases is missing, or the rows are of "
                        "several years", str(path), hint="Write a row all,all,YEAR,,MEAN.")
    return Standards(mean, cases, every, years.pop() or 0)
