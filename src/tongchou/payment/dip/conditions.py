"""The little language of tests that groups, auxiliary types and indicators share (条件).

    px_any_position; age_days<29; birth_weight_g=0-999; dx_other=C00-C75|@metastasis

Tests joined by `;` must all hold. A number is compared with <, <=, >, >=, `=a` or `=a-b` (both
ends belong); `50%` may stand for a share. `dx_any`, `dx_other` (not the principal) and `px_any`
take prefixes, ranges of three-character categories and `@lists` joined by `|`. A test on a
field that a case does not have never holds. Words alone are flags: codes count in any position,
no procedure may have been done, the first procedure of a `+` must be the main one.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import CaseError
from ...money import NumberFault, parse_percent, scaled

Lists = Mapping[str, tuple[str, ...]]

# Numbers a case has by itself, and those that are worked out from the case and its group.
CASE_NUMBERS = ("sex", "age_years", "age_days", "birth_weight_g", "admission_weight_g",
                "stay_days", "ventilator_hours", "icu_days", "discharge_way")
SHARES = ("drug_share", "consumable_share", "treatment_share", "cost_ratio", "stay_ratio")
DERIVED = (*SHARES, "charlson", "readmission_days", "death_rate")
NUMBERS = (*CASE_NUMBERS, *DERIVED)
CODE_TESTS = ("dx_any", "dx_other", "px_any")
MAIN_FIRST = "px_main_first"
FLAGS = ("px_any_position", "dx_any_position", "px_none", MAIN_FIRST)
UNBOUNDED = 1 << 62

_PART = re.compile(r"([a-z_]+)\s*(<=|>=|<|>|=)\s*(.+)\Z", re.S)
_RANGE = re.compile(r"([A-Z])(\d\d)-([A-Z])(\d\d)\Z")
_DX = re.compile(r"[A-Z]\d\d(\.[0-9X]{1,9})?\Z")
_PX = re.compile(r"\d\d(\.[0-9X]{1,9})?\Z")


class ConditionFault(ValueError):
    """A condition that cannot be read; the message says what stands there and what to write."""


@dataclass(frozen=True)
class Test:
    """One test: `field` lies in [low, high], or a code of the field begins with one of `codes`."""

    field: str
    low: int = -UNBOUNDED
    high: int = UNBOUNDED
    codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The test as it would be written."""
        if self.codes:
            shown = "|".join(self.codes[:4]) + ("|..." if len(self.codes) > 4 else "")
            return f"{self.field}={shown}"
        if self.low == self.high:
            return f"{self.field}={self.low}"
        if self.high == UNBOUNDED:
            return f"{self.field}>={self.low}"
        if self.low == -UNBOUNDED:
            return f"{self.field}<={self.high}"
        return f"{self.field}={self.low}-{self.high}"


@dataclass(frozen=True)
class Condition:
    """Flags and tests of one condition text."""

    flags: frozenset[str] = frozenset()
    tests: tuple[Test, ...] = ()


def normal_code(text: str) -> str:
    """A diagnosis or procedure code as it is compared: no blanks around, capital letters."""
    return text.strip().upper()


def read_condition(text: str, lists: Lists | None = None) -> Condition:
    """The condition written in `text`; ConditionFault where it cannot be read.

    `lists` are the named code lists that `@name` may refer to; a name not there is a fault.
    """
    flags, tests = set(), []
    for part in text.split(";"):
        part = part.strip()
        if not part:
            continue
        if part in FLAGS:
            flags.add(part)
            continue
        tests.append(_read_test(part, lists or {}))
    return Condition(frozenset(flags), tuple(tests))


def _read_test(part: str, lists: Lists) -> Test:
    found = _PART.match(part)
    if not found:
        raise ConditionFault(f"{part!r} is no test; write FIELD<N, FIELD=A-B or one of "
                             f"{', '.join(FLAGS)}")
    field, sign, written = found[1], found[2], found[3].strip()
    if field in CODE_TESTS:
        if sign != "=":
            raise ConditionFault(f"{part!r}: codes are compared with `=`")
        return Test(field, codes=code_list(written, lists, field.startswith("dx")))
    if field not in NUMBERS:
        raise ConditionFault(f"{field!r} is not a field of a case; known are "
                             f"{', '.join((*NUMBERS, *CODE_TESTS))}")
    return _number_test(field, sign, written)


def _number_test(field: str, sign: str, written: str) -> Test:
    if sign == "=" and "-" in written:
        low, high = (_number(field, end) for end in written.split("-", 1))
        if low > high:
            raise ConditionFault(f"{field}={written}: the first number is the larger one")
        return Test(field, low, high)
    bound = _number(field, written)
    ends = {"<": (-UNBOUNDED, bound - 1), "<=": (-UNBOUNDED, bound), ">": (bound + 1, UNBOUNDED),
            ">=": (bound, UNBOUNDED), "=": (bound, bound)}
    return Test(field, *ends[sign])


def _number(field: str, written: str) -> int:
    """A whole number, or parts per million of a percentage where the field is a share."""
    try:
        if field in SHARES or field == "death_rate":
            return parse_percent(written)
        return scaled(written, 0, "a whole number")
    except NumberFault as fault:
        raise ConditionFault(f"{field}: {fault}") from None


def code_list(written: str, lists: Lists, diagnoses: bool) -> tuple[str, ...]:
    """Prefixes written as codes, ranges `C00-C75` and `@lists` joined by `|`, in order."""
    found: dict[str, None] = {}
    for item in written.split("|"):
        item = item.strip()
        if item.startswith("@"):
            if item[1:] not in lists:
                raise ConditionFault(f"{item} refers to a list that is not there; lists are "
                                     f"{', '.join(sorted(lists)) or 'none'}")
            found.update(dict.fromkeys(lists[item[1:]]))
        else:
            found.update(dict.fromkeys(_codes(item, diagnoses)))
    return tuple(found)


def _codes(item: str, diagnoses: bool) -> list[str]:
    code = normal_code(item)
    span = _RANGE.match(code) if diagnoses else None
    if span:
        if span[1] != span[3] or span[2] > span[4]:
            raise ConditionFault(f"{item!r}: a range goes upwards inside one letter, "
                                 "such as C00-C75")
        return [f"{span[1]}{number:02d}" for number in range(int(span[2]), int(span[4]) + 1)]
    if not (_DX if diagnoses else _PX).match(code):
        kind, example = (("diagnosis", "K35.9") if diagnoses else ("procedure", "47.0100"))
        raise ConditionFault(f"{item!r} is not a {kind} code such as {example}")
    return [code]


def condition_error(fault: ConditionFault, where: str) -> CaseError:
    """The fault as an error of the file it stands in."""
    return CaseError("bad-condition", str(fault), where,
                     hint="docs/payment-dip.md, Conditions, lists fields and signs; @lists stand "
                          "in lists.csv of the catalogue.")
