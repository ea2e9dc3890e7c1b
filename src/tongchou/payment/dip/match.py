"""Matching cases to the groups of a catalogue, a million in seconds (入组).

Order: exclusion lists, cases paid apart (TCM, bed-day), pre-groups, merged, auxiliary-diagnosis,
basic, comprehensive groups, not grouped. What one case went through says `trace`.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit

from ...errors import CaseError
from .candidates import Candidates
from .conditions import Test
from .encode import Encoded, encode
from .model import Catalogue, longest
from .region import Region
from .rules import _members, first_that_holds

NO_PROCEDURE, AS_GIVEN, AS_CONSERVATIVE, AS_NEXT = range(4)
MAIN_STATES = ("none", "as_given", "excluded_conservative", "excluded_next")
REASONS = ("matched", "no-principal-diagnosis", "excluded-diagnosis", "unknown-diagnosis",
           "no-group-for-procedure", "tests-failed")
MATCHED, NO_PRINCIPAL, EXCLUDED, UNKNOWN, NO_GROUP, FAILED = range(6)


@dataclass(frozen=True)
class Matched:
    """`group` int32[n]: place in the catalogue's groups, -1 for none; `reason` int8[n] in REASONS.

    `principal` and `main` int32[n] are places in the vocabularies of `encoded` (-1 for none),
    `state` int8[n] in MAIN_STATES says how the main procedure was found.
    """

    catalogue: Catalogue
    encoded: Encoded
    group: np.ndarray
    reason: np.ndarray
    principal: np.ndarray
    main: np.ndarray
    state: np.ndarray

    def as_table(self, table: pa.Table) -> pa.Table:
        """One row a case: case, group, layer, reason, main procedure used and how it was found."""
        groups = self.catalogue.groups
        return pa.table({
            "case": table.column("case"),
            "group": named((group.code for group in groups), self.group),
            "layer": named((group.layer for group in groups), self.group),
            "reason": named(REASONS, self.reason),
            "main_procedure": named(self.encoded.px.words, self.main),
            "main_procedure_is": named(MAIN_STATES, self.state)})


def named(words: Iterable[str], places: np.ndarray) -> pa.Array:
    """Texts of places, null below 0. Kept as a dictionary of different words: 4 bytes a case."""
    distinct: dict[str, int] = {}
    numbers = [distinct.setdefault(word, len(distinct)) for word in words]
    indices = np.array([*numbers, 0], np.int32)[places]
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=places < 0),
                                          pa.array(list(distinct), pa.string()))


class Matcher:
    """A catalogue made ready for a region's rules; `match` may be called many times."""

    def __init__(self, catalogue: Catalogue, region: Region) -> None:
        self.catalogue, self.region = catalogue, region
        self.candidates = Candidates(catalogue, region)
        self._next = region.word("matching.excluded_procedure") == "next_procedure"
        self._pre_only = region.word("matching.excluded_diagnosis") == "pre_groups"
        self._excluded = dict.fromkeys(catalogue.exclusions.dx, True)
        self._pairs: dict[tuple[str, str], tuple[int, int]] = {}

    def match(self, table: pa.Table) -> Matched:
        """The group of every case of a case table.

        Raises CaseError `missing-column` when `dx` or `px` is not there.
        """
        for name in ("dx", "px"):
            if name not in table.column_names:
                raise CaseError("missing-column", f"the case table has no column {name!r}",
                                hint="Read cases with payment.read_cases.")
        return self.match_encoded(encode(table))

    def match_encoded(self, encoded: Encoded) -> Matched:
        """The same for cases that are integers already."""
        principal, main, state = self._main_codes(encoded)
        keys = principal.astype(np.int64) * (len(encoded.px.words) + 1) + main + 1
        pairs, place = np.unique(keys, return_inverse=True)
        lists, reasons = self._of_pairs(pairs, encoded)
        rule = first_that_holds(self.candidates.rules, encoded, lists[place])
        groups = np.array([*self.candidates.group_of, -1], np.int32)[rule]
        reason = np.where(groups >= 0, MATCHED, reasons[place]).astype(np.int8)
        return Matched(self.catalogue, encoded, groups, reason, principal, main, state)

    def _main_codes(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        exclusions = self.catalogue.exclusions
        within = sorted(set(exclusions.px.values()) | {()})
        allowed = _members([Test("dx_any", codes=codes) for codes in within], encoded.dx.words)
        ruled = np.full(len(encoded.px.words) + 1, -1, np.int32)
        for place, word in enumerate(encoded.px.words):
            found = longest(exclusions.px, word)
            if found is not None:
                ruled[place] = within.index(found)
        principal = np.empty(encoded.size, np.int32)
        main, state = np.empty_like(principal), np.empty(encoded.size, np.int8)
        _main_procedure(encoded.dx.offsets, encoded.dx.ids, encoded.px.offsets, encoded.px.ids,
                        ruled, allowed, self._next, principal, main, state)
        return principal, main, state

    def _of_pairs(self, pairs: np.ndarray, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """List of rules and the reason in case none holds, for every pair of codes."""
        lists, reasons = np.empty(len(pairs), np.int32), np.empty(len(pairs), np.int8)
        dx_words, px_words = encoded.dx.words, ["", *encoded.px.words]
        for number, key in enumerate(pairs.tolist()):
            dx, px = divmod(key, len(px_words))
            pair = (dx_words[dx] if dx >= 0 else "", px_words[px])
            found = self._pairs.get(pair)
            if found is None:
                found = self._pairs[pair] = self._of_pair(*pair)
            lists[number], reasons[number] = found
        return lists, reasons

    def _of_pair(self, dx: str, px: str) -> tuple[int, int]:
        if not dx:
            return -1, NO_PRINCIPAL
        excluded = longest(self._excluded, dx) is not None
        if excluded and not self._pre_only:
            return -1, EXCLUDED
        rules = self.candidates.of_pair(dx, px, excluded)
        number = self.candidates.rules.list_of(rules)
        if excluded:
            return number, EXCLUDED
        if not self.candidates.names_diagnosis(dx):
            return number, UNKNOWN
        ordinary = any(self.catalogue.groups[self.candidates.group_of[rule]].layer != "pre_group"
                       for rule in rules)
        return number, FAILED if ordinary else NO_GROUP


@njit(nogil=True, cache=True)
def _main_procedure(dx_at, dx, px_at, px, ruled, allowed, take_next, principal, main, state):
    """Principal diagnosis and the main procedure after the exclusion list, for every case."""
    for case in range(len(principal)):
        principal[case] = dx[dx_at[case]] if dx_at[case] < dx_at[case + 1] else -1
        main[case], state[case] = -1, NO_PROCEDURE
        for k in range(px_at[case], px_at[case + 1]):
            if px[k] < 0:
                continue
            row = ruled[px[k]]
            if row < 0 or (principal[case] >= 0 and allowed[row, principal[case]]):
                main[case] = px[k]
                state[case] = AS_GIVEN if state[case] == NO_PROCEDURE else AS_NEXT
                break
            state[case] = AS_CONSERVATIVE
            if not take_next:
                break
