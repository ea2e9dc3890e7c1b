"""Writes a table batch by batch, beside its place, and puts it there when it is whole (结果写出).

CSV, Parquet or Excel by the name's ending. A run that breaks off leaves the old file as it was.
"""
from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from ...errors import CaseError

SHEET_ROWS_MAX = (1 << 20) - 1
KINDS = (".csv", ".parquet", ".xlsx")


def rejects_path(out: Path) -> Path:
    """Where the report of a run goes: OUT.rejects.csv, or .parquet beside a Parquet file."""
    return out.with_suffix(".rejects.parquet" if out.suffix.lower() == ".parquet"
                           else ".rejects.csv")


class TableFile:
    """A file under way; a context manager. Lists become text joined by `|` in CSV and Excel.

    Raises CaseError `unknown-kind` for another ending and `too-many-rows` beyond a sheet.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        if path.suffix.lower() not in KINDS:
            raise CaseError("unknown-kind", f"{path.name} is no .csv, .parquet or .xlsx",
                            str(path), hint="Name the output as one of them.")
        if not path.parent.is_dir():
            raise CaseError("unwritable-output", "its folder does not exist", str(path),
                            hint="Make the folder first.")
        self.path, self.rows = path, 0
        self._part = path.with_name(f".{path.name}.part")
        self._schema = schema if path.suffix.lower() == ".parquet" else pa.schema(
            [(field.name, pa.string() if pa.types.is_list(field.type) else field.type)
             for field in schema])
        self._writer = self._open()

    def _open(self) -> object:
        kind = self.path.suffix.lower()
        if kind == ".parquet":
            return pq.ParquetWriter(self._part, self._schema, compression="zstd")
        return csv.CSVWriter(self._part, self._schema) if kind == ".csv" else \
            _Sheet(self._part, self.path, self._schema)

    def write(self, table: pa.Table) -> None:
        """Adds rows; the columns are those of the schema, in its order."""
        self.rows += table.num_rows
        columns = [_plain(column) if field.type != column.type else column
                   for field, column in zip(self._schema, table.columns, strict=True)]
        self._writer.write(pa.table(columns, schema=self._schema))

    def __enter__(self) -> "TableFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._writer.close()
        if kind is None:
            os.replace(self._part, self.path)
        else:
            self._part.unlink(missing_ok=True)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of codes as one text."""
    return pa.chunked_array([pc.binary_join(chunk, "|") for chunk in column.chunks], pa.string())


class _Sheet:
    """A workbook with one sheet, written row by row."""

    def __init__(self, part: Path, path: Path, schema: pa.Schema) -> None:
        from xlsxwriter import Workbook
        self._book = Workbook(str(part), {"constant_memory": True})
        self._sheet = self._book.add_worksheet("cases")
        self._path, self._row = path, 1
        self._sheet.freeze_panes(1, 0)
        for place, name in enumerate(schema.names):
            self._sheet.write_string(0, place, name)

    def write(self, table: pa.Table) -> None:
        """Adds rows."""
        if self._row + table.num_rows > SHEET_ROWS_MAX:
            raise CaseError("too-many-rows", "more rows than a sheet holds", str(self._path),
                            hint="Name the output .csv or .parquet.")
        for values in zip(*(column.to_pylist() for column in table.columns), strict=True):
            for place, value in enumerate(values):
                if isinstance(value, int):
                    self._sheet.write_number(self._row, place, value)
                elif value is not None:
                    self._sheet.write_string(self._row, place, str(value))
            self._row += 1

    def close(self) -> None:
        """Ends the workbook."""
        self._book.close()
