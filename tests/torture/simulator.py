"""Windows of one service in one process, interleaved as a seed says (确定性模拟).

Each window is a thread with a connection of its own, but only one runs at a time: before every
statement it hands the turn to the window that the seed names. The clock, the numbers and the faults
come from the same seed, so one number replays a run. A fault is a connection that breaks before a
statement is carried out, or after it, so that its answer is lost; the client asks again.

A window inside a transaction holds its locks over its turns; windows whose next statement takes a
lock wait then, as PostgreSQL would make them. A window whose statement another one carries out
along with its own (组提交) rests, and takes no turn until that is done.
"""
from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
from history import Call
from settling import Window

from tongchou.errors import Refusal
from tongchou.settlement import SettlementService, body_hash
from tongchou.settlement.company import Company
from tongchou.settlement.together import Together, _Waiting

LOCKING = ("insert", "for update", "write_settlement")
WINDOWS_MAX = 4
LOST = "the connection broke (simulated)"


class Turns:
    """Who may run: one window at a time, the next by the seed's dice."""

    def __init__(self, dice: random.Random, windows: int) -> None:
        self.dice, self.step = dice, 0
        self.waiting: dict[int, str] = dict.fromkeys(range(windows), "")
        self.running: int | None = None
        self.holder: int | None = None        # the window whose transaction holds locks
        self.trace: list[str] = []
        self._changed = threading.Condition()

    def wait(self, window: int, statement: str) -> None:
        """Gives the turn away, and comes back when it is this window's again."""
        with self._changed:
            self.waiting[window] = statement
            self._let_go(window)
            while self.running != window:
                self._changed.wait(30) or self._stuck(window)
            del self.waiting[window]

    def end(self, window: int) -> None:
        """The window has nothing more to do."""
        with self._changed:
            self._gone.add(window)
            self._let_go(window)

    def rest(self, window: int) -> None:
        """The window waits for another one's statement."""
        with self._changed:
            self._resting.add(window)
            self._let_go(window)

    def wake(self, window: int) -> None:
        """What it waited for is done: it will want a turn again."""
        with self._changed:
            self._resting.discard(window)

    def _let_go(self, window: int) -> None:
        """When nobody runs and all who may are waiting, the next is chosen."""
        if self.running == window:
            self.running = None
        if self.running is None and len(self.waiting) == self._expected():
            self._next()

    def start(self, windows: Sequence[int]) -> None:
        """Everybody waits; the first is chosen when all are here."""
        self.waiting, self._gone, self._all = {}, set(), set(windows)
        self._resting: set[int] = set()
        self.running = None

    def _expected(self) -> int:
        return len(self._all - self._gone - self._resting)

    def _next(self) -> None:
        may = [one for one, statement in sorted(self.waiting.items())
               if self.holder in (None, one) or not _locks(statement)]
        self.running = self.dice.choice(may) if may else None
        self.step += 1
        self.trace.append(f"{self.step}: {self.running} {self.waiting.get(self.running, '')[:40]}")
        self._changed.notify_all()

    def _stuck(self, window: int) -> None:
        raise AssertionError(f"window {window} never got its turn: {self.waiting}, {self.holder}")


class Rest:
    """The lock at which a window waits for another's statement; the scheduler knows of it."""

    def __init__(self, turns: Turns, window: int) -> None:
        self._turns, self._window, self._done = turns, window, threading.Event()

    def acquire(self) -> None:
        """Waits until it is released, then for its turn."""
        self._turns.rest(self._window)
        assert self._done.wait(60), f"window {self._window} was forgotten"
        self._turns.wait(self._window, "done by another")

    def release(self) -> None:
        """Lets it go on."""
        self._turns.wake(self._window)
        self._done.set()


class Hurried(Company):
    """Waits for nobody: how long company takes is not the scheduler's."""

    def complete(self, waiting: int) -> bool:
        """At once."""
        return True


class Stepped(Together):
    """The service's own Together, whose waiting windows take no turn."""

    def __init__(self, simulator: "Simulator", of: Together) -> None:
        super().__init__(of._work, of._apart)
        self._simulator, self._company = simulator, Hurried()

    def _waiting(self, item: object) -> _Waiting:
        mine = super()._waiting(item)
        mine.turn = Rest(self._simulator.turns, self._simulator._local.wire._window)
        return mine

    def _leads(self, mine: _Waiting) -> bool:
        leads = super()._leads(mine)
        self._simulator.together += not leads
        return leads


def _locks(statement: str) -> bool:
    return any(word in statement for word in LOCKING)


