"""Doing at once what several windows wait for (组提交).

Whoever comes first does the work alone and at once; those who come meanwhile wait, and one of them
then does the work of all. Nobody waits for company, and under load a round trip and a flush to disk
serve many.
"""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 32


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
    `apart` are never in one call. `leaders` calls may run at the same time.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]],
                 apart: Callable[[Item], Iterable[Hashable]] = lambda item: (),
                 leaders: int = 1) -> None:
        self._work, self._apart = work, apart
        self._free = leaders
        self._guard = Lock()
        self._queue: list[_Waiting[Item, Result]] = []

    def __call__(self, item: Item) -> Result:
        """The result of the item; raises what the work raised for it."""
        mine: _Waiting[Item, Result] = _Waiting(item)
        with self._guard:
            leads = self._free > 0
            if leads:
                self._free -= 1
            else:
                self._queue.append(mine)
        if not leads:
            mine.turn.acquire()
        if not mine.answered:
            self._lead(mine)
        if mine.fault is not None:
            raise mine.fault
        return mine.answer  # type: ignore[return-value]

    def _lead(self, mine: _Waiting[Item, Result]) -> None:
        batch = [mine, *self._company(mine)]
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
            self._hand_on()
            for one in batch:
                one.answered = True
                one.turn.release()

    def _company(self, mine: _Waiting[Item, Result]) -> list[_Waiting[Item, Result]]:
        """Takes from the queue who may come along, in its order."""
        taken, found, left = set(self._apart(mine.item)), [], []
        with self._guard:
            for one in self._queue:
                own = set(self._apart(one.item))
                if len(found) < MOST and taken.isdisjoint(own):
                    taken |= own
                    found.append(one)
                else:
                    left.append(one)
            self._queue = left
        return found

    def _hand_on(self) -> None:
        """The next who waits leads; nobody waiting, the place is free."""
        with self._guard:
            if self._queue:
                self._queue.pop(0).turn.release()
            else:
                self._free += 1
