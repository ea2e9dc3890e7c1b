"""A stored settlement in words, in both languages, as of any revision; and its slip."""
from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from town import CLERK, REGION, Town, code_of, stay

from tongchou.database import Database
from tongchou.errors import CaseError

DOCS = Path(__file__).parents[2] / "docs" / "settlement.md"


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One town for this file."""
    return Town(database, tmp_path_factory.mktemp("keys"))


def settled(town: Town, *arguments: object, key: str = "", **changes: object) -> dict[str, object]:
    return json.loads(town.settle(stay(*arguments, **changes), key))


def explained(town: Town, answer: dict[str, object], *rest: object) -> dict[str, object]:
    return town.platform.explanation(REGION, str(answer["psn_no"]), str(answer["setl_id"]), *rest,
                                     who=CLERK)


def test_a_settlement_is_explained_in_both_languages(town: Town) -> None:
    answer = settled(town, town.person(), "A1", "60000.00")
    for language, word in (("zh", "起付线"), ("en", "deductible")):
        found = explained(town, answer, language)
        assert word in found["text"] and found["changes"] == []
        assert found["statement_of"] == "settlement" and found["revision"] == 1
        assert found["explanation"]["psn_part_amt"] == answer["psn_part_amt"]
        assert found["explanation"]["pack_hash"] == answer["pack_hash"]
        assert all(len(line) <= 100 for line in found["text"].splitlines())
    assert json.loads(json.dumps(found)) == found
    with pytest.raises(CaseError):
        explained(town, answer, "fr")
    assert code_of(explained, town, answer, "zh", 2) == "unknown-revision"
    assert code_of(explained, town, {**answer, "setl_id": "x"}) == "unknown-settlement"


@pytest.mark.clause("GZ-26")
def test_a_recomputed_one_says_what_changed_and_why(town: Town) -> None:
    """Which status, from when, and every amount that moved; the first revision stays readable."""
    number = town.person()
    answer = settled(town, number, "B1", "60000.00")
    town.platform.recognise({"psn_no": number, "code": "allowance", "from": "2024-06-01",
                             "source": "x"}, "B1-status", who=CLERK)
    found = explained(town, answer, "en")
    assert (found["revision"], found["revisions"]) == (2, 2)
    change, = found["changes"]
    assert change["cause"] == "status allowance from 2024-06-01"
    assert set(change["fields"]) == {"maf_pay", "fund_pay_sumamt", "psn_part_amt",
                                     "chosen_status"}
    plain = " ".join(found["text"].split())
    assert "because of status low-income allowance from 2024-06-01" in plain
    assert "identity used: none -> low-income allowance (looking back)" in plain
    text = explained(town, answer, "zh")["text"]
    assert "起因：身份“低保对象”自 2024-06-01 起" in text
    first = explained(town, answer, "en", 1)
    assert not first["changes"] and first["explanation"]["psn_part_amt"] == answer["psn_part_amt"]


def test_what_another_settlement_moved_names_it(town: Town) -> None:
    number = town.person()
    first = settled(town, number, "C1", "60000.00")
    second = settled(town, number, "C2", "200000.00", setl_time="2024-05-09T10:00:00",
                     begndate="2024-05-01", enddate="2024-05-09")
    town.platform.reverse({"psn_no": number, "setl_id": first["setl_id"], "reason": "x"},
                          "C1-back", who=CLERK, refund="recompute")
    found = explained(town, second, "en")
    assert found["changes"][-1]["cause_words"] \
        == f"the reversal of {first['setl_id']}, visit C1"
    gone = explained(town, first, "zh")
    assert gone["explanation"] is None and "冲正" in gone["text"] and gone["reason"] == "reverse"
    assert explained(town, first, "zh", 1)["explanation"]["mdtrt_id"] == "C1"


@pytest.mark.clause("LF-33", "BJ-54")
def test_a_portion_says_that_the_statement_is_the_stay_to_date(town: Town) -> None:
    number = town.person()
    part = settled(town, number, "D1", "8000.00", key="D1a", kind="mid_stay",
                   enddate="2024-03-05", setl_time="2024-03-05T10:00:00")
    rest = settled(town, number, "D1", "12000.00", key="D1b")
    found = explained(town, rest, "en")
    assert found["statement_of"] == "stay_to_date"
    assert found["portions"] == [part["setl_id"], rest["setl_id"]]
    assert found["explanation"]["medfee_sumamt"] == "20000.00"
    own = rest["this_settlement"]
    assert "the stay to date, 2 bills" in " ".join(found["text"].split())
    assert int(own["psn_part_amt"].replace(".", "")) < 1_200_000
    assert explained(town, part)["statement_of"] == "settlement", "then it was all there was"


def test_the_slip_has_national_names(town: Town) -> None:
    answer = settled(town, town.person(), "E1", "60000.00")
    slip = town.platform.slip(REGION, answer["psn_no"], answer["setl_id"], who=CLERK)
    info = slip["setlinfo"]
    assert (info["insutype"], info["med_type"], info["gend"], info["psn_type"]) == (
        "390", "21", "1", "15")
    assert info["fixmedins_name"] == "hospital 2" and info["setl_time"] == "2024-03-09 10:00:00"
    assert (info["mid_setl_flag"], info["pay_loc"], info["refd_setl_flag"]) == ("0", "2", "0")
    assert info["act_pay_dedc"] == answer["act_pay_dedc"]
    for name in ("medfee_sumamt", "hifp_pay", "hifmi_pay", "fund_pay_sumamt", "psn_part_amt"):
        assert info[name] == answer[name]
    paid = sum(int(row["fund_payamt"].replace(".", "")) for row in slip["setldetail"])
    assert paid == int(answer["fund_pay_sumamt"].replace(".", ""))
    assert slip["setldetail"][0]["fund_pay_type"] == "390100" and slip["stay"] is not None
    town.platform.reverse({"psn_no": answer["psn_no"], "setl_id": answer["setl_id"],
                           "reason": "x"}, "E1-back", who=CLERK)
    slip = town.platform.slip(REGION, answer["psn_no"], answer["setl_id"], who=CLERK)
    assert slip["setlinfo"]["refd_setl_flag"] == "1"
    assert slip["setlinfo"]["fund_pay_sumamt"] == "0.00" and slip["stay"] is None


def test_the_slip_of_a_portion_carries_its_own_money(town: Town) -> None:
    number = town.person()
    settled(town, number, "F1", "8000.00", key="F1a", kind="mid_stay", enddate="2024-03-05",
            setl_time="2024-03-05T10:00:00")
    rest = settled(town, number, "F1", "12000.00", key="F1b")
    slip = town.platform.slip(REGION, number, rest["setl_id"], who=CLERK)
    assert slip["setlinfo"]["medfee_sumamt"] == "12000.00"
    assert slip["setlinfo"]["psn_part_amt"] == rest["this_settlement"]["psn_part_amt"]
    assert slip["stay"]["medfee_sumamt"] == "20000.00"


def test_the_worked_example_of_the_page_is_what_comes_out(town: Town) -> None:
    """docs/settlement.md: the amounts of its table and its sentence on what changed."""
    page = DOCS.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z_]+) \| ([0-9.]+ \| [0-9.]+) \|$", page, re.M))
    number = town.person()
    answer = settled(town, number, "EXAMPLE", "60000.00")
    town.platform.recognise({"psn_no": number, "code": "allowance", "from": "2024-06-01",
                             "source": "x"}, "G1-status", who=CLERK)
    found = town.platform.settlement(REGION, number, answer["setl_id"], who=CLERK)
    before, after = (one["result"]["statement"] for one in found["outcomes"])
    assert rows == {name: f"{before[name]} | {after[name]}" for name in (
        "hifp_pay", "hifmi_pay", "maf_pay", "fund_pay_sumamt", "psn_part_amt")}
    for language in ("zh", "en"):
        text = explained(town, answer, language)["text"]
        lines = text[:text.index("\n\n")].splitlines()
        assert all(line in page for line in lines), lines
