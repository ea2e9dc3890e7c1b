"""Which pack settles which day of a region, and the packs kept for replays (政策版本)."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, ClassVar

from psycopg import Connection, errors as states

from ..engine import Claim, Person, RuleCache, Settlement
from ..engine.replay import shares_family
from ..errors import Refusal
from ..policy import Pack, pack_from_document
from . import regime_store, store

if TYPE_CHECKING:
    from ..engine.trace import Settler

ONE_DAY = timedelta(days=1)
Connect = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Regime:
    """A pack in force in a region from `first` to before `last` ("": open)."""

    pack: Pack
    first: str
    last: str

    def holds(self, day: str) -> bool:
        """True where the pack rules that day."""
        return self.first <= day and (not self.last or day < self.last)

    @property
    def last_day(self) -> str:
        """The last day it rules, "" when it is open."""
        return (date.fromisoformat(self.last) - ONE_DAY).isoformat() if self.last else ""


class Settlers(threading.local):
    """Compiled packs, a set of its own for every thread: what is compiled is shared, working memory
    is not."""

    compiled: ClassVar[dict[str, Settler]] = {}
    compiling: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._known: dict[str, Settler] = {}
        self._rules: dict[str, RuleCache] = {}
        self._shared: dict[str, bool] = {}

    def shares_family(self, pack: Pack) -> bool:
        """True where members of a family use up one another's limits."""
        if pack.pack_hash not in self._shared:
            self._shared[pack.pack_hash] = shares_family(pack)
        return self._shared[pack.pack_hash]

    def rules(self, pack: Pack) -> RuleCache:
        """Rules looked up so far, for settling whole years."""
        if pack.pack_hash not in self._rules:
            self._rules[pack.pack_hash] = RuleCache(pack)
        return self._rules[pack.pack_hash]

    def settle(self, pack: Pack) -> Callable[[Person, Claim, Sequence[Claim]], Settlement]:
        """The fast way to settle one more claim of a year."""
        if pack.pack_hash not in self._known:
            from ..engine.trace import Settler
            with self.compiling:
                if pack.pack_hash not in self.compiled:
                    self.compiled[pack.pack_hash] = Settler(pack)
            self._known[pack.pack_hash] = self.compiled[pack.pack_hash].twin()
        return self._known[pack.pack_hash].settle


class Regimes:
    """All regimes of a database, read once and again when one is added."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._packs: dict[str, Pack] = {}
        self._by_region: dict[str, list[Regime]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Reads the table anew."""
        with self._connect() as connection:
            found: dict[str, list[Regime]] = {}
            for region, pack_hash, first, last in store.regimes(connection):
                before = found.setdefault(region, [])
                if before and (not before[-1].last or first < before[-1].last):
                    before[-1] = replace(before[-1], last=first)     # the later one takes over
                before.append(Regime(self._pack(connection, pack_hash), first, last))
        self._by_region = found

    def add(self, region: str, document: Mapping[str, object], first: str,
            last: str | None = None) -> Pack:
        """From `first` to before `last` the pack of a document (`policy.pack_document`) settles it.

        What was in force ends where it begins. A year belongs to one pack: Raises Refusal
        `regime-inside-year` when another regime ends on a day that does not start a policy year of
        the pack, `regime-used` when something was settled for that day or later, `regime-known`,
        `unknown-region`.
        """
        pack = pack_from_document(document)
        starts = pack.settings.policy_year_starts
        if self._by_region.get(region) and first[5:] != starts:
            raise Refusal("regime-inside-year", f"{first} does not start a policy year of "
                          f"{pack.name}, which begins on {starts}", "first", "",
                          "Let the new pack begin with a policy year.")
        with self._connect() as connection:
            if self._by_region.get(region) \
                    and regime_store.settled_since(connection, region, first):
                raise Refusal("regime-used", f"bills of a policy year from {first} on have been "
                              f"settled in {region} under another pack", "first", "",
                              "Let it begin with a year of which nothing is settled yet.")
            store.save_pack(connection, pack.pack_hash, pack.name, json.dumps(document))
            try:
                store.add_regime(connection, region, pack.pack_hash, first, last)
            except states.UniqueViolation:
                raise Refusal("regime-known", f"a pack begins on {first} in {region} already",
                              "first", "", "Regimes are not changed: choose another day.") from None
            except states.ForeignKeyViolation:
                raise Refusal("unknown-region", f"there is no region {region}", "region", "",
                              "Open it first, or correct the six digits.") from None
            connection.commit()
        self.refresh()
        return pack

    @staticmethod
    def day_after(last: str) -> str | None:
        """`last` of `add` for a last day of force; None for an open end."""
        return (date.fromisoformat(last) + ONE_DAY).isoformat() if last else None

    def pack_for(self, region: str, claim: Claim) -> Pack:
        """The pack whose rule date of the claim lies in its time of force.

        Raises Refusal `unknown-region`, `no-regime`.
        """
        if region not in self._by_region:
            raise Refusal("unknown-region", f"no rules are known for region {region}", "region",
                          "", f"Known regions: {', '.join(sorted(self._by_region)) or 'none'}.")
        for regime in self._by_region[region]:
            day = {"admission": claim.begin, "discharge": claim.end,
                   "settlement": claim.settled[:10]}[regime.pack.settings.rule_date]
            if regime.holds(day):
                return regime.pack
        raise Refusal("no-regime", f"region {region} has no rules for a stay from {claim.begin} to "
                      f"{claim.end}", "enddate", "", "Load the pack of that year first.")

    def all(self) -> list[Regime]:
        """Regimes of all regions."""
        return [regime for found in self._by_region.values() for regime in found]

    def of(self, region: str) -> list[Regime]:
        """Regimes of a region in order of time."""
        return list(self._by_region.get(region, []))

    def packs(self, region: str) -> list[Pack]:
        """Packs of a region in order of time."""
        return [regime.pack for regime in self._by_region.get(region, [])]

    def pack(self, pack_hash: str) -> Pack:
        """A pack that ever settled something. Raises Refusal `unknown-pack`."""
        if (known := self._packs.get(pack_hash)) is not None:
            return known                   # every answer of the gateway asks for it
        with self._connect() as connection:
            return self._pack(connection, pack_hash)

    def _pack(self, connection: Connection, pack_hash: str) -> Pack:
        if pack_hash not in self._packs:
            found = store.read_pack(connection, pack_hash)
            if found is None:
                raise Refusal("unknown-pack", f"no pack with hash {pack_hash} is stored",
                              "pack_hash", "", "Restore the table pack_version from a backup.")
            self._packs[pack_hash] = rebuilt(pack_hash, found)
        return self._packs[pack_hash]


def rebuilt(pack_hash: str, document: str) -> Pack:
    """The pack as it was, from its stored document; its hash is compared."""
    pack = pack_from_document(json.loads(document))
    if pack.pack_hash != pack_hash:
        raise Refusal("pack-changed", f"the stored text of {pack.name} has hash {pack.pack_hash}, "
                      f"not {pack_hash}", "pack_version", "",
                      "Either the text was changed, or this version reads packs differently.")
    return pack
