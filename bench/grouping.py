"""Cases grouped a second of one core: batch, with full trace, and a plain dictionary interpreter.

    python bench/grouping.py [--cases 200000] [--scheme DIR] [--runs 5]

From an Arrow table in memory to a table of groups, encoding included, CPU time. The plain
interpreter is the one the tests compare with (tests/payment/plain_grouper.py), over dictionaries
that are built before its clock starts. `run.py` starts this and reads the last line (JSON).
"""
from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tongchou.payment import generate_cases, group_cases, load_scheme
from tongchou.payment.cases import GROUPING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "payment"))
from plain_grouper import PUBLISHED, PlainGrouper  # noqa: E402 - its folder is no package

PLAIN_CASES, SEED = 20_000, 20_261


def best_rate(count: int, runs: int, work: Callable[[], object]) -> float:
    """Cases a second of CPU time in the best of so many runs."""
    spent = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return count / min(spent)


def measured(folder: Path, count: int, runs: int) -> dict[str, object]:
    """The three rates over the same cases, and on how many the answers differ."""
    begun = time.process_time()
    scheme = load_scheme(folder)
    scheme.plan.branches
    loaded = time.process_time() - begun
    cases = generate_cases(scheme, count, SEED).select(
        [name for name in generate_columns() if name != "cost_fen"])
    few = cases.slice(0, PLAIN_CASES)
    for trace in (False, True):        # compiled before any clock starts
        group_cases(few, scheme, trace=trace)
    plain, rows = PlainGrouper(Path(scheme.source)), few.to_pylist()
    found: list[object] = []
    rates = {"batch": best_rate(count, runs, lambda: group_cases(cases, scheme)),
             "traced": best_rate(count, runs, lambda: group_cases(cases, scheme, trace=True)),
             "plain": best_rate(len(rows), 2, lambda: found.append(
                 [plain.group(row) for row in rows]))}
    ours = group_cases(few, scheme).column("group").to_pylist()
    different = sum(own != other for own, other in zip(ours, found[-1], strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"scheme": scheme.name, "cases": count, "different": different, "load_s": loaded,
            "peak_mib": peak, **rates}


def generate_columns() -> tuple[str, ...]:
    """Columns that grouping looks at."""
    return (*GROUPING.must, *GROUPING.may)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scheme", type=Path, default=PUBLISHED / "chs_drg_11")
    asked = parser.parse_args()
    folder = asked.scheme if asked.scheme.is_dir() else Path(load_scheme("tutorial").source)
    print(json.dumps(measured(folder, asked.cases, asked.runs)))


if __name__ == "__main__":
    main()
