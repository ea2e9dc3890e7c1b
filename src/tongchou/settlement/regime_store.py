"""SQL of packs in force that settling itself does not need (政策启用)."""
from __future__ import annotations

from psycopg import Connection


def settled_since(connection: Connection, region: str, first: str) -> bool:
    """Whether somebody has a bill of a policy year that begins on a day or later."""
    return connection.execute("select exists (select from settlement where region = %s "
                              "and year >= %s)", (region, first)).fetchone()[0]
