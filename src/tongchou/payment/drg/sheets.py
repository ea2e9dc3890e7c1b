"""CSV files of a scheme, row by row, each knowing where it stands for its error (方案文件)."""
from __future__ import annotations

import csv
from collections.abc import Container, Iterable
from pathlib import Path
from typing import NamedTuple

from ...errors import CaseError


class Row(NamedTuple):
    """One row: `line` is where it begins in the file, the header being line 1."""

    file: str
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """The cell's text without blanks around it."""
        return self.cells[column]

    @property
    def place(self) -> str:
        """File and line, for an error."""
        return f"{self.file}:{self.line}"

    def fault(self, column: str, code: str, message: str) -> CaseError:
        """An error at this row and column that quotes the value."""
        return CaseError(code, f"{message} ({column} = {self.cells.get(column, '')!r})",
                         self.place, hint="Correct the scheme's file; nothing was "
                         "grouped.")

    def one_of(self, column: str, known: Container[str], file: str = "") -> str:
        """The cell, which must be one of these words (those of `file`, when given)."""
        if self[column] not in known:
            said = f"the code dangles: {file} does not have it" if file else "no such word"
            raise self.fault(column, "unknown-word", said)
        return self[column]

    def number(self, column: str) -> int:
        """The cell as a whole number of at least 0."""
        if not (self[column].isascii() and self[column].isdigit()):
            raise self.fault(column, "bad-number", "not a whole number")
        return int(self[column])

    def code(self, column: str) -> str:
        """The cell, which must not be empty."""
        if not self[column]:
            raise self.fault(column, "empty-field", "the code is empty")
        return self[column]

    def needs_set(self, sets: dict[str, set[str]], name: str, file: str) -> None:
        """Refuses a test on a list of codes that has no code."""
        if not sets.get(name):
            raise self.fault("adrg" if "adrg" in self.cells else "mdc", "empty-list",
                             f"the test looks into {name}, for which {file} has no code")


class Sheet(NamedTuple):
    """All rows of a file."""

    rows: tuple[Row, ...]

    def values(self, column: str) -> frozenset[str]:
        """Every text of a column."""
        return frozenset(row[column] for row in self.rows)

    def unlike(self, *columns: str) -> None:
        """Refuses two rows that agree in all of these columns (`order` by its number)."""
        seen: dict[tuple[object, ...], Row] = {}
        for row in self.rows:
            key = tuple(row.number(name) if name == "order" else row[name] for name in columns)
            if key in seen:
                what = " and ".join(columns)
                raise row.fault(columns[-1], "same-place" if "order" in columns else
                                "duplicate-key", f"line {seen[key].line} has the same {what}")
            seen[key] = row

    def in_order(self, column: str) -> list[Row]:
        """Rows by a number; the caller has checked that no two of one list share it."""
        return sorted(self.rows, key=lambda row: row.number(column))


def read_sheet(folder: Path, name: str, columns: Iterable[str]) -> Sheet:
    """A file with at least these columns. Raises CaseError when it is missing or malformed."""
    path = folder / name
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise CaseError("missing-column", f"no column {missing[0]!r}", str(path),
                                hint=f"The header has {', '.join(reader.fieldnames or ())}.")
            rows, begins = [], reader.line_num + 1
            for cells in reader:
                rows.append(_row(name, begins, cells))
                begins = reader.line_num + 1       # a quoted cell may go over several lines
    except FileNotFoundError:
        raise CaseError("unreadable-file", f"the scheme lacks {name}", str(path),
                        hint="docs/payment-grouping.md lists the files of a scheme.") from None
    except (UnicodeDecodeError, csv.Error, OSError) as fault:
        raise CaseError("broken-file", f"cannot read the scheme: {fault}", str(path),
                        hint="Save it as CSV in UTF-8.") from None
    return Sheet(tuple(rows))


def _row(name: str, line: int, cells: dict[str | None, object]) -> Row:
    if None in cells or None in cells.values():
        raise CaseError("broken-row", "another number of fields than the header", f"{name}:{line}",
                        hint="Quote fields that hold a comma.")
    return Row(name, line, {str(key): str(value).strip() for key, value in cells.items()})


def codes_of(sheet: Sheet, column: str) -> list[str]:
    """The codes of a column, none of them empty."""
    return [row.code(column) for row in sheet.rows]


def names_of(folder: Path, name: str, column: str) -> dict[str, str]:
    """Code -> name from an optional file of the folder or the one above; empty without it."""
    for place in (folder, folder.parent):
        if (place / name).is_file():
            sheet = read_sheet(place, name, (column, "name"))
            return {row[column]: row["name"] for row in sheet.rows}
    return {}
