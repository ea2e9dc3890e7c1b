"""Is there an order of the calls that explains every answer? (linearizability)

The plain model says what each call answers when calls come one after another. A history of calls
that overlapped is explained when some order gives all its answers, and puts no call before one
that had returned when it was made. The search is exhaustive: keep histories small.

What is known of a person is no part of the year's order: a call knows people as of some moment
while it ran. But whoever writes after another write knows no less than that one did: after a
recognition is answered, no bill may be settled as if it had not been.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from plain_model import FIELDS, Bill, PlainModel

from tongchou.engine import Claim, Person, amount_fields, settle_year
from tongchou.money import parse_yuan
from tongchou.policy import Pack
from tongchou.terms import FUNDS

Amounts = tuple[int, ...]            # fen, by FIELDS
NOTHING = (0,) * len(FIELDS)
FOREVER = 2 ** 63
WITHOUT_EFFECT = {"too-busy", "database-busy"}


@dataclass
class Call:
    """One call: what was asked, when it was made and answered, and the answer.

    `kind`: settle, presettle, reverse, recompute, learn (a person is known otherwise from now) or
    look (every outcome as stored).
    """

    window: int
    kind: str
    key: str = ""
    claim: Claim | None = None
    person: Person | None = None
    setl_id: str = ""
    refund: str = ""
    called: int = 0
    returned: int = 0
    answer: str = ""
    refused: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Whose the key is: keys of different persons are different keys."""
        return self.claim.person_id if self.claim else self.person.person_id, self.key

    @property
    def body(self) -> tuple:
        """What makes it the same request."""
        return self.kind, self.claim, self.setl_id, self.refund

    def __str__(self) -> str:
        what = self.claim.claim_id if self.claim else self.setl_id or (
            self.person and self.person.statuses)
        return (f"window {self.window} {self.called:>4}..{self.returned:<4} {self.kind} {what} "
                f"key {self.key}: {self.refused or self.answer}")


@dataclass(frozen=True)
class Version:
    """People as known from one moment to another."""

    since: int
    until: int
    persons: Mapping[str, Person]


@dataclass(frozen=True)
class State:
    """What stands after some calls: bills and their money, people, and answers by key."""

    pack: Pack
    persons: Mapping[str, Person]
    versions: tuple["Version", ...] = ()       # how people were known, one after another
    floor: int = 0                             # the version that the newest write knew
    bills: tuple[Bill, ...] = ()
    money: Mapping[str, Amounts] = None       # of every settlement ever made
    answers: Mapping[tuple[str, str], tuple[tuple, str]] = None

    @property
    def model(self) -> PlainModel:
        """The plain model of it."""
        return PlainModel(self.pack, dict(self.persons), list(self.bills))

    def moved(self) -> tuple["State", dict[str, Amounts]]:
        """Everything that stands settled anew as people are known now, and the differences."""
        model = self.model
        visits = {bill.claim.claim_id: bill.setl_id for bill in self.bills}
        now = dict.fromkeys(self.money, NOTHING)
        for one in settle_year(self.pack, self.persons, model.whole_stays()):
            fields = amount_fields(self.pack, one)
            now[visits[one.claim.claim_id]] = tuple(fields[name] for name in FIELDS)
        differences = {name: tuple(a - b for a, b in zip(after, self.money.get(name, NOTHING),
                                                         strict=True))
                       for name, after in now.items()}
        return replace(self, money=now), _without_nothing(differences)


def _without_nothing(differences: Mapping[str, Amounts]) -> dict[str, Amounts]:
    return {name: amounts for name, amounts in differences.items() if any(amounts)}


def amounts_of(row: Mapping[str, object]) -> Amounts:
    """A money row of an answer by FIELDS."""
    found = dict.fromkeys(FIELDS, 0)
    for fund, yuan in row["funds"].items():
        found[FUNDS[fund].field] += signed(yuan)
    for name in ("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"):
        found[name] = signed(row[name])
    return tuple(found.values())


def signed(yuan: str) -> int:
    """Fen of a signed amount."""
    return -parse_yuan(yuan[1:]) if yuan.startswith("-") else parse_yuan(yuan)


