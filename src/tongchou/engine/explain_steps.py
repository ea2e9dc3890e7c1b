"""The lines of one layer, read off its trace: base, deductible, ratio or tiers, limit, paid.

Nothing is computed a second time: every amount is a field of `LayerTrace`. What is added here is
words, the numbers of the rule beside the amount, and the clause each line rests on.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..money import PPM, percent_text, yuan_grouped, yuan_text
from ..policy import Adjustment, Cap, Cell, Layer, Pack, Value, unique
from ..terms import PART_NAMES, PARTS
from .explain_words import (HEADINGS, PERIODS, Words, answer_title, cap_title, joined, label,
                            layer_title, number_text, part_title, residue_title, say,
                            status_title, titled)
from .records import LayerTrace, Settlement
from .rules import DeductibleRule
from .situation import LOOKBACK, holds


@dataclass(frozen=True)
class CandidateNote:
    """A value nobody published that a line uses: what a profile gave, its grade and source."""

    parameter: str
    title: Words
    value: str
    grade: str
    source: str
    clause: str

    def as_dict(self) -> dict[str, object]:
        """The note for JSON."""
        return {"parameter": self.parameter, "title": self.title.as_dict(), "value": self.value,
                "grade": self.grade, "source": self.source, "clause": self.clause}


@dataclass(frozen=True)
class Line:
    """One line of an explanation. `limiting` names what decided the amount: `ratio`, `base`,
    `deductible`, `minimum`, `cap:NAME`, `cost:NAME` or "" where nothing had to be decided."""

    key: str
    label: Words
    formula: Words
    amount_fen: int | None
    limiting: str = ""
    clauses: tuple[str, ...] = ()
    candidates: tuple[CandidateNote, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The line for JSON, amount in yuan."""
        return {"key": self.key, "label": self.label.as_dict(), "formula": self.formula.as_dict(),
                "amount": None if self.amount_fen is None else yuan_text(self.amount_fen),
                "limiting": self.limiting or None, "clauses": list(self.clauses),
                "candidates": [note.as_dict() for note in self.candidates]}


@dataclass(frozen=True)
class View:
    """What the lines of a layer are written from."""

    pack: Pack
    settlement: Settlement
    trace: LayerTrace
    layer: Layer
    cell: Cell

    def clauses(self, *own: Iterable[str]) -> tuple[str, ...]:
        """The first of the given clause lists that is not empty, else the layer's."""
        return next((tuple(found) for found in own if found), self.trace.rule.clauses)

    def notes(self, values: Iterable[Value | None]) -> tuple[CandidateNote, ...]:
        """Notes on the parameters that the values use for this claim."""
        return candidate_notes(self.pack, (value for value in values if value), self.cell)


def view_of(pack: Pack, settlement: Settlement, trace: LayerTrace) -> View:
    """The view of a layer that applied."""
    layer = pack.layer(trace.rule.layer)
    return View(pack, settlement, trace, layer, cell_of(settlement, layer))


def cell_of(settlement: Settlement, layer: Layer) -> Cell:
    """The claim's cell with the chosen status as the layer sees it (look-back or not)."""
    status = settlement.status
    if status.endswith(LOOKBACK):
        status = status.removesuffix(LOOKBACK) if layer.looks_back else "none"
    return {**settlement.situation.cell, "status": status}


def status_line(pack: Pack, settlement: Settlement) -> Line:
    """适用身份: the status chosen and the clauses that name it; inside its look-back also the
    months before recognition that count."""
    name = settlement.status.removesuffix(LOOKBACK)
    known = next((status for status in pack.statuses if status.name == name), None)
    looks_back = settlement.status.endswith(LOOKBACK) and known and known.lookback_months
    return Line("status", HEADINGS["status"], status_title(pack, settlement.status), None, "",
                known.clauses if known else (),
                candidate_notes(pack, [known.lookback_months], {}) if looks_back else ())


def candidate_notes(pack: Pack, values: Iterable[Value], cell: Cell) -> tuple[CandidateNote, ...]:
    """One note for every parameter that the values use in a cell, first mention first."""
    known = {candidate.parameter: candidate for candidate in pack.candidates}
    found: dict[str, CandidateNote] = {}
    for value in values:
        for given in value.given(cell):
            candidate = known.get(given.parameter)
            if candidate and given.parameter not in found:
                parameter = pack.parameters[given.parameter]
                found[given.parameter] = CandidateNote(
                    given.parameter,
                    titled(parameter.title, Words(given.parameter, given.parameter)),
                    number_text(given.at(cell), parameter.unit), candidate.grade,
                    candidate.source, candidate.clause)
    return tuple(found.values())


