"""The plain meaning of a settlement, claim by claim: read this file first.

A bill's money lies in *parts*. Each layer takes its base out of some parts, pays a share of it
and leaves the rest behind as parts of its own (deductible, co-payment, over the cap, penalty,
not counted). Nothing else happens. What no layer paid in the end is the person's.

This is the judge of the fast kernel: both must agree to the fen on every claim. It interprets
`rules.LayerRule` records and carries accumulators by name; the kernel runs over tables. The
arithmetic of a single layer is in `amounts`, the records in `records`.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import Refusal
from ..money import PPM, divide_rounded
from ..policy import Layer, Pack
from ..terms import PART_NAMES
from .amounts import cap_room, cut_by_cap, deductible_room, filled, rated
from .records import RESIDUE_NAMES, LayerTrace, Settlement, State, Step
from .rules import DeductibleRule, LayerRule, layer_dimensions, require_facts, resolve
from .situation import Claim, Person, Situation, situate


def settle_claim(pack: Pack, person: Person, claim: Claim, state: State,
                 rules: "RuleCache | None" = None) -> Settlement:
    """Settles one claim and moves `state` on.

    Among competing statuses the one that leaves the person least wins (BJ-40); on a tie the
    first in the pack's order. Raises Refusal (see `situate` and `resolve`).
    """
    situation = situate(pack, person, claim)
    rules = rules or RuleCache(pack)
    best: tuple[Settlement, State] | None = None
    tried: list[tuple[str, int]] = []
    chains = [(status, rules.chain({**situation.cell, "status": status}))
              for status in situation.statuses]
    for _, chain in chains:
        require_facts(chain, situation.facts, f"claim {claim.claim_id}")
    for status, chain in chains:
        trial = state.copy() if len(chains) > 1 else state
        settlement = _run(pack, claim, situation, status, chain, trial)
        tried.append((status, settlement.person_part))
        if best is None or settlement.person_part < best[0].person_part:
            best = (settlement, trial)
    settlement, final = best
    settlement.rejected = tuple(entry for entry in tried if entry[0] != settlement.status)
    state.year, state.scoped, state.admissions = final.year, final.scoped, final.admissions
    return settlement


class RuleCache:
    """Rules of a pack by cell, each layer resolved once per class it distinguishes."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self._chains: dict[tuple, list[LayerRule]] = {}
        self._layers = [(layer, (*sorted(layer_dimensions(pack, layer)), "status"), {})
                        for layer in pack.layers]

    def chain(self, cell: Mapping[str, str]) -> list[LayerRule]:
        """The rules that apply to a cell, in order. Raises Refusal."""
        key = tuple(cell.values())
        if key not in self._chains:
            found = (self._rule(layer, dimensions, known, cell)
                     for layer, dimensions, known in self._layers)
            self._chains[key] = [rule for rule in found if rule is not None]
        return self._chains[key]

    def _rule(self, layer: Layer, dimensions: tuple[str, ...], known: dict,
              cell: Mapping[str, str]) -> LayerRule | None:
        key = tuple(cell.get(dimension) for dimension in dimensions)
        if key not in known:
            known[key] = resolve(self.pack, layer, cell)
        return known[key]


def _run(pack: Pack, claim: Claim, situation: Situation, status: str,
         chain: list[LayerRule], state: State) -> Settlement:
    parts = dict(zip(PART_NAMES, claim.parts, strict=True))
    step = Step(claim, situation, state, pack.settings.rounding, parts)
    traces = [settle_layer(rule, step) for rule in chain if _wanted(rule, step)]
    for counter in step.counters:
        key = (claim.person_id, counter)
        state.admissions[key] = state.admissions.get(key, 0) + 1
    left = {part: fen for part, fen in parts.items() if fen}
    assert sum(left.values()) + sum(trace.paid for trace in traces) == claim.total_fen
    assert all(fen >= 0 for fen in parts.values()) and all(trace.paid >= 0 for trace in traces)
    return Settlement(claim, situation, status, (), traces, left)


