"""The year's figures: the fund's, and each hospital's (年度数据).

figures.yaml holds the fund's by insurance and names two CSV files beside it: hospitals (a row a
hospital and insurance) and audit deductions (a row a deduction). A figure that a rule needs and
that is not there is refused by its name; none is taken as zero.
"""
from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import CaseError
from ...money import PPM, NumberFault, parse_percent, scaled
from ...policy import suggest
from .model import INSURANCES
from .reading import (FIGURE_LIMIT, POINT_DIGITS, YUAN_DIGITS, Section, malformed, open_section,
                      unset)

FUND = ("inpatient_budget", "reserve", "away_from_home", "items_outside", "last_year_paid",
        "last_year_inpatient")
HOSPITAL = ("hospital", "name", "insurance", "assessment", "prepayment_yuan", "last_year_yuan",
            "base_points", "capitation_yuan", "other_yuan", "other_why")
DEDUCTION = ("hospital", "insurance", "month", "yuan", "why")
ASSESSMENT_MOST_PPM = 100 * PPM


@dataclass(frozen=True)
class Fund:
    """An insurance's figures in fen by name (FUND); growth in ppm; history (cost, points) a year.

    `start_value_micro` is the start value of a point in millionths of a yuan. None: not given.
    """

    insurance: str
    amounts: Mapping[str, int]
    growth_ppm: int | None
    start_value_micro: int | None
    history: tuple[tuple[int, int], ...]
    where: str

    def fen(self, name: str) -> int:
        """A figure in fen; Refusal when it is not given."""
        if name not in self.amounts:
            raise unset(f"figures.{self.insurance}.{name}", self.where)
        return self.amounts[name]


@dataclass(frozen=True)
class HospitalFigures:
    """A row of the hospitals' file. None: the field is empty."""

    hospital: str
    name: str
    insurance: str
    assessment_ppm: int | None
    prepayment_fen: int | None
    last_year_fen: int | None
    base_points_milli: int | None
    capitation_fen: int
    other_fen: int
    other_why: str
    where: str

    def need(self, name: str) -> int:
        """A figure that a rule asks for; Refusal when the field is empty."""
        found = getattr(self, name)
        if found is None:
            raise unset(f"{name} of {self.hospital}, {self.insurance}", self.where)
        assert isinstance(found, int)
        return found


@dataclass(frozen=True)
class Deduction:
    """An audit deduction (审核扣款); `month` "" comes off at the year's end only."""

    hospital: str
    insurance: str
    month: str
    amount_fen: int
    why: str


@dataclass(frozen=True)
class Figures:
    """All figures of a year; hospitals by (hospital, insurance)."""

    year: int
    funds: Mapping[str, Fund]
    hospitals: Mapping[tuple[str, str], HospitalFigures]
    deductions: tuple[Deduction, ...]

    def hospital_names(self) -> set[str]:
        """Every hospital that has a row."""
        return {hospital for hospital, _ in self.hospitals}


def read_figures(path: Path) -> Figures:
    """Reads figures.yaml and the CSV files it names. Raises CaseError and Refusal."""
    top = open_section(path)
    year = top.count("year")
    funds = {name: _fund(top.section(name), name) for name in INSURANCES if top.has(name)}
    hospitals = _hospitals(path.parent / top.text("hospitals"))
    audit = top.text("audit")
    deductions = () if audit == "none" else _deductions(path.parent / audit, year, hospitals)
    top.done()
    return Figures(year, funds, hospitals, deductions)


def _fund(section: Section, insurance: str) -> Fund:
    amounts = {name: section.yuan(name) for name in FUND if section.has(name)}
    growth = section.signed_ppm("growth") if section.has("growth") else None
    value = section.micro("start_value") if section.has("start_value") else None
    history = []
    for row in section.rows("history") if section.has("history") else ():
        row.count("year")
        history.append((row.yuan("cost"), row.points_milli("points")))
        row.done()
    section.done()
    return Fund(insurance, amounts, growth, value, tuple(history), section.where)


