"""Doing at once what several windows wait for (组提交).

One of the windows that wait does the work of all: under load a round trip and a flush to disk serve
many. Who comes alone is served at once; where others were served a moment ago, the round waits for
them a little (`company`).
"""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from .company import MOST, WAIT_SECONDS, Company

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(Generic[Item, Result]):
    """An item, and the lock its thread waits at."""

    __slots__ = ("item", "turn", "answered", "answer", "fault")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.turn = Lock()
        self.turn.acquire()
        self.answered = False
        self.answer: Result | None = None
        self.fault: BaseException | None = None


class Together(Generic[Item, Result]):
    """Calls `work` with the items of all threads that wait; gives each its own result.

    `work` gives one result, or one exception to raise, for each item. Items that share anything of
    `apart` are never in one call, and no two calls run at the same time.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]],
                 apart: Callable[[Item], Iterable[Hashable]] = lambda item: ()) -> None:
        self._work, self._apart = work, apart
        self._guard = Lock()
        self._queue: list[_Waiting[Item, Result]] = []
        self._company = Company()
        self._left = 0                         # how many could not go along last time
        self._led = False                      # somebody works, or waits for company
        self._patient: _Waiting[Item, Result] | None = None    # who waits for company

    def __call__(self, item: Item) -> Result:
        """The result of the item; raises what the work raised for it."""
        mine = self._waiting(item)
        if not self._leads(mine):
            mine.turn.acquire()
        if not mine.answered:
            self._lead(mine)
        if mine.fault is not None:
            raise mine.fault
        return mine.answer  # type: ignore[return-value]

    def _waiting(self, item: Item) -> _Waiting[Item, Result]:
        return _Waiting(item)

    def _leads(self, mine: _Waiting[Item, Result]) -> bool:
        """Joins the queue; whether nobody else works, so that this one does."""
        with self._guard:
            leads, self._led = not self._led, True
            self._queue.append(mine)
            if self._patient and self._company.complete(len(self._queue)):
                self._patient.turn.release()
                self._patient = None
        return leads

    def _lead(self, mine: _Waiting[Item, Result]) -> None:
        batch = self._gathered(mine)
        try:
            for one, found in zip(batch, self._work([one.item for one in batch]), strict=True):
                if isinstance(found, Exception):
                    one.fault = found
                else:
                    one.answer = found
        except BaseException as fault:
            for one in batch:
                one.fault = fault
            if not isinstance(fault, Exception):       # the user stops the program
                raise
        finally:
            self._hand_on(len(batch))
            for one in batch:
                one.answered = True
                if one is not mine:
                    one.turn.release()

    def _gathered(self, mine: _Waiting[Item, Result]) -> list[_Waiting[Item, Result]]:
        """Who goes along: as many as were here a moment ago, when they come in time."""
        with self._guard:
            if not self._company.complete(len(self._queue)):
                self._patient = mine
        if self._patient is mine:
            mine.turn.acquire(timeout=WAIT_SECONDS)
        with self._guard:
            self._patient = None
            return self._taken(mine)

    def _taken(self, mine: _Waiting[Item, Result]) -> list[_Waiting[Item, Result]]:
        """Takes from the queue who may come along, in its order."""
        taken, found, left = set(self._apart(mine.item)), [mine], []
        for one in self._queue:
            own = set(self._apart(one.item))
            if one is mine:
                continue
            if len(found) < MOST and taken.isdisjoint(own):
                taken |= own
                found.append(one)
            else:
                left.append(one)
        self._queue, self._left = left, len(left)
        return found

    def _hand_on(self, served: int) -> None:
        """The next who waits leads; nobody waiting, whoever comes."""
        with self._guard:
            self._company.served(served, len(self._queue) - self._left)
            self._led = bool(self._queue)
            if self._queue:
                self._queue[0].turn.release()
