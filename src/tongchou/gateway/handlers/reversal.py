"""冲正交易 2601: a message is taken back, whether it arrived, answered, or never came.

A message that is taken back is not answered any more: a late repeat is refused. What cannot be
found is noted all the same, so that it is not settled when it arrives afterwards. Doing it twice is
doing it once.
"""
from __future__ import annotations

from collections.abc import Mapping

from psycopg import Connection

from ...visits import Visit
from .. import message_store, settling
from ..call import Answer, Call, Write
from ..message_store import Slot
from ..refusals import declined
from ..registration import changing, number_of
from .outpatient import nothing_left

# What may be taken back: settlements, admissions, and (S2) cancellations of the last two kinds.
SETTLEMENTS, ADMISSION, CANCELLATIONS = ("2102", "2207", "2304"), "2401", ("2208", "2305", "2103")


def take_back(call: Call) -> Answer:
    """2601."""
    row = call.input.one()
    psn_no, omsgid, oinfno = (row.need(name) for name in ("psn_no", "omsgid", "oinfno"))
    if oinfno in CANCELLATIONS:
        raise declined("not-reversible", "撤销交易不能冲正，请重新结算", "oinfno")
    if oinfno not in (*SETTLEMENTS, ADMISSION):
        raise declined("not-reversible", f"{oinfno[:10]} 不能冲正", "oinfno")
    slot = Slot(call.region, psn_no, call.profile.code, omsgid, oinfno, b"")
    database = call.desk.platform.database
    with database.connection() as connection:
        known = message_store.originals(connection, slot)
        visits = [call.desk.visits.read(connection, call.region, psn_no, number)
                  for number in _numbers(known)]
    writes: list[Write] = [lambda connection: _noted(connection, call, slot, known)]
    for number, visit in zip(_numbers(known), visits, strict=True):
        if oinfno != ADMISSION:
            writes += _settlement(call, psn_no, number, visit, (omsgid, oinfno))
        elif visit is not None:
            writes += _admission(call, visit)
    return Answer({}, tuple(writes), warning="" if known else "未收到原交易，已登记冲正")


def _noted(connection: Connection, call: Call, slot: Slot, known: list) -> None:
    """Notes that the message is taken back. Raises Declined `too-busy` when the message was settled
    while this was made ready: nothing was taken back of it yet."""
    message_store.take_back(connection, slot, slot.owner, call.envelope.opter, call.at,
                            call.sealed({}))
    if message_store.originals(connection, slot) != known:
        raise declined("too-busy", "原交易刚刚办结，请再次发送冲正", f"omsgid {slot.msgid}")


def _numbers(known: list) -> list[str]:
    """Visits the message may have settled or made, the newest first."""
    return [mdtrt_id or number_of(bytes(digest), arrived_at)
            for digest, _, mdtrt_id, arrived_at in known]


def _settlement(call: Call, psn_no: str, number: str, visit: Visit | None,
                message: tuple[str, str]) -> list[Write]:
    """Takes the settlement back that the message made; nothing where it made none."""
    kept = next((one for one in visit.settlements if (one.msgid, one.infno) == message
                 and one.reversed_at is None), None) if visit else None
    if kept is not None:
        settling.reverse(call, psn_no, kept.setl_id)
        return [settling.cancelling(call, visit, kept)]
    noted = {one.setl_id for one in visit.settlements
             if one.reversed_at is None} if visit else set()
    for row in _standing(call, psn_no, number):        # what nobody noted: its reply was lost
        if row["setl_id"] not in noted:
            settling.undo(call, psn_no, number, {
                "setl_id": row["setl_id"], "chrg_bchno": str(row["mdtrt_id"]).partition("-")[2],
                "institution": call.profile.code, "infno": message[1], "msgid": message[0],
                "answer": {}, "setl_at": row["setl_time"]})
    return []


def _standing(call: Call, psn_no: str, number: str) -> list[Mapping[str, object]]:
    """Settlements of a visit that stand on the platform."""
    return [row for row in call.desk.platform.history(call.region, psn_no, who=call.who)
            if str(row["mdtrt_id"]).partition("-")[0] == number
            and all(one["reason"] != "reverse" for one in row["outcomes"])]


def _admission(call: Call, visit: Visit) -> list[Write]:
    if visit.state == "cancelled":
        return []
    nothing_left(visit)
    return [changing(call, visit, state="cancelled")]


HANDLERS = {"2601": take_back}
