"""A case of manual reimbursement and what may happen to it next (手工报销受理单). Pure.

A case is what was handed in; its events are everything since, in their order. The state is read
off the events, nothing is stored twice.

    taken -> (documents) -> reviewed once -> reviewed twice -> settled -> paid
    and from any of them but `settled` and `paid`: refused or withdrawn

Two different people review (初审、复审); the second may send the case back to the first.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from ...errors import Refusal
from ...money import yuan_text
from ...terms import PARTS, Term, visit_of

if TYPE_CHECKING:
    from .rules import ManualRules

REASONS: dict[str, Term] = {
    "not_networked": Term("the institution does not settle on the spot", "就诊机构未联网"),
    "away": Term("treated away from home: assistance is claimed at home",
                 "市外就医，救助回参保地办理"),
    "other": Term("not settled on the spot for another reason", "其他未能直接结算的情形"),
}
EVENTS: dict[str, Term] = {
    "documents": Term("documents came in", "收到材料"),
    "asked": Term("missing documents were asked for", "要求补正"),
    "first_review": Term("first review", "初审"),
    "second_review": Term("second review", "复审"),
    "sent_back": Term("the second review sent it back", "复审退回"),
    "excepted": Term("special or doubtful: the term does not run", "特殊或疑难，不计期限"),
    "resumed": Term("the exception ended", "恢复计期"),
    "settled": Term("settled", "结算"),
    "paid": Term("paid to the bank account", "拨付"),
    "refused": Term("refused", "不予受理"),
    "withdrawn": Term("withdrawn", "撤回"),
}
OWN_PAY = "out_of_catalogue"      # what a review takes off is the person's own cost
CLOSED = ("refused", "withdrawn")


class Deduction(NamedTuple):
    """Fen a review moves out of a part of the bill, and why (审核扣减)."""

    part: str
    amount_fen: int
    reason: str


class Event(NamedTuple):
    """Something that happened to a case: what, on which day, by whom, why; `body` by kind."""

    number: int
    what: str
    happened_on: date
    body: Mapping[str, object]
    why: str
    done_by: str
    known_at: datetime


@dataclass(frozen=True)
class NewCase:
    """What is handed in at the counter. `bill` has national names, its four parts in yuan;
    `advanced`: fund -> fen the institution has advanced already (BJ-52)."""

    psn_no: str
    reason: str
    institution: str
    bill: Mapping[str, object]
    applied_on: date
    invoices: tuple[str, ...]
    documents: tuple[str, ...]
    advanced: Mapping[str, int]
    why: str = ""


@dataclass(frozen=True)
class Case:
    """A case as stored, with its events."""

    region: str
    psn_no: str
    case_id: str
    reason: str
    institution: str
    mdtrt_id: str
    applied_on: date
    invoices: tuple[str, ...]
    bill: Mapping[str, object]
    advanced: Mapping[str, int]
    rules: "ManualRules"
    registered_by: str
    known_at: datetime
    events: tuple[Event, ...] = ()

    @property
    def state(self) -> str:
        """incomplete, complete, reviewed_once, reviewed_twice, settled, paid, or of CLOSED."""
        last = _last(self.events, {*CLOSED, "paid", "settled", "second_review", "first_review",
                                   "sent_back"})
        if last == "second_review":
            return "reviewed_twice"
        if last == "first_review":
            return "reviewed_once"
        if last and last != "sent_back":
            return last
        return "incomplete" if missing_documents(self) else "complete"

    @property
    def setl_id(self) -> str:
        """The settlement, "" before there is one."""
        return next((str(one.body["setl_id"]) for one in self.events if one.what == "settled"), "")

    @property
    def year(self) -> str:
        """The policy year of the settlement."""
        return next(str(one.body["year"]) for one in self.events if one.what == "settled")

    @property
    def excepted(self) -> bool:
        """Whether it is treated as special or doubtful just now (BJ-51)."""
        return _last(self.events, {"excepted", "resumed"}) == "excepted"


def _last(events: Sequence[Event], kinds: set[str]) -> str:
    return next((one.what for one in reversed(events) if one.what in kinds), "")


def missing_documents(case: Case) -> tuple[str, ...]:
    """Documents the area asks for that have not come in (BJ-50)."""
    seen = {name for one in case.events if one.what == "documents"
            for name in one.body["documents"]}
    visit = visit_of(str(case.bill["med_type"])) or ""
    return tuple(name for name in case.rules.needed(visit, case.reason) if name not in seen)


def review_deductions(case: Case) -> tuple[Deduction, ...]:
    """What the first review that stands has taken off."""
    for one in reversed(case.events):
        if one.what == "sent_back":
            return ()
        if one.what == "first_review":
            return tuple(Deduction(*row) for row in one.body["deductions"])
    return ()


def accepted_parts(case: Case) -> dict[str, int]:
    """The bill's four parts after review (fen): what is taken off becomes the person's own cost,
    so that the total stays what the invoice says."""
    parts = {name: int(case.bill["parts"][name]) for name in PARTS}
    for one in review_deductions(case):
        parts[one.part] -= one.amount_fen
        parts[OWN_PAY] += one.amount_fen
    assert min(parts.values()) >= 0, parts
    return parts


def clock_runs(case: Case, day: date) -> bool:
    """Whether a day counts towards the term: not while an exception holds, and not while a
    document that was asked for is missing, where the rules say so. The day of asking counts."""
    excepted = waiting = False
    seen: set[str] = set()
    asked: set[str] = set()
    for one in case.events:
        if one.happened_on >= day:
            break
        if one.what in ("excepted", "resumed"):
            excepted = one.what == "excepted"
        elif one.what == "asked":
            asked |= set(one.body["documents"])
        elif one.what == "documents":
            seen |= set(one.body["documents"])
        waiting = bool(asked - seen)
    return not excepted and not (waiting and case.rules.documents_wait)


# --- what may happen next -------------------------------------------------------------------------
def check_next(case: Case, what: str, by: str) -> None:
    """Raises Refusal: `case-closed`, `wrong-step`, `documents-missing`, `four-eyes`."""
    state = case.state
    if state in CLOSED:
        raise Refusal("case-closed", f"the case was {state} ({EVENTS[state].zh})",
                      f"case {case.case_id}", "", "Take a new case if the person applies again.")
    allowed = {
        "documents": ("incomplete", "complete"), "asked": ("incomplete", "complete"),
        "first_review": ("complete",), "second_review": ("reviewed_once",),
        "sent_back": ("reviewed_once",), "settled": ("reviewed_twice",),
        "paid": ("settled", "paid"),
    }.get(what, ("incomplete", "complete", "reviewed_once", "reviewed_twice"))
    if what == "first_review" and state == "incomplete":
        names = ", ".join(case.rules.titles[name] for name in missing_documents(case))
        raise Refusal("documents-missing", f"documents are missing: {names} (材料不全)",
                      f"case {case.case_id}", "BJ-50", "Ask the person for them.")
    if state not in allowed:
        raise Refusal("wrong-step", f"{EVENTS[what].en} does not follow `{state}` (步骤不符)",
                      f"case {case.case_id}", "BJ-51", f"It follows {' or '.join(allowed)}.")
    if what in ("excepted", "resumed") and (what == "excepted") == case.excepted:
        raise Refusal("wrong-step", f"the exception is {'there' if case.excepted else 'not there'}"
                      " already (步骤不符)", f"case {case.case_id}", "BJ-51",
                      "Nothing is to be done.")
    if what in ("second_review", "sent_back"):
        first = next(one for one in reversed(case.events) if one.what == "first_review")
        if first.done_by == by:
            raise Refusal("four-eyes", f"{by} made the first review (初审复审须两人)",
                          f"case {case.case_id}", "BJ-51", "Another operator reviews it again.")


def check_deductions(case: Case, deductions: Sequence[Deduction]) -> None:
    """Raises Refusal `bad-deduction`."""
    left = {name: int(case.bill["parts"][name]) for name in PARTS}
    for one in deductions:
        if one.part not in left or one.part == OWN_PAY:
            known = ", ".join(name for name in PARTS if name != OWN_PAY)
            raise _bad_deduction(case, f"{one.part!r} is no part to deduct from",
                                 f"Deduct from {known}.")
        if not one.reason.strip():
            raise _bad_deduction(case, "a deduction has no reason (未说明理由)", "Say why.")
        left[one.part] -= one.amount_fen
        if one.amount_fen <= 0 or left[one.part] < 0:
            raise _bad_deduction(case, f"{yuan_text(one.amount_fen)} cannot be taken off "
                                 f"{one.part}, of {yuan_text(case.bill['parts'][one.part])}",
                                 "Deduct more than nothing and at most the part.")


def _bad_deduction(case: Case, message: str, hint: str) -> Refusal:
    return Refusal("bad-deduction", f"{message} (扣减有误)", f"case {case.case_id}", "BJ-51", hint)
