"""Order of claims inside a partition: by owner group, policy year and the pack's order (分组排序).

A partition is `records` int64[n, w] (see `records.Layout`). Owner hashes are the published order of
results: 2^64 multiplicative, compared as they stand. Numba, without the GIL.
"""
from __future__ import annotations

import numpy as np
from numba import njit

from .records import (CELL, CLAIM, FIXED, KEY_BITS, OWNER, PARTS, ROW_BITS, ROW_WHO, STATUS, TIME,
                      YEAR_BITS)

RADIX_BITS = 11
RADIX_PASSES = 3
SMALL = 48


@njit(nogil=True, cache=True)
def scatter(rows, partition, parts, first_day, first_year, out, starts):
    """Writes the records of a batch (`records.Encoded`) by partition; -1 leaves a row out.

    `starts` int64[parts + 1] receives the first record of every partition, `out` int64[m, w] the
    records. Returns int64[n]: where each row went, or -1.
    """
    size, extras = len(partition), rows.extra.shape[0]
    # Held in names of their own: fetched from the tuple inside the loop, each costs a reference.
    owner, claim, settled, bill, key = rows.owner, rows.claim, rows.settled, rows.parts, rows.key
    year, day, competing, birth, sex = rows.year, rows.day, rows.competing, rows.born, rows.sex
    number, extra = rows.rows, rows.extra
    for k in range(parts + 1):
        starts[k] = 0
    for i in range(size):
        if partition[i] >= 0:
            starts[partition[i] + 1] += 1
    for k in range(parts):
        starts[k + 1] += starts[k]
    following = starts.copy()
    place = np.empty(size, np.int64)
    for i in range(size):
        k = partition[i]
        place[i] = -1
        if k >= 0:
            at = following[k]
            following[k] = at + 1
            place[i] = at
            out[at, OWNER] = owner[i]
            out[at, CLAIM] = claim[i]
            out[at, TIME] = settled[i]
            for p in range(4):
                out[at, PARTS + p] = bill[p, i]
            out[at, CELL] = key[i] | (year[i] - first_year + 1) << KEY_BITS \
                | (day[i] - first_day) << (KEY_BITS + YEAR_BITS)
            out[at, STATUS] = competing[i]
            born = birth[i] - first_day + 1 if birth[i] >= first_day else 0
            out[at, ROW_WHO] = number[i] | born << ROW_BITS | sex[i] << (ROW_BITS + 17)
            for e in range(extras):
                out[at, FIXED + e] = extra[e, i]
    return place


@njit(nogil=True, cache=True)
def in_order(records, rows):
    """The records in the order of `rows`: one random pass, so that all later ones run along."""
    out = np.empty((len(rows), records.shape[1]), np.int64)
    for i in range(len(rows)):
        for w in range(records.shape[1]):
            out[i, w] = records[rows[i], w]
    return out


@njit(nogil=True, cache=True)
def radix_order(records, shift):
    """Rows in order of 33 bits of the owner hash above `shift`, int64[n]; stable."""
    size = len(records)
    keys, rows = np.empty(size, np.int64), np.empty(size, np.int64)
    other_keys, other_rows = np.empty(size, np.int64), np.empty(size, np.int64)
    counts = np.zeros((RADIX_PASSES, 1 << RADIX_BITS), np.int64)
    mask = (1 << RADIX_BITS) - 1
    for i in range(size):
        key = records[i, OWNER] >> shift
        keys[i] = key
        rows[i] = i
        for p in range(RADIX_PASSES):
            counts[p, (key >> (p * RADIX_BITS)) & mask] += 1
    for p in range(RADIX_PASSES):
        at = 0
        for k in range(1 << RADIX_BITS):
            count = counts[p, k]
            counts[p, k] = at
            at += count
        for i in range(size):
            k = (keys[i] >> (p * RADIX_BITS)) & mask
            at = counts[p, k]
            counts[p, k] = at + 1
            other_keys[at] = keys[i]
            other_rows[at] = rows[i]
        keys, other_keys = other_keys, keys
        rows, other_rows = other_rows, rows
    return rows


