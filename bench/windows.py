"""One process of windows that settle as fast as they can; bench/settlement.py starts it.

    python bench/windows.py --data DIR --region R --people N --windows 4 --seconds 8 [--http URL]

Prints `ready`, waits for a line, settles, and prints one line of JSON.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from town import TOWNS, Clerk, Town, bill, joined

Settle = Callable[[dict[str, object], str], None]
WARM_UP = 40


class Window(threading.Thread):
    """Settles random bills until told to stop; keeps what each took."""

    def __init__(self, settle: Settle, town: Town, people: int, name: str) -> None:
        super().__init__(daemon=True)
        self.settle, self.town, self.people, self.prefix = settle, town, people, name
        self.rng = random.Random(name)
        self.seconds: list[float] = []
        self.refused: dict[str, int] = {}
        self.until = 0.0

    def one(self, number: int) -> float:
        """Settles one bill; gives the seconds."""
        key = f"{self.prefix}-{number}"
        request = bill(self.rng, self.town, self.people, key)
        begun = time.perf_counter()
        self.settle(request, key)
        return time.perf_counter() - begun

    def run(self) -> None:
        number = WARM_UP
        while time.perf_counter() < self.until:
            self.seconds.append(self.one(number))
            number += 1


def service(asked: argparse.Namespace, town: Town) -> tuple[list[Settle], Callable[[], None]]:
    """Windows that call the platform in this process."""
    from tongchou.database import open_database
    database = open_database(None, asked.data)
    platform, clerk = joined(database, asked.data), Clerk("bench", town.region)
    return [lambda request, key: platform.settle(request, key, who=clerk)] * asked.windows, \
        database.close


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--region", required=True)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--name", default="w")
    parser.add_argument("--profile", type=Path)
    asked = parser.parse_args()
    town = TOWNS[asked.region]
    settles, close = service(asked, town)
    windows = [Window(settle, town, asked.people, f"{asked.name}{number}")
               for number, settle in enumerate(settles)]
    for window in windows:
        for number in range(WARM_UP):
            window.one(number)
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, begun = time.process_time(), time.perf_counter()
    for window in windows:
        window.until = begun + asked.seconds
        window.start()
    for window in windows:
        window.join()
    elapsed, cpu = time.perf_counter() - begun, time.process_time() - cpu
    found = {"settled": sum(len(window.seconds) for window in windows), "elapsed": elapsed,
             "cpu": cpu, "pid": os.getpid(),
             "seconds": sorted(spent for window in windows for spent in window.seconds)}
    close()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
