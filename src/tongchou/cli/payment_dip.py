"""`tongchou payment catalogue` and `points`: DIP from files (按病种分值付费)."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import CaseError
from ..money import NumberFault, percent_text
from . import output
from .progress import Bar

RegionFile = Annotated[Path, typer.Option(metavar="REGION.yaml", help="What the region settled, "
                                          "each value with its source.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def catalogue(
    cases: Annotated[list[Path], typer.Argument(metavar="CASES...", help="CSV, Parquet or Excel "
                                                "files with the cases of several years.")],
    region: RegionFile,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the catalogue goes.")],
    national: Annotated[Path | None, typer.Option(metavar="CATALOGUE", help="The national "
                                                  "catalogue: a CSV, or a folder with lists.")]
    = None,
    as_json: AsJson = False,
) -> None:
    """Build a region's DIP catalogue from three years of cases: groups, points, coefficients.

    Exit codes: 0 every row was read; 1 rows were refused, or the region leaves a value open; 2 a
    file cannot be read.
    """
    from ..payment.dip import make_catalogue
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made = make_catalogue(cases, national, region, out, bar.show)
    if as_json:
        output.json_object(made)
    else:
        groups = ", ".join(f"{count:,} {layer}" for layer, count in made["groups"].items())
        output.line(f"{made['cases']:,} cases of {made['years']} -> {made['out']} "
                    f"({made['seconds']:.1f} s)")
        output.line(f"groups: {groups}; {percent_text(made['core_share_ppm'])} of the cases in "
                    f"core groups (threshold {made['threshold_cases']} cases)")
        output.line(f"base {made['base']} yuan; {made['trimmed']:,} cases trimmed; "
                    f"{made['splits']} of {made['splits_weighed']} related procedures split a "
                    f"group; {made['coefficients']} coefficients, {made['auxiliary']} auxiliary")
        for insurance, value in made["values"].items():
            output.line(f"  a point at the start of the year, {insurance}: {value} yuan")
        for hospital in made["bonus_unused"]:
            output.line(f"  a bonus is not used, no case is of hospital {hospital}")
        _say(made)
    if made["rejected"]:
        raise typer.Exit(1)


def points(
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="CSV, Parquet or Excel, a row a "
                                          "case.")],
    region: RegionFile,
    catalogue: Annotated[Path, typer.Option(metavar="FOLDER", help="A region's catalogue, made "
                                            "by `tongchou payment catalogue`.")],
    out: Annotated[Path, typer.Option(metavar="OUT.parquet", help="Where the scores go (.csv, "
                                      ".parquet, .xlsx).")],
    reports: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Also hospital indices and "
                                                 "monitoring indicators.")] = None,
    trace: Annotated[list[str] | None, typer.Option(metavar="CASE", help="Print every test this "
                                                    "case went through; may be repeated.")] = None,
    value: Annotated[str, typer.Option(metavar="YUAN", help="Value of a point instead of "
                                       "the catalogue's, for regions that compare with the "
                                       "payment standard.")] = "",
    as_json: AsJson = False,
) -> None:
    """Match cases to DIP groups and score them, every factor in a column of its own.

    Exit codes: 0 every row was read; 1 rows were refused, or the region leaves a value open; 2 a
    file cannot be read.
    """
    from ..payment.dip import read_value, score_file
    try:
        worth = read_value(value) if value else 0
    except NumberFault as fault:
        raise CaseError("bad-number", str(fault), "--value") from None
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made = score_file(cases, catalogue, region, out, bar.show, worth, reports,
                          tuple(trace or ()))
    if as_json:
        output.json_object(made)
    else:
        output.line(f"{made['grouped']:,} of {made['cases']:,} cases in a group, {made['score']} "
                    f"points -> {made['out']} ({made['seconds']:.1f} s)")
        for insurance, score in made["by_insurance"].items():
            output.line(f"  {insurance}: {score} points")
        for kind, count in made["deviation"].items():
            output.line(f"  cost deviates, {kind}: {count:,}")
        for lines in made["traces"]:
            for line in lines:
                output.line(line)
        _say(made)
    if made["rejected"]:
        raise typer.Exit(1)


def _say(made: dict[str, object]) -> None:
    """What both commands end with: no group, values nobody published, refused rows."""
    for reason, count in made["ungrouped"].items():
        output.line(f"  no group: {count:,} x {reason}")
    if made["candidates"]:
        output.line(f"{len(made['candidates'])} values of the region are not of grade A; --json "
                    "lists them")
    if made["reported"]:
        output.line(f"{made['rejected']:,} rows refused, {made['reported']:,} faults; they stand "
                    f"in {made['rejects']}")
