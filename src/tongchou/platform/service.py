"""The platform: stores, clock, packs and services joined in one object (平台).

Requests and answers are plain objects with national names; amounts are yuan as text.
"""
from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import NamedTuple, Protocol

from ..database import Database, shard_of
from ..enrolment import Enrolment, Status
from ..errors import Refusal, TongchouError
from ..ledger import Calendar
from ..privacy import KeyRing
from ..settlement import (Along, Asked, Catalogues, Regimes, SettlementService, bill_of, body_hash,
                          replay_settlement)
from ..settlement import outbox
from ..settlement import store as settlement_store
from ..settlement.manual import ManualRules, ManualService
from . import explain
from .manual import ManualDesk
from .people import InsuredPeople
from .places import Places
from .requests import Known, Requests
from .slip import slip_of

REFUND = "refuse_unless_last"
NO_MARKS = str.maketrans("", "", "-:.T")


class Who(Protocol):
    """Who acts: an operator in a region."""

    user_id: str
    region: str


class Wanted(NamedTuple):
    """A settlement somebody wants: the request, its key, who asks, and what he writes along with
    it, made of its answer."""

    request: Mapping[str, object]
    key: str
    who: Who
    along: Callable[[str], Along | None] | None = None


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(timezone.utc)


def new_number() -> str:
    """A number nobody else makes: time in milliseconds, then 40 random bits; 24 digits and letters.

    Later numbers sort later, so that indexes grow at their end.
    """
    digits = utc_now().isoformat(timespec="milliseconds").translate(NO_MARKS)
    return digits[:17] + secrets.token_hex(4)[:7]


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
        self.settlements = SettlementService(database.statements, self.regimes, self.people,
                                             clock, ids)
        self._requests = Requests(self.places)

    def at(self, clock: Callable[[], datetime], ids: Callable[[], str]) -> Platform:
        """The same platform under another clock and other ids: for loading what is past."""
        return Platform(self.database, self.enrolment.keys, clock, ids)

    def forget(self) -> None:
        """Reads institutions, rules and regimes anew: another has changed them."""
        self.places.forget()
        self.regimes.refresh()

    # --- settling ---------------------------------------------------------------------------------
    def presettle(self, request: Mapping[str, object], *, who: Who) -> dict[str, object]:
        """预结算: what settling would answer now; leaves no trace."""
        return self.settlements.presettle(self._asked(request, None, who))

    def settle(self, request: Mapping[str, object], key: str, *, who: Who) -> str:
        """结算: the answer as JSON text; the same request under the same key gives the same."""
        try:
            return self.settlements.settle(self._write(request, key, who))
        except TongchouError as refused:
            return self._answered(request, key, who, refused)

    def settle_all(self, wanted: Sequence[Wanted]) -> list[str | Exception]:
        """结算 of several: of each the answer, or what `settle` would raise."""
        asked, found = {}, {}
        for place, (request, key, who, along) in enumerate(wanted):
            try:
                one = self._write(request, key, who)
                asked[place] = replace(one, along=along) if along else one
            except Exception as fault:           # of this request, and of no other
                found[place] = fault
        found.update(zip(asked, self.settlements.settle_all(list(asked.values())), strict=True))
        for place, one in found.items():
            if isinstance(one, TongchouError):
                try:
                    found[place] = self._answered(*wanted[place][:3], one)
                except TongchouError as refused:
                    found[place] = refused
        return [found[place] for place in range(len(wanted))]

    def _answered(self, request: Mapping[str, object], key: str, who: Who,
                  refused: TongchouError) -> str:
        """What stood in the way may have come after the settlement itself: a repeat is answered."""
        found = self.settlements.answered(who.region, str(request["psn_no"]), key,
                                          body_hash({"region": who.region, **request}))
        if found is None:
            raise refused
        return found

    def reverse(self, request: Mapping[str, object], key: str, *, who: Who,
                refund: str = REFUND) -> str:
        """冲正 of a settlement; `refund` recompute lets later ones of the year follow."""
        self.database.check_space()
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
        self.database.check_space()
        return self.settlements.recompute(who.region, psn_no, f"status {code} from {first}",
                                          who.user_id, key, body_hash(request))

    def recompute(self, request: Mapping[str, object], key: str, *, who: Who) -> str:
        """重算 of a person's years as known now."""
        self.database.check_space()
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

    def explanation(self, region: str, psn_no: str, setl_id: str, language: str = "zh",
                    revision: int | None = None, *, who: Who) -> dict[str, object]:
        """结算说明 of a revision, the newest when none is named: text and data, made again."""
        with self.database.connection() as connection:
            found = explain.find(connection, self.regimes, region, psn_no, setl_id)
        return explain.explained(found, language, revision)

    def slip(self, region: str, psn_no: str, setl_id: str, *, who: Who) -> dict[str, object]:
        """结算单: the settlement as it stands now, with national names."""
        with self.database.connection() as connection:
            found = explain.find(connection, self.regimes, region, psn_no, setl_id)
        claim = found.own["claim"]
        return shown(slip_of(found, self.places.institution(
            region, found.own["institution"], claim["begin"])[0]))

    # --- manual reimbursement and messages --------------------------------------------------------
    def manual(self, rules: ManualRules, calendar: Calendar) -> ManualDesk:
        """手工报销: the counter with the area's rules and calendar (BJ-50..52)."""
        cases = ManualService(self.database.connection, self.clock, self.ids)
        return ManualDesk(cases, self.settlements, self.places, self._write, rules, calendar)

    def deliver(self, send: Callable[[outbox.Message], None], limit: int) -> outbox.Delivery:
        """消息投递: hands waiting messages to `send`, at least once each."""
        with self.database.connection() as connection:
            return outbox.deliver(connection, send, limit, self.clock)

    def _write(self, request: Mapping[str, object], key: str, who: Who) -> Asked:
        self.database.check_space()
        return self._asked(request, key, who)

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
