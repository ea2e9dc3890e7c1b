"""The workload of the peer benchmark: parameters, seeded claims, and the claims as our columns.

N person-years of residents, 1 to 20 inpatient claims each in time order (geometric, mean 3.3). All
money is int64 fen, all rates are per mille. `bench/README.md` says in words what is settled and
`packs/peer_workload.yaml` says it as a pack; the two must agree with `P` below, which
`tests/test_bench_workload.py` checks claim by claim.
"""
from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

PACK = Path(__file__).resolve().parent / "packs" / "peer_workload.yaml"
SEED = 2023
CLAIMS_MAX = 20
RESULTS = ("basic", "critical", "assistance", "tilt", "personal")
Claims = dict[str, np.ndarray]
"""`first` int64[N + 1] row of each person-year; per claim `person` int32, `number` int16 (1..),
`category` int8 (0 none, 1 allowance, 2 borderline), `level` int8 (1..3), and int64 fen `total`,
`own` (class C), `advance` (class B first)."""

P = {
    "deductible": {1: 20_000, 2: 50_000, 3: 90_000},
    "deductible_share": {1: 1000, 2: 500, 3: 0},          # by admission, the third holds on
    "ratio": {1: 850, 2: 700, 3: 550},
    "basic_cap": 15_000_000,
    "tiers": ((1_400_000, 600), (10_000_000, 650), (20_000_000, 700), (30_000_000, 750)),
    "critical_cap": 40_000_000,
    "assistance_ratio": {1: 750, 2: 500},
    "assistance_deductible": {1: 0, 2: 300_000},
    "assistance_cap": {1: 3_000_000, 2: 2_000_000},
    "tilt_deductible": 1_000_000, "tilt_ratio": 700, "tilt_cap": 2_000_000,
}


def generate(persons: int, seed: int = SEED) -> Claims:
    """The claims of so many person-years; the same seed gives the same claims (see `digest`)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    count = np.minimum(rng.geometric(0.3, persons), CLAIMS_MAX).astype(np.int64)
    first = np.zeros(persons + 1, np.int64)
    np.cumsum(count, out=first[1:])
    size = int(first[-1])
    person = np.repeat(np.arange(persons, dtype=np.int32), count)
    number = (np.arange(size, dtype=np.int64) - first[person] + 1).astype(np.int16)
    category = np.repeat(rng.choice(3, persons, p=[0.85, 0.08, 0.07]).astype(np.int8), count)
    level = (1 + rng.choice(3, size, p=[0.25, 0.40, 0.35])).astype(np.int8)
    middle = np.array([0, 300_000, 700_000, 1_400_000], float)[level]
    total = middle * np.exp(0.9 * rng.standard_normal(size))
    total = np.where(rng.random(size) < 0.01, total * 15, total)
    total = np.maximum(np.rint(total), 100).astype(np.int64)
    own = np.floor(total * rng.uniform(0, 0.25, size)).astype(np.int64)
    advance = np.floor(total * rng.uniform(0, 0.12, size)).astype(np.int64)
    return {"first": first, "person": person, "number": number, "level": level,
            "category": category, "total": total, "own": own, "advance": advance}


def digest(claims: Claims) -> str:
    """16 hexadecimal digits over names and values of all columns."""
    seen = hashlib.sha256()
    for name in sorted(claims):
        seen.update(name.encode())
        seen.update(np.ascontiguousarray(claims[name]).tobytes())
    return seen.hexdigest()[:16]


def wrong_claims(got: Claims, wanted: Claims) -> int:
    """Claims on which any of the five results differs, even by a fen."""
    differs = np.zeros(len(wanted["personal"]), np.bool_)
    for name in RESULTS:
        differs |= got[name] != wanted[name]
    return int(differs.sum())
