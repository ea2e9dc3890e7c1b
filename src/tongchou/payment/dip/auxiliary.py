"""Auxiliary types (辅助目录): severity, Charlson, age and intensive care adjust core groups.

A type counts for a group that had enough cases last year, a class that had enough, and a
coefficient of variation that falls far enough when the group is divided by the type. The spread
after the division is that inside the classes (within-class sum of squares), so the rule is
exact: within / total <= (1 - fall) squared.
"""
from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...errors import CaseError
from ...money import PPM, percent_text, yuan_text
from .catalogue_write import write_csv
from .conditions import ConditionFault, Test, condition_error, read_condition
from .encode import Encoded
from .match import Matched
from .model import Catalogue
from .region import AuxiliaryType, Class, Region
from .rows import read_rows
from .rules import Rules, _members, first_that_holds
from .statistics import Moments, moments, rounded

COLUMNS = ("group", "type", "class", "coefficient", "cases", "mean", "insurance")


@dataclass(frozen=True)
class Trigger:
    """Coefficient of one class of one type in one group, with the cases it rests on.

    `insurance` "" is for all; a row that names one counts before it.
    """

    group: str
    type: str
    name: str
    coefficient_ppm: int
    cases: int = 0
    mean_fen: int = 0
    insurance: str = ""


def classes_of(one: AuxiliaryType, catalogue: Catalogue, encoded: Encoded,
               principal: np.ndarray) -> np.ndarray:
    """int32[n]: class of the type each case is in, -1 for none."""
    found = first_of(one.classes, catalogue, encoded)
    if one.groups == "all":
        return found
    tumour = _members([Test("dx_any", codes=catalogue.lists.get("tumour", ()))], encoded.dx.words)
    is_tumour = tumour[0][principal] == 1
    return np.where(is_tumour == (one.groups == "tumour"), found, -1)


def first_of(classes: tuple[Class, ...], catalogue: Catalogue, encoded: Encoded) -> np.ndarray:
    """int32[n]: the first class whose condition holds, -1 for none."""
    rules = Rules()
    for one in classes:
        try:
            condition = read_condition(one.when, catalogue.lists)
        except ConditionFault as fault:
            raise condition_error(fault, one.where) from None
        if condition.flags:
            raise CaseError("bad-condition", f"{', '.join(condition.flags)} has no meaning here",
                            one.where)
        rules.rule(condition.tests)
    every = rules.list_of(tuple(range(len(classes))))
    return first_that_holds(rules, encoded, np.full(encoded.size, every, np.int32))


def trigger_coefficients(matched: Matched, encoded: Encoded, costs: np.ndarray, last: np.ndarray,
                         region: Region) -> list[Trigger]:
    """Coefficients of the types that count, from the cases where `last` (bool[n]) holds."""
    groups = matched.catalogue.groups
    core = np.array([*(group.core for group in groups), False])
    chosen = last & core[matched.group]
    whole = moments(np.where(chosen, matched.group, -1), costs, len(groups))
    made: list[Trigger] = []
    for one in region.types:
        count = len(one.classes) + 1
        classes = classes_of(one, matched.catalogue, encoded, matched.principal)
        cell = matched.group.astype(np.int64) * count + np.where(classes < 0, count - 1, classes)
        inside = moments(np.where(chosen, cell, -1), costs, len(groups) * count)
        for place in np.flatnonzero(whole.cases > region.whole("auxiliary.group_cases_over")):
            cells = range(place * count, (place + 1) * count)
            if not _wide(whole, place, region) or not _even_enough(
                    whole.scatter(place), int(whole.cases[place]), inside, cells,
                    region.whole("auxiliary.cv_fall")):
                continue
            mean = whole.mean(place)
            for number, cell_of in enumerate(list(cells)[:-1]):
                if inside.cases[cell_of] > region.whole("auxiliary.type_cases_over") and mean:
                    own = inside.mean(cell_of) or Fraction(0)
                    made.append(Trigger(groups[place].code, one.name, one.classes[number].name,
                                        rounded(own / mean * PPM), int(inside.cases[cell_of]),
                                        rounded(own)))
    return made


