"""Corrections by settling whole person-years again (整年重算): the only correction algorithm.

A claim voided, found late or corrected, or an identity recognised backwards in time, changes what
a person's year was. The owner group (the person, or the family where a layer shares across it) is
settled before and after with the plain reference, and what differs is posted as signed rows. No
negative claim ever goes through the rules.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..errors import Refusal
from ..policy import Pack
from .records import Settlement
from .reference import RuleCache, claim_order, settle_year
from .situation import Claim, Person, StatusSpan, situate

REFUNDS = ("refuse_unless_last", "recompute")


@dataclass(frozen=True)
class Void:
    """撤销: a settled claim is taken back."""

    claim_id: str


@dataclass(frozen=True)
class Late:
    """补录: a claim that becomes known after others were settled. It takes its place in the pack's
    order of claims (by settlement time, or by discharge)."""

    claim: Claim


@dataclass(frozen=True)
class Correct:
    """更正: a settled claim (same id) whose content was wrong."""

    claim: Claim


@dataclass(frozen=True)
class Recognise:
    """身份追溯: an identity added, or `replaces` (an identity held so far) given other dates.

    `span` None takes `replaces` away. A span that begins after a stay reaches it only inside the
    identity's look-back, and then only in layers with `looks_back: yes` (GZ-26)."""

    person_id: str
    span: StatusSpan | None
    replaces: StatusSpan | None = None


Change = Void | Late | Correct | Recognise


@dataclass(frozen=True, order=True)
class Difference:
    """Fen to add to what is posted: for a `layer` (payer is its fund), or, with `layer` "", for a
    `part` of the bill that stays with the person. The rows of a claim that exists before and after
    sum to the change of its total."""

    claim_id: str
    layer: str
    part: str
    payer: str
    amount_fen: int
    person_id: str


@dataclass(frozen=True)
class Replay:
    """The years before and after the changes, claim id -> settlement, and what differs."""

    before: dict[str, Settlement]
    after: dict[str, Settlement]
    differences: list[Difference]


def replay(pack: Pack, persons: Mapping[str, Person], claims: Iterable[Claim],
           changes: Iterable[Change], refund: str = "refuse_unless_last") -> list[Difference]:
    """Signed differences that the changes make, sorted, rows of zero left out.

    Raises Refusal: `not-last`, `unknown-claim`, `claim-exists`, `other-person`,
    `missing-person`, `unknown-status`, `unknown-span`, and whatever settling refuses.
    """
    return replay_years(pack, persons, claims, changes, refund).differences


def replay_years(pack: Pack, persons: Mapping[str, Person], claims: Iterable[Claim],
                 changes: Iterable[Change], refund: str = "refuse_unless_last") -> Replay:
    """Like `replay`, with the settlements of the groups touched before and after."""
    assert refund in REFUNDS, refund
    old_persons, old_claims = dict(persons), {claim.claim_id: claim for claim in claims}
    new_persons, new_claims = dict(old_persons), dict(old_claims)
    touched: set[str] = set()
    for change in dict.fromkeys(changes):       # the same change twice is one change
        touched.add(_apply(pack, new_persons, new_claims, change, refund))
    groups = {group_of(pack, new_persons[person]) for person in touched}
    before = _settled(pack, old_persons, old_claims, groups)
    after = _settled(pack, new_persons, new_claims, groups)
    return Replay(before, after, differences_between(before, after))


def differences_between(before: Mapping[str, Settlement],
                        after: Mapping[str, Settlement]) -> list[Difference]:
    """What has to be added to the rows of `before` to make those of `after`."""
    sums: dict[tuple[str, str, str, str, str], int] = {}
    for sign, settlements in ((-1, before), (1, after)):
        for settlement in settlements.values():
            for row, fen in _rows(settlement):
                sums[row] = sums.get(row, 0) + sign * fen
    return sorted(Difference(*row[:4], fen, row[4]) for row, fen in sums.items() if fen)


def _rows(settlement: Settlement) -> Iterable[tuple[tuple[str, str, str, str, str], int]]:
    claim = settlement.claim
    for trace in settlement.layers:
        yield (claim.claim_id, trace.rule.layer, "", trace.rule.fund, claim.person_id), trace.paid
    for part, fen in settlement.left.items():
        yield (claim.claim_id, "", part, "person", claim.person_id), fen


def shares_family(pack: Pack) -> bool:
    """True where some layer's deductible, tiers or cap belongs to the family."""
    owners = [owner for layer in pack.layers for owner in
              (layer.deductible.owner if layer.deductible else "",
               layer.tiers.owner if layer.tiers else "", *(cap.owner for cap in layer.caps))]
    return any(owner in ("family", "any_member") for owner in owners)


def group_of(pack: Pack, person: Person) -> tuple[str, str]:
    """Whose claims are settled together: ("family", id), or ("person", id)."""
    if person.family_id and shares_family(pack):
        return "family", person.family_id
    return "person", person.person_id


