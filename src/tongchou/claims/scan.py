"""Loops over the bytes of text columns: amounts, days, moments, hashes (numba, without the GIL).

A text column is its Arrow buffers: `offsets` int32[n + 1] and `data` uint8. Every loop writes a
number and a code per row; 0 is fine, the others are the *_ constants below.
"""
from __future__ import annotations

import numpy as np
from numba import njit

FINE, MISSING, NOT_A_NUMBER, TOO_FINE, TOO_LARGE, NEGATIVE, BAD_DATE = range(7)
DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365], np.int64)
HASH_ODD = -7046029254386353131      # 2^64 divided by the golden ratio, odd, as int64
HASH_MIX = -4658895280553007687
FIRST_YEAR, LAST_YEAR = 1850, 2199   # days outside are taken for typing errors


@njit(inline="always")
def _trim(data, start, end):
    while start < end and data[start] <= 32:
        start += 1
    while end > start and data[end - 1] <= 32:
        end -= 1
    return start, end


@njit(nogil=True, cache=True)
def scan_decimals(offsets, data, null, digits, out, code):
    """Decimal texts as whole numbers of 10**-digits; signs kept, nothing rounded."""
    for i in range(len(out)):
        out[i] = 0
        start, end = _trim(data, offsets[i], offsets[i + 1])
        if null[i] or start == end:
            code[i] = MISSING
            continue
        negative = data[start] == 45
        if negative or data[start] == 43:
            start += 1
        value, whole, fraction, dot, fault = np.int64(0), 0, 0, False, FINE
        for k in range(start, end):
            c = data[k]
            if c == 46 and not dot:
                dot = True
            elif c < 48 or c > 57:
                fault = NOT_A_NUMBER
                break
            elif dot and fraction == digits:
                fault = TOO_FINE if c != 48 else fault
            elif value >= 90_000_000_000_000_000:
                fault = TOO_LARGE
                whole += 1
            else:
                value = value * 10 + (c - 48)
                if dot:
                    fraction += 1
                else:
                    whole += 1
        if fault != NOT_A_NUMBER and (whole == 0 or data[end - 1] == 46):
            fault = NOT_A_NUMBER
        for _ in range(digits - fraction):
            if value >= 900_000_000_000_000_000 and fault == FINE:
                fault = TOO_LARGE
            value *= 10
        code[i] = fault
        out[i] = 0 if fault else (-value if negative else value)


@njit(inline="always")
def _digits(data, start, count):
    value = np.int64(0)
    for k in range(start, start + count):
        c = data[k]
        if c < 48 or c > 57:
            return np.int64(-1)
        value = value * 10 + (c - 48)
    return value


@njit(nogil=True, cache=True)
def day_number(year, month, day):
    """Days since 1970-01-01; a very low number when there is no such day."""
    if year < FIRST_YEAR or year > LAST_YEAR or month < 1 or month > 12 or day < 1:
        return np.int64(-(1 << 40))
    leap = (year % 4 == 0) and (year % 100 != 0 or year % 400 == 0)
    length = DAYS_BEFORE[month] - DAYS_BEFORE[month - 1] + (1 if leap and month == 2 else 0)
    if day > length:
        return np.int64(-(1 << 40))
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += DAYS_BEFORE[month - 1] + (1 if leap and month > 2 else 0)
    return days + day - 1 - 719162


@njit(inline="always")
def _day_at(data, start, end):
    """Day and the place after it: `2023-01-31` or `20230131`."""
    if end - start >= 10 and data[start + 4] == 45 and data[start + 7] == 45:
        return day_number(_digits(data, start, 4), _digits(data, start + 5, 2),
                          _digits(data, start + 8, 2)), start + 10
    if end - start >= 8:
        return day_number(_digits(data, start, 4), _digits(data, start + 4, 2),
                          _digits(data, start + 6, 2)), start + 8
    return np.int64(-(1 << 40)), end


@njit(inline="always")
def _time_at(data, start, end):
    """Microseconds after midnight of `T10:00`, `T10:00:00` or `T10:00:00.123456`; -1 when bad."""
    size = end - start
    if size < 6 or (data[start] != 84 and data[start] != 32) or data[start + 3] != 58:
        return np.int64(-1)
    hour, minute = _digits(data, start + 1, 2), _digits(data, start + 4, 2)
    second, micro = np.int64(0), np.int64(0)
    if size >= 9 and data[start + 6] == 58:
        second = _digits(data, start + 7, 2)
        if size > 9:
            count = size - 10
            if data[start + 9] != 46 or count < 1 or count > 6:
                return np.int64(-1)
            micro = _digits(data, start + 10, count)
            for _ in range(6 - count):
                micro *= 10
    elif size != 6:
        return np.int64(-1)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59 \
            or micro < 0:
        return np.int64(-1)
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro


@njit(nogil=True, cache=True)
def scan_moments(offsets, data, null, noon, out, code):
    """Days and times as microseconds since 1970; a day alone is taken `noon` microseconds in."""
    for i in range(len(out)):
        out[i] = 0
        start, end = _trim(data, offsets[i], offsets[i + 1])
        if null[i] or start == end:
            code[i] = MISSING
            continue
        day, start = _day_at(data, start, end)
        time = noon if start == end else _time_at(data, start, end)
        bad = day < -(1 << 30) or time < 0
        code[i] = BAD_DATE if bad else FINE
        out[i] = 0 if bad else day * 86_400_000_000 + time


@njit(nogil=True, cache=True)
def hash_texts(offsets, data, seed, out):
    """A 64-bit multiplicative hash of every text: eight bytes at a time, then a final mix."""
    for i in range(len(out)):
        h = np.int64(seed) ^ np.int64(offsets[i + 1] - offsets[i])
        word, held = np.int64(0), 0
        for k in range(offsets[i], offsets[i + 1]):
            word = (word << 8) | np.int64(data[k])
            held += 1
            if held == 8:
                h = (h ^ word) * HASH_ODD
                h ^= (h >> 32) & 0xFFFFFFFF
                word, held = np.int64(0), 0
        h = (h ^ word) * HASH_MIX
        h ^= (h >> 29) & 0x7FFFFFFFF
        out[i] = h * HASH_ODD


@njit(nogil=True, cache=True)
def status_bits(codes, days, span_from, spans, out, refused):
    """Identities held on a day. `spans` int64[s, 5]: bit, first, last, look-back bit, its first.

    Bits are -1 where a span counts for nothing there. A look-back bit of -1 - k, k > 0, refuses
    days before the first for reason k: the first of them goes to `refused`, else 0.
    """
    for i in range(len(out)):
        held = np.int64(0)
        refused[i] = 0
        c = codes[i]
        for s in range(span_from[c], span_from[c + 1]):
            if spans[s, 1] <= days[i]:
                if days[i] <= spans[s, 2] and spans[s, 0] >= 0:
                    held |= np.int64(1) << spans[s, 0]
            elif spans[s, 3] < -1:
                if refused[i] == 0:
                    refused[i] = -1 - spans[s, 3]
            elif spans[s, 3] >= 0 and spans[s, 4] <= days[i]:
                held |= np.int64(1) << spans[s, 3]
        out[i] = held


@njit(nogil=True, cache=True)
def day_numbers(year, month, day):
    """`day_number` of whole columns int64[n]."""
    out = np.empty(len(year), np.int64)
    for i in range(len(year)):
        out[i] = day_number(year[i], month[i], day[i])
    return out
