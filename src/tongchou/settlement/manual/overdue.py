"""The 25 working days of a case: last day, kept or missed (手工报销时限, BJ-51). Pure."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from ...ledger import CHINA_TIME, Calendar, workdays_late
from .model import CLOSED, Case, clock_runs, missing_documents

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Standing:
    """Where a case stands in its term.

    start, due: None while the term has not begun, or while nobody can say its last day because the
    clock stands still; `late_days` are working days after `due`; `excepted` cases are never late.
    """

    case: Case
    state: str
    start: date | None
    due: date | None
    done_on: date | None
    late_days: int
    waiting_for: tuple[str, ...]
    excepted: bool

    @property
    def overdue(self) -> bool:
        """Whether the term was missed."""
        return self.late_days > 0


def standing(case: Case, calendar: Calendar, today: date) -> Standing:
    """A case's term as of a day. Raises Refusal `no-calendar`."""
    start, done_on = _start(case), _done(case)
    closed = case.state in CLOSED
    due = None if start is None or closed else _due(case, start, calendar, done_on or today)
    late = workdays_late(due, done_on or today, calendar) if due and not case.excepted else 0
    return Standing(case, case.state, start, due, done_on, late, missing_documents(case),
                    case.excepted)


def _start(case: Case) -> date | None:
    if case.rules.start == "received":
        return case.applied_on
    if case.rules.start == "registered":
        return case.known_at.astimezone(CHINA_TIME).date()
    if missing_documents(case):
        return None
    return max(one.happened_on for one in case.events if one.what == "documents")


def _done(case: Case) -> date | None:
    """The day that keeps the term."""
    what = "paid" if case.rules.until == "paid" else "second_review"
    if what == "second_review" and case.state in ("incomplete", "complete", "reviewed_once"):
        return None                # an earlier second review was not the last word
    return next((one.happened_on for one in case.events if one.what == what), None)


def _due(case: Case, start: date, calendar: Calendar, upto: date) -> date | None:
    """The last day of the term; days on which the clock stands do not count. None while it stands
    on `upto` and the term has not run out before."""
    day, left = start, case.rules.days
    while left:
        day += ONE_DAY
        if day > upto and not clock_runs(case, day):
            return None
        left -= calendar.is_workday(day) and clock_runs(case, day)
    return day
