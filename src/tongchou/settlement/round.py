"""Attempts of several windows read by one statement and written by another (同批读写)."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import psycopg
from psycopg import Connection

from ..errors import Refusal
from . import store
from .attempts import Attempt, Draft
from .order import joined
from .reading import Look
from .store import Stale

UNAVAILABLE = "database-unavailable"
Result = str | Exception
Made = TypeVar("Made")


class Round:
    """Carries out attempts together; one that is refused or stale takes no other with it."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connect = connect

    def run(self, attempts: Sequence[Attempt]) -> list[Result]:
        """Of each its answer, or why it has none."""
        try:
            with self._connect() as connection:
                return _Batch(connection, attempts).run()
        except (psycopg.Error, Refusal) as fault:
            if len(attempts) == 1 or getattr(fault, "code", "") == UNAVAILABLE:
                return [fault] * len(attempts)
        # The connection broke while they were together: whose fault it was shows alone.
        return [self.run([attempt])[0] for attempt in attempts]


class _Batch:
    """One round on one connection, on which every statement is a transaction."""

    def __init__(self, connection: Connection, attempts: Sequence[Attempt]) -> None:
        self._connection, self._look, self._attempts = connection, Look(connection), attempts
        self._found: dict[int, Result] = {}

    def run(self) -> list[Result]:
        """Reads, computes, writes."""
        asks = self._try(range(len(self._attempts)),
                         lambda place: self._attempts[place].asks(self._look))
        contexts = iter(self._look.contexts([ask for own in asks.values() for ask in own])
                        if asks else ())
        own = {place: [next(contexts) for _ in wanted] for place, wanted in asks.items()}
        drafts = self._try(own, lambda place: self._attempts[place].draft(self._look, own[place]))
        self._found.update({place: draft if isinstance(draft, str) else draft.reply
                            for place, draft in drafts.items()})
        self._write({place: draft for place, draft in drafts.items() if isinstance(draft, Draft)})
        return [self._found[place] for place in range(len(self._attempts))]

    def _try(self, places: Iterable[int], step: Callable[[int], Made]) -> dict[int, Made]:
        """A step of every attempt that is still under way; what is refused ends here."""
        made = {}
        for place in places:
            try:
                made[place] = step(place)
            except psycopg.Error:
                raise
            except Exception as fault:          # of this window, and of no other
                self._found[place] = fault
        return made

    def _write(self, drafts: dict[int, Draft]) -> None:
        """In one statement, but nobody's year twice: members of a family move each other's."""
        while drafts:
            taken: set[tuple[str, str, str]] = set()
            now = {}
            for place, draft in drafts.items():
                owners = set(draft.order.owners())
                if taken.isdisjoint(owners):
                    taken |= owners
                    now[place] = draft
            self._write_now(now)
            drafts = {place: draft for place, draft in drafts.items() if place not in now}

    def _write_now(self, drafts: dict[int, Draft]) -> None:
        try:
            store.write(self._connection, joined([draft.order for draft in drafts.values()]))
        except (psycopg.Error, Stale) as fault:
            if self._connection.closed:
                raise
            if len(drafts) == 1:
                self._found[next(iter(drafts))] = fault
                return
            for place, draft in drafts.items():
                self._write_now({place: draft})
