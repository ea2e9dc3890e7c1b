"""Options that the ledger's commands share, and what opens a database for one of them."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CaseError
from .database_options import ENVIRONMENT

if TYPE_CHECKING:
    import psycopg

    from ..database import Database
    from ..ledger import PublicKey
    from ..privacy import KeyRing

Day = Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="A day in China.")]
Rules = Annotated[str, typer.Option("--rules", metavar="CITY|FILE", help="Clearing rules 清算规则: "
                                    "a shipped city's, or a CSV of your own.")]
CalendarFolder = Annotated[Path | None, typer.Option("--calendar", metavar="DIR", help="Folder of "
                                                     "working-day calendars 工作日历, YEAR.csv.")]
By = Annotated[str, typer.Option(help="Who does it: stands in the books.")]
SOMEBODY = "command line"
PUBLIC_BYTES = 32


@contextmanager
def opened(url: str | None, data: Path) -> Iterator[Database]:
    """The database that is named; closed at the end.

    Raises CaseError `no-database`: books are looked for, never begun by looking.
    """
    from ..database import open_database
    url = url or os.environ.get(ENVIRONMENT)
    if url is None and not any(data.glob("*/PG_VERSION")):
        raise CaseError("no-database", "there is no database in this folder 文件夹内无数据库",
                        str(data), hint=f"Give --database URL, set {ENVIRONMENT}, or give the "
                        "--data folder that `tongchou serve` uses.")
    database = open_database(url, data)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def connected(url: str | None, data: Path) -> Iterator[psycopg.Connection]:
    """A connection as the service; committed at the end, rolled back on a refusal.

    Raises CaseError `no-database`.
    """
    with opened(url, data) as database, database.connection() as connection:
        yield connection


def key_ring(data: Path) -> KeyRing | None:
    """The keys of TONGCHOU_KEY_FILE or of the data folder; None where there is no key file."""
    from ..privacy import DEMO_FILE, KEY_FILE_VARIABLE, open_keys
    named = os.environ.get(KEY_FILE_VARIABLE)
    return open_keys(data) if named or (data / DEMO_FILE).is_file() else None


def public_keys_of(texts: list[str], data: Path) -> list[PublicKey]:
    """Keys as hex digits, else those of the key file. Raises BadParameter."""
    from ..ledger import PublicKey, public_keys
    if not texts:
        ring = key_ring(data)
        return public_keys(ring) if ring else []
    try:
        found = [bytes.fromhex(text) for text in texts]
    except ValueError:
        found = [b""]
    if any(len(one) != PUBLIC_BYTES for one in found):
        raise typer.BadParameter(f"--public-key: {PUBLIC_BYTES * 2} hex digits")
    return [PublicKey(one) for one in found]


def day_of(text: str) -> date:
    """A day. Raises BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2024-03-01") from None


def month_of(text: str) -> date:
    """The first day of a month such as 2024-03. Raises BadParameter."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month; write it as 2024-03") from None


def amounts_of(texts: list[str]) -> dict[str, int]:
    """fund -> fen of `fund=yuan` words. Raises BadParameter."""
    from ..money import NumberFault, parse_yuan
    found: dict[str, int] = {}
    for text in texts:
        fund, equals, yuan = text.partition("=")
        if not equals or not fund or fund in found:
            raise typer.BadParameter(f"{text!r}: write each fund once, as residents_basic=120.50")
        try:
            found[fund] = parse_yuan(yuan)
        except NumberFault as fault:
            raise typer.BadParameter(str(fault)) from None
    return found


def now() -> datetime:
    """This moment."""
    return datetime.now(timezone.utc)
