"""Visits from registration to cancellation, in every family and two dialects; I1 to I9 hold."""
from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from gateway_city import City
from hospital import Hospital
from identities import (check_line, check_money, check_negative, national, unlike_the_standard)
from visiting import CARE_BED, EXAMINATION, Stay, identify

from tongchou.gateway.nodes import output_names

# The city's list: A standard, B like S3, C with a text infcode, E wrapped.
HOSPITALS = ("H52990100001", "H52990100002", "H52990100003", "H52990100004")
RESIDENT, EMPLOYEE = "a resident, nothing special", "an employee"
_people = itertools.cycle((RESIDENT, EMPLOYEE, "low-income allowance", "a pupil"))


@pytest.fixture(params=HOSPITALS)
def hospital(city: City, request: pytest.FixtureRequest) -> Hospital:
    """A client of each family."""
    return city.hospital(request.param)


def as_the_standard(hospital: Hospital, infno: str, output: object) -> None:
    names = {node: name for (number, node), name in output_names(
        hospital.profile.dialect).items() if number == infno}
    assert not unlike_the_standard(infno, output, names)


def test_an_outpatient_visit_and_everything_back(city: City, hospital: Hospital) -> None:
    visit = Stay(hospital, identify(hospital, city.person(next(_people))), city.today)
    visit.register()
    visit.describe()
    for row in visit.charge(visit.line(1), visit.line(2, CARE_BED, "1", "120", "120"),
                            visit.line(3, EXAMINATION, "1", "30", "30.00")):
        check_line(row)
    before = hospital.ok("2206", visit.bill("2206", "172.00"))
    settled = hospital.ok("2207", visit.bill("2207", "172.00"))
    check_money(before)
    check_money(settled)
    as_the_standard(hospital, "2206", before)
    as_the_standard(hospital, "2207", settled)
    info = settled["setlinfo"]
    assert {**before["setlinfo"], "setl_id": info["setl_id"], "setl_time": info["setl_time"],
            "medins_setl_id": info["medins_setl_id"]} == info
    assert info["setl_id"] in hospital.refused("2207", visit.bill("2207", "172.00"))
    assert "已结算" in hospital.refused("2202", visit.node("2202", visit.named()))
    cancel = visit.node("2208", visit.named(setl_id=info["setl_id"]))
    back = hospital.ok("2208", cancel)
    check_money(back)
    check_negative(settled, back)
    as_the_standard(hospital, "2208", back)
    assert back["setlinfo"]["pdn_cash_pay"] == back["setlinfo"]["psn_cash_pay"]
    assert "已撤销" in hospital.refused("2208", cancel)
    hospital.ok("2205", {"data": visit.named(chrg_bchno="0000")})
    hospital.ok("2202", visit.node("2202", visit.named(ipt_otp_no="OP1")))
    assert "已撤销" in hospital.refused("2204", {"feedetail": [visit.line(9, chrg_bchno="B9")]})


