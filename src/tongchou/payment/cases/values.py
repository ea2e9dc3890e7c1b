"""Values of a file's columns as values of the case table, with a fault code where they are none.

Columns with few distinct values (codes, days, counts) are understood once per distinct value;
amounts are read as whole columns. Nothing here raises: a wrong value is a null and a code.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...money import AMOUNT_LIMIT_FEN, FEN
from .model import CODE, CODES, COUNT, DAY, FEN as AMOUNT, WORDS_OF_NAME, Column

_DAY = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[ T].*)?\Z", re.ASCII)
_DIGITS_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\d{6})?\Z", re.ASCII)
_COUNT = re.compile(r"(-?\d{1,12})(?:\.0+)?\Z", re.ASCII)
_WEIGHT = re.compile(r"(-?\d{1,12})(?:\.\d+)?\Z", re.ASCII)
_DURATION = re.compile(r"(\d{1,5})/(\d{1,3})/(\d{1,3})\Z", re.ASCII)   # days/hours/minutes
_ITEM = {"dx": re.compile(r"[A-Za-z]\d[0-9A-Za-z.+*†/-]{0,28}\Z", re.ASCII),
         "px": re.compile(r"\d\d[0-9A-Za-z.+/-]{0,28}\Z", re.ASCII)}
_WHOLE, _YUAN = r"^-?\d{1,15}(\.0+)?$", r"^-?\d{1,13}(\.\d{1,2}0*)?$"
HOURS_A_DAY = 24
SEPARATOR = "|"


class Understood(NamedTuple):
    """A column of the case table and its faults: code -> bool[n] of the rows it concerns.

    `items` are faults of single entries of a list (code, the row, the entry) that were left out.
    """

    values: pa.Array
    faults: dict[str, np.ndarray]
    items: tuple[tuple[str, int, str], ...] = ()


def understand(column: Column, name: str, raw: pa.Array) -> Understood:
    """The values of a file's column `name`, read as `column`."""
    if pa.types.is_dictionary(raw.type) and column.reads != CODES:
        raw = raw.dictionary_decode()
    if column.reads == CODES:
        return _codes(column, raw)
    if column.reads == AMOUNT:
        return _amounts(raw, 1 if name.endswith("_fen") else FEN)
    if column.reads == DAY and (pa.types.is_temporal(raw.type) and not
                                pa.types.is_time(raw.type)):
        return Understood(raw.cast(pa.date32(), safe=False), {})
    if column.reads in (CODE, DAY, COUNT):
        return _by_word(column, raw, _reader(column, name))
    return Understood(_text(raw), {})


def shown(raw: pa.Array, rows: np.ndarray) -> list[str | None]:
    """What a file has in these rows, as text short enough for a report."""
    found = raw.take(pa.array(rows)).to_pylist()
    joined = ["|".join(str(entry or "") for entry in value) if isinstance(value, list) else value
              for value in found]
    return [None if value is None else str(value)[:80] for value in joined]


