"""`tongchou demo-city`: the demonstration city, and how to sign in to it (演示市)."""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import output

if TYPE_CHECKING:
    from datetime import date


def demo_city(
    data: Annotated[Path, typer.Option(metavar="DIR", help="The folder given to `serve`; not used "
                                       "when DATABASE_URL is set.")] = Path("tongchou-data"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Institutions, operators and special people of the demonstration city.

    As it stands in the database of `serve`; where there is none yet, as it would be made today.
    """
    from ..demo_city import REGION, describe
    from ..gateway import demonstration_profiles
    day = _day_in_database(data)
    found = describe(day or _today(), day is not None)
    found["gateway"] = [asdict(one) for one in demonstration_profiles(
        REGION, [one["fixmedins_code"] for one in found["institutions"]])]
    if json:
        output.json_object(found)
    else:
        _print(found)


def _today() -> date:
    from ..settlement import local_time
    return datetime.fromisoformat(local_time(datetime.now(UTC))).date()


def _day_in_database(data: Path) -> date | None:
    """The day of the city in the database of a folder, or of DATABASE_URL; None without one."""
    url = os.environ.get("DATABASE_URL") or None
    if url is None and not (data / "postgres").is_dir():
        return None
    from ..database import open_database
    from ..demo_city import made_on
    database = open_database(url, data)
    try:
        return made_on(database)
    finally:
        database.close()


def _print(found: Mapping[str, object]) -> None:
    state = "已装载 loaded" if found["loaded"] else "尚未装载：tongchou serve 会装载 not loaded yet"
    output.line(f"{found['name']} {found['region']}  {found['pack']} ({found['profile']})  "
                f"{found['day']}  {state}")
    output.line(f"登录 POST /api/v1/session  口令 password: {found['password']}")
    _table("经办账号 operators", ("user_id", "role_zh"), [
        one for one in found["operators"] if not one["institution"]])
    _table("医药机构 institutions", ("fixmedins_code", "name", "level_zh", "operator", "why"),
           found["institutions"])
    _table("接口网关 gateway", ("code", "family", "access_key", "secret", "dialect"),
           found["gateway"])
    _table("特例人员 people", ("psn_no", "name", "certno", "brdy", "why"), found["people"])


def _table(title: str, columns: tuple[str, ...], rows: object) -> None:
    from rich.table import Table
    made = Table(title=title, title_justify="left", *columns)
    for row in rows:
        made.add_row(*(str(row[name]) for name in columns))
    output.table(made)
