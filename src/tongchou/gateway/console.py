"""The console for hospital developers (联调控制台).

What arrived, how it was understood, which field was wrong, the message once more, samples, and the
signature taken apart.

    console = Console(gateway)
    console.messages(Wanted("H52990100001"))
    console.message("H52990100001", number)          # number: inf_refmsgid of the reply

Personal data is masked (`console_masking`); opening a message is written into the access log. Who
may ask for what is settled before, by `console_routes`.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ..access import Look, Operator
from ..demo_city import made_on
from ..errors import Refusal, TongchouError
from ..settlement import local_time
from . import console_replay, console_samples, console_signing, console_store
from .console_masking import masked, masked_text
from .console_reading import understood
from .console_store import Kept
from .envelope import CHINA, UPLOAD, Envelope, read_envelope
from .nodes import Node, Transaction, names_of_all, transactions
from .profiles import Profile
from .opening import Opened
from .rounds import SEALED_AS
from .service import Gateway

LISTED_MAX, DAYS_DEFAULT = 200, 7
NUMBER = re.compile(r"\d{6}(\d{14})\d{10}\Z", re.ASCII)     # reply_number of envelope.py
ROUTE = "GET /gateway/console/messages/{number}"
STATES = ("under_way", "answered", "refused")


@dataclass(frozen=True)
class Wanted:
    """Which messages of an institution; newest first. `problems`: only those with a refusal or a
    field that is not as the standard says."""

    code: str
    since: datetime | None = None
    until: datetime | None = None
    infno: str = ""
    state: str = ""
    problems: bool = False
    limit: int = 50


class Console:
    """Looks at a gateway's messages. Safe between threads."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    # --- what arrived -------------------------------------------------------------------------
    def messages(self, wanted: Wanted) -> list[dict[str, object]]:
        """A line a message, without its content."""
        now = self.gateway.desk.platform.clock()
        since, until = wanted.since or now - timedelta(days=DAYS_DEFAULT), wanted.until or (
            now + timedelta(seconds=1))
        with self.gateway.desk.platform.database.connection() as connection:
            found = console_store.listed(connection, wanted.code, since, until, wanted.infno,
                                         wanted.state, min(wanted.limit, LISTED_MAX))
        lines = [self._line(one) for one in found]
        return [one for one in lines if not wanted.problems or one["problem"]]

    def turned_away(self, code: str) -> list[dict[str, object]]:
        """What was refused at the door since this process started, newest first: such messages
        are not kept. They are told apart by the code or the key they came with."""
        profile = self._profile(code)
        keys = {profile.code, profile.access_key} - {""}
        return [one.as_dict() for one in reversed(self.gateway.turned_away)
                if {one.code, one.access_key} & keys]

    def _line(self, one: Kept) -> dict[str, object]:
        reply = self._reply(one)
        inner = reply.get("data", reply) if isinstance(reply, Mapping) else {}
        problem = masked_text(str(inner.get("err_msg") or inner.get("warn_msg") or ""))
        return {"number": one.refmsgid, "infno": one.infno,
                "transaction": names_of_all().get(one.infno, ""), "msgid": one.msgid,
                "arrived_at": local_time(one.arrived_at), "state": one.state,
                "milliseconds": _milliseconds(one), "psn_no": one.psn_no,
                "mdtrt_id": one.mdtrt_id, "problem": problem}

    # --- one message --------------------------------------------------------------------------
    def message(self, code: str, number: str, who: Operator) -> dict[str, object]:
        """A message: as it came, as it was understood, its reply. Raises Refusal
        `unknown-message`."""
        one = self._kept(code, number)
        if one.psn_no:
            self.gateway.desk.access.log.write(Look(who, one.psn_no, "", (), ROUTE, True, number))
        request = self._unsealed(one.request)
        found = self._line(one) | {"request": None, "reply": masked(self._reply(one)),
                                   "understood": None, "bytes": len(request.encode())}
        if one.infno == UPLOAD:
            return found
        try:
            envelope = read_envelope(request.encode(), one.infno)
        except TongchouError as error:
            return found | {"problem": error.message}
        return found | self._understood(envelope)

    def understood(self, code: str, body: bytes, infno: str = "") -> dict[str, object]:
        """How a message would be understood that nobody has sent: nothing is done.

        Raises Declined `bad-envelope`, Refusal `not-offered`."""
        return self._understood(read_envelope(body, infno))

    def _understood(self, envelope: Envelope) -> dict[str, object]:
        whole = json.loads(envelope.body.decode("utf-8-sig", "replace"), parse_float=str)
        found = understood(envelope, whole, self.model(envelope.infno))
        return {"request": masked(whole), "understood": found.as_dict()}

    # --- the message once more ----------------------------------------------------------------
    def replay(self, code: str, number: str, mode: str) -> dict[str, object]:
        """`repeat`: the message through the gateway once more, which gives the reply that stands.
        `dry`: the reply it would have now, with nothing written. Raises Refusal
        `unknown-message`, Declined `not-replayable`."""
        one = self._kept(code, number)
        if one.infno in console_replay.NEVER:
            raise console_replay.not_replayable()
        body = self._unsealed(one.request).encode()
        envelope = replace(read_envelope(body, one.infno), code=code, digest=one.body_hash)
        opened = Opened(self._profile(code), envelope, self.gateway.desk.platform.clock())
        reply = console_replay.repeat(self.gateway, opened) if mode == "repeat" else \
            console_replay.dry(self.gateway, opened, one.region, one.psn_no, one.mdtrt_id)
        before = self._unsealed(one.reply).encode() if one.reply is not None else b""
        return {"number": number, "mode": mode, "reply": masked(json.loads(reply, parse_float=str)),
                "same_bytes": reply == before,
                "written": mode == "repeat" and not before}

    # --- signatures, models -------------------------------------------------------------------
    def signature(self, code: str, headers: Mapping[str, str], infno: str, secret: str | None,
                  family: str = "") -> dict[str, object]:
        """The headers of a message taken apart; `secret` in the institution's stead. Raises
        Refusal `unknown-institution`."""
        profile = self._profile(code)
        now_ms = int(self.gateway.desk.platform.clock().timestamp() * 1000)
        checked = console_signing.checked(
            family or profile.family, headers, profile.secret if secret is None else secret,
            infno, now_ms, secret is not None or profile.demonstration)
        return checked.as_dict()

    def model(self, infno: str) -> Transaction:
        """The model of a transaction offered. Raises Refusal `not-offered`."""
        model = transactions().get(infno)
        if model is None or infno not in self.gateway.handlers:
            raise Refusal("not-offered", f"transaction {infno[:10]} is not offered here", "infno",
                          "", "GET /gateway/console/transactions lists those that are.")
        return model

    def transactions(self) -> list[dict[str, str]]:
        """Number and name of everything offered."""
        return [{"infno": one, "name": transactions()[one].name}
                for one in sorted(self.gateway.handlers)]

    def fields(self, infno: str) -> dict[str, object]:
        """The nodes and fields of a transaction."""
        model = self.model(infno)
        return {"infno": infno, "name": model.name,
                "input": [_node(one) for one in model.inputs],
                "output": [_node(one) for one in model.outputs]}

    def sample(self, code: str, infno: str, given: Mapping[str, str]) -> dict[str, object]:
        """A sample message of an institution; `given` fields in place of made-up ones. Raises
        Refusal `not-offered`, `unknown-institution`."""
        platform = self.gateway.desk.platform
        at = platform.clock()
        day = made_on(platform.database) or date.fromisoformat(local_time(at)[:10])
        return console_samples.sample(self.model(infno), self._profile(code), given, at, day)

    def profile(self, code: str) -> dict[str, object]:
        """How an institution speaks; secrets are not shown."""
        one = self._profile(code)
        return {"fixmedins_code": one.code, "region": one.region, "family": one.family,
                "access_key": one.access_key, "dialect": one.dialect, "infcode": one.infcode,
                "wrapped": one.wrapped, "strictness": one.strictness,
                "demonstration": one.demonstration}

    def set_strictness(self, code: str, strictness: str, by: str) -> dict[str, object]:
        """How strictly fields are checked: off, warn, reject. Raises CaseError `bad-profile`."""
        changed = replace(self._profile(code), strictness=strictness)
        self.gateway.desk.profiles.put(changed, by, self.gateway.desk.platform.clock())
        return self.profile(code)

    # --- parts --------------------------------------------------------------------------------
    def _profile(self, code: str) -> Profile:
        profiles = self.gateway.desk.profiles
        profiles.renew()
        found = profiles.of(code)
        if found is None:
            raise Refusal("unknown-institution", "this institution has no profile here",
                          "institution", "", "Check the code; docs/gateway.md, profile.")
        return found

    def _kept(self, code: str, number: str) -> Kept:
        moment = NUMBER.match(number)
        found = None
        if moment is not None:
            try:
                since = datetime.strptime(moment.group(1), "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
            except ValueError:
                since = None
            if since is not None:
                with self.gateway.desk.platform.database.connection() as connection:
                    found = console_store.numbered(connection, code, number, since,
                                                   since + timedelta(seconds=1))
        if found is None:
            raise Refusal("unknown-message", "this institution sent no such message", "number", "",
                          "The number is inf_refmsgid of the reply.")
        return found

    def _reply(self, one: Kept) -> object:
        return json.loads(self._unsealed(one.reply), parse_float=str) if one.reply else None

    def _unsealed(self, sealed: bytes) -> str:
        return self.gateway.desk.platform.enrolment.keys.unseal(bytes(sealed), SEALED_AS)


def _milliseconds(one: Kept) -> int | None:
    if one.answered_at is None:
        return None
    return (one.answered_at - one.arrived_at) // timedelta(milliseconds=1)


def _node(node: Node) -> dict[str, object]:
    return {"node": node.name, "many": node.many,
            "fields": [{"name": one.name, "kind": one.kind, "length": one.length,
                        "decimals": one.decimals, "required": one.required}
                       for one in node.fields.values()],
            "children": [_node(one) for one in node.children]}
