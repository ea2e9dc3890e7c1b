"""A layer's rule for one class of claims: every value evaluated to fen, ppm or a count.

`resolve` is the only place where conditions, tables, adjustments and clauses meet. The plain
reference interprets the result, `engine.compile` flattens the same result to integer tables.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import Refusal
from ..money import PPM, divide_rounded
from ..policy import (Adjustment, Cap, Cell, Deductible, Layer, Pack, Tiers, Value, unique,
                      unset_choice)
from ..terms import PART_NAMES
from .situation import LOOKBACK, holds

UNPAID_TAILS = {"unpaid": ("deductible", "copayment", "over_cap"),
                "residue": ("deductible", "copayment")}


@dataclass(frozen=True)
class DeductibleRule:
    """起付线 in fen. `schedule[n]` is the amount at the n-th admission (the last holds on).

    With `share_ppm` the amount is a share of `share_of` (indices of the bill's parts) between
    `floor_fen` and `ceiling_fen`. `accumulator` carries what is used up in the year or episode.
    """

    per: str
    schedule: tuple[int, ...]
    share_ppm: int
    share_of: tuple[int, ...]
    floor_fen: int
    ceiling_fen: int | None
    counter: str
    counts: bool
    year_limit_fen: int | None
    owner: str
    accumulator: str
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class TierRule:
    """Upper edges in fen and rates in ppm (one more than edges); a plain ratio is one tier."""

    edges: tuple[int, ...]
    rates: tuple[int, ...]
    of: str
    edge_kind: str
    rounding: str
    owner: str
    accumulator: str
    clauses: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class SlopeRule:
    """Points a number about the person adds to every rate: ppm per unit above a start, bounded."""

    fact: str
    per_unit_ppm: int
    above: int
    at_most_ppm: int
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class CapRule:
    """封顶线 in fen; `name` is the accumulator, shared by layers that name the same pot."""

    name: str
    per: str
    limit_fen: int
    on: str
    owner: str
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class LayerRule:
    """One layer for one class of claims, numbers only."""

    layer: str
    fund: str
    base: tuple[tuple[str, int], ...]          # part, weight in ppm
    deductible: DeductibleRule | None
    tiers: TierRule | None
    slope: SlopeRule | None
    fill: tuple[int, tuple[int, ...], str] | None   # share ppm, bill parts, per
    minimum_ppm: int
    caps: tuple[CapRule, ...]
    over_cap: str
    when: tuple[tuple[str, str], ...]
    measure: str
    as_if: "LayerRule | None"
    clauses: tuple[str, ...]

    @cached_property
    def all_clauses(self) -> tuple[str, ...]:
        """Every clause the layer's numbers rest on, its own first."""
        tiers = [clause for tier in self.tiers.clauses for clause in tier] if self.tiers else []
        return unique((*self.clauses, *(self.deductible.clauses if self.deductible else ()),
                       *tiers, *(self.slope.clauses if self.slope else ()),
                       *(clause for cap in self.caps for clause in cap.clauses)))

    @cached_property
    def _cited(self) -> dict[tuple[str, ...], str]:
        return {}

    def cited(self, clauses: tuple[str, ...]) -> str:
        """These clauses and the layer's own, as one text; made once."""
        found = self._cited.get(clauses)
        if found is None:
            found = self._cited[clauses] = ", ".join(unique((*clauses, *self.clauses)))
        return found

    @cached_property
    def residue_clauses(self) -> Mapping[str, str]:
        """Residue of the layer -> the clauses that left it behind, where others than its own."""
        found = {"over_cap": ", ".join(unique([c for cap in self.caps for c in cap.clauses])
                                       or self.clauses)}
        if self.deductible:
            found["deductible"] = self.cited(self.deductible.clauses)
        if self.tiers:
            found["copayment"] = ", ".join(unique([c for tier in self.tiers.clauses
                                                   for c in tier]) or self.clauses)
        return found


def layer_dimensions(pack: Pack, layer: Layer) -> set[str]:
    """Dimensions on which a layer's rule can depend, those of the layers it draws on included."""
    found = set(layer.conditions) | {name for exception in layer.exceptions for name in exception}
    for value in _values(layer):
        found |= value.dimensions()
    for adjustment in _adjustments(layer):
        found |= set(adjustment.conditions)
    if layer.penalty:
        found |= set(layer.penalty.conditions) | set(layer.penalty.as_if)
    if layer.measure:
        found |= layer_dimensions(pack, pack.layer(layer.measure))
    for item in layer.base:
        name, _, tail = item.part.partition(".")
        if tail in UNPAID_TAILS:
            found |= _weight_dimensions(pack, name)
    return found


def _weight_dimensions(pack: Pack, name: str) -> set[str]:
    found: set[str] = set()
    for item in pack.layer(name).base:
        found |= item.weight.dimensions() if item.weight else set()
        earlier, _, tail = item.part.partition(".")
        found |= _weight_dimensions(pack, earlier) if tail in UNPAID_TAILS else set()
    return found


def _adjustments(layer: Layer) -> tuple[Adjustment, ...]:
    return layer.adjust + (layer.deductible.adjust if layer.deductible else ())


def _values(layer: Layer) -> list[Value]:
    changes = [value for change in _adjustments(layer)
               for value in (change.operand, change.above, change.at_most)]
    return layer.own_values() + [value for value in changes if value is not None]


def layer_values(layer: Layer) -> list[Value]:
    """Every value expression of a layer (for lint and documentation)."""
    return _values(layer) + [budget.share for budget in layer.budgets]


def resolve(pack: Pack, layer: Layer, cell: Cell) -> LayerRule | None:
    """The layer's rule for a cell (with `status`), or None where it does not apply.

    Raises Refusal: an unset parameter, a missing table entry, a yuan paid twice.
    """
    cell = _seen_by(layer, cell)
    if not holds(layer.conditions, cell) \
            or any(holds(exception, cell) for exception in layer.exceptions):
        return None
    if layer.unset:
        raise unset_choice(*layer.unset, layer.where)
    rule = _resolve(pack, layer, cell)
    if layer.penalty and holds(layer.penalty.conditions, cell):
        as_if = _resolve(pack, layer, {**cell, **layer.penalty.as_if})
        clauses = unique((*rule.clauses, *layer.penalty.clauses))
        rule = replace(rule, as_if=replace(as_if, clauses=rule.clauses), clauses=clauses)
    return rule


def _seen_by(layer: Layer, cell: Cell) -> Cell:
    status = cell.get("status", "none")
    if not status.endswith(LOOKBACK):
        return cell
    return {**cell, "status": status.removesuffix(LOOKBACK) if layer.looks_back else "none"}


def _resolve(pack: Pack, layer: Layer, cell: Cell) -> LayerRule:
    tiers = _tiers(layer, layer.tiers, cell) if layer.tiers else None
    rule = LayerRule(
        layer.name, layer.fund, base_parts(pack, layer, cell),
        _deductible(layer.deductible, cell) if layer.deductible else None, tiers,
        _slope(layer, cell),
        (layer.fill.share.at(cell), tuple(PART_NAMES.index(part) for part in layer.fill.of),
         layer.fill.per) if layer.fill else None,
        layer.minimum.at(cell) if layer.minimum else 0,
        tuple(_cap(cap, cell) for cap in layer.caps), layer.over_cap, layer.when, layer.measure,
        None, unique((*layer.clauses, *(layer.fill.clauses if layer.fill else ()))))
    if layer.measure:
        _refuse_double_pay(pack, layer, cell, rule)
    return rule


def require_facts(chain: Iterable[LayerRule], facts: Mapping[str, int], where: str) -> None:
    """Refuses (`missing-fact`) a claim whose rules need a number that nobody gave."""
    for rule in chain:
        if rule.slope and rule.slope.fact not in facts:
            name = rule.slope.fact
            add = "Add brdy (date of birth)." if name == "age" else f"Add `facts: {{{name}: ..}}`."
            raise Refusal("missing-fact", f"the rule {rule.layer} needs the number `{name}`",
                          where, ", ".join(rule.slope.clauses[:1] or rule.clauses[:1]), add)


def base_parts(pack: Pack, layer: Layer, cell: Cell) -> tuple[tuple[str, int], ...]:
    """The parts a layer draws on in a cell, `unpaid` and `residue` written out, zero weights gone.

    Where the earlier layer did not apply its own base is untouched, so it stands in the list too:
    what a layer took is empty afterwards, so nothing can be drawn twice.
    """
    found: dict[str, int] = {}
    for item in layer.base:
        weight = item.weight.at(cell) if item.weight else PPM
        name, _, tail = item.part.partition(".")
        parts = _unpaid(pack, name, tail, cell) if tail in UNPAID_TAILS else [item.part]
        for part in parts:
            if weight:
                found.setdefault(part, weight)
    return tuple(found.items())


def _unpaid(pack: Pack, name: str, tail: str, cell: Cell) -> list[str]:
    layer = pack.layer(name)
    own = [f"{name}.{residue}" for residue in UNPAID_TAILS[tail]]
    if layer.unset:
        raise unset_choice(*layer.unset, layer.where)
    whole = [part for part, weight in base_parts(pack, layer, cell) if weight == PPM]
    return own + whole


def _deductible(rule: Deductible, cell: Cell) -> DeductibleRule:
    clauses: list[str] = list(rule.clauses)
    amount = rule.amount.at(cell) if rule.amount else 0
    clauses += rule.amount.cited(cell) if rule.amount else ()
    for change in rule.adjust:
        if holds(change.conditions, cell):
            amount = _changed(amount, change, cell)
            clauses += [*change.clauses, *change.operand.cited(cell)]
    share = rule.share.at(cell) if rule.share else 0
    clauses += rule.share.cited(cell) if rule.share else ()
    owned = rule.per != "stay"
    return DeductibleRule(
        rule.per, _schedule(rule, amount, cell), share,
        tuple(PART_NAMES.index(part) for part in rule.share_of),
        rule.at_least.at(cell) if rule.at_least else 0,
        rule.at_most.at(cell) if rule.at_most else None,
        rule.counter if rule.then or rule.then_minus else "",
        bool(rule.counts.at(cell)) if rule.counts else True,
        rule.year_total_at_most.at(cell) if rule.year_total_at_most else None,
        rule.owner, rule.accumulator if owned or rule.year_total_at_most else "",
        unique(clauses))


def _changed(number: int, change: Adjustment, cell: Cell) -> int:
    operand = change.operand.at(cell)
    if change.how == "set":
        return operand
    if change.how == "plus":
        return number + operand
    if change.how == "minus":
        return max(number - operand, 0)
    return divide_rounded(number * operand, PPM * change.step_fen) * change.step_fen


def _schedule(rule: Deductible, amount: int, cell: Cell) -> tuple[int, ...]:
    if rule.then:
        return tuple(divide_rounded(amount * share.at(cell), PPM) for share in rule.then)
    if not rule.then_minus:
        return (amount,)
    step, floor = rule.then_minus.at(cell), rule.then_at_least.at(cell)
    schedule = [amount]
    while step and schedule[-1] > min(floor, amount) and len(schedule) < 100:
        schedule.append(max(schedule[-1] - step, min(floor, amount)))
    return tuple(schedule)


def _tiers(layer: Layer, rule: Tiers, cell: Cell) -> TierRule:
    rates, clauses = [], []
    for value in rule.rates:
        rate, cited = value.at(cell), [*rule.clauses, *value.cited(cell)]
        for change in layer.adjust:
            if not change.fact and holds(change.conditions, cell):
                rate = min(_changed(rate, change, cell), PPM)
                cited += [*change.clauses, *change.operand.cited(cell)]
        rates.append(rate)
        clauses.append(unique(cited))
    edges = tuple(value.at(cell) for value in rule.edges)
    if any(later <= earlier for earlier, later in zip(edges, edges[1:], strict=False)):
        raise Refusal("tiers-not-rising", f"the tiers of {layer.name} do not rise here",
                      rule.where, "", "Correct the edges or the parameters they use.")
    stays = rule.of == "stay"
    return TierRule(edges, tuple(rates), rule.of, rule.edge_kind, rule.rounding,
                    "person" if stays else rule.owner, "" if stays else rule.accumulator,
                    tuple(clauses))


def _slope(layer: Layer, cell: Cell) -> SlopeRule | None:
    slopes = [change for change in layer.adjust if change.fact and holds(change.conditions, cell)]
    if not slopes:
        return None
    change = slopes[0]
    return SlopeRule(change.fact, change.operand.at(cell), change.above.at(cell),
                     change.at_most.at(cell), unique(change.clauses))


def _cap(cap: Cap, cell: Cell) -> CapRule:
    return CapRule(cap.name, cap.per, cap.amount.at(cell), cap.on, cap.owner,
                   unique((*cap.clauses, *cap.amount.cited(cell))))


def _refuse_double_pay(pack: Pack, layer: Layer, cell: Cell, rule: LayerRule) -> None:
    measured = resolve(pack, pack.layer(layer.measure), cell)
    if measured is None or not measured.tiers or not rule.tiers:
        return
    together = max(measured.tiers.rates) + max(rule.tiers.rates)
    if together > PPM:
        clause = rule.clauses[0] if rule.clauses else ""
        raise Refusal("pays-twice", f"{layer.name} measures what {layer.measure} has paid: each "
                      f"further yuan would be paid {together // (PPM // 100)}% in all",
                      layer.where, clause, "Choose a reading that draws on what is left unpaid.")
