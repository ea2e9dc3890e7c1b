"""A small demonstration city in a database, loaded once."""
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import *  # noqa: F403 - its fixtures

from tongchou.access import AccessService
from tongchou.database import Database
from tongchou.demo_city import load
from tongchou.platform import Platform
from tongchou.privacy import open_keys

PEOPLE, BILLS = 120, 24


class City:
    """A platform with the city, who may sign in, and what loading said."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.platform = Platform(database, open_keys(folder))
        self.access = AccessService(database.connection, self.platform.clock, self.platform.ids)
        self.loaded = self.load()

    def load(self) -> object:
        """Loads it, or completes what is there."""
        return load(self.platform, self.access, people=PEOPLE, bills=BILLS,
                    progress=lambda step, done, of: None)


@pytest.fixture(scope="module")
def city(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The city, as `tongchou serve` loads it but smaller."""
    yield City(database, tmp_path_factory.mktemp("keys"))
