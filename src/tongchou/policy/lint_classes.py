"""Which classes of a dimension a claim can be in at all; classes that an earlier one swallows."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from ..terms import LEVELS, PERSONS, PLACES, REFERRALS, VISITS
from .lint_finding import Finding, finding
from .model import ClassRule, Pack

TAGS_MAX = 8  # all subsets up to here (256), beyond it up to three tags at a time
AGES = range(0, 121)
Possible = dict[str, tuple[str, ...]]


def possible_classes(pack: Pack) -> Possible:
    """Dimension -> classes that some claim can have, in the pack's order, `other` last."""
    return {
        "insurance": pack.insurance, "visit": tuple(VISITS), "place": tuple(PLACES),
        "referral": tuple(REFERRALS), "sex": ("male", "female", "unknown"),
        "hospital": tuple(dict.fromkeys(_in_order(pack.hospitals, _hospitals(pack.hospitals)))),
        "person": tuple(_in_order(pack.persons, _persons(pack.persons))) if pack.persons
        else tuple(PERSONS),
        "age": tuple(_in_order(pack.ages, _ages(pack.ages))) if pack.ages else ("other",),
        "disease": (*(rule.name for rule in pack.diseases), "other"),
        "status": (*(status.name for status in pack.statuses), "none"),
        **{attribute.name: ("yes", "no") for attribute in pack.attributes},
    }


def _in_order(rules: tuple[ClassRule, ...], met: set[str]) -> list[str]:
    return [name for name in (*(rule.name for rule in rules), "other") if name in met]


def place_of(pack: Pack, hospital: str) -> tuple[str, ...]:
    """Places in which a hospital class can be met."""
    for rule in pack.hospitals:
        if rule.name == hospital:
            return rule.match.get("place", tuple(PLACES))
    return tuple(PLACES)


def _tag_sets(rules: tuple[ClassRule, ...]) -> list[frozenset[str]]:
    tags = sorted({tag for rule in rules for key in ("tag", "not_tag")
                   for tag in rule.match.get(key, ())})
    most = len(tags) if len(tags) <= TAGS_MAX else 3
    return [frozenset(chosen) for size in range(most + 1) for chosen in combinations(tags, size)]


def _matches(rule: ClassRule, level: str, place: str, tags: frozenset[str]) -> bool:
    match = rule.match
    return level in match.get("level", (level,)) and place in match.get("place", (place,)) \
        and ("tag" not in match or not tags.isdisjoint(match["tag"])) \
        and tags.isdisjoint(match.get("not_tag", ()))


def _hospitals(rules: tuple[ClassRule, ...]) -> set[str]:
    return {next((rule.name for rule in rules if _matches(rule, *institution)), "other")
            for institution in product(LEVELS, PLACES, _tag_sets(rules))}


def _persons(rules: tuple[ClassRule, ...]) -> set[str]:
    return {next((rule.name for rule in rules if name in rule.match.get("person", ())), "other")
            for name in PERSONS}


def _ages(rules: tuple[ClassRule, ...]) -> set[str]:
    """Classes that some age has; a person without a birth date is left out."""
    return {next((rule.name for rule in rules if int(rule.match.get("from", ("0",))[0]) <= age
                  <= int(rule.match.get("to", ("999",))[0])), "other") for age in AGES}


def check_classes(pack: Pack) -> Iterator[Finding]:
    """Classes no claim can be in because earlier ones take all it would match."""
    met = possible_classes(pack)
    for kind, rules in (("hospital", pack.hospitals), ("person", pack.persons),
                        ("age", pack.ages)):
        for rule in rules:
            if rule.name not in met[kind]:
                yield finding("warning", "class-swallowed", rule.where, f"no claim is ever in the "
                              f"{kind} class {rule.name}: an earlier class takes all of it",
                              "The first match wins: put the narrower class first, or delete it.",
                              rule.clauses[0] if rule.clauses else "")
    yield from _diseases(pack.diseases)


def _diseases(rules: tuple[ClassRule, ...]) -> Iterator[Finding]:
    earlier: list[tuple[str, str]] = []
    for rule in rules:
        codes = rule.match.get("codes", ())
        for code in codes:
            taker = next((name for known, name in earlier if code == known
                          or (known.endswith("*") and code.startswith(known[:-1]))), "")
            if taker:
                yield finding("warning", "class-swallowed", rule.where, f"the code {code} of "
                              f"disease class {rule.name} always belongs to {taker}, which stands "
                              "first", "The first match wins: keep the code in one class.",
                              rule.clauses[0] if rule.clauses else "")
        earlier += [(code, rule.name) for code in codes]
