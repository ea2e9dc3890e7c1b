-- The floor a settlement cannot go below: tables of the same shape as ours and nothing around them.
-- settle.sql writes one settlement into them.
create table bench_year (
  person bigint,
  year int,
  stay_fen bigint not null default 0,
  basic_fen bigint not null default 0,
  critical_fen bigint not null default 0,
  assistance_fen bigint not null default 0,
  version bigint not null default 0,
  primary key (person, year)
);
insert into bench_year (person, year) select number, 2023 from generate_series(1, 200000) number;
create table bench_key (
  key text primary key,
  at timestamptz not null default now(),
  reply jsonb
);
create table bench_settlement (
  id bigint generated always as identity primary key,
  person bigint not null,
  total_fen bigint not null,
  trace jsonb not null,
  at timestamptz not null default now()
);
create index on bench_settlement (person);
create table bench_posting (
  id bigint generated always as identity primary key,
  settlement bigint not null,
  account text not null,
  amount_fen bigint not null
);
create index on bench_posting (settlement);
create table bench_outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  body jsonb not null
);
create sequence bench_number cache 100;
vacuum analyze bench_year;
