"""What a case books beside its settlement (手工报销记账): advances of institutions, payments."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from ...errors import Refusal
from ...ledger import CHINA_TIME, PERSON, Entry, Posting, negated
from ...money import yuan_text
from .model import Case


def check_advance(case: Case, funds: Mapping[str, int]) -> None:
    """Raises Refusal `advance-differs` when the institution advanced more than a fund owes."""
    for fund, fen in case.advanced.items():
        if fen > funds.get(fund, 0):
            raise Refusal("advance-differs", f"the institution advanced {yuan_text(fen)} for "
                          f"{fund}, which owes {yuan_text(funds.get(fund, 0))} (垫付金额不符)",
                          f"case {case.case_id}", "BJ-52",
                          "Clear it up with the institution, then settle.")


def advance_entry(case: Case, setl_id: str, year: str, now: datetime, back: bool = False) -> Entry:
    """What the institution advanced is owed to it and not to the person (BJ-52, BJ-53); `back`
    takes that back after a reversal."""
    rows = tuple(row for fund, fen in sorted(case.advanced.items()) for row in (
        Posting("payable", fund, PERSON, fen), Posting("payable", fund, case.institution, -fen)))
    return Entry(f"{setl_id}.advanced{'.back' if back else ''}", case.region, "advanced",
                 case.psn_no, year, setl_id, now, now, negated(rows) if back else rows)


def payment_entry(case: Case, due: Mapping[str, int], on: date, now: datetime) -> Entry:
    """The money leaves the funds' banks for the person's (BJ-51), or comes back."""
    rows = tuple(row for fund, fen in due.items() for row in (
        Posting("payable", fund, PERSON, fen), Posting("bank", fund, "", -fen)))
    moment = datetime.combine(on, now.astimezone(CHINA_TIME).timetz())
    return Entry(f"{case.case_id}.{len(case.events)}", case.region, "payment", case.psn_no,
                 case.year, case.setl_id, moment, now, rows)


def funds_of(answer: Mapping[str, object]) -> dict[str, int]:
    """fund -> fen of a settlement's answer."""
    return {fund: int(yuan.replace(".", ""))
            for fund, yuan in answer["this_settlement"]["funds"].items()}


def told(amounts: Mapping[str, int]) -> str:
    """Amounts by fund for a sentence."""
    return ", ".join(f"{fund} {yuan_text(fen)}" for fund, fen in amounts.items()) or "0.00"
