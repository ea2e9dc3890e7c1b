"""SQL of the catalogue: editions, items and rules with two time axes (目录存储). No commit here."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from .model import Age, Item, Restrictions, VisitRule

LOCK = "select pg_advisory_xact_lock(hashtextextended('catalogue ' || %s, 0))"
EDITION = "select version, known_at from catalogue_edition where region = %s "
ITEMS = """
select code, name, item_class, category, kind, lower(during)::text,
       coalesce(upper(during)::text, ''), unit, first_self_pay_ppm, price_limits_fen, restrictions,
       negotiated, note, clause, row_id
from catalogue_item where region = %s and believed(known_at, retracted_at, %s)
order by code, during"""
RULES = """
select kind, visit, category, scheme, lower(during)::text, coalesce(upper(during)::text, ''),
       share_ppm, above_share, days_max, clause, source, row_id
from catalogue_rule where region = %s and believed(known_at, retracted_at, %s)
order by kind, visit, category, scheme, during"""
ADD_ITEM = """
insert into catalogue_item (region, code, row_id, name, item_class, category, kind, during, unit,
  first_self_pay_ppm, price_limits_fen, restrictions, negotiated, note, clause, known_at, known_by,
  why)
values (%s, %s, %s, %s, %s, %s, %s, daterange(%s::date, %s::date), %s, %s::jsonb, %s::jsonb,
  %s::jsonb, %s, %s, %s, %s, %s, %s)"""
ADD_RULE = """
insert into catalogue_rule (region, kind, visit, category, scheme, row_id, during, share_ppm,
  above_share, days_max, clause, source, known_at, known_by, why)
values (%s, %s, %s, %s, %s, %s, daterange(%s::date, %s::date), %s, %s, %s, %s, %s, %s, %s, %s)"""
RETRACT = """
update {} set retracted_at = %s, retracted_by = %s, retracted_why = %s
where region = %s and row_id = any(%s) and retracted_at is null"""


@dataclass(frozen=True)
class Deed:
    """Who writes what is known from when on, and why."""

    region: str
    at: datetime
    by: str
    why: str


def lock(connection: Connection, region: str) -> None:
    """One import of a region at a time, until the transaction ends."""
    connection.execute(LOCK, (region,))


def region_exists(connection: Connection, region: str) -> bool:
    """Whether the region is one of this database."""
    return connection.execute("select 1 from region where region = %s",
                              (region,)).fetchone() is not None


def open_region(connection: Connection, region: str, name: str) -> None:
    """Adds a region that is not known yet."""
    connection.execute("insert into region (region, name) values (%s, %s) on conflict do nothing",
                       (region, name))


def last_edition(connection: Connection, region: str) -> tuple[int, datetime | None]:
    """Number and moment of the newest edition; (0, None) when there is none."""
    return connection.execute(EDITION + "order by version desc limit 1",
                              (region,)).fetchone() or (0, None)


def edition_time(connection: Connection, region: str, version: int) -> datetime | None:
    """The moment an edition became known, None when there is no such edition."""
    row = connection.execute(EDITION + "and version = %s", (region, version)).fetchone()
    return row[1] if row else None


def editions(connection: Connection, region: str) -> dict[int, datetime]:
    """Number -> moment it became known of every edition."""
    return dict(connection.execute(EDITION, (region,)).fetchall())


def items(connection: Connection, region: str, moment: datetime | str) -> list[Item]:
    """Items believed at a moment (`infinity`: now), by code and day."""
    return [Item(*row[:8], row[8], row[9], _restrictions(row[10]), *row[11:])
            for row in connection.execute(ITEMS, (region, moment))]


def rules(connection: Connection, region: str, moment: datetime | str) -> list[VisitRule]:
    """Rules for kinds of visits believed at a moment."""
    return [VisitRule(*row) for row in connection.execute(RULES, (region, moment))]


def add_edition(connection: Connection, deed: Deed, version: int, source: tuple[str, str],
                counts: tuple[int, int]) -> None:
    """A new edition: file and its SHA-256; rows added and retracted."""
    connection.execute("insert into catalogue_edition (region, version, known_at, known_by, why, "
                       "source, source_sha256, added, retracted) values "
                       "(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                       (deed.region, version, deed.at, deed.by, deed.why, *source, *counts))


def retract(connection: Connection, deed: Deed, table: str, row_ids: Sequence[str]) -> None:
    """These rows are not believed from now on. `table` is one of ours, never a user's word."""
    assert table in ("catalogue_item", "catalogue_rule"), table
    connection.execute(RETRACT.format(table), (deed.at, deed.by, deed.why, deed.region,
                                               list(row_ids)))


def add_items(connection: Connection, deed: Deed, rows: Sequence[Item]) -> None:
    """New rows; each has its row_id."""
    connection.cursor().executemany(ADD_ITEM, [
        (deed.region, one.code, one.row_id, one.name, one.item_class, one.category, one.kind,
         one.since, one.until or None, one.unit, json.dumps(one.first_self_pay_ppm),
         json.dumps(one.price_limits_fen), json.dumps(_restrictions_row(one.restrictions)),
         one.negotiated, one.note, one.clause, deed.at, deed.by, deed.why) for one in rows])


def add_rules(connection: Connection, deed: Deed, rows: Sequence[VisitRule]) -> None:
    """New rules; each has its row_id."""
    connection.cursor().executemany(ADD_RULE, [
        (deed.region, one.kind, one.visit, one.category, one.scheme, one.row_id, one.since,
         one.until or None, one.share_ppm, one.above_share, one.days_max, one.clause, one.source,
         deed.at, deed.by, deed.why) for one in rows])


def _restrictions_row(asked: Restrictions) -> dict[str, object]:
    """Only what is asked."""
    return {name: str(value) if isinstance(value, Age) else value
            for name, value in asked._asdict().items() if value}


def _restrictions(row: dict[str, object]) -> Restrictions:
    found = {name: tuple(value) if isinstance(value, list) else value
             for name, value in row.items()}
    for name in ("age_from", "age_below"):
        if name in found:
            found[name] = Age(int(found[name][:-1]), found[name][-1])
    return Restrictions(**found)
