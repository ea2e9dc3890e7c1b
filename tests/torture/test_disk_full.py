"""The disk fills up while bills are settled: a clean refusal, nothing half-written or lost."""
from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from books import check_books
from town import CLERK, REGION, Town, stay

from tongchou.database import Database
from tongchou.errors import Refusal

MEBIBYTE = 1 << 20
TRIES = 3000


def fill(database: Database, until_free: int) -> Path:
    """A file that leaves this many bytes on the disk of the database."""
    disk = os.statvfs(database.server.data)
    ballast = database.server.data / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(disk.f_bavail * disk.f_frsize - until_free, 1))
    return ballast


def settle_until_refused(town: Town, people: list[str], answers: dict[str, str],
                         ) -> tuple[dict[str, object], str, Refusal]:
    """The request that found no room, its key, and the refusal."""
    for number in range(TRIES):
        month, day = number // len(people) % 12 + 1, number // len(people) // 12 + 1
        date = f"2024-{month:02d}-{day:02d}"
        request = stay(people[number % len(people)], f"D{number}", begndate=date, enddate=date,
                       setl_time=f"{date}T10:00:00")
        try:
            answers[f"D{number}"] = town.settle(request, f"D{number}")
        except Refusal as refusal:
            return request, f"D{number}", refusal
    raise AssertionError(f"{TRIES} bills and the disk is not full")


def patiently(call: Callable[[], str]) -> str:
    """As a client does: the same request again while the server comes back."""
    end = time.monotonic() + 30
    while True:
        try:
            return call()
        except Refusal as refusal:
            if refusal.code != "database-unavailable" or time.monotonic() > end:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize(("reserve", "room"), [
    pytest.param(64 * MEBIBYTE, 4 * MEBIBYTE, id="with a reserve"),
    pytest.param(0, 20 * MEBIBYTE, id="to the last byte", marks=pytest.mark.long)])
def test_a_bill_that_finds_no_room_is_settled_later(small_disk_database: Database, tmp_path: Path,
                                                    reserve: int, room: int) -> None:
    database = small_disk_database
    database.reserve_bytes = reserve
    town, answers = Town(database, tmp_path), {}
    people = [town.person() for _ in range(60)]
    ballast = fill(database, reserve + room)
    request, key, refusal = settle_until_refused(town, people, answers)
    assert refusal.code in ("database-full", "database-unavailable") and refusal.hint
    if reserve:
        assert refusal.code == "database-full"
        check_books(database, lambda: answers)
        first = json.loads(answers["D0"])
        history = town.platform.history(REGION, first["psn_no"], who=CLERK)
        assert first["setl_id"] in {row["setl_id"] for row in history}
        assert town.platform.presettle(request, who=CLERK)["setl_id"] is None
    before = len(answers)
    ballast.unlink()
    answers[key] = patiently(lambda: town.settle(request, key))
    assert town.settle(request, key) == answers[key]
    counts = check_books(database, lambda: answers)
    assert counts["settlement"] == len(answers) == before + 1
    print(f"{before} bills until {refusal.code}; the next was settled under its key when there "
          "was room; none lost, none half")
