"""SQL of settlement lists (结算清单存储): every upload is a revision, the newest one counts."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from psycopg import Connection

from ..database import shard_of

LOCK = "select pg_advisory_xact_lock(hashtextextended('settlement list ' || %s || ' ' || %s, 0))"
ONE = ("region = %(region)s and shard = %(shard)s and psn_no = %(psn_no)s "
       "and setl_id = %(setl_id)s")
COLUMNS = ("psn_no, setl_id, revision, list_no, mdtrt_id, institution, state, settled_on::text, "
           "facts, person, stay, findings, sent_at, moved_at, moved_by, note")


class List(NamedTuple):
    """A revision of a settlement list; `person` and `stay` are sealed, `facts` has no person."""

    psn_no: str
    setl_id: str
    revision: int
    list_no: str
    mdtrt_id: str
    institution: str
    state: str
    settled_on: str
    facts: Mapping[str, object]
    person: bytes
    stay: bytes
    findings: Sequence[Mapping[str, str]]
    sent_at: datetime
    moved_at: datetime
    moved_by: str
    note: str = ""


def _place(region: str, psn_no: str, setl_id: str) -> dict[str, object]:
    return {"region": region, "shard": shard_of(region, psn_no), "psn_no": psn_no,
            "setl_id": setl_id}


def lock(connection: Connection, psn_no: str, setl_id: str) -> None:
    """One change of a list at a time, until the transaction ends."""
    connection.execute(LOCK, (psn_no, setl_id))


def stands(connection: Connection, region: str, psn_no: str, setl_id: str) -> bool:
    """Whether the settlement was made here and not reversed, so until the transaction ends."""
    return connection.execute(
        f"select 1 from visit_settlement where {ONE} and reversed_at is null for share",
        _place(region, psn_no, setl_id)).fetchone() is not None


def newest(connection: Connection, region: str, psn_no: str, setl_id: str) -> List | None:
    """The revision that counts; None where none was uploaded."""
    row = connection.execute(
        f"select {COLUMNS} from settlement_list where {ONE} order by revision desc limit 1",
        _place(region, psn_no, setl_id)).fetchone()
    return _list(row) if row else None


def add(connection: Connection, region: str, one: List) -> None:
    """Adds a revision."""
    connection.execute(
        "insert into settlement_list (region, shard, psn_no, setl_id, revision, list_no, mdtrt_id, "
        "institution, state, settled_on, facts, person, stay, findings, sent_at, sent_by, "
        "moved_at, moved_by, note) values (%(region)s, %(shard)s, %(psn_no)s, %(setl_id)s, "
        "%(revision)s, %(list_no)s, %(mdtrt_id)s, %(institution)s, %(state)s, %(settled_on)s, "
        "%(facts)s, %(person)s, %(stay)s, %(findings)s, %(sent_at)s, %(moved_by)s, %(moved_at)s, "
        "%(moved_by)s, %(note)s)",
        {**one._asdict(), **_place(region, one.psn_no, one.setl_id),
         "facts": orjson.dumps(dict(one.facts)).decode(),
         "findings": orjson.dumps(list(one.findings)).decode()})


def move(connection: Connection, region: str, one: List, state: str, told: tuple[datetime, str],
         note: str) -> None:
    """Puts a revision into another state; `told`: when and by whom."""
    connection.execute(
        f"update settlement_list set state = %(state)s, moved_at = %(at)s, moved_by = %(by)s, "
        f"note = %(note)s where {ONE} and revision = %(revision)s",
        {**_place(region, one.psn_no, one.setl_id), "revision": one.revision, "state": state,
         "at": told[0], "by": told[1], "note": note})


def lists_of(connection: Connection, region: str, since: str, until: str, institution: str = "",
             states: Sequence[str] = ()) -> list[List]:
    """The lists of a region, or of one institution, settled on days [since, until)."""
    only = (" and institution = %(institution)s" if institution else "")
    rows = connection.execute(
        f"select {COLUMNS} from (select distinct on (region, shard, psn_no, setl_id) * "
        f"from settlement_list where region = %(region)s{only} and settled_on >= %(since)s::date "
        "and settled_on < %(until)s::date order by region, shard, psn_no, setl_id, revision desc"
        ") as newest where cardinality(%(states)s::text[]) = 0 or state = any(%(states)s) "
        "order by settled_on, setl_id",
        {"region": region, "institution": institution, "since": since, "until": until,
         "states": list(states)})
    return [_list(row) for row in rows]


def uploaded(connection: Connection, institution: str, first: str, last: str) -> set[str]:
    """setl_id of an institution's settlements with a list, settled from day to day."""
    return {row[0] for row in connection.execute(
        "select distinct setl_id from settlement_list where institution = %s "
        "and settled_on between %s::date and %s::date", (institution, first, last))}


def _list(row: Sequence[object]) -> List:
    return List(*row[:9], bytes(row[9]), bytes(row[10]), *row[11:])
