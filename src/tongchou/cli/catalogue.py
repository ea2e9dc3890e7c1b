"""`tongchou catalogue`: the list of items, checked, imported, or an empty form of it (目录)."""
from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import output
from .database_options import DATA, AsJson, Data, Region, Url, migrated

if TYPE_CHECKING:
    from ..settlement.catalogue import Imported, Reading

SHOWN_FAULTS = 20
SAMPLE = "sample"
catalogue = typer.Typer(no_args_is_help=True, help="The catalogue of a region: items with class, "
                        "first self-pay, price limits and restrictions (医保目录).")

File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV (UTF-8 or GB18030) or a workbook; "
                                      "the first row names the columns. `sample` is "
                                      "the shipped one, invented.")]
Rules = Annotated[Path | None, typer.Option(metavar="FILE", help="What kinds of visits change, "
                                            "such as day treatment: CSV or a workbook.")]
Report = Annotated[Path | None, typer.Option(metavar="OUT.xlsx", help="Also write every wrong row "
                                             "into a workbook.")]


@catalogue.command("check")
def check(file: File, rules: Rules = None, report: Report = None, as_json: AsJson = False) -> None:
    """Read a catalogue without a database and tell every wrong row; exit code 1 if there is one."""
    reading = _read(file, rules)
    _finish(reading, None, report, as_json)


@catalogue.command("import")
def import_file(
    file: File,
    region: Region,
    name: Annotated[str, typer.Option(help="Add the region under this name if the database does "
                                      "not know it.")] = "",
    rules: Rules = None,
    report: Report = None,
    database: Url = None,
    data: Data = DATA,
    by: Annotated[str, typer.Option(help="Who imports, for the record.")] = "",
    why: Annotated[str, typer.Option(help="Why, for the record.")] = "import",
    as_json: AsJson = False,
) -> None:
    """Make the good rows of a file believed; rows that say what is known already change nothing.

    Exit code 1 when a row was not taken; the others are in.
    """
    from ..settlement.catalogue import Deed, import_rows
    reading = _read(file, rules)
    with migrated(database, data) as opened:
        deed = Deed(region, datetime.now(UTC), by or os.environ.get("USER", "") or "unknown", why)
        # The same file twice changes nothing, so it may be tried again.
        imported = opened.transact(lambda connection: import_rows(connection, reading, deed, name),
                                   repeatable=True)
    _finish(reading, imported, report, as_json)


@catalogue.command("template")
def template(out: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="Where it goes.")],
             ) -> None:
    """Write an empty workbook with all headings, an example row, and what each column means."""
    from ..settlement.catalogue import write_template
    write_template(out)
    output.line(f"{out}: fill in the first sheet, then `tongchou catalogue check {out}`")


def _read(file: Path, rules: Path | None) -> Reading:
    from ..settlement.catalogue import joined, read_items, read_rules, sample_readings
    if str(file) == SAMPLE and not file.exists():
        items, own_rules = sample_readings()
        return joined(items, own_rules if rules is None else read_rules(rules))
    return joined(read_items(file), read_rules(rules) if rules is not None else None)


def _finish(reading: Reading, imported: Imported | None, report: Path | None, as_json: bool,
            ) -> None:
    if report is not None:
        from ..settlement.catalogue import write_report
        write_report(report, reading, imported)
    if as_json:
        output.json_object({"file": reading.source, "sha256": reading.digest,
                            "rows": len(reading.records), "wrong_rows": reading.wrong_rows,
                            "empty_rows": reading.empty_rows, "ignored": list(reading.ignored),
                            "faults": [fault.as_dict() for fault in reading.faults],
                            **({"imported": imported.as_dict()} if imported else {})})
    else:
        _say(reading, imported, report)
    if reading.faults:
        raise typer.Exit(1)


def _say(reading: Reading, imported: Imported | None, report: Path | None) -> None:
    output.line(f"{reading.source}: {len(reading.records):,} rows taken, {reading.wrong_rows:,} "
                f"not (有效 {len(reading.records):,} 行，有误 {reading.wrong_rows:,} 行)")
    if reading.ignored:
        output.line(f"columns not known, not read: {'、'.join(reading.ignored)}")
    for fault in reading.faults[:SHOWN_FAULTS]:
        output.line(f"  {fault.file} row {fault.row}, {fault.column or 'the row'}"
                    + (f" = {fault.value}" if fault.value else "")
                    + f": {fault.code}: {fault.en} ({fault.zh}). {fault.todo_en}")
    left = len(reading.faults) - SHOWN_FAULTS
    if left > 0:
        output.line(f"  ... and {left:,} more"
                    + (f"; all stand in {report}" if report else "; --report OUT.xlsx has all"))
    if imported is not None:
        output.line(f"version {imported.version}: {imported.added:,} rows added, "
                    f"{imported.retracted:,} retracted, {imported.unchanged:,} as they were")