def cited_words(line: Line) -> list[tuple[str, Words]]:
    """The line's clauses, in words; those that leave a number open with the value used:
    `ZB-17 (candidate 18,000, grade C)`."""
    noted: dict[str, list[CandidateNote]] = {}
    for note in line.candidates:
        noted.setdefault(note.clause or note.parameter, []).append(note)
    words = [(clause, Words(clause, clause)) for clause in line.clauses if clause not in noted]
    for clause, notes in noted.items():
        for grade in unique(note.grade for note in notes):
            key = {"given": "given", "X": "placeholder"}.get(grade, "candidate")
            values = joined((answer_title(value) for value in unique(
                note.value for note in notes if note.grade == grade)), "、", ", ")
            words.append((clause, say(key, clause=clause, value=values, grade=grade)))
    return words


# --- base and deductible --------------------------------------------------------------------------
def base_lines(view: View) -> list[Line]:
    """基数: the parts drawn, what a weight kept out, and the measure where there is one."""
    trace, weights = view.trace, dict(view.trace.rule.base)
    parts = []
    for part, fen in trace.drawn:
        rate = weights[part]
        key = "part" if rate == PPM else "weighted"
        parts.append(say(key, part=part_title(view.pack, part), fen=fen, rate=percent_text(rate)))
    formula = joined(parts) if parts else say("empty_base")
    if trace.residues["excluded"]:
        formula = joined([formula, say("excluded", fen=trace.residues["excluded"])], "", "")
    used = [item.weight for item in view.layer.base if item.weight]
    lines = [Line("base", label("base"), formula, trace.base, "",
                  view.clauses(unique(c for value in used for c in value.cited(view.cell))),
                  view.notes(used))]
    if trace.rule.measure:
        lines.append(Line("measured", label("measured"),
                          say("measured", layer=layer_title(view.pack, trace.rule.measure)),
                          trace.measured, "", trace.rule.clauses))
    return lines


def deductible_lines(view: View) -> list[Line]:
    """起付线: the standard, what was borne before, and how much of it this claim bears."""
    rule, trace = view.trace.rule.deductible, view.trace
    if trace.rule.fill:
        return []
    if rule is None:
        return [Line("deductible", label("deductible"), say("no_deductible"), 0, "",
                     trace.rule.clauses)]
    clauses, notes = view.clauses(rule.clauses), view.notes(_deductible_values(view))
    if not trace.seen:                          # a trace of the kernel: amounts, no look-ups
        return [Line("deductible", label("deductible"), say("borne", fen=trace.deductible),
                     trace.deductible, "deductible", clauses, notes)]
    formula, limiting = _standard(view, rule), "deductible"
    room = 0 if trace.seen.get("reached") else max(
        trace.seen["standard"] - trace.seen.get("used", 0), 0)
    if rule.year_limit_fen is not None:
        left = max(rule.year_limit_fen - trace.seen["year_total"], 0)
        formula = say("cap_cuts", asked=formula, cap=say("year_total", fen=rule.year_limit_fen,
                                                         used=trace.seen["year_total"]))
        room = min(room, left)
    if trace.deductible < room:
        formula = say("cap_cuts", asked=formula, cap=say("only_base", fen=trace.measured))
        limiting = "base"
    return [Line("deductible", label("deductible"), formula, trace.deductible, limiting, clauses,
                 notes)]


def _deductible_values(view: View) -> list[Value | None]:
    rule = view.layer.deductible
    changes = [change.operand for change in rule.adjust if holds(change.conditions, view.cell)]
    return [rule.amount, rule.share, rule.at_least, rule.at_most, *rule.then, rule.then_minus,
            rule.then_at_least, rule.year_total_at_most, *changes]


def _standard(view: View, rule: DeductibleRule) -> Words:
    seen = view.trace.seen
    if seen.get("reached"):
        return say("reached")
    if rule.share_ppm:
        return _share(rule, seen)
    if seen["standard"] == 0:
        return say("waived")
    used = {"used": seen.get("used", 0)}
    amount = _story(view, rule, seen["standard"])
    if rule.per == "episode":
        return say("episode_standard", fen=amount, **used)
    if rule.per == "year":
        key = "year_standard" if rule.owner == "person" else "family_standard"
        return say(key, fen=amount, **used)
    if len(rule.schedule) > 1:
        return say("admission", n=str(seen["admission"] + 1), fen=amount,
                   schedule=_schedule(rule.schedule))
    return say("standard", fen=amount)


