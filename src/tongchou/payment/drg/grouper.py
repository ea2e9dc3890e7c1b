"""Groups cases: from the case table to group, base group, class and reason (病组分组器).

    scheme = load_scheme("../shared/drg-scheme/chs_drg_11")
    grouped = group_cases(read_cases("cases.csv").table, scheme)
"""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .conditions import MEASURES
from .scheme import Scheme

if TYPE_CHECKING:
    from .compile import Plan

# Stable reason codes of a case without a group, by the kernel's number.
REASONS = ("", "no-principal-diagnosis", "unknown-principal-diagnosis", "principal-not-in-any-mdc",
           "no-adrg", "no-drg", "rest-of-mdc")
GROUPED = pa.schema([("case", pa.string()), ("group", pa.string()), ("adrg", pa.string()),
                     ("mdc", pa.string()), ("reason", pa.string())])
CodeMap = dict[str, dict[str, str]]


class Encoded(NamedTuple):
    """Cases as integers: codes int32 with offsets int64[n + 1], measures int32[n, 5].

    `unknown` are the codes, by kind, that the scheme has in no table and no list of names.
    """

    dx_from: np.ndarray
    dx: np.ndarray
    px_from: np.ndarray
    px: np.ndarray
    measures: np.ndarray
    unknown: dict[str, tuple[str, ...]]


def group_cases(cases: pa.Table, scheme: Scheme, *, ambiguous: bool = False,
                trace: bool = False, maps: CodeMap | None = None) -> pa.Table:
    """A row for every case, in its order: `case`, `group`, `adrg`, `mdc`, `reason`.

    `group` is null when the case has none, and `reason` then says why (REASONS); it is empty
    otherwise. With `ambiguous` the xQY groups take part: a valid main operation that fits no
    base group of its class goes there instead of to a medical one. With `trace` the columns of
    `trace.TRACE` follow. `maps` translates codes (`{"dx": {from: to}, "px": ...}`) before
    anything else.
    """
    plan = scheme.plan
    encoded = encode(cases, plan, maps)
    if trace:
        from .trace import traced
        return traced(cases, scheme, encoded, int(ambiguous))
    from . import kernel
    out = np.empty((cases.num_rows, kernel.WIDTH), np.int32)
    kernel.place_cases(*tables_of(plan), int(ambiguous), *encoded[:5], out)
    return placed(cases, plan, out)


def placed(cases: pa.Table, plan: Plan, out: np.ndarray) -> pa.Table:
    """The first columns of the answer from the kernel's numbers."""
    from .kernel import BASE_AT, GROUP_AT, MAJOR_AT, REASON
    return pa.table([cases.column("case").combine_chunks().cast(pa.string()),
                     named(plan.group_codes, out[:, GROUP_AT]),
                     named(plan.base_codes, out[:, BASE_AT]),
                     named(plan.major_codes, out[:, MAJOR_AT]),
                     named(REASONS, out[:, REASON])], schema=GROUPED)


def named(names: tuple[str, ...], places: np.ndarray) -> pa.Array:
    """Names at these places as text, null at -1."""
    return pa.array(names, pa.string()).take(
        pa.array(places, pa.int32(), mask=places < 0))


def tables_of(plan: Plan) -> tuple[object, ...]:
    """The plan's arguments of both kernels, in their order."""
    return (plan.branches, plan.classes, plan.bases, plan.groups, plan.dx_bits, plan.px_bits,
            plan.level, plan.table, plan.barred_from, plan.barred)


# --- encoding -------------------------------------------------------------------------------------
def encode(cases: pa.Table, plan: Plan, maps: CodeMap | None = None) -> Encoded:
    """Cases as integers of a plan; every distinct code is looked up once."""
    dx_from, dx, dx_unknown = _codes(cases.column("dx"), plan.dx_codes, (maps or {}).get("dx"))
    px_from, px, px_unknown = _codes(cases.column("px"), plan.px_codes, (maps or {}).get("px"))
    measures = np.empty((cases.num_rows, len(MEASURES)), np.int32)
    for place, name in enumerate(MEASURES):
        measures[:, place] = _measure(cases.column(name))
    return Encoded(dx_from, dx, px_from, px, measures, {"dx": dx_unknown, "px": px_unknown})


def _codes(column: pa.ChunkedArray, known: pa.Array, mapped: dict[str, str] | None,
           ) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    lists = column.combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0) if lists.num_chunks else pa.array([], pa.list_(pa.string()))
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(lists) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    coded = lists.flatten().dictionary_encode()
    numbers, unknown = _numbers(coded.dictionary, known, mapped)
    return offsets, numbers[coded.indices.fill_null(len(coded.dictionary)).to_numpy()], unknown


def _numbers(words: pa.Array, known: pa.Array, mapped: dict[str, str] | None,
             ) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of every distinct code (0 unknown; one more entry for null)."""
    if mapped:
        words = pa.array([mapped.get(word, word) for word in words.to_pylist()], pa.string())
    found = pc.index_in(words, value_set=known)
    numbers = np.zeros(len(words) + 1, np.int32)
    numbers[:-1] = pc.add(found, 1).fill_null(0).to_numpy(zero_copy_only=False)
    missing = np.flatnonzero(numbers[:-1] == 0)
    if len(missing):
        own = words.take(pa.array(missing))
        other = pa.array([spelt(word) for word in own.to_pylist()], pa.string())
        numbers[missing] = pc.add(pc.index_in(other, value_set=known), 1).fill_null(0)
        missing = missing[numbers[missing] == 0]
    return numbers, tuple(words.take(pa.array(missing, pa.int64())).to_pylist())


def spelt(code: str | None) -> str | None:
    """A code as the national lists spell it: the first letter large, the filling `x` small."""
    return code and code[:1].upper() + code[1:].replace("X", "x")


def _measure(column: pa.ChunkedArray) -> np.ndarray:
    from .kernel import MISSING
    return column.cast(pa.int32()).fill_null(MISSING).to_numpy()


def code_maps(read: Callable[[str], dict[str, str]]) -> CodeMap:
    """The translation of codes of other versions from `dx_map.csv` and `px_map.csv`."""
    return {"dx": read("dx_map.csv"), "px": read("px_map.csv")}
