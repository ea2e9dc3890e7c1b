-- Notes settlements on their visits and keeps the replies that tell of them, in the transaction that
-- settles: money never moves without its note. It comes before the settlement itself, so that nobody
-- waits for the chain of a shard while lines are marked.
--
-- SQLSTATE TC012: other lines are there than were settled; TC013: the message has a reply already, or
-- is not there. Nothing is written then.
create function gateway_noted(notes_ json) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
declare
  one record;
  marked bigint;
  told bigint;
begin
  for one in
    select * from json_to_recordset(notes_) as n (region text, shard smallint, psn_no text,
      mdtrt_id text, setl_id text, chrg_bchno text, code text, infno text, msgid text, answer jsonb,
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

drop function gateway_settled;
