-- 日结与清算: days closed, and what institutions advanced, filed and got back (BJ-46..49).
--
-- Small tables, on every node. Money lies in the journal; these rows say which entry moved it.

-- hash = sha256(hash of the close before, or 32 zero bytes | body in UTF-8). One close follows one.
create table day_close (
  region text not null,
  day date not null,
  body text not null,               -- canonical text: heads of all chains, trial balance, totals
  prev_hash bytea not null check (length(prev_hash) = 32),
  hash bytea not null check (length(hash) = 32),
  primary key (region, day),
  unique (region, prev_hash)
);
select append_only('day_close');

-- 月度申报: what an institution files with one payer for a month (BJ-47).
create table filing (
  region text not null,
  filing_id text not null,
  institution text not null,
  month date not null check (extract(day from month) = 1),
  payer text not null,              -- agency, insurer ...: as the area's clearing rules name them
  received_on date not null,
  amounts jsonb not null,           -- fund -> fen, equal to the books
  rules jsonb not null,             -- the rules in force when it was received
  filed_by text not null,
  known_at timestamptz not null,
  primary key (region, filing_id),
  unique (region, institution, month, payer)
);
select append_only('filing');

-- What became of a filing; each step once. Amounts are fund -> fen: paid, deducted or given back.
create table filing_step (
  region text not null,
  filing_id text not null,
  step text not null check (step in ('advance', 'review', 'rest', 'deposit')),
  done_on date not null,
  amounts jsonb not null,
  why text not null,
  entry_id text,                    -- of the journal, null when no money moved
  done_by text not null,
  known_at timestamptz not null,
  primary key (region, filing_id, step),
  foreign key (region, filing_id) references filing
);
select append_only('filing_step');
