"""People in the database: the only SQL of this package about persons (参保库).

Every function takes an open connection and leaves the transaction to its caller. Rows are never
changed: `retract` ends what was believed, `add_facts` adds what is believed now. Overlaps and
double entries come out as psycopg's ExclusionViolation and UniqueViolation.

Look-ups of many people go by key, one after the other (`lateral ... offset 0`): a list that fills
an empty table would else read the whole region for every batch.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from ..database import shard_of
from .model import (AwayFiling, ChronicCertificate, Coverage, Membership, NotEnrolled, PersonFact,
                    Referral, Status)

FACTS: dict[str, type] = {kind.TABLE: kind for kind in (
    Coverage, Status, ChronicCertificate, Referral, AwayFiling, Membership, NotEnrolled)}
# Columns as they are read and written; `first` and `last` are the two ends of `during`.
_COLUMNS = {name: tuple(one.name for one in fields(kind)) for name, kind in FACTS.items()}
_DAYS = {"day", "valid_until", "recognised", "benefits_from"}
_NOW = sql.SQL("retracted_at is null")


@dataclass(frozen=True)
class Noted:
    """When something became known, who said so and why: the same on every row of one action."""

    at: datetime
    by: str
    why: str


@dataclass(frozen=True)
class SealedPerson:
    """A version of a person as the table holds it: personal data sealed and indexed."""

    name_sealed: bytes
    name_index: bytes
    phone_sealed: bytes | None
    phone_index: bytes | None
    born: str
    sex: str
    psn_type: str
    facts: Mapping[str, int]
    died: str


@dataclass(frozen=True)
class StoredFact:
    """A fact with its row: what a correction retracts."""

    psn_no: str
    row_id: str
    fact: PersonFact


def _written(columns: Sequence[str]) -> tuple[sql.Composable, sql.Composable]:
    """Column names and placeholders of an insert; the two ends of `during` become one."""
    names, places = [], []
    for name in columns:
        if name == "first":
            names.append("during")
            places.append("daterange(%s::date, nullif(%s, '')::date, '[]')")
        elif name == "registered_by":
            names.append(name)
            places.append("nullif(%s, '')")
        elif name != "last":
            names.append(name)
            places.append("%s::date" if name in _DAYS else "%s")
    return sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ".join(places))


def _read(columns: Sequence[str]) -> sql.Composable:
    """The columns of a select in the order of the fact's fields, days as text, null as ""."""
    ends = {"first": "lower(during)::text", "last": "coalesce((upper(during) - 1)::text, '')",
            "registered_by": "coalesce(registered_by, '')"}
    return sql.SQL(", ").join(
        sql.SQL(ends.get(name) or f"{name}::text" if name in ends or name in _DAYS else name)
        for name in columns)


def add_facts(connection: psycopg.Connection, region: str, table: str,
              facts: Sequence[tuple[str, str, PersonFact]], noted: Noted) -> None:
    """Adds facts of one table: (psn_no, row_id, fact) each, in one statement.

    Raises ExclusionViolation where two would be in force together.
    """
    columns = _COLUMNS[table]
    names, places = _written(columns)
    row = sql.SQL("(%s, %s, %s, %s, {}, %s, %s, %s)").format(places)
    values: list[object] = []
    for number, row_id, fact in facts:
        own = [getattr(fact, name) for name in columns]
        values += [region, shard_of(region, number), number, row_id, *_extra(region, fact), *own,
                   noted.at, noted.by, noted.why]
    if table == Membership.TABLE:
        names = sql.SQL("family_shard, ") + names
        row = sql.SQL("(%s, %s, %s, %s, %s, {}, %s, %s, %s)").format(places)
        _add_to_roll(connection, region, facts, noted)
    connection.execute(
        sql.SQL("insert into {} (region, shard, psn_no, row_id, {}, known_at, known_by, why) "
                "values {}").format(sql.Identifier(table), names,
                                    sql.SQL(", ").join([row] * len(facts))), values)


def _extra(region: str, fact: PersonFact) -> tuple[int, ...]:
    return (shard_of(region, fact.family_id),) if isinstance(fact, Membership) else ()


def _add_to_roll(connection: psycopg.Connection, region: str,
                 facts: Sequence[tuple[str, str, PersonFact]], noted: Noted) -> None:
    """The family's side of memberships; the person's side follows in the same transaction."""
    values: list[object] = []
    for number, row_id, one in facts:
        values += [region, shard_of(region, one.family_id), one.family_id, row_id, number,
                   shard_of(region, number), one.first, one.last, noted.at, noted.by, noted.why]
    row = ("(%s, %s, %s, %s, %s, %s, daterange(%s::date, nullif(%s, '')::date, '[]'), "
           "%s, %s, %s)")
    statement = ("insert into family_roll (region, shard, family_id, row_id, psn_no, member_shard, "
                 f"during, known_at, known_by, why) values {', '.join([row] * len(facts))}")
    connection.execute(statement, values)  # type: ignore[arg-type]


