"""SQL of settlements: one call reads a person and year, one call writes everything (存储)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
import psycopg
from psycopg import Connection

from ..database import shard_of
from ..errors import Refusal
from .order import Along, Order

STALE = ("TC003", "40P01", "40001")      # moved on; two who met in the database
WRITE = "write_settlements(%s::json, %s::json, %s::json, %s::json, %s::json, %s::json, %s)"
# The same for nobody: all a new connection plans before a window waits for it.
REHEARSAL = ("select settlement_contexts('[]')", "select book('[]')",
             "select write_settlements('[]', '[]', '[]', '[]', '[]', '[]', '')")
SETTLEMENT = """
select s.setl_id, s.mdtrt_id, s.psn_no, s.year, s.kind, s.institution, s.claim, s.bill,
       s.pack_hash, s.kernel_version, s.setl_time, s.settled_by, s.known_at,
       (select json_agg(json_build_object('revision', o.revision, 'reason', o.reason,
          'cause', o.cause, 'result', json_build_object('money', o.money -> 'money',
            'advanced', o.money -> 'advanced', 'statement', o.statement), 'person', o.person,
          'seq', o.seq, 'known_at', o.known_at) order by o.revision)
        from outcome o where o.region = s.region and o.shard = s.shard and o.psn_no = s.psn_no
          and o.setl_id = s.setl_id),
       s.members
from settlement s where s.region = %(region)s and s.shard = %(shard)s and s.psn_no = %(psn_no)s"""
SETTLEMENT_COLUMNS = ("setl_id", "mdtrt_id", "psn_no", "year", "kind", "institution", "claim",
                      "bill", "pack_hash", "kernel_version", "setl_time", "settled_by",
                      "known_at", "outcomes", "members")


NO_YEAR: Mapping[str, object] = {"version": 0, "paid": {}, "settlements": ()}


class Ask(NamedTuple):
    """Whose year is wanted, and the key of the request, in the shard of who asks."""

    region: str
    shard: int
    psn_no: str
    year: str
    key: str | None
    key_shard: int


class Context(NamedTuple):
    """What one read gives: the person as known now (None: unknown), the year, the answer of a
    request made before."""

    person: Mapping[str, object] | None
    year: Mapping[str, object]
    answered: Mapping[str, str] | None


def read_contexts(connection: Connection, asks: Sequence[Ask]) -> list[Context]:
    """Person, year and earlier answer of each ask, in one round trip and as of one moment."""
    rows = connection.execute("select settlement_contexts(%s::json)", (
        orjson.dumps([ask._asdict() for ask in asks]).decode(),)).fetchone()[0]
    return [Context(person, year or NO_YEAR, answered) for person, year, answered in rows]


def person(connection: Connection, region: str, shard: int, psn_no: str,
           ) -> Mapping[str, object] | None:
    """The person as known now, None when nobody has the number."""
    return connection.execute("select person_context(%s, %s::smallint, %s)",
                              (region, shard, psn_no)).fetchone()[0]


def only_look(connection: Connection) -> None:
    """The transaction begun sees one moment and writes nothing."""
    connection.execute("set transaction isolation level repeatable read read only")


def answer_of(connection: Connection, region: str, shard: int, key: str,
              ) -> Mapping[str, str] | None:
    """The answer stored under a key, with the hash of its request."""
    row = connection.execute(
        "select json_build_object('reply', reply, 'body_hash', encode(body_hash, 'hex')) "
        "from idempotency where region = %s and shard = %s and key = %s",
        (region, shard, key)).fetchone()
    return row[0] if row else None


class Stale(Exception):
    """What was read has moved on: nothing was written, read again."""

    def __init__(self, order: Order) -> None:
        super().__init__("a year has moved on")
        self.years = order.locked()


def write(connection: Connection, order: Order) -> None:
    """Everything of the order or nothing, in one statement. Raises Stale.

    A reply has no line breaks.
    """
    along: dict[str, list[Along]] = {}
    for one in order.along:
        along.setdefault(one.function, []).append(one)
    called = "".join(f"{function}(%s::json, %b::bytea[]), " for function in along)
    beside = [value for rows in along.values() for value in (
        _text([one.row for one in rows]), [part for one in rows for part in one.sealed])]
    rows = [_text(part) for part in (order.years, order.answers, order.settlements, order.entries,
                                     order.outcomes, order.outbox)]
    try:
        connection.execute(f"select {called}{WRITE}", (*beside, *rows, "\n".join(order.replies)))
    except psycopg.Error as fault:
        if fault.sqlstate in STALE:
            raise Stale(order) from None
        raise


def _text(rows: Sequence[Mapping[str, object]]) -> str:
    return orjson.dumps(rows, default=bytes.hex).decode()


def settlement(connection: Connection, region: str, shard: int, psn_no: str, setl_id: str,
               ) -> dict[str, object] | None:
    """One settlement with all its outcomes, or None."""
    row = connection.execute(SETTLEMENT + " and s.setl_id = %(setl_id)s",
                             {"region": region, "shard": shard, "psn_no": psn_no,
                              "setl_id": setl_id}).fetchone()
    return dict(zip(SETTLEMENT_COLUMNS, row, strict=True)) if row else None


def history(connection: Connection, region: str, shard: int, psn_no: str, year: str | None,
            ) -> list[dict[str, object]]:
    """Settlements of a person, oldest first; of one policy year when `year` is given."""
    where = " and s.year = %(year)s" if year else ""
    rows = connection.execute(SETTLEMENT + where + " order by s.setl_time, s.setl_id",
                              {"region": region, "shard": shard, "psn_no": psn_no, "year": year})
    return [dict(zip(SETTLEMENT_COLUMNS, row, strict=True)) for row in rows]


def bills_of_visit(connection: Connection, region: str, shard: int, psn_no: str, mdtrt_id: str,
                   ) -> list[Mapping[str, object]]:
    """Split bills of the portions of a stay that stand: what corrections may refer to."""
    return [row[0] for row in connection.execute(
        "select s.bill from settlement s where s.region = %s and s.shard = %s and s.psn_no = %s "
        "and s.mdtrt_id = %s and s.bill is not null and not exists (select 1 from outcome o "
        "where o.region = s.region and o.shard = s.shard and o.psn_no = s.psn_no "
        "and o.setl_id = s.setl_id and o.reason = 'reverse') order by s.setl_time, s.setl_id",
        (region, shard, psn_no, mdtrt_id))]


def years_of(connection: Connection, region: str, shard: int, psn_no: str) -> list[str]:
    """Policy years in which the person has settlements."""
    return [row[0] for row in connection.execute(
        "select year from person_year where region = %s and shard = %s and psn_no = %s "
        "order by year", (region, shard, psn_no))]


def save_pack(connection: Connection, pack_hash: str, name: str, document: str) -> None:
    """Keeps a pack's document, once."""
    connection.execute("insert into pack_version (pack_hash, name, document) values (%s, %s, %s) "
                       "on conflict do nothing", (pack_hash, name, document))


