"""A window's day over HTTP: register, insure, pre-settle, settle, reverse, look back, close."""
from collections.abc import Callable

from http_town import BASE, HOSPITAL
from starlette.testclient import TestClient
from town import stay

Signed = Callable[[str], dict[str, str]]
PERSON = {"psn_name": "李四", "gend": "1", "brdy": "1958-03-01", "psn_type": "15",
          "tel": "13800001234", "why": "首次参保",
          "certificate": {"psn_cert_type": "01", "certno": "522401195803011235"}}


def insured(client: TestClient, signed: Signed) -> str:
    reply = client.post(f"{BASE}/persons", json={**PERSON, "certificate": None},
                        headers=signed("clerk"))
    assert reply.status_code == 201, reply.text
    number = reply.json()["psn_no"]
    cover = {"insutype": "390", "from": "2024-01-01", "to": "2024-12-31", "why": "缴费"}
    reply = client.post(f"{BASE}/persons/{number}/coverages", json=cover, headers=signed("clerk"))
    assert reply.status_code == 201 and reply.json()["row_id"], reply.text
    return number


def test_a_bill_goes_the_whole_way(client: TestClient, signed: Signed) -> None:
    """Pre-settled, settled, repeated, read, replayed, reversed."""
    number = insured(client, signed)
    bill = stay(number, "W1", "86420.00")
    shown = client.post(f"{BASE}/presettlements", json=bill, headers=signed("institution"))
    assert shown.status_code == 200 and shown.json()["setl_id"] is None, shown.text
    headers = signed("institution")
    settled = client.post(f"{BASE}/settlements", json=bill, headers=headers)
    assert settled.status_code == 200, settled.text
    answer = settled.json()
    assert {**answer, "setl_id": None} == shown.json()
    again = client.post(f"{BASE}/settlements", json=bill, headers=headers)
    assert again.content == settled.content
    other = client.post(f"{BASE}/settlements", json=stay(number, "W2"), headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key-reused")
    path = f"{BASE}/persons/{number}/settlements"
    listed = client.get(path, headers=signed("auditor")).json()["settlements"]
    assert [row["setl_id"] for row in listed] == [answer["setl_id"]]
    one = f"{path}/{answer['setl_id']}"
    assert client.get(one, headers=signed("clerk")).json()["institution"] == HOSPITAL
    replayed = client.get(f"{one}/replay", headers=signed("auditor"))
    assert replayed.status_code == 200, replayed.text
    why = client.get(f"{one}/explanation", headers=signed("clerk"))
    assert why.json()["explanation"]["medfee_sumamt"] == "86420.00", why.text
    assert client.get(f"{one}/slip", headers=signed("institution")).status_code == 200
    for lang, word in (("zh", "起付"), ("en", "deductible")):
        text = client.get(f"{one}/explanation/text", params={"lang": lang},
                          headers=signed("institution"))
        assert text.status_code == 200 and word in text.text.lower(), text.text
    undo = {"psn_no": number, "reason": "录入有误"}
    reversal = f"{BASE}/settlements/{answer['setl_id']}/reversal"
    first = client.post(reversal, json=undo, headers=signed("institution"))
    assert first.status_code == 200 and first.json()["reversed"], first.text
    second = client.post(reversal, json=undo, headers=signed("institution"))
    assert (second.status_code, second.json()["error"]["code"]) == (409, "already-reversed")


def test_a_backdated_status_is_recognised(client: TestClient, signed: Signed) -> None:
    number = insured(client, signed)
    assert client.post(f"{BASE}/settlements", json=stay(number, "R1", "50000.00"),
                       headers=signed("clerk")).status_code == 200
    reply = client.post(f"{BASE}/persons/{number}/recognitions", headers=signed("clerk"), json={
        "code": "allowance", "from": "2024-01-01", "recognised": "2024-06-01",
        "source": "民政局"})
    assert reply.status_code == 200, reply.text
    assert reply.json()["changed"][0]["difference"]["funds"]["medical_assistance"] > "0.00"


def test_a_repeated_recognition_answers_the_same(client: TestClient, signed: Signed) -> None:
    """Also of somebody for whom nothing was ever settled."""
    number, headers = insured(client, signed), signed("clerk")
    for _ in range(2):
        reply = client.post(f"{BASE}/persons/{number}/recognitions", headers=headers, json={
            "code": "allowance", "from": "2024-01-01", "recognised": "2024-06-01",
            "source": "民政局"})
        assert (reply.status_code, reply.json()["changed"]) == (200, []), reply.text


def test_the_books_close_and_verify(client: TestClient, signed: Signed) -> None:
    number = insured(client, signed)
    assert client.post(f"{BASE}/settlements", json=stay(number, "L1"),
                       headers=signed("clerk")).status_code == 200
    early = client.post(f"{BASE}/ledger/closes/2030-01-01", headers=signed("agency"))
    assert early.json()["error"]["code"] == "day-not-over"
    closed = client.post(f"{BASE}/ledger/closes/2024-12-29", headers=signed("agency"))
    assert closed.status_code == 201, closed.text
    table = client.get(f"{BASE}/ledger/closes/2024-12-29", headers=signed("auditor")).json()
    assert table["hash"] == closed.json()["hash"]
    found = client.get(f"{BASE}/ledger/verification", headers=signed("auditor")).json()
    assert found["sound"] is True and found["entries"] > 0 and found["findings"] == []
    text = client.get(f"{BASE}/ledger/closes/2024-12-29/beancount", headers=signed("auditor"))
    assert text.status_code == 200 and 'option "operating_currency"' in text.text


def test_a_person_is_found_by_document_and_corrected(client: TestClient, signed: Signed) -> None:
    made = client.post(f"{BASE}/persons", json=PERSON, headers=signed("clerk"))
    assert made.status_code == 201, made.text
    number = made.json()["psn_no"]
    found = client.post(f"{BASE}/persons/search", json=PERSON["certificate"],
                        headers=signed("clerk"))
    assert found.json()["psn_no"] == number
    twice = client.post(f"{BASE}/persons", json=PERSON, headers=signed("clerk"))
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "certificate-taken")
    status = {"code": "allowance", "from": "2024-01-01", "recognised": "2024-01-05",
              "source": "民政局", "why": "认定"}
    row = client.post(f"{BASE}/persons/{number}/statuses", json=status,
                      headers=signed("clerk")).json()["row_id"]
    wrong = client.post(f"{BASE}/persons/{number}/statuses/{row}/retraction",
                        json={"why": "认定有误"}, headers=signed("clerk"))
    assert wrong.json() == {"row_id": row, "retracted": True}
    rows = client.get(f"{BASE}/persons/{number}/statuses", headers=signed("clerk")).json()
    assert rows == {"statuses": []}
