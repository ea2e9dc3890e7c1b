"""The plain meaning of a settlement, claim by claim: read this file first.

A bill's money lies in *parts*. Each layer takes its base out of some parts, pays a share of it
and leaves the rest behind as parts of its own (deductible, co-payment, over the cap, penalty,
not counted). Nothing else happens. What no layer paid in the end is the person's.

This is the judge of the fast kernel: both must agree to the fen on every claim. It interprets
`rules.LayerRule` records and carries accumulators by name; the kernel runs over tables.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import Refusal
from ..money import PPM, divide_rounded
from ..policy.model import Pack
from ..terms import PART_NAMES
from .rules import CapRule, DeductibleRule, LayerRule, TierRule, require_facts, resolve
from .situation import Claim, Person, Situation, situate

RESIDUE_NAMES = ("deductible", "copayment", "over_cap", "penalty", "excluded")


@dataclass
class LayerTrace:
    """What one layer did on one claim, every number a line of the explanation needs (fen)."""

    rule: LayerRule
    drawn: tuple[tuple[str, int], ...]         # part, fen taken, in draw order
    base: int
    measured: int
    deductible: int
    cumulated_before: int
    tier_from: int
    tier_to: int
    slope_ppm: int
    tier_amounts: tuple[int, ...]
    payable: int                               # before caps on payments
    minimum_bites: bool
    paid: int
    caps: tuple[tuple[int, int], ...]          # used before, room left before; per cap of the rule
    capped: bool
    residues: dict[str, int]
    seen: dict[str, int] = field(default_factory=dict)   # what the rule looked up, by name
    as_if: "LayerTrace | None" = None          # the same claim, duly referred


@dataclass
class Settlement:
    """One claim settled: traces in chain order, what stays with the person, and the choice made."""

    claim: Claim
    situation: Situation
    status: str
    rejected: tuple[tuple[str, int], ...]      # other statuses and the person's part under each
    layers: list[LayerTrace]
    left: dict[str, int]                       # unpaid parts (fen), all of them the person's

    @property
    def person_part(self) -> int:
        """个人负担 in fen: what is left, and what a rule gave to the person."""
        return sum(self.left.values()) + sum(t.paid for t in self.layers
                                             if t.rule.fund == "person")


@dataclass
class State:
    """Accumulators of one owner group (a person, or a family) in one policy year.

    `year` holds running amounts by (owner, name); `scoped` those of an episode, day or month;
    `admissions` counts stays. Owner is a person id, or "" for the family.
    """

    year: dict[tuple[str, str], int] = field(default_factory=dict)
    scoped: dict[tuple[str, str, str], int] = field(default_factory=dict)
    admissions: dict[tuple[str, str], int] = field(default_factory=dict)

    def copy(self) -> "State":
        """An independent copy, for trying a status."""
        return State(dict(self.year), dict(self.scoped), dict(self.admissions))


@dataclass
class Step:
    """One claim on its way down the chain: parts still unpaid, bases seen, deeds done."""

    claim: Claim
    situation: Situation
    state: State
    rounding: str
    parts: dict[str, int]
    gross: dict[str, int] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)
    capped: set[str] = field(default_factory=set)
    counters: set[str] = field(default_factory=set)

    def owner(self, kind: str) -> str:
        """Whose accumulator: the person's own, or the family's."""
        return "" if kind == "family" else self.claim.person_id

    def scope_key(self, per: str) -> str:
        """What an accumulator that is not yearly is kept under."""
        if per == "episode":
            return self.claim.episode
        return self.situation.rule_date[:7 if per == "month" else 10]

    def rounded(self, exact: int) -> int:
        """Fen of an amount in fen x ppm: the layer's one rounding."""
        return divide_rounded(exact, PPM, self.rounding)


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
    """Rules of a pack by cell, resolved once."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self._chains: dict[tuple, list[LayerRule]] = {}

    def chain(self, cell: Mapping[str, str]) -> list[LayerRule]:
        """The rules that apply to a cell, in order. Raises Refusal."""
        key = tuple(cell.values())
        if key not in self._chains:
            found = (resolve(self.pack, layer, cell) for layer in self.pack.layers)
            self._chains[key] = [rule for rule in found if rule is not None]
        return self._chains[key]


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
    deductible = min(measured, _deductible_room(rule.deductible, step, seen))
    room = [_cap_room(cap, step) for cap in rule.caps]
    covered = measured - deductible
    counted = min([covered] + [left for cap, (_, left) in zip(rule.caps, room, strict=True)
                               if cap.on == "cost"])
    trace = LayerTrace(rule, drawn, base, measured, deductible, 0, 0, 0, 0, (), 0, False, 0,
                       tuple(room), False, {}, seen)
    if rule.fill:
        payable = _fill(rule, step, base, seen)
        trace.tier_amounts = (payable,)
    else:
        payable = _rated(rule, rule.tiers, step, trace, counted)
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
        over += min(_cut_by_cap(rule, trace, counted), unpaid - below - over)
    trace.residues = {"deductible": below, "copayment": unpaid - below - over, "over_cap": over,
                      "penalty": 0}


def _cut_by_cap(rule: LayerRule, trace: LayerTrace, counted: int) -> int:
    """What a cap on payments cut: the amount, or the cost above the point where it bites."""
    cut = trace.payable - trace.paid
    if cut == 0 or rule.over_cap == "payment" or trace.minimum_bites \
            or rule.tiers.edge_kind == "bracket" or rule.tiers.rounding == "true_up":
        return cut
    bites_at = trace.tier_from
    money = trace.paid * PPM
    for low, high, rate in tier_stretches(rule.tiers, trace.slope_ppm, trace.tier_from,
                                          trace.tier_to):
        worth = (high - low) * rate
        if worth >= money:
            bites_at += -(-money // rate) if money else 0
            return counted - (bites_at - trace.tier_from)
        money -= worth
        bites_at = high
    return cut


def _deductible_room(rule: DeductibleRule | None, step: Step, seen: dict[str, int]) -> int:
    """起付线 still to be borne at this claim; what was looked up is noted in `seen`."""
    if rule is None:
        return 0
    owner = step.claim.person_id
    if rule.share_ppm:
        cost = sum(step.claim.parts[index] for index in rule.share_of)
        amount = max(step.rounded(cost * rule.share_ppm), rule.floor_fen)
        amount = amount if rule.ceiling_fen is None else min(amount, rule.ceiling_fen)
        seen["cost"] = cost
    else:
        admission = step.state.admissions.get((owner, rule.counter), 0)
        seen["admission"] = admission
        amount = rule.schedule[min(admission, len(rule.schedule) - 1)]
    seen["standard"] = amount
    name = f"deductible:{rule.accumulator}"
    if rule.per == "episode":
        used = step.state.scoped.get((owner, name, step.claim.episode), 0)
        seen["used"] = used
        amount = max(amount - used, 0) if step.claim.episode else amount
    if rule.per == "year":
        if rule.owner == "any_member" and step.state.year.get(("", f"reached:{rule.accumulator}")):
            seen["reached"] = 1
            return 0
        seen["used"] = step.state.year.get((step.owner(rule.owner), name), 0)
        amount = max(amount - seen["used"], 0)
    if rule.year_limit_fen is not None:
        used = step.state.year.get((owner, f"deductible-total:{rule.accumulator}"), 0)
        seen["year_total"] = used
        amount = min(amount, max(rule.year_limit_fen - used, 0))
    return amount


def _cap_room(cap: CapRule, step: Step) -> tuple[int, int]:
    """Used before and room left under a cap."""
    name = f"cap:{cap.name}"
    if cap.per == "stay":
        used = 0
    elif cap.per == "year":
        used = step.state.year.get((step.owner(cap.owner), name), 0)
    else:
        used = step.state.scoped.get((step.owner(cap.owner), name, step.scope_key(cap.per)), 0)
    return used, max(cap.limit_fen - used, 0)


def _rated(rule: LayerRule, tiers: TierRule, step: Step, trace: LayerTrace, counted: int) -> int:
    """Ratio or tiers of the stay or of the year's cumulated amount."""
    if rule.slope:
        above = max(step.situation.facts[rule.slope.fact] - rule.slope.above, 0)
        trace.slope_ppm = min(above * rule.slope.per_unit_ppm, rule.slope.at_most_ppm)
    if tiers.of == "year":
        key = (step.owner(tiers.owner), f"tiers:{tiers.accumulator}")
        trace.cumulated_before = step.state.year.get(key, 0)
    start = trace.cumulated_before + (0 if tiers.edge_kind == "net" else trace.deductible)
    trace.tier_from, trace.tier_to = start, start + counted
    if tiers.edge_kind == "bracket":
        return _bracket(tiers, trace, step, counted)
    if tiers.rounding == "true_up" and tiers.of == "year":
        return _true_up(tiers, step, trace)
    exact_before = _worth(tiers, trace.slope_ppm, 0, start)
    each_side = tiers.of == "year" and tiers.rounding == "each_side"
    base_line = step.rounded(exact_before) if each_side else 0
    amounts, running, done = [], 0, 0
    for low, high, rate in tier_stretches(tiers, trace.slope_ppm, start, trace.tier_to):
        running += (high - low) * rate
        total = step.rounded(exact_before + running) - base_line if each_side \
            else step.rounded(running)
        amounts.append(total - done)
        done = total
    trace.tier_amounts = tuple(amounts)
    return done


