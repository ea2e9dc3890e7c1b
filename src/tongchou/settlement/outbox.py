"""Messages to other systems (消息投递): sent at least once, in order within a person's shard.

A row of the outbox is written in the transaction of what it tells, so it exists if and only if
that was committed. The sender marks it after `send` returned: when the process dies in between, it
is sent again. A consumer remembers `outbox_id` and drops what it has seen.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from . import outbox_store
from .outbox_store import Message, Place

BATCH = 20
# A batch ends early after this time: its transaction must end before the server ends it.
BATCH_SECONDS = 10.0


@dataclass(frozen=True)
class Delivery:
    """What a round did: messages sent, shards that stopped because `send` raised, and why; how many
    messages waited when it began, and since when the oldest of them."""

    sent: int
    failed: tuple[tuple[Place, str], ...] = ()
    waiting: int = 0
    oldest: datetime | None = None


def deliver(connection: Connection, send: Callable[[Message], None], limit: int,
            clock: Callable[[], datetime]) -> Delivery:
    """Sends up to `limit` waiting messages; up to `BATCH` of a shard are one transaction, and all
    of them are sent again when it breaks.

    Several senders may run: a shard belongs to one of them at a time, so that its messages leave in
    the order in which they were written. When `send` raises, the message stays the first of its
    shard, and the next shard is served. The connection must not be in a transaction.
    """
    sent, failed = 0, []
    places = outbox_store.places(connection)
    for place in places:
        connection.commit()
        while sent < limit:
            try:
                done = _send_batch(connection, place, send, min(BATCH, limit - sent), clock)
            except SendFault as fault:
                sent += fault.sent
                failed.append((place, str(fault.cause)))
                break
            sent += done
            if not done:
                break
    connection.commit()
    return Delivery(sent, tuple(failed), sum(place.waiting for place in places),
                    min((place.oldest for place in places), default=None))


class SendFault(Exception):
    """`send` raised after some messages of a batch had left."""

    def __init__(self, sent: int, cause: Exception) -> None:
        super().__init__(str(cause))
        self.sent, self.cause = sent, cause


def _send_batch(connection: Connection, place: Place, send: Callable[[Message], None], size: int,
                clock: Callable[[], datetime]) -> int:
    done: list[str] = []
    with connection.transaction():
        if not outbox_store.alone(connection, place):
            return 0
        fault: Exception | None = None
        end = time.monotonic() + BATCH_SECONDS
        for message in outbox_store.waiting(connection, place, size):
            try:
                send(message)
            except Exception as raised:  # noqa: BLE001 - whatever the other side does, ours go on
                fault = raised
                break
            done.append(message.outbox_id)
            if time.monotonic() > end:
                break
        if done:
            outbox_store.mark_sent(connection, place, done, clock())
    if fault is not None:
        raise SendFault(len(done), fault)
    return len(done)
