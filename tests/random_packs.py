"""Packs and claims drawn at random over the whole language, for holding kernel and reference
against each other. Everything is drawn from one `random.Random`, so a seed names a failure."""
from __future__ import annotations

import random

import numpy as np
import yaml

from tongchou.engine.columns import Columns
from tongchou.engine.plan import Plan
from tongchou.engine.reference import claim_order
from tongchou.engine.situation import Claim, Person, StatusSpan, situate
from tongchou.engine.trace import encode, previous_rows
from tongchou.policy.model import Pack

VISITS = ("inpatient", "outpatient", "day_treatment")
HOSPITALS = ("small", "large")
STATUSES = ("allowance", "borderline", "extreme_poverty")


def percent(rng: random.Random) -> str:
    """A rate, sometimes with decimals."""
    return rng.choice(["0%", "33.3333%", "50%", "62.5%", "70%", "85%", "90%", "100%",
                       f"{rng.randint(1, 99)}%"])


def yuan(rng: random.Random, most: int) -> str:
    """An amount, sometimes with fen."""
    return rng.choice([str(rng.randint(0, most)),
                       f"{rng.randint(0, most)}.{rng.randint(1, 99):02d}"])


def table(rng: random.Random, leaf) -> object:
    """A plain value or a table of values."""
    kind = rng.random()
    if kind < 0.5:
        return leaf()
    if kind < 0.7:
        return {"by": "hospital", "small": leaf(), "large": leaf(), "else": leaf()}
    if kind < 0.85:
        return {"by": "status", "allowance": leaf(), "else": leaf()}
    return {"by": "date", "2020-01-01": leaf(), "2023-07-01": leaf()}


def deductible(rng: random.Random, layer: str, family: bool) -> object:
    """Any deductible the language knows."""
    if rng.random() < 0.2:
        return "none"
    per = rng.choice(["stay", "year", "episode"])
    rule: dict = {"per": per}
    if rng.random() < 0.2 and per == "stay":
        rule |= {"share": percent(rng), "of": rng.choice(["total", "in_policy",
                                                         ["first_self_pay", "in_policy"]]),
                 "at_least": yuan(rng, 300), "at_most": yuan(rng, 3000)}
    else:
        rule["amount"] = table(rng, lambda: yuan(rng, 2000))
        if rng.random() < 0.4:
            rule["then"] = rng.choice([["100%", "50%", "0%"], ["100%", "75%"],
                                       {"minus": "100", "at_least": "200"}])
            rule["counter"] = rng.choice(["admissions", layer])
            if rng.random() < 0.3:
                rule["counts"] = {"by": "visit", "day_treatment": "no", "else": "yes"}
    if rng.random() < 0.2:
        rule["year_total_at_most"] = yuan(rng, 3000)
    if rng.random() < 0.3 and "share" not in rule:
        rule["adjust"] = [{"for": {"status": "allowance"}, "times": "50%",
                           "round_to": rng.choice(["1", "0.01"])}]
    if family and per == "year" and rng.random() < 0.6 and "then" not in rule:
        rule["owner"] = rng.choice(["family", "any_member"])
        rule["amount"] = yuan(rng, 2000)
        rule.pop("adjust", None)
    if rng.random() < 0.2 and per == "year":
        rule["accumulator"] = "shared"
        rule["owner"] = "person"
    return rule


def tiers(rng: random.Random, family: bool) -> dict:
    """Tiers of the stay or year in every way of counting."""
    of = rng.choice(["stay", "year"])
    edges = sorted(rng.sample(range(1, 30), rng.randint(1, 3)))
    rule: dict = {"of": of}
    rule["edges"] = rng.choice(["gross", "net", "bracket"] if of == "stay" else ["gross", "net"])
    if of == "year":
        rule["rounding"] = rng.choice(["each_side", "difference", "true_up"])
        if family and rng.random() < 0.3:
            rule["owner"] = "family"
    for edge in edges:
        rule[f"to {edge * 700}"] = table(rng, lambda: percent(rng))
    rule["above"] = percent(rng)
    return rule


