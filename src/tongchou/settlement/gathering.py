"""Requests that wait at the same moment, worked on together (同批处理).

A thread a request would wake and sleep three times for each; one thread that takes whatever waits
does the same work for all of them, one round after the other.
"""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from .company import MOST, WAIT_SECONDS, Company

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gathering(Generic[Item, Result]):
    """Calls `work` in a thread with the items that wait; belongs to one event loop.

    `work` gives one result, or one exception to raise, for each item.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]],
                 threads: Executor) -> None:
        self._work, self._threads = work, threads
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._company = Company()
        self._working = False
        self._patience: asyncio.TimerHandle | None = None      # how long the round still waits

    async def __call__(self, item: Item) -> Result:
        """The result of the item; raises what the work raised for it."""
        mine: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, mine))
        self._look()
        return await mine

    def _look(self) -> None:
        """Begins a round, or waits for company."""
        if self._working or not self._waiting:
            return
        if self._company.complete(len(self._waiting)):
            self._begin()
        elif self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(WAIT_SECONDS, self._begin)

    def _begin(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._working = True
        done = asyncio.get_running_loop().run_in_executor(
            self._threads, self._work, [item for item, _ in taken])
        done.add_done_callback(lambda ended: self._end(taken, ended))

    def _end(self, taken: Sequence[tuple[Item, asyncio.Future[Result]]],
             ended: asyncio.Future[Sequence[Result | Exception]]) -> None:
        self._working = False
        self._company.served(len(taken), len(self._waiting))
        fault = asyncio.CancelledError() if ended.cancelled() else ended.exception()
        found = [fault] * len(taken) if fault else ended.result()
        for (_, future), one in zip(taken, found, strict=True):
            if future.done():                    # who asked has gone
                continue
            if isinstance(one, BaseException):
                future.set_exception(one)
            else:
                future.set_result(one)
        self._look()
