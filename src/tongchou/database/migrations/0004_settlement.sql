-- 结算: what came in, what came out, and the year it belongs to. Inputs and outcomes are appended;
-- the present is the newest outcome of each settlement.

-- One row a person and policy year: the lock that serialises windows, and what each fund has paid.
create table person_year (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  year text not null,
  version bigint not null,
  paid json not null,               -- fund -> fen, equal to the journal's sums
  primary key (region, shard, psn_no, year)
) partition by hash (region, shard);
select spread('person_year');
grant select, insert, update on person_year to tongchou_service;

create table settlement (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  setl_id text not null,
  mdtrt_id text not null,
  year text not null,
  kind text not null check (kind in ('on_the_spot', 'mid_stay', 'manual')),
  institution text not null,
  claim json not null,              -- the claim as settled, fen
  bill json,                        -- fee lines with their split
  members text[] not null,          -- psn_no of those whose year it shares (family), itself too
  pack_hash text not null,
  kernel_version text not null,
  setl_time timestamptz not null,
  settled_by text not null,
  known_at timestamptz not null,
  primary key (region, shard, psn_no, setl_id)
) partition by hash (region, shard);
select spread('settlement');
select append_only('settlement');

-- Revision 1 settles; a later one reverses it (all amounts zero) or follows from a recomputation.
create table outcome (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  setl_id text not null,
  revision int not null check (revision > 0),
  reason text not null check (reason in ('settle', 'reverse', 'recompute')),
  cause text not null,              -- setl_id, status or order that made this revision
  money json not null,              -- fen: `money`, and `advanced` of it at the window
  statement json not null,          -- national amounts, layers, flows, the status chosen
  person json not null,             -- the person as known when this revision was made
  seq bigint not null,              -- entry of the journal (region, shard, seq), 0: no money moved
  known_at timestamptz not null,
  primary key (region, shard, psn_no, setl_id, revision)
) partition by hash (region, shard);
select spread('outcome');
select append_only('outcome');

-- JSON is kept as the text it came in: nobody searches in it, and who settles reads it whole.

-- Writes what several windows asked for at once, everything or nothing: years move on, then answers,
-- settlements, entries, outcomes and messages are added.
--
-- years_: [{region, shard, psn_no, year, version, paid}], by (region, shard, psn_no, year);
-- answers_: [{region, shard, key, body_hash (hex), known_at, outcome}], by (region, shard, key);
-- settlements_, outbox_: [their columns]; entries_: as book() takes them;
-- outcomes_: [their columns; `entry`: the place, from 1, of their entry, or null];
-- replies_: a line for each answer. Nobody's year may stand twice.
--
-- SQLSTATE TC003: a year has moved on since its `version` was read, or a key is known. The caller
-- tries each request alone, and reads again where that is stale too.
create function write_settlements(years_ json, answers_ json, settlements_ json, entries_ json,
  outcomes_ json, outbox_ json, replies_ text) returns void language plpgsql
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
  if json_array_length(entries_) > 0 then
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

-- What settlements need to know, for several at once: of each ask, in their order, [the person as
-- known now or null, the year as settled now or null, the earlier answer of the key or null].
-- asks_: [{region, shard, psn_no, year, key, key_shard}]
-- year: {version, paid, settlements: [{setl_id, shard, kind, institution, claim, revision,
--   reversed, person, money: {money, advanced}}]}, the one that is known last standing last
create function settlement_contexts(asks_ json) returns json language plpgsql stable
set plan_cache_mode = force_generic_plan as $$
begin
  return (select json_agg(json_build_array(
      (select n.context from person_now n
        where n.region = a.region and n.shard = a.shard and n.psn_no = a.psn_no),
      (select json_build_object('version', y.version, 'paid', y.paid, 'settlements',
          (select coalesce(json_agg(json_build_object('setl_id', s.setl_id, 'shard', s.shard,
              'kind', s.kind, 'institution', s.institution, 'claim', s.claim,
              'revision', o.revision, 'reversed', o.reason = 'reverse',
              'person', o.person, 'money', o.money) order by o.known_at, s.setl_id), '[]')
            from settlement s cross join lateral (
              select revision, reason, money, person, known_at from outcome
              where region = a.region and shard = a.shard and psn_no = a.psn_no
                and setl_id = s.setl_id order by revision desc limit 1) o
            where s.region = a.region and s.shard = a.shard and s.psn_no = a.psn_no
              and s.year = a.year))
        from person_year y
        where y.region = a.region and y.shard = a.shard and y.psn_no = a.psn_no
          and y.year = a.year),
      (select json_build_object('reply', k.reply, 'body_hash', encode(k.body_hash, 'hex'))
        from idempotency k
        where k.region = a.region and k.shard = a.key_shard and k.key = a.key)) order by number)
    from rows from (json_to_recordset(asks_) as (region text, shard smallint, psn_no text,
      year text, key text, key_shard smallint)) with ordinality
      as a (region, shard, psn_no, year, key, key_shard, number));
end $$;
