"""Exact arithmetic over columns of whole numbers (整数列的精确运算).

Fen and thousandths of points are int64. A product that could leave int64 is made with Python's
unbounded integers instead: every function bounds its largest product before it chooses.
"""
from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd

import numpy as np

from ...money import PPM, divide_rounded

INT64_MAX = (1 << 63) - 1


def total(values: np.ndarray) -> int:
    """The sum as an unbounded whole number, also where int64 would run over."""
    if not len(values):
        return 0
    largest = max(abs(int(values.max())), abs(int(values.min())))
    if largest * len(values) <= INT64_MAX:
        return int(values.sum())
    high, low = values >> 32, values & 0xFFFFFFFF       # both sums stay far below int64's end
    return (int(high.sum()) << 32) + int(low.sum())


def totals_by(owner: np.ndarray, values: np.ndarray, owners: int) -> list[int]:
    """Sums of `values` by `owner` (0 to owners - 1), as unbounded whole numbers."""
    if not len(values):
        return [0] * owners
    high, low = np.zeros(owners, np.int64), np.zeros(owners, np.int64)
    np.add.at(high, owner, values >> 32)
    np.add.at(low, owner, values & 0xFFFFFFFF)
    assert len(values) < 1 << 31                        # so that neither half can run over
    return [(int(up) << 32) + int(down) for up, down in zip(high, low, strict=True)]


def scaled_floor(values: np.ndarray, numerator: int, denominator: int,
                 ) -> tuple[np.ndarray, np.ndarray]:
    """(values * numerator // denominator, remainder) exactly; values and numerator >= 0.

    The remainder is of the fraction in lowest terms; only its size against 0 and half of
    `lowest(numerator, denominator)` has a meaning for callers.
    """
    assert numerator >= 0 and denominator > 0, (numerator, denominator)
    numerator, denominator = lowest(numerator, denominator)
    whole, rest = divmod(numerator, denominator)
    top = int(values.max()) if len(values) else 0
    if top * (whole + 1) + top * rest <= INT64_MAX and denominator <= INT64_MAX:
        part = values * np.int64(rest)
        return values * np.int64(whole) + part // denominator, part % denominator
    products = values.astype(object) * numerator
    floor = products // denominator
    return floor.astype(np.int64), products - floor * denominator


def scaled_half_up(values: np.ndarray, numerator: int, denominator: int) -> np.ndarray:
    """values * numerator / denominator to the nearest whole number, halves up; all >= 0."""
    _, base = lowest(numerator, denominator)
    floor, rest = scaled_floor(values, numerator, denominator)
    return floor + (rest >= base - rest).astype(np.int64)   # 2 * rest would run over near the end


def lowest(numerator: int, denominator: int) -> tuple[int, int]:
    """The fraction in lowest terms."""
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common


def spread(amounts_fen: Sequence[int], owner: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each owner's amount over its rows in proportion to `weights` (最大余数法); int64 fen.

    Largest remainder, the first row wins ties; the rows of an owner sum to its amount to the
    fen. A negative amount is spread as its opposite. An owner whose weights are all 0 must have
    the amount 0 (asserted: the callers refuse before).
    """
    bases = totals_by(owner, weights, len(amounts_fen))
    for amount, base in zip(amounts_fen, bases, strict=True):
        assert base > 0 or amount == 0, (amount, base)
    sizes = [abs(amount) for amount in amounts_fen]
    floor, rest = _floors(sizes, bases, owner, weights)
    left = [size - given for size, given in
            zip(sizes, totals_by(owner, floor, len(sizes)), strict=True)]
    floor += _one_more(left, owner, rest)
    signs = np.array([-1 if amount < 0 else 1 for amount in amounts_fen], np.int64)
    return floor * signs[owner] if len(owner) else floor


def _floors(sizes: list[int], bases: list[int], owner: np.ndarray, weights: np.ndarray,
            ) -> tuple[np.ndarray, np.ndarray]:
    """size x weight // base and the remainders. `size = q base + r` keeps products small."""
    parts = [divmod(size, base) if base else (0, 0) for size, base in
             zip(sizes, bases, strict=True)]
    top = int(weights.max()) if len(weights) else 0
    fits = all(top * rest <= INT64_MAX and base <= INT64_MAX and size <= INT64_MAX
               for (_, rest), base, size in zip(parts, bases, sizes, strict=True))
    kind = np.int64 if fits else object
    quotients = np.array([quotient for quotient, _ in parts], kind)
    rests = np.array([rest for _, rest in parts], kind)
    below = np.array([max(base, 1) for base in bases], kind)
    weights = weights.astype(kind)
    if not len(weights):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    product = weights * rests[owner]
    floor = weights * quotients[owner] + product // below[owner]
    return floor.astype(np.int64), product % below[owner]


def _one_more(left: list[int], owner: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """1 for the `left` rows of each owner that have the largest remainders, else 0."""
    more = np.zeros(len(owner), np.int64)
    if not len(owner) or not any(left):
        return more
    order = np.argsort(-rest, kind="stable")            # largest first, earlier rows first
    order = order[np.argsort(owner[order], kind="stable")]
    sorted_owner = owner[order]
    starts = np.searchsorted(sorted_owner, np.arange(len(left)))
    place = np.arange(len(order)) - starts[sorted_owner]
    assert all(0 <= one <= len(order) for one in left)
    more[order[place < np.array(left, np.int64)[sorted_owner]]] = 1
    return more


def rounded(value: Fraction) -> int:
    """The nearest whole number, halves away from zero: the rounding of every single amount here."""
    size = divide_rounded(abs(value.numerator), value.denominator)
    return -size if value < 0 else size


def part(amount_fen: int, rate_ppm: int) -> int:
    """A share of an amount in fen, halves away from zero."""
    return rounded(Fraction(amount_fen * rate_ppm, PPM))
