"""Options of every command that works on the platform's database, and what opens it."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..database import Database

ENVIRONMENT, OWNER = "DATABASE_URL", "DATABASE_OWNER_URL"
Region = Annotated[str, typer.Option(help="The pooling area 统筹区, six digits.")]
Url = Annotated[str | None, typer.Option("--database", metavar="URL", help="The PostgreSQL to use; "
                                         f"without it {ENVIRONMENT}, then --data.")]
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Data folder of the platform's "
                                    "own PostgreSQL.")]
DATA = Path("tongchou-data")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@contextmanager
def migrated(url: str | None, data: Path) -> Iterator[Database]:
    """The database that is named, its tables made where they are missing; closed at the end.

    DATABASE_OWNER_URL reaches it where the service's user may not make tables.
    """
    from ..database import migrate, open_database
    opened = open_database(url or os.environ.get(ENVIRONMENT), data,
                           owner_url=os.environ.get(OWNER))
    try:
        migrate(opened)
        yield opened
    finally:
        opened.close()
