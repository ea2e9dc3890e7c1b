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

-- Writes settlements, outcomes, entries, outbox rows and the answer of a request, or nothing.
--
-- order_: {region, shard, key, body_hash (hex), at,
--   years: [{shard, psn_no, year, version, paid}]      locked first, in their order (shard, psn_no)
--   settlements: [columns of settlement],
--   outcomes: [{columns of outcome, entry}] by (shard, psn_no),
--   outbox: [{outbox_id, topic, body}]}
-- `shard` on top is the shard of the request: its key and outbox rows. Members of a family who
-- share an accumulator may lie in other shards.
-- entry: {entry_id, kind, psn_no, year, reference, event_at, body, accounts, funds, institutions,
--   amounts} or null.
-- Gives {"done": true}, or raises SQLSTATE TC003 when a year has moved on or the key is known: the
-- caller reads again, and finds the answer or computes anew.
create function write_settlement(order_ jsonb, reply_ text) returns jsonb language plpgsql
set plan_cache_mode = force_generic_plan as $$      -- planned once a connection, pruned when run
declare
  region_ text := order_ ->> 'region';
  shard_ smallint := (order_ ->> 'shard')::smallint;
  at_ timestamptz := (order_ ->> 'at')::timestamptz;
  one jsonb;
  entry jsonb;
  seq_ bigint;
begin
  -- Locks, compares and moves on in one statement; what is raised undoes everything.
  for one in select value from jsonb_array_elements(order_ -> 'years') loop
    update person_year set version = version + 1, paid = one -> 'paid'
      where region = region_ and shard = (one ->> 'shard')::smallint
      and psn_no = one ->> 'psn_no' and year = one ->> 'year'
      and version = (one ->> 'version')::bigint;
    if not found and one ->> 'version' = '0' then
      insert into person_year values (region_, (one ->> 'shard')::smallint, one ->> 'psn_no',
        one ->> 'year', 1, one -> 'paid') on conflict do nothing;
    end if;
    if not found then
      raise exception 'year % of % has moved on', one ->> 'year', one ->> 'psn_no'
        using errcode = 'TC003';
    end if;
  end loop;
  if order_ ->> 'key' is not null then
    insert into idempotency values (region_, shard_, order_ ->> 'key',
      decode(order_ ->> 'body_hash', 'hex'), reply_, at_) on conflict do nothing;
    if not found then
      raise exception 'key % is known', order_ ->> 'key' using errcode = 'TC003';
    end if;
  end if;
  insert into settlement select region_, r.shard, r.psn_no, r.setl_id, r.mdtrt_id, r.year,
      r.kind, r.institution, r.claim, r.bill, r.members, r.pack_hash,
      r.kernel_version, r.setl_time, r.settled_by, at_
    from jsonb_to_recordset(order_ -> 'settlements') as r (shard smallint, psn_no text,
      setl_id text, mdtrt_id text, year text, kind text, institution text, claim jsonb,
      bill jsonb, members text[], pack_hash text, kernel_version text, setl_time timestamptz,
      settled_by text);
  insert into outbox select region_, shard_, r.outbox_id, r.topic, r.body, at_
    from jsonb_to_recordset(order_ -> 'outbox') as r (outbox_id text, topic text, body text);
  for one in select value from jsonb_array_elements(order_ -> 'outcomes') loop
    entry := nullif(one -> 'entry', 'null');
    seq_ := 0;
    if entry is not null then
      seq_ := book(region_, (one ->> 'shard')::smallint, entry ->> 'entry_id', entry ->> 'kind',
        entry ->> 'psn_no', entry ->> 'year', entry ->> 'reference', at_,
        (entry ->> 'event_at')::timestamptz, entry ->> 'body',
        array(select jsonb_array_elements_text(entry -> 'accounts')),
        array(select jsonb_array_elements_text(entry -> 'funds')),
        array(select jsonb_array_elements_text(entry -> 'institutions')),
        array(select jsonb_array_elements_text(entry -> 'amounts')::bigint));
    end if;
    insert into outcome values (region_, (one ->> 'shard')::smallint, one ->> 'psn_no',
      one ->> 'setl_id', (one ->> 'revision')::int, one ->> 'reason', one ->> 'cause',
      one -> 'result', one -> 'person', seq_, at_);
  end loop;
  return '{"done": true}';
end $$;

-- A person's year as settled now, in one call: {version, paid, person (of the newest outcome),
-- settlements: [{setl_id, shard, kind, institution, claim, revision, reversed, money}]}.
create function year_context(region_ text, shard_ smallint, psn_no_ text, year_ text)
returns jsonb language plpgsql stable set plan_cache_mode = force_generic_plan as $$
declare
  found_ jsonb;
  version_ bigint;
  paid_ jsonb;
begin
  select version, paid into version_, paid_ from person_year
    where region = region_ and shard = shard_ and psn_no = psn_no_ and year = year_;
  if not found then
    return '{"version": 0, "paid": {}, "person": null, "settlements": []}';
  end if;
  select jsonb_build_object('version', version_, 'paid', paid_,
      'person', (array_agg(o.person order by o.known_at desc, s.setl_id desc))[1],
      'settlements', coalesce(jsonb_agg(jsonb_build_object('setl_id', s.setl_id,
        'shard', s.shard, 'kind', s.kind, 'institution', s.institution, 'claim', s.claim,
        'revision', o.revision, 'reversed', o.reason = 'reverse',
        'money', o.result -> 'money', 'advanced', o.result -> 'advanced')), '[]'))
    into found_
    from settlement s cross join lateral (
      select revision, reason, result, person, known_at from outcome
      where region = region_ and shard = shard_ and psn_no = psn_no_ and setl_id = s.setl_id
      order by revision desc limit 1) o
    where s.region = region_ and s.shard = shard_ and s.psn_no = psn_no_ and s.year = year_;
  return found_;
end $$;
