"""What was done to the books is found, and the first bad entry named (账簿核验)."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import psycopg
import pytest
from journal_rows import REGION, fill, noon, tampering
from tongchou.database import Database
from tongchou.ledger import chain_hash, close_day, verify

SHARD = 7
TABLES = ("chain", "journal_entry", "day_close", "person_year")


@pytest.fixture(scope="module")
def filled(database: Database) -> Database:
    """Two days of bills, the first closed, and a copy of everything."""
    fill(database)
    with database.connection() as connection:
        close_day(connection, REGION, date(2024, 3, 1), noon("2024-03-03"), "tester")
    with tampering(database) as connection:
        for table in TABLES:
            connection.execute(f"create table saved_{table} as table {table}")
    return database


@pytest.fixture
def books(filled: Database) -> Iterator[Database]:
    """The books; whatever a test does to them is undone."""
    yield filled
    with tampering(filled) as connection:
        for table in TABLES:
            connection.execute(f"delete from {table}")
            connection.execute(f"insert into {table} table saved_{table}")


def first_finding(database: Database) -> tuple[int, int, str]:
    with database.connection() as connection:
        report = verify(connection, REGION)
    assert not report.sound
    found = report.findings[0]
    return found.shard, found.seq, found.what


def test_sound_books_are_sound(books: Database) -> None:
    with books.connection() as connection:
        report = verify(connection)
    assert report.sound, [str(found) for found in report.findings]
    assert (report.chains, report.entries, report.postings, report.closes) == (3, 20, 120, 1)
    assert sum(report.balances.values()) == 0
    assert report.balances[REGION, "expense", "critical_illness", ""] == 20 * 10_00


CHAIN = f"region = '{REGION}' and shard = {SHARD}"
BOOKED = ("journal_entry",)
Tamper = Callable[[psycopg.Connection], object]


def statement(text: str) -> Tamper:
    return lambda connection: connection.execute(text)


def delete(connection: psycopg.Connection, rows: str, tables: tuple[str, ...]) -> None:
    for table in tables:
        connection.execute(f"delete from {table} where {CHAIN} {rows}")


def recount(connection: psycopg.Connection, until: int) -> None:
    """Cuts the tail after `until` and makes the head row agree with what is left."""
    delete(connection, f"and seq > {until}", BOOKED)
    connection.execute(f"update chain set last_seq = {until}, last_hash = (select hash from "
                       f"journal_entry where {CHAIN} and seq = {until}) where {CHAIN}")


def rehash(connection: psycopg.Connection) -> None:
    """Somebody who knows the rule: changes entry 2 and makes every later hash fit."""
    connection.execute(f"update journal_entry set body = replace(body, '\"kind\":\"settlement\"', "
                       f"'\"kind\":\"Settlement\"'), kind = 'Settlement' where {CHAIN} and seq = 2")
    rows = connection.execute(f"select seq, body from journal_entry where {CHAIN} "
                              "order by seq").fetchall()
    before = bytes(32)
    for seq, body in rows:
        after = chain_hash(before, seq, body)
        connection.execute(f"update journal_entry set prev_hash = %s, hash = %s where {CHAIN} "
                           "and seq = %s", (before, after, seq))
        before = after
    connection.execute(f"update chain set last_hash = %s where {CHAIN}", (before,))


# what was done -> (seq of the first bad entry, what differs)
TAMPERED: dict[str, tuple[Tamper, int, str]] = {
    "one byte of the text": (statement(
        "update journal_entry set body = replace(body, '\"kind\":\"s', '\"kind\":\"t') "
        f"where {CHAIN} and seq = 4"), 4, "body, kind"),
    "a space in the text": (statement(
        f"update journal_entry set body = body || ' ' where {CHAIN} and seq = 4"), 4,
        "body, character"),
    "a text that is no JSON": (statement(
        f"update journal_entry set body = 'x' || substr(body, 2) where {CHAIN} and seq = 4"), 4,
        "body, character 1"),
    "one byte of the hash": (statement(
        "update journal_entry set hash = set_byte(hash, 3, get_byte(hash, 3) # 1) "
        f"where {CHAIN} and seq = 4"), 4, "hash"),
    "the former hash": (statement(
        "update journal_entry set prev_hash = set_byte(prev_hash, 0, get_byte(prev_hash, 0) # 1) "
        f"where {CHAIN} and seq = 5"), 5, "prev_hash"),
    "an amount": (statement(
        f"update journal_entry set amounts[1] = amounts[1] + 1 where {CHAIN} and seq = 3"),
        3, "posting 1"),
    "two amounts that still balance": (statement(
        "update journal_entry set amounts[1] = amounts[1] + 1, amounts[2] = amounts[2] - 1 "
        f"where {CHAIN} and seq = 3"), 3, "posting 1"),
    "the institution of a posting": (statement(
        f"update journal_entry set institutions[4] = 'H9' where {CHAIN} and seq = 3"), 3,
        "posting 4"),
    "a deleted entry": (statement(f"delete from journal_entry where {CHAIN} and seq = 6"), 6,
                        "entry"),
    "the deleted first entry": (statement(f"delete from journal_entry where {CHAIN} and seq = 1"),
                                1, "entry"),
    "a deleted posting": (statement(
        "update journal_entry set accounts = accounts[1:5], funds = funds[1:5], "
        "institutions = institutions[1:5], amounts = amounts[1:5] "
        f"where {CHAIN} and seq = 6"), 6, "posting 6"),
    "a posting more": (statement(
        "update journal_entry set accounts = array_append(accounts, 'bank'), "
        "funds = array_append(funds, 'x'), "
        "institutions = array_append(institutions, ''), amounts = amounts || 5::bigint "
        f"where {CHAIN} and seq = 6"), 6, "posting 7"),
    "the evidence of what was settled": (statement(
        f"update journal_entry set evidence = 'x' where {CHAIN} and seq = 6"), 6, "evidence"),
    "two texts swapped": (statement(
        "update journal_entry e set body = o.body from journal_entry o where "
        f"e.region = '{REGION}' and e.shard = {SHARD} and o.region = e.region "
        "and o.shard = e.shard and e.seq in (4, 9) and o.seq = 13 - e.seq"), 4, "body"),
    "two whole rows swapped": (statement(
        "update journal_entry e set body = o.body, psn_no = o.psn_no, "
        "reference = o.reference, booked_at = o.booked_at, event_at = o.event_at, hash = o.hash, "
        f"prev_hash = o.prev_hash from journal_entry o where e.region = '{REGION}' and "
        f"e.shard = {SHARD} and o.region = e.region and o.shard = e.shard and e.seq in (4, 9) "
        "and o.seq = 13 - e.seq"), 4, "prev_hash"),
    "a cut tail": (lambda connection: delete(connection, "and seq > 8", BOOKED), 9, "entry"),
    "a cut tail and head row": (lambda connection: recount(connection, 5), 6, "entry"),
    "a chain hashed anew": (rehash, 6, "hash against the stored day close"),
    "a person's name on an entry": (statement(
        f"update journal_entry set psn_no = 'P0' where {CHAIN} and seq = 2"), 2, "psn_no"),
    "a time": (statement("update journal_entry set booked_at = booked_at + interval '1 "
                         f"microsecond' where {CHAIN} and seq = 2"), 2, "booked_at"),
    "the head row's hash": (statement(
        f"update chain set last_hash = decode(repeat('ab', 32), 'hex') where {CHAIN}"), 12,
        "hash in the head row"),
    "the head row's number": (statement(
        f"update chain set last_seq = 11 where {CHAIN}"), 12, "entry beyond the head row"),
    "no head row": (statement(f"delete from chain where {CHAIN}"), 12, "head row"),
    "a whole chain gone": (
        lambda connection: delete(connection, "", ("chain", *BOOKED)), 1, "entry"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_the_first_bad_entry_is_named(books: Database, name: str) -> None:
    tamper, seq, what = TAMPERED[name]
    with tampering(books) as connection:
        tamper(connection)
    found = first_finding(books)
    assert found[:2] == (SHARD, seq) and what in found[2], found


def test_two_bad_chains_are_both_named(books: Database) -> None:
    with tampering(books) as connection:
        connection.execute("update journal_entry set body = body || ' ' where seq >= 2")
    with books.connection() as connection:
        report = verify(connection)
    assert len(report.findings) == 3 and {found.seq for found in report.findings} == {2}


@pytest.mark.parametrize(("change", "what"), [
    ("body = replace(body, 'tester', 'Tester')", "hash of the close"),
    ("body = 'nothing'", "hash of the close"),
    ("hash = sha256(hash)", "hash of the close")])
def test_an_edited_close_is_named(books: Database, change: str, what: str) -> None:
    with tampering(books) as connection:
        connection.execute(f"update day_close set {change}")
    assert what in first_finding(books)[2]


def test_an_accumulator_that_was_edited_is_named(books: Database) -> None:
    with tampering(books) as connection:
        connection.execute("""update person_year
                           set paid = (paid::jsonb || '{"critical_illness": 0}')::json
                           where psn_no = 'P1'""")
    with books.connection() as connection:
        report = verify(connection)
    assert not report.findings and not report.sound
    found, = report.accumulators
    assert (found.psn_no, found.fund, found.journal, found.stored) == (
        "P1", "critical_illness", "4000", "0")
