"""`tongchou pack list|show|lint|diff|coverage`: packs read, checked and compared (政策包)."""
from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..policy import load_pack, pack_file, shipped_packs
from . import output

if TYPE_CHECKING:
    from ..policy.coverage import Coverage, Row

app = pack = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None,
                         help="Packs: list, show, lint, diff and coverage of the fact sheets.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
FOUND_ERRORS = 1
SEARCH_ALL = 1_000_000


@app.command("list")
def list_packs(json: AsJson = False) -> None:
    """Shipped packs: name, title, state, dates of force, profiles."""
    rows = [_summary(name) for name in shipped_packs()]
    if json:
        output.json_object(rows)
        return
    table = _table("name", "title", "state", "in force", "profiles")
    for row in rows:
        table.add_row(row["name"], f"{row['title'].get('zh', '')} {row['title'].get('en', '')}",
                      row["state"], f"{row['from']} - {row['to'] or ''}",
                      ", ".join(row["profiles"]) or "-")
    output.table(table)


def _summary(name: str) -> dict[str, object]:
    found = load_pack(name)
    return {"name": name, "city": found.city, "title": found.title, "state": found.state,
            "from": found.force_from, "to": found.force_to or None,
            "profiles": list(found.profiles)}


@app.command()
def show(name: Annotated[str, typer.Argument(help="CITY/REGIME or the path of a pack file.")],
         profile: Annotated[str | None, typer.Option(help="Show values under this profile."),
                            ] = None,
         lang: Annotated[str, typer.Option(help="Titles in zh, en, or both.")] = "both",
         json: AsJson = False) -> None:
    """What a pack says, layer by layer in the order of money."""
    from . import pack_words
    if lang not in pack_words.LANGUAGES:
        raise typer.BadParameter(f"{lang!r} is no language; write zh, en or both",
                                 param_hint="--lang")
    found = load_pack(name, profile)
    described = pack_words.describe(pack_file(name), found)
    if json:
        output.json_object(described)
        return
    for line in pack_words.page(described, lang):
        output.line(line)


@app.command()
def lint(name: Annotated[str, typer.Argument(help="CITY/REGIME or the path of a pack file.")],
         thorough: Annotated[bool, typer.Option("--thorough", help="Search every chain of rules "
                                                "for cliffs; may take minutes.")] = False,
         quiet: Annotated[bool, typer.Option("--quiet", help="Leave notes out.")] = False,
         json: AsJson = False) -> None:
    """All findings on a pack file, each with what to do. Exit code 1 if one is an error."""
    from ..engine import checks
    path = pack_file(name)
    found = checks.check_pack(path, SEARCH_ALL) if thorough else checks.check_pack(path)
    failed = any(one.severity == "error" for one in found)
    shown = [one for one in found if not (quiet and one.severity == "note")]
    if json:
        output.json_object([one.as_dict() for one in shown])
    else:
        for one in shown:
            clause = f" [{one.clause}]" if one.clause else ""
            output.line(f"{one.file}:{one.line}:{one.column}: {one.severity} {one.code}: "
                        f"{one.message}{clause}\n  {one.hint}")
        counts = [(sum(one.severity == severity for one in found), severity)
                  for severity in ("error", "warning", "note")]
        output.line(f"{name}: " + ", ".join(f"{count} {severity}{'s' if count != 1 else ''}"
                                            for count, severity in counts))
    raise typer.Exit(FOUND_ERRORS if failed else 0)


@app.command()
def diff(old: Annotated[str, typer.Argument(help="A pack: CITY/REGIME or a path.")],
         new: Annotated[str, typer.Argument(help="Another one, or an overlay of it.")],
         json: AsJson = False) -> None:
    """What NEW says otherwise than OLD: clause, what, old, new."""
    from ..policy import diff as comparison
    rows = comparison.compare(old, new)
    if json:
        output.json_object([row.as_dict() for row in rows])
        return
    if not rows:
        output.line("Both say the same.")
        return
    table = _table("clause", "what", "old", "new")
    for row in rows:
        table.add_row(row.clause, row.what, row.old, row.new)
    output.table(table)


@app.command()
def coverage(verify: Annotated[bool, typer.Option("--verify", help="Also change the packs clause "
                                                  "by clause: do the cases notice?")] = False,
             every: Annotated[bool, typer.Option("--all", help="Print every clause, not only the "
                                                 "sums.")] = False,
             json: AsJson = False) -> None:
    """Every clause of the fact sheets with where it is realised. `done`: a test names it."""
    from ..policy import coverage as sheets
    found = sheets.find_coverage()
    broken = _broken_promises() if verify else None
    if json:
        output.json_object(_coverage_object(found, broken))
    else:
        _print_coverage(found, every)
        for fault in found.faults:
            output.line(f"fault: {fault}")
        for line in broken or ():
            output.line(f"broken promise: {line}")
        if verify:
            output.line(f"{len(broken)} promises of cases are broken.")
    raise typer.Exit(FOUND_ERRORS if found.faults or broken else 0)


def _broken_promises() -> list[str]:
    from ..claims import promises
    return [f"{one.where} {one.case}: {one.clause}: "
            + (one.differences[0] if one.differences else "no change under the clause is noticed")
            for one in promises.check_promises() if not one.holds]


def _coverage_object(found: Coverage, broken: list[str] | None) -> dict[str, object]:
    from ..policy.coverage import percentage
    whole = len(found.rows)
    return {"clauses": whole, "done": found.done(), "percent": percentage(found.done(), whole),
            "tests_read": found.tests_folder is not None,
            "by_city": found.summary("city"), "by_kind": found.summary("kind"),
            "faults": found.faults, **({"broken_promises": broken} if broken is not None else {}),
            "rows": [row.as_dict() for row in found.rows]}


def _print_coverage(found: Coverage, every: bool) -> None:
    from ..policy.coverage import STATES, percentage
    if every:
        table = _table("clause", "kind", "state", "where")
        for row in found.rows:
            table.add_row(row.clause, row.kind, row.state, "\n".join(_places(row)) or row.rule[:70])
        output.table(table)
    for key in ("city", "kind"):
        table = _table(key, *STATES, "done of all")
        for name, counts in found.summary(key).items():
            table.add_row(name, *(str(counts[state]) for state in STATES),
                          percentage(counts["done"], sum(counts.values())))
        output.table(table)
    output.line(f"{found.done()} of {len(found.rows)} clauses are done "
                f"({percentage(found.done(), len(found.rows))}): a test names them.")
    if found.tests_folder is None:
        output.line("This is an installed package without the folder tests/: only the case files "
                    "beside the packs were read.")


def _places(row: Row) -> list[str]:
    shown = [*row.cases[:2], *row.tests[:2], *row.rules[:2], *row.parameters[:1],
             *row.assumptions[:1]]
    more = len(row.cases) + len(row.tests) + len(row.rules) + len(row.parameters) \
        + len(row.assumptions) - len(shown)
    return shown + ([f"and {more} more"] if more > 0 else [])


def _table(*columns: str):  # noqa: ANN202 - rich is imported only when a table is printed
    from rich.table import Table
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
