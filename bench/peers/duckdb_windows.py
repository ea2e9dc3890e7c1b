"""DuckDB: one SQL statement of window stages over BIGINT fen, one thread."""
from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from workload import RESULTS, Claims, P

from .pandas_windows import COLUMNS

WINDOW = "OVER (PARTITION BY person ORDER BY number ROWS UNBOUNDED PRECEDING)"


def running(name: str) -> str:
    """The person's sum so far, this claim included."""
    return f"CAST(sum({name}) {WINDOW} AS BIGINT)"


def by(column: str, table: dict[int, int]) -> str:
    """A parameter by level, admission or category."""
    whens = " ".join(f"WHEN {key} THEN {value}" for key, value in table.items())
    return f"(CASE {column} {whens} ELSE 0 END)"


def capped(asked: str, after: str, cap: object) -> str:
    """What a yearly cap lets through."""
    return f"(least({after}, {cap}) - least({after} - {asked}, {cap}))"


def above(amount: str, after: str, line: object) -> str:
    """The part of an amount above a yearly line."""
    return f"(greatest({after} - {line}, 0) - greatest({after} - {amount} - {line}, 0))"


def share_of(amount: str, rate: object) -> str:
    """Half up to the fen of amount x rate per mille."""
    return f"({amount} * {rate} + 500) // 1000"


def tiers() -> str:
    """Fen x per mille of the stretch from `high - compliant` to `high`."""
    edges = [edge for edge, _ in P["tiers"]]
    parts = []
    for k, (edge, rate) in enumerate(P["tiers"]):
        top = f"least(high, {edges[k + 1]})" if k + 1 < len(edges) else "high"
        parts.append(f"greatest({top} - greatest(high - compliant, {edge}), 0) * {rate}")
    return " + ".join(parts)


def statement() -> str:
    """The query, a common table expression per stage."""
    deductible = f"{by('level', P['deductible'])} " \
        f"* {by('least(number, 3)', P['deductible_share'])} // 1000"
    helped = above("helped", "after", by("category", P["assistance_deductible"]))
    stages = [
        ("eligible", "total - own - advance"),
        ("counted", f"eligible - least(eligible, {deductible})"),
        ("asked", share_of("counted", by("level", P["ratio"]))),
        ("after", running("asked")),
        ("basic", capped("asked", "after", P["basic_cap"])),
        ("compliant", "eligible - basic + advance"),
        ("high", running("compliant")),
        ("asked", share_of(f"({tiers()})", 1)),
        ("after", running("asked")),
        ("critical", capped("asked", "after", P["critical_cap"])),
        ("burden", "compliant - critical"),
        ("helped", "CASE WHEN category > 0 THEN burden ELSE 0 END"),
        ("after", running("helped")),
        ("asked", share_of(helped, by("category", P["assistance_ratio"]))),
        ("after", running("asked")),
        ("assistance", capped("asked", "after", by("category", P["assistance_cap"]))),
        ("residual", "helped - assistance"),
        ("after", running("residual")),
        ("asked", share_of(above("residual", "after", P["tilt_deductible"]), P["tilt_ratio"])),
        ("after", running("asked")),
        ("tilt", capped("asked", "after", P["tilt_cap"])),
        ("personal", "burden - assistance - tilt + own")]
    parts, source = [], "claims"
    for number, (name, expression) in enumerate(stages):
        again = "" if name not in [earlier for earlier, _ in stages[:number]] \
            else f"EXCLUDE ({name})"
        parts.append(f"s{number} AS (SELECT * {again}, {expression} AS {name} FROM {source})")
        source = f"s{number}"
    return f"WITH {', '.join(parts)} SELECT {', '.join(RESULTS)} FROM {source} ORDER BY row"


def prepare(claims: Claims) -> tuple[duckdb.DuckDBPyConnection, str]:
    """A connection of one thread and the statement."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    return connection, statement()


def settle(state: tuple[duckdb.DuckDBPyConnection, str], claims: Claims) -> Claims:
    """Registers the columns, runs the statement, fetches numpy columns."""
    connection, query = state
    columns = {name: claims[name] for name in COLUMNS}
    columns["row"] = np.arange(len(claims["total"]))
    connection.register("claims", pa.table(columns))
    found = connection.execute(query).fetchnumpy()
    connection.unregister("claims")
    return {name: np.asarray(found[name]).astype(np.int64, copy=False) for name in RESULTS}
