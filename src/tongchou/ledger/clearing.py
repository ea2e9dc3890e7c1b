"""Clearing with institutions (与定点机构清算): filing, early payment, review, the rest (BJ-46..49).

An institution advances what the funds owe its patients. After the month it files the sums with
each payer; they must equal the books to the fen. Every step happens once: the same again is
answered with what stands, anything else is refused. Nothing here commits.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from psycopg import Connection

from ..database import shard_of
from ..errors import Refusal
from ..money import PPM, divide_rounded, yuan_text
from . import clearing_store, close_store, store
from .clearing_store import Filing, Step
from .close import CHINA_TIME, ONE_DAY, month_end
from .postings import Entry, Posting
from .rules import ClearingRules

Amounts = Mapping[str, int]


@dataclass(frozen=True)
class Act:
    """Who does something, on which day, and the moment it is written down."""

    on: date
    by: str
    now: datetime

    def check(self, earliest: date, what: str) -> None:
        """Raises Refusal `wrong-day` for a day to come, or before what it follows from."""
        if self.on > self.now.astimezone(CHINA_TIME).date():
            raise Refusal("wrong-day", f"{self.on} lies in the future 日期在未来",
                          hint="Enter it on the day it happens.")
        if self.on < earliest:
            raise Refusal("wrong-day", f"{self.on} lies before {what}, {earliest} 日期过早",
                          hint="Check the day.")


def advanced_in(connection: Connection, region: str, month: date, institution: str | None = None,
                ) -> list[tuple[str, str, int]]:
    """(institution, fund, fen) advanced in a month, reversals taken off (BJ-46).

    `month`: its first day. Raises Refusal `month-not-closed`.
    """
    assert month.day == 1, month
    close = close_store.last_close(connection, region, month_end(month))
    if close is None or close.day != month_end(month):
        raise Refusal("month-not-closed", f"{month:%Y-%m} is not closed 当月未结账", region,
                      hint=f"`tongchou ledger close --region {region} --day {month_end(month)}` "
                      "closes it when it is over.")
    former = close_store.last_close(connection, region, month - ONE_DAY)
    return clearing_store.advanced(connection, region, former, close, institution)


def file_month(connection: Connection, region: str, filing_id: str, institution: str, month: date,
               payer: str, amounts: Amounts, rules: ClearingRules, act: Act) -> Filing:
    """An institution files a month's advances with one payer; `act.on` is the day of receipt.

    BJ-47: within two weeks after month end; a late filing is taken and marked (see `filed_late`).
    Raises Refusal `month-not-closed`, `wrong-day`, `fund-without-payer`, `wrong-payer`,
    `nothing-to-file`, `filing-differs` (from the books, fund by fund) or `already-filed`.
    """
    clearing_store.lock(connection, region, f"{institution} {month} {payer}")
    asked = {fund: fen for fund, fen in sorted(amounts.items()) if fen}
    wanted = Filing(filing_id, institution, month, payer, act.on, asked, rules, act.by, {})
    stored = _stored_filing(connection, region, wanted)
    if stored is not None:
        return stored
    act.check(month_end(month) + ONE_DAY, "the month was over")
    for fund in asked:
        if rules.payer_of(fund) != payer:
            raise Refusal("wrong-payer", f"{fund} is filed with {rules.payer_of(fund)}, not with "
                          f"{payer} 申报对象不符", filing_id, "BJ-47", "File it there.")
    booked = {fund: fen for _, fund, fen in advanced_in(connection, region, month, institution)
              if rules.payer_of(fund) == payer}
    if not booked and not asked:
        raise Refusal("nothing-to-file", f"{institution} advanced nothing for {payer} in "
                      f"{month:%Y-%m} 无可申报金额", filing_id, "BJ-47")
    _same_amounts(asked, booked, "filing-differs", filing_id, "BJ-47", "the books say",
                  "Reconcile the days of the month first (`tongchou ledger reconcile`).")
    taken = clearing_store.add_filing(connection, region, wanted, act.now)
    if not taken:
        raise _already(f"the number {filing_id} is taken", filing_id)
    return wanted


def _stored_filing(connection: Connection, region: str, wanted: Filing) -> Filing | None:
    known = clearing_store.filing_of(connection, region, wanted.institution, wanted.month,
                                     wanted.payer)
    if known is None:
        return None
    stored, = clearing_store.filings(connection, region, known)
    if (stored.filing_id, stored.amounts, stored.received_on) != (
            wanted.filing_id, wanted.amounts, wanted.received_on):
        raise _already(f"{wanted.institution} filed {wanted.month:%Y-%m} with {wanted.payer} as "
                       f"{known}, with other content", wanted.filing_id)
    return stored


def _already(message: str, where: str) -> Refusal:
    return Refusal("already-filed", f"{message} 已申报", where, "BJ-47",
                   "A filing is never changed; corrections come with the next month's books.")


def filed_late(filing: Filing) -> bool:
    """Whether it came after its term of two weeks (BJ-47)."""
    return filing.received_on > month_end(filing.month) + timedelta(
        days=filing.rules.file_within_days)


def find_filing(connection: Connection, region: str, filing_id: str) -> Filing:
    """A filing with all that was done. Raises Refusal `unknown-filing`."""
    found = clearing_store.filings(connection, region, filing_id)
    if not found:
        raise Refusal("unknown-filing", f"there is no filing {filing_id} 无此申报", region,
                      hint="`tongchou ledger filings` lists them.")
    return found[0]


def advance_due(filing: Filing) -> dict[str, int]:
    """What may be paid before the review: the area's share of each fund's sum (BJ-48)."""
    return _share(filing.amounts, filing.rules.advance_rate_ppm, filing.rules.rounding)


def deposit_due(filing: Filing) -> dict[str, int]:
    """The quality deposit kept back of what the review left."""
    return _share(_less(filing.amounts, _amounts(filing, "review")),
                  filing.rules.deposit_rate_ppm, filing.rules.rounding)


def rest_due(filing: Filing) -> dict[str, int]:
    """What is left to pay after the review (BJ-49); negative is to be paid back."""
    return _less(filing.amounts, _amounts(filing, "review"), _amounts(filing, "advance"),
                 deposit_due(filing))


def outstanding(filing: Filing) -> dict[str, int]:
    """What the payer still owes: the rest, or nothing once it is paid."""
    return {} if "rest" in filing.steps else rest_due(filing)


def pay_advance(connection: Connection, region: str, filing_id: str, amounts: Amounts, act: Act,
                ) -> Filing:
    """Pays the early share (BJ-48): payable -> bank. Over- and underpayment are refused.

    Raises Refusal `payment-differs`, `already-done`, `wrong-day`, `wrong-order`, `unknown-filing`.
    """
    filing, stored = _begin(connection, region, filing_id, "advance", amounts, "", act)
    if stored:
        return filing
    if "review" in filing.steps or "rest" in filing.steps:
        raise Refusal("wrong-order", "the review is done: the rest is paid as one 已审核",
                      filing_id, "BJ-48", "Pay the rest.")
    act.check(filing.received_on, "the filing was received")
    due = advance_due(filing)
    _same_amounts(amounts, due, "payment-differs", filing_id, "BJ-48", "due is")
    rows = _two_sided(due, filing.institution, "payable", "bank")
    return _done(connection, region, filing, "advance", due, "", rows, act)


def review(connection: Connection, region: str, filing_id: str, deductions: Amounts, why: str,
           act: Act) -> Filing:
    """Ends the review (BJ-49) with what is not paid back, fund -> fen, and why.

    Raises Refusal `bad-deduction`, `already-done`, `wrong-day` or `unknown-filing`.
    """
    filing, stored = _begin(connection, region, filing_id, "review", deductions, why, act)
    if stored:
        return filing
    act.check(filing.received_on, "the filing was received")
    for fund, fen in deductions.items():
        if not 0 <= fen <= max(0, filing.amounts.get(fund, 0)):
            raise Refusal("bad-deduction", f"{yuan_text(fen)} cannot be taken off {fund}, of which "
                          f"{yuan_text(filing.amounts.get(fund, 0))} was filed 扣款超出申报额",
                          filing_id, "BJ-49", "Deduct between nothing and the filed sum.")
    taken = {fund: fen for fund, fen in sorted(deductions.items()) if fen}
    if taken and not why.strip():
        raise Refusal("bad-deduction", "a deduction needs its reason 扣款须说明理由", filing_id,
                      "BJ-49", "Say why.")
    rows = _two_sided(taken, filing.institution, "payable", "deduction")
    return _done(connection, region, filing, "review", taken, why, rows, act)


def pay_rest(connection: Connection, region: str, filing_id: str, amounts: Amounts, act: Act,
             ) -> Filing:
    """Pays the rest after the review (BJ-49); what is negative comes back from the institution.

    Raises Refusal `payment-differs`, `already-done`, `wrong-day`, `wrong-order`, `unknown-filing`.
    """
    filing, stored = _begin(connection, region, filing_id, "rest", amounts, "", act)
    if stored:
        return filing
    if "review" not in filing.steps:
        raise Refusal("wrong-order", "the review is not done 尚未审核", filing_id, "BJ-49",
                      "Enter its result first, without deductions if there are none.")
    act.check(max(step.done_on for step in filing.steps.values()), "the step before")
    due = rest_due(filing)
    _same_amounts(amounts, due, "payment-differs", filing_id, "BJ-49", "due is")
    rows = (*_two_sided(due, filing.institution, "payable", "bank"),
            *_two_sided(deposit_due(filing), filing.institution, "payable", "deposit"))
    return _done(connection, region, filing, "rest", due, "", rows, act)


def settle_deposit(connection: Connection, region: str, filing_id: str, released: Amounts,
                   why: str, act: Act) -> Filing:
    """Gives the quality deposit back after the assessment; what is not given back is deducted.

    Raises Refusal `payment-differs`, `already-done`, `wrong-day`, `wrong-order`, `unknown-filing`.
    """
    filing, stored = _begin(connection, region, filing_id, "deposit", released, why, act)
    if stored:
        return filing
    kept = deposit_due(filing) if "rest" in filing.steps else {}
    if not kept:
        raise Refusal("wrong-order", "no deposit is held 无质量保证金", filing_id,
                      hint="It is kept back when the rest is paid.")
    act.check(filing.steps["rest"].done_on, "the rest was paid")
    lost = _less(kept, released)
    if any(fen < 0 for fen in (*lost.values(), *released.values())) or (lost and not why.strip()):
        raise Refusal("payment-differs", "more than the deposit, or part of it is kept without a "
                      "reason 保证金金额不符", filing_id, hint=f"Held is {_words(kept)}.")
    rows = (*_two_sided(released, filing.institution, "deposit", "bank"),
            *_two_sided(lost, filing.institution, "deposit", "deduction"))
    return _done(connection, region, filing, "deposit", released, why, rows, act)


def _begin(connection: Connection, region: str, filing_id: str, step: str, amounts: Amounts,
           why: str, act: Act) -> tuple[Filing, bool]:
    """The filing, locked, and whether this very step was done before. Other content: refused."""
    clearing_store.lock(connection, region, filing_id)
    filing = find_filing(connection, region, filing_id)
    done = filing.steps.get(step)
    if done is None:
        return filing, False
    asked = {fund: fen for fund, fen in amounts.items() if fen}
    if (done.amounts, done.why, done.done_on) != (asked, why, act.on):
        raise Refusal("already-done", f"the step `{step}` was done on {done.done_on} with "
                      f"{_words(done.amounts)} 该步骤已完成", filing_id,
                      hint="A step is done once; a correction is an entry of the next month.")
    return filing, True


def _done(connection: Connection, region: str, filing: Filing, step: str, amounts: Amounts,
          why: str, rows: tuple[Posting, ...], act: Act) -> Filing:
    entry_id = f"{filing.filing_id}:{step}" if rows else None
    made = Step(step, act.on, dict(amounts), why, entry_id, act.by)
    clearing_store.add_step(connection, region, filing.filing_id, made, act.now)
    if rows:
        kind = {"advance": "payment", "rest": "payment"}.get(step, step)
        event_at = datetime.combine(act.on, time(), CHINA_TIME)
        entry = Entry(entry_id, region, kind, None, None, filing.filing_id, event_at, act.now, rows)
        store.append(connection, entry, shard_of(region, filing.institution))
    return filing._replace(steps={**filing.steps, step: made})


def _two_sided(amounts: Amounts, institution: str, debit: str, credit: str) -> tuple[Posting, ...]:
    """Each fund's amount from one account to another; `bank` is of a fund alone."""
    return tuple(Posting(account, fund, "" if account == "bank" else institution, sign * fen)
                 for fund, fen in sorted(amounts.items()) if fen
                 for account, sign in ((debit, 1), (credit, -1)))


