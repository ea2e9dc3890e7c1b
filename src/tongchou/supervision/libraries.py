"""The national knowledge points (智能监管“两库”) as a file of list rules.

The folder has one table for each form of a point: drugs by name and their codes, service items,
pairs, numbers in a day or a cycle, courses. Words of the points (儿童, 住院) say nothing by
themselves: the region's own file of meanings goes in front (`词义` rows).
"""
from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import CaseError
from .model import KINDS, VISIT
from .reading import HEADINGS, KIND_OF, WORD, text_of

DRUGS, DRUG_CODES, SERVICES = "drug_rules.csv", "drug_codes.csv", "service_rules.csv"
PAIRS, NUMBERS = "service_duplicate_pairs.csv", "service_frequency.csv"
CYCLES, COURSES = "service_cycle.csv", "service_course.csv"
POINTS = {"sex": "sex", "age": "age", "insurance_type": "scheme", "care_setting": "setting",
          "institution_level": "level", "payment_course": "course",
          "primary_secondary_surgery": "group"}
WINDOWS = {"单日": "1d", "同一小时": "1h", "6小时": "6h", "单次就诊": VISIT}
A_DAY = "1d"                       # a number in 日 or 小时 is one of a day
Row = dict[str, str]


class Point(NamedTuple):
    """A row of the file that is written; `table` and `line` say where it was read."""

    table: str
    line: int
    kind: str
    code: str
    name: str
    asked: str
    span: str = ""
    other_code: str = ""
    other_name: str = ""


def points(folder: Path) -> Iterator[Point]:
    """Every point of a folder, tables that are not there left out.

    Raises CaseError `broken-file` where the folder has none, `missing-column`, `unknown-kind`.
    """
    known = (DRUGS, SERVICES, PAIRS, NUMBERS, CYCLES, COURSES)
    if not any((folder / name).is_file() for name in known):
        raise CaseError("broken-file", f"{folder} has no table of points (文件夹中无规则表)",
                        str(folder), hint=f"One of {', '.join(known)}.")
    codes: dict[tuple[str, str], list[str]] = {}
    for _, row in _rows(folder, DRUG_CODES, "rule", "drug_name", "drug_code"):
        codes.setdefault((row["rule"], row["drug_name"]), []).append(row["drug_code"])
    for line, row in _rows(folder, DRUGS, "rule", "drug_name", "limit"):
        for code in codes.get((row["rule"], row["drug_name"]), ()):
            yield Point(DRUGS, line, _kind(DRUGS, line, row["rule"]), code, row["drug_name"],
                        row["limit"])
    for line, row in _rows(folder, SERVICES, "rule", "item_code", "item_name", "limit"):
        yield Point(SERVICES, line, _kind(SERVICES, line, row["rule"]), row["item_code"],
                    row["item_name"], row["limit"])
    yield from _of_services(folder)


def _of_services(folder: Path) -> Iterator[Point]:
    for line, row in _rows(folder, PAIRS, "window", "main_code", "main_name", "sub_code",
                           "sub_name"):
        yield Point(PAIRS, line, "pair", row["main_code"], row["main_name"], "",
                    WINDOWS.get(row["window"], row["window"]), row["sub_code"], row["sub_name"])
    for line, row in _rows(folder, NUMBERS, "item_code", "item_name", "limit_qty"):
        yield Point(NUMBERS, line, "count", row["item_code"], row["item_name"], row["limit_qty"],
                    A_DAY)
    for line, row in _rows(folder, CYCLES, "item_code", "item_name", "max_times", "cycle_days"):
        yield Point(CYCLES, line, "count", row["item_code"], row["item_name"], row["max_times"],
                    f"{row['cycle_days']}d")
    for line, row in _rows(folder, COURSES, "item_code", "item_name", "max_days",
                           "min_interval_days"):
        for kind, column in (("course", "max_days"), ("interval", "min_interval_days")):
            if row[column]:
                yield Point(COURSES, line, kind, row["item_code"], row["item_name"], row[column])


def _rows(folder: Path, name: str, *columns: str) -> Iterator[tuple[int, Row]]:
    """(line, row) of a table; none where it is not there."""
    path = folder / name
    if not path.is_file():
        return
    reader = csv.DictReader(text_of(path).splitlines())
    missing = [one for one in columns if one not in (reader.fieldnames or ())]
    if missing:
        raise CaseError("missing-column", f"{name} lacks {', '.join(missing)} (缺少列)", str(path))
    for line, row in enumerate(reader, 2):
        yield line, {one: (row[one] or "").strip() for one in columns}


def _kind(table: str, line: int, said: str) -> str:
    if said not in POINTS:
        raise CaseError("unknown-kind", f"{table} row {line}: a point {said[:30]!r} is not known "
                        "(规则类型无法识别)", f"row {line}", hint=f"One of {', '.join(POINTS)}.")
    return POINTS[said]


class Written(NamedTuple):
    """What a conversion gave: rules, and the points left out because they name no item."""

    rules: int
    left_out: tuple[Point, ...]


def write_rules(folder: Path, meanings: Path | None, out: Path, first: str, source: str,
                ) -> Written:
    """Writes the points of a folder as a file of rules, the meanings of words in front.

    `source` is what is cited, with table and row after it; `first` the day from which they hold.
    Raises CaseError as `points` does.
    """
    names = {name: heading for heading, name in HEADINGS.items()}
    found = list(points(folder))
    given = [one for one in found if one.code and (one.kind != "pair" or one.other_code)]
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(HEADINGS), restval="")
        writer.writeheader()
        writer.writerows(_meanings(meanings))
        for one in given:
            writer.writerow({
                names["kind"]: KINDS[one.kind].zh, names["first"]: first,
                names["source"]: f"{source}，{one.table} 第 {one.line} 行",
                **{names[name]: getattr(one, name) for name in (
                    "code", "name", "asked", "span", "other_code", "other_name")}})
    standing = set(given)
    return Written(len(given), tuple(one for one in found if one not in standing))


def _meanings(path: Path | None) -> Iterator[Mapping[str, str]]:
    """The rows of a file of rules that give meanings."""
    for row in csv.DictReader(text_of(path).splitlines()) if path is not None else ():
        if KIND_OF.get(row.get("规则") or "") == WORD:
            yield {heading: row.get(heading) or "" for heading in HEADINGS}
