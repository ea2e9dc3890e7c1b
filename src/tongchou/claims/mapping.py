"""Mapping files: how the columns of somebody's file become the fields of a claim (列映射).

Read once into small records, applied to every batch as whole columns. What a mapping assumes is
written in it (`assumptions:`) and repeated in every output. See docs/claims-files.md.
"""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import CaseError
from ..policy import Node, Pack, parse_yaml, read_text, suggest
from . import scan, table
from .check import FACT, FIELDS
from .expressions import Expression, Rename, Source, decimal_of, read_expression
from .fields import elements, malformed, mapping, needed, optional, word
from .rejects import Fault, Faults

KEYS = ("pack", "profile", "columns", "where", "assumptions", "note")
MICRO = 6
FILTERS = ("column", "in", "not_in", "at_least", "at_most", "present", "reason")


@dataclass(frozen=True)
class Filter:
    """Rows that count: those whose column passes; the others are rejected for the reason."""

    column: str
    admitted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    at_least: int | None = None               # micro-units: the number times 10^6
    at_most: int | None = None
    present: bool = False
    reason: str = ""

    def passes(self, array: pa.Array) -> np.ndarray:
        """bool[n]"""
        found = ~table.nulls(array) if self.present else np.ones(len(array), np.bool_)
        if self.admitted or self.refused:
            text = array.cast(pa.string())
            among = pc.is_in(text, pa.array(self.admitted or self.refused, pa.string()))
            listed = among.to_numpy(zero_copy_only=False)
            found &= listed if self.admitted else ~listed
        if self.at_least is not None or self.at_most is not None:
            numbers = table.amounts(array, MICRO)
            # What is no number passes: the field made of it says so more plainly.
            unreadable = False if numbers.code is None else numbers.code != scan.FINE
            if self.at_least is not None:
                found &= (numbers.values >= self.at_least) | unreadable
            if self.at_most is not None:
                found &= (numbers.values <= self.at_most) | unreadable
        return found


@dataclass(frozen=True)
class Mapping:
    """Fields and what they are made of; without a mapping every field is the column of its name."""

    expressions: dict[str, Expression] = field(default_factory=dict)
    filters: tuple[Filter, ...] = ()
    assumptions: tuple[str, ...] = ()
    digest: str = ""
    file: str = ""
    pack: str = ""
    profile: str = ""

    def columns_read(self, present: list[str]) -> list[str]:
        """Columns of a file this mapping (or a field without one) reads, in the file's order.

        Raises CaseError for a column the mapping names and the file lacks.
        """
        wanted = {name for name in present
                  if (name in FIELDS or name.startswith(FACT)) and name not in self.expressions}
        for expression in self.expressions.values():
            for name, where in expression.sources():
                if name not in present:
                    raise _no_column(name, where, present)
                wanted.add(name)
            for name, where in expression.fields():
                if name not in self.expressions and name not in wanted:
                    raise CaseError("unknown-field", f"no field `{name}` is made here or stands "
                                    "in the file", where, hint=suggest(name, self.expressions))
        for rule in self.filters:
            if rule.column not in present:
                raise _no_column(rule.column, self.file, present)
            wanted.add(rule.column)
        return [name for name in present if name in wanted]

    def text_id(self, name: str, schema: pa.Schema) -> bool:
        """Whether the ids of a field are text: anything but a column of whole numbers."""
        expression = self.expressions.get(name)
        if isinstance(expression, Rename):
            name = expression.name
        elif expression is not None:
            return True
        return name in schema.names and not table.are_integers(schema.field(name).type)

    def apply(self, batch: pa.RecordBatch, rows: np.ndarray, pack: Pack, faults: Faults,
              ) -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
        """Fields of a batch, and for each the column to quote in rejects. Marks filtered rows
        and values an expression cannot read."""
        columns = {name: batch.column(index) for index, name in enumerate(batch.schema.names)}
        fields = {name: array for name, array in columns.items()
                  if name not in self.expressions}
        shown = dict(fields)
        for rule in self.filters:
            faults.mark(~rule.passes(columns[rule.column]), Fault(
                "left-out", rule.column, rule.reason, "The mapping leaves such rows out.", "",
                columns[rule.column]))
        source = Source(columns, fields, rows, pack, faults, batch.num_rows)
        for name, expression in self.expressions.items():
            fields[name] = expression.column(source, name)
            quoted = next((columns[known] for known, _ in expression.sources()), fields[name])
            shown[name] = quoted
        return fields, shown


def _no_column(name: str, where: str, present: list[str]) -> CaseError:
    return CaseError("unknown-column", f"the claims file has no column `{name}`", where,
                     hint=suggest(name, present))


def read_mapping(path: str | Path) -> Mapping:
    """The mapping of a file. Raises CaseError with line and column."""
    text = read_text(path)
    return mapping_of(parse_yaml(text, str(path), CaseError))


def mapping_of(root: Node) -> Mapping:
    """The mapping at a node tree (tests and callers that have text)."""
    items = mapping(root, "a mapping file", KEYS)
    columns = items.get("columns")
    expressions = {}
    for name, node in (mapping(columns, "columns", _fields_known(columns)).items()
                       if columns is not None and not columns.is_null else ()):
        expressions[name] = read_expression(node, name)
    filters = tuple(_read_filter(node) for node in elements(items["where"], "where")) \
        if optional(items, "where") else ()
    said = tuple(word(node, "an assumption") for node in
                 elements(items["assumptions"], "assumptions")) \
        if optional(items, "assumptions") else ()
    plain = json.dumps(root.plain(), sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(plain.encode()).hexdigest()[:16]
    named = {key: word(items[key], key) if optional(items, key) else ""
             for key in ("pack", "profile")}
    return Mapping(_ordered(expressions), filters, said, digest, root.file, **named)


def _fields_known(columns: Node) -> list[str]:
    facts = [name for name in columns.items or {} if name.startswith(FACT)]
    return [*FIELDS, *facts]


def _ordered(expressions: dict[str, Expression]) -> dict[str, Expression]:
    """Fields in the order in which they can be made: one that uses another comes after it."""
    done: dict[str, Expression] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in done:
            return
        for used, where in expressions[name].fields():
            if used in above or used == name:
                raise CaseError("mapping-loop", f"`{name}` is made of itself", where,
                                hint="Break the circle of `of:`.")
            if used in expressions:
                add(used, (*above, name))
        done[name] = expressions[name]

    for name in expressions:
        add(name, ())
    return done


def _read_filter(node: Node) -> Filter:
    items = mapping(node, "a line of where", FILTERS)
    tests = [key for key in FILTERS if key in items and key not in ("column", "reason")]
    if not tests:
        raise malformed(node, "no-test", "this line of where tests nothing",
                        f"Add one of {', '.join(FILTERS[1:-1])}.")
    bounds = {key: _micro(items[key], key) for key in ("at_least", "at_most") if key in items}
    lists = {key: tuple(word(part, key) for part in elements(items[key], key))
             for key in ("in", "not_in") if key in items}
    if len(lists) == 2:
        raise malformed(node, "one-list", "`in` and `not_in` stand together", "Keep one.")
    return Filter(word(needed(node, "a line of where", "column"), "column"), lists.get("in", ()),
                  lists.get("not_in", ()), bounds.get("at_least"), bounds.get("at_most"),
                  "present" in items,
                  word(needed(node, "a line of where", "reason"), "reason"))


def _micro(node: Node, what: str) -> int:
    return int(decimal_of(node, what).scaleb(MICRO))
