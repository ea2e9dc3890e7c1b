"""Rules and figures read from YAML with their places: nothing is guessed, nothing is left unsaid.

A key that is missing or null is *unset*: the run that needs it stops and names it.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import CaseError, Refusal
from ...money import PPM, NumberFault, parse_percent, scaled
from ...policy import Node, parse_yaml, read_text, suggest

GRADES = ("A", "B", "C", "X")
YUAN_DIGITS, POINT_DIGITS, MICRO_DIGITS = 2, 3, 6
FIGURE_LIMIT = 10 ** 15        # fen, thousandths or millionths: above every fund; keeps int64 exact


@dataclass(frozen=True)
class Basis:
    """Where a rule comes from: its document, the grade of that, and its place in the file.

    Grades as in the fact sheets: A agency page, B newspaper, C aggregator, X invented or assumed.
    """

    source: str
    grade: str
    place: str


def malformed(where: str, message: str, hint: str) -> CaseError:
    """The fault of a file of rules or figures that cannot be read as one."""
    return CaseError("bad-payment-file", message, where, hint=hint)


def unset(name: str, where: str, clause: str = "") -> Refusal:
    """The refusal of a run that needs what nobody has set."""
    return Refusal("unset-payment-rule", f"{name} is not set 未设定", where, clause,
                   f"Set {name} in the region's file with its source; nothing is assumed here.")


class Section:
    """One mapping of a file; `name` is its path in the file, for people."""

    def __init__(self, node: Node, name: str) -> None:
        if node.items is None:
            raise malformed(node.where, f"{name} must be a mapping, here stands {node.kind()}",
                            "Write `key: value` lines.")
        self.node, self.name = node, name
        self.seen: set[str] = set()

    @property
    def where(self) -> str:
        """`file:line:column`."""
        return self.node.where

    def has(self, key: str) -> bool:
        """Whether a key is there and set."""
        self.seen.add(key)
        found = self.node.items.get(key)
        return found is not None and not found.is_null

    def keys(self) -> list[str]:
        """All keys, each taken as read."""
        self.seen.update(self.node.items)
        return list(self.node.items)

    def _node(self, key: str) -> Node:
        if not self.has(key):
            raise unset(f"{self.name}.{key}", self.where)
        return self.node.items[key]

    def text(self, key: str) -> str:
        """A plain word or sentence."""
        found = self._node(key)
        if found.text is None:
            raise malformed(found.where, f"{self.name}.{key} must be one value, here stands "
                            f"{found.kind()}", "Write one plain value.")
        return found.text

    def word(self, key: str, known: Iterable[str]) -> str:
        """A word out of a list."""
        found, known = self.text(key), list(known)
        if found not in known:
            raise malformed(self.node.items[key].where, f"{found[:60]!r} is no {key}",
                            suggest(found[:60], known))
        return found

    def yes(self, key: str) -> bool:
        """`yes` or `no`."""
        return self.word(key, ("yes", "no")) == "yes"

    def _number(self, key: str, read: Callable[[str], int], hint: str) -> int:
        try:
            found = read(self.text(key))
        except NumberFault as fault:
            raise malformed(self.node.items[key].where, f"{self.name}.{key}: {fault}",
                            hint) from None
        if found < 0:
            raise malformed(self.node.items[key].where, f"{self.name}.{key} is negative", hint)
        if found > FIGURE_LIMIT:
            raise malformed(self.node.items[key].where, f"{self.name}.{key} is larger than any "
                            "figure of a fund", hint)
        return found

    def yuan(self, key: str) -> int:
        """Fen of an amount in yuan; never negative."""
        return self._number(key, lambda text: scaled(text, YUAN_DIGITS, "an amount in yuan"),
                            "Write yuan such as 1250000.50.")

    def points_milli(self, key: str) -> int:
        """Thousandths of points."""
        return self._number(key, lambda text: scaled(text, POINT_DIGITS, "a number of points"),
                            "Write points such as 812500.125.")

    def ppm(self, key: str, most_ppm: int = PPM) -> int:
        """Parts per million of a percentage, at most 100% unless said."""
        found = self._number(key, parse_percent, "Write a percentage such as 5%.")
        if found > most_ppm:
            raise malformed(self.node.items[key].where, f"{self.text(key)} is too much",
                            f"Write at most {most_ppm // 10_000}%.")
        return found

    def micro(self, key: str) -> int:
        """Millionths of an amount in yuan: the value of a point."""
        return self._number(key, lambda text: scaled(text, MICRO_DIGITS, "a value in yuan"),
                            "Write yuan such as 8.523611.")

    def signed_ppm(self, key: str) -> int:
        """Parts per million of a percentage that may be below 0%."""
        text = self.text(key)
        size = self._number(key, lambda found: parse_percent(found.removeprefix("-")),
                            "Write a percentage such as 5% or -1.5%.")
        return -size if text.startswith("-") else size

    def count(self, key: str) -> int:
        """A whole number, 0 or more."""
        return self._number(key, lambda text: scaled(text, 0, "a whole number"),
                            "Write a whole number such as 30.")

    def counts(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        found = self._node(key)
        parts = [part.text or "" for part in found.elements or ()]
        if not parts or not all(part.isascii() and part.isdigit() for part in parts):
            raise malformed(found.where, f"{self.name}.{key} must be a list of whole numbers",
                            "Write [1, 2, 7].")
        return tuple(map(int, parts))

    def words(self, key: str) -> tuple[str, ...]:
        """A list of words."""
        found = self._node(key)
        if found.elements is None or any(part.text is None for part in found.elements):
            raise malformed(found.where, f"{self.name}.{key} must be a list", "Write [a, b].")
        return tuple(part.text or "" for part in found.elements)

    def section(self, key: str) -> "Section":
        """A mapping below this one."""
        return Section(self._node(key), f"{self.name}.{key}" if self.name else key)

    def rows(self, key: str) -> list["Section"]:
        """A list of mappings."""
        found = self._node(key)
        if found.elements is None:
            raise malformed(found.where, f"{key} must be a list, here stands {found.kind()}",
                            "Write lines beginning with `- `.")
        name = f"{self.name}.{key}" if self.name else key
        return [Section(part, f"{name}[{place}]") for place, part in enumerate(found.elements, 1)]

    def basis(self) -> Basis:
        """`source` and `grade`, which every rule carries."""
        return Basis(self.text("source"), self.word("grade", GRADES), self.name)

    def done(self) -> None:
        """Refuses keys that nothing has read."""
        for key in self.node.items:
            if key not in self.seen:
                raise malformed(self.node.where_of(key), f"{self.name or 'the file'} has no key "
                                f"`{key[:60]}`", suggest(key[:60], sorted(self.seen)))


def open_section(path: Path) -> Section:
    """The top mapping of a YAML file. Raises CaseError for what cannot be read."""
    return Section(parse_yaml(read_text(path), str(path), CaseError), "")
