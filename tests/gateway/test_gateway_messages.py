"""Messages: who may send them, how they are read, that each happens once, that all are answered."""
from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from gateway_city import City
from hospital import Hospital, new_msgid, read
from visiting import Stay, identify

from tongchou.gateway import message_store
from tongchou.gateway.nodes import names_of_all, transactions
from tongchou.gateway.opening import Opened
from tongchou.gateway.rounds import MessageRound
from tongchou.gateway.signing import signature

FAMILIES = {"A": "H52990100001", "B": "H52990100002", "C": "H52990100003", "E": "H52990100004"}
RESIDENT = "a resident, nothing special"
PEOPLE = itertools.cycle((RESIDENT, "an employee", "a retired employee", "a pupil",
                          "low-income allowance", "extreme poverty", "borderline", "monitored"))
SIGN_IN = {"signIn": {"opter_no": "001", "mac": "m", "ip": "1"}}


def charged(city: City, hospital: Hospital) -> Stay:
    """An outpatient visit with one line."""
    visit = Stay(hospital, identify(hospital, city.person(next(PEOPLE))), city.today)
    visit.register()
    visit.describe()
    visit.charge(visit.line(1))
    return visit


# --- who ----------------------------------------------------------------------------------------
def test_the_published_examples_of_both_signatures() -> None:
    """HMAC-SHA1 and SHA-256 recomputed with plain formulas."""
    headers = {"_api_access_key": "ak", "_api_name": "1101", "_api_timestamp": "1",
               "_api_version": "1.0.0"}
    text = "_api_access_key=ak&_api_name=1101&_api_timestamp=1&_api_version=1.0.0"
    assert signature("A", headers, "sk") == base64.b64encode(
        hmac.new(b"sk", text.encode(), hashlib.sha1).digest()).decode()
    tif = {"x-tif-timestamp": "17", "x-tif-nonce": "n"}
    assert signature("B", tif, "s") == hashlib.sha256(b"17sn17").hexdigest()


@pytest.mark.parametrize("change", [
    {"_api_signature": "bm8="}, {"_api_timestamp": "1"}, {"_api_access_key": "nobody"},
    {"_api_version": ""}])
def test_family_a_fails_in_its_own_form(city: City, change: dict[str, str]) -> None:
    hospital = city.hospital(FAMILIES["A"])
    headers = hospital.headers("9001") | change
    if "_api_timestamp" in change:
        headers["_api_signature"] = signature("A", headers, hospital.profile.secret)
    body = json.dumps(hospital.envelope("9001", SIGN_IN)).encode()
    found = json.loads(hospital.raw("/gateway/9001", headers, body))
    assert found.keys() == {"code", "message"} and found["code"] == 401


@pytest.mark.parametrize("family", "BCE")
def test_the_others_fail_with_an_infcode(city: City, family: str) -> None:
    hospital = city.hospital(FAMILIES[family])
    body = json.dumps(hospital.envelope("9001", SIGN_IN)).encode()
    wrong = {"B": hospital.headers("9001") | {"x-tif-signature": "0"}, "C": {"apikey": "no"},
             "E": {}}[family]
    if family == "E":
        body = body.replace(hospital.profile.code.encode(), b"H00000000000")
    found = read(hospital.raw("/gateway/9001", wrong, body))
    assert int(found["infcode"]) == -1 and found["err_msg"]


def test_without_headers_a_signing_institution_is_not_let_in(city: City) -> None:
    for family in "ABC":
        hospital = city.hospital(FAMILIES[family])
        body = json.dumps(hospital.envelope("9001", SIGN_IN)).encode()
        found = json.loads(hospital.raw("/gateway/9001", {}, body))
        assert found.get("code") == 401 or int(found["infcode"]) == -1


def test_one_institution_does_not_speak_for_another(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    assert "不符" in hospital.refused("9001", SIGN_IN, fixmedins_code=FAMILIES["B"])
    other = city.hospital(FAMILIES["E"])
    visit = charged(city, hospital)
    assert "不属于本机构" in other.refused("2205", {"data": visit.named(chrg_bchno="0000")})


# --- how ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [
    "/gateway/9001", "/gateway", "/gateway/fsi/api/rsfComIfsService/callService",
    "/gateway/fsi/api/signInSignOutService/signIn"])
