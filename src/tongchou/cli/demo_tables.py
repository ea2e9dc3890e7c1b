"""The tables of `tongchou demo` on a terminal."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..demo import Made, tables
from ..demo.words import say
from ..terms import INSURANCE, VISITS


def _table(heads: Sequence[str], words: int) -> Table:
    """A table whose first `words` columns are text, the others numbers."""
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for index, head in enumerate(heads):
        made.add_column(Text(head), justify="left" if index < words else "right",
                        no_wrap=index >= words, overflow="fold")
    return made


def paid_table(made: Sequence[Made], lang: str) -> Table:
    """Who paid what, in 万元 or thousand yuan."""
    heads = tables.paid_head(lang)
    table = _table(heads[:3] + heads[5:], 2)
    for row in tables.paid_rows(made, lang):
        if row.words[0] and table.row_count:
            table.add_section()
        table.add_row(*map(Text, row.words), f"{row.counts[0]:,}",
                      *(tables.in_unit(fen, lang) for fen in row.fen), *row.shares)
    return table


def kind_table(made: Sequence[Made], lang: str) -> Table:
    """Share of the funds by kind of visit, a column a kind."""
    visits = list(dict.fromkeys(visit for one in made for sums in one.schemes
                                for visit in sums.visits))
    heads = [say("regime", lang), say("scheme", lang),
             *(tables.title(VISITS[visit], lang) for visit in visits), say("all_visits", lang)]
    table = _table(heads, 2)
    for one in made:
        for index, sums in enumerate(one.schemes):
            cells = [sums.visits.get(visit) for visit in visits] + [sums]
            shown = [f"{cell.share('medfee_sumamt')} / {cell.share(tables.IN_POLICY)}"
                     if cell else "-" for cell in cells]
            table.add_row(one.pack.name if index == 0 else "",
                          tables.title(INSURANCE[sums.scheme], lang), *shown)
    return table


def layer_table(made: Sequence[Made], lang: str) -> Table:
    """How far each layer reached; layers that paid nothing are left to `idle_layers`."""
    heads = [say(name, lang) for name in ("regime", "layer", "people", "bills", "money",
                                          "capped_people", "capped_bills")]
    heads[4] += f" ({say('wan', lang)})"
    table = _table(heads, 2)
    before = ""
    for row in tables.layer_rows(made, lang):
        if not row.counts[1]:
            continue
        name = row.words[0] if row.words[0] != before else ""
        if name and before:
            table.add_section()
        before = row.words[0]
        people, bills, capped_people, capped_bills = row.counts
        table.add_row(name, Text(row.words[1]), f"{people:,}", f"{bills:,}",
                      tables.in_unit(row.fen[0], lang), f"{capped_people:,}", f"{capped_bills:,}")
    return table


def idle_layers(made: Sequence[Made], lang: str) -> Iterator[str]:
    """A sentence a pack that names the layers that paid nothing."""
    for one in made:
        idle = [layer.title.get(lang) or layer.layer for layer in one.layers if not layer.claims]
        if idle:
            between = "、" if lang == "zh" else ", "
            yield f"{one.pack.name} " + say("idle", lang, layers=between.join(idle))
