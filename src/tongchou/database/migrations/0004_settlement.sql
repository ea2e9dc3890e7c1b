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

-- Writes what was asked by several windows at once: of each order everything (settlements, outcomes,
-- entries, outbox rows, the answer) or nothing. Gives the numbers, from 1, of the orders written; the
-- others are stale: a year has moved on or the key is known, so the caller reads again and finds the
-- answer or computes anew. An order is one request; orders of one call touch no year in common.
--
-- order: {region, shard, key, body_hash (hex), outcome, at,
--   years: [{shard, psn_no, year, version, paid}],
--   settlements: [columns of settlement],
--   outcomes: [{columns of outcome, entry: as book() takes it, or null}],
--   outbox: [{outbox_id, topic, body}]}
-- `shard` on top is the shard of the request: its key and outbox rows. Members of a family who
-- share an accumulator may lie in other shards. `replies_` are the answers, a line each, in the orders'
-- order.
create function write_settlements(orders_ jsonb, replies_ text) returns int[] language plpgsql
set plan_cache_mode = force_generic_plan as $$      -- planned once a connection, pruned when run
declare
  replies text[] := string_to_array(replies_, E'\n');
  good int[];
  known int[];
  entries_ jsonb;
  seqs bigint[];
begin
  -- Years begin, then are locked in one order and compared; what is stale is left out from here on.
  if orders_ @? '$[*].years[*] ? (@.version == 0)' then
    insert into person_year select one ->> 'region', y.shard, y.psn_no, y.year, 0, '{}'
      from jsonb_array_elements(orders_) one, jsonb_to_recordset(one -> 'years')
        as y (shard smallint, psn_no text, year text, version bigint)
      where y.version = 0 order by 1, 2, 3, 4 on conflict do nothing;
  end if;
  select array_agg(n) into good from (
    select n from (select number::int as n, one ->> 'region' as region, y.*
        from jsonb_array_elements(orders_) with ordinality as row (one, number),
          jsonb_to_recordset(one -> 'years')
            as y (shard smallint, psn_no text, year text, version bigint)
        order by 2, 3, 4, 5) as asked
      cross join lateral (select p.version as stands from person_year p
        where p.region = asked.region and p.shard = asked.shard and p.psn_no = asked.psn_no
          and p.year = asked.year for update) as now
    group by n having bool_and(stands = asked.version)) as fresh;
  if good is null then
    return '{}';
  end if;
  with taken as (
    insert into idempotency select one ->> 'region', (one ->> 'shard')::smallint, one ->> 'key',
        decode(one ->> 'body_hash', 'hex'), replies[number], (one ->> 'at')::timestamptz,
        one ->> 'outcome'
      from jsonb_array_elements(orders_) with ordinality as row (one, number)
      where number = any(good) and one ->> 'key' is not null order by 1, 2, 3
      on conflict do nothing returning region, shard, key)
  select array_agg(number) into known
    from jsonb_array_elements(orders_) with ordinality as row (one, number)
    where number = any(good) and one ->> 'key' is not null and not exists (
      select from taken t where t.region = one ->> 'region' and t.key = one ->> 'key'
        and t.shard = (one ->> 'shard')::smallint);
  if known is not null then
    select coalesce(array_agg(n), '{}') into good from unnest(good) n where n <> all(known);
  end if;
  -- Not an update: a join with what is in JSON would be planned for rows by the hundred.
  insert into person_year as p select one ->> 'region', y.shard, y.psn_no, y.year, 1, y.paid
    from jsonb_array_elements(orders_) with ordinality as row (one, number),
      jsonb_to_recordset(one -> 'years') as y (shard smallint, psn_no text, year text, paid jsonb)
    where number = any(good)
    on conflict (region, shard, psn_no, year) do update
      set version = p.version + 1, paid = excluded.paid;
  insert into settlement select one ->> 'region', r.shard, r.psn_no, r.setl_id, r.mdtrt_id, r.year,
      r.kind, r.institution, r.claim, r.bill, r.members, r.pack_hash, r.kernel_version,
      r.setl_time, r.settled_by, (one ->> 'at')::timestamptz
    from jsonb_array_elements(orders_) with ordinality as row (one, number),
      jsonb_to_recordset(one -> 'settlements') as r (shard smallint, psn_no text,
      setl_id text, mdtrt_id text, year text, kind text, institution text, claim jsonb,
      bill jsonb, members text[], pack_hash text, kernel_version text, setl_time timestamptz,
      settled_by text)
    where number = any(good);
  insert into outbox select one ->> 'region', (one ->> 'shard')::smallint, r.outbox_id, r.topic,
      r.body, (one ->> 'at')::timestamptz
    from jsonb_array_elements(orders_) with ordinality as row (one, number),
      jsonb_to_recordset(one -> 'outbox') as r (outbox_id text, topic text, body text)
    where number = any(good);
  select jsonb_agg(o -> 'entry' order by number, place) into entries_
    from jsonb_array_elements(orders_) with ordinality as row (one, number),
      jsonb_array_elements(one -> 'outcomes') with ordinality as inner_row (o, place)
    where number = any(good) and jsonb_typeof(o -> 'entry') = 'object';
  if entries_ is not null then
    seqs := book(entries_);
  end if;
  insert into outcome select one ->> 'region', r.shard, r.psn_no, r.setl_id, r.revision, r.reason,
      r.cause, r.result, r.person, case when jsonb_typeof(r.entry) = 'object' then
        seqs[count(*) filter (where jsonb_typeof(r.entry) = 'object') over (order by number, place)]
        else 0 end, (one ->> 'at')::timestamptz
    from jsonb_array_elements(orders_) with ordinality as row (one, number),
      jsonb_array_elements(one -> 'outcomes') with ordinality as inner_row (o, place),
      jsonb_to_record(o) as r (shard smallint, psn_no text, setl_id text, revision int,
        reason text, cause text, result jsonb, person jsonb, entry jsonb)
    where number = any(good);
  return good;
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
