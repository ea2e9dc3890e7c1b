"""The tables as files: a workbook for people, CSV for programs (汇总表)."""
from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ..money import yuan_text
from ..terms import AMOUNT_FIELDS, INSURANCE, PARTS
from . import tables
from .run import Made
from .summary import SchemeSums
from .words import say

IN_POLICY = PARTS["in_policy"].national


def write_csv(made: Sequence[Made], out: Path) -> list[Path]:
    """summary.csv (a row a pack and scheme, national names) and layers.csv; yuan as text."""
    head = ["pack", "pack_hash", "profile", "insutype", "claims", "persons", *AMOUNT_FIELDS,
            IN_POLICY, "fund_share_of_total", "fund_share_in_policy"]
    rows = [[one.pack.name, one.pack.pack_hash, one.pack.profile,
             INSURANCE[sums.scheme].national, sums.claims, sums.persons, *_amounts(sums),
             sums.share("medfee_sumamt"), sums.share(IN_POLICY)]
            for one in made for sums in one.schemes]
    layers = [[one.pack.name, layer.layer, layer.persons, layer.claims, yuan_text(layer.fen),
               layer.capped_persons, layer.capped_claims]
              for one in made for layer in one.layers]
    return [_write(out / "summary.csv", head, rows),
            _write(out / "layers.csv", ["pack", "layer", "persons_paid", "claims_paid", "paid",
                                        "persons_capped", "claims_capped"], layers)]


def _amounts(sums: SchemeSums) -> list[str]:
    return [yuan_text(sums.fen[name]) for name in (*AMOUNT_FIELDS, IN_POLICY)]


def _write(path: Path, head: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([head, *rows])
    return path


def write_workbook(made: Sequence[Made], path: Path, lang: str) -> Path:
    """summary.xlsx: who paid what, kinds of visit, layers, assumptions, candidate values."""
    import xlsxwriter
    with xlsxwriter.Workbook(str(path)) as book:
        sheets = _Sheets(book, lang)
        sheets.add("sheet_paid", tables.paid_head(lang), tables.paid_rows(made, lang))
        sheets.add("sheet_kinds", [say(name, lang) for name in (
            "regime", "scheme", "visit", "bills", "people", "total", "money", "of_total",
            "of_policy")], tables.kind_rows(made, lang))
        sheets.add("sheet_layers", [say(name, lang) for name in (
            "regime", "layer", "people", "bills", "capped_people", "capped_bills", "money")],
            tables.layer_rows(made, lang))
        sheets.text("sheet_assumed", ("applies_to", "says"), (18, 110),
                    tables.assumption_rows(made, lang))
        sheets.text("sheet_candidates", ("regime", "clause", "parameter", "value", "grade",
                                         "source"), (16, 10, 34, 40, 7, 70),
                    ((one.pack.name, entry.clause, entry.parameter, entry.text, entry.grade,
                      entry.source) for one in made for entry in one.pack.candidates))
    return path


def _one_line(head: str) -> str:
    """A column title without the breaks that a narrow terminal needs."""
    return head.replace("-\n", "").replace("\n", " " if head.isascii() else "")


class _Sheets:
    """Sheets of one workbook, all with a frozen head and the caution above it."""

    def __init__(self, book, lang: str) -> None:  # noqa: ANN001
        self.book, self.lang = book, lang
        self.head = book.add_format({"bold": True, "text_wrap": True, "bottom": 1,
                                     "valign": "top", "bg_color": "#EEF2F6"})
        self.money = book.add_format({"num_format": "#,##0.00"})
        self.count = book.add_format({"num_format": "#,##0"})
        self.words = book.add_format({"text_wrap": True, "valign": "top"})
        self.note = book.add_format({"italic": True, "font_color": "#8A4B00"})

    def _new(self, key: str, head: Sequence[str]):  # noqa: ANN202
        sheet = self.book.add_worksheet(say(key, self.lang))
        sheet.write(0, 0, say("caution", self.lang), self.note)
        sheet.write_row(2, 0, head, self.head)
        sheet.freeze_panes(3, 1)
        return sheet

    def add(self, key: str, head: Sequence[str], rows) -> None:  # noqa: ANN001
        """A table of `tables.Row`, amounts in yuan."""
        sheet = self._new(key, [_one_line(name) for name in head])
        for at, row in enumerate(rows, start=3):
            cells = [(word, None) for word in row.words]
            cells += [(number, self.count) for number in row.counts]
            cells += [(fen / 100, self.money) for fen in row.fen]
            cells += [(share, None) for share in row.shares]
            for column, (value, shape) in enumerate(cells):
                sheet.write(at, column, value, shape)
        sheet.set_column(0, 1, 22)
        sheet.set_column(2, len(head), 15)

    def text(self, key: str, head: Sequence[str], widths: Sequence[int],
             rows) -> None:  # noqa: ANN001
        """A table of words."""
        sheet = self._new(key, [say(name, self.lang) for name in head])
        for at, row in enumerate(rows, start=3):
            for column, value in enumerate(row):
                sheet.write_string(at, column, value, self.words)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
