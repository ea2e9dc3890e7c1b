"""Day close (日结): a day's entries counted, balanced, held against the accumulators and sealed.

The day's entries are those after the former close's heads up to the last one booked before
midnight, so each lies in exactly one close. Closes form a chain of hashes of their own.
"""
from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

from psycopg import Connection

from ..errors import Refusal
from ..privacy import SigningKey
from . import close_store, signature_store, signatures, store
from .canonical import NO_HASH, canonical_text, time_text
from .close_store import Difference, Moved, StoredClose
from .signature_store import CloseSignature

CHINA_TIME = timezone(timedelta(hours=8))
ONE_DAY = timedelta(days=1)
# Entries of the last second may still be on their way when the day ends.
GRACE = timedelta(minutes=5)


@dataclass(frozen=True)
class Balance:
    """One line of the trial balance (试算平衡表), fen; debit positive."""

    account: str
    fund: str
    institution: str
    opening_fen: int
    debit_fen: int
    credit_fen: int

    @property
    def closing_fen(self) -> int:
        """What stands at the end of the day."""
        return self.opening_fen + self.debit_fen - self.credit_fen

    def as_dict(self) -> dict[str, object]:
        """The form that is stored and hashed."""
        return {**vars(self), "closing_fen": self.closing_fen}


def end_of(day: date) -> datetime:
    """Midnight after a day, in China's one time zone."""
    return datetime.combine(day + ONE_DAY, time(), CHINA_TIME)


def close_day(connection: Connection, region: str, day: date, now: datetime, by: str,
              signer: SigningKey | None = None) -> StoredClose:
    """Closes and signs a day; one closed before is given back as it was stored. Does not commit.

    Month ends that were passed over are closed first: a close never spans the end of a month.
    Raises Refusal `unknown-region`, `day-not-over`, `day-before-last-close`, `books-differ` (an
    accumulator is not the journal's sum: the first ones are named) or `fund-out-of-balance`.
    """
    last = close_store.last_close(connection, region)
    if last is not None and day <= last.day:
        return _closed_before(connection, region, day, last)
    if not close_store.region_exists(connection, region):
        raise Refusal("unknown-region", f"no region {region} has a journal here 无此统筹区",
                      region, hint="Give the six digits of the pooling area.")
    if now < end_of(day) + GRACE:
        raise Refusal("day-not-over", f"{day} is not over yet 当日尚未结束", region,
                      hint=f"Close it after {(end_of(day) + GRACE).isoformat()}.")
    store.long_reads(connection)
    since = last.day + ONE_DAY if last else first_day(connection, region, day)
    if month_end(since) < day:
        close_day(connection, region, month_end(since), now, by, signer)
        return close_day(connection, region, day, now, by, signer)
    close = _made(connection, region, day, now, by, last)
    if not close_store.save(connection, close):       # another process has closed it meanwhile
        return close_day(connection, region, day, now, by, signer)
    if signer is not None:
        signature_store.add(connection, signatures.sign(close, signer, now))
    return close


def month_end(day: date) -> date:
    """The last day of a day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY


def first_day(connection: Connection, region: str, otherwise: date) -> date:
    """The day of a region's oldest entry, or another one when it has none."""
    first = close_store.first_booked(connection, region)
    return min(otherwise, first.astimezone(CHINA_TIME).date()) if first else otherwise


def _closed_before(connection: Connection, region: str, day: date, last: StoredClose,
                   ) -> StoredClose:
    stored = close_store.last_close(connection, region, day)
    if stored is None or stored.day != day:
        raise Refusal("day-before-last-close", f"{day} lies before the last close, {last.day}, "
                      "and was not closed itself 早于最近一次日结", region,
                      hint=f"Its entries are in the next close; go on from {last.day}.")
    return stored


