"""Corrections by replay: what is posted afterwards is what would have been settled at once."""
from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongchou.engine.reference import settle_year
from tongchou.engine.replay import (Correct, Difference, Late, Recognise, Void, group_of, replay,
                                    replay_years)
from tongchou.engine.situation import Claim, Person, StatusSpan
from tongchou.errors import Refusal
from tongchou.policy import load_pack

BENCH = Path(__file__).parents[1] / "bench" / "packs" / "peer_workload.yaml"
PACK = load_pack(BENCH)
RECOMPUTE = "recompute"

FAMILY = """
city: village
regime: "2023"
title: 一家一户
state: draft
in_force: {from: 2023-01-01}
sources: {TT: {title: a test}}
insurance: [residents]
hospitals: {any: {level: ["1", "2", "3", none]}}
layers:
  product:
    fund: commercial
    base: in_policy
    deductible: {per: year, amount: 1000, owner: family}
    ratio: 50%
    cap: {per: year, amount: 5000, owner: family}
    clause: TT-01
"""

LOOKBACK = """
city: village
regime: "2024"
title: 追溯救助
state: draft
in_force: {from: 2024-01-01}
sources: {TT: {title: a test}}
insurance: [residents]
hospitals: {any: {level: ["1", "2", "3", none]}}
statuses: {allowance: {lookback_months: 6, clause: TT-26}}
layers:
  basic:
    fund: residents_basic
    base: in_policy
    deductible: none
    ratio: {by: status, allowance: 90%, else: 60%}
    cap: none
    clause: TT-01
  assistance:
    fund: medical_assistance
    for: {status: allowance}
    base: basic.unpaid
    deductible: none
    ratio: 70%
    cap: none
    looks_back: yes
    clause: TT-26
"""


def claim_of(number: int, day: str, in_policy: int, person: str = "P1", **more: str) -> Claim:
    fields = {"visit": "inpatient", "level": "3", "place": "local", "referral": "not_needed"}
    fields |= more
    return Claim(f"C{number}", person, begin=day, end=day, settled=f"{day}T10:00:00",
                 parts=(1_000, 0, 500, in_policy), **fields)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pack.yaml"
    path.write_text(text, encoding="utf-8")
    return path


statuses = st.sampled_from([(), (StatusSpan("allowance", "2023-01-01"),),
                            (StatusSpan("borderline", "2023-05-01", "2023-08-31"),)])
people = statuses.map(lambda held: {"P1": Person("P1", "residents", statuses=held)})
bills = st.lists(st.tuples(st.integers(1, 360), st.integers(0, 30_000_000),
                           st.sampled_from("123")), min_size=1, max_size=6)


def year_of(rows: list[tuple[int, int, str]]) -> list[Claim]:
    return [claim_of(number, f"2023-{1 + day // 31:02d}-{1 + day % 28:02d}", fen, level=level)
            for number, (day, fen, level) in enumerate(rows, start=1)]


def posted(people: dict[str, Person], claims: list[Claim]) -> dict[tuple[str, str, str], int]:
    """What the books of these claims hold: (claim, layer, part) -> fen."""
    nothing = {claim.claim_id: Late(claim) for claim in claims}
    return {(row.claim_id, row.layer, row.part): row.amount_fen
            for row in replay(PACK, people, [], nothing.values())}


def add(books: dict, rows: list[Difference]) -> dict[tuple[str, str, str], int]:
    total = dict(books)
    for row in rows:
        key = (row.claim_id, row.layer, row.part)
        total[key] = total.get(key, 0) + row.amount_fen
    return {key: fen for key, fen in total.items() if fen}


@settings(max_examples=60, deadline=None)
@given(people, bills, st.data())
def test_books_after_a_void_are_those_of_a_year_without_it(people, rows, data) -> None:
    claims = year_of(rows)
    gone = data.draw(st.sampled_from(claims))
    rest = [claim for claim in claims if claim != gone]
    change = replay(PACK, people, claims, [Void(gone.claim_id)], RECOMPUTE)
    assert add(posted(people, claims), change) == posted(people, rest)
    assert change == sorted(change) and all(row.amount_fen for row in change)


@settings(max_examples=60, deadline=None)
@given(people, bills)
def test_a_void_of_the_last_claim_is_the_exact_negative(people, rows) -> None:
    claims = year_of(rows)
    last = settle_year(PACK, people, claims)[-1]
    change = replay(PACK, people, claims, [Void(last.claim.claim_id)])
    assert {row.claim_id for row in change} <= {last.claim.claim_id}
    paid = {row.layer: row.amount_fen for row in change if row.layer}
    assert paid == {trace.rule.layer: -trace.paid for trace in last.layers if trace.paid}
    left = {row.part: row.amount_fen for row in change if row.part}
    assert left == {part: -fen for part, fen in last.left.items()}


