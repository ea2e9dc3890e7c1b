"""Why every amount is what it is: the explanation of a settlement (结算说明).

`explain_lines` is the structure, `explain_json` the same with the situation, the choice of status
and who paid what, `explain_text` a form of 100 columns in Chinese or English. All of it is read
off the settlement's traces and flows; nothing is computed a second time.
"""
from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..money import percent_text, yuan_grouped, yuan_text
from ..policy import Pack, unique
from ..terms import PART_NAMES
from .explain_ratio import ratio_lines
from .explain_steps import (Line, View, base_lines, binding_term, cell_of, cited_words,
                            cost_cap_lines, deductible_lines, left_line, limit_lines, paid_line,
                            penalty_lines, status_line, view_of)
from .explain_words import (HEADINGS, Words, budget_title, class_title, dimension_title, fill,
                            fund_title, joined, label, layer_title, pack_title, part_title, say,
                            status_title, titled)
from .flows import Flow, budget_split, flows_of, residue_clause, tier_payments
from .records import LayerTrace, Settlement
from .rules import resolve
from .situation import holds

WIDTH = 100
LABEL_WIDTH = 12
RESTS_ON_LAYER = ("base", "cumulated", "paid", "left")  # the text shows their clauses on top
AMOUNT_WIDTH = 14


@dataclass(frozen=True)
class ExplainedLayer:
    """One layer in words: its lines in the order of a clerk's form, and the clauses it rests on.

    `limiting` is the term that decided `paid_fen` (see `Line.limiting`)."""

    layer: str
    title: Words
    fund: str
    fund_title: Words
    clauses: tuple[str, ...]
    readings: tuple[Words, ...]                # choices of structure for the clauses cited
    base_fen: int
    paid_fen: int
    limiting: str
    capped: bool
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, object]:
        """The layer for JSON."""
        return {"layer": self.layer, "title": self.title.as_dict(), "fund": self.fund,
                "fund_title": self.fund_title.as_dict(), "clauses": list(self.clauses),
                "readings": [words.as_dict() for words in self.readings],
                "base": yuan_text(self.base_fen), "paid": yuan_text(self.paid_fen),
                "limiting": self.limiting,
                "capped": self.capped, "lines": [line.as_dict() for line in self.lines]}


def explain_lines(pack: Pack, settlement: Settlement) -> list[ExplainedLayer]:
    """Every layer that applied to the claim, in chain order."""
    return [explained_layer(pack, settlement, trace) for trace in settlement.layers]


def explained_layer(pack: Pack, settlement: Settlement, trace: LayerTrace) -> ExplainedLayer:
    """One layer in words."""
    view = view_of(pack, settlement, trace)
    lines = base_lines(view)
    if trace.base or trace.measured:
        lines += [*deductible_lines(view), *cost_cap_lines(view), *ratio_lines(view),
                  *limit_lines(view), *penalty_lines(view), paid_line(view), left_line(view),
                  *_budget_lines(view)]
    clauses = unique((*trace.rule.clauses, *(c for line in lines for c in line.clauses)))
    return ExplainedLayer(trace.rule.layer, layer_title(pack, trace.rule.layer), trace.rule.fund,
                          fund_title(pack, trace.rule.fund), clauses, _readings(pack, clauses),
                          trace.base, trace.paid, binding_term(trace), trace.capped, tuple(lines))


def _readings(pack: Pack, clauses: tuple[str, ...]) -> tuple[Words, ...]:
    """Readings chosen for the clauses a layer cites."""
    return tuple(say("reading_given" if candidate.grade == "given" else "reading",
                     clause=candidate.clause, value=candidate.text,
                     grade=candidate.grade, title=titled(
                         pack.parameters[candidate.parameter].title,
                         Words(candidate.parameter, candidate.parameter)))
                 for candidate in pack.candidates
                 if candidate.clause in clauses and pack.parameters[candidate.parameter].choices)


def _budget_lines(view: View) -> list[Line]:
    """资金分担: the layer's money by budget, adding up to the fen."""
    split = budget_split(view.pack, view.trace, dict(view.cell))
    shares = {budget.name: budget.share.at(view.cell) for budget in view.layer.budgets}
    if not split or not view.trace.paid:
        return []
    words = joined((say("budget", name=budget_title(name), rate=percent_text(shares[name]),
                        fen=fen) for name, fen in split.items()))
    cited = unique(clause for budget in view.layer.budgets
                   for clause in budget.share.cited(view.cell))
    return [Line("budget", label("budget"), words, view.trace.paid, "", view.clauses(cited),
                 view.notes(budget.share for budget in view.layer.budgets))]


