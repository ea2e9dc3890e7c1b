"""From a scheme to integers: codes numbered, sets as bits, tests as branches (方案编译).

A test becomes a few branches: look at one thing, go on at one place when it holds and at another
when it does not, until ACCEPT or REJECT. All tests of a scheme stand in one table of branches.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from . import conditions, kernel
from .conditions import (COMPARISONS, DIAGNOSES, MEASURES, PROCEDURES, Compare, Condition, Counted,
                         Every, Member, Not, Severity, Sites, Some, leaves)
from .kernel import (ACCEPT, COMPARED, DX_COUNTED, DX_MEMBER, PX_COUNTED, PX_MEMBER, REJECT,
                     SEVERE, TOUCHED_SITES)
from .scheme import VALID, Scheme

WORD_BITS = 64
assert (kernel.FIRST, kernel.MAJOR) == (conditions.FIRST, conditions.MAJOR)


@dataclass(frozen=True)
class Plan:
    """The tables of the kernel. Diagnosis and procedure 0 are codes the scheme does not know.

    `branches` int32[b, 6]; `dx_bits`, `px_bits` uint64[codes + 1, words]: bit s of a row says
    whether set s has the code; `level` int8 and `table` int32 per diagnosis; tables barred by a
    principal diagnosis d are `barred[barred_from[d]:barred_from[d + 1]]`. `classes` int32[m, 3]:
    test, first and after-last base group. `bases` int32[a, 4]: test, first and after-last group,
    whether it is tried on request only. `groups` int32[g]: tests. Codes and tests of classes, base
    groups and groups stand at the same places.
    """

    dx_codes: pa.Array
    px_codes: pa.Array
    dx_bits: np.ndarray
    px_bits: np.ndarray
    level: np.ndarray
    table: np.ndarray
    barred_from: np.ndarray
    barred: np.ndarray
    branches: np.ndarray
    classes: np.ndarray
    bases: np.ndarray
    groups: np.ndarray
    major_codes: tuple[str, ...]
    base_codes: tuple[str, ...]
    group_codes: tuple[str, ...]
    major_tests: tuple[Condition, ...]
    base_tests: tuple[Condition, ...]
    group_tests: tuple[Condition, ...]
    tables: tuple[str, ...]


def compile_scheme(scheme: Scheme) -> Plan:
    """The plan of a scheme; everything it names was checked when it was read."""
    kinds = _kinds(scheme)
    bits = {kind: {name: bit for bit, name in enumerate(names)} for kind, names in kinds.items()}
    writer = _Writer(bits)
    walk = _walk(scheme, writer)
    dx = sorted({code for name in kinds[DIAGNOSES] for code in scheme.sets[name]}
                | set(scheme.complications) | set(scheme.exclusions) | set(scheme.dx_names))
    px = sorted({code for name in kinds[PROCEDURES] for code in scheme.sets[name]}
                | set(scheme.px_names))
    tables = sorted({entry.table for entry in scheme.complications.values() if entry.table}
                    | {table for found in scheme.exclusions.values() for table in found})
    level, table, barred_from, barred = _complications(scheme, dx, tables)
    return Plan(
        pa.array(dx, pa.string()), pa.array(px, pa.string()),
        _bits(scheme, kinds[DIAGNOSES], dx), _bits(scheme, kinds[PROCEDURES], px),
        level, table, barred_from, barred,
        np.array(writer.branches or [(0,) * 6], np.int32), *walk, *_names(scheme), tuple(tables))


def _kinds(scheme: Scheme) -> dict[str, list[str]]:
    """Names of the sets that hold diagnoses and of those that hold procedures, sites together."""
    found: dict[str, dict[str, None]] = {DIAGNOSES: {}, PROCEDURES: {}}
    for condition in _conditions(scheme):
        for leaf in leaves(condition):
            if isinstance(leaf, (Member, Counted)):
                found[leaf.kind].setdefault(leaf.codes)
    for condition in _conditions(scheme):
        for leaf in leaves(condition):
            if isinstance(leaf, Sites):        # branches name them by their first bit
                for name in leaf.sets:
                    found[DIAGNOSES].pop(name, None)
                found[DIAGNOSES].update(dict.fromkeys(leaf.sets))
    if VALID in scheme.sets:         # its codes are known ones, whether or not a test asks for it
        found[PROCEDURES].setdefault(VALID)
    return {kind: list(names) for kind, names in found.items()}


def _conditions(scheme: Scheme) -> list[Condition]:
    return [test for major in scheme.classes for test in
            (major.test, *(own for base in major.base_groups for own in
                           (base.test, *(group.test for group in base.groups))))]


class _Writer:
    """Writes branches; `write` gives the place where a test begins."""

    def __init__(self, bits: dict[str, dict[str, int]]) -> None:
        self._bits = bits
        self.branches: list[tuple[int, ...]] = []

    def write(self, condition: Condition, yes: int = ACCEPT, no: int = REJECT) -> int:
        """Branches that lead to `yes` or `no`; written from the last part to the first."""
        if isinstance(condition, Not):
            return self.write(condition.part, no, yes)
        if isinstance(condition, Every):
            for part in reversed(condition.parts):
                yes = self.write(part, yes, no)
            return yes
        if isinstance(condition, Some):
            for part in reversed(condition.parts):
                no = self.write(part, yes, no)
            return no
        self.branches.append((*self._look(condition), yes, no))
        return len(self.branches) - 1

    def _look(self, leaf: Condition) -> tuple[int, int, int, int]:
        if isinstance(leaf, Member):
            op = DX_MEMBER if leaf.kind == DIAGNOSES else PX_MEMBER
            return op, leaf.which, self._bits[leaf.kind][leaf.codes], 0
        if isinstance(leaf, Counted):
            op = DX_COUNTED if leaf.kind == DIAGNOSES else PX_COUNTED
            return op, leaf.which, self._bits[leaf.kind][leaf.codes], leaf.least
        if isinstance(leaf, Sites):
            return (TOUCHED_SITES, self._bits[DIAGNOSES][leaf.sets[0]], len(leaf.sets),
                    leaf.least)
        if isinstance(leaf, Compare):
            return (COMPARED, MEASURES.index(leaf.measure), COMPARISONS.index(leaf.sign),
                    leaf.value)
        assert isinstance(leaf, Severity)
        return SEVERE, leaf.level, 0, 0


def _walk(scheme: Scheme, writer: _Writer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`classes`, `bases` and `groups` of the plan."""
    classes, bases, groups = [], [], []
    for major in scheme.classes:
        first = len(bases)
        for base in major.base_groups:
            below = len(groups)
            groups += [writer.write(group.test) for group in base.groups]
            bases.append((writer.write(base.test), below, len(groups), int(base.ambiguous)))
        classes.append((writer.write(major.test), first, len(bases)))
    return (np.array(classes, np.int32).reshape(-1, 3), np.array(bases, np.int32).reshape(-1, 4),
            np.array(groups, np.int32))


