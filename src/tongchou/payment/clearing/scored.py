"""Reads scored cases: what a year's clearing pays for, one row a case (计分病例读入).

Takes what `tongchou payment points` and `price` write, and any CSV, Parquet or Excel file with
these columns. Every row is in the table or in the report; a row that is wrong in any column is not
in the table, because every case moves the value of a point for all.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import CaseError, Refusal
from ..cases.files import CaseFile, RawBatch, open_case_file, raw_batches
from ..cases.model import CODE, COLUMN, FEN, TEXT, Column
from ..cases.values import shown, understand
from .figures import months_of

BATCH_ROWS = 1 << 17
MISSING = -1
WORDS = (*COLUMN["insurance"].words, ("employee", "employees"), ("resident", "residents"))
# name -> (how it is read, its other names, whether it must be there in every row)
COLUMNS = (
    (Column("case", TEXT, pa.string(), "病案", ("setl_id", "mdtrt_id")), True),
    (Column("hospital", TEXT, pa.string(), "医疗机构", ("fixmedins_code",)), True),
    (Column("insurance", CODE, pa.string(), "险种", ("insutype",), WORDS), True),
    (Column("month", TEXT, pa.string(), "出院月份", ("discharged",)), True),
    (Column("points_milli", FEN, pa.int64(), "分值", ("score_milli",)), False),
    (Column("amount_fen", FEN, pa.int64(), "病例金额", ("amount_yuan",)), False),
    (Column("due_fen", FEN, pa.int64(), "应付基金", ("due_yuan",)), False),
    (Column("cost_fen", FEN, pa.int64(), "总费用", ("cost_yuan",)), True),
    (Column("patient_fen", FEN, pa.int64(), "个人负担",
            ("patient_yuan", "person_fen", "person_yuan")), True),
    (Column("fund_fen", FEN, pa.int64(), "记账基金", ("fund_yuan",)), True),
)
NUMBERS = tuple(column.name for column, _ in COLUMNS if column.reads == FEN)
WHOLE = "_fen"                                  # read without a factor of 100
REASONS = {
    "missing-field": "{field} is missing; fill it in",
    "unknown-code": "{field} is no insurance; write employees (310) or residents (390)",
    "bad-amount": "{field} is not an amount (yuan with at most two decimals; whole fen or "
                  "thousandths of points in `_fen` and `_milli` columns)",
    "negative-amount": "{field} is negative; leave out the voided stay and its reversal",
    "amount-too-large": "{field} is larger than any bill; check the unit",
    "bad-month": "{field} is no month; write 2025-03",
    "other-year": "{field} lies outside the year that is cleared; clear every year by itself",
    "no-score": "the case has neither points nor an amount; score or price it first",
    "unknown-hospital": "{field} has no row for this insurance in the hospitals' figures; add it, "
                        "or correct the code",
    "shares-exceed-cost": "{field}: what patient and fund paid is more than the cost",
    "duplicate-case": "this case stands in an earlier row; give every stay one row and one number",
    "broken-row": "the row has another number of fields than the header; quote fields that hold "
                  "the separator",
}
REJECTS = pa.schema([("row", pa.int64()), ("case", pa.string()), ("field", pa.string()),
                     ("value", pa.string()), ("code", pa.string()), ("reason", pa.string())])
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ScoredCases:
    """Cases as columns, int64[n] (-1: not given) except `case`; sorted by case.

    `hospital` is a place in `hospitals`, `insurance` in `insurances`, `month` 0 to 11; `row` is
    the place in the input, for putting answers back in its order.
    """

    case: pa.Array
    hospital: np.ndarray
    hospitals: tuple[str, ...]
    insurance: np.ndarray
    insurances: tuple[str, ...]
    month: np.ndarray
    points_milli: np.ndarray
    amount_fen: np.ndarray
    due_fen: np.ndarray
    cost_fen: np.ndarray
    patient_fen: np.ndarray
    fund_fen: np.ndarray
    row: np.ndarray


class ScoredRead(NamedTuple):
    """Cases that can be cleared, what was wrong (REJECTS), rows of the file, rows refused."""

    cases: ScoredCases
    rejects: pa.Table
    rows: int
    refused: int


def read_scored(path: Path, year: int, known: set[tuple[str, str]],
                progress: Progress = lambda stage, done, of: None) -> ScoredRead:
    """A file of scored cases of `year`; `known` are (hospital, insurance) that have figures.

    Raises CaseError: the file cannot be read or lacks a column; Refusal `no-cases`.
    """
    file = open_case_file(path)
    sources = _sources(file)
    tables, faults, rows = [], _Faults(), 0
    for raw in raw_batches(file, sorted(set(sources.values())), BATCH_ROWS):
        progress("reading", rows, max(file.rows, rows))
        table, wrong = _understood(raw, sources, months_of(year), known, faults)
        rows += table.num_rows + len(raw.broken)
        tables.append(table.filter(pa.array(~wrong)) if wrong.any() else table)
    progress("reading", rows, rows)
    table = pa.concat_tables(tables) if tables else None
    if table is None or not table.num_rows:
        raise Refusal("no-cases", f"none of {rows} rows can be cleared", str(path),
                      hint=faults.summary() or "The file has no rows.")
    cases = _columns(table, months_of(year), faults)
    rejects = faults.table()
    return ScoredRead(cases, rejects, rows, rows - len(cases.row))


def _sources(file: CaseFile) -> dict[str, str]:
    """Our column -> the file's; amounts and points need not both be there."""
    found = {}
    for column, must in COLUMNS:
        own = next((name for name in (column.name, *column.names) if name in file.names), None)
        if own is not None:
            found[column.name] = own
        elif must:
            names = ", ".join((column.name, *column.names))
            raise CaseError("missing-column", f"no column for {column.zh} ({column.name})",
                            str(file.path), hint=f"Name a column one of: {names}.")
    if not {"points_milli", "amount_fen"} & set(found):
        raise CaseError("missing-column", "no column for 分值 (points_milli) or 病例金额 "
                        "(amount_fen)", str(file.path),
                        hint="Score the cases with `tongchou payment points` or `price`.")
    return found


