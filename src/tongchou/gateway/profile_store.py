"""SQL of dialect profiles and sign-ins (方言配置与签到存储)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from psycopg import Connection

if TYPE_CHECKING:
    from .profiles import Profile

COLUMNS = ("code", "region", "family", "access_key", "secret", "dialect", "infcode", "wrapped",
           "strictness", "demonstration", "cainfo", "cainfo_key", "cainfo_user")


def profiles(connection: Connection) -> list[Mapping[str, object]]:
    """All profiles, secrets sealed."""
    rows = connection.execute(
        "select fixmedins_code, region, family, access_key, secret, dialect, infcode, wrapped, "
        "strictness, demonstration, cainfo, cainfo_key, cainfo_user from gateway_profile")
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def row_of(profile: Profile) -> dict[str, object]:
    """A profile as columns."""
    return asdict(profile)


def put(connection: Connection, row: Mapping[str, object], by: str, at: object) -> None:
    """Sets a profile, whole, its secrets sealed."""
    connection.execute(
        "insert into gateway_profile (fixmedins_code, region, family, access_key, secret, dialect, "
        "infcode, wrapped, strictness, demonstration, changed_at, changed_by, cainfo, cainfo_key, "
        "cainfo_user) values (%(code)s, %(region)s, %(family)s, %(access_key)s, %(secret)s, "
        "%(dialect)s, %(infcode)s, %(wrapped)s, %(strictness)s, %(demonstration)s, %(at)s, "
        "%(by)s, %(cainfo)s, %(cainfo_key)s, %(cainfo_user)s) on conflict (fixmedins_code) "
        "do update set region = excluded.region, family = excluded.family, "
        "access_key = excluded.access_key, secret = excluded.secret, dialect = excluded.dialect, "
        "infcode = excluded.infcode, wrapped = excluded.wrapped, strictness = excluded.strictness, "
        "demonstration = excluded.demonstration, changed_at = excluded.changed_at, "
        "changed_by = excluded.changed_by, cainfo = excluded.cainfo, "
        "cainfo_key = excluded.cainfo_key, cainfo_user = excluded.cainfo_user",
        {**row, "by": by, "at": at})


def sign_in(connection: Connection, sign_no: str, code: str, opter_no: str, at: object) -> None:
    """签到."""
    connection.execute("insert into gateway_sign_in values (%s, %s, %s, %s) on conflict do nothing",
                       (sign_no, code, opter_no, at))


def sign_out(connection: Connection, sign_no: str, code: str, at: object) -> bool:
    """签退; False where nobody of the institution signed in under the number."""
    return connection.execute(
        "update gateway_sign_in set signed_out_at = coalesce(signed_out_at, %s) "
        "where sign_no = %s and fixmedins_code = %s", (at, sign_no, code)).rowcount == 1
