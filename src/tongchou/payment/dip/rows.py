"""Rows of the CSV files of a catalogue: every fault keeps its file, row and column."""
from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from ...errors import CaseError
from ...money import NumberFault, parse_percent, parse_yuan, scaled
from ...policy import read_text, suggest
from .conditions import ConditionFault, condition_error
from .model import POINT

T = TypeVar("T")


class Row:
    """One row of a file; `where` is `file:line`."""

    def __init__(self, file: str, line: int, cells: dict[str, str]) -> None:
        self.file, self.line, self.cells = file, line, cells
        self.where = f"{file}:{line}"

    def text(self, column: str) -> str:
        """The cell without blanks around it; "" when the file lacks the column."""
        return self.cells.get(column, "").strip()

    def needed(self, column: str) -> str:
        """A cell that must not be empty."""
        found = self.text(column)
        if not found:
            raise self.error("missing-value", f"{column} is empty", column)
        return found

    def word(self, column: str, known: Iterable[str]) -> str:
        """A cell that must be one of some words."""
        found = self.needed(column)
        if found not in known:
            raise self.error("unknown-word", f"{column} is {found[:40]!r}", column,
                             suggest(found, known))
        return found

    def whole(self, column: str, empty: int | None = None) -> int | None:
        """A whole number of at least 0, or `empty`."""
        return self._number(column, empty, lambda text: scaled(text, 0, "a whole number"))

    def milli(self, column: str) -> int | None:
        """Points or days with up to three decimals, as thousandths; None when empty."""
        assert POINT == 10 ** 3
        return self._number(column, None, lambda text: scaled(text, 3, "a number such as 796.684"))

    def fen(self, column: str) -> int | None:
        """An amount in yuan as fen; None when empty."""
        return self._number(column, None, parse_yuan)

    def ppm(self, column: str, empty: int | None = None) -> int | None:
        """A percentage as parts per million; `empty` when the cell is empty."""
        return self._number(column, empty, parse_percent)

    def _number(self, column: str, empty: int | None, read: Callable[[str], int]) -> int | None:
        written = self.text(column)
        if not written:
            return empty
        try:
            found = read(written)
        except NumberFault as fault:
            raise self.error("bad-number", f"{column}: {fault}", column) from None
        if found < 0:
            raise self.error("negative-number", f"{column} is {written}", column,
                             "Write a number of at least 0.")
        return found

    def reading(self, column: str, read: Callable[[], T]) -> T:
        """What `read` gives; its ConditionFault becomes the error of this row and column."""
        try:
            return read()
        except ConditionFault as fault:
            raise condition_error(fault, f"{self.where}, {column}") from None

    def error(self, code: str, message: str, column: str = "", hint: str = "") -> CaseError:
        """An error at this row and column."""
        place = f"{self.where}, {column}" if column else self.where
        return CaseError(code, message, place, hint=hint)


def read_rows(path: Path, needed: Iterable[str], known: Iterable[str]) -> list[Row]:
    """The rows of a CSV file with a header line (UTF-8, comma); line 1 is the header.

    Raises CaseError: unreadable file, a missing, unknown or doubled column, a row with a wrong
    number of fields.
    """
    lines = list(csv.reader(read_text(path).splitlines()))
    if not lines:
        raise CaseError("empty-file", "the file is empty", str(path), hint="Write a header line.")
    header = [name.strip() for name in lines[0]]
    for name in needed:
        if name not in header:
            raise CaseError("missing-column", f"the column {name!r} is missing", f"{path}:1",
                            hint=f"The header reads {','.join(header)[:200]}.")
    for name in header:
        if name not in known:
            raise CaseError("unknown-column", f"the column {name!r} is not known here",
                            f"{path}:1", hint=suggest(name, known))
        if header.count(name) > 1:
            raise CaseError("duplicate-column", f"the column {name!r} stands twice", f"{path}:1")
    rows = []
    for line, cells in enumerate(lines[1:], start=2):
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise CaseError("broken-row", f"{len(cells)} fields, the header has {len(header)}",
                            f"{path}:{line}", hint="Quote a field that contains a comma.")
        rows.append(Row(str(path), line, dict(zip(header, cells, strict=True))))
    return rows