@njit(nogil=True, cache=True)
def _digits_order(value):
    """Sort key of a whole number by its decimal text: digits moved to 19 places, and how many."""
    size, text = 1, np.uint64(abs(value))
    rest = text
    while rest >= np.uint64(10):
        rest //= np.uint64(10)
        size += 1
    for _ in range(19 - size):
        text *= np.uint64(10)
    return text, size


@njit(nogil=True, cache=True)
def text_order(offsets, data, a, b):
    """-1, 0, 1: how two texts compare byte by byte."""
    i, j = offsets[a], offsets[b]
    while i < offsets[a + 1] and j < offsets[b + 1]:
        if data[i] != data[j]:
            return -1 if data[i] < data[j] else 1
        i += 1
        j += 1
    left, right = offsets[a + 1] - i, offsets[b + 1] - j
    return 0 if left == right else (-1 if left < right else 1)


@njit(nogil=True, cache=True)
def _claim_before(records, offsets, data, text_ids, a, b):
    """Claims of the same moment go by the text of their id, whole numbers too."""
    if text_ids:
        return text_order(offsets, data, a, b)
    one, two = records[a, CLAIM], records[b, CLAIM]
    if one == two:
        return 0
    if (one < 0) != (two < 0):
        return -1 if one < 0 else 1
    first, first_size = _digits_order(one)
    second, second_size = _digits_order(two)
    if first != second:
        return -1 if first < second else 1
    return -1 if first_size < second_size else 1


@njit(nogil=True, cache=True)
def _before(records, layout, offsets, data, a, b):
    """True where row a is settled before row b; a total order."""
    if records[a, OWNER] != records[b, OWNER]:
        return records[a, OWNER] < records[b, OWNER]
    check, person, end_day, text_ids = layout[0], layout[1], layout[2], layout[3] == 1
    if check >= 0 and records[a, check] != records[b, check]:
        return records[a, check] < records[b, check]
    year_a = records[a, CELL] >> KEY_BITS & ((1 << YEAR_BITS) - 1)
    year_b = records[b, CELL] >> KEY_BITS & ((1 << YEAR_BITS) - 1)
    if year_a != year_b:
        return year_a < year_b
    if end_day >= 0 and records[a, end_day] != records[b, end_day]:
        return records[a, end_day] < records[b, end_day]
    if records[a, TIME] != records[b, TIME]:
        return records[a, TIME] < records[b, TIME]
    order = _claim_before(records, offsets, data, text_ids, a, b)
    if order != 0:
        return order < 0
    if person >= 0 and records[a, person] != records[b, person]:
        return records[a, person] < records[b, person]
    mask = (np.int64(1) << ROW_BITS) - 1
    return (records[a, ROW_WHO] & mask) < (records[b, ROW_WHO] & mask)


@njit(nogil=True, cache=True)
def _merge_sort(records, layout, offsets, data, rows, start, end, spare):
    width = 1
    while width < end - start:
        for low in range(start, end, 2 * width):
            middle, high = min(low + width, end), min(low + 2 * width, end)
            i, j = low, middle
            for k in range(low, high):
                if j >= high or (i < middle and not _before(records, layout, offsets, data,
                                                            rows[j], rows[i])):
                    spare[k] = rows[i]
                    i += 1
                else:
                    spare[k] = rows[j]
                    j += 1
        for k in range(start, end):
            rows[k] = spare[k]
        width *= 2


