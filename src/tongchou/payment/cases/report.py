"""What was wrong with the rows of a batch, row by row, with what to do (问题行报告)."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from .model import REJECTS, Needs

# code -> reason and advice; `{field}` is the name of the column in the file.
REASONS: dict[str, str] = {
    "missing-field": "{field} is missing; fill it in",
    "missing-principal-diagnosis": "there is no principal diagnosis (无主要诊断); the first entry "
                                   "of {field} must be one",
    "missing-main-procedure": "the first entry of {field} is empty but later ones are not; put the "
                              "main procedure first",
    "bad-code": "an entry of {field} is not written like a code; correct it or take it out",
    "unknown-code": "{field} is not a code of its table; see docs/payment-grouping.md",
    "unknown-diagnosis": "the scheme's list of names does not have this diagnosis; correct it, or "
                         "translate it with --code-maps",
    "unknown-procedure": "the scheme's list of names does not have this procedure; correct it, or "
                         "translate it with --code-maps",
    "bad-date": "{field} is no day that exists; write 2025-01-31",
    "bad-number": "{field} is not a whole number of a possible size",
    "negative-number": "{field} is negative",
    "bad-amount": "{field} is not an amount (yuan with at most two decimals; `_fen` columns whole)",
    "negative-amount": "{field} is negative; leave out the voided stay and its reversal",
    "amount-too-large": "{field} is larger than any bill; check the unit",
    "dates-out-of-order": "{field} is before the admission; exchange or correct the dates",
    "born-after-admission": "{field} is after the admission; correct one of the two",
    "age-and-birth-disagree": "{field} is not the age that the birth date gives at admission or at "
                              "discharge; correct one of the two",
    "ages-disagree": "{field} does not fit the age in years; correct one of the two",
    "duplicate-case": "this case stands in an earlier row; give every stay one row and one number",
    "broken-row": "the row has another number of fields than the header; quote fields that hold "
                  "the separator",
}


class Report:
    """Collects faults of one batch; `refused` bool[n] marks the rows that may not be used."""

    def __init__(self, rows: np.ndarray, needs: Needs) -> None:
        self.needs, self.refused = needs, np.zeros(len(rows), np.bool_)
        self._rows = rows
        self._found: list[tuple[int, int, str, str | None, str, bool]] = []

    def add(self, rows: np.ndarray, column: str, field: str, code: str,
            values: Sequence[str | None]) -> None:
        """A fault of the canonical `column` in these rows of the batch."""
        refuses = column in self.needs.must or column in self.needs.may
        if refuses:
            self.refused[rows] = True
        self._found += [(int(self._rows[row]), int(row), field, value, code, refuses)
                        for row, value in zip(rows, values, strict=True)]

    def add_item(self, row: int, field: str, code: str, value: str) -> None:
        """A fault of one entry of a list, which was left out; the row is kept."""
        self._found.append((int(self._rows[row]), row, field, value, code, False))

    def missing(self, column: str, field: str, values: pa.Array) -> None:
        """Rows in which a needed value is not there and was not wrong either."""
        empty = values.is_null().to_numpy(zero_copy_only=False)
        told = {row for _, row, name, *_ in self._found if name == field}
        rows = np.array([row for row in np.flatnonzero(empty) if row not in told], np.int64)
        self.add(rows, column, field, "missing-field", [None] * len(rows))

    def broken_row(self, number: int) -> None:
        """A row of the file that could not even be split into fields."""
        self._found.append((number, -1, "", None, "broken-row", True))

    def table(self, cases: pa.ChunkedArray) -> pa.Table:
        """The report in the order of the file (REJECTS)."""
        if not self._found:
            return REJECTS.empty_table()
        names = cases.to_pylist()
        refused = [whole or (row >= 0 and bool(self.refused[row]))
                   for _, row, _, _, _, whole in self._found]
        lines = [(number, names[row] if row >= 0 else None, field, value, code,
                  REASONS[code].format(field=field), gone)
                 for (number, row, field, value, code, _), gone
                 in zip(self._found, refused, strict=True)]
        lines.sort(key=lambda line: line[0])
        return pa.table([pa.array(column, kind.type) for column, kind in
                         zip(zip(*lines, strict=True), REJECTS, strict=True)], schema=REJECTS)
