"""SQL of filings (备案存储): what an institution filed for a person, under its number."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg import Connection
from psycopg import errors as states

from ..database import shard_of
from .refusals import declined

COLUMNS = ("psn_no, filing_no, kind, institution, subject, sort, rank, first_day::text, "
           "coalesce(last_day::text, ''), sent, filed_at, filed_by, withdrawn_at is not null")
PERSON = "region = %(region)s and shard = %(shard)s and psn_no = %(psn_no)s"


class Filing(NamedTuple):
    """A filing; `sent` is sealed, days are ISO text, an open end is ""."""

    psn_no: str
    filing_no: str
    kind: str
    institution: str
    subject: str
    sort: str
    rank: str
    first: str
    last: str
    sent: bytes
    filed_at: datetime
    filed_by: str
    withdrawn: bool = False


def _person(region: str, psn_no: str) -> dict[str, object]:
    return {"region": region, "shard": shard_of(region, psn_no), "psn_no": psn_no}


def add(connection: Connection, region: str, one: Filing) -> None:
    """Adds a filing; one that is there under its number stays. Raises Declined `filing-known`."""
    try:
        connection.execute(
            "insert into declaration (region, shard, psn_no, filing_no, kind, institution, "
            "subject, sort, rank, first_day, last_day, sent, filed_at, filed_by) values ("
            "%(region)s, %(shard)s, %(psn_no)s, %(filing_no)s, %(kind)s, %(institution)s, "
            "%(subject)s, %(sort)s, %(rank)s, %(first)s, nullif(%(last)s, '')::date, %(sent)s, "
            "%(filed_at)s, %(filed_by)s) on conflict (region, shard, psn_no, filing_no) do nothing",
            {**_person(region, one.psn_no), **one._asdict()})
    except states.ExclusionViolation:
        raise declined("filing-known", "该时段已有同类、同序号的定点备案，请先撤销原备案",
                       "fix_srt_no") from None


def change(connection: Connection, region: str, one: Filing) -> None:
    """Puts subject, days and fields of a standing filing anew."""
    connection.execute(
        "update declaration set subject = %(subject)s, first_day = %(first)s, "
        f"last_day = nullif(%(last)s, '')::date, sent = %(sent)s where {PERSON} "
        "and filing_no = %(filing_no)s and withdrawn_at is null",
        {**_person(region, one.psn_no), **one._asdict()})


def withdraw(connection: Connection, region: str, one: Filing,
             deed: Mapping[str, object]) -> None:
    """Notes that a filing is withdrawn: `deed` has at, by and why. A second time changes nothing.
    """
    connection.execute(
        "update declaration set withdrawn_at = %(at)s, withdrawn_by = %(by)s, "
        f"withdrawn_why = %(why)s where {PERSON} and filing_no = %(filing_no)s "
        "and withdrawn_at is null",
        {**_person(region, one.psn_no), **deed, "filing_no": one.filing_no})


def filings(connection: Connection, region: str, psn_no: str, kind: str) -> list[Filing]:
    """Filings of a person of one kind, withdrawn ones too, oldest first."""
    rows = connection.execute(
        f"select {COLUMNS} from declaration where {PERSON} and kind = %(kind)s "
        "order by first_day, filed_at, filing_no", {**_person(region, psn_no), "kind": kind})
    return [Filing(*row)._replace(sent=bytes(row[9])) for row in rows]
