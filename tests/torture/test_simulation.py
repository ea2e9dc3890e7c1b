"""Thousands of interleavings of the service's statements, each explained by an order of its calls.

On failure the seed and the history are printed; TORTURE_SEED=n runs that interleaving alone.
"""
from __future__ import annotations

import json
import os
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from books import check_books
from scenarios import REGIMES, SINGLE, explain, resolve, scenario
from settling import Window
from simulator import Simulator

from tongchou.database import Database
from tongchou.engine import Claim, Person, StatusSpan
from tongchou.settlement import SettlementService

CALLS_MAX, WINDOWS_MAX = 6, 4
CI, LONG = 150, 3000


@pytest.fixture(scope="module")
def window(database: Database) -> Window:
    return Window(database, REGIMES)


@pytest.fixture(params=[0.0, 0.06], ids=["sound wires", "breaking wires"])
def simulator(window: Window, request: pytest.FixtureRequest) -> Iterator[Simulator]:
    made = Simulator(window, faults=request.param)
    yield made
    made.close()


def one(simulator: Simulator, seed: int, counts: Counter) -> None:
    """The interleaving of a seed."""
    window = simulator.window
    made = scenario(random.Random(seed), f"{uuid.uuid4().hex[:8]}X{seed}", WINDOWS_MAX, CALLS_MAX)
    window.enrol(made.region, *made.persons.values())
    history = simulator.run(seed, made.region, [made.before], resolve) if made.before else []
    for call in history:
        call.called -= 10 ** 6
        call.returned -= 10 ** 6
    history = simulator.run(seed + 1, made.region, made.windows, resolve, history)
    try:
        explain(window, made, history)
    except AssertionError:
        print(f"TORTURE_SEED={seed}")
        print("\n".join(simulator.turns.trace))
        raise
    counts["histories"] += 1
    counts["calls"] += len(history)
    counts["statements"] += simulator.turns.step
    counts.update(call.refused for call in history if call.refused)


def many(simulator: Simulator, count: int) -> None:
    """Interleavings of seeds in a row, then the books."""
    chosen = os.environ.get("TORTURE_SEED")
    seeds = [int(chosen)] if chosen else range(count)
    counts: Counter[str] = Counter()
    for seed in seeds:
        one(simulator, seed, counts)
    check_books(simulator.window.database)
    assert count < CI or chosen or simulator.together > count, "nobody ever waited for another"
    print(f"{counts} with {simulator.broken} broken wires, {simulator.together} statements "
          "carried out along with another's: every history explained")


def test_every_interleaving_is_explained(simulator: Simulator) -> None:
    many(simulator, CI)


@pytest.mark.long
def test_thousands_of_interleavings_are_explained(simulator: Simulator) -> None:
    many(simulator, LONG)


class Meanwhile:
    """A connection that lets something happen just before a settlement is written."""

    def __init__(self, real: psycopg.Connection, happens: Callable[[], None]) -> None:
        self.real, self.happens = real, happens

    def execute(self, query: str, values: object) -> psycopg.Cursor:
        """As the real one, later."""
        if "write_settlement" in query:
            self.happens()
        return self.real.execute(query, values)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@pytest.mark.clause("GZ-26")
def test_a_recognition_is_not_missed_by_a_first_bill(window: Window) -> None:
    name = f"R{uuid.uuid4().hex[:10]}"
    window.enrol(SINGLE, Person(name, "residents", born="1958-03-01", sex="male"))
    claim = Claim(f"{name}V", name, "inpatient", "2", "local", "due", "2024-03-01", "2024-03-02",
                  "2024-03-02T10:00:00", (0, 0, 0, 9_000_000), hospital_id="H1")
    changes: list[str] = []

    def recognised() -> None:
        known = window.people.known[name]
        if not known.statuses:
            window.people.known[name] = replace(known, statuses=(
                StatusSpan("allowance", "2024-01-01", ""),))
            changes.append(window.service.recompute(SINGLE, name, "status", "tester", None, "00"))

    @contextmanager
    def connect() -> Iterator[Meanwhile]:
        with window.database.connection() as connection:
            yield Meanwhile(connection, recognised)

    service = SettlementService(connect, window.regimes, window.people, window.tick,
                                window.service.new_id)
    answer = json.loads(service.settle(window.asked(SINGLE, claim)))
    seen = answer["chosen_status"] == "allowance" or json.loads(changes[0])["changed"]
    assert seen, "the bill stands without the assistance, and nothing will settle it again"


class AfterHistory:
    """A connection that lets something happen once, right after a person's history was read."""

    def __init__(self, real: psycopg.Connection, happens: Callable[[], None]) -> None:
        self.real, self.happens = real, happens

    def execute(self, query: str, values: object = None) -> psycopg.Cursor:
        """As the real one, then the thing."""
        found = self.real.execute(query, values)
        if "from settlement s" in query:
            self.happens()
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@pytest.mark.clause("GZ-26")
def test_a_bill_that_came_while_it_read(window: Window) -> None:
    """A recomputation finds no bill, then a first one is written from what was known before: it is
    seen, and settled again. (Seed 1169 of the long run found that it was not.)"""
    name = f"R{uuid.uuid4().hex[:10]}"
    window.enrol(SINGLE, Person(name, "residents", born="1958-03-01", sex="male"))
    claim = Claim(f"{name}V", name, "inpatient", "2", "local", "due", "2024-03-01", "2024-03-02",
                  "2024-03-02T10:00:00", (0, 0, 0, 9_000_000), hospital_id="H1")
    answers: list[str] = []

    def a_bill_comes() -> None:
        if not answers:
            answers.append("")
            known = window.people.known[name]
            window.people.known[name] = replace(known, statuses=())
            answers[0] = window.service.settle(window.asked(SINGLE, claim))
            window.people.known[name] = known

    @contextmanager
    def connect() -> Iterator[AfterHistory]:
        with window.database.connection() as connection:
            yield AfterHistory(connection, a_bill_comes)

    window.people.known[name] = replace(window.people.known[name], statuses=(
        StatusSpan("allowance", "2024-01-01", ""),))
    service = SettlementService(connect, window.regimes, window.people, window.tick,
                                window.service.new_id)
    changed = json.loads(service.recompute(SINGLE, name, "status", "tester", None, "00"))["changed"]
    assert json.loads(answers[0])["chosen_status"] == "none"
    assert [one["setl_id"] for one in changed] == [json.loads(answers[0])["setl_id"]]
