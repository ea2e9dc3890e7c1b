"""Settlement lists: 4101 upload and correction, 4102 states, 4103 to 4105, the agency's review."""
from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from gateway_city import City
from hospital import Hospital, read
from identities import national, unlike_the_standard
from settlement_case import PATIENTS, REGION, TOTAL, Case, disease
from standard import request_unlike
from visiting import Stay, identify

from tongchou import privacy
from tongchou.cli import run
from tongchou.errors import Refusal
from tongchou.gateway import settlement_lists
from tongchou.gateway import settlement_list_store as store
from tongchou.payment.cases import ANYTHING, read_cases

STANDARD, LIKE_S3 = "H52990100001", "H52990100002"


@pytest.fixture(params=(STANDARD, LIKE_S3))
def hospital(city: City, request: pytest.FixtureRequest) -> Hospital:
    """A standard client and one like that of S3."""
    return city.hospital(request.param)


@pytest.fixture
def case(city: City, hospital: Hospital) -> Case:
    """A settled stay at the hospital."""
    return Case(city, hospital)


@pytest.fixture
def plain(city: City) -> Case:
    """One at the standard hospital."""
    return Case(city, city.hospital(STANDARD))


# --- upload ---------------------------------------------------------------------------------------
def test_a_list_that_agrees_is_taken_and_shown_again(case: Case) -> None:
    number = case.upload()
    assert len(number) <= 9
    repeated = case.hospital.again()
    assert repeated["output"]["data"]["setl_list_id"] == number and case.kept().revision == 1
    shown, info = case.query(), case.settled["setlinfo"]
    assert shown["setlinfo"]["setl_list_sn"] == f"{number}-1"
    assert shown["setlinfo"]["act_ipt_days"] == 3 and shown["setlinfo"]["coner_name"] == "家属"
    assert (shown["setlinfo"]["vent_used_days"], shown["setlinfo"]["vent_used_h_cnt"],
            shown["setlinfo"]["vent_used_m_cnt"]) == (1, 2, 30)
    person = Decimal(str(info["psn_part_amt"]))
    money = {name: Decimal(str(shown["setlinfo"][name])) for name in (
        "psn_selfpay", "psn_ownpay", "acct_pay", "psn_cashpay")}
    assert money["psn_selfpay"] + money["psn_ownpay"] == person
    assert money["acct_pay"] + money["psn_cashpay"] == person
    assert sum(Decimal(str(row["item_sumamt"])) for row in shown["iteminfo"]) == Decimal(
        str(info["medfee_sumamt"]))
    for row in shown["iteminfo"]:
        assert Decimal(str(row["item_sumamt"])) == sum(Decimal(str(row[name])) for name in (
            "item_claa_sumfee", "item_clab_amt", "item_fulamt_ownpay_amt", "item_ownpay_amt"))
    assert [row["diag_code"] for row in shown["diseinfo"]] == ["J18.900", "I10.x00"]


def test_a_list_of_an_outpatient_has_no_stay(city: City) -> None:
    hospital = city.hospital(STANDARD)
    visit = Stay(hospital, identify(hospital, city.person(PATIENTS[1])), city.today)
    visit.register()
    visit.describe()
    visit.charge(visit.line(1, count="900", price="10.00", amount=TOTAL))
    case = Case.of(city, visit, hospital.ok("2207", visit.bill("2207", TOTAL)))
    case.upload(diseinfo=[], adm_time="", dscg_time="", setl_begn_date=city.today)
    assert case.query()["setlinfo"]["ipt_med_type"] == "2"
    assert settlement_lists.case_in(case.kept(), city.platform.enrolment.keys.unseal) == {}


def test_what_tells_of_a_person_is_sealed(plain: Case) -> None:
    plain.upload()
    kept = plain.kept()
    assert "13800000000" not in json.dumps(kept.facts, ensure_ascii=False)
    assert "家属" not in json.dumps(kept.facts, ensure_ascii=False)
    assert plain.stay.person.name.encode() not in kept.person


def test_the_case_of_provider_payment_lies_in_the_list(plain: Case) -> None:
    plain.upload(diseinfo=[disease("I10.x00", "0"), disease("J18.900", "1")])
    stay = settlement_lists.case_in(plain.kept(), plain.city.platform.enrolment.keys.unseal)
    assert stay["diag_code"] == "J18.900|I10.x00" and stay["vent_used_dura"] == "26"
    assert stay["medfee_sumamt"] == TOTAL and stay["fixmedins_code"] == STANDARD


