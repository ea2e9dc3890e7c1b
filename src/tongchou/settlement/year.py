"""A person-year as known now, and what a change makes of it (年度重算). No database, no clock.

One invariant rules everything: the present money of a year equals settling all its claims, in the
pack's order, with the person as known now. The usual case - one more claim, the last - settles that
claim alone; every other change settles the whole year and gives signed differences.

Claims of one stay settled in portions (中途结算) are one claim to the rules, so that the deductible
counts once; its newest portion carries the rest.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..claims import settlement_dict
from ..engine import Claim, Person, RuleCache, Settlement, claim_order, settle_year
from ..errors import Refusal
from ..policy import Pack
from .money import NOTHING, Money, money_of, sum_of

REFUNDS = ("refuse_unless_last", "recompute")
Settle = Callable[[Person, Claim, Sequence[Claim]], Settlement]


@dataclass(frozen=True)
class Stored:
    """A settlement of the year and its newest outcome. `claim.claim_id` is the mdtrt_id.

    `advanced` is the part of its money that was settled at the window: what the funds owe the
    institution for it (BJ-46). Everything that moved later, and what was reimbursed by hand, is
    between the funds and the person.
    """

    setl_id: str
    shard: int
    year: str
    kind: str
    institution: str
    claim: Claim
    revision: int
    money: Money
    advanced: Money = NOTHING
    reversed: bool = False

    @property
    def psn_no(self) -> str:
        """Whose it is."""
        return self.claim.person_id


@dataclass(frozen=True)
class Outcome:
    """A new revision of a settlement: its money now, what changes, and what is shown.

    `statement` is the object of the contract; empty for a reversal.
    """

    stored: Stored
    reason: str
    money: Money
    difference: Money
    advanced: Money
    statement: Mapping[str, object]


@dataclass(frozen=True)
class Year:
    """Everything settled in a policy year by the people who share its accumulators.

    `persons` are known as of now; `settled_as` are the persons the money present rests on.
    """

    pack: Pack
    persons: Mapping[str, Person]
    settled_as: Mapping[str, Person]
    stored: tuple[Stored, ...] = ()
    rules: RuleCache | None = None          # may be shared by the years of a pack, in one thread

    @property
    def active(self) -> list[Stored]:
        """Settlements that stand, portions of a stay by their time."""
        return sorted((one for one in self.stored if not one.reversed),
                      key=lambda one: (*claim_order(self.pack, one.claim), one.setl_id))


def add(year: Year, new: Stored, settle: Settle) -> list[Outcome]:
    """Outcomes of one more settlement: its own first, then whatever moved because of it.

    `new` has revision 0 and no money. Raises Refusal `already-settled`, and whatever settling
    refuses.
    """
    _refuse_twice(year, new)
    if _is_plain(year, new):
        earlier = [one.claim for one in year.active]
        return [_outcome(year, new, "settle", settle(year.persons[new.psn_no], new.claim,
                                                     earlier), NOTHING)]
    found = _recomputed(replace(year, stored=(*year.stored, new)), new.setl_id)
    assert found[0].stored is new
    return found


def reverse(year: Year, setl_id: str, refund: str) -> list[Outcome]:
    """冲正: the settlement's money goes back; with `recompute` later ones move.

    Raises Refusal `unknown-settlement`, `already-reversed`, `not-last`.
    """
    assert refund in REFUNDS, refund
    known = {one.setl_id: one for one in year.stored}
    if setl_id not in known:
        raise Refusal("unknown-settlement", f"there is no settlement {setl_id!r} of this person",
                      f"setl_id {setl_id}", "", "Check setl_id and psn_no.")
    target = known[setl_id]
    if target.reversed:
        raise Refusal("already-reversed", f"settlement {setl_id} is reversed already",
                      f"setl_id {setl_id}", "", "Nothing is left to take back.")
    _refuse_unless_last(year, target, refund)
    gone = replace(target, reversed=True)
    left = replace(year, stored=tuple(gone if one is target else one for one in year.stored))
    own = Outcome(target, "reverse", NOTHING, NOTHING - target.money, NOTHING, {})
    return [own, *(_recomputed(left, "") if left.active else [])]


def recompute(year: Year) -> list[Outcome]:
    """What moves because persons are known otherwise now (身份追溯, GZ-26). May be empty."""
    return _recomputed(year, "") if year.active else []


def _refuse_twice(year: Year, new: Stored) -> None:
    for one in year.active:
        if one.claim.claim_id != new.claim.claim_id:
            continue
        if one.psn_no == new.psn_no and one.kind == "mid_stay":
            if one.claim.begin != new.claim.begin or one.claim.visit != new.claim.visit:
                raise Refusal("stay-differs", f"the portions of stay {new.claim.claim_id} differ "
                              "in admission day or kind of visit", "begndate", "",
                              "Every portion of a stay names its one admission.")
            continue
        raise Refusal("already-settled", f"visit {new.claim.claim_id} is settled already, as "
                      f"{one.setl_id}", f"mdtrt_id {new.claim.claim_id}", "",
                      "Ask for that settlement, or reverse it before settling anew.")


def _is_plain(year: Year, new: Stored) -> bool:
    """True where the claim comes last, alone, and nothing else can have moved."""
    active = year.active
    return (year.persons == year.settled_as and len(year.persons) == 1
            and all(one.kind != "mid_stay" for one in active)
            and (not active or claim_order(year.pack, active[-1].claim)
                 < claim_order(year.pack, new.claim)))


def _refuse_unless_last(year: Year, target: Stored, refund: str) -> None:
    """National interfaces cancel in reverse order; portions of a stay always do."""
    order = [one.setl_id for one in year.active]
    later = order[order.index(target.setl_id) + 1:]
    same_stay = [one.setl_id for one in year.active if one.setl_id in later
                 and one.claim.claim_id == target.claim.claim_id]
    stopping = later if refund == "refuse_unless_last" else same_stay
    if stopping:
        raise Refusal("not-last", f"settlement {target.setl_id} is not the last of its policy "
                      f"year: {len(stopping)} came later ({', '.join(stopping[:5])})",
                      f"setl_id {target.setl_id}", "",
                      "Reverse the later ones first, or have the agency recompute the year.")


def _stays(year: Year) -> dict[str, list[Stored]]:
    """Active settlements by the claim they are part of, in their order."""
    found: dict[str, list[Stored]] = {}
    for one in year.active:
        found.setdefault(one.claim.claim_id, []).append(one)
    return found


def _whole(portions: Sequence[Stored]) -> Claim:
    """One claim of all portions of a stay: parts added up, as of its newest portion."""
    last = portions[-1].claim
    parts = tuple(sum(column) for column in
                  zip(*(one.claim.parts for one in portions), strict=True))
    return replace(last, parts=parts)


def _recomputed(year: Year, new: str) -> list[Outcome]:
    """Settles the whole year; outcomes of what differs, the settlement `new` first."""
    stays = _stays(year)
    claims = [_whole(portions) for portions in stays.values()]
    found = {one.claim.claim_id: one for one in settle_year(year.pack, year.persons, claims,
                                                             year.rules)}
    outcomes = []
    for claim_id, portions in stays.items():
        *before, last = portions
        earlier = sum_of(one.money for one in before)
        reason = "settle" if last.setl_id == new else "recompute"
        outcome = _outcome(year, last, reason, found[claim_id], earlier)
        if outcome.difference or last.setl_id == new:
            outcomes.append(outcome)
    return sorted(outcomes, key=lambda one: one.stored.setl_id != new)


def _outcome(year: Year, stored: Stored, reason: str, settlement: Settlement,
             earlier: Money) -> Outcome:
    """`earlier` is what former portions of the stay carry."""
    money = money_of(year.pack, settlement) - earlier
    statement = settlement_dict(year.pack, settlement)
    advanced = stored.advanced if reason == "recompute" or stored.kind == "manual" else money
    return Outcome(stored, reason, money, money - stored.money, advanced, statement)
