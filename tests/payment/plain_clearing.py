"""A year's clearing written plainly: dictionaries and fractions, one hospital after the other.

For tests only; it shares nothing with the package but the words of its rules.
"""
from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import NamedTuple

Row = tuple[str, int, int, int, int, int]     # hospital, month 0-11, points, cost, patient, fund


class Terms(NamedTuple):
    """The rules that the comparison varies."""

    kind: str
    fund_part: str
    start: Fraction
    base: int
    factor: Fraction
    deposit: Fraction
    order: tuple[str, ...]
    low: Fraction
    overrun: tuple[tuple[Fraction, Fraction, Fraction], ...]
    prepayment: int


def near(value: Fraction) -> int:
    """Halves away from zero."""
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


def shares(amount: int, weights: dict[str, int]) -> dict[str, int]:
    """Largest remainder, the smaller name first among equals."""
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    exact = {name: Fraction(amount * weight, whole) for name, weight in weights.items()}
    found = {name: floor(share) for name, share in exact.items()}
    order = sorted(weights, key=lambda name: (found[name] - exact[name], name))
    for name in order[:amount - sum(found.values())]:
        found[name] += 1
    return found


def dues(rows: list[Row], names: list[str], fund: int, terms: Terms) -> dict[str, int]:
    """What the fund owes each hospital for its points."""
    points, patient = ({name: sum(row[place] for row in rows if row[0] == name) for name in names}
                       for place in (2, 4))
    ratio = Fraction(sum(row[5] for row in rows), sum(row[3] for row in rows))
    less = terms.fund_part == "less_patient"
    pot = fund + sum(patient.values()) if less else near(fund / ratio)
    if terms.kind == "elastic":
        base = {name: min(points[name], terms.base) for name in names}
        more = {name: points[name] - base[name] for name in names}
        first = near(sum(base.values()) * terms.start)
        low, high = shares(first, base), shares(pot - first if sum(more.values()) else 0, more)
        standard = {name: low[name] + high[name] for name in names}
    else:
        worth = pot if terms.kind == "floating" else near(sum(points.values()) * terms.start)
        standard = shares(worth, points)
    if less:
        return {name: standard[name] - patient[name] for name in names}
    whole = sum(standard.values())
    return shares(fund if whole == pot else near(whole * ratio),
                  standard if terms.kind == "elastic" else points)


def ended(due: int, booked: int, audit: int, terms: Terms) -> int:
    """The year amount of a hospital."""
    against = max(booked - audit, 0) if terms.order.index("audit") < terms.order.index(
        "sharing") else booked
    for name in terms.order:
        if name == "assessment":
            due = near(due * terms.factor)
        elif name == "audit":
            due -= audit
        else:
            due += shared(max(due, 0), against, terms) - max(due, 0)
    return due


def shared(standard: int, booked: int, terms: Terms) -> int:
    """Surplus kept whole from `low`, booked below it, overrun by bands."""
    if booked < terms.low * standard:
        return booked
    if booked <= standard:
        return standard
    gain = sum((share * (min(Fraction(booked), high * standard) - low * standard)
                for low, high, share in terms.overrun if booked > low * standard), Fraction(0))
    return standard + near(gain)


def paid_monthly(rows: list[Row], audits: list[tuple[int, int]], terms: Terms) -> tuple[int, int]:
    """(paid in months, deposit) of a hospital; audits are (month or -1, fen)."""
    paid = held = carried = 0
    for month in range(12):
        own = [row for row in rows if row[1] == month]
        payable = near(sum(row[2] for row in own) * terms.start) - sum(row[4] for row in own)
        deposit = near(max(payable, 0) * terms.deposit)
        left = payable - deposit - carried - sum(fen for when, fen in audits if when == month)
        paid, held, carried = paid + max(left, 0), held + deposit, max(-left, 0)
    return paid, held


def clear_plainly(rows: list[Row], names: list[str], fund: int,
                  audits: list[tuple[str, int, int]], terms: Terms,
                  ) -> dict[str, tuple[int, int, int, int, int]]:
    """Hospital -> due, year, monthly, deposit, clearing; without a bound by the reserve."""
    due, found = dues(rows, names, fund, terms), {}
    for name in names:
        own = [row for row in rows if row[0] == name]
        cut = [(when, fen) for whose, when, fen in audits if whose == name]
        year = ended(due[name], sum(row[5] for row in own), sum(fen for _, fen in cut), terms)
        monthly, held = paid_monthly(own, cut, terms)
        found[name] = (due[name], year, monthly, held, year - terms.prepayment - monthly - held)
    return found
