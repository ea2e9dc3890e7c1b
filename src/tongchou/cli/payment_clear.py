"""`tongchou payment clear`: a year of scored cases becomes what each hospital gets (清算)."""
from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..money import yuan_grouped
from . import output
from .progress import Bar

if TYPE_CHECKING:
    from ..payment.clearing import Clearing

SHOWN_MOST = 40


def clear(
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="CSV, Parquet or Excel, a row a "
                                          "scored case, as `points` and `price` write them.")],
    region: Annotated[Path, typer.Option(metavar="CLEARING.yaml", help="What the region settled, "
                                         "each rule with its source.")],
    figures: Annotated[Path, typer.Option(metavar="FIGURES.yaml", help="The year's figures of "
                                          "fund and hospitals.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the tables go.")],
    leave_out_refused: Annotated[bool, typer.Option(
        "--leave-out-refused", help="Clear although rows were refused, without them.")] = False,
    calendar: Annotated[Path | None, typer.Option(metavar="DIR", help="Working-day calendars "
                                                  "beside the shipped years.")] = None,
    statements: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Also a statement for "
                                                    "each hospital, Excel and PDF.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Clear a year: budgets, point values, months, sharing, what each hospital is still due.

    Exit codes: 0 every row was cleared; 1 rows were refused, or a rule or figure is not set; 2 a
    file cannot be read.
    """
    from functools import cache
    from ..ledger import due_on, read_calendar
    from ..payment.clearing import clear_file
    days = read_calendar(calendar)

    @cache
    def due(received: date, workdays: int) -> date:
        return due_on(received, workdays, days)
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made, report = clear_file(cases, region, figures, out, due, bar.show, leave_out_refused)
        if statements:
            report["statements"] = _write_statements(made, statements, cases, bar)
    if as_json:
        output.json_object(report)
    else:
        _say(made, report)
    if report["refused"]:
        raise typer.Exit(1)


def _write_statements(made: Clearing, folder: Path, cases: Path, bar: Bar) -> list[str]:
    """A workbook and a PDF for each hospital and insurance (对账单)."""
    from ..payment.statements import read_told, write_statements
    return [str(folder / name) for name in
            write_statements(made, folder, read_told(cases), progress=bar.show)]


def _say(made: Clearing, report: dict[str, object]) -> None:
    """The run for people: money and points, hospitals, flags."""
    output.line(f"{made.region} {made.year}: {made.cases.num_rows:,} cases -> {report['out']} "
                f"({report['seconds']:.1f} s)")
    for one in report["insurances"]:
        output.line(f"  {one['insurance']}: fund {one['fund']}, a point {one['value']} yuan "
                    f"({one['kind']}; {one['start_value']} at the start), not taken {one['left']}")
    _hospitals(made)
    for flag in made.flags:
        output.line(f"  look at {flag.where}: {flag.text_en} {flag.text_zh}")
    if report.get("statements"):
        output.line(f"{len(report['statements'])} statements 对账单, the first: "
                    f"{report['statements'][0]}")
    if made.clear_by:
        output.line(f"to be cleared by {made.clear_by} 清算期限")
    if made.unsure:
        output.line(f"{len(made.unsure)} rules are not of grade A; --json lists them")
    output.refused(report["refused"], report["rejects"])


def _hospitals(made: Clearing) -> None:
    """A block an insurance. Lines of our own: a rich table would cut digits off where it is narrow.
    """
    for insurance in dict.fromkeys(year.insurance for year in made.hospitals):
        own = [year for year in made.hospitals if year.insurance == insurance]
        rows = [(insurance, "points 分值", "year 全年", "paid 已付", "deposit 保证金",
                 "clearing 清算")]
        rows += [(year.hospital, f"{year.points_milli // 1000:,}", *map(yuan_grouped, (
            year.year_fen, year.prepayment_fen + year.monthly_fen, year.deposit_fen,
            year.clearing_fen))) for year in own[:SHOWN_MOST]]
        _lines(rows)
        if len(own) > SHOWN_MOST:
            output.line(f"  ... and {len(own) - SHOWN_MOST:,} more in hospitals.csv")


def _lines(rows: list[tuple[str, ...]]) -> None:
    from rich.cells import cell_len
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        numbers = [" " * (width - cell_len(text)) + text
                   for width, text in zip(widths[1:], others, strict=True)]
        output.line("  ".join([first + " " * (widths[0] - cell_len(first)), *numbers]))
