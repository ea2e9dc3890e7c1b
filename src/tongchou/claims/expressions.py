"""The right-hand sides of a mapping: renames, constants, scaled amounts, dates (映射表达式).

Every form gives a whole column at once. Amounts are scaled in exact decimals and rounded half up
to the fen, never through floats.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping as Map
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..money import AMOUNT_LIMIT_FEN
from ..policy import Node, Pack
from . import scan, table
from .check import CODES, mark_codes
from .codes import as_text
from .fields import elements, malformed, mapping, word
from .rejects import Faults, fault_of

FORMS = {"const": ("const",), "map": ("from", "map", "else"),
         "times": ("from", "of", "times", "round"), "join": ("join", "with"),
         "row": ("row",), "year": ("year", "month", "day"), "years_before": ("years_before", "of"),
         "from": ("from",)}
SOURCE_DIGITS = 6      # decimals of an amount before it is scaled
ROUNDED = {"fen": 2, "jiao": 1, "yuan": 0}
FACTOR_DIGITS = 9
IN_FORCE = "in_force"
Places = list[tuple[str, str]]


@dataclass
class Source:
    """What expressions draw on: columns of the file, fields made so far, row numbers, the pack."""

    columns: Map[str, pa.Array]
    fields: Map[str, pa.Array]
    rows: np.ndarray
    pack: Pack
    faults: Faults
    size: int


class Expression(ABC):
    """One right-hand side."""

    @abstractmethod
    def column(self, source: Source, name: str) -> pa.Array:
        """The column of field `name`; values it cannot read are marked in `source.faults`."""

    def sources(self) -> Places:
        """Columns of the file it reads, each with its place in the mapping."""
        return []

    def fields(self) -> Places:
        """Other fields of the mapping it reads."""
        return []


@dataclass(frozen=True)
class Rename(Expression):
    """`psn_no: person_id`"""

    name: str
    where: str

    def column(self, source: Source, name: str) -> pa.Array:
        """The column as it stands."""
        return source.columns[self.name]

    def sources(self) -> Places:
        """The one column."""
        return [(self.name, self.where)]


@dataclass(frozen=True)
class Constant(Expression):
    """`{const: "3"}`; `in_force` stands for the first day of the pack's force."""

    text: str

    def column(self, source: Source, name: str) -> pa.Array:
        """A dictionary of one entry."""
        text = source.pack.force_from if self.text == IN_FORCE else self.text
        return pa.DictionaryArray.from_arrays(np.zeros(source.size, np.int32), pa.array([text]))


@dataclass(frozen=True)
class Translated(Expression):
    """`{from: sex, map: {M: "1", F: "2"}, else: "9"}`; without `else` others are unknown codes."""

    name: str
    words: dict[str, str]
    otherwise: str | None
    where: str

    def column(self, source: Source, name: str) -> pa.Array:
        """Every distinct value translated once."""
        array = source.columns[self.name]
        if not pa.types.is_dictionary(array.type):
            array = as_text(array).dictionary_encode()
        entries = as_text(array.dictionary).to_pylist()
        known = {text: number for number, text in enumerate(dict.fromkeys(
            [*self.words.values(), *([self.otherwise] if self.otherwise else [])]))}
        found = [self.words.get((entry or "").strip(), self.otherwise) for entry in entries]
        lut = np.array([-1 if text is None else known[text] for text in found]
                       + [-1 if self.otherwise is None else known[self.otherwise]], np.int64)
        codes = lut[table.codes_of(array)]
        there = ~table.nulls(array)
        source.faults.mark((codes < 0) & there,
                           fault_of("unknown-code", name, source.columns[self.name]))
        return pa.DictionaryArray.from_arrays(
            pa.array(codes.clip(0).astype(np.int32), mask=codes < 0),
            pa.array([*known], pa.string()))

    def sources(self) -> Places:
        """The column translated."""
        return [(self.name, self.where)]


