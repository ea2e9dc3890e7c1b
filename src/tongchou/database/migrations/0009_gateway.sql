-- 接口网关与就诊登记: visits as hospitals register them, and every message that came in.
--
-- A visit, its fee lines, its settlements and its messages lie with the person (region, shard); the
-- money itself lies in `settlement` and the journal. Names and documents are sealed: in `person`
-- of a visit, in request and reply of a message.

create table visit (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  mdtrt_id text not null,
  institution text not null,
  kind text not null check (kind in ('outpatient', 'inpatient', 'pharmacy')),
  state text not null check (state in ('open', 'discharged', 'cancelled')),
  med_type text not null default '',    -- 医疗类别; of an outpatient known with 2203
  insutype text not null,
  begin_at timestamp not null,          -- civil time in China, as bills carry it
  end_at timestamp,
  case_no text not null default '',     -- ipt_otp_no, ipt_no
  disease text not null default '',     -- dise_codg
  diagnoses jsonb not null default '[]',-- rows of diseinfo
  facts jsonb not null default '{}',    -- the other national fields of registration and discharge
  person bytea not null,                -- sealed JSON: how the person was shown at registration
  registered_at timestamptz not null,
  registered_by text not null,
  primary key (region, shard, psn_no, mdtrt_id),
  check (end_at is null or end_at >= begin_at)
) partition by hash (region, shard);
select spread('visit');
grant select, insert, update on visit to tongchou_service;
create index visit_institution on visit (institution, registered_at);

-- An uploaded fee line with its split. Nothing is deleted: a line taken back is voided, a refund is
-- a line of its own with a negative count.
create table visit_line (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  mdtrt_id text not null,
  line_id text not null,
  feedetl_sn text not null,
  chrg_bchno text not null,
  day date not null,
  med_list_codg text not null,
  sent jsonb not null,                  -- the national fields as they came
  split jsonb not null,                 -- tongchou.settlement.bill_row of this line
  out_fen bigint not null,
  over_fen bigint not null,
  first_fen bigint not null,
  in_fen bigint not null,
  setl_id text,                         -- which settlement took it
  known_at timestamptz not null,
  voided_at timestamptz,
  primary key (region, shard, psn_no, mdtrt_id, line_id)
) partition by hash (region, shard);
select spread('visit_line');
grant select, insert, update (setl_id, voided_at) on visit_line to tongchou_service;
create unique index visit_line_number on visit_line (region, shard, psn_no, mdtrt_id, feedetl_sn)
  where voided_at is null;

-- What a hospital was answered for each settlement: the sums, and which message asked.
create table visit_settlement (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  setl_id text not null,
  mdtrt_id text not null,
  chrg_bchno text not null,             -- '' for stays
  institution text not null,
  infno text not null,
  msgid text not null,
  answer jsonb not null,                -- setlinfo and setldetail without personal data, in yuan
  setl_at timestamptz not null,
  reversed_at timestamptz,
  reversal_id text,                     -- the number of the cancelling settlement
  reversal_msgid text,
  primary key (region, shard, psn_no, setl_id)
) partition by hash (region, shard);
select spread('visit_settlement');
grant select, insert, update (reversed_at, reversal_id, reversal_msgid) on visit_settlement
  to tongchou_service;
create index visit_settlement_visit on visit_settlement (region, shard, psn_no, mdtrt_id);
create index visit_settlement_institution on visit_settlement (institution, setl_at);
create index visit_settlement_reversed on visit_settlement (institution, reversed_at)
  where reversed_at is not null;

-- A visit with what there is to settle, in one read: its row, unsettled and settled lines summed by
-- batch, its settlements.
create function visit_context(region_ text, shard_ smallint, psn_no_ text, mdtrt_id_ text)
returns jsonb language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
  return (select jsonb_build_object(
    'mdtrt_id', v.mdtrt_id, 'psn_no', v.psn_no, 'institution', v.institution, 'kind', v.kind,
    'state', v.state, 'med_type', v.med_type, 'insutype', v.insutype, 'begin_at', v.begin_at,
    'end_at', v.end_at, 'case_no', v.case_no, 'disease', v.disease, 'diagnoses', v.diagnoses,
    'facts', v.facts, 'person', encode(v.person, 'hex'),
    'batches', (select coalesce(jsonb_agg(jsonb_build_object('chrg_bchno', b.chrg_bchno,
        'setl_id', b.setl_id, 'lines', b.lines, 'first', b.first_day, 'last', b.last_day,
        'parts', b.parts) order by b.chrg_bchno, b.setl_id), '[]')
      from (select l.chrg_bchno, l.setl_id, count(*) as lines, min(l.day) as first_day,
              max(l.day) as last_day,
              jsonb_build_array(sum(out_fen), sum(over_fen), sum(first_fen), sum(in_fen)) as parts
            from visit_line l where l.region = region_ and l.shard = shard_
              and l.psn_no = psn_no_ and l.mdtrt_id = mdtrt_id_ and l.voided_at is null
            group by l.chrg_bchno, l.setl_id) as b),
    'settlements', (select coalesce(jsonb_agg(jsonb_build_object('setl_id', s.setl_id,
        'chrg_bchno', s.chrg_bchno, 'msgid', s.msgid, 'infno', s.infno, 'setl_at', s.setl_at,
        'reversed_at', s.reversed_at, 'reversal_id', s.reversal_id, 'answer', s.answer)
        order by s.setl_at, s.setl_id), '[]')
      from visit_settlement s where s.region = region_ and s.shard = shard_
        and s.psn_no = psn_no_ and s.mdtrt_id = mdtrt_id_))
    from visit v where v.region = region_ and v.shard = shard_ and v.psn_no = psn_no_
      and v.mdtrt_id = mdtrt_id_);
