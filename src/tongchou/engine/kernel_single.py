"""The kernel for one claim at once: everything it reads and writes in one array of int64.

Handing some thirty arrays to compiled code costs more than settling a claim. Here they are
stretches of one array, so a call hands over one.
"""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import njit

from .kernel import settle_units
from .plan import Tables

TABLE_FIELDS = Tables._fields
WORK_FIELDS = ("key", "statuses", "parts", "offsets", "member", "previous", "facts", "paid",
               "person", "deductible", "status", "capped", "acc", "saved", "part", "gross",
               "scoped", "trace")
FIELDS = (*TABLE_FIELDS, *WORK_FIELDS)
HEADER = 2 * len(FIELDS)           # offset and number of columns (0: flat) of every stretch
(ROUTE, PLAN_FROM, PLAN_ROWS, ZEROED, ROWS, WHENS, BASES, SCHEDULE, TIERS, CAPS, SCOPE_OF, COUNTERS,
 SIZES, KEY, STATUSES, PARTS, OFFSETS, MEMBER, PREVIOUS, FACTS, PAID, PERSON, DEDUCTIBLE, STATUS,
 CAPPED, ACC, SAVED, PART, GROSS, SCOPED, TRACE) = range(len(FIELDS))
END = len(FIELDS)


def lay_out(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """One array that holds copies of all arrays of FIELDS, in that order, after a header."""
    lengths = [arrays[name].size for name in FIELDS]
    offsets = HEADER + 1 + np.concatenate([[0], np.cumsum(lengths)])
    memory = np.zeros(int(offsets[-1]), np.int64)
    memory[:END + 1] = offsets
    for index, name in enumerate(FIELDS):
        array = arrays[name]
        memory[END + 1 + index] = array.shape[1] if array.ndim == 2 else 0
        memory[offsets[index]:offsets[index + 1]] = array.reshape(-1)
    return memory


def places(memory: np.ndarray, names: Iterable[str]) -> list[int]:
    """Where the stretches of these names begin."""
    return [int(memory[FIELDS.index(name)]) for name in names]


@njit(forceinline=True)
def _flat(memory, field):
    return memory[memory[field]:memory[field + 1]]


@njit(forceinline=True)
def _square(memory, field):
    columns = memory[END + 1 + field]
    flat = memory[memory[field]:memory[field + 1]]
    return flat.reshape(flat.size // max(columns, 1), columns)


@njit(cache=True)
def settle_single(memory):
    """Settles the claims of one unit laid out in `memory` (`kernel.settle_units` with a trace)."""
    tables = Tables(_square(memory, ROUTE), _flat(memory, PLAN_FROM), _flat(memory, PLAN_ROWS),
                    _flat(memory, ZEROED), _flat(memory, ROWS), _square(memory, WHENS),
                    _square(memory, BASES), _flat(memory, SCHEDULE), _square(memory, TIERS),
                    _square(memory, CAPS), _flat(memory, SCOPE_OF), _flat(memory, COUNTERS),
                    _flat(memory, SIZES))
    settle_units(tables, _flat(memory, KEY), _flat(memory, STATUSES), _square(memory, PARTS),
                 _flat(memory, OFFSETS), _flat(memory, MEMBER), _square(memory, PREVIOUS),
                 _square(memory, FACTS), 0, 1, _square(memory, PAID), _flat(memory, PERSON),
                 _flat(memory, DEDUCTIBLE), _flat(memory, STATUS), _flat(memory, CAPPED),
                 _flat(memory, ACC), _flat(memory, SAVED), _flat(memory, PART),
                 _flat(memory, GROSS), _square(memory, SCOPED), _square(memory, TRACE))
