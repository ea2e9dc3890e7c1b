"""What institutions advanced is filed, paid early in part, reviewed and paid (BJ-46..49)."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest
from journal_rows import INSTITUTION, REGION, noon, settle
from tongchou.database import Database
from tongchou.errors import Refusal
from tongchou.ledger import (Act, ClearingRules, Filing, advance_due, aging, balances_of,
                             clearing_file, close_day, deposit_due, file_month, filed_late,
                             find_filing, pay_advance, pay_rest, read_calendar, read_rules,
                             rest_due, review, settle_deposit, standing, standings, unfiled, verify)

RULES = read_rules(clearing_file("bijie"))
CALENDAR = read_calendar()
MARCH = date(2024, 3, 1)
RECEIVED = date(2024, 4, 12)
BASIC_FEN, ASSIST_FEN, CRITICAL_FEN = 1000_03, 50_00, 200_01
AGENCY = {"residents_basic": BASIC_FEN, "medical_assistance": ASSIST_FEN}


def act(day: date, later: int = 0) -> Act:
    return Act(day, "clerk", noon(str(day + timedelta(days=later))))


@pytest.fixture(scope="module")
def closed(database: Database) -> Database:
    """March and April of two institutions, closed; a reversal in March, a late bill in April."""
    with database.connection() as connection:
        settle(connection, "P1", "S1", {"residents_basic": BASIC_FEN - 1}, noon("2024-03-01"))
        settle(connection, "P1", "S2", {"residents_basic": 7_77, "critical_illness": 5},
               noon("2024-03-02"))
        settle(connection, "P1", "S2", {"residents_basic": -7_77, "critical_illness": -5},
               noon("2024-03-03"), kind="reversal", person_fen=-30_00)
        settle(connection, "P2", "S3", {"residents_basic": 1, "medical_assistance": ASSIST_FEN,
                                        "critical_illness": CRITICAL_FEN}, noon("2024-03-31", 700))
        settle(connection, "P2", "S4", {"residents_basic": 99}, noon("2024-04-01", -719))
        settle(connection, "P3", "S5", {"residents_basic": 500}, noon("2024-03-05"),
               institution="H2")
        close_day(connection, REGION, date(2024, 4, 30), noon("2024-05-02"), "clerk")
    return database


@pytest.fixture
def books(closed: Database) -> Iterator[psycopg.Connection]:
    """A connection into them, rolled back."""
    with closed.pool.connection() as connection:
        yield connection
        connection.rollback()


def filed(connection: psycopg.Connection, rules: ClearingRules = RULES, day: date = RECEIVED,
          ) -> Filing:
    return file_month(connection, REGION, "F1", INSTITUTION, MARCH, "agency", AGENCY, rules,
                      act(day))


def refused(work: Callable[[], object], code: str) -> None:
    with pytest.raises(Refusal) as found:
        work()
    assert found.value.code == code and found.value.message


def balance(connection: psycopg.Connection, account: str, institution: str = "") -> int:
    return connection.execute("select coalesce(sum(amount_fen), 0) from posting where account = %s "
                              "and institution = %s", (account, institution)).fetchone()[0]


# --- filing (BJ-47) -----------------------------------------------------------------------------


@pytest.mark.clause("BJ-46", "BJ-47")
def test_a_month_is_filed_with_agency_and_insurer_as_the_books_have_it(
        books: psycopg.Connection) -> None:
    assert filed(books).amounts == AGENCY
    critical = {"critical_illness": CRITICAL_FEN}
    file_month(books, REGION, "F2", INSTITUTION, MARCH, "insurer", critical, RULES, act(RECEIVED))
    refused(lambda: file_month(books, REGION, "F3", "H2", MARCH, "agency", critical, RULES,
                               act(RECEIVED)), "wrong-payer")


@pytest.mark.clause("BJ-47")
@pytest.mark.parametrize(("day", "late"), [(date(2024, 4, 1), False), (date(2024, 4, 14), False),
                                           (date(2024, 4, 15), True)])
def test_two_weeks_after_month_end(books: psycopg.Connection, day: date, late: bool) -> None:
    assert filed_late(filed(books, day=day)) == late


@pytest.mark.clause("BJ-47")
def test_advances_that_nobody_filed_are_listed(books: psycopg.Connection) -> None:
    filed(books)
    found = {(row.institution, row.month, row.payer, row.file_by, row.amount_fen)
             for row in unfiled(books, REGION, RULES)}
    april = date(2024, 4, 1)
    assert found == {
        (INSTITUTION, MARCH, "insurer", date(2024, 4, 14), CRITICAL_FEN),
        ("H2", MARCH, "agency", date(2024, 4, 14), 500),
        (INSTITUTION, april, "agency", date(2024, 5, 14), 99)}


@pytest.mark.clause("BJ-53")
def test_a_hospital_outside_files_with_an_entrusted_agent(books: psycopg.Connection) -> None:
    outside = replace(RULES, payers={"residents_basic": "entrusted_agent"})
    amounts = {"residents_basic": 500}
    refused(lambda: file_month(books, REGION, "F1", "H2", MARCH, "agency", amounts, outside,
                               act(RECEIVED)), "wrong-payer")
    file_month(books, REGION, "F1", "H2", MARCH, "entrusted_agent", amounts, outside,
               act(RECEIVED))
    paid = pay_advance(books, REGION, "F1", {"residents_basic": 350}, act(RECEIVED))
    assert rest_due(paid) == {"residents_basic": 150}


def test_other_filings_are_refused(books: psycopg.Connection) -> None:
    def file(amounts: dict[str, int], month: date = MARCH, day: date = RECEIVED, number: str = "F9",
             rules: ClearingRules = RULES, now: int = 0) -> Callable[[], object]:
        return lambda: file_month(books, REGION, number, INSTITUTION, month, "agency", amounts,
                                  rules, act(day, now))
    refused(file(AGENCY | {"residents_basic": BASIC_FEN + 1}), "filing-differs")
    refused(file({"residents_basic": BASIC_FEN}), "filing-differs")
    refused(file(AGENCY, day=date(2024, 3, 31)), "wrong-day")
    refused(file(AGENCY, now=-1), "wrong-day")
    refused(file({}, month=date(2024, 5, 1), day=date(2024, 6, 2)), "month-not-closed")
    refused(file({}, month=date(2024, 2, 1)), "month-not-closed")
    refused(file(AGENCY | {"odd": 1}), "fund-without-payer")
    refused(file(AGENCY, rules=replace(RULES, payers={"residents_basic": "agency"})),
            "fund-without-payer")
    filed(books)
    refused(file(AGENCY), "already-filed")
    refused(file({"residents_basic": 1}, number="F1"), "already-filed")
    refused(lambda: file_month(books, REGION, "F1", "H2", MARCH, "agency",
                               {"residents_basic": 500}, RULES, act(RECEIVED)), "already-filed")
    refused(lambda: file_month(books, REGION, "F5", "H3", MARCH, "agency", {}, RULES,
                               act(RECEIVED)), "nothing-to-file")
    refused(lambda: find_filing(books, REGION, "F5"), "unknown-filing")


def test_the_same_filing_again_is_the_same(books: psycopg.Connection) -> None:
    assert filed(books) == filed(books)


# --- the early payment (BJ-48) and the rest (BJ-49) ----------------------------------------------


@pytest.mark.clause("BJ-48")
def test_seventy_percent_early_and_ten_working_days(books: psycopg.Connection) -> None:
    filing = filed(books)
    due = {"residents_basic": 700_02, "medical_assistance": 35_00}
    assert advance_due(filing) == due
    # 12 April is a Friday; 28 April is a Sunday worked for the holidays of May.
    assert standing(filing, CALENDAR, RECEIVED).advance_by == date(2024, 4, 26)
    for wrong in (due | {"residents_basic": 700_03}, due | {"residents_basic": 700_01}, {}):
        refused(lambda wrong=wrong: pay_advance(books, REGION, "F1", wrong,
                                                act(date(2024, 4, 20))), "payment-differs")
    owed_fen = balance(books, "payable", INSTITUTION)
    paid = pay_advance(books, REGION, "F1", due, act(date(2024, 4, 20)))
    assert paid == pay_advance(books, REGION, "F1", due, act(date(2024, 4, 20)))
    assert balance(books, "bank") == -735_02
    assert balance(books, "payable", INSTITUTION) == owed_fen + 735_02
    refused(lambda: pay_advance(books, REGION, "F1", due, act(date(2024, 4, 21))), "already-done")


@pytest.mark.clause("BJ-48")
@pytest.mark.parametrize(("binding", "overdue"), [(True, "advance"), (False, "")])
def test_whether_the_early_payment_must_be_made_is_a_parameter(
        books: psycopg.Connection, binding: bool, overdue: str) -> None:
    filing = filed(books, replace(RULES, advance_binding=binding))
    assert standing(filing, CALENDAR, date(2024, 4, 26)).overdue == ""
    assert standing(filing, CALENDAR, date(2024, 4, 28)).overdue == overdue


@pytest.mark.clause("BJ-49")
def test_the_rest_follows_the_review(books: psycopg.Connection) -> None:
    filed(books)
    day = date(2024, 4, 20)
    paid = pay_advance(books, REGION, "F1", {"residents_basic": 700_02,
                                             "medical_assistance": 35_00}, act(day))
    rest = rest_due(paid)
    assert rest == {"residents_basic": 300_01, "medical_assistance": 15_00}
    refused(lambda: pay_rest(books, REGION, "F1", rest, act(day)), "wrong-order")
    for bad, why in (({"residents_basic": BASIC_FEN + 1}, "x"), ({"residents_basic": -1}, "x"),
                     ({"odd": 1}, "x"), ({"residents_basic": 1}, " ")):
        refused(lambda bad=bad, why=why: review(books, REGION, "F1", bad, why, act(day)),
                "bad-deduction")
    reviewed = review(books, REGION, "F1", {"residents_basic": 100_01}, "bed days", act(day))
    assert rest_due(reviewed) == {"residents_basic": 200_00, "medical_assistance": 15_00}
    refused(lambda: pay_rest(books, REGION, "F1", rest, act(day)), "payment-differs")
    refused(lambda: pay_rest(books, REGION, "F1", rest_due(reviewed), act(date(2024, 4, 19))),
            "wrong-day")
    done = pay_rest(books, REGION, "F1", rest_due(reviewed), act(day))
    assert done == pay_rest(books, REGION, "F1", rest_due(reviewed), act(day))
    assert find_filing(books, REGION, "F1") == done
    assert balance(books, "bank") == -(BASIC_FEN + ASSIST_FEN - 100_01)
    assert balance(books, "deduction", INSTITUTION) == -100_01
    # What is left: critical illness and the bill of April.
    assert balance(books, "payable", INSTITUTION) == -(CRITICAL_FEN + 99)


@pytest.mark.clause("BJ-49")
@pytest.mark.parametrize(("rest_from", "paid", "last"), [
    ("advance_due", True, date(2024, 5, 20)), ("advance_due", False, date(2024, 5, 20)),
    ("advance_paid", True, date(2024, 5, 9)), ("advance_paid", False, date(2024, 5, 20))])
def test_fifteen_more_working_days_from_the_day_the_area_says(
        books: psycopg.Connection, rest_from: str, paid: bool, last: date) -> None:
    filing = filed(books, replace(RULES, rest_from=rest_from))
    if paid:
        filing = pay_advance(books, REGION, "F1", advance_due(filing), act(date(2024, 4, 16)))
    # 28 April and 11 May are worked, 1 to 5 May are not.
    found = standing(filing, CALENDAR, last)
    assert found.rest_by == last and not found.overdue
    late = standing(filing, CALENDAR, last + timedelta(days=7))
    assert (late.overdue, late.late_days) == ("rest", 6 if last.day == 9 else 5)


def test_a_deduction_beyond_the_rest_comes_back(books: psycopg.Connection) -> None:
    filing = filed(books)
    pay_advance(books, REGION, "F1", advance_due(filing), act(RECEIVED))
    found = review(books, REGION, "F1", {"residents_basic": BASIC_FEN}, "not treated",
                   act(RECEIVED))
    assert rest_due(found) == {"residents_basic": -700_02, "medical_assistance": 15_00}
    pay_rest(books, REGION, "F1", rest_due(found), act(RECEIVED))
    assert balance(books, "bank") == -ASSIST_FEN


def test_without_an_early_payment_all_is_paid_after_the_review(books: psycopg.Connection) -> None:
    filing = filed(books)
    found = review(books, REGION, "F1", {}, "", act(RECEIVED))
    refused(lambda: pay_advance(books, REGION, "F1", advance_due(filing), act(RECEIVED)),
            "wrong-order")
    assert rest_due(found) == AGENCY
    assert pay_rest(books, REGION, "F1", AGENCY, act(RECEIVED)).steps["rest"].amounts == AGENCY


def test_a_quality_deposit_is_kept_and_given_back(books: psycopg.Connection) -> None:
    filing = filed(books, replace(RULES, deposit_rate_ppm=50_000))
    held = {"residents_basic": 50_00, "medical_assistance": 2_50}
    assert deposit_due(filing) == held
    refused(lambda: settle_deposit(books, REGION, "F1", held, "", act(RECEIVED)), "wrong-order")
    found = review(books, REGION, "F1", {}, "", act(RECEIVED))
    pay_rest(books, REGION, "F1", rest_due(found), act(RECEIVED))
    assert balance(books, "deposit", INSTITUTION) == -52_50
    released = held | {"residents_basic": 40_00}
    refused(lambda: settle_deposit(books, REGION, "F1", released, "", act(RECEIVED)),
            "payment-differs")
    refused(lambda: settle_deposit(books, REGION, "F1", {"residents_basic": 50_01}, "x",
                                   act(RECEIVED)), "payment-differs")
    settle_deposit(books, REGION, "F1", released, "assessment", act(RECEIVED))
    assert balance(books, "deposit", INSTITUTION) == 0
    assert balance(books, "deduction", INSTITUTION) == -10_00


def test_overdue_filings_age(books: psycopg.Connection) -> None:
    filed(books)
    file_month(books, REGION, "F2", INSTITUTION, MARCH, "insurer",
               {"critical_illness": CRITICAL_FEN}, RULES, act(date(2024, 4, 30)))
    rows = standings(books, REGION, CALENDAR, date(2024, 5, 23))
    assert [(row.filing.filing_id, row.overdue, row.late_days) for row in rows] == [
        ("F1", "rest", 3), ("F2", "", 0)]
    assert aging(rows, RULES.aging_days) == [
        ("0", 1, CRITICAL_FEN), ("1-10", 1, BASIC_FEN + ASSIST_FEN), ("11-30", 0, 0),
        ("31-90", 0, 0), (">90", 0, 0)]
    refused(lambda: standings(books, REGION, CALENDAR, date(2027, 1, 4)), "no-calendar")


def test_two_who_pay_at_once_pay_once(closed: Database) -> None:
    month, amounts = date(2024, 3, 1), {"residents_basic": 500}
    with closed.connection() as connection:
        filing = file_month(connection, REGION, "H2-3", "H2", month, "agency", amounts, RULES,
                            act(RECEIVED))
    barrier, found = threading.Barrier(5), []

    def pay() -> None:
        with closed.connection() as connection:
            barrier.wait()
            found.append(pay_advance(connection, REGION, "H2-3", advance_due(filing),
                                     act(date(2024, 5, 3))))

    threads = [threading.Thread(target=pay) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5 and all(one == found[0] for one in found)
    with closed.connection() as connection:
        assert balance(connection, "bank") == -350
        close = close_day(connection, REGION, date(2024, 5, 3), noon("2024-05-04"), "clerk")
        connection.commit()
        assert verify(connection).sound
    assert {(row.account, row.closing_fen) for row in balances_of(close)
            if row.institution == "H2"} >= {("payable", -150)}