def _wanted(rule: LayerRule, step: Step) -> bool:
    """`when`: what an earlier layer did on this claim."""
    for did, layer in rule.when:
        truth = {"applied": layer in step.paid, "not_applied": layer not in step.paid,
                 "paid": step.paid.get(layer, 0) > 0, "not_paid": step.paid.get(layer, 0) == 0,
                 "capped": layer in step.capped}
        if not truth[did]:
            return False
    return True


def settle_layer(rule: LayerRule, step: Step) -> LayerTrace:
    """One layer: take the base, compute, pay, leave the residues, move the accumulators."""
    drawn, excluded = _draw(rule, step.parts)
    trace = _compute(rule, step, drawn)
    trace.residues["excluded"] = excluded
    if rule.as_if is not None:
        trace.as_if = _compute(rule.as_if, step, drawn)
        _keep_penalty_out(trace, trace.as_if)
    _move_accumulators(trace, step)
    for name in RESIDUE_NAMES:
        if trace.residues[name]:
            step.parts[f"{rule.layer}.{name}"] = trace.residues[name]
    step.gross[rule.layer] = trace.base
    step.paid[rule.layer] = trace.paid
    if trace.capped:
        step.capped.add(rule.layer)
    assert trace.paid + sum(trace.residues.values()) == trace.base + excluded
    return trace


def _draw(rule: LayerRule, parts: dict[str, int]) -> tuple[tuple[tuple[str, int], ...], int]:
    """Empties the base's parts; what a weight keeps out is returned beside them."""
    drawn, excluded = [], 0
    for part, weight in rule.base:
        whole = parts.pop(part, 0)
        taken = divide_rounded(whole * weight, PPM)
        excluded += whole - taken
        if taken:
            drawn.append((part, taken))
    return tuple(drawn), excluded


def _compute(rule: LayerRule, step: Step, drawn: tuple[tuple[str, int], ...]) -> LayerTrace:
    """The layer's amounts for a base, without moving anything."""
    base = sum(fen for _, fen in drawn)
    measured = step.gross.get(rule.measure, 0) if rule.measure else base
    seen: dict[str, int] = {}
    deductible = min(measured, deductible_room(rule.deductible, step, seen))
    room = [cap_room(cap, step) for cap in rule.caps]
    covered = measured - deductible
    counted = min([covered] + [left for cap, (_, left) in zip(rule.caps, room, strict=True)
                               if cap.on == "cost"])
    trace = LayerTrace(rule, drawn, base, measured, deductible, 0, 0, 0, 0, (), 0, False, 0,
                       tuple(room), False, {}, seen)
    if rule.fill:
        payable = filled(rule, step, base, seen)
        trace.tier_amounts = (payable,)
    else:
        payable = rated(rule, rule.tiers, step, trace, counted)
    floor = step.rounded(base * rule.minimum_ppm)
    trace.minimum_bites = floor > payable
    trace.payable = min(max(payable, floor), base)
    limits = [left for cap, (_, left) in zip(rule.caps, room, strict=True) if cap.on == "payment"]
    trace.paid = min([trace.payable, *limits])
    trace.capped = trace.paid < trace.payable or counted < covered
    _leave(rule, trace, covered - counted, counted)
    return trace


def _leave(rule: LayerRule, trace: LayerTrace, cost_cut: int, counted: int) -> None:
    """Splits what is not paid into deductible, co-payment and over-cap parts."""
    unpaid = trace.base - trace.paid
    if rule.measure or rule.fill:
        below = over = 0
    else:
        below = min(trace.deductible, unpaid)
        over = min(cost_cut, unpaid - below)
        over += min(cut_by_cap(rule, trace, counted), unpaid - below - over)
    trace.residues = {"deductible": below, "copayment": unpaid - below - over, "over_cap": over,
                      "penalty": 0}


def _keep_penalty_out(trace: LayerTrace, as_if: LayerTrace) -> None:
    """BJ-63: later layers see what a duly referred patient would have left; the rest is penalty."""
    loss = as_if.paid - trace.paid
    if loss <= 0:
        return
    excluded = trace.residues["excluded"]
    trace.residues = {**as_if.residues, "penalty": loss, "excluded": excluded}


