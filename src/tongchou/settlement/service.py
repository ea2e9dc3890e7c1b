"""Settling in real time (结算服务): read, compute outside any lock, write if nothing moved.

The person-year is locked only for the write, which compares the version that was read; when it has
moved on, everything is computed again. After some rounds the year is locked before it is read, so
that a crowded one still gets its turn.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import psycopg
from psycopg import Connection

from .. import __version__
from ..database import shard_of
from ..engine import Claim, Person
from ..engine.situation import policy_year
from ..errors import Refusal
from ..policy import Pack
from . import answers, store
from .codec import claim_of, claim_row
from .money import NOTHING
from .order import Order, Owner, Request, joined, write_order
from .reading import (UNAVAILABLE, Alone, Look, People, Read, Shared, YearReader, ask_of,
                      owner_of)
from .regimes import Regimes, Settlers
from .together import Together
from .year import Outcome, Stored, Year, add, recompute, reverse

OPTIMISTIC_ROUNDS, ROUNDS = 1, 12
STALE_VERSION = -1
CONFLICTS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
CHINA = timezone(timedelta(hours=8))  # one civil time for all regions
Context = Mapping[str, object]       # a person as known now


@dataclass(frozen=True)
class Asked:
    """A request to settle: whose, under which key, and the claim before the person is known.

    `frame` has dates, kind of visit and money; `finish` adds what depends on the person (referral).
    """

    region: str
    frame: Claim
    insurance: str
    kind: str
    institution: str
    who: str
    key: str | None
    body_hash: str
    finish: Callable[[Context], Claim]
    bill: Mapping[str, object] | None = None

    @property
    def psn_no(self) -> str:
        """Whose claim it is."""
        return self.frame.person_id


class _Draft(NamedTuple):
    """A request ready to be written: its order and its answer."""

    order: Order
    reply: str


Attempt = Callable[[Look], _Draft | str]


class SettlementService:
    """Settles, reverses and recomputes against a database. Safe for several threads."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]],
                 regimes: Regimes, people: People, clock: Callable[[], datetime],
                 new_id: Callable[[], str]) -> None:
        self.connect, self.regimes, self.people = connect, regimes, people
        self.clock, self.new_id = clock, new_id
        self._settlers = Settlers()
        self._years = YearReader(people, self._settlers)
        self._look = Shared(self._statements)
        self._write = Together(self._write_all, Order.owners)

    def presettle(self, asked: Asked) -> dict[str, object]:
        """预结算: what settling would answer now. Leaves no trace."""
        pack = self.regimes.pack_for(asked.region, asked.frame)
        with self._statements() as connection, ExitStack() as together:
            if self._settlers.shares_family(pack):      # members are read as of one moment
                together.enter_context(connection.transaction())
                store.only_look(connection)
            context, read = self._read(Alone(connection), pack, asked, None)
        own, *others = self._outcomes(pack, asked, context, read, "presettle")
        return answers.settled(pack, own, others) | {"setl_id": None}

    def settle(self, asked: Asked) -> str:
        """结算: the answer as text; the same request again gives the same text.

        Raises Refusal: `key-reused` (another body under the key), `too-busy`, what enrolment and
        the rules refuse, `already-settled`, `clock-went-back`.
        """
        pack = self.regimes.pack_for(asked.region, asked.frame)
        setl_id = self.new_id()

        def attempt(look: Look) -> _Draft | str:
            context, read = self._read(look, pack, asked, asked.key)
            if context.answered:
                return _known(asked.key, context.answered, asked.body_hash)
            outcomes = self._outcomes(pack, asked, context, read, setl_id)
            reply = answers.as_text(answers.settled(pack, outcomes[0], outcomes[1:]))
            request = Request(asked.region, shard_of(asked.region, asked.psn_no), asked.key,
                              asked.body_hash, reply, asked.who, self.clock(), setl_id)
            row = _settlement_row(asked, outcomes[0].stored, pack, read.year, request)
            return _Draft(write_order(request, read.owners, outcomes, row, read.year.persons),
                          reply)

        lock = {(asked.psn_no, _year_name(pack, asked.frame, asked.insurance))}
        return self._written(asked.region, lock, attempt)

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
        return self._changed(region, psn_no, setl_id, who, key, body_hash,
                             lambda year: reverse(year, setl_id, refund),
                             {"setl_id": setl_id, "psn_no": psn_no, "reversed": True})

    def recompute(self, region: str, psn_no: str, cause: str, who: str, key: str | None,
                  body_hash: str) -> str:
        """重算: settles every year of the person again as known now, posts what differs (GZ-26).

        Years without a bill move on too: a first bill that was read before the change was known
        must not be written after it.
        """
        return self._changed(region, psn_no, "", who, key, body_hash, recompute,
                             {"psn_no": psn_no, "cause": cause})

    def _open_years(self, region: str) -> list[str]:
        """Names of all years the region has had rules for, up to today."""
        today = local_time(self.clock())[:10]
        names = set()
        for regime in self.regimes.of(region):
            starts = regime.pack.settings.policy_year_starts
            last = min(regime.last or today, today)
            for year in range(int(regime.first[:4]) - 1, int(last[:4]) + 1):
                names |= {f"{year:04d}-{starts}:{scheme}" for scheme in regime.pack.insurance}
        return sorted(names)

    def _changed(self, region: str, psn_no: str, setl_id: str, who: str, key: str | None,
                 body_hash: str, change: Callable[[Year], list[Outcome]],
                 cause: Mapping[str, object]) -> str:
        shard = shard_of(region, psn_no)

        def attempt(look: Look) -> _Draft | str:
            settled = self._settled_years(look, region, psn_no, setl_id)
            bare = [] if setl_id else [name for name in self._open_years(region)
                                       if name not in settled]
            # Without any year at all the key is asked for all the same.
            asks = [ask_of(region, psn_no, name, key) for name in [*settled, *bare] or [""]]
            contexts = look.contexts(asks)
            if contexts[0].answered:
                return _known(key, contexts[0].answered, body_hash)
            reads = [self._years.read(look, pack, ask, claim, own)[1] for (pack, claim), ask, own
                     in zip(settled.values(), asks, contexts, strict=False)]
            outcomes = [one for read in reads for one in change(read.year)]
            reply = answers.as_text(answers.changed(cause, outcomes))
            request = Request(region, shard, key, body_hash, reply, who, self.clock(),
                              setl_id or str(cause.get("cause", "")))
            owners = [owner for read in reads for owner in read.owners]
            owners += [_bare_owner(ask, own) for ask, own in
                       list(zip(asks, contexts, strict=True))[len(settled):] if ask.year]
            persons = {name: person for read in reads
                       for name, person in read.year.persons.items()}
            return _Draft(write_order(request, owners, outcomes, None, persons), reply)

        with self._statements() as connection:
            lock = {(psn_no, name) for name in store.years_of(connection, region, shard, psn_no)}
        return self._written(region, lock, attempt)

    def _settled_years(self, look: Look, region: str, psn_no: str, setl_id: str,
                       ) -> dict[str, tuple[Pack, Claim]]:
        """year -> pack and newest claim of the person; one settlement's year when it is named."""
        rows = look.history(region, psn_no)
        if setl_id and setl_id not in {row["setl_id"] for row in rows}:
            raise Refusal("unknown-settlement", f"there is no settlement {setl_id!r} of this "
                          "person", f"setl_id {setl_id}", "", "Check setl_id and psn_no.")
        wanted = {row["year"] for row in rows if not setl_id or row["setl_id"] == setl_id}
        newest = {row["year"]: row for row in rows if row["year"] in wanted}
        return {year: (self.regimes.pack(row["pack_hash"]), claim_of(row["claim"]))
                for year, row in sorted(newest.items())}

    # --- reading ----------------------------------------------------------------------------------
    def _read(self, look: Look, pack: Pack, asked: Asked, key: str | None,
              ) -> tuple[store.Context, Read]:
        ask = ask_of(asked.region, asked.psn_no, _year_name(pack, asked.frame, asked.insurance),
                     key)
        return self._years.read(look, pack, ask, asked.frame)

    def _outcomes(self, pack: Pack, asked: Asked, context: store.Context, read: Read,
                  setl_id: str) -> list[Outcome]:
        claim = asked.finish(context.person)
        new = Stored(setl_id, shard_of(asked.region, asked.psn_no), read.owners[0].year,
                     asked.kind, asked.institution, claim, 0, NOTHING)
        return add(read.year, new, self._settlers.settle(pack))

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

    def _written_together(self, attempt: Attempt, lock: set[tuple[str, str]]) -> str:
        """Read and written with others who wait. Raises Stale when a year moved on meanwhile."""
        draft = attempt(self._look)
        if isinstance(draft, str):
            return draft
        lock |= {year[1:] for year in draft.order.owners()}
        self._write(draft.order)
        return draft.reply

    def _written_locked(self, region: str, attempt: Attempt, lock: set[tuple[str, str]],
                        ) -> str:
        """Read and written while the years are locked."""
        with self._statements() as connection, connection.transaction():
            store.lock_years(connection, region, sorted(lock))
            draft = attempt(Alone(connection))
            if isinstance(draft, str):
                return draft
            lock |= {year[1:] for year in draft.order.owners()}
            store.write(connection, draft.order)
            return draft.reply

    def _write_all(self, orders: Sequence[Order]) -> list[Exception | None]:
        """Of each None, or why not; one that is stale or refused takes no other with it."""
        try:
            with self._statements() as connection:
                store.write(connection, joined(orders))
            return [None] * len(orders)
        except (psycopg.Error, Refusal, store.Stale) as fault:
            if len(orders) == 1 or getattr(fault, "code", "") == UNAVAILABLE:
                return [fault] * len(orders)
        return [self._write_all([order])[0] for order in orders]

    def _written(self, region: str, lock: set[tuple[str, str]], attempt: Attempt) -> str:
        """The answer, written. `lock` learns everybody's years: a second try takes them all."""
        for number in range(ROUNDS):
            try:
                if number < OPTIMISTIC_ROUNDS:
                    return self._written_together(attempt, lock)
                return self._written_locked(region, attempt, lock)
            except (store.Stale, *CONFLICTS):
                continue
            except Refusal as refusal:
                if not isinstance(refusal.__cause__, CONFLICTS):
                    raise
            except psycopg.Error as fault:
                raise store.refusal_of(fault) from fault
        raise Refusal("too-busy", f"the year of this person changed {ROUNDS} times while it was "
                      "settled", "psn_no", "", "Send the same request again.")


