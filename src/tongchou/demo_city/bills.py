"""A year of bills, so that lists and pages are not empty (演示结算)."""
from __future__ import annotations

import random
from collections.abc import Iterator
from csv import DictReader
from datetime import datetime, time, timedelta
from typing import NamedTuple

from .city import institutions, list_file
from .people import HYPERTENSION, RESIDENTS, SEED, Lists
from .special import HIGH_COST, Case

BILLS = 300
# Where people go: hospitals by level, and what an average bill costs there, in yuan.
AVERAGE_STAY = {"3": 14_000, "2": 6_500, "1": 2_800, "township": 1_600}
AVERAGE_VISIT = {"3": 420, "2": 260, "1": 130, "township": 80, "village": 45}
LINES = ("001102000905000", "001109000904000", "001201000904000", "001202000901000",
         "XC08CAB927A001010199027")
ROOM_DAYS, HIGH_YUAN, HIGH_STAYS = 362, 90_000, 4


class Bill(NamedTuple):
    """A request of a hospital, the day it was settled and the key it came under."""

    key: str
    institution: str
    request: dict[str, object]

    @property
    def setl_id(self) -> str:
        """The number its settlement gets, always the same."""
        return f"DS{self.request['mdtrt_id']}"


def make_bills(lists: Lists, cases: list[Case], count: int = BILLS) -> list[Bill]:
    """Bills of the year before the city's day, in the order of settlement."""
    rng = random.Random(SEED + 1)
    places = _places()
    chronic = {row["psn_no"] for row in lists.rows["chronic"]
               if row["disease"] == HYPERTENSION and not row["to"]}
    numbers = sorted(lists.covered)
    high = next(case.psn_no for case in cases if case.why_zh == HIGH_COST)
    days = sorted(rng.randint(2, ROOM_DAYS) for _ in range(count))[::-1]
    requests = [_request(rng, lists, rng.choice(numbers), day, places, chronic) for day in days]
    requests += [_stay(rng, lists, high, 200 - 40 * number, places["3"][0], HIGH_YUAN * 100)
                 for number in range(HIGH_STAYS)]
    requests.sort(key=lambda one: one["setl_time"])
    return list(_numbered(requests))


def _numbered(requests: list[dict[str, object]]) -> Iterator[Bill]:
    """Keyed and timed so that no two are settled in the same second."""
    for number, request in enumerate(requests, 1):
        request["mdtrt_id"] = f"DM{number:06d}"
        moment = datetime.fromisoformat(str(request["setl_time"])) + timedelta(seconds=number)
        request["setl_time"] = moment.isoformat()
        yield Bill(f"demo-{number}", str(request["fixmedins_code"]), request)


def _places() -> dict[str, list[str]]:
    """Codes of the city's designated and networked institutions by level."""
    with list_file("designations.csv").open(encoding="utf-8", newline="") as file:
        usable = {row["code"] for row in DictReader(file)
                  if row["kind"] == "general" and row["networked"] == "是" and not row["to"]}
    found: dict[str, list[str]] = {}
    for row in institutions():
        if row["place"] == "local" and row["code"] in usable:
            found.setdefault(row["level"], []).append(row["code"])
    return found


def _request(rng: random.Random, lists: Lists, number: str, day: int,
             places: dict[str, list[str]], chronic: set[str]) -> dict[str, object]:
    if rng.random() < 0.45:
        level = rng.choice(("3", "2", "2", "2", "1", "township"))
        fen = AVERAGE_STAY[level] * rng.randint(35, 260)
        return _stay(rng, lists, number, day, rng.choice(places[level]), fen)
    level = rng.choice(("3", "2", "1", "township", "village", "village"))
    visit = {"med_type": "11"}
    if number in chronic and level in ("3", "2", "township"):
        visit = {"med_type": "14", "dise_codg": HYPERTENSION}
    elif rng.random() < 0.2 and lists.covered[number] == RESIDENTS:
        visit = {"med_type": "9901", "dise_codg": HYPERTENSION}
    fen = AVERAGE_VISIT[level] * rng.randint(35, 260)
    begin = lists.ago(day)
    return visit | _bill(rng, lists, number, rng.choice(places[level]), (begin, begin), fen)


def _stay(rng: random.Random, lists: Lists, number: str, day: int, place: str, fen: int,
          ) -> dict[str, object]:
    days = rng.randint(3, 14)
    ends = (lists.ago(day + days), lists.ago(day))
    found = {"med_type": "21"} | _bill(rng, lists, number, place, ends, fen)
    if rng.random() < 0.25:
        found |= _lines(rng, ends[1], days)
    return found


def _bill(rng: random.Random, lists: Lists, number: str, place: str, ends: tuple[str, str],
          fen: int) -> dict[str, object]:
    own, first = fen * rng.randint(0, 12) // 100, fen * rng.randint(0, 9) // 100
    moment = datetime.combine(datetime.fromisoformat(ends[1]), time(
        rng.randint(8, 17), rng.randint(0, 49), rng.randint(0, 50)))
    return {"psn_no": number, "insutype": lists.covered[number], "fixmedins_code": place,
            "begndate": ends[0], "enddate": ends[1], "setl_time": moment.isoformat(),
            "medfee_sumamt": _yuan(fen), "fulamt_ownpay_amt": _yuan(own),
            "overlmt_selfpay": "0.00", "preselfpay_amt": _yuan(first)}


def _lines(rng: random.Random, day: str, days: int) -> dict[str, object]:
    """The same stay with its fee lines instead of stated parts."""
    lines, total = [], 0
    for place, code in enumerate(LINES, 1):
        price = rng.randint(800, 4500)
        total += price * days
        lines.append({"feedetl_sn": str(place), "med_list_codg": code, "fee_ocur_time": day,
                      "cnt": str(days), "pric": _yuan(price),
                      "det_item_fee_sumamt": _yuan(price * days)})
    return {"feedetail": lines, "medfee_sumamt": _yuan(total), "fulamt_ownpay_amt": None,
            "overlmt_selfpay": None, "preselfpay_amt": None}


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
