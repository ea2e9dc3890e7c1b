"""The explanation as one page that needs no network: `explain_html` (结算说明网页).

Header with the candidate values in plain sight, payer cards, a Sankey, the waterfall of the bill,
and the table of every line with formula, limiting term and clause. All text is escaped; the page
forbids scripts and every outside address by its own content policy.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from ..money import divide_rounded, yuan_grouped
from ..policy import Pack, unique
from .explain import (ExplainedLayer, assumptions_for, cited_clauses, explain_lines, not_applied,
                      payers, person_parts, situation_words)
from .explain_steps import CandidateNote, Line, cited_words, status_line
from .explain_words import HEADINGS, Words, class_title, fill, pack_title, status_title
from .picture_sankey import PAYER_COLOURS, PERSON_COLOUR, sankey_svg
from .picture_style import STYLE
from .records import Settlement

WORDS = {
    "title": Words("结算说明", "How this was settled"),
    "in_force": Words("施行", "in force"),
    "item": Words("项目", "item"), "formula": Words("算式", "formula"),
    "amount": Words("金额（元）", "amount (yuan)"), "clause": Words("条款", "clause"),
    "steps": Words("逐层计算", "Layer by layer"),
    "flow": Words("资金流向", "Where the money goes"),
    "fall": Words("费用由谁承担", "Who bears the bill"),
    "year": Words("全年各次结算", "All claims of this case"),
    "swipe": Words("图可左右滑动", "the picture scrolls sideways"),
    "share": Words("占 {share}", "{share} of the bill"),
    "capped": Words("封顶", "cap"),
    "values": Words("使用的候选值", "Candidate values used"),
    "parameter": Words("参数", "parameter"), "value": Words("取值", "value"),
    "grade": Words("等级", "grade"), "source": Words("出处", "source"),
    "sources": Words("条款和出处", "Clauses and sources"),
    "payer": Words("承担者", "payer"), "claim": Words("结算单", "claim"),
    "person": Words("人员", "person"), "dates": Words("起止日期", "dates"),
    "hospital": Words("医院类别", "hospital"),
    "grades": Words("等级：A 政府网页，B 报纸或保险公司，C 汇编网页或推断，X 占位值，没有出处",
                    "grades: A government page, B newspaper or insurer, C aggregator or inference, "
                    "X placeholder without a source"),
    "parts": Words("个人负担的构成", "What the person bears"),
    "made": Words("由统筹按政策包 {pack} 生成，金额以分精确计算，每层取整一次。政策包摘要 {hash}",
                  "Made by Tongchou from the pack {pack}; exact in fen, each layer rounds once. "
                  "Digest of the pack {hash}"),
}


def explain_html(pack: Pack, settlements: Sequence[Settlement], lang: str = "zh",
                 rules: Mapping[str, str] | None = None) -> str:
    """One self-contained HTML page about the settlements of a case; `lang` is `zh` or `en`.

    `rules` (clause -> what it says) fills the tooltips of clauses and the list at the end.
    """
    page = _Page(pack, lang, rules or {})
    explained = [(settlement, explain_lines(pack, settlement)) for settlement in settlements]
    body = [page.header(explained), "<main>"]
    if len(settlements) > 1:
        body.append(page.overview(settlements))
    body += [page.claim(settlement, layers, f"s{index}")
             for index, (settlement, layers) in enumerate(explained)]
    body += [page.values(explained), page.sources(explained), "</main>", page.footer()]
    return "\n".join([
        "<!doctype html>", f'<html lang="{"zh-CN" if lang == "zh" else "en"}">', "<head>",
        '<meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{page.say('title')} · {page.words(pack_title(pack))}</title>",
        f"<style>{STYLE}</style>", "</head>", "<body>", *body, "</body>", "</html>", ""])


class _Page:
    """Writes the pieces of a page in one language; every text passes through `escape`."""

    def __init__(self, pack: Pack, lang: str, rules: Mapping[str, str]) -> None:
        self.pack, self.lang, self.rules = pack, lang, rules

    def words(self, words: Words) -> str:
        """A phrase in the page's language, escaped."""
        return escape(words.of(self.lang))

    def say(self, key: str, **values: object) -> str:
        """A phrase of `WORDS`, escaped."""
        return self.words(fill(WORDS[key], **values))

    def head(self, key: str) -> str:
        """A phrase of `HEADINGS`, escaped."""
        return self.words(HEADINGS[key])

    def header(self, explained: Sequence[tuple[Settlement, list[ExplainedLayer]]]) -> str:
        """Title, regime, dates of force and the notice about candidate values."""
        pack = self.pack
        until = pack.force_to or "…"
        notes = _notes(explained)
        rows = ["<header>", f"<h1>{self.words(pack_title(pack))}</h1>",
                f'<p class="facts">{self.say("title")} · {escape(pack.name)} · '
                f'<span>{self.say("in_force")} {escape(pack.force_from)} → {escape(until)}'
                "</span></p>"]
        if pack.candidates:
            shown = fill(HEADINGS["candidates"], name=pack.profile or "")
            values = "; ".join(f"{note.title.of(self.lang)} {note.value} ({note.grade})"
                               for note in notes[:6])
            more = " …" if len(notes) > 6 else ""
            rows.append(f'<p class="notice" role="note"><strong>{self.words(shown)}</strong><br>'
                        f"{escape(values)}{more}</p>")
        return "\n".join([*rows, "</header>"])

    def overview(self, settlements: Sequence[Settlement]) -> str:
        """All claims of the case in one table with sums."""
        funds = {fund: title for settlement in settlements
                 for fund, title, _ in payers(self.pack, settlement)}
        heads = [self.say("claim"), self.say("person"), self.say("dates"), self.say("hospital"),
                 self.head("total"), *(self.words(title) for title in funds.values()),
                 self.head("of_person")]
        rows, sums = [], [0] * (len(funds) + 2)
        for settlement in settlements:
            paid = {fund: fen for fund, _, fen in payers(self.pack, settlement)}
            amounts = [settlement.claim.total_fen, *(paid.get(fund, 0) for fund in funds),
                       settlement.person_part]
            sums = [before + fen for before, fen in zip(sums, amounts, strict=True)]
            claim, cell = settlement.claim, settlement.situation.cell
            hospital = class_title(self.pack, "hospital", cell["hospital"])
            rows.append(f'<tr><th scope="row">{escape(claim.claim_id)}</th>'
                        f"<td>{escape(claim.person_id)}</td>"
                        f"<td>{escape(claim.begin)} → {escape(claim.end)}</td>"
                        f"<td>{self.words(hospital)}</td>{_cells(amounts)}</tr>")
        head = "".join(f'<th scope="col"{" class=n" if index > 3 else ""}>{text}</th>'
                       for index, text in enumerate(heads))
        return (f'<section><h2>{self.say("year")}</h2><div class="wide" tabindex="0" role="region"'
                f' aria-label="{self.say("year")}"><table class="small year"><thead><tr>{head}'
                f'</tr></thead><tbody>{"".join(rows)}</tbody><tfoot><tr>'
                f'<th scope="row" colspan="4">'
                f'{self.head("sum")}</th>{_cells(sums)}</tr></tfoot></table></div></section>')

    def claim(self, settlement: Settlement, layers: list[ExplainedLayer], name: str) -> str:
        """Everything about one claim."""
        claim = settlement.claim
        facts = "; ".join(f"{title.of(self.lang)} {words.of(self.lang)}"
                          for title, words in situation_words(self.pack, settlement))
        swipe = f'<p class="swipe">{self.say("swipe")}</p>'
        return "\n".join([
            f'<section aria-labelledby="{name}-h">',
            f'<h2 id="{name}-h">{self.head("claim")} {escape(claim.claim_id)}</h2>',
            f'<p class="facts">{escape(claim.begin)} → {escape(claim.end)}; {escape(facts)}</p>',
            self._status(settlement), self._cards(settlement),
            f'<h3>{self.say("flow")}</h3>{swipe}<div class="wide" tabindex="0" role="region" '
            f'aria-label="{self.say("flow")}">'
            f"{sankey_svg(self.pack, settlement, self.lang, name)}</div>",
            f'<h3>{self.say("fall")}</h3>', self._fall(settlement),
            f'<h3>{self.say("steps")}</h3>', self._steps(layers), self._person(settlement),
            self._missed(settlement), "</section>"])

    def _status(self, settlement: Settlement) -> str:
        line = status_line(self.pack, settlement)
        rows = [f'<p class="facts">{self.words(line.label)}: <strong>{self.words(line.formula)}'
                f'</strong> <span class="clauses">{self._cited(line)}</span>']
        for status, fen in settlement.rejected:
            told = fill(HEADINGS["rejected"], status=status_title(self.pack, status),
                        fen=yuan_grouped(fen))
            rows.append(f"; {self.words(told)}")
        return "".join(rows) + "</p>"

    def _bearers(self, settlement: Settlement) -> list[tuple[Words, int, str]]:
        paid = payers(self.pack, settlement)
        rows = [(title, fen, PAYER_COLOURS[index % len(PAYER_COLOURS)])
                for index, (_, title, fen) in enumerate(paid)]
        return [*rows, (HEADINGS["of_person"], settlement.person_part, PERSON_COLOUR)]

    def _cards(self, settlement: Settlement) -> str:
        total = settlement.claim.total_fen
        cards = [f'<li><span class="name">{self.head("total")}</span> '
                 f'<span class="sum">{yuan_grouped(total)}</span></li>']
        for title, fen, colour in self._bearers(settlement):
            cards.append(f'<li style="--own: {colour}"><span class="name">{self.words(title)}'
                         f'</span> <span class="sum">{yuan_grouped(fen)}</span> '
                         f'<span class="of">{self.say("share", share=_share(fen, total))}</span>'
                         "</li>")
        return f'<ul class="cards">{"".join(cards)}</ul>'

    def _fall(self, settlement: Settlement) -> str:
        """Total, then each payer where the one before it ended, then the person."""
        total, start = settlement.claim.total_fen, 0
        rows = [self._fall_row(HEADINGS["total"], 0, total, total, "#33404f")]
        for title, fen, colour in self._bearers(settlement):
            rows.append(self._fall_row(title, start, fen, total, colour))
            start += fen
        return (f'<table class="fall"><thead><tr><th scope="col">{self.say("payer")}</th>'
                f'<th scope="col" class="n">{self.say("amount")}</th><th scope="col">'
                f'{self.say("fall")}</th></tr></thead><tbody>{"".join(rows)}</tbody></table>')

    def _fall_row(self, title: Words, start: int, fen: int, total: int, colour: str) -> str:
        left = start * 1000 // max(total, 1)
        width = max((start + fen) * 1000 // max(total, 1) - left, 2 if fen else 0)
        label = escape(f"{title.of(self.lang)} {yuan_grouped(fen)}")
        return (f'<tr><th scope="row">{self.words(title)}</th><td class="n">{yuan_grouped(fen)}'
                f'</td><td class="bar"><svg viewBox="0 0 1000 16" preserveAspectRatio="none" '
                f'role="img" aria-label="{label}"><title>{label}</title><rect x="0" y="7" '
                f'width="1000" height="2" fill="#e3e8ee"/><rect x="{left}" y="0" width="{width}" '
                f'height="16" fill="{colour}"/></svg></td></tr>')

    def _steps(self, layers: list[ExplainedLayer]) -> str:
        if not layers:
            return f'<p>{self.head("no_layers")}</p>'
        head = "".join(f'<th scope="col"{" class=n" if key == "amount" else ""}>{self.say(key)}'
                       "</th>" for key in ("item", "amount", "formula", "clause"))
        bodies = "".join(self._layer(layer) for layer in layers)
        return ('<table class="steps"><colgroup><col class="label"><col class="money"><col>'
                f'<col class="clause"></colgroup><thead><tr>{head}</tr></thead>{bodies}</table>')

    def _layer(self, layer: ExplainedLayer) -> str:
        tag = f'<span class="tag">{self.say("capped")}</span>' if layer.capped else ""
        rows = [f'<tr class="layer"><th scope="rowgroup" colspan="4">{tag}'
                f'{self.words(layer.title)} <span class="paid">{yuan_grouped(layer.paid_fen)}'
                "</span></th></tr>"]
        rows += [self._line(line) for line in layer.lines]
        rows += [f'<tr><th scope="row"></th><td class="n"></td><td class="formula" colspan="2">'
                 f"{self.words(reading)}</td></tr>" for reading in layer.readings]
        return f'<tbody>{"".join(rows)}</tbody>'

    def _line(self, line: Line) -> str:
        cut = line.limiting.startswith(("cap:", "cost:")) and line.key != "paid"
        kind = ' class="cut"' if cut else ' class="paid-row"' if line.key == "paid" else ""
        amount = "" if line.amount_fen is None else yuan_grouped(line.amount_fen)
        return (f'<tr{kind}><th scope="row">{self.words(line.label)}</th><td class="n">{amount}'
                f'</td><td class="formula">{self.words(line.formula)}</td><td class="clauses">'
                f"{self._cited(line)}</td></tr>")

    def _cited(self, line: Line) -> str:
        """The clauses; open ones with the value used, its name and source in the tooltip."""
        shown = []
        for clause, words in cited_words(line):
            told = "; ".join(f"{note.title.of(self.lang)} {note.value}: {note.source}"
                             for note in line.candidates if note.clause == clause)
            shown.append(f'<span class="open" title="{escape(told)}">{self.words(words)}</span>'
                         if told else self._clause(clause))
        return ", ".join(shown)

    def _clause(self, clause: str) -> str:
        return f'<abbr title="{escape(self._source(clause))}">{escape(clause)}</abbr>'

    def _source(self, clause: str) -> str:
        prefix = clause.replace("/", "-").partition("-")[0]
        source = self.pack.sources.get(prefix, {})
        told = [self.rules.get(clause, ""), source.get("title", ""), source.get("publisher", ""),
                source.get("date", "")]
        return ", ".join(text for text in told if text)

    def _person(self, settlement: Settlement) -> str:
        rows = "".join(
            f'<tr><th scope="row">{self.words(title)}</th><td class="n">{yuan_grouped(fen)}</td>'
            f'<td class="clauses">{", ".join(map(self._clause, cited_in(clause)))}'
            "</td></tr>"
            for _, title, fen, clause in person_parts(self.pack, settlement))
        return (f'<h3>{self.say("parts")}</h3><table class="small"><thead><tr><th scope="col">'
                f'{self.say("item")}</th><th scope="col" class="n">{self.say("amount")}</th>'
                f'<th scope="col">{self.say("clause")}</th></tr></thead><tbody>{rows}</tbody>'
                f'<tfoot><tr><th scope="row">{self.head("sum")}</th>'
                f"{_cells([settlement.person_part])}<td></td></tr></tfoot></table>")

    def _missed(self, settlement: Settlement) -> str:
        rows = "".join(f"<li>{self.words(title)}: {self.words(why)}</li>"
                       for title, why in not_applied(self.pack, settlement))
        return f'<h3>{self.head("not_applied")}</h3><ul class="plain">{rows}</ul>' if rows else ""

    def values(self, explained: Sequence[tuple[Settlement, list[ExplainedLayer]]]) -> str:
        """The candidate values that the page uses, with grade and source."""
        notes = _notes(explained)
        if not notes:
            return ""
        rows = "".join(
            f'<tr><th scope="row">{self.words(note.title)}</th><td class="n">{escape(note.value)}'
            f"</td><td>{escape(note.grade)}</td><td>{self._clause(note.clause)}</td>"
            f"<td>{escape(note.source)}</td></tr>" for note in notes)
        head = "".join(f'<th scope="col"{" class=n" if key == "value" else ""}>{self.say(key)}'
                       "</th>" for key in ("parameter", "value", "grade", "clause", "source"))
        return (f'<section><h2>{self.say("values")}</h2><div class="wide" tabindex="0" '
                f'role="region" aria-label="{self.say("values")}"><table class="small"><caption>'
                f'{self.say("grades")}</caption><thead><tr>{head}</tr></thead><tbody>{rows}'
                "</tbody></table></div></section>")

    def sources(self, explained: Sequence[tuple[Settlement, list[ExplainedLayer]]]) -> str:
        """Every clause cited with its source, and how the pack reads it."""
        cited = unique(clause for settlement, layers in explained
                       for clause in cited_clauses(settlement, layers))
        rows = "".join(f"<li>{escape(clause)}: {escape(self._source(clause))}</li>"
                       for clause in sorted(cited))
        readings = "".join(f"<li>{escape(entry['clause'])}: {escape(entry[self.lang])}</li>"
                           for entry in assumptions_for(self.pack, cited))
        extra = f'<h3>{self.head("assumptions")}</h3><ul class="plain">{readings}</ul>' \
            if readings else ""
        return f'<section><h2>{self.say("sources")}</h2><ul class="plain">{rows}</ul>{extra}' \
               "</section>"

    def footer(self) -> str:
        """Which pack made the page."""
        return f'<footer><p>{self.say("made", pack=self.pack.name, hash=self.pack.pack_hash)}' \
               "</p></footer>"


def _notes(explained: Sequence[tuple[Settlement, list[ExplainedLayer]]]) -> list[CandidateNote]:
    found = {(note.parameter, note.value): note for _, layers in explained for layer in layers
             for line in layer.lines for note in line.candidates}
    return list(found.values())


def cited_in(text: str) -> list[str]:
    """The clauses of a flow's text."""
    return [clause for clause in text.split(", ") if clause]


def _cells(amounts: Iterable[int]) -> str:
    return "".join(f'<td class="n">{yuan_grouped(fen)}</td>' for fen in amounts)


def _share(fen: int, total: int) -> str:
    """A share of the bill to a tenth of a percent."""
    tenths = divide_rounded(fen * 1000, total) if total else 0
    return f"{tenths // 10}.{tenths % 10}%"
