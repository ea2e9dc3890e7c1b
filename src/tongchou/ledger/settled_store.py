"""SQL that holds settlements, their outcomes and the journal against one another (结算与账簿互核).

What one table says twice, or two tables say of one thing, must agree; a row changed or deleted in
one of them is named. The journal itself is sealed by its chain, so money is held against it.
"""
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from psycopg import Connection

from . import store
from .canonical import evidence

SHOWN_MAX = 1000
ABSENT = "(missing)"
KINDS = "('settlement', 'reversal', 'recomputation')"
KIND = """case o.reason when 'settle' then 'settlement' when 'reverse' then 'reversal'
   else 'recomputation' end"""
# Each gives (shard, seq of the entry or 0, what, seen, expected).
MISSING = f"""
select coalesce(s.shard, o.shard), coalesce(o.seq, 0),
  case when s.setl_id is null then 'settlement of outcome ' || o.setl_id
       else 'first outcome of ' || s.setl_id end, '(missing)', 'a row'
from (select * from settlement where region = %(region)s) s
full join (select * from outcome where region = %(region)s and revision = 1) o
  using (region, shard, psn_no, setl_id)
where s.setl_id is null or o.setl_id is null
union all
select shard, max(seq), 'outcomes of ' || setl_id, count(*)::text, max(revision)::text
from outcome where region = %(region)s group by shard, psn_no, setl_id
having max(revision) <> count(*)
union all
select e.shard, e.seq, 'outcome of entry ' || e.entry_id, '(missing)', 'a row'
from journal_entry e left join outcome o on (o.region, o.shard, o.seq, o.setl_id)
  = (e.region, e.shard, e.seq, e.reference)
where e.region = %(region)s and e.kind in {KINDS} and o.setl_id is null
  and exists (select from settlement where region = %(region)s)"""
