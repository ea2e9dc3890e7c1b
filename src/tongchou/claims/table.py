"""Columns of a claims file as whole numbers: fen, days, microseconds, ids (列的读取).

Every reader takes an Arrow array of whatever type the file has and gives numbers with a fault
code per row (`scan.FINE` ...). Dictionary columns are read once per entry, never per row.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..money import AMOUNT_LIMIT_FEN
from . import scan

DAY_MICROSECONDS = 86_400_000_000
NOON = DAY_MICROSECONDS // 2
FIRST_DAY = int(scan.day_number.py_func(scan.FIRST_YEAR, 1, 1))
LAST_DAY = int(scan.day_number.py_func(scan.LAST_YEAR, 12, 31))
TENTH_OF_MICRO_FEN = 1e-7
ID_BYTES_MAX = 1000


class Numbers(NamedTuple):
    """`values` int64[n] and `code` int8[n]; code None means that every row is fine."""

    values: np.ndarray
    code: np.ndarray | None


def texts(array: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A text array as (offsets int32[n + 1], data uint8, null bool[n])."""
    array = array.cast(pa.string())
    size = len(array)
    offsets = np.frombuffer(array.buffers()[1], np.int32, size + 1, array.offset * 4) if size \
        else np.zeros(1, np.int32)
    held = array.buffers()[2]
    data = np.frombuffer(held, np.uint8) if held is not None and held.size else \
        np.zeros(1, np.uint8)
    return offsets, data, nulls(array)


def nulls(array: pa.Array) -> np.ndarray:
    """bool[n], True where the value is missing."""
    if array.null_count == 0:
        return np.zeros(len(array), np.bool_)
    return array.is_null().to_numpy(zero_copy_only=False)


def _coded(missing: np.ndarray) -> np.ndarray:
    return np.where(missing, np.int8(scan.MISSING), np.int8(scan.FINE))


def _through_dictionary(array: pa.DictionaryArray, read) -> Numbers:  # noqa: ANN001
    """Reads the entries of a dictionary and spreads them over the rows; null is the last entry."""
    entries = read(array.dictionary)
    values = np.append(entries.values, 0)
    code = np.append(entries.code if entries.code is not None
                     else np.zeros(len(entries.values), np.int8), np.int8(scan.MISSING))
    indices = codes_of(array)
    if not code[:-1].any() and array.null_count == 0:
        return Numbers(values[indices], None)
    return Numbers(values[indices], code[indices])


def codes_of(array: pa.DictionaryArray) -> np.ndarray:
    """Dictionary codes int[n], -1 for null."""
    indices = array.indices
    if indices.null_count:
        indices = indices.cast(pa.int64()).fill_null(-1)
    return indices.to_numpy(zero_copy_only=False)