def _wide(whole: Moments, place: int, region: Region) -> bool:
    """Whether a group is uneven enough to be divided, where the region asks for that."""
    return not region.has("auxiliary.cv_before") or not whole.cases[place] or not whole.cv_under(
        place, region.whole("auxiliary.cv_before"))


def _even_enough(scatter: int, cases: int, inside: Moments, cells: range, fall_ppm: int) -> bool:
    """Whether the spread inside the classes is at least `fall_ppm` below that of the group."""
    if not scatter:
        return False
    within = sum((Fraction(inside.scatter(cell), int(inside.cases[cell])) for cell in cells
                  if inside.cases[cell]), Fraction(0))
    total = Fraction(scatter, cases)
    return within * PPM ** 2 <= total * (PPM - fall_ppm) ** 2


def auxiliary_of_cases(triggers: list[Trigger], matched: Matched, encoded: Encoded, region: Region,
                       insurance: tuple[np.ndarray, list[str]],
                       ) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(coefficient int64[n] in ppm, place of the name int32[n], names); the highest type wins.

    A case in no type that counts has coefficient 1 and place -1. `insurance` is the column as
    places and words.
    """
    ids, words = insurance
    best = np.full(encoded.size, -1, np.int64)
    which = np.full(encoded.size, -1, np.int32)
    names: list[str] = []
    index = matched.catalogue.index_of
    for one in region.types:
        numbers = {each.name: number for number, each in enumerate(one.classes)}
        table = np.full((len(words) + 1, len(index) + 1, len(numbers) + 1), -1, np.int64)
        for trigger in sorted(triggers, key=lambda each: bool(each.insurance)):
            if trigger.type == one.name and trigger.group in index and trigger.name in numbers:
                rows = words.index(trigger.insurance) if trigger.insurance in words else (
                    slice(None) if not trigger.insurance else [])
                table[rows, index[trigger.group],
                      numbers[trigger.name]] = trigger.coefficient_ppm
        if (table < 0).all():
            continue
        classes = classes_of(one, matched.catalogue, encoded, matched.principal)
        found = table[ids, matched.group, classes]      # no insurance (-1): rows for all
        higher = found > best
        best = np.where(higher, found, best)
        which = np.where(higher, classes + len(names), which)
        names += [f"{one.name}: {each.name}" for each in one.classes]
    return np.where(best < 0, PPM, best), which.astype(np.int32), names


def read_triggers(path: Path, codes: set[str]) -> list[Trigger]:
    """Coefficients from `auxiliary.csv`; CaseError for an unknown group or a row given twice."""
    found: dict[tuple[str, ...], Trigger] = {}
    for row in read_rows(path, COLUMNS[:4], COLUMNS):
        group, kind, name = (row.needed(column) for column in COLUMNS[:3])
        ppm = row.ppm("coefficient")
        if group not in codes:
            raise row.error("dangling-group", f"{group!r} is no group of the catalogue", "group")
        if ppm is None:
            raise row.error("missing-value", "coefficient is empty", "coefficient")
        key = (group, kind, name, row.text("insurance"))
        if key in found:
            raise row.error("duplicate-row", "a row above is for the same cases", "group")
        found[key] = Trigger(group, kind, name, ppm, row.whole("cases", 0) or 0,
                             row.fen("mean") or 0, key[3])
    return list(found.values())


def write_triggers(path: Path, triggers: list[Trigger]) -> None:
    """Writes `auxiliary.csv`."""
    write_csv(path, COLUMNS, [(one.group, one.type, one.name, percent_text(one.coefficient_ppm),
                               one.cases, yuan_text(one.mean_fen), one.insurance)
                              for one in triggers])