def tier_stretches(tiers: TierRule, slope_ppm: int, start: int,
                   end: int) -> Iterable[tuple[int, int, int]]:
    """(from, to, rate) of every tier for the stretch from `start` to `end`, empty ones included."""
    low_edge = 0
    for index, rate in enumerate(tiers.rates):
        high_edge = tiers.edges[index] if index < len(tiers.edges) else max(end, low_edge)
        low = min(max(start, low_edge), end)
        high = max(min(end, high_edge), low)
        yield low, high, min(rate + slope_ppm, PPM)
        low_edge = high_edge


def _worth(tiers: TierRule, slope_ppm: int, start: int, end: int) -> int:
    return sum((high - low) * rate for low, high, rate in
               tier_stretches(tiers, slope_ppm, start, end))


def _bracket(tiers: TierRule, trace: LayerTrace, step: Step, counted: int) -> int:
    """The whole amount at the rate of the bracket the base reaches (upper edges belong to it)."""
    reached = sum(trace.measured > edge for edge in tiers.edges)
    amount = step.rounded(counted * min(tiers.rates[reached] + trace.slope_ppm, PPM))
    trace.tier_amounts = tuple(amount if index == reached else 0
                               for index in range(len(tiers.rates)))
    return amount


def _true_up(tiers: TierRule, step: Step, trace: LayerTrace) -> int:
    """Entitlement of the year so far under today's rule, less what was granted before."""
    owner = step.owner(tiers.owner)
    borne = 0 if tiers.edge_kind == "net" else trace.deductible + step.state.year.get(
        (owner, f"borne:{tiers.accumulator}"), 0)
    entitled = step.rounded(_worth(tiers, trace.slope_ppm, borne, trace.tier_to))
    granted = step.state.year.get((owner, f"granted:{tiers.accumulator}"), 0)
    trace.seen |= {"borne": borne, "entitled": entitled, "granted": granted}
    amount = max(entitled - granted, 0)
    trace.tier_amounts = (amount,)
    return amount


def _fill(rule: LayerRule, step: Step, base: int, seen: dict[str, int]) -> int:
    """Top-up until the person's share of the named parts is at most the rule's."""
    share_ppm, of, per = rule.fill
    cost = sum(step.claim.parts[index] for index in of)
    if per == "stay":
        seen |= {"fill_cost": cost, "fill_left": base}
        return max(base - step.rounded(cost * share_ppm), 0)
    year, owner = step.state.year, step.claim.person_id
    left = year.get((owner, f"fill-left:{rule.layer}"), 0) + base
    cost += year.get((owner, f"fill-cost:{rule.layer}"), 0)
    seen |= {"fill_cost": cost, "fill_left": left}
    return min(max(left - step.rounded(cost * share_ppm), 0), base)


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
