"""Files of cases as batches of raw columns: CSV, Parquet, Excel (病案文件).

CSV and workbooks are read as text throughout, so that codes keep their zeros. Nothing is
understood here; `reading` does that.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from ...claims import excel
from ...errors import CaseError

CSV_BLOCK_BYTES = 1 << 24
CSV_ROW_BYTES = 120        # guess of a row's length, only for progress
TEXT_FILES, PARQUET_FILES = (".csv", ".txt"), (".parquet", ".parq", ".pq")


class RawBatch(NamedTuple):
    """Rows as the file has them; `rows` int64[n] counts from 1 below the header.

    `broken` are rows with another number of fields than the header, found since the last batch.
    """

    rows: np.ndarray
    columns: pa.RecordBatch
    broken: tuple[int, ...] = ()


class CaseFile(NamedTuple):
    """A readable file: its path, the names of its columns, and about how many rows it has."""

    path: Path
    names: tuple[str, ...]
    rows: int


def open_case_file(path: Path) -> CaseFile:
    """Looks at a file of cases; raises CaseError when it is none or names a column twice."""
    if not path.is_file():
        raise CaseError("unreadable-file", "there is no such file", str(path),
                        hint="Check the path.")
    kind = path.suffix.lower()
    if kind not in TEXT_FILES + PARQUET_FILES and not excel.is_excel(path):
        raise CaseError("unknown-kind", f"{path.name} is no .csv, .parquet or .xlsx", str(path),
                        hint="Save it as one of them.")
    names, rows = _shape(path)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CaseError("duplicate-column", f"the column {twice[0]!r} stands twice", str(path),
                        hint="Rename one of the two.")
    return CaseFile(path, tuple(names), rows)


def raw_batches(file: CaseFile, names: list[str], batch_rows: int) -> Iterator[RawBatch]:
    """The wanted columns of a file in batches of at most `batch_rows` rows."""
    kind = file.path.suffix.lower()
    try:
        if kind in PARQUET_FILES:
            yield from _numbered(_parquet(file.path, names, batch_rows))
        elif kind in TEXT_FILES:
            yield from _csv(file.path, names, batch_rows)
        else:
            sheet = excel.read_sheet(file.path).select(names)
            yield from _numbered(sheet.to_batches(batch_rows))
    except (pa.ArrowException, OSError, UnicodeError) as fault:
        raise _broken(file.path, fault) from None


def _shape(path: Path) -> tuple[list[str], int]:
    kind = path.suffix.lower()
    try:
        if kind in PARQUET_FILES:
            with pq.ParquetFile(path) as source:
                return list(source.schema_arrow.names), source.metadata.num_rows
        if kind not in TEXT_FILES:
            sheet = excel.read_sheet(path)
            return list(sheet.column_names), sheet.num_rows
        size = path.stat().st_size
        if size == 0:
            raise CaseError("broken-file", "the file is empty", str(path),
                            hint="The first line must name the columns.")
        with _open_csv(path, lambda row: "skip") as reader:
            return list(reader.schema.names), size // CSV_ROW_BYTES + 1
    except (pa.ArrowException, OSError, UnicodeError) as fault:
        raise _broken(path, fault) from None


def _parquet(path: Path, names: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as source:
        yield from source.iter_batches(batch_rows, columns=names)


def _numbered(batches: Iterator[pa.RecordBatch] | list[pa.RecordBatch]) -> Iterator[RawBatch]:
    first = 1
    for batch in batches:
        yield RawBatch(np.arange(first, first + batch.num_rows), batch)
        first += batch.num_rows


def _open_csv(path: Path, skip: object, names: list[str] | None = None) -> csv.CSVStreamingReader:
    convert = csv.ConvertOptions(column_types=dict.fromkeys(names or (), pa.string()),
                                 include_columns=names, strings_can_be_null=True,
                                 null_values=[""], quoted_strings_can_be_null=True)
    return csv.open_csv(path, csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
                        csv.ParseOptions(invalid_row_handler=skip, newlines_in_values=True),
                        convert)


def _csv(path: Path, names: list[str], batch_rows: int) -> Iterator[RawBatch]:
    broken: list[int] = []

    def skip(row: csv.InvalidRow) -> str:
        broken.append(row.number - 1)      # Arrow counts from 1 with the header
        return "skip"

    good, told = 0, 0
    with _open_csv(path, skip, names) as reader:
        for batch in reader:
            for start in range(0, batch.num_rows, batch_rows):
                part = batch.slice(start, batch_rows)
                rows = _pushed(np.arange(good + 1, good + 1 + part.num_rows), broken)
                good += part.num_rows
                yield RawBatch(rows, part, tuple(broken[told:]))
                told = len(broken)
    if told < len(broken):
        yield RawBatch(np.zeros(0, np.int64), part_of_none(names), tuple(broken[told:]))


def part_of_none(names: list[str]) -> pa.RecordBatch:
    """A batch without rows, for a file that ends in broken ones."""
    return pa.RecordBatch.from_pylist([], schema=pa.schema([(name, pa.string())
                                                            for name in names]))


def _pushed(rows: np.ndarray, broken: list[int]) -> np.ndarray:
    """Row numbers of good rows: every broken row before them pushes them down by one."""
    for number in broken:
        rows = rows + (rows >= number)
    return rows


def _broken(path: Path, fault: Exception) -> CaseError:
    said = " ".join(str(fault).split())[:300]
    hint = "Check that the file is whole and of the kind its name says."
    if "UTF8" in said or "utf-8" in said:
        hint = "Save it as UTF-8 (CSV UTF-8); GBK is not read."
    return CaseError("broken-file", f"cannot read the cases: {said}", str(path), hint=hint)
