"""Settling in real time (结算服务): read, compute outside any lock, write if nothing moved.

Windows that wait at the same moment are read by one statement and written by another. A year is
locked only for the write, which compares the version that was read; when it has moved on,
everything is computed again, alone and with the year locked before it is read, so that a crowded
one still gets its turn.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime

import psycopg
from psycopg import Connection

from ..database import shard_of
from ..engine import Claim, Person
from ..errors import Refusal, TongchouError
from . import answers, store
from .attempts import Asked, Attempt, Change, Changing, Desk, Settling
from .reading import Look, People, YearReader
from .regimes import Regimes, Settlers
from .round import Round
from .together import Together
from .year import recompute, reverse

ROUNDS = 12
CONFLICTS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class SettlementService:
    """Settles, reverses and recomputes against a database. Safe for several threads."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]],
                 regimes: Regimes, people: People, clock: Callable[[], datetime],
                 new_id: Callable[[], str]) -> None:
        self.connect, self.regimes, self.people = connect, regimes, people
        self.clock, self.new_id = clock, new_id
        self._settlers = Settlers()
        self._desk = Desk(regimes, self._settlers, YearReader(people, self._settlers),
                          lambda: self.clock())
        self._round = Round(self._statements).run
        self._together = Together(self._round,
                                  lambda attempt: [(attempt.region, attempt.psn_no)])

    def presettle(self, asked: Asked) -> dict[str, object]:
        """预结算: what settling would answer now. Leaves no trace."""
        attempt = Settling(self._desk, asked, "presettle")
        with self._statements() as connection, ExitStack() as together:
            if self._settlers.shares_family(attempt.pack):  # members are read as of one moment
                together.enter_context(connection.transaction())
                store.only_look(connection)
            look = Look(connection)
            own, = look.contexts(attempt.asks(look))
            _, (first, *others) = attempt.outcomes(look, own)
        return answers.settled(attempt.pack, first, others) | {"setl_id": None}

    def settle(self, asked: Asked) -> str:
        """结算: the answer as text; the same request again gives the same text.

        Raises Refusal: `key-reused` (another body under the key), `too-busy`, what enrolment and
        the rules refuse, `already-settled`, `clock-went-back`.
        """
        attempt = Settling(self._desk, asked, self.new_id())
        return self._written(attempt, {attempt.year}, self._together)

    def settle_all(self, asked: Sequence[Asked]) -> list[str | Exception]:
        """结算 of several requests in one round: of each its answer, or what `settle` would raise.
        """
        found: dict[int, str | Exception] = {}
        attempts: dict[int, Settling] = {}
        for place, one in enumerate(asked):
            try:
                attempts[place] = Settling(self._desk, one, self.new_id())
            except TongchouError as refused:
                found[place] = refused
        for places in _apart(attempts):
            results = self._round([attempts[place] for place in places])
            for place, result in zip(places, results, strict=True):
                attempt = attempts[place]
                try:
                    found[place] = self._written(attempt, {attempt.year},
                                                 lambda _, result=result: _given(result))
                except Exception as fault:       # of this request, and of no other
                    found[place] = fault
        return [found[place] for place in range(len(asked))]

    def answered(self, region: str, psn_no: str, key: str, body_hash: str) -> str | None:
        """What the same request was answered before; None when it never was."""
        shard = shard_of(region, psn_no)
        with self._statements() as connection:
            found = store.answer_of(connection, region, shard, key)
        return found["reply"] if found and found["body_hash"] == body_hash else None

    def warm(self) -> None:
        """Compiles every pack in force and loads the kernel, so that no window waits for it."""
        for regime in self.regimes.all():
            day = regime.first
            claim = Claim("warm", "warm", "inpatient", "1", "local", "not_needed", day, day,
                          f"{day}T12:00:00", (0, 0, 0, 1))
            person = Person("warm", regime.pack.insurance[0], born=day, sex="male")
            with suppress(Refusal):          # what the rules say of nobody's bill does not matter
                self._settlers.settle(regime.pack)(person, claim, ())

    def reverse(self, region: str, psn_no: str, setl_id: str, refund: str, who: str,
                key: str | None, body_hash: str) -> str:
        """冲正: takes a settlement back; `refund` is one of `year.REFUNDS` (policy-semantics 9)."""
        return self._changed(Change(region, psn_no, setl_id, who, key, body_hash,
                                    lambda year: reverse(year, setl_id, refund),
                                    {"setl_id": setl_id, "psn_no": psn_no, "reversed": True}))

    def recompute(self, region: str, psn_no: str, cause: str, who: str, key: str | None,
                  body_hash: str) -> str:
        """重算: settles every year of the person again as known now, posts what differs (GZ-26)."""
        return self._changed(Change(region, psn_no, "", who, key, body_hash, recompute,
                                    {"psn_no": psn_no, "cause": cause}))

    def _changed(self, change: Change) -> str:
        with self._statements() as connection:
            years = store.years_of(connection, change.region,
                                   shard_of(change.region, change.psn_no), change.psn_no)
        return self._written(Changing(self._desk, change),
                             {(change.psn_no, year) for year in years}, self._together)

    # --- writing ----------------------------------------------------------------------------------
    @contextmanager
    def _statements(self) -> Iterator[Connection]:
        """A connection on which every statement is a transaction: the read and the write are one
        each, and a round trip less to begin and to end."""
        with self.connect() as connection:
            before = connection.autocommit
            if not before:
                connection.autocommit = True
            try:
                yield connection
            finally:
                if not before and not connection.closed:
                    connection.autocommit = False

    def _written(self, attempt: Attempt, lock: set[tuple[str, str]],
                 first: Callable[[Attempt], str]) -> str:
        """The answer, written: with others first, then alone. `lock` learns everybody's years."""
        for number in range(ROUNDS):
            try:
                if number == 0:
                    return first(attempt)
                return self._locked(attempt, lock)
            except store.Stale as stale:
                lock |= stale.years
            except CONFLICTS:
                continue
            except Refusal as refusal:
                if not isinstance(refusal.__cause__, CONFLICTS):
                    raise
            except psycopg.Error as fault:
                raise store.refusal_of(fault) from fault
        raise Refusal("too-busy", f"the year of this person changed {ROUNDS} times while it was "
                      "settled", "psn_no", "", "Send the same request again.")

    def _locked(self, attempt: Attempt, lock: set[tuple[str, str]]) -> str:
        """Read and written while the years are locked."""
        with self._statements() as connection, connection.transaction():
            store.lock_years(connection, attempt.region, sorted(lock))
            look = Look(connection)
            draft = attempt.draft(look, look.contexts(attempt.asks(look)))
            if isinstance(draft, str):
                return draft
            lock |= draft.order.locked()
            store.write(connection, draft.order)
            return draft.reply


def _apart(attempts: Mapping[int, Settling]) -> Iterator[list[int]]:
    """Their places in rounds in which nobody stands twice."""
    left = dict(attempts)
    while left:
        newest = {(one.region, one.psn_no): place for place, one in reversed(left.items())}
        yield sorted(newest.values())
        for place in newest.values():
            del left[place]


def _given(result: str | Exception) -> str:
    if isinstance(result, Exception):
        raise result
    return result


def parsed(reply: str) -> dict[str, object]:
    """An answer's text as an object."""
    return json.loads(reply)
