"""Values a pack may write where a number may stand (数值表达式).

A value is read once into a small tree and evaluated for a *cell*: one combination of the
classes of a claim ({"hospital": "level2", "status": "allowance", ...}). Results are integers:
fen, ppm, months or counts by the unit of the place. See docs/pack-reference.md, "Values".
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import Refusal
from ..money import PPM, divide_rounded

Cell = Mapping[str, str]


class Value(ABC):
    """One value expression. Subclasses say how it is evaluated."""

    where: str = ""

    @abstractmethod
    def at(self, cell: Cell) -> int:
        """The number for a cell; raises Refusal `no-value` or `unset-parameter`."""

    def children(self) -> tuple["Value", ...]:
        """The values this one is made of."""
        return ()

    def dimensions(self) -> set[str]:
        """Dimensions the value depends on."""
        return set().union(*(child.dimensions() for child in self.children()), set())

    def dates(self) -> set[str]:
        """Dates from which the value changes."""
        return set().union(*(child.dates() for child in self.children()), set())

    def cited(self, cell: Cell) -> tuple[str, ...]:
        """Clauses named on the way to the number for a cell, first mention first."""
        return unique(clause for child in self.children() for clause in child.cited(cell))

    def given(self, cell: Cell) -> tuple["Given", ...]:
        """Parameters met on the way to the number for a cell, in order."""
        return tuple(found for child in self.children() for found in child.given(cell))


def unique(words: Iterable[str]) -> tuple[str, ...]:
    """The words without repetition and without empty ones, in order."""
    return tuple(dict.fromkeys(word for word in words if word))


@dataclass(frozen=True)
class Constant(Value):
    """A number written in the pack."""

    number: int
    where: str = ""

    def at(self, cell: Cell) -> int:
        """The number itself, whatever the cell."""
        return self.number


@dataclass(frozen=True)
class Unset(Value):
    """A declared parameter to which nobody gave a value."""

    parameter: str
    clause: str
    where: str = ""

    def at(self, cell: Cell) -> int:
        """Always refuses, naming the clause that is silent."""
        raise unset_parameter(self.parameter, self.clause, self.where)


def unset_parameter(name: str, clause: str, where: str) -> Refusal:
    """The refusal of a run that needs a number nobody published."""
    return Refusal("unset-parameter", f"the parameter `{name}` has no value: no document gives it",
                   where, clause, "Choose a profile (`--profile NAME`, see `tongchou pack show`) "
                   f"or give `profile: {{{name}: ...}}` in the case.")


@dataclass(frozen=True)
class Given(Value):
    """A parameter with the value a profile gave it; remembered so that outputs can say so."""

    parameter: str
    value: Value
    where: str = ""
    clause: str = ""

    def at(self, cell: Cell) -> int:
        """The profile's value for the cell."""
        return self.value.at(cell)

    def cited(self, cell: Cell) -> tuple[str, ...]:
        """The clause that leaves the number open."""
        return unique((self.clause,))

    def given(self, cell: Cell) -> tuple["Given", ...]:
        """This parameter, then those its value uses."""
        return (self, *super().given(cell))

    def children(self) -> tuple[Value, ...]:
        """The value given."""
        return (self.value,)


@dataclass(frozen=True)
class Table(Value):
    """`{by: hospital, level1: 100, else: 300}`: one value per class of a dimension."""

    dimension: str
    entries: dict[str, Value] = field(hash=False)
    otherwise: Value | None = None
    where: str = ""
    clause: str = ""

    def at(self, cell: Cell) -> int:
        """The entry for the cell's class; for `by: date` the last one not after the date."""
        found = self._entry(cell)
        if found is None:
            seen = cell.get(self.dimension, "other")
            raise Refusal("no-value", f"the rule gives no value for {self.dimension} {seen!r}",
                          self.where, self.clause,
                          f"It knows {', '.join(self.entries)}. Add an entry or an `else:`.")
        return found.at(cell)

    def _entry(self, cell: Cell) -> Value | None:
        if self.dimension != "date":
            return self.entries.get(cell.get(self.dimension, "other"), self.otherwise)
        usable = [day for day in self.entries if day <= cell["date"]]
        return self.entries[max(usable)] if usable else self.otherwise

    def cited(self, cell: Cell) -> tuple[str, ...]:
        """Clauses of the entry that applies."""
        entry = self._entry(cell)
        return entry.cited(cell) if entry else ()

    def given(self, cell: Cell) -> tuple["Given", ...]:
        """Parameters of the entry that applies."""
        entry = self._entry(cell)
        return entry.given(cell) if entry else ()

    def children(self) -> tuple[Value, ...]:
        """All entries and the `else`."""
        rest = (self.otherwise,) if self.otherwise else ()
        return (*self.entries.values(), *rest)

    def dimensions(self) -> set[str]:
        """The table's own dimension and those of its leaves."""
        return {self.dimension} | super().dimensions()

    def dates(self) -> set[str]:
        """The days on which a dated table changes."""
        own = set(self.entries) if self.dimension == "date" else set()
        return own | super().dates()


@dataclass(frozen=True)
class Share(Value):
    """`{times: 50%, of: VALUE, round_to: 1}`: a share, rounded half up to a step in fen."""

    rate: Value
    of: Value
    step_fen: int = 1
    where: str = ""

    def at(self, cell: Cell) -> int:
        """Fen (or ppm) of the share."""
        exact = self.rate.at(cell) * self.of.at(cell)
        return divide_rounded(exact, PPM * self.step_fen) * self.step_fen

    def children(self) -> tuple[Value, ...]:
        """Rate and whole."""
        return (self.rate, self.of)


@dataclass(frozen=True)
class Combined(Value):
    """`plus`, `minus`, `at_least`, `at_most` of another value; never below zero."""

    how: str
    operand: Value
    of: Value
    where: str = ""

    def at(self, cell: Cell) -> int:
        """The combined number."""
        operand, of = self.operand.at(cell), self.of.at(cell)
        if self.how == "plus":
            return of + operand
        if self.how == "minus":
            return max(of - operand, 0)
        return max(of, operand) if self.how == "at_least" else min(of, operand)

    def children(self) -> tuple[Value, ...]:
        """Operand and the value it changes."""
        return (self.operand, self.of)


@dataclass(frozen=True)
class Cited(Value):
    """`{value: 60%, clause: ZB-15}`: a value with a clause of its own."""

    value: Value
    clauses: tuple[str, ...]
    where: str = ""

    def at(self, cell: Cell) -> int:
        """The value's number."""
        return self.value.at(cell)

    def cited(self, cell: Cell) -> tuple[str, ...]:
        """Its own clauses, then those of the value."""
        return unique((*self.clauses, *self.value.cited(cell)))

    def children(self) -> tuple[Value, ...]:
        """The value."""
        return (self.value,)


def parameters_of(value: Value) -> list[str]:
    """Names of the parameters a value uses, given or not, in order."""
    own = [value.parameter] if isinstance(value, (Given, Unset)) else []
    return own + [name for child in value.children() for name in parameters_of(child)]
