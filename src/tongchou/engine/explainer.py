"""Explanations of many claims of one pack, in microseconds (实时与成批的结算说明).

`Explainer.text` gives `explain_text` to the letter. The form is cut into a head, the layers and
who paid what; each stretch is recorded (see `recording`) once for every kind of claim and
decision, and filled in from then on. What was not recorded yet is written by the plain code.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, count
from typing import Any

from ..money import AMOUNT_LIMIT_FEN, FEN, yuan_grouped
from ..policy import Pack, unique
from .explain import (AMOUNT_WIDTH, WIDTH, Row, closing_rows, explain_text, explained_layer,
                      head_rows, laid_out, layer_clauses, layer_rows, payer_rows, text_width)
from .explain_steps import cell_of
from .explain_words import HEADINGS
from .flows import residue_clause
from .recording import MARKER, Decisions, Recording, marked
from .records import RESIDUE_NAMES, LayerTrace, Settlement
from .rules import layer_dimensions

KEPT_KINDS = 1 << 12               # kinds of claims kept at a time
KEPT_AMOUNTS = 1 << 9              # few, so that they stay in the fast memory of the processor
WIDEST, DATE_WIDTH = 20, 10        # columns of the longest amount, and of a date
SCALARS = ("base", "measured", "deductible", "cumulated_before", "tier_from", "tier_to",
           "payable", "minimum_bites", "paid", "capped")
_NUMBER = re.compile(rf"{MARKER.pattern}\.{MARKER.pattern}|{MARKER.pattern}")
_BLANK = "\ue100"                  # stands for an amount while a row is laid out; one column wide
Written = tuple[list[Row], Hashable]            # rows, and a tag that goes with them
Write = Callable[[Any, Recording | None], Written]


class Explainer:
    """Explains settlements of one pack in one language; keep it as long as the pack.

    What the kernel traced is fast; a settlement of the reference tells more and takes longer.
    Not for two threads at a time.
    """

    def __init__(self, pack: Pack, lang: str = "zh") -> None:
        self.pack, self.lang = pack, lang
        self._amounts = _YuanTexts()
        self._claim, self._total = HEADINGS["claim"].of(lang), HEADINGS["total"].of(lang)
        self._numbers = count()
        self._tokens: dict[int, tuple[object, int]] = {}
        self._values: dict[Hashable, int] = {}
        self._tellers: dict[tuple, _Teller] = {}
        self._kinds: dict[tuple, _Kind] = {}
        self._of_layer: dict[str, tuple[str, ...]] = {}
        self._bill: _Teller | None = None

    def text(self, settlement: Settlement) -> str:
        """The form of `explain_text`."""
        claim, layers, left = settlement.claim, settlement.layers, settlement.left
        kind = self._kinds.get(key := self._key(settlement)) or self._kind(key, settlement)
        total, rule_date = sum(claim.parts), settlement.situation.rule_date
        if kind.plain or settlement.rejected or total >= AMOUNT_LIMIT_FEN \
                or not (len(rule_date) == DATE_WIDTH and rule_date.replace("-", "").isdigit()):
            return explain_text(self.pack, settlement, self.lang)
        payers = kind.payers.get(parts := tuple(left)) or self._payers(kind, settlement)
        told = [f"{self._claim} {claim.claim_id}   {claim.begin} → {claim.end}   {self._total} "
                f"{self._amounts[total]}\n", kind.policy % rule_date,
                self._bill.tell(claim.parts)[0], kind.situation,
                kind.status.tell((sum(left.values()),))[0]]
        tags = []
        for teller, trace in zip(kind.layers, layers, strict=True):
            text, tag = teller.tell(trace)
            told.append(text)
            tags.append(tag)
        told.append(payers.tell((total, *[trace.paid for trace in layers], *left.values()))[0])
        closing = (parts, *tags)
        end = kind.closing.get(closing)
        told.append(self._closing(kind, closing, settlement) if end is None else end)
        return "".join(told)

    # --- kinds of claims --------------------------------------------------------------------------
    def _key(self, settlement: Settlement) -> tuple:
        """What decides which stretches a form consists of: cell, status, rules, parts drawn."""
        known, plain = self._tokens, False
        cell = settlement.situation.cell
        found = known.get(id(cell))
        key: list[Hashable] = [settlement.status, found[1] if found else self._token(
            cell, tuple(sorted(cell.items())))]
        for trace in settlement.layers:
            rule = trace.rule
            found = known.get(id(rule))
            key.append(found[1] if found else self._token(rule, rule))
            for drawn in trace.drawn:
                key.append(drawn[0])
            if rule.slope:             # points and their number are worded one by one
                key += trace.slope_ppm, settlement.situation.facts[rule.slope.fact]
            plain = plain or bool(trace.seen) or trace.as_if is not None
        key.append(plain)
        return tuple(key)

    def _token(self, thing: object, value: Hashable) -> int:
        """A number for a cell or a rule: by identity at once, else by value; never given twice."""
        found = self._tokens.get(id(thing))
        if found:
            return found[1]
        if len(self._tokens) >= KEPT_KINDS or len(self._values) >= KEPT_KINDS:
            for memory in (self._tokens, self._values, self._tellers, self._kinds):
                memory.clear()
        token = self._values.get(value)
        if token is None:
            token = self._values[value] = next(self._numbers)
        self._tokens[id(thing)] = thing, token         # kept, so that its identity stays its own
        return token

    def _kind(self, key: tuple, settlement: Settlement) -> "_Kind":
        if len(self._kinds) >= KEPT_KINDS:
            self._kinds.clear()
        kind = self._kinds[key] = _Kind()
        if key[-1] or any(trace.rule.fund == "person" for trace in settlement.layers):
            kind.plain = True
            return kind
        pack, lang, situation = self.pack, self.lang, settlement.situation
        dated = replace(settlement, situation=replace(situation, rule_date=marked(0)))
        policy, _, _, seen, *_ = head_rows(pack, dated, lang)
        kind.policy = _Wrapped(policy).format((DATE_WIDTH,))
        kind.situation = _form([seen])
        kind.status = self._teller(("status", settlement.status), partial(self._status, settlement))
        if self._bill is None:
            self._bill = _Teller(partial(self._parts, settlement), self._amounts)
        goes = {part: trace.rule.layer for trace in settlement.layers for part, _ in trace.drawn}
        for trace in settlement.layers:
            rule = trace.rule
            points = (trace.slope_ppm, situation.facts[rule.slope.fact]) if rule.slope else ()
            cell = cell_of(settlement, pack.layer(rule.layer))
            own = (self._token(rule, rule), points,
                   *(cell.get(name, "other") for name in self._dimensions(rule.layer)),
                   *(part for part, _ in trace.drawn), None,
                   *(goes.get(f"{rule.layer}.{residue}") for residue in RESIDUE_NAMES))
            kind.layers.append(self._teller(own, _layer_writer(self, settlement)))
        return kind

    def _dimensions(self, name: str) -> tuple[str, ...]:
        """Classes that the wording of a layer can depend on."""
        if name not in self._of_layer:
            layer = self.pack.layer(name)
            budgets = (budget.share.dimensions() for budget in layer.budgets)
            self._of_layer[name] = tuple(sorted(
                layer_dimensions(self.pack, layer).union(*budgets)))
        return self._of_layer[name]

    def _teller(self, key: tuple, write: Write) -> "_Teller":
        return self._tellers.setdefault(key, _Teller(write, self._amounts))

    # --- the plain code of each stretch -----------------------------------------------------------
    def _parts(self, settlement: Settlement, parts: tuple[int, ...],
               recording: Recording | None) -> Written:
        told = replace(settlement, claim=replace(
            settlement.claim, parts=tuple(_noted(parts, recording))))
        return head_rows(self.pack, told, self.lang)[1:3], None

    def _status(self, settlement: Settlement, numbers: tuple[int, ...],
                recording: Recording | None) -> Written:
        person, = _noted(numbers, recording)
        told = replace(settlement, layers=[], left={"": person})
        return head_rows(self.pack, told, self.lang)[4:], None

    def layer(self, settlement: Settlement, trace: LayerTrace) -> Written:
        """A layer's rows, and the clauses it cites where assumptions go by them."""
        explained = explained_layer(self.pack, settlement, trace)
        cited = layer_clauses(explained, trace) if self.pack.assumptions else ()
        return layer_rows(explained, self.lang), cited

    def _payers(self, kind: "_Kind", settlement: Settlement) -> "_Teller":
        names, layers = tuple(settlement.left), settlement.layers

        def write(numbers: tuple[int, ...], recording: Recording | None) -> Written:
            total, *rest = _noted(numbers, recording)
            paid, left = rest[:len(layers)], rest[len(layers):]
            told = replace(settlement, claim=replace(settlement.claim, parts=(total, 0, 0, 0)),
                           layers=[replace(trace, paid=fen)
                                   for trace, fen in zip(layers, paid, strict=True)],
                           left=dict(zip(names, left, strict=True)))
            return payer_rows(self.pack, told, self.lang), None

        rules = (self._token(trace.rule, trace.rule) for trace in layers)
        kind.payers[names] = self._teller(("payers", *rules, *names), write)
        return kind.payers[names]

    def _closing(self, kind: "_Kind", closing: tuple, settlement: Settlement) -> str:
        """What depends on no amount: layers that did not apply, assumptions."""
        parts, *cited = closing
        traces = {trace.rule.layer: trace for trace in settlement.layers}
        left = [residue_clause(traces[layer], residue) for layer, _, residue in
                (part.partition(".") for part in parts) if residue]
        clauses = unique((*chain.from_iterable(cited), *(
            clause.strip() for one in left for clause in one.split(","))))
        rows = closing_rows(self.pack, settlement, clauses, self.lang)
        kind.closing[closing] = _form(rows)
        return kind.closing[closing]


