"""`tongchou lists`: settlement lists that institutions uploaded, for the agency (结算清单)."""
from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from . import output
from .database_options import DATA, AsJson, Data, Region, Url, migrated

lists = typer.Typer(no_args_is_help=True, help="Settlement lists of institutions: what came, the "
                    "agency's review, and the cases in them (结算清单).")
WORDS = {"approved": "2", "rejected": "3"}

Month = Annotated[str, typer.Option(metavar="YYYYMM", help="The month of settlement.")]
Institution = Annotated[str, typer.Option(metavar="CODE", help="Of this institution only.")]


@lists.command("show")
def show(region: Region, month: Month, institution: Institution = "", database: Url = None,
         data: Data = DATA, as_json: AsJson = False) -> None:
    """The lists of a month: number, revision, state, what quality control found."""
    from ..gateway import settlement_lists
    with migrated(database, data) as opened, opened.connection() as connection:
        found = settlement_lists.of_month(connection, region, month, institution)
    rows = [{"psn_no": one.psn_no, "setl_id": one.setl_id, "list_no": one.list_no,
             "revision": one.revision, "institution": one.institution, "state": one.state,
             "settled_on": one.settled_on, "findings": list(one.findings), "note": one.note}
            for one in found]
    if as_json:
        output.json_object(rows)
        return
    output.line(f"{len(rows):,} lists (清单 {len(rows):,} 份)")
    for row in rows:
        zh = settlement_lists.STATES_ZH[row["state"]]
        output.line(f"  {row['settled_on']} {row['institution']} {row['psn_no']} {row['setl_id']} "
                    f"{row['list_no']}-{row['revision']} {zh}, {len(row['findings'])} findings"
                    + (f": {row['note']}" if row["note"] else ""))


@lists.command("review")
def review(
    person: Annotated[str, typer.Argument(metavar="PSN_NO")],
    settlement: Annotated[str, typer.Argument(metavar="SETL_ID")],
    word: Annotated[str, typer.Argument(metavar="approved|rejected")],
    region: Region,
    note: Annotated[str, typer.Option(help="Why it is rejected.")] = "",
    by: Annotated[str, typer.Option(help="Who reviews, for the record.")] = "",
    database: Url = None, data: Data = DATA,
) -> None:
    """Approve a submitted list, or reject one (an approved one too); the institution reads why."""
    from ..gateway import settlement_lists
    if word not in WORDS:
        raise typer.BadParameter("approved or rejected")
    told = datetime.now(UTC), by or os.environ.get("USER", "") or "unknown"
    with migrated(database, data) as opened, opened.connection() as connection:
        before = settlement_lists.review(connection, region, (person, settlement), WORDS[word],
                                         told, note)
    states = settlement_lists.STATES_ZH
    output.line(f"{before.list_no}: {states[before.state]} -> {states[WORDS[word]]}")


@lists.command("cases")
def cases(
    out: Annotated[Path, typer.Argument(metavar="OUT.csv")], region: Region, month: Month,
    institution: Institution = "",
    approved: Annotated[bool, typer.Option("--approved", help="Only lists that are approved, not "
                                           "all that are submitted.")] = False,
    database: Url = None, data: Data = DATA,
) -> None:
    """Write the stays of a month's lists as cases for `tongchou payment`."""
    from ..gateway import settlement_lists
    from ..privacy import open_keys
    keys = open_keys(data)
    states = ("2",) if approved else ("1", "2")
    with migrated(database, data) as opened, opened.connection() as connection:
        found = [case for one in settlement_lists.of_month(connection, region, month, institution,
                                                           states)
                 if (case := settlement_lists.case_in(one, keys.unseal))]
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, settlement_lists.CASE_COLUMNS)
        writer.writeheader()
        writer.writerows(found)
    output.line(f"{out}: {len(found):,} cases (病例 {len(found):,} 份)")
