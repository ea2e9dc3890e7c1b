"""When money goes to hospitals (拨付计划): BJ-47 files, BJ-48 the early share, BJ-49 the rest.

The days of working-day terms come from the caller's calendar; without one there are none.
"""
from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from .exact import part
from .model import (CLEARING, DEPOSIT, EARLY, MONTHLY, PREPAYMENT, REST, HospitalYear, Month,
                    Payment)
from .national import national
from .reading import Basis
from .rules import Rules, ScheduleRule

# Receipt and a number of working days -> the last day of the term.
DueOn = Callable[[date, int], date]


def filed_by(month: str, rule: ScheduleRule) -> date:
    """The last day on which a month may be filed: calendar days after its end (BJ-47)."""
    year, number = (int(text) for text in month.split("-"))
    return date(year, number, monthrange(year, number)[1]) + timedelta(days=rule.file_days)


def payments_of(year: HospitalYear, rules: Rules, due_on: DueOn | None,
                clear_by: date | None) -> Iterator[Payment]:
    """All payments of a hospital's year; they sum to its year amount.

    Terms count from the last day on which the month may be filed: an earlier filing is due
    earlier. A month's payments of 0 are left out.
    """
    def made(kind: str, amount_fen: int, month: str, day: date | None, basis: Basis) -> Payment:
        return Payment(year.hospital, year.insurance, kind, month, day, amount_fen, basis)
    yield made(PREPAYMENT, year.prepayment_fen, "", None, rules.prepayment.basis)
    for month in year.months:
        for kind, amount, day in _month(month, rules.schedule, due_on):
            if amount:
                yield made(kind, amount, month.month, day, rules.schedule.basis)
    yield made(DEPOSIT, year.deposit_fen, "", clear_by, national().clearing_basis)
    yield made(CLEARING, year.clearing_fen, "", clear_by, national().clearing_basis)


def _month(month: Month, rule: ScheduleRule, due_on: DueOn | None,
           ) -> Iterator[tuple[str, int, date | None]]:
    received = filed_by(month.month, rule)
    if not rule.early_ppm:
        yield MONTHLY, month.pay_fen, due_on(received, rule.rest_days) if due_on else None
        return
    filed = month.standard_fen + month.amounts_fen - month.patient_fen - month.deposit_fen
    # Audit and what was carried in come off the rest first, and off the early share if need be.
    early = min(part(max(filed, 0), rule.early_ppm), month.pay_fen)
    early_day = due_on(received, rule.early_days) if due_on else None
    rest_day = None
    if due_on and early_day:
        rest_day = due_on(received if rule.rest_from_receipt else early_day, rule.rest_days)
    yield EARLY, early, early_day
    yield REST, month.pay_fen - early, rest_day
