"""What a test of a grouping scheme can say, independent of how the scheme is written down.

Both fronts (tables, rule text) produce these; `compile` turns them into branches over integers.
Every condition is false for a value that is not there: an unknown age is in no age band.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Union

# Which codes of a case a condition looks at: principal or main one, the further ones, or both.
FIRST, FURTHER = 1, 2
EITHER = FIRST | FURTHER
DIAGNOSES, PROCEDURES = "dx", "px"
MEASURES = ("sex", "age_years", "age_days", "birth_weight_g", "admission_weight_g")
COMPARISONS = ("=", "<", "<=", ">", ">=")
COMPLICATION, MAJOR = 1, 2


class Member(NamedTuple):
    """A code of the case (`which` of `kind`) is in the set of codes of this name."""

    kind: str
    which: int
    codes: str


class Counted(NamedTuple):
    """At least `least` different codes of the case are in the set of codes."""

    kind: str
    which: int
    codes: str
    least: int


class Sites(NamedTuple):
    """All diagnoses of the case together touch at least `least` of these sets (body sites)."""

    sets: tuple[str, ...]
    least: int


class Compare(NamedTuple):
    """A measure of the patient compared with a whole number: grams, completed years, days."""

    measure: str
    sign: str
    value: int


class Severity(NamedTuple):
    """A further diagnosis counts as a complication of at least this level, exclusions applied."""

    level: int


class Every(NamedTuple):
    """All parts hold; without parts it always holds."""

    parts: tuple["Condition", ...]


class Some(NamedTuple):
    """One of the parts holds."""

    parts: tuple["Condition", ...]


class Not(NamedTuple):
    """The part does not hold."""

    part: "Condition"


Condition = Union[Member, Counted, Sites, Compare, Severity, Every, Some, Not]
ALWAYS = Every(())


def every(*parts: Condition) -> Condition:
    """All of the parts, without nesting what need not be nested."""
    flat = tuple(leaf for part in parts
                 for leaf in (part.parts if isinstance(part, Every) else (part,)))
    return flat[0] if len(flat) == 1 else Every(flat)


def some(*parts: Condition) -> Condition:
    """One of the parts, without nesting what need not be nested."""
    flat = tuple(leaf for part in parts
                 for leaf in (part.parts if isinstance(part, Some) else (part,)))
    return flat[0] if len(flat) == 1 else Some(flat)


def leaves(condition: Condition) -> Iterator[Condition]:
    """Every elementary condition inside, from left to right."""
    if isinstance(condition, (Every, Some)):
        for part in condition.parts:
            yield from leaves(part)
    elif isinstance(condition, Not):
        yield from leaves(condition.part)
    else:
        yield condition


def looks_at_procedures(condition: Condition) -> bool:
    """Whether the outcome may depend on a procedure."""
    return any(getattr(leaf, "kind", "") == PROCEDURES for leaf in leaves(condition))
