"""The gateway's work on one message (报文处理): who sends it, is it new, what is the answer.

    opened = gateway.opened(headers, body, path)     # signature, envelope; no database
    reply = gateway.answered(opened)                 # one read, the work, one write

The same message again gives the same bytes, after a restart too. What a message sets going is made
of the message or of the visit (numbers, keys), so that a try that broke off is taken up where it
was.
"""
from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import orjson
import psycopg
import structlog
from psycopg import Connection

from ..errors import Refusal, TongchouError
from ..settlement import Together
from ..visits import Visit
from . import cainfo, message_store, signing
from .call import Answer, Call, Desk, Noting
from .envelope import (Envelope, is_stream, moment_17, read_envelope, read_upload, reply_body,
                       reply_number)
from .handlers import offered
from .message_store import Begun, Slot
from .nodes import names_of_all, transactions
from .profiles import Profile
from .reading import Input, check, read_input, unfit
from .refusals import PASSING, declined, err_msg
from .turned_away import REMEMBERED, TurnedAway, turned_away
from .writing import written

SEALED_AS = "gateway message"
WARN_MSG_MAX = 200
LEADERS = 2                    # one waits for the database while another puts its part together
UNAVAILABLE = "database-unavailable"
PLC = "plc"                    # fixmedins_code of 9102 in every client seen (README 4)

_log = structlog.get_logger("tongchou.gateway")


@dataclass(frozen=True)
class Opened:
    """A message whose sender is known."""

    profile: Profile
    envelope: Envelope
    at: datetime


class Unopened(Exception):
    """A message that is not taken in, and what it is told."""

    def __init__(self, reply: bytes, code: str) -> None:
        super().__init__(code)
        self.reply, self.code = reply, code


def slot_of(opened: Opened, region: str, found: Input) -> Slot:
    """Where a message lies: with the person it names, else with the institution."""
    profile, envelope = opened.profile, opened.envelope
    return Slot(region, found.first("psn_no")[:30] or profile.code, profile.code, envelope.msgid,
                envelope.infno, envelope.digest)


