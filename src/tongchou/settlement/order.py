"""What is written for a change: settlements, outcomes, journal entries, outbox (写入指令).

`write_settlements` of migration 0004 carries out an order wholly or not at all.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from ..engine import Person
from ..ledger import Entry, Posting, entry_order, evidence, postings_of_bill
from .codec import person_row
from .money import Money, sum_of
from .year import Outcome

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


def write_order(request: Request, owners: Iterable[Owner], outcomes: Iterable[Outcome],
                settlement: Mapping[str, object] | None, persons: Mapping[str, Person],
                ) -> dict[str, object]:
    """The order for outcomes; `settlement` is the row of the new one, None when there is none."""
    found = sorted(outcomes, key=lambda one: (one.stored.shard, one.stored.psn_no))
    locked = sorted(owners, key=lambda one: (one.shard, one.psn_no, one.year))
    carrier = next((one for one in found if one.difference), None)
    return {
        "region": request.region, "shard": request.shard, "key": request.key,
        "body_hash": request.body_hash, "at": request.at.isoformat(),
        "outcome": outcome_id(carrier) if carrier else None,
        "years": [_year_row(owner, found) for owner in locked],
        "settlements": [settlement] if settlement else [],
        "outcomes": [_outcome_row(request, one, persons[one.stored.psn_no], settlement,
                                  one is carrier) for one in found],
        "outbox": [_message(request, one) for one in found]}


def _year_row(owner: Owner, outcomes: Iterable[Outcome]) -> dict[str, object]:
    moved = sum_of(one.difference for one in outcomes
                   if (one.stored.psn_no, one.stored.year) == (owner.psn_no, owner.year))
    paid = (Money(owner.paid) + Money(moved.paid)).paid
    assert all(fen > 0 for fen in paid.values()), (owner, paid)
    return {"shard": owner.shard, "psn_no": owner.psn_no, "year": owner.year,
            "version": owner.version, "paid": dict(paid)}


def outcome_id(outcome: Outcome) -> str:
    """The number of an outcome, its entry and its message: setl_id.revision."""
    return f"{outcome.stored.setl_id}.{outcome.stored.revision + 1}"


def _outcome_row(request: Request, outcome: Outcome, person: Person,
                 settlement: Mapping[str, object] | None, carrier: bool) -> dict[str, object]:
    stored = outcome.stored
    row: dict[str, object] = {
        "psn_no": stored.psn_no, "setl_id": stored.setl_id, "revision": stored.revision + 1,
        "reason": outcome.reason, "cause": request.cause,
        "result": {"money": outcome.money.as_dict(), "advanced": outcome.advanced.as_dict(),
                   "statement": outcome.statement}, "person": person_row(person)}
    entry = None
    if outcome.difference:
        own = settlement if stored.revision == 0 else None
        answer = [request.key, request.body_hash, request.reply] if carrier and request.key else []
        entry = entry_order(Entry(
            outcome_id(outcome), request.region, KINDS[outcome.reason], stored.psn_no, stored.year,
            stored.setl_id, request.at, request.at, _postings(outcome),
            evidence(own, row, answer)), stored.shard)
    return {**row, "shard": stored.shard, "entry": entry}


def _postings(outcome: Outcome) -> tuple[Posting, ...]:
    """What moved at the window is owed to the institution, the rest to the person."""
    institution = outcome.stored.institution
    at_window = outcome.advanced - outcome.stored.advanced
    later = outcome.difference - at_window
    sums: dict[tuple[str, str, str], int] = {}
    for moved, to_person in ((at_window, False), (later, True)):
        for row in postings_of_bill(moved.paid, moved.person_fen, moved.absorbed_fen,
                                    institution, to_person=to_person):
            sums[row[:3]] = sums.get(row[:3], 0) + row.amount_fen
    return tuple(Posting(*place, fen) for place, fen in sums.items() if fen)


def _message(request: Request, outcome: Outcome) -> dict[str, object]:
    """What other systems are told once the transaction stands: no name, no document."""
    stored = outcome.stored
    number = stored.revision + 1
    return {"outbox_id": outcome_id(outcome), "topic": f"settlement.{outcome.reason}",
            "body": orjson.dumps({"region": request.region, "setl_id": stored.setl_id,
                                  "revision": number, "institution": stored.institution}
                                 ).decode()}
