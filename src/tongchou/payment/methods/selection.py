"""Which cases a rule takes: diagnoses, groups, hospitals, insurance, length of stay (适用范围)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..clearing.reading import Basis, Section, malformed
from .bounds import Bounds, days
from .columns import INSURANCES, CaseColumns, Words

LEVELS = ("1", "2", "3")
KEYS = ("dx", "px", "groups", "hospitals", "levels", "insurance", "stay_days", "grouped", "all")


@dataclass(frozen=True)
class Selection:
    """What must hold together; an empty tuple asks nothing.

    `dx` are beginnings of the principal diagnosis, `px` beginnings of any procedure. `grouped`
    True or False asks for a group or for none.
    """

    dx: tuple[str, ...] = ()
    px: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    hospitals: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    insurance: str = ""
    stay_days: Bounds | None = None
    grouped: bool | None = None

    def holds(self, cases: CaseColumns) -> np.ndarray:
        """bool[n]: the cases that are meant. A case without the column asked for is not."""
        found = np.ones(cases.size, np.bool_)
        for column, wanted in ((cases.group, self.groups), (cases.hospital, self.hospitals),
                               (cases.level, self.levels),
                               (cases.insurance, (self.insurance,) if self.insurance else ())):
            if wanted:
                found &= column.where(np.array([word in wanted for word in column.words], bool))
        if self.dx:
            found &= _beginning(cases.dx, self.dx)
        if self.px:
            met = np.zeros(cases.size, np.bool_)
            met[cases.px_case[_beginning(cases.px, self.px)]] = True
            found &= met
        if self.stay_days is not None:
            found &= (cases.stay_days >= 0) & self.stay_days.holds(cases.stay_days)
        if self.grouped is not None:
            found &= (cases.group.ids >= 0) == self.grouped
        return found


@dataclass(frozen=True)
class Exclusion:
    """Cases that a rule leaves to the rules after it, with a name and where that comes from."""

    name: str
    which: Selection
    basis: Basis


def _beginning(column: Words, starts: tuple[str, ...]) -> np.ndarray:
    return column.where(np.array([word.upper().startswith(starts) for word in column.words], bool))


def read_selection(section: Section) -> Selection:
    """The keys of a selection; `all: yes` is written where nothing else is asked."""
    texts = {key: section.words(key) if section.has(key) else ()
             for key in ("dx", "px", "groups", "hospitals", "levels")}
    for level in texts["levels"]:
        if level not in LEVELS:
            raise malformed(section.where, f"{section.name}.levels: {level[:20]!r} is no level",
                            "Write 1, 2 or 3.")
    made = Selection(
        tuple(code.upper() for code in texts["dx"]), tuple(code.upper() for code in texts["px"]),
        texts["groups"], texts["hospitals"], texts["levels"],
        section.word("insurance", INSURANCES) if section.has("insurance") else "",
        days(section, "stay_days") if section.has("stay_days") else None,
        section.yes("grouped") if section.has("grouped") else None)
    every = section.has("all") and section.yes("all")
    if every == (made != Selection()):
        raise malformed(section.where, f"{section.name} must say which cases it means",
                        f"Write one of {', '.join(KEYS)}; `all: yes` stands alone.")
    return made


def read_takes(rule: Section) -> Selection:
    """`takes` of a rule."""
    section = rule.section("takes")
    made = read_selection(section)
    section.done()
    return made


def read_outside(rule: Section) -> tuple[Exclusion, ...]:
    """`outside` of a rule: what it leaves to the rules after it."""
    made = []
    for section in rule.rows("outside") if rule.has("outside") else ():
        made.append(Exclusion(section.text("name"), read_selection(section), section.basis()))
        section.done()
    return tuple(made)
