"""Several windows at once: one person near a ceiling, one request many times, one crowded year."""
from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from settling import Window

from tongchou.database import Database, shard_of
from tongchou.engine import Claim, Person, settle_year
from tongchou.errors import Refusal

REGION, FAMILY_REGION = "990100", "370300"
PLAIN = Path(__file__).parents[2] / "bench" / "packs" / "peer_workload.yaml"
REGIMES = {REGION: (str(PLAIN), None, "2023-01-01"),
           FAMILY_REGION: ("zibo/2023", "candidate", "2023-01-01")}
WINDOWS = 8
ROUNDS = 1000
CEILING = "residents_basic"


def bill(person: str, number: int, total: int, time: str = "2023-05-02T09:00:00") -> Claim:
    """A stay at a third-level hospital, all of it in policy scope."""
    return Claim(f"{person}-{number}", person, "inpatient", "3", "local", "due", "2023-05-01",
                 "2023-05-02", time, (0, 0, 0, total), hospital_id=f"H{number}")


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """What each call gives or raises, all of them started by one barrier."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.fixture(scope="module")
def window(database: Database) -> Window:
    """A window with rules that have a yearly ceiling."""
    return Window(database, REGIMES)


def ceiling_fen(window: Window) -> int:
    """What the basic fund pays a person in a year at most: one bill of ten million yuan."""
    person = Person("probe", "residents", born="1958-03-01", sex="male")
    [settled] = settle_year(window.regimes.packs(REGION)[0], {"probe": person},
                            [bill("probe", 1, 10**9)])
    return next(trace.paid for trace in settled.layers if trace.rule.fund == CEILING)


def paid_of(window: Window, person: str, region: str = REGION) -> dict[str, int]:
    """Accumulators of a person's only year."""
    with window.database.connection() as connection:
        return connection.execute(
            "select paid from person_year where region = %s and shard = %s and psn_no = %s",
            (region, shard_of(region, person), person)).fetchone()[0]


def test_eight_windows_never_pass_a_ceiling(window: Window) -> None:
    eight_windows(window, ROUNDS)


def eight_windows(window: Window, rounds: int) -> None:
    """Eight clerks settle each of so many people at the same moment, near the ceiling."""
    cap, exceeded, refused = ceiling_fen(window), 0, 0
    run = uuid.uuid4().hex[:8]
    names = [f"W{run}{number}" for number in range(rounds)]
    window.enrol(REGION, *(Person(name, "residents", born="1958-03-01", sex="male")
                           for name in names))
    barrier = threading.Barrier(WINDOWS)
    failures: list[Refusal] = []

    def clerk(number: int) -> None:
        for name in names:
            barrier.wait()
            try:
                window.service.settle(window.asked(REGION, bill(name, number, 9_000_000), name
                                                   + str(number)))
            except Refusal as refusal:
                failures.append(refusal)

    clerks = [threading.Thread(target=clerk, args=(number,)) for number in range(WINDOWS)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    refused = len(failures)
    for name in names:
        paid = paid_of(window, name)
        exceeded += paid[CEILING] > cap
        claims = [bill(name, number, 9_000_000) for number in range(WINDOWS)]
        known = {name: window.people.known[name]}
        alone = settle_year(window.regimes.packs(REGION)[0], known, claims)
        assert sum(trace.paid for one in alone for trace in one.layers
                   if trace.rule.fund == CEILING) == paid[CEILING] == cap
    print(f"{rounds:,} rounds of {WINDOWS} windows: ceiling exceeded {exceeded} times, "
          f"{refused} refused")
    assert exceeded == 0 and refused == 0, failures[:3]


def test_five_equal_requests_give_one_settlement_and_five_equal_answers(window: Window) -> None:
    for number in range(40):
        name = f"D{uuid.uuid4().hex[:10]}"
        window.enrol(REGION, Person(name, "residents", born="1958-03-01", sex="male"))
        asked = window.asked(REGION, bill(name, number, 500_000), f"key-{name}")
        answers = at_once([lambda one=asked: window.service.settle(one)] * 5)
        assert len(set(answers)) == 1 and isinstance(answers[0], str), answers
        with window.database.connection() as connection:
            assert connection.execute(
                "select count(*) from settlement where region = %s and shard = %s and "
                "psn_no = %s", (REGION, shard_of(REGION, name), name)).fetchone() == (1,)


def test_one_visit_under_five_keys_is_settled_once(window: Window) -> None:
    name = f"V{uuid.uuid4().hex[:10]}"
    window.enrol(REGION, Person(name, "residents", born="1958-03-01", sex="male"))
    answers = at_once([lambda key=key: window.service.settle(window.asked(
        REGION, bill(name, 1, 700_000), f"{name}{key}")) for key in range(5)])
    good = [json.loads(one) for one in answers if isinstance(one, str)]
    assert len(good) == 1
    refused = [one for one in answers if isinstance(one, Refusal)]
    assert {one.code for one in refused} == {"already-settled"} and len(refused) == 4
    assert all(good[0]["setl_id"] in one.message for one in refused)


def test_a_family_shares_its_deductible_over_windows(window: Window) -> None:
    """ZB-27: two members at two windows use up one deductible, as if one after the other."""
    for number in range(15):
        run = uuid.uuid4().hex[:10]
        names = [f"F{run}{letter}" for letter in "ab"]
        persons = {name: Person(name, "residents", f"family-{run}", "1958-03-01", "male")
                   for name in names}
        window.enrol(FAMILY_REGION, *persons.values())
        claims = [bill(name, number, 30_000_000) for name in names]
        answers = at_once([lambda one=one: window.service.settle(
            window.asked(FAMILY_REGION, one, one.claim_id)) for one in claims])
        assert all(isinstance(one, str) for one in answers), answers
        alone = settle_year(window.regimes.packs(FAMILY_REGION)[0], persons, claims)
        wanted: dict[str, int] = {}
        for settlement in alone:
            for trace in settlement.layers:
                wanted[trace.rule.fund] = wanted.get(trace.rule.fund, 0) + trace.paid
        found: dict[str, int] = {}
        for name in names:
            for fund, fen in paid_of(window, name, FAMILY_REGION).items():
                found[fund] = found.get(fund, 0) + fen
        assert found == {fund: fen for fund, fen in wanted.items() if fen}
