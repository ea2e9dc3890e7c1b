"""The disk of the database fills up: writes are refused, reads go on, nothing is lost."""
import os
from pathlib import Path

import pytest
from plain_orders import books, order, write

from tongchou.database import Database
from tongchou.errors import Refusal

MEBIBYTE = 1 << 20
TRIES = 1500


def fill(database: Database, until_free: int) -> Path:
    """A file that leaves this many bytes on the disk."""
    assert database.server is not None
    disk = os.statvfs(database.server.data)
    ballast = database.server.data / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(disk.f_bavail * disk.f_frsize - until_free, 1))
    return ballast


def settle_until_refused(database: Database, first: int, padding: str) -> tuple[list[int], str]:
    """Numbers of the settlements acknowledged, and the code of the refusal."""
    done = []
    for number in range(first, first + TRIES):
        one = order(f"P{number}", f"S{number}", 1, padding=padding)
        try:
            database.transact(lambda c, o=one: write(c, o), repeatable=True)
        except Refusal as refused:
            return done, refused.code
        done.append(number)
    return done, ""


def stored(database: Database) -> set[str]:
    return {row[0] for row in database.transact(
        lambda c: c.execute("select setl_id from settlement").fetchall())}


@pytest.mark.long
@pytest.mark.both_servers
@pytest.mark.parametrize("reserve", [64 * MEBIBYTE, 0], ids=["with_reserve", "to_the_last_byte"])
def test_a_full_disk_refuses_writes_and_recovers(small_disk_database: Database,
                                                 reserve: int) -> None:
    database = small_disk_database
    database.reserve_bytes = reserve
    kept, code = settle_until_refused_after_filling(database, reserve)
    assert code == "database-full" and kept
    if reserve:
        assert database.transact(books)["settlements"] == (len(kept),)  # reading goes on
        with pytest.raises(Refusal) as refused, database.connection() as connection:
            write(connection, order("P0", "late", 1, version=1))
        assert refused.value.code == "database-full"
    assert database.server is not None
    (database.server.data / "ballast").unlink()
    more, code = settle_until_refused(database, 100_000, "")
    assert code == "" and len(more) == TRIES
    assert stored(database) == {f"S{number}" for number in kept + more}
    sums = database.transact(books)["sums"]
    assert sum(fen for *_, fen in sums) == 0
    print(f"{len(kept)} settlements before the disk was full, {len(more)} after, none lost")


def settle_until_refused_after_filling(database: Database, reserve: int) -> tuple[list[int], str]:
    """Leaves a little room above the reserve, then settles with large rows that do not compress."""
    database.transact(books)
    fill(database, reserve + 24 * MEBIBYTE)
    return settle_until_refused(database, 0, os.urandom(20_000).hex())