def _names(scheme: Scheme) -> tuple[tuple[object, ...], ...]:
    """Codes of classes, base groups and groups, then their tests, at their places in the plan."""
    bases = [base for major in scheme.classes for base in major.base_groups]
    groups = [group for base in bases for group in base.groups]
    levels = (scheme.classes, bases, groups)
    return (*(tuple(entry.code for entry in level) for level in levels),
            *(tuple(entry.test for entry in level) for level in levels))


def _bits(scheme: Scheme, names: list[str], codes: list[str]) -> np.ndarray:
    place = {code: number for number, code in enumerate(codes, start=1)}
    bits = np.zeros((len(codes) + 1, len(names) // WORD_BITS + 1), np.uint64)
    for bit, name in enumerate(names):
        rows = np.fromiter((place[code] for code in scheme.sets[name]), np.int64,
                           len(scheme.sets[name]))
        bits[rows, bit // WORD_BITS] |= np.uint64(1 << bit % WORD_BITS)
    return bits


def _complications(scheme: Scheme, dx: list[str], tables: list[str]) -> tuple[np.ndarray, ...]:
    number = {table: place for place, table in enumerate(tables)}
    level, table = np.zeros(len(dx) + 1, np.int8), np.full(len(dx) + 1, -1, np.int32)
    barred_from, barred = np.zeros(len(dx) + 2, np.int32), []
    for place, code in enumerate(dx, start=1):
        if entry := scheme.complications.get(code):
            level[place], table[place] = entry.level, number.get(entry.table, -1)
        barred += sorted(number[name] for name in scheme.exclusions.get(code, ()))
        barred_from[place + 1] = len(barred)
    return level, table, barred_from, np.array(barred or [-1], np.int32)
