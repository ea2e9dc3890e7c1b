"""A small demonstration city in a database, loaded once."""
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tongchou.access import AccessService
from tongchou.database import Database
from tongchou.demo_city import load
from tongchou.platform import Platform
from tongchou.privacy import open_keys

_FILE = Path(__file__).parents[1] / "platform" / "conftest.py"
_SPEC = spec_from_file_location("platform_fixtures", _FILE)
_FIXTURES = sys.modules["platform_fixtures"] = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FIXTURES)
pytest_generate_tests = _FIXTURES.pytest_generate_tests
server_kind, new_server, server = _FIXTURES.server_kind, _FIXTURES.new_server, _FIXTURES.server
database, fresh_database = _FIXTURES.database, _FIXTURES.fresh_database

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