# --- the settlement as a whole --------------------------------------------------------------------
def payers(pack: Pack, settlement: Settlement) -> list[tuple[str, Words, int]]:
    """(fund, title, fen) of every payer that paid, in chain order, one row a fund."""
    sums: dict[str, int] = {}
    for trace in settlement.layers:
        if trace.paid and trace.rule.fund != "person":
            sums[trace.rule.fund] = sums.get(trace.rule.fund, 0) + trace.paid
    return [(fund, fund_title(pack, fund), fen) for fund, fen in sums.items()]


def person_parts(pack: Pack, settlement: Settlement) -> list[tuple[str, Words, int, str]]:
    """(part, title, fen, clause) of what the person bears; sums to `person_part`."""
    rows = []
    for flow in _person_flows(settlement):
        title = layer_title(pack, flow.layer) if flow.layer else part_title(pack, flow.part)
        rows.append((flow.part, title, flow.amount_fen, flow.clause))
    return rows


def _person_flows(settlement: Settlement) -> list[Flow]:
    traces = {trace.rule.layer: trace for trace in settlement.layers}
    if any(trace.rule.fund == "person" for trace in settlement.layers):
        return [flow for flow in flows_of(settlement) if flow.payer == "person"]
    rows = []
    for part, fen in settlement.left.items():
        layer, _, residue = part.partition(".")
        clause = residue_clause(traces[layer], residue) if residue else ""
        rows.append(Flow(part, "", "", "person", fen, clause))
    return rows


def situation_words(pack: Pack, settlement: Settlement) -> list[tuple[Words, Words]]:
    """(dimension, class) of the claim, those that say something."""
    cell = settlement.situation.cell
    shown = [name for name in cell if name != "date" and cell[name] not in ("other", "no")
             and (name, cell[name]) != ("sex", "unknown")]
    return [(dimension_title(pack, name), class_title(pack, name, cell[name])) for name in shown]


def not_applied(pack: Pack, settlement: Settlement) -> list[tuple[Words, Words]]:
    """(layer, why) of the layers that did not apply to the claim."""
    seen = {trace.rule.layer for trace in settlement.layers}
    rows = []
    for layer in pack.layers:
        if layer.name not in seen:
            cell = cell_of(settlement, layer)
            failed = [name for name, classes in layer.conditions.items()
                      if cell.get(name, "other") not in classes]
            if failed:
                why = say("not_class", dimension=dimension_title(pack, failed[0]),
                          seen=class_title(pack, failed[0], cell.get(failed[0], "other")))
            elif any(holds(exception, cell) for exception in layer.exceptions):
                why = say("exception")
            else:
                why = say("when", layer=joined((layer_title(pack, name)
                                                for _, name in layer.when), "、", ", "))
            rows.append((layer_title(pack, layer.name), why))
    return rows


def assumptions_for(pack: Pack, clauses: Iterable[str]) -> list[dict[str, str]]:
    """The pack's assumptions about any of the clauses: `clause` and the words in `zh` and `en`."""
    wanted = set(clauses)
    return [entry for entry in pack.assumptions
            if wanted & {clause.strip() for clause in entry["clause"].split(",")}]


def cited_clauses(settlement: Settlement, layers: Iterable[ExplainedLayer]) -> tuple[str, ...]:
    """Clauses of the layers that had something to pay on, and of the parts that are left."""
    own = [clause for layer, trace in zip(layers, settlement.layers, strict=True)
           for clause in layer_clauses(layer, trace)]
    left = [clause.strip() for flow in _person_flows(settlement)
            for clause in flow.clause.split(",")]
    return unique((*own, *left))


def layer_clauses(layer: ExplainedLayer, trace: LayerTrace) -> tuple[str, ...]:
    """Clauses that a layer's lines and payments cite, none where it had nothing to pay on."""
    paid = [clause for _, _, cited in tier_payments(trace)
            for clause in (*cited, *trace.rule.clauses)]
    return unique((*(layer.clauses if layer.base_fen else ()), *paid))


