"""More processes of the same command beside this one (并行进程): Python computes on one core each.

The first process starts the others, starts one again that died, and ends them with itself. It
alone accepts connections, and hands them to everybody in turn: the kernel would spread them by a
hash of their addresses, and the few lasting connections of hospitals often lay all with one
process while the others were idle (docs/decisions/018). What it hands out goes through a pair of
sockets, one a process; at its end each of the others sees that the first is gone.
"""
from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

import structlog

PAIR_VARIABLE = "TONGCHOU_CONNECTIONS"        # set for the others: the file number of their end
READY = b"r"                                  # an end says it when it can take connections
HANDED = b"c"                                 # goes along with each connection
LOOK_SECONDS = 0.5
AGAIN_SECONDS = 1.0                           # between two tries of what failed at once
END_SECONDS = 30
BACKLOG = 2048                                # connections
FULL_SECONDS = 0.01                           # until a process that takes nothing is asked again

_log = structlog.get_logger("tongchou.processes")


class Door:
    """Accepts connections on one address and hands them out in turn (连接轮流分派)."""

    def __init__(self, host: str, port: int) -> None:
        """Raises OSError where the address is taken by another program."""
        self._listening = _bound(host, port)
        self.port: int = self._listening.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._ends: list[socket.socket] = []
        self._turn = 0
        self._guard = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="tongchou-door", daemon=True)

    def start(self) -> None:
        """Listens, and hands out from now on to whom `admit` named."""
        self._listening.listen(BACKLOG)
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._thread.start()

    def admit(self, end: socket.socket) -> None:
        """Hands connections to this end too."""
        end.setblocking(False)
        with self._guard:
            if end not in self._ends:
                self._ends.append(end)

    def dismiss(self, end: socket.socket) -> None:
        """Hands it nothing any more."""
        with self._guard:
            if end in self._ends:
                self._ends.remove(end)

    def close(self) -> None:
        """Accepts nothing any more; what was handed out stays."""
        if not self._closed.is_set():
            self._closed.set()
            self._listening.close()

    def _keep(self) -> None:
        with self._selector:
            while not self._closed.is_set():
                if self._selector.select(LOOK_SECONDS):
                    self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:
            return
        except OSError as fault:              # closed, or the process holds too many files
            if not self._closed.wait(AGAIN_SECONDS):
                _log.error("not accepted", fault=type(fault).__name__, number=fault.errno)
            return
        with connection:
            while not self._closed.is_set() and not self._hand(connection):
                self._closed.wait(FULL_SECONDS)

    def _hand(self, connection: socket.socket) -> bool:
        """Whether somebody took it: whose turn it is, or the next who can."""
        with self._guard:
            ends = self._ends[self._turn:] + self._ends[:self._turn]
            for end in ends:
                try:
                    socket.send_fds(end, [HANDED], [connection.fileno()])
                except OSError:               # full, or gone and not yet dismissed
                    continue
                self._turn = (self._ends.index(end) + 1) % len(self._ends)
                return True
        return False


class Others:
    """`count` processes of `command`, kept alive until `stop()`; `door` hands them connections."""

    def __init__(self, command: Sequence[str], count: int, door: Door) -> None:
        self._command, self._count, self._door = list(command), count, door
        self._running: dict[socket.socket, subprocess.Popen] = {}
        self._ready: set[socket.socket] = set()
        self._complete = False
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="tongchou-others", daemon=True)

    def start(self) -> None:
        """Starts them, and looks after them from now on."""
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether all of them take connections, as once they did."""
        return self._complete

    def end(self) -> None:
        """Takes no connection and starts no process any more, and asks those that run to end."""
        self._door.close()
        with self._guard:
            self._ended.set()
        for one in list(self._running.values()):
            one.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ends them and waits; what does not end is killed."""
        self.end()
        until = time.monotonic() + END_SECONDS
        for one in list(self._running.values()):
            try:
                one.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def _keep(self) -> None:
        with selectors.DefaultSelector() as selector:
            while not self._ended.is_set():
                self._bury()
                with self._guard:
                    while not self._ended.is_set() and len(self._running) < self._count:
                        selector.register(self._start_one(), selectors.EVENT_READ)
                for key, _ in selector.select(LOOK_SECONDS):
                    self._hear(selector, key.fileobj)

    def _bury(self) -> None:
        """Forgets those that ended."""
        for end, one in list(self._running.items()):
            if one.poll() is not None and not self._ended.is_set():
                _log.error("process ended", number=one.pid, code=one.returncode)
                del self._running[end]
                self._ended.wait(AGAIN_SECONDS)

    def _start_one(self) -> socket.socket:
        """This process' end of the pair it shares with a new one."""
        end, given = socket.socketpair()
        with given:
            self._running[end] = subprocess.Popen(
                self._command, pass_fds=[given.fileno()],
                env=os.environ | {PAIR_VARIABLE: str(given.fileno())})
        return end

    def _hear(self, selector: selectors.BaseSelector, end: socket.socket) -> None:
        """It can take connections; or it takes no more."""
        try:
            said = end.recv(1)
        except OSError:
            said = b""
        if said:
            self._ready.add(end)
            self._admit()
            return
        self._door.dismiss(end)
        self._ready.discard(end)
        selector.unregister(end)
        end.close()

    def _admit(self) -> None:
        """The first time all together: whoever answers then may say that everybody is ready."""
        if self._complete or len(self._ready) == self._count:
            for end in self._ready:
                self._door.admit(end)
            self._complete = True


def given_end() -> socket.socket | None:
    """The end of the pair that the first process gave this one; None in the first itself."""
    found = os.environ.pop(PAIR_VARIABLE, "")
    if not found.isdigit():
        return None
    end = socket.socket(fileno=int(found))
    end.set_inheritable(False)
    return end


def take(end: socket.socket, on_connection: Callable[[socket.socket], object],
         on_gone: Callable[[], object]) -> None:
    """Takes the connections that lie at an end that does not block; `on_gone` when the first
    process is no more."""
    while True:
        try:
            said, numbers, _, _ = socket.recv_fds(end, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            said, numbers = b"", []
        for number in numbers:
            connection = socket.socket(fileno=number)
            connection.set_inheritable(False)
            on_connection(connection)
        if not said:
            on_gone()
            return


def _bound(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)    # those it accepts have it too
    try:
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    found.setblocking(False)
    return found
