"""Day close: balances, accumulators, heads; once, in order, and never of a day that is not over."""
from __future__ import annotations

import json
import threading
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from journal_rows import INSTITUTION, REGION, fill, noon, settle, tampering
from tongchou.database import Database, shard_of
from tongchou.errors import Refusal
from tongchou.ledger import (Entry, Posting, append, balances_of, close_day, last_close, verify,
                             write_close)

FIRST, SECOND = date(2024, 3, 1), date(2024, 3, 2)
LATER = noon("2024-03-10")


@pytest.fixture
def books(fresh_database: Database) -> Database:
    """Two days of bills."""
    fill(fresh_database)
    return fresh_database


def test_a_day_is_balanced_counted_and_sealed(books: Database, tmp_path: Path) -> None:
    with books.connection() as connection:
        close = close_day(connection, REGION, FIRST, LATER, "tester")
        assert close_day(connection, REGION, FIRST, LATER + timedelta(1), "another") == close
    rows = {(row.account, row.fund, row.institution): row for row in balances_of(close)}
    paid_fen = 10 * 100_00 + sum(range(10))
    expense = rows["expense", "residents_basic", ""]
    assert (expense.opening_fen, expense.debit_fen, expense.credit_fen, expense.closing_fen) == (
        0, paid_fen, 0, paid_fen)
    assert rows["payable", "residents_basic", INSTITUTION].closing_fen == -paid_fen
    assert close.found["totals"] == {
        "entries": 10, "entries_ever": 10, "person_years": 5,
        "debit_fen": paid_fen + 10 * 40_00, "credit_fen": paid_fen + 10 * 40_00}
    write_close(close, tmp_path / "close.json")
    assert json.loads((tmp_path / "close.json").read_text("utf-8"))["hash"] == close.hash.hex()


def test_closes_follow_each_other(books: Database) -> None:
    with books.connection() as connection:
        first = close_day(connection, REGION, FIRST, LATER, "tester")
        second = close_day(connection, REGION, SECOND, LATER, "tester")
        quiet = close_day(connection, REGION, date(2024, 3, 4), LATER, "tester")
        connection.commit()
        assert verify(connection).sound
    assert second.prev_hash == first.hash and quiet.prev_hash == second.hash
    assert all(row.opening_fen == row.closing_fen for row in balances_of(quiet))
    openings = {row.opening_fen for row in balances_of(second)}
    assert openings == {row.closing_fen for row in balances_of(first)}


@pytest.mark.parametrize(("day", "code"), [
    (date(2024, 3, 10), "day-not-over"), (date(2024, 4, 1), "day-not-over"),
    (date(2024, 2, 28), "day-before-last-close"), (FIRST, "day-before-last-close")])
def test_other_days_are_refused(books: Database, day: date, code: str) -> None:
    with books.connection() as connection:
        close_day(connection, REGION, SECOND, LATER, "tester")
        with pytest.raises(Refusal) as refused:
            close_day(connection, REGION, day, LATER, "tester")
    assert refused.value.code == code and refused.value.hint


def test_midnight_needs_its_grace_and_an_unknown_region_is_refused(books: Database) -> None:
    midnight = noon("2024-03-02") - timedelta(hours=12)
    with books.connection() as connection:
        for region, moment, code in ((REGION, midnight, "day-not-over"),
                                     ("999999", LATER, "unknown-region")):
            with pytest.raises(Refusal) as refused:
                close_day(connection, region, FIRST, moment, "tester")
            assert refused.value.code == code


def test_an_accumulator_that_is_not_the_sum_of_the_journal_is_named(books: Database) -> None:
    with tampering(books) as connection:
        connection.execute("""update person_year set paid = '{"residents_basic": 1, "odd": 5}'
                           where psn_no = 'P1'""")
    with books.connection() as connection, pytest.raises(Refusal) as refused:
        close_day(connection, REGION, SECOND, LATER, "tester")
    assert refused.value.code == "books-differ" and refused.value.message.startswith("3 acc")
    for part in ("P1 2024 odd: journal 0, person_year 5", "critical_illness: journal 4000"):
        assert part in refused.value.message
    with books.connection() as connection:
        assert last_close(connection, REGION) is None


def test_money_that_goes_from_fund_to_fund_is_refused(books: Database) -> None:
    moment = noon("2024-03-02", 30)
    with books.connection() as connection:
        append(connection, Entry("E1", REGION, "payment", None, None, "R1", moment, moment,
                                 (Posting("bank", "one", "", 5), Posting("bank", "two", "", -5))),
               shard_of(REGION, INSTITUTION))
        with pytest.raises(Refusal) as refused:
            close_day(connection, REGION, SECOND, LATER, "tester")
    assert refused.value.code == "fund-out-of-balance"


def test_a_late_entry_falls_into_the_next_close(books: Database) -> None:
    with books.connection() as connection:
        first = close_day(connection, REGION, FIRST, LATER, "tester")
        # A chain of its own takes an older time: book() knows only its last entry.
        late = next(f"Q{n}" for n in range(99) if shard_of(REGION, f"Q{n}") not in first.heads)
        settle(connection, late, "late", {"residents_basic": 7}, noon("2024-03-01"))
        second = close_day(connection, REGION, SECOND, LATER, "tester")
        assert second.found["totals"]["entries"] == 11
        connection.commit()
        assert verify(connection).sound


def test_two_who_close_at_once_get_one_close(books: Database) -> None:
    found, barrier = [], threading.Barrier(4)

    def close() -> None:
        with books.connection() as connection:
            barrier.wait()
            name = threading.current_thread().name
            found.append(close_day(connection, REGION, FIRST, LATER, name))

    threads = [threading.Thread(target=close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1


def test_a_clock_that_jumps_back_is_refused(books: Database) -> None:
    with books.connection() as connection, pytest.raises(Refusal) as refused:
        settle(connection, "P1", "again", {"residents_basic": 7}, noon("2024-02-01"))
    assert refused.value.code == "clock-went-back"


@pytest.mark.both_servers
def test_nobody_changes_a_close(database: Database) -> None:
    fill(database)
    with database.connection() as connection:
        close_day(connection, REGION, FIRST, LATER, "tester")
    for statement in ("update day_close set body = ''", "delete from day_close",
                      "truncate day_close"):
        with database.admin() as connection, pytest.raises(psycopg.Error, match="append-only"):
            connection.execute(statement)