def explain_json(pack: Pack, settlement: Settlement) -> dict[str, object]:
    """The whole explanation as plain data; amounts are yuan with two decimals as text."""
    layers, claim = explain_lines(pack, settlement), settlement.claim
    return {
        "pack": pack.name, "pack_hash": pack.pack_hash, "profile": pack.profile,
        "mdtrt_id": claim.claim_id, "medfee_sumamt": yuan_text(claim.total_fen),
        "policy_year": settlement.situation.policy_year,
        "rule_date": settlement.situation.rule_date,
        "situation": {name.en: words.as_dict() for name, words in
                      situation_words(pack, settlement)},
        "status": {"chosen": settlement.status,
                   "clauses": list(status_line(pack, settlement).clauses), "rejected": [
            {"status": status, "psn_part_amt": yuan_text(fen)}
            for status, fen in settlement.rejected]},
        "layers": [layer.as_dict() for layer in layers],
        "not_applied": [{"title": title.as_dict(), "why": why.as_dict()}
                        for title, why in not_applied(pack, settlement)],
        "payers": [{"fund": fund, "title": title.as_dict(), "amount": yuan_text(fen)}
                   for fund, title, fen in payers(pack, settlement)],
        "person": [{"part": part, "title": title.as_dict(), "amount": yuan_text(fen),
                    "clause": clause} for part, title, fen, clause in
                   person_parts(pack, settlement)],
        "psn_part_amt": yuan_text(settlement.person_part),
        "assumptions": assumptions_for(pack, cited_clauses(settlement, layers)),
    }


# --- text -----------------------------------------------------------------------------------------
class Row(NamedTuple):
    """One row of the form: what it begins with, an amount (None: no such column), and text that
    is broken under itself."""

    head: str
    amount: str | None = None
    text: str = ""

    def indent(self) -> str:
        """Everything to the left of the text."""
        return self.head if self.amount is None else \
            f"{self.head}{self.amount.rjust(AMOUNT_WIDTH)}   "


def explain_text(pack: Pack, settlement: Settlement, lang: str = "zh") -> str:
    """The explanation as a form for a terminal of 100 columns; `lang` is `zh` or `en`.

    For many claims of one pack see `explainer.Explainer`, which writes the same much faster.
    """
    layers = explain_lines(pack, settlement)
    rows = [title_row(settlement, lang), *head_rows(pack, settlement, lang)]
    for layer in layers:
        rows += layer_rows(layer, lang)
    rows += payer_rows(pack, settlement, lang)
    rows += closing_rows(pack, settlement, cited_clauses(settlement, layers), lang)
    return "".join(f"{line}\n" for row in rows for line in laid_out(row))


def title_row(settlement: Settlement, lang: str) -> Row:
    """The claim's number, its days and its total."""
    claim = settlement.claim
    return Row(f"{HEADINGS['claim'].of(lang)} {claim.claim_id}   {claim.begin} → {claim.end}   "
               f"{HEADINGS['total'].of(lang)} {yuan_grouped(claim.total_fen)}")


def head_rows(pack: Pack, settlement: Settlement, lang: str) -> list[Row]:
    """Policy, parameters, bill, situation and status."""
    claim, situation = settlement.claim, settlement.situation
    notice = fill(HEADINGS["candidates"], name=pack.profile or "") if pack.candidates \
        else HEADINGS["no_profile"]
    bill = " + ".join(f"{part_title(pack, name).of(lang)} {yuan_grouped(fen)}"
                      for name, fen in zip(PART_NAMES, claim.parts, strict=True))
    seen = "; ".join(f"{name.of(lang)} {words.of(lang)}"
                     for name, words in situation_words(pack, settlement))
    status = status_line(pack, settlement)
    rows = [_note(HEADINGS["pack"].of(lang),
                  f"{pack_title(pack).of(lang)} ({pack.name}), {situation.rule_date}"),
            _note(HEADINGS["profile"].of(lang), notice.of(lang)),
            _note(HEADINGS["bill"].of(lang), bill), _note(HEADINGS["situation"].of(lang), seen),
            _note(HEADINGS["status"].of(lang), status.formula.of(lang) + _cited(status, lang)
                  + f"  {HEADINGS['of_person'].of(lang)} {yuan_grouped(settlement.person_part)}")]
    for status, fen in settlement.rejected:
        words = fill(HEADINGS["rejected"], status=status_title(pack, status),
                     fen=yuan_grouped(fen)).of(lang)
        tie = f" ({HEADINGS['tie'].of(lang)})" if fen == settlement.person_part else ""
        rows.append(_note("", words + tie))
    return rows


