"""The gateway on HTTP (接入): one POST, one message, always HTTP 200 in the caller's form.

A bare ASGI application: routing, validation and sessions of the web framework would cost more than
the message. It takes every path under its base: base + "/" + infno, the one path for all, and the
paths per service that some provinces have; the envelope says what is asked.
"""
from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor

import structlog

from ..errors import TongchouError
from ..settlement import Gathering
from .refusals import declined
from .opening import Opened, Unopened
from .service import Gateway

BASE = "/gateway"
CONSOLE = f"{BASE}/console"            # of the application behind, which has the sessions
BODY_MAX_BYTES = 64 << 20
# Larger ones are read in a thread: a file of 9101 would hold up every other message.
LARGE_BYTES = 64 << 10
# What several windows ask for at the same moment, and is carried out together.
SETTLING = frozenset({"2102", "2207", "2304"})
THREADS = min(16, 6 * (os.cpu_count() or 2))
PATH_INFNO = re.compile(rf"{BASE}/(?:[\w/]*/)?(\d{{4,6}}[A-Z]?)\Z")
HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
JSON, FILE = b"application/json;charset=UTF-8", b"application/octet-stream"

Scope = MutableMapping[str, object]
Receive = Callable[[], Awaitable[MutableMapping[str, object]]]
Send = Callable[[MutableMapping[str, object]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = structlog.get_logger("tongchou.gateway")


class GatewayApplication:
    """Answers what comes under `BASE`; everything else goes to the application behind it."""

    def __init__(self, gateway: Gateway, behind: App, *, production: bool = False) -> None:
        self.gateway, self._behind, self._production = gateway, behind, production
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tongchou-gateway")
        self._settle = Gathering(gateway.answered_all, self._threads)
        self._under_way: dict[tuple[str, str, str, bytes], asyncio.Future[bytes]] = {}
        self._renewal: asyncio.Future[None] | None = None     # of the profiles, under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not (path == BASE or path.startswith(f"{BASE}/")) \
                or path.startswith(f"{CONSOLE}/"):
            await self._behind(scope, receive, send)
            return
        started = time.perf_counter()
        infno, state, reply = await self._reply(scope, receive, path)
        await send({"type": "http.response.start", "status": 200,
                    "headers": [*HEADERS, (b"content-type", JSON if reply[:1] == b"{" else FILE),
                                (b"content-length", str(len(reply)).encode())]})
        await send({"type": "http.response.body", "body": reply})
        _log.info("message", infno=infno, state=state,
                  ms=round((time.perf_counter() - started) * 1000, 1))

    async def _reply(self, scope: Scope, receive: Receive, path: str) -> tuple[str, str, bytes]:
        """The number of the transaction, how it went, and the reply."""
        at = self.gateway.desk.platform.clock()
        try:
            body = await self._body(scope, receive)
            if self._production and scope.get("scheme") != "https":
                raise declined("tls-required", "只接受 HTTPS 连接")
            opened = await self._opened(scope, body, path)
        except Unopened as unopened:
            return "", unopened.code, unopened.reply
        except TongchouError as error:
            return "", error.code, self.gateway.refused(error, None, at)
        return opened.envelope.infno, "taken in", await self._shared(opened)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] != "POST":
            raise declined("bad-envelope", "请用 POST 发送报文")
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise declined("bad-envelope", "报文不完整")
            size += len(message.get("body", b""))
            if size > BODY_MAX_BYTES:
                raise declined("body-too-large", f"报文超过 {BODY_MAX_BYTES >> 20} MB，请分批上传")
            parts.append(message.get("body", b""))
            more = bool(message.get("more_body", False))
        return b"".join(parts)

    async def _opened(self, scope: Scope, body: bytes, path: str) -> Opened:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1").strip()
                   for name, value in scope["headers"]}
        match = PATH_INFNO.match(path)
        infno = match.group(1) if match else ""
        query = bytes(scope.get("query_string", b"")).decode("latin-1")
        await self._know_profiles()
        if len(body) > LARGE_BYTES:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self.gateway.opened, headers, body, infno, query)
        return self.gateway.opened(headers, body, infno, query)

    async def _know_profiles(self) -> None:
        """Has them read again where that is due, once for all messages; waits where they are old.
        Raises Refusal when they are and the database does not answer."""
        profiles = self.gateway.desk.profiles
        if not profiles.due:
            return
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.get_running_loop().run_in_executor(
                self._threads, profiles.renew)
            self._renewal.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        if profiles.old:
            await asyncio.shield(self._renewal)

    async def _shared(self, opened: Opened) -> bytes:
        """The reply; the same message that is under way already is waited for, not done twice."""
        key = opened.envelope.key
        known = self._under_way.get(key)
        if known is None:
            known = asyncio.ensure_future(self._settle(opened)) \
                if opened.envelope.infno in SETTLING else \
                asyncio.get_running_loop().run_in_executor(
                    self._threads, self.gateway.answered, opened)
            self._under_way[key] = known
            known.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(known)
