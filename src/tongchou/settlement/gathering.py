"""Requests that wait at the same moment, worked on together (同批处理).

A thread a request would wake and sleep three times for each; one thread that takes whatever waits
does the same work for all of them.
"""
from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST = 32
ROUNDS = 2       # one computes while the database works for the other


class Gathering(Generic[Item, Result]):
    """Calls `work` in a thread with the items that wait; belongs to one event loop.

    `work` gives one result, or one exception to raise, for each item.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result | Exception]],
                 threads: Executor) -> None:
        self._work, self._threads = work, threads
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._free = ROUNDS

    async def __call__(self, item: Item) -> Result:
        """The result of the item; raises what the work raised for it."""
        mine: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, mine))
        self._begin()
        return await mine

    def _begin(self) -> None:
        while self._free and self._waiting:
            taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self._free -= 1
            done = asyncio.get_running_loop().run_in_executor(
                self._threads, self._work, [item for item, _ in taken])
            done.add_done_callback(lambda ended, taken=taken: self._end(taken, ended))

    def _end(self, taken: Sequence[tuple[Item, asyncio.Future[Result]]],
             ended: asyncio.Future[Sequence[Result | Exception]]) -> None:
        self._free += 1
        fault = asyncio.CancelledError() if ended.cancelled() else ended.exception()
        found = [fault] * len(taken) if fault else ended.result()
        for (_, future), one in zip(taken, found, strict=True):
            if future.done():                    # who asked has gone
                continue
            if isinstance(one, BaseException):
                future.set_exception(one)
            else:
                future.set_result(one)
        self._begin()