def layer_rows(layer: ExplainedLayer, lang: str) -> list[Row]:
    """A layer: its title and clauses, its lines, and the readings it rests on."""
    name = layer.title.of(lang)
    clauses = ", ".join(layer.clauses)
    gap = WIDTH - text_width(name) - text_width(clauses)
    rows = [Row("")]
    rows += [Row(name + " " * gap + clauses)] if gap >= 3 else [Row(name), _row("", clauses)]
    for line in layer.lines:
        own = line.key not in RESTS_ON_LAYER or line.candidates
        formula = line.formula.of(lang) + (_cited(line, lang) if own else "")
        rows.append(_row(line.label.of(lang), formula, line.amount_fen))
    return rows + [_row("", reading.of(lang)) for reading in layer.readings]


def _cited(line: Line, lang: str) -> str:
    shown = ", ".join(words.of(lang) for _, words in cited_words(line))
    return f"  [{shown}]" if shown else ""


def payer_rows(pack: Pack, settlement: Settlement, lang: str) -> list[Row]:
    """Who paid what, and of what the person's part consists."""
    rows = [] if settlement.layers else [Row(""), Row(HEADINGS["no_layers"].of(lang))]
    rows += [Row(""), Row(HEADINGS["who_paid"].of(lang))]
    rows += [_row("", title.of(lang), fen) for _, title, fen in payers(pack, settlement)]
    rows.append(_row("", HEADINGS["of_person"].of(lang), settlement.person_part))
    rows.append(_row(HEADINGS["sum"].of(lang), HEADINGS["total"].of(lang),
                     settlement.claim.total_fen))
    rows += [Row(""), Row(HEADINGS["of_person"].of(lang))]
    return rows + [_row("", title.of(lang) + (f"  [{clause}]" if clause else ""), fen)
                   for _, title, fen, clause in person_parts(pack, settlement)]


def closing_rows(pack: Pack, settlement: Settlement, clauses: tuple[str, ...],
                 lang: str) -> list[Row]:
    """Layers that did not apply, and the assumptions about the clauses cited."""
    rows = []
    missed = not_applied(pack, settlement)
    if missed:
        rows += [Row(""), Row(HEADINGS["not_applied"].of(lang))]
        rows += [_note("", f"{title.of(lang)}: {why.of(lang)}") for title, why in missed]
    found = assumptions_for(pack, clauses)
    if found:
        rows += [Row(""), Row(HEADINGS["assumptions"].of(lang))]
        rows += [_note(entry["clause"], entry[lang]) for entry in found]
    return rows


def _row(name: str, text: str, amount_fen: int | None = None) -> Row:
    """`  label        amount   text`, the text wrapped under itself."""
    amount = "" if amount_fen is None else yuan_grouped(amount_fen)
    return Row("  " + _padded(name, LABEL_WIDTH), amount, text)


def _note(name: str, text: str) -> Row:
    """A row without an amount column."""
    return Row("  " + _padded(name, LABEL_WIDTH), None, text)


def laid_out(row: Row) -> list[str]:
    """The lines of a row."""
    indent = row.indent()
    lines = wrapped(row.text, WIDTH - text_width(indent))
    rest = " " * text_width(indent)
    return [(indent if index == 0 else rest) + line for index, line in enumerate(lines)]


def _padded(text: str, width: int) -> str:
    return text + " " * max(width - text_width(text), 1)


def text_width(text: str) -> int:
    """Columns a text takes on a terminal (中文 takes two)."""
    return len(text) if text.isascii() else sum(map(_columns, text))


@lru_cache(1 << 14)
def _columns(sign: str) -> int:
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """A text broken at spaces, or between Chinese characters, to lines of at most `width`."""
    lines, line = [], ""
    for word in _words(text):
        if line and text_width(line) + text_width(word.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += word if line else word.lstrip()
    return [*lines, line.rstrip()] if line or not lines else lines


def _words(text: str) -> Iterable[str]:
    """Pieces after which a line may break."""
    piece = ""
    for sign in text:
        if piece and _may_break(piece[-1], sign):
            yield piece
            piece = ""
        piece += sign
    if piece:
        yield piece


def _may_break(before: str, after: str) -> bool:
    if after in " ，。；：）」、]),;" or before in "（「([":
        return False
    return before == " " or _columns(before) == 2 or _columns(after) == 2
