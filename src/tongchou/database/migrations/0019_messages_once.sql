-- A message that settles a visit is written once, with its reply, in the transaction that settles:
-- before, it is only looked for. What else arrives is taken in first, as before, since its work may
-- break off half way.
select roomy('gateway_message', 80);
-- A person has few settlements: those of a visit are found by the primary key.
drop index visit_settlement_visit;

drop function gateway_begin;
drop function gateway_finish;

-- Who settles for a message and who takes it back (2601) come one after the other, in the
-- transaction that calls this.
create function gateway_alone(region_ text, code_ text, msgid_ text, infno_ text)
returns void language sql
return pg_advisory_xact_lock(hashtextextended(
  region_ || E'\n' || code_ || E'\n' || msgid_ || E'\n' || infno_, 0));

-- Finds a message, or takes it in, and reads its visit: one call. `request_` null: it is written
-- later, with its reply. Not durable by itself; what the message then writes comes later in the same
-- log, and carries it along.
create function gateway_begin(region_ text, shard_ smallint, code_ text, msgid_ text, infno_ text,
  body_hash_ bytea, refmsgid_ text, arrived_at_ timestamptz, psn_no_ text, mdtrt_id_ text,
  opter_ text, request_ bytea)
returns table (refmsgid text, arrived_at timestamptz, reply bytea, taken_back boolean, visit json)
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  known gateway_message;
  taken_in boolean := false;
begin
  if request_ is not null then
    perform set_config('synchronous_commit', 'off', true);
    insert into gateway_message values (region_, shard_, code_, msgid_, infno_, body_hash_,
      refmsgid_, arrived_at_, psn_no_, mdtrt_id_, opter_, request_, 'under_way')
      on conflict do nothing;
    taken_in := found;
  end if;
  if not taken_in then
    select * into known from gateway_message m where m.region = region_ and m.shard = shard_
      and m.fixmedins_code = code_ and m.msgid = msgid_ and m.infno = infno_
      and m.body_hash = body_hash_;
  end if;
  refmsgid := coalesce(known.refmsgid, refmsgid_);
  arrived_at := coalesce(known.arrived_at, arrived_at_);
  reply := known.reply;
  taken_back := exists (select 1 from gateway_message m where m.region = region_
    and m.shard = shard_ and m.fixmedins_code = code_ and m.msgid = msgid_ and m.infno = infno_
    and m.body_hash = ''::bytea);
  if mdtrt_id_ <> '' and reply is null then
    visit := visit_context(region_, shard_, psn_no_, mdtrt_id_);
  end if;
  return next;
end $$;

-- Keeps the reply, once: gives the one that stands. `request_` not null: the message may not be there
-- yet; `durable` false: nothing else was written.
create function gateway_finish(region_ text, shard_ smallint, code_ text, msgid_ text, infno_ text,
  body_hash_ bytea, refmsgid_ text, arrived_at_ timestamptz, psn_no_ text, mdtrt_id_ text,
  opter_ text, request_ bytea, state_ text, reply_ bytea, answered_at_ timestamptz, durable boolean)
returns bytea language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  standing bytea;
begin
  if not durable then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  if request_ is null then
    update gateway_message m set state = state_, reply = reply_, answered_at = answered_at_
      where m.region = region_ and m.shard = shard_ and m.fixmedins_code = code_
        and m.msgid = msgid_ and m.infno = infno_ and m.body_hash = body_hash_
        and m.reply is null;
  else
    insert into gateway_message as m values (region_, shard_, code_, msgid_, infno_, body_hash_,
        refmsgid_, arrived_at_, psn_no_, mdtrt_id_, opter_, request_, state_, reply_, answered_at_)
      on conflict (region, shard, fixmedins_code, msgid, infno, body_hash) do update
        set state = excluded.state, reply = excluded.reply, answered_at = excluded.answered_at
        where m.reply is null;
  end if;
  if found then
    return reply_;
  end if;
  select m.reply into standing from gateway_message m where m.region = region_
    and m.shard = shard_ and m.fixmedins_code = code_ and m.msgid = msgid_ and m.infno = infno_
    and m.body_hash = body_hash_;
  return standing;
