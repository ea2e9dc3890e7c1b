"""A list rule, and the rules of a region by item (名录规则).

A rule says of one item of the catalogue when it is not paid. `asked` is its limit in one form:

    sex      1 or 2 (gend): only this sex                          女
    age      <18y, <29d, >=60y: only at this age                   <14y
    scheme   insutype=410;med_type=22: only where one of these     工伤
    setting  the same form                                         住院
    level    2: only from this level of institution on             二级
    course   14: at most so many days in a visit                   14天
    interval 14: at least so many days between two                 14天
    count    24 in `span`: at most so many in so many days         24 / 1d
    pair     not beside `other_code` within `span`                 1d, 6h, visit
    group    a name: several of one group in one operation
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..terms import Term

KINDS: dict[str, Term] = {
    "sex": Term("only one sex", "限性别"),
    "age": Term("only at an age", "限年龄"),
    "scheme": Term("only under a scheme", "限险种"),
    "setting": Term("only in a setting", "限就医方式"),
    "level": Term("only from a level of institution on", "限医疗机构级别"),
    "course": Term("days of a course", "限疗程天数"),
    "interval": Term("days between two", "限间隔天数"),
    "count": Term("number in a span of days", "限频次"),
    "pair": Term("not beside another item", "不得同时收费"),
    "group": Term("several of one group in one operation", "同一切口多项手术"),
}
SEVERITIES = {"1": "明确违规", "2": "高度可疑", "3": "轻度可疑"}       # sev_deg
VISIT = "visit"                # a span: the whole visit
EVER = "9999-12-31"


class ListRule(NamedTuple):
    """One rule, in force from `first` to `last` ("" open), with where it comes from."""

    kind: str
    code: str
    name: str
    asked: str
    span: str = ""
    other_code: str = ""
    other_name: str = ""
    severity: str = "2"
    first: str = ""
    last: str = ""
    source: str = ""

    @property
    def rule_id(self) -> str:
        """Its name in messages: kind, item, and the other item of a pair."""
        return "-".join(one for one in (self.kind, self.code, self.other_code) if one)[:50]

    def in_force(self, day: str) -> bool:
        """Whether it governs that day."""
        return self.first <= day <= (self.last or EVER)


class RuleBook:
    """The rules of a region as of one edition; read only, safe to share."""

    def __init__(self, region: str, version: int, rules: Iterable[ListRule]) -> None:
        self.region, self.version = region, version
        self._by_code: dict[str, list[ListRule]] = {}
        self._others: dict[str, list[ListRule]] = {}
        for rule in rules:
            self._by_code.setdefault(rule.code, []).append(rule)
            if rule.other_code:
                self._others.setdefault(rule.other_code, []).append(rule)

    def __len__(self) -> int:
        """How many rules it has."""
        return sum(map(len, self._by_code.values()))

    def of(self, code: str) -> tuple[ListRule, ...]:
        """The rules of an item; of a pair those of its first item."""
        return tuple(self._by_code.get(code, ()))

    def naming(self, code: str) -> tuple[ListRule, ...]:
        """Rules of pairs whose second item it is."""
        return tuple(self._others.get(code, ()))
