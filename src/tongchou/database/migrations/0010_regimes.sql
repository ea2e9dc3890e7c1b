-- 政策更替: a later pack takes over from the one in force, whose row says nothing of its end.
--
-- Rows are never changed, so an open end could not be closed when next year's pack came. Now the
-- pack that began last rules a day; two may not begin on one day.
do $$
declare
  name text;
begin
  select conname into strict name from pg_constraint
    where conrelid = 'regime'::regclass and contype = 'x';
  execute format('alter table regime drop constraint %I', name);
end $$;
create unique index regime_begin on regime (region, lower(during));
