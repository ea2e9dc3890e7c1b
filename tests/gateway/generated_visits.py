"""Visits of all kinds, made up from a seed, every reply checked by the identities I1 to I9."""
from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

from clients import DRUG, ITEMS, PNEUMONIA, drugstore_of, morning
from gateway_city import City
from identities import check_line, check_money, check_negative

from tongchou.client import (Access, Client, Line, Outpatient, Person, Purchase, Refused, Settled,
                             Stay)
from tongchou.demo_city import made_city
from tongchou.gateway.opening import Unopened

HOSPITALS = ("H52990100001", "H52990100002", "H52990100003", "H52990100004", "H52990100005")


def directly(city: City) -> object:
    """A post without a network: the gateway itself."""
    def post(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        try:
            opened = city.gateway.opened(headers, body, path.rpartition("/")[2])
        except Unopened as unopened:
            return unopened.reply
        return city.gateway.answered(opened)
    return post


class Visitor:
    """Makes visits of all kinds for some people and checks every reply."""

    def __init__(self, city: City, people: list[Mapping[str, str]],
                 chronic: Mapping[str, str], seed: int) -> None:
        self.rng, self.begin, self.chronic_of = random.Random(seed), morning(city.today), chronic
        self.people, self.counts, post = people, Counter(), directly(city)
        city.profiles.refresh()
        self.clients = {code: Client(Access("x://x/gateway", one.code, one.region, one.family,
                                            one.access_key, one.secret, one.dialect), post)
                        for code in (*HOSPITALS, drugstore_of(city))
                        if (one := city.profiles.of(code)) is not None}

    def visit(self) -> None:
        """One visit: quoted, settled, perhaps taken back in whole or part."""
        kind = self.rng.choices(("clinic", "chronic", "stay", "store"), (4, 1, 3, 2))[0]
        who = self.rng.choice([one for one in self.people if one["psn_no"] in self.chronic_of]
                              if kind == "chronic" else self.people)
        codes = list(self.clients)
        client = self.clients[codes[-1] if kind == "store" else self.rng.choice(codes[:-1])]
        try:
            person = client.identify(who["certno"], who["psn_name"])
            getattr(self, kind)(client, person)
            self.counts[kind] += 1
        except Refused as refused:
            self.counts[f"refused {refused.code}"] += 1

    def lines(self, most: int) -> list[Line]:
        """Lines of every size; one in eight of an amount with a fraction of a fen in it."""
        found = []
        for _ in range(self.rng.randrange(1, most)):
            count = Decimal(self.rng.randrange(1, 50))
            if self.rng.random() < 0.12:
                count = Decimal(self.rng.randrange(1, 5000)).scaleb(-2)
            found.append(Line(self.rng.choice(ITEMS), count,
                              Decimal(self.rng.randrange(1, 60_000)).scaleb(-2), self.begin))
        return found

    def clinic(self, client: Client, person: Person) -> None:
        """門诊: two batches of one visit."""
        visit = Outpatient.open(client, person, self.begin, self.rng.choice(("11", "12", "13")),
                                PNEUMONIA)
        for batch in ("B1", "B2")[:self.rng.randrange(1, 3)]:
            for row in visit.charge(self.lines(5), batch):
                check_line(row)
            quote = visit.quote(batch)
            self.checked(quote, settled := visit.settle(batch))
        if self.rng.random() < 0.3:
            self.back(settled, visit.refund(settled))

    def chronic(self, client: Client, person: Person) -> None:
        """门诊慢特病, with the disease of a certificate."""
        visit = Outpatient.open(client, person, self.begin, "14", PNEUMONIA,
                                self.chronic_of[person.psn_no])
        visit.charge(self.lines(5), "B1")
        self.checked(visit.quote("B1"), settled := visit.settle("B1"))
        if self.rng.random() < 0.3:
            self.back(settled, visit.refund(settled))

    def stay(self, client: Client, person: Person) -> None:
        """住院: perhaps settled in the middle."""
        stay = Stay.open(client, person, self.begin, PNEUMONIA)
        for row in stay.charge(self.lines(9)):
            check_line(row)
        if self.rng.random() < 0.3:
            quote = stay.quote()
            self.checked(quote, stay.settle(mid_stay=True))
            self.counts["mid-stay"] += 1
            for row in stay.charge(self.lines(9)):
                check_line(row)
        stay.discharge(self.begin.replace(hour=18), PNEUMONIA)
        quote, numbers = stay.quote(), list(stay.unsettled)
        self.checked(quote, settled := stay.settle())
        if self.rng.random() < 0.3:
            self.back(settled, stay.refund(settled, numbers))

    def store(self, client: Client, person: Person) -> None:
        """药店."""
        visit, lines = Purchase(client, person, self.begin), [
            Line(DRUG, Decimal(self.rng.randrange(1, 9)), Decimal(
                self.rng.randrange(1, 9000)).scaleb(-2), self.begin)]
        quote = visit.quote(lines)
        self.checked(quote, settled := visit.settle(lines))
        if self.rng.random() < 0.3:
            self.back(settled, visit.refund(settled))

    def checked(self, quote: Mapping[str, object], settled: Settled) -> None:
        """I1 to I6 of both, and I9: what was quoted is what is settled."""
        output = {"setlinfo": settled.info, "setldetail": settled.details}
        check_money(quote)
        check_money(output)
        assert [row | {} for row in quote["setldetail"]] == list(settled.details)
        for name, value in quote["setlinfo"].items():
            if name.endswith(("amt", "_pay", "_selfpay", "dedc")):
                assert value == settled.info[name], name
        self.counts["with a fund"] += settled.amount("fund_pay_sumamt") > 0
        self.counts["settlements"] += 1

    def back(self, settled: Settled, cancelled: Settled) -> None:
        """I8."""
        check_money({"setlinfo": cancelled.info, "setldetail": cancelled.details})
        check_negative({"setlinfo": settled.info, "setldetail": settled.details},
                       {"setlinfo": cancelled.info, "setldetail": cancelled.details})
        self.counts["cancellations"] += 1


def visited(city: City, people: int, visits: int, threads: int = 2) -> Counter:
    """So many visits by people of the city, a share of them in each thread."""
    lists, _ = made_city(date.fromisoformat(city.today), people)
    insured = [row for row in lists.rows["persons"] if row["psn_no"] in lists.covered
               and row.get("certno") and row.get("psn_cert_type", "01") == "01"]
    seed = int(os.environ.get("VISITS_SEED") or random.SystemRandom().randrange(10**6))
    chronic = {row["psn_no"]: row["disease"] for row in lists.rows["chronic"]
               if not row.get("to") or row["to"] >= city.today}
    visitors = [Visitor(city, insured[place::threads], chronic, seed + place)
                for place in range(threads)]
    begun, counts = time.perf_counter(), Counter()

    def many(visitor: Visitor) -> None:
        for _ in range(visits // threads):
            visitor.visit()

    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(many, visitors))
    except BaseException:
        print(f"VISITS_SEED={seed} failed")
        raise
    for one in visitors:
        counts += one.counts
    print(f"seed {seed}, {visits:,} visits in {time.perf_counter() - begun:.0f} s: {dict(counts)}")
    kinds = "clinic", "chronic", "stay", "store"
    assert sum(counts[kind] for kind in kinds) > 0.9 * visits
    assert min(counts[kind] for kind in (*kinds, "mid-stay", "with a fund", "cancellations")
               ) > visits / 40
    return counts
