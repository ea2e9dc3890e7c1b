-- Each look at a list in JSON parses all of it: entries were looked at five times, bodies and all. Now
-- twice, in `book`: once for the chain, once for the journal.
create or replace function book(entries_ json) returns bigint[] language plpgsql
set plan_cache_mode = force_generic_plan as $$
declare
  one record;
  region_ text;
  shard_ smallint;
  head_seq bigint;
  head_hash bytea;
  head_at timestamptz;
  chain_ int := 0;                      -- place in the arrays of chains
  regions text[] := '{}';
  shards smallint[] := '{}';
  last_seqs bigint[] := '{}';
  last_hashes bytea[] := '{}';
  last_ats timestamptz[] := '{}';
  seqs bigint[] := '{}';                -- of each entry, in the order given
  befores bytea[] := '{}';
  hashes bytea[] := '{}';
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
      chain_ := chain_ + 1;
      regions[chain_] := region_;
      shards[chain_] := shard_;
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
    last_seqs[chain_] := head_seq;
    last_hashes[chain_] := head_hash;
    last_ats[chain_] := head_at;
  end loop;
  -- Not an update: a join with arrays would be planned for rows by the hundred.
  insert into chain as c select * from unnest(regions, shards, last_seqs, last_hashes, last_ats)
    on conflict (region, shard) do update set last_seq = excluded.last_seq,
      last_hash = excluded.last_hash, last_at = excluded.last_at;
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

create or replace function write_settlements(years_ json, answers_ json, settlements_ json,
  entries_ json, outcomes_ json, outbox_ json, replies_ text) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$      -- planned once a connection, pruned when run
declare
  replies text[] := string_to_array(replies_, E'\n');
  rows_ bigint;
  seqs bigint[];
begin
  -- Locks, compares and moves on in one statement, for everybody in the same order of rows.
  insert into person_year as p select y.region, y.shard, y.psn_no, y.year, y.version + 1, y.paid
    from json_to_recordset(years_) as y (region text, shard smallint, psn_no text, year text,
      version bigint, paid json)
    where y.version >= 0
    on conflict (region, shard, psn_no, year) do update
      set version = excluded.version, paid = excluded.paid where p.version = excluded.version - 1;
  get diagnostics rows_ = row_count;
  if rows_ <> json_array_length(years_) then
    raise exception 'a year has moved on' using errcode = 'TC003';
  end if;
  insert into idempotency select a.region, a.shard, a.key, decode(a.body_hash, 'hex'),
      replies[a.place], a.known_at, a.outcome
    from rows from (json_to_recordset(answers_) as (region text, shard smallint, key text,
      body_hash text, known_at timestamptz, outcome text)) with ordinality
      as a (region, shard, key, body_hash, known_at, outcome, place)
    on conflict do nothing;
  get diagnostics rows_ = row_count;
  if rows_ <> json_array_length(answers_) then
    raise exception 'a key is known' using errcode = 'TC003';
  end if;
  if entries_::text <> '[]' then
    seqs := book(entries_);
  end if;
  with settled as (
    insert into settlement select r.* from json_to_recordset(settlements_) as r (
      region text, shard smallint, psn_no text, setl_id text, mdtrt_id text, year text, kind text,
      institution text, claim json, bill json, members text[], pack_hash text,
      kernel_version text, setl_time timestamptz, settled_by text, known_at timestamptz)),
  told as (
    insert into outbox select r.* from json_to_recordset(outbox_) as r (
      region text, shard smallint, outbox_id text, topic text, body text,
      created_at timestamptz))
  insert into outcome select r.region, r.shard, r.psn_no, r.setl_id, r.revision, r.reason,
      r.cause, r.money, r.statement, r.person, coalesce(seqs[r.entry], 0), r.known_at
    from json_to_recordset(outcomes_) as r (region text, shard smallint, psn_no text,
      setl_id text, revision int, reason text, cause text, money json, statement json,
      person json, entry int, known_at timestamptz);
end $$;
