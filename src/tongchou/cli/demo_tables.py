"""The tables of `tongchou demo` on a terminal."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..demo import Made, tables
from ..demo.words import say, scheme
from ..terms import VISITS

BRANCH = "  "


def _table(heads: Sequence[str], gap: int = 1) -> Table:
    """A table whose first column is text and the others are numbers, `gap` + 1 blanks apart."""
    made = Table(box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
    for index, head in enumerate(heads):
        made.add_column(Text(head), justify="right" if index else "left",
                        no_wrap=index > 0)
    return made


def paid_table(made: Sequence[Made], lang: str) -> Table:
    """Who paid what, in 万元 or thousand yuan; the schemes of a regime stand under it."""
    regime, _, bills, _, _, *heads = tables.paid_head(lang)
    table, before = _table([regime, bills, *heads], 0), ""
    for row in tables.paid_rows(made, lang):
        pack, word = row.words
        if before and pack != before:
            table.add_section()
        table.add_row(Text(pack if pack != before else BRANCH + word), f"{row.counts[0]:,}",
                      *(tables.in_unit(fen, lang) for fen in row.fen), *row.shares)
        before = pack
    return table


def kind_table(made: Sequence[Made], lang: str) -> Table:
    """Share of the funds by kind of visit, a column a kind."""
    visits = list(dict.fromkeys(visit for one in made for sums in one.schemes
                                for visit in sums.visits))
    table = _table([say("regime", lang), *(tables.title(VISITS[visit], lang) for visit in visits),
                    say("all_visits", lang)])
    for one in made:
        for sums in one.schemes:
            cells = [sums.visits.get(visit) for visit in visits] + [sums]
            shown = [f"{cell.share('medfee_sumamt')} / {cell.share(tables.IN_POLICY)}"
                     if cell and cell.fen["fund_pay_sumamt"] else "-" for cell in cells]
            table.add_row(Text(f"{one.pack.name} {scheme(sums.scheme, lang)}"), *shown)
    return table


def layer_table(made: Sequence[Made], lang: str) -> Table:
    """How far each layer reached; layers that paid nothing are left to `idle_layers`."""
    heads = [say(name, lang) for name in ("layer", "people", "bills", "money",
                                          "capped_people", "capped_bills")]
    heads[3] += f"\n{say('wan', lang)}"
    table, before = _table(heads), ""
    for row in tables.layer_rows(made, lang):
        if not row.counts[1]:
            continue
        if row.words[0] != before:
            if before:
                table.add_section()
            before = row.words[0]
            table.add_row(Text(before))
        people, bills, capped_people, capped_bills = row.counts
        table.add_row(Text(BRANCH + row.words[1]), f"{people:,}", f"{bills:,}",
                      tables.in_unit(row.fen[0], lang), _count(capped_people),
                      _count(capped_bills))
    return table


def _count(number: int) -> str:
    return f"{number:,}" if number else "-"


def idle_layers(made: Sequence[Made], lang: str) -> Iterator[str]:
    """A sentence a pack that names the layers that paid nothing."""
    between, colon = ("、", "：") if lang == "zh" else (", ", ": ")
    yield say("idle", lang)
    for one in made:
        idle = [layer.title.get(lang) or layer.layer for layer in one.layers if not layer.claims]
        if idle:
            yield f"{one.pack.name}{colon}{between.join(idle)}"
