"""The database itself: it starts, survives, refuses and migrates (docs/operate.md)."""
import psycopg
import pytest

from tongchou.database import Database, migrations


@pytest.mark.both_servers
def test_the_service_works_as_its_own_role(database: Database) -> None:
    with database.connection() as connection:
        row = connection.execute("select current_user, current_setting('TimeZone')").fetchone()
        assert row == ("tongchou_service", "UTC")
        applied = connection.execute("select count(*) from pg_class where relname = 'posting'")
        assert applied.fetchone() == (1,)
    assert list(migrations())[0] == "0001_base.sql"


@pytest.mark.both_servers
def test_the_service_cannot_change_the_journal(connection: psycopg.Connection) -> None:
    for statement in ("update journal_entry set kind = ''", "delete from posting",
                      "truncate outcome", "drop table chain"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(statement)
