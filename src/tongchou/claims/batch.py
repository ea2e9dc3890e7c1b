"""One pure step from checked rows to results: what runs on every partition (批量结算).

    fields -> read_bills -> Encoder.encode -> records -> order -> judge -> kernel -> results

`stream` runs the same steps over files of any size, partition by partition.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ..engine.columns import Columns
from ..engine.kernel import SUM_LIMIT_FEN, run
from ..engine.plan import Plan
from . import check, grouping, judging, rejects, results, scan, table
from .encode import Encoder
from .mapping import Mapping
from .records import CLAIM, OWNER, ROW_BITS, ROW_WHO, Encoded, Layout

INVERSE = pow(scan.HASH_ODD & (1 << 64) - 1, -1, 1 << 64)
UNDO_HASH = np.int64(INVERSE - (1 << 64) if INVERSE >> 63 else INVERSE)
VERDICTS = {judging.DUPLICATE: ("duplicate-claim", "mdtrt_id"),
            judging.DIFFERS: ("duplicate-differs", "mdtrt_id"),
            judging.CONTRADICTION: ("person-contradiction", "brdy"),
            judging.OVERFLOW: ("amount-overflow", "medfee_sumamt")}


@dataclass
class Partition:
    """Records int64[n, w] of whole owner groups; with text ids also their texts, row by row."""

    records: np.ndarray
    person: pa.Array | None = None
    claim: pa.Array | None = None


@dataclass
class Settled:
    """A settled partition: results, rejects as (row number, code, field), and sums."""

    table: pa.Table
    rejected: list[tuple[str, str, np.ndarray, pa.Array, pa.Array]]
    persons: int
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def refused(self) -> int:
        """Number of rows rejected."""
        return sum(len(rows) for _, _, rows, _, _ in self.rejected)


@dataclass
class Batch:
    """Rows of a file as records; `faults` names the rows that are out."""

    rows: Encoded
    person: pa.Array
    claim: pa.Array
    faults: rejects.Faults
    size: int
    has_families: bool


def read_batch(encoder: Encoder, mapping: Mapping, batch: pa.RecordBatch, rows: np.ndarray,
               base: int) -> Batch:
    """Maps, checks and encodes rows. `rows` are their numbers in the file; `base` is added to
    make them unique over all files."""
    faults = rejects.Faults(np.zeros(batch.num_rows, np.int16))
    columns, shown = mapping.apply(batch, rows, encoder.pack, faults)
    check.require(set(columns), "the claims file")
    bills = check.read_bills(columns, shown, faults, encoder.layout.text_ids)
    found = encoder.encode(bills, columns, shown, faults, rows + base)
    return Batch(found, bills.person, bills.claim, faults, batch.num_rows,
                 bills.family is not None)


def settle_partition(plan: Plan, layout: Layout, part: Partition, partition_bits: int,
                     schema: pa.Schema, threads: int = 1,
                     split: np.ndarray | None = None) -> Settled:
    """Orders, judges and settles the records of one partition; `split` are persons of two
    families (see `shuffle.split_persons`), who are rejected."""
    rejected = []
    if split is not None and len(split):
        part, rejected = _without(layout, part, split)
    shift = 64 - partition_bits - grouping.RADIX_BITS * grouping.RADIX_PASSES
    part = _in_order(part, grouping.radix_order(part.records, shift))
    records, rows = part.records, np.arange(len(part.records))
    offsets, data = _claim_texts(part)
    places = np.array([layout.check, layout.person, layout.end_day, layout.text_ids], np.int64)
    grouping.settle_order(records, places, offsets, data, rows, shift)
    verdict = np.zeros(len(rows), np.int8)
    if judging.judge(records, places, offsets, data, rows, SUM_LIMIT_FEN, verdict):
        rejected += _rejected(layout, part, rows, verdict)
        rows = rows[verdict == judging.FINE]
    columns, day, persons = _columns(plan, layout, places, records, rows)
    found = run(plan, columns, threads, specialised=plan.written is not None)
    person, claim = _ids(layout, part, rows)
    amounts = results.amounts_of(plan, columns, found)
    settled = results.result_table(plan, schema, person, claim, amounts, found)
    return Settled(settled, rejected, persons,
                   {name: results.sums(values) for name, values in amounts.items()})


def _without(layout: Layout, part: Partition, split: np.ndarray) -> tuple[Partition, list]:
    """A partition without the persons of two families, and their rejects."""
    out = np.isin(part.records[:, layout.person], split)
    if not out.any():
        return part, []
    at = np.flatnonzero(out)
    numbers = part.records[at, ROW_WHO] & ((1 << ROW_BITS) - 1)
    gone = ("family-contradiction", "family_id", numbers, *_ids(layout, part, at))
    return _in_order(part, np.flatnonzero(~out)), [gone]


def _in_order(part: Partition, rows: np.ndarray) -> Partition:
    """A partition with everything moved to the order of `rows`."""
    records = grouping.in_order(part.records, rows)
    if part.person is None:
        return Partition(records)
    at = pa.array(rows)
    return Partition(records, part.person.take(at), part.claim.take(at))


def _claim_texts(part: Partition) -> tuple[np.ndarray, np.ndarray]:
    if part.claim is None:
        return np.zeros(1, np.int32), np.zeros(1, np.uint8)
    return table.texts(part.claim)[:2]


def _columns(plan: Plan, layout: Layout, places: np.ndarray, records: np.ndarray,
             rows: np.ndarray) -> tuple[Columns, np.ndarray, int]:
    """The kernel's columns, the rule day of every row and the number of persons."""
    size = len(rows)
    key, statuses, day = (np.empty(size, np.int64) for _ in range(3))
    parts, starts = np.empty((4, size), np.int64), np.empty(size + 1, np.int64)
    units, persons = grouping.gather(records, places, rows, key, statuses, parts, day, starts)
    offsets = starts[:units + 1].copy()
    member = np.zeros(size, np.int64)
    if layout.family:
        person = records[rows, layout.person]
        grouping.number_members(person, offsets, member)
        persons = len(np.unique(person))
    previous = {scope: _previous(scope, layout, records, rows, day, member, offsets)
                for scope in plan.scopes}
    facts = np.zeros((0, 0), np.int64)
    if plan.facts:
        facts = np.ascontiguousarray(
            records[rows, layout.facts:layout.facts + len(plan.facts)].T)
    return Columns(key, statuses, parts, offsets, member, previous, facts), day, persons


