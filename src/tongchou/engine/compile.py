"""Pack -> `Plan`: rules of every class of claims flattened to integer tables (编译).

Each layer is resolved over the classes of just the dimensions it depends on; the results are
broadcast to all cells and equal chains share one plan. Nothing here decides about money: the
numbers are those of `rules.resolve`.
"""
from __future__ import annotations

from itertools import product

import numpy as np

from ..errors import Refusal
from ..money import PPM
from ..policy import Layer, Pack, Table, Value
from ..terms import BASIC_FIELD
from . import plan as p
from .plan_parts import StepParts, place_parts
from .records import RESIDUE_NAMES
from .rules import DeductibleRule, LayerRule, layer_dimensions, layer_values, resolve
from .situation import LOOKBACK

CELL_LIMIT = 1 << 24


def compile_pack(pack: Pack, detailed: bool = False) -> p.Plan:
    """The compiled plan of a pack bound to its profile; `detailed` keeps every part apart so that
    the kernel can write traces (`trace.py`).

    Raises Refusal `too-many-cells` when the pack's classes multiply beyond what fits.
    """
    dimensions = used_dimensions(pack)
    statuses = competing_statuses(pack)
    sizes = [len(classes) for _, classes in dimensions]
    cells = int(np.prod(sizes, dtype=np.int64)) if sizes else 1
    if cells * (len(statuses) + 1) > CELL_LIMIT:
        raise Refusal("too-many-cells", f"{pack.name} distinguishes {cells} classes of claims",
                      hint="Merge classes of hospitals, diseases, ages or attributes.")
    book = _Book(pack)
    per_layer = [_layer_cells(book, layer, dimensions, statuses) for layer in pack.layers]
    route, runs = _plans(per_layer, cells * (len(statuses) + 1))
    tables = book.tables(route.reshape(cells, len(statuses) + 1), runs, not detailed)
    strides = {name: int(np.prod(sizes[index + 1:], dtype=np.int64))
               for index, (name, _) in enumerate(dimensions)}
    return p.Plan(
        pack, dimensions, strides, statuses, tuple(book.facts), tuple(book.scopes), book.family,
        tuple(layer.name for layer in pack.layers),
        tuple(pack.funds[layer.fund].field for layer in pack.layers), book.refusals,
        [book.rules[index] for index, _ in book.placed], [step for _, step in book.placed], tables,
        cells)


def competing_statuses(pack: Pack) -> tuple[str, ...]:
    """Statuses in the pack's order, each with its look-back variant where it has one."""
    return tuple(name for status in pack.statuses for name in
                 ((status.name, status.name + LOOKBACK) if status.lookback_months
                  else (status.name,)))


def used_dimensions(pack: Pack) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Dimensions the layers use (status apart), each with the classes they name and `other`."""
    named: dict[str, dict[str, None]] = {}
    for layer in pack.layers:
        for dimension in sorted(layer_dimensions(pack, layer)):
            named.setdefault(dimension, {})
        for dimension, names in _mentions(layer):
            named.setdefault(dimension, {}).update(dict.fromkeys(names))
    named.pop("status", None)
    if "date" in named:
        named["date"] = dict.fromkeys(("0001-01-01", *pack.date_edges))
    return tuple((dimension, tuple(names) if dimension == "date" else
                  (*names, "(any other class)" if "other" in names else "other"))
                 for dimension, names in named.items())


def _mentions(layer: Layer) -> list[tuple[str, tuple[str, ...]]]:
    found = [*layer.conditions.items()]
    for conditions in layer.exceptions:
        found += conditions.items()
    for change in layer.adjust + (layer.deductible.adjust if layer.deductible else ()):
        found += change.conditions.items()
    if layer.penalty:
        found += layer.penalty.conditions.items()
        found += [(dimension, (name,)) for dimension, name in layer.penalty.as_if.items()]
    for value in layer_values(layer):
        found += _table_mentions(value)
    return found


def _table_mentions(value: Value) -> list[tuple[str, tuple[str, ...]]]:
    own = [(value.dimension, tuple(value.entries))] if isinstance(value, Table) else []
    return own + [entry for child in value.children() for entry in _table_mentions(child)]


def _layer_cells(book: "_Book", layer: Layer, dimensions: tuple, statuses: tuple[str, ...],
                 ) -> np.ndarray:
    """Row (or -1, or -2 - refusal) of a layer for every cell and status, flat."""
    mine = layer_dimensions(book.pack, layer)
    axes = [(name, classes if name in mine else classes[-1:]) for name, classes in dimensions]
    axes.append(("status", ("none", *statuses) if "status" in mine else ("none",)))
    names = [name for name, _ in axes]
    codes = [book.row(layer, dict(zip(names, classes, strict=True)))
             for classes in product(*(classes for _, classes in axes))]
    shape = [len(classes) for _, classes in axes]
    full = [len(classes) for _, classes in dimensions] + [len(statuses) + 1]
    return np.broadcast_to(np.array(codes, np.int64).reshape(shape), full).reshape(-1)


def _plans(per_layer: list[np.ndarray], size: int) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Route to plans, and the plans as runs of rules; the first refusing layer decides."""
    refused = np.zeros(size, np.int64)
    plan = np.zeros(size, np.int64)
    runs: list[list[int]] = [[]]
    for codes in per_layer:
        fresh = (codes <= -2) & (refused == 0)
        refused[fresh] = codes[fresh] + 1
        pairs, plan = np.unique(plan * (1 << 32) + codes + (1 << 31), return_inverse=True)
        runs = [runs[pair >> 32] + ([row] if row >= 0 else [])
                for pair, row in ((int(x), int((x & 0xFFFFFFFF) - (1 << 31))) for x in pairs)]
    distinct: dict[tuple[int, ...], int] = {}
    renumber = np.array([distinct.setdefault(tuple(run), len(distinct)) for run in runs], np.int64)
    route = np.where(refused < 0, refused, renumber[plan]).astype(np.int32)
    return route, list(distinct)


