-- 参保: who somebody is, with which cover and which status on which day, and what was known when.
--
-- Two time axes on every row: `during` (in force from, up to and without the end) and `known_at` /
-- `retracted_at` (believed from, until). Nothing is changed or deleted: a correction retracts the
-- old row and adds a new one; who and why stand on both. Names, phones and document numbers are
-- sealed (tongchou.privacy); beside them stands a keyed index that finds equal values only.

-- The only change a row allows is its retraction, once; nothing goes away.
create function only_retract() returns trigger language plpgsql as $$
declare
  ends constant text[] := array['retracted_at', 'retracted_by', 'retracted_why'];
begin
  if tg_op = 'DELETE' then
    raise exception 'bitemporal: delete of % is refused', tg_table_name using errcode = '42501';
  end if;
  if old.retracted_at is not null or new.retracted_at is null
     or to_jsonb(new) - ends <> to_jsonb(old) - ends then
    raise exception 'bitemporal: a row of % is only retracted, once', tg_table_name
      using errcode = '42501';
  end if;
  return new;
end $$;

create function bitemporal(parent text) returns void language plpgsql as $$
begin
  execute format('alter table %I '
    'add column known_at timestamptz not null, add column known_by text not null, '
    'add column why text not null, add column retracted_at timestamptz, '
    'add column retracted_by text, add column retracted_why text, '
    'add constraint %I check (retracted_at >= known_at), '
    'add constraint %I check ((retracted_at is null) = (retracted_by is null) '
    '  and (retracted_at is null) = (retracted_why is null))',
    parent, parent || '_known', parent || '_retraction');
  execute format('create trigger only_retract before update or delete on %I for each row '
                 'execute function only_retract()', parent);
  execute format('create trigger no_truncate before truncate on %I for each statement '
                 'execute function refuse_change()', parent);
  execute format('grant select, insert, update (retracted_at, retracted_by, retracted_why) on %I '
                 'to tongchou_service', parent);
end $$;

-- No two rows believed at the same time may be in force on the same day. The bracket that closes
-- the list of columns here is opened again by `where`, whose own is closed by exclude_overlap().
create function one_at_a_time(parent text, columns text) returns void language plpgsql as $$
begin
  perform exclude_overlap(parent, columns || ', during with &&) where (retracted_at is null');
end $$;

-- --- people -------------------------------------------------------------------------------------
create table person (
  region text not null,
  shard smallint not null,
  psn_no text not null check (psn_no ~ '^[0-9A-Za-z]{1,30}$'),
  row_id text not null,             -- one version of what is known of the person
  name_sealed bytea not null,
  name_index bytea not null,
  phone_sealed bytea,
  phone_index bytea,
  born date not null,
  sex text not null check (sex in ('1', '2', '9')),
  psn_type text not null,           -- 人员类别, national code
  facts jsonb not null default '{}',-- numbers packs ask for: {"years_insured": 6}
  died date check (died >= born),
  primary key (region, shard, psn_no, row_id)
) partition by hash (region, shard);
select spread('person');
select bitemporal('person');
create unique index person_current on person (region, shard, psn_no) where retracted_at is null;
-- The region stands last in these two: a look-up by person must never take them for its own.
create index person_name on person (name_index, region) where retracted_at is null;
create index person_phone on person (phone_index, region)
  where retracted_at is null and phone_index is not null;

-- The directory from a document to its holder. `shard` is that of the document's index, so that the
-- look-up touches one shard; the person's own follows from psn_no.
create table certificate (
  region text not null,
  shard smallint not null,
  certificate_index bytea not null,
  row_id text not null,
  kind text not null,               -- psn_cert_type
  sealed bytea not null,
  psn_no text not null,
  primary key (region, shard, certificate_index, row_id)
) partition by hash (region, shard);
select spread('certificate');
select bitemporal('certificate');
create unique index certificate_current on certificate (region, shard, certificate_index)
  where retracted_at is null;
create index certificate_person on certificate (psn_no, region);
create index certificate_regions on certificate (certificate_index) where retracted_at is null;

-- 家庭, from the person's side and (family_roll, in the shard of the family) from the family's.
create table family_member (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  row_id text not null,
  family_id text not null,
  family_shard smallint not null,
  relation text not null default '',
  during daterange not null check (not isempty(during)),
  primary key (region, shard, psn_no, row_id)
) partition by hash (region, shard);
select spread('family_member');
select bitemporal('family_member');
select one_at_a_time('family_member', 'psn_no with =, region with =');

