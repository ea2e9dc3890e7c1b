"""The books rebuilt from zero (核账): the first entry of each chain that is not as written.

`check_chain` reads rows and knows no SQL; `verify` runs it over every chain of a database, in one
snapshot, and holds the day closes and the accumulators against what it found.
"""
from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from psycopg import Connection

from ..database import shard_of
from . import close_store, settled_store, store
from .canonical import NO_HASH, POSTING_KEYS, canonical_text, chain_hash, time_text
from .postings import Posting
from .store import Head, Row

SHOWN = 80                         # characters of a value that a finding quotes
ABSENT = "(missing)"


@dataclass(frozen=True)
class Finding:
    """The first thing wrong in one chain, or in one region's day closes (`shard` is -1)."""

    region: str
    shard: int
    seq: int
    what: str
    seen: str
    expected: str

    def as_dict(self) -> dict[str, object]:
        """The form of `--json`."""
        return dict(vars(self))

    def __str__(self) -> str:
        place = f"shard {self.shard} seq {self.seq}" if self.shard >= 0 else "day close"
        return (f"{self.region} {place}: {self.what}: "
                f"is {self.seen[:SHOWN]}, should be {self.expected[:SHOWN]}")


@dataclass
class Report:
    """What a verification found; `sound` when nothing is wrong. Amounts in fen."""

    chains: int = 0
    entries: int = 0
    postings: int = 0
    closes: int = 0
    findings: list[Finding] = field(default_factory=list)
    balances: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    accumulators: list[close_store.Difference] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether the books are as they were written."""
        return not self.findings and not self.accumulators

    def as_dict(self) -> dict[str, object]:
        """The form of `--json`."""
        return {"sound": self.sound, "chains": self.chains, "entries": self.entries,
                "postings": self.postings, "closes": self.closes,
                "findings": [found.as_dict() for found in self.findings],
                "accumulators": [found._asdict() for found in self.accumulators],
                "balances": [dict(zip(("region", *POSTING_KEYS), (*key, fen), strict=True))
                             for key, fen in sorted(self.balances.items())]}


Movements = dict[tuple[str, str, str], int]


@dataclass
class Chain:
    """A chain while it is rebuilt: where it stands, and what it moved up to each day close."""

    head: Head
    marks: tuple[tuple[int, str], ...] = ()       # (seq, hash in hex) that day closes stored
    seq: int = 0
    hash: bytes = NO_HASH
    postings: int = 0
    finding: Finding | None = None
    moved: list[Movements] = field(default_factory=list)   # up to each mark; the rest comes last

    def fail(self, seq: int, what: str, seen: object, expected: object) -> None:
        """Keeps the first finding only."""
        if self.finding is None:
            self.finding = Finding(self.head.region, self.head.shard, seq, what, str(seen),
                                   str(expected))


def check_chain(head: Head, rows: Iterable[Row], postings: Iterable[tuple[int, Posting]],
                marks: tuple[tuple[int, str], ...] = ()) -> Chain:
    """Rebuilds one chain from its rows in order; stops at the first that is wrong.

    `marks` are (seq, hash) of stored day closes, in their order.
    """
    chain = Chain(head, marks, moved=[{} for _ in range(len(marks) + 1)])
    places = [seq for seq, _ in marks]
    _check_marks(chain)
    for row, found, orphan in _joined(rows, postings):
        if orphan is not None:
            chain.fail(min(orphan, chain.seq + 1), "entry", ABSENT, f"entry {chain.seq + 1}")
        else:
            _check_row(chain, row, found)
        if chain.finding is not None:
            return chain
        _move(chain.moved[bisect_left(places, row.seq)], found)
        chain.seq, chain.hash = row.seq, row.hash
        chain.postings += len(found)
        _check_marks(chain)
        if chain.finding is not None:
            return chain
    _check_end(chain)
    return chain


def _joined(rows: Iterable[Row], postings: Iterable[tuple[int, Posting]],
            ) -> Iterator[tuple[Row | None, tuple[Posting, ...], int | None]]:
    """Entries with their postings; (None, (), seq) for postings that have no entry."""
    waiting = iter(postings)
    ahead = next(waiting, None)
    for row in rows:
        found = []
        while ahead is not None and ahead[0] <= row.seq:
            if ahead[0] < row.seq:
                yield None, (), ahead[0]
            else:
                found.append(ahead[1])
            ahead = next(waiting, None)
        yield row, tuple(found), None
    if ahead is not None:
        yield None, (), ahead[0]


def _check_row(chain: Chain, row: Row, found: tuple[Posting, ...]) -> None:
    seq = chain.seq + 1
    if row.seq != seq:
        return chain.fail(seq, "entry", ABSENT, f"entry {seq}; the next one is {row.seq}")
    if row.prev_hash != chain.hash:
        return chain.fail(seq, "prev_hash", row.prev_hash.hex(), chain.hash.hex())
    rebuilt = _rebuilt(chain.head.region, row, found)
    if row.hash != chain_hash(chain.hash, seq, row.body):
        return _blame(chain, row, rebuilt)
    if row.body != rebuilt:
        what, seen, expected = _first_difference(rebuilt, row.body)
        return chain.fail(seq, what, seen, expected)
    total_fen = sum(posting.amount_fen for posting in found)
    if total_fen:
        return chain.fail(seq, "sum of postings", total_fen, 0)
    if row.psn_no is not None and chain.head.shard != shard_of(chain.head.region, row.psn_no):
        return chain.fail(seq, "shard of the person", chain.head.shard,
                          shard_of(chain.head.region, row.psn_no))
    return None


def _blame(chain: Chain, row: Row, rebuilt: str) -> None:
    """The hash does not fit: the columns tell whether the text or the hash was changed."""
    seq = chain.seq + 1
    if row.hash == chain_hash(chain.hash, seq, rebuilt):
        what, seen, expected = _first_difference(row.body, rebuilt)
        chain.fail(seq, f"body, {what}", seen, expected)
    elif row.body == rebuilt:
        chain.fail(seq, "hash", row.hash.hex(), chain_hash(chain.hash, seq, row.body).hex())
    else:
        what, seen, expected = _first_difference(row.body, rebuilt)
        chain.fail(seq, f"hash and body, {what}", seen, expected)


def _rebuilt(region: str, row: Row, found: tuple[Posting, ...]) -> str:
    """The text the columns and posting rows stand for; they may be anything, so no Entry."""
    return canonical_text({
        "entry_id": row.entry_id, "region": region, "kind": row.kind, "psn_no": row.psn_no,
        "year": row.year, "reference": row.reference, "event_at": time_text(row.event_at),
        "booked_at": time_text(row.booked_at), "evidence": row.evidence,
        "postings": [dict(zip(POSTING_KEYS, posting, strict=True)) for posting in found]})


def _first_difference(seen: str, expected: str) -> tuple[str, str, str]:
    """(which field, its value in `seen`, its value in `expected`) of two texts of entries."""
    try:
        left, right = json.loads(seen), json.loads(expected)
        for key in sorted({*left, *right}):
            if left.get(key, ABSENT) != right.get(key, ABSENT):
                return _narrowed(key, left.get(key, ABSENT), right.get(key, ABSENT))
    except (ValueError, TypeError, AttributeError):
        pass
    place = next((index for index, (one, other) in enumerate(zip(seen, expected, strict=False))
                  if one != other), min(len(seen), len(expected)))
    return f"character {place + 1}", seen[place:][:SHOWN], expected[place:][:SHOWN]


def _narrowed(key: str, seen: object, expected: object) -> tuple[str, str, str]:
    if key != "postings" or not isinstance(seen, list) or not isinstance(expected, list):
        return key, str(seen), str(expected)
    for line in range(max(len(seen), len(expected))):
        one, other = (part[line] if line < len(part) else ABSENT for part in (seen, expected))
        if one != other:
            return f"posting {line + 1}", str(one), str(other)
    raise AssertionError("equal postings")


def _move(movements: Movements, found: tuple[Posting, ...]) -> None:
    for account, fund, institution, amount_fen in found:
        key = (account, fund, institution)
        movements[key] = movements.get(key, 0) + amount_fen


def _check_marks(chain: Chain) -> None:
    for seq, stored in chain.marks:
        if seq == chain.seq and stored != chain.hash.hex():
            chain.fail(seq, "hash against the stored day close", chain.hash.hex(), stored)


def _check_end(chain: Chain) -> None:
    head, closed = chain.head, max((seq for seq, _ in chain.marks), default=0)
    until = max(head.last_seq or 0, closed)
    if until > chain.seq:
        teller = "stored day close" if until == closed else "head row"
        chain.fail(chain.seq + 1, "entry", ABSENT, f"entries up to {until}, says the {teller}")
    elif head.last_seq is None:
        chain.fail(chain.seq, "head row of the chain", ABSENT, f"last_seq {chain.seq}")
    elif head.last_seq < chain.seq:
        chain.fail(head.last_seq + 1, "entry beyond the head row of the chain", chain.seq,
                   f"none after {head.last_seq}")
    elif head.last_hash != chain.hash:
        chain.fail(chain.seq, "hash in the head row of the chain", head.last_hash.hex(),
                   chain.hash.hex())


def verify(connection: Connection, region: str | None = None) -> Report:
    """Rebuilds every chain (of one region) from zero, then the day closes and accumulators; holds
    settlements, outcomes and messages against the journal.

    The connection must not be in a transaction. Reads everything once, in bounded memory.
    """
    report = Report()
    with store.snapshot(connection):
        heads = store.chains(connection, region)
        closes = close_store.closes(connection, region)
        for name in sorted({head.region for head in heads} | {close.region for close in closes}):
            _verify_region(connection, name, [head for head in heads if head.region == name],
                           [close for close in closes if close.region == name], report)
            report.accumulators += close_store.accumulator_differences(connection, name)
            report.findings += [Finding(name, *row) for row in
                                settled_store.contradictions(connection, name)]
    return report


def _verify_region(connection: Connection, region: str, heads: list[Head],
                   closes: list[close_store.StoredClose], report: Report) -> None:
    good = _sound_closes(region, closes, report)
    known = {head.shard for head in heads}
    heads = heads + [Head(region, shard, None, None) for shard in
                     sorted({shard for close in good for shard in close.heads} - known)]
    moved: list[Movements] = [{} for _ in range(len(good) + 1)]
    for head in heads:
        marks = tuple(close.heads.get(head.shard, (0, NO_HASH.hex())) for close in good)
        chain = check_chain(head, store.entries(connection, region, head.shard),
                            store.postings(connection, region, head.shard), marks)
        report.chains += 1
        report.entries += chain.seq
        report.postings += chain.postings
        if chain.finding is not None:
            report.findings.append(chain.finding)
        for total, part in zip(moved, chain.moved, strict=True):
            for key, fen in part.items():
                total[key] = total.get(key, 0) + fen
    _compare_balances(region, good, moved, report)


def _sound_closes(region: str, closes: list[close_store.StoredClose], report: Report,
                  ) -> list[close_store.StoredClose]:
    """The closes up to the first whose own hash is wrong; that one is a finding."""
    before = NO_HASH
    for place, close in enumerate(closes):
        report.closes += 1
        if close.prev_hash != before or close.hash != close_store.close_hash(before, close.body):
            report.findings.append(Finding(
                region, -1, 0, f"hash of the close of {close.day}", close.hash.hex(),
                close_store.close_hash(before, close.body).hex()))
            return closes[:place]
        if close.found["day"] != close.day.isoformat():
            report.findings.append(Finding(region, -1, 0, f"day of the close of {close.day}",
                                           close.day.isoformat(), close.found["day"]))
        before = close.hash
    return closes


def _compare_balances(region: str, closes: list[close_store.StoredClose],
                      moved: list[Movements], report: Report) -> None:
    """Running balances against every close; only when all chains are sound, else they say less."""
    running: Movements = {}
    broken = bool(report.findings)
    for place, movements in enumerate(moved):
        for key, fen in movements.items():
            running[key] = running.get(key, 0) + fen
        if place < len(closes) and not broken:
            broken = _balances_differ(region, closes[place].day, closes[place].balances, running,
                                      report)
    for key, fen in running.items():
        if fen:
            report.balances[(region, *key)] = fen


def _balances_differ(region: str, day: date, stored: Movements, running: Movements,
                     report: Report) -> bool:
    for key in sorted({*stored, *running}):
        if stored.get(key, 0) != running.get(key, 0):
            report.findings.append(Finding(
                region, -1, 0, f"balance of {' '.join(filter(None, key))} closed on {day}",
                str(stored.get(key, 0)), str(running.get(key, 0))))
            return True
    return False
