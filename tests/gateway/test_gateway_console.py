"""The console: what arrived, how it was understood, samples, replay, signatures; nobody sees what
is not his, and no name or document goes out."""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from gateway_city import City
from hospital import Hospital
from identities import national
from standard import request_unlike
from visiting import Stay, identify

from tongchou.access import DEMONSTRATION_PASSWORD
from tongchou.api import Settings, create_app
from tongchou.gateway import Console, GatewayApplication, console_routes
from tongchou.gateway.nodes import transactions
from tongchou.gateway.reading import check, read_input

CODE, OTHER = "H52990100001", "H52990100002"
PATH = "/gateway/console"
EMPLOYEE = "an employee"
# The standard prints their nodes one after the other though they lie in one another (or has none);
# tests of their own compare them.
NESTED = ("3101", "3102", "3103", "3302")
TOKENS: dict[str, str] = {}            # of the operators of this module's city


@pytest.fixture(scope="module")
def web(city: City) -> Iterator[TestClient]:
    """The platform's application with the console, behind the gateway."""
    app = create_app(city.platform, city.access, Settings())
    console_routes.add_console(app, Console(city.gateway))
    with TestClient(GatewayApplication(city.gateway, app)) as client:
        yield client


class Developer:
    """An operator with a session."""

    def __init__(self, web: TestClient, user_id: str) -> None:
        self.web = web
        if user_id not in TOKENS:
            signed = web.post("/api/v1/session", json={
                "user_id": user_id, "password": DEMONSTRATION_PASSWORD, "session": "bearer"})
            assert signed.status_code == 201, signed.text
            TOKENS[user_id] = signed.json()["token"]
        self.headers = {"authorization": f"Bearer {TOKENS[user_id]}"}

    def ask(self, method: str, path: str, status: int = 200, **more: object) -> dict[str, object]:
        """A reply of the console."""
        found = self.web.request(method, f"{PATH}{path}", headers=self.headers, **more)
        assert found.status_code == status, (path, found.status_code, found.text[:500])
        return found.json()


@pytest.fixture(scope="module")
def developer(web: TestClient) -> Developer:
    return Developer(web, f"inst-{CODE.lower()}")


@pytest.fixture(scope="module")
def visit(city: City) -> Stay:
    """A settled outpatient visit of CODE."""
    hospital = city.hospital(CODE)
    found = Stay(hospital, identify(hospital, city.person(EMPLOYEE)), city.today)
    found.register()
    found.describe()
    found.charge(found.line(1))
    hospital.ok("2207", found.bill("2207", "22.00"))
    return found


def test_what_arrived_is_listed_and_read_without_personal_data(
        city: City, developer: Developer, visit: Stay) -> None:
    lines = developer.ask("GET", "/messages")["messages"]
    assert {"2201", "2203", "2204", "2207", "1101"} <= {one["infno"] for one in lines}
    assert lines == sorted(lines, key=lambda one: one["arrived_at"], reverse=True)
    number = next(one["number"] for one in lines if one["infno"] == "2207")
    found = developer.ask("GET", f"/messages/{number}")
    assert found["state"] == "answered" and found["mdtrt_id"] == visit.mdtrt_id
    assert found["understood"]["rows"]["data"][0]["medfee_sumamt"] == "22.00"
    assert found["reply"]["output"]["setlinfo"]["medfee_sumamt"] == "22.00"
    who = city.person(EMPLOYEE)
    for one in lines:
        text = json.dumps(developer.ask("GET", f"/messages/{one['number']}"), ensure_ascii=False)
        assert who["certno"] not in text and who["name"] not in text and who["brdy"] not in text
    looks = city.access.log.find("529900", who["psn_no"], f"inst-{CODE.lower()}",
                                 city.platform.clock().replace(hour=0, minute=0),
                                 city.platform.clock(), 1000)
    assert looks and all(not one["fields"] for one in looks)