create table family_roll (
  region text not null,
  shard smallint not null,
  family_id text not null,
  row_id text not null,             -- that of family_member
  psn_no text not null,
  member_shard smallint not null,
  during daterange not null check (not isempty(during)),
  primary key (region, shard, family_id, row_id)
) partition by hash (region, shard);
select spread('family_roll');
select bitemporal('family_roll');

-- --- cover and statuses -------------------------------------------------------------------------
-- 参保: one insurance at a time, whatever its type: insured twice is refused.
create table coverage (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  row_id text not null,
  insutype text not null,           -- 险种类型, national code
  during daterange not null check (not isempty(during)),
  benefits_from date not null,      -- 待遇起始日: after the start while waiting (等待期)
  evidence text not null default '',
  primary key (region, shard, psn_no, row_id),
  check (benefits_from >= lower(during))
) partition by hash (region, shard);
select spread('coverage');
select bitemporal('coverage');
select one_at_a_time('coverage', 'psn_no with =, region with =');

-- 人员身份: `during` is the time of force, `recognised` the day of recognition.
create table status (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  row_id text not null,
  code text not null,               -- terms.STATUSES, or a pack's own
  during daterange not null check (not isempty(during)),
  recognised date not null,
  source text not null,             -- who recognised it: civil affairs, rural affairs ...
  evidence text not null default '',
  primary key (region, shard, psn_no, row_id)
) partition by hash (region, shard);
select spread('status');
select bitemporal('status');
select one_at_a_time('status', 'psn_no with =, region with =, code with =');

-- 门诊慢特病: any number a person, one row a disease (LF-37).
create table chronic_certificate (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  row_id text not null,
  disease text not null,            -- disease code, or the code of the list the pack names
  during daterange not null check (not isempty(during)),
  institution text not null,        -- whose diagnosis counts (LF-35)
  evidence text not null default '',
  primary key (region, shard, psn_no, row_id)
) partition by hash (region, shard);
select spread('chronic_certificate');
select bitemporal('chronic_certificate');
select one_at_a_time('chronic_certificate', 'psn_no with =, region with =, disease with =');

-- 转诊: sent electronically by an institution, registered by the agency (BJ-61); stays of one
-- chain share the episode (BJ-21..23). Not registered: registered_by is null.
create table referral (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  row_id text not null,
  episode text not null,
  from_institution text not null,
  to_institution text not null,
  direction text not null check (direction in ('up', 'down', 'out')),
  day date not null,
  valid_until date not null,
  disease text not null default '',
  registered_by text,
  primary key (region, shard, psn_no, row_id),
  check (valid_until >= day)
) partition by hash (region, shard);
select spread('referral');
select bitemporal('referral');
create unique index referral_current
  on referral (region, shard, psn_no, episode, to_institution, day) where retracted_at is null;

-- 异地就医备案: people who live, work or are treated elsewhere (BJ-66).
create table away_filing (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  row_id text not null,
  place text not null check (place in ('province', 'outside')),
  area text not null default '',    -- area code of the destination, or empty: anywhere there
  kind text not null check (kind in ('settled', 'resident', 'working', 'referred', 'other')),
  during daterange not null check (not isempty(during)),
  primary key (region, shard, psn_no, row_id)
) partition by hash (region, shard);
select spread('away_filing');
select bitemporal('away_filing');
select one_at_a_time('away_filing',
                     'psn_no with =, region with =, place with =, area with =, kind with =');

-- 未参保台账: who is not enrolled for a good reason, with the evidence (BJ-05).
create table not_enrolled (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  row_id text not null,
  reason text not null,
  evidence text not null,
  during daterange not null check (not isempty(during)),
  primary key (region, shard, psn_no, row_id)
) partition by hash (region, shard);
select spread('not_enrolled');
select bitemporal('not_enrolled');
select one_at_a_time('not_enrolled', 'psn_no with =, region with =');

-- --- institutions and the area's own rules: small, on every node -------------------------------
create table institution (
  region text not null references region,
  code text not null,               -- fixmedins_code
  row_id text not null,
  name text not null,
  level text not null,              -- terms.LEVELS
  tags text[] not null default '{}',
  place text not null check (place in ('local', 'province', 'outside')),
  county text not null default '',  -- area code
  during daterange not null check (not isempty(during)),
  primary key (region, code, row_id)
);
select bitemporal('institution');
alter table institution add exclude using gist
  (region with =, code with =, during with &&) where (retracted_at is null);

