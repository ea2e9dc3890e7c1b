"""A real PostgreSQL for the tests of the platform: one server per worker, a database per module.

The embedded server by default; tests marked `both_servers` run on Debian's PostgreSQL 15 as well
where it is installed; TEST_DATABASE_SERVER=debian (or embedded) chooses one for all.
A template is migrated once per server; every module gets a fresh copy of it.

    database      a migrated, empty Database of this module; what a test writes, the next ones see
    connection    one of its connections, as the service, rolled back at the end of the test
    fresh_database    the same for a single test that writes and commits
"""
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tongchou.database import Database, LocalServer, embedded_programs, migrate, start_server
from tongchou.errors import Refusal

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SMALL_CACHE = {"shared_buffers": "64MB", "max_wal_size": "512MB"}
# A killed process loses nothing without fsync, only a machine does; one of the two keeps it on.
FSYNC = {"embedded": {"fsync": "off"}, "debian": {"fsync": "on"}}
SMALL_DISK_BYTES = 256 << 20
NO_DEBIAN = "Debian's PostgreSQL 15 is not installed here (apt-get install postgresql-15)"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server_kind" not in metafunc.fixturenames:
        return
    chosen = os.environ.get("TEST_DATABASE_SERVER")
    both = metafunc.definition.get_closest_marker("both_servers")
    kinds = [chosen] if chosen else ["embedded", "debian"] if both else ["embedded"]
    metafunc.parametrize("server_kind", kinds, scope="session", indirect=True)


@pytest.fixture(scope="session")
def server_kind(request: pytest.FixtureRequest) -> str:
    """embedded or debian."""
    if request.param == "debian" and not (DEBIAN_PROGRAMS / "postgres").exists():
        pytest.skip(NO_DEBIAN)
    return request.param


def programs_of(kind: str) -> Path | None:
    """The folder of its programs, None for the embedded ones."""
    return DEBIAN_PROGRAMS if kind == "debian" else None


@pytest.fixture(scope="session")
def new_server() -> Iterator[Callable[..., LocalServer]]:
    """Starts a server of its own in a new folder; all are stopped and removed at the end."""
    started: list[LocalServer] = []
    bury_the_dead()

    def start(kind: str = "embedded", folder: Path | None = None, **settings: str) -> LocalServer:
        folder = folder or Path(tempfile.mkdtemp(prefix="tongchou-test-"))
        started.append(start_server(folder / "data", programs_of(kind),
                                    SMALL_CACHE | FSYNC[kind] | settings))
        return started[-1]

    yield start
    for server in started:
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)


def bury_the_dead() -> None:
    """Stops and removes the servers of test runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob("tongchou-test-*"):
        users = folder / "data" / "users"
        if users.is_dir() and (numbers := [file.name for file in users.iterdir()]) \
                and not any(Path(f"/proc/{number}").exists() for number in numbers):
            with suppress(OSError, Refusal):  # another run may be at it as well
                LocalServer(folder / "data", embedded_programs()).stop()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(server_kind: str, new_server: Callable[..., LocalServer]) -> LocalServer:
    """The server of this worker, with the migrated database `template`."""
    started = new_server(server_kind)
    make_database(started, "template")
    template = Database(started.url("template"), server=started)
    migrate(template)
    return started


def make_database(server: LocalServer, name: str, template: str = "template0") -> str:
    """Makes a database on it; gives its name."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}")
    return name


def copy_of(server: LocalServer, template: str = "template") -> Iterator[Database]:
    """A fresh copy of the template, dropped afterwards."""
    name = make_database(server, f"test_{uuid.uuid4().hex[:12]}", template)
    database = Database(server.url(name), server=server)
    yield database
    if database._pool is not None:
        database._pool.close()
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def database(server: LocalServer) -> Iterator[Database]:
    """A migrated database of this module."""
    yield from copy_of(server)


@pytest.fixture
def fresh_database(server: LocalServer) -> Iterator[Database]:
    """A migrated database of this test."""
    yield from copy_of(server)


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    """A connection of the service, rolled back at the end."""
    with database.pool.connection() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def small_disk_database(server_kind: str, new_server: Callable[..., LocalServer]) \
        -> Iterator[Database]:
    """A migrated database whose disk is a tmpfs of 256 MiB; skips where mounting is impossible.

    Fill it by writing a file into `database.server.data`; delete the file to give space back.
    """
    folder = Path(tempfile.mkdtemp(prefix="tongchou-disk-"))
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES},mode=0755",
                               "tmpfs", str(folder)], check=False, capture_output=True, text=True) \
        if os.geteuid() == 0 and shutil.which("mount") else None
    if mounting is None or mounting.returncode:
        folder.rmdir()
        why = mounting.stderr.strip() if mounting else "not root"
        pytest.skip(f"a small disk cannot be mounted here: {why}")
    server = None
    try:
        server = new_server(server_kind, folder, max_wal_size="64MB", min_wal_size="32MB")
        make_database(server, "tongchou")
        database = Database(server.url(), server=server)
        migrate(database)
        yield database
        database.close()
    finally:
        if server is not None:
            server.stop()
        subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
