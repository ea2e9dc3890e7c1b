"""Person-years as they stand, read for settling (读取年度)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from psycopg import Connection

from ..database import shard_of
from ..engine import Claim, Person
from ..errors import Refusal
from ..policy import Pack
from . import store
from .codec import claim_of, person_of
from .money import Money
from .order import Owner
from .regimes import Settlers
from .store import Ask, Context
from .year import Stored, Year

Rows = list[dict[str, object]]


class People(Protocol):
    """What settlement asks of enrolment, given by the platform."""

    def person(self, psn_no: str, context: Mapping[str, object], claim: Claim) -> Person:
        """The person as the rules see them, insured on the claim's day; refuses otherwise."""

    def family(self, context: Mapping[str, object]) -> Sequence[str]:
        """psn_no of the other members of the family."""


class Look:
    """Reads on one connection: years and earlier answers, and what was settled for a person."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def contexts(self, asks: Sequence[Ask]) -> list[Context]:
        """Of each ask, as of one moment."""
        return store.read_contexts(self._connection, asks)

    def history(self, region: str, psn_no: str) -> Rows:
        """All settlements of a person, oldest first."""
        return store.history(self._connection, region, shard_of(region, psn_no), psn_no, None)


@dataclass(frozen=True)
class Read:
    """A year as read: the pure year, and its owners."""

    year: Year
    owners: tuple[Owner, ...]


class YearReader:
    """Puts together a person's year with the family that shares it."""

    def __init__(self, people: People, settlers: Settlers) -> None:
        self._people, self._settlers = people, settlers

    def read(self, look: Look, pack: Pack, ask: Ask, claim: Claim, own: Context) -> Read:
        """The year of who asks, whose own part is read already; `claim` is the one to settle, or
        the newest."""
        contexts = {ask.psn_no: own}
        if self._settlers.shares_family(pack) and own.person:
            members = self._people.family(own.person)
            asks = [ask_of(ask.region, member, ask.year) for member in members]
            if asks:
                contexts |= dict(zip(members, look.contexts(asks), strict=True))
        return self._joined(pack, ask, claim, contexts)

    def _joined(self, pack: Pack, ask: Ask, claim: Claim, contexts: Mapping[str, Context]) -> Read:
        persons, settled_as, stored, owners = {}, {}, [], []
        for member, context in contexts.items():
            if context.person is None:
                raise Refusal("unknown-person", f"nobody is known as {member!r} in region "
                              f"{ask.region}", "psn_no", "", "Register the person, or check the "
                              "number and region.")
            owners.append(owner_of(ask.region, member, ask.year, context))
            found = [_stored(row, ask.year) for row in context.year["settlements"]]
            if member != ask.psn_no and not found:
                continue
            seen = claim if member == ask.psn_no else max((one.claim for one in found),
                                                          key=lambda one: one.settled)
            persons[member] = self._people.person(member, context.person, seen)
            before = context.year["settlements"]
            settled_as[member] = person_of(before[-1]["person"]) if before else persons[member]
            stored += found
        rules = self._settlers.rules(pack)
        return Read(Year(pack, persons, settled_as, tuple(stored), rules), tuple(owners))


def ask_of(region: str, psn_no: str, year: str, key: str | None = None) -> Ask:
    """An ask for a person's own year and key."""
    shard = shard_of(region, psn_no)
    return Ask(region, shard, psn_no, year, key, shard)


def owner_of(region: str, psn_no: str, year: str, context: Context) -> Owner:
    """Whose year was read, at which version."""
    return Owner(psn_no, shard_of(region, psn_no), year, context.year["version"],
                 context.year["paid"])


def _stored(row: Mapping[str, object], year: str) -> Stored:
    return Stored(row["setl_id"], row["shard"], year, row["kind"], row["institution"],
                  claim_of(row["claim"]), row["revision"], Money.of(row["money"]["money"]),
                  Money.of(row["money"]["advanced"]), row["reversed"])
