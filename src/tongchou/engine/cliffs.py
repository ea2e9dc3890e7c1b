"""Cliffs: where one more yuan of cost makes the person pay over a yuan more, or less (悬崖检查).

Under one chain of rules every layer is piecewise linear in the in-policy cost of a single first
stay. The pieces are told apart by what every layer does (deductible passed or not, tier reached,
cap bound or not ...), so their ends are found to the fen by bisection on that description. It is
exact as long as every layer's base rises with the bill, which holds where no earlier layer falls.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

from ..errors import Refusal
from ..money import FEN, PPM, yuan_grouped
from ..policy import Cell, Pack, Value, lint
from ..terms import PART_NAMES
from .records import Settlement, State
from .reference import RuleCache, settle_claim
from .rules import LayerRule, layer_dimensions, layer_values, resolve
from .situation import Claim, Person

COST_MAX_FEN = 1 << 30          # search up to 10.7 million yuan
GRID_STEPS_PER_DOUBLING = 2     # first look, before bisection
CELLS_MAX = 1 << 15             # cells looked at; beyond it a sample with a fixed seed
CHAINS_MAX = 40                 # different chains searched; beyond it every k-th


@dataclass(frozen=True)
class Cliff:
    """A place where the person's payment is not reasonable in the cost.

    `kind` is `jump` (one more yuan costs over a yuan) or `fall` (more cost, less to pay). The
    amounts are fen of in-policy cost, and of the person's payment, before and after.
    """

    kind: str
    cost_from: int
    cost_to: int
    pays_before: int
    pays_after: int
    layers: tuple[str, ...]
    cell: tuple[tuple[str, str], ...]

    def says(self) -> str:
        """The cliff in one sentence."""
        where = f"from {yuan_grouped(self.cost_from)} to {yuan_grouped(self.cost_to)} of cost"
        verb = "rises" if self.kind == "jump" else "falls"
        return (f"{where} the person's payment {verb} from {yuan_grouped(self.pays_before)} to "
                f"{yuan_grouped(self.pays_after)}")


@dataclass
class Search:
    """What was searched: distinct chains of rules with an example cell, how many there are in
    all, whether cells were sampled, and the refusals met on the way (by code and place)."""

    chains: dict[tuple[LayerRule, ...], Cell]
    found_chains: int
    sampled: bool
    refusals: dict[tuple[str, str], Refusal]


def find_cliffs(pack: Pack, seen: set[tuple[LayerRule, ...]] | None = None,
                chains_max: int = CHAINS_MAX) -> tuple[list[Cliff], Search]:
    """All cliffs of a pack's chains; `seen` carries chains searched before (other readings).

    Chains that need an unset parameter are passed by.
    """
    search = distinct_chains(pack, chains_max, seen if seen is not None else set())
    cliffs: list[Cliff] = []
    for chain, cell in search.chains.items():
        for facts in _fact_choices(chain):
            cliffs += _Stay(pack, chain, facts).cliffs(cell)
    return _merged(cliffs), search


def _merged(cliffs: list[Cliff]) -> list[Cliff]:
    """One of each: the same amounts in the same layers under another class say nothing new."""
    unique: dict[tuple, Cliff] = {}
    for cliff in cliffs:
        unique.setdefault((cliff.kind, cliff.cost_from, cliff.cost_to, cliff.pays_before,
                           cliff.pays_after, cliff.layers), cliff)
    return list(unique.values())


# --- which chains there are ----------------------------------------------------------------------


def distinct_chains(pack: Pack, chains_max: int, seen: set[tuple[LayerRule, ...]]) -> Search:
    """The different chains of rules over all cells, each with one cell as its example."""
    dimensions = _dimensions(pack)
    search = Search({}, 0, False, {})
    needs = [(layer, sorted(layer_dimensions(pack, layer) | {"date"})) for layer in pack.layers]
    rules: dict[tuple, LayerRule | None | Refusal] = {}
    every: dict[tuple[LayerRule, ...], Cell] = {}
    for cell in _cells(pack, dimensions, search):
        chain = []
        for layer, names in needs:
            key = (layer.name, *(cell.get(name) for name in names))
            if key not in rules:
                rules[key] = _rule(pack, layer, cell)
            chain.append(rules[key])
        refusals = [rule for rule in chain if isinstance(rule, Refusal)]
        for refusal in refusals:
            search.refusals.setdefault((refusal.code, refusal.where), refusal)
        whole = tuple(rule for rule in chain if rule is not None)
        if whole and not refusals and whole not in seen:
            every.setdefault(whole, cell)
    seen.update(every)
    search.found_chains = len(every)
    step = -(-len(every) // chains_max) if every else 1
    search.sampled = search.sampled or step > 1
    search.chains = dict(list(every.items())[::step])
    return search


def _rule(pack: Pack, layer: object, cell: Cell) -> LayerRule | None | Refusal:
    try:
        return resolve(pack, layer, cell)
    except Refusal as refusal:
        return refusal


def _cells(pack: Pack, dimensions: dict[str, list[str]], search: Search) -> Iterator[Cell]:
    count = 1
    for names in dimensions.values():
        count *= len(names)
    if count <= CELLS_MAX:
        combinations: Iterator[tuple[str, ...]] = product(*dimensions.values())
    else:
        search.sampled = True
        draw = Random(count)
        combinations = (tuple(draw.choice(names) for names in dimensions.values())
                        for _ in range(CELLS_MAX))
    for classes in combinations:
        cell = dict(zip(dimensions, classes, strict=True))
        if cell["place"] in lint.place_of(pack, cell["hospital"]):
            yield cell


def _dimensions(pack: Pack) -> dict[str, list[str]]:
    """Classes of every dimension, but only one of those that no rule tells apart."""
    marks: dict[str, list] = {}
    for layer in pack.layers:
        conditions = [layer.conditions, *layer.exceptions]
        conditions += [change.conditions for change in layer.adjust]
        conditions += [change.conditions for change in
                       (layer.deductible.adjust if layer.deductible else ())]
        if layer.penalty:
            conditions += [layer.penalty.conditions,
                           {name: (word,) for name, word in layer.penalty.as_if.items()}]
        for condition in conditions:
            for dimension, names in condition.items():
                marks.setdefault(dimension, []).append(frozenset(names))
        for value in layer_values(layer):
            _mark_tables(value, marks)
    found = {}
    for dimension, names in lint.possible_classes(pack).items():
        alike: dict[tuple, str] = {}
        for name in names:
            alike.setdefault(tuple(_seen_as(mark, name) for mark in marks.get(dimension, ())),
                             name)
        found[dimension] = list(alike.values())
    days = [day for day in pack.date_edges
            if day > pack.force_from and (not pack.force_to or day <= pack.force_to)]
    found["date"] = [pack.force_from, *days]
    # Rules about one hospital class can hang on its place, so both keep all their classes.
    if "place" in marks:
        found["place"] = list(lint.possible_classes(pack)["place"])
    return found


def _mark_tables(value: Value, marks: dict[str, list]) -> None:
    if hasattr(value, "dimension") and value.dimension != "date":
        marks.setdefault(value.dimension, []).append(value)
    for child in value.children():
        _mark_tables(child, marks)


def _seen_as(mark: object, name: str) -> object:
    """What a condition or a table makes of a class."""
    if isinstance(mark, frozenset):
        return name in mark
    entry = mark.entries.get(name, mark.otherwise)
    return None if entry is None else _shape(entry)


def _shape(value: Value) -> tuple:
    """A value without the places where it stands."""
    own = {key: part for key, part in vars(value).items()
           if key in ("number", "parameter", "dimension", "step_fen", "how")}
    keys = tuple(value.entries) if hasattr(value, "entries") else ()
    return (type(value).__name__, *own.items(), keys,
            *(_shape(child) for child in value.children()))


# --- one chain -----------------------------------------------------------------------------------


def _fact_choices(chain: tuple[LayerRule, ...]) -> list[dict[str, int]]:
    """Numbers about the person with which the slopes of a chain begin, and end."""
    slopes = [rule.slope for rule in chain if rule.slope]
    low = {slope.fact: 0 for slope in slopes}
    high = {slope.fact: slope.above + -(-slope.at_most_ppm // max(slope.per_unit_ppm, 1))
            for slope in slopes}
    return [low, high] if slopes else [{}]


class _FixedChain(RuleCache):
    """A rule cache that knows one chain only, whatever the cell."""

    def __init__(self, pack: Pack, rules: tuple[LayerRule, ...]) -> None:
        super().__init__(pack)
        self.rules = list(rules)

    def chain(self, cell: Cell) -> list[LayerRule]:
        """The chain."""
        return self.rules


class _Stay:
    """A single first stay under one chain, as a function of its in-policy cost."""

    def __init__(self, pack: Pack, chain: tuple[LayerRule, ...], facts: dict[str, int]) -> None:
        self.pack = pack
        self.rules = _FixedChain(pack, chain)
        born = f"{max(int(pack.force_from[:4]) - facts.get('age', 0), 1):04d}-01-01"
        self.person = Person("stay", pack.insurance[0], born=born, facts=facts)
        self.tolerance = len(chain) + 1  # every layer rounds once
        self.known: dict[int, tuple[int, tuple]] = {}

    def at(self, cost: int) -> tuple[int, tuple]:
        """What the person pays, and what every layer does."""
        if cost not in self.known:
            day = self.pack.force_from
            parts = tuple(cost if name == "in_policy" else 0 for name in PART_NAMES)
            claim = Claim("stay", "stay", "inpatient", "3", "local", "not_needed", day, day,
                          day, parts)
            settled = settle_claim(self.pack, self.person, claim, State(), self.rules)
            self.known[cost] = settled.person_part, _deeds(settled)
        return self.known[cost]

    def refine(self) -> list[int]:
        """Costs at which something changes, with both sides of every change."""
        start = sorted(self._first_look())
        for cost in start:
            self.at(cost)
        todo = list(zip(start, start[1:], strict=False))
        while todo:
            low, high = todo.pop()
            if high - low > 1 and self.at(low)[1] != self.at(high)[1]:
                middle = (low + high) // 2
                self.at(middle)
                todo += [(low, middle), (middle, high)]
        return sorted(self.known)

    def _first_look(self) -> set[int]:
        found = {0, FEN, COST_MAX_FEN}
        cost = FEN << 6
        while cost < COST_MAX_FEN:
            found |= {cost + cost * k // GRID_STEPS_PER_DOUBLING
                      for k in range(GRID_STEPS_PER_DOUBLING)}
            cost *= 2
        for rule in self.rules.rules:
            found |= _amounts(rule)
        return {cost for cost in found if cost <= COST_MAX_FEN}

    def cliffs(self, cell: Cell) -> Iterator[Cliff]:
        """The chain's cliffs, neighbouring stretches of one fall joined."""
        fall: Cliff | None = None
        costs = self.refine()
        for low, high in zip(costs, costs[1:], strict=False):
            (before, deeds), (after, later) = self.at(low), self.at(high)
            rise = after - before
            kind = "fall" if rise < -self.tolerance else \
                "jump" if rise > high - low + self.tolerance else ""
            if fall and (kind != "fall" or fall.cost_to != low):
                yield fall
                fall = None
            if not kind:
                continue
            start = fall or Cliff(kind, low, high, before, after, (), tuple(cell.items()))
            layers = start.layers or _changed(deeds, later)
            joined = Cliff(kind, start.cost_from, high, start.pays_before, after, layers,
                           start.cell)
            if kind == "fall":
                fall = joined
            else:
                yield joined
        if fall:
            yield fall


