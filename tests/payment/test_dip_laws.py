"""Laws of points and scores, whatever the cases are (分值的规律)."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from dip_tables import EXAMPLE, cases, catalogue, region
from hypothesis import given, settings
from hypothesis import strategies as st

from tongchou.payment.dip import (
    Catalogue,
    Matcher,
    Terms,
    build_catalogue,
    read_catalogue,
    read_region,
    score_cases,
)
from tongchou.payment.dip.coefficients import Factor, FactorTable
from tongchou.payment.dip.price import Standards
from tongchou.payment.dip.statistics import moments, sum_of, trimmed

YEARS = (2023, 2024, 2025)
FEN = st.integers(1, 10 ** 9)


def history(costs: list[int], seed: int) -> pa.Table:
    """Each cost once a year, over three diagnoses and two procedures."""
    rng = np.random.default_rng(seed)
    return cases(*({"dx": [f"K35.{rng.integers(3)}00"], "px": ["47.0100"][:rng.integers(2)],
                    "cost_fen": cost, "year": year} for year in YEARS for cost in costs))


@settings(max_examples=40, deadline=None)
@given(st.lists(FEN, min_size=20, max_size=60), st.integers(0, 99), st.integers(2, 50))
def test_points_know_no_order_and_no_currency(costs: list[int], seed: int, times: int) -> None:
    """The same cases in another order, or every cost times one number: the same points."""
    table, rules = history(costs, seed), region(building__threshold_cases=5)
    base = build_catalogue(table, Catalogue("none", ()), rules).priced.catalogue
    turned = table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))
    assert build_catalogue(turned, Catalogue("none", ()), rules).priced.catalogue == base
    dear = table.set_column(table.column_names.index("cost_fen"), "cost_fen", pa.array(
        table.column("cost_fen").to_numpy() * times))
    again = build_catalogue(dear, Catalogue("none", ()), rules).priced.catalogue
    assert [group.points_milli for group in again.groups] == [
        group.points_milli for group in base.groups]


@settings(max_examples=40, deadline=None)
@given(st.lists(FEN, min_size=20, max_size=60), st.integers(0, 99))
def test_points_of_all_cases_average_a_thousand(costs: list[int], seed: int) -> None:
    """Every case in a group, nothing trimmed, one year weighing: mean points are 1,000."""
    rules = region(building__trim_low=0, building__trim_high=1_000_000,
                   building__year_weights=(0, 0, 1), building__threshold_cases=1)
    built = build_catalogue(history(costs, seed), Catalogue("none", ()), rules)
    places = built.matched.group[-len(costs):]
    groups = built.priced.catalogue.groups
    total = sum(groups[place].points_milli or 0 for place in places)
    assert abs(total - 1_000_000 * len(costs)) <= len(costs), "half a thousandth a case"


@settings(max_examples=60, deadline=None)
@given(st.integers(10 ** 5, 10 ** 9), st.lists(st.integers(0, 10 ** 10), min_size=2, max_size=30),
       st.sampled_from(["base-rule", "national-draft"]))
def test_a_costlier_case_never_scores_less(mean: int, costs: list[int], rules: str) -> None:
    """Under the two rules without a ceiling; the variant's extreme band falls back on purpose."""
    region_ = read_region(EXAMPLE / "deviations" / f"{rules}.yaml")
    groups = read_catalogue(EXAMPLE / "catalogue")
    standard = np.full((len(groups.groups), 4), mean, np.int64)
    terms = Terms(Standards(standard, standard, mean, 2025), FactorTable((Factor(1_000_000),)),
                  values={"": 10_000_000})
    table = cases(*({"dx": ["I21.000"], "cost_fen": cost} for cost in sorted(costs)))
    scores = score_cases(table, Matcher(groups, region_).match(table), region_, terms).score_milli
    assert (np.diff(scores) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 10 ** 11)), min_size=1, max_size=80))
def test_sums_and_squares_are_exact(rows: list[tuple[int, int]]) -> None:
    cells, values = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    found = moments(cells, values, 4)
    for cell in range(4):
        own = [value for place, value in rows if place == cell]
        assert (found.cases[cell], found.sum[cell], found.squares[cell]) == (
            len(own), sum(own), sum(value * value for value in own))
        assert found.scatter(cell) >= 0
    weight = np.arange(len(rows)) % 8
    assert sum_of(values, weight, cells >= 0) == sum(
        int(w) * value for w, (place, value) in zip(weight, rows, strict=True) if place >= 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=80),
       st.integers(0, 400_000), st.integers(600_000, 1_000_000))
def test_trimming_keeps_the_ranks_between_the_quantiles(rows: list[tuple[int, int]], low: int,
                                                        high: int) -> None:
    cells, values = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    keep = trimmed(cells, values, low, high)
    for cell in set(cells.tolist()):
        own = sorted(value for place, value in rows if place == cell)
        first, last = (own[max(-(-len(own) * ppm // 10 ** 6), 1) - 1] for ppm in (low, high))
        assert all(kept == (first <= value <= last) for kept, (place, value)
                   in zip(keep, rows, strict=True) if place == cell)


def test_no_case_is_an_answer_too(tmp_path: Path) -> None:
    groups = catalogue(tmp_path, "layer,seq,dx,px,points\nbasic,1,K35.9,,1000\n")
    rules, table = region(), cases({}).slice(0, 0)
    standard = np.zeros((1, 4), np.int64)
    terms = Terms(Standards(standard, standard, 1, 2025), FactorTable((Factor(1_000_000),)))
    found = score_cases(table, Matcher(groups, rules).match(table), rules, terms)
    assert found.table.num_rows == 0 and not len(found.score_milli)
