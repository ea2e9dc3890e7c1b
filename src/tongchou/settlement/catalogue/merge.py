"""What a file changes in what is believed (目录变更): pure.

A row of the file rules over its days. A believed row that says something else on some of them is
retracted, and what it says on its other days is added again. Rows that say the same stay.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .model import EVER, Item, VisitRule

Record = Item | VisitRule


@dataclass(frozen=True)
class Change:
    """Rows to retract (as believed, with row_id), rows to add, and how many are as they were."""

    retract: tuple[Record, ...]
    add: tuple[Record, ...]
    unchanged: int

    def __bool__(self) -> bool:
        return bool(self.retract or self.add)


def changes(believed: Iterable[Record], incoming: Iterable[Record]) -> Change:
    """The change that makes every incoming row believed. Incoming rows of a key do not overlap."""
    known: dict[object, list[Record]] = {}
    for record in believed:
        known.setdefault(record.key, []).append(record)
    fresh: dict[object, list[Record]] = {}
    unchanged = 0
    for record in incoming:
        if any(one._replace(row_id="") == record for one in known.get(record.key, ())):
            unchanged += 1
        else:
            fresh.setdefault(record.key, []).append(record)
    retract, add = [], []
    for key, records in fresh.items():
        for old in known.get(key, ()):
            if any(_share_a_day(old, record) for record in records):
                retract.append(old)
                add += _rest(old._replace(row_id=""), records)
        add += records
    return Change(tuple(retract), tuple(add), unchanged)


def _share_a_day(one: Record, other: Record) -> bool:
    return one.since < (other.until or EVER) and other.since < (one.until or EVER)


def _rest(old: Record, records: list[Record]) -> list[Record]:
    """The days of `old` that none of the records holds, as rows."""
    pieces = [old]
    for record in records:
        left = []
        for piece in pieces:
            if not _share_a_day(piece, record):
                left.append(piece)
                continue
            if piece.since < record.since:
                left.append(piece._replace(until=record.since))
            if record.until and record.until < (piece.until or EVER):
                left.append(piece._replace(since=record.until))
        pieces = left
    return pieces
