"""The city itself: its code, its name, its day, and the lists that lie beside this module (演示市).

No place in China can be mistaken for it: the third and fourth digit of an area code number the
prefectures of a province, which end far below 99 (GB/T 2260), so nothing has the code 529900 and no
resident card begins with 5299. The institutions elsewhere have such codes too.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from csv import DictReader
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

COUNTIES = {"529901": "城关区", "529902": "松溪县", "529921": "石桥县", "529922": "南坪县"}
AWAY = "3399"                       # 东海省: another province that does not exist
BY, WHY = "demonstration", "演示数据 demonstration data"
# The rules of the area are in force from so long before the city's day: they tell the day again
# when the city is described or loaded a second time.
RULES_BEFORE = timedelta(days=1461)


def list_file(name: str) -> Path:
    """A list beside this module."""
    return Path(str(files(__package__).joinpath(name)))


_SAID = json.loads(list_file("city.json").read_text(encoding="utf-8"))
REGION, NAME = _SAID["region"], _SAID["name"]
PACK, PROFILE, PACK_FROM = _SAID["pack"], _SAID["profile"], _SAID["pack_from"]
# What the area decides itself, by name (see enrolment.RULES).
RULES: Mapping[str, Mapping[str, object]] = _SAID["rules"]


def institutions() -> list[dict[str, str]]:
    """Rows of the list of institutions, with `why_zh` and `why_en`."""
    with list_file("institutions.csv").open(encoding="utf-8", newline="") as file:
        return list(DictReader(file))


def first_of_rules(day: date) -> str:
    """The first day of force of the area's rules of a city made on a day."""
    return (day - RULES_BEFORE).isoformat()


def day_of_rules(first: str) -> date:
    """The day a city was made on, from the first day of its rules."""
    return date.fromisoformat(first) + RULES_BEFORE
