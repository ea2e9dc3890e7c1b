"""Codes of a claims file: every distinct value is understood once, never per row (代码列).

A `CodeTable` turns a text into a small number and remembers it for all later batches. Faults
are negative numbers: they index `FAULT_CODES`.
"""
from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import Refusal
from ..engine import StatusSpan, situation
from ..policy import Pack, Value
from ..terms import (INSURANCE, INSURANCE_OF_CODE, LEVELS, PERSONS, PLACES, REFERRALS, SEXES,
                     VISITS, person_of, status_of, visit_of)
from . import table

MISSING, UNKNOWN, BAD_STATUS, STATUS_ORDER, BAD_DAY, TOO_LONG = -1, -2, -3, -4, -5, -6
FAULT_CODES = {MISSING: "missing-field", UNKNOWN: "unknown-code", BAD_STATUS: "bad-status",
               STATUS_ORDER: "status-dates-out-of-order", BAD_DAY: "bad-date",
               TOO_LONG: "field-too-long"}
TEXT_LIMIT = 100_000
ANSWERS = {"true": "due", "yes": "due", "1": "due", "false": "missing", "no": "missing",
           "0": "missing"}
SEX_NAMES = ("male", "female", "unknown")
PERSON_NAMES = tuple(PERSONS)
EVER, NEVER = -(1 << 40), 1 << 40


class CodeTable:
    """Texts of one field and the number each stands for; `understand` sees every text once."""

    def __init__(self, understand: Callable[[str], int], missing: int) -> None:
        self._understand = understand
        self._known: dict[str | None, int] = {None: missing, "": missing}
        self.lock = threading.Lock()

    def of(self, array: pa.Array) -> np.ndarray:
        """int64[n]: the number of every row's text."""
        if not pa.types.is_dictionary(array.type):
            array = as_text(array).dictionary_encode()
        entries = as_text(array.dictionary).to_pylist()
        with self.lock:
            numbers = [self._number(entry) for entry in (*entries, None)]
        return np.array(numbers, np.int64)[table.codes_of(array)]

    def _number(self, text: str | None) -> int:
        if text not in self._known:
            word = text.strip()
            if len(word) > TEXT_LIMIT:
                return TOO_LONG
            self._known[text] = self._understand(word) if word else self._known[None]
        return self._known[text]


def as_text(array: pa.Array) -> pa.Array:
    """Codes as text: whole floats lose their `.0`, lists are joined by `;`, records by `:`."""
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _joined(array)
    if pa.types.is_floating(kind):
        whole = pc.all(pc.equal(array, pc.round(array))).as_py()
        array = array.cast(pa.int64()) if whole else array
    if pa.types.is_null(kind):
        return pa.nulls(len(array), pa.string())
    return array.cast(pa.string())


def _joined(array: pa.Array) -> pa.Array:
    items = array.flatten()
    if pa.types.is_struct(items.type):
        names = [items.type.field(k).name for k in range(items.type.num_fields)]
        wanted = [pc.fill_null(items.field(name).cast(pa.string()), "")
                  if name in names else pa.array([""]).take(pa.array(np.zeros(len(items), int)))
                  for name in ("code", "from", "to")]
        items = pc.utf8_rtrim(pc.binary_join_element_wise(*wanted, ":"), ":")
    items = pc.fill_null(items.cast(pa.string()), "")
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), items), ";")


def of_names(names: tuple[str, ...], meaning: Callable[[str], str | None]) -> Callable:
    """An `understand` that gives the place of a code's name among `names`."""
    places = {name: index for index, name in enumerate(names)}
    return lambda text: places.get(meaning(text) or "", UNKNOWN)


def _known(names: dict) -> Callable[[str], str | None]:
    return lambda text: text if text in names else None


def _sex(text: str) -> str | None:
    return text if text in SEX_NAMES else SEXES.get(text)


def _class_of_person(text: str) -> str | None:
    digits = text.isascii() and text.isdigit() and len(text) in (2, 4)
    return text if text in PERSONS else person_of(text) if digits else None


