"""Calls that overlap in real threads: some order of them explains every answer.

Up to six calls on one person or family; the moment of each call and of each answer is recorded.
"""
from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from books import check_books
from history import Call
from scenarios import FAMILY, REGIMES, explain, resolve, scenario
from settling import Window
from simulator import made_call

from tongchou.database import Database
from tongchou.engine import Claim, Person

CALLS_MAX = WINDOWS = 6
CI, LONG = 150, 3000


@pytest.fixture(scope="module")
def window(database: Database) -> Window:
    return Window(database, REGIMES)


def at_once(window: Window, pool: ThreadPoolExecutor, region: str, plans: Sequence[Sequence[Call]],
            before: list[Call]) -> list[Call]:
    """Carries out every window's calls, all windows started by one barrier; the history."""
    barrier, history = threading.Barrier(len(plans)), list(before)

    def live(plan: Sequence[Call]) -> None:
        barrier.wait()
        for call in plan:
            resolve(call, list(history))
            call.called = time.monotonic_ns()
            made_call(window, window.service, region, call)
            call.returned = time.monotonic_ns()
            history.append(call)

    for end in [pool.submit(live, plan) for plan in plans]:
        end.result()
    return history


def overlapping(calls: Sequence[Call]) -> int:
    """Pairs of calls of which neither had returned when the other was made."""
    return sum(one.called < other.returned and other.called < one.returned
               for place, one in enumerate(calls) for other in calls[:place])


def many(window: Window, count: int) -> None:
    """Histories of seeds in a row, then the books."""
    chosen = os.environ.get("TORTURE_SEED")
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(WINDOWS) as pool:
        for seed in [int(chosen)] if chosen else range(count):
            made = scenario(random.Random(seed), f"{uuid.uuid4().hex[:8]}T{seed}", WINDOWS,
                            CALLS_MAX)
            window.enrol(made.region, *made.persons.values())
            before = at_once(window, pool, made.region, [made.before], [])
            history = at_once(window, pool, made.region, made.windows, before)
            try:
                explain(window, made, history)
            except AssertionError:
                print(f"TORTURE_SEED={seed} (threads: it may take several runs)")
                raise
            counts["histories"] += 1
            counts["calls"] += len(history)
            counts["overlapping pairs"] += overlapping(history)
            counts.update(call.refused for call in history if call.refused)
    check_books(window.database)
    print(f"{dict(counts)}: every history explained")


def test_some_order_explains_what_overlapping_calls_were_answered(window: Window) -> None:
    many(window, CI)


@pytest.mark.long
def test_thousands_of_histories_are_explained(window: Window) -> None:
    many(window, LONG)


@pytest.mark.clause("ZB-27")
def test_a_family_at_four_windows_is_not_refused(window: Window) -> None:
    answers: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        for number in range(5):
            run = f"{uuid.uuid4().hex[:8]}F{number}"
            names = [f"{run}{letter}" for letter in "abcd"]
            window.enrol(FAMILY, *(Person(name, "residents", run, "1958-03-01", "male")
                                   for name in names))
            calls = [[Call(0, "settle", f"{name}V", Claim(
                f"{name}V", name, "inpatient", "2", "local", "due", "2023-03-01", "2023-03-02",
                "2023-03-02T10:00:00", (0, 0, 0, 900_000), hospital_id="H1"))] for name in names]
            answers += [call.refused for call in at_once(window, pool, FAMILY, calls, [])]
    assert set(answers) == {""}, Counter(answers)