end $$;

-- Keeps the reply of a message that is there already: taken in by a release before this one, and never
-- answered.
create function gateway_told(region_ text, shard_ smallint, code_ text, msgid_ text, infno_ text,
  body_hash_ bytea, reply_ bytea, answered_at_ timestamptz) returns void language plpgsql as $$
begin
  if exists (select 1 from gateway_message m where m.region = region_ and m.shard = shard_
      and m.fixmedins_code = code_ and m.msgid = msgid_ and m.infno = infno_
      and m.body_hash = ''::bytea) then
    raise exception 'the message was taken back' using errcode = 'TC014';
  end if;
  update gateway_message m set state = 'answered', reply = reply_, answered_at = answered_at_
    where m.region = region_ and m.shard = shard_ and m.fixmedins_code = code_
      and m.msgid = msgid_ and m.infno = infno_ and m.body_hash = body_hash_ and m.reply is null;
  if not found then
    raise exception 'the message is answered' using errcode = 'TC013';
  end if;
end $$;

-- Notes settlements on their visits and keeps the messages with the replies that tell of them (see
-- migration 0017).
--
-- SQLSTATE TC012: other lines are there than were settled; TC013: the message has a reply already;
-- TC014: it was taken back (2601). Nothing is written then.
create or replace function gateway_noted(notes_ json) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
declare
  one record;
  marked bigint;
  told bigint;
begin
  for one in
    select * from json_to_recordset(notes_) as n (region text, shard smallint, psn_no text,
      mdtrt_id text, setl_id text, chrg_bchno text, code text, infno text, msgid text, answer json,
      setl_at timestamptz, lines bigint, digest text, refmsgid text, arrived_at timestamptz,
      opter text, request text, reply text, at timestamptz)
    order by n.region, n.shard, n.code, n.msgid, n.infno, n.digest
  loop
    perform gateway_alone(one.region, one.code, one.msgid, one.infno);
    with noted as (
      insert into visit_settlement (region, shard, psn_no, setl_id, mdtrt_id, chrg_bchno,
          institution, infno, msgid, answer, setl_at)
        values (one.region, one.shard, one.psn_no, one.setl_id, one.mdtrt_id, one.chrg_bchno,
          one.code, one.infno, one.msgid, one.answer, one.setl_at)),
    taken as (
      update visit_line l set setl_id = one.setl_id where l.region = one.region
        and l.shard = one.shard and l.psn_no = one.psn_no and l.mdtrt_id = one.mdtrt_id
        and l.setl_id is null and l.voided_at is null
        and (one.chrg_bchno = '' or l.chrg_bchno = one.chrg_bchno) returning 1),
    kept as (
      insert into gateway_message select one.region, one.shard, one.code, one.msgid, one.infno,
          decode(one.digest, 'hex'), one.refmsgid, one.arrived_at, one.psn_no, one.mdtrt_id,
          one.opter, decode(one.request, 'hex'), 'answered', decode(one.reply, 'hex'), one.at
        where not exists (select 1 from gateway_message m where m.region = one.region
          and m.shard = one.shard and m.fixmedins_code = one.code and m.msgid = one.msgid
          and m.infno = one.infno and m.body_hash = ''::bytea)
        on conflict do nothing returning 1)
    select (select count(*) from taken), (select count(*) from kept) into marked, told;
    if marked <> one.lines then
      raise exception 'other lines are there' using errcode = 'TC012';
    end if;
    if told <> 1 then
      perform gateway_told(one.region, one.shard, one.code, one.msgid, one.infno,
        decode(one.digest, 'hex'), decode(one.reply, 'hex'), one.at);
    end if;
  end loop;
end $$;
