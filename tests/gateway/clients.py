"""The reference client over the test city, and visits to make with it."""
from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from gateway_city import City

from tongchou.client import (Access, Client, Diagnosis, Line, Outpatient, Person, Purchase, Settled,
                             Stay, over_http)

# The sample catalogue: class A with a price limit, class B, class C, a drug.
INFUSION, CARE_BED, EXAMINATION = "001204000902000", "001109000905000", "001105000901000"
DRUG = "XC08CAB927A001010199027"
ITEMS = (INFUSION, CARE_BED, EXAMINATION)
PNEUMONIA = (Diagnosis("J18.900", "肺炎"),)


def client_of(city: City, code: str) -> Client:
    """The client of an institution, in its family and dialect."""
    city.profiles.refresh()
    profile = city.profiles.of(code)
    base = f"http://127.0.0.1:{city.port}/gateway"
    return Client(Access(base, code, profile.region, profile.family, profile.access_key,
                         profile.secret, profile.dialect, one_path=profile.family == "C"),
                  over_http(base, 60))


def drugstore_of(city: City) -> str:
    """A drugstore that settles on the spot."""
    return next(one["fixmedins_code"] for one in city.about["institutions"] if any(
        kind["kind"] == "dispensing" and kind["networked"] for kind in one["designations"]))


def morning(day: str, days: int = 0) -> datetime:
    """Eight o'clock, so many days before."""
    return datetime.fromisoformat(f"{day}T08:00:00") - timedelta(days=days)


def line(at: datetime, code: str = INFUSION, count: str = "2", price: str = "11.00") -> Line:
    """A fee line."""
    return Line(code, Decimal(count), Decimal(price), at)


def random_lines(rng: random.Random, at: datetime, most: int = 6) -> list[Line]:
    """Some lines with amounts of any size."""
    return [Line(rng.choice(ITEMS), Decimal(rng.randrange(1, 40)),
                 Decimal(rng.randrange(1, 90_000)).scaleb(-2), at)
            for _ in range(rng.randrange(1, most))]


def outpatient(client: Client, person: Person, begin: datetime, *lines: Line) -> Outpatient:
    """A visit with a batch B1."""
    visit = Outpatient.open(client, person, begin, diagnoses=PNEUMONIA)
    visit.charge(lines or [line(begin)], "B1")
    return visit


def stay(client: Client, person: Person, begin: datetime, *lines: Line) -> Stay:
    """An open stay with lines."""
    found = Stay.open(client, person, begin, PNEUMONIA)
    found.charge(lines or [line(begin)])
    return found


def purchase(client: Client, person: Person, begin: datetime) -> Settled:
    """A settled purchase of a drug."""
    return Purchase(client, person, begin).settle([line(begin, DRUG, "1", "15.00")])
