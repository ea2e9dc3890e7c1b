"""Working days in China (工作日历): weekdays, less the holidays, plus the make-up days.

One CSV a year (day, kind, name, source) that users can edit or add; the shipped ones lie in
packs/workdays. A year without a file is refused: nobody knows next year's calendar before the
State Council's office publishes it, about November.
"""
from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ..errors import CaseError, Refusal
from ..policy import packs_folder

COLUMNS = ("day", "kind", "name", "source")
KINDS = {"holiday": False, "workday": True}     # 放假, 调休上班
WEEKDAYS = 5
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """Working days of the years it has; `exceptions`: day -> whether it is worked."""

    years: frozenset[int]
    exceptions: Mapping[date, bool]
    folder: str = ""

    def is_workday(self, day: date) -> bool:
        """Whether a day is worked. Raises Refusal `no-calendar` for a year without a table."""
        if day.year not in self.years:
            raise Refusal("no-calendar", f"no working-day calendar for {day.year} 无该年工作日历",
                          f"{day.year}.csv", hint=f"Put {day.year}.csv ({','.join(COLUMNS)}) into "
                          f"{self.folder or 'the calendar folder'} once the State Council's office "
                          "has published the year's holidays; it is never guessed.")
        return self.exceptions.get(day, day.weekday() < WEEKDAYS)


def read_calendar(folder: Path | None = None) -> Calendar:
    """The shipped years; a folder's files come on top, each replacing its whole year.

    Raises CaseError for a folder or file that cannot be read as a calendar.
    """
    if folder is not None and not folder.is_dir():
        raise CaseError("no-calendar-folder", "there is no such folder 无此文件夹", str(folder),
                        hint="Give the folder that holds 2024.csv and so on.")
    files: dict[int, Path] = {}
    for place in filter(None, (packs_folder().joinpath("workdays"), folder)):
        files |= {int(path.stem): path for path in sorted(place.glob("[0-9][0-9][0-9][0-9].csv"))}
    exceptions: dict[date, bool] = {}
    for year, path in files.items():
        exceptions |= _read_year(path, year)
    return Calendar(frozenset(files), exceptions, str(folder or "a folder given by --calendar"))


def _read_year(path: Path, year: int) -> dict[date, bool]:
    found: dict[date, bool] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise CaseError("bad-calendar", f"no column {', '.join(missing)}", str(path),
                                hint=f"The first line is {','.join(COLUMNS)}.")
            for row in rows:
                day, worked = _read_row(row, year, f"{path}:{rows.line_num}")
                if day in found:
                    raise CaseError("bad-calendar", f"{day} stands twice 日期重复",
                                    f"{path}:{rows.line_num}", hint="Keep one of the two lines.")
                found[day] = worked
    except (UnicodeDecodeError, csv.Error) as fault:
        raise CaseError("bad-calendar", f"cannot be read as text: {fault}", str(path),
                        hint="Save it as CSV in UTF-8.") from None
    return found


def _read_row(row: dict[str, str | None], year: int, where: str) -> tuple[date, bool]:
    text, kind = (row["day"] or "").strip(), (row["kind"] or "").strip()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CaseError("bad-calendar", f"{text!r} is no day", where,
                        hint="Write it as 2024-02-10.") from None
    if day.year != year:
        raise CaseError("bad-calendar", f"{text} lies in another year than the file", where,
                        hint=f"Move it into {day.year}.csv.")
    if kind not in KINDS:
        raise CaseError("bad-calendar", f"{kind!r} is no kind of day", where,
                        hint="Write holiday (放假) or workday (调休上班).")
    return day, KINDS[kind]


def due_on(received_on: date, days: int, calendar: Calendar) -> date:
    """The last day of a term of working days; the day of receipt does not count (BJ-48, BJ-51).

    A term of 0 ends on the day of receipt. Raises Refusal `no-calendar`.
    """
    assert days >= 0, days
    day = received_on
    while days:
        day += ONE_DAY
        days -= calendar.is_workday(day)
    return day


def workdays_late(due: date, today: date, calendar: Calendar) -> int:
    """Working days after a due day, up to and with today; 0 when it is not overdue."""
    late, day = 0, due
    while day < today:
        day += ONE_DAY
        late += calendar.is_workday(day)
    return late