def cap(rng: random.Random, family: bool) -> object:
    """None, pots and limits."""
    found = []
    for _ in range(rng.choice([0, 1, 1, 2])):
        if rng.random() < 0.3:
            found.append("pot")
            continue
        one = {"per": rng.choice(["stay", "day", "month", "year", "year"]),
               "amount": table(rng, lambda: yuan(rng, 9000))}
        if rng.random() < 0.25:
            one["on"] = "cost"
        if family and one["per"] != "stay" and rng.random() < 0.3:
            one["owner"] = "family"
        found.append(one)
    found = [item for k, item in enumerate(found) if item != "pot" or "pot" not in found[:k]]
    return found or "none"


def layer(rng: random.Random, name: str, earlier: list[str], family: bool) -> dict:
    """One layer with a random choice of everything."""
    parts = ["out_of_catalogue", "over_limit", "first_self_pay", "in_policy"]
    parts += [f"{other}.{tail}" for other in earlier for tail in
              ("deductible", "copayment", "over_cap", "penalty", "excluded", "unpaid", "residue")]
    base = rng.sample(parts, min(rng.randint(1, 3), len(parts)))
    if earlier and rng.random() < 0.6:
        base = [f"{earlier[-1]}.unpaid"]
    rule: dict = {
        "fund": rng.choice(["residents_basic", "critical_illness", "medical_assistance",
                            "commercial", "hospital", "person"]),
        "base": [part if rng.random() < 0.8 else {"part": part, "weight": percent(rng)}
                 for part in base],
        "deductible": deductible(rng, name, family), "cap": cap(rng, family), "clause": "RX-01"}
    if rng.random() < 0.4:
        rule["for"] = rng.choice([{"visit": ["inpatient", "day_treatment"]},
                                  {"status": ["allowance", "borderline"]},
                                  {"hospital": "large"}, {"place": "local"}])
    if rng.random() < 0.1:
        rule["except"] = {"status": "extreme_poverty"}
    if earlier and rng.random() < 0.2:
        rule["when"] = {"layer": rng.choice(earlier), "did": rng.choice(
            ["paid", "not_paid", "capped", "applied", "not_applied"])}
    kind = rng.random()
    if kind < 0.45:
        rule["ratio"] = table(rng, lambda: percent(rng))
    elif kind < 0.9:
        rule["tiers"] = tiers(rng, family)
    else:
        rule["fill"] = {"share": percent(rng), "of": rng.choice(["in_policy", "total"]),
                        "per": rng.choice(["stay", "year"])}
        rule["deductible"] = "none"
    if "fill" not in rule and rng.random() < 0.3:
        rule["adjust"] = [{"for": {"status": "extreme_poverty"}, "plus": "5%"}]
        if rng.random() < 0.4:
            rule["adjust"].append({"fact": rng.choice(["age", "years"]), "plus": "1.5%",
                                   "above": "3", "at_most": "10%"})
    if rng.random() < 0.1:
        rule["minimum"] = percent(rng)
    if rng.random() < 0.3:
        rule["over_cap"] = "payment"
    if rng.random() < 0.2:
        rule["penalty"] = {"for": {"referral": "missing"}, "as_if": {"referral": "due"}}
        if "ratio" in rule:
            rule["ratio"] = {"by": "referral", "missing": percent(rng), "else": percent(rng)}
    if rng.random() < 0.2:
        rule["looks_back"] = "yes"
    return rule


def pack_text(rng: random.Random) -> str:
    """A pack file."""
    family = rng.random() < 0.3
    names = [f"layer{k}" for k in range(rng.randint(1, 6))]
    pack = {
        "city": "random", "regime": "2023", "title": "random", "state": "draft",
        "in_force": {"from": "2020-01-01"}, "sources": {"RX": {"title": "drawn at random"}},
        "settings": {"rounding": rng.choice(["half_up", "half_even", "down"]),
                     "status_choice": rng.choice(["best_or_none", "held"]),
                     "order": rng.choice(["settlement", "discharge"])},
        "insurance": ["residents"],
        "hospitals": {"small": {"level": ["1", "2"]}, "large": {"level": "3"}},
        "statuses": {"allowance": {"lookback_months": "6"}, "borderline": {},
                     "extreme_poverty": {}},
        "facts": {"years": {"unit": "years"}},
        "pots": {"pot": {"per": rng.choice(["year", "month"]), "amount": yuan(rng, 9000)}},
        "layers": {name: layer(rng, name, names[:k], family) for k, name in enumerate(names)},
    }
    return yaml.safe_dump(pack, allow_unicode=True, sort_keys=False)


