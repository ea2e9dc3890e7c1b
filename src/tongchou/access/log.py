"""The access log (访问日志): who read what about whom, when, why, allowed or refused."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from ..database import shard_of
from . import store
from .operators import Operator


@dataclass(frozen=True)
class Look:
    """One read of a person. `fields`: what was shown unmasked; `psn_no` "" when nobody was found;
    `purpose` one of PURPOSES, or "" where nothing was unmasked."""

    who: Operator
    psn_no: str
    purpose: str
    fields: tuple[str, ...]
    route: str
    allowed: bool
    request_id: str


class AccessLog:
    """Writes looks as they happen, and finds them for an auditor."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]],
                 clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._connect, self._clock, self._new_id = connect, clock, new_id

    def write(self, *looks: Look) -> None:
        """Appends looks in one transaction, before the reply leaves."""
        now = self._clock()
        with self._connect() as connection:
            store.add_looks(connection, [
                (look.who.region, shard_of(look.who.region, look.psn_no), self._new_id(), now,
                 look.who.user_id, look.who.role, look.who.institution, look.psn_no, look.purpose,
                 list(look.fields), look.route, "allowed" if look.allowed else "refused",
                 look.request_id) for look in looks])

    def find(self, region: str, psn_no: str | None, user_id: str | None, since: datetime,
             until: datetime, limit: int) -> list[dict[str, object]]:
        """Looks of a region, newest first: of a person, of a reader, or all of a time."""
        shard = None if psn_no is None else shard_of(region, psn_no)
        with self._connect() as connection:
            return store.find_looks(connection, region, shard, psn_no, user_id, since, until,
                                    limit)
