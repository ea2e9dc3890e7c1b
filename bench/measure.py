"""Timing by process CPU time, so that a busy machine counts less (最好成绩与中位数)."""
from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

MIB = 1 << 20


class Timed(NamedTuple):
    """CPU seconds of several runs: the best, the middle one, and the best wall time."""

    best: float
    median: float
    wall: float
    runs: int

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return self._asdict()


def timed(run: Callable[[], object], least: int = 3, most: int = 9, seconds: float = 4.0) -> Timed:
    """Runs until `seconds` of CPU are spent, at least `least` and at most `most` times."""
    return interleaved([run], least, most, seconds)[0]


def interleaved(runs: Sequence[Callable[[], object]], least: int = 3, most: int = 9,
                seconds: float = 4.0) -> list[Timed]:
    """Like `timed` for several, one after the other in every round: when the machine drifts, it
    drifts for all of them and their ratio holds."""
    cpu: list[list[float]] = [[] for _ in runs]
    wall: list[list[float]] = [[] for _ in runs]
    gc.collect()
    while len(cpu[0]) < least or (len(cpu[0]) < most and sum(map(sum, cpu)) < seconds):
        for index, run in enumerate(runs):
            begun, cpu_begun = time.perf_counter(), time.process_time()
            run()
            cpu[index].append(time.process_time() - cpu_begun)
            wall[index].append(time.perf_counter() - begun)
    return [Timed(min(spent), statistics.median(spent), min(passed), len(spent))
            for spent, passed in zip(cpu, wall, strict=True)]


def peak_mib() -> float:
    """The most memory this process has held so far (resident, Linux and macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if peak < 1 << 32 else peak / MIB
