-- 手工报销: what people paid themselves and hand in at the agency (BJ-50..BJ-52).
--
-- A case is what was handed in; everything that happened to it is an event. Nothing is changed. The
-- money lies in the journal, the settlement in `settlement`.

create table manual_case (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  case_id text not null,
  reason text not null,             -- why it was not settled on the spot: tongchou.settlement.manual
  institution text not null,
  mdtrt_id text not null,
  begin_on date not null,
  end_on date not null check (end_on >= begin_on),
  applied_on date not null,
  invoices text[] not null check (cardinality(invoices) > 0),
  bill jsonb not null,              -- the bill with national names, its four parts in yuan
  advanced jsonb not null,          -- fund -> fen the institution advanced already (BJ-52)
  rules jsonb not null,             -- the rules in force when it was taken
  registered_by text not null,
  known_at timestamptz not null,
  primary key (region, shard, psn_no, case_id)
) partition by hash (region, shard);
select spread('manual_case');
select append_only('manual_case');
create index manual_case_term on manual_case (region, applied_on);

create table manual_event (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  case_id text not null,
  number int not null check (number > 0),
  what text not null,               -- tongchou.settlement.manual.EVENTS
  happened_on date not null,
  body jsonb not null,
  why text not null,
  done_by text not null,
  known_at timestamptz not null,
  primary key (region, shard, psn_no, case_id, number)
) partition by hash (region, shard);
select spread('manual_event');
select append_only('manual_event');

-- An invoice is claimed once in a region. `shard` is that of the invoice's number, so that two
-- people cannot claim it in two shards; a refused or withdrawn case lets it go.
create table manual_invoice (
  region text not null,
  shard smallint not null,
  invoice text not null,
  psn_no text not null,
  case_id text not null,
  known_at timestamptz not null,
  released_at timestamptz check (released_at >= known_at),
  primary key (region, shard, invoice, case_id)
) partition by hash (region, shard);
select spread('manual_invoice');
create unique index manual_invoice_current on manual_invoice (region, shard, invoice)
  where released_at is null;
grant select, insert, update on manual_invoice to tongchou_service;
