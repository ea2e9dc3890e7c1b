"""A region's year from its scored cases, rules and figures (年度结算清算).

    made = clear_cases(read.cases, read_rules(rules), read_figures(figures))

Employees and residents are two clearings that share nothing but the hospitals.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa

from ...errors import Refusal
from ...money import PPM, percent_text, share_out
from .budget import budget_of, start_value
from .exact import spread, totals_by
from .figures import Deduction, Figures, HospitalFigures, months_of
from .model import (CASE_AMOUNTS, ELASTIC, INSURANCES, Budget, Clearing, Flag, HospitalYear,
                    PointValue)
from .months import MonthSums, pay_months
from .national import deposit_ppm, national
from .reading import unset
from .rules import LESS_PATIENT, RegionRules, Rules
from .schedule import DueOn, payments_of
from .scored import ScoredCases
from .value import Sums, Valued, value_points
from .year import MONTHS_A_YEAR, YearSums, close_years

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Cells:
    """An insurance's cases (places in the table) and their sums by hospital and month.

    `owner` int64[k] is the hospital's place among `figures`; `priced` bool[k] cases with an amount,
    `case_due_fen` int64[k] the fund's part of those.
    """

    figures: tuple[HospitalFigures, ...]
    rows: np.ndarray
    owner: np.ndarray
    month: np.ndarray
    priced: np.ndarray
    case_due_fen: np.ndarray

    def by_hospital(self, values: np.ndarray) -> list[int]:
        """Sums by hospital."""
        return totals_by(self.owner, values, len(self.figures))

    def by_month(self, values: np.ndarray) -> list[list[int]]:
        """Sums by hospital and month."""
        flat = totals_by(self.owner * MONTHS_A_YEAR + self.month, values,
                         len(self.figures) * MONTHS_A_YEAR)
        return [flat[at: at + MONTHS_A_YEAR] for at in range(0, len(flat), MONTHS_A_YEAR)]


@dataclass(frozen=True)
class _Cleared:
    """One insurance, cleared."""

    budget: Budget
    value: PointValue
    years: tuple[HospitalYear, ...]
    flags: tuple[Flag, ...]


def clear_cases(cases: ScoredCases, region: RegionRules, figures: Figures,
                due_on: DueOn | None = None,
                progress: Progress = lambda stage, done, of: None) -> Clearing:
    """Clears a year. `due_on` makes days of working-day terms; without it payments have none.

    Raises Refusal: an unset rule or figure, a budget below its reserve, no points.
    """
    if region.year != figures.year:
        raise Refusal("bad-figure", f"the rules are of {region.year}, the figures of "
                      f"{figures.year}", hint="Give the files of one year.")
    for insurance in cases.insurances:
        if insurance not in figures.funds:
            raise unset(f"figures.{insurance}", "figures")
    standard = np.zeros(len(cases.row), np.int64)
    due = np.zeros(len(cases.row), np.int64)
    found = []
    for number, insurance in enumerate(figures.funds):
        progress("clearing", number, len(figures.funds))
        found.append(_insurance(cases, insurance, region, figures, standard, due))
    progress("clearing", len(figures.funds), len(figures.funds))
    last = national().clear_by(region.year)
    years = tuple(sorted((year for one in found for year in one.years),
                         key=lambda year: (year.hospital, INSURANCES.index(year.insurance))))
    payments = tuple(payment for year in years for payment in payments_of(
        year, region.rules[year.insurance], due_on, last[0] if last else None))
    flags = [flag for one in found for flag in one.flags]
    if last:
        flags += _share_flags(years, last[1])
    unsure = sorted({f"{basis.place} ({basis.grade})" for insurance in figures.funds
                     for basis in region.rules[insurance].bases() if basis.grade != "A"})
    return Clearing(region.region, region.year, tuple(one.budget for one in found),
                    tuple(one.value for one in found), years, payments,
                    tuple(dict.fromkeys(flags)), last[0] if last else None, tuple(unsure),
                    _case_table(cases, region.year, standard, due))


def _insurance(cases: ScoredCases, insurance: str, region: RegionRules, figures: Figures,
               standard: np.ndarray, due: np.ndarray) -> _Cleared:
    """Clears one insurance and writes its cases' amounts into the two columns."""
    rules, fund = region.rules[insurance], figures.funds[insurance]
    cells = _cells(cases, insurance, figures, rules)
    case_amounts = cells.by_hospital(np.where(cells.priced, cells.case_due_fen, 0))
    fixed = [row.capitation_fen + row.other_fen for row in cells.figures]
    inside = sum(case_amounts) + sum(fixed)
    if inside and not rules.for_amounts().from_budget:
        inside = 0
    budget = budget_of(fund, rules, inside)
    start = start_value(fund, rules.value)
    sums = _sums(cases, cells, insurance, rules)
    valued = value_points(sums, budget, rules.value, start, fund.where)
    held, flags = deposit_ppm(rules.monthly)
    deductions = {row.hospital: tuple(one for one in figures.deductions if (
        one.hospital, one.insurance) == (row.hospital, insurance)) for row in cells.figures}
    months = _months(cases, cells, region.year, deductions, rules)
    whole = np.ones(len(cells.rows), np.int64)
    columns = zip(cells.figures, cells.by_hospital(whole), sums.points_milli,
                  cells.by_hospital(cases.cost_fen[cells.rows]), sums.cost_fen, sums.patient_fen,
                  sums.booked_fen, valued.standard_fen, valued.due_fen, valued.worth,
                  case_amounts, strict=True)
    years, more = close_years(
        [YearSums(*row, deductions[row[0].hospital],
                  pay_months(by_month, start, held, rules.monthly.basis))
         for row, by_month in zip(columns, months, strict=True)],
        valued.value, budget, rules)
    _case_amounts(cases, cells, rules, valued, standard, due)
    return _Cleared(budget, valued.value, years, (*flags, *valued.flags, *more))


