-- What every other table rests on: roles, regions, packs in force, and how tables are spread.
--
-- A person's rows all carry (region, shard): `shard` is computed by the application from region and
-- person (tongchou.database.shard_of), 64 of them, so that a distributed PostgreSQL can place shards
-- on nodes. Tables of this folder without a shard are small and lie on every node.

create extension if not exists btree_gist;

do $$ begin
  create role tongchou_service nologin;
exception when duplicate_object then null;
end $$;
grant usage on schema public to tongchou_service;

-- Spreads a table partitioned by hash (region, shard) over four parts: a plan opens every part it
-- may need, so each part costs every reader. Rows up to 8 kB stay whole: compressing the answers of
-- settlements cost as much as writing them.
create function spread(parent text) returns void language plpgsql as $$
begin
  for part in 0..3 loop
    execute format('create table %I partition of %I for values with (modulus 4, remainder %s) '
                   'with (toast_tuple_target = 8160)', parent || '_p' || part, parent, part);
  end loop;
end $$;

-- An exclusion constraint on every part: PostgreSQL 15 takes none on the parent.
create function exclude_overlap(parent text, rule text) returns void language plpgsql as $$
begin
  for part in 0..3 loop
    execute format('alter table %I add constraint %I exclude using gist (%s)',
                   parent || '_p' || part, parent || '_overlap_p' || part, rule);
  end loop;
end $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'append-only: % of % is refused', tg_op, tg_table_name using errcode = '42501';
end $$;

-- No update, delete or truncate for anybody, and only insert and select for the service.
create function append_only(parent text) returns void language plpgsql as $$
begin
  execute format('create trigger no_change before update or delete on %I for each row '
                 'execute function refuse_change()', parent);
  execute format('create trigger no_truncate before truncate on %I for each statement '
                 'execute function refuse_change()', parent);
  execute format('grant select, insert on %I to tongchou_service', parent);
end $$;

create table region (
  region text primary key check (region ~ '^[0-9]{6}$'),      -- 统筹区, national area code
  name text not null
);
grant select, insert on region to tongchou_service;

-- Every pack that ever settled something, as text: what a replay years later reads (审计重放).
create table pack_version (
  pack_hash text primary key,
  name text not null,
  document text not null,             -- JSON of tongchou.policy.pack_document; order counts
  known_at timestamptz not null default now()
);
select append_only('pack_version');

-- Which pack settles which days of a region.
create table regime (
  region text not null references region,
  pack_hash text not null references pack_version,
  during daterange not null check (not isempty(during)),
  exclude using gist (region with =, during with &&)
);
select append_only('regime');
