"""What holds for every case and every rule of payment methods (定价定律)."""
from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from methods_tables import BY_ITEM, FROM, bands, case, columns, drg, lines, priced
from test_methods import QUOTA, TCM_DAY, bed_days, review

from tongchou.errors import CaseError, Refusal
from tongchou.payment.clearing.reading import Basis
from tongchou.payment.methods import REASONS
from tongchou.payment.methods.bounds import Bounds
from tongchou.payment.methods.formula import Pay, Worth
from tongchou.payment.methods.price_rules import BedDays, DayBand
from tongchou.payment.methods.weighing import (Weighing, kept_after_trimming, total_weight, weigh,
                                               weight_table)

FEN = st.integers(1, 10 ** 11)
CASES = st.lists(st.builds(
    lambda group, level, cost, share, dx, hospital, days, insurance: case(
        group=group, hospital_level=level, cost_fen=cost, person_fen=cost * share // 100,
        fund_fen=(cost - cost * share // 100) * 9 // 10, dx=[dx], hospital=hospital,
        stay_days=days, insurance=insurance),
    st.sampled_from(["G1", "G2", "G9", None]), st.sampled_from(["1", "2", "3", None]),
    st.integers(1, 10 ** 7), st.integers(0, 100), st.sampled_from(["I10", "N18.5", "F20", "M54.5"]),
    st.sampled_from(["H1", "H5", "H7", "H8"]), st.integers(0, 90),
    st.sampled_from(["employees", "residents"])), min_size=1, max_size=30)
LUMP = f"""  - {{name: heads, method: capitation, takes: {{insurance: residents}}, {FROM},
     surplus_kept: 100%, overrun_borne: 60%, overrun_bound: 110%, groups: [{{name: county,
     hospitals: [H7], heads: 100, yuan_a_head: 100, spent_elsewhere_yuan: 1000}}]}}
  - {{name: budget, method: global, takes: {{all: yes}}, budgets: {{H5: 1200.05}}, months: equal,
     unused: carried, {FROM}}}
"""
EVERYTHING = (LUMP + bed_days("each_day") + TCM_DAY + QUOTA + drg(
    bands("standard", "name: low, when: '< 50%', pay: {cost: 100%}",
          "name: high, when: '> 300%', pay: {cost: 100%, standard: -200%}"),
    more=f"    outside:\n      - {{name: long, stay_days: '>= 60', {FROM}}}\n" + review("5%"),
    rate="kind: floating, over: weight, reserve: 5%, residents: {fund: 7000, ratio: 70%}, "
         "employees: {fund: 5000, ratio: booked}") + BY_ITEM)


@given(CASES)
@settings(max_examples=40, deadline=None)
def test_nobodys_share_is_touched_and_every_case_has_its_price_or_reason(rows: list) -> None:
    with TemporaryDirectory() as folder:
        try:
            state = priced(Path(folder), EVERYTHING, *rows, weights="group,weight\nG1,1\nG2,2.5\n")
        except Refusal as fault:
            assert fault.code == "no-booked-fund"
            return
        for row, line in zip(rows, lines(state), strict=True):
            assert (line["cost_fen"], line["patient_fen"], line["fund_fen"]) == \
                (row["cost_fen"], row["person_fen"], row["fund_fen"])
            assert (line["amount_fen"] is None) == (line["reason"] is not None)
            assert line["amount_fen"] is None or min(line["amount_fen"], line["due_fen"],
                                                     line["points_milli"]) >= 0
            assert line["reason"] is None or line["reason"] in REASONS
        _budget_adds_up(state, rows)


def _budget_adds_up(state: object, rows: list) -> None:
    """Every fen of the months of a global budget stands at one of its cases."""
    due = [line["due_fen"] for row, line in zip(rows, lines(state), strict=True)
           if line["rule"] == "1"]
    paid = sum(one["pay_fen"] for one in state.accounts if one["rule"] == "budget")
    assert sum(due) == paid <= 120_005


@given(st.lists(st.integers(1, 10 ** 9), min_size=1, max_size=20), st.integers(1, 10 ** 9),
       st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_points_share_the_fund_to_the_fen(weights: list[int], fund: int, reserve: int) -> None:
    table = "group,weight\n" + "".join(f"G{at},{weight // 1000}.{weight % 1000:03d}\n"
                                       for at, weight in enumerate(weights))
    rate = (f"kind: floating, over: weight, reserve: {reserve}%, residents: {{fund: "
            f"{fund // 100}.{fund % 100:02d}, ratio: 100%}}")
    with TemporaryDirectory() as folder:
        rule = drg(rate=rate, method="points", weights="table: weights.csv")
        state = priced(Path(folder), rule, *(case(group=f"G{at}") for at in range(len(weights))),
                       weights=table)
    assert state.amount_fen.sum() == fund * (100 - reserve) // 100


@given(st.lists(st.tuples(st.integers(1, 10 ** 7), st.integers(1, 10 ** 6)), min_size=1,
                max_size=20), st.integers(1, 10 ** 6))
@settings(max_examples=30, deadline=None)
def test_a_floating_rate_adds_up_but_for_the_rounding_of_each_case(
        found: list[tuple[int, int]], fund: int) -> None:
    table = "group,weight\n" + "".join(f"G{at},{weight // 1000}.{weight % 1000:03d}\n"
                                       for at, (weight, _) in enumerate(found))
    rate = f"kind: floating, over: weight, reserve: 0%, residents: {{fund: {fund}, ratio: 80%}}"
    with TemporaryDirectory() as folder:
        state = priced(Path(folder), drg(rate=rate), weights=table, *(
            case(group=f"G{at}", cost_fen=cost) for at, (_, cost) in enumerate(found)))
    assert abs(Fraction(int(state.amount_fen.sum())) - Fraction(fund * 125)) <= \
        Fraction(len(found), 2)


@given(FEN, FEN, st.integers(1, 10 ** 6), FEN, st.integers(0, 10 ** 7),
       st.integers(-10 ** 7, 10 ** 7), st.integers(-10 ** 7, 10 ** 7))
def test_the_formula_is_exact_and_never_below_nothing(
        plain: int, cost: int, factor: int, compared: int, share: int, base: int,
        standard: int) -> None:
    normal = plain * factor // 10 ** 6
    exact = (Fraction(share * plain * cost, compared) + base * plain + standard * normal) / 10 ** 6
    if exact > 1 << 62:
        return
    worth = Worth(*(np.array([one]) for one in (plain, normal, plain, compared)))
    found = Pay(share, base, standard).of(worth, np.array([cost]), np.array([0]))
    assert found[0] == max(0, (exact + Fraction(1, 2)).__floor__())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 200),
       st.integers(0, 200), st.lists(st.integers(0, 10 ** 6), min_size=5, max_size=5))