def test_lists_become_cases_that_grouping_reads(plain: Case, tmp_path: Path) -> None:
    plain.upload(stas_type="1", oprninfo=[], nwb_bir_wt="3000", nwb_adm_wt="3100.5")
    keys, month = plain.city.platform.enrolment.keys, plain.city.today[:7].replace("-", "")
    with plain.city.platform.database.connection() as connection:
        rows = [settlement_lists.case_in(one, keys.unseal) for one in settlement_lists.of_month(
            connection, REGION, month, STANDARD, ("1", "2"))]
    assert plain.setl_id in {row["setl_id"] for row in rows}
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, settlement_lists.CASE_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    read = read_cases(tmp_path / "cases.csv", ANYTHING)
    assert read.rejects.num_rows == 0 and not read.ignored, read.rejects.to_pylist()
    case = next(one for one in read.table.to_pylist() if one["case"] == plain.setl_id)
    assert case["dx"] == ["J18.900", "I10.x00"] and case["cost_fen"] == 900_000
    assert case["stay_days"] == 3 and case["ventilator_hours"] == 26
    assert case["birth_weight_g"] == 3000 and case["hospital"] == STANDARD


def test_the_agencys_commands(plain: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                              monkeypatch: pytest.MonkeyPatch) -> None:
    plain.upload(stas_type="1")
    database = plain.city.platform.database
    keys = plain.city.platform.enrolment.keys
    monkeypatch.setattr(privacy, "open_keys", lambda data: keys)
    month = plain.city.today[:7].replace("-", "")
    common = ["--region", REGION, "--database", database.url]
    which = [plain.names["psn_no"], plain.setl_id]
    capsys.readouterr()                                          # what the service logged
    assert run(["lists", "review", *which, "rejected", *common]) == 1
    assert "a rejection says why" in capsys.readouterr().err
    assert run(["lists", "review", *which, "rejected", *common, "--note", "有误"]) == 0
    assert "审核不通过" in capsys.readouterr().out
    assert run(["lists", "show", *common, "--month", month, "--json"]) == 0
    shown = {one["setl_id"]: one for one in json.loads(capsys.readouterr().out)}
    assert shown[plain.setl_id]["state"] == "3" and shown[plain.setl_id]["note"] == "有误"
    assert run(["lists", "cases", str(tmp_path / "c.csv"), *common, "--month", month]) == 0
    assert plain.setl_id not in (tmp_path / "c.csv").read_text("utf-8")     # it was rejected


@pytest.mark.parametrize(("more", "said"), [
    ({"payinfo": []}, "payinfo"), ({"payinfo": [{"fund_pay_type": "390100",
                                                 "fund_payamt": "1.00"}]}, "不一致"),
    ({"psn_cashpay": "0.01"}, "psn_cashpay"), ({"acct_pay": "1"}, "acct_pay"),
    ({"iteminfo": [{"med_chrgitm": "05", "amt": "1"}]}, "iteminfo"),
    ({"adm_time": "2020-01-01"}, "adm_time"), ({"dscg_time": "2099-01-01"}, "dscg_time"),
    ({"setl_begn_date": "2020-01-01"}, "setl_begn_date"),
    ({"setl_end_date": "2099-12-31"}, "setl_end_date"),
    ({"setl_end_date": "2020-01-01"}, "早于"),
    ({"diseinfo": []}, "主要诊断"), ({"diseinfo": [disease("A", "1"), disease("B", "1")]}, "2 个"),
    ({"setl_id": "none"}, "none"), ({"setl_id": ""}, "setl_id"), ({"stas_type": "2"}, "清单状态"),
    ({"mdtrt_id": "none"}, "查无"), ({"payinfo": [{"fund_payamt": "1.00"}]}, "fund_pay_type"),
    ({"payinfo": [{"fund_pay_type": "1", "fund_payamt": "1.001"}]}, "小数")])
def test_a_list_that_differs_is_refused_and_leaves_no_trace(
        refused: Case, more: Mapping[str, object], said: str) -> None:
    given = refused.list()
    for name, value in more.items():
        (given if name in {*given, "iteminfo"} else given["setlinfo"])[name] = value
    assert said in refused.hospital.refused("4101", given)
    assert refused.kept() is None


@pytest.fixture(scope="module")
def refused(city: City) -> Case:
    """A settled stay of which no list is ever taken."""
    return Case(city, city.hospital(STANDARD), PATIENTS[0])