class _Kind:
    """Claims whose form consists of the same stretches; `plain` ones are not recorded."""

    policy: str
    situation: str
    status: "_Teller"

    def __init__(self) -> None:
        self.plain = False
        self.layers: list[_Teller] = []
        self.payers: dict[tuple[str, ...], _Teller] = {}
        self.closing: dict[tuple, str] = {}


def _layer_writer(explainer: Explainer, settlement: Settlement) -> Write:
    def write(trace: LayerTrace, recording: Recording | None) -> Written:
        if recording:
            amount = recording.amount
            scalars = {name: amount(int(getattr(trace, name)), f"v.{name}") for name in SCALARS}
            trace = replace(
                trace, **scalars,
                residues={name: amount(fen, f"v.residues[{name!r}]")
                          for name, fen in trace.residues.items()},
                drawn=tuple((name, amount(fen, f"v.drawn[{place}][1]"))
                            for place, (name, fen) in enumerate(trace.drawn)),
                caps=tuple(tuple(amount(fen, f"v.caps[{place}][{side}]")
                                 for side, fen in enumerate(cap))
                           for place, cap in enumerate(trace.caps)),
                tier_amounts=tuple(amount(fen, f"v.tier_amounts[{place}]")
                                   for place, fen in enumerate(trace.tier_amounts)))
        return explainer.layer(settlement, trace)

    return write