def read_pack(connection: Connection, pack_hash: str) -> str | None:
    """The document of a pack that settled something."""
    row = connection.execute("select document from pack_version where pack_hash = %s",
                             (pack_hash,)).fetchone()
    return row[0] if row else None


def add_regime(connection: Connection, region: str, pack_hash: str, first: str, last: str | None,
               ) -> None:
    """From `first` to before `last` the pack settles the region."""
    connection.execute("insert into regime values (%s, %s, daterange(%s, %s))",
                       (region, pack_hash, first, last))


def regimes(connection: Connection) -> list[tuple[str, str, str, str]]:
    """(region, pack_hash, first day, day after the last or "")."""
    return connection.execute(
        "select region, pack_hash, coalesce(lower(during)::text, ''), "
        "coalesce(upper(during)::text, '') from regime order by region, during").fetchall()


def lock_years(connection: Connection, region: str, years: Sequence[tuple[str, str]]) -> None:
    """Locks (psn_no, year) before they are read, in the order every writer takes."""
    for psn_no, year in sorted(years, key=lambda one: (shard_of(region, one[0]), *one)):
        place = {"region": region, "shard": shard_of(region, psn_no), "psn_no": psn_no,
                 "year": year}
        connection.execute("insert into person_year values (%(region)s, %(shard)s, %(psn_no)s, "
                           "%(year)s, 0, '{}') on conflict do nothing", place)
        connection.execute("select 1 from person_year where region = %(region)s and "
                           "shard = %(shard)s and psn_no = %(psn_no)s and year = %(year)s "
                           "for update", place)


def refusal_of(fault: psycopg.Error) -> Refusal:
    """What a database's complaint means to the person who asked."""
    if fault.sqlstate == "TC001":
        return Refusal("clock-went-back", "this machine's clock is behind the newest entry of the "
                       "journal", "clock", "", "Set the clock (NTP), then send the request again.")
    if fault.sqlstate in ("53100", "58030"):
        return Refusal("database-full", "the database has no room; nothing was written",
                       "database", "", "Free disk space, then send the same request again.")
    if isinstance(fault, psycopg.OperationalError):
        return Refusal("database-unavailable", "the database does not answer; whether the request "
                       "was written is unknown", "database", "",
                       "Send the same request again under the same key: it is settled once.")
    raise fault
