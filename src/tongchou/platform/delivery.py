"""The sender of the outbox (消息投递): a thread that hands waiting messages to one receiver.

    sender = Sender(platform.deliver, receiver_of(address), note=print)
    sender.start()
    sender.stop()           # the message under way is ended, the others wait for the next start

Several processes may run one: a shard's messages leave by one of them at a time, in their order.
"""
from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from ..errors import TongchouError
from ..settlement import outbox
from .receivers import MessageRefused, Receiver, ReceiverAway

ROUND_MESSAGES = 200
IDLE_SECONDS = 1.0
REFUSED_SECONDS = 5.0           # a refused message is asked again this often
AWAY_SECONDS_MAX = 60.0
STOP_SECONDS = 10.0
Deliver = Callable[[Callable[[outbox.Message], None], int], outbox.Delivery]

_log = structlog.get_logger("tongchou.outbox")


class Stopping(Exception):
    """The sender is to end: the message stays for the next start."""


@dataclass
class Round:
    """What one look at the outbox did. `away` and `fault` say why it could do no more."""

    sent: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    refused: dict[str, str] = field(default_factory=dict)     # outbox_id -> why
    away: str = ""
    fault: str = ""


class Sender:
    """Delivers until it is stopped. `note` is told of every round; `wait` sleeps, and is true when
    the sender is to end."""

    def __init__(self, deliver: Deliver, receiver: Receiver,
                 note: Callable[[Round], None] = lambda found: None,
                 wait: Callable[[float], bool] | None = None) -> None:
        self._deliver, self._receiver, self._note = deliver, receiver, note
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._thread = threading.Thread(target=self._run, name="tongchou-outbox", daemon=True)
        self._failures = 0
        self._told: set[str] = set()

    def start(self) -> None:
        """Begins to deliver, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the message under way; waits for that."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def round(self) -> Round:
        """Delivers what waits, at most `ROUND_MESSAGES`; raises nothing that the outside causes."""
        found = Round()

        def send(message: outbox.Message) -> None:
            if self._stopping.is_set():
                raise Stopping
            if found.away:              # the other shards need not find out by themselves
                raise ReceiverAway(found.away)
            try:
                self._receiver(message)
            except ReceiverAway as fault:
                found.away = str(fault)
                raise
            except MessageRefused as fault:
                found.refused[message.outbox_id] = str(fault)
                raise

        try:
            done = self._deliver(send, ROUND_MESSAGES)
            found.sent, found.oldest = done.sent, done.oldest
            found.waiting = done.waiting - done.sent
        except TongchouError as error:
            found.fault = error.code
        except Exception as fault:  # noqa: BLE001 - the thread must live; the log says what it was
            found.fault = type(fault).__name__
        return found

    def _run(self) -> None:
        while not self._stopping.is_set():
            found = self.round()
            self._tell(found)
            self._note(found)
            pause = self._pause(found)
            if pause and self._wait(pause):
                break

    def _pause(self, found: Round) -> float:
        """Seconds until the next look: growing while nobody answers, none while there is more."""
        if found.away or found.fault:
            self._failures += 1
            longest = min(IDLE_SECONDS * 2 ** min(self._failures, 10), AWAY_SECONDS_MAX)
            return random.uniform(longest / 2, longest)
        self._failures = 0
        if found.sent == ROUND_MESSAGES:
            return 0.0
        return REFUSED_SECONDS if found.refused and not found.sent else IDLE_SECONDS

    def _tell(self, found: Round) -> None:
        """A line of log when it stops working and when it works again, not for every try."""
        if (found.away or found.fault) and not self._failures:
            _log.warning("messages wait", reason=found.away or found.fault, waiting=found.waiting)
        elif self._failures and not found.away and not found.fault:
            _log.info("messages leave again", sent=found.sent)
        for outbox_id, why in found.refused.items():
            if outbox_id not in self._told:
                _log.warning("message refused by the receiver", outbox_id=outbox_id, reason=why)
        self._told = set(found.refused) | (self._told if found.away or found.fault else set())
