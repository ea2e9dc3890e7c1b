"""The platform: stores, clock, packs and services joined in one object (平台).

Requests and answers are plain objects with national names; amounts are yuan as text.
"""
from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Protocol

from ..database import Database, shard_of
from ..enrolment import Enrolment, Status
from ..errors import Refusal
from ..privacy import KeyRing
from ..settlement import (Asked, Catalogues, Regimes, SettlementService, bill_of, body_hash,
                          replay_settlement)
from ..settlement import store as settlement_store
from .people import InsuredPeople
from .places import Places
from .requests import Known, Requests

REFUND = "refuse_unless_last"


class Who(Protocol):
    """Who acts: an operator in a region."""

    user_id: str
    region: str


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(timezone.utc)


def new_number() -> str:
    """A number nobody else makes: time in milliseconds, then 40 random bits; 24 digits and letters.

    Later numbers sort later, so that indexes grow at their end.
    """
    return f"{utc_now():%Y%m%d%H%M%S%f}"[:17] + secrets.token_hex(4)[:7]


class Platform:
    """Everything a pooling area's window does. Safe for many threads."""

    def __init__(self, database: Database, keys: KeyRing,
                 clock: Callable[[], datetime] = utc_now,
                 ids: Callable[[], str] = new_number) -> None:
        self.database, self.clock, self.ids = database, clock, ids
        self.enrolment = Enrolment(database, keys, clock, ids)
        self.places, self.catalogues = Places(database), Catalogues()
        self.regimes = Regimes(database.connection)
        self.people = InsuredPeople(self.places)
        self.settlements = SettlementService(database.connection, self.regimes, self.people,
                                             clock, ids)
        self._requests = Requests(self.places)

    # --- settling ---------------------------------------------------------------------------------
    def presettle(self, request: Mapping[str, object], *, who: Who) -> dict[str, object]:
        """预结算: what settling would answer now; leaves no trace."""
        return self.settlements.presettle(self._asked(request, None, who))

    def settle(self, request: Mapping[str, object], key: str, *, who: Who) -> str:
        """结算: the answer as JSON text; the same request under the same key gives the same text."""
        return self.settlements.settle(self._asked(request, key, who))

    def reverse(self, request: Mapping[str, object], key: str, *, who: Who,
                refund: str = REFUND) -> str:
        """冲正 of a settlement; `refund` recompute lets later ones of the year follow."""
        return self.settlements.reverse(who.region, str(request["psn_no"]),
                                        str(request["setl_id"]), refund, who.user_id, key,
                                        body_hash({**request, "refund": refund}))

    def recognise(self, request: Mapping[str, object], key: str, *, who: Who) -> str:
        """身份追溯 (GZ-26): registers a backdated status, then settles the person's years again.

        The status is registered first; a repeat after a break finds it and goes on.
        """
        psn_no, code = str(request["psn_no"]), str(request["code"])
        first, last = str(request["from"]), str(request.get("to") or "")
        status = Status(code, first, last, str(request.get("recognised") or first),
                        str(request.get("source") or ""), str(request.get("evidence") or ""))
        known = [(one.fact.first, one.fact.last) for one in self.enrolment.facts(
            who.region, psn_no, Status) if one.fact.code == code]
        if (first, last) not in known:
            self.enrolment.add(who.region, psn_no, status, by=who.user_id,
                               why=str(request.get("reason") or "backdated recognition"))
        return self.settlements.recompute(who.region, psn_no, f"status {code} from {first}",
                                          who.user_id, key, body_hash(request))

    def recompute(self, request: Mapping[str, object], key: str, *, who: Who) -> str:
        """重算 of a person's years as known now."""
        return self.settlements.recompute(who.region, str(request["psn_no"]),
                                          str(request.get("reason") or "recomputation"),
                                          who.user_id, key, body_hash(request))

    # --- looking ----------------------------------------------------------------------------------
    def settlement(self, region: str, psn_no: str, setl_id: str, *, who: Who,
                   ) -> dict[str, object]:
        """A settlement with every outcome it had. Raises Refusal `unknown-settlement`."""
        with self.database.connection() as connection:
            found = settlement_store.settlement(connection, region, shard_of(region, psn_no),
                                                psn_no, setl_id)
        if found is None:
            raise Refusal("unknown-settlement", f"there is no settlement {setl_id!r} of this "
                          "person (查无此结算)", f"setl_id {setl_id}", "",
                          "Check setl_id and psn_no.")
        return shown(found)

    def history(self, region: str, psn_no: str, year: str | None = None, *, who: Who,
                ) -> list[dict[str, object]]:
        """All settlements of a person, or those of a policy year."""
        with self.database.connection() as connection:
            rows = settlement_store.history(connection, region, shard_of(region, psn_no), psn_no,
                                            None)
        return [shown(row) for row in rows if not year or row["year"].startswith(year)]

    def replay(self, region: str, psn_no: str, setl_id: str, *, who: Who) -> dict[str, object]:
        """审计重放: the settlement's year settled again from what was stored then."""
        with self.database.connection() as connection:
            return replay_settlement(connection, self.regimes, region, psn_no, setl_id)

    def _asked(self, request: Mapping[str, object], key: str | None, who: Who) -> Asked:
        request = {"region": who.region, **request}
        region, psn_no = str(request["region"]), str(request["psn_no"])
        if request.get("insutype") and not request.get("feedetail"):
            return self._requests.asked(request, who.user_id, key, self.clock())
        with self.database.connection() as connection:
            context = settlement_store.person(connection, region, shard_of(region, psn_no), psn_no)
            known = Known(region, psn_no, context, None)
            if request.get("feedetail"):
                rows = settlement_store.bills_of_visit(
                    connection, region, shard_of(region, psn_no), psn_no,
                    str(request["mdtrt_id"]))
                earlier = tuple(line for row in rows for line in bill_of(row).lines)
                known = replace(known, catalogue=self.catalogues.of(connection, region),
                                earlier=earlier)
        return self._requests.asked(request, who.user_id, key, self.clock(), known)


def shown(row: Mapping[str, object]) -> dict[str, object]:
    """A stored settlement as JSON carries it."""
    return json.loads(json.dumps(row, default=str, ensure_ascii=False))
