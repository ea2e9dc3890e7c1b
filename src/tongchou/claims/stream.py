"""Claims files of any size: read, check, gather by owner, settle, write (流式批量结算).

Memory is bounded by the partition and the buffer before it is spilled, not by the file. Results
are written beside their place and renamed at the end: a failure leaves nothing half-written.
"""
from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..engine.compile import compile_pack
from ..engine.specialise import is_written, load_kernel
from ..errors import CaseError
from ..money import yuan_text
from ..policy import Pack
from ..terms import AMOUNT_FIELDS
from . import check, rejects, results
from .batch import Batch, Settled, read_batch, settle_partition
from .encode import Encoder
from .files import ClaimsFile, Piece, field_names, have_text_ids, open_files
from .mapping import Mapping
from .memory import kept_memory
from .shuffle import (KEPT_BYTES, Scattered, Shuffle, partition_bits, scatter, scatter_families,
                      split_persons)

Progress = Callable[[str, int, int], None]     # stage, done, of
WRITTEN_FROM_ROWS = 50_000_000                 # below, compiling takes longer than it saves


@dataclass
class Tally:
    """What a run counted; `claims` + `rejected` = `rows` always."""

    rows: int = 0
    claims: int = 0
    rejected: int = 0
    persons: int = 0
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(AMOUNT_FIELDS, 0))

    def add(self, settled: Settled) -> None:
        """Counts a settled partition."""
        self.claims += settled.table.num_rows
        self.rejected += settled.refused
        self.persons += settled.persons
        for name, fen in settled.totals.items():
            self.totals[name] += fen

    def as_dict(self, seconds: float) -> dict[str, object]:
        """The object of the contract."""
        assert self.claims + self.rejected == self.rows, (self.claims, self.rejected, self.rows)
        rate = round(self.claims / seconds) if seconds > 0 else 0
        return {"claims": self.claims, "persons": self.persons, "rejected": self.rejected,
                "seconds": round(seconds, 3), "claims_per_second": rate,
                "totals": {name: yuan_text(fen) for name, fen in self.totals.items()}}


class RejectLog:
    """Where rejects go: rows of batches with their file, and rows judged in partitions."""

    def __init__(self, write: Callable[[pa.Table], None]) -> None:
        self._write_table = write
        self._counts: Counter[tuple[str, str]] = Counter()
        self._files: list[str] = []
        self._bases: list[int] = []

    def file(self, name: str, base: int) -> None:
        """From row number `base` of the run on, rows belong to this file."""
        self._files.append(name)
        self._bases.append(base)

    def _write(self, found: pa.Table) -> None:
        self._write_table(found)
        kinds = found.select(["code", "reason"]).group_by(["code", "reason"]).aggregate(
            [([], "count_all")])
        for row in kinds.to_pylist():
            self._counts[row["code"], row["reason"]] += row["count_all"]

    def reasons(self) -> list[dict[str, object]]:
        """How many rows each reason rejected, most frequent first."""
        return [{"rows": count, "code": code, "reason": reason} for (code, reason), count in
                sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))]

    def batch(self, batch: Batch, piece: Piece) -> int:
        """The faulty rows of a batch; gives their number."""
        if batch.faults.count:
            self._write(rejects.reject_table(batch.faults, piece.file, piece.rows, batch.person,
                                             batch.claim))
        return batch.faults.count

    def broken(self, name: str, rows: list[int]) -> int:
        """CSV rows that had another number of fields."""
        if rows:
            faults = rejects.Faults(np.zeros(len(rows), np.int16))
            faults.mark(np.ones(len(rows), np.bool_), rejects.fault_of("broken-row", ""))
            self._write(rejects.reject_table(faults, name, np.array(sorted(rows)), None, None))
        return len(rows)

    def judged(self, settled: Settled) -> None:
        """Rows that only their partition could judge."""
        for code, name, rows, person, claim in settled.rejected:
            at = np.searchsorted(self._bases, rows, side="right") - 1
            for file in np.unique(at):
                mine = pa.array(np.flatnonzero(at == file))
                numbers = rows[at == file] - self._bases[file]
                faults = rejects.Faults(np.zeros(len(mine), np.int16))
                faults.mark(np.ones(len(mine), np.bool_), rejects.fault_of(code, name))
                self._write(rejects.reject_table(faults, self._files[file], numbers,
                                                 person.take(mine), claim.take(mine)))