def _noted(numbers: Sequence[int], recording: Recording | None) -> Sequence[int]:
    """Numbers as they are, or recorded by their places."""
    return numbers if recording is None else [
        recording.amount(number, f"v[{place}]") for place, number in enumerate(numbers)]


# --- stretches of text ----------------------------------------------------------------------------
def _form(rows: Iterable[Row]) -> str:
    return "".join(f"{line}\n" for row in rows for line in laid_out(row))


class _YuanTexts(dict):
    """Amounts as people read them; a form writes most of its amounts several times."""

    def __missing__(self, fen: int) -> str:
        if len(self) > KEPT_AMOUNTS:
            self.clear()
        text = self[fen] = yuan_grouped(fen)
        return text


class _Teller:
    """A stretch of the form as a function of its amounts, recorded where it is new.

    `write` is the plain code; given a recording, it words amounts that note what is asked of them.
    """

    def __init__(self, write: Write, amounts: _YuanTexts) -> None:
        self._write, self._amounts = write, amounts
        self._decisions = Decisions()

    def tell(self, source: Any) -> tuple[str, Hashable]:
        """The text and the tag for a trace, or for a row of numbers."""
        return self._decisions.run(source) or self._learn(source)

    def _learn(self, source: Any) -> tuple[str, Hashable]:
        decisions = self._decisions
        if decisions.full:
            rows, tag = self._write(source, None)
            return _form(rows), tag
        recording = Recording()
        rows, tag = self._write(source, recording)
        template = _Template(recording, f"_{decisions.paths}")
        for row in rows:
            template.add(row)
        decisions.learn(recording.guards, template.expression(tag),
                        template.known | {"yuan": self._amounts})
        return decisions.run(source)


