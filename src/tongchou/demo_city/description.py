"""What somebody needs to know of the city to try it, as `tongchou demo-city` says it (演示市)."""
from __future__ import annotations

from csv import DictReader
from datetime import date

from ..access import DEMONSTRATION_PASSWORD, ROLES
from ..terms import LEVELS, PLACES
from . import city
from .loading import made_city
from .people import PEOPLE


def describe(day: date, loaded: bool) -> dict[str, object]:
    """The city of a day as an object that scripts may rely on; `loaded`: whether a database has it.

    `operators` sign in at POST /api/v1/session with `password`; an institution's operator settles
    for it.
    """
    return {"region": city.REGION, "name": city.NAME, "pack": city.PACK, "profile": city.PROFILE,
            "day": day.isoformat(), "loaded": loaded, "persons": PEOPLE,
            "password": DEMONSTRATION_PASSWORD, "institutions": _institutions(),
            "operators": _operators(), "people": _people(day)}


def _institutions() -> list[dict[str, object]]:
    with city.list_file("designations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(DictReader(file))
    return [{"fixmedins_code": one["code"], "name": one["name"], "level": one["level"],
             "level_zh": LEVELS[one["level"]].zh, "place": one["place"],
             "place_zh": PLACES[one["place"]].zh, "tags": one["tags"].split(";") if one["tags"]
             else [], "county": one["county"],
             "designations": [{"kind": row["kind"], "networked": row["networked"] == "是",
                               "to": row["to"] or None} for row in rows
                              if row["code"] == one["code"]],
             "operator": f"inst-{one['code'].lower()}", "why": one["why_zh"],
             "why_en": one["why_en"]} for one in city.institutions()]


def _operators() -> list[dict[str, object]]:
    found = [{"user_id": role, "role": role, "role_zh": term.zh, "institution": ""}
             for role, term in ROLES.items() if role != "institution"]
    return found + [{"user_id": f"inst-{one['code'].lower()}", "role": "institution",
                     "role_zh": ROLES["institution"].zh, "institution": one["code"]}
                    for one in city.institutions()]


def _people(day: date) -> list[dict[str, object]]:
    lists, cases = made_city(day)
    persons = {row["psn_no"]: row for kind in (lists.rows, lists.late) for row in kind["persons"]}
    return [{"psn_no": case.psn_no, "name": persons[case.psn_no]["psn_name"],
             "certno": persons[case.psn_no]["certno"],
             "psn_cert_type": persons[case.psn_no].get("psn_cert_type") or (
                 "01" if persons[case.psn_no]["certno"] else ""),
             "brdy": persons[case.psn_no]["brdy"], "gend": persons[case.psn_no]["gend"],
             "why": case.why_zh, "why_en": case.why_en} for case in cases]
