"""SQL of the audit (审计取数): which settlements there are, in pages and by chance."""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from psycopg import Connection

PAGE = 500
WHERE = """ where (%(region)s::text is null or region = %(region)s)
  and (%(psn_no)s::text is null or psn_no = %(psn_no)s)
  and (%(setl_id)s::text is null or setl_id = %(setl_id)s)"""
COUNT = "select count(*) from settlement" + WHERE
PAGE_OF = """
select region, shard, psn_no, year, array_agg(setl_id order by setl_id)
from settlement""" + WHERE + """
  and (region, shard, psn_no, year) > (%(r)s, %(s)s::smallint, %(p)s, %(y)s)
group by region, shard, psn_no, year order by region, shard, psn_no, year limit %(limit)s"""
SAMPLE = """
select region, shard, psn_no, year, array_agg(setl_id order by setl_id) from (
  select region, shard, psn_no, year, setl_id from settlement""" + WHERE + """
  order by md5(setl_id || %(seed)s), setl_id limit %(limit)s) chosen
group by region, shard, psn_no, year order by region, shard, psn_no, year"""


class Wanted(NamedTuple):
    """Which settlements: of a region, a person, one of them; None stands for all."""

    region: str | None = None
    psn_no: str | None = None
    setl_id: str | None = None


class YearPart(NamedTuple):
    """Settlements of a person's policy year that are to be replayed."""

    region: str
    shard: int
    psn_no: str
    year: str
    setl_ids: list[str]


def count(connection: Connection, wanted: Wanted) -> int:
    """How many settlements are wanted."""
    return connection.execute(COUNT, wanted._asdict()).fetchone()[0]


def every(connection: Connection, wanted: Wanted) -> Iterator[YearPart]:
    """All of them by person and year, in pages; each page is a transaction."""
    last = YearPart("", -1, "", "", [])
    while True:
        rows = connection.execute(PAGE_OF, {
            **wanted._asdict(), "r": last.region, "s": last.shard, "p": last.psn_no,
            "y": last.year, "limit": PAGE}).fetchall()
        connection.commit()
        if not rows:
            return
        for row in rows:
            yield YearPart(*row)
        last = YearPart(*rows[-1])


def sample(connection: Connection, wanted: Wanted, size: int, seed: str) -> list[YearPart]:
    """`size` settlements by chance; the same seed chooses the same ones."""
    return [YearPart(*row) for row in connection.execute(
        SAMPLE, {**wanted._asdict(), "seed": seed, "limit": size})]
