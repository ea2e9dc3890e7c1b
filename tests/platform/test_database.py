"""The database itself: it starts, survives, refuses and migrates (docs/operate.md)."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from plain_orders import books, order, write

from tongchou.database import (Database, LocalServer, embedded_programs, migrate, migrations,
                               open_database, pending, start_server)
from tongchou.errors import Refusal

STARTER = """
import sys, time
from pathlib import Path
from tongchou.database import migrate, open_database
database = open_database(None, Path(sys.argv[1]))
migrate(database)
with database.connection() as connection:
    connection.execute("insert into region values ('999900', 'kept')")
print(database.server.pid(), flush=True)
time.sleep(60)
"""


# --- starting and dying --------------------------------------------------------------------------


@pytest.mark.both_servers
def test_the_service_works_as_its_own_role(database: Database, server_kind: str) -> None:
    with database.connection() as connection:
        row = connection.execute("select current_user, current_setting('TimeZone'), "
                                 "current_setting('fsync')").fetchone()
    assert row == ("tongchou_service", "UTC", "on" if server_kind == "debian" else "off")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket and that root's database user reaches."""
    made = Path(tempfile.mkdtemp(prefix="tongchou-test-"))
    yield made / "data"
    LocalServer(made / "data", embedded_programs()).stop()
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_root_starts_it_from_a_folder_that_is_closed_to_others(folder: Path) -> None:
    """As a checkout under root's own folder is, with the programs in its environment."""
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    (closed / "bin").symlink_to(embedded_programs())
    server = start_server(folder, closed / "bin", {"fsync": "off"})
    assert server.pid() is not None
    server.stop()


def test_a_killed_service_leaves_nothing_that_prevents_the_next_start(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, str(folder)], text=True,
                          stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        server_pid = int(service.stdout.readline())
        service.kill()
    begin = time.monotonic()
    database = open_database(None, folder)
    assert database.server is not None and database.server.pid() == server_pid  # used again
    assert migrate(database) == []
    with database.connection() as connection:
        assert connection.execute("select name from region").fetchall() == [("kept",)]
    print(f"usable {time.monotonic() - begin:.2f} s after kill -9 of the service")
    database.close()
    assert database.server.pid() is None  # the dead process does not count as a user


def test_a_killed_server_is_started_again_and_nothing_is_lost(folder: Path) -> None:
    database = open_database(None, folder)
    migrate(database)
    with database.admin() as owner:  # tests save it elsewhere: by default commits are durable
        assert owner.execute("select current_setting('fsync'), "
                             "current_setting('synchronous_commit')").fetchone() == ("on", "on")
    database.transact(lambda connection: write(connection, order("P1", "S1", 100)))
    for signal_ in (signal.SIGKILL, signal.SIGQUIT):
        assert database.server is not None
        number = database.server.pid()
        assert number  # never 0: that is everybody, this test and `make` among them
        os.kill(number, signal_)
        begin = time.monotonic()
        assert database.transact(books, repeatable=True)["settlements"] == (1,)
        print(f"answered {time.monotonic() - begin:.2f} s after {signal_.name} of PostgreSQL")
        while database.server.pid() in (None, number):  # its children may answer
            database.transact(books, repeatable=True)
    database.close()


def test_a_server_killed_while_it_is_asked_to_end_has_ended(folder: Path) -> None:
    server = start_server(folder)
    number = server.pid()
    assert number
    os.kill(number, signal.SIGSTOP)                 # it hears that it should end, and does not
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(server.stop)
        with pytest.raises(TimeoutError):
            asked.result(1)
        os.kill(number, signal.SIGKILL)
        asked.result(60)
    assert server.pid() is None


def test_two_processes_share_the_server_and_the_last_one_stops_it(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, str(folder)], text=True,
                          stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        database = open_database(None, folder)
        assert database.server is not None
        database.close()
        assert database.server.pid() is not None
        other.terminate()
    database = open_database(None, folder)
    database.close()
    assert database.server is not None and database.server.pid() is None


def test_a_number_that_another_process_has_now_does_not_prevent_the_start(folder: Path) -> None:
    database = open_database(None, folder)
    database.close()
    assert database.server is not None
    database.server.cluster.joinpath("postmaster.pid").write_text(f"{os.getpid()}\n")
    open_database(None, folder).close()


# --- refusals ------------------------------------------------------------------------------------


def test_no_server_at_the_address_is_said_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        open_database("postgresql://clerk:secret@127.0.0.1:1/tongchou", tmp_path)
    assert refused.value.code == "database-unavailable"
    assert "secret" not in str(refused.value) and "127.0.0.1" in refused.value.where


