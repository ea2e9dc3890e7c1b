"""Replies that leave in one piece (整份发出).

The web server writes the head of a reply and its body apart: two calls of the system, two packets,
and a client that wakes twice. What is written within one step of the loop goes out together here.
"""
from __future__ import annotations

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# What is held goes at once beyond this: the transport's own limit then slows down who writes.
HELD_BYTES_MAX = 65_536


class Together:
    """A transport that holds what is written until the step of the loop is over."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Held; what is held goes as soon as the loop comes round, in the order it was written."""
        if not self._held:
            asyncio.get_running_loop().call_soon(self.flush)
        self._held += data
        if len(self._held) > HELD_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Sends what is held, in one piece."""
        if self._held:
            held, self._held = self._held, bytearray()
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