def test_a_difference_of_one_fen_in_each_fund_is_found(plain: Case) -> None:
    rows = plain.list()["payinfo"]
    assert rows
    for place in range(len(rows)):
        for change in (Decimal("0.01"), Decimal("-0.01")):
            wrong = [dict(row) for row in rows]
            wrong[place]["fund_payamt"] = str(Decimal(str(wrong[place]["fund_payamt"])) + change)
            said = plain.hospital.refused("4101", plain.list(payinfo=wrong))
            assert "list-differs" in said and str(wrong[place]["fund_pay_type"]) in said
    halves = [{**row, "fund_payamt": "0"} for row in rows] + rows      # rows of one fund are summed
    plain.upload(payinfo=halves)


def test_another_hospital_sees_nothing_of_a_list(city: City, plain: Case) -> None:
    plain.upload()
    other = city.hospital(LIKE_S3)
    assert "不属于本机构" in other.refused("4101", plain.list())
    assert "未上传" in other.refused("4102", plain.move("1"))
    assert "未上传" in other.refused("4103", {"data": plain.names})
    for infno, field in (("4104", {"setl_ym": city.today[:7].replace("-", ""), "page_num": 1,
                                   "page_size": 10}),
                         ("4105", span(city))):
        assert "本机构" in other.refused(infno, {"data": {**field, "fixmedins_code": STANDARD}})


def test_of_uploads_at_once_one_is_submitted(plain: Case) -> None:
    hospital = plain.hospital
    bodies = [json.dumps(hospital.envelope("4101", plain.list(stas_type="1")),
                         ensure_ascii=False).encode() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda body: read(hospital.raw(
            "/gateway/4101", hospital.headers("4101"), body)), bodies))
    assert sorted(int(reply["infcode"]) for reply in replies) == [-1] * 5 + [0]
    assert all("list-submitted" in reply["err_msg"] for reply in replies if reply["err_msg"])
    assert plain.kept().revision == 1


# --- states ---------------------------------------------------------------------------------------
def test_upload_submit_reject_withdraw_correct_approve(plain: Case) -> None:
    number = plain.upload()
    assert plain.hospital.send("4101", plain.list())["warn_msg"].startswith("清单未提交")
    assert plain.kept().revision == 2 and plain.state() == "0"
    given = plain.move("1")
    plain.hospital.ok("4102", given)
    assert plain.state() == "1"
    assert "list-submitted" in plain.hospital.refused("4101", plain.list())
    assert "list-state" in plain.hospital.refused("4102", plain.move("1"))       # 1 to 1
    assert "list-state" in plain.hospital.refused("4102", plain.move("0"))
    plain.review("3", "主要诊断选择有误")
    assert plain.query()["setlinfo"]["chk_cont"] == "主要诊断选择有误"
    plain.hospital.ok("4102", plain.move("0"))                                   # withdrawn
    assert plain.state() == "0"
    plain.hospital.ok("4102", plain.move("1"))                                   # and its inverse
    plain.review("3", "仍有误")
    assert plain.upload(stas_type="1") == number                                 # corrected
    assert plain.kept().revision == 3 and plain.state() == "1" and plain.kept().note == ""
    plain.review("2")
    for state in "0123":
        assert "审核通过" in plain.hospital.refused("4102", plain.move(state))
    assert "list-submitted" in plain.hospital.refused("4101", plain.list())
    assert plain.query()["setlinfo"]["hsorg_opter"] == "agency"


MOVES = {("0", "1"), ("3", "0"), ("3", "1")}


@pytest.mark.parametrize("state", "0123")
def test_every_move_an_institution_may_and_may_not_make(moved: Case, state: str) -> None:
    for wanted in "0123":
        with moved.city.platform.database.connection() as connection:
            store.move(connection, REGION, moved.kept(), state, (datetime.now(UTC), "test"), "")
        if (state, wanted) in MOVES:
            moved.hospital.ok("4102", moved.move(wanted))
            assert moved.state() == wanted
        else:
            assert "list-state" in moved.hospital.refused("4102", moved.move(wanted))
            assert moved.state() == state


@pytest.fixture(scope="module")
def moved(city: City) -> Case:
    """A case whose list is moved about."""
    made = Case(city, city.hospital(STANDARD), PATIENTS[0])
    made.upload()
    return made


def test_clients_without_4102_submit_with_the_upload(city: City) -> None:
    case = Case(city, city.hospital(LIKE_S3))
    case.upload()
    assert case.state() == "1"