# --- text, and values understood once per distinct text ------------------------------------------
def _text(raw: pa.Array) -> pa.Array:
    if pa.types.is_floating(raw.type):
        whole = pc.all(pc.equal(raw, pc.trunc(raw))).as_py()
        raw = raw.cast(pa.int64()) if whole else raw
    if pa.types.is_nested(raw.type) or pa.types.is_binary(raw.type):
        raw = pa.array([None if value is None else str(value) for value in raw.to_pylist()],
                       pa.string())
    text = pc.utf8_trim_whitespace(raw.cast(pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _by_word(column: Column, raw: pa.Array,
             read: Callable[[str], tuple[object, str]]) -> Understood:
    coded = _text(raw).dictionary_encode()
    found = [read(word) for word in coded.dictionary.to_pylist()]
    values = pa.array([value for value, _ in found], column.kind).take(coded.indices)
    faults = {}
    for code in sorted({code for _, code in found if code}):
        wrong = pa.array([own == code for _, own in found], pa.bool_()).take(coded.indices)
        faults[code] = pc.fill_null(wrong, False).to_numpy(zero_copy_only=False)
    return Understood(values, faults)


def _reader(column: Column, name: str) -> Callable[[str], tuple[object, str]]:
    if column.reads == DAY:
        return _day
    if column.reads == CODE:
        return partial(_word, dict(WORDS_OF_NAME.get(name, column.words)))
    form = _WEIGHT if column.name.endswith("_weight_g") else _COUNT
    return partial(_count, form, column.largest)


def _day(text: str) -> tuple[date | None, str]:
    match = _DAY.match(text)
    parts = (match[1], match[3], match[4]) if match else \
        match.groups() if (match := _DIGITS_DAY.match(text)) else None
    try:
        return (date(*map(int, parts)), "") if parts else (None, "bad-date")
    except ValueError:
        return None, "bad-date"


def _word(words: dict[str, str], text: str) -> tuple[str | None, str]:
    if text not in words:
        text = text.lower().removesuffix(".0")
    return (words[text] or None, "") if text in words else (None, "unknown-code")


def _count(form: re.Pattern[str], largest: int, text: str) -> tuple[int | None, str]:
    if duration := _DURATION.match(text):
        days, hours, _ = map(int, duration.groups())
        return days * HOURS_A_DAY + hours, ""
    match = form.match(text)
    if match is None or int(match[1]) > largest:
        return None, "bad-number"
    return (int(match[1]), "") if int(match[1]) >= 0 else (None, "negative-number")


# --- amounts --------------------------------------------------------------------------------------
def _amounts(raw: pa.Array, unit_fen: int) -> Understood:
    """Fen of a column in yuan (`unit_fen` 100) or in fen (1), exactly."""
    kind = raw.type
    given = ~raw.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(kind):
        scaled, right = pc.multiply(raw.cast(pa.int64()), unit_fen), given
    elif pa.types.is_floating(kind):
        near = raw.cast(pa.float64()).fill_null(0).to_numpy() * unit_fen
        whole = np.round(np.where(np.isfinite(near), near, 0))
        right = given & (np.abs(near - whole) < 1e-6) & (np.abs(whole) < 2.0 ** 52)
        scaled = pa.array(whole.astype(np.int64))
    else:
        text = _text(raw)
        given = ~text.is_null().to_numpy(zero_copy_only=False)
        scaled, right = _fen_of_text(text, unit_fen)
    amounts = scaled.fill_null(0).to_numpy()
    faults = {"bad-amount": given & ~right, "negative-amount": right & (amounts < 0),
              "amount-too-large": right & (amounts > AMOUNT_LIMIT_FEN)}
    fine = right & (amounts >= 0) & (amounts <= AMOUNT_LIMIT_FEN)
    return Understood(pa.array(amounts, pa.int64(), mask=~fine),
                      {code: rows for code, rows in faults.items() if rows.any()})


def _fen_of_text(text: pa.Array, unit_fen: int) -> tuple[pa.Array, np.ndarray]:
    form = _WHOLE if unit_fen == 1 else _YUAN
    right = pc.fill_null(pc.match_substring_regex(text, form), False)
    plain = pc.if_else(right, text, pa.scalar("0"))
    if unit_fen == 1:
        plain = pc.replace_substring_regex(plain, r"\.0+$", "")
        return plain.cast(pa.int64()), right.to_numpy(zero_copy_only=False)
    plain = pc.replace_substring_regex(plain, r"(\.\d\d)0+$", r"\1")
    exact = plain.cast(pa.decimal128(18, 2))
    # A decimal is stored as a whole number of hundredths in 16 bytes; the low eight hold it.
    words = np.frombuffer(exact.buffers()[1], np.int64)[2 * exact.offset:]
    return pa.array(words[: 2 * len(exact): 2]), right.to_numpy(zero_copy_only=False)


# --- lists of codes -------------------------------------------------------------------------------
def _codes(column: Column, raw: pa.Array) -> Understood:
    """Lists of codes, the first being the principal one. Empty entries are left out."""
    lists = _lists(raw)
    if column.name == "px":
        lists = pc.if_else(lists.is_null(), pa.scalar([], pa.list_(pa.string())), lists)
    offsets, flat = _parts(lists)
    coded = flat.dictionary_encode()
    entries = coded.dictionary.to_pylist()
    clean = [(entry or "").strip() for entry in entries]
    right = [bool(_ITEM[column.name].match(entry)) for entry in clean]
    if clean == entries and all(right) and coded.null_count == 0:
        return Understood(lists, _first_faults(column, offsets, None))
    # Kinds of an entry: 0 empty, 1 malformed, 2 fine; null stands behind all others.
    kinds = np.array([2 if fine else 1 if entry else 0
                      for fine, entry in zip(right, clean, strict=True)] + [0], np.int8)
    places = coded.indices.cast(pa.int64()).fill_null(len(entries)).to_numpy()
    kind = kinds[places]
    values = pa.array(clean + [None], pa.string()).take(pa.array(places[kind == 2]))
    kept = np.concatenate([[0], np.cumsum(kind == 2)])[offsets].astype(np.int32)
    whole = pa.ListArray.from_arrays(pa.array(kept), values)
    whole = pc.if_else(lists.is_valid(), whole, pa.scalar(None, pa.list_(pa.string())))
    faults = _first_faults(column, offsets, kind)
    return Understood(whole, faults, _left_out(offsets, kind, flat))


def _first_faults(column: Column, offsets: np.ndarray, kind: np.ndarray | None,
                  ) -> dict[str, np.ndarray]:
    """Faults of first entries; `kind` None when every entry is fine."""
    some = np.diff(offsets) > 0
    if kind is None:
        return {"missing-principal-diagnosis": ~some} if column.name == "dx" and not some.all() \
            else {}
    first = np.full(len(some), 0, np.int8)
    first[some] = kind[offsets[:-1][some]]
    later = np.concatenate([[0], np.cumsum(kind > 0)])[offsets]
    any_entry = np.diff(later) > 0
    empty = first == 0 if column.name == "dx" else (first == 0) & any_entry
    missing = "missing-principal-diagnosis" if column.name == "dx" else "missing-main-procedure"
    found = {missing: empty, "bad-code": first == 1}
    return {code: rows for code, rows in found.items() if rows.any()}


def _left_out(offsets: np.ndarray, kind: np.ndarray, flat: pa.Array,
              ) -> tuple[tuple[str, int, str], ...]:
    """Malformed entries that are not first: (code, row, entry)."""
    places = np.flatnonzero(kind == 1)
    rows = np.searchsorted(offsets, places, side="right") - 1
    later = places > offsets[rows]
    return tuple(("bad-code", int(row), flat[int(place)].as_py()[:80])
                 for row, place in zip(rows[later], places[later], strict=True))


def _lists(raw: pa.Array) -> pa.Array:
    kind = raw.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return raw.cast(pa.list_(pa.string()))
    if pa.types.is_dictionary(kind):
        raw = raw.dictionary_decode()
    return pc.split_pattern(_text(raw), SEPARATOR)


def _parts(lists: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Offsets int64[n + 1] from 0 and the entries of a list column; null is an empty list."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), lists.flatten()
