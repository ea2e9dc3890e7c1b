"""A reply leaves in one piece, in order, and before the connection closes."""
from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn import Config
from uvicorn.server import ServerState

from tongchou.packets import Together, WholeReplies

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire:
    """A transport that remembers what went out, and when it closed."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.sent.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.sent

    def get_extra_info(self, name: str) -> None:
        return None

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Reply:
    """What a client reads of what went out."""

    def __init__(self, sent: bytes) -> None:
        self.body, self.whole = b"", False
        httptools.HttpResponseParser(self).feed_data(sent)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


def answering(pieces: list[bytes]) -> Any:
    """An application that answers with the pieces."""
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [
            (b"content-length", b"%d" % sum(map(len, pieces)))]})
        for number, piece in enumerate(pieces, 1):
            await send({"type": "http.response.body", "body": piece,
                        "more_body": number < len(pieces)})
    return application


def sent_for(request: bytes, pieces: list[bytes]) -> list[bytes]:
    """What goes out on a connection that asks so."""
    async def connection() -> list[bytes]:
        wire, state = Wire(), ServerState()
        protocol = WholeReplies(Config(answering(pieces), log_config=None), state, {})
        protocol.connection_made(wire)
        protocol.data_received(request)
        while state.tasks:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        protocol.connection_lost(OSError())
        return wire.sent
    return asyncio.run(connection())


def test_head_and_body_are_one_write() -> None:
    sent, = sent_for(REQUEST, [b"one"])
    assert (Reply(sent).body, Reply(sent).whole) == (b"one", True)


def test_a_reply_leaves_before_the_next_is_made() -> None:
    seen = []

    async def round_of_two() -> None:
        wire = Wire()
        for reply in (b"first", b"second"):
            lines = Together(wire)
            lines.write(b"head ")
            lines.write(reply)
            seen.append(list(wire.sent))

    asyncio.run(round_of_two())
    assert seen == [[b"head first"], [b"head first", b"head second"]]


def test_a_reply_without_a_body_leaves_too() -> None:
    sent, = sent_for(REQUEST.replace(b"GET", b"HEAD"), [b"one"])
    assert sent.endswith(b"\r\n\r\n")


def test_a_connection_closes_after_its_reply() -> None:
    sent, closed = sent_for(REQUEST.replace(b"Host", b"Connection: close\r\nHost"), [b"one"])
    assert (Reply(sent).body, closed) == (b"one", b"closed")


def test_a_long_reply_is_not_held_back() -> None:
    """It goes on while it is written: who writes faster than the client reads is slowed down."""
    sent = sent_for(REQUEST, [b"x" * 50_000] * 5)
    assert Reply(b"".join(sent)).body == b"x" * 250_000
    assert max(map(len, sent)) < 110_000


def test_everything_else_is_the_transport_s_own() -> None:
    wire = Wire()
    assert Together(wire).is_closing() is False
