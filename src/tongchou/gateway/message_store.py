"""SQL of the message store (报文存储): every message once, its reply byte for byte."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
from psycopg import Connection

from ..database import shard_of
from ..settlement import Along

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
    """A message taken in: its number and time, the reply it has, whether 2601 took it back, and its
    visit."""

    refmsgid: str
    arrived_at: object
    reply: bytes | None
    taken_back: bool
    visit: Mapping[str, object] | None


class Arrival(NamedTuple):
    """A message to take in: its reply number, moment, visit ("" for none), operator, and itself,
    sealed; None where it is written with its reply."""

    slot: Slot
    refmsgid: str
    at: object
    psn_no: str
    mdtrt_id: str
    opter: str
    request: bytes | None


NOTED = "gateway_noted"
REHEARSAL = ("select gateway_begin('[]', '{}')", "select gateway_noted('[]', '{}')")
ANSWERED, TAKEN_BACK = "TC013", "TC014"     # its SQLSTATEs: the message has a reply, or 2601 came


def begin(connection: Connection, arrivals: Sequence[Arrival]) -> list[Begun]:
    """Takes messages in, everything or nothing, and reads the visit of each."""
    rows = [{"region": slot.region, "shard": shard_of(slot.region, slot.owner), "code": slot.code,
             "msgid": slot.msgid, "infno": slot.infno, "digest": slot.digest,
             "refmsgid": one.refmsgid, "at": one.at, "psn_no": one.psn_no,
             "mdtrt_id": one.mdtrt_id, "opter": one.opter}
            for one in arrivals for slot in (one.slot,)]
    found = connection.execute("select * from gateway_begin(%s::json, %b::bytea[])", (
        orjson.dumps(rows, default=bytes.hex).decode(), [one.request for one in arrivals]))
    return [Begun(*row) for row in found]


def finish(connection: Connection, arrival: Arrival, state: str, reply: bytes, at: object,
           durable: bool) -> bytes:
    """Keeps a reply, sealed; gives the one that stands (another process may have been first). An
    arrival that has its request is written where it is not there yet."""
    row = connection.execute(
        "select gateway_finish(%(region)s, %(shard)s::smallint, %(code)s, %(msgid)s, %(infno)s, "
        "%(digest)s, %(refmsgid)s, %(arrived_at)s, %(psn_no)s, %(mdtrt_id)s, %(opter)s, "
        "%(request)s::bytea, %(state)s, %(reply)s, %(at)s, %(durable)s)",
        {**arrival.slot.values(), **arrival._asdict(), "arrived_at": arrival.at, "state": state,
         "reply": reply, "at": at, "durable": durable}).fetchone()
    return bytes(row[0]) if row[0] is not None else reply


def noted(arrival: Arrival, row: Mapping[str, object], lines: int, reply: bytes, at: object,
          ) -> Along:
    """A settlement noted on its visit (columns of visit_settlement), with how many lines it covers,
    and its message with the reply, sealed: written in the transaction that settles. SQLSTATE
    MOVED_ON of visits.store, ANSWERED, TAKEN_BACK."""
    return Along(NOTED, {
        **row, **arrival.slot.values(), "psn_no": arrival.psn_no, "mdtrt_id": arrival.mdtrt_id,
        "refmsgid": arrival.refmsgid, "arrived_at": arrival.at, "opter": arrival.opter,
        "lines": lines, "at": at}, (arrival.request, reply))


def standing(connection: Connection, slot: Slot) -> bytes | None:
    """The reply a message has, sealed."""
    row = connection.execute(f"select reply from gateway_message where {PLACE} "
                             "and body_hash = %(digest)s", slot.values()).fetchone()
    return bytes(row[0]) if row and row[0] is not None else None


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
    nothing. Until the transaction ends nothing is settled for the message."""
    place = slot.values()
    connection.execute("select gateway_alone(%(region)s, %(code)s, %(msgid)s, %(infno)s)", place)
    connection.execute(
        "insert into gateway_message values (%(region)s, %(shard)s, %(code)s, %(msgid)s, "
        "%(infno)s, ''::bytea, '', %(at)s, %(psn_no)s, '', %(opter)s, %(nothing)s, 'taken_back') "
        "on conflict do nothing",
        {**place, "at": at, "psn_no": psn_no, "opter": opter, "nothing": sealed_nothing})


def is_taken_back(connection: Connection, slot: Slot) -> bool:
    """Whether 2601 took a message back; until the transaction ends nobody does."""
    place = slot.values()
    connection.execute("select gateway_alone(%(region)s, %(code)s, %(msgid)s, %(infno)s)", place)
    return connection.execute(f"select exists (select 1 from gateway_message where {PLACE} "
                              "and body_hash = ''::bytea)", place).fetchone()[0]


def taken_back(connection: Connection, code: str, since: object) -> set[tuple[str, str, str]]:
    """(psn_no, msgid, infno) of messages of an institution that 2601 took back since then."""
    return set(connection.execute(
        "select psn_no, msgid, infno from gateway_message where fixmedins_code = %s "
        "and arrived_at >= %s and body_hash = ''::bytea", (code, since)).fetchall())
