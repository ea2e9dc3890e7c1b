"""A connection plans what windows will call when it opens: nobody waits, nothing is written."""
from __future__ import annotations

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from tongchou.database import Database
from tongchou.gateway import REHEARSAL as MESSAGES
from tongchou.settlement import store

REHEARSAL = (*store.REHEARSAL, *MESSAGES)
ASKED = """select settlement_contexts('[{"region": "130000", "shard": 1, "psn_no": "P",
  "year": "2024-01-01:residents", "key": "K", "key_shard": 1}]')"""
ARRIVED = """select gateway_begin('[{"region": "130000", "shard": 1, "code": "H", "msgid": "M",
  "infno": "2303", "digest": "00", "refmsgid": "R", "at": "2024-01-01T00:00:00Z", "psn_no": "P",
  "mdtrt_id": "V", "opter": "O"}]', array[null::bytea])"""
PLANS = "select count(*) from pg_backend_memory_contexts where name = 'CachedPlan'"


@pytest.mark.both_servers
def test_it_calls_everything_and_writes_nothing(database: Database) -> None:
    with database.connection() as connection:
        for statement in REHEARSAL:
            connection.execute(statement)
        assert connection.execute("select pg_current_xact_id_if_assigned()").fetchone() == (None,)


@pytest.mark.both_servers
def test_a_connection_opens_with_its_plans(database: Database) -> None:
    def plans(rehearsal: tuple[str, ...]) -> int:
        one = Database(database.url, rehearsal=rehearsal)
        try:
            with one.statements() as connection:
                connection.execute("reset role")
                return connection.execute(PLANS).fetchone()[0]
        finally:
            one.close()

    assert plans(REHEARSAL) >= plans(()) + 10


def test_a_database_that_only_reads_is_still_read(database: Database) -> None:
    url = make_conninfo(database.url, options="-c default_transaction_read_only=on")
    only_read = Database(url, rehearsal=REHEARSAL)
    try:
        with only_read.statements() as connection:
            assert connection.execute("select settlement_contexts('[]')").fetchone() == (None,)
    finally:
        only_read.close()


@pytest.mark.both_servers
def test_what_is_planned_on_empty_tables_never_reads_all_of_them(database: Database) -> None:
    with database.admin(autocommit=True) as owner:
        owner.execute("vacuum analyze")
        before = scans(owner)
        window = Database(database.url, rehearsal=REHEARSAL)
        try:
            with window.statements() as connection:
                connection.execute(ASKED)
                connection.execute(ARRIVED)
                connection.execute("select pg_stat_force_next_flush()")
        finally:
            window.close()
        assert scans(owner) == before


def scans(owner: Connection) -> list[tuple[str, int]]:
    """How often all of each table that grows was read."""
    owner.execute("select pg_stat_clear_snapshot()")
    return owner.execute("select relname, seq_scan from pg_stat_user_tables "
                         "where relname ~ '_p[0-9]+$' order by relname").fetchall()
