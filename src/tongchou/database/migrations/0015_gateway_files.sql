-- Files of the gateway (文件上传下载): uploaded by 9101, made by a transaction, fetched by 9102.
--
-- Kept for some days, whole and sealed: they carry numbers of persons.

create table gateway_file (
  file_qury_no text primary key,
  fixmedins_code text not null,         -- whose it is
  filename text not null,
  purpose text not null check (purpose in ('upload', 'result')),
  content bytea not null,               -- sealed
  made_at timestamptz not null,
  kept_until timestamptz not null
);
grant select, insert, delete on gateway_file to tongchou_service;
create index gateway_file_end on gateway_file (kept_until);

-- What is sealed does not get smaller: nobody tries.
alter table gateway_message alter column request set storage external;
alter table gateway_message alter column reply set storage external;

-- What 2601 took back, for reconciliation: such a pair counts for neither side.
create index gateway_message_taken_back on gateway_message (fixmedins_code, arrived_at)
  where body_hash = ''::bytea;

-- Notes a settlement on its visit and keeps the reply, in one statement and one commit: most of what
-- a gateway writes. SQLSTATE TC011: the settlement is noted already; TC012: other lines are there
-- than were settled. Nothing is written then.
create function gateway_settled(region_ text, shard_ smallint, psn_no_ text, mdtrt_id_ text,
  setl_id_ text, chrg_bchno_ text, code_ text, infno_ text, msgid_ text, answer_ jsonb,
  setl_at_ timestamptz, lines_ bigint, body_hash_ bytea, reply_ bytea, answered_at_ timestamptz)
returns bytea language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  marked bigint;
begin
  insert into visit_settlement (region, shard, psn_no, setl_id, mdtrt_id, chrg_bchno, institution,
      infno, msgid, answer, setl_at)
    values (region_, shard_, psn_no_, setl_id_, mdtrt_id_, chrg_bchno_, code_, infno_, msgid_,
      answer_, setl_at_) on conflict do nothing;
  if not found then
    raise exception 'the settlement is noted already' using errcode = 'TC011';
  end if;
  update visit_line l set setl_id = setl_id_ where l.region = region_ and l.shard = shard_
    and l.psn_no = psn_no_ and l.mdtrt_id = mdtrt_id_ and l.setl_id is null
    and l.voided_at is null and (chrg_bchno_ = '' or l.chrg_bchno = chrg_bchno_);
  get diagnostics marked = row_count;
  if marked <> lines_ then
    raise exception 'other lines are there' using errcode = 'TC012';
  end if;
  return gateway_finish(region_, shard_, code_, msgid_, infno_, body_hash_, 'answered', reply_,
    answered_at_, true);
end $$;