def test_which_field_was_wrong_what_was_ignored_and_under_which_name(
        city: City, developer: Developer, visit: Stay) -> None:
    hospital = city.hospital(CODE)
    reply = hospital.send("2206", {"mdtrtinfo": {
        **visit.bill("2206", "22.00")["data"], "psn_setlway": "much too long", "chrg_bchno": "B1",
        "house_field": "张三", "medfee_sumamt": "22.001"}}, infver="V1.0-too-long")
    found = developer.ask("GET", f"/messages/{reply['inf_refmsgid']}")
    faults = {one["field"]: one["fault"] for one in found["understood"]["findings"]}
    assert faults["data.psn_setlway"] == "超过 6 位" and "小数" in faults["data.medfee_sumamt"]
    assert faults["infver"] == "超过 6 位"
    assert found["understood"]["aliases"] == [{"node": "data", "came_as": "mdtrtinfo"}]
    assert found["understood"]["ignored"] == ["data.house_field"]
    assert "张三" not in json.dumps(found, ensure_ascii=False)
    pasted = developer.ask("POST", "/understood", json={
        "infno": "2404", "body": json.dumps({"infno": "2404", "input": {"mdtrt_id": "M1"}})})
    assert pasted["understood"]["aliases"] == [{"node": "data", "came_as": "."}]
    assert "data.psn_no" in {one["field"] for one in pasted["understood"]["findings"]}


def test_strictness_off_warn_reject(city: City, developer: Developer, visit: Stay) -> None:
    hospital, given = city.hospital(CODE), {"signIn": {"opter_no": "1", "ip": "1"}}
    for strictness, infcode, telling in (("off", 0, ""), ("reject", -1, "signIn.mac"),
                                         ("warn", 0, "signIn.mac")):
        developer.ask("PUT", "/profile/strictness", json={"strictness": strictness})
        city.profiles.refresh()
        reply = hospital.send("9001", given)
        assert int(reply["infcode"]) == infcode
        assert telling in reply["warn_msg"] + reply["err_msg"]
        assert telling or not reply["warn_msg"]
    problems = developer.ask("GET", "/messages", params={"problems": True, "infno": "9001"})
    assert [one["state"] for one in problems["messages"]] == ["answered", "refused"]


# --- the message once more ------------------------------------------------------------------------
def test_a_repeat_gives_the_same_bytes_and_a_dry_replay_writes_nothing(
        city: City, developer: Developer) -> None:
    hospital = city.hospital(CODE)
    visit = Stay(hospital, identify(hospital, city.person(EMPLOYEE)), city.today)
    visit.register()
    visit.describe()
    visit.charge(visit.line(1))
    refused = hospital.send("2207", visit.bill("2207", "21.00"))
    before = counted(city)
    number = refused["inf_refmsgid"]
    assert developer.ask("POST", f"/messages/{number}/replay",
                         json={"mode": "repeat"})["same_bytes"]
    dry = developer.ask("POST", f"/messages/{number}/replay", json={"mode": "dry"})
    assert dry["reply"]["infcode"] == -1 and "split-differs" in dry["reply"]["err_msg"]
    assert counted(city) == before
    settled = hospital.send("2207", visit.bill("2207", "22.00"))
    before, number = counted(city), settled["inf_refmsgid"]
    dry = developer.ask("POST", f"/messages/{number}/replay", json={"mode": "dry"})
    assert "already-settled" in dry["reply"]["err_msg"] and not dry["written"]
    again = developer.ask("POST", f"/messages/{number}/replay", json={"mode": "repeat"})
    assert again["same_bytes"] and counted(city) == before


def test_a_dry_settlement_answers_what_the_settlement_would(city: City, developer: Developer,
                                                            ) -> None:
    hospital = city.hospital(CODE)
    visit = Stay(hospital, identify(hospital, city.person(EMPLOYEE)), city.today)
    visit.register()
    visit.describe()
    visit.charge(visit.line(1))
    settled = hospital.ok("2207", visit.bill("2207", "22.00"))["setlinfo"]
    number = newest(developer, "2207")
    cancel = visit.node("2208", visit.named(setl_id=settled["setl_id"]))
    hospital.ok("2208", cancel)
    before = counted(city)
    for infno in ("2207", "2204", "2203", "2201", "1101"):
        dry = developer.ask("POST", f"/messages/{newest(developer, infno)}/replay",
                            json={"mode": "dry"})
        assert dry["reply"]["infcode"] == 0 or "duplicate-line" in dry["reply"]["err_msg"], dry
    dry = developer.ask("POST", f"/messages/{number}/replay", json={"mode": "dry"})
    again = dry["reply"]["output"]["setlinfo"]
    assert again["setl_id"] == "" and not dry["same_bytes"]
    assert again["fund_pay_sumamt"] == settled["fund_pay_sumamt"]
    assert counted(city) == before


def newest(developer: Developer, infno: str) -> str:
    """The number of the newest message of a transaction."""
    return developer.ask("GET", "/messages", params={"infno": infno, "limit": 1})[
        "messages"][0]["number"]


