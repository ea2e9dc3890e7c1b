"""Lists as they come: the first sheet of a workbook, or CSV in UTF-8 or GB18030 (名单读入与模板).

Cells are read as the text a person sees. What Excel has destroyed already (a long number kept as a
binary fraction) is marked, so that nobody imports a number that was never typed.
"""
from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..claims import excel
from ..errors import CaseError

EXACT_MAX = 1 << 53               # whole numbers above it are rounded by Excel
CELL_CHARACTERS_MAX = 1 << 15


@dataclass(frozen=True)
class SheetRow:
    """One row below the header: its number in the file (the header is 1), and its cells."""

    number: int
    cells: tuple[str, ...]
    inexact: frozenset[int] = frozenset()     # places of numbers that Excel has rounded


@dataclass(frozen=True)
class Sheet:
    """A list: its headings, its rows that are not empty, and what a reader should know."""

    headings: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    notes: tuple[str, ...] = ()


def read_list(path: Path) -> Sheet:
    """The list in a file. Raises CaseError `unreadable-file`, `broken-file`, `bad-encoding`."""
    if not path.is_file():
        raise CaseError("unreadable-file", "there is no such file (文件不存在)", str(path),
                        hint="Check the path.")
    grid, notes = _workbook(path) if excel.is_excel(path) else _text(path)
    if not grid or not any(cell_words(grid[0])):
        raise CaseError("broken-file", "the first row names no columns (首行没有表头)", str(path),
                        hint="Start from a template: tongchou people template KIND FILE.xlsx")
    headings = tuple(cell_words(grid[0]))
    rows = [_row(number, cells) for number, cells in enumerate(grid[1:], 2)]
    return Sheet(headings, tuple(row for row in rows if any(row.cells)), tuple(notes))


def cell_words(cells: Iterable[object]) -> list[str]:
    """Cells as text, without blanks around."""
    return [(excel.cell_text(cell) or "").strip() for cell in cells]


def _row(number: int, cells: Sequence[object]) -> SheetRow:
    inexact = frozenset(place for place, cell in enumerate(cells)
                        if isinstance(cell, (int, float)) and abs(cell) >= EXACT_MAX)
    return SheetRow(number, tuple(cell_words(cells)), inexact)


def _workbook(path: Path) -> tuple[list[Sequence[object]], list[str]]:
    from python_calamine import CalamineWorkbook
    try:
        book = CalamineWorkbook.from_path(str(path))
        grid = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except Exception as fault:  # the reader has errors of many kinds, all of them a broken file
        raise CaseError("broken-file", f"cannot read the workbook (无法打开): {fault}", str(path),
                        hint="Save it again as .xlsx; it must not be protected.") from None
    return grid, []


def _text(path: Path) -> tuple[list[Sequence[object]], list[str]]:
    raw = path.read_bytes()
    notes = []
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError:
            raise CaseError("bad-encoding", "the file is neither UTF-8 nor GB18030 (编码不明)",
                            str(path), hint="Save it as CSV UTF-8.") from None
        notes.append("按 GB18030 读取 (read as GB18030, not UTF-8)")
    if "\0" in text:
        raise CaseError("broken-file", "this is no text file (不是文本文件)", str(path),
                        hint="Save it as .xlsx or CSV UTF-8.")
    first = text.split("\n", 1)[0]
    separator = max(",\t;", key=first.count)
    try:
        grid = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as fault:
        raise CaseError("broken-file", f"cannot read the CSV (CSV 格式错误): {fault}", str(path),
                        hint="Is a quotation mark not closed?") from None
    return grid, notes


def write_workbook(path: Path, sheets: Sequence[tuple[str, Sequence[str], Iterable[Sequence[str]]]],
                   as_text: bool = False) -> None:
    """Writes sheets of (title, headings, rows) as text, whole or not at all.

    `as_text`: the columns of the first sheet are text, for lists in which people type numbers.
    """
    from xlsxwriter import Workbook
    beside = path.with_name(f".{path.name}.writing.xlsx")
    try:
        with Workbook(str(beside), {"strings_to_formulas": False, "strings_to_urls": False,
                                    "strings_to_numbers": False}) as book:
            bold, plain = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
            for title, headings, rows in sheets:
                sheet = book.add_worksheet(title)
                sheet.freeze_panes(1, 0)
                widths = [max(12, _width(heading) + 4) for heading in headings]
                for place, heading in enumerate(headings):
                    sheet.set_column(place, place, widths[place],
                                     plain if as_text and title == sheets[0][0] else None)
                    sheet.write_string(0, place, heading, bold)
                for line, row in enumerate(rows, 1):
                    for place, value in enumerate(row):
                        sheet.write_string(line, place, value[:CELL_CHARACTERS_MAX - 1])
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)

