"""The window of a pooling area, end to end on PostgreSQL: people, bills, answers, refusals."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from town import CLERK, NOTE, REGION, Town, code_of, stay

from tongchou.database import Database, shard_of
from tongchou.enrolment import ChronicCertificate, Coverage, Status

ROWS = ("settlement", "outcome", "journal_entry", "posting", "person_year", "idempotency",
        "outbox")


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One town for this file."""
    return Town(database, tmp_path_factory.mktemp("keys"))


def rows_of(town: Town) -> dict[str, int]:
    with town.platform.database.connection() as connection:
        return {name: connection.execute(f"select count(*) from {name}").fetchone()[0]
                for name in ROWS}


@pytest.mark.both_servers
@pytest.mark.clause("BJ-39", "BJ-44", "BJ-45", "LF-07", "LF-33")
def test_a_stay_is_settled_at_the_window_in_one_answer(town: Town) -> None:
    """One bill, all layers at once, the person pays the residue only."""
    number = town.person()
    answer = json.loads(town.settle(stay(number, "A1", "86420.00")))
    assert answer["medfee_sumamt"] == "86420.00"
    paid = sum(int(answer[name].replace(".", "")) for name in (
        "fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"))
    assert paid == 8_642_000 and answer["layers"][0]["clauses"]
    history = town.platform.history(REGION, number, "2024", who=CLERK)
    assert [row["setl_id"] for row in history] == [answer["setl_id"]]
    found = town.platform.settlement(REGION, number, answer["setl_id"], who=CLERK)
    assert found["outcomes"][0]["result"]["statement"]["flows"] == answer["flows"]
    assert found["kernel_version"] and found["pack_hash"] == answer["pack_hash"]


@pytest.mark.both_servers
def test_presettling_leaves_no_trace(town: Town) -> None:
    number = town.person()
    before = rows_of(town)
    shown = town.platform.presettle(stay(number, "B1"), who=CLERK)
    assert shown["setl_id"] is None and rows_of(town) == before
    settled = json.loads(town.settle(stay(number, "B1")))
    assert {**settled, "setl_id": None} == shown


@pytest.mark.clause("GZ-26")
def test_a_backdated_status_pays_the_difference_and_replays(town: Town) -> None:
    """Recognised in June: assistance of the stay in March is paid afterwards; the layers before
    assistance keep what they paid, and every outcome can be made again."""
    number = town.person()
    settled = json.loads(town.settle(stay(number, "C1", "60000.00")))
    request = {"psn_no": number, "code": "allowance", "from": "2024-06-01",
               "recognised": "2024-06-01", "source": "civil affairs"}
    text = town.platform.recognise(request, "C1-status", who=CLERK)
    [change] = json.loads(text)["changed"]
    assert set(change["difference"]["funds"]) == {"medical_assistance"}
    assert change["setl_id"] == settled["setl_id"] and change["revision"] == 2
    assert town.platform.recognise(request, "C1-status", who=CLERK) == text
    replayed = town.platform.replay(REGION, number, settled["setl_id"], who=CLERK)
    assert replayed["equal"] and [one["revision"] for one in replayed["revisions"]] == [1, 2]
    assert all(one["stored"] == one["replayed"] for one in replayed["revisions"])


def test_a_changed_amount_in_the_past_is_found_by_the_replay(town: Town) -> None:
    number = town.person()
    settled = json.loads(town.settle(stay(number, "D1", "60000.00")))
    with town.platform.database.admin() as owner:
        owner.execute("alter table outcome disable trigger user")
        owner.execute("update outcome set money = jsonb_set(money::jsonb, "
                      "'{money,person_fen}', '1')::json where psn_no = %s", (number,))
        owner.execute("alter table outcome enable trigger user")
        owner.commit()
    assert not town.platform.replay(REGION, number, settled["setl_id"], who=CLERK)["equal"]


def test_who_is_not_covered_is_refused(town: Town) -> None:
    uncovered, waiting, dead = town.person(False), town.person(False), town.person(
        died="2024-02-01")
    town.cover(waiting, benefits_from="2024-04-01")
    before = rows_of(town)
    assert code_of(town.settle, stay(uncovered, "E1")) == "no-coverage"
    assert code_of(town.settle, stay(waiting, "E2")) == "waiting-period"
    assert code_of(town.settle, stay(dead, "E3")) == "person-dead"
    assert code_of(town.settle, stay("nobody", "E4")) == "unknown-person"
    assert code_of(town.settle, stay(uncovered, "E5", insutype="390")) == "no-coverage"
    assert rows_of(town) == before, "nothing half-written"