@settings(max_examples=60, deadline=None)
@given(people, bills, st.integers(0, 9_000_000))
def test_changes_add_up_and_can_be_taken_back(people, rows, fen) -> None:
    claims = year_of(rows)
    first = claims[0]
    other = replace(first, parts=(0, 0, 0, fen))
    there = replay(PACK, people, claims, [Correct(other)], RECOMPUTE)
    back = replay(PACK, people, [other, *claims[1:]], [Correct(first)], RECOMPUTE)
    assert add({}, there + back) == {}
    sums: dict[str, int] = {}
    for row in there:
        sums[row.claim_id] = sums.get(row.claim_id, 0) + row.amount_fen
    changed = {first.claim_id: other.total_fen - first.total_fen}
    assert {claim: fen for claim, fen in sums.items() if fen} == \
        {claim: fen for claim, fen in changed.items() if fen}


@settings(max_examples=40, deadline=None)
@given(bills, st.sampled_from(["2023-01-01", "2023-04-15", "2023-12-31"]))
def test_a_status_recognised_backwards_is_as_if_known(rows, day) -> None:
    claims = year_of(rows)
    span = StatusSpan("allowance", day)
    before = {"P1": Person("P1", "residents")}
    after = {"P1": Person("P1", "residents", statuses=(span,))}
    change = replay(PACK, before, claims, [Recognise("P1", span)])
    assert add(posted(before, claims), change) == posted(after, claims)
    assert replay(PACK, after, claims, [Recognise("P1", span)]) == []
    assert replay(PACK, before, claims, [Recognise("P1", span)] * 2) == change


@settings(max_examples=40, deadline=None)
@given(people, bills, st.integers(0, 20_000_000))
def test_the_order_in_which_claims_become_known_does_not_matter(people, rows, seed) -> None:
    claims = year_of(rows)
    books: dict = {}
    known: list[Claim] = []
    for claim in random.Random(seed).sample(claims, len(claims)):
        books = add(books, replay(PACK, people, known, [Late(claim)]))
        known.append(claim)
    assert books == posted(people, claims)


def test_the_same_change_twice_gives_nothing_new() -> None:
    people = {"P1": Person("P1", "residents")}
    claims = [claim_of(1, "2023-03-01", 4_000_000), claim_of(2, "2023-06-01", 4_000_000)]
    late, wrong = claim_of(3, "2023-04-01", 900_000), replace(claims[1], parts=(0, 0, 0, 700))
    assert replay(PACK, people, [*claims, late], [Late(late)]) == []
    assert replay(PACK, people, [claims[0], wrong], [Correct(wrong)]) == []
    once = replay(PACK, people, claims, [Void("C2")])
    assert once and replay(PACK, people, claims, [Void("C2"), Void("C2")]) == once


def test_by_default_only_the_last_claim_of_the_year_is_taken_back() -> None:
    people = {"P1": Person("P1", "residents"), "P2": Person("P2", "residents")}
    claims = [claim_of(1, "2023-03-01", 4_000_000), claim_of(2, "2023-06-01", 4_000_000),
              claim_of(3, "2023-07-01", 4_000_000, "P2")]
    with pytest.raises(Refusal) as refused:
        replay(PACK, people, claims, [Void("C1")])
    assert refused.value.code == "not-last" and "C2" in str(refused.value)
    assert {row.claim_id for row in replay(PACK, people, claims, [Void("C2"), Void("C1")])} \
        == {"C1", "C2"}
    # by hand: at recompute C2 becomes the first stay of the year, so its deductible is 900, not
    # 450, and basic pays 55% of 450 yuan less: 247.50
    rows = replay(PACK, people, claims, [Void("C1")], RECOMPUTE)
    assert Difference("C2", "basic", "", "residents_basic", -24_750, "P1") in rows
    assert not [row for row in rows if row.person_id == "P2"]


def test_another_policy_year_is_left_alone() -> None:
    pack = replace(PACK, force_to="")
    people = {"P1": Person("P1", "residents")}
    claims = [claim_of(1, "2023-03-01", 4_000_000), claim_of(2, "2024-03-01", 4_000_000)]
    assert {row.claim_id for row in replay(pack, people, claims, [Void("C1")])} == {"C1"}


