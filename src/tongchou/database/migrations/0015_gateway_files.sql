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

-- What 2601 took back, for reconciliation: such a pair counts for neither side.
create index gateway_message_taken_back on gateway_message (fixmedins_code, arrived_at)
  where body_hash = ''::bytea;