def _share(rule: DeductibleRule, seen: dict[str, int]) -> Words:
    words = say("share", rate=percent_text(rule.share_ppm), cost=seen["cost"],
                fen=seen["standard"])
    if rule.floor_fen:
        words = joined([words, say("share_floor", fen=rule.floor_fen)], "", "")
    if rule.ceiling_fen is not None:
        words = joined([words, say("share_ceiling", fen=rule.ceiling_fen)], "", "")
    return words


def _schedule(schedule: tuple[int, ...]) -> Words:
    shown = schedule[:4] if len(schedule) > 4 else schedule
    last = len(shown) - 1
    parts = [say("nth_on" if index == last else "nth", n=str(index + 1), fen=fen)
             for index, fen in enumerate(shown)]
    return joined(parts, "，", ", ")


def _story(view: View, rule: DeductibleRule, standard: int) -> Words:
    """The standard, with how a status changed it (`300.00 = 600.00 × 50%`)."""
    amount = Words(yuan_grouped(standard), yuan_grouped(standard))
    changes = [change for change in view.layer.deductible.adjust
               if holds(change.conditions, view.cell)]
    if not changes or len(rule.schedule) > 1:
        return amount
    told = changed_words(yuan_grouped(view.layer.deductible.amount.at(view.cell)), changes,
                         view.cell, "yuan")
    return say("story", fen=amount, how=told)


def changed_words(number: str, changes: Iterable[Adjustment], cell: Cell, unit: str) -> Words:
    """A number of the rule with the adjustments that hold: `600.00 × 50%`, `60% + 5%`."""
    told = Words(number, number)
    signs = {"times": " × ", "plus": " + ", "minus": " - "}
    for change in changes:
        shown = "percent" if change.how == "times" or unit == "percent" else "yuan"
        operand = change.operand.at(cell)
        text = percent_text(operand) if shown == "percent" else yuan_grouped(operand)
        if change.how == "set":
            told = say("set_to", before=told, fen=text)
        else:
            told = joined([told, Words(text, text)], signs[change.how], signs[change.how])
    return told


# --- limits ---------------------------------------------------------------------------------------
def cost_cap_lines(view: View) -> list[Line]:
    """Limits on the cost that counts, after the deductible."""
    trace = view.trace
    covered = trace.measured - trace.deductible
    lines = []
    for index, cap in enumerate(trace.rule.caps):
        if cap.on == "cost" and not trace.rule.fill:
            counted = trace.tier_to - trace.tier_from
            lines.append(_cap_line(view, index, "cost_cap", covered, counted))
    return lines


def limit_lines(view: View) -> list[Line]:
    """封顶线: whether a limit on payments cuts, and how much of it is used otherwise."""
    trace = view.trace
    if not trace.rule.caps:
        return [Line("limit", label("limit"), say("no_cap"), None, "", trace.rule.clauses)]
    lines = [_cap_line(view, index, "limit", trace.payable, trace.paid)
             for index, cap in enumerate(trace.rule.caps) if cap.on == "payment"]
    over = trace.residues["over_cap"]
    if lines and over:
        last = lines[-1]
        key = "cut_payment" if trace.rule.over_cap == "payment" else "cut_cost"
        lines[-1] = Line(last.key, last.label,
                         joined([last.formula, say(key, fen=over)], "", ""), last.amount_fen,
                         last.limiting, last.clauses, last.candidates)
    return lines


def _cap_line(view: View, index: int, key: str, asked: int, granted: int) -> Line:
    cap, (used, room) = view.trace.rule.caps[index], view.trace.caps[index]
    written = view.layer.caps[index]
    period = PERIODS[cap.per]
    cuts = granted < asked and granted == room
    if cuts:
        told = say("cap_used", fen=cap.limit_fen, period=period, used=used) if used \
            else say("cap", fen=cap.limit_fen)
        formula = say("cap_cuts", asked=asked, cap=told)
    else:
        formula = say("cap_rests" if granted < room else "cap_full", period=period,
                      after=used + granted, fen=cap.limit_fen)
    formula = joined([formula, *_cap_owner(view.pack, written)], "", "")
    values = [written.amount]
    return Line(key, label(key), formula, granted if cuts else None,
                (f"cost:{cap.name}" if key == "cost_cap" else f"cap:{cap.name}") if cuts else "",
                view.clauses(cap.clauses), view.notes(values))


