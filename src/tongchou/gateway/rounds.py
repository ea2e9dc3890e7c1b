"""Messages that wait at the same moment, carried out together (同批报文).

They are taken in by one statement, settled in one round and noted in its transaction, so that
what several windows ask for costs hardly more than what one does, and no money moves without its
note. Whatever befalls a message, it takes no other with it, and nothing that arrives ends in a
5xx.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import psycopg
import structlog
from psycopg import Connection

from ..errors import Refusal, TongchouError
from ..platform import Wanted
from ..settlement import Along
from ..visits import MOVED_ON, Visit, moved_on
from . import message_store
from .call import Answer, Asking, Call, Desk, Handler, Noting
from .envelope import Envelope
from .message_store import Arrival, Begun
from .opening import Opened
from .profiles import Profile
from .refusals import PASSING, declined

SEALED_AS = "gateway message"
UNAVAILABLE = "database-unavailable"
# Whoever settles what was charged before writes all at once, the message with it: it is looked for
# when it arrives, and written when it is answered.
ONCE = frozenset({"2207", "2304"})

_log = structlog.get_logger("tongchou.gateway")


class Office(Protocol):
    """What a round asks of the gateway: its desk, and how replies are put."""

    desk: Desk

    def arrived(self, opened: Opened) -> Call:
        """The call of a message, before it is taken in. Raises TongchouError."""

    def handler(self, infno: str) -> Handler:
        """What carries out a transaction."""

    def number(self, opened: Opened) -> str:
        """A number for a reply."""

    def checked(self, call: Call) -> str:
        """The fields against our model; gives warn_msg."""

    def body(self, call: Call, begun: Begun, infcode: int, answer: Answer | None = None,
             error: TongchouError | None = None, warning: str = "") -> bytes:
        """The bytes of a reply."""

    def refused(self, error: TongchouError, profile: Profile | None, at: datetime) -> bytes:
        """A refusal of what is not kept."""

    def remember(self, opened: Opened, error: TongchouError) -> None:
        """For the console: a message that is not kept, and why."""


class _Told(NamedTuple):
    """The reply that was kept with a settlement, and the answer of the platform it tells of."""

    said: str
    body: bytes


@dataclass
class _Work:
    """A message on its way; `reply` ends it."""

    opened: Opened
    call: Call | None = None
    arrival: Arrival | None = None
    begun: Begun | None = None
    answer: Answer | Asking | None = None
    warning: str = ""
    body: bytes = b""
    told: _Told | None = None
    reply: bytes | None = None


Step = Callable[[_Work], None]


class MessageRound:
    """One round of messages."""

    def __init__(self, office: Office) -> None:
        self._office, self._platform = office, office.desk.platform
        self._keys, self._database = self._platform.enrolment.keys, self._platform.database

    def replies(self, opened: Sequence[Opened]) -> list[bytes]:
        """The reply to each: the one it had before, or that of its work now."""
        works = [_Work(one) for one in opened]
        self._take_in(works)
        self._each(works, self._handled)
        self._settle([one for one in works if isinstance(one.answer, Asking)])
        self._each(works, self._answered)
        self._each(works, self._kept)
        return [one.reply for one in works]

    # --- taking in ------------------------------------------------------------------------------
    def _take_in(self, works: Sequence[_Work]) -> None:
        """Finds which messages are new, and reads the visit of each."""
        arrived = []
        for work in works:
            try:
                work.call = self._office.arrived(work.opened)
                work.arrival = self._arrival(work.call, work.opened)
                arrived.append(work)
            except Exception as fault:  # noqa: BLE001 - told
                self._turn_away(work, fault)
        found = self._begun([work.arrival for work in arrived])
        for work, begun in zip(arrived, found, strict=True):
            try:
                self._taken_in(work, begun)
            except Exception as fault:  # noqa: BLE001 - told
                self._turn_away(work, fault)

    def _arrival(self, call: Call, opened: Opened) -> Arrival:
        self._database.check_space()
        psn_no, envelope = call.input.first("psn_no")[:30], call.envelope
        return Arrival(call.slot, self._office.number(opened), opened.at, psn_no,
                       call.input.first("mdtrt_id")[:40] if psn_no else "", envelope.opter[:30],
                       None if envelope.infno in ONCE else self._sealed(envelope.kept))

    def _taken_in(self, work: _Work, begun: Begun | Exception) -> None:
        if isinstance(begun, Exception):
            raise begun
        if begun.reply is not None:
            work.reply = self._unsealed(begun.reply)
        work.begun = begun
        work.call = work.call.taken_in(begun.arrived_at,
                                       Visit.of(begun.visit) if begun.visit else None)

    def _turn_away(self, work: _Work, fault: Exception) -> None:
        """Told, and not kept."""
        error = fault if isinstance(fault, TongchouError) else _fault(fault, work.opened.envelope)
        work.reply = self._office.refused(error, work.opened.profile, work.opened.at)

    # --- the work -------------------------------------------------------------------------------
    def _each(self, works: Iterable[_Work], step: Step) -> None:
        """A step of every message that has no reply yet; what is refused ends here."""
        for work in works:
            if work.reply is None:
                self._try(work, step)

    def _try(self, work: _Work, step: Step) -> None:
        try:
            step(work)
            return
        except TongchouError as error:
            refusal: TongchouError = error
        except psycopg.Error as fault:
            refusal = self._database.refusal_of(fault) or _fault(fault, work.opened.envelope)
        except Exception as fault:  # noqa: BLE001 - nothing that arrives ends in a 5xx
            refusal = _fault(fault, work.opened.envelope)
        work.reply = self._refusal(work, refusal)

    def _handled(self, work: _Work) -> None:
        if work.begun.taken_back:
            raise _taken_back(work)
        work.warning = self._office.checked(work.call)
        work.answer = self._office.handler(work.call.envelope.infno)(work.call)

    def _settle(self, works: Sequence[_Work]) -> None:
        """Asks the platform once for all that wait for it."""
        if not works:
            return
        try:
            found = self._platform.settle_all([
                Wanted(one.answer.request, one.answer.key, one.answer.who, self._along(one))
                for one in works])
        except Exception as fault:  # noqa: BLE001 - told
            found = [fault] * len(works)
        for work, said in zip(works, found, strict=True):
            self._try(work, lambda work, said=said: self._settled(work, said))

    def _along(self, work: _Work) -> Callable[[str], Along | None]:
        """What is written with the settlement: its note, and the reply that tells of it. None where
        the answer writes more than that (a drugstore's visit): it is kept afterwards."""
        asking = work.answer

        def along(said: str) -> Along | None:
            work.told, answer = None, asking.then(said)
            if not _only_notes(answer):
                return None
            body = self._body(work, answer)
            work.told = _Told(said, body)
            note: Noting = answer.writes[0]
            return message_store.noted(self._whole(work), note.row, note.lines,
                                       self._sealed(body.decode()), self._platform.clock())

        return along

    def _settled(self, work: _Work, said: str | Exception) -> None:
        """What the platform said: the settlement with its note, or an earlier one of the key."""
        asking, work.answer = work.answer, None
        if work.told and work.told.said == said:
            work.reply = work.told.body
        elif getattr(said, "sqlstate", None) in (MOVED_ON, message_store.ANSWERED):
            work.reply = self._overtaken(work)
        elif getattr(said, "sqlstate", None) == message_store.TAKEN_BACK:
            raise _taken_back(work)
        else:
            work.answer = asking.then(said)

    def _overtaken(self, work: _Work) -> bytes:
        """The visit moved on while it was settled: by the same message in another process, whose
        reply stands, or otherwise. Raises Refusal `visit-moved-on`."""
        with self._database.statements() as connection:
            standing = message_store.standing(connection, work.call.slot)
        if standing is None:
            raise moved_on(work.call.visit.mdtrt_id)
        return self._unsealed(standing)

    def _answered(self, work: _Work) -> None:
        """The bytes of the reply; a file is its own reply, and not kept."""
        if work.answer.file is not None:
            work.reply = work.answer.file
        else:
            work.body = self._body(work, work.answer)

    def _body(self, work: _Work, answer: Answer) -> bytes:
        return self._office.body(work.call, work.begun, 0, answer=answer, warning=work.warning)

    # --- keeping --------------------------------------------------------------------------------
    def _kept(self, work: _Work) -> None:
        """Keeps the reply, in one transaction with what its answer writes."""
        work.reply = self._keep(work, "answered", work.body, work.answer.writes)

    def _keep(self, work: _Work, state: str, body: bytes,
              writes: Sequence[Callable[[Connection], None]] = ()) -> bytes:
        """Keeps a reply with what is written; gives the one that stands."""
        sealed, at, arrival = self._sealed(body.decode()), self._platform.clock(), self._whole(work)
        if not writes:
            with self._database.statements() as connection:
                standing = message_store.finish(connection, arrival, state, sealed, at, False)
        else:
            with self._database.connection() as connection:
                if _undo(work) and message_store.is_taken_back(connection, work.call.slot):
                    raise _taken_back(work)
                for write in writes:
                    write(connection)
                standing = message_store.finish(connection, arrival, state, sealed, at, True)
        return self._standing(body, sealed, standing)

    def _whole(self, work: _Work) -> Arrival:
        """The arrival with its message, where that is written with the reply."""
        envelope = work.call.envelope
        return work.arrival._replace(request=self._sealed(envelope.kept)) \
            if envelope.infno in ONCE else work.arrival._replace(request=None)

    def _standing(self, body: bytes, sealed: bytes, standing: bytes) -> bytes:
        return body if standing == sealed else self._unsealed(standing)

    def _sealed(self, text: str) -> bytes:
        return self._keys.seal(text, SEALED_AS)

    def _unsealed(self, sealed: bytes) -> bytes:
        return self._keys.unseal(sealed, SEALED_AS).encode()

    def _refusal(self, work: _Work, refusal: TongchouError) -> bytes:
        """What is told, and kept unless it may pass; money that moved in vain goes back."""
        told, undo = refusal, _undo(work)
        try:
            if undo is not None and isinstance(refusal, Refusal) \
                    and refusal.code in ("visit-moved-on", "taken-back"):
                undo()
            body = self._office.body(work.call, work.begun, -1, error=told, warning=work.warning)
            if told.code not in PASSING:
                return self._keep(work, "refused", body)
            self._office.remember(work.opened, told)
            return body
        except (TongchouError, psycopg.Error) as fault:
            _log.error("not kept", infno=work.call.envelope.infno, fault=type(fault).__name__)
            return self._office.body(work.call, work.begun, -1, error=told, warning=work.warning)

    def _begun(self, arrivals: Sequence[Arrival]) -> list[Begun | Exception]:
        """Takes messages in, in one transaction; when one of them cannot be, each in its own: of
        each what was found, or why not."""
        if not arrivals:
            return []
        try:
            with self._database.statements() as connection:
                return message_store.begin(connection, arrivals)
        except Exception as fault:  # noqa: BLE001 - told
            if len(arrivals) == 1 or getattr(fault, "code", "") == UNAVAILABLE:
                return [fault] * len(arrivals)
        return [self._begun([one])[0] for one in arrivals]


def _only_notes(answer: Answer) -> bool:
    return len(answer.writes) == 1 and isinstance(answer.writes[0], Noting)


def _undo(work: _Work) -> Callable[[], None] | None:
    """What takes money back that the answer has moved already."""
    return getattr(work.answer, "undo", None)


def _taken_back(work: _Work) -> TongchouError:
    return declined("taken-back", "该交易已被冲正（2601），请更换报文ID重新发送",
                    f"msgid {work.call.envelope.msgid}")


def _fault(fault: Exception, envelope: Envelope) -> TongchouError:
    """A fault of ours: the log says where, without values; the caller may repeat."""
    if isinstance(fault, (psycopg.errors.IntegrityError, psycopg.errors.DataError)):
        return TongchouError("refused-by-database", "these values contradict one another")
    trace, steps = fault.__traceback__, []
    while trace is not None:
        steps.append(f"{trace.tb_frame.f_code.co_filename.rsplit('tongchou', 1)[-1]}:"
                     f"{trace.tb_lineno}")
        trace = trace.tb_next
    _log.error("fault", infno=envelope.infno, fault=type(fault).__name__,
               at=" > ".join(steps[-4:]))
    return TongchouError("internal-error", "a fault of Tongchou")
