"""A stored message once more (报文重放): as a repeat, or dry - answered as of now, nothing written.

Dry, a settlement is quoted and a cancellation is told as if it had gone back; what a handler hands
over as writes is dropped; the platform it sees reads only, and the database would refuse it anyway.
So 2207 of a visit that is settled says so: the answer is that of this moment, not the one that
stands. What money would do, it shows; it moves none.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from ..errors import TongchouError
from ..visits import Visit
from ..visits import store as visit_store
from .call import Asking, Call, Desk
from .message_store import Begun
from .nodes import transactions
from .opening import Opened, slot_of
from .reading import read_input
from .refusals import declined
from .service import Gateway

# What a handler may ask of the platform; all of it reads.
READS = frozenset({"clock", "regimes", "places", "catalogues", "history", "presettle", "ids"})
ENROLMENT_READS = frozenset({"context", "views", "facts", "find", "institutions", "institution",
                             "keys", "rules"})
ENROLMENT_WRITES = frozenset({"add", "correct", "retract"})
NEVER = frozenset({"9101", "9102"})    # the file itself is not kept with its message
DRY_PREFIX = "DRY"


class _Reading:
    """A part of the platform of which only `names` can be asked."""

    def __init__(self, of: object, names: frozenset[str]) -> None:
        self._of, self._names = of, names

    def __getattr__(self, name: str) -> object:
        if name not in self._names:
            raise not_replayable()
        return getattr(self._of, name)


class DryEnrolment(_Reading):
    """Enrolment that forgets what it is told."""

    def __getattr__(self, name: str) -> object:
        if name in ENROLMENT_WRITES:
            return lambda *_, **__: None
        return super().__getattr__(name)


class DryDatabase:
    """Connections that read."""

    def __init__(self, database: object) -> None:
        self._database = database

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A transaction that may not write."""
        with self._database.connection() as connection:
            connection.execute("set transaction read only")
            yield connection

    statements = connection


class DryPlatform(_Reading):
    """The platform as a handler sees it in a dry replay."""

    def __init__(self, platform: object) -> None:
        super().__init__(platform, READS)
        self.database = DryDatabase(platform.database)
        self.enrolment = DryEnrolment(platform.enrolment, ENROLMENT_READS)

    def settle(self, request: Mapping[str, object], key: str, *, who: object) -> str:
        """What settling would answer, without a number."""
        return json.dumps({**self._of.presettle(request, who=who), "setl_id": ""},
                          ensure_ascii=False)

    def reverse(self, request: Mapping[str, object], key: str, *, who: object, refund: str) -> str:
        """Nothing goes back."""
        return ""


def not_replayable() -> TongchouError:
    """The refusal of a message that cannot be carried out dry."""
    return declined("not-replayable", "该报文不能试算重放，可用 repeat 方式重放")


def repeat(gateway: Gateway, opened: Opened) -> bytes:
    """The same message again, through the same door: the reply that stands, byte for byte."""
    return gateway.answered(opened)


def dry(gateway: Gateway, opened: Opened, region: str, psn_no: str, mdtrt_id: str) -> bytes:
    """The reply the message would have now, with nothing written."""
    envelope = opened.envelope
    model = transactions()[envelope.infno]
    if envelope.infno in NEVER:
        return gateway.refused(not_replayable(), opened.profile, opened.at)
    found = read_input(envelope.input, model)
    visit = _visit(gateway.desk, region, psn_no, mdtrt_id)
    desk = replace(gateway.desk, platform=DryPlatform(gateway.desk.platform))
    call = Call(desk, opened.profile, envelope, model, found, region, opened.at,
                slot_of(opened, region, found), visit)
    begun = Begun(f"{DRY_PREFIX}{opened.at:%Y%m%d%H%M%S%f}", opened.at, None, False, None)
    try:
        warning = gateway.checked(call)
        answer = gateway.handlers[envelope.infno](call)
        if isinstance(answer, Asking):
            answer = answer.then(desk.platform.settle(answer.request, answer.key, who=answer.who))
        return answer.file if answer.file is not None else gateway.body(
            call, begun, 0, answer=answer, warning=warning)
    except TongchouError as error:
        return gateway.body(call, begun, -1, error=error)
    except psycopg.errors.ReadOnlySqlTransaction:
        return gateway.body(call, begun, -1, error=not_replayable())


def _visit(desk: Desk, region: str, psn_no: str, mdtrt_id: str) -> Visit | None:
    """The visit as it stands now."""
    if not (psn_no and mdtrt_id):
        return None
    with desk.platform.database.connection() as connection:
        row = visit_store.context(connection, visit_store.place(region, psn_no, mdtrt_id))
    return Visit.of(row) if row else None
