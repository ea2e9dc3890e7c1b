"""What is written for a change: settlements, outcomes, journal entries, outbox (写入指令).

One order is one transaction; `write_settlements` of migration 0004 carries it out.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

import orjson

from ..engine import Person
from ..ledger import Entry, Posting, entry_order, evidence, postings_of_bill, time_text
from .codec import person_row
from .money import Money, sum_of
from .year import Outcome

_YEAR = itemgetter("region", "shard", "psn_no", "year")
KINDS = {"settle": "settlement", "reverse": "reversal", "recompute": "recomputation"}


@dataclass(frozen=True)
class Owner:
    """A person's year as it was read: where its rows lie, its version, what funds have paid."""

    psn_no: str
    shard: int
    year: str
    version: int
    paid: Mapping[str, int]


@dataclass(frozen=True)
class Request:
    """What somebody asked to be written: its key and answer, who asked, and when it is known."""

    region: str
    shard: int
    key: str | None
    body_hash: str
    reply: str
    who: str
    at: datetime
    cause: str


Rows = list[dict[str, object]]


class Along(NamedTuple):
    """What somebody else writes in the transaction of a settlement: a function of the database that
    takes a JSON list and a list of bytes, a row for it, and the bytes that belong to the row. It is
    called before the settlement is written, once for all rows."""

    function: str
    row: Mapping[str, object]
    sealed: tuple[bytes, ...]


@dataclass
class Order:
    """Rows to be written together, everything or nothing (see write_settlements of migration 0004).

    `replies` are the texts of `answers`, one line each.
    """

    years: Rows
    answers: Rows = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    settlements: Rows = field(default_factory=list)
    entries: Rows = field(default_factory=list)
    outcomes: Rows = field(default_factory=list)
    outbox: Rows = field(default_factory=list)
    along: list[Along] = field(default_factory=list)

    def owners(self) -> list[tuple[str, str, str]]:
        """(region, psn_no, year) of whose years it moves."""
        return [(row["region"], row["psn_no"], row["year"]) for row in self.years]

    def locked(self) -> set[tuple[str, str]]:
        """(psn_no, year) to lock before this is read again."""
        return {(row["psn_no"], row["year"]) for row in self.years}


def joined(orders: Sequence[Order]) -> Order:
    """One order of all of them, rows in the order in which everybody locks them."""
    found = Order(sorted((row for one in orders for row in one.years), key=_YEAR))
    answers = sorted(((row, reply) for one in orders
                      for row, reply in zip(one.answers, one.replies, strict=True)),
                     key=lambda pair: (pair[0]["region"], pair[0]["shard"], pair[0]["key"]))
    found.answers, found.replies = [row for row, _ in answers], [reply for _, reply in answers]
    for one in orders:
        before = len(found.entries)
        found.settlements += one.settlements
        found.entries += one.entries
        found.outcomes += [{**row, "entry": row["entry"] + before} if row["entry"] else row
                           for row in one.outcomes] if before else one.outcomes
        found.outbox += one.outbox
        found.along += one.along
    return found


def write_order(request: Request, owners: Iterable[Owner], outcomes: Iterable[Outcome],
                settlement: Mapping[str, object] | None, persons: Mapping[str, Person],
                ) -> Order:
    """The order for outcomes; `settlement` is the row of the new one, None when there is none."""
    found = sorted(outcomes, key=lambda one: (one.stored.shard, one.stored.psn_no))
    booked_at = time_text(request.at)
    carrier = next((one for one in found if one.difference), None)
    order = Order([_year_row(request.region, owner, found) for owner in owners])
    if request.key is not None:
        order.answers.append({
            "region": request.region, "shard": request.shard, "key": request.key,
            "body_hash": request.body_hash, "known_at": booked_at,
            "outcome": outcome_id(carrier) if carrier else None})
        order.replies.append(request.reply)
    if settlement:
        order.settlements.append({**settlement, "region": request.region, "known_at": booked_at})
    for one in found:
        row = _outcome_row(request, one, persons[one.stored.psn_no])
        place = None
        if one.difference:
            proof = _evidence(request, row, settlement if one.stored.revision == 0 else None,
                              one is carrier)
            order.entries.append(_entry(request, one, proof))
            place = len(order.entries)
        order.outcomes.append({**row, "region": request.region, "shard": one.stored.shard,
                               "entry": place, "known_at": booked_at})
        order.outbox.append(_message(request, one, booked_at))
    return order


def outcome_id(outcome: Outcome) -> str:
    """The number of an outcome, its entry and its message: setl_id.revision."""
    return f"{outcome.stored.setl_id}.{outcome.stored.revision + 1}"


def _year_row(region: str, owner: Owner, outcomes: Iterable[Outcome]) -> dict[str, object]:
    moved = sum_of(one.difference for one in outcomes
                   if (one.stored.psn_no, one.stored.year) == (owner.psn_no, owner.year))
    paid = (Money(owner.paid) + Money(moved.paid)).paid
    assert all(fen > 0 for fen in paid.values()), (owner, paid)
    return {"region": region, "shard": owner.shard, "psn_no": owner.psn_no, "year": owner.year,
            "version": owner.version, "paid": paid}


def _outcome_row(request: Request, outcome: Outcome, person: Person) -> dict[str, object]:
    stored = outcome.stored
    return {"psn_no": stored.psn_no, "setl_id": stored.setl_id, "revision": stored.revision + 1,
            "reason": outcome.reason, "cause": request.cause,
            "money": {"money": outcome.money.as_dict(), "advanced": outcome.advanced.as_dict()},
            "statement": outcome.statement, "person": person_row(person)}


def _evidence(request: Request, row: Mapping[str, object],
              settlement: Mapping[str, object] | None, carrier: bool) -> str:
    """What `ledger verify` finds again in the stored rows (settled_store.PROOFS)."""
    answers = carrier and request.key is not None
    return evidence(settlement, row, [request.key, request.body_hash, request.reply]
                    if answers else [])


def _entry(request: Request, outcome: Outcome, proof: str) -> dict[str, object]:
    stored = outcome.stored
    entry = Entry(outcome_id(outcome), request.region, KINDS[outcome.reason], stored.psn_no,
                  stored.year, stored.setl_id, request.at, request.at, _postings(outcome), proof)
    return entry_order(entry, stored.shard)


def _postings(outcome: Outcome) -> tuple[Posting, ...]:
    """What moved at the window is owed to the institution, the rest to the person."""
    institution = outcome.stored.institution
    at_window = outcome.advanced - outcome.stored.advanced
    later = outcome.difference - at_window
    if not later:
        return postings_of_bill(at_window.paid, at_window.person_fen, at_window.absorbed_fen,
                                institution)
    sums: dict[tuple[str, str, str], int] = {}
    for moved, to_person in ((at_window, False), (later, True)):
        for row in postings_of_bill(moved.paid, moved.person_fen, moved.absorbed_fen,
                                    institution, to_person=to_person):
            sums[row[:3]] = sums.get(row[:3], 0) + row.amount_fen
    return tuple(Posting(*place, fen) for place, fen in sums.items() if fen)


def _message(request: Request, outcome: Outcome, created_at: str) -> dict[str, object]:
    """What other systems are told once the transaction stands: no name, no document."""
    stored = outcome.stored
    return {"region": request.region, "shard": request.shard, "outbox_id": outcome_id(outcome),
            "topic": f"settlement.{outcome.reason}", "created_at": created_at,
            "body": orjson.dumps({"region": request.region, "setl_id": stored.setl_id,
                                  "revision": stored.revision + 1,
                                  "institution": stored.institution}).decode()}
