"""Cases and their groups as columns of integers, ready to be priced (定价用病例列)."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import CaseError
from ..cases import needs_of
from ..cases.files import open_case_file, raw_batches

PRICING = needs_of("dx", "hospital", "insurance", "discharged", "cost_fen", "person_fen",
                   "fund_fen")
WEIGHING = needs_of("dx", "cost_fen")
BATCH_ROWS = 1 << 17
INSURANCES = ("employees", "residents")
MISSING = -1                  # no amount, points, group or day is below 0


@dataclass(frozen=True)
class Words:
    """A column of words: `ids` int32[n] are places in `words`, -1 where there is none."""

    ids: np.ndarray
    words: tuple[str, ...]

    def where(self, wanted: np.ndarray) -> np.ndarray:
        """bool[n] from bool[words]; a missing word is never wanted."""
        return np.append(wanted, False)[self.ids]


@dataclass(frozen=True)
class CaseColumns:
    """`table` is the case table as read; the other columns are int64[n] or words.

    `score_milli` is what `tongchou payment points` gave, None when the groups have no scores.
    `listed`: the case stands in the file of groups at all. `px_case` int64[m] is the case of each
    entry of `px`.
    """

    table: pa.Table
    hospital: Words
    level: Words
    insurance: Words
    month: Words
    group: Words
    dx: Words
    px: Words
    px_case: np.ndarray
    listed: np.ndarray
    stay_days: np.ndarray
    cost_fen: np.ndarray
    patient_fen: np.ndarray
    fund_fen: np.ndarray
    score_milli: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of cases."""
        return self.table.num_rows


@dataclass(frozen=True)
class Groups:
    """The file of groups: cases, their groups, and their scores where it has them."""

    case: pa.Array
    group: pa.Array
    score_milli: np.ndarray | None


def read_groups(path: Path) -> Groups:
    """What `tongchou payment group` or `points` wrote. Raises CaseError."""
    file = open_case_file(path)
    for name in ("case", "group"):
        if name not in file.names:
            raise CaseError("missing-column", f"no column {name!r}", str(path),
                            hint="Give the output of `tongchou payment group` or `points`.")
    wanted = [name for name in ("case", "group", "score_milli") if name in file.names]
    batches = list(raw_batches(file, wanted, BATCH_ROWS))
    parts = [pa.table(batch.columns) for batch in batches if batch.columns.num_rows]
    if broken := [row for batch in batches for row in batch.broken]:
        raise CaseError("broken-row", f"{len(broken)} rows do not fit the header",
                        f"{path}: row {broken[0]}", hint="Write the file of groups anew.")
    table = pa.concat_tables(parts) if parts else pa.table(
        {name: pa.array([], pa.string()) for name in wanted})
    case = table.column("case").cast(pa.string()).combine_chunks()
    if pc.count_distinct(case).as_py() < len(case) - case.null_count:
        raise CaseError("duplicate-case", "a case stands in two rows of the groups", str(path),
                        hint="Group the file of cases once.")
    score = _scores(table.column("score_milli"), path) if "score_milli" in wanted else None
    return Groups(case, table.column("group").cast(pa.string()).combine_chunks(), score)


def _scores(column: pa.ChunkedArray, path: Path) -> np.ndarray:
    try:
        found = pc.fill_null(column.cast(pa.int64()), MISSING).to_numpy()
    except pa.ArrowInvalid as fault:
        raise CaseError("bad-number", f"score_milli: {str(fault)[:120]}", str(path)) from None
    if len(found) and int(found.min()) < MISSING:
        raise CaseError("negative-number", "score_milli is negative", str(path))
    return found


def columns_of(table: pa.Table, groups: Groups) -> CaseColumns:
    """Joins a case table with the groups of its cases."""
    at = pc.index_in(table.column("case"), value_set=groups.case)
    listed = pc.is_valid(at).to_numpy()
    place = pc.fill_null(at, len(groups.case)).to_numpy()
    score = None if groups.score_milli is None else \
        np.append(groups.score_milli, MISSING)[place]
    px, px_case = _entries(table.column("px"))
    month = pc.strftime(table.column("discharged"), "%Y-%m")
    return CaseColumns(
        table, words_of(table.column("hospital")), words_of(table.column("hospital_level")),
        words_of(table.column("insurance")), words_of(month),
        words_of(pc.take(groups.group, at.combine_chunks()) if table.num_rows else
                 pa.array([], pa.string())),
        words_of(pc.list_element(table.column("dx"), 0)), px, px_case, listed,
        _whole(table, "stay_days"), _whole(table, "cost_fen"), _whole(table, "person_fen"),
        _whole(table, "fund_fen"), score)


def _whole(table: pa.Table, name: str) -> np.ndarray:
    return pc.fill_null(table.column(name).cast(pa.int64()), MISSING).to_numpy()


def words_of(column: pa.ChunkedArray | pa.Array) -> Words:
    """A column of text by number."""
    coded = column.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks() if coded.num_chunks else pa.array([]).dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().chunk(0)
    ids = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Words(ids, tuple(coded.dictionary.to_pylist()))


def _entries(column: pa.ChunkedArray) -> tuple[Words, np.ndarray]:
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return words_of(pc.list_flatten(column)), np.repeat(np.arange(len(lengths)), lengths)