def test_a_folder_of_another_version_is_refused(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(Refusal) as refused:
        open_database(None, folder)
    assert refused.value.code == "database-folder-too-old"


def test_an_old_server_is_refused(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tongchou.database.connections.VERSION_MIN", 99)
    with pytest.raises(Refusal) as refused:
        open_database(server.url("postgres"), Path())
    assert refused.value.code == "database-too-old"


def test_a_database_without_tables_is_refused(server: LocalServer) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create database bare template template0")
    bare = Database(server.url("bare"))
    with pytest.raises(Refusal) as refused:
        _ = bare.pool
    assert refused.value.code == "database-not-migrated"


@pytest.mark.both_servers
def test_waiting_too_long_for_a_lock_is_busy(database: Database) -> None:
    with database.connection() as holder, pytest.raises(Refusal) as refused:
        holder.execute("lock table chain in row exclusive mode")
        with database.connection() as waiter:
            waiter.execute("set local lock_timeout = '50ms'")
            waiter.execute("lock table chain in exclusive mode")
    assert refused.value.code == "database-busy"


# --- repeating -----------------------------------------------------------------------------------


@pytest.mark.both_servers
@pytest.mark.parametrize("kind", ["connection", "statements"])
def test_what_came_back_last_is_lent_first(database: Database, kind: str) -> None:
    lend = getattr(database, kind)
    with lend() as last, lend():                   # inner first, then `last` goes back
        number = last.info.backend_pid
    for _ in range(5):
        with lend() as again:
            assert again.info.backend_pid == number


@pytest.mark.both_servers
def test_work_is_repeated_after_a_conflict(database: Database) -> None:
    tries = []

    def work(connection: psycopg.Connection) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise psycopg.errors.SerializationFailure
        return connection.execute("select 7").fetchone()[0]  # type: ignore[index]

    assert database.transact(work) == 7 and len(tries) == 3


@pytest.mark.both_servers
@pytest.mark.parametrize("repeatable", [True, False])
def test_a_commit_whose_answer_is_lost_is_repeated_only_when_safe(
        database: Database, monkeypatch: pytest.MonkeyPatch, repeatable: bool) -> None:
    commit, broken = psycopg.Connection.commit, []

    def lost_after_commit(self: psycopg.Connection) -> None:
        commit(self)
        if not broken and threading.current_thread() is threading.main_thread():
            broken.append(self)
            self.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    with database.connection():
        pass
    monkeypatch.setattr(psycopg.Connection, "commit", lost_after_commit)
    one = order(f"PL{repeatable}", f"T{repeatable}", 5)
    if not repeatable:
        with pytest.raises(Refusal) as refused:
            database.transact(lambda c: write(c, one))
        assert refused.value.code == "database-outcome-unknown"
    else:
        with pytest.raises(psycopg.Error) as known:      # the repeat finds the first one written
            database.transact(lambda c: write(c, one), repeatable=True)
        assert known.value.sqlstate == "TC003"
    with database.admin() as owner:
        assert owner.execute("select count(*) from settlement where setl_id = %s",
                             [f"T{repeatable}"]).fetchone() == (1,)


# --- rights --------------------------------------------------------------------------------------


@pytest.mark.both_servers
def test_nobody_changes_the_journal(database: Database, connection: psycopg.Connection) -> None:
    statements = ("update journal_entry set kind = ''", "delete from journal_entry",
                  "truncate outcome", "update settlement set kind = 'manual'")
    for statement in (*statements, "drop table chain", "create table x (y int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(statement)
    database.transact(lambda c: write(c, order("P3", "S3", 10)), repeatable=True)
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.admin() as owner:
            owner.execute(statement)


# --- migrations ----------------------------------------------------------------------------------


@pytest.mark.both_servers
def test_migrations_apply_once_and_refuse_edits(fresh_database: Database) -> None:
    known = migrations()
    assert migrate(fresh_database) == [] and pending(fresh_database) == []
    more = known | {"9001_next.sql": "create table next_thing (x int)"}
    assert migrate(fresh_database, more) == ["9001_next.sql"]
    assert migrate(fresh_database, more) == []
    cases = {"migration-unknown": known,
             "migration-changed": more | {"9001_next.sql": "create table other (x int)"},
             "migration-order": more | {"9000_late.sql": "select 1"},
             "migration-failed": more | {"9002_bad.sql": "create table half (x int); select 1 / 0"}}
    for code, steps in cases.items():
        with pytest.raises(Refusal) as refused:
            migrate(fresh_database, steps)
        assert refused.value.code == code
    with fresh_database.admin() as owner:
        assert owner.execute("select to_regclass('half')").fetchone() == (None,)


@pytest.mark.both_servers
def test_an_owner_who_is_no_superuser_migrates(server: LocalServer) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create role plain_owner login createrole")
        connection.execute("create database plain_owned owner plain_owner template template0")
        connection.execute("grant tongchou_service to plain_owner with admin option")
    url = server.url("plain_owned").replace("user=postgres", "user=plain_owner")
    database = Database(url)
    assert migrate(database) == list(migrations())
    with database.connection() as connection:
        assert connection.execute("select current_user").fetchone() == ("tongchou_service",)
    database.close()


def test_a_stranger_may_not_migrate(server: LocalServer) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create role stranger login")
        connection.execute("create database not_mine template template0")
    database = Database(server.url("not_mine").replace("user=postgres", "user=stranger"))
    with pytest.raises(Refusal) as refused:
        migrate(database)
    assert refused.value.code == "migration-rights"


def test_eight_processes_migrate_at_once(new_server: Callable[..., LocalServer]) -> None:
    server = new_server()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("create database crowded")
    line = ("import sys; from tongchou.database import Database, migrate; "
            "print(len(migrate(Database(sys.argv[1]))))")
    crowd = [subprocess.Popen([sys.executable, "-c", line, server.url("crowded")], text=True,
                              stdout=subprocess.PIPE) for _ in range(8)]
    done = sorted(int(one.communicate()[0]) for one in crowd)
    assert done == [0] * 7 + [len(migrations())]
