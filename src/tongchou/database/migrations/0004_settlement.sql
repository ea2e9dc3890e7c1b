-- 结算: what came in, what came out, and the year it belongs to. Inputs and outcomes are appended;
-- the present is the newest outcome of each settlement.

-- One row a person and policy year: the lock that serialises windows, and what each fund has paid.
create table person_year (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  year text not null,
  version bigint not null,
  paid jsonb not null,              -- fund -> fen, equal to the journal's sums
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
  claim jsonb not null,             -- the claim as settled, fen
  bill jsonb,                       -- fee lines with their split
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
  result jsonb not null,            -- national amounts in fen, layers, flows, the status chosen
  person jsonb not null,            -- the person as known when this revision was made
  seq bigint not null,              -- entry of the journal (region, shard, seq), 0: no money moved
  known_at timestamptz not null,
  primary key (region, shard, psn_no, setl_id, revision)
) partition by hash (region, shard);
select spread('outcome');
select append_only('outcome');

-- Writes what several windows asked for at once, everything or nothing: years move on, then answers,
-- settlements, entries, outcomes and messages are added.
--
-- order_: {years: [{region, shard, psn_no, year, version, paid}], by (region, shard, psn_no, year);
--   answers: [{region, shard, key, body_hash (hex), known_at, outcome}], by (region, shard, key);
--   settlements, outbox: [their columns]; entries: as book() takes them;
--   outcomes: [their columns; `entry`: the place, from 1, of their entry, or null]}
-- replies_: a line for each answer. Nobody's year may stand twice in an order.
--
-- SQLSTATE TC003: a year has moved on since its `version` was read, or a key is known. The caller
-- tries each request alone, and reads again where that is stale too.
create function write_settlements(order_ jsonb, replies_ text) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$      -- planned once a connection, pruned when run
declare
  replies text[] := string_to_array(replies_, E'\n');
  rows_ bigint;
  seqs bigint[];
begin
  -- Locks, compares and moves on in one statement, for everybody in the same order of rows.
  insert into person_year as p select y.region, y.shard, y.psn_no, y.year, y.version + 1, y.paid
    from jsonb_to_recordset(order_ -> 'years') as y (region text, shard smallint, psn_no text,
      year text, version bigint, paid jsonb)
    where y.version >= 0
    on conflict (region, shard, psn_no, year) do update
      set version = excluded.version, paid = excluded.paid where p.version = excluded.version - 1;
  get diagnostics rows_ = row_count;
  if rows_ <> jsonb_array_length(order_ -> 'years') then
    raise exception 'a year has moved on' using errcode = 'TC003';
  end if;
  insert into idempotency select a.region, a.shard, a.key, decode(a.body_hash, 'hex'),
      replies[a.place], a.known_at, a.outcome
    from rows from (jsonb_to_recordset(order_ -> 'answers') as (region text, shard smallint,
      key text, body_hash text, known_at timestamptz, outcome text)) with ordinality
      as a (region, shard, key, body_hash, known_at, outcome, place)
    on conflict do nothing;
  get diagnostics rows_ = row_count;
  if rows_ <> jsonb_array_length(order_ -> 'answers') then
    raise exception 'a key is known' using errcode = 'TC003';
  end if;
  if order_ -> 'entries' <> '[]' then
    seqs := book(order_ -> 'entries');
  end if;
  with settled as (
    insert into settlement select r.* from jsonb_to_recordset(order_ -> 'settlements') as r (
      region text, shard smallint, psn_no text, setl_id text, mdtrt_id text, year text, kind text,
      institution text, claim jsonb, bill jsonb, members text[], pack_hash text,
      kernel_version text, setl_time timestamptz, settled_by text, known_at timestamptz)),
  told as (
    insert into outbox select r.* from jsonb_to_recordset(order_ -> 'outbox') as r (
      region text, shard smallint, outbox_id text, topic text, body text,
      created_at timestamptz))
  insert into outcome select r.region, r.shard, r.psn_no, r.setl_id, r.revision, r.reason,
      r.cause, r.result, r.person, coalesce(seqs[r.entry], 0), r.known_at
    from jsonb_to_recordset(order_ -> 'outcomes') as r (region text, shard smallint,
      psn_no text, setl_id text, revision int, reason text, cause text, result jsonb,
      person jsonb, entry int, known_at timestamptz);
end $$;

-- What settlements need to know, for several at once: of each ask, in their order, [the person as
-- known now or null, the year as settled now, the earlier answer of the key or null].
-- ask: {region, shard, psn_no, year, key, key_shard}
-- year: {version, paid, person (of the newest outcome),
--   settlements: [{setl_id, shard, kind, institution, claim, revision, reversed, money, advanced}]}
create function settlement_contexts(asks_ jsonb) returns jsonb language plpgsql stable
set plan_cache_mode = force_generic_plan as $$
begin
  return (select jsonb_agg(jsonb_build_array(
      (select n.context from person_now n
        where n.region = a.region and n.shard = a.shard and n.psn_no = a.psn_no),
      (select jsonb_build_object('version', y.version, 'paid', y.paid,
          'person', (array_agg(o.person order by o.known_at desc, s.setl_id desc))[1],
          'settlements', coalesce(jsonb_agg(jsonb_build_object('setl_id', s.setl_id,
            'shard', s.shard, 'kind', s.kind, 'institution', s.institution, 'claim', s.claim,
            'revision', o.revision, 'reversed', o.reason = 'reverse',
            'money', o.result -> 'money', 'advanced', o.result -> 'advanced'))
            filter (where s.setl_id is not null), '[]'))
        from person_year y
        left join lateral (select * from settlement one where one.region = a.region
          and one.shard = a.shard and one.psn_no = a.psn_no and one.year = a.year offset 0) s on true
        left join lateral (
          select revision, reason, result, person, known_at from outcome
          where region = a.region and shard = a.shard and psn_no = a.psn_no
            and setl_id = s.setl_id order by revision desc limit 1) o on true
        where y.region = a.region and y.shard = a.shard and y.psn_no = a.psn_no
          and y.year = a.year
        group by y.version, y.paid),
      (select jsonb_build_object('reply', k.reply, 'body_hash', encode(k.body_hash, 'hex'))
        from idempotency k
        where k.region = a.region and k.shard = a.key_shard and k.key = a.key)) order by number)
    from jsonb_array_elements(asks_) with ordinality as row (ask, number),
      jsonb_to_record(ask) as a (region text, shard smallint, psn_no text, year text, key text,
        key_shard smallint));
end $$;
