"""The database fixtures of the platform's tests, and people to work with."""
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from servers import *  # noqa: F403 - its fixtures

from tongchou.database import Database
from tongchou.enrolment import Enrolment
from tongchou.privacy import KeyRing, make_key_file, read_keys

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
