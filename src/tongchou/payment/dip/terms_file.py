"""A region's catalogue as a folder: groups, standards, coefficients, auxiliary types (本地目录文件夹)."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import CaseError
from ...money import yuan_text
from .auxiliary import read_triggers, trigger_coefficients, write_triggers
from .build import Built
from .catalogue_write import write_catalogue, write_csv
from .coefficients import FactorTable, hospital_coefficients, read_factors, write_factors
from .derived import derive
from .model import Catalogue
from .price import LEVELS, Standards, amounts, level_places, year_places
from .region import Region
from .rows import read_rows
from .score import Terms

STANDARDS, COEFFICIENTS, AUXILIARY, SPLITS = (
    "standards.csv", "coefficients.csv", "auxiliary.csv", "splits.csv")
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
        triggers = trigger_coefficients(matched, matched.encoded, amounts(table, "cost_fen"), last,
                                        region)
    return Terms(priced.standards, FactorTable(tuple(factors)), tuple(triggers))


def write_region_catalogue(folder: Path, built: Built, terms: Terms) -> None:
    """Writes everything `read_region_catalogue` reads, and the splits that were weighed."""
    write_catalogue(built.priced.catalogue, folder)
    standards = terms.standards
    rows = [(ALL, ALL, standards.year, "", yuan_text(standards.all_fen))]
    for place, group in enumerate(built.priced.catalogue.groups):
        for column, level in enumerate((*LEVELS, ALL)):
            if standards.cases[place, column]:
                rows.append((group.code, level, standards.year, standards.cases[place, column],
                             yuan_text(int(standards.mean_fen[place, column]))))
    write_csv(folder / STANDARDS, ("group", "level", "year", "cases", "mean"), rows)
    write_factors(folder / COEFFICIENTS, list(terms.factors.factors))
    write_triggers(folder / AUXILIARY, list(terms.triggers))
    write_csv(folder / SPLITS, ("dx", "main", "related", "with", "without", "extra_ppm", "splits"),
              [(one.dx, one.main, one.related, yuan_text(one.with_fen), yuan_text(one.base_fen),
                one.extra_ppm, "yes" if one.splits else "no") for one in built.splits])


def read_terms(folder: Path, catalogue: Catalogue, value_fen: int = 0) -> Terms:
    """Standards, coefficients and auxiliary types of a region's catalogue folder.

    Raises CaseError: a file missing or wrong, a group that the catalogue does not have.
    """
    codes = set(catalogue.index_of)
    triggers = read_triggers(folder / AUXILIARY, codes) if (folder / AUXILIARY).is_file() else []
    return Terms(_standards(folder / STANDARDS, catalogue),
                 read_factors(folder / COEFFICIENTS, codes), tuple(triggers), value_fen)


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
