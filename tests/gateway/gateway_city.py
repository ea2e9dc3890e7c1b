"""Fixtures of this folder: the demonstration city, small, and hospitals that speak to it."""
from __future__ import annotations

import http.client
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
import uvicorn
from hospital import Hospital
from servers import *  # noqa: F403 - its fixtures
from visiting import Stay, identify

from tongchou.access import AccessService
from tongchou.api import messages
from tongchou.database import Database
from tongchou.demo_city import REGION, describe, load
from tongchou.gateway import (Desk, Gateway, GatewayApplication, Profiles,
                              make_demonstration_profiles)
from tongchou.platform import Platform
from tongchou.privacy import open_keys
from tongchou.settlement import local_time
from tongchou.visits import Visits

PEOPLE = 60
FAMILIES = {"A": "H52990100001", "B": "H52990100002", "C": "H52990100003", "E": "H52990100004"}
RESIDENT = "a resident, nothing special"
PATIENTS = itertools.cycle((RESIDENT, "an employee", "a retired employee", "a pupil",
                            "low-income allowance", "extreme poverty", "borderline", "monitored"))


class City:
    """A platform with the city, its gateway, and clients."""

    def __init__(self, database: Database, folder: Path, people: int = PEOPLE) -> None:
        self.platform = Platform(database, open_keys(folder, {}))
        self.access = AccessService(database.connection, self.platform.clock, self.platform.ids)
        self.loaded = load(self.platform, self.access, people=people, bills=0)
        day = local_time(self.platform.clock())[:10]
        self.today, self.about = day, describe(date.fromisoformat(day), True)
        self.restart()
        make_demonstration_profiles(self.profiles, REGION, [
            one["fixmedins_code"] for one in self.about["institutions"]], self.platform.clock())

    def restart(self) -> None:
        """The gateway anew over the same database, as after a restart of the service."""
        self.profiles = Profiles(self.platform.database, self.platform.enrolment.keys)
        desk = Desk(self.platform, self.access, self.profiles, Visits(self.platform.clock),
                    {code: one.zh for code, one in messages().items()})
        self.gateway = Gateway(desk)
        self.stop()
        self.port = free_port()
        self.server = uvicorn.Server(uvicorn.Config(
            GatewayApplication(self.gateway, _nothing), port=self.port, log_config=None,
            access_log=False, lifespan="off"))
        threading.Thread(target=self.server.run, daemon=True).start()
        while not self.server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """Ends the service, where one runs."""
        if getattr(self, "server", None) is not None:
            self.server.should_exit = True

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Sends a request, from any thread."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, body, dict(headers))
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def hospital(self, code: str) -> Hospital:
        """The client of an institution."""
        self.profiles.refresh()
        return Hospital(self.profiles.of(code), self.post, REGION)

    def person(self, why: str) -> dict[str, str]:
        """The special person whose reason contains `why`."""
        return next(one for one in self.about["people"] if why in one["why_en"])


def charged(city: City, hospital: Hospital) -> Stay:
    """An outpatient visit with one line, each time of another person."""
    visit = Stay(hospital, identify(hospital, city.person(next(PATIENTS))), city.today)
    visit.register()
    visit.describe()
    visit.charge(visit.line(1))
    return visit


def free_port() -> int:
    """A port nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def _nothing(scope: object, receive: object, send: Callable) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def city(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The city of a module."""
    made = City(database, tmp_path_factory.mktemp("keys"))
    yield made
    made.stop()