def _made(connection: Connection, region: str, day: date, now: datetime, by: str,
          last: StoredClose | None) -> StoredClose:
    heads = close_store.heads_before(connection, region, end_of(day))
    former = last.heads if last else {}
    for shard, (seq, hash_) in former.items():
        if heads.get(shard, (0, ""))[0] < seq:
            heads[shard] = (seq, bytes.fromhex(hash_))
    after = {shard: seq for shard, (seq, _) in former.items()}
    upto = {shard: seq for shard, (seq, _) in heads.items()}
    moves = close_store.moved(connection, region, after, upto)
    balances = trial_balance(last.balances if last else {}, moves)
    _check(region, balances, close_store.accumulator_differences(connection, region))
    body = canonical_text({
        "region": region, "day": day.isoformat(), "closed_at": time_text(now), "closed_by": by,
        "former_day": last.day.isoformat() if last else None,
        "heads": [[shard, seq, hash_.hex()] for shard, (seq, hash_) in sorted(heads.items())],
        "balances": [row.as_dict() for row in balances],
        "totals": {"entries": sum(upto.values()) - sum(after.values()),
                   "entries_ever": sum(upto.values()),
                   "debit_fen": sum(row.debit_fen for row in balances),
                   "credit_fen": sum(row.credit_fen for row in balances),
                   "person_years": close_store.accumulators(connection, region)}})
    before = last.hash if last else NO_HASH
    return StoredClose(region, day, body, before, close_store.close_hash(before, body))


def trial_balance(opening: dict[tuple[str, str, str], int], moves: Iterable[Moved],
                  ) -> list[Balance]:
    """Opening balances and movements as one list, by account, fund and institution."""
    found = {(row.account, row.fund, row.institution): row for row in moves}
    rows = []
    for key in sorted({*opening, *found}):
        move = found.get(key, Moved(*key, 0, 0))
        rows.append(Balance(*key, opening.get(key, 0), move.debit_fen, move.credit_fen))
    return rows


def balances_of(close: StoredClose) -> list[Balance]:
    """The trial balance that a close stored."""
    return [Balance(**{key: value for key, value in row.items() if key != "closing_fen"})
            for row in close.found["balances"]]


def _check(region: str, balances: list[Balance], differences: list[Difference]) -> None:
    if differences:
        named = "; ".join(f"psn_no {row.psn_no} {row.year} {row.fund}: journal {row.journal}, "
                          f"person_year {row.stored} fen" for row in differences[:10])
        raise Refusal("books-differ", f"{len(differences)} accumulators are not the sums of the "
                      f"journal 累计额与账簿不符: {named}", region,
                      hint="`tongchou ledger verify` tells whether the journal itself is sound; "
                      "nothing was closed.")
    funds: dict[str, int] = {}
    for row in balances:
        funds[row.fund] = funds.get(row.fund, 0) + row.closing_fen
    for fund, fen in funds.items():
        if fen:
            raise Refusal("fund-out-of-balance", f"the accounts of {fund or 'no fund'} sum to "
                          f"{fen} fen 基金账不平", region, hint="An entry moves money from one "
                          "fund to another; nothing was closed.")


def close_file(close: StoredClose, signature: CloseSignature | None = None) -> dict[str, object]:
    """What is exported of a close, to be kept elsewhere: the sealed body, its hashes, and the
    signature where it has one."""
    return {"close": close.found, "prev_hash": close.prev_hash.hex(), "hash": close.hash.hex(),
            "hash_of": "sha256(prev_hash bytes | canonical JSON of close)",
            **(signatures.signature_file(signature) if signature else {})}


def write_close(close: StoredClose, path: Path, signature: CloseSignature | None = None) -> None:
    """Writes the exported form as JSON; beside, then renamed."""
    text = json.dumps(close_file(close, signature), ensure_ascii=False, indent=1, sort_keys=True)
    write_beside(path, (text, "\n"))


def write_beside(path: Path, parts: Iterable[str]) -> None:
    """A file of these pieces of text, written whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.writelines(parts)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