def test_a_stay_in_two_portions_and_everything_back(city: City, hospital: Hospital) -> None:
    first = (date.fromisoformat(city.today) - timedelta(days=6)).isoformat()
    stay = Stay(hospital, identify(hospital, city.person(next(_people))), first, city.today)
    stay.admit()
    charged = stay.upload(stay.line(1, CARE_BED, "4", "120.00", "480.00"), stay.line(2))
    for row in charged:
        check_line(row)
    refund = stay.line(3, CARE_BED, "-1", "120.00", "-120.00", init_feedetl_sn="1")
    check_line(stay.upload(refund)[0])
    assert "请先办理出院" in hospital.refused("2304", stay.bill("2304", "382.00"))
    middle = hospital.ok("2304", stay.bill("2304", "382.00", mid_setl_flag="1"))
    check_money(middle)
    stay.upload(stay.line(4, CARE_BED, "30", "90.00", "2700.00"))
    stay.discharge()
    before = hospital.ok("2303", stay.bill("2303", "2700.00"))
    settled = hospital.ok("2304", stay.bill("2304", "2700.00"))
    for infno, output in (("2303", before), ("2304", settled)):
        check_money(output)
        as_the_standard(hospital, infno, output)
    assert before["setldetail"] == settled["setldetail"]          # I9
    assert settled["setlinfo"]["setl_id"] in hospital.refused(
        "2304", stay.bill("2304", "2700.00"))
    assert "请先撤销结算" in hospital.refused("2405", {"data": stay.named()})
    for portion in (settled, middle):
        back = hospital.ok("2305", stay.node("2305", stay.named(
            setl_id=portion["setlinfo"]["setl_id"])))
        check_money(back)
        check_negative(portion, back)
        as_the_standard(hospital, "2305", back)
    hospital.ok("2405", {"data": stay.named()})
    hospital.ok("2302", stay.node("2302", stay.named(feedetl_sn="0000")))
    hospital.ok("2404", {"data": stay.named()})


def test_a_change_of_diagnosis_replaces_its_number(city: City) -> None:
    hospital = city.hospital(HOSPITALS[0])
    stay = Stay(hospital, identify(hospital, city.person(RESIDENT)), city.today)
    stay.admit()
    hospital.ok("2403", {"adminfo": stay.named(begntime=f"{city.today} 07:00:00", med_type="21"),
                         "diseinfo": [stay.diagnosis() | {"diag_code": "J15.900"},
                                      stay.diagnosis() | {"diag_srt_no": 2,
                                                          "diag_code": "I10.x00"}]})
    with city.platform.database.connection() as connection:
        visit = city.gateway.desk.visits.read(connection, "529900", stay.person.psn_no,
                                              stay.mdtrt_id)
    assert visit.diagnosis_codes == ("J15.900", "I10.x00")
    assert "tel" not in visit.facts and "coner_name" not in visit.facts
    hospital.ok("2404", {"data": stay.named()})


def test_what_the_centre_splits_otherwise_is_refused(city: City) -> None:
    hospital = city.hospital(HOSPITALS[0])
    visit = Stay(hospital, identify(hospital, city.person(RESIDENT)), city.today)
    visit.register()
    visit.describe()
    visit.charge(visit.line(1))
    assert "22.00" in hospital.refused("2207", visit.bill("2207", "21.00"))
    assert "inscp_scp_amt" in hospital.refused("2207", visit.bill("2207", "22.00",
                                                                  inscp_scp_amt=21))
    assert "重复" in hospital.refused("2204", {"feedetail": [visit.line(1, chrg_bchno="B1")]})


def test_a_drugstore_sells_and_takes_back(city: City) -> None:
    code = next(one["fixmedins_code"] for one in city.about["institutions"] if any(
        kind["kind"] == "dispensing" and kind["networked"] for kind in one["designations"]))
    store = city.hospital(code)
    person = identify(store, city.person(RESIDENT))
    line = Stay(store, person, city.today).line(1, "XC08CAB927A001010199027", "1", "15.00",
                                                "15.00")
    given = {"druginfo": {**person.fields(), "begntime": f"{city.today} 09:00:00",
                          "medfee_sumamt": "15.00", "acct_used_flag": "0", "med_type": "41"},
             "drugdetail": [line]}
    check_money(store.ok("2101", given))
    settled = store.ok("2102", given)
    check_money(settled)
    as_the_standard(store, "2102", settled)
    info = settled["setlinfo"]
    back = store.ok("2103", {"data": {"setl_id": info["setl_id"], "mdtrt_id": info["mdtrt_id"],
                                      "psn_no": person.psn_no}})
    check_money(back)
    check_negative(settled, back)


def test_the_national_model_is_compared_where_it_is_here() -> None:
    if not national():
        pytest.skip("shared/national-interface is not on this machine")
    assert len(national()) > 200
