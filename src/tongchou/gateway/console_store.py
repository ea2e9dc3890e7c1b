"""SQL of the console (联调控制台存储): messages of an institution, found and listed."""
from __future__ import annotations

from typing import NamedTuple

from psycopg import Connection

COLUMNS = ("region, psn_no, mdtrt_id, msgid, infno, body_hash, refmsgid, arrived_at, answered_at, "
           "state, request, reply")


class Kept(NamedTuple):
    """A message as it is kept; `request` and `reply` are sealed."""

    region: str
    psn_no: str
    mdtrt_id: str
    msgid: str
    infno: str
    body_hash: bytes
    refmsgid: str
    arrived_at: object
    answered_at: object
    state: str
    request: bytes
    reply: bytes | None


def listed(connection: Connection, code: str, since: object, until: object, infno: str,
           state: str, limit: int) -> list[Kept]:
    """Messages of an institution in [since, until), newest first; infno and state "" for all."""
    rows = connection.execute(
        f"select {COLUMNS} from gateway_message where fixmedins_code = %(code)s "
        "and arrived_at >= %(since)s and arrived_at < %(until)s and body_hash <> ''::bytea "
        "and (%(infno)s = '' or infno = %(infno)s) and (%(state)s = '' or state = %(state)s) "
        "order by arrived_at desc, refmsgid desc limit %(limit)s",
        {"code": code, "since": since, "until": until, "infno": infno, "state": state,
         "limit": limit})
    return [Kept(*row) for row in rows]


def numbered(connection: Connection, code: str, refmsgid: str, since: object, until: object,
             ) -> Kept | None:
    """The message of an institution that was answered under a number, which says when."""
    row = connection.execute(
        f"select {COLUMNS} from gateway_message where fixmedins_code = %s and arrived_at >= %s "
        "and arrived_at < %s and refmsgid = %s and body_hash <> ''::bytea",
        (code, since, until, refmsgid)).fetchone()
    return Kept(*row) if row else None
