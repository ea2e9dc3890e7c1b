"""Procedure expressions of a DIP catalogue: `|` is or, `+` is and (手术操作组合).

`A|B` one procedure of like difficulty; `A+B` done together; `(A|B)+C` needs its brackets: a text
that mixes the two signs without them has two readings and is refused, never guessed.
"""
from __future__ import annotations

import re

from .conditions import ConditionFault, normal_code

Slot = frozenset[str]
Alternative = tuple[Slot, ...]

_TOKEN = re.compile(r"\s*([()|+]|[^()|+\s]+)")
_PX = re.compile(r"\d\d\.[0-9X]{1,10}\Z")


def read_expression(text: str) -> tuple[Alternative, ...]:
    """The ways to satisfy `text`: each a tuple of slots, each slot a set of codes, one is enough.

    Empty text gives (): no procedure is named. Raises ConditionFault.
    """
    tokens = _TOKEN.findall(text.strip())
    if not tokens:
        return ()
    ways, rest = _either(tokens)
    if rest:
        raise ConditionFault(f"{text!r}: {rest[0]!r} stands where the text should end")
    for way in ways:
        for number, slot in enumerate(way):
            twice = [code for other in way[number + 1:] for code in slot & other]
            if twice:
                raise ConditionFault(f"{text!r}: {min(twice)} stands on both sides of a `+`")
    return ways


def _either(tokens: list[str]) -> tuple[tuple[Alternative, ...], list[str]]:
    ways, rest = _operand(tokens)
    sign = rest[0] if rest and rest[0] in "|+" else ""
    while rest and rest[0] in "|+":
        if rest[0] != sign:
            raise ConditionFault("`|` and `+` are mixed: write (A|B)+C or A|(B+C)")
        more, rest = _operand(rest[1:])
        ways = _or(ways, more) if sign == "|" else tuple(
            one + other for one in ways for other in more)
    return ways, rest


def _or(ways: tuple[Alternative, ...], more: tuple[Alternative, ...]) -> tuple[Alternative, ...]:
    """Both sets of ways; single codes of one slot melt into one slot."""
    single = [way for way in (*ways, *more) if len(way) == 1]
    joined = frozenset().union(*(way[0] for way in single))
    return (*(((joined,),) if joined else ()),
            *(way for way in (*ways, *more) if len(way) > 1))


def _operand(tokens: list[str]) -> tuple[tuple[Alternative, ...], list[str]]:
    if not tokens:
        raise ConditionFault("a procedure code is missing beside `|` or `+`")
    if tokens[0] == "(":
        ways, rest = _either(tokens[1:])
        if not rest or rest[0] != ")":
            raise ConditionFault("a bracket is not closed")
        return ways, rest[1:]
    code = normal_code(tokens[0])
    if not _PX.match(code):
        raise ConditionFault(f"{tokens[0]!r} is not a procedure code such as 47.0100x001")
    return ((frozenset({code}),),), tokens[1:]