def _add(where: dict, key: tuple, fen: int) -> None:
    where[key] = where.get(key, 0) + fen


def _move_accumulators(trace: LayerTrace, step: Step) -> None:
    """What the next claim of the person (or family) must know."""
    rule, state, person = trace.rule, step.state, step.claim.person_id
    if rule.deductible:
        _move_deductible(rule.deductible, trace, step)
    tiers = rule.tiers
    if tiers and tiers.of == "year":
        owner = step.owner(tiers.owner)
        net = trace.tier_to - trace.tier_from
        gross = trace.deductible + net if rule.measure == "" else trace.measured
        _add(state.year, (owner, f"tiers:{tiers.accumulator}"),
             net if tiers.edge_kind == "net" else gross)
        if tiers.rounding == "true_up":
            _add(state.year, (owner, f"granted:{tiers.accumulator}"), trace.payable)
            _add(state.year, (owner, f"borne:{tiers.accumulator}"), trace.deductible)
    if rule.fill and rule.fill[2] == "year":
        cost = sum(step.claim.parts[index] for index in rule.fill[1])
        _add(state.year, (person, f"fill-left:{rule.layer}"), trace.base - trace.paid)
        _add(state.year, (person, f"fill-cost:{rule.layer}"), cost)
    for cap in rule.caps:
        used = trace.paid if cap.on == "payment" else trace.tier_to - trace.tier_from
        name = f"cap:{cap.name}"
        if cap.per == "year":
            _add(state.year, (step.owner(cap.owner), name), used)
        elif cap.per != "stay":
            _add(state.scoped, (step.owner(cap.owner), name, step.scope_key(cap.per)), used)


def _move_deductible(rule: DeductibleRule, trace: LayerTrace, step: Step) -> None:
    state, person = step.state, step.claim.person_id
    if rule.counter and rule.counts:
        step.counters.add(rule.counter)
    name = f"deductible:{rule.accumulator}"
    if rule.per == "year":
        key = (step.owner(rule.owner), name)
        _add(state.year, key, trace.deductible)
        if rule.owner == "any_member" and state.year[key] >= rule.schedule[0] > 0:
            state.year[("", f"reached:{rule.accumulator}")] = 1
    if rule.per == "episode" and step.claim.episode:
        # BJ-22: an upward transfer pays the difference of the standards, so what counts is the
        # standard of the stay, not how much of it the bill reached.
        episode = (person, name, step.claim.episode)
        admission = state.admissions.get((person, rule.counter), 0)
        standard = rule.schedule[min(admission, len(rule.schedule) - 1)]
        state.scoped[episode] = max(state.scoped.get(episode, 0), standard)
    if rule.year_limit_fen is not None:
        _add(state.year, (person, f"deductible-total:{rule.accumulator}"), trace.deductible)


def settle_year(pack: Pack, persons: Mapping[str, Person], claims: Iterable[Claim],
                rules: RuleCache | None = None) -> list[Settlement]:
    """Settles the claims of one owner group (a person or a family) in the pack's order.

    Each policy year starts with empty accumulators. Raises Refusal for the first claim that
    cannot be settled.
    """
    rules = rules or RuleCache(pack)
    years: dict[str, State] = {}
    settled = []
    for claim in sorted(claims, key=lambda claim: claim_order(pack, claim)):
        person = persons.get(claim.person_id)
        if person is None:
            raise Refusal("missing-person", f"nobody is known as {claim.person_id!r}",
                          f"claim {claim.claim_id}", "", "Add the person to the case.")
        year = situate(pack, person, claim).policy_year
        settled.append(settle_claim(pack, person, claim, years.setdefault(year, State()), rules))
    return settled


def claim_order(pack: Pack, claim: Claim) -> tuple[str, str, str]:
    """Sort key of claims inside a person-year: the pack's date, then time, then id."""
    if pack.settings.order == "discharge":
        return (claim.end, claim.settled, claim.claim_id)
    return (claim.settled, "", claim.claim_id)
