"""A file of list rules (规则文件): CSV, UTF-8 or GB18030, one rule a row, its source with it.

    规则,编码,名称,限定,期限,关联编码,关联名称,严重程度,开始日期,结束日期,来源
    词义,,儿童,<18y,,,,,,,where this meaning comes from
    限年龄,ZA04CAE0023010100166,儿童清肺口服液,儿童,,,,,2024-01-01,,...

English headings and kinds (model.KINDS) do as well. A word of the limits (儿童, 住院) has a meaning
in the file itself (词义): no such number is in the program.
"""
from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from ..errors import CaseError
from .model import KINDS, SEVERITIES, VISIT, ListRule

ENCODINGS = ("utf-8-sig", "gb18030")
HEADINGS = {"规则": "kind", "编码": "code", "名称": "name", "限定": "asked", "期限": "span",
            "关联编码": "other_code", "关联名称": "other_name", "严重程度": "severity",
            "开始日期": "first", "结束日期": "last", "来源": "source"}
NEEDED = ("kind", "code", "first", "source")
WORD, WORD_ZH = "word", "词义"
KIND_OF = {term.zh: name for name, term in KINDS.items()} | {WORD_ZH: WORD}
SEXES = {"男": "1", "女": "2", "1": "1", "2": "2"}
LEVELS = {"一级": "1", "二级": "2", "三级": "3", "1": "1", "2": "2", "3": "3"}
SPANS = {"单日": "1d", "日": "1d", "天": "1d", "小时": "1d", "单次就诊": VISIT, "同一小时": "1h"}
_AGE = re.compile(r"(<|>=)\d{1,5}[dmy]\Z")
_CONDITIONS = re.compile(r"(insutype|med_type|med_mdtrt_type)=\d{1,6}"
                         r"(;(insutype|med_type|med_mdtrt_type)=\d{1,6})*\Z")
_DAYS = re.compile(r"(\d{1,4})(天|日|d)?\Z")
_SPAN = re.compile(r"(\d{1,4})(d|h|天|日|小时)\Z")
_COUNT = re.compile(r"\d{1,6}(\.\d{1,4})?\Z")
_CODE = re.compile(r"[0-9A-Za-z._-]{1,30}\Z")


class Fault(NamedTuple):
    """A row that is not taken: its number (the headings are row 1), column, value, and why."""

    row: int
    column: str
    value: str
    code: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.column} {self.value[:30]!r}: {self.en} ({self.zh})"


@dataclass(frozen=True)
class Reading:
    """What a file gave: its rules, what was wrong, headings nobody knows."""

    source: str
    digest: str
    rules: tuple[ListRule, ...]
    faults: tuple[Fault, ...]
    ignored: tuple[str, ...] = ()


class _Wrong(ValueError):
    def __init__(self, column: str, code: str, zh: str, en: str) -> None:
        super().__init__(code)
        self.column, self.code, self.zh, self.en = column, code, zh, en


def sample_rules() -> Reading:
    """The shipped demonstration: items of the sample catalogue, invented."""
    return read_rules(Path(str(files("tongchou").joinpath("samples", "list-rules.csv"))))


def read_rules(path: Path) -> Reading:
    """Rules of a file. Raises CaseError `broken-file`, `missing-column`."""
    content = _bytes(path)
    rows = list(csv.DictReader(io.StringIO(_text(content, path), newline="")))
    known = {heading: HEADINGS.get(heading.strip(), heading.strip())
             for heading in (rows[0] if rows else {}) if heading}
    missing = [name for name in NEEDED if name not in known.values()]
    if missing:
        raise CaseError("missing-column", f"{path.name} lacks {', '.join(missing)} (缺少列)",
                        str(path), hint=f"Headings: {', '.join(HEADINGS)}.")
    plain = [{known[heading]: (value or "").strip() for heading, value in row.items()
              if heading in known} for row in rows]
    rules, faults = _taken(plain)
    return Reading(path.name, sha256(content).hexdigest(), tuple(rules), tuple(faults),
                   tuple(one for one, name in known.items() if name not in HEADINGS.values()))