create table designation (
  region text not null references region,
  code text not null,
  row_id text not null,
  kind text not null,               -- general, chronic, dispensing, day_treatment ...
  networked boolean not null,       -- settles on the spot
  during daterange not null check (not isempty(during)),
  primary key (region, code, row_id)
);
select bitemporal('designation');
alter table designation add exclude using gist
  (region with =, code with =, kind with =, during with &&) where (retracted_at is null);

-- What the policy leaves to the area: the end of a campaign, months of waiting, who is referred.
create table enrolment_rule (
  region text not null references region,
  name text not null,               -- tongchou.enrolment.RULES
  row_id text not null,
  value jsonb not null,
  clause text not null,
  source text not null,
  during daterange not null check (not isempty(during)),
  primary key (region, name, row_id)
);
select bitemporal('enrolment_rule');
alter table enrolment_rule add exclude using gist
  (region with =, name with =, during with &&) where (retracted_at is null);

-- --- reading -------------------------------------------------------------------------------------
-- A row that was believed at a moment; 'infinity' asks for what is believed now.
create function believed(known_at timestamptz, retracted_at timestamptz, moment timestamptz)
returns boolean language sql immutable parallel safe
return known_at <= moment and (retracted_at is null or retracted_at > moment);

-- Everything a settlement asks about people, as believed at a moment; people nobody knows of have
-- no row. Days are text, `from` and `to` both included, null where open. `lateral ... offset 0`
-- here and below: each person is looked up by key, whatever the planner believes of a table just filled;
-- and one plan is kept: eight tables in four parts take longer to plan than to read.
create function person_contexts(regions text[], shards smallint[], numbers text[],
                                moment timestamptz)
returns table (region_ text, shard_ smallint, number_ text, context_ jsonb)
language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
  return query select asked.region, asked.shard, asked.psn_no, jsonb_build_object(
    'region', p.region, 'shard', p.shard, 'psn_no', p.psn_no,
    'born', p.born, 'sex', p.sex, 'psn_type', p.psn_type, 'died', p.died, 'facts', p.facts,
    'family', (select coalesce(jsonb_agg(jsonb_build_object(
        'family_id', f.family_id, 'from', lower(f.during), 'to', upper(f.during) - 1,
        'members', (select jsonb_agg(jsonb_build_object('psn_no', m.psn_no,
            'shard', m.member_shard, 'from', lower(m.during), 'to', upper(m.during) - 1)
            order by m.psn_no, lower(m.during))
          from family_roll m where m.region = asked.region and m.shard = f.family_shard
            and m.family_id = f.family_id and believed(m.known_at, m.retracted_at, moment)))
        order by lower(f.during)), '[]')
      from family_member f where f.region = asked.region and f.shard = asked.shard
        and f.psn_no = asked.psn_no and believed(f.known_at, f.retracted_at, moment)),
    'coverages', (select coalesce(jsonb_agg(jsonb_build_object('row_id', c.row_id,
        'insutype', c.insutype, 'from', lower(c.during), 'to', upper(c.during) - 1,
        'benefits_from', c.benefits_from) order by lower(c.during)), '[]')
      from coverage c where c.region = asked.region and c.shard = asked.shard
        and c.psn_no = asked.psn_no and believed(c.known_at, c.retracted_at, moment)),
    'statuses', (select coalesce(jsonb_agg(jsonb_build_object('row_id', s.row_id, 'code', s.code,
        'from', lower(s.during), 'to', upper(s.during) - 1, 'recognised', s.recognised)
        order by lower(s.during), s.code), '[]')
      from status s where s.region = asked.region and s.shard = asked.shard
        and s.psn_no = asked.psn_no and believed(s.known_at, s.retracted_at, moment)),
    'chronic', (select coalesce(jsonb_agg(jsonb_build_object('disease', d.disease,
        'from', lower(d.during), 'to', upper(d.during) - 1, 'institution', d.institution)
        order by d.disease, lower(d.during)), '[]')
      from chronic_certificate d where d.region = asked.region and d.shard = asked.shard
        and d.psn_no = asked.psn_no and believed(d.known_at, d.retracted_at, moment)),
    'referrals', (select coalesce(jsonb_agg(jsonb_build_object('row_id', r.row_id,
        'episode', r.episode, 'from_institution', r.from_institution,
        'to_institution', r.to_institution, 'direction', r.direction, 'day', r.day,
        'valid_until', r.valid_until, 'registered', r.registered_by is not null)
        order by r.day, r.row_id), '[]')
      from referral r where r.region = asked.region and r.shard = asked.shard
        and r.psn_no = asked.psn_no and believed(r.known_at, r.retracted_at, moment)),
    'filings', (select coalesce(jsonb_agg(jsonb_build_object('place', a.place, 'area', a.area,
        'kind', a.kind, 'from', lower(a.during), 'to', upper(a.during) - 1)
        order by lower(a.during), a.row_id), '[]')
      from away_filing a where a.region = asked.region and a.shard = asked.shard
        and a.psn_no = asked.psn_no and believed(a.known_at, a.retracted_at, moment)))
  from unnest(regions, shards, numbers) as asked (region, shard, psn_no)
  cross join lateral (select * from person one where one.region = asked.region
    and one.shard = asked.shard and one.psn_no = asked.psn_no
    and believed(one.known_at, one.retracted_at, moment) offset 0) as p;
