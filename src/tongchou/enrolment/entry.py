"""What people type: dates, sexes, codes and names as they stand in lists, read or refused (录入).

Every refusal names field and code and says in 中文 and English what is wrong and what to do. The
same checks serve a window, the API and a file.
"""
from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ..terms import INSURANCE, LEVELS, PERSONS, PLACES, STATUSES, person_of
from .area import known_status
from .identity import PROVINCES
from .model import DESIGNATIONS, DIRECTIONS, FILINGS, AwayFiling

OPEN_ENDS = frozenset({"", "长期", "至今", "无", "-", "9999-12-31"})
YES, NO = frozenset({"是", "1", "y", "yes", "true", "已联网"}), frozenset(
    {"否", "0", "n", "no", "false", "未联网", ""})
SEX_WORDS = {"男": "1", "女": "2", "男性": "1", "女性": "2", "1": "1", "2": "2", "9": "9",
             "0": "9", "未知": "9", "未说明": "9", "male": "1", "female": "2"}
TEXT_MAX = 200
FACT_MAX = 10 ** 6
EXAMPLE_PROVINCE = "99"         # areas of examples: no province has it
_YEARS = range(1850, 2200)
_DAY = re.compile(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?(?:[T ]00:00(?::00)?)?\Z")
_DAY8 = re.compile(r"(\d{4})(\d{2})(\d{2})\Z")
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.*+-]{0,39}\Z")


@dataclass
class Fault(Exception):
    """One field that cannot be taken: what, in both languages, and what to do in both."""

    field: str
    code: str
    zh: str
    en: str
    hint_zh: str
    hint_en: str


def text_of(field: str, text: str, needed: bool = False) -> str:
    """A line of text without control characters."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    if needed and not plain:
        raise Fault(field, "missing-field", "必填项为空", "it is missing", "补填。", "Fill it in.")
    if len(plain) > TEXT_MAX:
        raise Fault(field, "field-too-long", f"超过 {TEXT_MAX} 字",
                    f"it has more than {TEXT_MAX} characters", "缩短。", "Shorten it.")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Co", "Cn") for sign in plain):
        raise Fault(field, "bad-text", "含有不可见或无法识别的字符",
                    "it has invisible or unknown characters", "重新录入，不要粘贴。",
                    "Type it instead of pasting it.")
    return plain


def name_of(field: str, text: str) -> str:
    """A person's name as it is stored and searched: full-width letters plain, no blanks between
    Chinese characters, one kind of middle dot."""
    plain = unicodedata.normalize("NFKC", text_of(field, text, True))
    plain = re.sub(r"[•‧・･.。](?=\S)", "·", plain)
    plain = re.sub(r"(?<=[㐀-鿿]) (?=[㐀-鿿])", "", plain)
    if any(sign.isdigit() for sign in plain):
        raise Fault(field, "bad-name", "姓名中有数字", "a name has no digits",
                    "检查是否错列。", "Is a column shifted?")
    return plain


def day_of(field: str, text: str, needed: bool = True) -> str:
    """A day as 2024-01-31; also 2024/1/31, 20240131 and 2024年1月31日. "" when it may be empty."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain and not needed:
        return ""
    if not plain:
        raise Fault(field, "missing-field", "缺日期", "the date is missing", "补填。",
                    "Fill it in.")
    match = _DAY.match(plain) or _DAY8.match(plain)
    try:
        found = date(*map(int, match.groups())) if match else None
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise Fault(field, "bad-date", "不是存在的日期", "no day that exists",
                    "写成 2024-01-31 的样子。", "Write it as 2024-01-31.")
    return found.isoformat()


def span_of(first: str, last: str) -> tuple[str, str]:
    """First and last day of something in force; an open end is ""."""
    begins = day_of("from", first)
    plain = last.strip()
    ends = "" if plain in OPEN_ENDS or plain.startswith("9999") else day_of("to", plain)
    if ends and ends < begins:
        raise Fault("to", "dates-out-of-order", "止期早于起期", "it ends before it begins",
                    "对调或更正。", "Exchange or correct the two.")
    return begins, ends


def sex_of(field: str, text: str) -> str:
    """National code of the sex; "" when nothing is said."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if plain and plain not in SEX_WORDS:
        raise Fault(field, "unknown-code", "性别只能是 男 或 女", "the sex is neither 男 nor 女",
                    "写 男、女，或 1、2。", "Write 男 or 女, or 1, 2.")
    return SEX_WORDS.get(plain, "")


def phone_of(field: str, text: str) -> str:
    """A telephone number: digits only, "" when there is none."""
    plain = re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"^(\+|00)86", "", plain)
    if plain and not re.fullmatch(r"\d{7,15}", plain):
        raise Fault(field, "bad-phone", "不像电话号码", "not a telephone number",
                    "只写数字，可留空。", "Write digits only, or leave it empty.")
    return plain


def code_of(field: str, text: str, needed: bool = True) -> str:
    """A code such as an institution's or a disease's: letters, digits and . _ + - *"""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain and not needed:
        return ""
    if not _CODE.match(plain):
        raise Fault(field, "bad-code" if plain else "missing-field",
                    "不是编码" if plain else "缺编码", "not a code" if plain else "it is missing",
                    "填编码，不填名称。", "Write the code, not the name.")
    return plain


def area_of(field: str, text: str) -> str:
    """An administrative area (行政区划代码): 2, 4 or 6 digits of a province there is, without the
    `00` at its end, so that it begins every code of the area; "" is anywhere."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain:
        return ""
    if not re.fullmatch(r"([0-9]{2}){1,3}", plain, re.ASCII):
        raise Fault(field, "bad-code", "应为 2、4 或 6 位行政区划代码",
                    "2, 4 or 6 digits of an area code", "例如 330100，可留空。",
                    "Such as 330100, or leave it empty.")
    if plain[:2] not in PROVINCES and plain[:2] != EXAMPLE_PROVINCE:
        raise Fault(field, "unknown-area", f"没有以 {plain[:2]} 开头的省级区划",
                    f"no province begins with {plain[:2]}", "核对区划代码。",
                    "Compare the area code.")
    return re.sub(r"(00)+$", "", plain)