class _Faults:
    """What was wrong, row by row."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str | None, str, str | None, str]] = []

    def add(self, rows: np.ndarray, cases: pa.Array, field: str, code: str,
            values: list[str | None]) -> None:
        """A fault of these rows of the file."""
        self._found += [(int(row), case, field, value, code) for row, case, value in
                        zip(rows, cases.to_pylist(), values, strict=True)]

    def summary(self) -> str:
        """Codes with their counts, the most frequent first."""
        codes = [code for *_, code in self._found]
        counted = sorted({(-codes.count(code), code) for code in set(codes)})
        return ", ".join(f"{-count} x {code}" for count, code in counted)

    def table(self) -> pa.Table:
        """REJECTS in the order of the file."""
        lines = [(row, case, field, value, code, REASONS[code].format(field=field))
                 for row, case, field, value, code in sorted(self._found, key=lambda one: one[0])]
        columns = zip(*lines, strict=True) if lines else [[]] * len(REJECTS)
        return pa.table([pa.array(list(column), kind.type) for column, kind in
                         zip(columns, REJECTS, strict=True)], schema=REJECTS)


def _understood(raw: RawBatch, sources: dict[str, str], months: tuple[str, ...],
                known: set[tuple[str, str]], faults: _Faults) -> tuple[pa.Table, np.ndarray]:
    """The batch with our columns and bool[n] of the rows that are wrong."""
    batch, wrong = raw.columns, np.zeros(raw.columns.num_rows, bool)
    for row in raw.broken:
        faults.add(np.array([row]), pa.nulls(1, pa.string()), "", "broken-row", [None])
    columns: dict[str, pa.Array] = {}
    cases = understand(COLUMNS[0][0], "case", batch.column(sources["case"])).values

    def tell(mask: np.ndarray, field: str, code: str) -> None:
        rows = np.flatnonzero(mask & ~wrong)        # one reason a row
        wrong[rows] = True
        faults.add(raw.rows[rows], cases.take(pa.array(rows)), field, code,
                   shown(batch.column(field), rows) if field in batch.schema.names
                   else [None] * len(rows))

    for column, must in COLUMNS:
        field = sources.get(column.name)
        if field is None:
            columns[column.name] = pa.nulls(batch.num_rows, column.kind)
            continue
        unit = WHOLE if field.endswith(("_fen", "_milli")) else field
        found = understand(column, unit, batch.column(field))
        for code, mask in found.faults.items():
            tell(mask, field, code)
        if must:
            tell(_null(found.values), field, "missing-field")
        columns[column.name] = found.values
    columns["month"] = _month(columns["month"], sources["month"], months, tell)
    tell(_null(columns["points_milli"]) & _null(columns["amount_fen"]),
         sources.get("points_milli", "amount_fen"), "no-score")
    _shares(columns, sources, tell)
    tell(_strangers(columns, known), sources["hospital"], "unknown-hospital")
    columns["row"] = pa.array(raw.rows)
    return pa.table(columns), wrong


def _shares(columns: dict[str, pa.Array], sources: dict[str, str],
            tell: Callable[[np.ndarray, str, str], None]) -> None:
    cost, patient, fund = (columns[name].fill_null(0).to_numpy(zero_copy_only=False)
                           for name in ("cost_fen", "patient_fen", "fund_fen"))
    tell(patient + fund > cost, sources["cost_fen"], "shares-exceed-cost")


def _null(values: pa.Array) -> np.ndarray:
    return values.is_null().to_numpy(zero_copy_only=False)


def _month(values: pa.Array, field: str, months: tuple[str, ...],
           tell: Callable[[np.ndarray, str, str], None]) -> pa.Array:
    """YYYY-MM, also of days of discharge; tells what is none and what lies in another year."""
    text = pc.utf8_slice_codeunits(values, 0, 7)
    right = pc.fill_null(pc.match_substring_regex(text, r"^\d{4}-(0[1-9]|1[0-2])$"), True)
    tell(~right.to_numpy(zero_copy_only=False), field, "bad-month")
    inside = pc.is_in(text, pa.array(months)).to_numpy(zero_copy_only=False)
    tell(~inside & ~_null(values), field, "other-year")
    return text


def _strangers(columns: dict[str, pa.Array], known: set[tuple[str, str]]) -> np.ndarray:
    """bool[n]: the hospital has no figures in the case's insurance."""
    pair = pc.binary_join_element_wise(columns["hospital"], columns["insurance"], "\0")
    given = pa.array(["\0".join(one) for one in sorted(known)], pa.string())
    return ~pc.is_in(pair, given).to_numpy(zero_copy_only=False) & ~_null(pair)


