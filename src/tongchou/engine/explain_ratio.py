"""The lines between deductible and limit: ratio, tiers, points, true-up, fill and minimum."""
from __future__ import annotations

from ..money import PPM, percent_text, yuan_grouped
from ..policy import Adjustment
from .explain_steps import Line, View, changed_words, fact_title, parts_title
from .explain_words import Words, joined, label, say
from .amounts import tier_stretches
from .rules import TierRule
from .situation import holds


def ratio_lines(view: View) -> list[Line]:
    """支付比例 of a layer: one line per tier that money fell into, and what changed the rate."""
    trace, tiers = view.trace, view.trace.rule.tiers
    if trace.rule.fill:
        return [_fill_line(view), *_minimum_lines(view)]
    lines = _cumulated_lines(view, tiers) + _slope_lines(view)
    if tiers.rounding == "true_up" and tiers.of == "year":
        lines += _true_up_lines(view, tiers)
    elif tiers.edge_kind == "bracket":
        lines += _bracket_lines(view, tiers)
    elif trace.tier_to == trace.tier_from:
        lines.append(Line("ratio", label("ratio"), say("all_below"), 0, "deductible",
                          trace.rule.clauses))
    else:
        lines += _tier_lines(view, tiers)
    return lines + _minimum_lines(view) + _base_bound_lines(view)


def _cumulated_lines(view: View, tiers: TierRule) -> list[Line]:
    trace = view.trace
    if tiers.of != "year":
        return []
    if tiers.edge_kind == "net":
        words = say("cumulated_net", before=trace.cumulated_before, after=trace.tier_to)
    else:
        words = say("cumulated", before=trace.cumulated_before, after=trace.tier_to,
                    deductible=trace.deductible)
    if tiers.owner == "family":
        words = joined([words, say("family_cumulated")], "", "")
    if tiers.rounding == "each_side" and trace.cumulated_before:
        words = joined([words, say("each_side")], "", "")
    return [Line("cumulated", label("cumulated"), words, None, "", trace.rule.clauses)]


def _slope_lines(view: View) -> list[Line]:
    slope, trace = view.trace.rule.slope, view.trace
    if slope is None:
        return []
    words = say("slope", fact=fact_title(view.pack, slope.fact),
                number=str(view.settlement.situation.facts[slope.fact]), above=str(slope.above),
                rate=percent_text(slope.per_unit_ppm), most=percent_text(slope.at_most_ppm),
                points=percent_text(trace.slope_ppm))
    changes = [change for change in view.layer.adjust if change.fact]
    values = [value for change in changes[:1]
              for value in (change.operand, change.above, change.at_most)]
    return [Line("slope", label("slope"), words, None, "", view.clauses(slope.clauses),
                 view.notes(values))]


def _tier_lines(view: View, tiers: TierRule) -> list[Line]:
    trace = view.trace
    stretches = tier_stretches(tiers, trace.slope_ppm, trace.tier_from, trace.tier_to)
    lines = []
    for index, (low, high, rate) in enumerate(stretches):
        if high > low:
            lines.append(_tier_line(view, tiers, index, _stretch(low, high, rate), rate))
    return lines


def _stretch(low: int, high: int, rate: int) -> Words:
    key = "difference" if low else "product"
    return say(key, high=high, low=low, rate=percent_text(rate))


def _tier_line(view: View, tiers: TierRule, index: int, formula: Words, rate: int) -> Line:
    trace = view.trace
    parts = [formula, *_rate_story(view, index, rate)]
    parts += _edge(tiers, index)
    single = len(tiers.rates) == 1
    name = label("ratio") if single else label("tier", str(index + 1))
    return Line("ratio" if single else "tier", name, joined(parts, "", ""),
                trace.tier_amounts[index], "ratio", view.clauses(tiers.clauses[index]),
                _rate_notes(view, index))


def _edge(tiers: TierRule, index: int) -> list[Words]:
    if not tiers.edges:
        return []
    if index < len(tiers.edges):
        return [say("up_to", fen=tiers.edges[index])]
    return [say("above", fen=tiers.edges[-1])]


def _changes(view: View) -> list[Adjustment]:
    return [change for change in view.layer.adjust
            if not change.fact and holds(change.conditions, view.cell)]