def counted(city: City) -> list[int]:
    """Rows of every table that a message may write."""
    tables = ("gateway_message", "gateway_sign_in", "visit", "visit_line", "visit_settlement",
              "settlement", "outcome", "idempotency", "gateway_file")
    with city.platform.database.connection() as connection:
        return [connection.execute(f"select count(*) from {one}").fetchone()[0] for one in tables]


# --- samples --------------------------------------------------------------------------------------
@pytest.mark.parametrize("code", [CODE, OTHER])
def test_every_transaction_has_a_sample_as_the_models_want_it(
        city: City, web: TestClient, code: str) -> None:
    asked = Developer(web, f"inst-{code.lower()}")
    offered = asked.ask("GET", "/transactions")["transactions"]
    assert {one["infno"] for one in offered} == set(city.gateway.handlers)
    wrong = []
    for infno in (one["infno"] for one in offered):
        found = asked.ask("GET", f"/transactions/{infno}/sample")
        given = found["message"]["input"]
        wrong += [(infno, str(one)) for one in check(read_input(given, transactions()[infno]),
                                                      transactions()[infno])]
        if code == CODE and national() and infno not in NESTED:
            wrong += request_unlike(infno, given)
    assert not wrong, wrong


def test_samples_are_answered_one_after_the_other(city: City, web: TestClient,
                                                  developer: Developer) -> None:
    """The samples of a whole outpatient visit, a purchase and a stay, sent as they are; what an
    earlier reply said is put in by name."""
    hospital, known = city.hospital(CODE), {}
    for infno in ("9001", "1101", "1201", "1901", "2001", "2201", "2203", "2204", "2206", "2207",
                  "5206", "2208", "2205", "2202", "2401", "2301", "2402", "2303", "2304", "2305",
                  "2405", "2302", "2404", "3201", "9002"):
        found = developer.ask("GET", f"/transactions/{infno}/sample", params=known)
        output = hospital.ok(infno, found["message"]["input"])
        known |= {name: value for name, value in scalars(output)
                  if name in ("mdtrt_id", "setl_id", "sign_no")}
    store = next(one["fixmedins_code"] for one in city.about["institutions"]
                 if one["fixmedins_code"].startswith("P"))
    drugs, asked = city.hospital(store), Developer(web, f"inst-{store.lower()}")
    known = {}
    for infno in ("2101", "2102", "2103"):
        output = drugs.ok(infno, asked.ask("GET", f"/transactions/{infno}/sample", params=known)[
            "message"]["input"])
        known |= {name: value for name, value in scalars(output)
                  if name in ("mdtrt_id", "setl_id")}


def scalars(found: object) -> Iterator[tuple[str, str]]:
    """Names and texts anywhere in an output."""
    if isinstance(found, Mapping):
        for name, value in found.items():
            if isinstance(value, str):
                yield name, value
            yield from scalars(value)
    elif isinstance(found, list):
        for one in found:
            yield from scalars(one)


# --- signatures -----------------------------------------------------------------------------------
def test_the_signature_debugger_shows_both_digests_and_names_the_mistake(
        city: City, web: TestClient) -> None:
    for code, name in ((CODE, "_api_signature"), (OTHER, "x-tif-signature"),
                       ("H52990100003", "apikey"), ("H52990100004", "")):
        hospital, asked = city.hospital(code), Developer(web, f"inst-{code.lower()}")
        headers = hospital.headers("1101")
        found = asked.ask("POST", "/signature", json={"headers": headers, "infno": "1101"})
        assert found["equal"] and found["refusal"] == "" and not found["advice"], found
        assert found["received"] == found["expected"] == headers.get(name, "")
        if name:
            wrong = asked.ask("POST", "/signature", json={
                "headers": headers | {name: "x"}, "infno": "1101"})
            assert not wrong["equal"] and wrong["refusal"] and wrong["advice"]
            assert wrong["received"] == "x"


