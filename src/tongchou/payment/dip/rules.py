"""Ordered lists of rules over integers: which is the first that holds, for every case (判定核).

A rule is a conjunction of atoms (one test each). Groups of one pair of codes, the classes of an
auxiliary type, an indicator: all are lists of rules, and one loop serves them.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from .conditions import Test
from .encode import MISSING, Encoded

NUMBER, DX_ANY, DX_OTHER, PX = 0, 1, 2, 3
SLOT = "px_slot"            # like px_any, but whole codes
_KINDS = {"dx_any": DX_ANY, "dx_other": DX_OTHER, "px_any": PX, SLOT: PX}


@dataclass
class Rules:
    """Rules that grow while lists are made; equal atoms, rules and lists are kept once.

    `rules` are tuples of atom numbers, `lists` tuples of rule numbers.
    """

    atoms: dict[Test, int] = field(default_factory=dict)
    rules: list[tuple[int, ...]] = field(default_factory=list)
    lists: dict[tuple[int, ...], int] = field(default_factory=dict)

    def rule(self, tests: tuple[Test, ...]) -> int:
        """A new rule; its number."""
        self.rules.append(tuple(self.atoms.setdefault(test, len(self.atoms)) for test in tests))
        return len(self.rules) - 1

    def list_of(self, rules: tuple[int, ...]) -> int:
        """The number of an ordered list of rules."""
        return self.lists.setdefault(rules, len(self.lists))


def first_that_holds(rules: Rules, encoded: Encoded, list_of_case: np.ndarray) -> np.ndarray:
    """int32[n]: number of the first rule of the case's list that holds, -1 for none.

    `list_of_case` int32[n] names each case's list, -1 for an empty one.
    """
    atoms = list(rules.atoms)
    fields = sorted({test.field for test in atoms if test.field not in _KINDS})
    kinds, rows = np.zeros(len(atoms) + 1, np.int8), np.zeros(len(atoms) + 1, np.int32)
    bounds = np.zeros((len(atoms) + 1, 2), np.int64)
    of_dx: list[tuple[int, Test]] = []
    of_px: list[tuple[int, Test]] = []
    for number, test in enumerate(atoms):
        kinds[number] = _KINDS.get(test.field, NUMBER)
        if kinds[number] == NUMBER:
            rows[number], bounds[number] = fields.index(test.field), (test.low, test.high)
        else:
            chosen = of_px if kinds[number] == PX else of_dx
            rows[number] = len(chosen)
            chosen.append((number, test))
    numbers = np.full((len(fields) + 1, encoded.size if fields else 1), MISSING, np.int64)
    for row, name in enumerate(fields):
        if name in encoded.numbers:
            numbers[row] = encoded.numbers[name]
    out = np.empty(encoded.size, np.int32)
    _walk(list_of_case, *_flat(list(rules.lists)), *_flat(rules.rules), kinds, rows, bounds,
          _members([test for _, test in of_dx], encoded.dx.words),
          _members([test for _, test in of_px], encoded.px.words),
          encoded.dx.offsets, encoded.dx.ids, encoded.px.offsets, encoded.px.ids, numbers, out)
    return out


def _flat(lists: list[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(one) for one in lists], out=starts[1:])
    return starts, np.array([item for one in lists for item in one] or [0], np.int32)


def _members(tests: list[Test], words: list[str]) -> np.ndarray:
    """uint8[tests, words]: whether a word of the vocabulary belongs to a test's codes."""
    found = np.zeros((len(tests) + 1, len(words) + 1), np.uint8)
    prefixes: dict[str, list[int]] = {}
    whole: dict[str, list[int]] = {}
    for row, test in enumerate(tests):
        for code in test.codes:
            (whole if test.field == SLOT else prefixes).setdefault(code, []).append(row)
    for place, word in enumerate(words):
        for row in whole.get(word, ()):
            found[row, place] = 1
        for length in range(1, len(word) + 1) if prefixes else ():
            for row in prefixes.get(word[:length], ()):
                found[row, place] = 1
    return found


@njit(nogil=True, cache=True)
def _atom_holds(kind, row, low, high, case, in_dx, in_px, dx_at, dx, px_at, px, numbers):
    """Whether one atom holds for one case."""
    if kind == NUMBER:
        value = numbers[row, case]
        return low <= value and value <= high
    if kind == PX:
        for k in range(px_at[case], px_at[case + 1]):
            if px[k] >= 0 and in_px[row, px[k]]:
                return True
        return False
    for k in range(dx_at[case] + (kind == DX_OTHER), dx_at[case + 1]):
        if dx[k] >= 0 and in_dx[row, dx[k]]:
            return True
    return False


@njit(nogil=True, cache=True)
def _walk(list_of_case, list_at, list_rules, rule_at, rule_atoms, kinds, rows, bounds,
          in_dx, in_px, dx_at, dx, px_at, px, numbers, out):
    """Fills `out` with the first rule that holds."""
    for case in range(len(out)):
        out[case] = -1
        chosen = list_of_case[case]
        if chosen < 0:
            continue
        for place in range(list_at[chosen], list_at[chosen + 1]):
            rule, holds = list_rules[place], True
            for k in range(rule_at[rule], rule_at[rule + 1]):
                atom = rule_atoms[k]
                if not _atom_holds(kinds[atom], rows[atom], bounds[atom, 0], bounds[atom, 1], case,
                                   in_dx, in_px, dx_at, dx, px_at, px, numbers):
                    holds = False
                    break
            if holds:
                out[case] = rule
                break
