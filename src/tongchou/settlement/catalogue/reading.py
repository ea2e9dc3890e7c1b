"""A catalogue file row by row: good rows kept, every wrong one told (目录文件读入).

CSV (UTF-8 or GB18030; comma, semicolon or tab) and workbooks. Nothing is guessed in silence:
columns nobody knows are listed, empty rows counted.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ...errors import CaseError
from .cells import Fault
from .columns import ITEM_COLUMNS, RULE_COLUMNS, Column, by_heading, plain
from .model import EVER, Item, VisitRule
from .rows import item_of, rule_of

ENCODINGS = ("utf-8-sig", "gb18030")
CELL_LIMIT = 2000


class RowFault(NamedTuple):
    """A row that was not taken: its number in the file (the headings are row 1), column, value;
    a row with several wrong cells has a fault for each."""

    row: int
    column: str
    value: str
    code: str
    en: str
    zh: str
    todo_en: str
    todo_zh: str
    file: str = ""

    def as_dict(self) -> dict[str, object]:
        """The form of `--json`."""
        return self._asdict()


@dataclass(frozen=True)
class Reading:
    """What a file gave: records to keep, faults, headings nobody knows, rows without anything."""

    source: str
    digest: str
    records: tuple[Item, ...] | tuple[VisitRule, ...]
    faults: tuple[RowFault, ...]
    ignored: tuple[str, ...] = ()
    empty_rows: int = 0

    @property
    def wrong_rows(self) -> int:
        """How many rows were not taken."""
        return len({(fault.file, fault.row) for fault in self.faults})


def read_items(path: Path) -> Reading:
    """Items of a file. Raises CaseError: `broken-file`, `missing-column`, `duplicate-column`."""
    return _read(path, ITEM_COLUMNS, item_of)


def read_rules(path: Path) -> Reading:
    """Rules for kinds of visits of a file. Raises CaseError as `read_items`."""
    return _read(path, RULE_COLUMNS, rule_of)


def _read(path: Path, columns: tuple[Column, ...], build: Callable) -> Reading:
    rows = _sheet_rows(path)
    headings = [cell.strip() for cell in next(rows, [])]
    found = _columns_of(headings, columns, path)
    records, faults, empty = [], [], 0
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            empty += 1
            continue
        record = _record(number, headings, cells, found, build)
        (faults if isinstance(record, list) else records).append((number, record))
    kept, clashes = _without_clashes(records, headings, found)
    told = [fault for _, row in faults for fault in row] + clashes
    ignored = tuple(name for place, name in enumerate(headings) if name and place not in found)
    return Reading(path.name, sha256(path.read_bytes()).hexdigest(), tuple(kept),
                   tuple(fault._replace(file=path.name) for fault in sorted(told)), ignored, empty)


# --- files ----------------------------------------------------------------------------------------
def _sheet_rows(path: Path) -> Iterator[Sequence[str]]:
    from ...claims import excel
    if not excel.is_excel(path):
        yield from _csv_rows(path)
        return
    table = excel.read_sheet(path)
    yield table.column_names
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield [cell or "" for cell in row]


def _csv_rows(path: Path) -> Iterator[list[str]]:
    data = path.read_bytes()
    for encoding in ENCODINGS:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise CaseError("broken-file", "the text is neither UTF-8 nor GB18030", str(path),
                        hint="Save it as CSV UTF-8, or as .xlsx.")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as fault:
        raise CaseError("broken-file", f"cannot read the table: {fault}", str(path),
                        hint="Save it again as CSV UTF-8, or as .xlsx.") from None


def _columns_of(headings: list[str], columns: tuple[Column, ...], path: Path,
                ) -> dict[int, Column]:
    """Place in the row -> column."""
    known = by_heading(columns)
    found: dict[int, Column] = {}
    for place, heading in enumerate(headings):
        column = known.get(plain(heading)) if heading else None
        if column is None:
            continue
        if column in found.values():
            raise CaseError("duplicate-column", f"{heading!r} is the second column for "
                            f"{column.zh} ({column.en})", str(path), hint="Keep one of the two.")
        found[place] = column
    missing = [column for column in columns if column.needed and column not in found.values()]
    if missing:
        raise CaseError("missing-column", "no column " + ", ".join(
            f"{column.zh} ({column.en})" for column in missing), str(path),
            hint="The first row names the columns; `tongchou catalogue template` writes them.")
    return found


# --- rows -----------------------------------------------------------------------------------------
def _record(number: int, headings: list[str], cells: Sequence[str], found: dict[int, Column],
            build: Callable) -> object:
    """The record of a row, or the list of its faults."""
    if len(cells) > len(headings) and any(cell.strip() for cell in cells[len(headings):]):
        fault = Fault("too-many-cells", "the row has more cells than there are headings",
                      "单元格多于表头", "Quote cells that hold the delimiter.",
                      "含分隔符的单元格请加引号。")
        return [_told(number, "", cells[len(headings)], fault)]
    values, faults = {}, []
    for place, column in found.items():
        text = cells[place].strip() if place < len(cells) else ""
        try:
            if text:
                values[column.key] = _value(column, text)
            elif column.needed:
                raise Fault("missing-value", "nothing is written here", "未填写",
                            f"Write {column.says or column.example or 'it'}.", "请填写。")
        except Fault as fault:
            faults.append(_told(number, headings[place], text, fault))
    if faults:
        return faults
    try:
        return build(values)
    except Fault as fault:
        place = next((place for place, column in found.items() if column.key == fault.column), None)
        column = headings[place] if place is not None else ""
        text = cells[place].strip() if place is not None and place < len(cells) else ""
        return [_told(number, column, text, fault)]


def _value(column: Column, text: str) -> object:
    if len(text) > CELL_LIMIT or "\x00" in text:
        raise Fault("field-too-long", f"{len(text)} characters, or one that is no text",
                    "内容过长或含非法字符", f"At most {CELL_LIMIT} characters.",
                    f"最多 {CELL_LIMIT} 字。")
    return column.read(text)


def _told(number: int, column: str, value: str, fault: Fault) -> RowFault:
    return RowFault(number, column, value[:100], fault.code, fault.en, fault.zh, fault.todo_en,
                    fault.todo_zh)


def _without_clashes(records: Iterable[tuple[int, Item | VisitRule]], headings: list[str],
                     found: Mapping[int, Column]) -> tuple[list, list[RowFault]]:
    """Records of which no two of one key share a day; the later row of two is not taken."""
    heading = {column.key: headings[place] for place, column in found.items()}
    kept: dict[object, list[tuple[int, Item | VisitRule]]] = {}
    faults = []
    for number, record in records:
        rows = kept.setdefault(record.key, [])
        clash = next(((before, other) for before, other in rows
                      if other.since < (record.until or EVER)
                      and record.since < (other.until or EVER)), None)
        if clash is None:
            rows.append((number, record))
            continue
        before, other = clash
        same = record == other
        faults.append(_told(number, heading["since"], record.since, Fault(
            "duplicate-row" if same else "overlapping-dates",
            f"the same as row {before}" if same else f"in force together with row {before}",
            f"与第 {before} 行重复" if same else f"与第 {before} 行有效期重叠",
            "Delete one of the two." if same else "End the earlier row the day before this one.",
            "删去其中一行。" if same else "把前一行的结束日期改为本行开始的前一天。")))
    return [record for rows in kept.values() for _, record in rows], faults