def text_of(path: Path) -> str:
    """A table as text. Raises CaseError `broken-file`."""
    return _text(_bytes(path), path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CaseError("broken-file", f"{path} cannot be read (文件无法读取): {error.strerror}",
                        str(path)) from None


def _text(content: bytes, path: Path) -> str:
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CaseError("broken-file", f"{path} is neither UTF-8 nor GB18030 (编码无法识别)", str(path),
                    hint="Save it as CSV UTF-8.")


def _taken(rows: list[dict[str, str]]) -> tuple[list[ListRule], list[Fault]]:
    words: dict[str, str] = {}
    rules: list[ListRule] = []
    faults: list[Fault] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows, 2):
        if not any(row.values()):
            continue
        kind = KIND_OF.get(row["kind"], row["kind"])
        try:
            if kind == WORD:
                words[_word(row)] = row["asked"]
                continue
            rule = _rule(kind, row, words)
            key = (rule.rule_id, rule.asked, rule.span, rule.first)
            if key in seen:
                raise _Wrong("code", "duplicate-row", f"与第 {seen[key]} 行重复",
                             f"the same as row {seen[key]}")
            seen[key] = number
            rules.append(rule)
        except _Wrong as wrong:
            faults.append(Fault(number, wrong.column, row.get(wrong.column, ""), wrong.code,
                                wrong.zh, wrong.en))
    return rules, faults


def _word(row: Mapping[str, str]) -> str:
    asked = row.get("asked", "")
    if not row.get("name") or not (_AGE.match(asked) or _CONDITIONS.match(asked)):
        raise _Wrong("asked", "bad-limit", "词义应为 <18y 或 insutype=510;med_type=51 的形式",
                     "a meaning is <18y, or insutype=510;med_type=51")
    if not row["source"]:
        raise _Wrong("source", "missing-value", "缺少来源", "no source")
    return row["name"]


def _rule(kind: str, row: Mapping[str, str], words: Mapping[str, str]) -> ListRule:
    if kind not in KINDS:
        raise _Wrong("kind", "unknown-kind", f"规则须为{'、'.join(KIND_OF)}之一",
                     f"one of {', '.join(KINDS)}")
    for name in NEEDED:
        if not row.get(name):
            raise _Wrong(name, "missing-value", "必填项为空", "must be given")
    for name in ("code", "other_code"):
        if row.get(name) and not _CODE.match(row[name]):
            raise _Wrong(name, "bad-code", "编码只能有字母、数字、点和横线", "no code of an item")
    severity = row.get("severity") or "2"
    if severity not in SEVERITIES:
        raise _Wrong("severity", "unknown-code", "严重程度为 1、2 或 3", "one of 1, 2, 3")
    first, last = _day(row, "first"), _day(row, "last")
    if last and last < first:
        raise _Wrong("last", "dates-out-of-order", "结束日期早于开始日期", "ends before it begins")
    if kind == "pair" and not row.get("other_code"):
        raise _Wrong("other_code", "missing-value", "必填项为空", "a pair needs the other item")
    return ListRule(kind, row["code"], row.get("name", ""), _asked(kind, row, words),
                    _span(kind, row), row.get("other_code", "") if kind == "pair" else "",
                    row.get("other_name", ""), severity, first, last, row["source"])


def _day(row: Mapping[str, str], name: str) -> str:
    try:
        return date.fromisoformat(row[name]).isoformat() if row.get(name) else ""
    except ValueError:
        raise _Wrong(name, "bad-date", "日期应为 yyyy-MM-dd", "a day is yyyy-mm-dd") from None


def _asked(kind: str, row: Mapping[str, str], words: Mapping[str, str]) -> str:
    given = row.get("asked", "")
    given = words.get(given, given)
    found = _READERS[kind](given)
    if found is None:
        raise _Wrong("asked", "bad-limit",
                     f"{KINDS[kind].zh}的限定无法识别（词义须先在本文件给出）",
                     f"no limit of a rule `{kind}`; a word needs its meaning in this file, above")
    return found


def _matching(form: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if form.match(text) else None


def _days(text: str) -> str | None:
    match = _DAYS.match(text)
    return str(int(match[1])) if match and int(match[1]) else None


_READERS: Mapping[str, Callable[[str], str | None]] = {
    "sex": SEXES.get, "level": LEVELS.get, "age": _matching(_AGE),
    "scheme": _matching(_CONDITIONS), "setting": _matching(_CONDITIONS), "course": _days,
    "interval": _days, "count": _matching(_COUNT), "pair": lambda text: "",
    "group": lambda text: text or None}


def _span(kind: str, row: Mapping[str, str]) -> str:
    """`1d`, `6h` or `visit`."""
    if kind not in ("count", "pair"):
        return ""
    given = row.get("span", "")
    given = SPANS.get(given, given)
    match = _SPAN.match(given)
    if given != VISIT and not match or (kind == "count" and given[-1] in "ht时"):
        raise _Wrong("span", "bad-limit", "期限应为 1d（天）、6h（小时）或 单次就诊",
                     "a span is 1d, 6h or visit; of a count, days")
    return VISIT if given == VISIT else f"{match[1]}{'h' if match[2] in ('h', '小时') else 'd'}"
