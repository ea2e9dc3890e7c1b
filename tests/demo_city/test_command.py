"""`tongchou demo-city` prints the city, loaded or not."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tongchou.cli.main import run


def test_without_a_database_it_is_described_as_of_today(tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert run(["demo-city", "--data", str(tmp_path / "none"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["loaded"] is False and not (tmp_path / "none").exists()
    assert {"region", "pack", "institutions", "operators", "people"} <= found.keys()
    assert run(["demo-city", "--data", str(tmp_path / "none")]) == 0
    assert "D000001" in capsys.readouterr().out


def test_of_a_loaded_city_the_day_is_read(city: object, monkeypatch: pytest.MonkeyPatch,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DATABASE_URL", city.platform.database.url)
    assert run(["demo-city", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["loaded"] is True and found["day"] == city.loaded.day


def test_a_database_without_tables_is_no_fault(server: object, monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DATABASE_URL", server.url("postgres"))
    assert run(["demo-city", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "database-not-migrated"
