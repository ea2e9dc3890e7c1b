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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it takes minutes: `make test-long` runs it."""
    for item in items:
        if "/torture/" in str(item.path):
            item.add_marker(pytest.mark.long)
