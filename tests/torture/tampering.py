"""One byte changed in every column of a settled database, by somebody whom no right keeps out."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import psycopg

TABLES = ("settlement", "outcome", "journal_entry", "person_year", "chain", "day_close",
          "idempotency", "outbox", "pack_version", "regime")
COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum"""
CHANGED = {
    "bytea": "set_byte({c}, 0, get_byte({c}, 0) # 1)",
    "bigint": "{c} + 1", "integer": "{c} + 1", "smallint": "{c} + 1",
    "date": "{c} - 1", "timestamp with time zone": "{c} + interval '1 microsecond'",
    "text[]": "array_append({c}, 'somebody')", "bigint[]": "array_append({c}, 5)",
    "daterange": "daterange(lower({c}), lower({c}) + 3650)"}


class Change(NamedTuple):
    """A column (where it is JSON, a place in it), and the statement that changes it."""

    table: str
    column: str
    statement: str
    values: tuple[object, ...]

    @property
    def name(self) -> str:
        """table.column, and for JSON the names of the place."""
        return f"{self.table}.{self.column}"


def changes(connection: psycopg.Connection, table: str) -> Iterator[Change]:
    """A change of every column of a table, in one of its rows; of every name in a JSON column."""
    for column, kind in connection.execute(COLUMNS, (table,)).fetchall():
        found = connection.execute(
            f"select t::text, {column} from {table} t where {column} is not null "
            "order by length(t::text) desc, 1 limit 1").fetchone()
        if found is None:
            continue
        row, value = found
        head = f"update {table} t set {column} = "
        if kind in ("json", "jsonb"):
            named = {path_name(path): (path, leaf) for path, leaf in leaves(value)}
            for name, (path, leaf) in sorted(named.items()):
                changed = f"jsonb_set({column}::jsonb, %s, %s)::{kind}"
                yield Change(table, f"{column}/{name}", f"{head} {changed} where t::text = %s",
                             (list(path), json.dumps(flipped(leaf)), row))
        elif kind == "text":
            yield Change(table, column, f"{head} %s where t::text = %s", (flipped(value), row))
        else:
            yield Change(table, column, f"{head} {CHANGED[kind].format(c=column)} "
                         "where t::text = %s", (row,))


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """(path, value) of everything in a JSON value that holds nothing else."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, list) else ()
    if not isinstance(value, (dict, list)):
        yield path, value
    for key, one in inner:
        yield from leaves(one, (*path, str(key)))


def path_name(path: tuple[str, ...]) -> str:
    """The first two keys of a path, numbers of places left out."""
    return ".".join([key for key in path if not key.isdigit()][:2])


def flipped(value: object) -> object:
    """The value with one bit of one byte changed; null becomes a text, true false."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if not value:
        return "!"
    text = str(value)
    middle = len(text) // 2
    return text[:middle] + chr(ord(text[middle]) ^ 1) + text[middle + 1:]
