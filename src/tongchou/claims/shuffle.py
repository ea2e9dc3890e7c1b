"""Rows gathered by owner: partitions in memory, spilled beside the result when large (分区).

The partition of a row is the top bits of its owner's hash (a person, or a family), so all rows of
an owner meet, and going through the partitions in order gives the owners in order of their hash.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from . import grouping, scan, table
from .batch import Batch, Partition
from .records import OWNER

PARTITION_ROWS = 1 << 17
BITS_MAX = 10
ROOM_ROWS = 1 << 17
KEPT_BYTES = 64 << 20          # so much is kept before it is spilled: fresh memory costs more


def partition_bits(rows: int) -> int:
    """How many top bits of the hash name the partition for about so many rows."""
    bits = 0
    while rows >> bits > PARTITION_ROWS and bits < BITS_MAX:
        bits += 1
    return bits


@dataclass
class Scattered:
    """Good rows of a batch in partition order; `starts` int64[p + 1] cuts them."""

    records: np.ndarray
    starts: np.ndarray
    person: pa.Array | None
    claim: pa.Array | None
    room: np.ndarray | None = None


def scatter(batch: Batch, bits: int, room: np.ndarray, text_ids: bool) -> Scattered:
    """The rows of a batch without a fault, by partition, written into `room` int64[>= n, w]."""
    owner = batch.rows.owner
    partition = owner >> (64 - bits) & ((1 << bits) - 1) if bits else np.zeros(batch.size, np.int64)
    out = batch.faults.count
    if out:
        partition[batch.faults.of_row != 0] = -1
    records = room[:batch.size - out]
    starts = np.zeros((1 << bits) + 1, np.int64)
    place = grouping.scatter(batch.rows, partition, 1 << bits, table.FIRST_DAY, scan.FIRST_YEAR,
                             records, starts)
    if not text_ids:
        return Scattered(records, starts, None, None, room)
    rows = np.empty(len(records), np.int64)
    good = place >= 0
    rows[place[good]] = np.flatnonzero(good)
    at = pa.array(rows)
    return Scattered(records, starts, batch.person.take(at), batch.claim.take(at), room)


def scatter_families(records: np.ndarray, person: int, bits: int) -> Scattered:
    """(person, owner) of every record by the person's own hash, to find who has two families."""
    people = records[:, person]
    hashes = people * np.int64(scan.HASH_ODD)
    partition = hashes >> (64 - bits) & ((1 << bits) - 1) if bits else np.zeros_like(people)
    order = np.argsort(partition, kind="stable")
    starts = np.searchsorted(partition[order], np.arange((1 << bits) + 1))
    return Scattered(np.column_stack([people, records[:, OWNER]])[order], starts, None, None)


def split_persons(families: "Shuffle") -> np.ndarray:
    """Persons (their words) whose rows name more than one family, int64[k]."""
    found = []
    for k in range(1 << families.bits):
        pairs = families.take(k).records
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        split = (pairs[1:, 0] == pairs[:-1, 0]) & (pairs[1:, 1] != pairs[:-1, 1])
        found.append(np.unique(pairs[1:, 0][split]))
    return np.concatenate(found)


@dataclass
class _Held:
    """What one partition keeps in memory."""

    records: list[np.ndarray] = field(default_factory=list)
    person: list[pa.Array] = field(default_factory=list)
    claim: list[pa.Array] = field(default_factory=list)


class Shuffle:
    """Collects scattered batches and gives whole partitions back, once each."""

    def __init__(self, folder: Path, bits: int, width: int, kept_bytes: int = KEPT_BYTES) -> None:
        self.folder, self.bits, self.width = folder, bits, width
        self.kept_bytes = kept_bytes
        self.spilled_bytes = 0
        self._held = [_Held() for _ in range(1 << bits)]
        self._bytes = 0
        self._filled: list[np.ndarray] = []
        self._spare: list[np.ndarray] = []

    def room(self, rows: int) -> np.ndarray:
        """Room for the records of a batch. What was spilled is used again: memory that a program
        touches for the first time costs more than writing the records."""
        if rows > ROOM_ROWS:
            return np.empty((rows, self.width), np.int64)
        try:
            return self._spare.pop()
        except IndexError:
            return np.empty((ROOM_ROWS, self.width), np.int64)

    def add(self, found: Scattered) -> None:
        """Takes a batch; spills everything when too much is held."""
        for k in np.flatnonzero(np.diff(found.starts)):
            start, end = int(found.starts[k]), int(found.starts[k + 1])
            held = self._held[k]
            held.records.append(found.records[start:end])
            if found.person is not None:
                held.person.append(found.person.slice(start, end - start))
                held.claim.append(found.claim.slice(start, end - start))
        if found.room is not None and len(found.room) == ROOM_ROWS:
            self._filled.append(found.room)
        self._bytes += found.records.nbytes + sum(
            array.nbytes for array in (found.person, found.claim) if array is not None)
        if self._bytes > self.kept_bytes:
            self._spill()

    def _spill(self) -> None:
        """Appends what is held to one file per partition, texts in files of their own beside."""
        self.folder.mkdir(exist_ok=True)
        for k, held in enumerate(self._held):
            if not held.records:
                continue
            with open(self._path(k, "records"), "ab") as stream:
                for records in held.records:
                    stream.write(np.ascontiguousarray(records).data)
            for name, arrays in (("person", held.person), ("claim", held.claim)):
                if arrays:
                    _append_texts(self._path(k, name), arrays)
            self._held[k] = _Held()
        self.spilled_bytes += self._bytes
        self._bytes = 0
        self._spare += self._filled
        self._filled = []

    def _path(self, k: int, name: str) -> Path:
        return self.folder / f"{k:04d}.{name}"

    def take(self, k: int) -> Partition:
        """Partition k with everything spilled and held; its room is given back."""
        held, self._held[k] = self._held[k], _Held()
        path = self._path(k, "records")
        records = list(held.records)
        if path.exists():
            records.insert(0, np.fromfile(path, np.int64).reshape(-1, self.width))
            path.unlink()
        joined = records[0] if len(records) == 1 else (
            np.concatenate(records) if records else np.empty((0, self.width), np.int64))
        person = _texts_back(self._path(k, "person"), held.person)
        claim = _texts_back(self._path(k, "claim"), held.claim)
        return Partition(joined, person, claim)


def _append_texts(path: Path, arrays: list[pa.Array]) -> None:
    """Texts as rounds of: number of bytes and of texts, lengths int32, bytes."""
    joined = pa.concat_arrays(arrays)
    offsets = np.frombuffer(joined.buffers()[1], np.int32, len(joined) + 1, joined.offset * 4)
    start, end = int(offsets[0]), int(offsets[-1])
    data = joined.buffers()[2]
    with open(path, "ab") as stream:
        stream.write(np.array([len(joined), end - start], np.int64).data)
        stream.write(np.diff(offsets).astype(np.int32).data)
        if end > start:
            stream.write(memoryview(data)[start:end])


def _texts_back(path: Path, held: list[pa.Array]) -> pa.Array | None:
    arrays = []
    if path.exists():
        raw, at = np.fromfile(path, np.uint8), 0
        while at < len(raw):
            count, size = (int(n) for n in raw[at:at + 16].view(np.int64))
            lengths = raw[at + 16:at + 16 + 4 * count].view(np.int32)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            first = at + 16 + 4 * count
            data = raw[first:first + size]
            arrays.append(pa.StringArray.from_buffers(count, pa.py_buffer(offsets),
                                                      pa.py_buffer(data)))
            at = first + size
        path.unlink()
    arrays += held
    return pa.concat_arrays(arrays) if arrays else None
