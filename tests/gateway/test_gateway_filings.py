"""Persons, institutions, entitlement, filings: 1101, 1201, 2001, 2501 to 2507, 5301, 5302, 5304."""
from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from gateway_city import City
from hospital import Hospital
from identities import check_money
from standard import both
from visiting import CARE_BED, Person, Stay, identify

from tongchou.enrolment import AwayFiling, ChronicCertificate, Referral, read_document
from tongchou.gateway.rounds import MessageRound

STANDARD, LIKE_S3 = "H52990100001", "H52990100002"
RESIDENT = "a resident, nothing special"
REGION = "529900"


@pytest.fixture(params=(STANDARD, LIKE_S3))
def hospital(city: City, request: pytest.FixtureRequest) -> Hospital:
    """A standard client and one like that of S3."""
    return city.hospital(request.param)


def later(city: City, days: int) -> str:
    return (date.fromisoformat(city.today) + timedelta(days=days)).isoformat()


# --- who and where --------------------------------------------------------------------------------
def ask(**more: object) -> dict[str, object]:
    return {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "", "psn_cert_type": "01",
                     "certno": "", "psn_name": "", **more}}


def test_a_person_is_found_by_every_document(city: City, hospital: Hospital) -> None:
    who = city.person(RESIDENT)
    base = {"certno": who["certno"], "mdtrt_cert_no": who["certno"], "psn_name": who["name"]}
    number = both(hospital, "1101", ask(**base))["baseinfo"]["psn_no"]
    for sent in (ask(certno=who["certno"]), ask(mdtrt_cert_no=who["certno"]),
                 ask(mdtrt_cert_type="03", mdtrt_cert_no=who["certno"], card_sn="1"),
                 ask(mdtrt_cert_type="01", mdtrt_cert_no="ectoken", certno=who["certno"])):
        assert hospital.ok("1101", sent)["baseinfo"]["psn_no"] == number


def test_a_document_that_tells_nothing_needs_the_name(city: City) -> None:
    who, hospital = city.person("foreign"), city.hospital(STANDARD)
    sent = {"psn_cert_type": "08", "certno": who["certno"]}
    assert "姓名" in hospital.refused("1101", ask(**sent))
    assert hospital.ok("1101", ask(**sent, psn_name=who["name"]))["baseinfo"]["psn_cert_type"] \
        == "08"
    assert "不一致" in hospital.refused("1101", ask(**sent, psn_name="别人"))


def test_every_document_of_a_person_is_his(city: City, hospital: Hospital) -> None:
    """Found by one, registered under another, filed for under none."""
    who, passport = city.person(RESIDENT), f"E{hospital.profile.code[-8:]}"
    person = identify(hospital, who)
    city.platform.enrolment.add_document(REGION, person.psn_no, read_document("16", passport),
                                         by="test", why="a further document")
    sent = {"psn_cert_type": "16", "certno": passport, "psn_name": who["name"],
            "mdtrt_cert_no": passport}
    found = both(hospital, "1101", ask(**sent))["baseinfo"]
    assert (found["psn_no"], found["certno"]) == (person.psn_no, passport)
    for number in (passport, who["certno"]):
        visit = Stay(hospital, person._replace(certno=number), city.today)
        visit.register()
    other = visit.person.fields() | {"certno": "E00000000", "begntime": f"{city.today} 08:00:00"}
    assert "不一致" in hospital.refused("2201", visit.node("2201", other))


@pytest.mark.parametrize(("wrong", "said"), [
    ({}, "证件号码"), ({"mdtrt_cert_type": "01", "mdtrt_cert_no": "token"}, "令牌"),
    ({"certno": "1"}, "18位"), ({"certno": "X", "psn_cert_type": "zz"}, "证件类型"),
    ({"mdtrt_cert_type": "03", "mdtrt_cert_no": "A1234567"}, "查无"),
    ({"certno": "DEMO99999", "psn_cert_type": "08", "psn_name": "某"}, "查无")])
