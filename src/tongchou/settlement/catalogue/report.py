"""Workbooks about a catalogue file: what was wrong, and an empty one to fill in (报告与模板)."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from .columns import ITEM_COLUMNS, Column
from .importing import Imported
from .reading import Reading

FAULT_HEADINGS = ("file 文件", "row 行", "column 列", "value seen 原值", "code 代码", "what 问题",
                  "what (en)",
                  "to do 如何改", "to do (en)")
FAULT_WIDTHS = (20, 8, 18, 24, 20, 30, 40, 34, 44)


def write_report(path: Path, reading: Reading, imported: Imported | None = None) -> None:
    """Every row that was not taken, with what to do about it, and a sheet of counts."""
    counts: list[tuple[str, object]] = [
        ("file 文件", reading.source), ("SHA-256", reading.digest),
        ("rows taken 有效行", len(reading.records)),
        ("faults 问题", len(reading.faults)),
        ("rows not taken 未采用的行", reading.wrong_rows),
        ("empty rows 空行", reading.empty_rows),
        ("columns not known 未识别的列", "、".join(reading.ignored) or "-")]
    if imported is not None:
        counts += [("version 目录版本", imported.version), ("added 新增", imported.added),
                   ("retracted 撤回", imported.retracted), ("unchanged 未变", imported.unchanged)]
    rows = [(fault.file, fault.row, fault.column, fault.value, fault.code, fault.zh, fault.en,
             fault.todo_zh, fault.todo_en) for fault in reading.faults]
    with _workbook(path) as book:
        bold = book.add_format({"bold": True})
        _sheet(book.add_worksheet("faults 有误的行"), bold, FAULT_HEADINGS, rows, FAULT_WIDTHS)
        _sheet(book.add_worksheet("summary 摘要"), bold, ("what 项目", "value 值"), counts,
               (34, 70))


def write_template(path: Path) -> None:
    """A workbook with the headings, one example row, and a sheet that says what each column is."""
    says = [(column.zh, column.en, "是 yes" if column.needed else "", column.example, column.says)
            for column in ITEM_COLUMNS]
    with _workbook(path) as book:
        bold = book.add_format({"bold": True})
        # Everything is text: Excel takes the leading zeros of codes it thinks are numbers.
        text = book.add_format({"num_format": "@"})
        sheet = book.add_worksheet("catalogue 目录")
        sheet.set_column(0, len(ITEM_COLUMNS) - 1, 16, text)
        _headed(sheet, bold, ITEM_COLUMNS)
        for place, column in enumerate(ITEM_COLUMNS):
            example = "" if column.key in ("sex", "age_below", "diagnoses", "level_min", "limited",
                                           "schemes") else column.example
            sheet.write_string(1, place, "甲类" if column.key == "item_class" else
                               "" if column.key == "ratio:" else example, text)
        _sheet(book.add_worksheet("columns 列说明"), bold,
               ("列", "column", "必填 needed", "示例 example", "说明"), says, (20, 24, 12, 34, 60))


def _workbook(path: Path) -> object:
    from xlsxwriter import Workbook
    return Workbook(str(path))


def _headed(sheet: object, bold: object, columns: Sequence[Column]) -> None:
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column.zh, bold)


def _sheet(sheet: object, bold: object, headings: Sequence[str], rows: Iterable[Sequence[object]],
           widths: Sequence[int]) -> None:
    sheet.freeze_panes(1, 0)
    for place, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, heading, bold)
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            if isinstance(value, int):
                sheet.write_number(number, place, value)
            else:
                sheet.write_string(number, place, str(value))
