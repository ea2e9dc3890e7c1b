"""Institutions, designations and the area's own rules in the database (机构与规则)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from . import store
from .area import RULES, AreaRules
from .model import AreaFact, Designation, Institution, InstitutionFact, SetRule
from .store import Noted

_READ = {
    "institution": "code, name, level, tags, place, county",
    "designation": "code, kind, networked",
}
# An institution of a day, with the kinds it is designated for; conditions left out are empty.
_LISTED = """
select {columns}, {ends}, kinds.kinds from institution i cross join lateral (
  select coalesce(array_agg(d.kind order by d.kind), '{{}}') as kinds from designation d
  where d.region = i.region and d.code = i.code and d.during @> %(day)s::date
    and d.retracted_at is null) kinds
where i.region = %(region)s and i.during @> %(day)s::date and i.retracted_at is null
  and i.code > %(after)s
  and (%(level)s = '' or i.level = %(level)s) and (%(place)s = '' or i.place = %(place)s)
  and (%(kind)s = '' or %(kind)s = any(kinds.kinds))
  and (%(name)s = '' or strpos(lower(i.name), lower(%(name)s)) > 0)
order by i.code limit %(limit)s"""
_ENDS = "lower(during)::text, coalesce((upper(during) - 1)::text, '')"


class Wanted(NamedTuple):
    """Which institutions of a day a list has; "" asks nothing. `after` is the last code seen."""

    day: str
    level: str = ""
    kind: str = ""
    name: str = ""
    place: str = ""
    after: str = ""


def institutions_on(connection: psycopg.Connection, region: str, wanted: Wanted, limit: int,
                    ) -> list[tuple[Institution, tuple[str, ...]]]:
    """Institutions in the order of their codes, each with the kinds it is designated for."""
    rows = connection.execute(
        sql.SQL(_LISTED).format(columns=sql.SQL(_READ["institution"]), ends=sql.SQL(_ENDS)),
        {"region": region, "limit": limit, **wanted._asdict()})
    return [(_fact("institution", row), tuple(kinds)) for *row, kinds in rows]


def open_region(connection: psycopg.Connection, region: str, name: str) -> None:
    """Adds a pooling area; one that is there stays as it is."""
    store.add_region(connection, region, name)


def regions(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """(code, name) of every pooling area of this database."""
    return connection.execute("select region, name from region order by region").fetchall()


def add_institution_fact(connection: psycopg.Connection, region: str, row_id: str,
                         fact: InstitutionFact, noted: Noted) -> None:
    """Adds one row. Raises ExclusionViolation where it overlaps another."""
    columns = _READ[fact.TABLE].split(", ")
    values = [getattr(fact, name) for name in columns]
    values = [list(value) if isinstance(value, tuple) else value for value in values]
    connection.execute(
        sql.SQL("insert into {} (region, row_id, {}, during, known_at, known_by, why) values "
                "(%s, %s, {}, daterange(%s::date, nullif(%s, '')::date, '[]'), %s, %s, %s)")
        .format(sql.Identifier(fact.TABLE), sql.SQL(_READ[fact.TABLE]),
                sql.SQL(", ".join(["%s"] * len(values)))),
        [region, row_id, *values, fact.first, fact.last, noted.at, noted.by, noted.why])


def retract_institution_fact(connection: psycopg.Connection, region: str, table: str, code: str,
                             row_id: str, noted: Noted) -> bool:
    """Ends the belief in one row; False when it is not believed any more."""
    done = connection.execute(
        sql.SQL("update {} set retracted_at = %s, retracted_by = %s, retracted_why = %s "
                "where region = %s and code = %s and row_id = %s and retracted_at is null")
        .format(sql.Identifier(table)),
        [noted.at, noted.by, noted.why, region, code, row_id])
    return done.rowcount == 1


def institution_facts(connection: psycopg.Connection, region: str, table: str,
                      codes: Sequence[str]) -> list[tuple[str, InstitutionFact]]:
    """(row_id, fact) of some institutions, as believed now."""
    rows = connection.execute(
        sql.SQL("select row_id, {}, {} from {} where region = %s and code = any(%s) "
                "and retracted_at is null order by code, lower(during)")
        .format(sql.SQL(_READ[table]), sql.SQL(_ENDS), sql.Identifier(table)),
        [region, list(codes)])
    return [(row_id, _fact(table, rest)) for row_id, *rest in rows]


def _fact(table: str, row: Sequence[object]) -> InstitutionFact:
    if table == "designation":
        return Designation(*row)
    return Institution(*(tuple(value) if isinstance(value, list) else value for value in row))


def institution_on(connection: psycopg.Connection, region: str, code: str, day: str,
                   ) -> tuple[Institution, tuple[Designation, ...]] | None:
    """An institution and what it is designated for on a day; None when nobody has the code."""
    found = connection.execute(
        sql.SQL("select {}, {} from institution where region = %s and code = %s "
                "and during @> %s::date and retracted_at is null")
        .format(sql.SQL(_READ["institution"]), sql.SQL(_ENDS)), [region, code, day]).fetchone()
    if found is None:
        return None
    rows = connection.execute(
        sql.SQL("select {}, {} from designation where region = %s and code = %s "
                "and during @> %s::date and retracted_at is null order by kind")
        .format(sql.SQL(_READ["designation"]), sql.SQL(_ENDS)), [region, code, day])
    return _fact("institution", found), tuple(_fact("designation", row) for row in rows)


def set_rule(connection: psycopg.Connection, region: str, name: str, row_id: str,
             value: Mapping[str, object], clause: str, source: str, first: str, last: str,
             noted: Noted) -> None:
    """Adds a rule of the area; what overlaps it raises ExclusionViolation."""
    connection.execute(
        "insert into enrolment_rule (region, name, row_id, value, clause, source, during, "
        "known_at, known_by, why) values (%s, %s, %s, %s, %s, %s, "
        "daterange(%s::date, nullif(%s, '')::date, '[]'), %s, %s, %s)",
        [region, name, row_id, Jsonb(dict(value)), clause, source, first, last, noted.at,
         noted.by, noted.why])


def retract_rules(connection: psycopg.Connection, region: str, name: str, first: str, last: str,
                  noted: Noted) -> int:
    """Ends the belief in the rules of a name in force inside a time; gives how many."""
    return connection.execute(
        "update enrolment_rule set retracted_at = %s, retracted_by = %s, retracted_why = %s "
        "where region = %s and name = %s and retracted_at is null "
        "and during && daterange(%s::date, nullif(%s, '')::date, '[]')",
        [noted.at, noted.by, noted.why, region, name, first, last]).rowcount


def area_facts(connection: psycopg.Connection, region: str, table: str, codes: Sequence[str],
               ) -> list[tuple[str, AreaFact]]:
    """(row_id, fact) of institutions, designations or rules, as believed now."""
    if table != SetRule.TABLE:
        return institution_facts(connection, region, table, codes)
    rows = connection.execute(
        sql.SQL("select row_id, name, value, source, {} from enrolment_rule where region = %s "
                "and name = any(%s) and retracted_at is null order by name, during")
        .format(sql.SQL(_ENDS)), [region, list(codes)])
    return [(row_id, SetRule(*rest)) for row_id, *rest in rows]


def add_area_fact(connection: psycopg.Connection, region: str, row_id: str, fact: AreaFact,
                  noted: Noted) -> None:
    """Adds one row. Raises ExclusionViolation where it overlaps another."""
    if isinstance(fact, SetRule):
        set_rule(connection, region, fact.code, row_id, fact.value, RULES[fact.code].clause,
                 fact.source, fact.first, fact.last, noted)
    else:
        add_institution_fact(connection, region, row_id, fact, noted)


def retract_area_fact(connection: psycopg.Connection, region: str, table: str, code: str,
                      row_id: str, noted: Noted) -> bool:
    """Ends the belief in one row; False when it is not believed any more."""
    if table != SetRule.TABLE:
        return retract_institution_fact(connection, region, table, code, row_id, noted)
    return connection.execute(
        "update enrolment_rule set retracted_at = %s, retracted_by = %s, retracted_why = %s "
        "where region = %s and name = %s and row_id = %s and retracted_at is null",
        [noted.at, noted.by, noted.why, region, code, row_id]).rowcount == 1


def rules_of(connection: psycopg.Connection, region: str,
             ) -> list[tuple[str, Mapping[str, object], str, str, str]]:
    """All rules of an area as believed now: name, value, clause, first day, last day ("" open)."""
    return connection.execute(
        sql.SQL("select name, value, clause, {} from enrolment_rule where region = %s "
                "and retracted_at is null order by name, during").format(sql.SQL(_ENDS)),
        [region]).fetchall()


def rules_on(connection: psycopg.Connection, region: str, day: str) -> AreaRules:
    """The rules of an area in force on a day."""
    rows = connection.execute(
        "select name, value, clause from enrolment_rule where region = %s "
        "and during @> %s::date and retracted_at is null", [region, day])
    return AreaRules(region, {name: (value, clause) for name, value, clause in rows})