@dataclass(frozen=True)
class Scaled(Expression):
    """`{from: usd, times: 1.053, round: fen}`, or `of:` another amount field of the mapping."""

    name: str
    of_field: bool
    factor: Decimal
    digits: int
    where: str

    def column(self, source: Source, name: str) -> pa.Array:
        """Amount x factor, exact, rounded half up; a missing amount stays missing."""
        array = (source.fields if self.of_field else source.columns)[self.name]
        numbers = table.amounts(array, SOURCE_DIGITS)
        mark_codes(source.faults, numbers, name, array,
                   {code: word for code, word in CODES.items() if code != scan.MISSING})
        wanted = np.zeros(source.size, np.bool_) if numbers.code is None else numbers.code != 0
        exact = pc.multiply(_decimals(numbers.values, SOURCE_DIGITS),
                            pa.scalar(self.factor))
        rounded = pc.round(exact, ndigits=self.digits, round_mode="half_towards_infinity")
        big = pc.greater(pc.abs(rounded), Decimal(AMOUNT_LIMIT_FEN * 10))
        too_large = big.to_numpy(zero_copy_only=False)
        source.faults.mark(too_large, fault_of("amount-too-large", name, array))
        fen = pc.if_else(pa.array(too_large | wanted), pa.scalar(None, rounded.type), rounded)
        return fen.cast(pa.decimal128(38, 2))

    def sources(self) -> Places:
        """The column scaled, unless it is a field."""
        return [] if self.of_field else [(self.name, self.where)]

    def fields(self) -> Places:
        """The field scaled, if it is one."""
        return [(self.name, self.where)] if self.of_field else []


@dataclass(frozen=True)
class Joined(Expression):
    """`{join: [person, year, kind], with: "-"}`: an id made of several columns."""

    names: tuple[str, ...]
    separator: str
    where: str

    def column(self, source: Source, name: str) -> pa.Array:
        """Text; missing where one of its pieces is missing."""
        pieces = [as_text(source.columns[part]) for part in self.names]
        return pc.binary_join_element_wise(*pieces, self.separator)

    def sources(self) -> Places:
        """The columns joined."""
        return [(part, self.where) for part in self.names]


@dataclass(frozen=True)
class RowNumber(Expression):
    """`{row: R}`: the row number in the file behind a prefix, for files whose rows have no id."""

    prefix: str

    def column(self, source: Source, name: str) -> pa.Array:
        """Text such as `R17`."""
        rows = pa.array(source.rows).cast(pa.string())
        return pc.binary_join_element_wise(pa.scalar(self.prefix), rows, "")


@dataclass(frozen=True)
class Number:
    """A whole number of a date: written, or a column plus a written number."""

    name: str
    plus: int
    where: str

    def values(self, source: Source, field: str) -> np.ndarray:
        """int64[n]; rows without a readable number are marked."""
        if not self.name:
            return np.full(source.size, self.plus, np.int64)
        array = source.columns[self.name]
        numbers = table.amounts(array, 0)
        if numbers.code is not None:
            source.faults.mark(numbers.code != scan.FINE, fault_of("bad-date", field, array))
        return numbers.values + self.plus


@dataclass(frozen=True)
class CivilDate(Expression):
    """`{year: y, month: 6, day: 15}`; each a number, a column or `{from: .., plus: ..}`."""

    pieces: tuple[Number, Number, Number]

    def column(self, source: Source, name: str) -> pa.Array:
        """date32; rows without such a day are marked."""
        year, month, day = (piece.values(source, name) for piece in self.pieces)
        return _dates(year, month, day, source, name)

    def sources(self) -> Places:
        """The columns of its pieces."""
        return [(piece.name, piece.where) for piece in self.pieces if piece.name]


@dataclass(frozen=True)
class YearsBefore(Expression):
    """`{years_before: age, of: begndate}`: born so many years before a day (29 February: the 28th).

    `of: in_force` counts from the first day of the pack's force, the same for all rows.
    """

    years: Number
    name: str
    where: str

    def column(self, source: Source, name: str) -> pa.Array:
        """date32"""
        array = Constant(self.name).column(source, name) if self.name == IN_FORCE \
            else source.fields[self.name]
        day = table.days(array)
        missing = np.zeros(source.size, np.bool_) if day.code is None else day.code != 0
        dates = day.values.astype("datetime64[D]")
        month = dates.astype("datetime64[M]").astype(np.int64)
        year, month = month // 12 + 1970, month % 12 + 1
        number = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
        number = np.where((month == 2) & (number == 29), 28, number)
        found = _dates(year - self.years.values(source, name), month, number, source, name)
        return pc.if_else(pa.array(missing), pa.scalar(None, pa.date32()), found)

    def sources(self) -> Places:
        """The column of ages."""
        return [(self.years.name, self.where)] if self.years.name else []

    def fields(self) -> Places:
        """The day counted back from."""
        return [(self.name, self.where)] if self.name != IN_FORCE else []


def _decimals(values: np.ndarray, digits: int) -> pa.Array:
    words = np.empty((len(values), 2), np.int64)
    words[:, 0], words[:, 1] = values, values >> 63
    return pa.Array.from_buffers(pa.decimal128(19, digits), len(values),
                                 [None, pa.py_buffer(words)])


