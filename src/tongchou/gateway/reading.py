"""The input of a message as its handler sees it (报文读入): permissive, with what was wrong noted.

Aliases of nodes are accepted from everybody, an object where one row is sent as a list and the
reverse, fields directly under `input` where a single node is expected. Rows without any value are
no rows. Values are text; unknown keys are ignored.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import orjson

from ..money import NumberFault, scaled
from .envelope import text_of
from .nodes import Field, Node, Transaction, input_aliases
from .refusals import Declined, declined

ROWS_MAX = 20_000
_PLAIN = re.compile(r"-?(0|[1-9]\d{0,20})(\.\d{1,15})?\Z", re.ASCII)
_MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d",
            "%Y%m%d%H%M%S", "%Y%m%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d")


class Finding(NamedTuple):
    """A field that is not as the standard says: for warn_msg, for err_msg, for the console."""

    where: str
    zh: str

    def __str__(self) -> str:
        return f"{self.where} {self.zh}"


class Row(dict):
    """A row of a node: field -> text, "" where it was not given. Bytes fields keep their list;
    `children` has the rows of nodes inside it by node."""

    where: str = ""
    children: Mapping[str, tuple[Row, ...]] = {}

    def need(self, name: str) -> str:
        """A value that must be there. Raises Declined `missing-field`."""
        value = self.get(name) or ""
        if not value:
            raise declined("missing-field", f"缺少必填项 {name}", self._at(name))
        return value

    def text(self, name: str, default: str = "") -> str:
        """A value, or what stands in for it."""
        return self.get(name) or default

    def day(self, name: str, default: str = "") -> str:
        """yyyy-MM-dd. Raises Declined `bad-date`."""
        return self.moment(name, default)[:10]

    def moment(self, name: str, default: str = "") -> str:
        """yyyy-MM-ddTHH:mm:ss; a day is its beginning. Raises Declined `bad-date`."""
        value = self.get(name) or default
        if not value:
            return ""
        found = moment_of(value)
        if found is None:
            raise declined("bad-date", "日期时间格式有误，应为 yyyy-MM-dd HH:mm:ss", self._at(name))
        return found.isoformat()

    def fen(self, name: str, default: int = 0) -> int:
        """An amount in fen. Raises Declined `bad-amount`."""
        value = self.get(name) or ""
        if not value:
            return default
        try:
            return scaled(plain_number(value), 2, "an amount with two decimals")
        except (NumberFault, InvalidOperation, ValueError):
            raise declined("bad-amount", "金额格式有误，至多两位小数", self._at(name)) from None

    def _at(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name


class Input(NamedTuple):
    """The nodes of a message by their standard names, and what was found wrong with them."""

    nodes: Mapping[str, tuple[Row, ...]]

    def one(self, node: str = "data") -> Row:
        """The only row of a node; an empty one where it was not sent."""
        rows = self.nodes.get(node, ())
        return rows[0] if rows else _empty(node)

    def rows(self, node: str) -> tuple[Row, ...]:
        """All rows of a node."""
        return self.nodes.get(node, ())

    def first(self, field: str) -> str:
        """The first value of a field in any node: whose message it is."""
        return next((row[field] for rows in self.nodes.values() for row in rows[:1]
                     if row.get(field)), "")


def _empty(node: str) -> Row:
    row = Row()
    row.where = node
    return row


def read_input(given: object, model: Transaction) -> Input:
    """The nodes of an input. Raises Declined `too-many-rows`."""
    found = {}
    for place, node in enumerate(model.inputs):
        found[node.name] = _rows_of(given, node, model.infno, alone=not place)
    return Input(found)


def _rows_of(given: object, node: Node, infno: str, alone: bool) -> tuple[Row, ...]:
    return _read_rows(sent_for(given, node, infno, alone), node, "")


def _read_rows(sent: object, node: Node, inside: str) -> tuple[Row, ...]:
    many = sent if isinstance(sent, list) else [sent]
    if len(many) > ROWS_MAX:
        raise declined("too-many-rows", f"一次至多 {ROWS_MAX} 行", f"{inside}{node.name}")
    rows = tuple(row for place, one in enumerate(many) if isinstance(one, dict)
                 if (row := _row(one, node, inside, place if node.many else None)) is not None)
    return rows if node.many else rows[:1]


def sent_for(given: object, node: Node, infno: str, alone: bool) -> object:
    """What was sent for a node: under its name, an alias, or directly under input."""
    if isinstance(given, list):
        return given if alone else None
    if not isinstance(given, dict):
        return None
    for name in (node.name, *input_aliases().get((infno, node.name), ())):
        if name in given and isinstance(given[name], (dict, list)):
            return given[name]
    return given if alone and not node.known.isdisjoint(given) else None


def _row(sent: Mapping[str, object], node: Node, inside: str, place: int | None) -> Row | None:
    """A row's known fields and nodes; None where none has a value (a ghost row)."""
    row = Row()
    row.where = f"{inside}{node.name}" + ("" if place is None else f"[{place + 1}]")
    for name, value in sent.items():
        field = node.fields.get(name)
        if field is None or value is None:
            continue
        if field.kind == "b":
            row[name] = value
        elif isinstance(value, (dict, list)):
            row[name] = _nested(value) if value else ""
        else:
            row[name] = text_of(value)
    row.children = {one.name: _read_rows(sent.get(one.name), one, f"{row.where}.")
                    for one in node.children}
    return row if any(row.values()) or any(row.children.values()) else None


