"""Cases priced by what a region wrote down: bed-days, quotas, TCM, the bill itself (定额与床日)."""
from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...money import PPM
from .columns import CaseColumns
from .price_rules import BedDays, Price, PriceList
from .priced import NO_BAND, NO_DAYS, NO_RATE, Priced
from .rates import WEIGHT_UNIT
from .rules import GroupPricing, Rule


def fits(entries: tuple[Price, ...], cases: CaseColumns) -> np.ndarray:
    """int32[n]: the first entry that is for each case, -1 for none."""
    found = np.full(cases.size, -1, np.int32)
    for place in reversed(range(len(entries))):
        found[entries[place].which.holds(cases)] = place
    return found


def price_by_day(state: Priced, rows: np.ndarray, rule: Rule) -> None:
    """Days x price in stay bands."""
    terms = rule.terms
    assert isinstance(terms, BedDays)
    days = state.cases.stay_days[rows]
    state.fail(rows[days < 0], NO_DAYS)
    last = terms.bands[-1].last
    outside = (days >= 0) & (days < terms.bands[0].first)
    if last is not None:
        outside |= days > last
    state.fail(rows[outside], NO_BAND)
    rows, days = rows[(days >= 0) & ~outside], days[(days >= 0) & ~outside]
    amount = np.zeros(len(days), np.int64)
    for band in terms.bands:
        top = days if band.last is None else np.minimum(days, band.last)
        if terms.each_day:
            amount += np.maximum(top - max(band.first, 1) + 1, 0) * band.price_fen
        reached = (days >= band.first) & (top == days)
        if not terms.each_day:
            amount[reached] = days[reached] * band.price_fen
        named = state.name_of(f"days {band.first}-{'' if band.last is None else band.last}")
        state.price[rows[reached]] = named
    state.standard_fen[rows] = amount
    state.pay(rows, amount, rule.basis)


def price_by_list(state: Priced, rows: np.ndarray, rule: Rule,
                  rules: tuple[Rule, ...]) -> None:
    """The price of the entry that fits; the patient's share lies inside it (BJ-38, JC-28)."""
    terms = rule.terms
    assert isinstance(terms, PriceList)
    found = fits(terms.entries, state.cases)[rows]
    for place, entry in enumerate(terms.entries):
        at = rows[found == place]
        if entry.same_rule:
            at, price = _same_as(state, at, entry, rules)
        else:
            price = np.full(len(at), charged_price(entry), np.int64)
        state.standard_fen[at] = price
        state.price[at] = state.name_of(entry.name)
        state.pay(at, np.minimum(price, state.cases.cost_fen[at]) if entry.limit else price,
                  rule.basis)


def charged_price(entry: Price) -> int:
    """Fen of an entry: bed and nursing at their share, halves up (ZB-06)."""
    bed = (entry.bed_fen * entry.charged_ppm + PPM // 2) // PPM
    return entry.price_fen - entry.bed_fen + bed


def _same_as(state: Priced, rows: np.ndarray, entry: Price,
             rules: tuple[Rule, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Same price for same effect (同病同效同价): the standard of another group in this hospital."""
    other = next(rule for rule in rules if rule.name == entry.same_rule)
    assert isinstance(other.terms, GroupPricing) and other.terms.table is not None
    cases, known = state.cases, state.rates.get(other.name, {})
    coefficient = other.terms.coefficients.of_cases(cases, rows)
    price, priced = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
    cells = list(zip(cases.insurance.ids[rows].tolist(), cases.hospital.ids[rows].tolist(),
                     cases.level.ids[rows].tolist(), coefficient.tolist(), strict=True))
    places: dict[tuple[int, ...], list[int]] = {}
    for place, cell in enumerate(cells):
        places.setdefault(cell, []).append(place)
    for (insurance, hospital, level, ppm), at in places.items():
        name = cases.insurance.words[insurance]
        rate = known.get((name, cases.hospital.words[hospital]), known.get((name, "")))
        weight = other.terms.table.weight(entry.same_group,
                                          "" if level < 0 else cases.level.words[level])
        if rate is None or weight < 0:
            continue
        worth = rate * Fraction(weight * ppm * entry.share_ppm, WEIGHT_UNIT * PPM * PPM)
        price[at] = (2 * worth.numerator + worth.denominator) // (2 * worth.denominator)
        priced[at] = True
    state.fail(rows[~priced], NO_RATE)
    return rows[priced], price[priced]


def price_by_item(state: Priced, rows: np.ndarray, rule: Rule) -> None:
    """The bill itself."""
    state.pay(rows, state.cases.cost_fen[rows], rule.basis)


