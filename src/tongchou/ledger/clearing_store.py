"""SQL of clearing (清算存取): what institutions advanced, filings, and what became of them."""
from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from psycopg import Connection

from . import store
from .close_store import Heads, StoredClose
from .rules import ClearingRules

ADVANCED = """
select p.institution, p.fund, (-sum(p.amount_fen))::bigint
from posting p
where p.region = %(region)s and p.shard = %(shard)s and p.psn_no is not null
  and p.seq > %(after)s and p.seq <= %(upto)s
  and p.account = 'payable' and p.institution <> 'person'
  and (%(institution)s::text is null or p.institution = %(institution)s)
group by 1, 2"""
FILINGS = """
select f.filing_id, f.institution, f.month, f.payer, f.received_on, f.amounts, f.rules, f.filed_by,
       coalesce((select jsonb_object_agg(s.step, jsonb_build_object('step', s.step,
          'done_on', s.done_on, 'amounts', s.amounts, 'why', s.why, 'entry_id', s.entry_id,
          'done_by', s.done_by)) from filing_step s
        where s.region = f.region and s.filing_id = f.filing_id), '{}')
from filing f where f.region = %(region)s
  and (%(filing_id)s::text is null or f.filing_id = %(filing_id)s)
order by f.month, f.institution, f.payer"""
LINES = """
select p.reference, p.kind, p.account, p.fund, sum(p.amount_fen)::bigint
from posting p where p.region = %(region)s and p.shard = %(shard)s and p.psn_no is not null
  and p.seq > %(after)s and p.seq <= %(upto)s and p.seq in (
    select seq from journal_entry where region = %(region)s and shard = %(shard)s
      and seq > %(after)s and seq <= %(upto)s and %(institution)s = any(institutions))
group by p.seq, p.reference, p.kind, p.account, p.fund order by p.seq"""


class Step(NamedTuple):
    """What was done with a filing on a day; amounts fund -> fen."""

    step: str
    done_on: date
    amounts: Mapping[str, int]
    why: str
    entry_id: str | None
    done_by: str


class Filing(NamedTuple):
    """A month's advances of an institution, filed with one payer (月度申报)."""

    filing_id: str
    institution: str
    month: date
    payer: str
    received_on: date
    amounts: Mapping[str, int]
    rules: ClearingRules
    filed_by: str
    steps: Mapping[str, Step]


def lock(connection: Connection, region: str, filing_id: str) -> None:
    """One at a time works on a filing, until its transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))",
                       (f"filing {region} {filing_id}",))


def advanced(connection: Connection, region: str, former: StoredClose | None,
             close: StoredClose, institution: str | None = None,
             ) -> list[tuple[str, str, int]]:
    """(institution, fund, fen) that the settlements between two closes made the funds owe."""
    sums: dict[tuple[str, str], int] = {}
    for code, fund, fen in _by_shard(connection, ADVANCED, region, institution,
                                     former.heads if former else {}, close.heads):
        sums[code, fund] = sums.get((code, fund), 0) + fen
    return [(code, fund, fen) for (code, fund), fen in sorted(sums.items()) if fen]


def filings(connection: Connection, region: str, filing_id: str | None = None) -> list[Filing]:
    """Filings of a region with all that was done, oldest month first."""
    found = []
    for *row, rules, filed_by, steps in connection.execute(
            FILINGS, {"region": region, "filing_id": filing_id}):
        done = {name: Step(**{**step, "done_on": date.fromisoformat(step["done_on"])})
                for name, step in steps.items()}
        found.append(Filing(*row, ClearingRules.of(rules), filed_by, done))
    return found


def filing_of(connection: Connection, region: str, institution: str, month: date, payer: str,
              ) -> str | None:
    """The number of the filing of a month with a payer, if there is one."""
    row = connection.execute(
        "select filing_id from filing where region = %s and institution = %s and month = %s "
        "and payer = %s", (region, institution, month, payer)).fetchone()
    return row[0] if row else None


def add_filing(connection: Connection, region: str, filing: Filing, now: datetime) -> bool:
    """Stores a filing; False when its number or its month is taken."""
    return connection.execute(
        "insert into filing values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        (region, filing.filing_id, filing.institution, filing.month, filing.payer,
         filing.received_on, json.dumps(filing.amounts), json.dumps(filing.rules.as_dict()),
         filing.filed_by, now)).rowcount == 1


def add_step(connection: Connection, region: str, filing_id: str, step: Step, now: datetime,
             ) -> None:
    """Stores what was done with a filing; the caller holds its lock."""
    connection.execute(
        "insert into filing_step values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (region, filing_id, step.step, step.done_on, json.dumps(step.amounts), step.why,
         step.entry_id, step.done_by, now))


def day_lines(connection: Connection, region: str, institution: str, former: Heads, heads: Heads,
              ) -> list[tuple[str, str, str, str, int]]:
    """(setl_id, kind, account, fund, fen) of an institution's entries after the former heads, up
    to these."""
    return _by_shard(connection, LINES, region, institution, former, heads)


def _by_shard(connection: Connection, query: str, region: str, institution: str | None,
              former: Heads, heads: Heads) -> list[tuple]:
    """A query over the entries after the former heads, shard by shard."""
    found = []
    with store.joining_whole(connection):
        for shard, (upto, _) in sorted(heads.items()):
            found += connection.execute(query, {
                "region": region, "shard": shard, "institution": institution,
                "after": former.get(shard, (0, ""))[0], "upto": upto}).fetchall()
    return found
