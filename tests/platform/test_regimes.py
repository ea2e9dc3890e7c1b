"""Packs in force: a later one takes over at a policy year, what was settled keeps its own."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from town import REGION, Town, code_of, stay

from tongchou.database import Database
from tongchou.policy import pack_document


@pytest.fixture
def town(fresh_database: Database, tmp_path: Path) -> Town:
    """A town whose pack has no end."""
    return Town(fresh_database, tmp_path)


def test_a_later_pack_takes_over_from_an_open_one(town: Town) -> None:
    """Two packs, two bills: each day is settled by the one that had begun last."""
    regimes, number = town.platform.regimes, town.person()
    town.cover(number, "2025-01-01", "2025-12-31")
    first = regimes.packs(REGION)[0]
    document = pack_document("guizhou/2024", "candidate")
    document["tree"]["title"] = {"zh": "下一年度", "en": "next year"}
    second = regimes.add(REGION, document, "2025-01-01")
    assert [(one.first, one.last, one.last_day) for one in regimes.of(REGION)] == [
        ("2024-01-01", "2025-01-01", "2024-12-31"), ("2025-01-01", "", "")]
    town.platform.forget()
    before = json.loads(town.settle(stay(number, "Y2024")))
    town.now = town.now.replace(year=2025)
    after = json.loads(town.settle(stay(
        number, "Y2025", begndate="2025-03-01", enddate="2025-03-09",
        setl_time="2025-03-09T10:00:00")))
    assert [before["pack_hash"], after["pack_hash"]] == [first.pack_hash, second.pack_hash]
    assert before["pack_hash"] != after["pack_hash"]


def test_a_pack_cannot_begin_where_something_is_settled(town: Town) -> None:
    """Nor twice on one day, inside a year, or in a region that nobody opened."""
    regimes, document = town.platform.regimes, pack_document("guizhou/2024", "candidate")
    assert code_of(regimes.add, REGION, document, "2025-06-01") == "regime-inside-year"
    assert code_of(regimes.add, REGION, document, "2024-01-01") == "regime-known"
    assert code_of(regimes.add, "999999", document, "2024-01-01") == "unknown-region"
    town.settle(stay(town.person(), "S1"))
    assert code_of(regimes.add, REGION, document, "2023-01-01") == "regime-used"
    regimes.add(REGION, document, "2025-01-01", regimes.day_after("2025-12-31"))
    assert regimes.of(REGION)[-1].last_day == "2025-12-31"


def test_from_the_command_line(town: Town, call: Callable[..., tuple[int, object, str]],
                               ) -> None:
    there = ("--database", town.platform.database.url)
    assert call("region", "open", "999902", "示范二区", *there)[0] == 0
    code, out, _ = call("region", "list", "--json", *there)
    assert code == 0 and [row["region"] for row in out] == [REGION, "999902"]
    assert out[0]["packs"][0]["pack"] == "guizhou/2024" and out[1]["packs"] == []
    put = ("region", "pack", "999902", "zibo/2023", "--profile", "candidate", "--from")
    code, out, _ = call(*put, "2023-01-01", "--to", "2023-12-31", "--json", *there)
    assert code == 0 and out == {"region": "999902", "pack": "zibo/2023", "from": "2023-01-01",
                                 "to": "2023-12-31", "pack_hash": out["pack_hash"]}
    for words, said in ((("2023-01-01",), "regime-known"), (("2024-02-30",), "wrong-usage"),
                        (("2024-01-01", "--to", "2023-12-31"), "wrong-usage")):
        code, out, error = call(*put, *words, *there, "--json")
        assert code != 0 and said in json.dumps(out) + error, (words, out, error)
    code, _, error = call("region", "open", "12", "x", *there)
    assert code == 2 and "six digits" in error
    code, out, _ = call("region", "list", *there)
    assert code == 0 and "999902" in out and "zibo/2023" in out