def _rate_story(view: View, index: int, rate: int) -> list[Words]:
    """How points, an override or a slope made the rate: `(60% + 5%)`."""
    written = view.layer.tiers.rates[index].at(view.cell)
    changes = _changes(view)
    if not changes and not view.trace.slope_ppm:
        return []
    told = changed_words(percent_text(written), changes, view.cell, "percent")
    if view.trace.slope_ppm:
        points = percent_text(view.trace.slope_ppm)
        told = joined([told, Words(points, points)])
    return [say("rate_story", how=told)] if told.zh != percent_text(rate) else []


def _rate_notes(view: View, index: int) -> tuple:
    tiers = view.layer.tiers
    return view.notes([tiers.rates[index], *tiers.edges[max(index - 1, 0):index + 1],
                       *(change.operand for change in _changes(view))])


def _bracket_lines(view: View, tiers: TierRule) -> list[Line]:
    """The whole amount at the rate of the bracket that the base reached."""
    trace = view.trace
    reached = sum(trace.measured > edge for edge in tiers.edges)
    rate = min(tiers.rates[reached] + trace.slope_ppm, PPM)
    formula = say("bracket", high=trace.tier_to - trace.tier_from, rate=percent_text(rate))
    return [_tier_line(view, tiers, reached, formula, rate)]


def _true_up_lines(view: View, tiers: TierRule) -> list[Line]:
    """Entitlement of the year so far, less what was granted before."""
    trace, seen = view.trace, view.trace.seen
    if not seen:                                # a trace of the kernel: amounts, no look-ups
        return [Line("ratio", label("ratio"), say("true_up_bare"), sum(trace.tier_amounts),
                     "ratio", trace.rule.clauses)]
    stretches = [_stretch(low, high, rate) for low, high, rate in tier_stretches(
        tiers, trace.slope_ppm, seen["borne"], trace.tier_to) if high > low]
    clauses = view.clauses([clause for own in tiers.clauses for clause in own])
    shown = joined(stretches) if stretches else say("all_below")
    key = "true_up" if seen["entitled"] >= seen["granted"] else "true_up_none"
    notes = view.notes([*view.layer.tiers.rates, *view.layer.tiers.edges])
    return [Line("entitled", label("entitled"), shown, seen["entitled"], "ratio", clauses, notes),
            Line("granted", label("granted"), say("granted"), seen["granted"], "", clauses),
            Line("ratio", label("ratio"), say(key, entitled=seen["entitled"],
                                              granted=seen["granted"]),
                 trace.tier_amounts[0], "ratio", clauses)]


def _fill_line(view: View) -> Line:
    """补足: the person keeps at most a share of the named parts."""
    trace, seen = view.trace, view.trace.seen
    share, of, per = trace.rule.fill
    amount = trace.tier_amounts[0]
    if not seen:
        words = say("fill_bare", rate=percent_text(share), of=parts_title(of))
        return Line("fill", label("fill"), words, amount, "ratio", trace.rule.clauses)
    key = "fill" if amount else "fill_none"
    words = say(key, left=seen["fill_left"], rate=percent_text(share), of=parts_title(of),
                cost=seen["fill_cost"])
    bound = bool(amount) and per == "year" and amount == trace.base
    if bound:
        words = say("fill_base", formula=words, base=trace.base)
    return Line("fill", label("fill"), words, amount, "base" if bound else "ratio",
                trace.rule.clauses, view.notes([view.layer.fill.share]))


def _minimum_lines(view: View) -> list[Line]:
    """保底: whether the minimum share is more than the ratio gives."""
    trace = view.trace
    if not trace.rule.minimum_ppm:
        return []
    bites = trace.minimum_bites
    words = say("minimum_bites" if bites else "minimum_rests", base=trace.base,
                rate=percent_text(trace.rule.minimum_ppm), computed=sum(trace.tier_amounts))
    return [Line("minimum", label("minimum"), words, trace.payable if bites else None,
                 "minimum" if bites else "", trace.rule.clauses, view.notes([view.layer.minimum]))]


def _base_bound_lines(view: View) -> list[Line]:
    """A layer that measures another's base pays no more than its own."""
    trace = view.trace
    computed = sum(trace.tier_amounts)
    if computed <= trace.base:
        return []
    words = say("at_most_base", computed=yuan_grouped(computed), base=trace.base)
    return [Line("base_bound", label("ratio"), words, trace.payable, "base", trace.rule.clauses)]
