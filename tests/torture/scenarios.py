"""Small histories by seed: a person or a family, a few bills that stand, then windows at once."""
from __future__ import annotations

import itertools
import json
import random
from dataclasses import dataclass, replace

from history import Call, State, explained
from settling import Window

from tongchou.database import shard_of
from tongchou.engine import Claim, Person, StatusSpan
from tongchou.settlement import REFUNDS

SINGLE, FAMILY = "520000", "370300"
REGIMES = {SINGLE: ("guizhou/2024", "candidate", "2024-01-01"),
           FAMILY: ("zibo/2023", "candidate", "2023-01-01")}
YEAR = {SINGLE: "2024", FAMILY: "2023"}
STATUSES = ("allowance", "borderline", "extreme_poverty")
KINDS = ("settle",) * 4 + ("status",) * 2 + ("presettle", "presettle", "reverse", "reverse",
                                             "retry", "again", "reuse")
LAST = 2 ** 62
STORED = """
select distinct on (s.setl_id) s.setl_id, o.money -> 'money' -> 'paid',
  o.money -> 'money' -> 'person_fen', o.money -> 'money' -> 'absorbed_fen'
from settlement s join outcome o using (region, shard, psn_no, setl_id)
where s.region = %s and s.shard = %s and s.psn_no = %s order by s.setl_id, o.revision desc"""


@dataclass
class Scenario:
    """Whom it is about, what is done before, and what each window does."""

    region: str
    persons: dict[str, Person]
    before: list[Call]
    windows: list[list[Call]]


def scenario(dice: random.Random, run: str, windows_max: int, calls_max: int) -> Scenario:
    """One of a kind that the dice choose; at most `calls_max` calls overlap."""
    region = dice.choice((SINGLE, SINGLE, FAMILY))
    names = [f"{run}{letter}" for letter in ("ab" if region == FAMILY else "a")]
    persons = {name: Person(name, "residents", f"F{run}" if region == FAMILY else "",
                            "1958-03-01", "male") for name in names}
    numbers = itertools.count()
    before = [_settle(dice, region, names, run, next(numbers))
              for _ in range(dice.choice((0, 1, 2, 2)))]
    plans: list[list[Call]] = [[] for _ in range(dice.randrange(2, windows_max + 1))]
    made = list(before)
    count, left = 0, dice.randrange(len(plans), calls_max + 1)
    while left > 0:
        calls = _calls(dice, region, persons, made, f"{run}.{next(numbers)}", run, next(numbers))
        made += calls
        for call in calls:
            plans[count % len(plans)].append(call)
        count, left = count + 1, left - len(calls)
    for window, plan in enumerate(plans):
        for call in plan:
            call.window = window
    return Scenario(region, persons, before, [plan for plan in plans if plan])


def _settle(dice: random.Random, region: str, names: list[str], run: str, number: int) -> Call:
    day = f"{YEAR[region]}-{dice.choice((3, 6, 9)):02d}-{dice.randrange(1, 4):02d}"
    total = dice.choice((20_000, 900_000, 9_000_000, 40_000_000))
    name = dice.choice(names)
    claim = Claim(f"{run}V{number}", name, "inpatient", dice.choice("123"), "local", "due", day,
                  day, f"{day}T10:00:00", (total // 10, 0, 0, total - total // 10),
                  hospital_id="H1")
    return Call(0, "settle", f"{run}-{number}", claim)


def _calls(dice: random.Random, region: str, persons: dict[str, Person], made: list[Call],
           key: str, run: str, number: int) -> list[Call]:
    kind = dice.choice(KINDS)
    bills = [call for call in made if call.kind == "settle"]
    names = sorted(persons)
    if kind == "status" and not any(call.kind == "learn" for call in made):
        person = persons[dice.choice(names)]
        span = StatusSpan(dice.choice(STATUSES), f"{YEAR[region]}-01-01", "")
        known = replace(person, statuses=(span,))
        return [Call(0, "learn", person=known), Call(0, "recompute", key, person=known)]
    if kind in ("settle", "presettle", "status") or not bills:
        new = _settle(dice, region, names, run, number)
        return [new] if kind != "presettle" else [replace(new, kind="presettle", key="")]
    one = bills[0] if kind == "reverse" and dice.random() < 0.6 else dice.choice(bills)
    if kind == "retry":
        return [replace(one)]
    if kind == "reuse":
        return [replace(_settle(dice, region, [one.claim.person_id], run, number), key=one.key)]
    if kind == "again":
        return [replace(one, key=key)]
    return [Call(0, "reverse", key, person=persons[one.claim.person_id], setl_id=f"of {one.key}",
                 refund=dice.choice(REFUNDS))]


def resolve(call: Call, history: list[Call]) -> None:
    """A reversal takes the number of the bill it is about, once somebody knows it."""
    if call.setl_id.startswith("of "):
        key = call.setl_id[3:]
        call.setl_id = next((json.loads(one.answer)["setl_id"] for one in history
                             if one.kind == "settle" and one.key == key and one.answer), "none")


def look(window: Window, made: Scenario) -> Call:
    """The newest outcome of every settlement, read when all is over."""
    found: dict[str, object] = {}
    with window.database.connection() as connection:
        for name in made.persons:
            for setl_id, paid, person, absorbed in connection.execute(
                    STORED, (made.region, shard_of(made.region, name), name)):
                found[setl_id] = {"funds": {fund: yuan(fen) for fund, fen in paid.items()},
                                  "fund_pay_sumamt": yuan(sum(paid.values())),
                                  "psn_part_amt": yuan(person), "hosp_part_amt": yuan(absorbed)}
    return Call(0, "look", called=LAST, returned=LAST, answer=json.dumps(found))


def yuan(fen: int) -> str:
    """Fen as yuan text."""
    return f"{fen // 100}.{fen % 100:02d}"


def start_of(window: Window, made: Scenario) -> State:
    """What stands before the first call."""
    return State(window.regimes.packs(made.region)[0], made.persons)


def explain(window: Window, made: Scenario, history: list[Call]) -> None:
    """Asserts that some order explains the history and what is stored afterwards."""
    calls = [*history, look(window, made)]
    found = explained(calls, start_of(window, made))
    assert found is not None, "no order explains these answers:\n" + "\n".join(map(str, calls))
