"""Laws of clearing: sums to the fen, no order matters, more points never bring less (清算定律)."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from clearing_tables import RULES, case, figures, fund, row, rules, write
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain_clearing import Terms, clear_plainly

from tongchou.money import PPM, share_out
from tongchou.payment.clearing import (Clearing, Figures, RegionRules, ScoredCases, clear_cases,
                                       read_figures, read_rules)
from tongchou.payment.clearing.exact import (rounded, scaled_floor, scaled_half_up, spread, total,
                                             totals_by)
from tongchou.payment.clearing.figures import Deduction, Fund
from tongchou.payment.clearing.reading import Basis
from tongchou.payment.clearing.sharing import Band, Sharing, shared_fen

HOSPITALS = ("H1", "H2", "H3")
BASIS = Basis("a test", "X", "rules.test")
LIMITED = RULES["sharing"].replace("limit: none", "limit: reserve")
# One row a case: hospital, month, points in thousandths, cost, patient's share in percent.
ROW = st.tuples(st.sampled_from(HOSPITALS), st.integers(0, 11), st.integers(1, 5_000_000),
                st.integers(100, 90_000_000), st.integers(1, 99))
ROWS = st.lists(ROW, min_size=1, max_size=25)
Row = tuple[str, int, int, int, int]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RegionRules, Figures]]:
    """Rules and figures of employees with three hospitals."""
    folder: Path = tmp_path_factory.mktemp("laws")
    write(folder, rules(sharing=LIMITED), figures({"employees": fund()}),
          "".join(row(name, base=200, assessment="97.5%", prepayment=12) for name in HOSPITALS),
          case(1))
    yield read_rules(folder / "clearing.yaml"), read_figures(folder / "figures.yaml")


def table(rows: list[Row], names: list[str] | None = None) -> ScoredCases:
    """Cases in the order of their names; the row is the place in `rows`."""
    names = names or [f"C{place:03d}" for place in range(len(rows))]
    order = sorted(range(len(rows)), key=lambda place: names[place])
    hospital, month, points, cost, share = (list(column) for column in zip(
        *(rows[place] for place in order), strict=True))
    present = tuple(sorted(set(hospital)))
    patient = [own * percent // 100 for own, percent in zip(cost, share, strict=True)]
    numbers = {"points_milli": points, "amount_fen": [-1] * len(rows),
               "due_fen": [-1] * len(rows), "cost_fen": cost, "patient_fen": patient,
               "fund_fen": [own - paid for own, paid in zip(cost, patient, strict=True)]}
    return ScoredCases(
        pa.array([names[place] for place in order]),
        np.array([present.index(name) for name in hospital]), present,
        np.zeros(len(rows), np.int64), ("employees",), np.array(month),
        **{name: np.array(column, np.int64) for name, column in numbers.items()},
        row=np.array(order))


def clear(rows: list[Row], region: tuple[RegionRules, Figures], budget_fen: int,
          names: list[str] | None = None, **value: object) -> Clearing:
    """Clears with another budget, and other keys of the rule of the value."""
    settled, found = region
    own = settled.rules["employees"]
    own = replace(own, value=replace(own.value, **value))
    money = replace(found.funds["employees"], amounts={
        **found.funds["employees"].amounts, "inpatient_budget": budget_fen, "reserve": 0})
    return clear_cases(table(rows, names), replace(settled, rules={"employees": own}),
                       replace(found, funds={"employees": money}))


@given(rows=ROWS, budget=st.integers(0, 10**13), part=st.sampled_from(("region_ratio",
                                                                        "less_patient")))
@settings(max_examples=60, deadline=None)
def test_points_times_value_is_the_budget_to_the_fen(
        region: tuple[RegionRules, Figures], rows: list[Row], budget: int, part: str) -> None:
    made = clear(rows, region, budget, fund_part=part)
    value, points = made.values[0], sum(one[2] for one in rows)
    assert sum(year.due_fen for year in made.hospitals) == budget
    assert sum(year.standard_fen for year in made.hospitals) == value.standard_fen
    assert value.left_fen == 0
    for year in made.hospitals:
        exact = Fraction(value.standard_fen * year.points_milli, points)
        assert abs(year.standard_fen - exact) < 1
    for name in ("standard_fen", "due_fen"):
        for year in made.hospitals:
            own = [line[name] for line in made.cases.to_pylist()
                   if line["hospital"] == year.hospital]
            assert sum(own) == getattr(year, name)


@given(rows=ROWS, budget=st.integers(0, 10**9), seed=st.randoms(use_true_random=False),
       kind=st.sampled_from(("floating", "fixed", "elastic")))
@settings(max_examples=60, deadline=None)
def test_no_order_of_the_cases_moves_a_fen(region: tuple[RegionRules, Figures], rows: list[Row],
                                           budget: int, seed: object, kind: str) -> None:
    assume(kind != "elastic" or budget > 700_000_000)    # 3 x 200 points x 10 yuan at most
    names = [f"C{place:03d}" for place in range(len(rows))]
    order = list(range(len(rows)))
    seed.shuffle(order)
    first = clear(rows, region, budget, names, kind=kind)
    other = clear([rows[place] for place in order], region, budget,
                  [names[place] for place in order], kind=kind)
    assert first.hospitals == other.hospitals and first.payments == other.payments
    assert first.cases.sort_by("case") == other.cases.sort_by("case")
    assert other.cases.column("case").to_pylist() == [names[place] for place in order]


@given(rows=ROWS, budget=st.integers(0, 10**11), more=st.integers(1, 10**6), data=st.data())
@settings(max_examples=60, deadline=None)
def test_more_points_never_bring_less(region: tuple[RegionRules, Figures], rows: list[Row],
                                      budget: int, more: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    raised = list(rows)
    raised[place] = (rows[place][0], rows[place][1], rows[place][2] + more, *rows[place][3:])
    before, after = (
        {year.hospital: year for year in clear(one, region, budget).hospitals}
        for one in (rows, raised))
    for name, year in before.items():
        gains = after[name].due_fen - year.due_fen
        assert gains >= 0 if name == rows[place][0] else gains <= 0
    lines = clear(rows, region, budget).cases.to_pylist()
    for one in lines:
        for two in lines:
            if one["hospital"] == two["hospital"] and one["points_milli"] > two["points_milli"]:
                assert one["due_fen"] >= two["due_fen"]


AUDITS = st.lists(st.tuples(st.sampled_from(HOSPITALS), st.sampled_from(
    ("", "2025-01", "2025-06", "2025-12")), st.integers(0, 10**8)), max_size=5)


@given(rows=ROWS, budget=st.integers(700_000_000, 10**10), audits=AUDITS,
       kind=st.sampled_from(("floating", "fixed", "elastic")))
@settings(max_examples=60, deadline=None)
def test_what_is_paid_sums_to_the_year(region: tuple[RegionRules, Figures], rows: list[Row],
                                       budget: int, audits: list[tuple[str, str, int]],
                                       kind: str) -> None:
    settled, found = region
    deductions = tuple(Deduction(name, "employees", month, fen, "a test")
                       for name, month, fen in audits)
    made = clear(rows, (settled, replace(found, deductions=deductions)), budget, kind=kind)
    assert sum(year.due_fen for year in made.hospitals) + made.values[0].left_fen == budget
    for year in made.hospitals:
        assert year.year_fen == year.due_fen + year.amounts_fen + year.assessment_fen \
            + year.sharing_fen + year.audit_fen
        paid = [one for one in made.payments if one.hospital == year.hospital]
        assert sum(one.amount_fen for one in paid) == year.year_fen
        assert all(one.amount_fen >= 0 for one in paid if one.kind != "clearing")
        assert sum(month.pay_fen for month in year.months) == year.monthly_fen
        assert year.months == () or all(
            month.carried_in_fen == before.carried_out_fen
            for before, month in zip(year.months, year.months[1:]))
        assert year.audit_fen == -sum(fen for name, _, fen in audits if name == year.hospital)
        assert all(month.pay_fen + month.deposit_fen + month.audit_fen + month.carried_in_fen
                   == month.standard_fen + month.amounts_fen - month.patient_fen
                   + month.carried_out_fen for month in year.months)


ORDERS = st.permutations(("assessment", "sharing", "audit")).map(tuple)


@given(rows=ROWS, budget=st.integers(700_000_000, 10**10), audits=AUDITS, order=ORDERS,
       kind=st.sampled_from(("floating", "fixed", "elastic")),
       part=st.sampled_from(("region_ratio", "less_patient")))
@settings(max_examples=150, deadline=None)
def test_a_clearing_is_what_it_is_written_plainly(
        region: tuple[RegionRules, Figures], rows: list[Row], budget: int,
        audits: list[tuple[str, str, int]], order: tuple[str, ...], kind: str, part: str) -> None:
    """Every amount of every hospital against a clearing of dictionaries and fractions."""
    settled, found = region
    own = settled.rules["employees"]
    own = replace(own, year_end=replace(own.year_end, order=order),
                  sharing=replace(own.sharing, from_reserve=False))
    figures = replace(found, deductions=tuple(Deduction(name, "employees", month, fen, "a test")
                                              for name, month, fen in audits))
    made = clear(rows, (replace(settled, rules={"employees": own}), figures), budget, kind=kind,
                 fund_part=part)
    terms = Terms(kind, part, Fraction(1), 200_000, Fraction(975, 1000), Fraction(5, 100), order,
                  Fraction(85, 100), ((Fraction(1), Fraction(115, 100), Fraction(7, 10)),), 1200)
    plain = clear_plainly(
        [(name, month, points, cost, cost * share // 100, cost - cost * share // 100)
         for name, month, points, cost, share in rows], list(HOSPITALS), budget,
        [(name, int(month[5:]) - 1 if month else -1, fen) for name, month, fen in audits], terms)
    assert plain == {year.hospital: (year.due_fen, year.year_fen, year.monthly_fen,
                                     year.deposit_fen, year.clearing_fen)
                     for year in made.hospitals}


# --- sharing -------------------------------------------------------------------------------------
def sharing(edges: list[int], shares: list[int], low: int, edge_kept: bool) -> Sharing:
    """Overrun bands between 100% and these edges, one surplus band from `low`."""
    over = sorted({PPM, *edges})
    bands = tuple(Band(lo, hi, share, BASIS) for lo, hi, share in
                  zip(over, over[1:], shares, strict=False))
    return Sharing((Band(low, PPM, PPM, BASIS),), bands, edge_kept, False, BASIS)


RULE = st.builds(sharing, st.lists(st.integers(PPM + 1, 3 * PPM), max_size=4),
                 st.lists(st.integers(0, PPM), min_size=4, max_size=4),
                 st.integers(0, PPM - 1), st.booleans())


@given(rule=RULE, standard=st.integers(0, 10**12), place=st.integers(0, 5), step=st.integers(-2, 2))
def test_sharing_is_continuous_but_for_the_named_jump(rule: Sharing, standard: int, place: int,
                                                      step: int) -> None:
    """Around every edge one fen more booked moves the pay by a fen at most (and rounding)."""
    edges = [0, PPM, rule.surplus[0].lo_ppm, *(band.hi_ppm for band in rule.overrun)]
    booked = max(edges[place % len(edges)] * standard // PPM + step, 0)
    before, after = shared_fen(standard, booked, rule), shared_fen(standard, booked + 1, rule)
    low = rule.surplus[0].lo_ppm
    jumps = not rule.edge_kept and booked * PPM < low * standard <= (booked + 1) * PPM
    if jumps:
        assert (before, after) == (booked, max(standard, after))
    else:
        assert -1 <= after - before <= 2


@given(rule=RULE, standard=st.integers(1, 10**12), booked=st.integers(0, 4 * 10**12))
def test_sharing_stays_between_what_each_side_could_ask(rule: Sharing, standard: int,
                                                        booked: int) -> None:
    paid = shared_fen(standard, booked, rule)
    assert min(standard, booked) <= paid <= max(standard, booked)
    assert paid == booked or booked != standard
    share = rule.overrun[0].share_ppm if rule.overrun else 0
    if not rule.overrun or rule.overrun[0].hi_ppm * standard >= PPM * (standard + 2):
        assert shared_fen(standard, standard + 2, rule) == standard + rounded(
            Fraction(2 * share, PPM))
    most = rule.overrun[-1].hi_ppm if rule.overrun else PPM
    if booked * PPM > most * standard:                     # nothing beyond the last band
        assert paid == shared_fen(standard, booked + 10**9, rule)


@given(standard=st.integers(0, 10**12), booked=st.integers(0, 2 * 10**12),
       low=st.integers(0, PPM - 1), high=st.integers(PPM + 1, 2 * PPM), share=st.integers(0, PPM))
def test_one_band_a_side_is_the_form_of_the_design_notes(standard: int, booked: int, low: int,
                                                         high: int, share: int) -> None:
    rule = sharing([high], [share], low, False)
    if booked * PPM < low * standard:
        wanted = Fraction(booked)
    elif booked <= standard:
        wanted = Fraction(standard)
    else:
        over = min(Fraction(booked - standard), Fraction(standard * (high - PPM), PPM))
        wanted = standard + over * Fraction(share, PPM)
    assert shared_fen(standard, booked, rule) == rounded(wanted)


# --- exact columns -------------------------------------------------------------------------------
NUMBERS = st.lists(st.integers(0, 2**62), min_size=1, max_size=12)


@given(weights=NUMBERS, amount=st.integers(0, 10**17))
def test_spread_is_the_largest_remainder(weights: list[int], amount: int) -> None:
    assume(sum(weights))
    owner = np.zeros(len(weights), np.int64)
    assert spread([amount], owner, np.array(weights)).tolist() == share_out(amount, weights)
    assert spread([-amount], owner, np.array(weights)).tolist() == [
        -part for part in share_out(amount, weights)]


@given(values=NUMBERS, numerator=st.integers(0, 10**15), denominator=st.integers(1, 10**15))
def test_columns_are_exact_beyond_64_bits(values: list[int], numerator: int,
                                          denominator: int) -> None:
    column = np.array(values)
    assume(max(values) * numerator // denominator < 2**62)
    floor, rest = scaled_floor(column, numerator, denominator)
    half = scaled_half_up(column, numerator, denominator)
    for value, whole, left, near in zip(values, floor, rest, half, strict=True):
        exact = Fraction(value * numerator, denominator)
        assert int(whole) == exact.__floor__() and bool(left) == (exact.denominator > 1)
        assert int(near) == (exact + Fraction(1, 2)).__floor__()
    assert total(column) == sum(values)
    assert totals_by(np.arange(len(values)) % 2, column, 2) == [sum(values[::2]), sum(values[1::2])]


def test_a_fund_names_the_figure_it_lacks() -> None:
    with pytest.raises(Exception, match="figures.employees.reserve"):
        Fund("employees", {}, None, None, (), "figures.yaml:1").fen("reserve")
