"""`tongchou region open|pack|list`: pooling areas and the packs in force in them (统筹区)."""
from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from ..errors import CaseError
from . import output
from .database_options import DATA, AsJson, Data, Url
from .ledger_options import day_of, opened

region = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None,
                     help="Pooling areas, and the packs in force in them (统筹区与政策启用).")
Code = Annotated[str, typer.Argument(metavar="REGION", help="The pooling area, six digits.")]


@region.command("open")
def open_area(code: Code, name: Annotated[str, typer.Argument(metavar="NAME")],
                database: Url = None, data: Data = DATA) -> None:
    """Open a pooling area; repeating it changes nothing."""
    from ..enrolment import area_store
    if len(code) != 6 or not (code.isdigit() and code.isascii()):
        raise CaseError("bad-region", f"{code!r} is not six digits (统筹区代码应为6位数字)",
                        "REGION", hint="Write the area code, such as 999901.")
    with opened(database, data) as found, found.connection() as connection:
        area_store.open_region(connection, code, name)
    output.line(f"{code} {name}: open (已开通)")


@region.command("pack")
def pack(code: Code,
         name: Annotated[str, typer.Argument(metavar="PACK", help="CITY/REGIME, or the path of a "
                                             "pack file.")],
         first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day of a "
                                            "policy year of the pack.")],
         last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day; open "
                                           "when not given.")] = "",
         profile: Annotated[str, typer.Option(help="The profile that fills in its open values.")]
         = "", database: Url = None, data: Data = DATA, json: AsJson = False) -> None:
    """Put a pack into force: it settles the area from a day on, what was in force ends there."""
    from ..policy import pack_document
    from ..settlement import Regimes
    days = day_of(first), day_of(last) if last else date.max
    if days[0] > days[1]:
        raise typer.BadParameter("--to lies before --from")
    document = pack_document(name if not Path(name).is_file() else Path(name), profile or None)
    with opened(database, data) as found:
        regimes = Regimes(found.connection)
        made = regimes.add(code, document, first, regimes.day_after(last))
    if json:
        output.json_object({"region": code, "pack": made.name, "pack_hash": made.pack_hash,
                            "from": first, "to": last})
    else:
        output.line(f"{code}: {made.name} settles from {first} on (已启用), pack {made.pack_hash}")


@region.command("list")
def list_areas(database: Url = None, data: Data = DATA, json: AsJson = False) -> None:
    """Pooling areas with their packs in order of time."""
    from ..enrolment import area_store
    from ..settlement import Regimes
    with opened(database, data) as found:
        regimes = Regimes(found.connection)
        with found.connection() as connection:
            known = area_store.regions(connection)
    rows = [{"region": code, "name": name, "packs": [
        {"pack": one.pack.name, "pack_hash": one.pack.pack_hash, "from": one.first,
         "to": one.last_day} for one in regimes.of(code)]} for code, name in known]
    if json:
        output.json_object(rows)
        return
    for row in rows:
        output.line(f"{row['region']} {row['name']}")
        for one in row["packs"]:
            output.line(f"  {one['pack']} {one['from']}..{one['to']} {one['pack_hash']}")