def local_time(moment: datetime) -> str:
    """Civil time in China, as claims carry it: yyyy-mm-ddThh:mm:ss."""
    return moment.astimezone(CHINA).isoformat(timespec="seconds")[:19]


def _year_name(pack: Pack, claim: Claim, insurance: str) -> str:
    """Accumulators of a policy year belong to one scheme: 2023-01-01:residents."""
    return f"{policy_year(pack, claim)}:{insurance}"


def _bare_owner(ask: store.Ask, own: store.Context) -> Owner:
    """A year without a bill. If one came after the history was read, no year has this version, so
    all is read again."""
    owner = owner_of(ask.region, ask.psn_no, ask.year, own)
    return replace(owner, version=STALE_VERSION) if own.year["settlements"] else owner


def _known(key: str | None, answered: Mapping[str, object], body_hash: str) -> str:
    if answered["body_hash"] != body_hash:
        raise Refusal("key-reused", f"the key {key!r} was used for another request",
                      "Idempotency-Key", "", "Take a new key for a new request; the same key only "
                      "for the same request again.")
    return answered["reply"]


def _settlement_row(asked: Asked, stored: Stored, pack: Pack, year: Year, request: Request,
                    ) -> dict[str, object]:
    return {"shard": stored.shard, "psn_no": stored.psn_no, "setl_id": stored.setl_id,
            "mdtrt_id": stored.claim.claim_id, "year": stored.year, "kind": stored.kind,
            "institution": stored.institution, "claim": claim_row(stored.claim),
            "bill": asked.bill, "members": sorted({*year.persons, stored.psn_no}),
            "pack_hash": pack.pack_hash, "kernel_version": __version__,
            "setl_time": f"{stored.claim.settled}+08:00", "settled_by": request.who}


def parsed(reply: str) -> dict[str, object]:
    """An answer's text as an object."""
    return json.loads(reply)