def test_who_is_not_found(city: City, wrong: dict[str, str], said: str) -> None:
    assert said in city.hospital(STANDARD).refused("1101", ask(**wrong))


def test_an_institution_by_code_and_by_name(city: City, hospital: Hospital) -> None:
    asked = {"medinsinfo": {"fixmedins_type": "1", "fixmedins_code": STANDARD}}
    found = both(hospital, "1201", asked)["medinsinfo"]
    assert found["hosp_lv"] == "12" and found["fixmedins_type"] == "1"
    name = {"medinsinfo": {"fixmedins_type": "1", "fixmedins_name": found["fixmedins_name"]}}
    assert both(hospital, "1201", name)["medinsinfo"] == found
    assert "机构编号或机构名称" in hospital.refused("1201", {"medinsinfo": {"fixmedins_type": "1"}})
    assert "H00000000000" in hospital.refused("1201", {"medinsinfo": {
        "fixmedins_code": "H00000000000"}})
    assert "完整名称" in hospital.refused("1201", {"medinsinfo": {"fixmedins_name": "没有"}})


def entitled(person: Person, hospital: Hospital, day: str, **more: object) -> dict[str, object]:
    return {"data": {"psn_no": person.psn_no, "insutype": person.insutype, "med_type": "11",
                     "fixmedins_code": hospital.profile.code, "begntime": f"{day} 08:00:00",
                     **more}}


def test_entitlement_fund_by_fund(city: City, hospital: Hospital) -> None:
    person = identify(hospital, city.person("low-income allowance"))
    rows = both(hospital, "2001", entitled(person, hospital, city.today, med_type="2101"))
    flags = {row["fund_pay_type"]: row["trt_enjymnt_flag"] for row in rows["trtinfo"]}
    assert flags["390100"] == "1" and flags["610100"] == "1", rows
    plain = identify(hospital, city.person(RESIDENT))
    rows = both(hospital, "2001", entitled(plain, hospital, city.today, med_type="2101"))
    assert {row["fund_pay_type"]: row["trt_enjymnt_flag"] for row in rows["trtinfo"]}[
        "390100"] == "1"


@pytest.mark.parametrize(("why", "more", "said"), [
    ("in the waiting period", {}, "等待期"), (RESIDENT, {"insutype": "310"}, "险种不符"),
    ("nobody insures", {"begntime": "1990-01-01"}, ""),
    (RESIDENT, {"med_type": "14", "dise_codg": "M99999"}, "慢特病资格")])
def test_why_nobody_pays(city: City, why: str, more: dict[str, str], said: str) -> None:
    hospital = city.hospital(STANDARD)
    who = city.person(RESIDENT if why.startswith("nobody") else why)
    person = identify(hospital, who)
    row, = hospital.ok("2001", entitled(person, hospital, city.today, **more))["trtinfo"]
    assert row["trt_enjymnt_flag"] == "0" and said in row["trt_chk_rslt"]


def test_bad_questions_of_entitlement(city: City) -> None:
    hospital = city.hospital(STANDARD)
    person = identify(hospital, city.person(RESIDENT))
    assert "医疗类别" in hospital.refused("2001", entitled(person, hospital, city.today,
                                                       med_type="zz"))
    assert "日期" in hospital.refused("2001", entitled(person, hospital, "31.12.2024"))
    nobody = entitled(person, hospital, city.today, psn_no="nobody")
    assert "nobody" in hospital.refused("2001", nobody)


# --- referrals ------------------------------------------------------------------------------------
def referral(city: City, person: Person, target: str, **more: object) -> dict[str, object]:
    return {"refmedin": {
        "psn_no": person.psn_no, "insutype": person.insutype, "tel": "13800000000",
        "diag_code": "J18.900", "diag_name": "肺炎", "reflin_medins_no": target,
        "reflin_medins_name": "演示医院", "mdtrtarea_admdvs": "529901",
        "hosp_agre_refl_flag": "1", "refl_type": "1", "refl_date": city.today,
        "refl_rea": "病情需要", "refl_opnn": "同意", "begndate": city.today,
        "enddate": later(city, 30), **more}}


