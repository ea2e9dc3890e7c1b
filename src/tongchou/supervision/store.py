"""SQL of list rules and clues (规则与线索存储). No commit here: the caller's transaction also keeps
the reply."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson
from psycopg import Connection

from ..database import shard_of
from .model import ListRule

LOCK = "select pg_advisory_xact_lock(hashtextextended('list rules ' || %s, 0))"
RULE_COLUMNS = ("kind, code, name, asked, span, other_code, other_name, severity, "
                "first_day::text, coalesce(last_day::text, ''), source")


def lock(connection: Connection, region: str) -> None:
    """One import of a region at a time, until the transaction ends."""
    connection.execute(LOCK, (region,))


def last_edition(connection: Connection, region: str) -> tuple[int, str]:
    """Number and SHA-256 of the newest edition; (0, "") when there is none."""
    return connection.execute("select version, source_sha256 from list_rule_edition "
                              "where region = %s order by version desc limit 1",
                              (region,)).fetchone() or (0, "")


def add_edition(connection: Connection, region: str, version: int, at: datetime, by: str,
                why: str, source: tuple[str, str], rules: Sequence[ListRule]) -> None:
    """A new edition: file and its SHA-256, and the whole list."""
    connection.execute(
        "insert into list_rule_edition values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (region, version, at, by, why, *source, len(rules)))
    with connection.cursor().copy(
            "copy list_rule (region, version, place, kind, code, name, asked, span, other_code, "
            "other_name, severity, first_day, last_day, source) from stdin") as copy:
        for place, one in enumerate(rules, 1):
            copy.write_row((region, version, place, *one[:9], one.last or None, one.source))


def rules(connection: Connection, region: str, version: int) -> list[ListRule]:
    """The rules of an edition in their order."""
    return [ListRule(*row) for row in connection.execute(
        f"select {RULE_COLUMNS} from list_rule where region = %s and version = %s order by place",
        (region, version))]


# --- clues ------------------------------------------------------------------------------------
def add_clues(connection: Connection, region: str, rows: Iterable[Sequence[object]]) -> None:
    """(clue_no, patn_id, mdtrt_id, institution, infno, msgid, rule_id, rule_version, amount_fen,
    said, found_at); a clue that is there already stays."""
    connection.cursor().executemany(
        "insert into clue (region, shard, clue_no, patn_id, mdtrt_id, institution, infno, msgid, "
        "rule_id, rule_version, amount_fen, said, found_at) values (%s, %s, %s, %s, %s, %s, %s, "
        "%s, %s, %s, %s, %s, %s) on conflict do nothing",
        [(region, shard_of(region, str(row[1])), *row[:9], orjson.dumps(row[9]).decode(), row[10])
         for row in rows])


def feed_back(connection: Connection, region: str, shard: int, clue_no: str, institution: str,
              told: tuple[str, str, datetime, str]) -> bool:
    """Notes what the doctor did: (way, why, at, by); False where no such clue is the
    institution's."""
    return connection.execute(
        "update clue set way = %s, way_why = %s, told_at = %s, told_by = %s where region = %s "
        "and shard = %s and clue_no = %s and institution = %s",
        (*told, region, shard, clue_no, institution)).rowcount == 1


CLUE_COLUMNS = ("clue_no", "patn_id", "mdtrt_id", "institution", "infno", "rule_id",
                "amount_fen", "said", "found_at", "way", "way_why", "told_at")


def clues_of(connection: Connection, region: str, since: datetime, until: datetime, limit: int,
             ) -> list[tuple[object, ...]]:
    """CLUE_COLUMNS of a region's clues, newest first: for those who look into them."""
    return connection.execute(
        f"select {', '.join(CLUE_COLUMNS)} from clue where region = %s and found_at >= %s "
        "and found_at < %s order by found_at desc, clue_no limit %s",
        (region, since, until, limit)).fetchall()
