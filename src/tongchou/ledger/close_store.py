"""SQL of day closes (日结存取): heads, movements, accumulators against the journal."""
from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple

from psycopg import Connection

from . import store

CLOSES = """
select region, day, body, prev_hash, hash from day_close
where %(region)s::text is null or region = %(region)s order by region, day"""
HEADS = """
select c.shard, e.seq, e.hash from chain c cross join lateral (
  select seq, hash from journal_entry where region = c.region and shard = c.shard
    and seq <= c.last_seq and booked_at < %(until)s order by seq desc limit 1) e
where c.region = %(region)s order by c.shard"""
MOVED = """
select p.account, p.fund, p.institution,
       coalesce(sum(p.amount_fen) filter (where p.amount_fen > 0), 0)::bigint,
       coalesce(-sum(p.amount_fen) filter (where p.amount_fen < 0), 0)::bigint
from unnest(%(shards)s::smallint[], %(after)s::bigint[], %(upto)s::bigint[])
     as span (shard, low, high)
join posting p on p.region = %(region)s and p.shard = span.shard
  and p.seq > span.low and p.seq <= span.high
group by 1, 2, 3 order by 1, 2, 3"""
DIFFERENCES = """
with booked as (
  select p.shard, p.psn_no, p.year, p.fund, sum(p.amount_fen)::text as fen
  from posting p where p.region = %(region)s and p.psn_no is not null and p.account = 'expense'
  group by p.shard, p.psn_no, p.year, p.fund having sum(p.amount_fen) <> 0),
stored as (
  select y.shard, y.psn_no, y.year, f.key as fund, f.value as fen
  from person_year y cross join json_each_text(y.paid) f
  where y.region = %(region)s and f.value is distinct from '0')
select coalesce(b.shard, s.shard), coalesce(b.psn_no, s.psn_no), coalesce(b.year, s.year),
       coalesce(b.fund, s.fund), coalesce(b.fen, '0'), coalesce(s.fen, '0')
from booked b full join stored s
  on (b.shard, b.psn_no, b.year, b.fund) = (s.shard, s.psn_no, s.year, s.fund)
where b.fen is distinct from s.fen order by 1, 2, 3, 4 limit %(limit)s"""
DIFFERENCES_MAX = 1000

Heads = Mapping[int, tuple[int, str]]        # shard -> number and hash (hex) of its last entry


class StoredClose(NamedTuple):
    """A close as it was stored; `body` is the canonical text that `hash` covers."""

    region: str
    day: date
    body: str
    prev_hash: bytes
    hash: bytes

    @property
    def found(self) -> Mapping[str, object]:
        """The body as a value; {} when it is no text of a close any more."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def heads(self) -> dict[int, tuple[int, str]]:
        """shard -> (number, hash in hex) of the last entry of the day."""
        return {shard: (seq, hash_) for shard, seq, hash_ in self.found.get("heads", ())}

    @property
    def balances(self) -> dict[tuple[str, str, str], int]:
        """(account, fund, institution) -> fen at the end of the day; zeros left out."""
        return {(row["account"], row["fund"], row["institution"]): row["closing_fen"]
                for row in self.found.get("balances", ()) if row["closing_fen"]}


class Difference(NamedTuple):
    """An accumulator that is not the sum of the journal; both in fen, as text."""

    shard: int
    psn_no: str
    year: str
    fund: str
    journal: str
    stored: str


class Moved(NamedTuple):
    """What one account moved: debits and credits in fen, both positive."""

    account: str
    fund: str
    institution: str
    debit_fen: int
    credit_fen: int


def close_hash(before: bytes, body: str) -> bytes:
    """The hash of a close that follows another."""
    return sha256(before + body.encode()).digest()


def closes(connection: Connection, region: str | None = None) -> list[StoredClose]:
    """Closes (of one region) in their order."""
    return [StoredClose(*row) for row in connection.execute(CLOSES, {"region": region})]


def closed_days(connection: Connection, region: str, first: date, last: date, limit: int,
                ) -> list[tuple[date, bytes]]:
    """(day, hash) of the closes of some days, the newest first."""
    return connection.execute(
        "select day, hash from day_close where region = %s and day between %s and %s "
        "order by day desc limit %s", (region, first, last, limit)).fetchall()


def last_close(connection: Connection, region: str, upto: date | None = None,
               ) -> StoredClose | None:
    """The newest close, or the newest of a day not after `upto`."""
    row = connection.execute(
        "select region, day, body, prev_hash, hash from day_close where region = %s "
        "and day <= coalesce(%s, 'infinity'::date) order by day desc limit 1",
        (region, upto)).fetchone()
    return StoredClose(*row) if row else None


def heads_before(connection: Connection, region: str, until: datetime,
                 ) -> dict[int, tuple[int, bytes]]:
    """shard -> (number, hash) of the last entry booked before a moment."""
    return {shard: (seq, hash_) for shard, seq, hash_ in
            connection.execute(HEADS, {"region": region, "until": until})}


def first_booked(connection: Connection, region: str) -> datetime | None:
    """When the oldest entry of a region was booked, None without any."""
    return connection.execute("select min(booked_at) from journal_entry "
                              "where region = %s and seq = 1", (region,)).fetchone()[0]


def moved(connection: Connection, region: str, after: Mapping[int, int],
          upto: Mapping[int, int]) -> list[Moved]:
    """Debits and credits by account of the entries (after, upto] of every shard."""
    shards = sorted(upto)
    return [Moved(*row) for row in connection.execute(MOVED, {
        "region": region, "shards": shards, "after": [after.get(shard, 0) for shard in shards],
        "upto": [upto[shard] for shard in shards]})]


def accumulator_differences(connection: Connection, region: str) -> list[Difference]:
    """Accumulators of persons that are not the journal's sums, the first thousand of them."""
    with store.joining_whole(connection):
        return [Difference(*row) for row in connection.execute(
            DIFFERENCES, {"region": region, "limit": DIFFERENCES_MAX})]


def accumulators(connection: Connection, region: str) -> int:
    """How many person-years the region has."""
    return connection.execute("select count(*) from person_year where region = %s",
                              (region,)).fetchone()[0]


def region_exists(connection: Connection, region: str) -> bool:
    """Whether a region is known, or has a journal."""
    return connection.execute(
        "select exists (select from region where region = %(region)s) "
        "or exists (select from chain where region = %(region)s)",
        {"region": region}).fetchone()[0]


def save(connection: Connection, close: StoredClose) -> bool:
    """Stores a close; False when another process closed the day first. Does not commit."""
    return connection.execute("insert into day_close values (%s, %s, %s, %s, %s) "
                              "on conflict do nothing", close).rowcount == 1
