"""One cell of a catalogue file as a value (单元格读取): what is refused says what to write.

Files come from many hands: amounts are yuan, ratios must show their unit, days are days.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from ...money import PPM, NumberFault, parse_percent, parse_yuan, scaled
from ...terms import Term
from .model import Age

DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?( 00:00:00|T00:00:00)?\Z")
AGE = re.compile(r"(\d{1,5}) ?(岁|周岁|年|y|个?月|m|天|日|d)\Z", re.IGNORECASE)
AGE_UNITS = {"岁": "y", "周岁": "y", "年": "y", "y": "y", "月": "m", "个月": "m", "m": "m",
             "天": "d", "日": "d", "d": "d"}
YES, NO = ("1", "是", "yes", "y", "true", "√"), ("0", "否", "no", "n", "false", "")
PARTING = re.compile(r"[;；,，、|\s]+")


class Fault(ValueError):
    """A cell or row that cannot be taken: code, what is wrong, what to do, in both languages."""

    def __init__(self, code: str, en: str, zh: str, todo_en: str, todo_zh: str,
                 column: str = "") -> None:
        super().__init__(code, en, zh, todo_en, todo_zh)
        self.code, self.en, self.zh = code, en, zh
        self.todo_en, self.todo_zh, self.column = todo_en, todo_zh, column


def ratio(text: str) -> int:
    """Parts per million of `10%` or `0.1`. A bare 1 or more has no clear unit and is refused."""
    try:
        if text.endswith(("%", "％")):
            found = parse_percent(text.replace("％", "%"))
        else:
            found = scaled(text, 6, "a ratio")
            if found >= PPM:
                raise Fault("bad-ratio", f"{text} has no unit: percent, or a fraction?",
                            "比例没有单位，无法判断是百分数还是小数",
                            "Write 10% or 0.1; a whole is 100%.", "写成 10% 或 0.1；全部写 100%。")
    except NumberFault as fault:
        raise Fault("bad-ratio", str(fault), "不是比例", "Write 10% or 0.1.",
                    "写成 10% 或 0.1。") from None
    if not 0 <= found <= PPM:
        raise Fault("bad-ratio", f"{text} is not within 0% and 100%", "比例不在 0% 到 100% 之间",
                    "Write 10% or 0.1.", "写成 10% 或 0.1。")
    return found


def amount(text: str) -> int:
    """Fen of an amount in yuan, not negative."""
    try:
        found = parse_yuan(text)
    except NumberFault as fault:
        raise Fault("bad-amount", str(fault), "不是金额（元，最多两位小数）",
                    "Write yuan such as 35.50.", "写元，如 35.50。") from None
    if found < 0:
        raise Fault("bad-amount", f"{text} is negative", "金额为负", "Write yuan such as 35.50.",
                    "写元，如 35.50。")
    return found


def whole_days(text: str) -> int:
    """A number of days, at least one."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 366):
        raise Fault("bad-days", f"{text!r} is no number of days from 1 to 366", 
                    "不是 1 到 366 的天数", "Write a whole number such as 30.", "写整数，如 30。")
    return int(text)


def day(text: str) -> str:
    """An ISO day of 2023-01-31, 2023/1/31, 20230131 or 2023年1月31日."""
    found = DAY.match(text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except (TypeError, ValueError):
        raise Fault("bad-date", f"{text!r} is no day of the calendar", "不是有效日期",
                    "Write 2023-01-31.", "写成 2023-01-31。") from None


def age(text: str) -> Age:
    """An age with its unit: 14岁, 14y, 6月, 28天."""
    found = AGE.match(text)
    if found is None:
        raise Fault("bad-age", f"{text!r} is no age with a unit", "年龄缺少单位或格式有误",
                    "Write 14岁, 6月 or 28天 (14y, 6m, 28d).", "写成 14岁、6月 或 28天。")
    return Age(int(found[1]), AGE_UNITS[found[2].lower()])


def flag(text: str) -> bool:
    """Yes or no."""
    word = text.lower()
    if word in YES or word in NO:
        return word in YES
    raise Fault("bad-flag", f"{text!r} is neither yes nor no", "应为“是”或“否”",
                "Write 是 or 否 (1 or 0).", "写“是”或“否”。")


def one_of(names: Mapping[str, Term], more: Mapping[str, str] | None = None,
           ) -> Callable[[str], str]:
    """A reader of one word among names: ours, the English or Chinese one, or the national code."""
    known = {**(more or {})}
    for name, term in names.items():
        for word in (name, term.en, term.zh, term.national):
            if word:
                known.setdefault(word.lower(), name)

    def read(text: str) -> str:
        found = known.get(text.lower())
        if found is None:
            shown = "、".join(f"{term.national or name} {term.zh}" for name, term in
                             list(names.items())[:8])
            raise Fault("unknown-code", f"{text!r} is not among the codes", "编码无法识别",
                        f"One of {shown} ...", f"可写：{shown} 等。")
        return found

    return read


def several(read: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """A reader of several words parted by `;` (also 、 and ，)."""
    return lambda text: tuple(dict.fromkeys(read(word) for word in PARTING.split(text) if word))


def words(text: str) -> tuple[str, ...]:
    """Words parted by `;`."""
    return tuple(dict.fromkeys(word for word in PARTING.split(text) if word))
