"""`tongchou clues`: list rules of a region, and what they found (名录规则与线索)."""
from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import output
from .database_options import DATA, AsJson, Data, Region, Url, migrated

if TYPE_CHECKING:
    from ..supervision import Imported, Reading

SAMPLE, SHOWN = "sample", 20
clues = typer.Typer(no_args_is_help=True, help="List rules of a region and the clues they give "
                    "before and during care (智能审核规则与线索).")

File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV of rules, UTF-8 or GB18030. "
                                      "`sample` is the shipped one, invented.")]


@clues.command("check")
def check(file: File, as_json: AsJson = False) -> None:
    """Read rules without a database and tell every wrong row; exit code 1 if there is one."""
    _finish(_read(file), None, as_json)


@clues.command("import")
def import_file(
    file: File, region: Region, database: Url = None, data: Data = DATA,
    by: Annotated[str, typer.Option(help="Who imports, for the record.")] = "",
    why: Annotated[str, typer.Option(help="Why, for the record.")] = "import",
    as_json: AsJson = False,
) -> None:
    """Make a file the list of a region, whole, as its next edition; a wrong row refuses it all."""
    from ..supervision import import_rules
    reading = _read(file)
    at, who = datetime.now(UTC), by or os.environ.get("USER", "") or "unknown"
    with migrated(database, data) as opened:
        # The same file twice changes nothing, so it may be tried again.
        imported = opened.transact(lambda connection: import_rules(
            connection, region, reading, at, who, why), repeatable=True)
    _finish(reading, imported, as_json)


@clues.command("convert")
def convert(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The knowledge points: "
                                           "drug_rules.csv, service_rules.csv and the others.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.csv", help="The file of rules to write.")],
    first: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day they hold from.")],
    source: Annotated[str, typer.Option(help="What is cited in every rule.")],
    words: Annotated[Path | None, typer.Option(metavar="FILE", help="A file of rules with what "
                                               "the words mean (词义): 儿童, 住院.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the national knowledge points (两库) as a file of rules; exit code 1 when one names no
    item and was left out."""
    from ..supervision import write_rules
    written = write_rules(folder, words, out, first, source)
    left_out = [{"table": one.table, "row": one.line, "name": one.name}
                for one in written.left_out]
    if as_json:
        output.json_object({"out": str(out), "rules": written.rules, "left_out": left_out})
    else:
        output.line(f"{out}: {written.rules:,} rules (写出 {written.rules:,} 条)")
        for one in left_out:
            output.line(f"  left out, no code (无编码，未写出): {one['table']} row {one['row']} "
                        f"{one['name']}")
    if left_out:
        raise typer.Exit(1)


@clues.command("list")
def list_found(
    region: Region, database: Url = None, data: Data = DATA,
    days: Annotated[int, typer.Option(min=1, help="How far back.")] = 7,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Clues of the last days, the newest first, with what the doctor did (处理情况)."""
    from ..supervision import store
    now = datetime.now(UTC)
    with migrated(database, data) as opened, opened.connection() as connection:
        rows = store.clues_of(connection, region, now - timedelta(days=days), now, limit)
    found = [dict(zip(store.CLUE_COLUMNS, row, strict=True)) for row in rows]
    if as_json:
        output.json_object([{name: value.isoformat() if isinstance(value, datetime) else value
                             for name, value in one.items()} for one in found])
        return
    output.line(f"{len(found):,} clues (线索 {len(found):,} 条)")
    for one in found:
        told = {None: "未反馈", "1": "继续执行医嘱", "2": "返回修改医嘱"}[one["way"]]
        output.line(f"  {one['found_at']:%Y-%m-%d %H:%M} {one['institution']} {one['mdtrt_id']} "
                    f"{one['said']['vola_cont']} [{told}]")


def _read(file: Path) -> Reading:
    from ..supervision import read_rules, sample_rules
    return sample_rules() if str(file) == SAMPLE and not file.exists() else read_rules(file)


def _finish(reading: Reading, imported: Imported | None, as_json: bool) -> None:
    if as_json:
        output.json_object({
            "file": reading.source, "sha256": reading.digest, "rules": len(reading.rules),
            "ignored": list(reading.ignored), "faults": [one._asdict() for one in reading.faults],
            **({"imported": imported._asdict()} if imported else {})})
    else:
        output.line(f"{reading.source}: {len(reading.rules):,} rules, {len(reading.faults):,} rows "
                    f"wrong (有效 {len(reading.rules):,} 条，有误 {len(reading.faults):,} 行)")
        if reading.ignored:
            output.line(f"columns not known, not read: {'、'.join(reading.ignored)}")
        for fault in reading.faults[:SHOWN]:
            output.line(f"  {fault.code}: {fault}")
        if len(reading.faults) > SHOWN:
            output.line(f"  ... and {len(reading.faults) - SHOWN:,} more; --json has all")
        if imported is not None:
            output.line(f"edition {imported.version}: {imported.rules:,} rules"
                        + ("" if imported.new else ", as it was (未变化)"))
    if reading.faults:
        raise typer.Exit(1)