def retract(connection: psycopg.Connection, region: str, table: str, psn_no: str, row_id: str,
            noted: Noted) -> bool:
    """Ends the belief in one row; False when it is not believed any more."""
    ending = [noted.at, noted.by, noted.why]
    if table == Membership.TABLE:
        connection.execute(
            "update family_roll r set retracted_at = %s, retracted_by = %s, retracted_why = %s "
            "from family_member m where m.region = %s and m.shard = %s and m.psn_no = %s "
            "and m.row_id = %s and m.retracted_at is null and r.region = m.region "
            "and r.shard = m.family_shard and r.family_id = m.family_id "
            "and r.row_id = m.row_id and r.retracted_at is null",
            [*ending, region, shard_of(region, psn_no), psn_no, row_id])
    done = connection.execute(
        sql.SQL("update {} set retracted_at = %s, retracted_by = %s, retracted_why = %s "
                "where region = %s and shard = %s and psn_no = %s and row_id = %s and {}")
        .format(sql.Identifier(table), _NOW),
        [*ending, region, shard_of(region, psn_no), psn_no, row_id])
    return done.rowcount == 1


def facts_of(connection: psycopg.Connection, region: str, table: str, numbers: Sequence[str],
             moment: datetime | None = None) -> list[StoredFact]:
    """Facts of some people believed now, or at a moment, by person and first day."""
    believed = _NOW if moment is None else sql.SQL("believed(known_at, retracted_at, %s)")
    shards = [shard_of(region, number) for number in numbers]
    rows = connection.execute(
        sql.SQL("select found.* from unnest(%s::smallint[], %s::text[]) as asked (shard, psn_no) "
                "cross join lateral (select psn_no, row_id, {} from {} own where own.region = %s "
                "and own.shard = asked.shard and own.psn_no = asked.psn_no and {} offset 0) "
                "as found order by 1, 3, 2").format(_read(_COLUMNS[table]),
                                                    sql.Identifier(table), believed),
        [shards, list(numbers), region, *([moment] if moment else [])])
    return [StoredFact(number, row_id, FACTS[table](*rest)) for number, row_id, *rest in rows]


def add_persons(connection: psycopg.Connection, region: str,
                persons: Iterable[tuple[str, str, SealedPerson]], noted: Noted) -> None:
    """Adds versions of persons: (psn_no, row_id, sealed) each."""
    values: list[object] = []
    count = 0
    for number, row_id, one in persons:
        count += 1
        values += [region, shard_of(region, number), number, row_id, one.name_sealed,
                   one.name_index, one.phone_sealed, one.phone_index, one.born, one.sex,
                   one.psn_type, Jsonb(dict(one.facts)), one.died, noted.at, noted.by, noted.why]
    row = ("(%s, %s, %s, %s, %s, %s, %s, %s, %s::date, %s, %s, %s, nullif(%s, '')::date, "
           "%s, %s, %s)")
    connection.execute(
        "insert into person (region, shard, psn_no, row_id, name_sealed, name_index, "
        "phone_sealed, phone_index, born, sex, psn_type, facts, died, known_at, known_by, why) "
        f"values {', '.join([row] * count)}", values)


def persons(connection: psycopg.Connection, region: str, numbers: Sequence[str],
            ) -> dict[str, tuple[str, SealedPerson]]:
    """The present versions of persons: psn_no -> (row_id, sealed)."""
    rows = connection.execute(
        "select found.* from unnest(%s::smallint[], %s::text[]) as asked (shard, psn_no) "
        "cross join lateral (select own.psn_no, row_id, name_sealed, name_index, phone_sealed, "
        "phone_index, born::text, sex, psn_type, facts, coalesce(died::text, '') from person own "
        "where own.region = %s and own.shard = asked.shard and own.psn_no = asked.psn_no "
        "and retracted_at is null offset 0) as found",
        [[shard_of(region, number) for number in numbers], list(numbers), region])
    return {number: (row_id, SealedPerson(*map(_plain, rest))) for number, row_id, *rest in rows}


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def context_of(connection: psycopg.Connection, region: str, psn_no: str,
               moment: datetime | None = None) -> dict[str, object] | None:
    """What a settlement reads of a person, now or as known at a moment; None for nobody."""
    shard = shard_of(region, psn_no)
    if moment is None:
        return connection.execute("select person_context(%s, %s::smallint, %s)",
                                  [region, shard, psn_no]).fetchone()[0]
    return connection.execute("select person_context_at(%s, %s::smallint, %s, %s)",
                              [region, shard, psn_no, moment]).fetchone()[0]


def regions_known(connection: psycopg.Connection, region: str) -> bool:
    """Whether a pooling area exists."""
    return connection.execute("select 1 from region where region = %s",
                              [region]).fetchone() is not None


def add_region(connection: psycopg.Connection, region: str, name: str) -> None:
    """Adds a pooling area; one that is there stays as it is."""
    connection.execute("insert into region values (%s, %s) on conflict do nothing",
                       [region, name])