@pytest.mark.clause("BJ-61")
def test_a_referral_counts_once_it_is_registered(city: City, hospital: Hospital) -> None:
    person = identify(hospital, city.person("a pupil"))
    target = LIKE_S3 if hospital.profile.code == STANDARD else STANDARD
    sent = referral(city, person, target)
    made = both(hospital, "2501", sent)["result"]["trt_dcla_detl_sn"]
    assert hospital.again()["output"]["result"]["trt_dcla_detl_sn"] == made
    enrolment = city.platform.enrolment
    stored, = (one for one in enrolment.facts(REGION, person.psn_no, Referral)
               if one.fact.to_institution == target)
    assert not stored.fact.registered_by and stored.fact.episode == made
    assert "已备案" in hospital.refused("2501", sent)
    asked = {"data": {"psn_no": person.psn_no, "begntime": city.today}}
    row, = both(hospital, "5304", asked)["refmedin"]
    assert row["reflin_medins_no"] == target and row["out_flag"] == "0"
    taken = {"data": {"trt_dcla_detl_sn": made, "psn_no": person.psn_no, "memo": "误报"}}
    both(hospital, "2502", taken)
    assert not [one for one in enrolment.facts(REGION, person.psn_no, Referral)
                if one.fact.to_institution == target]
    assert not hospital.ok("5304", asked)["refmedin"]
    assert "已撤销" in hospital.refused("2502", taken)


@pytest.mark.clause("BJ-61")
def test_a_registered_referral_is_the_agencys(city: City) -> None:
    hospital = city.hospital(STANDARD)
    person = identify(hospital, city.person("an orphan"))
    made = hospital.ok("2501", referral(city, person, LIKE_S3))["result"]["trt_dcla_detl_sn"]
    stored, = city.platform.enrolment.facts(REGION, person.psn_no, Referral)
    city.platform.enrolment.register_referral(REGION, person.psn_no, stored.row_id, by="agency")
    taken = {"data": {"trt_dcla_detl_sn": made, "psn_no": person.psn_no}}
    assert "经办机构" in hospital.refused("2502", taken)
    assert "不是本机构" in city.hospital(LIKE_S3).refused("2502", taken)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"enddate": ""}, "enddate"), ({"enddate": "2001-01-01"}, "早于"),
    ({"hosp_agre_refl_flag": "0"}, "不同意"), ({"refl_type": "9"}, "转院类型"),
    ({"reflin_medins_no": "H0"}, "H0"), ({"refl_date": "some day"}, "日期"),
    ({"diag_code": "' or 1=1"}, "编码"), ({"psn_no": ""}, "psn_no")])
def test_bad_referrals(city: City, wrong: dict[str, str], said: str) -> None:
    hospital = city.hospital(STANDARD)
    person = identify(hospital, city.person("monitored"))
    assert said in hospital.refused("2501", referral(city, person, LIKE_S3, **wrong))
    assert not city.platform.enrolment.facts(REGION, person.psn_no, Referral)


# --- chronic diseases -----------------------------------------------------------------------------
def certificate(city: City, person: Person, **more: object) -> dict[str, object]:
    return {"data": {
        "psn_no": person.psn_no, "insutype": person.insutype, "opsp_dise_code": "M01600",
        "opsp_dise_name": "糖尿病", "insu_optins": REGION, "ide_fixmedins_no": STANDARD,
        "ide_fixmedins_name": "演示医院", "hosp_ide_date": city.today, "diag_dr_codg": "D1",
        "diag_dr_name": "医生", "begndate": city.today, "enddate": later(city, 365), **more}}