def amount(rng: random.Random) -> int:
    """Fen: zero, small, large, odd."""
    return rng.choice([0, 0, 1, rng.randint(1, 999), rng.randint(1000, 300_000),
                       rng.randint(100_000, 5_000_000)])


def people(rng: random.Random, number: int) -> dict[str, Person]:
    """Persons in families of one to three, with none to three statuses."""
    found = {}
    for k in range(number):
        held = rng.sample(STATUSES, rng.choice([0, 0, 1, 1, 2, 3]))
        spans = tuple(StatusSpan(name, rng.choice(["2022-01-01", "2023-05-01", "2023-11-01"]),
                                 rng.choice(["", "", "2023-09-30"])) for name in held)
        found[f"P{k:05d}"] = Person(f"P{k:05d}", "residents", f"F{k // rng.choice([1, 2, 3]):05d}",
                                    "1980-06-15", "male", "resident", spans,
                                    {"years": rng.randint(0, 20)})
    return found


def bills(rng: random.Random, person_id: str, number: int) -> list[Claim]:
    """Claims of one person over two years, episodes and shared days among them."""
    found = []
    for k in range(number):
        year, month = rng.choice([2022, 2023, 2023]), rng.randint(1, 12)
        day = f"{year}-{month:02d}-{rng.choice([3, 3, 14, 25]):02d}"
        found.append(Claim(
            f"{person_id}-{k}", person_id, rng.choice(VISITS), rng.choice(["1", "2", "3", "none"]),
            rng.choice(["local", "outside"]), rng.choice(["due", "missing", "not_needed"]),
            day, day, f"{day}T{rng.randint(0, 23):02d}:00:00",
            (amount(rng), amount(rng), amount(rng), amount(rng)),
            episode=rng.choice(["", "", "E1", "E2"])))
    return found


def groups(pack: Pack, plan: Plan, persons: dict[str, Person],
           claims: list[Claim]) -> list[list[Claim]]:
    """Claims by owner group and policy year, each in the pack's order."""
    found: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        person = persons[claim.person_id]
        owner = person.family_id if plan.family else person.person_id
        found.setdefault((owner, situate(pack, person, claim).policy_year), []).append(claim)
    return [sorted(found[key], key=lambda one: claim_order(pack, one)) for key in sorted(found)]


def columns_of(pack: Pack, plan: Plan, persons: dict[str, Person],
               units: list[list[Claim]]) -> Columns:
    """Columns of claims, row by row through `situate` (slow and plain)."""
    keys, bits, parts, offsets, members, facts = [], [], [], [0], [], []
    previous: dict[str, list[int]] = {scope: [] for scope in plan.scopes}
    for unit in units:
        situations = [situate(pack, persons[claim.person_id], claim) for claim in unit]
        order: dict[str, int] = {}
        for claim, situation in zip(unit, situations, strict=True):
            key, mask = encode(plan, situation)
            keys.append(key)
            bits.append(mask)
            parts.append(claim.parts)
            members.append(order.setdefault(claim.person_id, len(order)) if plan.family else 0)
            facts.append([situation.facts[name] for name in plan.facts])
        for scope in plan.scopes:
            previous[scope] += [row + offsets[-1] if row >= 0 else -1
                                for row in previous_rows(scope, unit, situations)]
        offsets.append(len(keys))
    return Columns(np.array(keys, np.int64), np.array(bits, np.int64),
                   np.ascontiguousarray(np.array(parts, np.int64).reshape(-1, 4).T),
                   np.array(offsets, np.int64), np.array(members, np.int64),
                   {scope: np.array(rows, np.int64) for scope, rows in previous.items()},
                   np.ascontiguousarray(np.array(facts, np.int64).reshape(len(keys), -1).T))
