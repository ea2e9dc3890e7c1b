"""Audit of orders before and during care: 3101, 3102, and what the doctor did: 3103."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway_city import City
from hospital import Hospital
from identities import national, unlike_the_standard
from standard import request_unlike

from tongchou.cli import run
from tongchou.supervision import RuleBook, import_rules, sample_rules, store

STANDARD, LIKE_S3 = "H52990100001", "H52990100002"
REGION = "529900"
UTERUS, NURSING, GASTROSCOPY = "003313000901000", "001201000902000", "003109000901000"
CHILD_DRUG = "ZA04CAD9003010199003"
# Nodes that need not be there, and a code shorter than the codes of western drugs.
NOT_MEANT = ("lacks extend_order_map", "lacks fsi_operation_dtos",
             "fsi_order_dtos.hilist_code: longer than 20")


@pytest.fixture(params=(STANDARD, LIKE_S3))
def hospital(city: City, request: pytest.FixtureRequest) -> Hospital:
    """A standard client and one like that of S3."""
    return city.hospital(request.param)


def order(code: str, number: str = "1", begin: str = "2024-05-06 09:00:00", count: str = "1",
          amount: str = "10.00", **more: object) -> dict[str, object]:
    return {"rx_id": f"RX{number}", "rxno": "CF1", "long_drord_flag": "0", "hilist_type": "201",
            "chrg_type": "1", "drord_bhvr": "0", "hilist_code": code, "hilist_name": "项目",
            "hilist_lv": "01", "hilist_pric": amount, "hosplist_code": "H1",
            "hosplist_name": "项目", "cnt": count, "pric": amount, "sumamt": amount,
            "ownpay_amt": "0", "selfpay_amt": "0", "spec": "次", "spec_unt": "次",
            "drord_begn_date": begin, "drord_dept_codg": "01", "drord_dept_name": "内科",
            "drord_dr_codg": "D1", "drord_dr_name": "医生", "drord_dr_profttl": "234",
            "curr_drord_flag": "1", **more}


def visit(hospital: Hospital, *orders: Mapping[str, object], number: str = "V1", **more: object,
          ) -> dict[str, object]:
    return {"mdtrt_id": number, "medins_id": hospital.profile.code, "medins_name": "演示医院",
            "medins_admdvs": REGION, "medins_type": "1", "medins_lv": "3",
            "adm_date": "2024-05-06 08:00:00", "dscg_date": "2024-05-06 18:00:00",
            "dscg_main_dise_codg": "J18.900", "dscg_main_dise_name": "肺炎", "dr_codg": "D1",
            "adm_dept_codg": "01", "adm_dept_name": "内科", "dscg_dept_codg": "01",
            "dscg_dept_name": "内科", "med_mdtrt_type": "1", "med_type": "11", "matn_stas": "0",
            "medfee_sumamt": "10", "ownpay_amt": "0", "selfpay_amt": "0", "setl_totlnum": "1",
            "insutype": "390", "reim_flag": "0", "out_setl_flag": "0",
            "fsi_diagnose_dtos": [{
                "dise_id": "1", "inout_dise_type": "1", "maindise_flag": "1", "dias_srt_no": "1",
                "dise_codg": "J18.900", "dise_name": "肺炎", "dise_date": "2024-05-06 08:10:00"}],
            "fsi_order_dtos": list(orders), **more}


def asked(*visits: Mapping[str, object], sex: str = "1", born: str = "1980-01-01",
          current: str = "V1", **more: object) -> dict[str, object]:
    return {"data": {"trig_scen": "1", "patient_dtos": [{
        "patn_id": "P1", "patn_name": "某人", "gend": sex, "brdy": born, "poolarea": REGION,
        "curr_mdtrt_id": current, "fsi_encounter_dtos": list(visits)}], **more}}


def examined(hospital: Hospital, *orders: Mapping[str, object], infno: str = "3101",
             **more: object) -> list[dict[str, object]]:
    """The clues about orders of one visit; request and reply as the standard says."""
    given = asked(visit(hospital, *orders), **more)
    assert not [one for one in request_unlike(infno, dict(spread(given)))
                if not one.endswith(NOT_MEANT)]
    output = hospital.ok(infno, given)
    rows = output["result"]
    flat = {"result": rows, "judge_result_detail_dtos": [
        part for row in rows for part in row["judge_result_detail_dtos"]]}
    assert not unlike_the_standard(infno, flat, {})
    return rows


def spread(found: Mapping[str, object]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Every node of a message by its name, nodes inside rows too, which stay named there."""
    for name, value in found.items():
        rows = value if isinstance(value, list) else [value]
        if all(isinstance(one, dict) for one in rows):
            yield name, rows
            for row in rows:
                yield from spread(row)


def rules_of(rows: list[dict[str, object]]) -> list[str]:
    return [str(row["rule_id"]) for row in rows]


