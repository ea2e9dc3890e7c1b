"""polars: the same stages as lazy window expressions over the person (Int64)."""
from __future__ import annotations

import polars as pl
from workload import RESULTS, Claims, P

from .pandas_windows import COLUMNS

ZERO = pl.lit(0, dtype=pl.Int64)


def prepare(claims: Claims) -> None:
    """Nothing to set up; POLARS_MAX_THREADS is set before the process starts."""


def whole(number: int) -> pl.Expr:
    """A number as Int64."""
    return pl.lit(number, dtype=pl.Int64)


def by(column: pl.Expr, table: dict[int, int]) -> pl.Expr:
    """A parameter by level, admission or category."""
    return column.cast(pl.Int64).replace_strict({0: 0} | table, return_dtype=pl.Int64)


def running(name: str) -> pl.Expr:
    """The person's sum so far, this claim included."""
    return pl.col(name).cum_sum().over("person")


def capped(name: str, cap: pl.Expr) -> pl.Expr:
    """What a yearly cap lets through."""
    after = running(name)
    return pl.min_horizontal(after, cap) - pl.min_horizontal(after - pl.col(name), cap)


def above(name: str, line: pl.Expr) -> pl.Expr:
    """The part of an amount above a yearly line."""
    after = running(name)
    return pl.max_horizontal(after - line, ZERO) \
        - pl.max_horizontal(after - pl.col(name) - line, ZERO)


def share_of(amount: pl.Expr, rate: pl.Expr | int) -> pl.Expr:
    """Half up to the fen of amount x rate per mille."""
    return (amount * rate + 500) // 1000


def tiers() -> pl.Expr:
    """Fen x per mille of the stretch from `low` to `high`."""
    edges = [edge for edge, _ in P["tiers"]]
    worth = ZERO
    for k, (edge, rate) in enumerate(P["tiers"]):
        top = pl.min_horizontal("high", whole(edges[k + 1])) if k + 1 < len(edges) \
            else pl.col("high")
        worth = worth + pl.max_horizontal(top - pl.max_horizontal("low", whole(edge)),
                                          ZERO) * rate
    return worth


def settle(_: None, claims: Claims) -> Claims:
    """One lazy query, collected."""
    c = pl.col
    deductible = by(c("level"), P["deductible"]) * by(
        pl.min_horizontal(c("number").cast(pl.Int64), whole(3)), P["deductible_share"]) // 1000
    query = (
        pl.DataFrame({name: claims[name] for name in COLUMNS}).lazy()
        .with_columns(eligible=c("total") - c("own") - c("advance"), deductible=deductible)
        .with_columns(asked=share_of(c("eligible") - pl.min_horizontal("eligible", "deductible"),
                                     by(c("level"), P["ratio"])))
        .with_columns(basic=capped("asked", whole(P["basic_cap"])))
        .with_columns(compliant=c("eligible") - c("basic") + c("advance"))
        .with_columns(high=running("compliant"))
        .with_columns(low=c("high") - c("compliant"))
        .with_columns(asked=share_of(tiers(), 1))
        .with_columns(critical=capped("asked", whole(P["critical_cap"])))
        .with_columns(burden=c("compliant") - c("critical"))
        .with_columns(helped=pl.when(c("category") > 0).then(c("burden")).otherwise(ZERO))
        .with_columns(asked=share_of(
            above("helped", by(c("category"), P["assistance_deductible"])),
            by(c("category"), P["assistance_ratio"])))
        .with_columns(assistance=capped("asked", by(c("category"), P["assistance_cap"])))
        .with_columns(residual=c("helped") - c("assistance"))
        .with_columns(asked=share_of(above("residual", whole(P["tilt_deductible"])),
                                     P["tilt_ratio"]))
        .with_columns(tilt=capped("asked", whole(P["tilt_cap"])))
        .with_columns(personal=c("burden") - c("assistance") - c("tilt") + c("own"))
        .select(*RESULTS))
    found = query.collect()
    return {name: found[name].to_numpy() for name in RESULTS}
