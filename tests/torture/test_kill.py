"""kill -9 of the service, of a database backend and of the postmaster, under load.

After every round all that was acknowledged is there once, as it was acknowledged, and the books
are whole. On failure the seed is printed; TORTURE_SEED=n runs that one again.
"""
from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from books import check_books
from servers import SMALL_CACHE
from service_process import Plan, acknowledged_in
from town import Town

from tongchou.database import Database
from tongchou.errors import Refusal

CLIENTS = 4
# What clients may rightly be told: a bill was reversed before the kill that hid the answer, and a
# person drawn twice for a recognition has the status already.
REFUSED = {"already-reversed", "status-overlaps"}
VICTIMS = ("service", "backend", "postmaster")
ANSWERS_BETWEEN = 12         # of the clients together, between two kills
PATIENCE_SECONDS = 90
BACKENDS = """select pid from pg_stat_activity where application_name = 'tongchou'
  and datname = current_database() and pid <> pg_backend_pid()
  order by (state = 'active') desc, pid"""


class Torture:
    """A service under load whose parts are killed, and the test's own look at the books."""

    def __init__(self, database: Database, folder: Path, seed: int, people: int) -> None:
        self.database, self.folder = database, folder
        self.dice = random.Random(seed)
        town = Town(database, folder)
        self.people = [town.person() for _ in range(people)]
        database.pool.close()
        server = database.server
        self.plan = folder / "plan.json"
        self.plan.write_text(json.dumps(asdict(Plan(
            seed, CLIENTS, self.people, str(folder), database.url, str(server.data),
            str(server.programs), dict(SMALL_CACHE)))))
        self.killed: Counter[str] = Counter()
        self.service = self.start()

    def start(self) -> subprocess.Popen:
        """The service in a process of its own."""
        script = Path(__file__).with_name("service_process.py")
        with (self.folder / "service.log").open("ab") as log:
            return subprocess.Popen([sys.executable, str(script), str(self.plan)], stderr=log)

    def lines(self) -> list[dict]:
        """Everything acknowledged so far."""
        return [line for number in range(CLIENTS)
                for line in acknowledged_in(self.folder / f"client-{number}.jsonl")]

    def wait_for(self, answers: int) -> None:
        """Until so many more answers were acknowledged."""
        goal, end = len(self.lines()) + answers, time.monotonic() + PATIENCE_SECONDS
        while len(self.lines()) < goal:
            fault = self.folder / "fault"
            assert not fault.exists(), fault.read_text()
            assert self.service.poll() is None, f"the service ended by itself: {self.service}"
            assert time.monotonic() < end, "the clients hang"
            time.sleep(0.02)

    def kill(self, victim: str) -> None:
        """kill -9 at a moment of the seed's choice."""
        time.sleep(self.dice.uniform(0, 0.2))
        if victim == "service":
            self.service.kill()
            self.service.wait()
            self.service = self.start()
        else:
            find = self.backend if victim == "backend" else self.database.server.pid
            os.kill(self.found(find), signal.SIGKILL)
        self.killed[victim] += 1

    def found(self, find: Callable[[], int | None]) -> int:
        """A process that is there, or will be: a service that starts has no connection yet."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (number := find()) is None:
            assert time.monotonic() < end, "nobody is there to be killed"
            time.sleep(0.02)
        return number

    def backend(self) -> int | None:
        """A connection of the service, one at work before one that waits."""
        with self.database.admin() as connection:
            found = [row[0] for row in connection.execute(BACKENDS)]
        return found[0] if found else None

    def check(self, in_flight: int = CLIENTS) -> dict[str, int]:
        """The books against what was acknowledged before and after they are read."""
        return patiently(lambda: check_books(self.database, self.answers, in_flight))

    def answers(self) -> dict[str, str]:
        """Everything acknowledged so far that was no refusal, under its key."""
        return {line["key"]: line["text"] for line in self.lines() if "text" in line}

    def stop(self) -> None:
        """Lets the clients finish what they asked; afterwards nothing is in flight."""
        (self.folder / "stop").touch()
        assert self.service.wait(PATIENCE_SECONDS) == 0, (self.folder / "fault").read_text()

    def end(self) -> None:
        """Leaves no process behind."""
        if self.service.poll() is None:
            self.service.kill()
            self.service.wait()


def patiently(look: Callable[[], dict[str, int]]) -> dict[str, int]:
    """Looks again while the server is starting; a refusal to be reached is no finding."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return look()
        except Refusal as refusal:
            if time.monotonic() > end or refusal.code != "database-unavailable":
                raise
            time.sleep(0.05)


def survive(database: Database, folder: Path, rounds: int, people: int) -> None:
    """Kills `rounds` times, each victim in turn in an order of the seed's; checks each time."""
    seed = int(os.environ.get("TORTURE_SEED") or random.SystemRandom().randrange(10**6))
    torture = Torture(database, folder, seed, people)
    try:
        victims = [VICTIMS[number % len(VICTIMS)] for number in range(rounds)]
        torture.dice.shuffle(victims)
        for victim in victims:
            torture.wait_for(ANSWERS_BETWEEN)
            patiently(lambda one=victim: torture.kill(one) or {})
            torture.check()
        torture.wait_for(ANSWERS_BETWEEN)
        torture.stop()
        counts = torture.check(in_flight=0)
    except BaseException:
        print(f"TORTURE_SEED={seed} failed after {dict(torture.killed)}")
        raise
    finally:
        torture.end()
    lines = torture.lines()
    refused = Counter(line["refused"] for line in lines if "refused" in line)
    print(f"seed {seed}: killed {dict(torture.killed)}; {len(lines):,} requests acknowledged "
          f"({sum(refused.values())} refused: {dict(refused)}), {counts['settlement']:,} "
          f"settlements, {counts['outcome']:,} outcomes, {counts['journal_entry']:,} entries: "
          "all once, none lost, none half")
    assert sum(torture.killed.values()) == rounds
    assert set(refused) <= REFUSED, refused


def test_what_was_acknowledged_survives_every_kill(own_database: Database, tmp_path: Path) -> None:
    survive(own_database, tmp_path, rounds=9, people=40)


@pytest.mark.long
@pytest.mark.both_servers
def test_fifty_kills(own_database: Database, tmp_path: Path) -> None:
    survive(own_database, tmp_path, rounds=50, people=200)
