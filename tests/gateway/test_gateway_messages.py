"""Messages: who may send them, how they are read, that all are answered."""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from dataclasses import replace

import pytest
from gateway_city import FAMILIES, RESIDENT, City, charged
from hospital import SIGN_IN, read
from visiting import Stay, identify

from tongchou.gateway.nodes import names_of_all, transactions
from tongchou.gateway.signing import signature


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
