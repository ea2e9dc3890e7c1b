"""Play a day of the demonstration city against a server, and reconcile it (城市一日).

    tongchou serve                                    # elsewhere; its city must be loaded
    python scripts/city_day.py --base http://127.0.0.1:8000/gateway --visits 40

Every institution signs in and takes outpatients, stays or purchases, gives some back, and keeps its
own books. Differences are planted in the books of every second institution: a reply that was lost,
a row stored twice, an amount changed. At the end of the day every institution reconciles: each
difference must be found, and nothing else; then they are put right and it must be even. The last
line of the output is JSON; the exit code is 1 when something was missed or alarmed falsely.
"""
from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from tongchou.client import (Access, Books, Client, Diagnosis, Difference, Line, Message, NoReply,
                             Outpatient, Person, Purchase, Refused, Settled, Stay, over_http,
                             reconcile)
from tongchou.demo_city import REGION, describe, made_city
from tongchou.gateway import Profile, demonstration_profiles
from tongchou.ledger import CHINA_TIME

ITEMS = ("001204000902000", "001109000905000", "001105000901000")
DRUG = "XC08CAB927A001010199027"
DIAGNOSES = (Diagnosis("J18.900", "肺炎"),)
LOST, DOUBLED, CHANGED = "lost reply", "doubled row", "changed amount"
CENT = Decimal("0.01")
STAYS, REFUNDS, TAKEN_BACK = 0.25, 0.15, 0.04
PROGRESS_SECONDS = 2


def today() -> date:
    """The day it is in China, wherever this runs: the platform's replies carry it."""
    return datetime.now(CHINA_TIME).date()


