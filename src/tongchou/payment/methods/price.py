"""Prices cases by a region's rules: the first rule that takes a case prices it (病例定价).

    priced = price_cases(columns_of(table, groups), read_rules(Path("methods.yaml")))
    priced.table(...)       # one row a case, in the order of the cases
"""
from __future__ import annotations

import numpy as np

from .by_group import price_by_group
from .by_price import fits, price_by_day, price_by_item, price_by_list
from .columns import CaseColumns
from .lump import hospitals_of, in_hospitals, price_by_budget, price_by_head
from .lump_rules import Capitation, GlobalBudget
from .price_rules import BedDays, PriceList
from .priced import NO_METHOD, Priced, start
from .rules import GroupPricing, Rule, Rules


def price_cases(cases: CaseColumns, rules: Rules) -> Priced:
    """One amount, or points, or a reason for every case. Raises Refusal for what is not set.

    Group rules are priced first, since other rules may pay the same as a group.
    """
    state = start(cases, rules.currency)
    open_cases = state.reason < 0
    rows_of = []
    for number, rule in enumerate(rules.rules):
        taken = _taken(state, rule, open_cases)
        state.rule[taken] = number
        open_cases &= ~taken
        rows_of.append(np.flatnonzero(taken))
    state.fail(np.flatnonzero(open_cases), NO_METHOD)
    for groups_now in (True, False):
        for rule, rows in zip(rules.rules, rows_of, strict=True):
            if isinstance(rule.terms, GroupPricing) == groups_now:
                _price(state, rows, rule, rules)
    return state


def _taken(state: Priced, rule: Rule, open_cases: np.ndarray) -> np.ndarray:
    """bool[n]: the cases of a rule among those still open; notes which it leaves and why."""
    cases, terms = state.cases, rule.terms
    taken = open_cases & rule.takes.holds(cases)
    if isinstance(terms, PriceList):
        taken &= fits(terms.entries, cases) >= 0
    elif isinstance(terms, (Capitation, GlobalBudget)):
        taken &= in_hospitals(cases, hospitals_of(terms))
    for exclusion in rule.outside:
        left = taken & exclusion.which.holds(cases)
        name = f"{rule.name}: {exclusion.name}"
        if name not in state.exclusions:
            state.exclusions.append(name)
        state.left_by[left & (state.left_by < 0)] = state.exclusions.index(name)
        taken &= ~left
    return taken


def _price(state: Priced, rows: np.ndarray, rule: Rule, rules: Rules) -> None:
    terms = rule.terms
    if isinstance(terms, GroupPricing):
        price_by_group(state, rows, rule)
    elif isinstance(terms, BedDays):
        price_by_day(state, rows, rule)
    elif isinstance(terms, PriceList):
        price_by_list(state, rows, rule, rules.rules)
    elif isinstance(terms, Capitation):
        price_by_head(state, rows, rule, rules.year)
    elif isinstance(terms, GlobalBudget):
        price_by_budget(state, rows, rule, rules.year)
    else:
        price_by_item(state, rows, rule)