class _Template:
    """Recorded rows as one format, and the Python expressions that fill it."""

    def __init__(self, recording: Recording, suffix: str) -> None:
        self._recording, self._suffix = recording, suffix
        self._form, self._fills = "", []
        self.known: dict[str, Any] = {}

    def add(self, row: Row) -> None:
        """Appends a row; one that may need several lines breaks when its amounts are known."""
        text, slots = self._slots(row.text)
        amount, ahead = self._slots(row.amount or "")
        assert len(ahead) <= 1 and not MARKER.search(row.head), row
        wrapped = _Wrapped(row._replace(
            amount=_BLANK * AMOUNT_WIDTH if ahead else row.amount, text=text))
        if wrapped.width + WIDEST * len(slots) <= WIDTH:
            self._form += wrapped.format((1,) * len(slots))
            self._fills += ahead + slots
        else:
            name = f"row{len(self.known)}{self._suffix}"
            self.known[name] = wrapped
            self._form += "%s"
            self._fills.append(f"{name}({', '.join(ahead + slots)})")

    def expression(self, tag: Hashable) -> str:
        """What gives the text and its tag, once the names in `known` are."""
        form, label = f"form{self._suffix}", f"tag{self._suffix}"
        self.known |= {form: self._form, label: tag}
        return f"({form} % ({''.join(f'{fill}, ' for fill in self._fills)}), {label})"

    def _slots(self, text: str) -> tuple[str, list[str]]:
        """The text with its marks numbered from 0, and an expression for each."""
        found: list[str] = []

        def numbered(match: re.Match) -> str:
            (source, written), *rest = (self._recording.slots[int(number)]
                                        for number in match.groups() if number)
            if rest:                   # yuan and fen of an amount, as `yuan_grouped` writes them
                amount = source.removeprefix("(").removesuffix(f" // {FEN})")
                assert (written, rest) == (",", [(f"({amount} % {FEN})", "02d")]), match
                found.append(f"yuan[{amount}]")
            else:
                found.append(f"format({source}, {written!r})")
            return marked(len(found) - 1)

        return _NUMBER.sub(numbered, text), found


class _Wrapped:
    """A row as a format; where it breaks depends on how long its amounts are."""

    def __init__(self, row: Row) -> None:
        self._row, self._ahead = row, _BLANK in (row.amount or "")
        self._formats: dict[tuple[int, ...], str] = {}
        self.width = text_width(row.indent()) + text_width(MARKER.sub("", row.text))
        self._room = WIDTH - self.width
        self._single = ""

    def __call__(self, *amounts: str) -> str:
        texts = amounts[1:] if self._ahead else amounts
        if len("".join(texts)) <= self._room:
            self._single = self._single or self.format((1,) * len(texts))
            return self._single % amounts
        lengths = tuple(map(len, texts))
        found = self._formats.get(lengths)
        if found is None:
            if len(self._formats) >= KEPT_KINDS:
                self._formats.clear()
            found = self._formats[lengths] = self.format(lengths)
        return found % amounts

    def format(self, lengths: tuple[int, ...]) -> str:
        """The row broken for amounts of these lengths; no amount breaks inside itself."""
        stand_ins = [chr(ord(_BLANK) + 1 + place) * length for place, length in enumerate(lengths)]
        text = MARKER.sub(lambda match: stand_ins[int(match[1])], self._row.text)
        form = "".join(f"{line}\n" for line in laid_out(self._row._replace(text=text)))
        form = form.replace("%", "%%").replace(_BLANK * AMOUNT_WIDTH, f"%{AMOUNT_WIDTH}s")
        for stand_in in stand_ins:
            form = form.replace(stand_in, "%s")
        return form
