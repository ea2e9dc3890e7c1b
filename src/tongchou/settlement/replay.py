"""The past settled again (审计重放): stored inputs, the stored pack, and the same fen.

Every outcome was made when certain bills stood and people were known in a certain way. Both are
stored; the plain reference settles that year again and must give what was written then.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg import Connection

from .. import __version__
from ..claims import settlement_dict
from ..database import shard_of
from ..engine import Claim, Person, RuleCache, Settlement, claim_order, settle_year
from ..errors import Refusal
from ..policy import Pack
from . import store
from .answers import money_row
from .codec import claim_of, person_of
from .money import NOTHING, Money, money_of
from .regimes import Regimes


@dataclass(frozen=True)
class _Past:
    """A bill as it stood at a moment: its claim, and the money its newest outcome then had."""

    setl_id: str
    claim: Claim
    money: Money


@dataclass(frozen=True)
class Rebuilt:
    """An outcome made again: what it was made for, and the money of every bill of the year then.

    `settlement` is that of the whole stay; `portions` are its bills, in order, the last carries
    what the others do not.
    """

    settlement: Settlement
    portions: tuple[str, ...]
    money: Mapping[str, Money]


def replay_settlement(connection: Connection, regimes: Regimes, region: str, psn_no: str,
                      setl_id: str) -> dict[str, object]:
    """Every outcome of a settlement made again: stored and replayed money, and whether equal.

    Raises Refusal `unknown-settlement`, `unknown-pack`, `pack-changed`.
    """
    own, rows = year_of(connection, region, psn_no, setl_id)
    return replayed(regimes.pack(own["pack_hash"]), rows, own)


def year_of(connection: Connection, region: str, psn_no: str, setl_id: str,
            ) -> tuple[dict[str, object], list[dict[str, object]]]:
    """A settlement, and all settlements of the people whose year it shares.

    Raises Refusal `unknown-settlement`.
    """
    own = store.settlement(connection, region, shard_of(region, psn_no), psn_no, setl_id)
    if own is None:
        raise Refusal("unknown-settlement", f"there is no settlement {setl_id!r} of this person",
                      f"setl_id {setl_id}", "", "Check setl_id and psn_no.")
    return own, shared_year(connection, region, own)


def shared_year(connection: Connection, region: str, own: Mapping[str, object],
                ) -> list[dict[str, object]]:
    """All settlements of the people whose year a settlement shares."""
    members = {str(own["psn_no"]), *own["members"]}
    return [row for member in sorted(members) for row in
            store.history(connection, region, shard_of(region, member), member, own["year"])]


def replayed(pack: Pack, rows: Sequence[Mapping[str, object]], own: Mapping[str, object],
             rules: RuleCache | None = None) -> dict[str, object]:
    """Every outcome of a settlement `own` made again among the settlements `rows` of its year."""
    found = [_revision(pack, rows, own["setl_id"], outcome, rules) for outcome in own["outcomes"]]
    return {"setl_id": own["setl_id"], "psn_no": own["psn_no"], "pack": pack.name,
            "pack_hash": own["pack_hash"], "kernel_version": own["kernel_version"],
            "replayed_with": __version__, "revisions": found,
            "equal": all(one["equal"] for one in found)}


def rebuilt(pack: Pack, rows: Sequence[Mapping[str, object]], setl_id: str,
            outcome: Mapping[str, object], rules: RuleCache | None = None) -> Rebuilt:
    """An outcome that is no reversal, made again from what stood and was known at its moment."""
    standing, persons = _as_of(rows, datetime.fromisoformat(str(outcome["known_at"])))
    persons |= {outcome["person"]["person_id"]: person_of(outcome["person"])}
    return _settled(pack, standing, persons, setl_id, rules)


def _revision(pack: Pack, rows: Sequence[Mapping[str, object]], setl_id: str,
              outcome: Mapping[str, object], rules: RuleCache | None) -> dict[str, object]:
    stored = Money.of(outcome["result"]["money"])
    money, same = NOTHING, not outcome["result"]["statement"]
    if outcome["reason"] != "reverse":
        found = rebuilt(pack, rows, setl_id, outcome, rules)
        money = found.money[setl_id]
        same = _plain(outcome["result"]["statement"]) == _plain(
            settlement_dict(pack, found.settlement))
    return {"revision": outcome["revision"], "reason": outcome["reason"],
            "known_at": datetime.fromisoformat(str(outcome["known_at"])).isoformat(),
            "stored": money_row(stored), "replayed": money_row(money), "statement_equal": same,
            "equal": stored == money and same}


def _plain(statement: Mapping[str, object]) -> dict[str, object]:
    """A statement without the statuses not chosen: only the reference says what they would give."""
    return {name: value for name, value in statement.items() if name != "rejected_statuses"}


def _as_of(rows: Sequence[Mapping[str, object]], moment: datetime,
           ) -> tuple[list[_Past], dict[str, Person]]:
    """Bills that stood at a moment and the people as known then."""
    standing: list[_Past] = []
    known: dict[str, tuple[datetime, Person]] = {}
    for row in rows:
        past = [one for one in row["outcomes"]
                if datetime.fromisoformat(str(one["known_at"])) <= moment]
        if not past:
            continue
        newest = past[-1]
        at = datetime.fromisoformat(str(newest["known_at"]))
        person = person_of(newest["person"])
        if person.person_id not in known or known[person.person_id][0] <= at:
            known[person.person_id] = at, person
        if newest["reason"] != "reverse":
            standing.append(_Past(row["setl_id"], claim_of(row["claim"]),
                                  Money.of(newest["result"]["money"])))
    return standing, {name: person for name, (_, person) in known.items()}


def _settled(pack: Pack, standing: Sequence[_Past], persons: Mapping[str, Person], setl_id: str,
             rules: RuleCache | None) -> Rebuilt:
    """The year settled again; of a stay in portions the newest carries what the others do not."""
    stays: dict[str, list[_Past]] = {}
    for one in sorted(standing, key=lambda one: (*claim_order(pack, one.claim), one.setl_id)):
        stays.setdefault(one.claim.claim_id, []).append(one)
    claims = [replace(portions[-1].claim, parts=tuple(
        sum(column) for column in zip(*(one.claim.parts for one in portions), strict=True)))
        for portions in stays.values()]
    money: dict[str, Money] = {}
    own: tuple[Settlement, tuple[str, ...]] | None = None
    for settlement in settle_year(pack, persons, claims, rules):
        portions = stays[settlement.claim.claim_id]
        rest = money_of(pack, settlement)
        for one in portions[:-1]:
            money[one.setl_id] = one.money
            rest -= one.money
        money[portions[-1].setl_id] = rest
        if setl_id in (one.setl_id for one in portions):
            own = settlement, tuple(one.setl_id for one in portions)
    assert own is not None, setl_id
    return Rebuilt(*own, money)
