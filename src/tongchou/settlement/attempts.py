"""Requests on their way to the books: what each reads, and what it makes of it (请求).

An attempt knows nothing of the others that are read and written with it, and is made again from the
start when its year moved on meanwhile.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Protocol

from .. import __version__
from ..database import shard_of
from ..engine import Claim
from ..engine.situation import policy_year
from ..errors import Refusal
from ..policy import Pack
from . import answers
from .codec import claim_of, claim_row
from .money import NOTHING
from .order import Along, Order, Owner, Request, write_order
from .reading import Look, Read, YearReader, ask_of, owner_of
from .regimes import Regimes, Settlers
from .store import Ask, Context
from .year import Outcome, Stored, Year, add

STALE_VERSION = -1
CHINA = timezone(timedelta(hours=8))  # one civil time for all regions


@dataclass(frozen=True)
class Asked:
    """A request to settle: whose, under which key, and the claim before the person is known.

    `frame` has dates, kind of visit and money; `finish` adds what depends on the person (referral).
    `along` gives what else is written with the settlement, of its answer.
    """

    region: str
    frame: Claim
    insurance: str
    kind: str
    institution: str
    who: str
    key: str | None
    body_hash: str
    finish: Callable[[Mapping[str, object]], Claim]     # of the person as known now
    bill: Mapping[str, object] | None = None
    along: Callable[[str], Along | None] | None = None

    @property
    def psn_no(self) -> str:
        """Whose claim it is."""
        return self.frame.person_id


class Draft(NamedTuple):
    """A request ready to be written: its order and its answer."""

    order: Order
    reply: str


class Attempt(Protocol):
    """What is read and written together with others."""

    region: str
    psn_no: str

    def asks(self, look: Look) -> Sequence[Ask]:
        """What has to be read."""

    def draft(self, look: Look, contexts: Sequence[Context]) -> Draft | str:
        """What to write; the text alone where the request was answered before."""


class Desk(NamedTuple):
    """What every attempt works with."""

    regimes: Regimes
    settlers: Settlers
    years: YearReader
    clock: Callable[[], datetime]


class Settling:
    """结算: one more settlement of a person's year."""

    def __init__(self, desk: Desk, asked: Asked, setl_id: str) -> None:
        self.region, self.psn_no = asked.region, asked.psn_no
        self.pack = desk.regimes.pack_for(asked.region, asked.frame)
        self._desk, self._asked, self._setl_id = desk, asked, setl_id
        self._ask = ask_of(asked.region, asked.psn_no,
                           year_name(self.pack, asked.frame, asked.insurance), asked.key)

    @property
    def year(self) -> tuple[str, str]:
        """(psn_no, year) it belongs to."""
        return self.psn_no, self._ask.year

    def asks(self, look: Look) -> Sequence[Ask]:
        """The person's own year."""
        return [self._ask]

    def outcomes(self, look: Look, own: Context) -> tuple[Read, list[Outcome]]:
        """The year as read, and what settling makes of it, the new settlement first."""
        desk, asked = self._desk, self._asked
        read = desk.years.read(look, self.pack, self._ask, asked.frame, own)
        new = Stored(self._setl_id, self._ask.shard, self._ask.year, asked.kind,
                     asked.institution, asked.finish(own.person), 0, NOTHING)
        return read, add(read.year, new, desk.settlers.settle(self.pack))

    def draft(self, look: Look, contexts: Sequence[Context]) -> Draft | str:
        """The settlement, its answer and everything that moves because of it."""
        asked, own = self._asked, contexts[0]
        if own.answered:
            return known(asked.key, own.answered, asked.body_hash)
        read, outcomes = self.outcomes(look, own)
        reply = answers.as_text(answers.settled(self.pack, outcomes[0], outcomes[1:]))
        request = Request(asked.region, self._ask.shard, asked.key, asked.body_hash, reply,
                          asked.who, self._desk.clock(), self._setl_id)
        row = _settlement_row(asked, outcomes[0].stored, self.pack, read.year, request)
        order = write_order(request, read.owners, outcomes, row, read.year.persons)
        if asked.along and (along := asked.along(reply)):
            order.along.append(along)
        return Draft(order, reply)


class Change(NamedTuple):
    """What changes settled years: who asked, under which key, and how.

    `setl_id`: the one settlement meant, "" for all of the person's years. `cause` begins the
    answer.
    """

    region: str
    psn_no: str
    setl_id: str
    who: str
    key: str | None
    body_hash: str
    make: Callable[[Year], list[Outcome]]
    cause: Mapping[str, object]