class Gateway:
    """Answers messages of a platform. Safe between threads."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.handlers = offered()
        self.turned_away: deque[TurnedAway] = deque(maxlen=REMEMBERED)
        self._serial = itertools.count(desk.platform.clock().microsecond * 1000)
        self._take_in = Together(partial(self._written, message_store.begin),
                                 lambda one: [one.slot], LEADERS)
        self._note = Together(partial(self._written, message_store.settled),
                              lambda one: [one.slot.owner], LEADERS)

    # --- who sends it -------------------------------------------------------------------------
    def opened(self, headers: Mapping[str, str], body: bytes, path_infno: str,
               query: str = "") -> Opened:
        """The message, when its sender is who he says; `query` of the address, for a 9101 whose
        body is the file itself. Raises Unopened."""
        at = self.desk.platform.clock()
        claim = signing.claimed(headers)
        profile: Profile | None = None
        envelope: Envelope | None = None
        try:
            envelope = read_upload(body, headers, dict(parse_qsl(query))) if is_stream(
                body, headers, path_infno) else read_envelope(body, path_infno)
            profile = self._profile(claim, headers, envelope)
            signing.verify(profile.family, headers, profile.secret, envelope.infno,
                           int(at.timestamp() * 1000))
            cainfo.check(profile, body)
            if not envelope.msgid:
                raise declined("bad-envelope", "缺少发送方报文ID", "msgid")
        except signing.BadSignature as bad:
            self.turned_away.append(turned_away(headers, envelope, at, "bad-signature", bad.zh))
            raise Unopened(self.unauthorised(bad, at), "bad-signature") from None
        except TongchouError as error:
            self.turned_away.append(turned_away(headers, envelope, at, error.code, error.message))
            raise Unopened(self.refused(error, profile, at), error.code) from None
        return Opened(profile, replace(envelope, code=profile.code), at)

    def _profile(self, claim: signing.Claimed, headers: Mapping[str, str], envelope: Envelope,
                 ) -> Profile:
        """The profile a message falls under. Raises BadSignature, Declined."""
        own = self.desk.profiles.of(envelope.code)
        if claim.family == "E":
            if own is None:
                raise declined("unknown-institution", "该机构未接入本平台，请核对机构编码",
                               "fixmedins_code")
            return own             # a family that signs misses its headers: `verify` says so
        key = headers.get("apikey", "") if claim.family == "C" else claim.access_key
        holders = self.desk.profiles.holders(claim.family, key)
        if not holders:
            raise signing.BadSignature(claim.family, "未知的访问密钥")
        found = next((one for one in holders if one.code == envelope.code), None)
        if found is None and envelope.code in ("", PLC):
            found = holders[0]
        if found is None:
            raise declined("not-own-institution", "机构编码与访问密钥不符", "fixmedins_code")
        return found

    # --- the work -----------------------------------------------------------------------------
    def answered(self, opened: Opened) -> bytes:
        """The reply to a message: the one it had before, or that of its work now."""
        desk, profile, envelope = self.desk, opened.profile, opened.envelope
        model = transactions().get(envelope.infno)
        try:
            if envelope.infno not in self.handlers or model is None:
                error = self._not_offered(envelope.infno)
                self.turned_away.append(turned_away({}, envelope, opened.at, error.code,
                                                    error.message))
                raise error
            found = read_input(envelope.input, model)
            region = self._region(profile, envelope)
            psn_no, slot = found.first("psn_no")[:30], slot_of(opened, region, found)
            begun = self._begun(slot, opened, psn_no, found.first("mdtrt_id")[:40])
            if begun.reply is not None:
                return self._unsealed(begun.reply)
        except TongchouError as error:
            return self.refused(error, profile, opened.at)
        except Exception as fault:  # noqa: BLE001 - nothing that arrives ends in a 5xx
            return self.refused(self._fault(fault, envelope), profile, opened.at)
        call = Call(desk, profile, envelope, model, found, region, begun.arrived_at, slot,
                    Visit.of(begun.visit) if begun.visit else None)
        return self._worked(call, begun)

    def _begun(self, slot: Slot, opened: Opened, psn_no: str, mdtrt_id: str) -> Begun:
        keys = self.desk.platform.enrolment.keys
        self.desk.platform.database.check_space()
        request = keys.seal(opened.envelope.kept, SEALED_AS)
        number = reply_number(opened.profile.region, opened.at, next(self._serial))
        return self._take_in(message_store.Arrival(
            slot, number, opened.at, psn_no, mdtrt_id if psn_no else "",
            opened.envelope.opter[:30], request))

    def _worked(self, call: Call, begun: Begun) -> bytes:
        """Runs the handler and keeps the reply with what it writes."""
        warning, answer = "", None
        try:
            if begun.taken_back:
                raise declined("taken-back", "该交易已被冲正（2601），请更换报文ID重新发送",
                               f"msgid {call.envelope.msgid}")
            warning = self.checked(call)
            answer = self.handlers[call.envelope.infno](call)
            if answer.file is not None:
                return answer.file
            reply = self.body(call, begun, 0, answer=answer, warning=warning)
            return self._kept(call, "answered", reply, answer)
        except TongchouError as error:
            refusal: TongchouError = error
        except psycopg.Error as fault:
            refusal = self.desk.platform.database.refusal_of(fault) or self._fault(
                fault, call.envelope)
        except Exception as fault:  # noqa: BLE001 - nothing that arrives ends in a 5xx
            refusal = self._fault(fault, call.envelope)
        return self._refusal(call, begun, refusal, answer, warning)

    def _refusal(self, call: Call, begun: Begun, refusal: TongchouError, answer: Answer | None,
                 warning: str) -> bytes:
        """What is told, and kept unless it may pass; money that moved in vain goes back."""
        try:
            if answer is not None and answer.undo is not None and isinstance(refusal, Refusal) \
                    and refusal.code == "visit-moved-on":
                answer.undo()
            reply = self.body(call, begun, -1, error=refusal, warning=warning)
            if refusal.code in PASSING:
                return reply
            return self._kept(call, "refused", reply, None)
        except (TongchouError, psycopg.Error) as fault:
            _log.error("not kept", infno=call.envelope.infno, fault=type(fault).__name__)
            return self.body(call, begun, -1, error=refusal, warning=warning)

    def checked(self, call: Call) -> str:
        """The fields against our model, as strictly as the profile says; gives warn_msg."""
        if call.profile.strictness == "off":
            return ""
        findings = tuple(check(call.input, call.model))
        if findings and call.profile.strictness == "reject":
            raise unfit(findings)
        return "；".join(str(one) for one in findings)[:WARN_MSG_MAX]

    def _kept(self, call: Call, state: str, reply: bytes, answer: Answer | None) -> bytes:
        """Keeps a reply, in one transaction with the answer's writes; gives what stands."""
        database = self.desk.platform.database
        sealed = self.desk.platform.enrolment.keys.seal(reply.decode(), SEALED_AS)
        at = self.desk.platform.clock()
        writes = answer.writes if answer is not None else ()
        if not writes:
            with database.statements() as connection:
                standing = message_store.finish(connection, call.slot, state, sealed, at, False)
        elif len(writes) == 1 and isinstance(writes[0], Noting):
            standing = self._settled(call, writes[0], sealed, at)
        else:
            with database.connection() as connection:
                for write in writes:
                    write(connection)
                standing = message_store.finish(connection, call.slot, state, sealed, at, True)
        return reply if standing == sealed else self._unsealed(standing)

    def _settled(self, call: Call, note: Noting, sealed: bytes, at: datetime) -> bytes:
        """Notes a settlement and keeps its reply in one statement. Raises what `note` does."""
        try:
            return self._note(message_store.Settled(call.slot, note.visit.mdtrt_id, note.row,
                                                    note.lines, sealed, at))
        except psycopg.Error as fault:
            refusal = note.visits.not_noted(fault.sqlstate, note.visit, note.row)
            if refusal is None:
                raise
            raise refusal from None

    def _written(self, write: Callable[[Connection, Sequence[Any]], list[Any]],
                 wanted: Sequence[Any]) -> list[Any]:
        """What messages that wait write alike, in one transaction; when one of them cannot, each
        in its own: of each its result, or why not."""
        try:
            with self.desk.platform.database.statements() as connection:
                return write(connection, wanted)
        except (psycopg.Error, Refusal) as fault:
            if len(wanted) == 1 or getattr(fault, "code", "") == UNAVAILABLE:
                return [fault] * len(wanted)
        return [self._written(write, [one])[0] for one in wanted]

    # --- replies ------------------------------------------------------------------------------
    def body(self, call: Call, begun: Begun, infcode: int, answer: Answer | None = None,
             error: TongchouError | None = None, warning: str = "") -> bytes:
        """The bytes of the reply to a call."""
        profile = call.profile
        return reply_body(
            numeric=profile.infcode == "number", wrapped=profile.wrapped, infcode=infcode,
            refmsgid=begun.refmsgid, at=moment_17(begun.arrived_at),
            err_msg=err_msg(error, self.desk.sentences) if error else "",
            warn_msg=(answer.warning if answer and answer.warning else warning),
            output=written(answer.output, call.model, profile.dialect) if answer else None)

    def refused(self, error: TongchouError, profile: Profile | None, at: datetime) -> bytes:
        """A refusal before a message is kept."""
        return reply_body(
            numeric=profile is None or profile.infcode == "number",
            wrapped=profile is not None and profile.wrapped, infcode=-1,
            refmsgid=reply_number(profile.region if profile else "", at, next(self._serial)),
            at=moment_17(at), err_msg=err_msg(error, self.desk.sentences))

    def unauthorised(self, bad: signing.BadSignature, at: datetime) -> bytes:
        """A failure of authentication in the form its family shows: A code and message, the others
        a refusal as any other, since their clients read nothing else."""
        if bad.family == "A":
            return orjson.dumps({"code": signing.UNAUTHORISED, "message": bad.zh})
        return self.refused(declined("bad-signature", f"身份认证失败：{bad.zh}"), None, at)

    # --- shared -------------------------------------------------------------------------------
    def _not_offered(self, infno: str) -> TongchouError:
        name = names_of_all().get(infno)
        known = f"{infno} {name}" if name else f"交易编号 {infno} 不存在"
        return declined("not-offered", f"本平台未开通该交易：{known}" if name else known, "infno")

    def _region(self, profile: Profile, envelope: Envelope) -> str:
        """The pooling area that insures the person: the institution's own, or the one named."""
        wanted = envelope.insuplc
        if not wanted or wanted == profile.region or wanted[:4] == profile.region[:4]:
            return profile.region
        raise declined("out-of-region", f"参保地 {wanted[:6]} 不由本平台结算，请走异地就医平台",
                       "insuplc_admdvs")

    def _unsealed(self, sealed: bytes) -> bytes:
        return self.desk.platform.enrolment.keys.unseal(sealed, SEALED_AS).encode()

    def _fault(self, fault: Exception, envelope: Envelope) -> TongchouError:
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
