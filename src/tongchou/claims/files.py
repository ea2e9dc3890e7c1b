"""Claims files: Parquet, CSV, Excel, or a folder of them, read batch by batch (明细文件).

A file that cannot be read is a CaseError before or while it is read; nothing of a result is left
behind then. CSV is read as text throughout, so that codes keep their leading zeros.
"""
from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from ..errors import CaseError
from .check import FACT, FIELDS
from .excel import is_excel, read_sheet
from .mapping import Mapping

BATCH_ROWS = 1 << 17
READ_BYTES = 1 << 20       # of a column at a time, where a row group is too large to hold whole
GROUP_BYTES_MAX = 1 << 28
CSV_BLOCK_BYTES = 1 << 24
CSV_ROW_BYTES = 100        # guess of a row's length, only to choose the number of partitions


@dataclass
class Piece:
    """Rows of a file: `rows` int64[n] are their numbers in the file, counted from 0."""

    file: str
    rows: np.ndarray
    batch: pa.RecordBatch


@dataclass
class ClaimsFile:
    """One readable file: its name, columns, and about how many rows it has.

    `broken` are the numbers of CSV rows with a wrong number of fields, found while reading;
    `read_bytes` is how much of a column is read at a time, 0 for a row group's whole column.
    """

    path: Path
    schema: pa.Schema
    rows: int
    broken: list[int] = field(default_factory=list)
    read_bytes: int = 0
    sheet: pa.Table | None = None       # a workbook's first sheet, already in memory

    def pieces(self, mapping: Mapping, threaded: bool) -> Iterator[Piece]:
        """All rows in batches, only the columns the mapping needs."""
        names = mapping.columns_read(self.schema.names)
        try:
            if self.sheet is not None:
                yield from self._sheet_pieces(names)
            elif is_csv(self.path):
                yield from self._csv_pieces(names)
            else:
                yield from self._parquet_pieces(names, threaded)
        except (pa.ArrowException, OSError, UnicodeError) as fault:
            raise broken_file(self.path, fault) from None

    def _parquet_pieces(self, names: list[str], threaded: bool) -> Iterator[Piece]:
        words = [name for name in names if _is_text(self.schema.field(name).type)
                 and name not in ("psn_no", "mdtrt_id")]
        first = 0
        # Reading ahead (`pre_buffer`) would keep every byte of the file until its end.
        with pq.ParquetFile(self.path, read_dictionary=words, pre_buffer=False,
                            buffer_size=self.read_bytes) as source:
            for batch in source.iter_batches(BATCH_ROWS, columns=names, use_threads=threaded):
                yield Piece(self.path.name, np.arange(first, first + batch.num_rows), batch)
                first += batch.num_rows

    def _sheet_pieces(self, names: list[str]) -> Iterator[Piece]:
        first = 0
        for batch in self.sheet.select(names).to_batches(BATCH_ROWS):
            yield Piece(self.path.name, np.arange(first, first + batch.num_rows), batch)
            first += batch.num_rows

    def _csv_pieces(self, names: list[str]) -> Iterator[Piece]:
        def skip(row: csv.InvalidRow) -> str:
            self.broken.append(row.number - 2)     # from 1, the header being the first
            return "skip"

        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), include_columns=names,
            strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=True)
        reader = csv.open_csv(self.path, csv.ReadOptions(use_threads=False,
                                                         block_size=CSV_BLOCK_BYTES),
                              csv.ParseOptions(invalid_row_handler=skip,
                                               newlines_in_values=True), convert)
        first = 0
        for batch in reader:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                part = batch.slice(start, BATCH_ROWS)
                rows = _file_rows(first, part.num_rows, self.broken)
                first += part.num_rows
                yield Piece(self.path.name, rows, part)


def _file_rows(first: int, count: int, broken: list[int]) -> np.ndarray:
    """File row numbers of good rows `first`..: broken rows before them push them down."""
    rows = np.arange(first, first + count)
    for number in sorted(broken):
        rows[bisect_left(rows, number):] += 1
    return rows


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_csv(path: Path) -> bool:
    """Whether a file is read as CSV: everything that is not named .parquet."""
    return path.suffix.lower() in (".csv", ".txt")


