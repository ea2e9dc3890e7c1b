"""A closed day for other programs (导出): a beancount file, and the trial balance as a workbook.

The beancount file opens the books with the former close, books every entry of the day and asserts
the balances of this close, so that beancount checks us with its own arithmetic. No entry names a
person: the setl_id leads an authorised reader to the settlement.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from psycopg import Connection

from ..errors import Refusal
from ..money import yuan_text
from ..terms import FUNDS
from . import close_store, store
from .canonical import entry_of
from .close import CHINA_TIME, ONE_DAY, Balance, balances_of, first_day
from .close_store import StoredClose
from .postings import ACCOUNTS, PERSON, Entry

CURRENCY = "CNY"
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
CODE = re.compile(r"[A-Z0-9][A-Za-z0-9]*\Z")
DIGEST = 10                        # hex digits that keep two odd names apart
HEADINGS = ("account", "科目", "fund", "基金", "institution 机构", "opening 期初", "debit 借方",
            "credit 贷方", "closing 期末")
FIRST_AMOUNT = 5


def closed_day(connection: Connection, region: str, day: date,
               ) -> tuple[StoredClose | None, StoredClose]:
    """The former close and that of a day. Raises Refusal `day-not-closed`."""
    close = close_store.last_close(connection, region, day)
    if close is None or close.day != day:
        raise Refusal("day-not-closed", f"{day} is not closed 当日未日结", region,
                      hint=f"`tongchou ledger close --region {region} --day {day}` closes it.")
    return close_store.last_close(connection, region, day - ONE_DAY), close


def beancount_lines(connection: Connection, region: str, day: date) -> Iterator[str]:
    """The lines of the beancount file of a closed day."""
    former, close = closed_day(connection, region, day)
    balances = balances_of(close)
    opened_on = former.day if former else first_day(connection, region, day)
    yield f'option "title" "{region} {day}"'
    yield f'option "operating_currency" "{CURRENCY}"'
    yield ""
    for row in balances:
        yield f"{opened_on} open {_account(row.account, row.fund, row.institution)} {CURRENCY}"
    if any(row.opening_fen for row in balances):
        yield f'\n{opened_on} * "opening balances 期初余额"'
        for row in balances:
            if row.opening_fen:
                yield _leg(row.account, row.fund, row.institution, row.opening_fen)
    for shard, (upto, _) in sorted(close.heads.items()):
        after = former.heads.get(shard, (0, ""))[0] if former else 0
        for row in store.entries(connection, region, shard, after, upto):
            entry = entry_of(row.body)
            booked = entry.booked_at.astimezone(CHINA_TIME).date()
            yield from _transaction(entry, shard, row.seq, max(opened_on, min(booked, day)))
    yield ""
    for row in balances:
        name = _account(row.account, row.fund, row.institution)
        yield (f"{day + ONE_DAY} balance {name} "
               f"{yuan_text(row.closing_fen)} {CURRENCY}")


def _transaction(entry: Entry, shard: int, seq: int, day: date) -> Iterator[str]:
    key = "setl_id" if entry.psn_no is not None else "reference"
    yield f"\n{day} * {_text(entry.kind)}"
    yield f"  entry_id: {_text(entry.entry_id)}"
    yield f"  {key}: {_text(entry.reference)}"
    yield f'  seq: "{shard}/{seq}"'
    for account, fund, institution, amount_fen in entry.postings:
        yield _leg(account, fund, institution, amount_fen)


def _leg(account: str, fund: str, institution: str, amount_fen: int) -> str:
    return f"  {_account(account, fund, institution)}  {yuan_text(amount_fen)} {CURRENCY}"


def _text(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _account(account: str, fund: str, institution: str) -> str:
    """`Liabilities:Payable:Residents-Basic:H001`; one name for one account, always."""
    parts = [ACCOUNTS[account].kind, account.title().replace("_", "-")]
    if fund:
        parts.append(fund.title().replace("_", "-") if SNAKE.match(fund) else _odd(fund))
    if institution == PERSON:
        parts.append("Insured-Persons")
    elif institution:
        parts.append(institution if CODE.match(institution) else _odd(institution))
    return ":".join(parts)


def _odd(name: str) -> str:
    """A name that beancount does not take, told apart by its digest."""
    plain = re.sub(r"[^A-Za-z0-9]", "", name)
    return f"X{plain}-{sha256(name.encode()).hexdigest()[:DIGEST]}"


def write_trial_balance(close: StoredClose, path: Path) -> None:
    """The trial balance of a close as a workbook with English and Chinese headings (试算平衡表)."""
    from xlsxwriter import Workbook
    beside = path.with_name(f".{path.stem}.{os.getpid()}.xlsx")
    try:
        with Workbook(str(beside), {"strings_to_formulas": False}) as book:
            money = book.add_format({"num_format": "#,##0.00"})
            bold = book.add_format({"bold": True})
            total = book.add_format({"num_format": "#,##0.00", "bold": True, "top": 1})
            sheet = book.add_worksheet("trial balance 试算平衡表")
            title = f"{close.region} {close.day} 日结 {close.hash.hex()[:16]}"
            sheet.write_string(0, 0, title, bold)
            for place, heading in enumerate(HEADINGS):
                sheet.write_string(1, place, heading, bold)
            rows = balances_of(close)
            for number, row in enumerate(rows, start=2):
                _write_row(sheet, number, row, money)
            sheet.write_string(len(rows) + 2, 0, "total 合计", bold)
            for place, amounts in enumerate(zip(*map(_amounts, rows), strict=True)):
                sheet.write_number(len(rows) + 2, FIRST_AMOUNT + place, _yuan(sum(amounts)), total)
            sheet.set_column(0, len(HEADINGS) - 1, 18)
            sheet.freeze_panes(2, 0)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _amounts(row: Balance) -> tuple[int, int, int, int]:
    return row.opening_fen, row.debit_fen, row.credit_fen, row.closing_fen


def _yuan(fen: int) -> Decimal:
    return Decimal(fen).scaleb(-2)


def _write_row(sheet: object, number: int, row: Balance, money: object) -> None:
    account, fund = ACCOUNTS[row.account], FUNDS.get(row.fund)
    words = (account.en, account.zh, row.fund, fund.zh if fund else row.fund,
             "insured persons 参保人" if row.institution == PERSON else row.institution)
    for place, word in enumerate(words):
        sheet.write_string(number, place, word)
    for place, fen in enumerate(_amounts(row)):
        sheet.write_number(number, FIRST_AMOUNT + place, _yuan(fen), money)
