"""A backup taken under way and the changes since: the books as they were at a chosen moment."""
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from servers import SMALL_CACHE, copy_of, programs_of
from plain_orders import books, order, write

from tongchou.database import Database, LocalServer, backup, migrate
from tongchou.errors import Refusal


@pytest.fixture
def own_database(server_kind: str, new_server: Callable[..., LocalServer]) -> Iterator[Database]:
    """A database on a server that no other test uses."""
    server = new_server(server_kind)
    for database in copy_of(server, "template0"):
        migrate(database)
        yield database


@pytest.fixture
def shelf() -> Iterator[Path]:
    """Where backups, the archive and restored servers go."""
    folder = Path(tempfile.mkdtemp(prefix="tongchou-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def settle(database: Database, first: int, count: int) -> None:
    for number in range(first, first + count):
        database.transact(lambda c, n=number: write(c, order(f"P{n}", f"S{n}", n + 1)),
                          repeatable=True)


@pytest.mark.both_servers
def test_the_books_are_those_of_the_chosen_moment(own_database: Database, server_kind: str,
                                                  shelf: Path) -> None:
    archive = shelf / "it's 100% the archive"
    backup.keep_changes(own_database, archive)
    settle(own_database, 0, 20)
    begin = time.monotonic()
    copy = backup.back_up(own_database, shelf / "backups")
    taken = time.monotonic() - begin
    settle(own_database, 20, 20)
    wanted = own_database.transact(books)
    moment = backup.now_in(own_database)
    settle(own_database, 40, 20)
    latest = own_database.transact(books)
    backup.now_in(own_database)

    begin = time.monotonic()
    restored = backup.restore(copy, archive, moment, shelf / "restored",
                              programs=programs_of(server_kind), settings=SMALL_CACHE)
    took = time.monotonic() - begin
    try:
        name = own_database.url.split("dbname=")[1].split()[0]
        again = Database(restored.url(name), server=restored)
        assert again.transact(books) == wanted != latest
        settle(again, 60, 1)  # it takes writes, and continues the chains
        assert again.transact(books)["settlements"] == (41,)
        again.close()
    finally:
        restored.stop()
    print(f"{server_kind}: backup {taken:.1f} s, restored to the moment in {took:.1f} s, "
          f"{len(wanted['heads'])} chain heads and all sums equal")
    assert own_database.transact(books) == latest  # the original is as it was


def test_a_restore_refuses_what_it_cannot_do(own_database: Database, shelf: Path) -> None:
    archive = shelf / "archive"
    backup.keep_changes(own_database, archive)
    before = backup.now_in(own_database)
    copy = backup.back_up(own_database, shelf / "backups")
    full = shelf / "full"
    full.mkdir()
    (full / "something").touch()
    later, impossible = before + timedelta(days=1), "restore-impossible"
    cases = [("restore-folder-not-empty", copy, before, full),
             (impossible, copy, before, shelf / "before-the-backup"),
             (impossible, copy, later, shelf / "after-the-archive"),
             (impossible, archive, before, shelf / "no-backup")]
    for code, source, moment, target in cases:
        with pytest.raises(Refusal) as refused:
            backup.restore(source, archive, moment, target, settings=SMALL_CACHE)
        assert refused.value.code == code


def test_a_server_run_by_others_is_not_backed_up_here(shelf: Path) -> None:
    with pytest.raises(Refusal) as refused:
        backup.back_up(Database("host=elsewhere"), shelf)
    assert refused.value.code == "database-remote"
