"""Base backups, archived changes and the way back to a moment (备份与恢复).

For the embedded server; for a real one docs/operate.md names the same steps, or use pgBackRest.
"""
from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from ..errors import Refusal
from .connections import Database
from .embedded import LocalServer, as_server_user, start_server

RESTORE_SECONDS = 600
NAME_OF_COPY = "%Y%m%dT%H%M%S%fZ"  # when it was begun, UTC


def keep_changes(database: Database, archive: Path) -> None:
    """From now on every finished segment of changes (WAL) is copied into `archive`.

    A segment counts as kept only when its copy is complete. Raises Refusal `database-remote` for a
    server that is not ours to set up.
    """
    server = _ours(database)
    server.own(archive)
    kept = f"{_in_command(archive)}/%f"
    command = f"test ! -f {kept} && cp %p {kept}.part && sync {kept}.part && mv {kept}.part {kept}"
    with database.admin(autocommit=True) as connection:
        connection.execute(sql.SQL("alter system set archive_command = {}").format(command))
        connection.execute("select pg_reload_conf()")


def back_up(database: Database, folder: Path) -> Path:
    """Copies the whole server into a new folder under `folder` while it runs; gives that folder.

    The copy is checked against its manifest. Call keep_changes() before the first one.
    """
    server = _ours(database)
    server.own(folder)
    target = folder.resolve() / datetime.now(UTC).strftime(NAME_OF_COPY)
    server.program("pg_basebackup", "-h", server.socket, "-U", "postgres", "-D", target,
                   "--checkpoint=fast", "--wal-method=stream", "--manifest-checksums=SHA256")
    server.program("pg_verifybackup", target)
    return target


def now_in(database: Database) -> datetime:
    """The moment to restore to, by the database's clock; its changes are handed to the archive."""
    with database.admin(autocommit=True) as connection:
        moment = connection.execute("select clock_timestamp()").fetchone()[0]
        # An empty transaction after the moment: a restore stops at the first one behind it.
        connection.execute("select pg_current_xact_id()")
        segment = connection.execute(
            "select pg_walfile_name(pg_current_wal_insert_lsn())").fetchone()[0]
        connection.execute("select pg_switch_wal()")
        _wait_for_archive(connection, segment)
    return moment


def restore(backup: Path, archive: Path, moment: datetime, data: Path, *,
            programs: Path | None = None,
            settings: Mapping[str, str] | None = None) -> LocalServer:
    """A new server in the empty folder `data`, with everything committed until `moment`.

    Raises Refusal `restore-folder-not-empty`, `restore-impossible` (the backup is younger than the
    moment, or the archive ends before it) or `database-unavailable`.
    """
    data = data.expanduser().resolve()
    if data.exists() and any(data.iterdir()):
        raise Refusal("restore-folder-not-empty", "a restore never writes over data "
                      "(恢复目录须为空)", where=str(data), hint="Name a new folder.")
    assert moment.tzinfo is not None, "a moment without a time zone"
    if not (backup / "backup_manifest").exists():
        raise Refusal("restore-impossible", "this folder is no backup (不是备份目录)",
                      where=str(backup), hint="Name a folder that `back_up` made.")
    _lay_out(backup, data)
    _aim(data / "postgres", archive, moment)
    try:
        server = start_server(data, programs, settings)
        _wait_until_writable(Database(server.url("postgres"), server=server))
    except Refusal as error:
        raise Refusal("restore-impossible", f"the moment {moment.isoformat()} cannot be reached "
                      f"(无法恢复到该时刻): {error.message}", where=str(backup),
                      hint="Take a backup made before that moment, and an archive that reaches "
                      "beyond it.") from error
    return server


def _lay_out(backup: Path, data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copytree(backup, data / "postgres", copy_function=shutil.copyfile, symlinks=True)
    for folder, _, names in os.walk(data / "postgres"):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            path.chmod(0o700 if path.is_dir() else 0o600)
            as_server_user(path)


def _aim(cluster: Path, archive: Path, moment: datetime) -> None:
    """Tells the server to replay until the moment, then to open a time line of its own: the old
    archive stays as it is."""
    (cluster / "recovery.signal").touch()
    as_server_user(cluster / "recovery.signal")
    command = f"cp {_in_command(archive)}/%f %p".replace("'", "''")
    with (cluster / "postgresql.auto.conf").open("a") as file:
        file.write(f"restore_command = '{command}'\n"
                   f"recovery_target_time = '{moment.isoformat()}'\n"
                   "recovery_target_action = 'promote'\narchive_command = 'true'\n")


def _in_command(folder: Path) -> str:
    """A folder as PostgreSQL's archive and restore commands want it."""
    return shlex.quote(str(folder.resolve())).replace("%", "%%")


def _wait_until_writable(database: Database) -> None:
    end = time.monotonic() + RESTORE_SECONDS
    while time.monotonic() < end:
        with database.admin(autocommit=True) as connection:
            if not connection.execute("select pg_is_in_recovery()").fetchone()[0]:
                for name in ("restore_command", "recovery_target_time", "recovery_target_action"):
                    connection.execute(f"alter system reset {name}")  # type: ignore[arg-type]
                return
        time.sleep(0.1)
    raise Refusal("database-unavailable", f"still replaying after {RESTORE_SECONDS} s")


def _wait_for_archive(connection: psycopg.Connection, segment: str) -> None:
    end = time.monotonic() + RESTORE_SECONDS
    while time.monotonic() < end:
        if connection.execute("select last_archived_wal >= %s from pg_stat_archiver",
                              [segment]).fetchone()[0]:
            return
        time.sleep(0.05)
    raise Refusal("archive-stuck", "the changes are not being archived (变更日志归档停滞)",
                  hint="Look for room and rights in the folder of the archive.")


def _ours(database: Database) -> LocalServer:
    if database.server is None:
        raise Refusal("database-remote", "this server is run by others (数据库由他处管理)",
                      where=database.name, hint="Back it up where it runs: docs/operate.md.")
    return database.server
