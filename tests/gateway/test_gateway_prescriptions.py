"""Electronic prescriptions from the hospital to the drugstore: 7101 to 7107, 7201 to 7211."""
from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from gateway_city import City
from hospital import Hospital
from hypothesis import given as given_any
from hypothesis import strategies as st
from identities import check_money
from prescription_case import DRUG, FILE, STORE, Dispensing, Prescribing, selling
from standard import both

from tongchou.gateway import prescribing
from tongchou.gateway.prescription_store import Prescription, Use

STANDARD, LIKE_S3 = "H52990100001", "H52990100002"


@pytest.fixture(params=(STANDARD, LIKE_S3))
def hospital(city: City, request: pytest.FixtureRequest) -> Hospital:
    """A standard client and one like that of S3."""
    return city.hospital(request.param)


@pytest.fixture
def store(city: City, hospital: Hospital) -> Hospital:
    """The drugstore, in the dialect of the hospital."""
    city.profiles.refresh()
    city.profiles.put(replace(city.profiles.of(STORE), dialect=hospital.profile.dialect), "test",
                      city.platform.clock())
    return city.hospital(STORE)


# --- the whole way --------------------------------------------------------------------------------
@pytest.mark.clause("ZB-02")
def test_from_the_doctor_to_the_drugstore(city: City, hospital: Hospital, store: Hospital) -> None:
    """Prescribed, verified, signed, uploaded; authorised, read, reviewed, handed out, paid."""
    one = Prescribing(city, hospital)
    one.issue()
    counter = Dispensing(store, one)
    assert counter.authorise() == [one.number]
    found = counter.download()
    assert found["data"]["rxFile"] == FILE and found["rxOtpinfo"]["patnName"] == one.person.name
    assert found["rxDetlList"][0]["takeDrugFlag"] == "0"
    counter.reviewed()
    assert one.told("7106")["data"]["rxChkStasCodg"] == "1"
    counter.give()
    assert one.told("7105")["data"]["rxUsedStasCodg"] == "2"
    row, = one.told("7107")["seltdelts"]
    assert Decimal(row["cnt"]) == 6 and row["takeDrugFlag"] == "1"
    settled = sold(store, one)
    assert Decimal(str(settled["setlinfo"]["fund_pay_sumamt"])) > 0, str(settled)
    check_money(settled)
    assert one.told("7107")["data"]["setlTime"]
    back = counter.taking_back("")
    assert "先撤销结算" in store.refused("7208", back)
    store.ok("2103", {"data": {"psn_no": one.person.psn_no, "setl_id": settled["setlinfo"][
        "setl_id"], "mdtrt_id": settled["setlinfo"]["mdtrt_id"]}})
    both(store, "7208", back)
    assert one.told("7105")["data"]["rxUsedStasCodg"] == "1"
    both(hospital, "7104", one.withdrawing())


def sold(store: Hospital, one: Prescribing) -> dict[str, object]:
    """2102 of the drugs on the prescription."""
    return store.ok("2102", selling(one))


# --- handed out -----------------------------------------------------------------------------------
def test_nothing_is_handed_out_twice(city: City, hospital: Hospital, store: Hospital) -> None:
    one = Prescribing(city, hospital)
    one.issue()
    counter = Dispensing(store, one)
    counter.authorise()
    counter.reviewed()
    first = counter.review
    counter.reviewed(rxChkOpnn="再次审核")
    number = counter.give()
    assert number in store.refused("7207", counter.giving())
    counter.review = first
    assert "已使用" in store.refused("7207", counter.giving())
    assert "已使用" in store.refused("7205", counter.verifying())
    assert counter.authorise() == []
    assert "已取药" in hospital.refused("7104", one.withdrawing())
    both(store, "7208", counter.taking_back(number))
    assert "没有可撤销" in store.refused("7208", counter.taking_back(number))
    counter.give()


