"""A connection plans what windows will call when it opens: nobody waits, nothing is written."""
from __future__ import annotations

import pytest
from psycopg.conninfo import make_conninfo

from tongchou.database import Database
from tongchou.gateway import REHEARSAL as MESSAGES
from tongchou.settlement import store

REHEARSAL = (*store.REHEARSAL, *MESSAGES)
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