end $$;

-- What was known of one person at a moment (audits, replays); null when nobody had that number.
create function person_context_at(region text, shard smallint, psn_no text, moment timestamptz)
returns jsonb language sql stable as $$
  select context_ from person_contexts(array[$1], array[$2], array[$3], $4)
$$;

-- What is known now, put together when it changes, so that a settlement reads one row. Statement
-- triggers keep it: enrolment is not the hot path, and nobody can forget them.
create table person_now (
  region text not null,
  shard smallint not null,
  psn_no text not null,
  context json,                     -- null: the person was retracted
  primary key (region, shard, psn_no)
) partition by hash (region, shard);
select spread('person_now');
grant select on person_now to tongchou_service;

-- Locks first, in the order of keys: the statement after it sees what others committed meanwhile.
create function refresh_people(regions text[], shards smallint[], numbers text[])
returns void language plpgsql security definer set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan as $$
begin
  perform 1 from (select * from unnest(regions, shards, numbers) as one (region, shard, psn_no)
                  order by 1, 2, 3) as asked
    cross join lateral (select 1 from person_now n where n.region = asked.region
      and n.shard = asked.shard and n.psn_no = asked.psn_no for update) as locked;
  insert into person_now as n
    select asked.region, asked.shard, asked.psn_no, made.context_::json
    from unnest(regions, shards, numbers) as asked (region, shard, psn_no)
    left join person_contexts(regions, shards, numbers, 'infinity') as made
      on (made.region_, made.shard_, made.number_) = (asked.region, asked.shard, asked.psn_no)
    order by 1, 2, 3
  on conflict (region, shard, psn_no) do update set context = excluded.context;
end $$;
revoke execute on function refresh_people from public;

create function refresh_changed() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  perform refresh_people(array_agg(region), array_agg(shard), array_agg(psn_no))
    from (select distinct region, shard, psn_no from changed) as keys having count(*) > 0;
  return null;
end $$;

-- A family's roll changes what is known of all its members.
create function refresh_families() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
  perform refresh_people(array_agg(region), array_agg(member_shard), array_agg(psn_no))
    from (select distinct m.region, m.member_shard, m.psn_no
          from (select distinct region, shard, family_id from changed) as touched
          cross join lateral (select * from family_roll one where one.region = touched.region
            and one.shard = touched.shard and one.family_id = touched.family_id offset 0) as m)
      as keys having count(*) > 0;
  return null;
end $$;

do $$
declare
  parent text;
begin
  foreach parent in array array['person', 'family_member', 'coverage', 'status',
      'chronic_certificate', 'referral', 'away_filing', 'family_roll'] loop
    execute format('create trigger refresh_on_insert after insert on %I referencing new table '
      'as changed for each statement execute function %I()', parent,
      case parent when 'family_roll' then 'refresh_families' else 'refresh_changed' end);
    execute format('create trigger refresh_on_update after update on %I referencing new table '
      'as changed for each statement execute function %I()', parent,
      case parent when 'family_roll' then 'refresh_families' else 'refresh_changed' end);
  end loop;
end $$;

-- Everything a settlement asks about a person, as known now; null when nobody has that number.
create function person_context(region_ text, shard_ smallint, psn_no_ text)
returns json language plpgsql stable as $$
begin
  return (select n.context from person_now n
          where n.region = region_ and n.shard = shard_ and n.psn_no = psn_no_);
end $$;
