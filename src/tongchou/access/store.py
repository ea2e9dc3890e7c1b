"""SQL of operators, sessions, sign-ins and the access log."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from .operators import Account

_ACCOUNT = ("o.user_id, o.name, o.role, o.regions, o.institution, o.must_change, "
            "o.demonstration, o.disabled")
CHANGEABLE = ("name", "regions", "disabled", "password_hash", "must_change", "demonstration")


def _account(row: Sequence[object]) -> Account:
    user_id, name, role, regions, *rest = row
    return Account(user_id, name, role, tuple(regions), *rest)


# --- operators --------------------------------------------------------------------------------
def add_operator(connection: Connection, account: Account, password_hash: str, at: datetime,
                 by: str) -> bool:
    """False when the user id is taken."""
    made = connection.execute(
        "insert into operator (user_id, name, role, regions, institution, password_hash, "
        "must_change, demonstration, made_at, made_by) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        [account.user_id, account.name, account.role, list(account.regions), account.institution,
         password_hash, account.must_change, account.demonstration, at, by])
    return made.rowcount == 1


def change_operator(connection: Connection, user_id: str, changes: Mapping[str, object]) -> bool:
    """Sets columns of CHANGEABLE; False when there is no such operator."""
    assert changes and changes.keys() <= set(CHANGEABLE), changes
    columns = ", ".join(f"{name} = %s" for name in changes)
    done = connection.execute(f"update operator set {columns} where user_id = %s",
                              [*changes.values(), user_id])
    return done.rowcount == 1


def add_change(connection: Connection, change_id: str, user_id: str, at: datetime, by: str,
               what: str, detail: Mapping[str, object]) -> None:
    """The trail of a change to an operator."""
    connection.execute("insert into operator_change values (%s, %s, %s, %s, %s, %s)",
                       [change_id, user_id, at, by, what, Jsonb(dict(detail))])


def operator(connection: Connection, user_id: str) -> tuple[Account, str] | None:
    """The account and its password hash."""
    row = connection.execute(f"select {_ACCOUNT}, o.password_hash from operator o "
                             "where user_id = %s", [user_id]).fetchone()
    return (_account(row[:-1]), row[-1]) if row else None


def operators(connection: Connection) -> list[Account]:
    """All, by user id."""
    rows = connection.execute(f"select {_ACCOUNT} from operator o order by user_id").fetchall()
    return [_account(row) for row in rows]


def count_demonstration(connection: Connection) -> int:
    """Operators whose password everybody knows and who can still sign in."""
    return connection.execute("select count(*) from operator where demonstration and not disabled"
                              ).fetchone()[0]


# --- sessions ---------------------------------------------------------------------------------
def add_session(connection: Connection, token_hash: bytes, user_id: str, kind: str, at: datetime,
                ends_at: datetime, address: str) -> None:
    """Starts a session."""
    connection.execute("insert into session values (%s, %s, %s, %s, %s, %s, null, %s)",
                       [token_hash, user_id, kind, at, at, ends_at, address])


def session(connection: Connection, token_hash: bytes,
            ) -> tuple[Account, str, datetime, datetime] | None:
    """Account, kind, seen_at, ends_at of a session not ended; the operator may be disabled."""
    row = connection.execute(
        f"select {_ACCOUNT}, s.kind, s.seen_at, s.ends_at from session s join operator o "
        "using (user_id) where s.token_hash = %s and s.ended_at is null",
        [token_hash]).fetchone()
    return (_account(row[:-3]), *row[-3:]) if row else None


def see_session(connection: Connection, token_hash: bytes, at: datetime) -> None:
    """Notes that a session was used."""
    connection.execute("update session set seen_at = %s where token_hash = %s and seen_at < %s",
                       [at, token_hash, at])


def end_session(connection: Connection, token_hash: bytes, at: datetime) -> None:
    """Signs out."""
    connection.execute("update session set ended_at = %s where token_hash = %s "
                       "and ended_at is null", [at, token_hash])


def end_sessions_of(connection: Connection, user_id: str, at: datetime) -> None:
    """Ends all sessions of an operator."""
    connection.execute("update session set ended_at = %s where user_id = %s "
                       "and ended_at is null", [at, user_id])


# --- sign-ins ---------------------------------------------------------------------------------
def add_sign_in(connection: Connection, sign_in_id: str, at: datetime, user_id: str,
                address: str, succeeded: bool) -> None:
    """The trail of a try."""
    connection.execute("insert into sign_in values (%s, %s, %s, %s, %s)",
                       [sign_in_id, at, user_id, address, succeeded])


def failures(connection: Connection, user_id: str, address: str, since: datetime,
             ) -> tuple[int, int, int]:
    """Failed tries since: of this user from this address (after his last success from there), of
    this user from anywhere, from this address for anybody."""
    return connection.execute(
        "select (select count(*) from sign_in where user_id = %(user)s and address = %(address)s "
        "  and not succeeded and tried_at > greatest(%(since)s, (select max(tried_at) "
        "    from sign_in where user_id = %(user)s and address = %(address)s and succeeded))), "
        "(select count(*) from sign_in where user_id = %(user)s and not succeeded "
        "  and tried_at > %(since)s), "
        "(select count(*) from sign_in where address = %(address)s and not succeeded "
        "  and tried_at > %(since)s)",
        {"user": user_id, "address": address, "since": since}).fetchone()


# --- access log -------------------------------------------------------------------------------
def add_looks(connection: Connection, rows: Sequence[Sequence[object]]) -> None:
    """Appends rows of access_log. Not waiting for the disk: a read must not cost a write's time,
    and a crash that loses the last fraction of a second also loses the replies it belonged to."""
    connection.execute("set local synchronous_commit = off")
    places = ", ".join(["%s"] * 13)
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into access_log values ({places})", rows)


def find_looks(connection: Connection, region: str, shard: int | None, psn_no: str | None,
               user_id: str | None, since: datetime, until: datetime, limit: int,
               ) -> list[dict[str, object]]:
    """Rows of access_log, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "select log_id, read_at, user_id, role, institution, psn_no, purpose, fields, route, "
            "outcome, request_id from access_log where region = %(region)s "
            "and (%(shard)s::smallint is null or shard = %(shard)s) "
            "and (%(psn_no)s::text is null or psn_no = %(psn_no)s) "
            "and (%(user)s::text is null or user_id = %(user)s) "
            "and read_at >= %(since)s and read_at < %(until)s "
            "order by read_at desc, log_id desc limit %(limit)s",
            {"region": region, "shard": shard, "psn_no": psn_no, "user": user_id, "since": since,
             "until": until, "limit": limit}).fetchall()
    return [{**row, "read_at": row["read_at"].isoformat()} for row in found]