def _dates(year: np.ndarray, month: np.ndarray, day: np.ndarray, source: Source,
           name: str) -> pa.Array:
    found = scan.day_numbers(year, month, day)
    bad = found < table.FIRST_DAY
    source.faults.mark(bad, fault_of("bad-date", name))
    return pa.array(np.where(bad, 0, found).astype(np.int32), mask=bad).cast(pa.date32())


def read_expression(node: Node, field: str) -> Expression:
    """The right-hand side at a node. Raises CaseError with line and column."""
    if node.items is None:
        return Rename(word(node, field), node.where)
    form = next((form for form in FORMS if form in node.items), None)
    if form is None:
        raise malformed(node, "unknown-form", f"{field}: nothing says where it comes from",
                        f"Write a column name, or one of {', '.join(FORMS)}.")
    items = mapping(node, field, FORMS[form])
    return _READERS[form](node, items, field)


def _read_scaled(node: Node, items: dict[str, Node], field: str) -> Expression:
    if ("from" in items) == ("of" in items):
        raise malformed(node, "from-or-of", f"{field}: `times` needs `from:` (a column of the file)"
                        " or `of:` (a field of this mapping)", "Keep one of them.")
    rounded = word(items["round"], "round") if "round" in items else "fen"
    if rounded not in ROUNDED:
        raise malformed(items["round"], "unknown-rounding", f"{field}: round to {rounded!r}?",
                        f"One of {', '.join(ROUNDED)}.")
    key = "of" if "of" in items else "from"
    factor = decimal_of(items["times"], "times")
    if not 0 <= factor < 1_000_000:
        raise malformed(items["times"], "factor-out-of-range", f"{field}: times {factor}?",
                        "Write a factor from 0 to 1,000,000.")
    return Scaled(word(items[key], key), key == "of", factor, ROUNDED[rounded],
                  items[key].where)


def _read_translated(node: Node, items: dict[str, Node], field: str) -> Expression:
    if "from" not in items:
        raise malformed(node, "missing-field", f"{field}: `map` needs `from: COLUMN`", "Add it.")
    table_node = items["map"]
    words = {key: word(child, "a value of map")
             for key, child in mapping(table_node, "map", table_node.items or ()).items()}
    otherwise = word(items["else"], "else") if "else" in items else None
    return Translated(word(items["from"], "from"), words, otherwise, items["from"].where)


def _read_date(node: Node, items: dict[str, Node], field: str) -> Expression:
    for key in ("month", "day"):
        if key not in items:
            raise malformed(node, "missing-field", f"{field}: a date needs `{key}`",
                            f"Add `{key}: 1`.")
    return CivilDate(tuple(_number(items[key], key) for key in ("year", "month", "day")))


def _number(node: Node, what: str) -> Number:
    if node.items is not None:
        items = mapping(node, what, ("from", "plus"))
        if set(items) != {"from", "plus"}:
            raise malformed(node, "from-and-plus", f"{what} needs `from` and `plus`",
                            "Write {from: COLUMN, plus: 2022}.")
        return Number(word(items["from"], "from"), int(decimal_of(items["plus"], "plus")),
                      node.where)
    text = word(node, what)
    if text.isascii() and text.isdigit():
        return Number("", int(text[:9]), node.where)
    return Number(text, 0, node.where)


def decimal_of(node: Node, what: str) -> Decimal:
    """The exact number at a node; a percentage counts as its hundredth."""
    text = word(node, what)
    try:
        number = Decimal(text.removesuffix("%"))
        number = number.scaleb(-2) if text.endswith("%") else number
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or len(text) > 20 or -number.as_tuple().exponent > FACTOR_DIGITS:
        raise malformed(node, "bad-number", f"{what}: {text[:40]!r} is not a number",
                        "Write for example 1.053 or 5%.")
    return number


def _read_join(node: Node, items: dict[str, Node], field: str) -> Expression:
    names = tuple(word(part, "join") for part in elements(items["join"], "join"))
    separator = items["with"].text if "with" in items else "-"
    return Joined(names, separator or "", node.where)


_READERS = {
    "const": lambda node, items, field: Constant(word(items["const"], "const")),
    "map": _read_translated, "times": _read_scaled, "join": _read_join,
    "row": lambda node, items, field: RowNumber(word(items["row"], "row")),
    "year": _read_date,
    "years_before": lambda node, items, field: YearsBefore(
        _number(items["years_before"], "years_before"),
        word(items["of"], "of") if "of" in items else "begndate",
        items["of"].where if "of" in items else node.where),
    "from": lambda node, items, field: Rename(word(items["from"], "from"), items["from"].where),
}
