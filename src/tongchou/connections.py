"""A server of connections that another process accepted (接手的连接)."""
from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial

import uvicorn

from .processes import READY, take


class ConnectionServer(uvicorn.Server):
    """Answers the connections that come through `end`, one of the pairs of `processes`.

    `begun` is called when it takes them, `leaving` as soon as it is told to stop. It stops by
    itself when the process at the other end is gone.
    """

    def __init__(self, config: uvicorn.Config, end: socket.socket, begun: Callable[[], object],
                 leaving: Callable[[], object]) -> None:
        super().__init__(config)
        self._end, self._begun, self._leaving = end, begun, leaving
        self._opening: set[asyncio.Task[object]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts without a listening socket of its own."""
        await super().startup(sockets or [])
        self._end.setblocking(False)
        asyncio.get_running_loop().add_reader(
            self._end, partial(take, self._end, self._open, self._first_is_gone))
        self._end.send(READY)
        self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no more; answers what is under way."""
        self._leaving()
        self._close_end()
        await super().shutdown(sockets or [])

    def _open(self, connection: socket.socket) -> None:
        task = asyncio.ensure_future(self._connect(connection))
        self._opening.add(task)               # the loop itself does not hold on to it
        task.add_done_callback(self._opening.discard)

    async def _connect(self, connection: socket.socket) -> None:
        """Ends without a word where the client has left already."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _first_is_gone(self) -> None:
        self._close_end()
        self.should_exit = True

    def _close_end(self) -> None:
        if self._end.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._end)
            self._end.close()
