"""Connections that wait to be used again (连接池)."""
from __future__ import annotations

import psycopg
from psycopg_pool import ConnectionPool


class WarmPool(ConnectionPool):
    """Gives out first what came back last (后还先借).

    Each connection is a process of PostgreSQL with plans and caches of its own. Taken in turn, as
    the library does, all of them are cold when their turn comes: a window that settles one round
    after the other paid a quarter more, and waited longer for the process to wake.
    """

    def _get_ready_connection(self, timeout: float | None) -> psycopg.Connection | None:
        self._pool.rotate()                    # the last is the first; the library takes the first
        return super()._get_ready_connection(timeout)