def test_nobody_is_insured_twice(town: Town) -> None:
    number = town.person()
    assert code_of(town.platform.enrolment.add, REGION, number, Coverage(
        "310", "2024-06-01", "2024-12-31", "2024-06-01"), **NOTE) == "insured-twice"


def test_an_institution_must_be_designated(town: Town) -> None:
    number = town.person()
    assert code_of(town.settle, stay(number, "F1", fixmedins_code="H9")) == "unknown-institution"
    assert code_of(town.settle, stay(number, "F2", med_type="41")) == "not-designated"


@pytest.mark.clause("LF-24", "LF-37")
def test_chronic_care_needs_a_certificate_of_that_disease(town: Town) -> None:
    number = town.person()
    request = stay(number, "G1", "500.00", med_type="14", dise_codg="M03900",
                   enddate="2024-03-01")
    assert code_of(town.settle, request) == "no-chronic-certificate"
    for disease in ("M01600", "M03900"):
        town.platform.enrolment.add(REGION, number, ChronicCertificate(
            disease, "2024-01-01", "", "H3"), **NOTE)
    assert json.loads(town.settle(request))["medfee_sumamt"] == "500.00"


def test_a_bill_must_add_up(town: Town) -> None:
    number = town.person()
    assert code_of(town.settle, stay(number, "I1", inscp_scp_amt="1.00")) \
        == "split-does-not-add-up"
    assert code_of(town.settle, stay(number, "I2", fulamt_ownpay_amt="90000.00")) \
        == "split-does-not-add-up"
    assert code_of(town.settle, stay(number, "I3", "10000.005")) == "too-many-decimals"
    assert code_of(town.settle, stay(number, "I4", begndate="2024-03-10")) == "dates-out-of-order"


def test_a_reversal_happens_once(town: Town) -> None:
    number = town.person()
    settled = json.loads(town.settle(stay(number, "J1")))
    request = {"psn_no": number, "setl_id": settled["setl_id"], "reason": "wrong patient"}
    text = town.platform.reverse(request, "J1-back", who=CLERK)
    assert json.loads(text)["changed"][0]["difference"]["psn_part_amt"].startswith("-")
    assert town.platform.reverse(request, "J1-back", who=CLERK) == text
    assert code_of(town.platform.reverse, request, "J1-again", who=CLERK) == "already-reversed"
    assert code_of(town.platform.reverse, {**request, "setl_id": "none"}, "J1-none",
                   who=CLERK) == "unknown-settlement"
    again = json.loads(town.settle(stay(number, "J1"), "J1-anew"))
    assert again["psn_part_amt"] == settled["psn_part_amt"]


def test_a_key_belongs_to_one_request(town: Town) -> None:
    number = town.person()
    text = town.settle(stay(number, "K1"), "K1")
    assert town.settle(stay(number, "K1"), "K1") == text
    assert code_of(town.settle, stay(number, "K1", "20000.00"), "K1") == "key-reused"
    assert code_of(town.settle, stay(number, "K1"), "K1-other") == "already-settled"


def test_a_day_without_rules_and_a_region_without_packs(town: Town) -> None:
    number = town.person(False)
    town.cover(number, "2019-01-01", "2024-12-31")
    old = stay(number, "L1", begndate="2023-03-01", enddate="2023-03-09",
               setl_time="2023-03-09T10:00:00")
    assert code_of(town.settle, old) == "no-regime"
    assert code_of(town.platform.regimes.pack, "0" * 16) == "unknown-pack"
    assert code_of(town.platform.settlements.regimes.add, REGION,
                   _document(town), "2025-06-01") == "regime-inside-year"


def _document(town: Town) -> dict[str, object]:
    from tongchou.policy import pack_document
    return pack_document("guizhou/2024", "candidate")


