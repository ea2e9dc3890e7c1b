-- 账簿: double entry, append-only, one hash chain per region and shard.
--
-- hash = sha256(hash of the entry before, or 32 zero bytes | seq as int8 | body in UTF-8). `body` is
-- the canonical text of the whole entry, postings included (tongchou.ledger.canonical); the columns
-- repeat it for queries, and `tongchou ledger verify` compares them. Postings are arrays of the same
-- length, so that an entry is one row; the view `posting` shows them as rows.

create table chain (
  region text not null,
  shard smallint not null,
  last_seq bigint not null,
  last_hash bytea not null,
  last_at timestamptz not null,
  primary key (region, shard)
);
grant select, insert, update on chain to tongchou_service;

create table journal_entry (
  region text not null,
  shard smallint not null,
  seq bigint not null check (seq > 0),
  entry_id text not null,
  kind text not null,               -- settlement, reversal, recompute, filing, payment, ...
  psn_no text,
  year text,                        -- policy year of the person's accumulators
  reference text not null,          -- setl_id, or the number of the filing or payment
  booked_at timestamptz not null,
  event_at timestamptz not null,
  evidence text not null,           -- sha256 of what was settled (tongchou.ledger.evidence), or ''
  accounts text[] not null,         -- tongchou.ledger.ACCOUNTS
  funds text[] not null,
  institutions text[] not null,
  amounts bigint[] not null,        -- fen, debit positive, sum zero
  body text not null,
  prev_hash bytea not null check (length(prev_hash) = 32),
  hash bytea not null check (length(hash) = 32),
  primary key (region, shard, seq)
) partition by hash (region, shard);
select spread('journal_entry');
select append_only('journal_entry');
create unique index journal_entry_id on journal_entry (region, shard, entry_id);

create view posting with (security_invoker = true) as
  select e.region, e.shard, e.seq, p.line::smallint as line, p.account, p.fund, p.institution,
    p.amount_fen, e.kind, e.psn_no, e.year, e.reference
  from journal_entry e cross join lateral unnest(e.accounts, e.funds, e.institutions, e.amounts)
    with ordinality as p (account, fund, institution, amount_fen, line);
grant select on posting to tongchou_service;

create table outbox (
  region text not null,
  shard smallint not null,
  outbox_id text not null,
  topic text not null,
  body text not null,
  created_at timestamptz not null,
  sent_at timestamptz,
  primary key (region, shard, outbox_id)
) partition by hash (region, shard);
select spread('outbox');
grant select, insert, update on outbox to tongchou_service;
create index outbox_waiting on outbox (created_at) where sent_at is null;

-- One key, one outcome, kept as long as the settlement.
create table idempotency (
  region text not null,
  shard smallint not null,
  key text not null,
  body_hash bytea not null,
  reply text not null,
  known_at timestamptz not null,
  outcome text,                     -- setl_id.revision of the outcome whose evidence covers it
  primary key (region, shard, key)
) partition by hash (region, shard);
select spread('idempotency');
select append_only('idempotency');

-- Appends entries to their chains, in their order; gives their numbers in it. The chains' rows stay
-- locked until the transaction ends, so this comes last in it; they are locked in one order, so that
-- two calls never wait for one another.
--
-- entries_: [{region, shard, entry_id, kind, psn_no, year, reference, booked_at, event_at, evidence,
--   body, accounts, funds, institutions, amounts}]
-- SQLSTATE TC001: the clock went back; TC002: the postings of an entry do not sum to zero.
create function book(entries_ json) returns bigint[] language plpgsql
set plan_cache_mode = force_generic_plan as $$
declare
  one record;
  region_ text;
  shard_ smallint;
  head_seq bigint;
  head_hash bytea;
  head_at timestamptz;
  count_ int := json_array_length(entries_);
  seqs bigint[] := array_fill(null::bigint, array[count_]);
  befores bytea[] := array_fill(null::bytea, array[count_]);
  hashes bytea[] := array_fill(null::bytea, array[count_]);
begin
  for one in
    select e.n, e.region, e.shard, e.entry_id, e.booked_at, e.body, e.total,
        c.last_seq, c.last_hash, c.last_at
      from (select number::int as n, r.*,
              (select sum(fen) from unnest(r.amounts) fen) as total
            from rows from (json_to_recordset(entries_) as (region text, shard smallint,
                entry_id text, booked_at timestamptz, body text, amounts bigint[]))
              with ordinality as r (region, shard, entry_id, booked_at, body, amounts, number)
            order by r.region, r.shard, number) as e
      left join lateral (select last_seq, last_hash, last_at from chain
        where region = e.region and shard = e.shard for update) as c on true
  loop
    if one.total <> 0 then
      raise exception 'the postings of % do not sum to zero', one.entry_id using errcode = 'TC002';
    end if;
    if region_ is distinct from one.region or shard_ is distinct from one.shard then
      region_ := one.region;
      shard_ := one.shard;
      if one.last_seq is null then               -- the first entry of a chain
        insert into chain values (region_, shard_, 0, decode(repeat('00', 32), 'hex'),
          one.booked_at) on conflict do nothing;
        select last_seq, last_hash, last_at into head_seq, head_hash, head_at from chain
          where region = region_ and shard = shard_ for update;
      else
        head_seq := one.last_seq;
        head_hash := one.last_hash;
        head_at := one.last_at;
      end if;
    end if;
    if one.booked_at < head_at - interval '1 minute' then
      raise exception 'the clock went back to %', one.booked_at using errcode = 'TC001';
    end if;
    head_seq := head_seq + 1;
    head_at := greatest(head_at, one.booked_at);
    seqs[one.n] := head_seq;
    befores[one.n] := head_hash;
    head_hash := sha256(head_hash || int8send(head_seq) || convert_to(one.body, 'UTF8'));
    hashes[one.n] := head_hash;
  end loop;
  -- Not an update: a join with what is in JSON would be planned for rows by the hundred.
  insert into chain as c select distinct on (r.region, r.shard) r.region, r.shard, seqs[number],
      hashes[number], max(r.booked_at) over (partition by r.region, r.shard)
    from rows from (json_to_recordset(entries_) as (region text, shard smallint,
        booked_at timestamptz)) with ordinality as r (region, shard, booked_at, number)
    order by r.region, r.shard, seqs[number] desc
    on conflict (region, shard) do update set last_seq = excluded.last_seq,
      last_hash = excluded.last_hash, last_at = greatest(c.last_at, excluded.last_at);
  insert into journal_entry select r.region, r.shard, seqs[number], r.entry_id, r.kind, r.psn_no,
      r.year, r.reference, r.booked_at, r.event_at, r.evidence, r.accounts, r.funds,
      r.institutions, r.amounts, r.body, befores[number], hashes[number]
    from rows from (json_to_recordset(entries_) as (region text, shard smallint, entry_id text,
        kind text, psn_no text, year text, reference text, booked_at timestamptz,
        event_at timestamptz, evidence text, accounts text[], funds text[], institutions text[],
        amounts bigint[], body text)) with ordinality as r (region, shard, entry_id, kind, psn_no,
        year, reference, booked_at, event_at, evidence, accounts, funds, institutions, amounts,
        body, number);
  return seqs;
end $$;
