-- 账簿: double entry, append-only, one hash chain per region and shard.
--
-- hash = sha256(hash of the entry before, or 32 zero bytes | seq as int8 | body in UTF-8). `body` is
-- the canonical text of the whole entry, postings included (tongchou.ledger.canonical); the columns
-- and the posting rows repeat it for queries, and `tongchou ledger verify` compares them.

create table chain (
  region text not null,
  shard smallint not null,
  last_seq bigint not null,
  last_hash bytea not null,
  last_at timestamptz not null,
  primary key (region, shard)
);
grant select, insert, update on chain to tongchou_service;

create table journal_entry (
  region text not null,
  shard smallint not null,
  seq bigint not null check (seq > 0),
  entry_id text not null,
  kind text not null,               -- settlement, reversal, recompute, filing, payment, ...
  psn_no text,
  year text,                        -- policy year of the person's accumulators
  reference text not null,          -- setl_id, or the number of the filing or payment
  booked_at timestamptz not null,
  event_at timestamptz not null,
  body text not null,
  prev_hash bytea not null check (length(prev_hash) = 32),
  hash bytea not null check (length(hash) = 32),
  primary key (region, shard, seq)
) partition by hash (region, shard);
select spread('journal_entry');
select append_only('journal_entry');
create unique index journal_entry_id on journal_entry (region, shard, entry_id);

create table posting (
  region text not null,
  shard smallint not null,
  seq bigint not null,
  line smallint not null,
  account text not null,            -- tongchou.ledger.ACCOUNTS
  fund text not null default '',
  institution text not null default '',
  amount_fen bigint not null check (amount_fen <> 0),
  primary key (region, shard, seq, line)
) partition by hash (region, shard);
select spread('posting');
select append_only('posting');
create index posting_payable on posting (region, institution, fund) where account = 'payable';

create table outbox (
  region text not null,
  shard smallint not null,
  outbox_id text not null,
  topic text not null,
  body text not null,
  created_at timestamptz not null,
  sent_at timestamptz,
  primary key (region, shard, outbox_id)
) partition by hash (region, shard);
select spread('outbox');
grant select, insert, update on outbox to tongchou_service;
create index outbox_waiting on outbox (created_at) where sent_at is null;

-- One key, one outcome, kept as long as the settlement.
create table idempotency (
  region text not null,
  shard smallint not null,
  key text not null,
  body_hash bytea not null,
  reply text not null,
  known_at timestamptz not null,
  primary key (region, shard, key)
) partition by hash (region, shard);
select spread('idempotency');
select append_only('idempotency');

-- Appends one entry to its chain. The chain's row stays locked until the transaction ends, so this
-- comes last in it. SQLSTATE TC001: the clock went back; TC002: the postings do not sum to zero.
create function book(
  region_ text, shard_ smallint, entry_id_ text, kind_ text, psn_no_ text, year_ text,
  reference_ text, booked_at_ timestamptz, event_at_ timestamptz, body_ text,
  accounts text[], funds text[], institutions text[], amounts bigint[]
) returns bigint language plpgsql
set plan_cache_mode = force_generic_plan as $$
declare
  before bytea;
  next_seq bigint;
  next_hash bytea;
begin
  if (select sum(amount) from unnest(amounts) amount) <> 0 then
    raise exception 'the postings of % do not sum to zero', entry_id_ using errcode = 'TC002';
  end if;
  for attempt in 1..2 loop
    with head as (select last_hash from chain where region = region_ and shard = shard_ for update)
    update chain c set last_seq = c.last_seq + 1, last_at = greatest(c.last_at, booked_at_),
        last_hash = sha256(c.last_hash || int8send(c.last_seq + 1) || convert_to(body_, 'UTF8'))
      from head where c.region = region_ and c.shard = shard_
        and booked_at_ >= c.last_at - interval '1 minute'
      returning head.last_hash, c.last_seq, c.last_hash into before, next_seq, next_hash;
    exit when found;
    if exists (select 1 from chain where region = region_ and shard = shard_) then
      raise exception 'the clock went back to %', booked_at_ using errcode = 'TC001';
    end if;
    insert into chain values (region_, shard_, 0, decode(repeat('00', 32), 'hex'), booked_at_)
      on conflict do nothing;
  end loop;
  insert into journal_entry values (region_, shard_, next_seq, entry_id_, kind_, psn_no_, year_,
    reference_, booked_at_, event_at_, body_, before, next_hash);
  insert into posting select region_, shard_, next_seq, line, account, fund, institution, amount
    from unnest(accounts, funds, institutions, amounts) with ordinality
      as row (account, fund, institution, amount, line);
  return next_seq;
end $$;
