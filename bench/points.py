"""A million DIP cases matched, scored and cleared, from file to file, with peak memory.

    python bench/points.py --n 1000000

Groups, codes and cases are generated (about 7,300 groups, more than the national catalogue has)
by a process of its own, so that the peak is that of the work. The last line is JSON.
"""
from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tongchou.payment.cases import read_cases
from tongchou.payment.clearing import clear_file
from tongchou.payment.dip import (
    Catalogue,
    Group,
    Matcher,
    read_catalogue,
    read_region,
    read_terms,
    score_cases,
    score_file,
)
from tongchou.payment.dip.catalogue_write import write_catalogue
from tongchou.payment.dip.coefficients import Factor, write_factors
from tongchou.payment.dip.conditions import read_condition
from tongchou.payment.dip.expressions import read_expression
from tongchou.payment.dip.model import Exclusions
from tongchou.payment.dip.price import Standards
from tongchou.payment.dip.terms_file import write_standards

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
REGION, CLEARING = EXAMPLES / "dip" / "region.yaml", EXAMPLES / "clearing" / "clearing.yaml"
SEED = 20260901
STEMS = 1500                 # four-character diagnoses
PROCEDURES = 900
EXCLUDED = 4000              # codes that may form no group, as many as the national lists have
ODD = 0.03                   # share of cases with another diagnosis than their procedure has
YEAR, HOSPITALS = 2025, 120
INSURANCES = ("employees", "residents")


def codes(letter: str, count: int, rng: np.random.Generator) -> list[str]:
    """Made-up codes of the shape of the classifications."""
    picked = rng.choice(26 * 100 * 10, count, replace=False)
    if letter == "dx":
        return [f"{chr(65 + p // 1000)}{p // 10 % 100:02d}.{p % 10}" for p in picked]
    return [f"{p // 260:02d}.{p % 260:03d}0x{p % 9:03d}" for p in picked]


def catalogue(rng: np.random.Generator) -> Catalogue:
    """Pre-groups, merged, auxiliary and basic groups with points."""
    dx, px = codes("dx", STEMS, rng), codes("px", PROCEDURES, rng)
    groups = [group("pre_group", 1, "*", f"{px[0]}+{px[1]}", "px_any_position"),
              group("pre_group", 2, "*", px[0], "px_any_position")]
    groups += [group("pre_group", 3 + k, "P07", "", "dx_any_position;age_days<29;birth_weight_g="
                     f"{500 * k}-{500 * k + 499}") for k in range(4)]
    for k in range(1200):
        chosen = rng.choice(PROCEDURES, 4, replace=False)
        groups.append(group("merged", k, dx[k % STEMS], "|".join(px[c] for c in chosen), ""))
    for k in range(100):
        groups.append(group("auxiliary", k, dx[k], "", f"dx_other={dx[k + 100]};age_years>={k}"))
    for k, one in enumerate(dx):
        groups.append(group("basic", 4 * k, one, "", ""))
        first, second, third = (px[c] for c in rng.choice(PROCEDURES, 3, replace=False))
        groups.append(group("basic", 4 * k + 1, one, f"{first}+{second}", ""))
        groups.append(group("basic", 4 * k + 2, one, first, ""))
        groups.append(group("basic", 4 * k + 3, one, third, ""))
    others = [code for code in codes("dx", EXCLUDED, rng) if code not in set(dx)]
    procedures = {code: () for code in codes("px", EXCLUDED, rng) if code not in set(px)}
    return Catalogue("bench", tuple(groups), Exclusions(frozenset(others), procedures))


def group(layer: str, seq: int, dx: str, px: str, condition: str) -> Group:
    """One group with points from its number."""
    return Group(f"{layer}{seq}", layer, seq, (dx,), read_expression(px), px,
                 read_condition(condition), condition, points_milli=400_000 + seq * 137, cases=50,
                 mean_days_milli=7000)


