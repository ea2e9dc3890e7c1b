"""SQL of the outbox (待发消息): rows wait until they were sent; one sender takes a shard's rows."""
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg import Connection

# Rows in their order. `alone` keeps other senders away from the shard: the rows that one of them
# has locked and this statement skips would otherwise be overtaken by the ones after them.
WAITING = """
select outbox_id, topic, body, created_at from outbox
where region = %s and shard = %s and sent_at is null
order by created_at, outbox_id limit %s for update skip locked"""
PLACES = """
select region, shard, count(*), min(created_at) from outbox where sent_at is null
group by region, shard order by min(created_at), region, shard"""


class Message(NamedTuple):
    """One message: where its row lies, its number (unique in its region), what it says as JSON."""

    region: str
    shard: int
    outbox_id: str
    topic: str
    body: str
    created_at: datetime


class Place(NamedTuple):
    """A shard with waiting messages: how many, and since when."""

    region: str
    shard: int
    waiting: int
    oldest: datetime


def places(connection: Connection) -> list[Place]:
    """Shards with waiting rows, the one that has waited longest first."""
    return [Place(*row) for row in connection.execute(PLACES)]


def alone(connection: Connection, place: Place) -> bool:
    """Whether this sender may take the shard until its transaction ends."""
    return connection.execute("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
                              (f"outbox {place.region} {place.shard}",)).fetchone()[0]


def waiting(connection: Connection, place: Place, limit: int) -> list[Message]:
    """The oldest waiting rows of a shard, locked."""
    return [Message(place.region, place.shard, *row) for row in connection.execute(
        WAITING, (place.region, place.shard, limit))]


def mark_sent(connection: Connection, place: Place, outbox_ids: Sequence[str], now: datetime,
              ) -> None:
    """Rows that were sent."""
    connection.execute("update outbox set sent_at = %s where region = %s and shard = %s "
                       "and outbox_id = any(%s)", (now, place.region, place.shard,
                                                   list(outbox_ids)))
