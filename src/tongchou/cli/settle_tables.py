"""The tables of `tongchou settle`: who pays what of each claim, in 中文 and English."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..app import SettledCase
from ..claims import layer_clauses
from ..engine import LayerTrace, Settlement
from ..money import yuan_grouped
from ..policy import Pack
from ..terms import FUNDS, STATUSES, VISITS


def claim_tables(settled: SettledCase) -> Iterator[Table]:
    """One table a claim, and a sum when there are several; the last says what is a candidate."""
    tables = [_claim_table(settled.pack, entry) for entry in settled.settlements]
    if len(tables) > 1:
        tables.append(_sum_table(settled))
    note = candidate_note(settled.pack)
    if note:
        tables[-1].caption = Text(note, style="italic")
        tables[-1].caption_justify = "left"
    yield from tables


def candidate_note(pack: Pack) -> str:
    """How many numbers are candidates and of which grade; "" without a profile."""
    if not pack.candidates:
        return ""
    grades = Counter(entry.grade for entry in pack.candidates)
    counted = ", ".join(f"{grade}: {grades[grade]}" for grade in sorted(grades))
    return (f"候选值 candidate values: {len(pack.candidates)} of profile {pack.profile} "
            f"(by grade {counted}); --json lists them")


def _table(title: str) -> Table:
    made = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, show_footer=True)
    return made


def _add_columns(made: Table, total: str) -> None:
    made.add_column("payer 支付方", footer=Text("total 合计"), overflow="fold", ratio=3)
    made.add_column("amount 元", justify="right", footer=Text(total), no_wrap=True)
    made.add_column("clauses 依据", overflow="fold", ratio=2)


def _claim_table(pack: Pack, settlement: Settlement) -> Table:
    claim = settlement.claim
    visit = VISITS[claim.visit]
    made = _table(f"{claim.claim_id}  {claim.person_id}  {visit.zh} {visit.en}  "
                  f"{claim.begin} - {claim.end}{_status(pack, settlement)}")
    _add_columns(made, yuan_grouped(claim.total_fen))
    for trace in settlement.layers:
        if trace.paid and trace.rule.fund != "person":
            made.add_row(Text(_payer(pack, trace)), yuan_grouped(trace.paid),
                         Text(", ".join(layer_clauses(trace))))
    made.add_row(Text(f"{FUNDS['person'].zh} {FUNDS['person'].en}"),
                 yuan_grouped(settlement.person_part), "")
    return made


def _payer(pack: Pack, trace: LayerTrace) -> str:
    """The layer's title, or the fund's where it has none."""
    fund = pack.funds[trace.rule.fund]
    title = pack.layer(trace.rule.layer).title
    return f"{title.get('zh') or fund.zh} {title.get('en') or fund.en}"


def _status(pack: Pack, settlement: Settlement) -> str:
    if settlement.status == "none":
        return ""
    name, _, lookback = settlement.status.partition("@")
    titles = {status.name: status.title for status in pack.statuses}
    term = STATUSES.get(name)
    words = titles.get(name) or {"zh": term.zh if term else name, "en": term.en if term else name}
    back = " 追溯 look-back" if lookback else ""
    return f"  {words.get('zh', '')} {words.get('en', '')}{back}".rstrip()


def _sum_table(settled: SettledCase) -> Table:
    totals: Counter[str] = Counter()
    for settlement in settled.settlements:
        for trace in settlement.layers:
            if trace.rule.fund != "person":
                totals[trace.rule.fund] += trace.paid
        totals["person"] += settlement.person_part
    made = _table(f"{len(settled.settlements)} claims 合计")
    _add_columns(made, yuan_grouped(sum(totals.values())))
    for fund, fen in totals.items():
        if fen or fund == "person":
            made.add_row(Text(f"{settled.pack.funds[fund].zh} {settled.pack.funds[fund].en}"),
                         yuan_grouped(fen), "")
    return made


def contribution_table(settled: SettledCase) -> Table:
    """Who pays the contribution asked about."""
    asked = settled.case.contribution
    made = _table(f"{asked.year} 缴费 contribution")
    _add_columns(made, yuan_grouped(sum(share.amount_fen for share in settled.contribution)))
    names = {"personal": "个人缴费 person", "public": "财政补助 public subsidy"}
    for share in settled.contribution:
        fund = settled.pack.funds.get(share.payer)
        name = names.get(share.payer) or f"{fund.zh} {fund.en}"
        made.add_row(Text(name), yuan_grouped(share.amount_fen), Text(", ".join(share.clauses)))
    return made