def broken_file(path: Path, fault: Exception) -> CaseError:
    """The error of a file that cannot be read as what its name says."""
    said = " ".join(str(fault).split())[:300]
    hint = "Check that the file is whole and of the kind its name says."
    if "straddling" in said:
        hint = "A field may be longer than 16 MB, or a quote may not be closed."
    elif "UTF8" in said or "utf-8" in said:
        hint = "Save it as UTF-8 (CSV UTF-8); GBK is not read."
    return CaseError("broken-file", f"cannot read the claims: {said}", str(path), hint=hint)


def find_files(path: Path, leave_out: set[Path]) -> list[Path]:
    """The file, or all .parquet and .csv files of a folder in order of their names.

    `leave_out` are the run's own outputs. Raises CaseError when there is nothing to read.
    """
    if path.is_dir():
        found = [entry for entry in sorted(path.iterdir())
                 if (entry.suffix.lower() in (".parquet", ".csv") or is_excel(entry))
                 and entry.is_file()
                 and not entry.name.startswith(".") and entry.resolve() not in leave_out]
        if not found:
            raise CaseError("no-claims", "the folder has no claims file", str(path),
                            hint="Give a .parquet, .csv or .xlsx file, or a folder of them.")
        return found
    if not path.is_file():
        raise CaseError("unreadable-file", "there is no such file", str(path),
                        hint="Check the path.")
    if path.suffix.lower() not in (".parquet", ".csv", ".txt", ".parq", ".pq") \
            and not is_excel(path):
        raise CaseError("unknown-kind", f"{path.name} is no .parquet, .csv or .xlsx", str(path),
                        hint="Save it as one of them.")
    return [path]


def open_files(path: Path, leave_out: set[Path]) -> list[ClaimsFile]:
    """Every file with its columns; raises CaseError for the first that cannot be read."""
    files = [_open(found) for found in find_files(path, leave_out)]
    for found in files:
        names = found.schema.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CaseError("duplicate-column", f"the column {twice[0]!r} stands twice",
                            str(found.path), hint="Rename one of the two.")
    return files


def _open(path: Path) -> ClaimsFile:
    if is_excel(path):
        sheet = read_sheet(path)
        return ClaimsFile(path, sheet.schema, sheet.num_rows, sheet=sheet)
    try:
        if is_csv(path):
            return _open_csv(path)
        with pq.ParquetFile(path) as source:
            about = source.metadata
            largest = max((about.row_group(k).total_byte_size
                           for k in range(about.num_row_groups)), default=0)
            return ClaimsFile(path, source.schema_arrow, about.num_rows,
                              read_bytes=READ_BYTES if largest > GROUP_BYTES_MAX else 0)
    except (pa.ArrowException, OSError, UnicodeError) as fault:
        raise broken_file(path, fault) from None


def _open_csv(path: Path) -> ClaimsFile:
    size = path.stat().st_size
    if size == 0:
        raise CaseError("broken-file", "the file is empty", str(path),
                        hint="The first line must name the columns.")
    with csv.open_csv(path, csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
                      csv.ParseOptions(invalid_row_handler=lambda row: "skip",
                                       newlines_in_values=True)) as reader:
        names = reader.schema.names
    schema = pa.schema([(name, pa.string()) for name in names])
    return ClaimsFile(path, schema, size // CSV_ROW_BYTES + 1)


def have_text_ids(files: list[ClaimsFile], mapping: Mapping) -> bool:
    """Whether ids are kept as text: unless every file has whole numbers for both."""
    return any(mapping.text_id(name, found.schema) for found in files
               for name in ("psn_no", "mdtrt_id"))


def field_names(schema: pa.Schema, mapping: Mapping) -> set[str]:
    """Fields a file gives, mapped or by name."""
    own = {name for name in schema.names if name in FIELDS or name.startswith(FACT)}
    return own | set(mapping.expressions)