def test_part_is_handed_out_and_the_rest_later(city: City, hospital: Hospital, store: Hospital,
                                               ) -> None:
    other = second_drug(city)
    one = Prescribing(city, hospital)
    one.issue(drugs=[one.drug(), one.drug(other, "2", drugGenname="别的药")])
    counter = Dispensing(store, one)
    counter.whole(counter.line("4"))
    told = one.told("7105")
    assert told["data"]["rxUsedStasCodg"] == "1" and told["data"]["reptdCnt"] == 0
    assert [row["takeDrugFlag"] for row in told["rxDetlList"]] == ["0", "0"]
    assert "已取药" in hospital.refused("7104", one.withdrawing())
    assert counter.authorise() == [one.number]
    counter.reviewed()
    assert "尚可取 2 支" in store.refused("7207", counter.giving(counter.line("3")))
    assert "尚可取 1 支" in store.refused("7207", counter.giving(counter.line("1"),
                                                             counter.line("1.5")))
    rest = counter.give(counter.line("2"))
    assert [row["takeDrugFlag"] for row in one.told("7105")["rxDetlList"]] == ["1", "0"]
    counter.reviewed()
    counter.give(counter.line("2", other, drugGenname="别的药"))
    assert one.told("7105")["data"]["rxUsedStasCodg"] == "2"
    assert sum(Decimal(row["cnt"]) for row in one.told("7107")["seltdelts"]) == 8
    both(store, "7208", counter.taking_back(rest))
    assert one.told("7105")["data"]["rxUsedStasCodg"] == "1"


def second_drug(city: City) -> str:
    """Another drug of the sample catalogue."""
    with city.platform.database.connection() as connection:
        catalogue = city.platform.catalogues.of(connection, "529900")
    return next(item.code for item in catalogue.in_force(city.today)
                if item.code[:1] in "XZ" and item.code != DRUG)


def test_what_was_not_prescribed_stays(city: City, store: Hospital, hospital: Hospital) -> None:
    one = Prescribing(city, hospital)
    one.issue()
    counter = Dispensing(store, one)
    counter.authorise()
    counter.reviewed()
    for wrong, said in ((counter.line(code="X9", drugGenname="别的药"), "处方中没有"),
                        (counter.line("0"), "正数"), (counter.line("NaN"), "正数"),
                        (counter.line("7"), "尚可取 6 支"), (counter.line("many"), "正数")):
        assert said in store.refused("7207", counter.giving(wrong))
    assert "没有药品" in store.refused("7207", {**counter.giving(), "rxSaleDrugDetl": []})
    same = counter.line("1", "XA10ACX", unit="盒")          # another pack of the same drug
    reply = store.send("7207", counter.giving(same))
    assert int(reply["infcode"]) == 0 and "按全部取走计" in reply["warn_msg"]
    assert one.told("7105")["data"]["rxUsedStasCodg"] == "2"


def test_a_prescription_for_several_times(city: City, hospital: Hospital, store: Hospital,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    one = Prescribing(city, hospital)
    end = date.fromisoformat(city.today) + timedelta(days=90)
    one.issue(head={"reptFlag": "1", "maxReptCnt": "2", "minInrvDays": "20",
                    "valiEndTime": f"{end} 23:59:59"})
    counter = Dispensing(store, one)
    counter.whole(counter.line("4"))
    counter.reviewed()                      # the rest of the first time needs no waiting
    counter.give(counter.line("2"))
    assert one.told("7105")["data"]["reptdCnt"] == 1
    assert "不足 20 天" in store.refused("7205", counter.verifying())
    with monkeypatch.context() as later:
        later.setattr(prescribing, "civil_now", lambda call: datetime.fromisoformat(
            call.now) + timedelta(days=20))
        counter.whole()
        assert "已使用" in store.refused("7205", counter.verifying())
    assert one.told("7105")["data"]["rxUsedStasCodg"] == "2"


@given_any(st.dictionaries(st.sampled_from("ABC"), st.integers(1, 9), min_size=1),
           st.integers(1, 3),
           st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 12)), max_size=30))