@njit(nogil=True, cache=True)
def order_of(keys):
    """Rows in ascending order of their keys int64[n], stable: one small sort instead of four of
    the library's, which take seconds to compile."""
    size = len(keys)
    rows, spare = np.arange(size), np.empty(size, np.int64)
    width = 1
    while width < size:
        for low in range(0, size, 2 * width):
            middle, high = min(low + width, size), min(low + 2 * width, size)
            i, j = low, middle
            for k in range(low, high):
                if j >= high or (i < middle and keys[rows[i]] <= keys[rows[j]]):
                    spare[k] = rows[i]
                    i += 1
                else:
                    spare[k] = rows[j]
                    j += 1
        rows, spare = spare, rows
        width *= 2
    return rows


@njit(nogil=True, cache=True)
def settle_order(records, layout, offsets, data, rows, shift):
    """Finishes the order of `radix_order` in place: runs of equal bits are sorted in full."""
    size = len(rows)
    spare = np.empty(size, np.int64)
    start = np.int64(0)
    while start < size:
        bits = records[rows[start], OWNER] >> shift
        end = start + np.int64(1)
        while end < size and records[rows[end], OWNER] >> shift == bits:
            end += 1
        if end - start > SMALL:
            _merge_sort(records, layout, offsets, data, rows, start, end, spare)
        else:
            for i in range(start + 1, end):
                row, j = rows[i], i
                while j > start and _before(records, layout, offsets, data, row, rows[j - 1]):
                    rows[j] = rows[j - 1]
                    j -= 1
                rows[j] = row
        start = end


@njit(nogil=True, cache=True)
def same_owner(records, check, a, b):
    return records[a, OWNER] == records[b, OWNER] and (
        check < 0 or records[a, check] == records[b, check])


@njit(nogil=True, cache=True)
def gather(records, layout, rows, key, statuses, parts, day, unit_start):
    """Columns of the kernel in the order of `rows`; returns (units, persons)."""
    units, persons = 0, 0
    year_mask = (1 << YEAR_BITS) - 1
    for i in range(len(rows)):
        row = rows[i]
        cell = records[row, CELL]
        key[i] = cell & ((np.int64(1) << KEY_BITS) - 1)
        day[i] = cell >> (KEY_BITS + YEAR_BITS)
        statuses[i] = records[row, STATUS]
        for p in range(4):
            parts[p, i] = records[row, PARTS + p]
        same = i > 0 and same_owner(records, layout[0], rows[i - 1], row)
        if not same:
            persons += 1
        if not same or (records[rows[i - 1], CELL] >> KEY_BITS & year_mask) != \
                (cell >> KEY_BITS & year_mask):
            unit_start[units] = i
            units += 1
    unit_start[units] = len(rows)
    return units, persons


@njit(nogil=True, cache=True)
def number_members(person, offsets, member):
    """`member` int64[n]: index of the person inside the unit, by first claim; with many members
    by the order of their numbers."""
    for unit in range(len(offsets) - 1):
        start, end = offsets[unit], offsets[unit + 1]
        if end - start > SMALL:
            order = order_of(person[start:end])
            number = 0
            for k in range(end - start):
                if k > 0 and person[start + order[k]] != person[start + order[k - 1]]:
                    number += 1
                member[start + order[k]] = number
            continue
        known = 0
        for i in range(start, end):
            member[i] = known
            for j in range(start, i):
                if person[j] == person[i]:
                    member[i] = member[j]
                    break
            if member[i] == known:
                known += 1


@njit(nogil=True, cache=True)
def previous_rows(keys, none, offsets, out):
    """The last earlier row of the unit with the same key, or -1, into `out` int64[n]. The key
    `none` has no earlier row."""
    for unit in range(len(offsets) - 1):
        start, end = offsets[unit], offsets[unit + 1]
        if end - start <= SMALL:
            for i in range(start, end):
                out[i] = -1
                for j in range(i - 1, start - 1, -1):
                    if keys[i] != none and keys[j] == keys[i]:
                        out[i] = j
                        break
            continue
        order = order_of(keys[start:end])
        for k in range(end - start):
            i = start + order[k]
            out[i] = -1
            if k > 0 and keys[i] != none and keys[start + order[k - 1]] == keys[i]:
                out[i] = start + order[k - 1]
