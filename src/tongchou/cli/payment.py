"""`tongchou payment`: grouping, points, clearing and simulation over files (医保支付方式)."""
from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from . import output
from .progress import Bar

payment = typer.Typer(no_args_is_help=True, help="What the fund pays hospitals: DRG and DIP "
                      "grouping, points, budgets, clearing (支付方式).")

SchemeFolder = Annotated[str, typer.Option(metavar="DIR", help="A scheme: its folder, its "
                                           "published .xlsx workbook, or `tutorial`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@payment.command()
def group(
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="CSV, Parquet or Excel, a row a "
                                          "case.")],
    scheme: SchemeFolder,
    out: Annotated[Path, typer.Option(metavar="OUT.csv", help="Where the groups go (.csv, "
                                      ".parquet, .xlsx); what was wrong goes to "
                                      "OUT.rejects.csv.")],
    trace: Annotated[bool, typer.Option(help="Also why: tests, complications, the nearest other "
                                        "group.")] = False,
    ambiguous: Annotated[bool, typer.Option(help="Operations that fit no group of their class go "
                                            "to its xQY group.")] = False,
    code_maps: Annotated[Path | None, typer.Option(metavar="DIR", help="A folder with dx_map.csv "
                                                   "and px_map.csv: codes translated first.")]
    = None,
    as_json: AsJson = False,
) -> None:
    """Group cases by a DRG scheme: every case gets a group, or the reason why it has none.

    Exit codes: 0 every row was read; 1 rows were refused; 2 a file cannot be read.
    """
    from ..payment import drg
    read = drg.load_scheme(scheme)
    maps = drg.read_code_maps(code_maps) if code_maps else None
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made = drg.group_file(cases, read, out, ambiguous=ambiguous, trace=trace, maps=maps,
                              progress=bar.show)
    if as_json:
        output.json_object(made)
    else:
        _say(made)
    if made["refused"]:
        raise typer.Exit(1)


@payment.command()
def generate(
    out: Annotated[Path, typer.Argument(metavar="OUT.csv", help="Where the cases go (.csv, "
                                        ".parquet, .xlsx).")],
    scheme: SchemeFolder = "tutorial",
    count: Annotated[int, typer.Option(min=1, help="How many cases.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same cases.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Make up cases that look like a region's: three years, hospitals of three levels."""
    from ..payment import cases, drg
    made = cases.generate_cases(drg.load_scheme(scheme), count, seed)
    with cases.TableFile(out, made.schema) as file:
        file.write(made)
    if as_json:
        output.json_object({"out": str(out), "cases": count, "seed": seed, "scheme": scheme})
    else:
        output.line(f"{out}: {count:,} made-up cases (生成病例); try `tongchou payment group {out} "
                    f"--scheme {scheme} --out groups.csv`")


def _say(made: dict[str, object]) -> None:
    """The run in a few lines for people."""
    output.line(f"{made['grouped']:,} of {made['cases']:,} cases in {made['groups']:,} groups of "
                f"{made['scheme']} -> {made['out']} ({made['seconds']:.1f} s)")
    for reason, count in made["ungrouped"].items():
        output.line(f"  no group: {count:,} x {reason}")
    for code, count in made["reported"].items():
        output.line(f"  {'reported' if code.startswith('unknown-') else 'wrong'}: {count:,} x "
                    f"{code}")
    output.refused(made["refused"], made["rejects"])


def _mount() -> None:
    """Adds the commands of the neighbouring modules."""
    from . import payment_explain
    payment.command("explain")(payment_explain.explain)
    if find_spec(".payment_dip", __package__):
        from . import payment_dip
        payment.command("catalogue")(payment_dip.catalogue)
        payment.command("points")(payment_dip.points)
    if find_spec(".payment_methods", __package__):
        from . import payment_methods
        payment.command("weights")(payment_methods.weights)
        payment.command("price")(payment_methods.price)
    if find_spec(".payment_clear", __package__):
        from . import payment_clear
        payment.command("clear")(payment_clear.clear)
    if find_spec(".payment_simulate", __package__):
        from . import payment_simulate
        payment.command("simulate")(payment_simulate.simulate)


_mount()
