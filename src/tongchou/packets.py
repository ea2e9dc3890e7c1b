"""Replies that leave in one piece (整份发出).

The web server writes the head of a reply and its body apart: two calls of the system, two packets,
and a client that wakes twice. A head waits here for what follows it; both go at once, before the
next reply is even made, so that the first client of a round is at work again while the others are
answered.
"""
from __future__ import annotations

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol


class Together:
    """A transport that sends two writes as one.

    What nothing follows goes when the step of the loop is over: a reply without a body.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""

    def write(self, data: bytes) -> None:
        """Held when it is the first; sent with the first when it is the second."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        else:
            self._held = bytes(data)
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Sends what is held."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def close(self) -> None:
        """Closes after what is held."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


class WholeReplies(AutoHTTPProtocol):        # type: ignore[valid-type, misc]
    """The web server's protocol over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """As ever."""
        super().connection_made(Together(transport))