def answered(call: Call) -> dict[str, Amounts]:
    """What the answer says has moved; a bill not written is called ""."""
    answer = json.loads(call.answer)
    found = {one["setl_id"]: amounts_of(one["difference"]) for one in answer["changed"]}
    if "this_settlement" in answer:
        found[answer["setl_id"] or ""] = amounts_of(answer["this_settlement"])
    return _without_nothing(found)


# --- what a call does, when it is alone ---
def afterwards(state: State, call: Call) -> Iterator[State]:
    """States after a call with this very answer, none when it would answer otherwise."""
    for place, version in enumerate(state.versions):
        if place >= state.floor and version.since < call.returned and version.until > call.called:
            found = _after(replace(state, persons=version.persons), call)
            if found is not None:
                writes = call.kind in WRITING and not call.refused
                yield replace(found, floor=place if writes else state.floor)


def _after(state: State, call: Call) -> State | None:
    if call.refused in WITHOUT_EFFECT:
        return state
    if call.key and call.place in state.answers:
        body, text = state.answers[call.place]
        same = call.answer == text if body == call.body else call.refused == "key-reused"
        return state if same else None
    found = _STEPS[call.kind](state, call)
    if found is not None and call.key and not call.refused:
        return replace(found, answers={**state.answers, call.place: (call.body, call.answer)})
    return found


def _settle(state: State, call: Call) -> State | None:
    if any(bill.claim.claim_id == call.claim.claim_id for bill in state.bills):
        return state if call.refused == "already-settled" else None
    if call.refused:
        return None
    setl_id = json.loads(call.answer)["setl_id"] or ""
    new = replace(state, bills=(*state.bills, Bill(setl_id, call.claim)))
    settled, differences = new.moved()
    if differences != answered(call):
        return None
    return settled if call.kind == "settle" else state


def _reverse(state: State, call: Call) -> State | None:
    gone = [bill for bill in state.bills if bill.setl_id == call.setl_id]
    if not gone:
        wanted = "already-reversed" if call.setl_id in state.money else "unknown-settlement"
        return state if call.refused == wanted else None
    if call.refund == "refuse_unless_last" and state.model.later(call.setl_id):
        return state if call.refused == "not-last" else None
    left = tuple(bill for bill in state.bills if bill.setl_id != call.setl_id)
    return _changed(replace(state, bills=left), call)


def _changed(state: State, call: Call) -> State | None:
    settled, differences = state.moved()
    return settled if not call.refused and differences == answered(call) else None


def _look(state: State, call: Call) -> State | None:
    seen = {name: amounts_of(row) for name, row in json.loads(call.answer).items()}
    return state if seen == dict(state.money) else None


WRITING = ("settle", "reverse", "recompute")
_STEPS = {"settle": _settle, "presettle": _settle, "reverse": _reverse, "recompute": _changed,
          "look": _look}


# --- the search ---
def explained(calls: list[Call], state: State) -> list[Call] | None:
    """An order that explains the history, None when there is none."""
    versions = [Version(-FOREVER, FOREVER, state.persons)]
    for one in sorted((call for call in calls if call.kind == "learn"),
                      key=lambda call: call.called):
        known = {**versions[-1].persons, one.person.person_id: one.person}
        versions[-1] = replace(versions[-1], until=one.returned)
        versions.append(Version(one.called, FOREVER, known))
    return _order([call for call in calls if call.kind != "learn"],
                  replace(state, versions=tuple(versions), money={}, answers={}))


def _order(calls: list[Call], state: State) -> list[Call] | None:
    if not calls:
        return []
    for call in _may_be_next(calls):
        left = [one for one in calls if one is not call]
        for following in afterwards(state, call):
            rest = _order(left, following)
            if rest is not None:
                return [call, *rest]
    return None


def _may_be_next(calls: list[Call]) -> Iterator[Call]:
    """Those that were made before any of the others had returned."""
    first_return = min(one.returned for one in calls)
    return (one for one in sorted(calls, key=lambda one: one.returned)
            if one.called <= first_return)
