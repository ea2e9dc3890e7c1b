"""Profiles are read once for all messages, in the background while they are nearly new."""
from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from gateway_city import FAMILIES, City
from hospital import SIGN_IN, Hospital, read

from tongchou.gateway import GatewayApplication, Profiles, profile_store
from tongchou.gateway.profiles import KEPT_SECONDS, OLD_SECONDS
from tongchou.gateway.service import Gateway


class Reading:
    """Profiles over the city's database with a clock of their own; counts how often they are read,
    and holds a reading back until `gate` opens."""

    def __init__(self, city: City, patch: pytest.MonkeyPatch) -> None:
        self.hospital = city.hospital(FAMILIES["E"])
        self.now, self.count, self.gate = 0.0, 0, threading.Event()
        self.gate.set()
        self.profiles = Profiles(city.platform.database, city.platform.enrolment.keys,
                                 lambda: self.now)
        self.gateway = Gateway(replace(city.gateway.desk, profiles=self.profiles))
        self._read = profile_store.profiles
        patch.setattr(profile_store, "profiles", self._counted)

    def _counted(self, connection: object) -> object:
        self.count += 1
        self.gate.wait(10)
        return self._read(connection)


@pytest.fixture
def reading(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    made = Reading(city, monkeypatch)
    yield made
    made.gate.set()


async def sent(application: GatewayApplication, hospital: Hospital) -> dict[str, object]:
    """The reply to a sign-in."""
    body = json.dumps(hospital.envelope("9001", SIGN_IN)).encode()
    parts: list[bytes] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, object]) -> None:
        parts.append(message.get("body", b""))

    await application({"type": "http", "method": "POST", "path": "/gateway/9001", "headers": []},
                      receive, send)
    return read(b"".join(parts))


def test_messages_that_find_them_due_read_them_once(reading: Reading) -> None:
    async def all_at_once() -> list[dict[str, object]]:
        application = GatewayApplication(reading.gateway, lambda *_: None)
        return await asyncio.gather(*(sent(application, reading.hospital) for _ in range(6)))

    replies = asyncio.run(all_at_once())
    assert [one["infcode"] for one in replies] == [0] * 6 and reading.count == 1


@pytest.mark.parametrize(("seconds", "waits"), [(KEPT_SECONDS + 1, False), (OLD_SECONDS + 1, True)])
def test_a_message_waits_for_old_ones_only(reading: Reading, seconds: float, waits: bool) -> None:
    async def one() -> bool:
        """Whether it was answered only when the reading, held back for a while, went on."""
        application = GatewayApplication(reading.gateway, lambda *_: None)
        task = asyncio.ensure_future(sent(application, reading.hospital))
        await asyncio.wait([task], timeout=2)
        waited = not task.done()
        reading.gate.set()
        assert (await task)["infcode"] == 0
        return waited

    reading.profiles.refresh()
    reading.gate.clear()
    reading.now += seconds
    assert asyncio.run(one()) == waits and reading.count == 2


def test_what_did_not_change_is_not_opened_again(city: City, reading: Reading) -> None:
    profiles, code = reading.profiles, FAMILIES["A"]
    profiles.refresh()
    before = {one: profiles.of(one) for one in FAMILIES.values()}
    changed = replace(before[code], secret="another secret")
    city.profiles.put(changed, "test", city.platform.clock())
    profiles.refresh()
    assert profiles.of(code) == changed
    assert all(profiles.of(one) is known for one, known in before.items() if one != code)
    city.profiles.put(before[code], "test", city.platform.clock())


def test_a_change_here_is_seen_at_once(city: City, reading: Reading) -> None:
    profiles, code = reading.profiles, FAMILIES["E"]
    profiles.refresh()
    assert not profiles.due
    before = profiles.of(code)
    profiles.put(replace(before, strictness="reject"), "test", city.platform.clock())
    assert profiles.due and profiles.old
    profiles.renew()
    assert profiles.of(code).strictness == "reject"
    profiles.put(before, "test", city.platform.clock())
