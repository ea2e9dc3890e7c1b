"""An area's rules of clearing (清算规则): days, rates and who pays which fund, read from data.

A CSV of name, value, clause, note beside the area's pack (`clearing.csv`), or any other file.
"""
from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import CaseError, Refusal
from ..money import PPM, ROUNDINGS, NumberFault, parse_percent, percent_text
from ..policy import packs_folder, suggest

REST_STARTS = ("advance_paid", "advance_due")
PAYER = "payer."
TERM_DAYS_MAX = 366


@dataclass(frozen=True)
class ClearingRules:
    """Terms of filing and payment. Days of terms are working days except `file_within_days`.

    file_within_days: calendar days after month end to file in (BJ-47)
    advance_rate_ppm, advance_days, advance_binding: share payable early; whether it must be (BJ-48)
    rest_days, rest_from: review and rest; counted from the early payment or its last day (BJ-49)
    manual_days: review and payment of a manual reimbursement (BJ-51)
    deposit_rate_ppm: quality deposit kept back of what the review left; 0 for none
    payers: fund -> payer (agency, insurer ...)
    """

    file_within_days: int
    advance_rate_ppm: int
    advance_days: int
    advance_binding: bool
    rest_days: int
    rest_from: str
    manual_days: int
    deposit_rate_ppm: int
    rounding: str
    aging_days: tuple[int, ...]
    payers: Mapping[str, str]

    def payer_of(self, fund: str) -> str:
        """Who pays a fund's part back. Raises Refusal `fund-without-payer`."""
        if fund not in self.payers:
            raise Refusal("fund-without-payer", f"no payer is named for the fund {fund} "
                          "未指定该基金的支付方", fund, "BJ-47", hint=f"Add the line "
                          f"{PAYER}{fund},agency to the clearing rules. "
                          + suggest(fund, self.payers))
        return self.payers[fund]

    def as_dict(self) -> dict[str, object]:
        """The form that is stored with a filing."""
        return {**vars(self), "aging_days": list(self.aging_days), "payers": dict(self.payers)}

    @classmethod
    def of(cls, found: Mapping[str, object]) -> "ClearingRules":
        """Back from the stored form."""
        return cls(**{**found, "aging_days": tuple(found["aging_days"])})


def clearing_file(city: str) -> Path:
    """The clearing rules beside a shipped city's packs. Raises CaseError when it has none."""
    path = packs_folder().joinpath(city, "clearing.csv")
    if not path.is_file():
        raise CaseError("no-clearing-rules", f"{city} ships without clearing rules 无清算规则",
                        city, hint="Give a file of your own with --rules.")
    return path


def read_rules(path: Path) -> ClearingRules:
    """The rules of a file. Raises CaseError with the line of what is missing, unknown or wrong."""
    values: dict[str, tuple[str, str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"name", "value"} <= set(rows.fieldnames or ()):
                raise _bad(str(path), "no columns name and value",
                           "The first line is name,value,clause,note.")
            for row in rows:
                name, where = (row["name"] or "").strip(), f"{path}:{rows.line_num}"
                if name in values:
                    raise _bad(where, f"{name} stands twice", "Keep one of the two lines.")
                values[name] = (row["value"] or "").strip(), where
    except (UnicodeDecodeError, csv.Error) as fault:
        raise _bad(str(path), f"cannot be read as text: {fault}", "Save it as CSV in UTF-8.") \
            from None
    return _rules(values, str(path))


def _rules(values: dict[str, tuple[str, str]], where: str) -> ClearingRules:
    found: dict[str, object] = {}
    for name, read in READERS.items():
        if name not in values:
            raise _bad(where, f"no value for {name}", f"Add a line {name},...")
        field = f"{name}_ppm" if read is _rate else name    # in the file the value has the unit
        found[field] = read(*values.pop(name))
    payers = {}
    for name, (value, place) in values.items():
        if not name.startswith(PAYER):
            raise _bad(place, f"unknown rule {name!r}", suggest(name, READERS))
        if not value:
            raise _bad(place, f"no payer for {name}", "Name one, such as agency or insurer.")
        payers[name.removeprefix(PAYER)] = value
    return ClearingRules(**found, payers=payers)


def _days(value: str, where: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) > TERM_DAYS_MAX:
        raise _bad(where, f"{value!r} is no number of days", "Write a whole number such as 10.")
    return int(value)


def _rate(value: str, where: str) -> int:
    try:
        rate_ppm = parse_percent(value)
    except NumberFault as fault:
        raise _bad(where, str(fault), "Write a percentage such as 70%.") from None
    if not 0 <= rate_ppm <= PPM:
        raise _bad(where, f"{percent_text(rate_ppm)} is no share", "Write 0% to 100%.")
    return rate_ppm


def _answer(value: str, where: str) -> bool:
    if value not in ("yes", "no"):
        raise _bad(where, f"{value!r} is no answer", "Write yes or no.")
    return value == "yes"


def _one_of(*words: str) -> object:
    def read(value: str, where: str) -> str:
        if value not in words:
            raise _bad(where, f"{value!r} is not known", f"Write {' or '.join(words)}.")
        return value
    return read


def _many_days(value: str, where: str) -> tuple[int, ...]:
    found = tuple(_days(part.strip(), where) for part in value.split(";"))
    if list(found) != sorted(set(found)):
        raise _bad(where, f"{value!r} does not rise", "Write it as 10;30;90.")
    return found


READERS = {"file_within_days": _days, "advance_rate": _rate, "advance_days": _days,
           "advance_binding": _answer, "rest_days": _days, "rest_from": _one_of(*REST_STARTS),
           "manual_days": _days, "deposit_rate": _rate, "rounding": _one_of(*ROUNDINGS),
           "aging_days": _many_days}


def _bad(where: str, message: str, hint: str) -> CaseError:
    return CaseError("bad-clearing-rules", message, where, hint=hint)
