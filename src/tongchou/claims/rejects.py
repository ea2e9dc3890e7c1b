"""Rows that cannot be settled: why, and the table that says so (不予结算的行).

Nothing is dropped silently: every row of a claims file is either settled or stands here with its
row number, field, the value seen, a stable code, a sentence and what to do.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SHOWN_CHARACTERS = 80
SCHEMA = pa.schema([
    ("file", pa.dictionary(pa.int32(), pa.string())), ("row", pa.int64()),
    ("psn_no", pa.string()), ("mdtrt_id", pa.string()), ("field", pa.string()),
    ("value", pa.string()), ("code", pa.string()), ("reason", pa.string()),
    ("clause", pa.string()), ("hint", pa.string())])

# code -> (reason, hint). `{field}` is the field's name; refusals of a pack bring their own words.
REASONS: dict[str, tuple[str, str]] = {
    "missing-field": ("{field} is missing", "Fill it in, or map another column to it."),
    "bad-amount": ("{field} is not an amount in yuan with at most two decimals",
                   "Write plain digits such as 86420.00; a mapping can round with `round: fen`."),
    "too-many-decimals": ("{field} has more than two decimals", "Amounts are never rounded in "
                          "silence: say `{{from: .., times: 1, round: fen}}` in a mapping."),
    "amount-too-large": ("{field} is larger than any amount this system settles",
                         "Check the unit: amounts are yuan."),
    "negative-amount": ("{field} is negative", "Leave out the voided claim and its reversal: a "
                        "reversal is not a claim."),
    "split-does-not-add-up": ("the parts of the bill do not add up to medfee_sumamt",
                              "Correct the parts, or leave inscp_scp_amt out: it is the rest."),
    "bad-date": ("{field} is no day or time that exists",
                 "Write 2023-01-31 or 2023-01-31T10:00:00, local time."),
    "dates-out-of-order": ("{field} is before begndate", "Exchange or correct the dates."),
    "unknown-code": ("{field} is not a code of the tables", "See docs/claims-files.md for the "
                     "codes; a mapping can translate others with `map:`."),
    "bad-status": ("a status is neither `code` nor `code:from` nor `code:from:to`",
                   "Write for example allowance:2023-01-01."),
    "status-dates-out-of-order": ("a status ends before it starts",
                                  "Exchange or correct its dates."),
    "bad-number": ("{field} is not a whole number of at least 0", "Write a number such as 6."),
    "missing-fact": ("the rule that applies needs {field}", "Add the column."),
    "field-too-long": ("{field} is longer than any such field", "Is a separator missing?"),
    "duplicate-claim": ("the same claim stands in another row",
                        "Nothing: the other row was settled."),
    "duplicate-differs": ("rows with this psn_no and mdtrt_id differ",
                          "Keep the right one; none of them was settled."),
    "person-contradiction": ("rows of this person disagree on brdy or gend",
                             "Correct them; none of the person's rows was settled."),
    "family-contradiction": ("rows of this person name different families",
                             "Correct family_id; none of the person's rows was settled."),
    "amount-overflow": ("the year of this person or family bills more than the arithmetic holds",
                        "Check the unit: amounts are yuan."),
    "broken-row": ("the row has another number of fields than the header",
                   "Quote fields that hold the separator."),
}


class Fault(NamedTuple):
    """One kind of fault among the rows of a batch; `shown` is the column whose value is quoted."""

    code: str
    field: str
    reason: str
    hint: str
    clause: str = ""
    shown: pa.Array | None = None


def fault_of(code: str, name: str, shown: pa.Array | None = None) -> Fault:
    """The fault of a code of `REASONS` in a field."""
    reason, hint = REASONS[code]
    return Fault(code, name, reason.format(field=name), hint.format(field=name), "", shown)


@dataclass
class Faults:
    """The first fault of every row of a batch: `of_row` int16[n], 0 where the row is fine."""

    of_row: np.ndarray
    kinds: list[Fault] = field(default_factory=list)

    def mark(self, rows: np.ndarray, fault: Fault) -> None:
        """Records a fault for the rows of a mask that have none yet."""
        if not rows.any():
            return
        fresh = rows & (self.of_row == 0)
        if fresh.any():
            self.kinds.append(fault)
            self.of_row[fresh] = len(self.kinds)

    @property
    def count(self) -> int:
        """Number of faulty rows."""
        return int(np.count_nonzero(self.of_row)) if self.kinds else 0


def shown_text(values: pa.Array) -> pa.Array:
    """Values as text short enough for a message, whatever their type."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        values = pa.array([None if entry is None else repr(entry)[:400]
                           for entry in values.to_pylist()], pa.string())
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.string())
    values = values.cast(pa.string())
    return pc.utf8_replace_slice(values, SHOWN_CHARACTERS, np.iinfo(np.int32).max, "...") \
        if (pc.max(pc.utf8_length(values)).as_py() or 0) > SHOWN_CHARACTERS else values


def reject_table(faults: Faults, file: str, rows: np.ndarray, person: pa.Array | None,
                 claim: pa.Array | None) -> pa.Table:
    """The rejects of one batch. `rows` int64[n] are the row numbers in the file, from 0."""
    parts = []
    for index, fault in enumerate(faults.kinds, start=1):
        at = np.flatnonzero(faults.of_row == index)
        if len(at):
            parts.append(_part(fault, file, rows[at], pa.array(at), person, claim))
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def _part(fault: Fault, file: str, rows: np.ndarray, at: pa.Array, person: pa.Array | None,
          claim: pa.Array | None) -> pa.Table:
    def quoted(values: pa.Array | None) -> pa.Array:
        return pa.nulls(len(at), pa.string()) if values is None else shown_text(values.take(at))

    names = pa.DictionaryArray.from_arrays(np.zeros(len(at), np.int32), pa.array([file]))
    same = [pa.array([text or None], pa.string()).take(pa.array(np.zeros(len(at), np.int8)))
            for text in (fault.field, fault.code, fault.reason, fault.clause, fault.hint)]
    return pa.table([names, pa.array(rows), quoted(person), quoted(claim), same[0],
                     quoted(fault.shown), *same[1:]], schema=SCHEMA)
