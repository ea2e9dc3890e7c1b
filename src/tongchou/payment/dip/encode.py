"""Cases as integers: codes by number, one vocabulary a run, and the numbers tests ask for."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .conditions import CASE_NUMBERS, normal_code

MISSING = -(1 << 63)        # below every bound a test can have, so no test on it holds


@dataclass(frozen=True)
class Codes:
    """A list column: `ids` int32[m] are places in `words`, case i has ids[offsets[i]:offsets[i+1]].

    An empty or missing element of a list is -1; its place in the order is kept.
    """

    offsets: np.ndarray
    ids: np.ndarray
    words: list[str]


@dataclass
class Encoded:
    """`size` cases: diagnoses, procedures and int64 columns by field (MISSING where unknown)."""

    size: int
    dx: Codes
    px: Codes
    numbers: dict[str, np.ndarray]


def encode(table: pa.Table) -> Encoded:
    """The case table (see payment.cases) as integers; the table itself stays as it is."""
    numbers = {name: int_column(table, name) for name in CASE_NUMBERS
               if name in table.column_names}
    return Encoded(table.num_rows, codes_of(table.column("dx")), codes_of(table.column("px")),
                   numbers)


def codes_of(column: pa.ChunkedArray) -> Codes:
    """A column of code lists. Codes are compared without blanks and in capital letters."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    found = _coded(pc.list_flatten(column))
    words: dict[str, int] = {}
    places = np.empty(len(found.dictionary) + 1, np.int32)
    places[-1] = -1
    for number, word in enumerate(found.dictionary.to_pylist()):
        plain = normal_code(word or "")
        places[number] = words.setdefault(plain, len(words)) if plain else -1
    raw = pc.fill_null(found.indices, -1).to_numpy(zero_copy_only=False)
    return Codes(offsets, places[raw], list(words))


def words_of(table: pa.Table, name: str) -> tuple[np.ndarray, list[str]]:
    """A text column as int32[n] places in its list of different words; -1 for a null."""
    found = _coded(table.column(name))
    ids = pc.fill_null(found.indices, -1).to_numpy(zero_copy_only=False)
    return ids.astype(np.int32), found.dictionary.to_pylist()


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):        # several chunks remain when there is no row
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())
    return column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)


def int_column(table: pa.Table, name: str) -> np.ndarray:
    """A column as int64, digits of text columns too; MISSING where there is no number."""
    column = table.column(name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        ids, words = words_of(table, name)
        values = [int(word) if word and word.isdecimal() else MISSING for word in words]
        return np.array([*values, MISSING], np.int64)[ids]
    filled = pc.fill_null(pc.cast(column, pa.int64()), MISSING)
    return filled.to_numpy().astype(np.int64, copy=False)
