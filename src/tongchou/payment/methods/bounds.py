"""Stretches of numbers with their comparison signs: `< 50%`, `> 200% <= 500%`, `1-60` (界限).

Whether a bound itself belongs is written, never guessed: half of a score may hang on the sign.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...money import AMOUNT_LIMIT_FEN, NumberFault, parse_percent, scaled
from ..clearing.reading import Section, malformed

WEIGHT_DIGITS = 6
FUND_LIMIT_FEN = 10 ** 17     # keeps sums of a year inside int64
_PARTS = re.compile(r"(<=|>=|<|>)\s*([^\s<>=]+)")
_SPAN = re.compile(r"(\d+)\s*-\s*(\d+)\Z")
_HINT = "Write signs and numbers such as `< 50%`, `> 2 <= 5`, or `1-60` with both ends inside."


@dataclass(frozen=True)
class Bounds:
    """Numbers from `low` to `high` (None: open); `low_in` and `high_in`: the end belongs."""

    low: int | None = None
    high: int | None = None
    low_in: bool = False
    high_in: bool = False

    def holds(self, numbers: np.ndarray, unit: np.ndarray | int = 1) -> np.ndarray:
        """bool[n]: numbers / unit lies inside; both int64, unit > 0, no product beyond int64."""
        inside = np.ones(len(numbers), np.bool_)
        if self.low is not None:
            edge = self.low * unit
            inside &= numbers >= edge if self.low_in else numbers > edge
        if self.high is not None:
            edge = self.high * unit
            inside &= numbers <= edge if self.high_in else numbers < edge
        return inside

    def meets(self, other: "Bounds") -> bool:
        """Whether some number lies in both."""
        return not (self._below(other) or other._below(self))

    def _below(self, other: "Bounds") -> bool:
        if self.high is None or other.low is None:
            return False
        return self.high < other.low or (
            self.high == other.low and not (self.high_in and other.low_in))

    def empty(self) -> bool:
        """Whether no number lies inside."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (
            self.low == self.high and not (self.low_in and self.high_in))


def price_fen(section: Section, key: str) -> int:
    """Fen of what one case, day or head costs; no more than any bill."""
    return _at_most(section, key, AMOUNT_LIMIT_FEN)


def fund_fen(section: Section, key: str) -> int:
    """Fen of a fund's or a hospital's year."""
    return _at_most(section, key, FUND_LIMIT_FEN)


def _at_most(section: Section, key: str, most_fen: int) -> int:
    found = section.yuan(key)
    if found > most_fen:
        raise malformed(section.node.items[key].where, f"{section.name}.{key} is larger than any "
                        "such amount", "Check the unit; amounts are in yuan.")
    return found


def percents(section: Section, key: str) -> Bounds:
    """A stretch of percentages, in parts per million."""
    return _read(section, key, parse_percent)


def weights(section: Section, key: str) -> Bounds:
    """A stretch of weights, in millionths."""
    return _read(section, key, lambda text: scaled(text, WEIGHT_DIGITS, "a weight"))


def days(section: Section, key: str) -> Bounds:
    """A stretch of whole days."""
    return _read(section, key, lambda text: scaled(text, 0, "a number of days"))


def _read(section: Section, key: str, number: Callable[[str], int]) -> Bounds:
    text = section.text(key).strip()
    where, name = section.node.items[key].where, f"{section.name}.{key}"
    try:
        found = _span(text, number) or _signs(text, number)
    except NumberFault as fault:
        raise malformed(where, f"{name}: {fault}", _HINT) from None
    if found is None or found.empty():
        raise malformed(where, f"{name}: {text[:60]!r} is no stretch of numbers", _HINT)
    return found


def _span(text: str, number: Callable[[str], int]) -> Bounds | None:
    found = _SPAN.match(text)
    return Bounds(number(found[1]), number(found[2]), True, True) if found else None


def _signs(text: str, number: Callable[[str], int]) -> Bounds | None:
    parts = _PARTS.findall(text)
    if not parts or _PARTS.sub("", text).strip():
        return None
    ends: dict[str, tuple[int, bool]] = {}
    for sign, written in parts:
        side = "high" if sign[0] == "<" else "low"
        if side in ends:
            return None
        ends[side] = (number(written), sign.endswith("="))
    low, low_in = ends.get("low", (None, False))
    high, high_in = ends.get("high", (None, False))
    return Bounds(low, high, low_in, high_in)
