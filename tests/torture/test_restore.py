"""Settling goes on while a backup is taken; the books of a chosen moment come back."""
from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from books import check_books, picture
from servers import SMALL_CACHE, programs_of
from town import CLERK, REGION, Town, stay

from tongchou.database import Database, backup

CLIENTS = 3


@pytest.fixture
def shelf() -> Iterator[Path]:
    """Where backups, the archive and the restored server go."""
    folder = Path(tempfile.mkdtemp(prefix="tongchou-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Load:
    """Clients that settle and take back until told to stop."""

    def __init__(self, town: Town, people: list[str]) -> None:
        self.town, self.people, self.rounds = town, people, 0
        self.answers: dict[str, str] = {}

    @contextmanager
    def running(self, seconds: float = 0.0) -> Iterator[None]:
        """At work inside the block, and for some seconds at least."""
        stop, begin = threading.Event(), time.monotonic()
        self.rounds += 1
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._live, number, stop) for number in range(CLIENTS)]
            try:
                yield
                stop.wait(max(0.0, begin + seconds - time.monotonic()))
            finally:
                stop.set()
        for client in clients:
            client.result()

    def _live(self, client: int, stop: threading.Event) -> None:
        step = 0
        while not stop.is_set():
            key = f"L{self.rounds}-{client}-{step}"
            month = step // len(self.people) % 12 + 1
            date = f"2024-{month:02d}-{step // len(self.people) // 12 + 1:02d}"
            person = self.people[(step * CLIENTS + client) % len(self.people)]
            self.answers[key] = self.town.settle(stay(person, key, "60000.00", begndate=date,
                                                      enddate=date, setl_time=f"{date}T10:00:00"),
                                                 key)
            if step % 5 == 4:
                last = self.town.platform.history(REGION, person, who=CLERK)[-1]
                request = {"psn_no": person, "setl_id": last["setl_id"], "reason": "test"}
                if last["outcomes"][-1]["reason"] != "reverse":
                    self.answers[f"{key}R"] = self.town.platform.reverse(
                        request, f"{key}R", who=CLERK, refund="recompute")
            step += 1


def test_the_books_of_a_moment_come_back(own_database: Database, server_kind: str, shelf: Path,
                                         tmp_path: Path) -> None:
    town = Town(own_database, tmp_path)
    load = Load(town, [town.person() for _ in range(20)])
    backup.keep_changes(own_database, shelf / "archive")
    with load.running():
        begin = time.monotonic()
        copy = backup.back_up(own_database, shelf / "backups")
        taken = time.monotonic() - begin
    with load.running(0.5):
        pass
    wanted, answers = picture(own_database), dict(load.answers)
    moment = backup.now_in(own_database)
    with load.running(0.5):
        pass
    backup.now_in(own_database)
    begin = time.monotonic()
    server = backup.restore(copy, shelf / "archive", moment, shelf / "restored",
                            programs=programs_of(server_kind), settings=SMALL_CACHE)
    took = time.monotonic() - begin
    try:
        name = own_database.url.split("dbname=")[1].split()[0]
        restored = Database(server.url(name), server=server)
        assert picture(restored) == wanted != picture(own_database)
        counts = check_books(restored, lambda: answers)
        restored.close()
    finally:
        server.stop()
    check_books(own_database, lambda: load.answers)
    print(f"{server_kind}: backup under load {taken:.1f} s, restored in {took:.1f} s: "
          f"{counts['settlement']} settlements, {counts['journal_entry']} entries, "
          f"{len(wanted['heads'])} chain heads and {len(wanted['accumulators'])} accumulators "
          f"as noted; {len(load.answers) - len(answers)} later answers are not in it")