def _amounts(rule: LayerRule) -> set[int]:
    """Every amount of a rule, and the cost at which a cap on payments bites alone."""
    found = set(rule.tiers.edges) if rule.tiers else set()
    if rule.deductible:
        found |= {*rule.deductible.schedule[:1], rule.deductible.floor_fen}
    rates = [rate for rate in (rule.tiers.rates if rule.tiers else ()) if rate]
    for cap in rule.caps:
        found |= {cap.limit_fen, *(cap.limit_fen * PPM // rate for rate in rates)}
    return found


def _deeds(settled: Settlement) -> tuple:
    """What every layer does, in words that stay the same along one linear piece."""
    found = []
    for trace in settled.layers:
        edges = trace.rule.tiers.edges if trace.rule.tiers else ()
        measure = trace.measured if trace.rule.tiers and \
            trace.rule.tiers.edge_kind == "bracket" else trace.tier_to
        found.append((trace.rule.layer, trace.base > 0, trace.measured > trace.deductible,
                      sum(measure > edge for edge in edges), trace.capped, trace.minimum_bites,
                      trace.paid > 0, trace.paid == trace.base,
                      tuple(name for name, fen in trace.residues.items() if fen)))
    return tuple(found)


def _changed(before: tuple, after: tuple) -> tuple[str, ...]:
    """Layers that do something else on the other side."""
    return tuple(dict.fromkeys(
        deed[0] for deed in (*after, *before) if deed not in before or deed not in after))