class Wire:
    """A connection whose statements are carried out in turn, and which may break."""

    def __init__(self, simulator: "Simulator", window: int, real: psycopg.Connection) -> None:
        self._simulator, self._window, self._real = simulator, window, real
        self._inside = False

    @property
    def autocommit(self) -> bool:
        """As of the real one."""
        return self._real.autocommit

    @autocommit.setter
    def autocommit(self, wanted: bool) -> None:
        self._real.autocommit = wanted

    @property
    def closed(self) -> bool:
        """Never: what breaks is mended before its next use."""
        return self._real.closed

    def execute(self, query: str, values: object = None) -> psycopg.Cursor:
        """In turn; raises OperationalError where the seed breaks the wire."""
        turns = self._simulator.turns
        turns.wait(self._window, query)
        if self._inside and _locks(query):
            turns.holder = self._window
        self._maybe_break("before")
        done = self._real.execute(query, values)
        self._maybe_break("after")
        return done

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As of the real one; its locks are held over turns."""
        self._inside = True
        try:
            with self._real.transaction():
                yield
                self._simulator.turns.wait(self._window, "commit")
                self._maybe_break("before commit")
            self._maybe_break("after commit")
        finally:
            self._inside = False
            if self._simulator.turns.holder == self._window:
                self._simulator.turns.holder = None

    def _maybe_break(self, when: str) -> None:
        if self._simulator.dice.random() < self._simulator.faults:
            self._simulator.broken += 1
            self._simulator.turns.trace.append(f"    broken {when}")
            raise psycopg.OperationalError(LOST)


class Simulator:
    """Runs histories on a window's database; threads and connections are kept between them."""

    def __init__(self, window: Window, faults: float = 0.0) -> None:
        self.window, self.faults, self.broken, self.together = window, faults, 0, 0
        self.dice, self.turns = random.Random(0), Turns(random.Random(0), 0)
        self._local = threading.local()
        self._threads = [ThreadPoolExecutor(1) for _ in range(WINDOWS_MAX)]
        self._wires = [Wire(self, number, self._connected()) for number in range(WINDOWS_MAX)]
        self.service = SettlementService(self._connect, window.regimes, window.people,
                                         window.tick, window.service.new_id)
        self.service._together = Stepped(self, self.service._together)

    def _connected(self) -> psycopg.Connection:
        real = psycopg.connect(self.window.database.url)
        real.execute("set role tongchou_service; set time zone 'UTC'; set lock_timeout = '20s'")
        real.commit()
        return real

    @contextmanager
    def _connect(self) -> Iterator[Wire]:
        wire = self._local.wire
        try:
            with self.window.database.refusing():
                yield wire
        except BaseException:
            wire._real.rollback()
            raise
        wire._real.commit()

    def close(self) -> None:
        """Ends threads and connections."""
        for thread in self._threads:
            thread.shutdown()
        for wire in self._wires:
            wire._real.close()

    def run(self, seed: int, region: str, plans: Sequence[Sequence[Call]],
            resolve: Callable[[Call, list[Call]], None], before: Sequence[Call] = (),
            ) -> list[Call]:
        """Carries out every window's calls, interleaved by the seed; gives the history.

        `resolve` fills in what a call takes from earlier answers, just before it is made; `before`
        is what was called earlier.
        """
        self.dice = random.Random(seed)
        self.turns = Turns(self.dice, len(plans))
        self.turns.start(range(len(plans)))
        history = list(before)
        ends = [self._threads[number].submit(self._live, number, region, plan, history, resolve)
                for number, plan in enumerate(plans)]
        for end in ends:
            end.result()
        return history

    def _live(self, window: int, region: str, plan: Sequence[Call], history: list[Call],
              resolve: Callable[[Call, list[Call]], None]) -> None:
        self._local.wire = self._wires[window]
        try:
            for call in plan:
                self.turns.wait(window, "call")
                resolve(call, history)
                call.called = self.turns.step
                history.append(call)
                made_call(self.window, self.service, region, call)
                call.returned = self.turns.step
        finally:
            self.turns.end(window)


def made_call(window: Window, service: SettlementService, region: str, call: Call) -> None:
    """Makes the call until it is answered, always under its key; keeps the answer in it."""
    while not call.answer and not call.refused:
        try:
            call.answer = _made(window, service, region, call)
        except Refusal as refusal:
            if refusal.code != "database-unavailable":
                call.refused = refusal.code


def _made(window: Window, service: SettlementService, region: str, call: Call) -> str:
    person = call.person.person_id if call.person else ""
    body = body_hash({"body": repr(call.body)})
    if call.kind == "learn":
        window.people.known[person] = call.person
        return "known"
    if call.kind == "settle":
        return service.settle(window.asked(region, call.claim, call.key))
    if call.kind == "presettle":
        return json.dumps(service.presettle(window.asked(region, call.claim)))
    if call.kind == "reverse":
        return service.reverse(region, person, call.setl_id, call.refund, "tester", call.key, body)
    return service.recompute(region, person, "status", "tester", call.key, body)