def _cap_owner(pack: Pack, cap: Cap) -> list[Words]:
    words = [say("on_cost")] if cap.on == "cost" else []
    if cap.owner == "family":
        words.append(say("family_pot"))
    sharing = [layer.name for layer in pack.layers for own in layer.caps if own.name == cap.name]
    if len(sharing) > 1:
        words.append(say("shared_pot", name=cap_title(cap), others=joined(
            (layer_title(pack, layer) for layer in sharing), "、", ", ")))
    elif cap.title:
        words.append(say("named_cap", name=cap_title(cap)))
    return words


# --- result ---------------------------------------------------------------------------------------
def penalty_lines(view: View) -> list[Line]:
    """What a missing referral cost the person, kept out of later layers."""
    trace, penalty = view.trace, view.layer.penalty
    if trace.rule.as_if is None:
        return []
    words = say("penalty", as_if=trace.as_if.paid, paid=trace.paid) if trace.as_if \
        else say("penalty_bare")
    return [Line("penalty", label("penalty"), words,
                 trace.residues["penalty"], "", view.clauses(penalty.clauses if penalty else ()))]


def binding_term(trace: LayerTrace) -> str:
    """What decided the amount paid: a cap, the limit on cost, the minimum, the base or the rate."""
    for cap, (_, room) in zip(trace.rule.caps, trace.caps, strict=True):
        if cap.on == "payment" and trace.paid < trace.payable and trace.paid == room:
            return f"cap:{cap.name}"
    counted = trace.tier_to - trace.tier_from
    for cap, (_, room) in zip(trace.rule.caps, trace.caps, strict=True):
        if cap.on == "cost" and counted == room < trace.measured - trace.deductible:
            return f"cost:{cap.name}"
    if trace.minimum_bites:
        return "minimum"
    if not trace.rule.fill and trace.measured and trace.deductible >= trace.measured:
        return "deductible"
    return "base" if sum(trace.tier_amounts) > trace.base or not trace.base else "ratio"


_BOUND = {"cap": "bound_cap", "cost": "bound_cost", "minimum": "bound_minimum",
          "base": "bound_base", "deductible": "bound_deductible"}


def paid_line(view: View) -> Line:
    """支付: how much, from which fund, and what decided it."""
    trace = view.trace
    fund = view.pack.funds[trace.rule.fund]
    term = binding_term(trace)
    words = [say("paid_by", fund=Words(fund.zh, fund.en))]
    bound = _BOUND.get(term.partition(":")[0])
    if bound:
        words.append(say(bound))
    return Line("paid", label("paid"), joined(words, "", ""), trace.paid, term,
                trace.rule.clauses)


def left_line(view: View) -> Line:
    """剩余: what the layer left, part by part, and who takes it from here."""
    trace, rule = view.trace, view.trace.rule
    goes = destinations(view.pack, view.settlement)
    parts = []
    for residue, fen in trace.residues.items():
        if fen:
            where = goes.get(f"{rule.layer}.{residue}", say("person"))
            parts.append(say("to", part=residue_title(residue), fen=fen, where=where))
    formula = joined(parts, "；", "; ") if parts else say("all_paid")
    return Line("left", label("left"), formula, sum(trace.residues.values()), "", rule.clauses)


def destinations(pack: Pack, settlement: Settlement) -> dict[str, Words]:
    """Part -> the layer that took it (parts that stayed with the person are absent)."""
    return {part: layer_title(pack, trace.rule.layer) for trace in settlement.layers
            for part, _ in trace.drawn}


def fact_title(pack: Pack, fact: str) -> Words:
    """A number about the person by name."""
    return Words("年龄", "age") if fact == "age" else status_title(pack, fact)


def parts_title(indices: Iterable[int]) -> Words:
    """The bill's parts at the given places; all four are the total."""
    names = [PART_NAMES[index] for index in indices]
    if len(names) == len(PART_NAMES):
        return HEADINGS["total"]
    return joined((Words(PARTS[name].zh, PARTS[name].en) for name in names), "、", ", ")

