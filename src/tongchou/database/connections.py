"""Connections to the database, and what its failures are called (数据库连接)."""
from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import orjson
import psycopg
from psycopg import errors as states
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import set_json_loads
from psycopg_pool import PoolClosed, PoolTimeout

from ..errors import Refusal
from .embedded import LocalServer, start_server
from .pool import WarmPool

Result = TypeVar("Result")

SERVICE_ROLE = "tongchou_service"
VERSION_MIN = 15
DATABASE = "tongchou"
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
IDLE_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_S = 10
POOL_SIZE = 16
ATTEMPTS = 8
# Below this the embedded server is only read: PostgreSQL stops altogether when its log of changes
# (WAL, files of 16 MiB) finds no room.
RESERVE_BYTES = 64 << 20
SPACE_SECONDS = 0.05                   # so long a look at the disk holds that found room
_SETUP = (f"set role {SERVICE_ROLE}; set time zone 'UTC'; "
          f"set statement_timeout = {STATEMENT_TIMEOUT_MS}; set lock_timeout = {LOCK_TIMEOUT_MS}; "
          f"set idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS}")
# Plans are kept. Made while a table was found empty they would read all of it, each time, however
# large it has grown since, until the next `analyze` comes along.
_BY_KEY = "set enable_seqscan = off"


