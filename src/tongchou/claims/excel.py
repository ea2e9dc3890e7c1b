"""Claims from a workbook, and results into one (Excel 读入与写出).

A workbook's first sheet is read as text, cell by cell: a number as people see it (at most two
decimals kept exactly), a date as 2023-01-31. From there on it is a claims file like any other.
"""
from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import CaseError

SHEET_ROWS_MAX = (1 << 20) - 1     # what a sheet holds below its header
WRITE_ROWS = 1 << 16


def is_excel(path: Path) -> bool:
    """Whether a file is read as a workbook."""
    return path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".ods")


def read_sheet(path: Path) -> pa.Table:
    """The first sheet as columns of text; the first row names them.

    Raises CaseError `broken-file` when it is no workbook, or a column has no name.
    """
    from python_calamine import CalamineWorkbook
    try:
        rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    except Exception as fault:  # the reader has errors of many kinds, all of them a broken file
        raise CaseError("broken-file", f"cannot read the workbook: {fault}", str(path),
                        hint="Save it again as .xlsx; it must not be protected.") from None
    if not rows:
        raise CaseError("broken-file", "the first sheet is empty", str(path),
                        hint="The first row must name the columns.")
    names = [cell_text(cell) or "" for cell in rows[0]]
    for place, name in enumerate(names):
        if not name and any(cell_text(row[place]) for row in rows[1:]):
            raise CaseError("broken-file", f"column {place + 1} has no name", str(path),
                            hint="The first row must name every column.")
    columns = {name: pa.array([cell_text(row[place]) for row in rows[1:]], pa.string())
               for place, name in enumerate(names) if name}
    if len(columns) < sum(bool(name) for name in names):
        twice = next(name for name in names if name and names.count(name) > 1)
        raise CaseError("duplicate-column", f"the column {twice!r} stands twice", str(path),
                        hint="Rename one of the two.")
    return pa.table(columns)


def cell_text(cell: object) -> str | None:
    """A cell as the text a person sees; None when it is empty.

    Excel keeps amounts as binary fractions: what is within 1e-9 of two decimals is those two
    decimals, anything else keeps its digits and is refused as an amount later.
    """
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        near = round(cell, 2)
        exact = near if abs(near - cell) < 1e-9 else cell
        return str(int(exact)) if float.is_integer(exact * 1.0) else repr(exact)
    if isinstance(cell, datetime):
        return cell.isoformat(sep="T") if cell.time() != time() else cell.date().isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell) if isinstance(cell, timedelta) else str(cell).strip()


def write_workbook(results: Path, rejects: Path, path: Path) -> None:
    """Results and rejects of a run as two sheets; amounts are numbers with two decimals.

    Raises CaseError `too-many-rows` beyond what a sheet holds.
    """
    from xlsxwriter import Workbook
    sheets = [("results 结算结果", results)]
    if rejects.is_file():
        sheets.append(("rejects 未结算", rejects))
    for _, source in sheets:
        rows = pq.read_metadata(source).num_rows
        if rows > SHEET_ROWS_MAX:
            raise CaseError("too-many-rows", f"{rows:,} rows do not fit on a sheet", str(path),
                            hint="Leave --excel out; the Parquet file has every row.")
    with Workbook(str(path), {"constant_memory": True}) as book:
        bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
        for title, source in sheets:
            _write_sheet(book.add_worksheet(title), source, bold, money)


def _write_sheet(sheet: object, source: Path, bold: object, money: object) -> None:
    with pq.ParquetFile(source) as file:
        schema = file.schema_arrow
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(schema.names) - 1, 16)
        for place, name in enumerate(schema.names):
            sheet.write_string(0, place, name, bold)
        row = 1
        for batch in file.iter_batches(WRITE_ROWS):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                for place, value in enumerate(values):
                    if value is None:
                        continue
                    if pa.types.is_decimal(schema.field(place).type):
                        sheet.write_number(row, place, value, money)
                    else:
                        sheet.write_string(row, place, str(value))
                row += 1