# --- clues ----------------------------------------------------------------------------------------
@pytest.mark.clause("JC-35")                   # real-time monitoring of what is charged
@pytest.mark.parametrize("infno", ["3101", "3102"])
def test_an_order_against_a_rule_is_told_and_kept(city: City, hospital: Hospital, infno: str,
                                                  ) -> None:
    row, = examined(hospital, order(UTERUS, amount="900.00"), infno=infno)
    assert row["rule_id"] == f"sex-{UTERUS}" and float(row["vola_amt"]) == 900
    assert "女性" in row["vola_cont"] and row["sev_deg"] == "1" and "虚构示例" in row["vola_evid"]
    part, = row["judge_result_detail_dtos"]
    assert part["rx_id"] == "RX1" and part["vola_item_type"] == "1"
    kept, = (one for one in clues_of(city) if one["clue_no"] == row["jr_id"])
    assert kept["infno"] == infno and kept["amount_fen"] == 90_000 and kept["way"] is None
    assert kept["said"]["vola_cont"] == row["vola_cont"]
    assert hospital.again()["output"]["result"] == [row]         # a repeat finds no second clue
    assert sum(one["clue_no"] == row["jr_id"] for one in clues_of(city)) == 1


def clues_of(city: City) -> list[dict[str, object]]:
    now = datetime.now(UTC)
    with city.platform.database.connection() as connection:
        return [dict(zip(store.CLUE_COLUMNS, row, strict=True)) for row in store.clues_of(
            connection, REGION, now - timedelta(days=1), now + timedelta(days=1), 1000)]


def test_orders_as_they_should_be_give_no_clue(hospital: Hospital) -> None:
    assert examined(hospital, order(UTERUS), sex="2") == []
    assert examined(hospital, order("001204000902000")) == []


def test_each_kind_reads_its_fields(hospital: Hospital) -> None:
    child = examined(hospital, order(CHILD_DRUG))
    assert rules_of(child) == [f"age-{CHILD_DRUG}"] and "44" in child[0]["vola_cont"]
    care = examined(hospital, order(NURSING, count="2", amount="30.00"))
    assert rules_of(care) == [f"setting-{NURSING}", f"count-{NURSING}"]
    assert [float(row["vola_amt"]) for row in care] == [30, 15]
    course = examined(hospital, order("XA03FAE904A005010199004",
                                      extend_order_map={"o_prdDays": "14"}))
    assert rules_of(course) == ["course-XA03FAE904A005010199004"]
    assert rules_of(examined(hospital, order("ZB03BAN9013010199013"))) == [
        "scheme-ZB03BAN9013010199013"]


def test_the_level_is_the_agencys_not_the_messages(city: City) -> None:
    hospital = city.hospital("H52990100004")
    level = city.platform.places.institution(REGION, hospital.profile.code, city.today)[0].level
    found = examined(hospital, order("XL01FFP967A005010199067"))
    assert bool(found) == (level not in ("2", "3")), level


def test_earlier_orders_count_along_but_are_not_told(hospital: Hospital) -> None:
    before = order(NURSING, "0", curr_drord_flag="0", amount="15.00")
    given = asked(visit(hospital, before, order(NURSING, "1", amount="15.00"),
                        med_mdtrt_type="2", med_type="21"))
    row, = hospital.ok("3102", given)["result"]
    assert [(one["rx_id"], one["vola_item_type"]) for one in row["judge_result_detail_dtos"]] == [
        ("RX1", "1"), ("RX0", "2")]
    older = visit(hospital, order(GASTROSCOPY, "0", "2024-05-01 09:00:00"), number="V0")
    newer = visit(hospital, order(GASTROSCOPY, "1"))
    row, = hospital.ok("3102", asked(older, newer))["result"]
    assert row["rule_id"] == f"interval-{GASTROSCOPY}" and row["mdtrt_id"] == "V1"
    assert hospital.ok("3102", asked(older, newer, current="V0"))["result"] == []


def test_only_the_rules_asked_for(hospital: Hospital) -> None:
    care = order(NURSING, count="2")
    assert rules_of(examined(hospital, care, rule_ids=[f"count-{NURSING}"])) == [
        f"count-{NURSING}"]
    assert rules_of(hospital.ok("3101", asked(visit(hospital, care),
                                              rule_ids=f"count-{NURSING},x"))["result"]) == [
        f"count-{NURSING}"]
    assert examined(hospital, care, rule_ids=["none"]) == []