def _cells(cases: ScoredCases, insurance: str, figures: Figures, rules: Rules) -> _Cells:
    """Every hospital with figures, in the order of their codes, also those without cases."""
    rows = np.flatnonzero(cases.insurance == cases.insurances.index(insurance)) \
        if insurance in cases.insurances else np.zeros(0, np.int64)
    own = tuple(sorted((row for row in figures.hospitals.values() if row.insurance == insurance),
                       key=lambda row: row.hospital))
    place = {row.hospital: number for number, row in enumerate(own)}
    owner = np.array([*(place.get(name, -1) for name in cases.hospitals), -1], np.int64)
    priced = cases.amount_fen[rows] >= 0
    if priced.any() and not rules.for_amounts().paid_as_amount:
        priced &= cases.points_milli[rows] <= 0      # of capitation: 0 points, an amount of 0
    given = cases.due_fen[rows]
    left = np.maximum(cases.amount_fen[rows] - cases.patient_fen[rows], 0)
    return _Cells(own, rows, owner[cases.hospital[rows]], cases.month[rows], priced,
                  np.where(given >= 0, given, left))


def _sums(cases: ScoredCases, cells: _Cells, insurance: str, rules: Rules) -> Sums:
    """Cases paid by points, by hospital."""
    by_points = [tuple(cells.by_hospital(np.where(cells.priced, 0, column[cells.rows])))
                 for column in (cases.points_milli, cases.cost_fen, cases.patient_fen,
                                cases.fund_fen)]
    base = tuple(row.need("base_points_milli") for row in cells.figures) \
        if rules.value.kind == ELASTIC else ()
    return Sums(insurance, *by_points, base)


def _months(cases: ScoredCases, cells: _Cells, year: int,
            deductions: dict[str, tuple[Deduction, ...]], rules: Rules) -> list[list[MonthSums]]:
    """Twelve months of every hospital."""
    rows = cells.rows
    columns = [cells.by_month(values) for values in (
        np.ones(len(rows), np.int64), np.where(cells.priced, 0, cases.points_milli[rows]),
        np.where(cells.priced, 0, cases.patient_fen[rows]),
        np.where(cells.priced, cells.case_due_fen, 0))]
    found = []
    for place, row in enumerate(cells.figures):
        fixed = row.capitation_fen + row.other_fen
        by_month = bool(fixed) and rules.for_amounts().by_month
        parts = share_out(fixed, [1] * MONTHS_A_YEAR) if by_month else [0] * MONTHS_A_YEAR
        months = []
        for number, month in enumerate(months_of(year)):
            count, points, patient, amounts = (column[place][number] for column in columns)
            audit = sum(one.amount_fen for one in deductions[row.hospital] if one.month == month)
            months.append(MonthSums(month, count, points, patient, amounts + parts[number], audit))
        found.append(months)
    return found


def _case_amounts(cases: ScoredCases, cells: _Cells, rules: Rules, valued: Valued,
                  standard: np.ndarray, due: np.ndarray) -> None:
    """A hospital's amounts over its cases by points; every hospital's cases sum to its own."""
    rows = cells.rows
    weights = np.where(cells.priced, 0, cases.points_milli[rows])
    standard[rows] = np.where(cells.priced, cases.amount_fen[rows],
                              spread(valued.standard_fen, cells.owner, weights))
    if rules.value.fund_part == LESS_PATIENT:
        shares = standard[rows] - cases.patient_fen[rows]
    else:
        shares = spread(valued.due_fen, cells.owner, weights)
    due[rows] = np.where(cells.priced, cells.case_due_fen, shares)


def _share_flags(years: tuple[HospitalYear, ...], most_ppm: int) -> list[Flag]:
    """A flag where the clearing pays more of the year than the national plan wants."""
    found = []
    for insurance in INSURANCES:
        own = [year for year in years if year.insurance == insurance]
        whole = sum(year.year_fen for year in own)
        cleared = sum(max(year.clearing_fen, 0) for year in own)
        if whole > 0 and Fraction(cleared, whole) > Fraction(most_ppm, PPM):
            share = percent_text(cleared * PPM // whole)
            found.append(Flag(
                "clearing-share", insurance, f"the clearing pays {share} of the year; the national "
                f"plan wants about {percent_text(most_ppm)}",
                f"清算资金占年度拨付{share}，高于全国要求的{percent_text(most_ppm)}左右"))
    return found


def _case_table(cases: ScoredCases, year: int, standard: np.ndarray,
                due: np.ndarray) -> pa.Table:
    """CASE_AMOUNTS in the order of the input."""
    order = np.argsort(cases.row, kind="stable")

    def words(names: tuple[str, ...], places: np.ndarray) -> pa.Array:
        return pa.array(names, pa.string()).take(pa.array(places[order]))
    points = cases.points_milli[order]
    return pa.table([
        cases.case.take(pa.array(order)), words(cases.hospitals, cases.hospital),
        words(cases.insurances, cases.insurance), words(months_of(year), cases.month),
        pa.array(points, mask=points < 0), pa.array(standard[order]), pa.array(due[order])],
        schema=CASE_AMOUNTS)
