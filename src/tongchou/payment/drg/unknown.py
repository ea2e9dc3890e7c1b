"""Codes that a scheme's list of names does not have, reported row by row (未知编码)."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .grouper import CodeMap, spelt
from .scheme import Scheme

CODES = {"dx": "unknown-diagnosis", "px": "unknown-procedure"}


def unknown_codes(cases: pa.Table, scheme: Scheme, maps: CodeMap | None = None,
                  ) -> Iterator[tuple[int, str, str, str]]:
    """(row of the table, column, report code, code of the case) for every unknown code.

    Nothing is known to be unknown of a kind for which the scheme brings no list of names.
    """
    for kind, names in (("dx", scheme.dx_names), ("px", scheme.px_names)):
        if names:
            known = names.keys() | frozenset().union(*scheme.sets.values())
            yield from _of_kind(cases, kind, known, (maps or {}).get(kind, {}))


def _of_kind(cases: pa.Table, kind: str, known: frozenset[str],
             mapped: dict[str, str]) -> Iterator[tuple[int, str, str, str]]:
    lists = cases.column(kind).combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    coded = lists.flatten().dictionary_encode()
    words = coded.dictionary.to_pylist()
    strange = np.array([mapped.get(word, word) not in known and
                        spelt(mapped.get(word, word)) not in known for word in words], np.bool_)
    if not strange.any():
        return
    indices = coded.indices.to_numpy()
    places = np.flatnonzero(strange[indices])
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    rows = np.searchsorted(np.cumsum(lengths), places, side="right")
    for row, place in zip(rows, places, strict=True):
        yield int(row), kind, CODES[kind], words[indices[place]]
