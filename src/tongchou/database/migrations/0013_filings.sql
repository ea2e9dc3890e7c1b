-- 备案与电子处方: filings of a person by an institution, and prescriptions that flow to drugstores.
--
-- What settlement reads of a filing is a fact of enrolment (referral, chronic certificate); the row
-- here is the institution's side of it, with its number. What came is sealed.

create table declaration (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  filing_no text not null,              -- trt_dcla_detl_sn
  kind text not null check (kind in ('referral', 'chronic', 'provider', 'injury')),
  institution text not null,            -- who filed it
  subject text not null,                -- the disease, or the institution it is about
  sort text not null default '',        -- biz_appy_type of a provider
  rank text not null default '',        -- fix_srt_no of a provider
  first_day date not null,
  last_day date,
  sent bytea not null,                  -- sealed JSON: the fields as they came
  filed_at timestamptz not null,
  filed_by text not null,
  withdrawn_at timestamptz,
  withdrawn_by text,
  withdrawn_why text,
  primary key (region, shard, psn_no, filing_no),
  check (last_day is null or last_day >= first_day)
) partition by hash (region, shard);
select spread('declaration');
-- One provider of a kind and rank at a time.
do $$ begin
  for part in 0..3 loop
    execute format('alter table %I add constraint %I exclude using gist (region with =, '
      'psn_no with =, sort with =, rank with =, daterange(first_day, last_day, ''[]'') with &&) '
      'where (withdrawn_at is null and kind = ''provider'')',
      'declaration_p' || part, 'declaration_overlap_p' || part);
  end loop;
end $$;
grant select, insert, update (subject, first_day, last_day, sent, withdrawn_at, withdrawn_by,
  withdrawn_why) on declaration to tongchou_service;

-- A prescription lies with its person; the shard is part of its number (hiRxno), so that a drugstore
-- finds it by the number alone.
create table prescription (
  region text not null,
  shard smallint not null,
  rx_no text not null,                  -- hiRxno
  trace_no text not null,               -- rxTraceCode
  psn_no text not null,
  institution text not null,
  mdtrt_id text not null,
  hospital_rx text not null,            -- hospRxno
  state text not null check (state in ('checked', 'valid', 'withdrawn')),
  prescribed_at timestamp not null,     -- civil time in China
  valid_until timestamp not null,
  uses int not null check (uses > 0),   -- how often it may be dispensed
  interval_days int not null default 0, -- least days between two times
  content bytea not null,               -- sealed JSON: person, drugs, visit, diagnoses
  upload bytea,                         -- sealed JSON of 7103: pharmacist, file, signature
  checked_at timestamptz not null,
  uploaded_at timestamptz,
  withdrawn_at timestamptz,
  withdrawal bytea,                     -- sealed JSON of 7104
  primary key (region, shard, rx_no)
) partition by hash (region, shard);
select spread('prescription');
create index prescription_person on prescription (region, shard, psn_no);
grant select, insert, update (state, upload, uploaded_at, withdrawn_at, withdrawal)
  on prescription to tongchou_service;

-- A drugstore's review of a prescription, and what it handed out after it.
create table prescription_use (
  region text not null,
  shard smallint not null,
  rx_no text not null,
  use_no text not null,                 -- rxChkBizSn
  institution text not null,
  passed boolean not null,
  review bytea not null,                -- sealed JSON of 7206
  reviewed_at timestamptz not null,
  dispensed_no text,                    -- selStooutSn
  dispensed_at timestamptz,
  dispensing bytea,                     -- sealed JSON of 7207
  taken_back_at timestamptz,
  primary key (region, shard, rx_no, use_no)
) partition by hash (region, shard);
select spread('prescription_use');
grant select, insert, update (dispensed_no, dispensed_at, dispensing, taken_back_at)
  on prescription_use to tongchou_service;

-- How an institution signs `input` in its envelope (cainfo), where that is agreed.
alter table gateway_profile add cainfo text not null default 'off'
    check (cainfo in ('off', 'SM2', 'SM3', 'SM4')),
  add cainfo_key bytea,                 -- sealed: a public key (SM2) or a shared one
  add cainfo_user text not null default '1234567812345678';
