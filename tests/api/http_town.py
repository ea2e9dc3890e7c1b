"""The web application over a small town: the database fixtures of the platform's tests, operators
of every role, and clients that are signed in."""
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from town import REGION as TOWN_REGION
from town import Town
from servers import *  # noqa: F403 - its fixtures
from starlette.testclient import TestClient

from tongchou.access import (DEMONSTRATION_PASSWORD, AccessService, Account,
                             make_demonstration_operators)
from tongchou.api import Settings, create_app
from tongchou.database import Database

REGION, OTHER_REGION = TOWN_REGION, "370300"
HOSPITAL = "H2"
BASE = f"/api/v1/regions/{REGION}"
ROLES = ("clerk", "agency", "auditor", "administrator", "institution")


class Clock:
    """Moves a millisecond at every look, and further when told."""

    def __init__(self) -> None:
        self.now = datetime(2024, 12, 30, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def later(self, **more: int) -> None:
        """Lets time pass."""
        self.now += timedelta(**more)


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> object:
    """Hospitals, rules and a pack; people come with the tests."""
    return Town(database, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def clock() -> Clock:
    """The clock of sessions."""
    return Clock()


@pytest.fixture(scope="module")
def access(town: object, clock: Clock) -> AccessService:
    """Operators of every role; `stranger` is a clerk of another region."""
    service = AccessService(town.platform.database.connection, clock, town.platform.ids)
    make_demonstration_operators(service, [REGION], [HOSPITAL, "H3"])
    service.create(Account("stranger", "Stranger", "clerk", (OTHER_REGION,)), "test",
                   DEMONSTRATION_PASSWORD)
    return service


@pytest.fixture(scope="module")
def app(town: object, access: AccessService) -> object:
    """The application over the town."""
    return create_app(town.platform, access, Settings())


@pytest.fixture(scope="module")
def client(app: object) -> Iterator[TestClient]:
    """A client without a session."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def signed(client: TestClient) -> Callable[[str], dict[str, str]]:
    """Headers of a role's session: a bearer token, and a key for one write."""
    def headers(role: str) -> dict[str, str]:
        user = f"inst-{HOSPITAL.lower()}" if role == "institution" else role
        token = _TOKENS.setdefault(id(client), {}).get(user, "")
        alive = client.get("/api/v1/session", headers={"authorization": f"Bearer {token}"})
        if alive.status_code != 200:        # none yet, or the clock has moved on
            reply = client.post("/api/v1/session", json={
                "user_id": user, "password": DEMONSTRATION_PASSWORD, "session": "bearer"})
            assert reply.status_code == 201, reply.text
            _TOKENS[id(client)][user] = reply.json()["token"]
        _KEYS.append(len(_KEYS))
        return {"authorization": f"Bearer {_TOKENS[id(client)][user]}",
                "idempotency-key": f"test-{len(_KEYS)}"}
    return headers


_TOKENS: dict[int, dict[str, str]] = {}
_KEYS: list[int] = []
