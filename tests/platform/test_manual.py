"""Manual reimbursement end to end: from the counter to the bank account, and what is refused."""
from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone

import pytest
from counter import AWAY, DOCUMENTS, FIRST, SECOND, Counter
from town import NOTE, Town, code_of, stay

from tongchou.database import Database
from tongchou.enrolment import Institution, Status
from tongchou.errors import Refusal
from tongchou.ledger import advanced_in, close_day, verify


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One town for this file."""
    return Town(database, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def counter(town: Town) -> Counter:
    """Its counter."""
    return Counter(town)


def postings(town: Town, setl_id: str) -> dict[tuple[str, str, str], int]:
    """Sums by account, fund and institution of all that was booked for a settlement."""
    with town.platform.database.connection() as connection:
        return {row[:3]: row[3] for row in connection.execute(
            "select p.account, p.fund, p.institution, sum(p.amount_fen)::bigint "
            "from journal_entry e join posting p using (region, shard, seq) "
            "where e.region = %s and e.reference = %s group by 1, 2, 3 "
            "having sum(p.amount_fen) <> 0", (town.region, setl_id))}


@pytest.mark.both_servers
@pytest.mark.clause("BJ-50", "BJ-51")
def test_a_case_goes_from_the_counter_to_the_bank(town: Town, counter: Counter) -> None:
    """Documents, two reviews by two people, settled to the person, paid; every step kept."""
    number = town.person()
    case = counter.handed_in(number, "A1", "60000.00", documents=["identity"])
    assert case["state"] == "incomplete" and [one["document"] for one in case["missing"]] == [
        name for name in DOCUMENTS if name != "identity"]
    assert code_of(counter.step, case, "first_review", "2024-06-04") == "documents-missing"
    counter.step(case, "ask", "2024-06-04")
    case = counter.step(case, "documents", "2024-06-10", documents=DOCUMENTS[1:])
    assert case["state"] == "complete" and not case["missing"]
    settled = counter.settled(case, "2024-06-20")
    shown = counter.shown(case)
    owed = shown["owed"]
    assert owed and shown["state"] == "settled"
    on_the_spot = town.platform.presettle(stay(town.person(), "A1x", "60000.00"), who=counter.clerk)
    assert owed == on_the_spot["this_settlement"]["funds"]
    paid = counter.step(case, "pay", "2024-06-21", amounts=owed)
    assert paid["state"] == "paid" and counter.shown(case)["owed"] == {}
    booked = postings(town, settled["setl_id"])
    assert {key for key in booked if key[0] == "payable"} == set()
    assert all(booked["bank", fund, ""] < 0 for fund in owed)
    found = [(one["what"], one["by"]) for one in paid["events"]]
    assert found == [("documents", "clerk"), ("asked", "clerk"), ("documents", "clerk"),
                     ("first_review", "first"), ("second_review", "second"),
                     ("settled", "clerk"), ("paid", "clerk")]
    with town.platform.database.connection() as connection:
        assert verify(connection, town.region).sound


@pytest.mark.clause("BJ-51")
def test_two_people_review(town: Town, counter: Counter) -> None:
    case = counter.handed_in(town.person(), "B1")
    counter.step(case, "first_review", "2024-06-05", FIRST)
    assert code_of(counter.step, case, "second_review", "2024-06-05", FIRST) == "four-eyes"
    assert code_of(counter.step, case, "settle", "2024-06-05") == "wrong-step"
    assert code_of(counter.step, case, "send_back", "2024-06-05", SECOND) == "no-reason"
    case = counter.step(case, "send_back", "2024-06-05", SECOND, why="total misread")
    assert case["state"] == "complete"
    counter.step(case, "first_review", "2024-06-06", SECOND)
    assert counter.step(case, "second_review", "2024-06-06", FIRST)["state"] == "reviewed_twice"


def test_a_deduction_becomes_the_persons_own_cost(town: Town, counter: Counter) -> None:
    cut = [{"part": "inscp_scp_amt", "amount": "1000.00", "reason": "not on the cost list"}]
    whole = counter.settled(counter.handed_in(town.person(), "C1"))
    less = counter.settled(counter.handed_in(town.person(), "C2"), deductions=cut)
    assert less["accepted"]["fulamt_ownpay_amt"] == "1300.00"
    assert less["deductions"] == [{"part": "inscp_scp_amt", "amount": "1000.00",
                                   "reason": "not on the cost list"}]
    found = town.platform.settlement(town.region, less["psn_no"], less["setl_id"],
                                     who=counter.clerk)
    assert sum(found["claim"]["parts"]) == 1_000_000, "the total stays what the invoice says"
    amounts = [int(one["events"][-1]["body"]["money"]["psn_part_amt"].replace(".", ""))
               for one in (whole, less)]
    assert amounts[1] > amounts[0]
    case = counter.handed_in(town.person(), "C3")
    for wrong in ({**cut[0], "amount": "999999.00"}, {**cut[0], "reason": " "},
                  {**cut[0], "part": "fulamt_ownpay_amt"}, {**cut[0], "amount": "-1.00"}):
        assert code_of(counter.step, case, "first_review", "2024-06-05", FIRST,
                       deductions=[wrong]) == "bad-deduction"


def test_an_invoice_is_claimed_once(town: Town, counter: Counter) -> None:
    """In a region, whoever claims it; until the case is refused or withdrawn."""
    case = counter.handed_in(town.person(), "D1", invoices=["044001", "044002"])
    other = town.person()
    assert code_of(counter.handed_in, other, "D2", invoices=["044002"]) == "invoice-claimed"
    assert code_of(counter.handed_in, other, "D2", invoices=["1", "1"]) == "no-invoice"
    assert code_of(counter.handed_in, other, "D2", invoices=[]) == "no-invoice"
    assert code_of(counter.step, case, "refuse", "2024-06-04") == "no-reason"
    counter.step(case, "refuse", "2024-06-04", why="a copy")
    assert code_of(counter.step, case, "documents", "2024-06-05", documents=["identity"]) \
        == "case-closed"
    assert counter.handed_in(other, "D2", invoices=["044002"])["state"] == "complete"


def test_eight_counters_claim_one_invoice(town: Town, counter: Counter) -> None:
    people = [town.person() for _ in range(8)]

    def claim(place: int) -> str:
        try:
            return counter.handed_in(people[place], f"E{place}", invoices=["055"])["case_id"]
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(claim, range(8)))
    assert found.count("invoice-claimed") == 7, found


def test_a_stay_settled_on_the_spot_is_not_claimed_again(town: Town, counter: Counter) -> None:
    number = town.person()
    answer = json.loads(town.settle(stay(number, "F1")))
    again = {"fixmedins_code": "H2", "reason": "other", "why": "card lost"}
    assert code_of(counter.handed_in, number, "F2", **again) == "stay-settled"
    assert code_of(counter.handed_in, number, "F1", **again) == "already-settled"
    town.platform.reverse({"psn_no": number, "setl_id": answer["setl_id"], "reason": "x"},
                          "F1-back", who=counter.clerk)
    case = counter.handed_in(number, "F2", **again)
    assert counter.settled(case)["state"] == "settled"
    assert code_of(town.settle, stay(number, "F2"), "F2-spot") == "already-settled"


def test_what_the_counter_refuses(town: Town, counter: Counter) -> None:
    number = town.person()
    assert code_of(counter.handed_in, number, "G1", fixmedins_code="H2") == "settles-on-the-spot"
    assert code_of(counter.handed_in, number, "G1", reason="away") == "not-away"
    assert code_of(counter.handed_in, number, "G1", reason="magic") == "unknown-reason"
    assert code_of(counter.handed_in, number, "G1", reason="other") == "no-reason"
    assert code_of(counter.handed_in, number, "G1", documents=["passport"]) == "unknown-document"
    assert code_of(counter.handed_in, number, "G1", received_on="2025-06-01") == "wrong-day"
    assert code_of(counter.handed_in, town.person(False), "G1") == "no-coverage"
    case = counter.handed_in(number, "G1")
    assert code_of(counter.step, case, "first_review", "2024-06-02", FIRST) == "wrong-day"
    assert code_of(counter.step, {**case, "case_id": "none"}, "ask", "2024-06-05") \
        == "unknown-case"
    assert code_of(counter.step, case, "ask", "2024-06-05") == "nothing-missing"


def test_every_step_has_one_outcome(town: Town, counter: Counter) -> None:
    number = town.person()
    case = counter.handed_in(number, "I1")
    assert counter.handed_in(number, "I1") == case
    assert code_of(counter.handed_in, number, "I1", "20000.00") == "key-reused"
    first = counter.step(case, "first_review", "2024-06-05", FIRST, key="I1-first")
    assert counter.step(case, "first_review", "2024-06-05", FIRST, key="I1-first") == first
    assert code_of(counter.step, case, "second_review", "2024-06-05", SECOND, key="I1-first") \
        == "key-reused"
    counter.step(case, "second_review", "2024-06-05", SECOND)
    with ThreadPoolExecutor(5) as pool:
        replies = list(pool.map(lambda _: counter.step(case, "settle", "2024-06-06", key="I1-s"),
                                range(5)))
    assert all(one == replies[0] for one in replies)
    paid = [counter.step(case, "pay", "2024-06-07", key="I1-p") for _ in range(2)]
    assert paid[0] == paid[1]
    assert code_of(counter.step, case, "pay", "2024-06-08", key="I1-p2") == "nothing-owed"
    history = town.platform.history(town.region, number, who=counter.clerk)
    assert len(history) == 1 and history[0]["kind"] == "manual"


def test_a_break_between_settling_and_its_event_is_mended(town: Town, counter: Counter,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """The settlement is there, the event is not: refused to refuse, and asked again, settled
    once."""
    from tongchou.settlement.manual import service
    case = counter.reviewed(counter.handed_in(town.person(), "J1"))
    real = service._happened

    def broken(*arguments: object) -> object:
        if arguments[2] == "settled":
            raise ConnectionError("the power is gone")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(service, "_happened", broken)
        with pytest.raises(ConnectionError):
            counter.step(case, "settle", "2024-06-06")
    assert counter.shown(case)["state"] == "reviewed_twice"
    assert len(town.platform.history(town.region, case["psn_no"], who=counter.clerk)) == 1
    assert code_of(counter.step, case, "refuse", "2024-06-06", why="x") == "settled-already"
    assert counter.step(case, "settle", "2024-06-06")["state"] == "settled"
    assert len(town.platform.history(town.region, case["psn_no"], who=counter.clerk)) == 1


@pytest.mark.clause("BJ-52")
def test_assistance_of_a_stay_away_is_claimed_at_home(town: Town, counter: Counter) -> None:
    """The hospital away advanced basic and critical illness: they are owed to it, assistance to
    the person; the slip of the hospital is one of the documents."""
    number = town.person()
    town.platform.enrolment.add(town.region, number, Status(
        "allowance", "2024-01-01", "", "2024-01-01", "civil affairs"), **NOTE)
    bill = {"total": "80000.00", "fixmedins_code": AWAY, "reason": "away", "referred": True}
    shown = town.platform.presettle(stay(number, "K1", kind="manual", **{
        "fixmedins_code": AWAY, "medfee_sumamt": "80000.00", "referred": True}),
        who=counter.clerk)
    funds = shown["this_settlement"]["funds"]
    advanced = {fund: yuan for fund, yuan in funds.items() if fund != "medical_assistance"}
    assert funds["medical_assistance"] and advanced
    case = counter.handed_in(number, "K1", **bill, advanced=advanced)
    assert [one["document"] for one in case["missing"]] == ["settlement_slip"]
    case = counter.step(case, "documents", "2024-06-04", documents=["settlement_slip"])
    settled = counter.settled(case)
    assert counter.shown(case)["owed"] == {
        "medical_assistance": funds["medical_assistance"]}
    booked = postings(town, settled["setl_id"])
    for fund, yuan in advanced.items():
        assert booked["payable", fund, AWAY] == -int(yuan.replace(".", ""))
    counter.step(case, "pay", "2024-06-07")
    other = town.person()
    too_much = {fund: "70000.00" for fund in advanced}
    wrong = counter.handed_in(other, "K2", **bill, advanced=too_much,
                              documents=[*DOCUMENTS, "settlement_slip"])
    counter.reviewed(wrong)
    assert code_of(counter.step, wrong, "settle", "2024-06-06") == "advance-differs"
    assert not town.platform.history(town.region, other, who=counter.clerk)


@pytest.mark.clause("BJ-53")
def test_the_advance_of_a_hospital_away_is_in_its_monthly_filing(
        database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What it advanced is owed to it like the advances of any institution; the person's is not."""
    town = Town(database, tmp_path_factory.mktemp("keys"), region="990401")
    counter = Counter(town)
    case = counter.settled(counter.handed_in(
        town.person(), "P1", "80000.00", fixmedins_code=AWAY, reason="away", referred=True,
        advanced={"residents_basic": "10000.00"}, documents=[*DOCUMENTS, "settlement_slip"]))
    town.now = datetime(2025, 1, 2, tzinfo=timezone.utc)
    with town.platform.database.connection() as connection:
        close_day(connection, town.region, date(2024, 12, 31), town.now, "tester")
        assert advanced_in(connection, town.region, date(2024, 12, 1)) == [
            (AWAY, "residents_basic", 1_000_000)]
    town.platform.reverse({"psn_no": case["psn_no"], "setl_id": case["setl_id"], "reason": "x"},
                          "P1-back", who=counter.clerk)
    case = counter.step(case, "withdraw", "2025-01-02", why="claimed elsewhere")
    assert not postings(town, case["setl_id"])


