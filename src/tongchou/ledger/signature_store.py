"""SQL of the signatures of day closes (日结签名)."""
from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from psycopg import Connection


class CloseSignature(NamedTuple):
    """Who signed the close of a day: the number of the key, its public half, and when (UTC)."""

    region: str
    day: date
    key_id: int
    public_key: bytes
    signature: bytes
    signed_at: datetime


def add(connection: Connection, one: CloseSignature) -> None:
    """Stores a signature. Does not commit."""
    connection.execute("insert into close_signature values (%s, %s, %s, %s, %s, %s)", one)


def signatures(connection: Connection, region: str | None = None, day: date | None = None,
               ) -> list[CloseSignature]:
    """Signatures (of one region, of one day) in the order of days."""
    rows = connection.execute(
        "select region, day, key_id, public_key, signature, signed_at from close_signature "
        "where (%(region)s::text is null or region = %(region)s) "
        "and (%(day)s::date is null or day = %(day)s) order by region, day",
        {"region": region, "day": day})
    return [CloseSignature(region_, day_, key_id, bytes(public), bytes(signature), at)
            for region_, day_, key_id, public, signature, at in rows]
