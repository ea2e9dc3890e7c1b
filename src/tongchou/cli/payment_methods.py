"""`tongchou payment weights` and `price`: what one case is paid, by any method (病例定价)."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..money import yuan_grouped
from . import output
from .progress import Bar

Cases = Annotated[Path, typer.Argument(metavar="CASES", help="CSV, Parquet or Excel, a row a "
                                       "case.")]
Grouped = Annotated[Path, typer.Option("--groups", metavar="GROUPED", help="What `tongchou payment "
                                       "group` or `points` wrote for these cases.")]
Region = Annotated[Path, typer.Option("--region", metavar="METHODS.yaml", help="What the region "
                                      "settled, each rule with its source.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def weights(
    cases: Cases, groups: Grouped, region: Region,
    out: Annotated[Path, typer.Option(metavar="WEIGHTS.csv", help="Where the table goes.")],
    as_json: AsJson = False,
) -> None:
    """Make DRG weights from cases: trimmed, by level of hospital, the total weight kept.

    Exit codes: 0 every row was read; 1 rows were refused, or the region leaves a value open; 2 a
    file cannot be read.
    """
    from ..payment.methods import weigh_file
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made = weigh_file(cases, groups, region, out, bar.show)
    if as_json:
        output.json_object(made)
    else:
        milli = made["total_weight_milli"]
        output.line(f"{made['weights']:,} weights of {made['groups']:,} groups from "
                    f"{made['cases']:,} cases -> {made['out']} ({made['seconds']:.1f} s)")
        output.line(f"  total weight {milli // 1000:,}.{milli % 1000:03d} (总权重); "
                    f"{made['trimmed']:,} cases trimmed; {made['adjusted']} groups adjusted")
        output.refused(made["refused"], made.get("rejects"))
    if made["refused"]:
        raise typer.Exit(1)


def price(
    cases: Cases, groups: Grouped, region: Region,
    out: Annotated[Path, typer.Option(metavar="OUT", help="Where the prices go (.csv, .parquet, "
                                      ".xlsx); rules, accounts and rejects go beside.")],
    as_json: AsJson = False,
) -> None:
    """Price every case: points, amount, what the fund owes, and which rule said so.

    What the patient pays passes through untouched. Exit codes: 0 every row was read; 1 rows were
    refused, or the region leaves a value open; 2 a file cannot be read.
    """
    from ..payment.methods import price_file
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made = price_file(cases, groups, region, out, bar.show)
    if as_json:
        output.json_object(made)
    else:
        _say_prices(made)
        output.refused(made["refused"], made.get("rejects"))
    if made["refused"]:
        raise typer.Exit(1)


def _say_prices(made: dict[str, object]) -> None:
    """The run in a few lines for people."""
    output.line(f"{made['cases']:,} cases -> {made['out']} ({made['seconds']:.1f} s)")
    for one in made["by_rule"]:
        output.line(f"  {one['rule']} ({one['method']}): {one['cases']:,} cases, "
                    f"{one['points_milli'] // 1000:,} points, {yuan_grouped(one['amount_fen'])} "
                    f"yuan for bills of {yuan_grouped(one['cost_fen'])}")
    for name, count in made["by_price"].items():
        output.line(f"  priced as {name}: {count:,}")
    for name, found in made["review"].items():
        output.line(f"  special review of {name}: {found['reviewed']:,} of "
                    f"{found['candidates']:,} candidates, quota {found['quota']:,}")
    for reason, count in made["unpriced"].items():
        output.line(f"  no price: {count:,} x {reason}")
