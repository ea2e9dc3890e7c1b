"""What no row shows alone: duplicates, contradictions and impossible sums (跨行核对).

Rows are in the order of `grouping.settle_order`; verdicts do not depend on the order of the file.
"""
from __future__ import annotations

import numpy as np
from numba import njit

from .grouping import SMALL, order_of, same_owner, text_order
from .records import CELL, CLAIM, KEY_BITS, PARTS, ROW_BITS, ROW_WHO, YEAR_BITS

FINE, DUPLICATE, DIFFERS, CONTRADICTION, OVERFLOW = range(5)


@njit(nogil=True, cache=True)
def _compare(records, layout, offsets, data, rows, i, j, verdict):
    """Marks rows i < j of one owner where they are the same claim or contradict each other."""
    a, b = rows[i], rows[j]
    person = layout[1]
    if person >= 0 and records[a, person] != records[b, person]:
        return
    if records[a, CLAIM] != records[b, CLAIM]:
        return
    if layout[3] == 1 and text_order(offsets, data, a, b) != 0:
        return
    same = True
    for w in range(records.shape[1]):
        if w == ROW_WHO:
            same &= records[a, w] >> ROW_BITS == records[b, w] >> ROW_BITS
        else:
            same &= records[a, w] == records[b, w]
    if not same:
        verdict[i] = verdict[j] = DIFFERS
    elif verdict[j] == FINE:
        verdict[j] = DUPLICATE


@njit(nogil=True, cache=True)
def _contradictions(records, person, rows, start, end, verdict):
    """Birth and sex must agree over all rows of a person; else none of them counts."""
    wrong = False
    for i in range(start + 1, end):
        wrong |= records[rows[i], ROW_WHO] >> ROW_BITS != records[rows[start], ROW_WHO] >> ROW_BITS
    if not wrong:
        return
    ids = np.zeros(end - start, np.int64)
    for i in range(start, end):
        ids[i - start] = records[rows[i], person] if person >= 0 else 0
    order = order_of(ids)
    first = 0
    while first < len(order):
        last, differs = first + 1, False
        who = records[rows[start + order[first]], ROW_WHO] >> ROW_BITS
        while last < len(order) and ids[order[last]] == ids[order[first]]:
            differs |= records[rows[start + order[last]], ROW_WHO] >> ROW_BITS != who
            last += 1
        for k in range(first, last):
            if differs and verdict[start + order[k]] == FINE:
                verdict[start + order[k]] = CONTRADICTION
        first = last


@njit(nogil=True, cache=True)
def _duplicates(records, layout, offsets, data, rows, start, end, verdict):
    if end - start <= SMALL:
        for i in range(start, end):
            for j in range(i + 1, end):
                if records[rows[i], CLAIM] == records[rows[j], CLAIM]:
                    _compare(records, layout, offsets, data, rows, i, j, verdict)
        return
    ids = np.empty(end - start, np.int64)
    for i in range(start, end):
        ids[i - start] = records[rows[i], CLAIM]
    order = order_of(ids)
    for k in range(len(order)):
        for later in range(k + 1, len(order)):
            if ids[order[later]] != ids[order[k]]:
                break
            _compare(records, layout, offsets, data, rows, start + order[k],
                     start + order[later], verdict)


@njit(nogil=True, cache=True)
def judge(records: np.ndarray, layout: np.ndarray, offsets: np.ndarray, data: np.ndarray,
          rows: np.ndarray, limit: int, verdict: np.ndarray) -> int:
    """What cannot be seen row by row: duplicates, contradictions, years beyond `limit` fen.

    `verdict` int8[n] follows `rows`. Returns the number of rows that are not FINE.
    """
    size, start = len(rows), np.int64(0)
    while start < size:
        end, total, wrong = start + np.int64(1), np.int64(0), False
        while end < size and same_owner(records, layout[0], rows[start], rows[end]):
            end += 1
        if end - start > 1:
            _duplicates(records, layout, offsets, data, rows, start, end, verdict)
            _contradictions(records, layout[1], rows, start, end, verdict)
        first = start
        for i in range(start, end + 1):
            if i == end or records[rows[i], CELL] >> KEY_BITS & ((1 << YEAR_BITS) - 1) != \
                    records[rows[first], CELL] >> KEY_BITS & ((1 << YEAR_BITS) - 1):
                for k in range(first, i):
                    if wrong and verdict[k] == FINE:
                        verdict[k] = OVERFLOW
                first, total, wrong = i, np.int64(0), False
            if i < end:
                for p in range(4):
                    total += records[rows[i], PARTS + p]
                if total > limit:
                    wrong, total = True, np.int64(0)
        start = end
    bad = 0
    for i in range(size):
        bad += verdict[i] != FINE
    return bad
