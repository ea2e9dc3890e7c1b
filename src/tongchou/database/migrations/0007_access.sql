-- 访问: who may sign in, who is signed in, and who has read what about whom.
--
-- Operators and sessions are few and lie on every node; the access log lies with the persons.

create table operator (
  user_id text primary key check (user_id ~ '^[a-z][a-z0-9_.-]{1,31}$'),
  name text not null,
  role text not null check (role in ('clerk', 'agency', 'institution', 'auditor',
                                     'administrator')),
  regions text[] not null,          -- what an operator sees; empty only for an administrator
  institution text not null default '',     -- fixmedins_code of an institution's operator
  password_hash text not null,      -- argon2id
  must_change boolean not null,     -- signed in with a one-time password
  demonstration boolean not null default false,     -- known password: refused in production
  disabled boolean not null default false,
  made_at timestamptz not null,
  made_by text not null,
  check ((role = 'institution') = (institution <> '')),
  check (role = 'administrator' or cardinality(regions) > 0)
);
grant select, insert, update on operator to tongchou_service;

-- What was changed of an operator, by whom; never the password.
create table operator_change (
  change_id text primary key,
  user_id text not null references operator,
  changed_at timestamptz not null,
  changed_by text not null,
  what text not null,
  detail jsonb not null
);
select append_only('operator_change');

-- A session is found by the SHA-256 of its token; the token itself is stored nowhere.
create table session (
  token_hash bytea primary key check (length(token_hash) = 32),
  user_id text not null references operator,
  kind text not null check (kind in ('cookie', 'bearer')),
  started_at timestamptz not null,
  seen_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > started_at),
  ended_at timestamptz,             -- signed out, or ended with the operator
  address text not null
);
grant select, insert, update on session to tongchou_service;
create index session_of_operator on session (user_id) where ended_at is null;

-- Every try to sign in: what the limit on failed ones counts, and a trail.
create table sign_in (
  sign_in_id text primary key,
  tried_at timestamptz not null,
  user_id text not null,            -- as given, whether it exists or not
  address text not null,
  succeeded boolean not null
);
select append_only('sign_in');
create index sign_in_user on sign_in (user_id, tried_at);
create index sign_in_address on sign_in (address, tried_at);

-- Every read of a person, allowed or refused. psn_no is empty where a search found nobody.
create table access_log (
  region text not null,
  shard smallint not null,
  log_id text not null,
  read_at timestamptz not null,
  user_id text not null,
  role text not null,
  institution text not null,
  psn_no text not null,
  purpose text not null,            -- tongchou.access.PURPOSES, empty: none stated, masked reply
  fields text[] not null,           -- what was shown unmasked
  route text not null,
  outcome text not null check (outcome in ('allowed', 'refused')),
  request_id text not null,
  primary key (region, shard, log_id)
) partition by hash (region, shard);
select spread('access_log');
select append_only('access_log');
create index access_log_person on access_log (region, shard, psn_no, read_at);
create index access_log_reader on access_log (user_id, read_at);

-- Replies to writes that keep no key of their own: a repeat is answered from here. `reply` is null
-- while the first is under way.
create table kept_reply (
  user_id text not null,
  key text not null,
  route text not null,
  body_hash bytea not null,
  started_at timestamptz not null,
  status smallint,
  reply text,
  primary key (user_id, key)
);
grant select, insert, update, delete on kept_reply to tongchou_service;
