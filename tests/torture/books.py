"""What must hold of the books of settlement at every moment, however they came to be there.

Each row of CHECKS finds what may not exist: halves of a settlement, money in one place only. All
are read in one snapshot, so they may run while windows are at work.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from psycopg import Connection, IsolationLevel

from tongchou.database import Database
from tongchou.ledger import verify

CHECKS = {
    "settlement without outcome": """
        select s.setl_id from settlement s left join outcome o
          using (region, shard, psn_no, setl_id) where o.setl_id is null""",
    "outcome without settlement": """
        select o.setl_id, o.revision from outcome o left join settlement s
          using (region, shard, psn_no, setl_id) where s.setl_id is null""",
    "revision left out": """
        select setl_id, max(revision) from outcome group by region, shard, psn_no, setl_id
        having max(revision) <> count(*)""",
    "outcome without its entry": """
        select o.setl_id, o.revision, o.seq from outcome o left join journal_entry e
          on (e.region, e.shard, e.seq, e.psn_no, e.entry_id) =
             (o.region, o.shard, o.seq, o.psn_no, o.setl_id || '.' || o.revision)
        where o.seq > 0 and e.seq is null""",
    "entry without its outcome": """
        select e.entry_id from journal_entry e left join outcome o
          on (e.region, e.shard, e.seq, e.psn_no, e.reference) =
             (o.region, o.shard, o.seq, o.psn_no, o.setl_id)
        where e.psn_no is not null and o.setl_id is null""",
    "entry without postings": """
        select e.entry_id from journal_entry e left join posting p using (region, shard, seq)
        where p.seq is null""",
    "postings without entry": """
        select p.region, p.shard, p.seq from posting p left join journal_entry e
          using (region, shard, seq) where e.seq is null""",
    "entry that does not sum to zero": """
        select region, shard, seq, sum(amount_fen) from posting group by 1, 2, 3
        having sum(amount_fen) <> 0""",
    "outcome without its message": """
        select o.setl_id, o.revision from outcome o left join outbox m
          on (m.region, m.outbox_id) = (o.region, o.setl_id || '.' || o.revision)
        where m.outbox_id is null""",
    "settlement without its answer, or answer without its settlement": """
        select * from settlement s full join (
          select region, shard, key, reply::jsonb ->> 'setl_id' as setl_id from idempotency
          where reply::jsonb ? 'mdtrt_id') i using (region, shard, setl_id)
        where s.setl_id is null or i.setl_id is null""",
    "paid that is not the sum of the journal": """
        with booked as (
          select e.shard, e.psn_no, e.year, p.fund, sum(p.amount_fen)::bigint as fen
          from journal_entry e join posting p using (region, shard, seq)
          where e.psn_no is not null and p.account = 'expense'
          group by 1, 2, 3, 4 having sum(p.amount_fen) <> 0),
        stored as (select y.shard, y.psn_no, y.year, f.key as fund, f.value::bigint as fen
          from person_year y cross join json_each_text(y.paid) f)
        select * from booked full join stored using (shard, psn_no, year, fund)
        where booked.fen is distinct from stored.fen""",
    "paid that is not the sum of the newest outcomes": """
        with newest as (
          select distinct on (region, shard, psn_no, setl_id) o.shard, o.psn_no, s.year, o.money
          from outcome o join settlement s using (region, shard, psn_no, setl_id)
          order by region, shard, psn_no, setl_id, revision desc),
        due as (
          select n.shard, n.psn_no, n.year, f.key as fund, sum(f.value::bigint)::bigint as fen
          from newest n cross join json_each_text(n.money -> 'money' -> 'paid') f
          group by 1, 2, 3, 4 having sum(f.value::bigint) <> 0),
        stored as (select y.shard, y.psn_no, y.year, f.key as fund, f.value::bigint as fen
          from person_year y cross join json_each_text(y.paid) f)
        select * from due full join stored using (shard, psn_no, year, fund)
        where due.fen is distinct from stored.fen""",
}
Acknowledged = Mapping[str, str]     # key -> the answer that was acknowledged


def check_books(database: Database, acknowledged: Callable[[], Acknowledged] = dict,
                in_flight: int = 0) -> dict[str, int]:
    """Asserts all of it; gives counts. `in_flight`: answers that may be written and unheard.

    Clients go on while the books are read. So they are asked twice: what they had acknowledged
    before the snapshot must be in it, and what is in it they must have acknowledged by now.
    """
    with database.admin() as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        before = acknowledged()
        for what, query in CHECKS.items():
            found = connection.execute(query).fetchmany(5)
            assert not found, f"{what}: {found}"
        counts = {name: connection.execute(f"select count(*) from {name}").fetchone()[0]
                  for name in ("settlement", "outcome", "journal_entry", "idempotency")}
        if before:
            stored = dict(connection.execute("select key, reply from idempotency"))
            unheard = stored.keys() - acknowledged().keys()
            assert len(unheard) <= in_flight, f"answers nobody asked for: {sorted(unheard)[:5]}"
            check_answers(connection, before, stored)
    with database.admin() as connection:
        report = verify(connection)
    assert report.sound, [str(one) for one in (*report.findings, *report.accumulators)][:5]
    return counts


def check_answers(connection: Connection, acknowledged: Acknowledged, stored: Acknowledged,
                  ) -> None:
    """Every acknowledged answer is stored as it was given, and settles exactly one visit."""
    for key, answer in acknowledged.items():
        assert stored.get(key) == answer, f"acknowledged under {key}, stored otherwise"
    settled = [json.loads(answer) for answer in acknowledged.values()]
    wanted = {one["setl_id"]: one["mdtrt_id"] for one in settled if "mdtrt_id" in one}
    found = connection.execute("select setl_id, mdtrt_id from settlement").fetchall()
    assert len({mdtrt for _, mdtrt in found}) == len(found), "a visit was settled twice"
    missing = wanted.items() - set(found)
    assert not missing, f"acknowledged and lost: {sorted(missing)[:5]}"


def picture(database: Database) -> dict[str, list[tuple]]:
    """Everything that must be the same after a restore: accumulators, chain heads, rows, sums."""
    queries = {
        "accumulators": "select region, shard, psn_no, year, version, paid::text "
                        "from person_year order by 1, 2, 3, 4",
        "heads": "select region, shard, last_seq, encode(last_hash, 'hex') from chain "
                 "order by 1, 2",
        "balances": "select account, fund, institution, sum(amount_fen)::text from posting "
                    "group by 1, 2, 3 order by 1, 2, 3",
        "answers": "select key, md5(reply) from idempotency order by 1",
        "outcomes": "select setl_id, revision, md5(money::text || statement::text || person::text) "
                    "from outcome order by 1, 2"}
    with database.admin() as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}
