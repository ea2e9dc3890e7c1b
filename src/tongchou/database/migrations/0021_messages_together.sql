-- Messages that come together are looked for by one statement, and kept by one: a statement is set up
-- once for all of them, not once for each. What is sealed comes as bytes: as text within JSON it was
-- written out, read and turned back.

drop function gateway_begin;

-- A visit with what there is to settle: its row, unsettled and settled lines summed by batch, its
-- settlements. No row when there is none. Plain SQL, so that it becomes part of the query that asks.
create function visit_contexts(region_ text, shard_ smallint, psn_no_ text, mdtrt_id_ text)
returns setof json language sql stable as $$
  select json_build_object(
    'mdtrt_id', v.mdtrt_id, 'psn_no', v.psn_no, 'institution', v.institution, 'kind', v.kind,
    'state', v.state, 'med_type', v.med_type, 'insutype', v.insutype, 'begin_at', v.begin_at,
    'end_at', v.end_at, 'case_no', v.case_no, 'disease', v.disease, 'diagnoses', v.diagnoses,
    'facts', v.facts, 'person', encode(v.person, 'hex'),
    'batches', (select coalesce(json_agg(json_build_object('chrg_bchno', b.chrg_bchno,
        'setl_id', b.setl_id, 'lines', b.lines, 'first', b.first_day, 'last', b.last_day,
        'parts', b.parts) order by b.chrg_bchno, b.setl_id), '[]')
      from (select l.chrg_bchno, l.setl_id, count(*) as lines, min(l.day) as first_day,
              max(l.day) as last_day,
              json_build_array(sum(out_fen), sum(over_fen), sum(first_fen), sum(in_fen)) as parts
            from visit_line l where l.region = region_ and l.shard = shard_
              and l.psn_no = psn_no_ and l.mdtrt_id = mdtrt_id_ and l.voided_at is null
            group by l.chrg_bchno, l.setl_id) as b),
    'settlements', (select coalesce(json_agg(json_build_object('setl_id', s.setl_id,
        'chrg_bchno', s.chrg_bchno, 'msgid', s.msgid, 'infno', s.infno, 'setl_at', s.setl_at,
        'reversed_at', s.reversed_at, 'reversal_id', s.reversal_id, 'answer', s.answer)
        order by s.setl_at, s.setl_id), '[]')
      from visit_settlement s where s.region = region_ and s.shard = shard_
        and s.psn_no = psn_no_ and s.mdtrt_id = mdtrt_id_))
  from visit v where v.region = region_ and v.shard = shard_ and v.psn_no = psn_no_
    and v.mdtrt_id = mdtrt_id_
$$;

create or replace function visit_context(region_ text, shard_ smallint, psn_no_ text, mdtrt_id_ text)
returns json language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
  return (select v from visit_contexts(region_, shard_, psn_no_, mdtrt_id_) as v);
end $$;

-- Takes messages in, in the order of their keys, and gives of each, in the order given, how it is
-- known, the reply it has, whether 2601 took it back, and its visit: one call. Where `requests_` is
-- null the message is written later, with its reply. Not durable by itself; what a message then
-- writes comes later in the same log, and carries it along. Subqueries instead of joins: a join with
-- rows that come as JSON would be planned for rows by the hundred.
create function gateway_begin(arrivals_ json, requests_ bytea[])
returns table (refmsgid text, arrived_at timestamptz, reply bytea, taken_back boolean, visit json)
language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  if array_remove(requests_, null) <> '{}' then
    perform set_config('synchronous_commit', 'off', true);
    insert into gateway_message select a.region, a.shard, a.code, a.msgid, a.infno,
        decode(a.digest, 'hex'), a.refmsgid, a.at, a.psn_no, a.mdtrt_id, a.opter,
        requests_[a.place], 'under_way'
      from rows from (json_to_recordset(arrivals_) as (region text, shard smallint, code text,
          msgid text, infno text, digest text, refmsgid text, at timestamptz, psn_no text,
          mdtrt_id text, opter text)) with ordinality as a (region, shard, code, msgid, infno,
          digest, refmsgid, at, psn_no, mdtrt_id, opter, place)
      where requests_[a.place] is not null
      order by a.region, a.shard, a.code, a.msgid, a.infno, a.digest
      on conflict do nothing;
  end if;
  return query select coalesce(k.known_as, a.refmsgid), coalesce(k.known_at, a.at), k.kept,
      (select true from gateway_message m where m.region = a.region and m.shard = a.shard
        and m.fixmedins_code = a.code and m.msgid = a.msgid and m.infno = a.infno
        and m.body_hash = ''::bytea) is not null,
      case when a.mdtrt_id <> '' and k.kept is null then (
        select v from visit_contexts(a.region, a.shard, a.psn_no, a.mdtrt_id) as v) end
    from rows from (json_to_recordset(arrivals_) as (region text, shard smallint, code text,
        msgid text, infno text, digest text, refmsgid text, at timestamptz, psn_no text,
        mdtrt_id text)) with ordinality as a (region, shard, code, msgid, infno, digest, refmsgid,
        at, psn_no, mdtrt_id, place)
      left join lateral (select m.refmsgid as known_as, m.arrived_at as known_at, m.reply as kept
        from gateway_message m where m.region = a.region and m.shard = a.shard
          and m.fixmedins_code = a.code and m.msgid = a.msgid and m.infno = a.infno
          and m.body_hash = decode(a.digest, 'hex') offset 0) as k on true
    order by a.place;