def amounts(array: pa.Array, digits: int = 2) -> Numbers:
    """Amounts as whole numbers of 10**-digits yuan (fen by default), exactly or with a code.

    Integers are yuan; a float counts only when it lies within 1e-9 of a number with that many
    decimals, so that 0.1 + 0.2 passes and 12.345 does not.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _through_dictionary(array, lambda entries: amounts(entries, digits))
    if pa.types.is_decimal(kind):
        return _from_decimals(array, digits)
    if pa.types.is_integer(kind):
        return _from_integers(array, digits)
    if pa.types.is_floating(kind):
        return _from_floats(array, digits)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        values, code = np.empty(len(array), np.int64), np.empty(len(array), np.int8)
        scan.scan_decimals(*texts(array), digits, values, code)
        return Numbers(values, code if code.any() else None)
    missing = nulls(array)
    return Numbers(np.zeros(len(array), np.int64),
                   np.where(missing, np.int8(scan.MISSING), np.int8(scan.NOT_A_NUMBER)))


def _from_decimals(array: pa.Array, digits: int) -> Numbers:
    scale = array.type.scale
    if not pa.types.is_decimal128(array.type):
        array = array.cast(pa.decimal128(38, scale))
    words = np.frombuffer(array.buffers()[1], np.int64,
                          2 * len(array), array.offset * 16).reshape(-1, 2)
    values, high = words[:, 0], words[:, 1]
    missing = nulls(array)
    code = _coded(missing) if array.null_count else None
    wide = high != (values >> 63)
    step = 10 ** abs(scale - digits)
    if scale > digits and step > 1:
        fine = values % step != 0
        values = values // step
    else:
        fine = None
        wide |= np.abs(values) > np.iinfo(np.int64).max // step // 2 if step > 1 else False
        values = values * step if step > 1 else np.ascontiguousarray(values)
    for wrong, what in ((fine, scan.TOO_FINE), (wide, scan.TOO_LARGE)):
        if wrong is not None and (wrong & ~missing).any():
            code = _coded(missing) if code is None else code
            code[wrong & ~missing] = what
    return Numbers(values if code is None else np.where(code == 0, values, 0), code)


def _from_integers(array: pa.Array, digits: int) -> Numbers:
    missing = nulls(array)
    values = array.fill_null(0).cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False)
    limit = np.iinfo(np.int64).max // 10 ** digits
    wide = (values > limit) | (values < -limit)
    if pa.types.is_uint64(array.type):
        wide |= values < 0
    if not wide.any():
        return Numbers(values * 10 ** digits, _coded(missing) if array.null_count else None)
    code = np.where(wide, np.int8(scan.TOO_LARGE), _coded(missing))
    return Numbers(np.where(wide, 0, values) * 10 ** digits, code)


def _from_floats(array: pa.Array, digits: int) -> Numbers:
    missing = nulls(array)
    values = array.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    code = _coded(missing)
    finite = np.isfinite(values)
    code[~finite] = scan.NOT_A_NUMBER
    scaled = np.where(finite, values, 0.0) * 10.0 ** digits
    wide = np.abs(scaled) > 2.0 ** 52
    scaled[wide] = 0.0
    whole = np.rint(scaled)
    code[(np.abs(scaled - whole) > TENTH_OF_MICRO_FEN * 10.0 ** (digits - 2)) & (code == 0)] = \
        scan.TOO_FINE
    code[wide & (code == 0)] = scan.TOO_LARGE
    return Numbers(np.where(code == 0, whole, 0).astype(np.int64), code if code.any() else None)


def amount_limits(found: Numbers) -> Numbers:
    """The same with NEGATIVE and TOO_LARGE marked, as every amount of a bill must be."""
    values = found.values
    if len(values) == 0 or (values.min() >= 0 and values.max() <= AMOUNT_LIMIT_FEN):
        return found
    code = np.zeros(len(values), np.int8) if found.code is None else found.code.copy()
    code[(values < 0) & (code == 0)] = scan.NEGATIVE
    code[(values > AMOUNT_LIMIT_FEN) & (code == 0)] = scan.TOO_LARGE
    return Numbers(np.where(code == 0, values, 0), code)


def days(array: pa.Array) -> Numbers:
    """Days since 1970-01-01. Dates, timestamps (their day), texts, or whole numbers 20230131."""
    if pa.types.is_date32(array.type):
        values = array.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
        return _in_range(values.astype(np.int64), array, FIRST_DAY, LAST_DAY)
    found = moments(array, 0)
    return Numbers(found.values // DAY_MICROSECONDS, found.code)


def moments(array: pa.Array, alone: int = NOON) -> Numbers:
    """Microseconds since 1970-01-01 in local time; a day alone counts from `alone` after midnight.

    A timestamp with a zone gives the clock time of its zone.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _through_dictionary(array, lambda entries: moments(entries, alone))
    if pa.types.is_timestamp(kind):
        array = pc.local_timestamp(array) if kind.tz else array
        found = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return _moments_in_range(found, array)
    if pa.types.is_date(kind):
        found = array.cast(pa.date32(), safe=False).cast(pa.int32()).cast(pa.int64())
        inside = pc.add(pc.multiply(found, DAY_MICROSECONDS), alone)
        return _moments_in_range(inside, array)
    if pa.types.is_integer(kind):
        array = array.cast(pa.string())
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) \
            or array.type == pa.string_view():
        values, code = np.empty(len(array), np.int64), np.empty(len(array), np.int8)
        scan.scan_moments(*texts(array), alone, values, code)
        return Numbers(values, code if code.any() else None)
    missing = nulls(array)
    return Numbers(np.zeros(len(array), np.int64),
                   np.where(missing, np.int8(scan.MISSING), np.int8(scan.BAD_DATE)))


def _moments_in_range(found: pa.Array, array: pa.Array) -> Numbers:
    values = found.fill_null(0).to_numpy(zero_copy_only=False)
    return _in_range(values, array, FIRST_DAY * DAY_MICROSECONDS,
                     (LAST_DAY + 1) * DAY_MICROSECONDS - 1)


def _in_range(values: np.ndarray, array: pa.Array, first: int, last: int) -> Numbers:
    if len(values) == 0 or (array.null_count == 0 and values.min() >= first
                            and values.max() <= last):
        return Numbers(values, None)
    code = _coded(nulls(array))
    bad = ((values < first) | (values > last)) & (code == 0)
    code[bad] = scan.BAD_DATE
    return Numbers(np.where(bad, 0, values), code if code.any() else None)


def whole_numbers(array: pa.Array) -> Numbers:
    """Whole numbers of at least 0 (`fact_...` columns), in whatever type they come."""
    found = amounts(array, 0)
    most = np.iinfo(np.int32).max
    if len(found.values) == 0 or (found.values.min() >= 0 and found.values.max() <= most):
        return found
    code = np.zeros(len(found.values), np.int8) if found.code is None else found.code.copy()
    code[((found.values < 0) | (found.values > most)) & (code == 0)] = scan.NOT_A_NUMBER
    return Numbers(found.values, code)


def ids(array: pa.Array, as_text: bool) -> pa.Array:
    """Ids as int64 or, with `as_text`, as strings; dictionaries are written out."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string() if as_text else pa.int64())


def are_integers(kind: pa.DataType) -> bool:
    """Whether a column of this type holds ids that fit int64."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_integer(kind) and not pa.types.is_uint64(kind)