def _share(amounts: Amounts, rate_ppm: int, rounding: str) -> dict[str, int]:
    shares = {fund: divide_rounded(fen * rate_ppm, PPM, rounding)
              for fund, fen in amounts.items() if fen > 0}
    return {fund: fen for fund, fen in shares.items() if fen}


def _amounts(filing: Filing, step: str) -> Amounts:
    return filing.steps[step].amounts if step in filing.steps else {}


def _less(amounts: Amounts, *taken: Amounts) -> dict[str, int]:
    left = {fund: amounts.get(fund, 0) - sum(part.get(fund, 0) for part in taken)
            for fund in sorted({*amounts, *(fund for part in taken for fund in part)})}
    return {fund: fen for fund, fen in left.items() if fen}


def _same_amounts(asked: Amounts, due: Amounts, code: str, where: str, clause: str, says: str,
                  hint: str = "Over- and underpayment are refused; give the exact sums.") -> None:
    wrong = [f"{fund}: {yuan_text(asked.get(fund, 0))}, {says} {yuan_text(due.get(fund, 0))}"
             for fund in sorted({*asked, *due}) if asked.get(fund, 0) != due.get(fund, 0)]
    if wrong:
        raise Refusal(code, "; ".join(wrong) + " 金额不符", where, clause, hint)


def _words(amounts: Amounts) -> str:
    return ", ".join(f"{fund} {yuan_text(fen)}" for fund, fen in sorted(amounts.items())) or "0.00"
