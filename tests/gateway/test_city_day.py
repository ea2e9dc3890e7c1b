"""A short day of the city: every planted difference is found, nothing else is alarmed."""
from __future__ import annotations

import importlib.util
import sys
from datetime import date
from pathlib import Path

from gateway_city import PEOPLE, City

from tongchou.demo_city import made_city

SCRIPT = Path(__file__).parents[2] / "scripts/city_day.py"


def test_a_day_of_the_city_reconciles(city: City) -> None:
    spec = importlib.util.spec_from_file_location("city_day", SCRIPT)
    assert spec is not None and spec.loader is not None
    day = sys.modules["city_day"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(day)
    city.profiles.refresh()
    lists, _ = made_city(date.fromisoformat(city.today), PEOPLE)
    people = [row for row in lists.rows["persons"] if row["psn_no"] in lists.covered
              and row.get("certno") and row.get("psn_cert_type", "01") == "01"]
    profiles = [city.profiles.of(code) for code in (
        "P52990100001", "H52990100001", "H52990100003", "H52990100005", "H52990100002")]
    found = day.play(day.houses(profiles, people, f"http://127.0.0.1:{city.port}/gateway", 7), 5,
                     lambda _: None)
    print(found)
    assert found["missed"] == found["false alarms"] == found["left"] == 0
    assert found["found"] == found["planted"] >= 6
    assert found["outpatients"] and found["stays"] and found["purchases"]
