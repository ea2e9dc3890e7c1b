"""`tongchou payment simulate`: who wins and who loses under other rules (测算)."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..money import percent_text, yuan_text
from . import output
from .progress import Bar

SIDES = (("before", "前"), ("after", "后"))
INDICES = (("cmi", "CMI"), ("time_index", "时间指数 time index"),
           ("cost_index", "费用指数 cost index"))


def simulate(
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="CSV, Parquet or Excel, a row a "
                                          "case.")],
    before: Annotated[Path, typer.Option(metavar="A.yaml", help="The scenario that is.")],
    after: Annotated[Path, typer.Option(metavar="B.yaml", help="The scenario that might be.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where tables, charts.json and "
                                      "summary.json go.")],
    year: Annotated[int | None, typer.Option(help="Only cases of this year; needed when CASES has "
                                             "several.")] = None,
    kind: Annotated[str, typer.Option(help="Tables as csv, parquet or xlsx.")] = "csv",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Pay the same cases under two scenarios: who wins, who loses, to the fen.

    Exit codes: 0 every row was read; 1 rows were refused, or a scenario leaves something open; 2 a
    file cannot be read.
    """
    from ..payment.simulation import simulate_file
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made = simulate_file(cases, before, after, out, year=year, kind=kind, progress=bar.show)
    if as_json:
        output.json_object(made)
    else:
        _say(made)
    if made["rejected"]:
        raise typer.Exit(1)


def _say(made: dict[str, object]) -> None:
    """One screen: the money, who wins and loses most, indices, cases without a group."""
    output.line(f"{made['before']} -> {made['after']}: {made['cases']:,} cases, "
                f"{made['hospitals']} hospitals ({made['seconds']:.1f} s)")
    output.line(f"基金 fund: {made['amount_before']} -> {made['amount_after']} yuan "
                f"({_signed(made['delta'])})")
    for pool in made["pools"]:
        values = [pool[f"value_{side}_micro"] for side, _ in SIDES]
        output.line(f"  {pool['insurance']}: value of a point 点值 {_micro(values[0])} -> "
                    f"{_micro(values[1])} yuan")
    output.line(f"增 {made['winners']} hospitals win {made['won']}; "
                f"减 {made['losers']} lose {made['lost'].lstrip('-')}")
    for row in [*made["largest_winners"], *reversed(made["largest_losers"])]:
        share = "" if row["delta_ppm"] is None else f" ({_signed(percent_text(row['delta_ppm']))})"
        output.line(f"  {row['hospital']:<14} {row['before']:>16} -> {row['after']:>16}  "
                    f"{_signed(row['delta'])}{share}")
    for key, name in INDICES:
        pair = [_index(made["indices"][f"{key}_{side}_ppm"]) for side, _ in SIDES]
        output.line(f"{name}: {pair[0]} -> {pair[1]}")
    output.line(f"{made['moved_cases']:,} cases change their group")
    for row in made["ungrouped"]:
        output.line(f"  no group 未入组: {row['cases']:,} x {row['reason_before']} -> "
                    f"{row['reason_after']}, {_signed(yuan_text(row['delta_fen']))} yuan")
    output.refused(made["rejected"], made["rejects"])
    output.line(f"{', '.join(made['files'])} -> {made['out']}")


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _micro(value: int) -> str:
    return f"{value // 1_000_000}.{value % 1_000_000:06d}"


def _index(ppm: int | None) -> str:
    """Four decimals, nearest."""
    if ppm is None:
        return "-"
    nearest = (ppm + 50) // 100
    return f"{nearest // 10_000}.{nearest % 10_000:04d}"
