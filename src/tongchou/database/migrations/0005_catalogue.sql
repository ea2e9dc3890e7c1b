-- 医保目录: items and rules of a region, with two time axes (see 0002), and editions that number
-- what was known when. Without a shard: small, on every node.

-- Every import that changed something; a settlement stores the version it was split with.
create table catalogue_edition (
  region text not null references region,
  version int not null check (version > 0),
  known_at timestamptz not null,
  known_by text not null,
  why text not null,
  source text not null,
  source_sha256 text not null,
  added int not null,
  retracted int not null,
  primary key (region, version)
);
select append_only('catalogue_edition');

create table catalogue_item (
  region text not null references region,
  code text not null,                 -- med_list_codg
  row_id text not null,               -- edition and number
  name text not null,
  item_class text not null check (item_class in ('A', 'B', 'C')),
  category text not null,             -- fee category, settlement/catalogue/codes.py
  kind text not null,
  during daterange not null check (not isempty(during)),
  unit text not null,
  first_self_pay_ppm jsonb not null,  -- {scheme or "": ppm}
  price_limits_fen jsonb not null,    -- {hospital level or "": fen}
  restrictions jsonb not null,        -- only what is asked: {"sex": "female", "age_below": "14y"}
  negotiated boolean not null,
  note text not null,
  clause text not null,
  primary key (region, row_id)
);
select bitemporal('catalogue_item');
alter table catalogue_item add constraint catalogue_item_overlap exclude using gist
  (region with =, code with =, during with &&) where (retracted_at is null);

-- What a kind of visit changes: the share of the current price it may charge, the days of a supply.
create table catalogue_rule (
  region text not null references region,
  kind text not null check (kind in ('share', 'supply')),
  visit text not null,                -- terms.VISITS
  category text not null,             -- '' for all
  scheme text not null,               -- '' for all
  row_id text not null,
  during daterange not null check (not isempty(during)),
  share_ppm int check (share_ppm between 0 and 1000000),
  above_share text not null check (above_share in ('over_limit', 'refuse')),
  days_max int check (days_max > 0),
  clause text not null,
  source text not null,
  primary key (region, row_id),
  check ((kind = 'share') = (share_ppm is not null) and (kind = 'supply') = (days_max is not null))
);
select bitemporal('catalogue_rule');
alter table catalogue_rule add constraint catalogue_rule_overlap exclude using gist
  (region with =, kind with =, visit with =, category with =, scheme with =, during with &&)
  where (retracted_at is null);
