"""`tongchou settle`: one case, as a table, JSON, an explanation or a page (单例结算)."""
from __future__ import annotations

import os
import tempfile
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import output

if TYPE_CHECKING:
    from ..app import SettledCase


class Language(str, Enum):
    """Language of an explanation."""

    zh = "zh"
    en = "en"


def settle(
    case: Annotated[str, typer.Argument(metavar="CASE", help="A case in YAML or JSON; - reads "
                                        "standard input.")],
    pack: Annotated[str | None, typer.Option(help="CITY/REGIME of a shipped pack, or the path of "
                                             "a pack file; goes before the case's own.")] = None,
    profile: Annotated[str | None, typer.Option(help="A named set of candidate values of the "
                                                "pack.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print every step with its clause; "
                                      "with --json as data.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the explanation with "
                                              "its picture as a page.")] = None,
    lang: Annotated[Language, typer.Option(help="Language of --explain and --html.")]
    = Language.zh,
) -> None:
    """Settle the claims of a case and show who pays what.

    Exit codes: 0 settled; 1 refused for what it asks (unset parameter, no coverage, unknown
    code, impossible values); 2 wrong usage or an unreadable case or pack.
    """
    if html is not None and (as_json or explain):
        raise typer.BadParameter("--html excludes --json and --explain")
    from ..app import settle as settle_case
    settled = settle_case(case, pack, profile)
    if as_json:
        output.json_object(settled.as_dict() | _explanations(settled, explain))
    elif settled.case.contribution:
        if html is not None:
            raise typer.BadParameter("--html shows claims; this case asks about a contribution")
        from .settle_tables import contribution_table
        output.table(contribution_table(settled))
    elif explain:
        from ..engine import explain as explaining
        output.line("\n\n".join(explaining.explain_text(settled.pack, entry, lang.value)
                                for entry in settled.settlements))
    elif html is not None:
        from ..engine import picture
        from ..policy import clause_texts
        write_page(html, picture.explain_html(settled.pack, list(settled.settlements), lang.value,
                                              clause_texts(settled.pack)))
        output.line(str(html))
    else:
        from .settle_tables import claim_tables
        for made in claim_tables(settled):
            output.table(made)


def _explanations(settled: SettledCase, wanted: bool) -> dict[str, object]:
    """Every step of every claim as data, where `--json --explain` asks for it."""
    if not wanted:
        return {}
    from ..engine import explain
    return {"explanations": [explain.explain_json(settled.pack, entry)
                             for entry in settled.settlements]}


def write_page(path: Path, text: str) -> None:
    """Writes beside the file and renames, so that no half-written page is left behind."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=True)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
