"""One process of windows that settle as fast as they can; bench/settlement.py starts it.

    python bench/windows.py --region R --people N --windows 4 --seconds 8 (--data DIR | --http PORT)

With --recognise FILE the windows give each person of the file a status from the first day of the
year and settle the year again. Prints `ready`, waits for a line, settles until the time is over,
and prints one line of JSON.
"""
from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from town import TOWNS, Clerk, Town, bill, joined

from tongchou.server import keep_what_stands

Settle = Callable[[dict[str, object], str], None]
WARM_UP = 40
PASSWORD = "bench-only-not-secret"


class Window(threading.Thread):
    """Settles random bills until told to stop; keeps what each took."""

    def __init__(self, settle: Settle, town: Town, people: int, name: str) -> None:
        super().__init__(daemon=True)
        self.settle, self.town, self.people, self.prefix = settle, town, people, name
        self.rng = random.Random(name)
        self.seconds: list[float] = []
        self.until = 0.0
        self.warm, self.go = threading.Event(), threading.Event()

    def one(self, number: int) -> float:
        """Settles one bill; gives the seconds."""
        key = f"{self.prefix}-{number}"
        request = bill(self.rng, self.town, self.people, key)
        begun = time.perf_counter()
        self.settle(request, key)
        return time.perf_counter() - begun

    def run(self) -> None:
        """Warms up, waits, and settles one bill after the other."""
        for number in range(WARM_UP):
            self.one(number)
        self.warm.set()
        self.go.wait()
        number = WARM_UP
        while time.perf_counter() < self.until:
            self.seconds.append(self.one(number))
            number += 1


class Agency(Window):
    """Recognises people instead: their years are settled again."""

    def __init__(self, recognise: Settle, town: Town, people: list[str], name: str) -> None:
        super().__init__(recognise, town, len(people), name)
        self.left = iter(people)

    def run(self) -> None:
        """Warms up with one person, waits, and goes through its people."""
        self.one(next(self.left))
        self.warm.set()
        self.go.wait()
        for number in self.left:
            if time.perf_counter() > self.until:
                return
            self.seconds.append(self.one(number))

    def one(self, number: str) -> float:
        """Recognises one person; gives the seconds."""
        request = {"psn_no": number, "code": "allowance", "from": f"{self.town.year}-01-01",
                   "source": "bench", "reason": "retroactive change"}
        begun = time.perf_counter()
        self.settle(request, f"{self.prefix}-{number}")
        return time.perf_counter() - begun


class Line:
    """A connection to the server that asks and reads, and does nothing more: a client that parses
    headers would take the processor from what is measured."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = b"Host: bench\r\nContent-Type: application/json\r\n"

    def post(self, path: str, body: bytes, *headers: str) -> bytes:
        """The body of a reply 200 or 201; anything else ends the bench with what was said."""
        lines = "".join(f"{line}\r\n" for line in headers)
        self._socket.sendall(b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
            path.encode(), self._head, lines.encode(), len(body), body))
        found = b""
        while (end := found.find(b"\r\n\r\n")) < 0:
            found += self._received()
        length = int(found[:end].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(found) < end + 4 + length:
            found += self._received()
        assert found[9:11] == b"20", found[:2000]
        return found[end + 4:]

    def sign_in(self, user_id: str) -> None:
        """Every later request carries the session."""
        body = json.dumps({"user_id": user_id, "password": PASSWORD, "session": "bearer"})
        token = json.loads(self.post("/api/v1/session", body.encode()))["token"]
        self._head += f"Authorization: Bearer {token}\r\n".encode()

    def settle(self, region: str, request: dict[str, object], key: str) -> None:
        """POST .../settlements."""
        self.post(f"/api/v1/regions/{region}/settlements", json.dumps(request).encode(),
                  f"Idempotency-Key: {key}")

    def _received(self) -> bytes:
        found = self._socket.recv(1 << 16)
        assert found, "the server closed the connection"
        return found


def over_http(port: int, town: Town, windows: int) -> list[Settle]:
    """Windows with a connection each."""
    lines = [Line(port) for _ in range(windows)]
    for line in lines:
        line.sign_in("bench-clerk")
    return [lambda request, key, line=line: line.settle(town.region, request, key)
            for line in lines]


def in_process(data: Path, town: Town, windows: int, recognise: bool) -> list[Settle]:
    """Windows that call the platform in this process."""
    from tongchou.database import open_database
    platform, clerk = joined(open_database(None, data), data), Clerk("bench", town.region)
    act = platform.recognise if recognise else platform.settle
    return [lambda request, key: act(request, key, who=clerk)] * windows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--http", type=int)
    parser.add_argument("--region", required=True)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--run", type=int, default=0)
    parser.add_argument("--process", type=int, default=0)
    parser.add_argument("--recognise", type=Path)
    asked = parser.parse_args()
    town = TOWNS[asked.region]
    settles = over_http(asked.http, town, asked.windows) if asked.http \
        else in_process(asked.data, town, asked.windows, asked.recognise is not None)
    name = f"r{asked.run}-{asked.process}"
    if asked.recognise:
        people = json.loads(asked.recognise.read_text())[asked.process]
        windows = [Agency(settle, town, people[number::asked.windows], f"{name}-{number}")
                   for number, settle in enumerate(settles)]
    else:
        windows = [Window(settle, town, asked.people, f"{name}-{number}")
                   for number, settle in enumerate(settles)]
    for window in windows:
        window.start()
    for window in windows:
        while not window.warm.wait(1):
            assert window.is_alive(), "a window failed while it warmed up"
    keep_what_stands()                     # as the server does before it is ready
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(measured(windows, asked.seconds)), flush=True)


def measured(windows: list[Window], seconds: float) -> dict[str, object]:
    """All windows at once for so many seconds."""
    cpu, begun = time.process_time(), time.perf_counter()
    for window in windows:
        window.until = begun + seconds
        window.go.set()
    for window in windows:
        window.join()
    elapsed = time.perf_counter() - begun
    return {"elapsed": elapsed, "cpu": time.process_time() - cpu,
            "seconds": [spent for window in windows for spent in window.seconds]}


if __name__ == "__main__":
    main()