def cases(made: Catalogue, count: int, rng: np.random.Generator) -> pa.Table:
    """Cases drawn around the groups, with other codes, noise and costs."""
    basic = [one for one in made.groups if one.layer in ("basic", "merged")]
    words_dx = sorted({f"{one.dx[0]}0{k}" for one in basic for k in range(3)})
    words_px = sorted({code for one in basic for way in one.ways for slot in way for code in slot})
    place_dx = {word: k for k, word in enumerate(words_dx)}
    place_px = {word: k for k, word in enumerate(words_px)}
    first = np.array([place_dx[f"{one.dx[0]}00"] for one in basic])
    main = np.array([place_px[min(one.ways[0][0])] if one.ways else -1 for one in basic])
    pick = rng.integers(0, len(basic), count)
    dx_count, px_count = rng.integers(1, 6, count), rng.integers(0, 3, count)
    px_count = np.where(main[pick] >= 0, np.maximum(px_count, 1), 0)
    principal = np.where(rng.random(count) < ODD, rng.integers(0, len(words_dx) - 2, count),
                         first[pick])
    dx = lists(principal + rng.integers(0, 3, count), dx_count, words_dx, rng)
    px = lists(main[pick], px_count, words_px, rng)
    age = rng.integers(0, 30_000, count)
    cost = np.exp(rng.normal(13.5, 0.8, count)).astype(np.int64)
    hospital, stay = rng.integers(0, HOSPITALS, count), rng.integers(1, 30, count)
    discharged = np.datetime64(f"{YEAR}-01-01") + rng.integers(0, 365, count)
    return pa.table({
        "case": pa.array(np.arange(count).astype(str)),
        "person": pa.array(np.char.mod("P%07d", rng.integers(0, count, count))),
        "discharged": pa.array(discharged), "admitted": pa.array(discharged - stay),
        "hospital": pa.array(np.array([f"H{k:03d}" for k in range(HOSPITALS)])[hospital]),
        "hospital_level": pa.array(np.array(["1", "2", "3"])[hospital % 3]),
        "insurance": pa.array(np.array(INSURANCES)[rng.integers(0, 2, count)]),
        "dx": dx, "px": px, "age_years": pa.array((age // 366).astype(np.int16)),
        "age_days": pa.array(age.astype(np.int32)),
        "birth_weight_g": pa.array(rng.integers(800, 4000, count).astype(np.int32)),
        "stay_days": pa.array(stay.astype(np.int32)),
        "icu_days": pa.array(rng.integers(0, 4, count).astype(np.int32)),
        "discharge_way": pa.array(np.full(count, "1")),
        "cost_fen": pa.array(cost), "drug_fen": pa.array(cost // 4),
        "consumable_fen": pa.array(cost // 8), "fund_fen": pa.array(cost * 6 // 10),
        "person_fen": pa.array(cost - cost * 6 // 10),
        "year": pa.array(np.full(count, YEAR, np.int16))})


def lists(first: np.ndarray, sizes: np.ndarray, words: list[str],
          rng: np.random.Generator) -> pa.Array:
    """Lists of codes that begin with `first`."""
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    places = rng.integers(0, len(words), offsets[-1])
    some = sizes > 0
    places[offsets[:-1][some]] = first[some]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(words).take(pa.array(places)))


def make(folder: Path, count: int) -> None:
    """Cases, the region's catalogue folder and the figures of its hospitals."""
    rng = np.random.default_rng(SEED)
    made = catalogue(rng)
    own = folder / "catalogue"
    write_catalogue(made, own)
    mean = np.full((len(made.groups), 4), 900_000, np.int64)
    write_standards(own, made, Standards(mean, mean // mean, 900_000, YEAR - 1))
    factors = [Factor(ppm, level=level) for level, ppm in
               (("1", 850_000), ("2", 1_000_000), ("3", 1_120_000))]
    write_factors(own / "coefficients.csv", factors)
    table = cases(made, count, rng)
    pq.write_table(table, folder / "cases.parquet")
    figures(folder, table)


def figures(folder: Path, table: pa.Table) -> None:
    """A budget of what is booked in the year, and what every hospital had the year before."""
    booked = int(table.column("fund_fen").to_numpy().sum()) // 200
    fund = "".join(f"{name}: {{inpatient_budget: {booked}.00, away_from_home: 0, items_outside: 0, "
                   f"reserve: 0, start_value: 9.5, history: [{history}]}}\n" for name, history in
                   zip(INSURANCES, [", ".join(
                       f"{{year: {YEAR - back}, cost: {booked}.00, points: {booked // 10}}}"
                       for back in (3, 2, 1))] * 2, strict=True))
    (folder / "figures.yaml").write_text(
        f"year: {YEAR}\n{fund}hospitals: hospitals.csv\naudit: none\n", encoding="utf-8")
    rows = [f"H{number:03d},,{insurance},99%,,{booked // HOSPITALS}.00,1000,,,"
            for number in range(HOSPITALS) for insurance in INSURANCES]
    (folder / "hospitals.csv").write_text(
        "hospital,name,insurance,assessment,prepayment_yuan,last_year_yuan,base_points,"
        "capitation_yuan,other_yuan,other_why\n" + "\n".join(rows) + "\n", encoding="utf-8")


def silent(stage: str, done: int, of: int) -> None:
    """Nobody watches."""


def measured(folder: Path) -> dict[str, object]:
    """From file to file: points, then clearing; then the two kernels alone, in memory."""
    out, own = folder / "points.parquet", folder / "catalogue"
    begun = time.perf_counter()
    points = score_file(folder / "cases.parquet", own, REGION, out, silent)
    scored_at = time.perf_counter()
    cleared = clear_file(out, CLEARING, folder / "figures.yaml", folder / "cleared", None,
                         silent).report
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    region, made = read_region(REGION), read_catalogue(own)
    table, matcher, needed = read_cases(folder / "cases.parquet").table, Matcher(
        made, region), read_terms(own, made)
    start = time.perf_counter()
    matched = matcher.match(table)
    middle = time.perf_counter()
    score_cases(table, matched, region, needed)
    return {"cases": points["cases"], "groups": len(made.groups), "grouped": points["grouped"],
            "score": points["score"], "refused": points["rejected"] + cleared["refused"],
            "points_seconds": round(scored_at - begun, 2),
            "clear_seconds": round(ended - scored_at, 2), "seconds": round(ended - begun, 2),
            "match_seconds": round(middle - start, 2),
            "score_seconds": round(time.perf_counter() - middle, 2), "peak_mib": peak}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--make", type=Path, help="only make the input in this folder")
    asked = parser.parse_args()
    if asked.make:
        make(asked.make, asked.n)
        return
    with tempfile.TemporaryDirectory(prefix="tongchou-points-") as name:
        subprocess.run([sys.executable, __file__, "--n", str(asked.n), "--make", name], check=True)
        print(json.dumps(measured(Path(name))))


if __name__ == "__main__":
    main()
