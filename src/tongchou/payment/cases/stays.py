"""What the dates and ages of a stay say about one another (日期与年龄核对).

Ages are completed years and days on the day of admission. Systems differ in counting at admission
or at discharge, so a given age may be either; anything else contradicts the birth date.
"""
from __future__ import annotations

import numpy as np
import pyarrow as pa

from .report import Report

MISSING = np.iinfo(np.int64).min
DAYS_IN_FOUR_YEARS = 1461


def complete_stays(columns: dict[str, pa.Array], sources: dict[str, str], report: Report) -> None:
    """Checks dates and ages against one another and fills in what follows from them, in place.

    Filled: age in years and days, days of stay (the day of admission counts alone when it is
    also the day of discharge), and the year, which is that of the discharge.
    """
    names = ("born", "admitted", "discharged", "age_years", "age_days", "stay_days", "year")
    found = {name: _whole(columns[name]) for name in names}
    _order(found, columns, sources, report)
    _ages(found, sources, report)
    stay = found["discharged"] - found["admitted"]
    both = _given(found["discharged"], found["admitted"])
    found["stay_days"] = np.where(_missing(found["stay_days"]) & both, np.maximum(stay, 1),
                                  found["stay_days"])
    years = columns["discharged"].cast(pa.timestamp("s")).to_numpy(zero_copy_only=False)
    calendar = years.astype("datetime64[Y]").astype(np.int64) + 1970
    found["year"] = np.where(_missing(found["year"]) & _given(found["discharged"]), calendar,
                             found["year"])
    for name in names:
        columns[name] = _column(found[name], columns[name].type)


def _order(found: dict[str, np.ndarray], columns: dict[str, pa.Array], sources: dict[str, str],
           report: Report) -> None:
    """Discharge before admission; birth after both."""
    wrong = _given(found["admitted"], found["discharged"]) & \
        (found["discharged"] < found["admitted"])
    _tell(report, sources, wrong, "discharged", "dates-out-of-order", columns["discharged"])
    _empty(found, wrong, "discharged", "admitted")
    reference = np.where(_missing(found["admitted"]), found["discharged"], found["admitted"])
    late = _given(found["born"], reference) & (found["born"] > reference)
    _tell(report, sources, late, "born", "born-after-admission", columns["born"])
    _empty(found, late, "born")


def _ages(found: dict[str, np.ndarray], sources: dict[str, str], report: Report) -> None:
    """Given ages against the birth date and each other; missing ones filled in."""
    # A zero beside an age of years is how forms leave the newborn's field open.
    filler = (found["age_days"] == 0) & (found["age_years"] > 0)
    found["age_days"][filler] = MISSING
    born, admitted, discharged = found["born"], found["admitted"], found["discharged"]
    entered = _given(born, admitted)
    by_birth = {"age_years": (_years(born, admitted), _years(born, discharged)),
                "age_days": (admitted - born, discharged - born)}
    for name, (on_entry, on_leaving) in by_birth.items():
        slack = 1 if name == "age_days" else 0     # whether the day of birth counts
        given, left = found[name], _given(born, discharged)
        right = (np.abs(given - on_entry) <= slack) | (left & (given >= on_entry - slack)
                                                       & (given <= on_leaving + slack))
        wrong = _given(given) & entered & ~right
        values = [str(value) for value in given[wrong]]
        report.add(np.flatnonzero(wrong), name, sources.get(name, name), "age-and-birth-disagree",
                   values)
        found[name] = np.where(_missing(given) & entered, on_entry, given)
        found[name][wrong] = MISSING
    years, days = found["age_years"], found["age_days"]
    low, high = years * 365 - 1, (years + 1) * 366 + 1
    wrong = _given(years, days) & ((days < low) | (days > high))
    report.add(np.flatnonzero(wrong), "age_days", sources.get("age_days", "age_days"),
               "ages-disagree", [str(value) for value in days[wrong]])
    days[wrong] = MISSING
    derived = _missing(years) & _given(days)
    years[derived] = days[derived] * 4 // DAYS_IN_FOUR_YEARS


def _years(born: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Completed years between two days (int64[n], days since 1970)."""
    return (_calendar(day) - _calendar(born)) // 10_000


def _calendar(day: np.ndarray) -> np.ndarray:
    """Days since 1970 as yyyymmdd."""
    moments = np.where(day == MISSING, 0, day).astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    month = months.astype(np.int64)
    return (month // 12 + 1970) * 10_000 + (month % 12 + 1) * 100 \
        + (moments - months).astype(np.int64) + 1


def _whole(array: pa.Array) -> np.ndarray:
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    return array.cast(pa.int64()).fill_null(MISSING).to_numpy(zero_copy_only=False).copy()


def _column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    mask = values == MISSING
    plain = np.where(mask, 0, values)
    if pa.types.is_date32(kind):
        return pa.array(plain.astype(np.int32), pa.int32(), mask=mask).cast(kind)
    return pa.array(plain, pa.int64(), mask=mask).cast(kind)


def _missing(values: np.ndarray) -> np.ndarray:
    return values == MISSING


def _given(*columns: np.ndarray) -> np.ndarray:
    found = columns[0] != MISSING
    for column in columns[1:]:
        found = found & (column != MISSING)
    return found


def _tell(report: Report, sources: dict[str, str], wrong: np.ndarray, column: str, code: str,
          values: pa.Array) -> None:
    rows = np.flatnonzero(wrong)
    report.add(rows, column, sources.get(column, column), code,
               [str(values[int(row)].as_py()) for row in rows])


def _empty(found: dict[str, np.ndarray], rows: np.ndarray, *names: str) -> None:
    for name in names:
        found[name][rows] = MISSING
