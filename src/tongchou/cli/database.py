"""`tongchou database migrate|backup|restore`: the schema, and copies to return to (数据库)."""
from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ..database import backup as copies
from ..database import migrate as bring_forward
from ..database import Database, open_database, pending
from ..errors import CaseError
from . import output

app = database = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None,
                             help="The database: migrate, back up, restore.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Data = Annotated[Path, typer.Option(help="Folder of the embedded database; not used when "
                                    "DATABASE_URL is set.")]
DATA = Path("tongchou-data")


def _opened(data: Path) -> Database:
    return open_database(os.environ.get("DATABASE_URL"), data,
                         owner_url=os.environ.get("DATABASE_OWNER_URL"))


@app.command()
def migrate(data: Data = DATA,
            check: Annotated[bool, typer.Option("--check", help="Only say what is missing; exit "
                                                "code 1 when something is.")] = False,
            json: AsJson = False) -> int:
    """Brings the schema forward; a second run changes nothing."""
    opened = _opened(data)
    try:
        names = pending(opened) if check else bring_forward(opened)
    finally:
        opened.close()
    if json:
        output.json_object({"missing" if check else "applied": names})
    else:
        output.line("\n".join(names) or "The schema is up to date (表结构已是最新).")
    return 1 if check and names else 0


@app.command()
def backup(folder: Annotated[Path, typer.Argument(help="Where copies and changes are kept.")],
           data: Data = DATA, json: AsJson = False) -> None:
    """Copies the embedded database while it runs, and keeps every change from now on."""
    opened = _opened(data)
    try:
        copies.keep_changes(opened, folder / "changes")
        made = copies.back_up(opened, folder / "copies")
        until = copies.now_in(opened).isoformat()
    finally:
        opened.close()
    if json:
        output.json_object({"copy": str(made), "until": until})
    else:
        output.line(f"{made}\nComplete until {until}; later changes go to {folder / 'changes'}.")


@app.command()
def restore(folder: Annotated[Path, typer.Argument(help="The folder given to `backup`.")],
            at: Annotated[str, typer.Option(help="The moment: 2025-03-01T08:00:00+08:00.")],
            into: Annotated[Path, typer.Option(help="A new folder for the restored database.")],
            json: AsJson = False) -> None:
    """A new database with everything committed until a moment; the old one is not touched."""
    moment = _moment(at)
    made = sorted(path for path in (folder.resolve() / "copies").glob("*Z")
                  if path.name < moment.astimezone(UTC).strftime(copies.NAME_OF_COPY))
    if not made:
        raise CaseError("restore-no-copy", f"no copy here is older than {at} (无可用备份)",
                        where=str(folder / "copies"), hint="Choose a later moment.")
    server = copies.restore(made[-1], folder / "changes", moment, into)
    server.stop()
    if json:
        output.json_object({"copy": str(made[-1]), "data": str(into), "at": moment.isoformat()})
    else:
        output.line(f"{into} holds the database as of {moment.isoformat()}, from {made[-1].name}.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CaseError("moment-unreadable", f"{text!r} is no moment with a time zone "
                        "(时间格式不对)", where="--at",
                        hint="Write it as 2025-03-01T08:00:00+08:00.")
    return moment
