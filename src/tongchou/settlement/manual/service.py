"""Every step of a manual reimbursement, written once (手工报销服务).

A step is asked for under a key: the same key and content give the same answer, byte for byte. The
answer, the event and whatever is booked stand in one transaction; only settling has one of its own
(`settle` below says how a break between the two is mended).
"""
from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from psycopg import Connection

from ...database import shard_of
from ...errors import Refusal
from ...ledger import CHINA_TIME, PERSON, Calendar, append
from .. import store as settlements
from ..answers import as_text, body_hash
from . import store
from .answer import settlement_key, settlement_request, shown
from .booking import advance_entry, check_advance, funds_of, payment_entry, told
from .checks import check_day, check_documents, check_new, refuse_settled_stay
from .model import (CLOSED, Case, Deduction, Event, NewCase, check_deductions, check_next,
                    missing_documents)
from .overdue import Standing, standing
from .rules import ManualRules

Connect = Callable[[], AbstractContextManager[Connection]]
# Taking and settling a case hold one connection of the pool and need a second; a few at a time
# never empty it.
NESTED = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Step:
    """Who does something with a case, under which key, on which day (None: today), and why."""

    key: str
    by: str
    on: date | None = None
    why: str = ""

    def day(self, now: datetime) -> date:
        """The day it happens, in China."""
        return self.on or now.astimezone(CHINA_TIME).date()


