"""Why every case is where it is, as columns beside the answer (分组追踪).

    mdc_tried     classes whose test held but none of whose base groups took the case
    mdc_test      the test of the class it is in, in words
    test          the test of the base group that placed it, in words
    matched       the codes of the case that met this test
    severity      the test of the group inside the base group, in words
    complication  the diagnosis that counted as the heaviest complication, null without one
    complication_level   MCC or CC
    excluded      complications that did not count beside this principal diagnosis
    excluded_by   the exclusion tables of those, in the same order
    nearest       the nearest other group, and `nearest_why`: what would have to be different
    unknown       codes of the case that the scheme has in no table and no list of names
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .conditions import MAJOR, Severity
from .grouper import GROUPED, Encoded, named, placed, tables_of
from .scheme import Scheme
from .words import in_words

if TYPE_CHECKING:
    from .compile import Plan

_LIST = pa.list_(pa.string())
TRACE = pa.schema([
    *GROUPED, ("mdc_tried", _LIST), ("mdc_test", pa.string()), ("test", pa.string()),
    ("matched", _LIST),
    ("severity", pa.string()), ("complication", pa.string()), ("complication_level", pa.string()),
    ("excluded", _LIST), ("excluded_by", _LIST), ("nearest", pa.string()),
    ("nearest_why", pa.string()), ("unknown", _LIST)])
# Why the nearest group is near, in `nearest_why`; the first three by the level that would count.
WHYS = ("if no complication counted", "if a complication (CC) counted",
        "if a major complication (MCC) counted",
        "next test that holds", "its test fails in one point only")
_NEXT, _NEAR = 3, 4


def traced(cases: pa.Table, scheme: Scheme, encoded: Encoded, ambiguous: int) -> pa.Table:
    """The answer with the columns of TRACE for encoded cases."""
    from . import kernel
    plan, size = scheme.plan, cases.num_rows
    out = np.empty((size, kernel.WIDTH), np.int32)
    tried = np.zeros((size, len(plan.classes)), np.bool_)
    matches = np.zeros((size, kernel.MATCHES), np.int32)
    excluded = np.zeros(len(encoded.dx), np.bool_)
    kernel.trace_cases(*tables_of(plan), ambiguous, *encoded[:5], out, tried, matches, excluded)
    codes = _flat(cases.column("dx"))
    columns = placed(cases, plan, out).columns
    columns += [
        _tried(plan, tried), named(_words(plan.major_tests), out[:, kernel.MAJOR_AT]),
        named(_words(plan.base_tests), out[:, kernel.BASE_AT]),
        _matched(encoded, codes, _flat(cases.column("px")), matches),
        named(_words(plan.group_tests), out[:, kernel.GROUP_AT]),
        *_complication(plan, encoded, codes, out[:, kernel.COUNTING]),
        *_excluded(plan, encoded, codes, excluded), *_nearest(plan, encoded, out),
        _unknown(encoded, codes, _flat(cases.column("px")))]
    return pa.table(columns, schema=TRACE)


def _words(tests: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(in_words(test) for test in tests)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    """Codes of all cases, one after the other."""
    lists = column.combine_chunks()
    return (lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists).flatten()


def _lists(counts: np.ndarray, values: pa.Array) -> pa.Array:
    """Lists of so many values each."""
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _tried(plan: Plan, tried: np.ndarray) -> pa.Array:
    """Class codes of the places marked in each row."""
    _, places = np.nonzero(tried)
    return _lists(tried.sum(axis=1), named(plan.major_codes, places.astype(np.int32)))


def _matched(encoded: Encoded, dx: pa.Array, px: pa.Array, matches: np.ndarray) -> pa.Array:
    """Codes of the places the kernel noted: diagnoses positive, procedures negative."""
    rows, slots = np.nonzero(matches)
    place = matches[rows, slots].astype(np.int64)
    at = np.where(place > 0, encoded.dx_from[rows] + place - 1,
                  len(dx) + encoded.px_from[rows] - place - 1)
    both = pa.concat_arrays([dx, px])
    return _lists((matches != 0).sum(axis=1), both.take(pa.array(at)))


def _complication(plan: Plan, encoded: Encoded, codes: pa.Array, counting: np.ndarray,
                  ) -> tuple[pa.Array, pa.Array]:
    """The diagnosis that counted, and its level."""
    none = counting < 0
    at = np.where(none, 0, encoded.dx_from[:-1] + counting)
    level = plan.level[encoded.dx[at]] if len(codes) else np.zeros(len(at), np.int8)
    return (codes.take(pa.array(at, pa.int64(), mask=none)),
            pa.array(np.where(level == MAJOR, "MCC", "CC"), pa.string(), mask=none))


def _excluded(plan: Plan, encoded: Encoded, codes: pa.Array, excluded: np.ndarray,
              ) -> tuple[pa.Array, pa.Array]:
    """Complications barred by the principal diagnosis, and their tables."""
    at = np.flatnonzero(excluded)
    summed = np.concatenate([[0], np.cumsum(excluded)])
    counts = np.diff(summed[encoded.dx_from])
    tables = named(plan.tables, plan.table[encoded.dx[at]])
    return _lists(counts, codes.take(pa.array(at))), _lists(counts, tables)


def _nearest(plan: Plan, encoded: Encoded, out: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """The neighbour by complication inside the base group, else where the walk would go on.

    Inside: the group that the case would be in if its complication did not count; without one,
    if a complication (else a major one) did. Where nothing follows either: the first base group
    of the class whose test fails in one point that is no diagnosis.
    """
    from .kernel import BASE_AT, COUNTING, GROUP_AT, NEAR_GROUP, NEXT_GROUP
    levels = np.zeros(len(out), np.int8)
    some = out[:, COUNTING] >= 0
    levels[some] = plan.level[encoded.dx[(encoded.dx_from[:-1] + out[:, COUNTING])[some]]]
    group, why = _neighbours(plan)
    base = np.maximum(out[:, BASE_AT], 0)
    nearest = np.where(out[:, BASE_AT] >= 0, group[base, levels], -1)
    reason = np.where(out[:, BASE_AT] >= 0, why[base, levels], -1)
    other = (nearest < 0) | (nearest == out[:, GROUP_AT])
    nearest = np.where(other, out[:, NEXT_GROUP], nearest)
    reason = np.where(other, np.where(out[:, NEXT_GROUP] >= 0, _NEXT, -1), reason)
    near = (nearest < 0) & (out[:, NEAR_GROUP] >= 0)
    nearest, reason = np.where(near, out[:, NEAR_GROUP], nearest), np.where(near, _NEAR, reason)
    return (named(plan.group_codes, nearest.astype(np.int32)),
            named(WHYS, reason.astype(np.int32)))


def _neighbours(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """int32[bases, 3] by level of the complication: the neighbouring group and why, or -1.

    Only groups tested by complication alone are neighbours; other tests are the walk's affair.
    A scheme without base groups has one row of -1.
    """
    from .kernel import AFTER_BELOW, FIRST_BELOW
    groups = np.full((max(len(plan.bases), 1), 3), -1, np.int32)
    reasons = groups.copy()
    for base, row in enumerate(plan.bases):
        span = range(row[FIRST_BELOW], row[AFTER_BELOW])
        own = [_at_level(plan, span, level) for level in range(3)]
        for level in range(3):
            for other in ((1, 2), (0, 2), (1, 0))[level]:
                if own[other] >= 0 and own[other] != own[level] and groups[base, level] < 0:
                    groups[base, level], reasons[base, level] = own[other], other
    return groups, reasons


def _at_level(plan: Plan, span: range, level: int) -> int:
    """The group a case with a complication of this level is in, -1 when other tests decide."""
    for place in span:
        test = plan.group_tests[place]
        if isinstance(test, Severity):
            if level >= test.level:
                return place
        elif getattr(test, "parts", None) == ():
            return place
        else:
            return -1
    return -1


def _unknown(encoded: Encoded, dx: pa.Array, px: pa.Array) -> pa.Array:
    """Codes that no table of the scheme has, diagnoses before procedures."""
    strange = [np.flatnonzero(encoded.dx == 0), np.flatnonzero(encoded.px == 0)]
    owner = [np.searchsorted(offsets, at, side="right") - 1 for offsets, at in
             zip((encoded.dx_from, encoded.px_from), strange, strict=True)]
    rows = np.concatenate(owner)
    order = np.argsort(rows, kind="stable")
    codes = pa.concat_arrays([dx.take(pa.array(strange[0])), px.take(pa.array(strange[1]))])
    return _lists(np.bincount(rows, minlength=len(encoded.dx_from) - 1),
                  codes.take(pa.array(order)))
