"""The gateway for hospitals: times of a bill of 100 lines, and settlements a second beside the
platform's own HTTP interface.

    python bench/gateway.py [--settlements 1600] [--rounds 200]

One server (two processes) over the demonstration city. Stays are registered, charged and discharged
before the clock starts; then 8 clients settle them with 2304, as many bills of the same lines with
POST .../settlements, and as many of which only the sums are sent, a part of each in turns. `run.py`
starts this and reads the last line.
"""
from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from settlement import say, served
from town import joined
from windows import PASSWORD, Line

from tongchou.access import AccessService, Account
from tongchou.api import messages
from tongchou.client import Access, Client, Diagnosis, Person, Stay
from tongchou.client import Line as FeeLine
from tongchou.database import migrate, open_database
from tongchou.demo_city import REGION, load, made_city
from tongchou.gateway import Desk, Gateway, Profile, Profiles
from tongchou.ledger import verify
from tongchou.platform import Platform
from tongchou.settlement import local_time
from tongchou.visits import Visits

CLIENTS, TURNS, WARM_UP = 8, 4, 40
SHORT_LINES, LONG_LINES, ROUNDS_A_STAY = 5, 100, 10
ITEM, DIAGNOSES = "001204000902000", (Diagnosis("J18.900", "肺炎"),)
CODE = "H52990100003"
WAYS = ("gateway", "platform", "sums")
NAMES = {"2301": "upload", "2303": "pre-settle", "2304": "settle", "2305": "reverse"}


class City:
    """The city, a gateway in this process to prepare visits with, and its people."""

    def __init__(self, platform: Platform, people: int) -> None:
        self.database = platform.database
        access = AccessService(platform.database.connection, platform.clock, platform.ids)
        load(platform, access, people=people, bills=0)
        access.create(Account("bench-clerk", "bench", "clerk", (REGION,)), "bench", PASSWORD)
        profiles = Profiles(platform.database, platform.enrolment.keys)
        profiles.put(Profile(CODE, REGION, "E", strictness="off"), "bench", platform.clock())
        profiles.refresh()
        self.gateway = Gateway(Desk(platform, access, profiles, Visits(platform.clock), {
            code: one.zh for code, one in messages().items()}))
        self.client = Client(Access("http://bench/gateway", CODE, REGION), self._post)
        day = date.fromisoformat(local_time(platform.clock())[:10])
        self.begin = datetime(day.year, day.month, day.day, 8)
        lists, _ = made_city(day, people)
        self.people = [row for row in lists.rows["persons"] if row["psn_no"] in lists.covered
                       and row.get("psn_cert_type", "01") == "01" and row.get("certno")]

    def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        return self.gateway.answered(self.gateway.opened(headers, body, path.rpartition("/")[2]))

    def stay(self, who: Mapping[str, str], lines: int) -> Stay:
        """A stay of a day, charged and discharged."""
        person = self.client.identify(who["certno"], who["psn_name"])
        return self.stay_of(person, lines)

    def stay_of(self, person: Person, lines: int) -> Stay:
        """The same, for somebody known."""
        stay = Stay.open(self.client, person, self.begin, DIAGNOSES)
        stay.charge([FeeLine(ITEM, Decimal(10), Decimal("11.00"), self.begin)] * lines)
        stay.discharge(self.begin, DIAGNOSES)
        return stay


