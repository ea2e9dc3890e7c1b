"""The directory of documents, searches by blind index, lists over an area (证件目录)."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from ..database import shard_of
from .store import Noted


@dataclass(frozen=True)
class StoredCertificate:
    """A document of the directory, sealed, with its holder."""

    psn_no: str
    row_id: str
    kind: str
    index: bytes
    sealed: bytes


def add_certificates(connection: psycopg.Connection, region: str,
                     found: Sequence[StoredCertificate], noted: Noted) -> None:
    """Adds documents. Raises UniqueViolation when somebody holds one of them already."""
    connection.cursor().executemany(
        "insert into certificate (region, shard, certificate_index, row_id, kind, sealed, psn_no, "
        "known_at, known_by, why) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [(region, shard_of(region, one.index.hex()), one.index, one.row_id, one.kind, one.sealed,
          one.psn_no, noted.at, noted.by, noted.why) for one in found])


def retract_certificate(connection: psycopg.Connection, region: str, one: StoredCertificate,
                        noted: Noted) -> bool:
    """Takes a document out of the directory; False when it was not in it any more."""
    done = connection.execute(
        "update certificate set retracted_at = %s, retracted_by = %s, retracted_why = %s "
        "where region = %s and shard = %s and certificate_index = %s and row_id = %s "
        "and retracted_at is null",
        [noted.at, noted.by, noted.why, region, shard_of(region, one.index.hex()), one.index,
         one.row_id])
    return done.rowcount == 1


def holders(connection: psycopg.Connection, region: str, indexes: Sequence[bytes],
            ) -> dict[bytes, str]:
    """Index -> psn_no for those of the indexes somebody holds now."""
    rows = connection.execute(
        "select found.* from unnest(%s::smallint[], %s::bytea[]) as asked (shard, index) "
        "cross join lateral (select certificate_index, psn_no from certificate own "
        "where own.region = %s and own.shard = asked.shard "
        "and own.certificate_index = asked.index and retracted_at is null offset 0) as found",
        [[shard_of(region, index.hex()) for index in indexes], list(indexes), region])
    return {bytes(index): number for index, number in rows}


def certificates_of(connection: psycopg.Connection, region: str, numbers: Sequence[str],
                    ) -> list[StoredCertificate]:
    """The documents of some people, the newest first."""
    rows = connection.execute(
        "select psn_no, row_id, kind, certificate_index, sealed from certificate "
        "where region = %s and psn_no = any(%s) and retracted_at is null "
        "order by psn_no, known_at desc, row_id", [region, list(numbers)])
    return [StoredCertificate(number, row_id, kind, bytes(index), bytes(sealed))
            for number, row_id, kind, index, sealed in rows]


def named(connection: psycopg.Connection, region: str, indexes: Sequence[bytes], limit: int,
          ) -> list[str]:
    """Numbers of people with one of these name indexes."""
    rows = connection.execute(
        "select psn_no from person where region = %s and name_index = any(%s) "
        "and retracted_at is null order by psn_no limit %s", [region, list(indexes), limit])
    return [number for number, in rows]


def phoned(connection: psycopg.Connection, region: str, indexes: Sequence[bytes], limit: int,
           ) -> list[str]:
    """Numbers of people with one of these phone indexes."""
    rows = connection.execute(
        "select psn_no from person where region = %s and phone_index = any(%s) "
        "and retracted_at is null order by psn_no limit %s", [region, list(indexes), limit])
    return [number for number, in rows]


def without_cover(connection: psycopg.Connection, region: str, codes: Sequence[str], day: str,
                  ) -> Iterator[tuple[str, str, str, str]]:
    """(psn_no, status, reason of the ledger, its evidence) of people with one of the statuses and
    no insurance relation on a day (LF-01, BJ-05)."""
    rows = connection.execute(
        "select s.psn_no, min(s.code), coalesce(min(n.reason), ''), coalesce(min(n.evidence), '') "
        "from status s "
        "join person p on p.region = s.region and p.shard = s.shard and p.psn_no = s.psn_no "
        "  and p.retracted_at is null and coalesce(p.died >= %(day)s::date, true) "
        "left join not_enrolled n on n.region = s.region and n.shard = s.shard "
        "  and n.psn_no = s.psn_no and n.retracted_at is null and n.during @> %(day)s::date "
        "where s.region = %(region)s and s.code = any(%(codes)s) and s.retracted_at is null "
        "  and s.during @> %(day)s::date and not exists (select 1 from coverage c "
        "    where c.region = s.region and c.shard = s.shard and c.psn_no = s.psn_no "
        "    and c.retracted_at is null and c.during @> %(day)s::date) "
        "group by s.psn_no order by s.psn_no",
        {"day": day, "region": region, "codes": list(codes)})
    yield from rows


def recognised_by(connection: psycopg.Connection, region: str, code: str, source: str, day: str,
                  ) -> list[str]:
    """Numbers of people who have a status on a day as one office recognised it (BJ-07)."""
    rows = connection.execute(
        "select distinct psn_no from status where region = %s and code = %s and source = %s "
        "and retracted_at is null and during @> %s::date order by psn_no",
        [region, code, source, day])
    return [number for number, in rows]


def insured_in_several(connection: psycopg.Connection, day: str,
                       ) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """(regions, psn_nos, insutypes) of every document whose holders are insured more than once on
    a day, in whichever regions of this database (JC-33)."""
    rows = connection.execute(
        "select array_agg(c.region order by c.region, c.psn_no), "
        "array_agg(c.psn_no order by c.region, c.psn_no), "
        "array_agg(v.insutype order by c.region, c.psn_no) "
        "from certificate c join coverage v on v.region = c.region and v.psn_no = c.psn_no "
        "and v.retracted_at is null and v.during @> %s::date "
        "where c.retracted_at is null group by c.certificate_index having count(*) > 1 "
        "order by 1, 2", [day])
    yield from rows