def county_of(field: str, text: str) -> str:
    """The area of an institution: six digits, or "" when it is not known."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if area_of(field, plain) and len(plain) != 6:
        raise Fault(field, "bad-code", "应为 6 位行政区划代码", "six digits of an area code",
                    "例如 330106，可留空。", "Such as 330106, or leave it empty.")
    return plain


def misplaced(region: str, fact: object) -> Fault | None:
    """Why a filing cannot be one of a region: its area lies not where `place` says."""
    if not isinstance(fact, AwayFiling) or not fact.area:
        return None
    same = fact.area[:2] == region[:2]
    if same == (fact.place == "province"):
        return None
    where = "在本省内" if same else "不在本省内"
    return Fault("area", "area-contradicts", f"区划 {fact.area} {where}，与就医地不符",
                 f"area {fact.area} lies {'in' if same else 'outside'} this province",
                 "更正就医地或区划。", "Correct the place or the area.")


def number_of(field: str, text: str) -> int | None:
    """A whole number of at least 0 (years, months); None when nothing is said."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not plain:
        return None
    if not re.fullmatch(r"\d{1,6}", plain):
        raise Fault(field, "bad-number", "不是非负整数", "not a whole number of at least 0",
                    "例如 6。", "Write a number such as 6.")
    return int(plain)


def yes_no_of(field: str, text: str) -> bool:
    """是 or 否."""
    plain = text.strip().lower()
    if plain not in YES | NO:
        raise Fault(field, "unknown-code", "只能是 是 或 否", "it is neither 是 nor 否",
                    "写 是 或 否。", "Write 是 or 否.")
    return plain in YES


def choice_of(field: str, text: str, known: dict[str, str]) -> str:
    """One of a few words, by its code or its 中文."""
    plain = unicodedata.normalize("NFKC", text).strip()
    by_name = {word: code for code, word in known.items()}
    if plain in known or plain in by_name:
        return plain if plain in known else by_name[plain]
    raise unknown(field, plain, [f"{code} {word}" for code, word in known.items()])


def unknown(field: str, text: str, words: Iterable[str]) -> Fault:
    """The fault of a code nobody knows, with the nearest that exist."""
    words = list(words)
    near = difflib.get_close_matches(text, words, 3, 0.4) or words[:12]
    if not text:
        return Fault(field, "missing-field", "必填项为空", "it is missing",
                     f"可填：{'、'.join(near)}", f"One of: {', '.join(near)}")
    return Fault(field, "unknown-code", "没有这个编码", "not a code of the table",
                 f"可填：{'、'.join(near)}", f"Perhaps: {', '.join(near)}")


INSURANCE_WORDS = {term.national: term.zh for term in INSURANCE.values()}
LEVEL_WORDS = {code: term.zh for code, term in LEVELS.items()}
PLACE_WORDS = {code: term.zh for code, term in PLACES.items()}
PERSON_WORDS = {term.national: term.zh for term in PERSONS.values()}


def insurance_of(field: str, text: str) -> str:
    """The national code of a basic insurance; supplements follow from it and are no cover."""
    return choice_of(field, text, INSURANCE_WORDS)


def person_class_of(field: str, text: str) -> str:
    """A national psn_type; long codes fall back on their first digits in `person_of`."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if re.fullmatch(r"\d{2,6}", plain) and person_of(plain):
        return plain
    return choice_of(field, text, PERSON_WORDS)


def status_name_of(field: str, text: str, own: frozenset[str] = frozenset()) -> str:
    """Our name of a status by name, 中文 or national code; `own` are names packs declare."""
    plain = unicodedata.normalize("NFKC", text).strip()
    found = plain if plain in own else known_status(plain)
    if found is None:
        raise unknown(field, plain, [f"{term.national} {term.zh}".strip()
                                     for term in STATUSES.values()])
    return found


def direction_of(field: str, text: str) -> str:
    """up, down or out; or 上转, 下转, 转外."""
    return choice_of(field, text, DIRECTIONS)


def filing_kind_of(field: str, text: str) -> str:
    """Why somebody is treated away from home."""
    return choice_of(field, text, FILINGS)


def designation_of(field: str, text: str) -> str:
    """What an institution is designated for."""
    return choice_of(field, text, DESIGNATIONS)
