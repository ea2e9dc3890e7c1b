"""The database fixtures of the platform's tests, and people to work with."""
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from uuid import uuid4

import pytest

from tongchou.database import Database
from tongchou.enrolment import Enrolment
from tongchou.privacy import KeyRing, make_key_file, read_keys

_FILE = Path(__file__).parents[1] / "platform" / "conftest.py"
_SPEC = spec_from_file_location("platform_fixtures", _FILE)
_FIXTURES = sys.modules["platform_fixtures"] = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FIXTURES)
pytest_generate_tests = _FIXTURES.pytest_generate_tests
server_kind, new_server, server = _FIXTURES.server_kind, _FIXTURES.new_server, _FIXTURES.server
database, fresh_database = _FIXTURES.database, _FIXTURES.fresh_database

REGION = "999901"


class Clock:
    """A clock that moves a second at every look, and further when told."""

    def __init__(self) -> None:
        self.now = datetime(2024, 6, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    make_key_file(path)
    return read_keys(path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_enrolment(keys: KeyRing) -> Callable[[Database, Clock], Enrolment]:
    def made(database: Database, clock: Clock) -> Enrolment:
        count = iter(range(1, 10**9))
        prefix = f"T{uuid4().hex[:10]}"
        service = Enrolment(database, keys, clock, lambda: f"{prefix}{next(count)}")
        service.open_region(REGION, "示范区")
        return service
    return made


@pytest.fixture
def enrolment(database: Database, clock: Clock, make_enrolment: Callable) -> Iterator[Enrolment]:
    yield make_enrolment(database, clock)