class _Book:
    """Collects rows and the tables they point into; equal rules become one row."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.layer_index = {layer.name: index for index, layer in enumerate(pack.layers)}
        self.rules: list[LayerRule] = []
        self.refusals: list[Refusal] = []
        self.facts: list[str] = []
        self.scoped: list[tuple[str, str]] = []
        self.scopes: list[str] = []
        self.family = False
        self._rows: dict[LayerRule, int] = {}
        self._refused: dict[tuple, int] = {}
        self.placed: list[tuple[int, StepParts]] = []
        self._placed: dict[tuple[int, StepParts], int] = {}
        self._values: list[dict[str, int]] = []
        self._rows_out: list[list[int]] = []
        self._slots: dict[str, int] = {}
        self._counters: list[str] = []
        self._whens: list[tuple[int, int]] = []
        self._bases: list[tuple[int, int]] = []
        self._schedule: list[int] = []
        self._tiers: list[tuple[int, int]] = []
        self._caps: list[tuple[int, ...]] = []
        self._measured = {layer.measure for layer in pack.layers if layer.measure}

    def row(self, layer: Layer, cell: dict[str, str]) -> int:
        """Row number of a layer in a cell, -1 where it does not apply, -2 - k for refusal k."""
        try:
            rule = resolve(self.pack, layer, cell)
        except Refusal as refusal:
            key = (refusal.code, refusal.message, refusal.where)
            if key not in self._refused:
                self._refused[key] = len(self.refusals)
                self.refusals.append(refusal)
            return -2 - self._refused[key]
        return -1 if rule is None else self._add(rule)

    def _add(self, rule: LayerRule) -> int:
        if rule in self._rows:
            return self._rows[rule]
        as_if = self._add(rule.as_if) if rule.as_if else -1
        index = self._rows[rule] = len(self.rules)
        self.rules.append(rule)
        values = dict.fromkeys(p.ROW_FIELDS, 0)
        values |= {"LAYER": self.layer_index[rule.layer], "AS_IF": as_if,
                   "MEASURE": self.layer_index[rule.measure] if rule.measure else -1,
                   "MINIMUM": rule.minimum_ppm,
                   "CUT_AS_PAYMENT": int(rule.over_cap == "payment")}
        self._add_when(rule, values)
        self._add_deductible(rule, values)
        self._add_method(rule, values)
        self._add_caps(rule, values)
        self._add_flags(rule, values)
        self._values.append(values)
        return index

    def slot(self, name: str) -> int:
        """Accumulator slot of a name; the same slot number serves every owner."""
        return self._slots.setdefault(name, len(self._slots))

    def _owner(self, owner: str) -> int:
        self.family = self.family or owner != "person"
        return {"family": p.FAMILY, "person": p.PERSON, "any_member": p.ANY_MEMBER}[owner]

    def _scoped(self, name: str, scope: str, owner: str) -> int:
        full = scope if owner == "person" else f"{scope}:{owner}"
        if full not in self.scopes:
            self.scopes.append(full)
        if (name, full) not in self.scoped:
            self.scoped.append((name, full))
        return self.scoped.index((name, full))

    def _add_when(self, rule: LayerRule, values: dict[str, int]) -> None:
        values["WHEN_FROM"] = len(self._whens)
        self._whens += [(p.DEEDS.index(did), self.layer_index[layer])
                        for did, layer in rule.when]
        values["WHEN_TO"] = len(self._whens)

    def _add_deductible(self, rule: LayerRule, values: dict[str, int]) -> None:
        values |= {"COUNTER": -1, "TOTAL_SLOT": -1, "CEILING": p.NEVER, "SHARE": 0}
        found = rule.deductible
        if found is None:
            return
        values |= {"DEDUCTIBLE": {"stay": p.PER_STAY, "year": p.PER_YEAR,
                                  "episode": p.PER_EPISODE}[found.per],
                   "SCHEDULE_FROM": len(self._schedule),
                   "SCHEDULE_LAST": len(self._schedule) + len(found.schedule) - 1,
                   "DEDUCTIBLE_OWNER": self._owner(found.owner), "SHARE": found.share_ppm,
                   "SHARE_OF": sum(1 << index for index in found.share_of),
                   "FLOOR": found.floor_fen,
                   "CEILING": p.NEVER if found.ceiling_fen is None else found.ceiling_fen}
        self._schedule += found.schedule
        if found.counter:
            values["COUNTER"] = self._counter(found.counter)
        self._deductible_slots(found, values)

    def _deductible_slots(self, found: DeductibleRule, values: dict[str, int]) -> None:
        name = f"deductible:{found.accumulator}"
        if found.per == "year":
            values["DEDUCTIBLE_SLOT"] = self.slot(name)
        elif found.per == "episode":
            values["DEDUCTIBLE_SLOT"] = self._scoped(name, "episode", "person")
        if found.owner == "any_member":
            values["REACHED_SLOT"] = self.slot(f"reached:{found.accumulator}")
        if found.year_limit_fen is not None:
            values["TOTAL_SLOT"] = self.slot(f"deductible-total:{found.accumulator}")
            values["TOTAL_LIMIT"] = found.year_limit_fen

    def _counter(self, name: str) -> int:
        if name not in self._counters:
            self._counters.append(name)
            self.slot(f"admissions:{name}")
        return self._counters.index(name)

    def _add_method(self, rule: LayerRule, values: dict[str, int]) -> None:
        values |= {"TIER_FROM": len(self._tiers), "FACT": -1}
        if rule.fill:
            share, of, per = rule.fill
            values |= {"METHOD": p.FILL_STAY if per == "stay" else p.FILL_YEAR, "FILL": share,
                       "FILL_OF": sum(1 << index for index in of)}
            if per == "year":
                values |= {"FILL_LEFT_SLOT": self.slot(f"fill-left:{rule.layer}"),
                           "FILL_COST_SLOT": self.slot(f"fill-cost:{rule.layer}")}
            return
        tiers = rule.tiers
        method = {("stay", "each_side"): p.STAY_TIERS, ("year", "each_side"): p.YEAR_EACH_SIDE,
                  ("year", "difference"): p.YEAR_DIFFERENCE, ("year", "true_up"): p.YEAR_TRUE_UP}
        kind = method.get((tiers.of, tiers.rounding), p.STAY_TIERS)
        if tiers.edge_kind == "bracket":
            kind = p.BRACKET
        elif kind == p.STAY_TIERS and not tiers.edges:
            kind = p.RATIO
        self._tiers += zip((*tiers.edges, p.NEVER), tiers.rates, strict=True)
        values |= {"METHOD": kind, "TIER_TO": len(self._tiers),
                   "NET": int(tiers.edge_kind == "net"), "TIER_OWNER": self._owner(tiers.owner)}
        if tiers.of == "year":
            values["TIER_SLOT"] = self.slot(f"tiers:{tiers.accumulator}")
        if kind == p.YEAR_TRUE_UP:
            values |= {"GRANTED_SLOT": self.slot(f"granted:{tiers.accumulator}"),
                       "BORNE_SLOT": self.slot(f"borne:{tiers.accumulator}")}
        if rule.slope:
            if rule.slope.fact not in self.facts:
                self.facts.append(rule.slope.fact)
            values |= {"FACT": self.facts.index(rule.slope.fact),
                       "SLOPE": rule.slope.per_unit_ppm, "SLOPE_ABOVE": rule.slope.above,
                       "SLOPE_MOST": rule.slope.at_most_ppm}

    def _add_caps(self, rule: LayerRule, values: dict[str, int]) -> None:
        values["CAP_FROM"] = len(self._caps)
        for cap in rule.caps:
            name = f"cap:{cap.name}"
            slot, kind = 0, p.CAP_STAY
            if cap.per == "year":
                slot, kind = self.slot(name), p.CAP_YEAR
            elif cap.per != "stay":
                slot, kind = self._scoped(name, cap.per, cap.owner), p.CAP_SCOPED
            on_cost = int(cap.on == "cost")
            self._caps.append((cap.limit_fen, slot, kind, self._owner(cap.owner), on_cost))
            values["COST_CAPS"] |= on_cost
        values["CAP_TO"] = len(self._caps)

    def _add_flags(self, rule: LayerRule, values: dict[str, int]) -> None:
        """Short path: yearly or per-stay deductible and gross tiers of the person's own, at most
        one yearly cap on payments; anything else is general."""
        tiers, found, caps = rule.tiers, rule.deductible, rule.caps
        common = (
            tiers is not None and not rule.measure and not rule.slope and not rule.minimum_ppm
            and rule.as_if is None and rule.layer not in self._measured
            and tiers.owner == "person" and tiers.rounding != "true_up"
            and tiers.edge_kind == "gross" and rule.over_cap == "cost"
            and (found is None or (found.per != "episode" and not found.share_ppm
                                   and found.owner == "person" and found.year_limit_fen is None
                                   and (found.per == "stay" or not found.counter)))
            and (not caps or (len(caps) == 1 and caps[0].per == "year" and caps[0].on == "payment"
                              and caps[0].owner == "person")))
        flags = 0 if common else p.GENERAL
        flags |= p.HAS_WHEN if rule.when else 0
        if any(weight != PPM for _, weight in rule.base):
            flags |= p.WEIGHTED | p.GENERAL
        flags |= p.PERSON_PAYS if rule.fund == "person" else 0
        flags |= p.SHOWS if self.pack.funds[rule.fund].field == BASIC_FIELD else 0
        if found is not None and found.counter:
            flags |= p.SCHEDULED | (p.COUNTED if found.counts else 0)
        flags |= p.MEASURES if rule.measure else 0
        flags |= p.SEEN_GROSS if rule.layer in self._measured else 0
        if common and caps:
            flags |= p.YEAR_CAPPED
            values |= {"CAP_LIMIT": caps[0].limit_fen, "CAP_SLOT": self.slot(f"cap:{caps[0].name}")}
        values |= {"FLAGS": flags, "RATE": tiers.rates[0] if tiers else 0}

    def tables(self, route: np.ndarray, runs: list[tuple[int, ...]], merge: bool) -> p.Tables:
        """Everything as arrays: each plan's rules become rows that know where its parts lie."""
        rows, lengths, zeroed, slots = [], [], [], 5
        for run in runs:
            steps, used = place_parts([self.rules[index] for index in run], merge)
            rows += [self._place(index, step) for index, step in zip(run, steps, strict=True)]
            lengths.append(len(run))
            slots = max(slots, used)
            zeroed.append(used if any(self.rules[index].when for index in run) else 0)
        settings = self.pack.settings
        scope_of = [self.scopes.index(scope) for _, scope in self.scoped]
        counters = [self.slot(f"admissions:{name}") for name in self._counters]
        sizes = [slots, len(self._slots), len(self._counters), len(self.scoped),
                 len(self.layer_index), p.ROUNDING[settings.rounding],
                 int(settings.status_choice == "held"), int(self.family)]
        return p.Tables(
            route, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array(rows, np.int64) * len(p.ROW_FIELDS), np.array(zeroed, np.int64),
            _array(self._rows_out, len(p.ROW_FIELDS)).reshape(-1), _array(self._whens, 2),
            _array(self._bases, 2), np.array(self._schedule or [0], np.int64),
            _array(self._tiers, 2), _array(self._caps, 5), np.array(scope_of or [0], np.int64),
            np.array(counters or [0], np.int64), np.array(sizes, np.int64))

    def _place(self, index: int, step: StepParts) -> int:
        """Row of a rule at a place in a plan (slots of another plan make another row)."""
        key = (index, step)
        if key in self._placed:
            return self._placed[key]
        values = dict(self._values[index])
        if values["AS_IF"] >= 0:
            nothing = StepParts((), (0,) * len(RESIDUE_NAMES), False)
            values["AS_IF"] = self._place(values["AS_IF"], nothing) * len(p.ROW_FIELDS)
        values |= {"BASE_FROM": len(self._bases), "BASE_TO": len(self._bases) + len(step.drawn)}
        self._bases += [(slot, weight) for _, slot, weight in step.drawn]
        values["FLAGS"] |= p.MERGED if step.merged else 0
        for name, slot in zip(RESIDUE_NAMES, step.outs, strict=True):
            values[f"OUT_{name.upper()}"] = slot
        row = self._placed[key] = len(self.placed)
        self.placed.append(key)
        self._rows_out.append([values[name] for name in p.ROW_FIELDS])
        return row


def _array(rows: list, width: int) -> np.ndarray:
    return np.array(rows, np.int64).reshape(-1, width) if rows else np.zeros((1, width), np.int64)