class Database:
    """One PostgreSQL database: a pool for the service, and connections of the owner.

    Made by open_database(). `owner_url` reaches it with the right to change the schema. What the
    `rehearsal` calls is planned when a connection of `statements` opens: it does nothing else.
    """

    def __init__(self, url: str, *, owner_url: str | None = None,
                 server: LocalServer | None = None, reserve_bytes: int = RESERVE_BYTES,
                 pool_size: int = POOL_SIZE, rehearsal: Sequence[str] = ()) -> None:
        self.url, self.rehearsal = url, rehearsal
        self.owner_url = owner_url or url
        self.server = server
        self.reserve_bytes = reserve_bytes
        self.pool_size = pool_size
        self._pool: WarmPool | None = None
        self._statements: WarmPool | None = None
        self._space = (0.0, False)             # when it was looked at, whether it was short
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        """Where it is, without the password: for messages and logs."""
        parts = {key: value for key, value in conninfo_to_dict(self.url).items()
                 if key in ("host", "port", "dbname", "user")}
        return make_conninfo("", **parts)

    @property
    def pool(self) -> WarmPool:
        """Connections of the service: role tongchou_service, UTC, autocommit off, time limits.

        Opened at the first use, after migrate(). Raises Refusal `database-unavailable`,
        `database-not-migrated` or `database-too-old`.
        """
        with self._opening:
            if self._pool is None:
                self._pool = self._open_pool(_configure, check=self._admit)
            return self._pool

    def _open_pool(self, configure: Callable[[psycopg.Connection], None],
                   check: Callable[[psycopg.Connection], None] | None = None,
                   **settings: object) -> WarmPool:
        self._check_ready()
        return WarmPool(
            self.url, min_size=2, max_size=self.pool_size, configure=configure, check=check,
            connection_class=_patient(self), open=True, timeout=CONNECT_TIMEOUT_S, name=self.name,
            kwargs={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "tongchou",
                    **settings})

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection of the pool: one transaction, committed at the end, rolled back on error.

        Failures of the database itself come out as Refusals (see refusal_of).
        """
        with self.refusing(), self.pool.connection() as connection:
            yield connection

    @contextmanager
    def statements(self) -> Iterator[psycopg.Connection]:
        """A connection on which every statement is a transaction: for work of one or two calls.

        Rows are found by their keys on it, whatever is known of a table's size.
        Its caller asks `check_space` before it writes. Failures come out as Refusals.
        """
        with self._opening:
            if self._statements is None:
                self._statements = self._open_pool(self._rehearse, autocommit=True)
        with self.refusing(), self._statements.connection() as connection:
            yield connection

    def check_space(self) -> None:
        """Raises Refusal `database-full` while the embedded server's disk is nearly full."""
        if self.short_of_space():
            raise self._full()

    @contextmanager
    def admin(self, *, autocommit: bool = False) -> Iterator[psycopg.Connection]:
        """A connection of the owner, outside the pool, without time limits: migrations, backups."""
        with self.refusing():
            connection = self._connect_owner()
            try:
                connection.autocommit = autocommit
                with connection:
                    yield connection
            finally:
                connection.close()

    def transact(self, work: Callable[[psycopg.Connection], Result], *,
                 repeatable: bool = False) -> Result:
        """Runs `work` in one transaction, again after a conflict or a restart of the server.

        `work` must not commit. When the connection breaks during the commit itself the outcome is
        not known: only `repeatable` work (one with an idempotency key) is then run again, other
        work ends in Refusal `database-outcome-unknown`.
        """
        for attempt in range(ATTEMPTS):
            committing = False
            try:
                with self.pool.connection() as connection:
                    result = work(connection)
                    committing = True
                    connection.commit()
                    return result
            except (psycopg.Error, PoolTimeout) as error:
                if _lost(error) and committing and not repeatable:
                    raise _unknown(self.name) from error
                if not (_conflict(error) or _lost(error)) or attempt == ATTEMPTS - 1:
                    refusal = self.refusal_of(error)
                    if refusal is None:
                        raise
                    raise refusal from error
                self._recover(error, attempt)
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turns failures of the database inside into Refusals; other errors pass."""
        try:
            yield
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            refusal = self.refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error

    def refusal_of(self, error: Exception) -> Refusal | None:
        """What to tell about a failure of the database, None for one of ours (a wrong statement).

        `database-full`, `database-busy`, `database-read-only` or `database-unavailable`.
        """
        if isinstance(error, states.ReadOnlySqlTransaction):
            return self._full() if self.short_of_space() else _read_only(self.name)
        if isinstance(error, states.DiskFull) or (_lost(error) and self.short_of_space()):
            return self._full()
        if isinstance(error, (states.QueryCanceled, states.LockNotAvailable, PoolTimeout)) \
                or _conflict(error):
            return Refusal("database-busy", "the database did not answer in time (数据库忙)",
                           where=self.name, hint="Nothing was written. Try again shortly.")
        if _lost(error) or isinstance(error, PoolClosed):
            return _unavailable(self.name, error)
        return None

    def short_of_space(self) -> bool:
        """Whether the disk of the embedded server has less left than the reserve (磁盘将满)."""
        if self.server is None:
            return False
        now = time.monotonic()
        if self._space[1] or now - self._space[0] > SPACE_SECONDS:   # room made is seen at once
            try:
                disk = os.statvfs(self.server.cluster)
            except OSError:
                return False
            self._space = now, disk.f_bavail * disk.f_frsize < self.reserve_bytes
        return self._space[1]

    def revive(self) -> None:
        """Starts the embedded server again when it died, and drops broken connections.

        A server given by URL is left to those who run it.
        """
        if self.server is not None and self.server.pid() is None:
            self.server.start()
        if self._pool is not None:
            self._pool.check()
        if self._statements is not None:
            self._statements.check()

    def close(self) -> None:
        """Closes the pool, and stops the embedded server when no other process uses it."""
        with self._opening:
            for pool in (self._pool, self._statements):
                if pool is not None:
                    pool.close()
            self._pool = self._statements = None
        if self.server is not None:
            self.server.stop(always=False)

    def _rehearse(self, connection: psycopg.Connection) -> None:
        """Plans what windows will call, so that none of them waits for it (some 20 ms)."""
        _configure(connection)
        connection.execute(_BY_KEY)
        for statement in self.rehearsal:
            with suppress(psycopg.Error):     # a database that only reads plans what it can
                connection.execute(statement)

    def _admit(self, connection: psycopg.Connection) -> None:
        """At the door of the pool: while the disk is nearly full, transactions may only read."""
        if self.server is not None:
            short = self.short_of_space()
            if bool(connection.read_only) != short:
                connection.read_only = short or None

    def _check_ready(self) -> None:
        with self.refusing(), self._connect_owner(self.url) as connection:
            there = connection.execute("select to_regclass('schema_migration')").fetchone()
        if there == (None,):
            raise Refusal("database-not-migrated", "the database has no tables yet (未建表)",
                          where=self.name, hint="Run `tongchou migrate` first.")

    def _full(self) -> Refusal:
        return Refusal("database-full", "the disk of the database is full (磁盘已满)",
                       where=self.name, hint="Nothing was written. Free space on the disk, or "
                       "give it more; writing goes on by itself.")

    def _connect_owner(self, url: str | None = None) -> psycopg.Connection:
        if self.server is not None and self.server.pid() is None:
            self.server.start()
        return _connect(url or self.owner_url)

    def _recover(self, error: Exception, attempt: int) -> None:
        time.sleep(random.uniform(0, 0.01) * (1 << attempt))
        if _lost(error):
            try:
                self.revive()
            except Refusal:
                time.sleep(0.1 * attempt)


def open_database(url: str | None, data: Path, *, owner_url: str | None = None,
                  rehearsal: Sequence[str] = ()) -> Database:
    """The database at `url`, or without one the embedded server in the folder `data`.

    `owner_url`: the same database for its owner, where the service's user may not change the
    schema; `rehearsal`: see Database. Raises Refusal `database-unavailable`, `database-too-old`, or
    what start_server() says.
    """
    if url is None:
        server = start_server(data)
        _make_database(server)
        return Database(server.url(DATABASE), server=server, rehearsal=rehearsal)
    database = Database(url, owner_url=owner_url, rehearsal=rehearsal)
    with database.refusing(), _connect(database.owner_url) as connection:
        version = connection.info.server_version // 10_000
    if version < VERSION_MIN:
        raise Refusal("database-too-old", f"PostgreSQL {version} is too old (数据库版本过低)",
                      where=database.name, hint=f"Use version {VERSION_MIN} or later.")
    return database


def _make_database(server: LocalServer) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE])
        if found.fetchone() is None:
            try:
                connection.execute(f"create database {DATABASE}")
            except (states.DuplicateDatabase, states.UniqueViolation):
                pass  # another process of this folder was first


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S, application_name="tongchou",
                           options="-c timezone=UTC")


def _patient(database: Database) -> type[psycopg.Connection]:
    """Connections that wait out a restart of the server: the pool itself would wait for seconds
    between its tries. The embedded server is started again when it is found dead."""

    class Patient(psycopg.Connection):
        @classmethod
        def connect(cls, *arguments: object, **settings: object) -> psycopg.Connection:
            end = time.monotonic() + CONNECT_TIMEOUT_S
            while True:
                try:
                    if database.server is not None and database.server.pid() is None:
                        database.server.start()
                    return super().connect(*arguments, **settings)
                except psycopg.OperationalError as error:
                    if not _lost(error) or time.monotonic() > end:
                        raise
                    time.sleep(0.05)

    return Patient


def _configure(connection: psycopg.Connection) -> None:
    set_json_loads(orjson.loads, connection)
    connection.execute(_SETUP)
    connection.commit()


def _conflict(error: Exception) -> bool:
    return isinstance(error, (states.SerializationFailure, states.DeadlockDetected))


def _lost(error: Exception) -> bool:
    """The connection or the server went away, or it is starting, stopping or full of guests."""
    if isinstance(error, (states.AdminShutdown, states.CrashShutdown, states.CannotConnectNow,
                          states.TooManyConnections, states.ConnectionException)):
        return True
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def _unavailable(where: str, error: Exception) -> Refusal:
    said = " ".join(str(error).split())[:300]
    return Refusal("database-unavailable", f"the database cannot be reached (数据库不可用): {said}",
                   where=where, hint="Look whether it runs and takes connections from here; "
                   "nothing was written.")


def _unknown(where: str) -> Refusal:
    return Refusal("database-outcome-unknown", "the connection broke during the commit, so it is "
                   "not known whether it happened (提交结果未知)", where=where,
                   hint="Ask for the record, or send the same request with the same key again.")


def _read_only(where: str) -> Refusal:
    return Refusal("database-read-only", "this database takes no writes (数据库只读)", where=where,
                   hint="It may be a standby: point DATABASE_URL at the primary.")
