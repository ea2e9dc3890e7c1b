"""Queries of visits and persons, 5101 to 5206 and 5303; and 2403, which moves the split."""
from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from gateway_city import City
from hospital import Hospital
from identities import check_line, check_money
from standard import both
from visiting import CARE_BED, Stay, identify

from tongchou.gateway.nodes import output_names

STANDARD, LIKE_S3 = "H52990100001", "H52990100002"
RESIDENT, OTHER = "a resident, nothing special", "a retired employee"
DRUG = "XC08CAB927A001010199027"


@pytest.fixture(params=(STANDARD, LIKE_S3))
def hospital(city: City, request: pytest.FixtureRequest) -> Hospital:
    """A standard client and one like that of S3."""
    return city.hospital(request.param)


def before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


def asked(visit: Stay, setl_id: str = "") -> dict[str, object]:
    more = {"setl_id": setl_id} if setl_id else {}
    return {"data": {"mdtrt_id": visit.mdtrt_id, "psn_no": visit.person.psn_no, **more}}


def test_what_was_registered_and_settled_is_told(city: City, hospital: Hospital) -> None:
    assert not [node for node in output_names("guangzhou") if node[0][:2] in ("52", "53")]
    visit = Stay(hospital, identify(hospital, city.person(RESIDENT)), city.today)
    visit.register()
    visit.describe()
    visit.charge(visit.line(1), visit.line(2, CARE_BED, "1", "120", "120"))
    settled = hospital.ok("2207", visit.bill("2207", "142.00"))["setlinfo"]
    spell = {"psn_no": visit.person.psn_no, "begntime": city.today, "endtime": city.today,
             "med_type": "11", "mdtrt_id": visit.mdtrt_id}
    row, = both(hospital, "5201", {"data": spell})["mdtrtinfo"]
    assert row["ipt_otp_no"] == "OP1" and row["adm_dept_name"] == "内科"
    row, = both(hospital, "5202", asked(visit))["diseinfo"]
    assert row["diag_code"] == "J18.900" and row["maindiag_flag"] == "1"
    told = both(hospital, "5203", asked(visit, settled["setl_id"]))
    assert told["setlinfo"]["psn_pay"] == settled["psn_part_amt"]
    assert told["setlinfo"]["refd_setl_flag"] == "0"
    check_money({"setldetail": told["setldetail"], "setlinfo": {
        **told["setlinfo"], "psn_part_amt": told["setlinfo"]["psn_pay"],
        "psn_cash_pay": told["setlinfo"]["cash_payamt"]}})
    lines = both(hospital, "5204", asked(visit, settled["setl_id"]))
    assert [line["feedetl_sn"] for line in lines] == ["1", "2"]
    for line in lines:
        check_line(line)
    assert all(line["hilist_name"] for line in lines)
    hospital.ok("2208", visit.node("2208", visit.named(setl_id=settled["setl_id"])))
    told = both(hospital, "5203", asked(visit, f"{settled['setl_id']}R"))["setlinfo"]
    assert told["refd_setl_flag"] == "1"
    assert Decimal(str(told["medfee_sumamt"])) == -Decimal(str(settled["medfee_sumamt"]))
    assert both(hospital, "5204", asked(visit, settled["setl_id"])) == []
    assert "结算编号" in hospital.refused("5203", asked(visit, "S0"))


def test_nobody_sees_the_visits_of_another_institution(city: City) -> None:
    here, there = city.hospital(STANDARD), city.hospital(LIKE_S3)
    visit = Stay(here, identify(here, city.person(RESIDENT)), city.today)
    visit.register()
    spell = {"data": {"psn_no": visit.person.psn_no, "begntime": city.today,
                      "endtime": city.today, "mdtrt_id": visit.mdtrt_id}}
    assert there.ok("5201", spell)["mdtrtinfo"] == []
    assert "不属于本机构" in there.refused("5202", asked(visit))
    assert "不属于本机构" in there.refused("5203", asked(visit, "S1"))
    assert "早于" in here.refused("5201", {"data": {"psn_no": "x", "begntime": city.today,
                                                  "endtime": "2001-01-01"}})
    assert "查无" in here.refused("5202", {"data": {"mdtrt_id": "M0", "psn_no": "x"}})
    assert "缺少" in here.refused("5201", {"data": {}})


