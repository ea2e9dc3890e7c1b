"""`tongchou batch`: a claims file of any size, settled into Parquet (成批结算)."""
from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ..errors import CaseError
from . import output
from .progress import Bar


def batch(
    claims: Annotated[Path, typer.Argument(metavar="CLAIMS", help="A Parquet, CSV or Excel "
                                           "file of claims, or a folder of them.")],
    out: Annotated[Path, typer.Option(metavar="OUT.parquet", help="Where the results go; rows "
                                      "that cannot be settled go to OUT.rejects.parquet.")],
    pack: Annotated[str | None, typer.Option(help="CITY/REGIME of a shipped pack, or the path of "
                                             "a pack file; goes before the mapping's own.")]
    = None,
    profile: Annotated[str | None, typer.Option(help="A named set of candidate values of the "
                                                "pack.")] = None,
    mapping: Annotated[Path | None, typer.Option(metavar="MAP.yaml", help="How the columns of "
                                                 "the file become fields of a claim.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    excel: Annotated[Path | None, typer.Option(metavar="FILE.xlsx", help="Also write results and "
                                               "rejects as a workbook.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=64, help="Processor cores to use; all "
                                                "when not given.")] = None,
) -> None:
    """Settle a claims file: every row is settled, or stands in OUT.rejects.parquet with a reason.

    Exit codes: 0 every row settled; 1 some rows rejected; 2 wrong usage, or something that
    cannot be read. docs/claims-files.md describes the columns and the mapping file.
    """
    from ..claims import mapping as mappings
    from ..policy import load_pack
    read = mappings.read_mapping(mapping) if mapping else mappings.Mapping()
    name, beside = (pack, None) if pack else (read.pack, mapping.parent if mapping else None)
    if not name:
        raise CaseError("no-pack", "neither `--pack` nor the mapping names a pack",
                        str(mapping or claims), hint="Add --pack CITY/REGIME; `tongchou pack "
                        "list` shows the shipped ones.")
    bound = load_pack(name, profile or read.profile or None, beside)
    from ..claims import stream
    with Bar(sys.stderr.isatty() and not as_json) as bar:
        made = stream.settle_files(bound, claims, out, read, threads or _cores(), bar.show)
    if excel is not None:
        from ..claims.excel import write_workbook
        write_workbook(out, Path(str(made["rejects"] or "")), excel)
    if as_json:
        output.json_object(made)
    else:
        _say(made)
    if made["rejected"]:
        raise typer.Exit(1)


def _cores() -> int:
    """Processor cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _say(made: dict[str, object]) -> None:
    """The run in a few lines for people."""
    totals = made["totals"]
    output.line(f"{made['claims']:,} claims of {made['persons']:,} persons settled in "
                f"{made['seconds']:.1f} s ({made['claims_per_second']:,} a second) -> "
                f"{made['out']}")
    output.line(f"total {totals['medfee_sumamt']}, funds {totals['fund_pay_sumamt']}, hospitals "
                f"{totals['hosp_part_amt']}, persons {totals['psn_part_amt']} yuan")
    if made["candidates"]:
        grades = Counter(found["grade"] for found in made["candidates"])
        output.line(f"{len(made['candidates'])} candidate values of profile {made['profile']}: "
                    + ", ".join(f"{count} of grade {grade}"
                                for grade, count in sorted(grades.items()))
                    + "; --json and the file's metadata list them")
    for sentence in made["assumptions"]:
        output.line(f"assumed: {sentence}")
    if made["rejected"]:
        output.line(f"{made['rejected']:,} rows were not settled; why stands in "
                    f"{made['rejects']}:")
        for found in made["reasons"]:
            output.line(f"  {found['rows']:,} x {found['code']}: {found['reason']}")
