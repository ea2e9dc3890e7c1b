"""Institutions, designations and the area's own rules in the database (机构与规则)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from .area import AreaRules
from .model import Designation, Institution, InstitutionFact
from .store import Noted

_READ = {
    "institution": "code, name, level, tags, place, county",
    "designation": "code, kind, networked",
}
_ENDS = "lower(during)::text, coalesce((upper(during) - 1)::text, '')"


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