def test_who_is_in_hospital(city: City, hospital: Hospital) -> None:
    stay = Stay(hospital, identify(hospital, city.person("an employee")), city.today)
    stay.admit()
    spell = {"psn_no": stay.person.psn_no, "begntime": city.today, "endtime": city.today}
    row, = both(hospital, "5303", {"data": spell})["data"]
    assert row["mdtrt_id"] == stay.mdtrt_id and row["ipt_otp_no"] == "IP1"
    everybody = both(hospital, "5303", {"data": {**spell, "psn_no": ""}})["data"]
    assert stay.mdtrt_id in [one["mdtrt_id"] for one in everybody]
    hospital.ok("2404", {"data": stay.named()})
    assert not hospital.ok("5303", {"data": {**spell, "endtime": f"{city.today} 23:59:58"}})["data"]


def test_departments_and_doctors_are_those_it_named(city: City, hospital: Hospital) -> None:
    stay = Stay(hospital, identify(hospital, city.person("a pupil")), city.today)
    stay.admit()
    rows = both(hospital, "5101", {"data": {}})["feedetail"]
    assert ("01", "内科") in [(row["hosp_dept_codg"], row["hosp_dept_name"]) for row in rows]
    row, = both(hospital, "5102", {"data": {"prac_psn_type": "1", "prac_psn_code": "D1"}})[
        "feedetail"]
    assert row["prac_psn_name"] == "医生"
    assert both(hospital, "5102", {"data": {"prac_psn_type": "3"}})["feedetail"] == []
    hospital.ok("2404", {"data": stay.named()})


def test_drugs_of_chronic_visits(city: City, hospital: Hospital) -> None:
    person = identify(hospital, city.person("one chronic certificate"))
    disease = hospital.ok("5301", {"data": {"psn_no": person.psn_no}})["feedetail"][0]
    visit = Stay(hospital, person, city.today)
    visit.register()
    visit.describe("14", dise_codg=disease["opsp_dise_code"], dise_name="高血压")
    visit.charge(visit.line(1, DRUG, "1", "15", "15"), visit.line(2))
    spell = {"psn_no": person.psn_no, "begntime": city.today, "endtime": city.today}
    rows = both(hospital, "5205", {"data": spell})["feedetail"]
    mine = [row for row in rows if row["fixmedins_code"] == hospital.profile.code]
    assert [row["med_list_codg"] for row in mine] == [DRUG]


def cumulated(hospital: Hospital, stay: Stay, month: str) -> dict[str, Decimal]:
    rows = both(hospital, "5206", {"data": {"psn_no": stay.person.psn_no, "cum_ym": month}})
    return {row["cum_type_code"]: Decimal(str(row["cum"])) for row in rows["cuminfo"]}


def test_cumulative_figures_follow_settling_and_cancelling(city: City, hospital: Hospital) -> None:
    stay = Stay(hospital, identify(hospital, city.person(OTHER)), before(city.today, 3),
                city.today)
    month = city.today[:7].replace("-", "")
    first = cumulated(hospital, stay, month)
    stay.admit()
    stay.upload(stay.line(1, CARE_BED, "30", "90.00", "2700.00"))
    stay.discharge()
    settled = hospital.ok("2304", stay.bill("2304", "2700.00"))["setlinfo"]
    then = cumulated(hospital, stay, month)
    grown = {code: value - first.get(code, 0) for code, value in then.items()}
    assert grown["C0000"] == 1 and grown["F0000"] == Decimal(2700)
    for code, field in (("S0000", "inscp_scp_amt"), ("Q0000", "act_pay_dedc"),
                        ("D310101", "hifp_pay")):
        assert grown.get(code, 0) == Decimal(str(settled[field])), code
    assert cumulated(hospital, stay, "199001") == {}
    hospital.ok("2305", stay.node("2305", stay.named(setl_id=settled["setl_id"])))
    assert {code: value for code, value in cumulated(hospital, stay, month).items() if value} == {
        code: value for code, value in first.items() if value}
    for wrong in ("2024", "202413", "abcdef", "２０２４０１"):
        assert "yyyyMM" in hospital.refused("5206", {"data": {
            "psn_no": stay.person.psn_no, "cum_ym": wrong}})
    assert "nobody" in hospital.refused("5206", {"data": {"psn_no": "nobody", "cum_ym": month}})