# --- one bill of 100 lines ------------------------------------------------------------------------
def long_bill(city: City, port: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each message of a bill of 100 lines, one client."""
    line, spent = Line(port), {name: [] for name in NAMES}

    def timed(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        begun = time.perf_counter()
        reply = line.post(path, body)
        infno = path.rpartition("/")[2]
        if infno in spent:
            spent[infno].append(time.perf_counter() - begun)
        return reply

    prepare, city.client._post = city.client._post, timed
    try:
        for number in range(rounds // ROUNDS_A_STAY):
            stay = city.stay(city.people[-1 - number], LONG_LINES)
            numbers = list(stay.unsettled)
            for _ in range(ROUNDS_A_STAY):
                stay.quote()
                stay.refund(stay.settle(), numbers)
            stay.settle()
    finally:
        city.client._post = prepare
    return {NAMES[infno]: percentiles(found) for infno, found in spent.items()}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and how many."""
    found = sorted(seconds)
    return {"p50_ms": found[len(found) // 2] * 1e3, "p99_ms": found[len(found) * 99 // 100] * 1e3,
            "count": len(found)}


# --- what is sent ---------------------------------------------------------------------------------
Send = Callable[[Line], None]


def through_gateway(stays: Sequence[Stay]) -> list[Send]:
    """2304 of prepared stays."""
    def one(body: bytes) -> Send:
        def send(line: Line) -> None:
            reply = line.post("/gateway/2304", body)
            assert b'"infcode":0' in reply, reply[:500].decode()
        return send
    return [one(stay.client.message("2304", stay.bill(), stay.person.psn_no).body)
            for stay in stays]


def through_platform(city: City, people: Sequence[Mapping[str, str]],
                     insutypes: Mapping[str, str], lined: bool) -> list[Send]:
    """POST .../settlements of stays of the same amounts: with the lines, or with their sums."""
    day, total = f"{city.begin:%Y-%m-%d}", f"{SHORT_LINES * 110}.00"
    line = {"med_list_codg": ITEM, "fee_ocur_time": day, "cnt": "10", "pric": "11.00",
            "det_item_fee_sumamt": "110.00"}
    charged = {"feedetail": [{**line, "feedetl_sn": f"F{place}"} for place in range(SHORT_LINES)]} \
        if lined else {"fulamt_ownpay_amt": "0.00", "overlmt_selfpay": "0.00",
                       "preselfpay_amt": "0.00"}

    def one(number: int, who: Mapping[str, str]) -> Send:
        name = f"{'L' if lined else 'A'}{number}"
        request = {"psn_no": who["psn_no"], "mdtrt_id": name, "med_type": "21",
                   "insutype": insutypes[who["psn_no"]], "fixmedins_code": CODE, "begndate": day,
                   "enddate": day, "medfee_sumamt": total, **charged}
        return lambda line: line.settle(REGION, request, f"bench-{name}")
    return [one(number, who) for number, who in enumerate(people)]


# --- settlements a second -------------------------------------------------------------------------
def settled_by(sends: Sequence[Send], lines: Sequence[Line]) -> tuple[float, list[float]]:
    """Seconds of all clients at once, and of each settlement."""
    left, lock, spent, faults = iter(sends), threading.Lock(), [], []

    def work(line: Line) -> None:
        while True:
            with lock:
                send = next(left, None)
            if send is None:
                return
            begun = time.perf_counter()
            try:
                send(line)
            except Exception as fault:  # noqa: BLE001 - told below
                faults.append(fault)
                return
            spent.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=work, args=(line,)) for line in lines]
    begun = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if faults:
        raise SystemExit(f"a settlement failed: {faults[0]!r}")
    return time.perf_counter() - begun, spent


def compared(city: City, port: int, settlements: int) -> dict[str, dict[str, float]]:
    """Each way, in turns."""
    groups = [city.people[way * settlements:(way + 1) * settlements] for way in range(len(WAYS))]
    stays = []
    for number, who in enumerate(groups[0], 1):
        stays.append(city.stay(who, SHORT_LINES))
        if number % 200 == 0:
            say(f"prepared {number} stays")
    kinds = {who["psn_no"]: city.client.identify(who["certno"], who["psn_name"]).insutype
             for who in (*groups[1], *groups[2])}
    ways = dict(zip(WAYS, (through_gateway(stays),
                           through_platform(city, groups[1], kinds, lined=True),
                           through_platform(city, groups[2], kinds, lined=False)), strict=True))
    with city.database.admin(autocommit=True) as owner:     # as bench/settlement.py does
        owner.execute("vacuum analyze")
        owner.execute("checkpoint")
    lines = [Line(port) for _ in range(CLIENTS)]
    for line in lines:
        line.sign_in("bench-clerk")
    found = {way: {"seconds": 0.0, "spent": []} for way in ways}
    for sends in ways.values():
        settled_by(sends[:CLIENTS * WARM_UP], lines)
    size = -(-(settlements - CLIENTS * WARM_UP) // TURNS)
    for turn in range(TURNS):
        for way, sends in ways.items():
            part = sends[CLIENTS * WARM_UP:][turn * size:(turn + 1) * size]
            seconds, spent = settled_by(part, lines)
            found[way]["seconds"] += seconds
            found[way]["spent"] += spent
            say(f"{way}: {len(part) / seconds:,.0f}/s")
    return {way: percentiles(row["spent"]) | {"rate": len(row["spent"]) / row["seconds"]}
            for way, row in found.items()}


def measured(folder: Path, settlements: int, rounds: int) -> dict[str, object]:
    """Everything."""
    database = open_database(None, folder / "data")
    try:
        migrate(database)
        city = City(joined(database, folder / "data"), (len(WAYS) + 1) * settlements)
        assert len(city.people) >= len(WAYS) * settlements, len(city.people)
        say("the city stands")
        with served(folder / "data") as (port, _):
            found: dict[str, object] = compared(city, port, settlements)
            found["long"] = long_bill(city, port, rounds)
        with database.connection() as connection:
            found["sound"] = verify(connection).as_dict()["sound"]
    finally:
        database.close()
    for way in WAYS[1:]:
        found[way]["ratio"] = found["gateway"]["rate"] / found[way]["rate"]
    return found | {"lines": LONG_LINES, "clients": CLIENTS}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--settlements", type=int, default=1600, help="each way")
    parser.add_argument("--rounds", type=int, default=200, help="of the bill of 100 lines")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tongchou-bench-"))
    try:
        found = measured(folder, asked.settlements, asked.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
