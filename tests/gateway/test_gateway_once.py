"""Each message happens once: repeated, at the same moment, broken off, taken back by 2601."""
from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from gateway_city import FAMILIES, RESIDENT, City, charged
from hospital import SIGN_IN, Hospital, new_msgid, read
from visiting import Person, Stay, identify

from tongchou.demo_city import REGION
from tongchou.errors import Refusal
from tongchou.gateway import message_store
from tongchou.gateway.nodes import transactions
from tongchou.gateway.opening import Opened, slot_of
from tongchou.gateway.reading import read_input
from tongchou.gateway.rounds import MessageRound


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
    reply = at_once(hospital, "2207", visit.bill("2207", "22.00"))
    assert settlements(city, visit) == 1
    at_once(hospital, "2208", {"data": visit.named(setl_id=reply["output"]["setlinfo"]["setl_id"])})
    assert settlements(city, visit) == 0
    assert list(outcomes(city, visit.person.psn_no).values())[-1] == ["settle", "reverse"]


def test_the_same_message_at_once_opens_and_charges_one_visit(city: City) -> None:
    hospital = city.hospital(FAMILIES["A"])
    visit = charged(city, hospital)
    visits, lines = rows(city, "visit"), rows(city, "visit_line")
    again = {**visit.person.fields(), "begntime": f"{visit.day} 09:00:00", "ipt_otp_no": "OP2",
             "dept_code": "01", "dept_name": "内科", "caty": "A03"}
    at_once(hospital, "2201", visit.node("2201", again))
    at_once(hospital, "2204", {"feedetail": [{"chrg_bchno": "B2", **visit.line(2)}]})
    assert (rows(city, "visit"), rows(city, "visit_line")) == (visits + 1, lines + 1)
    at_once(hospital, "9001", SIGN_IN)


def at_once(hospital: Hospital, infno: str, given: dict[str, object]) -> dict[str, object]:
    """The one reply to a message that is sent ten times at the same moment."""
    body, headers = json.dumps(hospital.envelope(infno, given)).encode(), hospital.headers(infno)
    with ThreadPoolExecutor(5) as windows:
        reply, = set(windows.map(lambda _: hospital.raw(f"/gateway/{infno}", headers, body),
                                 range(10)))
    said = json.loads(reply)
    assert said["infcode"] == 0, said
    return said


def rows(city: City, table: str) -> int:
    """How many rows a table has."""
    with city.platform.database.connection() as connection:
        return connection.execute(f"select count(*) from {table}").fetchone()[0]


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


def test_2601_while_the_settlement_is_on_its_way(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes after the message was read and before it is written: no money moves."""
    hospital, msgid = city.hospital(FAMILIES["A"]), new_msgid(FAMILIES["A"])
    visit, noted = charged(city, hospital), message_store.noted
    given = {"data": {"psn_no": visit.person.psn_no, "omsgid": msgid, "oinfno": "2207"}}

    def meanwhile(*row: object) -> object:
        hospital.ok("2601", given)
        return noted(*row)

    with monkeypatch.context() as taken:
        taken.setattr(message_store, "noted", meanwhile)
        assert "已被冲正" in hospital.refused("2207", visit.bill("2207", "22.00"), msgid=msgid)
    assert settlements(city, visit) == 0
    hospital.ok("2207", visit.bill("2207", "22.00"))


def test_a_settlement_while_2601_is_on_its_way(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message comes after 2601 looked for it: 2601 is to be sent again, and then takes back."""
    hospital, msgid = city.hospital(FAMILIES["A"]), new_msgid(FAMILIES["A"])
    visit, take_back = charged(city, hospital), message_store.take_back
    given = {"data": {"psn_no": visit.person.psn_no, "omsgid": msgid, "oinfno": "2207"}}

    def meanwhile(*row: object) -> None:
        hospital.ok("2207", visit.bill("2207", "22.00"), msgid=msgid)
        take_back(*row)

    with monkeypatch.context() as settled:
        settled.setattr(message_store, "take_back", meanwhile)
        assert "请再次发送冲正" in hospital.refused("2601", given)
    assert settlements(city, visit) == 1
    hospital.ok("2601", given)
    assert settlements(city, visit) == 0


def test_a_message_that_is_to_be_sent_again_is_remembered_and_not_kept(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written of it, and the console tells it all the same."""
    hospital, msgid = city.hospital(FAMILIES["E"]), new_msgid("E")
    visit = charged(city, hospital)
    opened = sent_by(city, hospital, "2207", visit.bill("2207", "22.00"), msgid)
    busy = Refusal("too-busy", "busy", "psn_no", "", "")
    with monkeypatch.context() as passing:
        passing.setattr(type(city.gateway.desk.platform), "settle_all",
                        lambda self, wanted: [busy] * len(wanted))
        assert "too-busy" in read(city.gateway.answered(opened))["err_msg"]
    newest = city.gateway.turned_away[-1]
    assert (newest.infno, newest.refusal) == ("2207", "too-busy")
    slot = slot_of(opened, REGION, read_input(opened.envelope.input, transactions()["2207"]))
    with city.gateway.desk.platform.database.connection() as connection:
        assert message_store.originals(connection, slot) == []
    assert read(city.gateway.answered(opened))["infcode"] == 0


def purchase(city: City) -> tuple[Hospital, Person, dict[str, object]]:
    """A drugstore, who buys there, and the 2102."""
    store = city.hospital(next(one["fixmedins_code"] for one in city.about["institutions"] if any(
        kind["kind"] == "dispensing" and kind["networked"] for kind in one["designations"])))
    person = identify(store, city.person(RESIDENT))
    line = Stay(store, person, city.today).line(1, "XC08CAB927A001010199027", "1", "15.00", "15.00")
    return store, person, {
        "druginfo": {**person.fields(), "begntime": f"{city.today} 09:00:00",
                     "medfee_sumamt": "15.00", "acct_used_flag": "0", "med_type": "41"},
        "drugdetail": [line]}


def test_2601_between_a_purchase_and_its_visit(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The money has moved and the visit is not written: it goes back, once."""
    store, person, given = purchase(city)
    msgid, answered = new_msgid("E"), MessageRound._answered
    before = outcomes(city, person.psn_no)

    def meanwhile(self: MessageRound, work: object) -> None:
        if work.call.envelope.infno == "2102":
            store.ok("2601", {"data": {"psn_no": person.psn_no, "omsgid": msgid,
                                       "oinfno": "2102"}})
        answered(self, work)

    with monkeypatch.context() as taken:
        taken.setattr(MessageRound, "_answered", meanwhile)
        assert "已被冲正" in store.refused("2102", given, msgid=msgid)
    made, = outcomes(city, person.psn_no).keys() - before.keys()
    assert outcomes(city, person.psn_no)[made] == ["settle", "reverse"]
    store.ok("2102", given)


def test_2601_after_a_break_between_a_purchase_and_its_visit(
        city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drugstore's visit is written after the money was settled: 2601 finds what it settled."""
    store, person, given = purchase(city)
    msgid = new_msgid("E")
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