class Window(Protocol):
    """How a case is settled, given by the platform."""

    def presettle(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """What settling would answer."""

    def settle(self, request: Mapping[str, object], key: str) -> str:
        """Settles once under the key; the answer as text."""


class ManualService:
    """Cases of all regions. Safe for several threads."""

    def __init__(self, connect: Connect, clock: Callable[[], datetime],
                 new_id: Callable[[], str]) -> None:
        self._connect, self._clock, self._new_id = connect, clock, new_id

    def register(self, region: str, psn_no: str, asked: Mapping[str, object],
                 take: Callable[[], NewCase], rules: ManualRules, step: Step) -> str:
        """Takes a case at the counter with the documents that came along (BJ-50, BJ-52).

        `asked` is the request as it came, `take` reads and checks it; it may use a connection of
        its own. Raises Refusal `unknown-reason`, `unknown-document`, `no-invoice`,
        `invoice-claimed`, `stay-settled`, `wrong-day`, `key-reused`, and what `take` refuses.
        """
        def work(connection: Connection, now: datetime) -> Case:
            new = take()
            check_new(new, rules)
            check_day(new.applied_on, None, now)
            refuse_settled_stay(connection, region, new)
            case_id = self._new_id()
            taken = store.claim_invoices(connection, region, psn_no, case_id, new.invoices, now)
            if taken is not None:
                raise Refusal("invoice-claimed", f"invoice {taken} is claimed by another case "
                              "(发票已报销)", f"invoice {taken}", "", "An invoice is paid once.")
            store.add_case(connection, region, case_id, new, rules, step.by, now)
            case = _found(connection, region, psn_no, case_id)
            if new.documents:
                case = _happened(connection, case, "documents",
                                 replace(step, on=new.applied_on, why=new.why),
                                 {"documents": sorted(new.documents)}, now)
            return case

        with NESTED:
            return self._once(region, psn_no, step, {"what": "register", **asked}, work)

    def add_documents(self, region: str, psn_no: str, case_id: str, documents: Sequence[str],
                      step: Step) -> str:
        """Documents that came in later (补交材料)."""
        def check(case: Case) -> Mapping[str, object]:
            check_documents(documents, case.rules)
            return {"documents": sorted(documents)}
        return self._step(region, psn_no, case_id, "documents", step, check, list(documents))

    def ask(self, region: str, psn_no: str, case_id: str, step: Step) -> str:
        """Asks the person for what is missing, once and in full (一次性告知)."""
        def check(case: Case) -> Mapping[str, object]:
            missing = missing_documents(case)
            if not missing:
                raise Refusal("nothing-missing", "all documents are there (材料齐全)",
                              f"case {case_id}", "BJ-50", "Review the case.")
            return {"documents": list(missing)}
        return self._step(region, psn_no, case_id, "asked", step, check)

    def first_review(self, region: str, psn_no: str, case_id: str,
                     deductions: Sequence[Deduction], step: Step) -> str:
        """初审: what is taken off the bill, each with its reason."""
        def check(case: Case) -> Mapping[str, object]:
            check_deductions(case, deductions)
            return {"deductions": [list(one) for one in deductions]}
        return self._step(region, psn_no, case_id, "first_review", step, check,
                          [list(one) for one in deductions])

    def second_review(self, region: str, psn_no: str, case_id: str, step: Step) -> str:
        """复审 by somebody else: confirms the first. Raises Refusal `four-eyes`."""
        return self._step(region, psn_no, case_id, "second_review", step)

    def send_back(self, region: str, psn_no: str, case_id: str, step: Step) -> str:
        """复审退回: the first review is made again. `step.why` says what was wrong."""
        return self._step(region, psn_no, case_id, "sent_back", _reasoned(step))

    def except_case(self, region: str, psn_no: str, case_id: str, step: Step) -> str:
        """Special or doubtful: the term does not run until `resume` (BJ-51)."""
        return self._step(region, psn_no, case_id, "excepted", _reasoned(step))

    def resume(self, region: str, psn_no: str, case_id: str, step: Step) -> str:
        """Ends an exception."""
        return self._step(region, psn_no, case_id, "resumed", _reasoned(step))

    def end(self, region: str, psn_no: str, case_id: str, what: str, step: Step) -> str:
        """Refuses a case or lets the person withdraw it; its invoices may be claimed again.

        A settled case is withdrawn only after its settlement was reversed and nothing is owed.
        """
        assert what in CLOSED, what
        step = _reasoned(step)

        def work(connection: Connection, now: datetime) -> Case:
            case = _found(connection, region, psn_no, case_id)
            if case.setl_id or _settled_reply(connection, case):
                _take_back(connection, case, now)
            else:
                check_next(case, what, step.by)
            store.release_invoices(connection, case, now)
            return _happened(connection, case, what, step, {}, now)

        return self._once(region, psn_no, step, {"what": what, "case_id": case_id,
                                                 "why": step.why, "on": step.on}, work, case_id)

    def settle(self, region: str, psn_no: str, case_id: str, step: Step, window: Window) -> str:
        """Settles a case that two people reviewed; what funds owe is payable to the person, and
        what the institution advanced (BJ-52) to the institution.

        It settles under a key made of the case. A break after it is mended by
        asking again: the same request gives the same settlement, and then the event is written.
        Raises what settling refuses, `advance-differs`, and what `check_next` refuses.
        """
        def work(connection: Connection, now: datetime) -> Case:
            case = _found(connection, region, psn_no, case_id)
            check_next(case, "settled", step.by)
            request = settlement_request(case)
            if case.advanced and not _settled_reply(connection, case):
                check_advance(case, funds_of(window.presettle(request)))
            answer = json.loads(window.settle(request, settlement_key(case)))
            if case.advanced:
                check_advance(case, funds_of(answer))
            body = {"setl_id": answer["setl_id"], "year": answer["year"],
                    "money": answer["this_settlement"]}
            now = self._clock()    # the journal has an entry of the settlement since
            case = _happened(connection, case, "settled", step, body, now)
            if case.advanced:
                append(connection, advance_entry(case, case.setl_id, case.year, now),
                       shard_of(region, psn_no))
            return case

        with NESTED:
            return self._once(region, psn_no, step, {"what": "settled", "case_id": case_id}, work,
                              case_id)

    def pay(self, region: str, psn_no: str, case_id: str, amounts: Mapping[str, int] | None,
            step: Step) -> str:
        """Pays what the books owe the person (fund -> fen; None: all of it), first or after a
        recomputation; what is negative comes back from the person.

        Raises Refusal `payment-differs`, `nothing-owed`.
        """
        asked = None if amounts is None else {fund: fen for fund, fen in sorted(amounts.items())
                                              if fen}

        def work(connection: Connection, now: datetime) -> Case:
            case = _found(connection, region, psn_no, case_id)
            check_next(case, "paid", step.by)
            due = store.owed(connection, region, psn_no, case.setl_id, PERSON)
            if not due and (case.state == "paid" or asked):
                raise Refusal("nothing-owed", "nothing is owed to the person (无应付款)",
                              f"case {case_id}", "", "Look at the payments of the case.")
            if asked is not None and asked != due:
                raise Refusal("payment-differs", f"owed is {told(due)} (拨付金额不符)",
                              f"case {case_id}", "BJ-51", "Pay exactly what is owed.")
            case = _happened(connection, case, "paid", step, {"amounts": due}, now)
            if due:
                append(connection, payment_entry(case, due, step.day(now), now),
                       shard_of(region, psn_no))
            return case

        return self._once(region, psn_no, step, {"what": "paid", "case_id": case_id,
                                                 "amounts": asked, "on": step.on}, work, case_id)

    # --- looking ----------------------------------------------------------------------------------
    def case(self, region: str, psn_no: str, case_id: str) -> Case:
        """A case with its events. Raises Refusal `unknown-case`."""
        with self._connect() as connection:
            return _found(connection, region, psn_no, case_id)

    def owed(self, case: Case) -> dict[str, int]:
        """fund -> fen the books owe the person of a settled case."""
        with self._connect() as connection:
            return store.owed(connection, case.region, case.psn_no, case.setl_id, PERSON)

    def standing(self, case: Case, calendar: Calendar, today: date | None = None) -> Standing:
        """A case's term as of today, or of another day."""
        return standing(case, calendar, today or self._today())

    def standings(self, region: str, calendar: Calendar, today: date | None = None,
                  ) -> list[Standing]:
        """Cases that have not ended and their terms, the latest first (BJ-51)."""
        with self._connect() as connection:
            cases = store.cases(connection, region)
        found = [self.standing(case, calendar, today) for case in cases]
        return sorted(found, key=lambda one: (-one.late_days, one.due or date.max,
                                              one.case.case_id))

    def _today(self) -> date:
        return self._clock().astimezone(CHINA_TIME).date()

    # --- writing ----------------------------------------------------------------------------------
    def _step(self, region: str, psn_no: str, case_id: str, what: str, step: Step,
              check: Callable[[Case], Mapping[str, object]] = lambda case: {},
              content: object = None) -> str:
        def work(connection: Connection, now: datetime) -> Case:
            case = _found(connection, region, psn_no, case_id)
            check_next(case, what, step.by)
            return _happened(connection, case, what, step, check(case), now)
        return self._once(region, psn_no, step, {
            "what": what, "case_id": case_id, "by": step.by, "on": step.on, "why": step.why,
            "content": content}, work, case_id)

    def _once(self, region: str, psn_no: str, step: Step, asked: Mapping[str, object],
              work: Callable[[Connection, datetime], Case], case_id: str = "") -> str:
        """The answer of `work`, or the one the key had. One transaction."""
        hashed = body_hash(asked)
        with self._connect() as connection:
            store.lock(connection, region, f"{psn_no} {case_id}")
            known = store.answered(connection, region, psn_no, step.key)
            if known is None:
                now = self._clock()
                reply = as_text(shown(work(connection, now)))
                kept = store.remember(connection, region, psn_no, step.key, hashed, reply, now)
                if kept:
                    return reply
                raise Refusal("key-reused", f"the key {step.key!r} is used by another request",
                              "Idempotency-Key", "", "Take a new key.")
            if known[0] != hashed:
                raise Refusal("key-reused", f"the key {step.key!r} was used for another request",
                              "Idempotency-Key", "", "Take a new key for a new request; the same "
                              "key only for the same request again.")
            return known[1]


# --- inside the transaction -----------------------------------------------------------------------
def _found(connection: Connection, region: str, psn_no: str, case_id: str) -> Case:
    found = store.case(connection, region, psn_no, case_id)
    if found is None:
        raise Refusal("unknown-case", f"there is no case {case_id} of this person (无此受理单)",
                      f"case {case_id}", "", "Check case_id and psn_no.")
    return found


def _happened(connection: Connection, case: Case, what: str, step: Step,
              body: Mapping[str, object], now: datetime) -> Case:
    day = step.day(now)
    check_day(day, case, now)
    event = Event(len(case.events) + 1, what, day, dict(body), step.why, step.by, now)
    store.add_event(connection, case, event)
    return replace(case, events=(*case.events, event))


def _reasoned(step: Step) -> Step:
    if not step.why.strip():
        raise Refusal("no-reason", "why must be said (须注明事由)", "why", "",
                      "Say why; it stays with the case.")
    return step


def _settled_reply(connection: Connection, case: Case) -> bool:
    return store.answered(connection, case.region, case.psn_no, settlement_key(case)) is not None


def _take_back(connection: Connection, case: Case, now: datetime) -> None:
    """Undoes what a settled case booked. Raises Refusal `settled-already`, `still-owed`."""
    shard = shard_of(case.region, case.psn_no)
    if not case.setl_id:
        raise Refusal("settled-already", "the case was settled, only its event is missing "
                      "(已结算)", f"case {case.case_id}", "", "Ask to settle it once more: that "
                      "writes the event and pays nothing twice.")
    row = settlements.settlement(connection, case.region, shard, case.psn_no, case.setl_id)
    assert row is not None, case.setl_id
    if case.state in CLOSED:
        raise Refusal("case-closed", f"the case was {case.state}", f"case {case.case_id}", "",
                      "Nothing is left to do.")
    if row["outcomes"][-1]["reason"] != "reverse":
        raise Refusal("settled-already", f"the case was settled as {case.setl_id} (已结算)",
                      f"case {case.case_id}", "", "Reverse the settlement first.")
    due = store.owed(connection, case.region, case.psn_no, case.setl_id, PERSON)
    left = {fund: fen for fund in sorted({*due, *case.advanced})
            if (fen := due.get(fund, 0) + case.advanced.get(fund, 0))}
    if left:
        raise Refusal("still-owed", f"after the reversal the books say {told(left)} "
                      "(款项未结清)", f"case {case.case_id}", "",
                      "Enter what came back from the person, then withdraw the case.")
    if case.advanced:
        append(connection, advance_entry(case, case.setl_id, case.year, now, back=True), shard)