@pytest.mark.clause("LF-37")
def test_several_certificates_are_filed_changed_and_withdrawn(city: City, hospital: Hospital,
                                                              ) -> None:
    person = identify(hospital, city.person("borderline family"))
    first = both(hospital, "2503", certificate(city, person))["result"]["trt_dcla_detl_sn"]
    assert "重叠" in hospital.refused("2503", certificate(city, person))        # the same again
    second = both(hospital, "2503", certificate(city, person, opsp_dise_code="M03900",
                                                opsp_dise_name="高血压"))
    asked = {"data": {"psn_no": person.psn_no}}
    assert {row["opsp_dise_code"]: row["opsp_dise_name"] for row in both(
        hospital, "5301", asked)["feedetail"]} == {"M01600": "糖尿病", "M03900": "高血压"}
    ends = later(city, 100)
    both(hospital, "2503", certificate(city, person, trt_dcla_detl_sn=first, enddate=ends))
    facts = city.platform.enrolment.facts(REGION, person.psn_no, ChronicCertificate)
    assert {one.fact.last for one in facts} == {ends, later(city, 365)}
    for number in (first, second["result"]["trt_dcla_detl_sn"]):
        both(hospital, "2504", {"data": {"trt_dcla_detl_sn": number, "psn_no": person.psn_no,
                                         "memo": "撤销"}})
    assert not hospital.ok("5301", asked)["feedetail"]


