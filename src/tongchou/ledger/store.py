"""SQL of the journal (账簿存取): entries appended one by one, chains read in their order."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from psycopg import Connection, Error, IsolationLevel
from psycopg.pq import TransactionStatus

from ..errors import Refusal
from .canonical import canonical_text, entry_order
from .postings import Entry, Posting

FETCH_ROWS = 2048
ENTRIES = """
select seq, entry_id, kind, psn_no, year, reference, booked_at, event_at, evidence, body,
  prev_hash, hash
from journal_entry where region = %s and shard = %s and seq > %s and seq <= %s order by seq"""
POSTINGS = """
select seq, account, fund, institution, amount_fen from posting
where region = %s and shard = %s and seq > %s and seq <= %s order by seq, line"""
CHAINS = """
select region, shard, c.last_seq, c.last_hash from
  (select region, shard from chain union select region, shard from journal_entry) found
left join chain c using (region, shard)
where %(region)s::text is null or region = %(region)s order by region, shard"""
LAST = 2 ** 62


class Row(NamedTuple):
    """An entry as its columns say; nothing of it is believed yet."""

    seq: int
    entry_id: str
    kind: str
    psn_no: str | None
    year: str | None
    reference: str
    booked_at: datetime
    event_at: datetime
    evidence: str
    body: str
    prev_hash: bytes
    hash: bytes


class Head(NamedTuple):
    """A chain and its head row; no number and hash when the row is missing."""

    region: str
    shard: int
    last_seq: int | None
    last_hash: bytes | None


def append(connection: Connection, entry: Entry, shard: int) -> int:
    """Books an entry that no settlement makes; gives its number in the chain. Does not commit.

    The chain stays locked until the transaction ends, so this comes last in it. Raises Refusal
    `clock-went-back` when `booked_at` lies more than a minute before the chain's last entry.
    """
    try:
        return connection.execute("select book(%s::json)", (
            canonical_text([entry_order(entry, shard)]),)).fetchone()[0][0]
    except Error as fault:
        if fault.sqlstate == "TC001":
            raise Refusal("clock-went-back", f"{entry.booked_at.isoformat()} lies before the last "
                          "entry of the journal 记账时间早于上一笔", entry.entry_id,
                          hint="Set the clock of this machine right; nothing was booked.") from None
        raise


def entries(connection: Connection, region: str, shard: int, after: int = 0, upto: int = LAST,
            ) -> Iterator[Row]:
    """Entries of a chain in order, numbers (after, upto], however many there are."""
    return map(Row._make, streamed(connection, "ledger_entries", ENTRIES,
                                    (region, shard, after, upto)))


def postings(connection: Connection, region: str, shard: int, after: int = 0, upto: int = LAST,
             ) -> Iterator[tuple[int, Posting]]:
    """(number of the entry, posting) of a chain in order."""
    for seq, *row in streamed(connection, "ledger_postings", POSTINGS,
                               (region, shard, after, upto)):
        yield seq, Posting(*row)


def chains(connection: Connection, region: str | None = None) -> list[Head]:
    """Every chain there is any trace of: of a head row or of entries."""
    return [Head(*row) for row in connection.execute(CHAINS, {"region": region})]


def entry_seq(connection: Connection, region: str, shard: int, entry_id: str) -> int | None:
    """The number of an entry, or None when it was never booked."""
    row = connection.execute("select seq from journal_entry where region = %s and shard = %s "
                             "and entry_id = %s", (region, shard, entry_id)).fetchone()
    return row[0] if row else None


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Everything read inside is of one moment; the connection must not be in a transaction."""
    assert connection.info.transaction_status == TransactionStatus.IDLE
    before = connection.isolation_level, connection.read_only
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        long_reads(connection)
        yield
    finally:
        connection.rollback()
        connection.isolation_level, connection.read_only = before


def long_reads(connection: Connection) -> None:
    """Lifts the service's time limit of a statement until the transaction ends."""
    connection.execute("set local statement_timeout = 0")


@contextmanager
def joining_whole(connection: Connection) -> Iterator[None]:
    """Tables are joined as wholes inside, never row by row.

    Just after a bulk load there are no statistics, and PostgreSQL would believe in few rows: a
    nested loop over an index of accounts is then quadratic.
    """
    connection.execute("set local enable_nestloop = off")
    yield
    connection.execute("set local enable_nestloop = on")


def streamed(connection: Connection, name: str, query: str, values: tuple) -> Iterator[tuple]:
    """Rows of a query a few thousand at a time, however many there are."""
    with connection.cursor(name=name) as rows:
        rows.itersize = FETCH_ROWS
        yield from rows.execute(query, values, binary=True)
