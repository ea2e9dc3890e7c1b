"""Settling and pre-settling over HTTP in few steps (结算快速通道); see `shell`."""
from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, Protocol

from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

from ..errors import CaseError, TongchouError
from ..platform import Wanted
from ..settlement import Gathering
from .gate import Caller, Gate
from .refusals import bad_fields, json_reply
from .settlement_models import Bill

PREFIX = "/api/v1/regions/"
KEY = re.compile(r"[\x21-\x7e]{1,80}\Z")
PURPOSE = "settlement"


class Route(NamedTuple):
    """A hot route: its region, its template for figures and logs, its permission."""

    region: str
    route: str
    permission: str


class Written(NamedTuple):
    """A bill to settle."""

    request: dict[str, object]
    key: str
    caller: Caller


class Settling(Protocol):
    """What is asked of the platform."""

    def presettle(self, request: Mapping[str, object], *, who: object) -> object:
        """预结算."""

    def settle_all(self, wanted: Sequence[Wanted]) -> Sequence[str | Exception]:
        """结算 of several."""


class HotSettlement:
    """Answers POST .../settlements and .../presettlements."""

    def __init__(self, settling: Settling, gate: Gate, threads: Executor) -> None:
        self._settling, self._gate, self._threads = settling, gate, threads
        self._settle = Gathering(self._settle_all, threads)

    def matches(self, method: str, path: str) -> Route | None:
        """The hot route of a request, None for all others."""
        if method != "POST" or not path.startswith(PREFIX):
            return None
        region, _, tail = path[len(PREFIX):].partition("/")
        if tail not in ("settlements", "presettlements") or not _is_region(region):
            return None
        return Route(region, f"{PREFIX}{{region}}/{tail}", "settlement.settle"
                     if tail == "settlements" else "settlement.presettle")

    async def answer(self, route: Route, headers: Headers, body: bytes,
                     scope: MutableMapping[str, object]) -> Response:
        """The reply; raises TongchouError. Notes in `scope` who asked."""
        signed = await self._gate.signed_in(headers, self._cookie(headers), "POST")
        scope["tongchou.user"] = signed.account.user_id
        caller = self._gate.caller(signed, route.permission, route.region, PURPOSE,
                                   f"POST {route.route}", str(scope["tongchou.request_id"]))
        settles = route.permission == "settlement.settle"
        key = checked_key(headers.get("idempotency-key", ""), caller) if settles else ""
        try:
            bill = Bill.model_validate_json(body)
        except ValidationError as fault:
            raise bad_fields(fault.errors(include_url=False, include_input=False,
                                          include_context=False)) from None
        request = {"region": route.region, **bill.plain()}
        if settles:
            return json_reply(await self._settle(Written(request, key, caller)))
        return json_reply(await asyncio.get_running_loop().run_in_executor(
            self._threads, self._presettle, request, caller))

    def _settle_all(self, wanted: Sequence[Written]) -> list[str | Exception]:
        """The settlement itself records who settled: no second row."""
        refused: dict[int, Exception] = {}
        for place, (request, _, caller) in enumerate(wanted):
            try:
                caller.own(str(request["fixmedins_code"]), str(request["psn_no"]))
            except TongchouError as error:
                refused[place] = error
        settled = iter(self._settling.settle_all([
            Wanted(one.request, one.key, one.caller.who) for place, one in enumerate(wanted)
            if place not in refused]))
        return [refused.get(place) or next(settled) for place in range(len(wanted))]

    def _presettle(self, request: dict[str, object], caller: Caller) -> object:
        caller.own(str(request["fixmedins_code"]), str(request["psn_no"]))
        reply = self._settling.presettle(request, who=caller.who)
        caller.looked_at(str(request["psn_no"]), fields=())
        return reply

    def _cookie(self, headers: Headers) -> str | None:
        text = headers.get("cookie", "")
        return cookie_parser(text).get(self._gate.settings.cookie) if text else None


def checked_key(key: str, caller: Caller) -> str:
    """The caller's key among those of all callers. Raises CaseError `no-key`."""
    if not KEY.match(key):
        raise CaseError("no-key", "a write needs a key of its own, 1 to 80 printable characters",
                        "Idempotency-Key", hint="Make a new one (a UUID) for each thing you do; "
                        "send the same one when you repeat it.")
    return f"{caller.who.institution or caller.who.user_id}:{key}"


def _is_region(text: str) -> bool:
    return len(text) == 6 and text.isdecimal() and text.isascii()
