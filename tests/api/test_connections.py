"""Connections are handed out in turn; who is gone or full is passed over."""
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tongchou.processes import PAIR_VARIABLE, READY, Door, Others, take

WAIT_SECONDS = 20


@pytest.fixture
def door() -> Iterator[Door]:
    found = Door("127.0.0.1", 0)
    found.start()
    yield found
    found.close()


def given(end: socket.socket) -> list[socket.socket]:
    """What lies at an end."""
    found: list[socket.socket] = []
    end.setblocking(False)
    take(end, found.append, lambda: None)
    return found


def connect(stack: ExitStack, door: Door, count: int) -> list[socket.socket]:
    return [stack.enter_context(socket.create_connection(("127.0.0.1", door.port)))
            for _ in range(count)]


def waited(ends: list[socket.socket], count: int) -> list[int]:
    """How many connections each end was given, of so many altogether."""
    found, until = [0] * len(ends), time.monotonic() + WAIT_SECONDS
    while sum(found) < count and time.monotonic() < until:
        for place, end in enumerate(ends):
            for connection in given(end):
                found[place] += 1
                connection.close()
        time.sleep(0.01)
    return found


def test_everybody_gets_as_many(door: Door) -> None:
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(3)]
        for own, theirs in pairs:
            stack.enter_context(own)
            stack.enter_context(theirs)
            door.admit(own)
        connect(stack, door, 12)
        assert waited([theirs for _, theirs in pairs], 12) == [4, 4, 4]
        pairs[1][1].close()                      # gone, and not yet dismissed
        connect(stack, door, 8)
        assert waited([pairs[0][1], pairs[2][1]], 8) == [4, 4]
        door.dismiss(pairs[0][0])
        connect(stack, door, 3)
        assert waited([pairs[2][1]], 3) == [3]


def test_a_connection_waits_until_somebody_can_take_it(door: Door) -> None:
    with ExitStack() as stack:
        client, = connect(stack, door, 1)
        time.sleep(0.1)                          # nobody is there yet
        own, theirs = socket.socketpair()
        stack.enter_context(own)
        stack.enter_context(theirs)
        door.admit(own)
        until, found = time.monotonic() + WAIT_SECONDS, []
        while not found and time.monotonic() < until:
            found = given(theirs)
        with found[0] as connection:
            connection.sendall(b"here")
        assert client.recv(10) == b"here"


def test_a_closed_door_takes_nothing(door: Door) -> None:
    door.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", door.port), timeout=1)
    with pytest.raises(OSError):
        Door("192.0.2.1", 1)                     # no address of this machine


TAKER = f"""
import os, socket
end = socket.socket(fileno=int(os.environ[{PAIR_VARIABLE!r}]))
end.send({READY!r})
while True:
    said, numbers, _, _ = socket.recv_fds(end, 1, 1)
    if not said:
        break
    with socket.socket(fileno=numbers[0]) as connection:
        connection.sendall(str(os.getpid()).encode())
"""


def answered_by(door: Door) -> int:
    """The number of who answers; 0 when it is killed just then."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=WAIT_SECONDS) as connection:
        return int(connection.recv(20) or 0)


def test_others_are_admitted_together_and_come_again(door: Door) -> None:
    others = Others([sys.executable, "-c", TAKER], 2, door)
    others.start()
    try:
        until = time.monotonic() + WAIT_SECONDS
        while not others.ready:
            assert time.monotonic() < until
            time.sleep(0.01)
        first = {answered_by(door) for _ in range(4)}
        assert len(first) == 2
        killed = first.pop()
        os.kill(killed, 9)
        while len(now := {answered_by(door) for _ in range(4)} - {0}) < 2 or killed in now:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert first < now
    finally:
        others.stop()