# --- tables ---------------------------------------------------------------------------------------
def _rows(path: Path, names: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """(file:line, field -> text) of a CSV with these columns and no other."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            found = list(rows.fieldnames or ())
            for name in found:
                if name not in names:
                    raise malformed(f"{path}:1", f"there is no column {name[:60]!r}",
                                    suggest(name[:60], names))
            if missing := [name for name in names if name not in found]:
                raise CaseError("missing-column", f"no column {', '.join(missing)}", str(path),
                                hint=f"The first line is {','.join(names)}.")
            made = []
            for row in rows:
                where = f"{path}:{rows.line_num}"
                if None in row or None in row.values():
                    raise malformed(where, "the row has another number of fields than the header",
                                    "Quote fields that hold a comma.")
                made.append((where, {name: text.strip() for name, text in row.items()}))
            return made
    except OSError:
        raise CaseError("unreadable-file", "there is no such file", str(path),
                        hint="Name a CSV file beside the figures.") from None
    except (UnicodeDecodeError, csv.Error) as fault:
        raise CaseError("broken-file", f"cannot be read as text: {fault}", str(path),
                        hint="Save it as CSV in UTF-8.") from None


def _number(row: dict[str, str], name: str, digits: int, where: str) -> int | None:
    if not row[name]:
        return None
    try:
        found = parse_percent(row[name]) if name == "assessment" else \
            scaled(row[name], digits, "a number")
    except NumberFault as fault:
        raise malformed(f"{where}:{name}", f"{name}: {fault}",
                        "Write numbers such as 1250.50.") from None
    if not 0 <= found <= FIGURE_LIMIT:
        raise malformed(f"{where}:{name}", f"{name} is {'negative' if found < 0 else 'too large'}: "
                        f"{row[name]}", "Write an amount a hospital may have, without a sign.")
    return found


def _key(row: dict[str, str], where: str) -> tuple[str, str]:
    if not row["hospital"]:
        raise malformed(f"{where}:hospital", "no hospital", "Write its code.")
    if row["insurance"] not in INSURANCES:
        raise malformed(f"{where}:insurance", f"{row['insurance']!r} is no insurance",
                        f"Write {' or '.join(INSURANCES)}.")
    return row["hospital"], row["insurance"]


def _hospitals(path: Path) -> dict[tuple[str, str], HospitalFigures]:
    found: dict[tuple[str, str], HospitalFigures] = {}
    for where, row in _rows(path, HOSPITAL):
        key = _key(row, where)
        if key in found:
            raise malformed(where, f"{key[0]} has two rows for {key[1]}", "Keep one of them.")
        amounts = [_number(row, name, YUAN_DIGITS, where) for name in
                   ("prepayment_yuan", "last_year_yuan", "capitation_yuan", "other_yuan")]
        if amounts[3] and not row["other_why"]:
            raise malformed(f"{where}:other_why", "other_yuan without a reason", "Write why.")
        assessment = _number(row, "assessment", 0, where)
        if (assessment or 0) > ASSESSMENT_MOST_PPM:
            raise malformed(f"{where}:assessment", f"{row['assessment']} is no assessment factor",
                            "Write a percentage such as 98%.")
        found[key] = HospitalFigures(
            key[0], row["name"] or key[0], key[1], assessment, amounts[0], amounts[1],
            _number(row, "base_points", POINT_DIGITS, where), amounts[2] or 0, amounts[3] or 0,
            row["other_why"], where)
    return found


def _deductions(path: Path, year: int, hospitals: Mapping[tuple[str, str], HospitalFigures],
                ) -> tuple[Deduction, ...]:
    found = []
    for where, row in _rows(path, DEDUCTION):
        key = _key(row, where)
        if key not in hospitals:
            raise malformed(f"{where}:hospital", f"{key[0]} has no row for {key[1]} in the "
                            "hospitals' file", "Add the row, or correct the code.")
        month = row["month"]
        if month and month not in months_of(year):
            raise malformed(f"{where}:month", f"{month!r} is no month of {year}",
                            f"Write {year}-01 to {year}-12, or leave it empty for the year's end.")
        amount = _number(row, "yuan", YUAN_DIGITS, where)
        if amount is None or not row["why"]:
            raise malformed(where, "a deduction needs an amount and a reason", "Fill both in.")
        found.append(Deduction(*key, month, amount, row["why"]))
    return tuple(found)


def months_of(year: int) -> tuple[str, ...]:
    """The year's months as YYYY-MM."""
    return tuple(f"{year:04d}-{month:02d}" for month in range(1, 13))