def test_a_reversed_case_is_withdrawn_when_nothing_is_owed(town: Town, counter: Counter) -> None:
    case = counter.settled(counter.handed_in(town.person(), "L1"))
    owed = counter.shown(case)["owed"]
    counter.step(case, "pay", "2024-06-07")
    assert code_of(counter.step, case, "withdraw", "2024-06-08", why="x") == "settled-already"
    town.platform.reverse({"psn_no": case["psn_no"], "setl_id": case["setl_id"], "reason": "x"},
                          "L1-back", who=counter.clerk)
    assert code_of(counter.step, case, "withdraw", "2024-06-08", why="x") == "still-owed"
    back = {fund: f"-{yuan}" for fund, yuan in owed.items()}
    assert counter.shown(case)["owed"] == back
    counter.step(case, "pay", "2024-06-08", amounts=back, key="L1-returned")
    case = counter.step(case, "withdraw", "2024-06-09", why="it was another person's bill")
    assert case["state"] == "withdrawn" and not postings(town, case["setl_id"])
    assert counter.handed_in(town.person(), "L1", key="L1-somebody-else")["state"] == "complete"


@pytest.mark.clause("GZ-26", "BJ-51")
def test_a_later_status_is_paid_to_the_person_as_well(town: Town, counter: Counter) -> None:
    case = counter.settled(counter.handed_in(town.person(), "M1", "60000.00"))
    counter.step(case, "pay", "2024-06-07")
    town.platform.recognise({"psn_no": case["psn_no"], "code": "allowance", "from": "2024-07-01",
                             "source": "civil affairs"}, "M1-status", who=counter.clerk)
    owed = counter.shown(case)["owed"]
    assert set(owed) == {"medical_assistance"}
    assert counter.step(case, "pay", "2024-07-05")["state"] == "paid"
    assert counter.shown(case)["owed"] == {}


def test_events_are_only_added(town: Town) -> None:
    import psycopg
    for statement in ("update manual_event set why = ''", "delete from manual_case",
                      "truncate manual_event"):
        with pytest.raises(psycopg.Error), town.platform.database.connection() as connection:
            connection.execute(statement)


def test_an_institution_is_registered_before_a_case(town: Town, counter: Counter) -> None:
    number = town.person()
    assert code_of(counter.handed_in, number, "N1", fixmedins_code="X9") == "unknown-institution"
    town.platform.enrolment.add_institution(town.region, Institution(
        "X9", "far away", "2", (), "outside", town.region, "2020-01-01", ""), **NOTE)
    town.platform.places.forget()
    assert counter.handed_in(number, "N1", fixmedins_code="X9")["state"] == "complete"
