"""Our kernels, the hand-written loop and the copy bound, interleaved in one process.

    python bench/kernels.py --n 100000

`run.py` starts it and reads the last line (JSON).
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from measure import interleaved
from peers import copy_bound, hand_written, tongchou_kernel
from workload import RESULTS, SEED, generate, wrong_claims

ROUNDS = 25
SECONDS = 12.0


def measured(persons: int, seed: int, reference: Path | None) -> dict[str, dict[str, float]]:
    """CPU seconds by engine, and wrong claims where the Decimal answers are given."""
    claims = generate(persons, seed)
    general = tongchou_kernel.prepare(claims, specialised=False)
    written = tongchou_kernel.prepare(claims)
    double = tongchou_kernel.prepare(claims, threads=2)
    columns = tongchou_kernel.columns_of(general, claims)
    by_hand, copied = hand_written.prepare(claims), copy_bound.prepare(claims)
    runs = {
        "kernel, written for the pack": lambda: tongchou_kernel.run(written, columns),
        "kernel, general interpreter": lambda: tongchou_kernel.run(general, columns),
        "kernel, written, 2 threads": lambda: tongchou_kernel.run(double, columns),
        "hand-written loop": lambda: hand_written.settle(by_hand, claims),
        "copy of the columns (bound)": lambda: copy_bound.settle(copied, claims),
    }
    times = interleaved(list(runs.values()), 10, ROUNDS, SECONDS)
    found = {name: time.as_dict() for name, time in zip(runs, times, strict=True)}
    if reference:
        with np.load(reference) as file:
            wanted = {name: file[name] for name in RESULTS}
        answers = (written, general, double)
        for name, ready in zip(list(runs)[:3], answers, strict=True):
            found[name]["wrong"] = wrong_claims(tongchou_kernel.named(ready, ready.out), wanted)
        found["hand-written loop"]["wrong"] = wrong_claims(
            dict(zip(RESULTS, by_hand, strict=True)), wanted)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--reference", type=Path)
    asked = parser.parse_args()
    print(json.dumps(measured(asked.n, asked.seed, asked.reference)))


if __name__ == "__main__":
    main()