def _nested(value: object) -> str:
    """A value that is no value of a field, as text."""
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:              # whole numbers beyond 64 bits, half of a character
        return json.dumps(value, default=str)


# --- checks ---------------------------------------------------------------------------------------
def check(found: Input, model: Transaction) -> Iterator[Finding]:
    """What of an input is not as the model says, field by field."""
    for node in model.inputs:
        yield from _checked(found.rows(node.name), node, "")


def _checked(rows: tuple[Row, ...], node: Node, inside: str) -> Iterator[Finding]:
    if not rows and node.required:
        yield Finding(f"{inside}{node.name}", "节点缺失或为空")
    for row in rows:
        for field in node.fields.values():
            if zh := fault_of(field, row.get(field.name) or ""):
                yield Finding(f"{row.where}.{field.name}", zh)
        for child in node.children:
            yield from _checked(row.children[child.name], child, f"{row.where}.")


def fault_of(field: Field, value: object) -> str:
    """What is wrong with a value, "" when nothing is."""
    if not value:
        return "必填项为空" if field.required else ""
    if field.kind == "b":
        return ""
    text = str(value)
    if field.kind == "n":
        return _number_fault(field, text)
    if field.kind in "dt":
        return "" if moment_of(text) else "日期时间格式有误"
    return f"超过 {field.length} 位" if field.length and len(text) > field.length else ""


def _number_fault(field: Field, text: str) -> str:
    try:
        plain = plain_number(text)
    except (InvalidOperation, ValueError):
        return "不是数字"
    whole, _, rest = plain.lstrip("-").partition(".")
    if len(rest.rstrip("0")) > field.decimals:
        return f"小数超过 {field.decimals} 位"
    return f"整数超过 {field.length - field.decimals} 位" if field.length and \
        len(whole) > field.length - field.decimals else ""


def plain_number(text: str) -> str:
    """A number in plain digits: 1e2 is 100. Raises InvalidOperation, ValueError."""
    if _PLAIN.match(text):
        return text
    found = Decimal(text)
    if not found.is_finite() or abs(found.adjusted()) > 40:
        raise ValueError(text)
    return format(found, "f")


def moment_of(text: str) -> datetime | None:
    """A moment in one of the forms clients send; None where it is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0)
    except ValueError:
        pass
    for form in _MOMENTS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def day_of(text: str) -> date | None:
    """A day in one of the forms clients send."""
    found = moment_of(text)
    return found.date() if found else None


def unfit(findings: tuple[Finding, ...]) -> Declined:
    """The refusal of strictness `reject`: the first field, and how many more."""
    more = f" 等 {len(findings)} 处" if len(findings) > 1 else ""
    return declined("field-not-as-standard", f"字段不符合接口规范：{findings[0]}{more}")
