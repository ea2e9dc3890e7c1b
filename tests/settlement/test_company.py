"""Rounds of windows that wait: nobody alone waits, those served together meet again."""
import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tongchou.settlement.company import WAIT_SECONDS, Company
from tongchou.settlement.gathering import Gathering
from tongchou.settlement.together import Together

ROUND_SECONDS = 0.01
CLIENTS, TIMES = 6, 40
Work = Callable[[Sequence[int]], list[int]]


def working(sizes: list[int]) -> Work:
    """Doubles what it is given, slowly, and notes how much it was given at once."""
    def work(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        time.sleep(ROUND_SECONDS)
        return [2 * item for item in items]
    return work


def in_threads(call: Callable[[int], int]) -> None:
    """Clients that ask again as soon as they are answered."""
    def client(number: int) -> None:
        for turn in range(TIMES):
            wanted = number * TIMES + turn
            found.append((wanted, call(wanted)))
    found: list[tuple[int, int]] = []
    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
        assert not one.is_alive(), "a window waits for ever"
    assert sorted(found) == [(wanted, 2 * wanted) for wanted in range(CLIENTS * TIMES)]


def in_a_loop(work: Work) -> None:
    async def client(number: int) -> None:
        for turn in range(TIMES):
            wanted = number * TIMES + turn
            assert await gathering(wanted) == 2 * wanted

    async def clients() -> None:
        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    with ThreadPoolExecutor(4) as threads:
        gathering: Gathering[int, int] = Gathering(work, threads)
        asyncio.run(asyncio.wait_for(clients(), 30))


def test_those_served_together_meet_again() -> None:
    sizes: list[int] = []
    in_threads(Together(working(sizes)))
    assert sum(sizes) == CLIENTS * TIMES
    assert len(sizes) < 1.5 * TIMES, sizes       # of six at once, but for the beginning
    in_a_loop(working(sizes := []))
    assert sum(sizes) == CLIENTS * TIMES
    assert len(sizes) < 1.5 * TIMES, sizes


def test_who_comes_alone_does_not_wait() -> None:
    together: Together[int, int] = Together(lambda items: list(items))
    began = time.perf_counter()
    for turn in range(100):
        assert together(turn) == turn
    assert time.perf_counter() - began < 50 * WAIT_SECONDS


def test_company_that_stays_away_is_waited_for_once() -> None:
    sizes: list[int] = []
    together = Together(working(sizes))
    in_threads(together)
    began = time.perf_counter()
    assert together(1) == 2                      # five others were here a moment ago
    assert time.perf_counter() - began < WAIT_SECONDS + 5 * ROUND_SECONDS
    company = Company()
    company.served(5, 1)
    assert not company.complete(5) and company.complete(6)
    company.served(1, 0)
    assert company.complete(1)


def test_what_may_not_go_together_never_does() -> None:
    def work(items: Sequence[int]) -> list[int]:
        assert len({item % 2 for item in items}) == len(items)
        time.sleep(ROUND_SECONDS / 10)
        return [2 * item for item in items]
    in_threads(Together(work, lambda item: [item % 2]))


def test_a_fault_is_told_to_everybody_it_met() -> None:
    def work(items: Sequence[int]) -> list[int | Exception]:
        time.sleep(ROUND_SECONDS / 10)
        if any(item % 7 == 3 for item in items):
            raise LookupError("the round broke")
        return [ValueError(str(item)) if item % 5 == 2 else 2 * item for item in items]

    def asked(item: int) -> int:
        try:
            return together(item)
        except ValueError as fault:
            assert item % 5 == 2 and str(fault) == str(item)
        except LookupError:
            pass
        return 2 * item
    together: Together[int, int] = Together(work)
    in_threads(asked)
    with pytest.raises(LookupError):
        together(3)
