-- 目录对照、审核规则与线索、结算清单: an institution's own list against the national one, list rules
-- of a region with the clues they give, settlement lists.

create table catalogue_mapping (
  fixmedins_code text not null,
  mapping_no text not null,
  list_type text not null,
  fixmedins_hilist_id text not null,    -- the institution's own code
  name text not null,
  med_list_codg text not null,
  during daterange not null check (not isempty(during)),
  facts jsonb not null,                 -- the other national fields
  sent_at timestamptz not null,
  sent_by text not null,
  withdrawn_at timestamptz,
  withdrawn_by text,
  primary key (fixmedins_code, mapping_no)
);
-- One item of an institution is one item of the catalogue at a time.
alter table catalogue_mapping add constraint catalogue_mapping_overlap exclude using gist
  (fixmedins_code with =, list_type with =, fixmedins_hilist_id with =, during with &&)
  where (withdrawn_at is null);
grant select, insert, update (withdrawn_at, withdrawn_by) on catalogue_mapping to tongchou_service;

-- --- list rules: an edition is the whole list of a region ---------------------------------------
create table list_rule_edition (
  region text not null references region,
  version int not null check (version > 0),
  known_at timestamptz not null,
  known_by text not null,
  why text not null,
  source text not null,
  source_sha256 text not null,
  rules int not null,
  primary key (region, version)
);
select append_only('list_rule_edition');

create table list_rule (
  region text not null,
  version int not null,
  place int not null,
  kind text not null,
  code text not null,
  name text not null,
  asked text not null,                  -- in the form of supervision/model.py
  span text not null,
  other_code text not null,
  other_name text not null,
  severity text not null check (severity in ('1', '2', '3')),
  first_day date not null,
  last_day date,
  source text not null,
  primary key (region, version, place),
  foreign key (region, version) references list_rule_edition
);
select append_only('list_rule');

-- What an audit before or during care found, and what the doctor did. The shard is part of the
-- clue's number, since a feedback names nothing else.
create table clue (
  region text not null,
  shard smallint not null,              -- of patn_id
  clue_no text not null,
  patn_id text not null,
  mdtrt_id text not null,
  institution text not null,
  infno text not null,
  msgid text not null,
  rule_id text not null,
  rule_version int not null,
  amount_fen bigint not null,
  said jsonb not null,                  -- the row of `result` that was answered
  found_at timestamptz not null,
  way text check (way in ('1', '2')),   -- 1 went on, 2 changed the order
  way_why text,
  told_at timestamptz,
  told_by text,
  primary key (region, shard, clue_no)
) partition by hash (region, shard);
select spread('clue');
grant select, insert, update (way, way_why, told_at, told_by) on clue to tongchou_service;
create index clue_institution on clue (institution, found_at);

-- --- settlement lists ---------------------------------------------------------------------------
-- Every upload is a revision; the newest one counts.
create table settlement_list (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  setl_id text not null,
  revision int not null check (revision > 0),
  list_no text not null,                -- setl_list_id
  mdtrt_id text not null,
  institution text not null,
  state text not null check (state in ('0', '1', '2', '3')),
  settled_on date not null,
  facts jsonb not null,                 -- what was sent, node by node, without personal data
  person bytea not null,                -- sealed JSON: its personal fields
  stay bytea not null,                  -- sealed JSON: the case of provider payment
  findings jsonb not null,              -- what quality control says
  sent_at timestamptz not null,
  sent_by text not null,
  moved_at timestamptz not null,
  moved_by text not null,
  note text not null default '',        -- why it was rejected
  primary key (region, shard, psn_no, setl_id, revision)
) partition by hash (region, shard);
select spread('settlement_list');
grant select, insert, update (state, moved_at, moved_by, note) on settlement_list
  to tongchou_service;
create index settlement_list_institution on settlement_list (institution, settled_on);
create index settlement_list_region on settlement_list (region, settled_on);
