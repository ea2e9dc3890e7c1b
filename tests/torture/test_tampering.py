"""One byte changed anywhere in a settled database: which check names it.

The checks are those of the product: `tongchou ledger verify`, the day close, and the replay of
every settlement. What none of them sees is listed in UNSEEN, and in docs/trust.md.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from tampering import TABLES, changes
from town import CLERK, REGION, Town, stay

from tongchou.database import Database
from tongchou.errors import TongchouError
from tongchou.ledger import close_day, verify
from tongchou.settlement import Regimes, replay_settlement

DAY, AFTER = date(2024, 12, 30), datetime(2025, 1, 2, tzinfo=UTC)
# A flipped bit in `kind` or `reason` is no such word, and a key that is taken twice: the database
# refuses them. What decides no money and is said nowhere else is seen by nobody:
UNSEEN = {
    # the place and the moment of the answer kept for repeats; its text is covered
    "idempotency.shard", "idempotency.known_at",
    # counters and messages
    "person_year.version", "chain.last_at", "outbox.shard", "outbox.body", "outbox.created_at",
    # names and days of packs; a wrong day shows in the next settlement, not in past ones
    "pack_version.name", "pack_version.known_at", "regime.region", "regime.during"}
SAMPLE = 4
PERSONAL = ("settlement", "outcome", "person_year")


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Bills settled, taken back and settled again after a recognition; the day is closed."""
    town = Town(database, tmp_path_factory.mktemp("keys"))
    platform = town.platform
    for number in range(4):
        person = town.person()
        for visit in range(2):
            town.settle(stay(person, f"T{number}{visit}", "60000.00",
                             begndate=f"2024-0{visit + 3}-01", enddate=f"2024-0{visit + 3}-09",
                             setl_time=f"2024-0{visit + 3}-09T10:00:00"))
        platform.recognise({"psn_no": person, "code": "allowance", "from": "2024-03-01",
                            "source": "civil affairs"}, f"S{number}", who=CLERK)
        last = platform.history(REGION, person, who=CLERK)[-1]
        platform.reverse({"psn_no": person, "setl_id": last["setl_id"], "reason": "test"},
                         f"R{number}", who=CLERK)
    with database.connection() as connection:
        close_day(connection, REGION, DAY, AFTER, "tester")
    return town


@contextmanager
def tampered(database: Database, statement: str, values: tuple[object, ...]) -> Iterator[bool]:
    """The change, carried out with all guards off; whether it was possible."""
    with database.admin() as connection:
        connection.execute("set session_replication_role = replica")
        try:
            changed = connection.execute(statement, values).rowcount
        except (psycopg.IntegrityError, psycopg.DataError):
            connection.rollback()
            yield False
            return
        assert changed == 1, statement
        connection.commit()
    yield True


def seen_by(database: Database) -> list[str]:
    """The checks that find something wrong."""
    found = []
    for name, check in CHECKS.items():
        try:
            sound = check(database)
        except (TongchouError, psycopg.Error, ValueError, KeyError, AssertionError, TypeError):
            sound = False
        if not sound:
            found.append(name)
    return found


def verified(database: Database) -> bool:
    """tongchou ledger verify"""
    with database.connection() as connection:
        return verify(connection).sound


def closes(database: Database) -> bool:
    """The next day's close; not kept."""
    with database.connection() as connection:
        close_day(connection, REGION, date(2024, 12, 31), AFTER, "tester")
        connection.rollback()
    return True


def replays(database: Database) -> bool:
    """Every settlement made again, by a service that starts now."""
    regimes = Regimes(database.connection)
    with database.connection() as connection:
        rows = connection.execute("select region, psn_no, setl_id from settlement").fetchall()
        return all(replay_settlement(connection, regimes, *row)["equal"] for row in rows)


CHECKS = {"verify": verified, "day close": closes, "replay": replays}


@pytest.mark.parametrize("step", [SAMPLE, pytest.param(1, marks=pytest.mark.long)])
def test_one_changed_byte_is_named(town: Town, step: int) -> None:
    database = town.platform.database
    assert seen_by(database) == []
    table: dict[str, set[str]] = defaultdict(set)
    unseen, total = set(), 0
    with database.admin() as connection:
        wanted = [one for name in TABLES for one in changes(connection, name)][::step]
        for name in TABLES:
            connection.execute(f"create table if not exists saved_{name} as table {name}")
    for one in wanted:
        with tampered(database, one.statement, one.values) as done:
            found = seen_by(database) if done else ["refused"]
        total += 1
        table[one.name] |= set(found)
        if not found:
            unseen.add(one.name)
        if done:
            restore(database, one.table)
    for name, checks in table.items():
        print(f"{name:48} {', '.join(sorted(checks)) or '-'}")
    print(f"{total} columns changed: {total - len(unseen)} seen, {len(unseen)} by nobody")
    expected = UNSEEN & table.keys()
    assert unseen == expected, (sorted(unseen - expected), sorted(expected - unseen))


def restore(database: Database, table: str) -> None:
    """The table as it was."""
    with database.admin() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(f"delete from {table}")
        connection.execute(f"insert into {table} table saved_{table}")


@pytest.mark.parametrize(("table", "what"), [
    ("settlement", "settlement of outcome"), ("outcome", "first outcome of"),
    ("journal_entry", "entry"), ("outbox", "message of outcome"),
    ("person_year", "accumulator"), ("chain", "head row"), ("settlement, outcome", "of entry")])
def test_a_deleted_row_is_named(town: Town, table: str, what: str) -> None:
    database = town.platform.database
    with database.admin() as connection:
        person = connection.execute("select psn_no, region, shard from outcome "
                                    "order by psn_no limit 1").fetchone()
    for name in table.split(", "):
        with database.admin() as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(f"create table if not exists saved_{name} as table {name}")
            where = "psn_no = %s and region = %s and shard = %s" if name in PERSONAL \
                else "%s <> '' and region = %s and shard = %s"
            assert connection.execute(f"delete from {name} where {where}", person).rowcount
    with database.connection() as connection:
        report = verify(connection)
    for name in table.split(", "):
        restore(database, name)
    found = [*map(str, report.findings), *(f"accumulator {one}" for one in report.accumulators)]
    assert any(what in one for one in found), found
