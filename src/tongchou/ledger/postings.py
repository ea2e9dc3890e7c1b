"""Postings, entries and accounts (分录、凭证、科目): what the books are made of.

Debit is positive, credit negative, and every entry sums to zero. A posting names its account, and
where they matter the fund and the institution.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

PERSON = "person"          # in the place of an institution: the fund owes the insured person
FEN_LIMIT = 2 ** 63        # a posting is a bigint


class Account(NamedTuple):
    """An account: names, what identifies one (of fund, institution), and what it means."""

    en: str
    zh: str
    by: tuple[str, ...]
    kind: str
    meaning: str


ACCOUNTS: dict[str, Account] = {
    "expense": Account("benefits paid", "待遇支出", ("fund",), "Expenses",
                       "what a fund pays for insured persons; its sum by person, year and fund is "
                       "the accumulator"),
    "cash": Account("paid by persons", "个人支付", (), "Expenses",
                    "what persons pay themselves"),
    "absorbed": Account("borne by institutions", "医院负担", ("institution",), "Expenses",
                        "what an institution bears itself"),
    "payable": Account("owed for benefits", "应付待遇款", ("fund", "institution"), "Liabilities",
                       "what a fund owes an institution that advanced it (BJ-46), or `person`"),
    "collected": Account("collected by institutions", "医院已收个人款", ("institution",),
                         "Income", "what an institution took from persons: against `cash`"),
    "own_share": Account("institutions' own share", "医院自担", ("institution",), "Income",
                         "against `absorbed`"),
    "bank": Account("bank", "银行存款", ("fund",), "Assets",
                    "money of a fund: payments are credits"),
    "deduction": Account("deducted on review", "审核扣款", ("fund", "institution"), "Income",
                         "what the review refused to pay back (BJ-49)"),
    "deposit": Account("quality deposit", "质量保证金", ("fund", "institution"), "Liabilities",
                       "what is kept back until the institution's assessment"),
    "advance": Account("working advance", "周转金", ("fund", "institution"), "Assets",
                       "money lent to an institution before it has filed anything"),
}


class Posting(NamedTuple):
    """One line of an entry: account, fund, institution (or `person`), fen; debit positive."""

    account: str
    fund: str
    institution: str
    amount_fen: int


@dataclass(frozen=True)
class Entry:
    """One entry of the journal (记账凭证): postings that sum to zero, and why they are booked.

    `reference` is the setl_id, or the number of a filing or payment; `psn_no` and `year` stand
    when it moves a person's accumulators. Times know their zone: `event_at` is when it happened,
    `booked_at` when it was written. `evidence` is the sha256 of what was settled, in hex, where a
    settlement is what is booked.
    """

    entry_id: str
    region: str
    kind: str
    psn_no: str | None
    year: str | None
    reference: str
    event_at: datetime
    booked_at: datetime
    postings: tuple[Posting, ...]
    evidence: str = ""

    def __post_init__(self) -> None:
        assert self.event_at.tzinfo and self.booked_at.tzinfo, "times must know their zone"
        assert (self.psn_no is None) == (self.year is None), (self.psn_no, self.year)
        assert self.postings, f"{self.entry_id} moves nothing"
        for row in self.postings:
            assert row.account in ACCOUNTS, row
            assert type(row.amount_fen) is int and 0 < abs(row.amount_fen) < FEN_LIMIT, row
        assert sum(row.amount_fen for row in self.postings) == 0, self.postings


def postings_of_bill(paid: Mapping[str, int], person_fen: int, absorbed_fen: int,
                     institution: str, to_person: bool = False) -> tuple[Posting, ...]:
    """The postings of a settled bill, or of the difference between two (fen, signed).

    `paid`: fund -> fen. The institution advances what the funds pay (BJ-46), so they owe it to
    the institution; after a manual reimbursement (`to_person`, BJ-50) they owe it to the person.
    A reversal is the bill with every amount negated. Rows of zero are left out.
    """
    assert institution and institution != PERSON, institution
    payee = PERSON if to_person else institution
    funds = sorted(paid)
    rows = (*(Posting("expense", fund, "", paid[fund]) for fund in funds),
            Posting("cash", "", "", person_fen),
            Posting("absorbed", "", institution, absorbed_fen),
            *(Posting("payable", fund, payee, -paid[fund]) for fund in funds),
            Posting("collected", "", institution, -person_fen),
            Posting("own_share", "", institution, -absorbed_fen))
    found = tuple(row for row in rows if row.amount_fen)
    assert sum(row.amount_fen for row in found) == 0, found
    return found


def negated(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    """The postings that take others back (冲正)."""
    return tuple(row._replace(amount_fen=-row.amount_fen) for row in postings)
