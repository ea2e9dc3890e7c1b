"""`tongchou audit replay`: old settlements give the same fen under the pack of their time."""
from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from town import CLERK, NOTE, REGION, Town, stay

from tongchou.database import Database
from tongchou.enrolment import Membership
from tongchou.policy import load_pack, pack_document, pack_file

Call = Callable[..., tuple[int, object, str]]


@pytest.fixture
def town(fresh_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town whose database the commands find."""
    monkeypatch.setenv("DATABASE_URL", fresh_database.url)
    return Town(fresh_database, tmp_path)


def busy_year(town: Town) -> list[str]:
    """Settled, reversed, late, in portions, recognised afterwards; every setl_id."""
    number = town.person()
    first = json.loads(town.settle(stay(number, "A1", "30000.00")))["setl_id"]
    later = {"begndate": "2024-05-01", "enddate": "2024-05-09"}
    json.loads(town.settle(stay(number, "A2", "40000.00", **later,
                                setl_time="2024-05-09T10:00:00")))
    json.loads(town.settle(stay(number, "A3", "9000.00", kind="mid_stay", begndate="2024-06-01",
                                enddate="2024-06-05", setl_time="2024-06-05T10:00:00")))
    json.loads(town.settle(stay(number, "A3", "8000.00", begndate="2024-06-01",
                                enddate="2024-06-09", setl_time="2024-06-09T10:00:00"), "A3b"))
    town.platform.recognise({"psn_no": number, "code": "allowance", "from": "2024-09-01",
                             "source": "x"}, "A-status", who=CLERK)
    town.platform.reverse({"psn_no": number, "setl_id": first, "reason": "x"}, "A1-back",
                          who=CLERK, refund="recompute")
    return [row["setl_id"] for row in town.platform.history(REGION, number, who=CLERK)]


def test_everything_replays_to_the_same_fen(town: Town, call: Call) -> None:
    ids = busy_year(town)
    code, found, _ = call("audit", "replay", "--all", "--json")
    assert (code, found["sound"], found["settlements"], found["equal"]) == (0, True, 4, 4)
    assert found["revisions"] > 4 and ids
    code, found, _ = call("audit", "replay", "--setl-id", ids[0], "--json")
    assert code == 0 and found["settlements"] == 1
    code, found, _ = call("audit", "replay", "--sample", "2", "--seed", "s", "--json")
    assert code == 0 and found["settlements"] == 2 and found["seed"] == "s"
    code, text, _ = call("audit", "replay", "--region", REGION)
    assert code == 0 and "sound 全部一致" in text and "一致 4" in text
    assert call("audit", "replay")[0] == 2
    assert call("audit", "replay", "--setl-id", "none")[0] == 1
    code, found, _ = call("audit", "replay", "--psn-no", "none", "--json")
    assert code == 0 and found["settlements"] == 0


def test_a_changed_shipped_pack_changes_nothing_settled(town: Town, call: Call, tmp_path: Path,
                                                        ) -> None:
    """The pack is edited under the same name and settles the next year; the old year replays
    from the text that settled it, and the two give different fen for the same bill."""
    busy_year(town)
    old = load_pack("guizhou/2024", "candidate")
    text = pack_file("guizhou/2024").read_text(encoding="utf-8")
    changed = tmp_path / "2024.yaml"
    changed.write_text(text.replace("value: {level2: 75%", "value: {level2: 70%")
                       .replace("value: 60%", "value: 55%"), encoding="utf-8")
    document = pack_document(str(changed), "candidate")
    with town.platform.database.admin() as owner:
        owner.execute("alter table regime disable trigger user")
        owner.execute("update regime set during = daterange('2024-01-01', '2025-01-01')")
        owner.execute("alter table regime enable trigger user")
        owner.commit()
    town.platform.regimes.refresh()
    new = town.platform.regimes.add(REGION, document, "2025-01-01")
    assert new.name == old.name and new.pack_hash != old.pack_hash
    number = town.person(False)
    town.cover(number, "2024-01-01", "2025-12-31")
    bills = [json.loads(town.settle(stay(
        number, f"B{year}", "60000.00", begndate=f"{year}-03-01", enddate=f"{year}-03-09",
        setl_time=f"{year}-03-09T10:00:00"))) for year in (2024, 2025)]
    assert bills[0]["fund_pay_sumamt"] != bills[1]["fund_pay_sumamt"]
    assert bills[0]["pack"] == bills[1]["pack"]
    code, found, _ = call("audit", "replay", "--all", "--json")
    assert (code, found["settlements"], found["equal"]) == (0, 6, 6)


@pytest.mark.parametrize(("column", "path", "value"), [
    ("money", "{money,person_fen}", "1"), ("statement", "{psn_part_amt}", '"1.00"'),
    ("statement", "{layers,0,paid}", '"1.00"')])
def test_a_tampered_outcome_is_named(town: Town, call: Call, column: str, path: str,
                                     value: str) -> None:
    setl_id = busy_year(town)[1]
    with town.platform.database.admin() as owner:
        owner.execute("alter table outcome disable trigger user")
        owner.execute(f"update outcome set {column} = jsonb_set({column}::jsonb, %s, %s::jsonb)"
                      "::json where setl_id = %s and revision = 1", (path, value, setl_id))
        owner.commit()
    code, found, _ = call("audit", "replay", "--all", "--json")
    assert code == 1 and {(row["setl_id"], row["revision"]) for row in found["different"]} \
        == {(setl_id, 1)}
    code, text, _ = call("audit", "replay", "--all")
    assert code == 1 and f"DIFFERS 不一致 {REGION}" in text and setl_id in text


@pytest.mark.parametrize(("change", "code"), [
    ("update settlement set claim = (claim::jsonb - 'parts')::json", "input-changed"),
    ("update settlement set pack_hash = 'none'", "unknown-pack"),
    ("update pack_version set document = replace(document, '2024-08-22', '2024-08-23')",
     "pack-changed")])
def test_changed_inputs_are_named(town: Town, call: Call, change: str, code: str) -> None:
    town.settle(stay(town.person(), "D1"))
    with town.platform.database.admin() as owner:
        for table in ("settlement", "pack_version"):
            owner.execute(f"alter table {table} disable trigger user")
        owner.execute(change)
        owner.commit()
    exit_code, found, _ = call("audit", "replay", "--all", "--json")
    if found is not None and "error" in found:
        assert exit_code == 1 and found["error"]["code"] == code
    else:
        assert exit_code == 1 and [row["code"] for row in found["unreadable"]] == [code]


def test_throughput_is_stated(town: Town, call: Call) -> None:
    for _ in range(20):
        number = town.person()
        for place in range(3):
            town.settle(stay(number, f"{number}-{place}", begndate=f"2024-0{place + 1}-01",
                             enddate=f"2024-0{place + 1}-09",
                             setl_time=f"2024-0{place + 1}-09T10:00:00"))
    start = time.monotonic()
    code, text, _ = call("audit", "replay", "--all")
    assert code == 0 and "a second 每秒" in text
    print(f"replayed 60 settlements in {time.monotonic() - start:.2f} s: {text.splitlines()[0]}")


def test_a_family_is_replayed_together(database: Database, tmp_path: Path, call: Call,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack in which members of a family share an accumulator."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    text = pack_file("zibo/2023").read_text(encoding="utf-8")
    (tmp_path / "2023.yaml").write_text(text.replace("to: 2023-12-31", "to: 2024-12-31"),
                                        encoding="utf-8")
    town = Town(database, tmp_path, str(tmp_path / "2023.yaml"), "candidate", "370300")
    two = [town.person(), town.person()]
    for number in two:
        town.platform.enrolment.add("370300", number, Membership(
            "F1", "", "2024-01-01", ""), **NOTE)
    for place, number in enumerate(two):
        town.settle(stay(number, f"F{place}", "90000.00",
                         setl_time=f"2024-03-{10 + place}T10:00:00"))
    code, found, _ = call("audit", "replay", "--region", "370300", "--json")
    assert (code, found["settlements"], found["equal"]) == (0, 2, 2)
