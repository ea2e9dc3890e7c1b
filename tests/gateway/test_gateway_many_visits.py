"""The identities over ten thousand visits, in a city and database of their own."""
from __future__ import annotations

from pathlib import Path

import pytest
from gateway_city import City
from generated_visits import visited

from tongchou.database import Database


@pytest.mark.long
def test_ten_thousand_visits_keep_every_identity(database: Database, tmp_path: Path) -> None:
    city = City(database, tmp_path, people=2000)
    try:
        visited(city, 2000, 10_000)
    finally:
        city.stop()