def _previous(scope: str, layout: Layout, records: np.ndarray, rows: np.ndarray, day: np.ndarray,
              member: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Row of the person's (or family's) previous claim in the same episode, day or month."""
    kind, _, owner = scope.partition(":")
    if kind == "episode":
        period = records[rows, layout.episode]
    elif kind == "day":
        period = day + 1
    else:
        start = np.datetime64("1970-01-01") + table.FIRST_DAY
        period = (start + day).astype("datetime64[M]").astype(np.int64) + (1 << 20)
    keys = period if owner else np.where(
        period == 0, 0, (period ^ (member + 1) * np.int64(scan.HASH_ODD)) * np.int64(scan.HASH_MIX)
        | 1)
    found = np.empty(len(rows), np.int64)
    grouping.previous_rows(keys, 0, offsets, found)
    return found


def _ids(layout: Layout, part: Partition, rows: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """psn_no and mdtrt_id of rows; whole-number persons are read back out of their hash."""
    if layout.text_ids and part.person is None:      # nobody here
        return pa.array([], pa.string()), pa.array([], pa.string())
    if layout.text_ids:
        at = pa.array(rows)
        return part.person.take(at), part.claim.take(at)
    if layout.family:
        person = part.records[rows, layout.person]
    else:
        person = part.records[rows, OWNER] * UNDO_HASH
    return pa.array(person), pa.array(part.records[rows, CLAIM])


def _rejected(layout: Layout, part: Partition, rows: np.ndarray, verdict: np.ndarray) -> list:
    found = []
    for number, (code, name) in VERDICTS.items():
        at = rows[verdict == number]
        if len(at):
            numbers = part.records[at, ROW_WHO] & ((1 << ROW_BITS) - 1)
            found.append((code, name, numbers, *_ids(layout, part, at)))
    return found
