"""SQL of kept replies: one key, one outcome, for writes without a key of their own."""
from __future__ import annotations

from datetime import datetime, timedelta

from psycopg import Connection

ABANDONED = timedelta(minutes=2)      # a first try that has not answered by then has died


def begin(connection: Connection, user_id: str, key: str, route: str, body_hash: bytes,
          at: datetime) -> tuple[bool, bytes, str, int | None, str | None]:
    """Claims a key: (claimed, body_hash, route, status, reply) of what is there now."""
    claimed = connection.execute(
        "insert into kept_reply (user_id, key, route, body_hash, started_at) "
        "values (%s, %s, %s, %s, %s) on conflict (user_id, key) do update "
        "set started_at = excluded.started_at where kept_reply.status is null "
        "and kept_reply.started_at < %s and kept_reply.body_hash = excluded.body_hash "
        "and kept_reply.route = excluded.route",
        [user_id, key, route, body_hash, at, at - ABANDONED]).rowcount == 1
    found = connection.execute("select body_hash, route, status, reply from kept_reply "
                               "where user_id = %s and key = %s", [user_id, key]).fetchone()
    return claimed, bytes(found[0]), *found[1:]


def finish(connection: Connection, user_id: str, key: str, status: int, reply: str) -> None:
    """Keeps the reply."""
    connection.execute("update kept_reply set status = %s, reply = %s "
                       "where user_id = %s and key = %s", [status, reply, user_id, key])


def forget(connection: Connection, user_id: str, key: str) -> None:
    """Frees a key whose request was refused: nothing was done."""
    connection.execute("delete from kept_reply where user_id = %s and key = %s "
                       "and status is null", [user_id, key])
