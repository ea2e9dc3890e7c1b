"""The laws every shipped pack obeys, whatever the bill (policy language, section 1)."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from generate import bills, people, years
from hypothesis import given, settings
from hypothesis import strategies as st

from tongchou.engine import (Claim, Person, RuleCache, Settlement, State, amount_fields, flows_of,
                             settle_claim, settle_year, situate)
from tongchou.engine.cliffs import find_cliffs
from tongchou.engine.replay import Void, replay_years
from tongchou.errors import Refusal
from tongchou.policy import Pack, load_pack, packs_folder, shipped_packs

EXAMPLES, MANY = 25, 500
PUBLISHED = sorted(packs_folder().glob("published/*.yaml"))


def bound(name: str) -> Pack:
    """A pack under its first profile."""
    profiles = list(load_pack(name).profiles)
    return load_pack(name, profiles[0] if profiles else None)


PACKS = {name: bound(name) for name in (*shipped_packs(), *map(str, PUBLISHED))}
RULES = {name: RuleCache(pack) for name, pack in PACKS.items()}
IDS = [name.rpartition("packs/")[2] for name in PACKS]
of_every_pack = pytest.mark.parametrize("name", list(PACKS), ids=IDS)
Year = tuple[dict[str, Person], list[Claim]]


def checked(law: Callable[..., None], *strategies: st.SearchStrategy,
            examples: int = EXAMPLES) -> None:
    """Tries a law on generated examples, the same ones every time."""
    settings(max_examples=examples, deadline=None, derandomize=True,
             database=None)(given(*strategies)(law))()


def settled(name: str, year: Year) -> list[Settlement]:
    """The claims of a year that the pack settles at all, settled."""
    persons, claims = year
    taken = []
    for claim in claims:
        try:
            settle_year(PACKS[name], persons, [claim], RULES[name])
            taken.append(claim)
        except Refusal as refusal:
            assert refusal.hint and refusal.message
    return settle_year(PACKS[name], persons, taken, RULES[name])


@of_every_pack
def test_every_fen_has_one_payer_and_no_layer_overpays(name: str, examples: int = EXAMPLES) -> None:
    def law(year: Year) -> None:
        for settlement in settled(name, year):
            flows = flows_of(settlement)
            total = settlement.claim.total_fen
            assert sum(flow.amount_fen for flow in flows) == total
            assert all(flow.amount_fen > 0 for flow in flows)
            fields = amount_fields(PACKS[name], settlement)
            assert fields["fund_pay_sumamt"] + fields["psn_part_amt"] + fields["hosp_part_amt"] \
                == total
            assert all(fen >= 0 for fen in fields.values())
            for trace in settlement.layers:
                assert 0 <= trace.paid <= trace.base
                assert all(fen >= 0 for fen in trace.residues.values())
                assert trace.paid + sum(trace.residues.values()) \
                    == trace.base + trace.residues["excluded"]

    checked(law, years(PACKS[name]), examples=examples)


@of_every_pack
def test_one_at_a_time_is_the_year_at_once(name: str, examples: int = EXAMPLES) -> None:
    def law(year: Year) -> None:
        at_once = settled(name, year)
        persons = year[0]
        states: dict[str, State] = {}
        for settlement in at_once:
            claim = settlement.claim
            person = persons[claim.person_id]
            state = states.setdefault(situate(PACKS[name], person, claim).policy_year, State())
            alone = settle_claim(PACKS[name], person, claim, state, RULES[name])
            assert flows_of(alone) == flows_of(settlement)
        shuffled = [settlement.claim for settlement in reversed(at_once)]
        again = settle_year(PACKS[name], persons, shuffled, RULES[name])
        assert [flows_of(one) for one in again] == [flows_of(one) for one in at_once]

    checked(law, years(PACKS[name]), examples=examples)


@pytest.mark.clause("BJ-40")
@of_every_pack
def test_a_status_never_costs_its_holder_anything(name: str, examples: int = EXAMPLES) -> None:
    pack = PACKS[name]

    def law(person: Person, before: Claim, claim: Claim) -> None:
        identities = {status.name for status in pack.statuses}
        plain = replace(person, statuses=tuple(span for span in person.statuses
                                               if span.name not in identities))
        state = State()
        try:
            if situate(pack, person, before).policy_year == \
                    situate(pack, person, claim).policy_year:
                settle_claim(pack, person, before, state, RULES[name])
            without = settle_claim(pack, plain, claim, state.copy(), RULES[name])
            held = settle_claim(pack, person, claim, state, RULES[name])
        except Refusal:
            return
        assert held.person_part <= without.person_part

    checked(law, people(pack), bills(pack, "C0"), bills(pack, "C1"), examples=examples)


@of_every_pack
def test_a_void_takes_back_exactly_what_was_settled(name: str, examples: int = EXAMPLES) -> None:
    def law(year: Year) -> None:
        found = settled(name, year)
        if not found:
            return
        last = found[-1]
        replayed = replay_years(PACKS[name], year[0], [one.claim for one in found],
                                [Void(last.claim.claim_id)], "recompute")
        own = [one for one in replayed.differences if one.claim_id == last.claim.claim_id]
        assert -sum(one.amount_fen for one in own) == last.claim.total_fen
        assert {one.layer: -one.amount_fen for one in own if one.layer} == \
            {trace.rule.layer: trace.paid for trace in last.layers if trace.paid}

    checked(law, years(PACKS[name], 4), examples=examples)


@of_every_pack
def test_more_cost_never_brings_less(name: str, examples: int = EXAMPLES) -> None:
    """Where this fails the pack has a cliff, which lint must then name.

    Funds only: what a hospital bears above a share of the bill (BJ-57) shrinks with the bill.
    """
    pack = PACKS[name]
    falls: list[str] = []

    def law(person: Person, claim: Claim, more: int) -> None:
        parts = claim.parts
        larger = replace(claim, parts=(*parts[:3], parts[3] + more))
        try:
            before = settle_claim(pack, person, claim, State(), RULES[name])
            after = settle_claim(pack, person, larger, State(), RULES[name])
        except Refusal:
            return
        tolerance = len(pack.layers) + 1
        paid, paid_more = (amount_fields(pack, one)["fund_pay_sumamt"] for one in (before, after))
        if paid_more < paid - tolerance:
            falls.append(f"{claim} + {more}: {paid} -> {paid_more}")

    checked(law, people(pack), bills(pack), st.integers(1, 10 ** 9), examples=examples)
    if falls:
        assert any(cliff.kind == "jump" for cliff in find_cliffs(pack, chains_max=10 ** 6)[0]), \
            f"{falls[0]} ({len(falls)} in all), and lint names no cliff"


@of_every_pack
def test_the_generator_meets_what_the_pack_knows(name: str) -> None:
    """A generator whose every claim is refused or unpaid would prove nothing."""
    count = [0, 0]

    def law(year: Year) -> None:
        count[0] += len(year[1])
        count[1] += sum(any(trace.paid for trace in one.layers) for one in settled(name, year))

    checked(law, years(PACKS[name]))
    assert count[1] * 20 > count[0], f"{name}: only {count[1]} of {count[0]} bills are paid"


LAWS = [test_every_fen_has_one_payer_and_no_layer_overpays,
        test_one_at_a_time_is_the_year_at_once, test_a_status_never_costs_its_holder_anything,
        test_a_void_takes_back_exactly_what_was_settled, test_more_cost_never_brings_less]


@pytest.mark.long
@pytest.mark.parametrize("law", LAWS, ids=[law.__name__.removeprefix("test_") for law in LAWS])
@of_every_pack
def test_the_laws_hold_on_many_examples(name: str, law: Callable[[str, int], None]) -> None:
    law(name, MANY)
