"""The points of every case under one scenario, in one form for DRG and DIP (按方案计分)."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import CaseError, Refusal
from ...money import PPM
from ..cases import needs_of, read_cases
from ..clearing.exact import scaled_half_up
from ..dip import (Catalogue, Matcher, build_catalogue, read_catalogue, read_region, read_terms,
                   score_cases, terms_of)
from ..dip.coefficients import FactorTable, read_factors
from ..dip.encode import words_of
from ..dip.match import named
from ..dip.price import LEVELS, amounts, level_places
from ..dip.score import CARRIED
from ..drg import Scheme, group_cases, load_scheme
from ..methods.group_tables import read_group_table
from .pricing import priced_cases
from .scenario import DipRules, DrgRules, PricedRules, Scenario

NEEDS = needs_of("dx", "cost_fen", "hospital", "hospital_level", "insurance")
HISTORY = needs_of("dx", "cost_fen", "year", "hospital_level")
UNWEIGHTED = "group-without-weight"
SIDE = ("case", "group", "reason", "group_points_milli", "deviation", "coefficient_ppm",
        "score_milli", *CARRIED)


def score_scenario(cases: pa.Table, scenario: Scenario) -> pa.Table:
    """One row a case in its order, columns SIDE: group or null, reason, points, score.

    Points are thousandths; `reason` is "matched" for a case with points and otherwise why it has
    no group. Priced cases have `due_fen` beside, what the fund pays. Raises CaseError and Refusal
    of the grouping, weights, coefficients and pricing.
    """
    rules = scenario.rules
    if isinstance(rules, PricedRules):
        return priced_cases(cases, rules)
    scored = _drg(cases, rules) if isinstance(rules, DrgRules) else _dip(cases, rules)
    return scored.select([name for name in SIDE if name in scored.column_names])


# --- DIP ------------------------------------------------------------------------------------------
def _dip(cases: pa.Table, rules: DipRules) -> pa.Table:
    region = read_region(rules.region)
    if rules.catalogue:
        catalogue = read_catalogue(rules.catalogue)
        terms = read_terms(rules.catalogue, catalogue, rules.standard_value_micro)
    else:
        history = _history(rules.history)
        national = read_catalogue(rules.national) if rules.national else Catalogue(
            region.version, ())
        built = build_catalogue(history, national, region, region.version)
        catalogue, terms = built.priced.catalogue, terms_of(history, built, region)
    if rules.coefficients:
        terms = replace(terms, factors=read_factors(rules.coefficients, set(catalogue.index_of)))
    return score_cases(cases, Matcher(catalogue, region).match(cases), region, terms).table


def _history(files: tuple[Path, ...]) -> pa.Table:
    """Cases of earlier years; refused rows are an error here, for nobody would see a report."""
    tables = []
    for path in files:
        read = read_cases(path, HISTORY)
        if read.refused:
            first = read.rejects.filter(read.rejects.column("refused")).slice(0, 1).to_pylist()[0]
            raise CaseError("bad-history", f"{read.refused} rows of earlier years are refused; the "
                            f"first: row {first['row']}, {first['field']}: {first['reason']}",
                            str(path), hint="Correct them, or take them out.")
        tables.append(read.table)
    return pa.concat_tables(tables)


# --- DRG ------------------------------------------------------------------------------------------
def _drg(cases: pa.Table, rules: DrgRules) -> pa.Table:
    scheme = load_scheme(rules.scheme)
    codes = list(scheme.group_names)
    placed = group_cases(cases, scheme, ambiguous=rules.ambiguous)
    groups, reasons = _places(placed, codes), words_of(placed, "reason")
    points = _weights(rules.weights, scheme, codes)[groups, level_places(cases)]
    paid = points >= 0
    factor = _coefficients(cases, rules, groups, codes)
    score = np.where(paid, scaled_products(np.maximum(points, 0), factor), 0)
    if rules.no_group == "share_of_mean":
        score = np.where(paid, score, _by_cost(cases, rules.no_group_factor_ppm))
    words = ["matched" if word == "" else word for word in reasons[1]] + [UNWEIGHTED]
    reason = np.where(~paid & (groups >= 0), len(words) - 1, reasons[0])
    columns = {"case": placed.column("case"),
               "group": named(np.array([*codes, None], object), np.where(paid, groups, -1)),
               "reason": pa.array(words, pa.string()).take(pa.array(reason)),
               "group_points_milli": pa.array(np.maximum(points, 0)),
               "coefficient_ppm": pa.array(np.where(paid, factor, PPM)),
               "score_milli": pa.array(score)}
    return pa.table(columns | {name: cases.column(name) for name in CARRIED})


def _weights(path: Path, scheme: Scheme, codes: list[str]) -> np.ndarray:
    """int64[codes + 1, 4]: weights in millionths at levels 1, 2, 3 and unknown; -1 for none.

    A weight of 1 is a million thousandths: 1,000 points. The last row is that of no group.
    """
    table = read_group_table(path)
    if strange := sorted(table.groups - set(codes)):
        raise CaseError("dangling-group", f"{strange[0]!r} is no group of {scheme.name}; in all "
                        f"{len(strange)} such", str(path),
                        hint="Give the weights of this scheme's version.")
    rows = [[table.weight(code, level) for level in (*LEVELS, "")] for code in codes]
    return np.array([*rows, [-1] * (len(LEVELS) + 1)], np.int64)


def _places(placed: pa.Table, codes: list[str]) -> np.ndarray:
    """int64[n]: place of each case's group among `codes`, -1 for none."""
    ids, words = words_of(placed, "group")
    return np.array([*(codes.index(word) for word in words), -1], np.int64)[ids]


def _coefficients(cases: pa.Table, rules: DrgRules, groups: np.ndarray,
                  codes: list[str]) -> np.ndarray:
    if rules.coefficients is None:
        return np.full(cases.num_rows, PPM, np.int64)
    table: FactorTable = read_factors(rules.coefficients, set(codes))
    found = table.of_cases(cases, groups, codes)
    lacking = np.flatnonzero(found < 0)
    if len(lacking):
        row = int(lacking[0])
        raise Refusal("no-coefficient", f"no hospital coefficient holds for {len(lacking)} cases; "
                      f"the first is of hospital {cases.column('hospital')[row]}, level "
                      f"{cases.column('hospital_level')[row]}", str(rules.coefficients),
                      hint="Add a row; empty cells mean any.")
    return found


def _by_cost(cases: pa.Table, factor_ppm: int) -> np.ndarray:
    """Points of cases without a group: cost over the mean cost of all cases, times a share.

    A case of mean cost at a share of 1 has 1,000 points, which is PPM thousandths.
    """
    costs = amounts(cases, "cost_fen")
    total = int(costs.sum())
    if not total:
        return np.zeros(len(costs), np.int64)
    return scaled_half_up(costs, len(costs) * factor_ppm, total)


def scaled_products(points: np.ndarray, factor_ppm: np.ndarray) -> np.ndarray:
    """points x factor to the nearest thousandth, halves up; one exact product a distinct factor."""
    made = np.zeros(len(points), np.int64)
    for factor in np.unique(factor_ppm):
        chosen = factor_ppm == factor
        made[chosen] = scaled_half_up(points[chosen], int(factor), PPM)
    return made