def test_every_path_takes_the_message(city: City, path: str) -> None:
    assert city.hospital(FAMILIES["A"]).ok("9001", SIGN_IN, path=path)["signinoutb"]["sign_no"]


def test_the_callers_dialect_is_answered(city: City) -> None:
    out = city.hospital(FAMILIES["B"]).ok("9001", {"data": SIGN_IN["signIn"]})
    assert out["result"]["sign_no"]
    text = city.hospital(FAMILIES["C"]).send("9001", SIGN_IN)
    assert text["infcode"] == "0"
    wrapped = city.hospital(FAMILIES["E"])
    wrapped.send("9001", SIGN_IN)
    found = json.loads(wrapped.raw(*wrapped.sent[-1]))
    assert found["data"]["infcode"] == 0 and found["type"] == "success"


def test_reading_is_permissive(city: City) -> None:
    """One row as a list, many as an object, ghost rows, nulls, unknown keys, a GBK body."""
    hospital = city.hospital(FAMILIES["A"])
    visit = Stay(hospital, identify(hospital, city.person(RESIDENT)), city.today)
    visit.register()
    ghost = dict.fromkeys(visit.diagnosis(), "")
    hospital.ok("2203", {"mdtrtinfo": [visit.named(
        med_type="11", begntime=f"{city.today} 08:00:00", dise_codg=None, dise_name="null")],
        "diseinfo": [ghost, visit.diagnosis(), {}], "more": {"of": ["something"]}})
    line = visit.line("1", chrg_bchno="B1", cnt=2.0, pric="11.0", unknown_key=None)
    assert hospital.ok("2204", {"feedetail": line})["result"][0]["cnt"] == "2.0"
    body = json.dumps(hospital.envelope("2205", {"data": visit.named(chrg_bchno="B1")}),
                      ensure_ascii=False).encode("gb18030")
    reply = read(hospital.raw("/gateway/2205", hospital.headers("2205"), body))
    assert reply["infcode"] == 0, reply