def test_the_node_of_other_clients_and_all_rows_or_none(plain: Case) -> None:
    plain.upload()
    rows = [{**plain.names, "stas_type": "1"}]
    assert "未上传" in plain.hospital.refused("4102", {"stastinfo": [
        *rows, {"psn_no": plain.names["psn_no"], "setl_id": "none", "stas_type": "1"}]})
    assert plain.state() == "0"
    plain.hospital.ok("4102", {"stastinfo": rows})
    assert plain.state() == "1"
    assert "无法识别" in plain.hospital.refused("4102", plain.move("9"))
    assert "没有清单" in plain.hospital.refused("4102", {"data": []})


def test_the_agency_needs_a_reason_and_a_submitted_list(plain: Case) -> None:
    plain.upload()
    for state, note in (("2", ""), ("3", "x"), ("0", "")):
        with pytest.raises(Refusal) as told:
            plain.review(state, note)
        assert told.value.code == "list-state"
    plain.hospital.ok("4102", plain.move("1"))
    with pytest.raises(Refusal) as told:
        plain.review("3")
    assert told.value.code == "no-reason" and plain.state() == "1"
    plain.review("2")
    plain.review("3", "复核发现问题")
    assert plain.state() == "3"


def test_a_reversed_settlement_takes_no_list_and_submits_none(plain: Case) -> None:
    plain.upload()
    plain.reverse()
    assert "已撤销" in plain.hospital.refused("4101", plain.list())
    assert "已撤销" in plain.hospital.refused("4102", plain.move("1"))
    asked = {"data": plain.names}
    reply = plain.hospital.send("4103", asked)
    assert "已撤销" in reply["warn_msg"] and reply["output"]["iteminfo"]


# --- queries --------------------------------------------------------------------------------------
def span(city: City) -> dict[str, object]:
    return {"medtype_list": ["21"], "stt_begntime": f"{city.today} 00:00:00",
            "stt_endtime": f"{city.today} 00:00:00"}


def test_how_many_there_are_and_how_many_are_uploaded(case: Case) -> None:
    def counted() -> tuple[int, int]:
        asked = {"data": {"fixmedins_code": case.hospital.profile.code, **span(case.city)}}
        output = case.hospital.ok("4105", asked)
        assert not request_unlike("4105", asked)
        assert not unlike_the_standard("4105", output, {})
        return int(output["needUploadCnt"]), int(output["uploadedCnt"])

    needed, uploaded = counted()
    case.upload()
    assert counted() == (needed, uploaded + 1)
    case.reverse()
    assert counted() == (needed - 1, uploaded)
    none = {"fixmedins_code": case.hospital.profile.code, **span(case.city), "medtype_list": "52"}
    assert int(case.hospital.ok("4105", {"data": none})["needUploadCnt"]) == 0


def test_quality_of_a_month(case: Case) -> None:
    number = case.upload(dscg_way="", diseinfo=[disease("I10.x00", "1"), disease("A", "0"),
                                                disease("A", "0")])
    assert number
    month = case.city.today[:7].replace("-", "")
    asked = {"data": {"setl_ym": month, "setl_id": case.setl_id, "page_num": 1, "page_size": 10,
                      "fixmedins_code": case.hospital.profile.code}}
    assert not request_unlike("4104", asked)
    output = case.hospital.ok("4104", asked)
    row, = output["data"]
    if national():
        flat = {"data": [row], "detailinfo": row["detailinfo"]}
        assert not unlike_the_standard("4104", flat, {None: "data"})
    assert row["qltctrl_rslt"] == "0" and output["pages"] == 1
    assert {one["exam_data_fld"] for one in row["detailinfo"]} == {"dscg_way", "diag_code"}
    assert len(row["detailinfo"]) == 3
    assert case.hospital.ok("4104", {"data": {**asked["data"], "err_lv": "0"}})["data"] == []
    assert case.hospital.ok("4104", {"data": {**asked["data"], "setl_ym": "202001"}})["data"] == []
    for wrong in ("2024", "202413", "000001", "x"):
        assert "yyyyMM" in case.hospital.refused("4104", {"data": {**asked["data"],
                                                                   "setl_ym": wrong}})


def test_queries_that_cannot_be_answered(city: City) -> None:
    hospital = city.hospital(STANDARD)
    good = {"fixmedins_code": STANDARD, **span(city)}
    assert "早于" in hospital.refused("4105", {"data": {**good, "stt_endtime": "2020-01-01"}})
    assert "数组" in hospital.refused("4105", {"data": {**good, "medtype_list": "[1"}})
    assert "stt_begntime" in hospital.refused("4105", {"data": {**good, "stt_begntime": ""}})
    assert "未上传" in hospital.refused("4103", {"data": {"psn_no": "P", "setl_id": "S"}})
