"""More processes of the same command beside this one (并行进程): Python computes on one core each.

The first process starts the others, starts one again that died, and ends them with itself. Each of
them ends when the first is gone, however that went.
"""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

import structlog

FIRST_VARIABLE = "TONGCHOU_FIRST_PROCESS"     # set for the others: the number of the first
LOOK_SECONDS = 0.5
AGAIN_SECONDS = 1.0                           # between two starts of one that dies at once
END_SECONDS = 30

_log = structlog.get_logger("tongchou.processes")


class Others:
    """`count` processes of `command`, kept alive until `stop()`."""

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command, self._count = list(command), count
        self._running: list[subprocess.Popen] = []
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="tongchou-others", daemon=True)

    def start(self) -> None:
        """Starts them, and looks after them from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Asks them to end and waits; what does not end is killed."""
        with self._guard:
            self._ended.set()
        for one in self._running:
            one.send_signal(signal.SIGTERM)
        until = time.monotonic() + END_SECONDS
        for one in self._running:
            try:
                one.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def _keep(self) -> None:
        while not self._ended.is_set():
            for one in [one for one in self._running if one.poll() is not None]:
                _log.error("process ended", number=one.pid, code=one.returncode)
                self._running.remove(one)
                self._ended.wait(AGAIN_SECONDS)
            with self._guard:
                while not self._ended.is_set() and len(self._running) < self._count:
                    self._running.append(subprocess.Popen(
                        self._command, env=os.environ | {FIRST_VARIABLE: str(os.getpid())}))
            self._ended.wait(LOOK_SECONDS)


def first_process() -> int | None:
    """The number of the process that started this one; None in the first itself."""
    found = os.environ.get(FIRST_VARIABLE, "")
    return int(found) if found.isdigit() else None


def end_with(number: int, end: Callable[[], object]) -> None:
    """Calls `end` once the process `number` is no longer the parent of this one."""
    def look() -> None:
        while os.getppid() == number:
            time.sleep(LOOK_SECONDS)
        end()
    threading.Thread(target=look, name="tongchou-first", daemon=True).start()


def shared_socket(host: str, port: int) -> socket.socket:
    """A bound socket on an address that the processes share: the kernel spreads connections.

    Raises OSError where the address is taken by another program.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    return found
