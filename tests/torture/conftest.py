"""The database fixtures of the platform's tests, and its towns, windows and plain model."""
from collections.abc import Iterator

import pytest
from servers import *  # noqa: F403 - its fixtures
from servers import copy_of

from tongchou.database import Database


@pytest.fixture
def own_database(server_kind: str, new_server: object) -> Iterator[Database]:
    """A migrated database on a server that no other test uses, so that it may be killed."""
    from tongchou.database import migrate
    for database in copy_of(new_server(server_kind), "template0"):
        migrate(database)
        yield database


# What every `make test` runs; the rest takes minutes and belongs to `make test-long`.
SHORT = {"test_what_was_acknowledged_survives_every_kill", "test_a_bill_that_came_while_it_read",
         "test_a_recognition_is_not_missed_by_a_first_bill"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as `long` what is not in SHORT."""
    for item in items:
        if "/torture/" in str(item.path) and getattr(item, "originalname", "") not in SHORT:
            item.add_marker(pytest.mark.long)
