"""Around every request (外壳): its id, size limits, security headers, figures, one line of log.

Pure ASGI. The two requests that a hospital waits for, settling and pre-settling, are answered here
by `HotSettlement` without the framework's routing, which would cost more than the answer.
"""
from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from random import getrandbits

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response

from ..errors import Refusal, TongchouError
from . import figures
from .hot_settlement import HotSettlement
from .refusals import fault_reply, refusal_reply, refused_by_database
from .settings import Settings

Scope = MutableMapping[str, object]
Receive = Callable[[], Awaitable[MutableMapping[str, object]]]
Send = Callable[[MutableMapping[str, object]], Awaitable[None]]

REQUEST_ID = re.compile(r"[0-9A-Za-z-]{8,64}\Z", re.ASCII)
OPEN_PATHS = ("/healthz", "/readyz", "/metrics")
SECURITY = [
    (b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"), (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
POLICY = b"default-src 'none'; frame-ancestors 'none'"
# The pages of /docs run the script that comes with the framework's documentation.
DOCS_POLICY = (b"default-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net "
               b"https://fastapi.tiangolo.com; img-src * data:; frame-ancestors 'none'")
TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")

_log = structlog.get_logger("tongchou.http")


class TooLarge(Exception):
    """The body is longer than its route takes."""


class Shell:
    """The outermost layer; see the module."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]],
                 settings: Settings, hot: HotSettlement) -> None:
        self.app, self.settings, self.hot = app, settings, hot
        self._headers = [*SECURITY, TLS_ONLY] if settings.production else SECURITY
        self._notes: list[Callable[[], None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request; lifespan and others pass through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()

    def later(self, note: Callable[[], None]) -> None:
        """Calls it when the replies of this step of the loop have left: who asked does not wait for
        the line of log."""
        if not self._notes:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._write_notes)   # replies leave in the next step
        self._notes.append(note)

    def _write_notes(self) -> None:
        notes, self._notes = self._notes, []
        for note in notes:
            note()

    def dressed(self, headers: list[tuple[bytes, bytes]], path: str, request_id: str,
                ) -> list[tuple[bytes, bytes]]:
        """A reply's headers with those of every reply; its own cache-control wins."""
        own = {name for name, _ in headers}
        policy = DOCS_POLICY if path == "/docs" else POLICY
        return [*headers, *(pair for pair in self._headers if pair[0] not in own),
                (b"content-security-policy", policy), (b"x-request-id", request_id.encode())]


class _Exchange:
    """One request and its reply."""

    def __init__(self, shell: Shell, scope: Scope, receive: Receive, send: Send) -> None:
        self.shell, self.scope, self._receive, self._send = shell, scope, receive, send
        self.headers = Headers(scope=scope)
        given = self.headers.get("x-request-id", "")
        self.request_id = given if REQUEST_ID.match(given) else f"{getrandbits(128):032x}"
        scope["tongchou.request_id"] = self.request_id
        self.status, self.read_bytes, self.fault, self.too_large = 0, 0, "", False
        upload = self.headers.get("content-type", "").startswith("multipart/")
        settings = shell.settings
        self.most_bytes = settings.upload_max_bytes if upload else settings.body_max_bytes

    async def run(self) -> None:
        """Answers, whatever happens, and writes the line of log."""
        started = time.perf_counter()
        try:
            await self._answer()
        except TooLarge:
            self.too_large = False
            await self._reply(refusal_reply(_too_large(self.most_bytes)))
        except TongchouError as error:
            await self._reply(refusal_reply(error))
        except Exception as fault:  # noqa: BLE001 - a fault of ours never shows its inside
            self.fault = _place_of(fault)
            refused = refused_by_database(fault)
            await self._reply(refusal_reply(refused) if refused else fault_reply(self.request_id))
        finally:
            self.shell.later(partial(self._note, time.perf_counter() - started))

    async def _answer(self) -> None:
        path = self.scope["path"]
        if self.shell.settings.production and self.scope["scheme"] != "https" \
                and path not in OPEN_PATHS:
            raise Refusal("tls-required", "this server answers over HTTPS only", "", "",
                          "Use the address of the proxy, with https.")
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.most_bytes:
            raise TooLarge
        hot = self.shell.hot.matches(self.scope["method"], path)
        if hot is None:
            await self.shell.app(self.scope, self._receive_counted, self._send_dressed)
            return
        self.scope["tongchou.route"] = hot.route
        body = await self._body()
        await self._reply(await self.shell.hot.answer(hot, self.headers, body, self.scope))

    async def _receive_counted(self) -> MutableMapping[str, object]:
        message = await self._receive()
        self.read_bytes += len(message.get("body", b""))
        self.too_large = self.read_bytes > self.most_bytes
        if self.too_large:
            raise TooLarge
        return message

    async def _body(self) -> bytes:
        parts, more = [], True
        while more:
            message = await self._receive_counted()
            if message["type"] == "http.disconnect":
                raise TongchouError("bad-body", "the body ended early", hint="Send it whole.")
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        return b"".join(parts)

    async def _reply(self, reply: Response) -> None:
        if not self.status:         # nothing has gone out yet
            await reply(self.scope, self._receive, self._send_dressed)

    async def _send_dressed(self, message: MutableMapping[str, object]) -> None:
        if self.too_large:          # the framework took it for a body it cannot parse
            raise TooLarge
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self.shell.dressed(
                message["headers"], self.scope["path"], self.request_id)
        await self._send(message)

    def _note(self, seconds: float) -> None:
        route = self.scope.get("tongchou.route") or getattr(
            self.scope.get("route"), "path", "") or "unknown"
        method = self.scope["method"]
        figures.count(method if method in figures.METHODS else "OTHER", route, self.status,
                      seconds)
        if self.fault:
            _log.error("fault", request_id=self.request_id, method=method, route=route,
                       fault=self.fault)
        elif route not in OPEN_PATHS:
            _log.info("request", request_id=self.request_id, method=method, route=route,
                      status=self.status, ms=round(seconds * 1000, 1),
                      user=self.scope.get("tongchou.user", ""))


def _too_large(most_bytes: int) -> TongchouError:
    return TongchouError("body-too-large", f"the body is longer than {most_bytes} bytes",
                         hint="Send fewer lines a request, or import a file in pieces.")


def _place_of(fault: BaseException) -> str:
    """Kind of a fault and where it happened, without its message: that may hold personal data."""
    steps, trace = [], fault.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "tongchou" in code.co_filename:
            steps.append(f"{code.co_filename.rsplit('tongchou', 1)[1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(fault).__name__} at {' > '.join(steps[-4:])}"