def _columns(table: pa.Table, months: tuple[str, ...], faults: _Faults) -> ScoredCases:
    """Sorted by case, so that no order of the input can move a fen; later doubles are refused."""
    table = table.combine_chunks()
    table = table.take(pc.sort_indices(table, [("case", "ascending"), ("row", "ascending")]))
    case = table.column("case").combine_chunks()
    again = np.zeros(len(case), bool)
    again[1:] = pc.equal(case[1:], case[:-1]).to_numpy(zero_copy_only=False)
    if again.any():
        doubled = table.filter(pa.array(again))
        faults.add(doubled.column("row").to_numpy(), doubled.column("case").combine_chunks(),
                   "case", "duplicate-case", doubled.column("case").to_pylist())
        table = table.filter(pa.array(~again))
    hospital, hospitals = _coded(table.column("hospital"))
    insurance, insurances = _coded(table.column("insurance"))
    month = pc.index_in(table.column("month").combine_chunks(), pa.array(months))
    numbers = {name: table.column(name).fill_null(MISSING).to_numpy() for name in NUMBERS}
    return ScoredCases(table.column("case").combine_chunks(), hospital, hospitals, insurance,
                       insurances, month.to_numpy(zero_copy_only=False).astype(np.int64),
                       **numbers, row=table.column("row").to_numpy())


def _coded(column: pa.ChunkedArray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Places in the sorted distinct words, and the words."""
    coded = column.combine_chunks().dictionary_encode()
    words = coded.dictionary.to_pylist()
    order = sorted(words)
    place = np.array([order.index(word) for word in words], np.int64)
    return place[coded.indices.to_numpy(zero_copy_only=False)], tuple(order)
