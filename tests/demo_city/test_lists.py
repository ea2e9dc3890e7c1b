"""The invented people: the same every time, and nobody's own."""
from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date

from tongchou.demo_city import PACK, REGION, describe, made_city
from tongchou.enrolment import read_document

DAY = date(2025, 6, 30)


def persons(day: date = DAY) -> list[dict[str, str]]:
    lists, _ = made_city(day)
    return [row for kind in (lists.rows, lists.late) for row in kind["persons"]]


def test_one_day_gives_one_city() -> None:
    first, second = made_city(DAY), made_city(DAY)
    assert first[0].rows == second[0].rows and first[0].late == second[0].late
    assert first[1] == second[1]
    assert len(persons()) >= 3000


def test_numbers_are_right_and_nobodys() -> None:
    cards = [row for row in persons() if row["certno"] and not row.get("psn_cert_type")]
    for row in cards:
        assert read_document("01", row["certno"], row["brdy"], row["gend"]).born == row["brdy"]
        assert row["certno"].startswith("5299"), "no prefecture has 99 for its number"
    assert len({row["certno"] for row in cards}) == len(cards)
    assert REGION.startswith("5299")


def test_names_and_phones_are_nobodys() -> None:
    for row in persons():
        assert row["psn_name"][1] == "演" and row["tel"].startswith("140")


def test_nobody_is_older_than_people_get_or_born_tomorrow() -> None:
    assert all("1920" < row["brdy"] <= DAY.isoformat() for row in persons())


def test_leap_days_and_year_ends_make_cities_too() -> None:
    for day in (date(2024, 2, 29), date(2025, 12, 31), date(2026, 1, 1)):
        for row in persons(day):
            date.fromisoformat(row["brdy"])


def test_the_description_is_what_scripts_rely_on() -> None:
    found = json.loads(json.dumps(describe(DAY, False)))
    assert found["region"] == REGION and found["pack"] == PACK
    numbers = {row["psn_no"]: row for row in persons()}
    for one in found["people"]:
        assert numbers[one["psn_no"]]["certno"] == one["certno"]
        assert one["why"] and one["why_en"] and one["name"]
    assert found["people"][0]["psn_no"] == "D000001"
    operators = {one["user_id"] for one in found["operators"]}
    assert {one["operator"] for one in found["institutions"]} <= operators
    assert all(re.fullmatch(r"[HP]\d{11}", one["fixmedins_code"]) for one in
               found["institutions"])


def test_the_institutions_show_every_kind() -> None:
    found = describe(DAY, False)["institutions"]
    levels = Counter(one["level"] for one in found)
    assert len(found) >= 20 and {"village", "township", "1", "2", "3", "none"} <= levels.keys()
    assert {one["place"] for one in found} == {"local", "province", "outside"}
    kinds = {row["kind"] for one in found for row in one["designations"]}
    assert {"dispensing", "day_treatment", "chronic", "general"} <= kinds
    assert any(not one["designations"] for one in found), "one that is not designated"
    assert any(one["designations"] and not any(row["networked"] for row in one["designations"])
               for one in found), "one that is not networked"