@settings(max_examples=30, deadline=None)
def test_bed_days_are_the_sum_of_their_days(widths: list[int], one: int, other: int,
                                            prices: list[int]) -> None:
    edges = np.cumsum([0, *widths]).tolist()
    terms = BedDays(tuple(DayBand(low + 1, high, price) for low, high, price in
                          zip(edges, [*edges[1:], None], prices, strict=False)), True)
    price_of_day = [next(band.price_fen for band in terms.bands
                         if band.last is None or day <= band.last) for day in range(1, 201)]
    ends = ["" if band.last is None else f" <= {band.last}" for band in terms.bands]
    rows = "".join(f"      - {{days: '>= {band.first}{end}', yuan: {band.price_fen // 100}."
                   f"{band.price_fen % 100:02d}}}\n"
                   for band, end in zip(terms.bands, ends, strict=True))
    rule = (f"  - name: beds\n    method: bed_day\n    takes: {{all: yes}}\n    counts: each_day\n"
            f"    source: paper\n    grade: X\n    bands:\n{rows}")
    with TemporaryDirectory() as folder:
        found = priced(Path(folder), rule, case(stay_days=max(one, 1)),
                       case(stay_days=max(other, 1))).amount_fen.tolist()
    assert found == [sum(price_of_day[:max(days, 1)]) for days in (one, other)]
    assert (found[0] <= found[1]) or one > other


END = st.one_of(st.none(), st.integers(0, 6))


STRETCH = st.builds(Bounds, END, END, st.booleans(), st.booleans())


@given(STRETCH, STRETCH)
def test_stretches_meet_where_some_number_lies_in_both(one: Bounds, other: Bounds) -> None:
    halves = np.arange(-2, 15)                              # in halves, so between the ends too
    inside = one.holds(halves, np.full(17, 2)) & other.holds(halves, np.full(17, 2))
    if not (one.empty() or other.empty()):
        assert one.meets(other) == bool(inside.any())


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 5)), max_size=60),
       st.integers(0, 400_000), st.integers(0, 400_000))
def test_trimming_cuts_whole_cases_from_both_ends(rows: list[tuple[int, int]], low: int,
                                                  high: int) -> None:
    cell, cost = (np.array([row[at] for row in rows], np.int64) for at in (0, 1))
    kept = kept_after_trimming(cell, cost, low, high)
    for wanted in range(-1, 4):
        own = sorted(cost[cell == wanted].tolist())
        cut = own[len(own) * low // 10 ** 6: len(own) - len(own) * high // 10 ** 6]
        assert sorted(cost[kept & (cell == wanted)].tolist()) == ([] if wanted < 0 else cut)


def how_to_weigh(apart: bool, *adjusted: tuple[str, int]) -> Weighing:
    classes = (("1",), ("2", "3")) if apart else (("1", "2", "3"),)
    return Weighing(0, 0, classes, False, 1, 4, adjusted, Basis("paper", "X", "weighing"))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 10 ** 8), st.sampled_from("123")),
                min_size=1, max_size=60), st.booleans(), st.integers(500_000, 1_500_000))
@settings(max_examples=60, deadline=None)
def test_weights_keep_their_total(rows: list[tuple[int, int, str]], apart: bool,
                                  factor: int) -> None:
    """Sum of weight x cases = cases; an adjusted group changes the others, not the total."""
    cases = columns(*(case(group=f"G{group}", cost_fen=cost, hospital_level=level)
                      for group, cost, level in rows))
    plain = weigh(cases, how_to_weigh(apart))
    assert total_weight(plain) == len(rows)
    for one, line in zip(plain, weight_table(plain, 4).to_pylist(), strict=True):
        assert abs(Fraction(line["weight"]) - one.weight) <= Fraction(1, 20_000)
    first = plain[0]
    try:
        changed = weigh(cases, how_to_weigh(apart, (first.group, factor)))
    except CaseError as fault:                   # nobody is left to make up for it
        assert fault.code == "bad-payment-file"
        return
    assert total_weight(changed) == len(rows)
    assert changed[0].weight == first.weight * Fraction(factor, 10 ** 6)
