"""Editions of a region's list rules: imported whole, kept in memory (规则版本)."""
from __future__ import annotations

import threading
from datetime import datetime
from typing import NamedTuple

from psycopg import Connection, errors as states

from ..errors import Refusal
from . import store
from .model import RuleBook
from .reading import Reading

KEPT = 8


class Imported(NamedTuple):
    """What an import did: the edition now, its rules, whether it is a new one."""

    version: int
    rules: int
    new: bool


def import_rules(connection: Connection, region: str, reading: Reading, at: datetime, by: str,
                 why: str) -> Imported:
    """Makes a file the list of a region; the caller commits. The same file changes nothing.

    Raises Refusal `bad-rules` when a row is wrong (a list with holes would say nothing of what it
    lost), `unknown-region`.
    """
    if reading.faults:
        raise Refusal("bad-rules", f"{len(reading.faults)} rows are not rules (规则文件有误): "
                      f"{reading.faults[0]}", reading.source, "",
                      "`tongchou clues check FILE` tells every row; nothing was imported.")
    store.lock(connection, region)
    version, digest = store.last_edition(connection, region)
    if digest == reading.digest:
        return Imported(version, len(reading.rules), False)
    try:
        store.add_edition(connection, region, version + 1, at, by, why,
                          (reading.source, reading.digest), reading.rules)
    except states.ForeignKeyViolation:
        raise Refusal("unknown-region", f"region {region!r} is not in this database "
                      "(统筹区未登记)", "region", "", "Check the number.") from None
    return Imported(version + 1, len(reading.rules), True)


class Rulebooks:
    """Loads each edition of a region once. Safe between threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], RuleBook] = {}
        self._lock = threading.Lock()

    def of(self, connection: Connection, region: str) -> RuleBook:
        """The newest edition of a region; an empty one, of version 0, where there is none."""
        version, _ = store.last_edition(connection, region)
        with self._lock:
            if (region, version) not in self._kept:
                if len(self._kept) >= KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[region, version] = RuleBook(
                    region, version, store.rules(connection, region, version) if version else ())
            return self._kept[region, version]