def test_a_family_that_shares_is_settled_again_together(tmp_path: Path) -> None:
    pack = load_pack(written(tmp_path, FAMILY))
    people = {name: Person(name, "residents", family_id="F1") for name in ("P1", "P2")}
    people["P3"] = Person("P3", "residents")
    claims = [claim_of(1, "2023-03-01", 60_000), claim_of(2, "2023-04-01", 200_000, "P2"),
              claim_of(3, "2023-05-01", 200_000, "P3")]
    assert group_of(pack, people["P1"]) == ("family", "F1")
    with pytest.raises(Refusal):
        replay(pack, people, claims, [Void("C1")])
    rows = replay(pack, people, claims, [Void("C1")], RECOMPUTE)
    # by hand: 600 of the family's 1,000 came from C1; C2 now bears them, 50% of 600 less is paid
    assert Difference("C2", "product", "", "commercial", -30_000, "P2") in rows
    assert group_of(PACK, people["P1"]) == ("person", "P1")


def test_looking_back_only_layers_that_say_so_are_settled_again(tmp_path: Path) -> None:
    pack = load_pack(written(tmp_path, LOOKBACK))
    people = {"P1": Person("P1", "residents")}
    claims = [claim_of(1, "2024-01-10", 1_000_000), claim_of(2, "2024-06-10", 1_000_000)]
    rows = replay(pack, people, claims, [Recognise("P1", StatusSpan("allowance", "2024-09-01"))])
    # by hand: C1 lies before the 6 months; C2: (10,000 - 6,000) x 70% = 2,800
    assert [row for row in rows if row.layer] == [
        Difference("C2", "assistance", "", "medical_assistance", 280_000, "P1")]
    assert sum(row.amount_fen for row in rows) == 0


@pytest.mark.clause("GZ-26")
def test_guizhou_assists_the_months_before_recognition() -> None:
    pack = load_pack("guizhou/2024", "candidate")
    people = {"P1": Person("P1", "residents", person_class="resident", born="1960-01-01")}
    claims = [claim_of(1, "2024-05-10", 3_000_000)]
    late = replay(pack, people, claims, [Recognise("P1", StatusSpan("allowance", "2024-08-01"))])
    paid = {row.layer: row.amount_fen for row in late if row.layer}
    funds = {row.payer for row in late if row.layer}
    assert paid and funds == {"medical_assistance"} and min(paid.values()) > 0
    years_later = StatusSpan("allowance", "2026-08-01")
    assert replay(pack, people, claims, [Recognise("P1", years_later)]) == []


def test_a_status_span_can_be_moved_and_taken_away() -> None:
    held = StatusSpan("allowance", "2023-01-01")
    people = {"P1": Person("P1", "residents", statuses=(held,))}
    claims = [claim_of(1, "2023-03-01", 9_000_000)]
    shorter = StatusSpan("allowance", "2023-01-01", "2023-02-28")
    moved = replay(PACK, people, claims, [Recognise("P1", shorter, held)])
    assert moved and moved == replay(PACK, people, claims, [Recognise("P1", None, held)])


@pytest.mark.parametrize(("change", "code"), [
    (Void("C9"), "unknown-claim"),
    (Correct(claim_of(9, "2023-03-01", 1)), "unknown-claim"),
    (Late(claim_of(1, "2023-03-02", 1)), "claim-exists"),
    (Late(claim_of(9, "2023-03-02", 1, "P9")), "missing-person"),
    (Correct(claim_of(1, "2023-03-02", 1, "P9")), "other-person"),
    (Recognise("P9", None), "missing-person"),
    (Recognise("P1", StatusSpan("duke", "2023-01-01")), "unknown-status"),
    (Recognise("P1", StatusSpan("allowance", "2023-01-01"), StatusSpan("allowance", "2022-01-01")),
     "unknown-span"),
    (Late(claim_of(9, "2022-03-02", 1)), "not-in-force"),
])
def test_what_cannot_be_corrected_is_refused(change, code) -> None:
    people = {"P1": Person("P1", "residents")}
    with pytest.raises(Refusal) as refused:
        replay(PACK, people, [claim_of(1, "2023-03-01", 1)], [change])
    assert refused.value.code == code and refused.value.hint


def test_the_years_before_and_after_come_with_the_differences() -> None:
    people = {"P1": Person("P1", "residents")}
    claims = [claim_of(1, "2023-03-01", 4_000_000), claim_of(2, "2023-06-01", 4_000_000)]
    told = replay_years(PACK, people, claims, [Void("C2")])
    assert list(told.before) == ["C1", "C2"] and list(told.after) == ["C1"]