@dataclass
class House:
    """One institution's day: its client, its people, its books, and what was planted."""

    client: Client
    people: Sequence[Mapping[str, str]]
    drugstore: bool
    rng: random.Random
    planted: set[tuple[str, str]] = field(default_factory=set)
    books: Books = field(default_factory=Books)
    counts: Counter = field(default_factory=Counter)
    lost: list[tuple[Purchase | Outpatient, Message]] = field(default_factory=list)
    before: set[tuple[str, bool]] = field(default_factory=set)
    losing: bool = False
    fault: str = ""

    def __post_init__(self) -> None:
        """Puts itself between client and network, to lose replies."""
        post = self.client._post

        def may_lose(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
            reply = post(path, headers, body)
            if self.losing:
                raise OSError("lost on purpose")
            return reply

        self.client._post = may_lose

    # --- visits -------------------------------------------------------------------------------
    def open_day(self) -> None:
        """Signs in; notes what earlier runs of the same day left at the centre."""
        self.client.sign_in("0001")
        self.before = {(one.msgid, one.refund) for one in self.reconciled()}

    def visit(self, who: Mapping[str, str]) -> None:
        """One visit of a person, from 1101 to the settlement and perhaps back."""
        person = self.client.identify(who["certno"], who["psn_name"])
        begin = datetime.fromisoformat(f"{today()}T08:00:00")
        if self.drugstore:
            self._purchase(person, begin)
        elif self.rng.random() < STAYS:
            self._stay(person, begin - timedelta(days=self.rng.randrange(1, 12)), begin)
        else:
            self._clinic(person, begin)

    def _purchase(self, person: Person, begin: datetime) -> None:
        visit = Purchase(self.client, person, begin)
        lines = [Line(DRUG, Decimal(self.rng.randrange(1, 4)), Decimal("15.00"), begin)]
        self._settled("purchases", lambda: visit.settle(lines), visit.refund)

    def _clinic(self, person: Person, begin: datetime) -> None:
        visit = Outpatient.open(self.client, person, begin, diagnoses=DIAGNOSES)
        visit.charge(self._lines(begin, 3), "B1")
        visit.quote("B1")
        self._settled("outpatients", lambda: visit.settle("B1"), visit.refund)

    def _stay(self, person: Person, begin: datetime, end: datetime) -> None:
        stay = Stay.open(self.client, person, begin, DIAGNOSES)
        for _ in range(self.rng.randrange(1, 4)):
            stay.charge(self._lines(begin, 40))
        stay.discharge(end, DIAGNOSES)
        stay.quote()
        numbers = list(stay.unsettled)
        self._settled("stays", stay.settle, lambda of: stay.refund(of, numbers))

    def _lines(self, at: datetime, most: int) -> list[Line]:
        return [Line(self.rng.choice(ITEMS), Decimal(self.rng.randrange(1, most + 1)),
                     Decimal(self.rng.randrange(100, 30_000)).scaleb(-2), at)
                for _ in range(self.rng.randrange(1, 6))]

    def _settled(self, kind: str, settle: Callable[[], Settled],
                 refund: Callable[[Settled], Settled]) -> None:
        """Settles, stores it, and perhaps gives it back; or 2601 as if it had been lost."""
        settled = settle()
        self.counts[kind] += 1
        dice = self.rng.random()
        if dice < TAKEN_BACK:
            self.client.take_back(settled.message)
            self.counts["taken back"] += 1
            return
        self.books.add(settled)
        if dice < TAKEN_BACK + REFUNDS:
            self.books.add(refund(settled))
            self.counts["refunds"] += 1

    # --- differences --------------------------------------------------------------------------
    def plant(self, kind: str) -> None:
        """Plants one difference."""
        if kind == LOST:
            self._lose(self.people[-1])
            return
        rows = [one for one in self.books.entries if not one.refund and (kind, one.setl_id)
                not in self.planted and all(number != one.setl_id for _, number in self.planted)]
        if not rows:
            return
        entry = self.rng.choice(rows)
        if kind == DOUBLED:
            self.books.entries.append(entry)
        else:
            place = self.books.entries.index(entry)
            self.books.entries[place] = entry._replace(medfee=entry.medfee + CENT)
        self.planted.add((kind, entry.setl_id))

    def _lose(self, who: Mapping[str, str]) -> None:
        person = self.client.identify(who["certno"], who["psn_name"])
        begin = datetime.fromisoformat(f"{today()}T08:00:00")
        if self.drugstore:
            visit: Purchase | Outpatient = Purchase(self.client, person, begin)
            given, infno = visit.bill([Line(DRUG, Decimal(1), Decimal("15.00"), begin)]), "2102"
        else:
            visit = Outpatient.open(self.client, person, begin, diagnoses=DIAGNOSES)
            visit.charge(self._lines(begin, 3), "B1")
            given, infno = visit.bill("B1"), "2207"
        message = self.client.message(infno, given, person.psn_no)
        self.losing = True
        try:
            self.client.again(message, tries=1)
        except NoReply:
            self.planted.add((LOST, message.msgid))
            self.lost.append((visit, message))
        finally:
            self.losing = False

    # --- the end of the day -------------------------------------------------------------------
    def reconciled(self) -> list[Difference]:
        """What is not even, apart from what was there before this run."""
        day = today()
        return [one for one in reconcile(self.client, self.books, day - timedelta(days=1), day)
                if one.setl_id or (one.msgid, one.refund) not in self.before]

    def close_day(self) -> dict[str, int]:
        """Reconciles, compares with what was planted, puts it right, reconciles again."""
        found = {_kind_of(one) for one in self.reconciled()}
        for visit, message in self.lost:
            self.books.add(visit.settled(message, self.client.again(message)))
        rows = list(dict.fromkeys(self.books.entries))       # what was stored twice, once
        changed = {number for kind, number in self.planted if kind == CHANGED}
        self.books.entries = [one._replace(medfee=one.medfee - CENT)
                              if one.setl_id in changed and not one.refund else one
                              for one in rows]
        left = self.reconciled()
        self.client.sign_out()
        return {"planted": len(self.planted), "found": len(found & self.planted),
                "missed": len(self.planted - found), "false alarms": len(found - self.planted),
                "left": len(left)}


def _kind_of(one: Difference) -> tuple[str, str]:
    """Which kind of planted difference a row of the result shows."""
    if not one.setl_id:
        return LOST, one.msgid
    return (DOUBLED if "重复" in one.memo else CHANGED), one.setl_id


# --- all institutions -----------------------------------------------------------------------------
def houses(profiles: Sequence[Profile], people: Sequence[Mapping[str, str]], base: str, seed: int,
           timeout: float = 60) -> list[House]:
    """A house for each profile; everybody visits one of them only."""
    made = []
    for place, one in enumerate(profiles):
        access = Access(base, one.code, one.region, one.family, one.access_key, one.secret,
                        one.dialect)
        made.append(House(Client(access, over_http(base, timeout)),
                          people[place::len(profiles)], one.code.startswith("P"),
                          random.Random(f"{seed}/{one.code}")))
    return made


def live(house: House, visits: int, planted: Sequence[str]) -> None:
    """A house's day up to its end; refusals are counted by code."""
    try:
        house.open_day()
        for number in range(visits):
            try:
                house.visit(house.people[number % (len(house.people) - 1)])
            except Refused as refused:
                house.counts[f"refused: {refused.code}"] += 1
        for kind in planted:
            house.plant(kind)
    except Exception as fault:  # noqa: BLE001 - told by the main thread
        house.fault = f"{house.client.access.code}: {type(fault).__name__}: {fault}"


def play(found: Sequence[House], visits: int, say: Callable[[str], None]) -> dict[str, object]:
    """The day of all houses at once, and its reconciliation."""
    kinds, begun = (LOST, DOUBLED, CHANGED), time.perf_counter()
    threads = [threading.Thread(target=live, daemon=True, args=(
        house, visits, [] if place % 2 else kinds[:1 + place // 2 % 3][::-1] + kinds[1:2]))
        for place, house in enumerate(found)]
    for one in threads:
        one.start()
    for one in threads:
        while one.is_alive():
            one.join(PROGRESS_SECONDS)
            say(f"{sum(len(house.books.entries) for house in found):,} rows in the books")
    seconds = time.perf_counter() - begun
    if faults := [house.fault for house in found if house.fault]:
        raise SystemExit("\n".join(faults))
    counts: Counter = Counter()
    for house in found:
        counts += house.counts
    ends: Counter = Counter()
    for house in found:
        ends.update(house.close_day())
        say(f"reconciled {house.client.access.code}")
    settled = sum(counts[kind] for kind in ("outpatients", "stays", "purchases"))
    return {"institutions": len(found), **counts, "seconds": round(seconds, 1),
            "settlements a second": round(settled / seconds, 1), **ends}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="http://127.0.0.1:8000/gateway")
    parser.add_argument("--visits", type=int, default=40, help="a house")
    parser.add_argument("--houses", type=int, default=12, help="how many at once, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--day", type=date.fromisoformat, default=today(),
                        help="the day on which the city was loaded")
    asked = parser.parse_args()
    codes = [one["fixmedins_code"] for one in describe(asked.day, True)["institutions"]]
    own = [one for one in demonstration_profiles(REGION, codes) if one.code[1:3] == REGION[:2]]
    chosen = [one for one in own if one.code.startswith("P")] + [
        one for one in own if not one.code.startswith("P")]
    lists, _ = made_city(asked.day)
    people = [row for row in lists.rows["persons"] if row["psn_no"] in lists.covered
              and row.get("certno") and row.get("psn_cert_type", "01") == "01"]
    random.Random(asked.seed).shuffle(people)
    result = play(houses(chosen[:asked.houses], people, asked.base, asked.seed), asked.visits,
                  lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(result, ensure_ascii=False))
    return 1 if result["missed"] or result["false alarms"] or result["left"] else 0


if __name__ == "__main__":
    sys.exit(main())
