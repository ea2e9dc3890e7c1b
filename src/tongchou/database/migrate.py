"""The schema, brought forward by numbered SQL files, one way (建表与升级)."""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.resources import files

import psycopg
from psycopg import errors as states

from ..errors import Refusal
from .connections import SERVICE_ROLE, Database

LOCK = 0x746F6E67  # one number for all who migrate the same database
FILE_NAME = re.compile(r"^\d{4}_[a-z_]+\.sql$")


def migrations() -> dict[str, str]:
    """Name -> SQL of every migration that comes with this version, in order."""
    folder = files(__package__) / "migrations"
    found = {item.name: item.read_text("utf-8") for item in folder.iterdir()
             if FILE_NAME.match(item.name)}
    numbers = sorted(name[:4] for name in found)
    assert len(set(numbers)) == len(numbers), f"two migrations share a number: {sorted(found)}"
    return dict(sorted(found.items()))


def migrate(database: Database, steps: dict[str, str] | None = None) -> list[str]:
    """Applies what is missing, all or nothing, once however many processes ask; gives the names.

    `steps`: name -> SQL, by default migrations(). Raises Refusal `migration-changed` (a file
    applied earlier has another text now), `migration-unknown` (the database is ahead of this
    version), `migration-order` (a file was slipped in before applied ones), `migration-failed`,
    `migration-rights`, or what the database itself refuses.
    """
    steps = migrations() if steps is None else steps
    with _rights_needed(database.name), database.admin() as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute("create table if not exists schema_migration (name text primary key, "
                           "checksum text not null, applied_at timestamptz not null "
                           "default clock_timestamp())")
        missing = _missing(_applied(connection), steps, database.name)
        for name in missing:
            _apply(connection, name, steps[name])
        if missing:
            _let_owner_serve(connection)
    return missing


def pending(database: Database) -> list[str]:
    """Names of the migrations that the database does not have yet; refuses like migrate()."""
    with database.admin() as connection:
        there = connection.execute("select to_regclass('schema_migration')").fetchone()[0]
        applied = _applied(connection) if there else {}
    return _missing(applied, migrations(), database.name)


def checksum(sql: str) -> str:
    """What is stored of a migration to recognise an edit; line ends do not matter."""
    return sha256("\n".join(sql.splitlines()).encode()).hexdigest()


@contextmanager
def _rights_needed(where: str) -> Iterator[None]:
    try:
        yield
    except states.InsufficientPrivilege as error:
        said = str(error).splitlines()[0]
        raise Refusal("migration-rights", f"the user may not do this (权限不足): {said}",
                      where=where, hint="Migrate as the owner of the database with the right to "
                      "create roles (DATABASE_OWNER_URL); see docs/operate.md.") from error


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    return dict(connection.execute("select name, checksum from schema_migration").fetchall())


def _missing(applied: dict[str, str], steps: dict[str, str], where: str) -> list[str]:
    for name in sorted(applied):
        if name not in steps:
            raise Refusal("migration-unknown", f"the database has {name}, which this version does "
                          "not know (数据库比程序新)", where=where,
                          hint="Use the version of Tongchou that made it, or a later one.")
        if checksum(steps[name]) != applied[name]:
            raise Refusal("migration-changed", f"{name} was applied with another text than it has "
                          "now (建表文件被改动)", where=where, hint="Never edit an applied file: "
                          "restore it, and put the change into a new one.")
    missing = [name for name in sorted(steps) if name not in applied]
    if missing and applied and missing[0] < max(applied):
        raise Refusal("migration-order", f"{missing[0]} comes before {max(applied)}, which is "
                      "applied (建表文件次序错误)", where=where,
                      hint="Give the new file the next free number.")
    return missing


def _apply(connection: psycopg.Connection, name: str, sql: str) -> None:
    try:
        connection.execute(sql)  # type: ignore[arg-type]  # our own files
    except (psycopg.OperationalError, states.InsufficientPrivilege):
        raise
    except psycopg.Error as error:
        raise Refusal("migration-failed", f"{name}: {error} (建表失败)", where=name,
                      hint="Nothing was changed. Is the database empty and yours?") from error
    connection.execute("insert into schema_migration (name, checksum) values (%s, %s)",
                       [name, checksum(sql)])


def _let_owner_serve(connection: psycopg.Connection) -> None:
    """The owner may act as the service: since PostgreSQL 16 making a role does not include it."""
    superuser = connection.execute(
        "select rolsuper from pg_roles where rolname = current_user").fetchone()[0]
    there = connection.execute("select 1 from pg_roles where rolname = %s",
                               [SERVICE_ROLE]).fetchone()
    if there and not superuser:
        connection.execute(f"grant {SERVICE_ROLE} to current_user")
