"""Text learnt by watching it being written (记录式渲染): the plain code once, then a template.

The plain code that words an explanation is run once on `Recorded` integers. They behave like the
numbers they hold, but note every comparison made with them and every place where they are
written. Comparisons become a decision, places become a template: any other numbers that decide
alike get the same text with their own amounts. Other decisions are recorded when they first
come up. So there is one wording, in the plain code, and a second way to run it.
"""
from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_OPEN, _CLOSE = "\ue000", "\ue001"
MARKER = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
PATHS_MAX = 400                    # decisions kept of one text; beyond them it is written plainly


class Recording:
    """What one run of the plain code asked of its numbers, and where it wrote them."""

    def __init__(self) -> None:
        self.guards: dict[str, bool] = {}
        self.slots: list[tuple[str, str]] = []         # expression, format

    def amount(self, number: int, source: str) -> "Recorded":
        """An input, never negative, and the Python expression that reads it."""
        return Recorded.of(number, source, self)

    def guard(self, question: str, answer: bool) -> bool:
        """Notes that the text depends on this answer."""
        return self.guards.setdefault(question, answer)

    def slot(self, expression: str, written: str) -> str:
        """A mark in the text for a number to be written there."""
        self.slots.append((expression, written))
        return marked(len(self.slots) - 1)


def marked(place: int) -> str:
    """The mark of a place in a text."""
    return f"{_OPEN}{place}{_CLOSE}"


class Recorded(int):
    """An integer that notes what is asked of it; `source` says how it came from the inputs.

    None of the inputs is negative, so sums and products of them are not either."""

    source: str
    recording: Recording
    signed: bool

    __hash__ = None                # a place in a table would depend on the number unnoticed

    @classmethod
    def of(cls, value: int, source: str, recording: Recording, signed: bool = False) -> "Recorded":
        """A number with its origin."""
        made = int.__new__(cls, value)
        made.source, made.recording, made.signed = source, recording, signed
        return made

    def __bool__(self) -> bool:
        return self.recording.guard(f"{self.source} != 0", int.__bool__(self))

    def __format__(self, written: str) -> str:
        return self.recording.slot(self.source, written)

    def __str__(self) -> str:
        return self.recording.slot(self.source, "")

    __repr__ = __str__

    def __neg__(self) -> "Recorded":
        return Recorded.of(-int(self), f"(-{self.source})", self.recording, True)


def _source(number: int) -> str:
    return number.source if isinstance(number, Recorded) else repr(number)


def _arithmetic(sign: str, act: Callable[[int, int], int], swapped: bool) -> Callable:
    def method(self: Recorded, other: int) -> int:
        if not isinstance(other, int):
            return NotImplemented
        left, right = (other, self) if swapped else (self, other)
        if sign == "+" and not isinstance(other, Recorded) and other == 0:
            return self
        signed = sign == "-" or any(
            number.signed if isinstance(number, Recorded) else number < 0
            for number in (left, right))
        return Recorded.of(act(int(left), int(right)), f"({_source(left)} {sign} {_source(right)})",
                           self.recording, signed)
    return method


def _comparison(sign: str, act: Callable[[int, int], bool]) -> Callable:
    def method(self: Recorded, other: object) -> bool:
        if not isinstance(other, int):
            return NotImplemented
        plain_zero = not isinstance(other, Recorded) and other == 0
        if plain_zero and not self.signed and sign in ("<", ">="):
            return sign == ">="
        if plain_zero and not self.signed and sign in (">", "<="):
            return bool(self) == (sign == ">")
        return self.recording.guard(f"{self.source} {sign} {_source(other)}",
                                    act(int(self), int(other)))
    return method


for _name, _sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("floordiv", "//"), ("mod", "%")):
    _act = getattr(operator, _name)
    setattr(Recorded, f"__{_name}__", _arithmetic(_sign, _act, False))
    setattr(Recorded, f"__r{_name}__", _arithmetic(_sign, _act, True))
for _name, _sign in (("lt", "<"), ("le", "<="), ("eq", "=="), ("ne", "!="), ("ge", ">="),
                     ("gt", ">")):
    setattr(Recorded, f"__{_name}__", _comparison(_sign, getattr(operator, _name)))


# --- decisions ------------------------------------------------------------------------------------
class Decisions:
    """A function learnt path by path: what was asked of its input, and what came of it."""

    def __init__(self) -> None:
        self._paths: list[tuple[tuple[tuple[str, bool], ...], str]] = []
        self._known: dict[str, Any] = {}
        self.run: Callable[[Any], Any] = lambda v: None
        """What was learnt for such an input `v`, None when nothing was."""

    @property
    def paths(self) -> int:
        """How many paths are known."""
        return len(self._paths)

    @property
    def full(self) -> bool:
        """Whether no more paths are kept."""
        return len(self._paths) >= PATHS_MAX

    def learn(self, guards: dict[str, bool], result: str, known: dict[str, Any]) -> None:
        """Adds a path: the answers it rests on, and the Python expression of its result in terms
        of the input `v` and of the names `known`."""
        self._paths.append((tuple(guards.items()), result))
        self._known.update(known)
        exec("\n".join(["def run(v):", *_branches(self._paths, 0, "    ")]), self._known)
        self.run = self._known["run"]


def _branches(paths: list, depth: int, indent: str) -> Iterator[str]:
    """Nested questions; the code is the same for all, so equal answers lead to equal questions."""
    asked = []
    while len(paths[0][0]) > depth:
        question, answer = paths[0][0][depth]
        if any(path[0][depth] != (question, answer) for path in paths[1:]):
            break
        asked.append(question if answer else f"not {question}")
        depth += 1
    if asked:
        yield f"{indent}if {' and '.join(asked)}:"
        indent += "    "
    if len(paths[0][0]) == depth:
        yield f"{indent}return {paths[0][1]}"
        return
    question = paths[0][0][depth][0]
    for answer, word in ((True, f"if {question}:"), (False, "else:")):
        yield indent + word
        yield from _branches([path for path in paths if path[0][depth][1] is answer], depth + 1,
                             indent + "    ")
