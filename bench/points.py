"""DIP cases matched and scored: cases a second, beside a plain interpreter in the same run.

    python bench/points.py --n 1000000

Groups, codes and cases are generated (about 6,000 groups, as many as the national catalogue has);
the last line is JSON.
"""
from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from tongchou.payment.dip import Catalogue, Group, Matcher, Terms, read_region, score_cases
from tongchou.payment.dip.coefficients import Factor, FactorTable
from tongchou.payment.dip.conditions import read_condition
from tongchou.payment.dip.expressions import read_expression
from tongchou.payment.dip.price import Standards

REGION = Path(__file__).parents[1] / "docs" / "examples" / "dip" / "region.yaml"
SEED = 20260901
STEMS = 1500                 # four-character diagnoses
PROCEDURES = 900


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
    return Catalogue("bench", tuple(groups))


def group(layer: str, seq: int, dx: str, px: str, condition: str) -> Group:
    """One group with points from its number."""
    return Group(f"{layer}{seq}", layer, seq, (dx,), read_expression(px), px,
                 read_condition(condition), points_milli=400_000 + seq * 137, cases=50,
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
    dx = lists(first[pick] + rng.integers(0, 3, count), dx_count, words_dx, rng)
    px = lists(main[pick], px_count, words_px, rng)
    cost = np.exp(rng.normal(13.5, 0.8, count)).astype(np.int64)
    hospital = rng.integers(0, 120, count)
    return pa.table({
        "case": pa.array(np.arange(count).astype(str)),
        "hospital": pa.array(np.array([f"H{k:03d}" for k in range(120)])[hospital]),
        "hospital_level": pa.array(np.array(["1", "2", "3"])[hospital % 3]),
        "insurance": pa.array(np.array(["employees", "residents"])[hospital % 2]),
        "dx": dx, "px": px, "age_years": pa.array(rng.integers(0, 90, count).astype(np.int16)),
        "age_days": pa.array(rng.integers(0, 30_000, count).astype(np.int32)),
        "birth_weight_g": pa.array(rng.integers(800, 4000, count).astype(np.int32)),
        "stay_days": pa.array(rng.integers(1, 30, count).astype(np.int32)),
        "icu_days": pa.array(rng.integers(0, 4, count).astype(np.int32)),
        "discharge_way": pa.array(np.full(count, "1")),
        "cost_fen": pa.array(cost), "drug_fen": pa.array(cost // 4),
        "consumable_fen": pa.array(cost // 8), "fund_fen": pa.array(cost * 6 // 10),
        "person_fen": pa.array(cost - cost * 6 // 10),
        "year": pa.array(np.full(count, 2026, np.int16))})


def lists(first: np.ndarray, sizes: np.ndarray, words: list[str],
          rng: np.random.Generator) -> pa.Array:
    """Lists of codes that begin with `first`."""
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    places = rng.integers(0, len(words), offsets[-1])
    some = sizes > 0
    places[offsets[:-1][some]] = first[some]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(words).take(pa.array(places)))


def terms(made: Catalogue) -> Terms:
    """Standards near the costs, one coefficient a level."""
    mean = np.full((len(made.groups), 4), 900_000, np.int64)
    factors = tuple(Factor(ppm, level=level) for level, ppm in
                    (("1", 850_000), ("2", 1_000_000), ("3", 1_120_000)))
    return Terms(Standards(mean, mean // mean, 900_000, 2025), FactorTable(factors))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1_000_000)
    asked = parser.parse_args()
    rng = np.random.default_rng(SEED)
    made, region = catalogue(rng), read_region(REGION)
    table = cases(made, asked.n, rng)
    matcher, needed = Matcher(made, region), terms(made)
    small = table.slice(0, 1000)
    score_cases(small, Matcher(made, region).match(small), region, needed)   # compiles
    begun = time.perf_counter()
    matched = matcher.match(table)
    matched_at = time.perf_counter()
    scored = score_cases(table, matched, region, needed)
    ended = time.perf_counter()
    grouped = int((matched.group >= 0).sum())
    print(f"{len(made.groups):,} groups, {asked.n:,} cases, {grouped:,} in a group, score "
          f"{int(scored.score_milli.sum()) // 1000:,} points")
    print(json.dumps({
        "cases": asked.n, "match_seconds": round(matched_at - begun, 2),
        "score_seconds": round(ended - matched_at, 2),
        "matched_per_second": round(asked.n / (matched_at - begun)),
        "matched_and_scored_per_second": round(asked.n / (ended - begun)),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
