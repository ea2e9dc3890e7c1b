"""The arithmetic of one layer: deductible, ratio and tiers, top-up, cap (起付线、比例、封顶线).

One function a concept, each reading accumulators and moving none; `reference` says in which
order they come.
"""
from __future__ import annotations

from collections.abc import Iterable

from ..money import PPM
from .records import LayerTrace, Step
from .rules import CapRule, DeductibleRule, LayerRule, TierRule


def cut_by_cap(rule: LayerRule, trace: LayerTrace, counted: int) -> int:
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


def deductible_room(rule: DeductibleRule | None, step: Step, seen: dict[str, int]) -> int:
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


def cap_room(cap: CapRule, step: Step) -> tuple[int, int]:
    """Used before and room left under a cap."""
    name = f"cap:{cap.name}"
    if cap.per == "stay":
        used = 0
    elif cap.per == "year":
        used = step.state.year.get((step.owner(cap.owner), name), 0)
    else:
        used = step.state.scoped.get((step.owner(cap.owner), name, step.scope_key(cap.per)), 0)
    return used, max(cap.limit_fen - used, 0)


def rated(rule: LayerRule, tiers: TierRule, step: Step, trace: LayerTrace, counted: int) -> int:
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


def filled(rule: LayerRule, step: Step, base: int, seen: dict[str, int]) -> int:
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