def test_a_region_without_rules_says_so(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    hospital, desk = city.hospital(STANDARD), city.gateway.desk
    monkeypatch.setattr(desk.rulebooks, "of", lambda connection, region: RuleBook(region, 0, ()))
    reply = hospital.send("3101", asked(visit(hospital, order(UTERUS))))
    assert reply["output"]["result"] == [] and "未装载审核规则" in reply["warn_msg"]


@pytest.mark.parametrize(("change", "said"), [
    ({"patient_dtos": []}, "patient_dtos"), ({"rule_ids": "[1"}, "rule_ids"),
    ({"patn_id": ""}, "patn_id"), ({"brdy": "soon"}, "brdy"),
    ({"hilist_code": ""}, "hilist_code"), ({"cnt": "many"}, "cnt"), ({"sumamt": "1.001"}, "sumamt"),
    ({"drord_begn_date": "soon"}, "drord_begn_date"),
    ({"drord_stop_date": "2024-05-01"}, "早于")])
def test_what_cannot_be_read_is_refused_with_its_field(city: City, change: dict[str, object],
                                                       said: str) -> None:
    hospital = city.hospital(STANDARD)
    (name, value), = change.items()
    given = asked(visit(hospital, order(UTERUS, **(change if name in order(UTERUS) or
                                                   name.startswith("drord") else {}))))
    data = given["data"]
    if name in ("patient_dtos", "rule_ids"):
        data[name] = value
    elif name in data["patient_dtos"][0]:
        data["patient_dtos"][0][name] = value
    assert said in hospital.refused("3101", given)


# --- what the doctor did --------------------------------------------------------------------------
def told(*rows: tuple[str, str, str]) -> dict[str, object]:
    return {"data": {"warn_type": "1", "warns": [
        {"warn_rslt_id": number, "dspo_way": way, "dspo_way_rea": why}
        for number, way, why in rows]}}


def test_feedback_is_kept_and_the_last_word_stands(city: City, hospital: Hospital) -> None:
    numbers = [str(row["jr_id"]) for row in examined(
        hospital, order(UTERUS), order(NURSING, "2", count="2"))]
    assert len(numbers) == 3
    given = told((numbers[0], "1", "病情需要"), (numbers[1], "2", ""))
    assert not [one for one in request_unlike("3103", dict(spread(given)))]
    assert not national() or not national()["3103"]["output"]
    hospital.ok("3103", given)
    known = {one["clue_no"]: one for one in clues_of(city)}
    assert [known[one]["way"] for one in numbers] == ["1", "2", None]
    assert known[numbers[0]]["way_why"] == "病情需要" and known[numbers[0]]["told_at"]
    hospital.ok("3103", told((numbers[0], "2", "已改")))
    assert {one["clue_no"]: one for one in clues_of(city)}[numbers[0]]["way"] == "2"


def test_feedback_on_what_is_not_ones_own(city: City) -> None:
    one, other = city.hospital(STANDARD), city.hospital(LIKE_S3)
    number = str(examined(one, order(UTERUS))[0]["jr_id"])
    assert "无此审核结果" in other.refused("3103", told((number, "1", "")))
    assert "无此审核结果" in one.refused("3103", told((number, "1", ""), ("J99999x", "1", "")))
    assert {row["clue_no"]: row for row in clues_of(city)}[number]["way"] is None   # all or none
    assert "1 继续" in one.refused("3103", told((number, "3", "")))
    assert "warns" in one.refused("3103", {"data": {"warn_type": "1", "warns": []}})


def test_a_new_edition_governs_from_its_import_on(city: City) -> None:
    hospital, reading = city.hospital(STANDARD), sample_rules()
    now = datetime.now(UTC)
    with city.platform.database.connection() as connection:
        same = import_rules(connection, REGION, reading, now, "test", "again")
        assert not same.new
        fewer = replace(reading, digest="0" * 64, rules=tuple(
            one for one in reading.rules if one.code != UTERUS))
        assert import_rules(connection, REGION, fewer, now, "test", "fewer").version == 2
    assert examined(hospital, order(UTERUS)) == []
    with city.platform.database.connection() as connection:
        import_rules(connection, REGION, reading, now, "test", "back")
    assert rules_of(examined(hospital, order(UTERUS))) == [f"sex-{UTERUS}"]


def test_the_agencys_commands(city: City, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                              ) -> None:
    hospital, url = city.hospital(STANDARD), city.platform.database.url
    where = ["--region", REGION, "--database", url]
    number = str(examined(hospital, order(UTERUS))[0]["jr_id"])
    hospital.ok("3103", told((number, "1", "病情需要")))
    capsys.readouterr()                                          # what the service logged
    assert run(["clues", "list", *where, "--json"]) == 0
    found = {one["clue_no"]: one for one in json.loads(capsys.readouterr().out)}
    assert found[number]["way_why"] == "病情需要" and found[number]["patn_id"] == "P1"
    assert run(["clues", "list", *where, "--limit", "1"]) == 0
    assert "1 clues" in capsys.readouterr().out
    rules = tmp_path / "rules.csv"
    rules.write_text("规则,编码,名称,限定,开始日期,来源\n"
                     f"限性别,{NURSING},护理,女,2018-01-01,虚构\n", "utf-8")
    assert run(["clues", "import", str(rules), *where, "--why", "test", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)["imported"]
    assert done["rules"] == 1 and done["new"]
    assert rules_of(examined(hospital, order(NURSING))) == [f"sex-{NURSING}"]
    assert run(["clues", "import", str(rules), *where]) == 0
    assert "as it was" in capsys.readouterr().out
    rules.write_text("规则,编码,名称,限定,开始日期,来源\n限性别,,护理,女,2018-01-01,虚构\n",
                     "utf-8")
    assert run(["clues", "import", str(rules), *where]) == 1
    assert "nothing was imported" in capsys.readouterr().err
    assert run(["clues", "import", "sample", "--region", "000009", "--database", url]) == 1
    assert "000009" in capsys.readouterr().err
    assert run(["clues", "import", "sample", *where]) == 0
