"""What was wrong with the rows of a batch, row by row, with what to do (问题行报告)."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from .model import REJECTS, Needs

# code -> reason, advice, and the same for hospitals; `{field}` is the column's name in the file.
REASONS: dict[str, str] = {
    "missing-field": "{field} is missing; fill it in (缺少该项，请补填)",
    "missing-principal-diagnosis": "there is no principal diagnosis; the first entry of {field} "
                                   "must be one (缺少主要诊断，应为该项第一个编码)",
    "missing-main-procedure": "the first entry of {field} is empty but later ones are not; put the "
                              "main procedure first (主要手术操作为空而其他手术不为空)",
    "bad-code": "an entry of {field} is not written like a code; correct it or take it out "
                "(编码格式不对)",
    "unknown-code": "{field} is not a code of its table; see docs/payment-grouping.md "
                    "(不在代码表内)",
    "unknown-diagnosis": "the scheme's list of names does not have this diagnosis; correct it, or "
                         "translate it with --code-maps (诊断编码不在方案目录内)",
    "unknown-procedure": "the scheme's list of names does not have this procedure; correct it, or "
                         "translate it with --code-maps (手术操作编码不在方案目录内)",
    "bad-date": "{field} is no day that exists; write 2025-01-31 (日期不存在或格式不对)",
    "bad-number": "{field} is not a whole number of a possible size (不是合理的整数)",
    "negative-number": "{field} is negative (不应为负数)",
    "bad-amount": "{field} is not an amount (yuan with at most two decimals; `_fen` columns whole) "
                  "(金额格式不对)",
    "negative-amount": "{field} is negative; leave out the voided stay and its reversal "
                       "(金额为负，请去掉冲销的记录)",
    "amount-too-large": "{field} is larger than any bill; check the unit (金额过大，请核对单位)",
    "dates-out-of-order": "{field} is before the admission; exchange or correct the dates "
                          "(出院日期早于入院日期)",
    "born-after-admission": "{field} is after the admission; correct one of the two "
                            "(出生日期晚于入院日期)",
    "age-and-birth-disagree": "{field} is not the age that the birth date gives at admission or at "
                              "discharge; correct one of the two (年龄与出生日期不符)",
    "ages-disagree": "{field} does not fit the age in years; correct one of the two "
                     "(日龄与年龄不符)",
    "duplicate-case": "this case stands in an earlier row; give every stay one row and one number "
                      "(病案重复)",
    "broken-row": "the row has another number of fields than the header; quote fields that hold "
                  "the separator (该行列数与表头不一致)",
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
