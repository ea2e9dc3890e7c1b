"""The day's journal as beancount reads it, and the trial balance as a workbook."""
from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from beancount.core import data, realization
from journal_rows import INSTITUTION, PEOPLE, REGION, fill, noon, settle
from python_calamine import CalamineWorkbook
from tongchou.database import Database, shard_of
from tongchou.errors import Refusal
from tongchou.ledger import (Entry, Posting, append, balances_of, beancount_lines, close_day,
                             write_trial_balance)

DAYS = (date(2024, 3, 1), date(2024, 3, 2))
LATER = noon("2024-03-10")


@pytest.fixture(scope="module")
def books(database: Database) -> Database:
    """Two closed days, odd names in the second."""
    fill(database)
    with database.connection() as connection:
        settle(connection, "P1", 'odd "id" \\ 号', {"救助": 5_01, "Residents_Basic": 3, "a-b": -4},
               noon("2024-03-02", 20), institution="h-1", kind="reversal", person_fen=-7)
        moment = noon("2024-03-02", 30)
        append(connection, Entry(
            "pay-1", REGION, "payment", None, None, "F1", moment, moment,
            (Posting("payable", "residents_basic", INSTITUTION, 70_00),
             Posting("payable", "residents_basic", "person", 1),
             Posting("bank", "residents_basic", "", -70_01))), shard_of(REGION, INSTITUTION))
        for day in DAYS:
            close_day(connection, REGION, day, LATER, "tester")
    return database


@pytest.mark.parametrize("day", DAYS)
def test_beancount_finds_our_balances(books: Database, day: date) -> None:
    with books.connection() as connection:
        text = "\n".join(beancount_lines(connection, REGION, day))
        close = close_day(connection, REGION, day, LATER, "tester")
    entries, errors, _ = loader.load_string(text)
    assert not errors, errors[:3]
    booked = [entry for entry in entries if isinstance(entry, data.Transaction)]
    assert len(booked) == close.found["totals"]["entries"] + (day == DAYS[1])
    tree = realization.realize(entries)
    theirs = sorted(
        realization.get(tree, entry.account).balance.get_currency_units("CNY").number
        for entry in entries if isinstance(entry, data.Open))
    assert theirs == sorted(Decimal(row.closing_fen).scaleb(-2) for row in balances_of(close))
    assert not any(f'"{psn_no}"' in text for psn_no in PEOPLE)


def test_beancount_would_see_a_fen_too_much(books: Database) -> None:
    with books.connection() as connection:
        text = "\n".join(beancount_lines(connection, REGION, DAYS[0]))
    found = text.rindex("10.00 CNY")
    assert loader.load_string(text[:found] + "10.01 CNY" + text[found + 9:])[1]


def test_a_day_that_is_not_closed_is_not_exported(books: Database) -> None:
    with books.connection() as connection, pytest.raises(Refusal) as refused:
        list(beancount_lines(connection, REGION, date(2024, 3, 3)))
    assert refused.value.code == "day-not-closed"


def test_the_workbook_says_the_same(books: Database, tmp_path: Path) -> None:
    with books.connection() as connection:
        close = close_day(connection, REGION, DAYS[1], LATER, "tester")
    write_trial_balance(close, tmp_path / "trial.xlsx")
    book = CalamineWorkbook.from_path(str(tmp_path / "trial.xlsx"))
    rows = book.get_sheet_by_index(0).to_python()
    assert rows[1][:4] == ["account", "科目", "fund", "基金"]
    ours = balances_of(close)
    assert [round(row[8] * 100) for row in rows[2:-1]] == [row.closing_fen for row in ours]
    assert rows[-1][5] == 0 and rows[-1][8] == 0 and rows[-1][6] == rows[-1][7]
    assert any(row[:4] == ["benefits paid", "待遇支出", "residents_basic", "居民基本医保"]
               for row in rows)
