"""Reads files of cases into the case table; every row is in it or in the report (病案读入).

    read = read_cases(Path("cases.csv"), needs_of("dx", "cost_fen"))
    read.table, read.rejects

Large files go through `iter_cases`, batch by batch; one case typed in through `read_one`.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import CaseError
from .files import CaseFile, RawBatch, open_case_file, raw_batches
from .model import COLUMN, COLUMNS, GROUPING, REJECTS, SCHEMA, CasesRead, Needs
from .report import Report
from .stays import complete_stays
from .values import Understood, shown, understand

BATCH_ROWS = 1 << 17


def read_cases(path: Path | str, needs: Needs = GROUPING) -> CasesRead:
    """A whole file. Raises CaseError when it cannot be read or has no column for a need."""
    parts = list(iter_cases(path, BATCH_ROWS, needs))
    table = pa.concat_tables([part.table for part in parts] or [SCHEMA.empty_table()])
    rejects = pa.concat_tables([part.rejects for part in parts] or [REJECTS.empty_table()])
    return CasesRead(table, rejects, sum(part.rows for part in parts),
                     parts[0].ignored if parts else (),
                     np.concatenate([part.kept for part in parts] or [np.zeros(0, np.int64)]))


def iter_cases(path: Path | str, batch_rows: int = BATCH_ROWS,
               needs: Needs = GROUPING) -> Iterator[CasesRead]:
    """A file in batches: memory is bounded by a batch. Raises like `read_cases`."""
    file = open_case_file(Path(path))
    sources = _sources(file, needs)
    wanted = [name for name in file.names if name in sources.values()]
    seen = _Seen()
    for raw in raw_batches(file, wanted, batch_rows):
        yield _read(raw, file, sources, Report(raw.rows, needs), seen)


def read_one(values: Mapping[str, str], needs: Needs = GROUPING) -> CasesRead:
    """One case from texts by column name, read and checked like a row of a file."""
    file = CaseFile(Path("case"), tuple(values), 1)
    raw = RawBatch(np.ones(1, np.int64), pa.RecordBatch.from_pylist([dict(values)]))
    return _read(raw, file, _sources(file, needs), Report(raw.rows, needs), _Seen())


def _read(raw: RawBatch, file: CaseFile, sources: dict[str, str], report: Report,
          seen: _Seen) -> CasesRead:
    """A batch as it is handed out."""
    for row in raw.broken:
        report.broken_row(row)
    table = _understood(raw.columns, sources, report)
    seen.mark(table.column("case"), report)
    kept = table.filter(pa.array(~report.refused)) if report.refused.any() else table
    ignored = tuple(name for name in file.names if name not in sources.values())
    return CasesRead(kept, report.table(table.column("case")), table.num_rows + len(raw.broken),
                     ignored, raw.rows[~report.refused])


def _sources(file: CaseFile, needs: Needs) -> dict[str, str]:
    """Canonical column -> the column of the file it is read from."""
    found = {}
    for column in COLUMNS:
        own = next((name for name in (column.name, *column.names) if name in file.names), None)
        if own is not None:
            found[column.name] = own
    for name in needs.must:
        if name not in found and not (name == "year" and "discharged" in found):
            names = ", ".join((name, *COLUMN[name].names))
            raise CaseError("missing-column", f"no column for {COLUMN[name].zh} ({name})",
                            str(file.path), hint=f"Name a column one of: {names}.")
    return found


def _understood(raw: pa.RecordBatch, sources: dict[str, str], report: Report) -> pa.Table:
    """The case table of a batch, all rows; what is wrong goes into the report."""
    columns: dict[str, pa.Array] = {}
    for column in COLUMNS:
        if column.name not in sources:
            empty = pa.array([[]] * raw.num_rows, column.kind) if column.name == "px" else \
                pa.nulls(raw.num_rows, column.kind)
            columns[column.name] = empty
            continue
        name = sources[column.name]
        own = raw.column(name)
        found = understand(column, name, own)
        _tell(report, column.name, name, own, found)
        columns[column.name] = found.values
    complete_stays(columns, sources, report)
    for name in sources:
        if name in report.needs.must and name != "dx":
            report.missing(name, sources[name], columns[name])
    if "year" in report.needs.must and "year" not in sources:
        report.missing("year", sources["discharged"], columns["year"])
    return pa.table([columns[column.name] for column in COLUMNS], schema=SCHEMA)


def _tell(report: Report, column: str, name: str, raw: pa.Array, found: Understood) -> None:
    for code, wrong in found.faults.items():
        rows = np.flatnonzero(wrong)
        if code.startswith("missing-") and column not in report.needs.must + report.needs.may:
            continue
        report.add(rows, column, name, code, shown(raw, rows))
    for code, row, entry in found.items:
        report.add_item(row, name, code, entry)


class _Seen:
    """Cases met so far: a case that stands in two rows is counted once.

    Kept as 64-bit hashes, so that ten million cases take 80 MB.
    """

    def __init__(self) -> None:
        self._hashes = np.zeros(0, np.int64)

    def mark(self, cases: pa.ChunkedArray, report: Report) -> None:
        """Reports rows whose case was met before, in this batch or an earlier one."""
        texts = cases.to_pylist()
        if not texts:
            return
        hashes = np.fromiter(map(hash, texts), np.int64, len(texts))
        distinct, first = np.unique(hashes, return_index=True)
        again = np.ones(len(texts), np.bool_)
        again[first] = False
        if len(self._hashes):
            at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            again |= self._hashes[at] == hashes
        again &= np.fromiter((text is not None for text in texts), np.bool_, len(texts))
        rows = np.flatnonzero(again)
        report.add(rows, "case", "case", "duplicate-case", [texts[row] for row in rows])
        self._hashes = np.union1d(self._hashes, distinct)