def test_never_more_than_was_prescribed(wanted: dict[str, int], times: int,
                                        asked: list[tuple[str, int]]) -> None:
    """Whatever is handed out in whatever order: never above `times` of each drug, every time whole
    before the next begins, used exactly when nothing is left."""
    now = datetime(2024, 1, 1)
    one = Prescription("RX", "T", "P", "H", "M", "R", "valid", now, now, times, 0, b"")
    said = {"drugs": [{"medListCodg": code, "drugCnt": str(n)} for code, n in wanted.items()]}
    uses: list[Use] = []
    given = dict.fromkeys(wanted, 0)
    for code, count in asked:
        far = prescribing.progress(one, uses, said, lambda kept: json.loads(kept or b"{}"))
        if count <= far.left.get(code, 0):
            uses.append(Use("C", "P", True, b"", now, "S", now, json.dumps(
                {prescribing.GIVEN: {code: str(count)}}).encode()))
            given[code] += count
    far = prescribing.progress(one, uses, said, lambda kept: json.loads(kept or b"{}"))
    for code, count in given.items():
        assert wanted[code] * far.times <= count <= wanted[code] * min(far.times + 1, times)
    assert (prescribing.use_status(one, far) == prescribing.USED) is not any(far.left.values())
    back = [use._replace(taken_back_at=now) for use in uses]
    assert prescribing.progress(one, back, said, lambda kept: {}).times == 0


