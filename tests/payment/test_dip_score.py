"""Scoring: the same score as a plain scorer on generated cases, under every rule (病例分值)."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from dip_tables import EXAMPLE
from plain_score import PlainScorer

from tongchou.payment import generate_cases, load_scheme
from tongchou.payment.dip import (
    Matcher,
    build_catalogue,
    read_catalogue,
    read_region,
    read_terms,
    score_cases,
    terms_of,
    write_region_catalogue,
)

REGIONS = [EXAMPLE / "region.yaml", *sorted((EXAMPLE / "deviations").glob("*.yaml"))]
CASES, COMPARED = 9000, 1500


def with_gaps(table: pa.Table, name: str) -> pa.Table:
    """One value in a hundred of a column taken out."""
    lost, column = np.random.default_rng(7).random(table.num_rows) < 0.01, table.column(name)
    return table.set_column(table.column_names.index(name), name, pa.array(
        column.to_pylist(), column.type, mask=lost))


@pytest.fixture(scope="module")
def made() -> pa.Table:
    """Cases of three years; some F20 stays for the days, some without level or insurance."""
    table = generate_cases(load_scheme("tutorial"), CASES, 7)
    for name in ("insurance", "stay_days"):
        table = with_gaps(table, name)
    dx = table.column("dx").to_pylist()
    long = [place for place in range(CASES) if place % 97 == 0]
    for place in long:
        dx[place] = ["F20.000"]
    days = [None if day is None else 20 + 7 * day if place % 97 == 0 else day
            for place, day in enumerate(table.column("stay_days").to_pylist())]
    for name, values in (("dx", dx), ("stay_days", days)):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    return table


@pytest.fixture(scope="module")
def folder(made: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A region's catalogue built from the cases, with coefficients by insurance and group."""
    path = tmp_path_factory.mktemp("catalogue")
    text = (EXAMPLE / "region.yaml").read_text(encoding="utf-8")
    text = text.replace("method: class_case_mix", "method: class_group\n  by_insurance: yes") \
        .replace("cv_fall: 20%", "cv_fall: 3%\n  by_insurance: yes")
    (path / "region.yaml").write_text(text, encoding="utf-8")
    region = read_region(path / "region.yaml")
    built = build_catalogue(made, read_catalogue(EXAMPLE / "national"), region)
    terms = terms_of(made, built, region)
    write_region_catalogue(path, built, terms)
    with (path / "coefficients.csv").open("a", encoding="utf-8") as file:
        file.write(",,,,100%,every other hospital\n")
    return path


def at_the_bounds(table: pa.Table, standard: np.ndarray) -> pa.Table:
    """Half the cases moved to a bound of a deviation rule, a fen below it or a fen above."""
    rng = np.random.default_rng(3)
    size = table.num_rows
    bound = rng.choice([50, 200, 300, 500], size)
    cost = np.maximum(standard * bound // 100 + rng.integers(-1, 2, size), 0)
    old = table.column("cost_fen").to_numpy()
    moved = (rng.random(size) < 0.5) & (standard > 0)
    place = table.column_names.index("cost_fen")
    return table.set_column(place, "cost_fen", pa.array(np.where(moved, cost, old)))


@pytest.fixture(scope="module")
def plain_groups(made: pa.Table, folder: Path) -> list[str]:
    """Groups by the plain reading; no rule below touches what they rest on."""
    return PlainScorer(folder, REGIONS[0], made.slice(0, COMPARED).to_pylist()).groups


@pytest.mark.parametrize("rules", REGIONS, ids=lambda path: path.stem)
def test_the_same_score_as_a_plain_scorer(rules: Path, made: pa.Table, folder: Path,
                                          plain_groups: list[str]) -> None:
    """1,500 cases for every region file of the example, half of them at a bound: none differs."""
    region, catalogue = read_region(rules), read_catalogue(folder)
    terms, matcher = read_terms(folder, catalogue), Matcher(catalogue, region)
    table = with_gaps(made.slice(0, COMPARED), "hospital_level")
    first = score_cases(table, matcher.match(table), region, terms).table
    table = at_the_bounds(table, first.column("standard_fen").to_numpy())
    scored = score_cases(table, matcher.match(table), region, terms).table
    plain = PlainScorer(folder, rules, table.to_pylist(), plain_groups)
    different = []
    for place, row in enumerate(scored.select(["group", "score_milli", "deviation"]).to_pylist()):
        wanted = plain.score(place)
        if (row["group"] or "", row["score_milli"], row["deviation"] or "") != wanted:
            different.append((row, wanted))
    assert not different, different[:3]
    assert scored.column("auxiliary").null_count < COMPARED, "auxiliary types count"
    assert {"low", "high"} <= set(scored.column("deviation").to_pylist())
    assert {"basic", "bed_day", None} <= set(scored.column("layer").to_pylist())
