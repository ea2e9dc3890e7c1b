"""Holding the kernel against the reference on the same claims, every figure of every claim."""
from __future__ import annotations

import random

import numpy as np
from random_packs import amount, columns_of, groups

from tongchou.engine import (Claim, Person, RuleCache, StatusSpan, kernel, settle_year)
from tongchou.engine.columns import Results
from tongchou.engine.flows import deductible_of
from tongchou.engine.plan import Plan
from tongchou.policy import Pack
from tongchou.terms import LEVELS, PERSONS, PLACES, REFERRALS, VISITS


def draw_person(rng: random.Random, pack: Pack, number: int) -> Person:
    """A person with identities, attributes and numbers the pack knows."""
    names = [status.name for status in pack.statuses]
    held = rng.sample(names, min(len(names), rng.choice([0, 0, 0, 1, 1, 2, 3])))
    held += [one.name for one in pack.attributes if rng.random() < 0.3]
    year = int(pack.force_from[:4])
    spans = tuple(StatusSpan(name, rng.choice(["2000-01-01", f"{year}-06-15"]),
                             rng.choice(["", "", f"{year}-10-31"])) for name in held)
    return Person(f"P{number:06d}", rng.choice(pack.insurance), f"F{number // 3:06d}",
                  f"{rng.randint(1930, year)}-0{rng.randint(1, 9)}-15",
                  rng.choice(["male", "female"]), rng.choice([*PERSONS]), spans,
                  {name: rng.randint(0, 40) for name in pack.facts})


def draw_claim(rng: random.Random, pack: Pack, person: Person, number: int) -> Claim:
    """A bill of the pack's first year in force, in any class the pack distinguishes."""
    tags = sorted({tag for rule in pack.hospitals for tag in rule.match.get("tag", ())})
    codes = [code.rstrip("*") for rule in pack.diseases for code in rule.match.get("codes", ())]
    month = rng.randint(1, 12)
    if pack.force_from[5:7] > f"{month:02d}":
        month = 12
    day = f"{pack.force_from[:4]}-{month:02d}-{rng.choice([14, 14, 20, 28]):02d}"
    scale = rng.choice([1, 1, 1, 20])
    return Claim(
        f"{person.person_id}-{number:03d}", person.person_id,
        rng.choice(["inpatient", "outpatient", "chronic_outpatient", *VISITS]),
        rng.choice([*LEVELS]), rng.choice(["local", *PLACES]), rng.choice([*REFERRALS]), day, day,
        f"{day}T{rng.randint(0, 23):02d}:00:00",
        (amount(rng), amount(rng) // 10, amount(rng) // 5, amount(rng) * scale),
        frozenset(tag for tag in tags if rng.random() < 0.2),
        rng.choice(["", "", *codes]) if codes else "", rng.choice(["", "", "E1", "E2"]))


def differences(pack: Pack, plan: Plan, persons: dict[str, Person], claims: list[Claim],
                results: list[Results], units: list[list[Claim]]) -> list[str]:
    """What differs between the reference and each of the results, in words; at most ten."""
    rules, row, found = RuleCache(pack), 0, []
    for unit in units:
        for settlement in settle_year(pack, persons, unit, rules):
            paid = {trace.rule.layer: trace.paid for trace in settlement.layers}
            capped = sum(1 << plan.layers.index(trace.rule.layer)
                         for trace in settlement.layers if trace.capped)
            wanted = ([paid.get(name, 0) for name in plan.layers], settlement.person_part,
                      deductible_of(pack, settlement), settlement.status, capped)
            for result in results:
                number = int(result.status[row])
                got = (result.paid[:, row].tolist(), int(result.person[row]),
                       int(result.deductible[row]), plan.statuses[number - 1] if number else "none",
                       int(result.capped[row]))
                if got != wanted and len(found) < 10:
                    found.append(f"{settlement.claim}: reference {wanted}, kernel {got}")
            row += 1
    assert row == len(claims), (row, len(claims))
    return found


def check(pack: Pack, plan: Plan, persons: dict[str, Person], claims: list[Claim],
          ways: list[dict]) -> list[str]:
    """Settles claims by the kernel in several ways (`kernel.run` options) and by the reference."""
    units = groups(pack, plan, persons, claims)
    columns = columns_of(pack, plan, persons, units)
    assert not (plan.refusal(columns.key, columns.statuses) >= 0).any(), plan.refusals[:1]
    results = [kernel.run(plan, columns, **way) for way in ways]
    assert all(np.array_equal(one.paid.sum(axis=1), results[0].paid.sum(axis=1))
               for one in results)
    return differences(pack, plan, persons, claims, results, units)
