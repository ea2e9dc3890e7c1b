"""SQL of an institution's own list against the national one (目录对照存储)."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

import orjson
from psycopg import Connection

# One change of an institution's list at a time, until the transaction ends.
LOCK = "select pg_advisory_xact_lock(hashtextextended('mapping ' || %s, 0))"
STANDING = ("fixmedins_code = %(code)s and list_type = %(list_type)s "
            "and fixmedins_hilist_id = %(own)s and withdrawn_at is null")


class Entry(NamedTuple):
    """One mapping: own code and name, list_type, national code, days of force ("" open)."""

    own: str
    name: str
    list_type: str
    national: str
    first: str
    last: str
    facts: Mapping[str, str]


class Kept(NamedTuple):
    """A mapping as it is kept: its number, when it was sent and withdrawn."""

    number: str
    own: str
    name: str
    list_type: str
    national: str
    first: date
    until: date | None
    facts: Mapping[str, str]
    sent_at: datetime
    withdrawn_at: datetime | None


def put(connection: Connection, code: str, number: str, one: Entry, at: datetime, by: str,
        ) -> str:
    """Keeps a mapping in the place of the same one sent before; gives the national code that the
    item stands for already at that time, "" when it is kept."""
    values = {"code": code, "list_type": one.list_type, "own": one.own, "national": one.national,
              "number": number, "name": one.name, "first": one.first, "last": one.last or None,
              "facts": orjson.dumps(dict(one.facts)).decode(), "at": at, "by": by}
    connection.execute(LOCK, (code,))
    connection.execute(
        f"update catalogue_mapping set withdrawn_at = %(at)s, withdrawn_by = %(by)s "
        f"where {STANDING} and med_list_codg = %(national)s and mapping_no <> %(number)s", values)
    other = connection.execute(
        f"select med_list_codg from catalogue_mapping where {STANDING} "
        "and mapping_no <> %(number)s and during && daterange(%(first)s::date, %(last)s::date, "
        "'[]') limit 1", values).fetchone()
    if other is not None:
        return other[0]
    connection.execute(
        "insert into catalogue_mapping values (%(code)s, %(number)s, %(list_type)s, %(own)s, "
        "%(name)s, %(national)s, daterange(%(first)s::date, %(last)s::date, '[]'), %(facts)s, "
        "%(at)s, %(by)s) on conflict (fixmedins_code, mapping_no) do nothing", values)
    return ""


def withdraw(connection: Connection, code: str, own: str, list_type: str, national: str,
             at: datetime, by: str) -> bool:
    """Takes a mapping back; False where there is none."""
    return connection.execute(
        f"update catalogue_mapping set withdrawn_at = %(at)s, withdrawn_by = %(by)s "
        f"where {STANDING} and med_list_codg = %(national)s",
        {"code": code, "list_type": list_type, "own": own, "national": national, "at": at,
         "by": by}).rowcount > 0


def of(connection: Connection, code: str) -> list[Kept]:
    """Every mapping of an institution, withdrawn ones too, by its own code."""
    return [Kept(*row) for row in connection.execute(
        "select mapping_no, fixmedins_hilist_id, name, list_type, med_list_codg, lower(during), "
        "upper(during), facts, sent_at, withdrawn_at from catalogue_mapping "
        "where fixmedins_code = %s order by fixmedins_hilist_id, during, sent_at", (code,))]
