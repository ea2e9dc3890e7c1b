"""A compiled pack: flat integer tables with one look-up per claim (编译后的结算计划).

`route[key, status]` gives a plan; a plan is a run of rule rows in chain order. All amounts are
fen, all rates ppm, all tables int64 (route int32). The kernel sees only `Tables`.
"""
from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..errors import Refusal
from ..policy import Pack
from .plan_parts import StepParts
from .rules import LayerRule

NEVER = 1 << 60  # an amount no bill reaches: "no ceiling"

# Columns of `Tables.rows`, one row after the other. *_FROM and *_TO are ranges in other tables.
ROW_FIELDS = (
    "LAYER", "WHEN_FROM", "WHEN_TO", "BASE_FROM", "BASE_TO", "MEASURE",
    "DEDUCTIBLE", "SCHEDULE_FROM", "SCHEDULE_LAST", "COUNTER", "DEDUCTIBLE_SLOT",
    "DEDUCTIBLE_OWNER", "REACHED_SLOT", "SHARE", "SHARE_OF", "FLOOR", "CEILING", "TOTAL_SLOT",
    "TOTAL_LIMIT", "METHOD", "TIER_FROM", "TIER_TO", "TIER_SLOT", "TIER_OWNER", "GRANTED_SLOT",
    "BORNE_SLOT", "NET", "FACT", "SLOPE", "SLOPE_ABOVE", "SLOPE_MOST", "MINIMUM", "FILL",
    "FILL_OF", "FILL_LEFT_SLOT", "FILL_COST_SLOT", "CAP_FROM", "CAP_TO", "CUT_AS_PAYMENT",
    "AS_IF", "OUT_DEDUCTIBLE", "OUT_COPAYMENT", "OUT_OVER_CAP", "OUT_PENALTY", "OUT_EXCLUDED",
    "COST_CAPS", "FLAGS", "RATE", "CAP_LIMIT", "CAP_SLOT")
ROW = {name: index for index, name in enumerate(ROW_FIELDS)}

# DEDUCTIBLE
NO_DEDUCTIBLE, PER_STAY, PER_YEAR, PER_EPISODE = range(4)
# *_OWNER: 1 the person's row of accumulators, 0 the family's, 2 any member (deductible only)
FAMILY, PERSON, ANY_MEMBER = range(3)
# METHOD: how ratio or tiers turn a stretch into money
RATIO, STAY_TIERS, YEAR_EACH_SIDE, YEAR_DIFFERENCE, YEAR_TRUE_UP, BRACKET, FILL_STAY, FILL_YEAR = \
    range(8)
# `caps` columns: limit, slot, scope, owner, on cost
CAP_STAY, CAP_YEAR, CAP_SCOPED = range(3)
# FLAGS: what of a rule needs more than the kernel's short path
GENERAL, HAS_WHEN, WEIGHTED, MEASURES, SEEN_GROSS, YEAR_CAPPED, MERGED = 1, 2, 4, 8, 16, 32, 64
COUNTED, SCHEDULED, SHOWS, PERSON_PAYS = 128, 256, 512, 1024
DEEDS = ("applied", "not_applied", "paid", "not_paid", "capped")
ROUNDING = {"half_up": 0, "half_even": 1, "down": 2}
SCOPES = ("episode", "day", "month")


class Tables(NamedTuple):
    """What the kernel reads; see the module docstring of `compile` for how it is made."""

    route: np.ndarray      # int32[cells, statuses + 1] -> plan (negative: refusal)
    plan_from: np.ndarray  # int64[plans + 1]
    plan_rows: np.ndarray  # int64[entries] -> offset of a row in `rows`
    zeroed: np.ndarray     # int64[plans]   part slots to empty first (a layer may be skipped)
    rows: np.ndarray       # int64[rows x len(ROW_FIELDS)], flat: a row is an offset
    whens: np.ndarray      # int64[w, 2]  deed, layer
    bases: np.ndarray      # int64[b, 2]  part slot, weight ppm
    schedule: np.ndarray   # int64[d]     deductible by admission
    tiers: np.ndarray      # int64[t, 2]  upper edge, rate
    caps: np.ndarray       # int64[c, 5]
    scope_of: np.ndarray   # int64[s]     scoped slot -> index into Plan.scopes
    counters: np.ndarray   # int64[k]     counter -> accumulator slot
    sizes: np.ndarray      # int64[8]     see Plan


@dataclass
class Plan:
    """A pack ready to settle columns. `dimensions` are those the rules use, `status` apart; a
    class that a dimension's tuple lacks counts as its last entry, `other`.

    `scopes` names the `Columns.previous` the kernel needs: `episode`, `day`, `month` of the person,
    and `day:family`, `month:family` where a family shares the limit.

    `sizes`: part slots, accumulator slots, counters, scoped slots, layers, rounding, held-only,
    family.
    """

    pack: Pack
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    strides: dict[str, int]
    statuses: tuple[str, ...]
    facts: tuple[str, ...]
    scopes: tuple[str, ...]
    family: bool
    layers: tuple[str, ...]
    fields: tuple[str, ...]
    refusals: list[Refusal]
    rules: list[LayerRule]          # per row: its rule, and where its parts lie in its plan
    steps: list[StepParts]
    tables: Tables
    cells: int
    written: tuple[ModuleType, np.ndarray] | None = None   # see `specialise`

    def refusal(self, key: np.ndarray, statuses: np.ndarray) -> np.ndarray:
        """Index into `refusals` for every row, -1 where the row can be settled."""
        found = np.full(len(key), -1, np.int64)
        if not self.refusals:
            return found
        route = self.tables.route
        held_only = bool(self.tables.sizes[6])
        plain = route[key, 0]
        needs_none = (statuses == 0) | (not held_only)
        found[needs_none & (plain < 0)] = -plain[needs_none & (plain < 0)] - 1
        for bit in range(len(self.statuses) - 1, -1, -1):
            held = (statuses >> bit) & 1 == 1
            plan = route[key, bit + 1]
            refused = held & (plan < 0)
            found[refused] = -plan[refused].astype(np.int64) - 1
        return found
