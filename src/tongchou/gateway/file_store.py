"""SQL of the gateway's files (文件存储)."""
from __future__ import annotations

from psycopg import Connection


def add(connection: Connection, number: str, code: str, filename: str, purpose: str,
        sealed: bytes, at: object, until: object) -> None:
    """Keeps a file; one that is there already stays. Files past their time go."""
    connection.execute("delete from gateway_file where kept_until < %s", (at,))
    connection.execute(
        "insert into gateway_file values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
        (number, code, filename, purpose, sealed, at, until))


def find(connection: Connection, number: str, code: str, at: object) -> bytes | None:
    """A file of an institution, sealed; None where there is none (any more)."""
    row = connection.execute(
        "select content from gateway_file where file_qury_no = %s and fixmedins_code = %s "
        "and kept_until >= %s", (number, code, at)).fetchone()
    return bytes(row[0]) if row else None
