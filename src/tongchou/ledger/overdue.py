"""Terms that run and terms that were missed (期限与逾期): filings, early payments, the rest."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg import Connection

from . import clearing_store, close_store
from .clearing import advanced_in, outstanding
from .clearing_store import Filing
from .close import ONE_DAY, first_day, month_end
from .rules import ClearingRules
from .workdays import Calendar, due_on, workdays_late


@dataclass(frozen=True)
class Standing:
    """Where a filing stands: last days of its terms, what is owed (fen), how late in working days.

    `overdue` names the term that was missed: advance, rest, or nothing.
    """

    filing: Filing
    advance_by: date
    rest_by: date
    owed_fen: int
    overdue: str
    late_days: int


@dataclass(frozen=True)
class Unfiled:
    """A month's advances that were not filed, and the last day to do so (BJ-47); fen."""

    institution: str
    month: date
    payer: str
    file_by: date
    amount_fen: int


def standing(filing: Filing, calendar: Calendar, today: date) -> Standing:
    """The terms of BJ-48 and BJ-49 applied to a filing. Raises Refusal `no-calendar`."""
    rules = filing.rules
    advance_by = due_on(filing.received_on, rules.advance_days, calendar)
    paid = filing.steps.get("advance")
    start = paid.done_on if paid and rules.rest_from == "advance_paid" else advance_by
    rest_by = due_on(start, rules.rest_days, calendar)
    open_ = "rest" not in filing.steps
    overdue, late_days = "", 0
    if open_ and today > rest_by:
        overdue, late_days = "rest", workdays_late(rest_by, today, calendar)
    elif (open_ and paid is None and "review" not in filing.steps and rules.advance_binding
          and today > advance_by):
        overdue, late_days = "advance", workdays_late(advance_by, today, calendar)
    return Standing(filing, advance_by, rest_by, sum(outstanding(filing).values()), overdue,
                    late_days)


def standings(connection: Connection, region: str, calendar: Calendar, today: date,
              ) -> list[Standing]:
    """Filings that are not paid in full, the latest first."""
    found = [standing(filing, calendar, today)
             for filing in clearing_store.filings(connection, region)
             if "rest" not in filing.steps]
    return sorted(found, key=lambda row: (-row.late_days, row.filing.month,
                                          row.filing.filing_id))


def aging(rows: Iterable[Standing], bounds_days: tuple[int, ...]) -> list[tuple[str, int, int]]:
    """(working days overdue, filings, fen owed): none, up to each bound, and beyond."""
    names = ["0", *(f"{low + 1}-{high}" for low, high in zip((0, *bounds_days), bounds_days,
                                                           strict=False)),
             f">{bounds_days[-1]}"]
    sums = [[0, 0] for _ in names]
    for row in rows:
        place = sum(row.late_days > bound for bound in (0, *bounds_days))
        sums[place][0] += 1
        sums[place][1] += row.owed_fen
    return [(name, *counted) for name, counted in zip(names, sums, strict=True)]


def unfiled(connection: Connection, region: str, rules: ClearingRules) -> list[Unfiled]:
    """Advances of closed months that no institution has filed, oldest first (BJ-47)."""
    last = close_store.last_close(connection, region)
    if last is None:
        return []
    filed = {(filing.institution, filing.month, filing.payer)
             for filing in clearing_store.filings(connection, region)}
    found: dict[tuple[date, str, str], int] = {}
    month = first_day(connection, region, last.day).replace(day=1)
    while month_end(month) <= last.day:
        for institution, fund, fen in advanced_in(connection, region, month):
            payer = rules.payer_of(fund)
            if (institution, month, payer) not in filed:
                key = month, institution, payer
                found[key] = found.get(key, 0) + fen
        month = month_end(month) + ONE_DAY
    within = timedelta(days=rules.file_within_days)
    return [Unfiled(institution, month, payer, month_end(month) + within, fen)
            for (month, institution, payer), fen in sorted(found.items())]