@dataclass
class Run:
    """One run under a pack: what every step needs."""

    pack: Pack
    mapping: Mapping
    encoder: Encoder
    schema: pa.Schema
    threads: int
    progress: Progress
    tally: Tally = field(default_factory=Tally)
    split: np.ndarray | None = None

    @classmethod
    def start(cls, pack: Pack, mapping: Mapping, text_ids: bool, threads: int, expected: int,
              progress: Progress | None = None) -> "Run":
        """Compiles the pack and lays out records and results.

        Many rows deserve a kernel written for the pack; one written before is used for any.
        """
        plan = compile_pack(pack)
        if not plan.family and (expected >= WRITTEN_FROM_ROWS or is_written(plan)):
            plan.written = load_kernel(plan)
        metadata = results.run_metadata(pack, mapping.digest, list(mapping.assumptions))
        return cls(pack, mapping, Encoder(plan, text_ids),
                   results.result_schema(plan, text_ids, metadata), threads,
                   progress or (lambda stage, done, of: None))

    def gather(self, pieces: Iterator[Piece], shuffle: Shuffle, log: RejectLog,
               expected: int) -> None:
        """Checks and encodes all rows and brings them to their partitions."""
        def step(piece: Piece, base: int) -> tuple[Piece, Batch, Scattered]:
            batch = read_batch(self.encoder, self.mapping, piece.batch, piece.rows, base)
            return piece, batch, scatter(batch, shuffle.bits, shuffle.room(batch.size),
                                         self.encoder.layout.text_ids)

        def numbered() -> Iterator[tuple[Piece, int]]:
            base, name, last = 0, None, 0
            for piece in pieces:
                if piece.file != name:
                    base, name = last, piece.file
                    log.file(name, base)
                last = base + int(piece.rows[-1]) + 1 if len(piece.rows) else last
                yield piece, base

        layout = self.encoder.layout
        families = Shuffle(shuffle.folder / "families", shuffle.bits, 2, shuffle.kept_bytes)
        for piece, batch, scattered in self._in_order(step, numbered()):
            if layout.family and batch.has_families:
                families.add(scatter_families(scattered.records, layout.person, shuffle.bits))
            shuffle.add(scattered)
            self.tally.rows += batch.size
            self.tally.rejected += log.batch(batch, piece)
            self.progress("read", self.tally.rows, max(expected, self.tally.rows))
        if layout.family:
            self.split = split_persons(families)

    def settle(self, shuffle: Shuffle, log: RejectLog, write: Callable[[pa.Table], None]) -> None:
        """Settles partition after partition and hands the results on in their order."""
        plan, layout = self.encoder.plan, self.encoder.layout
        alone = shuffle.bits == 0

        def step(k: int) -> Settled:
            return settle_partition(plan, layout, shuffle.take(k), shuffle.bits, self.schema,
                                    self.threads if alone else 1, self.split)

        parts = 1 << shuffle.bits
        for k, settled in enumerate(self._in_order(step, ((k,) for k in range(parts)))):
            write(settled.table)
            log.judged(settled)
            self.tally.add(settled)
            self.progress("settle", k + 1, parts)

    def _in_order(self, step: Callable, work: Iterator[tuple]) -> Iterator:
        """Results of `step` in the order of `work`, a few at a time on threads."""
        if self.threads == 1:
            yield from (step(*item) for item in work)
            return
        waiting: deque[Future] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                for item in work:
                    waiting.append(pool.submit(step, *item))
                    if len(waiting) > self.threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def settle_files(pack: Pack, claims: Path, out: Path, mapping: Mapping | None = None,
                 threads: int = 2, progress: Progress | None = None,
                 kept_bytes: int = KEPT_BYTES) -> dict[str, object]:
    """Settles claims files into `out` and gives the object of the contract.

    Raises CaseError (unreadable file or mapping, missing column, unwritable output) and Refusal
    (a pack too large to compile). Rows that cannot be settled stand in OUT.rejects.parquet.
    """
    begun = time.perf_counter()
    mapping = mapping or Mapping()
    rejected_to = rejects_path(out)
    files = open_files(claims, {out.resolve(), rejected_to.resolve()})
    for found in files:
        mapping.columns_read(found.schema.names)
        check.require(field_names(found.schema, mapping), str(found.path))
    run = Run.start(pack, mapping, have_text_ids(files, mapping), threads,
                    sum(found.rows for found in files), progress)
    with kept_memory(), _outputs(out, rejected_to, run.schema) as (write, write_reject, folder):
        log = RejectLog(write_reject)
        rows = sum(found.rows for found in files)
        shuffle = Shuffle(folder, partition_bits(rows), run.encoder.layout.width, kept_bytes)
        run.gather(_all_pieces(files, mapping, threads > 1), shuffle, log, rows)
        for found in files:
            count = log.broken(found.path.name, found.broken)
            run.tally.rows += count
            run.tally.rejected += count
        run.settle(shuffle, log, write)
    made = run.tally.as_dict(time.perf_counter() - begun)
    return made | {
        "rows": run.tally.rows, "reasons": log.reasons(), "out": str(out),
        "rejects": str(rejected_to) if run.tally.rejected else None, "pack": pack.name,
        "pack_hash": pack.pack_hash, "profile": pack.profile,
        "candidates": results.candidates(pack), "mapping_hash": mapping.digest or None,
        "assumptions": list(mapping.assumptions)}


