"""The gateway's work on messages (报文处理): who sends them, and in which form they are answered.

    opened = gateway.opened(headers, body, path)     # signature, envelope; no database
    reply = gateway.answered(opened)                 # a round of one; see `rounds`

The same message again gives the same bytes, after a restart too. What a message sets going is made
of the message or of the visit (numbers, keys), so that a try that broke off is taken up where it
was.
"""
from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl

import orjson

from ..errors import TongchouError
from . import cainfo, signing
from .call import Answer, Call, Desk, Handler
from .envelope import (Envelope, is_stream, moment_17, read_envelope, read_upload, reply_body,
                       reply_number)
from .handlers import offered
from .message_store import Begun
from .nodes import names_of_all, transactions
from .opening import Opened, Unopened, slot_of
from .profiles import Profile
from .reading import check, read_input, unfit
from .refusals import declined, err_msg
from .rounds import MessageRound
from .turned_away import REMEMBERED, TurnedAway, turned_away
from .writing import written

WARN_MSG_MAX = 200
PLC = "plc"                    # fixmedins_code of 9102 in every client seen (README 4)


class Gateway:
    """Answers messages of a platform. Safe between threads."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.handlers = offered()
        self.turned_away: deque[TurnedAway] = deque(maxlen=REMEMBERED)
        self._serial = itertools.count(desk.platform.clock().microsecond * 1000)

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
        if envelope.code != profile.code:
            envelope = replace(envelope, code=profile.code)
        return Opened(profile, envelope, at)

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
        return self.answered_all([opened])[0]

    def answered_all(self, opened: Sequence[Opened]) -> list[bytes]:
        """The replies to messages that wait at the same moment, carried out together."""
        return MessageRound(self).replies(opened)

    def checked(self, call: Call) -> str:
        """The fields against our model, as strictly as the profile says; gives warn_msg."""
        if call.profile.strictness == "off":
            return ""
        findings = tuple(check(call.input, call.model))
        if findings and call.profile.strictness == "reject":
            raise unfit(findings)
        return "；".join(str(one) for one in findings)[:WARN_MSG_MAX]

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

    # --- what arrives -------------------------------------------------------------------------
    def arrived(self, opened: Opened) -> Call:
        """The call of a message, before it is taken in. Raises Declined `not-offered`,
        `out-of-region`, and what reading refuses."""
        profile, envelope = opened.profile, opened.envelope
        model = transactions().get(envelope.infno)
        if envelope.infno not in self.handlers or model is None:
            error = self._not_offered(envelope.infno)
            self.remember(opened, error)
            raise error
        found, region = read_input(envelope.input, model), self._region(profile, envelope)
        return Call(self.desk, profile, envelope, model, found, region, opened.at,
                    slot_of(opened, region, found))

    def remember(self, opened: Opened, error: TongchouError) -> None:
        """For the console: a message that is not kept, and why."""
        self.turned_away.append(turned_away({}, opened.envelope, opened.at, error.code,
                                            error.message))

    def handler(self, infno: str) -> Handler:
        """What carries out a transaction that is offered."""
        return self.handlers[infno]

    def number(self, opened: Opened) -> str:
        """A number for a reply."""
        return reply_number(opened.profile.region, opened.at, next(self._serial))

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
