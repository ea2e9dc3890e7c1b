"""One claim at once, in process: microseconds with its structured trace, and with Chinese text.

    python bench/latency.py

Every claim is a fresh object with amounts, dates and a person of its own, made before the clock
starts and settled once, so nothing can be answered from memory of the same claim. `run.py` starts
this and reads the last line (JSON).
"""
from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable

from workload import PACK, SEED

from tongchou.engine import Claim, Person, StatusSpan
from tongchou.engine.explainer import Explainer
from tongchou.engine.trace import Settler
from tongchou.policy import load_pack

Case = tuple[Person, Claim, tuple[Claim, ...]]
Act = Callable[[Person, Claim, tuple[Claim, ...]], object]
MEDIAN_FEN = {"1": 300_000, "2": 700_000, "3": 1_400_000}
STATUSES = ("", "", "", "", "", "allowance", "borderline")
WARM_UP = 5000
CHUNK, CHUNKS = 10, 10      # claims made at a time, as a server makes them; chunks in a round
TURNS, ROUNDS = 20, 20


def cases(rng: random.Random, count: int, earlier: int) -> list[Case]:
    """Persons with a claim after so many earlier ones of the year."""
    found = []
    for number in range(count):
        held = rng.choice(STATUSES)
        person = Person(f"P{rng.getrandbits(40)}", "residents",
                        born=f"{rng.randint(1935, 2015)}-0{rng.randint(1, 9)}-15",
                        sex=rng.choice(("male", "female")),
                        statuses=(StatusSpan(held, "2020-01-01"),) if held else ())
        days = sorted(rng.sample(range(330), earlier + 1))
        claims = tuple(_claim(rng, person, day) for day in days)
        found.append((person, claims[-1], claims[:-1]))
    return found


def _claim(rng: random.Random, person: Person, day: int) -> Claim:
    level = rng.choice("123")
    total = int(MEDIAN_FEN[level] * rng.lognormvariate(0, 0.9)) + 100
    own, advance = total * rng.randint(0, 24) // 100, total * rng.randint(0, 11) // 100
    begin = f"2023-{day // 28 + 1:02d}-{day % 28 + 1:02d}"
    return Claim(f"C{rng.getrandbits(40)}", person.person_id, "inpatient", level, "local",
                 "not_needed", begin, begin, f"{begin}T{rng.randint(8, 18):02d}:00:00",
                 (own, 0, advance, total - own - advance))


def one_round(act: Act, rng: random.Random, earlier: int) -> float:
    """Microseconds of CPU a claim."""
    seconds = 0.0
    for _ in range(CHUNKS):
        fresh = cases(rng, CHUNK, earlier)
        begun = time.process_time()
        for case in fresh:
            act(*case)
        seconds += time.process_time() - begun
    return seconds / (CHUNKS * CHUNK) * 1e6


def measured() -> dict[str, dict[str, float]]:
    """Microseconds by what is asked for: the best round and the middle one. The four take turns,
    since a shared machine has slow minutes."""
    pack, rng = load_pack(PACK), random.Random(SEED)
    settler, explainer = Settler(pack), Explainer(pack, "zh")

    def with_text(*case: object) -> str:
        return explainer.text(settler.settle(*case))

    acts = {"trace, first claim of the year": (settler.settle, 0),
            "trace, after 6 earlier claims": (settler.settle, 6),
            "trace and Chinese text, first claim": (with_text, 0),
            "trace and Chinese text, after 6": (with_text, 6)}
    for act, earlier in acts.values():
        for case in cases(rng, WARM_UP, earlier):
            act(*case)
    spent: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(TURNS):
        for name, (act, earlier) in acts.items():
            spent[name] += [one_round(act, rng, earlier) for _ in range(ROUNDS)]
    return {name: {"best": min(rounds), "median": statistics.median(rounds)}
            for name, rounds in spent.items()}


def main() -> None:
    """Command line."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(json.dumps(measured()))


if __name__ == "__main__":
    main()