end $$;

-- --- the gateway --------------------------------------------------------------------------------
-- How an institution's system speaks; see docs/gateway.md.
create table gateway_profile (
  fixmedins_code text primary key,
  region text not null references region,
  family text not null check (family in ('A', 'B', 'C', 'E')),
  access_key text not null default '',  -- _api_access_key, x-tif-paasid; empty for C and E
  secret bytea,                         -- sealed: SK, secret, apikey; null for E
  dialect text not null default 'standard',   -- a column of gateway/dialects.csv
  infcode text not null default 'number' check (infcode in ('number', 'text')),
  wrapped boolean not null default false,     -- {"code","type","message","data"}
  strictness text not null default 'warn' check (strictness in ('off', 'warn', 'reject')),
  demonstration boolean not null default false,
  changed_at timestamptz not null,
  changed_by text not null
);
grant select, insert, update on gateway_profile to tongchou_service;

-- 签到: one row a sign-in.
create table gateway_sign_in (
  sign_no text primary key,
  fixmedins_code text not null,
  opter_no text not null,
  signed_in_at timestamptz not null,
  signed_out_at timestamptz
);
grant select, insert, update on gateway_sign_in to tongchou_service;

-- Every message once: the same institution, msgid, infno and body is the same message. A row with an
-- empty body_hash says that 2601 took the message back (it may never have arrived).
create table gateway_message (
  region text not null,
  shard smallint not null,              -- of the person, or of the institution where none is named
  fixmedins_code text not null,
  msgid text not null,
  infno text not null,
  body_hash bytea not null,
  refmsgid text not null,
  arrived_at timestamptz not null,
  psn_no text not null,
  mdtrt_id text not null,
  opter text not null,
  request bytea not null,               -- sealed
  state text not null check (state in ('under_way', 'answered', 'refused', 'taken_back')),
  reply bytea,                          -- sealed
  answered_at timestamptz,
  primary key (region, shard, fixmedins_code, msgid, infno, body_hash)
) partition by hash (region, shard);
select spread('gateway_message');
grant select, insert, update (state, reply, answered_at) on gateway_message to tongchou_service;
create index gateway_message_time on gateway_message (fixmedins_code, arrived_at);

-- Takes a message in, or finds the one that is there, and reads its visit: one call. Not durable by
-- itself; what the message then writes comes later in the same log, and carries it along.
create function gateway_begin(region_ text, shard_ smallint, code_ text, msgid_ text, infno_ text,
  body_hash_ bytea, refmsgid_ text, arrived_at_ timestamptz, psn_no_ text, mdtrt_id_ text,
  opter_ text, request_ bytea)
returns table (fresh boolean, refmsgid text, arrived_at timestamptz, reply bytea,
  taken_back boolean, visit jsonb)
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

-- Keeps the reply, once: gives the one that stands. `durable` false: nothing else was written.
create function gateway_finish(region_ text, shard_ smallint, code_ text, msgid_ text, infno_ text,
  body_hash_ bytea, state_ text, reply_ bytea, answered_at_ timestamptz, durable boolean)
returns bytea language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
  standing bytea;
begin
  if not durable then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  update gateway_message m set state = state_, reply = reply_, answered_at = answered_at_
    where m.region = region_ and m.shard = shard_ and m.fixmedins_code = code_
      and m.msgid = msgid_ and m.infno = infno_ and m.body_hash = body_hash_ and m.reply is null;
  if found then
    return reply_;
  end if;
  select m.reply into standing from gateway_message m where m.region = region_
    and m.shard = shard_ and m.fixmedins_code = code_ and m.msgid = msgid_ and m.infno = infno_
    and m.body_hash = body_hash_;
  return standing;
end $$;
