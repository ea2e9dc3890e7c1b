"""Exact sums, means and spreads of costs by group; no fraction of a fen is lost (统计口径).

Sums are whole numbers, means are fractions, and a coefficient of variation (变异系数, population
form) is compared squared, so that no square root or float decides what a group is worth.
"""
from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numba import njit

from ...money import PPM

SPLIT_BITS = 20


@dataclass(frozen=True)
class Moments:
    """Of each cell: `cases`, `sum` (int64) and `squares` (whole numbers of any size)."""

    cases: np.ndarray
    sum: np.ndarray
    squares: list[int]

    def mean(self, cell: int) -> Fraction | None:
        """The mean of a cell, None without cases."""
        return Fraction(int(self.sum[cell]), int(self.cases[cell])) if self.cases[cell] else None

    def scatter(self, cell: int) -> int:
        """n x sum of squared deviations = n Q - S squared; never negative."""
        total = int(self.sum[cell])
        return int(self.cases[cell]) * self.squares[cell] - total * total

    def cv_over(self, cell: int, limit_ppm: int) -> bool:
        """Whether the coefficient of variation lies above a limit."""
        total = int(self.sum[cell])
        return self.scatter(cell) * PPM ** 2 > (limit_ppm * total) ** 2

    def cv_under(self, cell: int, limit_ppm: int) -> bool:
        """Whether the coefficient of variation lies below a limit."""
        total = int(self.sum[cell])
        return self.scatter(cell) * PPM ** 2 < (limit_ppm * total) ** 2

    def cv_ppm(self, cell: int) -> int | None:
        """The coefficient of variation, rounded down to a whole number of ppm; for showing."""
        from math import isqrt
        total = int(self.sum[cell])
        return isqrt(self.scatter(cell) * PPM ** 2 // total ** 2) if total else None


def moments(cells: np.ndarray, values: np.ndarray, size: int) -> Moments:
    """Moments of `values` int64[n] by `cells` int[n] in 0..size-1; a cell of -1 is left out.

    Exact while a cell has fewer than a million cases of at most a billion yuan.
    """
    sums = np.zeros((size, 5), np.int64)
    _moments(cells, values, sums)
    high, both, low = (sums[:, column].tolist() for column in (2, 3, 4))
    squares = [(one << 2 * SPLIT_BITS) + (two << SPLIT_BITS + 1) + three
               for one, two, three in zip(high, both, low, strict=True)]
    return Moments(sums[:, 0], sums[:, 1], squares)


@njit(nogil=True, cache=True)
def _moments(cells, values, sums):
    """Counts, sums, and squares in two halves of 20 and more bits."""
    for k in range(len(cells)):
        cell = cells[k]
        if cell < 0:
            continue
        value = values[k]
        high, low = value >> SPLIT_BITS, value & ((1 << SPLIT_BITS) - 1)
        sums[cell, 0] += 1
        sums[cell, 1] += value
        sums[cell, 2] += high * high
        sums[cell, 3] += high * low
        sums[cell, 4] += low * low


def trimmed(cells: np.ndarray, values: np.ndarray, low_ppm: int, high_ppm: int) -> np.ndarray:
    """bool[n]: what is left inside the quantiles of each cell (裁剪).

    The quantile q of n values is the value of rank ceil(q n), at least 1; both ends stay in.
    A cell of -1 is a cell like others.
    """
    order = np.lexsort((values, cells))
    sorted_cells, sorted_values = cells[order], values[order]
    starts = np.flatnonzero(np.r_[True, sorted_cells[1:] != sorted_cells[:-1]]) \
        if len(order) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[starts, len(order)])
    keep = np.empty(len(order), bool)
    low, high = (np.maximum(-(-sizes * ppm // PPM), 1) for ppm in (low_ppm, high_ppm))
    least = np.repeat(sorted_values[starts + low - 1], sizes)
    most = np.repeat(sorted_values[starts + high - 1], sizes)
    keep[order] = (sorted_values >= least) & (sorted_values <= most)
    return keep


def weighted_mean(by_year: list[tuple[int, int]], weights: tuple[int, ...],
                  of_means: bool) -> Fraction | None:
    """Mean over years (cases, sum), oldest first, weighted as 1 : 2 : 7; None without cases.

    `of_means` weighs the yearly means (a year without cases drops out with its weight), otherwise
    every case counts with the weight of its year.
    """
    top, bottom = Fraction(0), Fraction(0)
    for (cases, total), weight in zip(by_year, weights, strict=True):
        if cases:
            top += weight * (Fraction(total, cases) if of_means else total)
            bottom += weight * (1 if of_means else cases)
    return top / bottom if bottom else None


def rounded(number: Fraction) -> int:
    """A fraction of at least 0 as the nearest whole number, halves upwards."""
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def sum_of(values: np.ndarray, weight: np.ndarray, chosen: np.ndarray) -> int:
    """Sum of values x weight over the chosen rows, exact at any size.

    Weights are small numbers of 0 and more; both halves of a value stay inside int64.
    """
    high, low = values >> 32, values & 0xFFFFFFFF
    return (int((high * weight)[chosen].sum()) << 32) + int((low * weight)[chosen].sum())
