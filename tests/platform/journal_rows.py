"""A small journal in a real database, and the means to tamper with it."""
from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone

import psycopg
from tongchou.database import Database, shard_of
from tongchou.ledger import Entry, append, postings_of_bill

REGION = "520500"
CHINA = timezone(timedelta(hours=8))
# Three people of one shard and two of others.
PEOPLE = (*[f"P{n}" for n in range(9999) if shard_of(REGION, f"P{n}") == 7][:3], "P1", "P2")
INSTITUTION = "H52050000001"


def noon(day: str, minutes: int = 0) -> datetime:
    """A moment of a day in China."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), CHINA) \
        + timedelta(hours=12, minutes=minutes)


def settle(connection: psycopg.Connection, psn_no: str, setl_id: str, paid: dict[str, int],
           moment: datetime, *, institution: str = INSTITUTION, kind: str = "settlement",
           person_fen: int = 30_00) -> None:
    """Books one bill as a settlement does, accumulators included."""
    shard = shard_of(REGION, psn_no)
    connection.execute(
        "insert into region values (%s, '示范区') on conflict do nothing", (REGION,))
    rows = postings_of_bill(paid, person_fen, 0, institution)
    append(connection, Entry(f"{kind}-{setl_id}", REGION, kind, psn_no, "2024", setl_id, moment,
                             moment, rows), shard)
    stored = connection.execute("select paid from person_year where region = %s and shard = %s "
                                "and psn_no = %s", (REGION, shard, psn_no)).fetchone()
    sums = stored[0] if stored else {}
    for fund, fen in paid.items():
        sums[fund] = sums.get(fund, 0) + fen
    connection.execute(
        "insert into person_year values (%s, %s, %s, '2024', 1, %s) "
        "on conflict (region, shard, psn_no, year) do update set paid = excluded.paid",
        (REGION, shard, psn_no, json.dumps(sums)))


def fill(database: Database, days: tuple[str, ...] = ("2024-03-01", "2024-03-02")) -> None:
    """Two bills a person and day; commits."""
    with database.connection() as connection:
        for day in days:
            for minutes, psn_no in enumerate(PEOPLE * 2):
                settle(connection, psn_no, f"S{day}{minutes}",
                       {"residents_basic": 100_00 + minutes, "critical_illness": 10_00},
                       noon(day, minutes))


@contextmanager
def tampering(database: Database) -> Iterator[psycopg.Connection]:
    """A superuser with all triggers off: what no right of ours can keep out."""
    with database.admin() as connection:
        connection.execute("set session_replication_role = replica")
        yield connection