def _all_pieces(files: list[ClaimsFile], mapping: Mapping, threaded: bool) -> Iterator[Piece]:
    for found in files:
        yield from found.pieces(mapping, threaded)


def rejects_path(out: Path) -> Path:
    """OUT.rejects.parquet for OUT.parquet."""
    stem = out.name.removesuffix(".parquet")
    return out.with_name(f"{stem}.rejects.parquet")


@contextmanager
def _outputs(out: Path, rejected_to: Path, schema: pa.Schema) -> Iterator[tuple]:
    """Writers into a hidden folder beside `out`; both files appear together at the end."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as fault:
        raise CaseError("unwritable-output", f"cannot write there: {fault.strerror}", str(out),
                        hint="Choose another `--out`.") from None
    try:
        with results.open_writer(folder / "settled", schema) as writer, \
                _Late(folder / "rejected", rejects.SCHEMA) as late:
            yield writer.write_table, late.write, folder
        if late.writer is None:
            rejected_to.unlink(missing_ok=True)
        else:
            (folder / "rejected").replace(rejected_to)
        (folder / "settled").replace(out)
    except OSError as fault:
        raise CaseError("unwritable-output", f"cannot write: {fault.strerror or fault}", str(out),
                        hint="Is the disk full?") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Late:
    """A Parquet writer that makes its file only when there is something to write."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.schema = path, schema
        self.writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "_Late":
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()

    def write(self, found: pa.Table) -> None:
        """Appends rows."""
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.path, self.schema, store_schema=False)
        self.writer.write_table(found)


def settle_table(pack: Pack, claims: pa.Table, mapping: Mapping | None = None,
                 threads: int = 1) -> tuple[pa.Table, pa.Table, dict[str, object]]:
    """Settles a table in memory: results, rejects, and the object of the contract.

    Same columns, checks and order as `settle_files`. Raises CaseError for a missing column.
    """
    begun = time.perf_counter()
    mapping = mapping or Mapping()
    mapping.columns_read(claims.schema.names)
    source = ClaimsFile(Path("table"), claims.schema, claims.num_rows)
    check.require(field_names(claims.schema, mapping), "the table")
    run = Run.start(pack, mapping, have_text_ids([source], mapping), threads,
                    claims.num_rows)
    settled: list[pa.Table] = []
    rejected: list[pa.Table] = [rejects.SCHEMA.empty_table()]
    log = RejectLog(rejected.append)
    shuffle = Shuffle(Path(), partition_bits(claims.num_rows), run.encoder.layout.width, 1 << 62)
    run.gather(_table_pieces(claims), shuffle, log, claims.num_rows)
    run.settle(shuffle, log, settled.append)
    return (pa.concat_tables(settled), pa.concat_tables(rejected, promote_options="permissive"),
            run.tally.as_dict(time.perf_counter() - begun))


def _table_pieces(claims: pa.Table) -> Iterator[Piece]:
    first = 0
    for batch in claims.to_batches(max_chunksize=1 << 17):
        yield Piece("", np.arange(first, first + batch.num_rows), batch)
        first += batch.num_rows