# --- states ---------------------------------------------------------------------------------------
def test_what_expired_is_no_longer_handed_out(city: City, hospital: Hospital, store: Hospital,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    one, late = Prescribing(city, hospital), Prescribing(city, hospital)
    one.issue()
    late.check()
    late.sign()
    counter = Dispensing(store, one)
    counter.authorise()
    counter.reviewed()
    monkeypatch.setattr(prescribing, "civil_now",
                        lambda call: datetime.fromisoformat(call.now) + timedelta(days=5))
    assert one.told("7105")["data"]["rxStasCodg"] == "2"
    assert counter.authorise() == []
    for infno, sent in (("7205", counter.verifying()), ("7206", counter.reviewing()),
                        ("7207", counter.giving()), ("2102", selling(one))):
        assert "已失效" in store.refused(infno, sent)
    assert "有效截止" in hospital.refused("7103", late.uploading())
    assert "有效截止" in hospital.refused("7101", one.checking(head={"hospRxno": "R9"}))


@pytest.mark.clause("ZB-02")
def test_what_is_withdrawn_is_worth_nothing(city: City, hospital: Hospital, store: Hospital,
                                            ) -> None:
    one = Prescribing(city, hospital)
    one.issue()
    counter = Dispensing(store, one)
    counter.authorise()
    counter.reviewed()
    assert both(hospital, "7104", one.withdrawing())["data"]["rxStasCodg"] == "3"
    assert hospital.again()["output"]["data"]["rxStasCodg"] == "3"
    assert "已撤销" in hospital.refused("7104", {**one.withdrawing(), "more": []})
    assert counter.authorise() == []
    for infno, sent in (("7205", counter.verifying()), ("7206", counter.reviewing()),
                        ("7207", counter.giving()), ("2102", selling(one))):
        assert "已撤销" in store.refused(infno, sent)
    assert one.told("7105")["data"]["rxStasCodg"] == "3"
    one.issue()                             # the same hospital number may be used again


def test_a_drugstore_that_does_not_agree(city: City, hospital: Hospital, store: Hospital) -> None:
    one = Prescribing(city, hospital)
    one.issue()
    assert "尚未审核" in hospital.refused("7106", {"data": one.named(psnName=one.person.name)})
    counter = Dispensing(store, one)
    counter.authorise()
    counter.reviewed(rxChkStasCodg="0", rxChkOpnn="剂量不符")
    assert one.told("7106")["data"]["rxChkOpnn"] == "剂量不符"
    assert "没有审核通过" in store.refused("7207", counter.giving())
    assert "0 或 1" in store.refused("7206", counter.reviewing(rxChkStasCodg="5"))


# --- what is refused ------------------------------------------------------------------------------
@pytest.mark.parametrize(("head", "patient", "drug", "said"), [
    ({"valiEndTime": "2001-01-01 00:00:00"}, {}, {}, "早于开方"),
    ({"valiEndTime": ""}, {}, {}, "valiEndTime"), ({"hospRxno": ""}, {}, {}, "hospRxno"),
    ({"reptFlag": "1", "maxReptCnt": "100000"}, {}, {}, "maxReptCnt"),
    ({}, {"mdtrtId": "M0"}, {}, "查无此就诊"), ({}, {"patnName": "别人"}, {}, "不一致"),
    ({}, {"psnNo": "nobody"}, {}, "查无"), ({}, {"fixmedinsCode": LIKE_S3}, {}, "机构编号"),
    ({}, {}, {"medListCodg": "X0"}, "不是当日医保目录内的药品"),
    ({}, {}, {"medListCodg": "001109000905000"}, "不是当日医保目录内的药品"),
    ({}, {}, {"drugCnt": "-1"}, "正数"),
    ({}, {}, {"drugCnt": "1E-400"}, "四位小数"), ({}, {}, {"drugCnt": "Infinity"}, "正数"),
    ({}, {}, {"drugDosunt": ""}, "drugDosunt")])
def test_bad_prescriptions(city: City, head: dict[str, str], patient: dict[str, str],
                           drug: dict[str, str], said: str) -> None:
    one = Prescribing(city, city.hospital(STANDARD), "monitored")
    assert said in one.hospital.refused("7101", one.checking(head, patient,
                                                             [one.drug() | drug]))


def test_bad_uploads(city: City) -> None:
    hospital = city.hospital(STANDARD)
    one = Prescribing(city, hospital, "monitored")
    one.check()
    one.sign()
    for wrong, said in (({"signDigest": "AAAA"}, "签名与处方文件不符"), ({"rxFile": "x"}, "签名"),
                        ({"rxTraceCode": "T0"}, "追溯码"), ({"hiRxno": "RX0"}, "查无此电子处方"),
                        ({"patnName": "别人"}, "不一致"), ({"pharCode": ""}, "pharCode")):
        assert said in hospital.refused("7103", one.uploading(**wrong))
    assert "尚未上传" in hospital.refused("7105", {"data": one.named(psnName=one.person.name)})
    hospital.ok("7103", one.uploading())
    assert "已上传" in hospital.refused("7103", one.uploading(pharName="第二位药师"))
    assert one.number in hospital.refused("7101", one.checking())
    there = city.hospital(LIKE_S3)
    asked = one.named(psnName=one.person.name, fixmedinsCode=LIKE_S3)
    assert "不是本机构" in there.refused("7105", {"data": asked})


def test_only_who_holds_the_token_reads(city: City) -> None:
    hospital, store = city.hospital(STANDARD), city.hospital(STORE)
    one = Prescribing(city, hospital, "monitored")
    one.issue()
    counter = Dispensing(store, one)
    assert "令牌" in store.refused("7205", counter.verifying(epcToken="0" * 74))
    counter.authorise()
    assert "令牌" in store.refused("7205", counter.verifying(epcToken=counter.token[:-1] + "x"))
    assert "验签" in store.refused("7205", counter.verifying(rxFile="x"))
    assert "7205" in store.refused("7206", counter.reviewing(rxSignVerifySn="V0"))
    assert "不一致" in store.refused("7201", counter.authorising(psnName="别人"))
    wrong = counter.authorising(fixmedinsCode=STANDARD)
    assert "非定点" in hospital.refused("7201", wrong)


def test_the_drug_catalogue_by_pages(city: City, hospital: Hospital) -> None:
    asked = {"fixmedinsCode": hospital.profile.code, "pageNum": "1", "pageSize": "3"}
    found = both(hospital, "7211", {"data": asked})
    assert found["data"]["size"] == len(found["list"]) <= 3 <= found["data"]["total"]
    row, = both(hospital, "7211", {"data": {**asked, "medListCodg": DRUG}})["list"]
    assert row["medListCodg"] == DRUG
    assert "pageNum" in hospital.refused("7211", {"data": {**asked, "pageNum": "0"}})
