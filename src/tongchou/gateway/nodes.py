"""Fields and nodes of the transactions offered, and what clients call the nodes (字段与节点).

`fields/*.txt` is our own model of every transaction offered, in a form to read and to write:

    2201 门诊挂号
    in data 1
      psn_no*:s30 insutype*:s6 begntime*:t
    out data 1
      mdtrt_id*:s30 psn_no*:s30
    @setlinfo                    a group of fields ...
      medfee_sumamt*:n16.2
    out setlinfo 1
      mdtrt_id*:s30 @setlinfo    ... used

A star: required by the standard. Kinds: s text with its length, n number with digits and decimals,
d date, t moment, b bytes. `1` one row, `*` many, and a name after that: the node lies inside each
row of that one; `.` as a node: the fields lie under input or output itself; `=OTHER` after the
number: the same nodes as transaction OTHER. Names, kinds and lengths are facts of the national
interface (edition V1.1.27); `dialects.csv` says which client calls a node otherwise.
"""
from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import NamedTuple

HERE = "."                     # a node without a name: its fields lie directly there
_FIELD = re.compile(r"([A-Za-z_][\w-]*)(\*?):([sndtb])(\d*)(?:\.(\d+))?\Z")


class Field(NamedTuple):
    """One field: its kind (s, n, d, t, b), length or digits, decimals, whether required."""

    name: str
    kind: str
    length: int = 0
    decimals: int = 0
    required: bool = False


@dataclass(frozen=True, eq=False)
class Node:
    """A node of input or output: `many` rows, its fields by name, nodes that lie inside a row. Each
    is itself alone, so that what is made of a node can be kept with it."""

    name: str
    many: bool
    fields: Mapping[str, Field]
    children: tuple[Node, ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the fields the standard requires."""
        return tuple(one.name for one in self.fields.values() if one.required)

    @cached_property
    def known(self) -> frozenset[str]:
        """Names of fields and of nodes inside: what shows that a node is meant."""
        return frozenset((*self.fields, *(one.name for one in self.children)))


class Transaction(NamedTuple):
    """A transaction offered: its number, name, and the nodes of both directions."""

    infno: str
    name: str
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]


@cache
def transactions() -> Mapping[str, Transaction]:
    """infno -> Transaction of everything with a model."""
    found: dict[str, Transaction] = {}
    for file in sorted((files(__package__) / "fields").iterdir(), key=lambda one: one.name):
        if file.name.endswith(".txt"):
            _read(file.read_text("utf-8"), file.name, found)
    return found


def _read(text: str, where: str, found: dict[str, Transaction]) -> None:
    """Adds the transactions of one file."""
    groups: dict[str, list[Field]] = {}
    infno, name, nodes, target = "", "", {"in": [], "out": []}, None
    same: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if line[0].isdigit():
            infno, _, other = words[0].partition("=")
            name, nodes = words[1], {"in": [], "out": []}
            found[infno] = Transaction(infno, name, nodes["in"], nodes["out"])
            same += [(infno, other)] if other else []
        elif words[0] in nodes:
            target = []
            nodes[words[0]].append((words[1], words[2] == "*", target, "".join(words[3:])))
        elif line[0] == "@":
            target = groups.setdefault(words[0], [])
        else:
            assert target is not None, f"{where}:{number}"
            target += [field for word in words for field in _fields(word, groups, where, number)]
    for infno, other in same:
        found[infno] = Transaction(infno, found[infno].name, found[other].inputs,
                                   found[other].outputs)
    for infno, one in found.items():
        if isinstance(one.inputs, list):
            found[infno] = one._replace(inputs=_nodes(one.inputs), outputs=_nodes(one.outputs))


def _nodes(rows: list[tuple[str, bool, list[Field], str]], inside: str = "",
           ) -> tuple[Node, ...]:
    return tuple(Node(name, many, {one.name: one for one in fields}, _nodes(rows, name))
                 for name, many, fields, parent in rows if parent == inside)


def _fields(word: str, groups: Mapping[str, list[Field]], where: str, number: int,
            ) -> Iterator[Field]:
    if word[0] == "@":
        yield from groups[word]
        return
    match = _FIELD.match(word)
    assert match, f"{where}:{number}: {word}"
    name, star, kind, length, decimals = match.groups()
    yield Field(name, kind, int(length or 0), int(decimals or 0), bool(star))


# --- what clients call a node -------------------------------------------------------------------
@cache
def _alias_rows() -> tuple[Mapping[str, str], ...]:
    text = (files(__package__) / "dialects.csv").read_text("utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


@cache
def input_aliases() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """(infno, node) -> other names under which any client may send it."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in _alias_rows():
        if row["side"] == "in":
            found.setdefault((row["infno"], row["node"]), []).append(row["alias"])
    return {key: tuple(names) for key, names in found.items()}


@cache
def input_names(dialect: str) -> Mapping[tuple[str, str], str]:
    """(infno, node) -> the name a dialect sends it under; "." puts the fields under input itself.
    """
    return _names(dialect, "in")


@cache
def output_names(dialect: str) -> Mapping[tuple[str, str], str]:
    """(infno, node) -> the name a dialect reads it under; "." puts the rows under output itself."""
    return _names(dialect, "out")


def _names(dialect: str, side: str) -> Mapping[tuple[str, str], str]:
    return {(row["infno"], row["node"]): row["alias"] for row in _alias_rows()
            if row["side"] == side and row["dialect"] == dialect}


@cache
def unsaid(dialect: str) -> Mapping[tuple[str, str], str]:
    """(infno, field) -> what a dialect means that has no such field."""
    return {(row["infno"], row["node"]): row["alias"] for row in _alias_rows()
            if row["side"] == "unsaid" and row["dialect"] == dialect}


DIALECTS = ("standard", *sorted({row["dialect"] for row in _alias_rows()}))


@cache
def names_of_all() -> Mapping[str, str]:
    """infno -> 中文 of every transaction of the interface, offered or not."""
    text = (files(__package__) / "transactions.csv").read_text("utf-8")
    return {row["infno"]: row["name"] for row in csv.DictReader(io.StringIO(text))}
