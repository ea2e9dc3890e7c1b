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
from ..database import shard_of
from ..engine import Claim, Person, claim_order, settle_year
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


def replay_settlement(connection: Connection, regimes: Regimes, region: str, psn_no: str,
                      setl_id: str) -> dict[str, object]:
    """Every outcome of a settlement made again: stored and replayed money, and whether equal.

    Raises Refusal `unknown-settlement`, `unknown-pack`, `pack-changed`.
    """
    own = store.settlement(connection, region, shard_of(region, psn_no), psn_no, setl_id)
    if own is None:
        raise Refusal("unknown-settlement", f"there is no settlement {setl_id!r} of this person",
                      f"setl_id {setl_id}", "", "Check setl_id and psn_no.")
    pack = regimes.pack(own["pack_hash"])
    members = {psn_no, *own["members"]}
    rows = [row for member in sorted(members) for row in
            store.history(connection, region, shard_of(region, member), member, own["year"])]
    found = [_revision(pack, rows, setl_id, outcome) for outcome in own["outcomes"]]
    return {"setl_id": setl_id, "psn_no": psn_no, "pack": pack.name,
            "pack_hash": own["pack_hash"], "kernel_version": own["kernel_version"],
            "replayed_with": __version__, "revisions": found,
            "equal": all(one["equal"] for one in found)}


def _revision(pack: Pack, rows: Sequence[Mapping[str, object]], setl_id: str,
              outcome: Mapping[str, object]) -> dict[str, object]:
    moment = datetime.fromisoformat(str(outcome["known_at"]))
    standing, persons = _as_of(rows, moment)
    persons |= {outcome["person"]["person_id"]: person_of(outcome["person"])}
    stored = Money.of(outcome["result"]["money"])
    replayed = NOTHING if outcome["reason"] == "reverse" \
        else _settled(pack, standing, persons)[setl_id]
    return {"revision": outcome["revision"], "reason": outcome["reason"],
            "known_at": moment.isoformat(), "stored": money_row(stored),
            "replayed": money_row(replayed), "equal": stored == replayed}


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


def _settled(pack: Pack, standing: Sequence[_Past], persons: Mapping[str, Person],
             ) -> dict[str, Money]:
    """Money of every bill; of a stay in portions the newest carries what the others do not."""
    stays: dict[str, list[_Past]] = {}
    for one in sorted(standing, key=lambda one: (*claim_order(pack, one.claim), one.setl_id)):
        stays.setdefault(one.claim.claim_id, []).append(one)
    claims = [replace(portions[-1].claim, parts=tuple(
        sum(column) for column in zip(*(one.claim.parts for one in portions), strict=True)))
        for portions in stays.values()]
    found: dict[str, Money] = {}
    for settlement in settle_year(pack, persons, claims):
        *before, last = stays[settlement.claim.claim_id]
        rest = money_of(pack, settlement)
        for one in before:
            found[one.setl_id] = one.money
            rest -= one.money
        found[last.setl_id] = rest
    return found
