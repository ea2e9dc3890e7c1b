"""A storm of retries: every settlement is sent four times with one msgid, signature and timestamp
while the service is killed (kill -9) and started again. Each is made once, with equal answers."""
from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from clients import DRUG, client_of, drugstore_of, line, morning, outpatient, stay
from gateway_city import City, free_port
from identities import check_money

from tongchou.client import Client, Message, Purchase, signed_headers
from tongchou.database import Database
from tongchou.demo_city import made_city
from tongchou.ledger import verify

HOSPITALS = ("H52990100001", "H52990100002", "H52990100003", "H52990100004")
CODE = "import sys; from tongchou.cli.main import run; sys.exit(run(sys.argv[1:]))"
COPIES, SENDERS, PATIENCE_SECONDS = 4, 8, 90
# What a client sends again by itself: nothing was done.
PASSING = ("[database-busy]", "[too-busy]", "[database-unavailable]", "[database-outcome-unknown]")


class Service:
    """`tongchou serve` in a process of its own over the city's database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder, self.port, self.kills = folder, free_port(), 0
        self.environment = os.environ | {"DATABASE_URL": database.url}
        self.start()

    def start(self) -> None:
        """Starts it; who wants to speak to it waits."""
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", CODE, "serve", "--no-demo", "--data", str(self.folder),
                 "--port", str(self.port)], env=self.environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9, and again from the start."""
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.start()

    def told(self) -> str:
        """Whether it runs, and the last it said: for who waits in vain."""
        log = (self.folder / "serve.log").read_bytes()
        return f"exit code {self.process.poll()}: {log[-600:]!r}"

    def end(self) -> None:
        """Leaves no process behind."""
        self.process.kill()
        self.process.wait()

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        """The reply, None where none came (whole)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, body, dict(headers))
            reply = connection.getresponse()
            assert reply.status == 200, reply.status
            return reply.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Storm:
    """Prepared settlements, and threads that send each of them again and again."""

    def __init__(self, city: City, service: Service, people: int, settlements: int,
                 seed: int) -> None:
        self.rng, self.service, self.lock = random.Random(seed), service, threading.Lock()
        self.messages = prepared(city, people, settlements)
        self.left = list(range(settlements)) * COPIES
        self.rng.shuffle(self.left)
        self.replies: dict[int, list[bytes]] = defaultdict(list)
        self.passing: Counter[str] = Counter()
        self.faults: list[str] = []

    def send(self) -> None:
        """Sends what is left until every copy has its reply."""
        while True:
            with self.lock:
                if not self.left:
                    return
                number = self.left.pop()
            infno, headers, body = self.messages[number]
            reply, end = None, time.monotonic() + PATIENCE_SECONDS
            while reply is None:
                if time.monotonic() > end:
                    self.faults.append(f"no reply to message {number}; {self.service.told()}")
                    return
                reply = self.service.post(f"/gateway/{infno}", headers, body)
                if reply is None:
                    time.sleep(0.05)
                elif (code := passing(reply)):
                    self.passing[code] += 1
                    reply = None
            with self.lock:
                self.replies[number].append(reply)

    def answered(self) -> int:
        """How many replies there are so far."""
        with self.lock:
            return sum(map(len, self.replies.values()))

    def rage(self, kills: int) -> None:
        """All senders at once; so many kills, spread over the replies."""
        threads = [threading.Thread(target=self.send, daemon=True) for _ in range(SENDERS)]
        for one in threads:
            one.start()
        step = len(self.left) // (kills + 1)
        for number in range(1, kills + 1):
            goal, end = number * step, time.monotonic() + PATIENCE_SECONDS
            while self.answered() < goal and time.monotonic() < end and not self.faults:
                time.sleep(0.005)
            time.sleep(self.rng.uniform(0, 0.05))
            self.service.kill()
        for one in threads:
            one.join(PATIENCE_SECONDS)
        assert not self.faults and not any(one.is_alive() for one in threads), self.faults


def passing(reply: bytes) -> str:
    """The code of a refusal that asks to be sent again."""
    text = reply.decode()
    return next((one for one in PASSING if one in text), "")


def prepared(city: City, people: int, settlements: int,
             ) -> list[tuple[str, dict[str, str], bytes]]:
    """Settlements of all kinds, each as (infno, headers, body), signed once and for all."""
    lists, _ = made_city(date.fromisoformat(city.today), people)
    insured = [row for row in lists.rows["persons"] if row["psn_no"] in lists.covered
               and row.get("certno") and row.get("psn_cert_type", "01") == "01"]
    hospitals = [client_of(city, code) for code in HOSPITALS]
    store, begin, found = client_of(city, drugstore_of(city)), morning(city.today), []
    for number in range(settlements):
        client = store if number % 5 == 4 else hospitals[number % len(hospitals)]
        who = insured[number % len(insured)]
        person = client.identify(who["certno"], who["psn_name"])
        if client is store:
            visit = Purchase(client, person, begin)
            message = client.message("2102", visit.bill([line(begin, DRUG, "1", "15.00")]),
                                     person.psn_no)
        elif number % 5 == 3:
            inside = stay(client, person, begin, line(begin, count="100", price="60"))
            inside.discharge(begin, ())
            message = client.message("2304", inside.bill(), person.psn_no)
        else:
            visit = outpatient(client, person, begin)
            message = client.message("2207", visit.bill("B1"), person.psn_no)
        found.append(signed(client, message))
    return found


def signed(client: Client, message: Message) -> tuple[str, dict[str, str], bytes]:
    """A message with its headers, to be sent as it is."""
    return message.infno, signed_headers(client.access, message.infno), message.body


def survive(database: Database, folder: Path, settlements: int, kills: int, people: int) -> None:
    """The storm, then what stands: one settlement for each message, and the books."""
    seed = int(os.environ.get("STORM_SEED") or random.SystemRandom().randrange(10**6))
    city = City(database, folder, people)
    try:
        with database.connection() as connection:
            before = made(connection)
        service = Service(database, folder)
        try:
            storm = Storm(city, service, people, settlements, seed)
            storm.rage(kills)
        finally:
            service.end()
        check(database, storm, before, settlements)
    except BaseException:
        print(f"STORM_SEED={seed} failed")
        raise
    finally:
        city.stop()
    print(f"seed {seed}: {settlements} settlements sent {COPIES} times each through "
          f"{service.kills} kills -9: {settlements} settled, {settlements * COPIES} answers equal "
          f"by message; passing refusals sent again: {dict(storm.passing)}")


def check(database: Database, storm: Storm, before: int, settlements: int) -> None:
    """Equal answers, distinct settlements, whole books."""
    numbers = set()
    for number, replies in storm.replies.items():
        assert len(replies) == COPIES and len(set(replies)) == 1, (number, set(replies))
        found = json.loads(replies[0])
        found = found.get("data", found)
        assert str(found["infcode"]) == "0", found
        check_money(found["output"])
        numbers.add(found["output"]["setlinfo"]["setl_id"])
    assert len(numbers) == settlements
    with database.connection() as connection:
        assert made(connection) - before == settlements
        noted = connection.execute("select count(*) from visit_settlement").fetchone()[0]
        assert noted == settlements
    with database.connection() as connection:
        report = verify(connection).as_dict()
        assert report["sound"], report


def made(connection: object) -> int:
    """Settlements of the platform."""
    return connection.execute("select count(*) from settlement").fetchone()[0]


def test_sixty_settlements_four_times_through_kills(database: Database, tmp_path: Path) -> None:
    survive(database, tmp_path, settlements=60, kills=2, people=60)


@pytest.mark.long
def test_five_hundred_settlements_four_times_through_kills(fresh_database: Database,
                                                           tmp_path: Path) -> None:
    survive(fresh_database, tmp_path, settlements=500, kills=20, people=400)