ENTRIES = f"""
select o.shard, o.seq, what || ' of outcome ' || o.setl_id || ' ' || o.revision, seen, expected
from outcome o join settlement s using (region, shard, psn_no, setl_id)
left join journal_entry e on (e.region, e.shard, e.seq) = (o.region, o.shard, o.seq)
cross join lateral (values
  ('entry', coalesce(e.entry_id, '(missing)'), o.setl_id || '.' || o.revision),
  ('reason', {KIND}, e.kind),
  ('psn_no', e.psn_no, o.psn_no), ('person', o.person ->> 'person_id', o.psn_no),
  ('year', s.year, e.year),
  ('known_at', o.known_at::text, e.booked_at::text)) as pair (what, seen, expected)
where o.region = %(region)s and o.seq > 0 and seen is distinct from expected
union all
select o.shard, e.seq, 'seq of outcome ' || o.setl_id || ' ' || o.revision, '0', e.seq::text
from outcome o join journal_entry e on (e.region, e.shard, e.entry_id)
  = (o.region, o.shard, o.setl_id || '.' || o.revision)
where o.region = %(region)s and o.seq = 0"""
ROWS = """
select s.shard, o.seq, what || ' of settlement ' || s.setl_id, seen, expected
from settlement s join outcome o using (region, shard, psn_no, setl_id)
cross join lateral (values
  ('mdtrt_id', s.mdtrt_id, s.claim ->> 'claim_id'),
  ('psn_no', s.claim ->> 'person_id', s.psn_no),
  ('setl_time', to_char(s.setl_time at time zone 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
   s.claim ->> 'settled' || '.000000'),
  ('known_at', s.known_at::text, o.known_at::text),
  ('members', case when s.psn_no = any(s.members) then '' else s.members::text end, ''),
  ('cause', o.cause, s.setl_id)) as pair (what, seen, expected)
where s.region = %(region)s and o.revision = 1 and seen is distinct from expected"""
# Of every outcome, what it says was paid less what the one before said, against its entry: by the
# institution at the window (`advanced`), the rest to the person.
MONEY = """
with every as (
  select o.shard, o.psn_no, o.setl_id, o.seq, lead(o.seq) over (partition by o.shard, o.psn_no,
    o.setl_id order by o.revision) as next_seq, o.money -> 'money' as money,
    o.money -> 'advanced' as advanced from outcome o where o.region = %(region)s),
changes as (
  select shard, setl_id, seq, 1 as sign, money, advanced from every
  union all select shard, setl_id, next_seq, -1, money, advanced from every
  where next_seq is not null),
said as (
  select c.shard, c.setl_id, c.seq, a.account, f.key as fund,
    c.sign * a.sign * f.value::bigint as fen
  from changes c cross join lateral (values
    ('expense', 1, c.money), ('owed to the institution', -1, c.advanced),
    ('owed to the person', -1, c.money), ('owed to the person', 1, c.advanced)
    ) as a (account, sign, part) cross join json_each_text(a.part -> 'paid') f
  union all select shard, setl_id, seq, 'cash', '', sign * (money ->> 'person_fen')::bigint
  from changes
  union all select shard, setl_id, seq, 'absorbed', '', sign * (money ->> 'absorbed_fen')::bigint
  from changes),
due as (
  select shard, setl_id, seq, account, fund, sum(fen) as fen from said group by 1, 2, 3, 4, 5),
booked as (
  select p.shard, p.reference as setl_id, p.seq, case when p.account <> 'payable' then p.account
      when p.institution = 'person' then 'owed to the person' else 'owed to the institution' end
      as account, p.fund, sum(p.amount_fen) as fen
  from posting p
  where p.region = %(region)s and p.account in ('expense', 'cash', 'absorbed', 'payable')
    and p.kind in ('settlement', 'reversal', 'recomputation')      -- not what was paid for it
    and (p.shard, p.psn_no, p.reference) in (select shard, psn_no, setl_id from every)
  group by 1, 2, 3, 4, 5)
select shard, seq, 'money of ' || setl_id || ', ' || account || ' ' || fund,
  coalesce(due.fen, 0)::text, coalesce(booked.fen, 0)::text
from due full join booked using (shard, setl_id, seq, account, fund)
where coalesce(due.fen, 0) <> coalesce(booked.fen, 0)"""
INSTITUTIONS = """
select distinct s.shard, o.seq, 'institution of settlement ' || s.setl_id, s.institution,
  p.institution
from settlement s join outcome o using (region, shard, psn_no, setl_id)
join posting p on (p.region, p.shard, p.seq) = (o.region, o.shard, o.seq)
where s.region = %(region)s and p.institution not in ('', 'person', s.institution)"""
MESSAGES = """
select o.shard, o.seq, 'message of outcome ' || o.setl_id || ' ' || o.revision,
  coalesce(m.topic, '(missing)'), 'settlement.' || o.reason
from outcome o left join outbox m on (m.region, m.outbox_id)
  = (o.region, o.setl_id || '.' || o.revision)
where o.region = %(region)s and m.topic is distinct from 'settlement.' || o.reason"""
# What the evidence of an entry covers: the settlement (with its first outcome), the outcome, and
# the answer of the request it came from.
PROOFS = """
select e.shard, e.seq, e.evidence, e.entry_id, o.psn_no, o.setl_id, o.revision, o.reason, o.cause,
  o.money, o.statement, o.person, case when o.revision = 1 then json_build_object('shard', s.shard,
    'psn_no', s.psn_no, 'setl_id', s.setl_id, 'mdtrt_id', s.mdtrt_id, 'year', s.year,
    'kind', s.kind, 'institution', s.institution, 'claim', s.claim, 'bill', s.bill,
    'members', s.members, 'pack_hash', s.pack_hash, 'kernel_version', s.kernel_version,
    'setl_time', s.claim ->> 'settled' || '+08:00', 'settled_by', s.settled_by) end,
  k.key, encode(k.body_hash, 'hex'), k.reply
from journal_entry e
join outcome o on (o.region, o.shard, o.seq, o.setl_id) = (e.region, e.shard, e.seq, e.reference)
left join settlement s on (s.region, s.shard, s.psn_no, s.setl_id)
  = (o.region, o.shard, o.psn_no, o.setl_id)
left join idempotency k on (k.region, k.outcome) = (e.region, e.entry_id)
where e.region = %s and e.evidence <> ''"""
OUTCOME = ("psn_no", "setl_id", "revision", "reason", "cause", "money", "statement",
           "person")
CONTRADICTIONS = (MISSING, ENTRIES, ROWS, MONEY, INSTITUTIONS, MESSAGES)


def unproved(connection: Connection, region: str) -> Iterator[tuple[int, int, str, str, str]]:
    """(shard, seq, what, seen, expected) of entries whose evidence is not that of what is stored:
    a settlement, its outcome or its answer was changed in a way that nothing else contradicts."""
    for shard, seq, stored, entry_id, *row in store.streamed(connection, "evidence", PROOFS,
                                                             (region,)):
        outcome, (settled, *answer) = dict(zip(OUTCOME, row, strict=False)), row[len(OUTCOME):]
        found = evidence(settled, outcome, answer if answer[0] is not None else [])
        if found != stored:
            yield shard, seq, f"evidence of {entry_id}", found, stored


def contradictions(connection: Connection, region: str) -> list[tuple[int, int, str, str, str]]:
    """(shard, seq, what, seen, expected) of what does not agree, the first thousand of each kind;
    seq is 0 where no single entry is meant."""
    found: list[tuple[int, int, str, str, str]] = []
    with store.joining_whole(connection):
        for query in CONTRADICTIONS:
            rows = connection.execute(f"select * from ({query}) found limit {SHOWN_MAX}",
                                      {"region": region})
            found += [(shard, seq, what, seen or ABSENT, expected or ABSENT)
                      for shard, seq, what, seen, expected in rows]
        found += islice(unproved(connection, region), SHOWN_MAX)
    return found