def test_known_mistakes_of_clients_are_named(city: City, web: TestClient, developer: Developer,
                                             ) -> None:
    hospital = city.hospital(CODE)
    headers = hospital.headers("1101")
    text = developer.ask("POST", "/signature", json={"headers": headers})["string_to_sign"]
    secret = hospital.profile.secret.encode()
    made = hmac.new(secret, text.encode(), hashlib.sha1)
    said = base64.b64encode(hmac.new(secret, text.encode() + b"\n", hashlib.sha1).digest())
    for signature, advice in ((made.hexdigest(), "十六进制"), (said.decode(), "换行")):
        found = developer.ask("POST", "/signature", json={
            "headers": headers | {"_api_signature": signature}, "infno": "1101"})
        assert advice in found["advice"][0]
    dropped = {name: value for name, value in headers.items() if name != "_api_access_key"}
    advice = developer.ask("POST", "/signature", json={"headers": dropped})["advice"]
    assert "下划线" in advice[0]
    seconds = headers | {"_api_timestamp": headers["_api_timestamp"][:10]}
    assert "13 位" in developer.ask("POST", "/signature", json={"headers": seconds})["advice"][0]
    tif = city.hospital(OTHER)
    sent = tif.headers("1101")
    moment = sent["x-tif-timestamp"]
    short = hashlib.sha256(f"{moment}{tif.profile.secret}{sent['x-tif-nonce']}".encode())
    found = Developer(web, f"inst-{OTHER.lower()}").ask("POST", "/signature", json={
        "headers": sent | {"x-tif-signature": short.hexdigest()}})
    assert found["advice"] == ["末尾应再接一次时间戳"]


def test_a_kept_secret_is_not_shown(city: City, developer: Developer) -> None:
    profile = city.profiles.of(CODE)
    city.profiles.put(replace(profile, demonstration=False), "test", city.platform.clock())
    try:
        headers = city.hospital(CODE).headers("1101") | {"_api_signature": "x"}
        found = developer.ask("POST", "/signature", json={"headers": headers})
        assert len(found["expected"]) == 7 and found["expected"].endswith("…")
        sample = developer.ask("GET", "/transactions/1101/sample")
        assert sample["headers"]["_api_signature"] == "?"
    finally:
        city.profiles.put(profile, "test", city.platform.clock())
        city.profiles.refresh()


def test_what_was_turned_away_is_remembered(city: City, developer: Developer) -> None:
    hospital = city.hospital(CODE)
    body = json.dumps(hospital.envelope("1101", {})).encode()
    hospital.raw("/gateway/1101", hospital.headers("1101") | {"_api_signature": "no"}, body)
    hospital.send("6666", {})
    found = developer.ask("GET", "/turned-away")["messages"]
    assert [one["refusal"] for one in found[:2]] == ["not-offered", "bad-signature"]
    assert found[1]["string_to_sign"].startswith("_api_access_key=demo-")


# --- who may --------------------------------------------------------------------------------------
def test_nobody_sees_what_is_not_his(city: City, web: TestClient, developer: Developer,
                                     visit: Stay) -> None:
    assert web.get(f"{PATH}/messages").status_code == 401
    refused = developer.ask("GET", "/messages", 403, params={"institution": OTHER})
    assert refused["error"]["code"] == "not-own-institution"
    number = newest(developer, "2207")
    other = Developer(web, f"inst-{OTHER.lower()}")
    assert other.ask("GET", f"/messages/{number}", 404)["error"]["code"] == "unknown-message"
    assert other.ask("POST", f"/messages/{number}/replay", 404, json={})["error"]
    agency, auditor = Developer(web, "agency"), Developer(web, "auditor")
    for one in (agency, auditor):
        found = one.ask("GET", f"/messages/{number}", params={"institution": CODE})
        assert found["infno"] == "2207"
        assert one.ask("GET", "/messages", 404)["error"]["code"] == "unknown-institution"
    auditor.ask("POST", f"/messages/{number}/replay", 403, params={"institution": CODE}, json={})
    auditor.ask("PUT", "/profile/strictness", 403, params={"institution": CODE},
                json={"strictness": "off"})
    for role in ("clerk", "administrator"):
        Developer(web, role).ask("GET", "/messages", 403, params={"institution": CODE})


def test_every_message_of_a_hospital_can_be_opened_and_replayed(city: City, developer: Developer,
                                                                ) -> None:
    """Whatever was sent by the tests above: nothing in it makes the console fail."""
    for one in developer.ask("GET", "/messages", params={"limit": 200})["messages"]:
        developer.ask("GET", f"/messages/{one['number']}")
        before = counted(city)
        found = developer.ask("POST", f"/messages/{one['number']}/replay", json={"mode": "dry"})
        assert found["reply"]["infcode"] in (0, -1)
        assert "internal-error" not in json.dumps(found)
        assert counted(city) == before
