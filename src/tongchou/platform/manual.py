"""Manual reimbursement at the agency's counter (手工报销窗口): requests with national names.

    desk = platform.manual(rules, calendar)
    text = desk.register(request, key, who=who)
    text = desk.step(case_id, "documents", {"psn_no": ..., "documents": [...]}, key, who=who)
"""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Protocol

from ..errors import CaseError, Refusal
from ..ledger import Calendar
from ..money import NumberFault, parse_yuan, yuan_text
from ..settlement import Asked, SettlementService
from ..settlement.manual import (REASONS, Deduction, ManualRules, ManualService, NewCase, Standing,
                                 Step, shown)
from ..terms import FUNDS, PARTS
from .places import Places

if TYPE_CHECKING:
    from .service import Who

NAMES = {part.national: name for name, part in PARTS.items()}
# What a case keeps of the request besides the bill itself.
COUNTER_FIELDS = ("kind", "received_on", "documents", "invoices", "reason", "why", "advanced",
                  "region", "setl_time", "feedetail", *NAMES)
STEPS = ("documents", "ask", "first_review", "second_review", "send_back", "except", "resume",
         "settle", "pay", "refuse", "withdraw")


class Reading(Protocol):
    """Reads a request to settle."""

    def __call__(self, request: Mapping[str, object], key: str | None, who: Who) -> Asked:
        """What is asked of settlement."""