def plain_tables() -> dict[str, tuple[CodeTable, tuple[str, ...]]]:
    """Field -> its table and the names its numbers stand for, for fields no pack changes."""
    places, referrals = tuple(PLACES), tuple(REFERRALS)
    levels, visits, insured = tuple(LEVELS), tuple(VISITS), tuple(INSURANCE)
    return {
        "insutype": (CodeTable(of_names(insured, lambda text: text if text in INSURANCE else
                                        INSURANCE_OF_CODE.get(text)), MISSING), insured),
        "med_type": (CodeTable(of_names(visits, lambda text: text if text in VISITS else
                                        visit_of(text)), MISSING), visits),
        "hosp_lev": (CodeTable(of_names(levels, _known(LEVELS)), levels.index("none")), levels),
        "place": (CodeTable(of_names(places, _known(PLACES)), places.index("local")), places),
        "referred": (CodeTable(of_names(referrals, lambda text: ANSWERS.get(text.lower())),
                               referrals.index("not_needed")), referrals),
        "gend": (CodeTable(of_names(SEX_NAMES, _sex), SEX_NAMES.index("unknown")), SEX_NAMES),
        "psn_type": (CodeTable(of_names(PERSON_NAMES, _class_of_person),
                               PERSON_NAMES.index("other")), PERSON_NAMES),
    }


class TagTable:
    """Sets of hospital tags, numbered as they appear; number 0 is the empty set."""

    def __init__(self) -> None:
        self.sets: list[frozenset[str]] = [frozenset()]
        self._numbers = {frozenset(): 0}
        self.codes = CodeTable(self._understand, 0)

    def _understand(self, text: str) -> int:
        tags = frozenset(word.strip() for word in text.replace("；", ";").split(";")
                         if word.strip())
        if tags not in self._numbers:
            self._numbers[tags] = len(self.sets)
            self.sets.append(tags)
        return self._numbers[tags]


class StatusTable:
    """Identities with their days of force: texts become runs of spans for `scan.status_bits`.

    `names` are the statuses and attributes that count, bit by bit; `lookback` has the bit of a
    status's look-back variant and its months.
    """

    def __init__(self, pack: Pack, names: tuple[str, ...]) -> None:
        self._bits = {name: bit for bit, name in enumerate(names)}
        self._own = {entry.name for entry in (*pack.statuses, *pack.attributes)}
        self.refusals: list[Refusal] = []
        self._months = {entry.name: self._months_of(entry.lookback_months)
                        for entry in pack.statuses if entry.lookback_months}
        self._spans: list[tuple[int, ...]] = []
        self._starts = [0, 0]
        self.codes = CodeTable(self._understand, 0)

    def _months_of(self, months: Value) -> int:
        """Months of look-back, or the negative number of the refusal when nobody set them."""
        try:
            return months.at({})
        except Refusal as refusal:
            self.refusals.append(refusal)
            return -len(self.refusals)

    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        """`span_from` and `spans` of `scan.status_bits` for all texts seen so far."""
        with self.codes.lock:
            spans = np.array(self._spans, np.int64).reshape(-1, 5)
            return np.array(self._starts, np.int64), spans

    def _understand(self, text: str) -> int:
        found = []
        for part in text.replace("；", ";").split(";"):
            if part.strip():
                span = read_status(part, self._own)
                if isinstance(span, int):
                    return span
                found.append(self._span(span))
        self._spans += found
        self._starts.append(len(self._spans))
        return len(self._starts) - 2

    def _span(self, span: StatusSpan) -> tuple[int, ...]:
        """(bit, first, last, look-back bit or -1 - number of a refusal, its first day)."""
        months, bit, first = self._months.get(span.name, 0), -1, EVER
        if months > 0 and span.first:
            bit = self._bits.get(span.name + situation.LOOKBACK, -1)
            first = _number(situation.months_before(span.first, months))
        if months < 0:
            bit = months - 1
        return (self._bits.get(span.name, -1), _number(span.first) if span.first else EVER,
                _number(span.last) if span.last else NEVER, bit, first)


def read_status(text: str, own: set[str]) -> StatusSpan | int:
    """`code`, `code:from` or `code:from:to` as a span, or the negative number of its fault.

    `own` are names a pack declares beside the vocabulary.
    """
    words = [word.strip() for word in text.strip().split(":")]
    if len(words) > 3 or not words[0]:
        return BAD_STATUS
    name = words[0] if words[0] in own else status_of(words[0])
    if name is None:
        return UNKNOWN
    try:
        first, last = (date.fromisoformat(word).isoformat() if word else ""
                       for word in (*words[1:], "", "")[:2])
    except ValueError:
        return BAD_DAY
    if first and last and last < first:
        return STATUS_ORDER
    return StatusSpan(name, first, last)


def _number(day: str) -> int:
    if day < "0001":
        return EVER
    return date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()