def _settled(pack: Pack, persons: Mapping[str, Person], claims: Mapping[str, Claim],
             groups: set[tuple[str, str]]) -> dict[str, Settlement]:
    members: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims.values():
        if claim.person_id in persons:
            group = group_of(pack, persons[claim.person_id])
            if group in groups:
                members.setdefault(group, []).append(claim)
    rules = RuleCache(pack)
    return {settlement.claim.claim_id: settlement for group in sorted(members)
            for settlement in settle_year(pack, persons, members[group], rules)}


def _apply(pack: Pack, persons: dict[str, Person], claims: dict[str, Claim], change: Change,
           refund: str) -> str:
    """Makes one change; the id of the person whose years it touches."""
    if isinstance(change, Recognise):
        return _recognise(pack, persons, change)
    if isinstance(change, Late):
        claim = change.claim
        known = claims.get(claim.claim_id)
        if known is not None and known != claim:
            raise Refusal("claim-exists", f"claim {claim.claim_id} is settled with other content",
                          f"claim {claim.claim_id}", "", "Correct it instead of adding it.")
        _person(persons, claim)
        claims[claim.claim_id] = claim
        return claim.person_id
    claim_id = change.claim_id if isinstance(change, Void) else change.claim.claim_id
    if claim_id not in claims:
        raise Refusal("unknown-claim", f"there is no settled claim {claim_id!r}",
                      f"claim {claim_id}", "", "Check the number (mdtrt_id); a claim that was "
                      "voided already cannot be voided or corrected again.")
    return _take_back(pack, persons, claims, change, refund)


def _take_back(pack: Pack, persons: dict[str, Person], claims: dict[str, Claim],
               change: Void | Correct, refund: str) -> str:
    claim = claims[change.claim_id if isinstance(change, Void) else change.claim.claim_id]
    if isinstance(change, Correct):
        if change.claim == claim:
            return claim.person_id
        if change.claim.person_id != claim.person_id:
            raise Refusal("other-person", f"claim {claim.claim_id} is of {claim.person_id!r}, the "
                          f"correction of {change.claim.person_id!r}", f"claim {claim.claim_id}",
                          "", "Void the claim and add it to the other person.")
    if refund == "refuse_unless_last":
        _refuse_unless_last(pack, persons, claims, claim)
    if isinstance(change, Void):
        del claims[claim.claim_id]
    else:
        claims[claim.claim_id] = change.claim
    return claim.person_id


def _refuse_unless_last(pack: Pack, persons: Mapping[str, Person], claims: Mapping[str, Claim],
                        claim: Claim) -> None:
    """National interfaces cancel in reverse order: nothing of the same year may come later."""
    person = _person(persons, claim)
    group, year = group_of(pack, person), situate(pack, person, claim).policy_year
    place = claim_order(pack, claim)
    later = sorted(
        (other for other in claims.values() if claim_order(pack, other) > place
         and other.person_id in persons
         and group_of(pack, persons[other.person_id]) == group
         and situate(pack, persons[other.person_id], other).policy_year == year),
        key=lambda other: claim_order(pack, other))
    if later:
        names = ", ".join(other.claim_id for other in later[:5])
        raise Refusal("not-last", f"claim {claim.claim_id} is not the last of its policy year: "
                      f"{len(later)} came later ({names})", f"claim {claim.claim_id}", "",
                      "Take the later ones back first, or ask for `recompute`.")


def _person(persons: Mapping[str, Person], claim: Claim) -> Person:
    if claim.person_id not in persons:
        raise Refusal("missing-person", f"nobody is known as {claim.person_id!r}",
                      f"claim {claim.claim_id}", "", "Add the person to the case.")
    return persons[claim.person_id]


def _recognise(pack: Pack, persons: dict[str, Person], change: Recognise) -> str:
    person = persons.get(change.person_id)
    if person is None:
        raise Refusal("missing-person", f"nobody is known as {change.person_id!r}",
                      f"person {change.person_id}", "", "Add the person to the case.")
    known = [status.name for status in (*pack.statuses, *pack.attributes)]
    if change.span is not None and change.span.name not in known:
        raise Refusal("unknown-status", f"{pack.name} knows no status {change.span.name!r}",
                      f"person {change.person_id}", "", f"It knows {', '.join(known) or 'none'}.")
    spans = [span for span in person.statuses if span != change.replaces]
    if change.replaces and len(spans) == len(person.statuses) and change.span not in (None, *spans):
        raise Refusal("unknown-span", f"{change.person_id} does not hold the identity to replace",
                      f"person {change.person_id}", "", f"Held: {person.statuses or 'none'}.")
    if change.span is not None and change.span not in spans:
        spans.append(change.span)
    persons[change.person_id] = replace(person, statuses=tuple(spans))
    return change.person_id