class _Window:
    """Settling as the cases ask for it."""

    def __init__(self, settlements: SettlementService, read: Reading, who: Who) -> None:
        self._settlements, self._read, self._who = settlements, read, who

    def presettle(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """预结算."""
        return self._settlements.presettle(self._read(request, None, self._who))

    def settle(self, request: Mapping[str, object], key: str) -> str:
        """结算."""
        return self._settlements.settle(self._read(request, key, self._who))


class ManualDesk:
    """The counter of a pooling area with its rules and its calendar of working days."""

    def __init__(self, cases: ManualService, settlements: SettlementService, places: Places,
                 read: Reading, rules: ManualRules, calendar: Calendar) -> None:
        self._cases, self._settlements, self._places = cases, settlements, places
        self._read, self._rules, self._calendar = read, rules, calendar

    def register(self, request: Mapping[str, object], key: str, *, who: Who) -> str:
        """受理: a bill the person paid, as a request to settle has it, with `received_on`,
        `reason`, `invoices`, `documents`, and `advanced` (fund -> yuan) where a hospital away from
        home has advanced a part (BJ-52). The case as JSON text.

        Raises what settling the bill now would refuse, `settles-on-the-spot`, `not-away`, and
        what `ManualService.register` refuses.
        """
        def take() -> NewCase:
            return self._taken(request, who)
        step = Step(key, who.user_id, why=str(request.get("why") or ""))
        return self._cases.register(who.region, str(request["psn_no"]), request, take,
                                    self._rules, step)

    def step(self, case_id: str, what: str, request: Mapping[str, object], key: str, *, who: Who,
             ) -> str:
        """办理一步: `what` is one of STEPS; `psn_no`, `on` (today when left out), `why`, and
        `documents`, `deductions` ([{part, amount, reason}]) or `amounts` (fund -> yuan; all that
        is owed when left out). The case as JSON text."""
        region, psn_no = who.region, str(request["psn_no"])
        step = Step(key, who.user_id, _day(request.get("on"), "on"),
                    str(request.get("why") or ""))
        place = region, psn_no, case_id
        cases = self._cases
        plain = {"ask": cases.ask, "second_review": cases.second_review,
                 "send_back": cases.send_back, "except": cases.except_case,
                 "resume": cases.resume}
        if what in plain:
            return plain[what](*place, step)
        if what == "documents":
            return cases.add_documents(*place, _texts(request, "documents"), step)
        if what == "first_review":
            return cases.first_review(*place, _deductions(request), step)
        if what == "settle":
            return cases.settle(*place, step, _Window(self._settlements, self._read, who))
        if what == "pay":
            amounts = request.get("amounts")
            return cases.pay(*place, None if amounts is None else _by_fund(amounts, "amounts"),
                             step)
        if what in ("refuse", "withdraw"):
            return cases.end(*place, {"refuse": "refused", "withdraw": "withdrawn"}[what], step)
        raise CaseError("unknown-step", f"{what!r} is no step of a case", "step",
                        hint=f"Steps: {', '.join(STEPS)}.")

    def case(self, psn_no: str, case_id: str, *, who: Who) -> dict[str, object]:
        """A case with its term and what is owed to the person. Raises Refusal `unknown-case`."""
        found = self._cases.case(who.region, psn_no, case_id)
        told = shown(found)
        told["term"] = _term(self._cases.standing(found, self._calendar))
        if found.setl_id:
            told["owed"] = {fund: yuan_text(fen)
                            for fund, fen in self._cases.owed(found).items()}
        return told

    def overdue(self, today: date | None = None, *, who: Who) -> list[dict[str, object]]:
        """Cases that have not ended with their terms, the latest first (BJ-51)."""
        return [{"case_id": one.case.case_id, "psn_no": one.case.psn_no, **_term(one)}
                for one in self._cases.standings(who.region, self._calendar, today)]

    def _taken(self, request: Mapping[str, object], who: Who) -> NewCase:
        code, begin = str(request["fixmedins_code"]), str(request["begndate"])
        institution, designations = self._places.institution(who.region, code, begin)
        reason = str(request.get("reason") or "")
        if reason == "not_networked" and any(one.networked for one in designations):
            raise Refusal("settles-on-the-spot", f"{code} settles on the spot on {begin} "
                          "(该机构已联网)", "fixmedins_code", "BJ-50",
                          "Let it settle there, or give the reason `other` and say why.")
        if reason == "away" and institution.place == "local":
            raise Refusal("not-away", f"{code} lies inside the pooling area (本地机构)",
                          "fixmedins_code", "BJ-52", f"Reasons: {', '.join(REASONS)}.")
        asked = self._read({**request, "kind": "manual"}, None, who)
        self._settlements.presettle(asked)         # whatever would stop it stops it here
        parts = dict(zip(PARTS, asked.frame.parts, strict=True))
        bill = {name: value for name, value in request.items() if name not in COUNTER_FIELDS}
        if request.get("feedetail"):
            bill["lines"] = asked.bill
        return NewCase(str(request["psn_no"]), reason, code, {**bill, "parts": parts},
                       _received(request),
                       tuple(_texts(request, "invoices")), tuple(_texts(request, "documents")),
                       _by_fund(request.get("advanced") or {}, "advanced"),
                       str(request.get("why") or ""))


def _term(one: Standing) -> dict[str, object]:
    return {"state": one.state, "start": _text(one.start), "due": _text(one.due),
            "done_on": _text(one.done_on), "late_days": one.late_days, "overdue": one.overdue,
            "excepted": one.excepted, "waiting_for": list(one.waiting_for)}


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: object, where: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise CaseError("bad-date", f"{text!r} is no day (日期有误)", where,
                        hint="Write it as 2024-03-01.") from None


def _received(request: Mapping[str, object]) -> date:
    day = _day(request.get("received_on"), "received_on")
    if day is None:
        raise CaseError("missing-field", "the day of receipt is missing (缺收件日期)",
                        "received_on", hint="Give the day the application was handed in: the "
                        "term hangs on it.")
    return day


def _texts(request: Mapping[str, object], name: str) -> list[str]:
    found = request.get(name) or []
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
        raise CaseError("bad-list", f"{name} is no list of texts", name, hint="Write [..., ...].")
    return list(found)


def _deductions(request: Mapping[str, object]) -> list[Deduction]:
    found = []
    for number, row in enumerate(request.get("deductions") or []):
        where = f"deductions[{number}]"
        part = str(row.get("part") or "")
        found.append(Deduction(NAMES.get(part, part), _fen(row.get("amount"), where),
                               str(row.get("reason") or "")))
    return found


def _by_fund(amounts: Mapping[str, object], where: str) -> dict[str, int]:
    unknown = [fund for fund in amounts if fund not in FUNDS]
    if unknown:
        raise CaseError("unknown-fund", f"{unknown[0]!r} is no fund", where,
                        hint=f"Funds: {', '.join(FUNDS)}.")
    return {fund: _fen(yuan, f"{where}.{fund}") for fund, yuan in amounts.items()}


def _fen(yuan: object, where: str) -> int:
    try:
        return parse_yuan(str(yuan))
    except NumberFault as fault:
        raise CaseError("bad-number", str(fault), where, hint="Write yuan such as 120.50.") \
            from None

