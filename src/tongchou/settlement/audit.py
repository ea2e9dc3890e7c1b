"""Many settlements replayed (审计重放): stored inputs, stored packs, the same fen, or who differs.

A person's year is read once and every outcome in it made again; nothing is written.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from psycopg import Connection

from ..engine import RuleCache
from ..errors import TongchouError
from ..policy import Pack
from . import audit_store, store
from .audit_store import Wanted, YearPart
from .regimes import Regimes
from .replay import replayed, shared_year

UNREADABLE = (AssertionError, AttributeError, KeyError, TypeError, ValueError, IndexError)


@dataclass
class Audit:
    """What was replayed: settlements and their outcomes, how many gave the same, and the others.

    `different` rows hold region, psn_no, setl_id, revision, stored and replayed money; `unreadable`
    rows say why a settlement could not be replayed at all (its pack or its input was changed).
    """

    settlements: int = 0
    revisions: int = 0
    equal: int = 0
    different: list[dict[str, object]] = field(default_factory=list)
    unreadable: list[dict[str, object]] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether all of it gave the same."""
        return not self.different and not self.unreadable

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"settlements": self.settlements, "revisions": self.revisions,
                "equal": self.equal, "different": self.different,
                "unreadable": self.unreadable, "sound": self.sound}


class Auditor:
    """Replays settlements of a database. Not for two threads at a time."""

    def __init__(self, regimes: Regimes) -> None:
        self._regimes = regimes
        self._rules: dict[str, RuleCache] = {}

    def run(self, connection: Connection, wanted: Wanted, size: int | None = None, seed: str = "",
            progress: Callable[[int], None] = lambda done: None) -> Audit:
        """Replays `size` settlements chosen by `seed`, or all; `progress` hears how many are
        done."""
        parts: Iterable[YearPart] = audit_store.every(connection, wanted) if size is None \
            else audit_store.sample(connection, wanted, size, seed)
        audit = Audit()
        for part in parts:
            self._year(connection, part, audit)
            connection.commit()
            progress(audit.settlements)
        return audit

    def _year(self, connection: Connection, part: YearPart, audit: Audit) -> None:
        rows = store.history(connection, part.region, part.shard, part.psn_no, part.year)
        own = {str(row["setl_id"]): row for row in rows}
        for setl_id in part.setl_ids:
            row = own[setl_id]
            if set(row["members"]) - {part.psn_no}:
                rows = shared_year(connection, part.region, row)
            audit.settlements += 1
            audit.revisions += len(row["outcomes"] or ())
            self._settlement(rows, row, part, audit)

    def _settlement(self, rows: list[dict[str, object]], row: Mapping[str, object],
                    part: YearPart, audit: Audit) -> None:
        place = {"region": part.region, "psn_no": part.psn_no, "setl_id": row["setl_id"]}
        try:
            pack, rules = self._pack(str(row["pack_hash"]))
            found = replayed(pack, rows, row, rules)
        except TongchouError as error:
            audit.unreadable.append({**place, "code": error.code, "why": error.message})
        except UNREADABLE as fault:
            # Stored rows that were never written by us: an auditor names them and goes on.
            audit.unreadable.append({**place, "code": "input-changed",
                                     "why": f"{type(fault).__name__}: {fault}"})
        else:
            wrong = [one for one in found["revisions"] if not one["equal"]]
            audit.equal += not wrong
            audit.different += [{**place, **one} for one in wrong]

    def _pack(self, pack_hash: str) -> tuple[Pack, RuleCache]:
        pack = self._regimes.pack(pack_hash)
        if pack_hash not in self._rules:
            self._rules[pack_hash] = RuleCache(pack)
        return pack, self._rules[pack_hash]
