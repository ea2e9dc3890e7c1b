"""Manual reimbursement and clearing over HTTP: the server's rules and calendar, and who may."""
from collections.abc import Callable, Iterator

import pytest
from http_town import BASE
from starlette.testclient import TestClient
from town import stay

from tongchou.api import Settings, create_app
from tongchou.ledger import clearing_file, read_calendar, read_rules
from tongchou.settlement.manual import manual_file, read_manual_rules

Signed = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def client(town: object, access: object) -> Iterator[TestClient]:
    rules = read_rules(clearing_file("bijie"))
    manual = read_manual_rules(manual_file("bijie"), rules.manual_days)
    app = create_app(town.platform, access, Settings(
        clearing={town.region: rules}, manual={town.region: manual}, calendar=read_calendar()))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_case_is_taken_with_its_term(client: TestClient, town: object, signed: Signed) -> None:
    """Received on 2 December 2024; documents are missing, so it is not settled yet."""
    number = town.person()
    path = f"{BASE}/persons/{number}/reimbursements"
    taken = {**stay(number, "M1", "20000.00"), "received_on": "2024-12-02", "reason": "other",
             "why": "停电", "invoices": ["INV-1"]}
    assert client.post(path, json=taken, headers=signed("institution")).status_code == 403
    stranger = client.post(f"{BASE}/persons/P9/reimbursements", json=taken,
                           headers=signed("clerk"))
    assert stranger.json()["error"]["code"] == "other-person"
    made = client.post(path, json=taken, headers=signed("clerk"))
    assert made.status_code == 201, made.text
    number_of_case = made.json()["case_id"]
    shown = client.get(f"{path}/{number_of_case}", headers=signed("auditor")).json()
    assert shown["case_id"] == number_of_case and "due" in shown["term"]
    early = client.post(f"{path}/{number_of_case}/steps", json={"step": "pay"},
                        headers=signed("clerk"))
    assert early.status_code in (409, 422), early.text
    listed = client.get(f"{BASE}/reimbursements", headers=signed("agency"),
                        params={"today": "2024-12-30"}).json()["cases"]
    assert [row["case_id"] for row in listed] == [number_of_case]


def test_a_month_is_filed_when_it_is_closed(client: TestClient, town: object, signed: Signed,
                                            ) -> None:
    number = town.person()
    settled = client.post(f"{BASE}/settlements", json=stay(number, "C1", "30000.00"),
                          headers=signed("clerk")).json()
    filing = {"filing_id": "F-1", "institution": "H2", "month": "2024-12", "payer": "agency",
              "received_on": "2024-12-30",
              "amounts": {"residents_basic": settled["hifp_pay"]}}
    refused = client.post(f"{BASE}/filings", json=filing, headers=signed("institution"))
    assert refused.json()["error"]["code"] in ("month-not-closed", "wrong-day"), refused.text
    other = client.post(f"{BASE}/filings", json={**filing, "institution": "H3"},
                        headers=signed("institution"))
    assert other.json()["error"]["code"] == "not-own-institution"
    listed = client.get(f"{BASE}/filings", headers=signed("institution"))
    assert listed.status_code == 200 and listed.json()["filings"] == []
    lost = client.post(f"{BASE}/filings/none/steps", headers=signed("agency"), json={
        "step": "advance", "on": "2024-12-20", "amounts": {}})
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "unknown-filing")


def test_a_server_without_rules_says_so(town: object, access: object, signed: Signed) -> None:
    with TestClient(create_app(town.platform, access)) as bare:
        for path, code in (("filings", "no-clearing-rules"),
                           ("persons/P1/reimbursements/C1", "no-manual-rules")):
            reply = bare.get(f"{BASE}/{path}", headers=signed("agency"))
            assert reply.json()["error"]["code"] == code
