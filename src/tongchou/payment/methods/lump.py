"""Capitation and global budgets: what a county group or a hospital gets as a whole (打包付费).

Their cases carry no money of their own (capitation), or what is left of the month's money for
them (global budget); the sums stand in accounts beside the cases.
"""
from __future__ import annotations

import numpy as np

from ...money import PPM, share_out
from ..clearing.exact import spread, total, totals_by
from .columns import CaseColumns
from .lump_rules import MONTHS, Capitation, County, GlobalBudget
from .priced import OTHER_YEAR, Priced
from .rules import Rule

YEAR = "year"


def hospitals_of(terms: Capitation | GlobalBudget) -> tuple[str, ...]:
    """The hospitals that a rule names."""
    if isinstance(terms, GlobalBudget):
        return tuple(name for name, _ in terms.budgets_fen)
    return tuple(name for county in terms.counties for name in county.hospitals)


def in_hospitals(cases: CaseColumns, names: tuple[str, ...]) -> np.ndarray:
    """bool[n]: cases of these hospitals."""
    return cases.hospital.where(np.array([word in names for word in cases.hospital.words], bool))


def price_by_head(state: Priced, rows: np.ndarray, rule: Rule, year: int) -> None:
    """Capitation: the cases are inside the amount; each group has an account of the year."""
    terms = rule.terms
    assert isinstance(terms, Capitation)
    rows = _of_year(state, rows, year)
    state.pay(rows, np.zeros(len(rows), np.int64), rule.basis)
    state.lump_due_fen[rows] = 0
    taken = np.zeros(state.cases.size, np.bool_)
    taken[rows] = True
    for county in terms.counties:
        own = taken & in_hospitals(state.cases, county.hospitals)
        state.price[own] = state.name_of(county.name)
        booked = total(state.cases.fund_fen[own]) + county.elsewhere_fen
        state.accounts += _county_accounts(rule.name, county, terms, booked, year)


def _county_accounts(rule: str, county: County, terms: Capitation, booked_fen: int,
                     year: int) -> list[dict[str, object]]:
    """Twelve payments of the year and its end."""
    amount = county.heads * county.head_fen
    months = [_account(rule, county.name, f"{year}-{month:02d}", part, None, part)
              for month, part in enumerate(share_out(amount, [1] * MONTHS), 1)]
    pay, kept, overrun = year_end(amount, booked_fen, terms)
    return [*months, _account(rule, county.name, YEAR, amount, booked_fen, pay, kept, overrun)]


def year_end(amount_fen: int, booked_fen: int, terms: Capitation) -> tuple[int, int, int]:
    """(what the group gets, surplus it keeps, overrun it bears) for a year, in fen.

    Surplus kept, overrun shared (结余留用、超支分担): of a surplus the group keeps its share, of an
    overrun up to the bound the fund bears its share. Shares are rounded down.
    """
    if booked_fen <= amount_fen:
        kept = (amount_fen - booked_fen) * terms.kept_ppm // PPM
        return booked_fen + kept, kept, 0
    bound = amount_fen * max(terms.bound_ppm - PPM, 0) // PPM
    borne = min(booked_fen - amount_fen, bound) * terms.borne_ppm // PPM
    return amount_fen + borne, 0, booked_fen - amount_fen - borne


def _account(rule: str, account: str, month: str, standard_fen: int, booked_fen: int | None,
             pay_fen: int, kept_fen: int | None = None,
             overrun_fen: int | None = None) -> dict[str, object]:
    return {"rule": rule, "account": account, "month": month, "standard_fen": standard_fen,
            "booked_fen": booked_fen, "pay_fen": pay_fen, "kept_fen": kept_fen,
            "overrun_fen": overrun_fen}


def price_by_budget(state: Priced, rows: np.ndarray, rule: Rule, year: int) -> None:
    """Global budget: the month's money, spread over its cases by what the fund was billed."""
    terms, cases = rule.terms, state.cases
    assert isinstance(terms, GlobalBudget)
    rows = _of_year(state, rows, year)
    for name, budget_fen in terms.budgets_fen:
        number = cases.hospital.words.index(name) if name in cases.hospital.words else -1
        own = rows[cases.hospital.ids[rows] == number] if number >= 0 else rows[:0]
        month = _months(cases, own, year)
        booked = totals_by(month, cases.fund_fen[own], MONTHS)
        pay = month_payments(share_out(budget_fen, list(terms.month_ppm)), booked, terms.carried)
        due = spread(pay, month, cases.fund_fen[own])
        state.pay(own, due + (cases.cost_fen[own] - cases.fund_fen[own]), rule.basis)
        state.lump_due_fen[own] = due
        state.accounts += [
            _account(rule.name, name, f"{year}-{at + 1:02d}", cap, booked[at], pay[at], 0,
                     booked[at] - pay[at])
            for at, cap in enumerate(share_out(budget_fen, list(terms.month_ppm)))]


def month_payments(caps_fen: list[int], booked_fen: list[int], carried: bool) -> list[int]:
    """What each month pays: the booked sum, at most the month's cap and what was carried over."""
    found, left = [], 0
    for cap, booked in zip(caps_fen, booked_fen, strict=True):
        pay = min(booked, cap + left)
        left = cap + left - pay if carried else 0
        found.append(pay)
    return found


def _of_year(state: Priced, rows: np.ndarray, year: int) -> np.ndarray:
    """The cases of the rules' year; the others have no price here."""
    inside = _months(state.cases, rows, year) >= 0
    state.fail(rows[~inside], OTHER_YEAR)
    return rows[inside]


def _months(cases: CaseColumns, rows: np.ndarray, year: int) -> np.ndarray:
    """0 to 11 for months of the year, -1 for another year."""
    places = [int(word[5:]) - 1 if word.startswith(f"{year}-") else -1
              for word in cases.month.words]
    return np.array([*places, -1], np.int64)[cases.month.ids[rows]]