def settled_stay(hospital: Hospital, city: City) -> Stay:
    """A stay that is settled, with its number in `total`."""
    stay = Stay(hospital, identify(hospital, city.person("chronic certificate")), city.today)
    stay.admit()
    stay.upload(stay.line(1, CARE_BED, "90", "90.00", "8100.00"))
    stay.discharge()
    told = hospital.ok("2304", stay.bill("2304", "8100.00"))
    for row in told["setldetail"]:
        limit = Decimal(str(row["crt_payb_lmt_amt"]))
        assert limit >= Decimal(str(row["fund_payamt"])) or not limit, row
    assert any(Decimal(str(row["crt_payb_lmt_amt"])) for row in told["setldetail"])
    stay.total = told["setlinfo"]["setl_id"]
    return stay


def test_cancelling_goes_backwards_and_says_where_to_begin(city: City) -> None:
    here, there = city.hospital(STANDARD), city.hospital(LIKE_S3)
    first, second, third = (settled_stay(one, city) for one in (here, there, here))

    def cancel(stay: Stay) -> dict[str, object]:
        return stay.node("2305", stay.named(setl_id=stay.total))

    said = here.refused("2305", cancel(first))
    assert third.total in said and second.total not in said and "其他机构 1 笔" in said, said
    said = there.refused("2305", cancel(second))
    assert "1 笔结算（其他机构 1 笔）" in said and third.total not in said, said
    for stay in (third, second, first):
        stay.hospital.ok("2305", cancel(stay))


# --- 2403 -----------------------------------------------------------------------------------------
def changed(stay: Stay, day: str, med_type: str) -> dict[str, object]:
    node = "mdtrtinfo" if stay.hospital.profile.dialect == "guangzhou" else "adminfo"
    return {node: stay.named(begntime=f"{day} 07:00:00", med_type=med_type)}


@pytest.mark.clause("ZB-06")
@pytest.mark.parametrize("dialect", ["standard", "guangzhou"])
def test_another_kind_of_stay_splits_the_lines_anew(city: City, dialect: str) -> None:
    """Bed and nursing of a day treatment count 30% of the price, also of lines that are there."""
    code = next(one["fixmedins_code"] for one in city.about["institutions"] if any(
        kind["kind"] == "day_treatment" for kind in one["designations"]))
    hospital = city.hospital(code)
    city.profiles.put(replace(hospital.profile, dialect=dialect), "test", city.platform.clock())
    hospital = city.hospital(code)
    stay = Stay(hospital, identify(hospital, city.person("monitored")), before(city.today, 2),
                city.today)
    stay.admit()
    line, = stay.upload(stay.line(1, CARE_BED, "4", "120.00", "480.00"))
    stay.upload(stay.line(2, CARE_BED, "-1", "120.00", "-120.00", init_feedetl_sn="1"))
    plain = hospital.ok("2303", stay.bill("2303", "360.00"))["setlinfo"]["inscp_scp_amt"]
    reply = hospital.send("2403", changed(stay, before(city.today, 3), "28"))
    assert int(reply["infcode"]) == 0 and "重新拆分" in reply["warn_msg"], reply
    told = hospital.ok("2303", stay.bill("2303", "360.00"))["setlinfo"]
    assert told["med_type"] == "28" and told["inscp_scp_amt"] != plain
    hospital.ok("2403", changed(stay, stay.day, "21"))
    assert hospital.ok("2303", stay.bill("2303", "360.00"))["setlinfo"]["inscp_scp_amt"] == plain
    hospital.ok("2302", stay.node("2302", stay.named(feedetl_sn="0000")))
    hospital.ok("2404", {"data": stay.named()})


def test_a_settled_portion_keeps_day_and_kind(city: City) -> None:
    hospital = city.hospital(STANDARD)
    stay = Stay(hospital, identify(hospital, city.person("an orphan")), before(city.today, 2),
                city.today)
    stay.admit()
    stay.upload(stay.line(1))
    done = hospital.ok("2304", stay.bill("2304", "22.00", mid_setl_flag="1"))["setlinfo"]
    assert done["setl_id"] in hospital.refused("2403", changed(stay, stay.day, "28"))
    assert done["setl_id"] in hospital.refused("2403", changed(stay, before(stay.day, 1), "21"))
    other = Stay(hospital, stay.person, city.today)
    other.admit()
    assert "非定点" in hospital.refused("2403", changed(other, other.day, "28"))
    assert "日期" in hospital.refused("2403", changed(stay, "31/31/31", "21"))
    hospital.ok("2403", changed(stay, stay.day, "21"))
