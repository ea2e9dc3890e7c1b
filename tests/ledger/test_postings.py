"""Postings of bills and the one text of an entry."""
from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tongchou.ledger import (ACCOUNTS, Entry, Posting, canonical, entry_of, entry_order, negated,
                             postings_of_bill)

FEN = st.integers(-10 ** 12, 10 ** 12)
PAID = st.dictionaries(st.sampled_from(["basic", "critical", "救助", "oth"]), FEN)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(
    lambda day: day.replace(tzinfo=timezone(timedelta(hours=8))))


def balance(postings: tuple[Posting, ...], account: str) -> int:
    return sum(row.amount_fen for row in postings if row.account == account)


@pytest.mark.clause("BJ-46")
def test_the_institution_advances_all_layers_and_the_funds_owe_it() -> None:
    found = postings_of_bill({"basic": 70000, "critical": 20000, "maf": 5000}, 4000, 1000, "H1")
    assert [row for row in found if row.account == "payable"] == [
        ("payable", "basic", "H1", -70000), ("payable", "critical", "H1", -20000),
        ("payable", "maf", "H1", -5000)]
    assert ("cash", "", "", 4000) in found and ("collected", "", "H1", -4000) in found
    assert ("absorbed", "", "H1", 1000) in found and ("own_share", "", "H1", -1000) in found


def test_a_manual_reimbursement_is_owed_to_the_person() -> None:
    found = postings_of_bill({"basic": 70000}, 4000, 0, "H1", to_person=True)
    assert ("payable", "basic", "person", -70000) in found
    assert balance(found, "expense") == 70000


@given(PAID, FEN, FEN, st.booleans())
def test_every_bill_and_difference_sums_to_zero(
        paid: dict[str, int], person_fen: int, absorbed_fen: int, to_person: bool) -> None:
    found = postings_of_bill(paid, person_fen, absorbed_fen, "H1", to_person)
    assert sum(row.amount_fen for row in found) == 0
    assert all(row.amount_fen and row.account in ACCOUNTS for row in found)
    assert balance(found, "expense") == sum(paid.values())
    back = {fund: -fen for fund, fen in paid.items()}
    assert postings_of_bill(back, -person_fen, -absorbed_fen, "H1", to_person) == negated(found)


@given(PAID, FEN, MOMENTS, st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_an_entry_has_one_text_and_comes_back_from_it(
        paid: dict[str, int], person_fen: int, moment: datetime, name: str) -> None:
    rows = postings_of_bill(paid, person_fen, 7, "H1")
    entry = Entry(name, "123456", "settlement", "P1", "2024", name, moment, moment, rows)
    body = canonical(entry)
    assert canonical(entry_of(body)) == body and entry_of(body) == entry
    utc = Entry(name, "123456", "settlement", "P1", "2024", name,
                moment.astimezone(timezone.utc), moment, rows)
    assert canonical(utc) == body


def test_the_text_of_an_entry_never_changes() -> None:
    moment = datetime(2024, 3, 1, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))
    entry = Entry("E1", "520500", "settlement", "P1", "2024", "S1", moment, moment,
                  postings_of_bill({"基本": 100}, 20, 0, "H1"), "ab")
    assert canonical(entry) == (
        '{"booked_at":"2024-03-01T02:00:00.000005Z","entry_id":"E1",'
        '"event_at":"2024-03-01T02:00:00.000005Z","evidence":"ab","kind":"settlement","postings":['
        '{"account":"expense","amount_fen":100,"fund":"基本","institution":""},'
        '{"account":"cash","amount_fen":20,"fund":"","institution":""},'
        '{"account":"payable","amount_fen":-100,"fund":"基本","institution":"H1"},'
        '{"account":"collected","amount_fen":-20,"fund":"","institution":"H1"}],'
        '"psn_no":"P1","reference":"S1","region":"520500","year":"2024"}')
    order = json.loads(json.dumps(entry_order(entry, 3)))
    assert order["amounts"] == [100, 20, -100, -20] and order["body"] == canonical(entry)


@pytest.mark.parametrize("rows", [(), (Posting("cash", "", "", 1),),
                                  (Posting("odd", "", "", 1), Posting("cash", "", "", -1)),
                                  (Posting("cash", "", "", 0),)])
def test_an_entry_that_does_not_balance_cannot_be_made(rows: tuple[Posting, ...]) -> None:
    moment = datetime(2024, 1, 1, tzinfo=timezone.utc)
    with pytest.raises(AssertionError):
        Entry("E1", "520500", "settlement", None, None, "S1", moment, moment, rows)