def test_a_try_that_broke_off_is_taken_up(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fact was committed, the reply was not: the repeat finds it and answers."""
    hospital = city.hospital(STANDARD)
    person = identify(hospital, city.person("extreme poverty"))

    def die(*_: object) -> bytes:
        raise KeyboardInterrupt

    sent = certificate(city, person)
    with monkeypatch.context() as broken:
        broken.setattr(MessageRound, "_kept", die)
        with pytest.raises(KeyboardInterrupt):
            body = json.dumps(hospital.envelope("2503", sent, "broken-1")).encode()
            opened = city.gateway.opened(hospital.headers("2503"), body, "2503")
            city.gateway.answered(opened)
    reply = city.gateway.answered(opened)
    assert b'"infcode":0' in reply
    fact, = city.platform.enrolment.facts(REGION, person.psn_no, ChronicCertificate)
    assert fact.fact.evidence.encode() in reply


@pytest.mark.parametrize(("wrong", "said"), [
    ({"opsp_dise_code": ""}, "opsp_dise_code"), ({"enddate": "2001-01-01"}, "早于"),
    ({"ide_fixmedins_no": "H52990200005"}, "慢特病定点"), ({"psn_no": "nobody"}, "查无"),
    ({"trt_dcla_detl_sn": "B0"}, "查无此备案")])
def test_bad_certificates(city: City, wrong: dict[str, str], said: str) -> None:
    hospital = city.hospital(STANDARD)
    person = identify(hospital, city.person("monitored"))
    assert said in hospital.refused("2503", certificate(city, person, **wrong))


# --- providers and injuries -----------------------------------------------------------------------
def provider(city: City, person: Person, **more: object) -> dict[str, object]:
    return {"data": {"psn_no": person.psn_no, "biz_appy_type": "03", "begndate": city.today,
                     "fix_srt_no": "1", "fixmedins_code": STANDARD,
                     "fixmedins_name": "演示医院", "tel": "13800000000", **more}}


def test_one_provider_of_a_kind_and_rank(city: City, hospital: Hospital) -> None:
    person = identify(hospital, city.person("two statuses"))
    made = both(hospital, "2505", provider(city, person))["result"]["trt_dcla_detl_sn"]
    assert "已有" in hospital.refused("2505", provider(city, person))
    other = both(hospital, "2505", provider(city, person, fix_srt_no="2"))["result"]
    asked = {"data": {"psn_no": person.psn_no, "biz_appy_type": "03"}}
    assert [row["fix_srt_no"] for row in both(hospital, "5302", asked)["psnfixmedin"]] \
        == ["1", "2"]
    for number in (made, other["trt_dcla_detl_sn"]):
        both(hospital, "2506", {"data": {"trt_dcla_detl_sn": number, "psn_no": person.psn_no,
                                         "memo": "撤销"}})
    assert not hospital.ok("5302", asked)["psnfixmedin"]
    assert "类型" in hospital.refused("2505", provider(city, person, biz_appy_type="77"))
    assert "H1" in hospital.refused("2505", provider(city, person, fixmedins_code="H1"))


def test_an_injury_is_reported(city: City, hospital: Hospital) -> None:
    who = city.person("two statuses")
    person = identify(hospital, who)
    sent = {"dcla_souc": "01", "psn_no": person.psn_no, "psn_cert_type": "01",
            "certno": who["certno"], "psn_name": who["name"], "insu_admdvs": REGION,
            "chk_pay_flag": "0", "begndate": city.today, "trum_time": f"{city.today} 00:00:01",
            "trum_site": "家中", "trum_rea": "跌倒"}
    assert both(hospital, "2507", {"data": sent})["result"]["trt_dcla_detl_sn"]
    assert "不一致" in hospital.refused("2507", {"data": {**sent, "psn_name": "别人"}})
    late = {**sent, "trum_time": later(city, 2)}
    assert "晚于今天" in hospital.refused("2507", {"data": late})


# --- what a filing changes ------------------------------------------------------------------------
BED, COSTS = (CARE_BED, "90", "90.00", "8100.00"), "8100.00"


def paid(hospital: Hospital, city: City, person: Person) -> Decimal:
    """A stay that is settled and taken back, so that the next one finds the same year."""
    stay = Stay(hospital, person, city.today)
    stay.admit()
    stay.upload(stay.line(1, *BED))
    stay.discharge()
    settled = hospital.ok("2304", stay.bill("2304", COSTS))
    check_money(settled)
    hospital.ok("2305", stay.node("2305", stay.named(setl_id=settled["setlinfo"]["setl_id"])))
    return Decimal(str(settled["setlinfo"]["fund_pay_sumamt"]))


def chronic_visit(hospital: Hospital, city: City, person: Person, disease: str) -> Stay:
    """An outpatient visit for a chronic disease, charged."""
    visit = Stay(hospital, person, city.today)
    visit.register()
    visit.describe("14", dise_codg=disease, dise_name="糖尿病")
    visit.charge(visit.line(1, *BED))
    return visit


@pytest.mark.clause("LF-24")
def test_a_chronic_certificate_opens_chronic_care(city: City, hospital: Hospital) -> None:
    """Settled before: refused. After 2503: paid. After 2504: refused again."""
    person = identify(hospital, city.person("a pupil"))
    visit = chronic_visit(hospital, city, person, "M01600")
    bill = visit.bill("2207", COSTS, med_type="14")
    assert "慢特病" in hospital.refused("2207", bill)
    made = both(hospital, "2503", certificate(city, person, ide_fixmedins_no=STANDARD))["result"]
    settled = hospital.ok("2207", bill)
    check_money(settled)
    assert Decimal(str(settled["setlinfo"]["fund_pay_sumamt"])) > 0
    row = settled["setldetail"][0]
    assert Decimal(str(row["crt_payb_lmt_amt"])) >= Decimal(str(row["fund_payamt"])) > 0
    hospital.ok("2208", visit.node("2208", visit.named(
        setl_id=settled["setlinfo"]["setl_id"])))
    both(hospital, "2504", {"data": {"psn_no": person.psn_no, "memo": "误报", **made}})
    assert "慢特病" in hospital.refused("2207", bill)


OUTSIDE, PROVINCE = "H33990100001", "H52980100001"


@pytest.mark.clause("GZ-15")
@pytest.mark.clause("BJ-61")
def test_a_registered_referral_pays_more(city: City) -> None:
    """Outside the province: before, filed, taken back, filed anew, registered by the agency."""
    near, third = city.hospital("H52990100004"), city.hospital(OUTSIDE)
    person = identify(near, city.person(RESIDENT))
    alone = paid(third, city, person)
    sent = referral(city, person, OUTSIDE, refl_type="3", mdtrtarea_admdvs="339901")
    made = near.ok("2501", sent)["result"]["trt_dcla_detl_sn"]
    assert paid(third, city, person) == alone
    near.ok("2502", {"data": {"psn_no": person.psn_no, "trt_dcla_detl_sn": made}})
    near.ok("2501", sent | {"refmedin": sent["refmedin"] | {"refl_rea": "病情加重"}})
    stored = city.platform.enrolment.facts(REGION, person.psn_no, Referral)[-1]
    city.platform.enrolment.register_referral(REGION, person.psn_no, stored.row_id, by="agency")
    assert paid(third, city, person) > alone


@pytest.mark.clause("GZ-15")
@pytest.mark.parametrize(("sort", "code", "pays_more"), [
    ("08", OUTSIDE, True), ("06", OUTSIDE, True), ("07", PROVINCE, False)])
def test_a_filing_for_care_away_from_home_pays_more(city: City, sort: str, code: str,
                                                    pays_more: bool) -> None:
    """Settled before, after 2505, and after 2506 as before."""
    here, away = city.hospital(STANDARD), city.hospital(code)
    person = identify(here, city.person("a pupil"))
    alone = paid(away, city, person)
    made = both(here, "2505", provider(city, person, biz_appy_type=sort, fixmedins_code=code))
    assert here.again()["output"] == made
    fact, = (one.fact for one in city.platform.enrolment.facts(REGION, person.psn_no, AwayFiling))
    assert fact.area == code[1:5] and fact.first == city.today
    assert (paid(away, city, person) > alone) is pays_more
    number = made["result"]["trt_dcla_detl_sn"]
    both(here, "2506", {"data": {"psn_no": person.psn_no, "memo": "已返回",
                                 "trt_dcla_detl_sn": number}})
    assert not city.platform.enrolment.facts(REGION, person.psn_no, AwayFiling)
    assert paid(away, city, person) == alone


def test_two_filings_for_one_city_share_what_they_open(city: City) -> None:
    here = city.hospital(STANDARD)
    person = identify(here, city.person("two statuses"))
    sent = {"biz_appy_type": "08", "fixmedins_code": OUTSIDE}
    numbers = [here.ok("2505", provider(city, person, **sent, fix_srt_no=rank))["result"][
        "trt_dcla_detl_sn"] for rank in ("1", "2")]
    assert "已有" in here.refused("2505", provider(city, person, biz_appy_type="08",
                                                 fixmedins_code=PROVINCE))
    for number, left in zip(numbers, (1, 0), strict=True):
        here.ok("2506", {"data": {"psn_no": person.psn_no, "memo": "", "trt_dcla_detl_sn":
                                  number}})
        assert len(city.platform.enrolment.facts(REGION, person.psn_no, AwayFiling)) == left
    assert "无需异地" in here.refused("2505", provider(city, person, biz_appy_type="08"))
    here.ok("2505", provider(city, person, biz_appy_type="06"))       # a choice at home
    assert not city.platform.enrolment.facts(REGION, person.psn_no, AwayFiling)


def test_people_of_another_area_are_told_where_to_go(city: City, hospital: Hospital) -> None:
    said = hospital.refused("1101", ask(certno="110101199003070732"), insuplc_admdvs="110101")
    assert "110101" in said and "异地就医平台" in said
    who = city.person(RESIDENT)
    for filed in ("2501", "2503", "2505", "2001", "5206"):
        assert "参保地" in hospital.refused(filed, {"data": {"psn_no": who["psn_no"]}},
                                         insuplc_admdvs="339901")