end $$;

-- Notes settlements on their visits and keeps the messages with the replies that tell of them, in the
-- transaction that settles (see migration 0017). `sealed_`: of each note the request and the reply.
--
-- SQLSTATE TC012: other lines are there than were settled; TC013: the message has a reply already;
-- TC014: it was taken back (2601). Nothing is written then.
drop function gateway_noted;
create function gateway_noted(notes_ json, sealed_ bytea[]) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
declare
  one record;
  marked bigint;
  told bigint;
begin
  for one in
    select * from json_to_recordset(notes_) as n (region text, shard smallint, psn_no text,
      mdtrt_id text, setl_id text, chrg_bchno text, code text, infno text, msgid text, lines bigint)
    order by n.region, n.shard, n.code, n.msgid, n.infno
  loop
    perform gateway_alone(one.region, one.code, one.msgid, one.infno);
    update visit_line l set setl_id = one.setl_id where l.region = one.region
      and l.shard = one.shard and l.psn_no = one.psn_no and l.mdtrt_id = one.mdtrt_id
      and l.setl_id is null and l.voided_at is null
      and (one.chrg_bchno = '' or l.chrg_bchno = one.chrg_bchno);
    get diagnostics marked = row_count;
    if marked <> one.lines then
      raise exception 'other lines are there' using errcode = 'TC012';
    end if;
  end loop;
  with noted as (
    insert into visit_settlement select n.region, n.shard, n.psn_no, n.setl_id, n.mdtrt_id,
        n.chrg_bchno, n.code, n.infno, n.msgid, n.answer, n.setl_at
      from json_to_recordset(notes_) as n (region text, shard smallint, psn_no text, setl_id text,
        mdtrt_id text, chrg_bchno text, code text, infno text, msgid text, answer json,
        setl_at timestamptz))
  insert into gateway_message select n.region, n.shard, n.code, n.msgid, n.infno,
      decode(n.digest, 'hex'), n.refmsgid, n.arrived_at, n.psn_no, n.mdtrt_id, n.opter,
      sealed_[2 * n.place - 1], 'answered', sealed_[2 * n.place], n.at
    from rows from (json_to_recordset(notes_) as (region text, shard smallint, code text,
        msgid text, infno text, digest text, refmsgid text, arrived_at timestamptz, psn_no text,
        mdtrt_id text, opter text, at timestamptz)) with ordinality as n (region, shard, code,
        msgid, infno, digest, refmsgid, arrived_at, psn_no, mdtrt_id, opter, at, place)
    where (select true from gateway_message m where m.region = n.region and m.shard = n.shard
      and m.fixmedins_code = n.code and m.msgid = n.msgid and m.infno = n.infno
      and m.body_hash = ''::bytea) is null
    on conflict do nothing;
  get diagnostics told = row_count;
  if told = json_array_length(notes_) then
    return;
  end if;
  for one in
    select * from rows from (json_to_recordset(notes_) as (region text, shard smallint, code text,
      infno text, msgid text, digest text, at timestamptz)) with ordinality
      as n (region, shard, code, infno, msgid, digest, at, place)
  loop
    if not exists (select 1 from gateway_message m where m.region = one.region
        and m.shard = one.shard and m.fixmedins_code = one.code and m.msgid = one.msgid
        and m.infno = one.infno and m.body_hash = decode(one.digest, 'hex')
        and m.reply = sealed_[2 * one.place]) then
      perform gateway_told(one.region, one.shard, one.code, one.msgid, one.infno,
        decode(one.digest, 'hex'), sealed_[2 * one.place], one.at);
    end if;
  end loop;
end $$;
