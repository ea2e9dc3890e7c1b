-- Messages get a reply, fee lines a settlement: each row is changed once, soon after it came. Room on
-- its page keeps the change out of all indexes. What a visit is read with is `json`, put together as
-- text, and so is what was answered of a settlement: both are only read back whole (decision 012).
create function roomy(parent text, percent_full int) returns void language plpgsql as $$
begin
  for part in 0..3 loop
    execute format('alter table %I set (fillfactor = %s)', parent || '_p' || part, percent_full);
  end loop;
end $$;
select roomy('gateway_message', 50);
select roomy('visit_line', 55);

drop function gateway_begin;
drop function visit_context;
alter table visit_settlement alter column answer type json;

create function visit_context(region_ text, shard_ smallint, psn_no_ text, mdtrt_id_ text)
returns json language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
  return (select json_build_object(
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
      and v.mdtrt_id = mdtrt_id_);
end $$;

create function gateway_begin(region_ text, shard_ smallint, code_ text, msgid_ text, infno_ text,
  body_hash_ bytea, refmsgid_ text, arrived_at_ timestamptz, psn_no_ text, mdtrt_id_ text,
  opter_ text, request_ bytea)
returns table (fresh boolean, refmsgid text, arrived_at timestamptz, reply bytea,
  taken_back boolean, visit json)
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  known gateway_message;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into gateway_message values (region_, shard_, code_, msgid_, infno_, body_hash_,
    refmsgid_, arrived_at_, psn_no_, mdtrt_id_, opter_, request_, 'under_way')
    on conflict do nothing;
  fresh := found;
  if not fresh then
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
  if mdtrt_id_ <> '' then
    visit := visit_context(region_, shard_, psn_no_, mdtrt_id_);
  end if;
  return next;
end $$;

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
      setl_at timestamptz, lines bigint, digest text, reply text, at timestamptz)
    order by n.region, n.shard, n.code, n.msgid, n.infno, n.digest
  loop
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
      update gateway_message m set state = 'answered', reply = decode(one.reply, 'hex'),
          answered_at = one.at
        where m.region = one.region and m.shard = one.shard and m.fixmedins_code = one.code
          and m.msgid = one.msgid and m.infno = one.infno
          and m.body_hash = decode(one.digest, 'hex') and m.reply is null returning 1)
    select (select count(*) from taken), (select count(*) from kept) into marked, told;
    if marked <> one.lines then
      raise exception 'other lines are there' using errcode = 'TC012';
    end if;
    if told <> 1 then
      raise exception 'the message is answered, or not there' using errcode = 'TC013';
    end if;
  end loop;
end $$;
