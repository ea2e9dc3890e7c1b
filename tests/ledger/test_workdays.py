"""The working-day calendar: as published, edited by users, never guessed."""
from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tongchou.errors import CaseError, Refusal
from tongchou.ledger import clearing_file, due_on, read_calendar, read_rules, workdays_late

CALENDAR = read_calendar()
# Working days of the year 2024 by month, from any office calendar: 国办发明电〔2023〕7号.
MONTHS_2024 = (22, 18, 21, 22, 21, 19, 23, 22, 21, 19, 21, 22)


def test_months_have_their_working_days() -> None:
    days = [date(2024, 1, 1) + timedelta(n) for n in range(366)]
    found = [sum(CALENDAR.is_workday(day) for day in days if day.month == month)
             for month in range(1, 13)]
    assert found == list(MONTHS_2024)


@pytest.mark.parametrize(("day", "worked"), [
    ("2018-12-29", True), ("2018-12-31", False), ("2019-05-02", False), ("2019-05-05", True),
    ("2023-04-05", False), ("2023-10-07", True), ("2024-02-09", True), ("2024-02-18", True),
    ("2025-01-26", True), ("2025-10-08", False), ("2026-02-14", True), ("2026-09-20", True)])
def test_holidays_and_make_up_days(day: str, worked: bool) -> None:
    assert CALENDAR.is_workday(date.fromisoformat(day)) == worked


@pytest.mark.clause("BJ-51")
@pytest.mark.parametrize(("received", "last"), [("2024-09-20", "2024-10-30"),
                                                ("2019-01-15", "2019-02-22")])
def test_twenty_five_working_days_of_a_manual_reimbursement(received: str, last: str) -> None:
    days = read_rules(clearing_file("bijie")).manual_days
    assert days == 25
    assert due_on(date.fromisoformat(received), days, CALENDAR) == date.fromisoformat(last)


def test_a_year_without_a_table_is_refused() -> None:
    for received in ("2026-12-25", "2022-05-01", "2020-01-01"):
        with pytest.raises(Refusal) as refused:
            due_on(date.fromisoformat(received), 10, CALENDAR)
        assert refused.value.code == "no-calendar" and "csv" in refused.value.hint


def test_users_bring_a_year(tmp_path: Path) -> None:
    (tmp_path / "2027.csv").write_text("day,kind,name,source\n2027-01-01,holiday,元旦,x\n"
                                       "2027-01-03,workday,元旦,x\n", encoding="utf-8")
    (tmp_path / "2024.csv").write_text("day,kind,name,source\n", encoding="utf-8")
    calendar = read_calendar(tmp_path)
    assert due_on(date(2026, 12, 31), 1, calendar) == date(2027, 1, 3)
    assert calendar.is_workday(date(2024, 10, 1)) and not calendar.is_workday(date(2025, 10, 1))


@pytest.mark.parametrize("text", [
    "day,kind\n2027-01-01,holiday\n", "day,kind,name,source\n2027-13-01,holiday,x,x\n",
    "day,kind,name,source\n2026-01-01,holiday,x,x\n", "day,kind,name,source\n2027-01-01,off,x,x\n",
    "day,kind,name,source\n2027-01-01,holiday,x,x\n2027-01-01,workday,x,x\n",
    "day,kind,name,source\n2027-01-01\n"])
def test_a_broken_calendar_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "2027.csv").write_text(text, encoding="utf-8")
    with pytest.raises(CaseError) as refused:
        read_calendar(tmp_path)
    assert "2027.csv" in refused.value.where and refused.value.hint


def test_a_calendar_in_another_encoding_or_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2027.csv").write_bytes("day,kind,name,source\n2027-01-01,holiday,元旦,x\n"
                                        .encode("gbk"))
    for folder, code in ((tmp_path, "bad-calendar"), (tmp_path / "no", "no-calendar-folder")):
        with pytest.raises(CaseError) as refused:
            read_calendar(folder)
        assert refused.value.code == code


@given(st.dates(date(2023, 1, 1), date(2025, 12, 31)), st.integers(0, 100))
def test_a_term_ends_on_a_working_day_and_counts_back(received: date, days: int) -> None:
    last = due_on(received, days, CALENDAR)
    assert workdays_late(received, last, CALENDAR) == days
    assert days == 0 or CALENDAR.is_workday(last)