def test_a_clock_that_jumps_back_is_refused(town: Town) -> None:
    number = town.person()
    town.settle(stay(number, "M1"))
    now = town.now
    try:
        town.now = now.replace(year=2023)
        before = rows_of(town)
        late = stay(number, "M2", begndate="2024-04-01", enddate="2024-04-02",
                    setl_time="2024-04-02T10:00:00")
        assert code_of(town.settle, late) == "clock-went-back"
        assert rows_of(town) == before
    finally:
        town.now = now
    assert json.loads(town.settle(late))["setl_id"]


def test_the_service_may_not_change_what_is_written(town: Town) -> None:
    import psycopg
    number = town.person()
    town.settle(stay(number, "N1"))
    for statement in ("update journal_entry set amounts = '{}'", "delete from journal_entry",
                      "update outcome set revision = 9", "truncate settlement",
                      "alter table journal_entry disable trigger user"):
        with pytest.raises(psycopg.Error) as caught, \
                town.platform.database.connection() as connection:
            connection.execute(statement)
        assert caught.value.sqlstate == "42501" or "insufficient" in str(caught.value).lower()


@pytest.mark.clause("LF-33", "BJ-54")
def test_a_stay_in_portions_bears_one_deductible(town: Town) -> None:
    number, whole = town.person(), town.person()
    first = stay(number, "O1", "8000.00", kind="mid_stay", enddate="2024-03-05",
                 setl_time="2024-03-05T10:00:00")
    rest = stay(number, "O1", "12000.00", setl_time="2024-03-09T10:00:00")
    parts = [json.loads(town.settle(first, "O1a")), json.loads(town.settle(rest, "O1b"))]
    both = stay(whole, "O2", "20000.00", fulamt_ownpay_amt="600.00", preselfpay_amt="400.00")
    alone = json.loads(town.settle(both))
    own = sum(int(one["this_settlement"]["psn_part_amt"].replace(".", "")) for one in parts)
    assert own == int(alone["psn_part_amt"].replace(".", ""))


def test_a_status_held_from_the_start_needs_no_recomputation(town: Town) -> None:
    number = town.person()
    town.platform.enrolment.add(REGION, number, Status("allowance", "2024-01-01", "",
                                                       "2024-01-01", "civil affairs"), **NOTE)
    answer = json.loads(town.settle(stay(number, "P1", "60000.00")))
    assert answer["chosen_status"] == "allowance" and answer["maf_pay"] != "0.00"
    place = (REGION, shard_of(REGION, number), number)
    with town.platform.database.connection() as connection:
        assert connection.execute("select count(*) from outcome where region = %s and shard = %s "
                                  "and psn_no = %s", place).fetchone() == (1,)


def owed(town: Town, psn_no: str) -> dict[tuple[str, str], int]:
    """(fund, to whom) -> fen that the funds still owe for a person's settlements."""
    with town.platform.database.connection() as connection:
        rows = connection.execute(
            "select p.fund, p.institution, -sum(p.amount_fen)::bigint from journal_entry e "
            "join posting p using (region, shard, seq) where e.region = %s and e.shard = %s "
            "and e.psn_no = %s and p.account = 'payable' group by 1, 2",
            (REGION, shard_of(REGION, psn_no), psn_no)).fetchall()
    return {(fund, whom): fen for fund, whom, fen in rows if fen}


@pytest.mark.clause("BJ-46", "GZ-26")
def test_what_moves_after_the_window_is_between_the_fund_and_the_person(town: Town) -> None:
    """The person paid the hospital at discharge: assistance recognised later is owed to the
    person, what was advanced stays owed to the hospital, and a reversal takes back both."""
    number = town.person()
    settled = json.loads(town.settle(stay(number, "Q1", "60000.00")))
    before = owed(town, number)
    assert {whom for _, whom in before} == {"H2"}
    town.platform.recognise({"psn_no": number, "code": "allowance", "from": "2024-06-01"},
                            "Q1-status", who=CLERK)
    after = owed(town, number)
    assert {place: fen for place, fen in after.items() if place[1] == "H2"} == before
    [(fund, whom)] = set(after) - set(before)
    assert (fund, whom) == ("medical_assistance", "person")
    town.platform.reverse({"psn_no": number, "setl_id": settled["setl_id"]}, "Q1-back", who=CLERK)
    assert owed(town, number) == {}
