"""SQL of the message store (报文存储): every message once, its reply byte for byte."""
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson
from psycopg import Connection

from ..database import shard_of

PLACE = ("region = %(region)s and shard = %(shard)s and fixmedins_code = %(code)s "
         "and msgid = %(msgid)s and infno = %(infno)s")


class Slot(NamedTuple):
    """Where a message lies and what tells it from others."""

    region: str
    owner: str                 # psn_no, or the institution where no person is named
    code: str
    msgid: str
    infno: str
    digest: bytes

    def values(self) -> dict[str, object]:
        """Its key as columns."""
        return {"region": self.region, "shard": shard_of(self.region, self.owner),
                "code": self.code, "msgid": self.msgid, "infno": self.infno,
                "digest": self.digest}


class Begun(NamedTuple):
    """A message taken in: whether it is new, its number and time, the reply it has, whether 2601
    took it back, and its visit."""

    fresh: bool
    refmsgid: str
    arrived_at: object
    reply: bytes | None
    taken_back: bool
    visit: Mapping[str, object] | None


def begin(connection: Connection, slot: Slot, refmsgid: str, at: object, psn_no: str,
          mdtrt_id: str, opter: str, request: bytes) -> Begun:
    """Takes a message in and reads its visit, in one call."""
    row = connection.execute(
        "select * from gateway_begin(%(region)s, %(shard)s::smallint, %(code)s, %(msgid)s, "
        "%(infno)s, %(digest)s, %(refmsgid)s, %(at)s, %(psn_no)s, %(mdtrt_id)s, %(opter)s, "
        "%(request)s)",
        {**slot.values(), "refmsgid": refmsgid, "at": at, "psn_no": psn_no, "mdtrt_id": mdtrt_id,
         "opter": opter, "request": request}).fetchone()
    return Begun(*row)


def finish(connection: Connection, slot: Slot, state: str, reply: bytes, at: object,
           durable: bool) -> bytes:
    """Keeps a reply, sealed; gives the one that stands (another process may have been first)."""
    row = connection.execute(
        "select gateway_finish(%(region)s, %(shard)s::smallint, %(code)s, %(msgid)s, %(infno)s, "
        "%(digest)s, %(state)s, %(reply)s, %(at)s, %(durable)s)",
        {**slot.values(), "state": state, "reply": reply, "at": at, "durable": durable}).fetchone()
    return bytes(row[0]) if row[0] is not None else reply


def settled(connection: Connection, slot: Slot, mdtrt_id: str, row: Mapping[str, object],
            lines: int, reply: bytes, at: object) -> bytes:
    """Notes a settlement (columns of visit_settlement) and keeps the reply, sealed, at once; gives
    the reply that stands. Raises psycopg.Error with SQLSTATE NOTED or MOVED_ON of visits.store."""
    standing = connection.execute(
        "select gateway_settled(%(region)s, %(shard)s::smallint, %(owner)s, %(mdtrt_id)s, "
        "%(setl_id)s, %(chrg_bchno)s, %(code)s, %(infno)s, %(msgid)s, %(answer)s::jsonb, "
        "%(setl_at)s::timestamptz, %(lines)s, %(digest)s, %(reply)s, %(at)s)",
        {**row, **slot.values(), "owner": slot.owner, "mdtrt_id": mdtrt_id, "lines": lines,
         "answer": orjson.dumps(row["answer"]).decode(), "reply": reply, "at": at}).fetchone()[0]
    return bytes(standing) if standing is not None else reply


def originals(connection: Connection, slot: Slot) -> list[tuple[object, ...]]:
    """(body_hash, state, mdtrt_id, arrived_at) of messages with the msgid and infno of a slot,
    newest first: what 2601 may mean."""
    return connection.execute(
        f"select body_hash, state, mdtrt_id, arrived_at from gateway_message where {PLACE} "
        "and psn_no = %(psn_no)s and body_hash <> ''::bytea order by arrived_at desc",
        {**slot.values(), "psn_no": slot.owner}).fetchall()


def take_back(connection: Connection, slot: Slot, psn_no: str, opter: str, at: object,
              sealed_nothing: bytes) -> None:
    """Notes that a message is taken back, whether it arrived or not; a second time changes
    nothing."""
    connection.execute(
        "insert into gateway_message values (%(region)s, %(shard)s, %(code)s, %(msgid)s, "
        "%(infno)s, ''::bytea, '', %(at)s, %(psn_no)s, '', %(opter)s, %(nothing)s, 'taken_back') "
        "on conflict do nothing",
        {**slot.values(), "at": at, "psn_no": psn_no, "opter": opter, "nothing": sealed_nothing})


def taken_back(connection: Connection, code: str, since: object) -> set[tuple[str, str, str]]:
    """(psn_no, msgid, infno) of messages of an institution that 2601 took back since then."""
    return set(connection.execute(
        "select psn_no, msgid, infno from gateway_message where fixmedins_code = %s "
        "and arrived_at >= %s and body_hash = ''::bytea", (code, since)).fetchall())