def test_strictness_rejects_what_warning_only_tells(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    short = {"signIn": {"opter_no": "0" * 21}}
    reply = hospital.send("9001", short)
    assert reply["infcode"] == 0 and "signIn.mac 必填项为空" in reply["warn_msg"]
    city.profiles.put(replace(hospital.profile, strictness="reject"), "test", city.platform.clock())
    assert "signIn.opter_no 超过 20 位" in hospital.refused("9001", short)
    city.profiles.put(replace(hospital.profile, strictness="off"), "test", city.platform.clock())
    assert hospital.send("9001", short)["warn_msg"] == ""
    city.profiles.put(hospital.profile, "test", city.platform.clock())


def test_everything_else_is_known_and_not_offered(city: City) -> None:
    hospital = city.hospital(FAMILIES["E"])
    rest = sorted(names_of_all().keys() - transactions().keys())
    assert rest
    for infno in rest:
        assert "未开通" in hospital.refused(infno, {})
    assert "不存在" in hospital.refused("0000", {})


@pytest.mark.parametrize("body", [
    b"", b"xx", b"[]", b"1", b'{"infno":null}', b'{"infno":"1101","msgid":1e400,"input":[[[]]]}',
    b"\xff\xfe", b'{"infno":"2204","input":{"feedetail":[' + b"{}," * 500 + b"{}]}}",
    b'{"infno":"1101","input":{"data":{"certno":"\\ud800"}}}',
    b'{"infno":"1101","input":{"data":{"certno":"\\u0000"}}}', b"[" * 100_000])
def test_nothing_that_arrives_breaks_it(city: City, body: bytes) -> None:
    hospital = city.hospital(FAMILIES["E"])
    if body.startswith(b'{"infno":"'):
        body = body.replace(b"{", b'{"msgid":"x","fixmedins_code":"%s",'
                            % hospital.profile.code.encode(), 1)
    assert int(read(hospital.raw("/gateway", {}, body))["infcode"]) in (0, -1)


# --- once ---------------------------------------------------------------------------------------
def test_a_repeat_is_answered_byte_for_byte_after_a_restart_too(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    visit = charged(city, hospital)
    hospital.send("2207", visit.bill("2207", "22.00"))
    sent = hospital.sent[-1]
    first = hospital.raw(*sent)
    assert json.loads(first)["infcode"] == 0
    city.restart()
    assert hospital.raw(*sent) == first


def test_the_same_message_at_once_is_settled_once(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    visit = charged(city, hospital)
    body = json.dumps(hospital.envelope("2207", visit.bill("2207", "22.00"))).encode()
    headers = hospital.headers("2207")
    with ThreadPoolExecutor(5) as windows:
        replies = set(windows.map(lambda _: hospital.raw("/gateway/2207", headers, body),
                                  range(10)))
    assert len(replies) == 1 and json.loads(replies.pop())["infcode"] == 0
    assert settlements(city, visit) == 1


def test_two_messages_for_the_same_charges_settle_them_once(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    visit = charged(city, hospital)
    bodies = [json.dumps(hospital.envelope("2207", visit.bill("2207", "22.00"))).encode()
              for _ in range(4)]
    headers = hospital.headers("2207")
    with ThreadPoolExecutor(4) as windows:
        replies = [json.loads(one) for one in windows.map(
            lambda body: hospital.raw("/gateway/2207", headers, body), bodies)]
    done = {one["output"]["setlinfo"]["setl_id"] for one in replies if one["infcode"] == 0}
    assert len(done) == 1 and settlements(city, visit) == 1


def settlements(city: City, visit: Stay) -> int:
    """How many settlements of the visit stand on the platform."""
    rows = city.platform.history("529900", visit.person.psn_no, who=None)
    return sum(str(row["mdtrt_id"]).startswith(visit.mdtrt_id) and all(
        one["reason"] != "reverse" for one in row["outcomes"]) for row in rows)


def outcomes(city: City, psn_no: str) -> dict[str, list[str]]:
    """What became of each settlement of a person, by its number."""
    return {row["setl_id"]: [one["reason"] for one in row["outcomes"]]
            for row in city.platform.history("529900", psn_no, who=None)}


def test_a_reused_msgid_with_another_body_is_another_call(city: City) -> None:
    hospital, msgid = city.hospital(FAMILIES["A"]), "2025"
    first = hospital.ok("9001", SIGN_IN, msgid=msgid)
    other = hospital.ok("9001", {"signIn": {"opter_no": "002"}}, msgid=msgid)
    assert first["signinoutb"]["sign_no"] != other["signinoutb"]["sign_no"]


def test_2601_takes_a_settlement_back_once(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    visit, msgid = charged(city, hospital), new_msgid(FAMILIES["A"])
    setl_id = hospital.ok("2207", visit.bill("2207", "22.00"), msgid=msgid)["setlinfo"]["setl_id"]
    sent = hospital.sent[-1]
    given = {"data": {"psn_no": visit.person.psn_no, "omsgid": msgid, "oinfno": "2207"}}
    hospital.ok("2601", given)
    hospital.ok("2601", given)
    assert settlements(city, visit) == 0
    assert "已被冲正" in read(hospital.raw(*sent))["err_msg"] or read(
        hospital.raw(*sent))["infcode"] == 0
    again = hospital.ok("2207", visit.bill("2207", "22.00"))["setlinfo"]["setl_id"]
    assert again != setl_id


def test_2601_works_when_the_original_never_arrived(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    visit, msgid = charged(city, hospital), new_msgid(FAMILIES["A"])
    given = {"data": {"psn_no": visit.person.psn_no, "omsgid": msgid, "oinfno": "2207"}}
    assert "未收到原交易" in hospital.send("2601", given)["warn_msg"]
    assert "已被冲正" in hospital.refused("2207", visit.bill("2207", "22.00"), msgid=msgid)
    assert settlements(city, visit) == 0


class Died(BaseException):
    """The process ends here."""


def die(*_: object) -> None:
    """In place of a step that is never reached."""
    raise Died


def sent_by(city: City, hospital: Hospital, infno: str, given: dict, msgid: str) -> Opened:
    """A message as it arrives."""
    return city.gateway.opened(hospital.headers(infno), json.dumps(
        hospital.envelope(infno, given, msgid)).encode(), infno)


def test_a_break_after_a_settlement_leaves_its_note_and_its_reply(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were written in one transaction: a repeat is answered, 2601 takes it back."""
    hospital = city.hospital(FAMILIES["A"])
    visit, msgid = charged(city, hospital), new_msgid(FAMILIES["A"])
    opened = sent_by(city, hospital, "2207", visit.bill("2207", "22.00"), msgid)
    with monkeypatch.context() as broken:
        broken.setattr(MessageRound, "_settled", die)
        with pytest.raises(Died):
            city.gateway.answered(opened)
    assert settlements(city, visit) == 1
    reply = city.gateway.answered(opened)
    assert read(reply)["infcode"] == 0 and city.gateway.answered(opened) == reply
    given = {"data": {"psn_no": visit.person.psn_no, "omsgid": msgid, "oinfno": "2207"}}
    hospital.ok("2601", given)
    assert settlements(city, visit) == 0
    hospital.ok("2207", visit.bill("2207", "22.00"))
    assert settlements(city, visit) == 1


def test_a_visit_that_moves_on_while_it_is_settled_is_not_settled(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line comes after the visit was read: no money moves, and the repeat settles both."""
    hospital = city.hospital(FAMILIES["E"])
    visit, noted = charged(city, hospital), message_store.noted
    before = outcomes(city, visit.person.psn_no)

    def meanwhile(*given: object) -> object:
        visit.charge(visit.line(2))
        return noted(*given)

    with monkeypatch.context() as moved:
        moved.setattr(message_store, "noted", meanwhile)
        assert "visit-moved-on" in hospital.refused("2207", visit.bill("2207", "22.00"))
    assert settlements(city, visit) == 0
    assert outcomes(city, visit.person.psn_no) == before
    hospital.ok("2207", visit.bill("2207", "44.00"))
    assert settlements(city, visit) == 1


def test_2601_after_a_break_between_a_purchase_and_its_visit(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drugstore's visit is written after the money was settled: 2601 finds what it settled."""
    store = city.hospital(next(one["fixmedins_code"] for one in city.about["institutions"] if any(
        kind["kind"] == "dispensing" and kind["networked"] for kind in one["designations"])))
    person, msgid = identify(store, city.person(RESIDENT)), new_msgid("E")
    line = Stay(store, person, city.today).line(1, "XC08CAB927A001010199027", "1", "15.00", "15.00")
    given = {"druginfo": {**person.fields(), "begntime": f"{city.today} 09:00:00",
                          "medfee_sumamt": "15.00", "acct_used_flag": "0", "med_type": "41"},
             "drugdetail": [line]}
    before = outcomes(city, person.psn_no)
    with monkeypatch.context() as broken:
        broken.setattr(MessageRound, "_kept", die)
        with pytest.raises(Died):
            city.gateway.answered(sent_by(city, store, "2102", given, msgid))
    made, = outcomes(city, person.psn_no).keys() - before.keys()
    assert outcomes(city, person.psn_no)[made] == ["settle"]
    store.ok("2601", {"data": {"psn_no": person.psn_no, "omsgid": msgid, "oinfno": "2102"}})
    assert outcomes(city, person.psn_no) == before | {made: ["settle", "reverse"]}
    store.ok("2102", given)


# --- transport ----------------------------------------------------------------------------------
def test_expect_100_continue_costs_no_pause(city: City) -> None:
    hospital = city.hospital(FAMILIES["E"])
    body = json.dumps(hospital.envelope("9001", SIGN_IN)).encode()
    with socket.create_connection(("127.0.0.1", city.port)) as one:
        one.settimeout(1)
        one.send(b"POST /gateway/9001 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                 b"Content-Length: %d\r\n\r\n" % len(body))
        assert one.recv(100).startswith(b"HTTP/1.1 100")
        one.send(body)
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
