"""Replies as the standard wants them (报文写出): every field there, numbers as numbers.

An empty number is 0, any other empty field an empty string. Amounts are exact: their text becomes
the number of the message as it is. Misspelt keys of the standard stand beside the right ones.
"""
from __future__ import annotations

from collections.abc import Mapping
from decimal import InvalidOperation
from functools import cache, lru_cache

import orjson

from .nodes import HERE, Field, Node, Transaction, output_names
from .reading import plain_number

ZERO = orjson.Fragment(b"0")
# Key of the standard -> the key that was meant (README 7). Both are served.
MISSPELT = {"pdn_cash_pay": "psn_cash_pay", "dld_endtime": "dld_end_time"}


def written(answer: Mapping[str, object], model: Transaction, dialect: str) -> object:
    """The output node by node, in the names of the caller."""
    names, found = output_names(dialect), {}
    for node in model.outputs:
        if node.name not in answer and not node.required:
            continue
        rows = _rows(answer.get(node.name), node)
        name = names.get((model.infno, node.name), node.name)
        if name == HERE:
            if node.many:
                return rows
            found.update(rows)
        else:
            found[name] = rows
    return found


def _rows(given: object, node: Node) -> object:
    if node.many:
        return [_row(one, node) for one in given or ()]
    return _row(given or {}, node)


def _row(given: Mapping[str, object], node: Node) -> dict[str, object]:
    fields, row = node.fields, dict(_blank(node))
    for name, value in given.items():
        field = fields.get(name)
        if field is not None and value is not None:
            row[name] = _number(value) if field.kind == "n" else shown(value, field)
    for wrong, right in MISSPELT.items():
        if wrong in fields and given.get(right) is not None:
            row[right] = shown(given[right], fields[wrong])
            if given.get(wrong) is None:
                row[wrong] = row[right]
    for child in node.children:
        row[child.name] = _rows(given.get(child.name), child)
    return row


@cache
def _blank(node: Node) -> Mapping[str, object]:
    """A row of a node in which nothing is given."""
    return {name: shown(None, field) for name, field in node.fields.items()}


def shown(value: object, field: Field) -> object:
    """A value in the type of its field."""
    if field.kind == "n":
        return _number(value)
    if value is None:
        return ""
    if field.kind == "s":
        return str(value)
    if field.kind == "d":
        return str(value)[:10]
    if field.kind == "t":
        return str(value)[:19].replace("T", " ")
    return value if field.kind == "b" else str(value)


def _number(value: object) -> object:
    return _fragment(value) if isinstance(value, str) else \
        ZERO if value is None else _fragment(str(value))


@lru_cache(maxsize=4096)                 # most amounts of a reply are the same few: 0.00
def _fragment(text: str) -> object:
    try:
        return orjson.Fragment(plain_number(text)) if text else ZERO
    except (InvalidOperation, ValueError):
        return ZERO          # what a client registered where a number belongs counts as empty
