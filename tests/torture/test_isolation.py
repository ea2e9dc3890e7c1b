"""Eight windows at a ceiling give the same books whatever isolation the server has by default.

The service relies on versions and row locks, not on an isolation level: under a stricter default
PostgreSQL refuses some writes as conflicts; they are tried again, by the service or the client.
"""
from __future__ import annotations

import threading
import time
import uuid
from collections import Counter

import pytest
from books import check_books
from test_settlement_windows import CEILING, REGIMES, REGION, WINDOWS, bill, ceiling_fen, paid_of
from psycopg.conninfo import make_conninfo
from settling import Window

from tongchou.database import Database
from tongchou.engine import Person, settle_year
from tongchou.errors import Refusal

LEVELS = ("read committed", "repeatable read", "serializable")
PEOPLE, LONG = 12, 200
AGAIN, PATIENCE_SECONDS = {"database-busy", "too-busy"}, 60


def crowded(window: Window, people: int) -> Counter[str]:
    """Eight clerks settle a bill each for one person after another; what had to be asked again."""
    run, again = uuid.uuid4().hex[:8], Counter[str]()
    names = [f"I{run}{number}" for number in range(people)]
    window.enrol(REGION, *(Person(name, "residents", born="1958-03-01", sex="male")
                           for name in names))
    barrier = threading.Barrier(WINDOWS)

    def settle(name: str, number: int) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        asked = window.asked(REGION, bill(name, number, 9_000_000), f"{name}{number}")
        while time.monotonic() < end:
            try:
                window.service.settle(asked)
                again["answered"] += 1
                return
            except Refusal as refusal:
                assert refusal.code in AGAIN, refusal
                again[refusal.code] += 1

    def clerk(number: int) -> None:
        for name in names:
            barrier.wait()
            settle(name, number)

    clerks = [threading.Thread(target=clerk, args=(number,)) for number in range(WINDOWS)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    assert again["answered"] == people * WINDOWS, again
    for name in names:
        check_paid(window, name)
    return again


def check_paid(window: Window, name: str) -> None:
    """The ceiling is reached exactly, as when one settles after another."""
    claims = [bill(name, number, 9_000_000) for number in range(WINDOWS)]
    alone = settle_year(window.regimes.packs(REGION)[0], {name: window.people.known[name]}, claims)
    wanted: dict[str, int] = {}
    for trace in (trace for one in alone for trace in one.layers):
        wanted[trace.rule.fund] = wanted.get(trace.rule.fund, 0) + trace.paid
    paid = paid_of(window, name)
    assert paid == {fund: fen for fund, fen in wanted.items() if fen}
    assert paid[CEILING] == ceiling_fen(window)


@pytest.mark.parametrize("people", [PEOPLE, pytest.param(LONG, marks=pytest.mark.long)])
@pytest.mark.parametrize("level", LEVELS)
def test_no_isolation_level_changes_the_books(database: Database, level: str, people: int) -> None:
    options = "-c default_transaction_isolation=" + level.replace(" ", r"\ ")
    strict = Database(make_conninfo(database.url, options=options), server=database.server)
    try:
        with strict.connection() as connection:
            shown = connection.execute("show transaction_isolation").fetchone()
        assert shown == (level,)
        again = crowded(Window(strict, REGIMES), people)
        counts = check_books(database)
    finally:
        if strict._pool is not None:
            strict._pool.close()
    print(f"{level}: {dict(again)}; {counts['settlement']} settlements, ceiling never passed")
