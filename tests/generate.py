"""People and bills of any pack, for property tests: every class the pack knows is met.

Amounts are skewed as bills are: many zeros and small ones, some huge.
"""
from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from tongchou.engine import Claim, Person, StatusSpan
from tongchou.policy import Pack
from tongchou.terms import LEVELS, PERSONS, PLACES, REFERRALS, VISITS

HUGE_FEN = 10 ** 11
AMOUNTS = st.one_of(st.just(0), st.integers(0, 20_000), st.integers(0, 3_000_000),
                    st.integers(0, 60_000_000), st.integers(0, HUGE_FEN))
FACTS = st.integers(0, 60)


def visits_of(pack: Pack) -> list[str]:
    """Kinds of visit some layer names; all of them where a layer takes any."""
    named = [layer.conditions.get("visit", tuple(VISITS)) for layer in pack.layers]
    return sorted({visit for visits in named for visit in visits})


def tags_of(pack: Pack) -> list[str]:
    """Words of institutions the pack asks for."""
    return sorted({tag for rule in pack.hospitals for key in ("tag", "not_tag")
                   for tag in rule.match.get(key, ())})


def diseases_of(pack: Pack) -> list[str]:
    """A code of every disease class, and one of none."""
    codes = [code for rule in pack.diseases for code in rule.match.get("codes", ())]
    return ["", "Z99.9", *(code[:-1] + "1" if code.endswith("*") else code for code in codes)]


def days(pack: Pack) -> st.SearchStrategy[date]:
    """Days on which the pack is in force, one year and a half at most."""
    first = date.fromisoformat(pack.force_from)
    last = date.fromisoformat(pack.force_to) if pack.force_to else first + timedelta(days=540)
    return st.dates(first, min(last, first + timedelta(days=540)))


@st.composite
def people(draw: st.DrawFn, pack: Pack, name: str = "P1", family: str = "") -> Person:
    """A person with identities, attributes and numbers of the pack."""
    names = [status.name for status in (*pack.statuses, *pack.attributes)]
    held = draw(st.lists(st.sampled_from(names), max_size=4, unique=True)) if names else []
    spans = tuple(StatusSpan(name, draw(st.sampled_from(["1990-01-01", pack.force_from,
                                                         later(pack.force_from, 90)])),
                             draw(st.sampled_from(["", later(pack.force_from, 200)])))
                  for name in held)
    born = draw(st.sampled_from(["", "1935-06-01", "1960-01-31", "1985-02-28", "2012-03-01",
                                 "2017-12-31"]))
    return Person(name, draw(st.sampled_from(pack.insurance)), family, born,
                  draw(st.sampled_from(["male", "female", "unknown"])),
                  draw(st.sampled_from(sorted(PERSONS))), spans,
                  {fact: draw(FACTS) for fact in pack.facts})


def later(day: str, count: int) -> str:
    """The day `count` days after another."""
    return (date.fromisoformat(day) + timedelta(days=count)).isoformat()


@st.composite
def bills(draw: st.DrawFn, pack: Pack, name: str = "C1", person: str = "P1") -> Claim:
    """A bill of a person: any visit, level, place, referral, disease and split of money."""
    begin = draw(days(pack))
    end = min(begin + timedelta(days=draw(st.sampled_from([0, 0, 3, 12, 40]))),
              date.fromisoformat(pack.force_to or "9000-01-01"))
    tags = draw(st.lists(st.sampled_from(tags_of(pack)), max_size=2)) if tags_of(pack) else []
    parts = tuple(draw(AMOUNTS) if draw(st.booleans()) else 0 for _ in range(3))
    return Claim(name, person, draw(st.sampled_from(visits_of(pack))),
                 draw(st.sampled_from(sorted(LEVELS))), draw(st.sampled_from(sorted(PLACES))),
                 draw(st.sampled_from(sorted(REFERRALS))), begin.isoformat(), end.isoformat(),
                 f"{end.isoformat()}T{draw(st.integers(0, 23)):02d}:00:00",
                 (*parts, draw(AMOUNTS)), frozenset(tags),
                 draw(st.sampled_from(diseases_of(pack))),
                 draw(st.sampled_from(["", "", "E1", "E2"])), draw(st.sampled_from(["H1", "H2"])))


@st.composite
def years(draw: st.DrawFn, pack: Pack, most: int = 6) -> tuple[dict[str, Person], list[Claim]]:
    """A person, or a family of two, with their bills in any order."""
    names = draw(st.sampled_from([["P1"], ["P1"], ["P1", "P2"]]))
    family = "F1" if len(names) > 1 else ""
    persons = {name: draw(people(pack, name, family)) for name in names}
    claims = [draw(bills(pack, f"C{number}", draw(st.sampled_from(names))))
              for number in range(draw(st.integers(1, most)))]
    return persons, claims