class Changing:
    """冲正, 重算: what is settled already changes.

    Years without a bill move on too: a first bill that was read before the change was known must
    not be written after it.
    """

    def __init__(self, desk: Desk, change: Change) -> None:
        self.region, self.psn_no = change.region, change.psn_no
        self._desk, self._change = desk, change
        self._settled: dict[str, tuple[Pack, Claim]] = {}
        self._asks: list[Ask] = []

    def asks(self, look: Look) -> Sequence[Ask]:
        """Every year of the person, or the one of the settlement."""
        change = self._change
        self._settled = self._settled_years(look)
        bare = () if change.setl_id else [name for name in _open_years(self._desk, self.region)
                                          if name not in self._settled]
        # Without any year at all the key is asked for all the same.
        self._asks = [ask_of(self.region, self.psn_no, name, change.key)
                      for name in [*self._settled, *bare] or [""]]
        return self._asks

    def draft(self, look: Look, contexts: Sequence[Context]) -> Draft | str:
        """Signed differences of whatever moved."""
        change = self._change
        if contexts[0].answered:
            return known(change.key, contexts[0].answered, change.body_hash)
        reads = [self._desk.years.read(look, pack, ask, claim, own) for (pack, claim), ask, own
                 in zip(self._settled.values(), self._asks, contexts, strict=False)]
        outcomes = [one for read in reads for one in change.make(read.year)]
        reply = answers.as_text(answers.changed(change.cause, outcomes))
        request = Request(self.region, shard_of(self.region, self.psn_no), change.key,
                          change.body_hash, reply, change.who, self._desk.clock(),
                          change.setl_id or str(change.cause.get("cause", "")))
        owners = [owner for read in reads for owner in read.owners]
        owners += self._bare_owners(contexts)
        persons = {name: person for read in reads for name, person in read.year.persons.items()}
        return Draft(write_order(request, owners, outcomes, None, persons), reply)

    def _bare_owners(self, contexts: Sequence[Context]) -> Iterator[Owner]:
        for ask, own in list(zip(self._asks, contexts, strict=True))[len(self._settled):]:
            if ask.year:
                yield _bare_owner(ask, own)

    def _settled_years(self, look: Look) -> dict[str, tuple[Pack, Claim]]:
        """year -> pack and newest claim of the person; one settlement's year when it is named."""
        wanted, rows = self._change.setl_id, look.history(self.region, self.psn_no)
        if wanted and wanted not in {row["setl_id"] for row in rows}:
            raise Refusal("unknown-settlement", f"there is no settlement {wanted!r} of this "
                          "person", f"setl_id {wanted}", "", "Check setl_id and psn_no.")
        years = {row["year"] for row in rows if not wanted or row["setl_id"] == wanted}
        newest = {row["year"]: row for row in rows if row["year"] in years}
        return {year: (self._desk.regimes.pack(row["pack_hash"]), claim_of(row["claim"]))
                for year, row in sorted(newest.items())}


def _open_years(desk: Desk, region: str) -> list[str]:
    """Names of all years the region has had rules for, up to today."""
    today = local_time(desk.clock())[:10]
    names = set()
    for regime in desk.regimes.of(region):
        starts = regime.pack.settings.policy_year_starts
        last = min(regime.last or today, today)
        for year in range(int(regime.first[:4]) - 1, int(last[:4]) + 1):
            names |= {f"{year:04d}-{starts}:{scheme}" for scheme in regime.pack.insurance}
    return sorted(names)


def local_time(moment: datetime) -> str:
    """Civil time in China, as claims carry it: yyyy-mm-ddThh:mm:ss."""
    return moment.astimezone(CHINA).isoformat(timespec="seconds")[:19]


def year_name(pack: Pack, claim: Claim, insurance: str) -> str:
    """Accumulators of a policy year belong to one scheme: 2023-01-01:residents."""
    return f"{policy_year(pack, claim)}:{insurance}"


def _bare_owner(ask: Ask, own: Context) -> Owner:
    """A year without a bill. If one came after the history was read, no year has this version, so
    all is read again."""
    owner = owner_of(ask.region, ask.psn_no, ask.year, own)
    return replace(owner, version=STALE_VERSION) if own.year["settlements"] else owner


def known(key: str | None, answered: Mapping[str, object], body_hash: str) -> str:
    """What the same request was answered before. Raises Refusal `key-reused`."""
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
