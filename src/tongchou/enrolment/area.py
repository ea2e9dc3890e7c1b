"""What policy leaves to the pooling area: rules as data, with their days of force (地方规则).

Each rule is a small JSON value with a clause and a source, in force from a day. A question whose
rule nobody has set is refused with the clause: there is no silent default.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from ..errors import Refusal
from ..terms import LEVELS, PLACES, STATUSES, status_of


class RuleKind(NamedTuple):
    """A rule that may be set: which clause asks for it, what it says, an example of its value."""

    clause: str
    zh: str
    en: str
    example: str


RULES: dict[str, RuleKind] = {
    "referral_needed": RuleKind("BJ-61", "哪些机构须转诊", "where a referral is needed",
                                '{"levels": ["3"], "places": ["province", "outside"]}'),
    "campaign_end": RuleKind("LF-34", "攻坚期末", "end of the campaign",
                             '{"statuses": ["left_poverty"], "until": "YYYY-MM-DD"}'),
    "covered_group": RuleKind("BJ-03", "保障对象", "who is covered",
                              '{"statuses": ["registered_poor", "extreme_poverty"]}'),
    "late_payment": RuleKind("ZB-38", "集中缴费期外的等待期", "waiting after late payment",
                             '{"months": 3, "counted_from": "payment"}'),
    "payment_period": RuleKind("ZB-37", "集中缴费期", "the concentrated payment period",
                               '{"from": "MM-DD", "to": "MM-DD"}'),
    "new_recognition": RuleKind("BJ-08", "动态参保截止月", "last month that joins the year",
                                '{"last_month": 8, "starts": "recognition"}'),
    "newborn": RuleKind("ZB-38", "新生儿参保", "enrolment of newborns", '{"months": 3}'),
    "bill_split": RuleKind("", "费用拆分口径", "how bills are split",
                           '{"unknown_item": "class_c", "tolerance_fen": 1, '
                           '"unrated_level": "1"}'),
}
UNKNOWN_ITEM = ("refuse", "class_c")
TOLERANCE_MAX_FEN = 100         # a slip of more than a yuan on a line is no rounding
COUNTED_FROM = ("payment", "next_day", "month_start")
STARTS = ("recognition", "year")


@dataclass(frozen=True)
class AreaRules:
    """The rules of one region on one day: name -> (value, clause)."""

    region: str
    values: Mapping[str, tuple[Mapping[str, object], str]] = field(default_factory=dict)

    def needed(self, name: str) -> tuple[Mapping[str, object], str]:
        """The value and clause of a rule. Raises Refusal `unset-rule`."""
        if name not in self.values:
            kind = RULES[name]
            raise Refusal("unset-rule", f"region {self.region} has not set `{name}` "
                          f"({kind.zh}未设定)", f"region {self.region}", kind.clause,
                          f"An administrator sets it, for example {kind.example}.")
        return self.values[name]


def check_rule(name: str, value: Mapping[str, object]) -> None:
    """Raises Refusal `bad-rule` for a rule that does not exist or a value it cannot have."""
    if name not in RULES:
        raise Refusal("bad-rule", f"there is no rule `{name}`", name,
                      hint=f"Rules: {', '.join(RULES)}.")
    fine = {
        "referral_needed": lambda: set(value) <= {"levels", "places", "tags"}
        and set(value.get("levels", ())) <= LEVELS.keys()
        and set(value.get("places", ())) <= PLACES.keys(),
        "campaign_end": lambda: set(value["statuses"]) <= STATUSES.keys() and _day(value["until"]),
        "covered_group": lambda: set(value["statuses"]) <= STATUSES.keys(),
        "late_payment": lambda: _count(value["months"]) and value["counted_from"] in COUNTED_FROM,
        "payment_period": lambda: _month_day(value["from"]) and _month_day(value["to"]),
        "new_recognition": lambda: _count(value["last_month"]) and value["last_month"] in
        range(1, 13) and value["starts"] in STARTS,
        "newborn": lambda: _count(value["months"]),
        "bill_split": lambda: value["unknown_item"] in UNKNOWN_ITEM
        and _count(value["tolerance_fen"]) and value["tolerance_fen"] <= TOLERANCE_MAX_FEN
        and value["unrated_level"] in LEVELS.keys() - {"none"},
    }[name]
    try:
        right = fine() and (name != "bill_split" or len(value) == 3)
    except (KeyError, TypeError, ValueError):
        right = False
    if not right:
        raise Refusal("bad-rule", f"`{name}` cannot have this value", name, RULES[name].clause,
                      f"For example {RULES[name].example}.")


def end_of_campaign(rules: AreaRules, code: str) -> str:
    """The day on which the campaign ends benefits of a status; "" when it does not (LF-34).

    Raises Refusal `unset-rule` for who left poverty by procedure while no end is set.
    """
    if "campaign_end" in rules.values:
        value, _ = rules.values["campaign_end"]
        return value["until"] if code in value["statuses"] else ""
    if code == "left_poverty":
        rules.needed("campaign_end")
    return ""


def benefits_from(paid: str, cover_from: str, rules: AreaRules) -> str:
    """First day of benefits of a resident who paid on a day for cover from another.

    In the concentrated period: from the start of the cover (ZB-37). Later: the area's months of
    waiting after the payment, and never before the cover (ZB-38).
    """
    period, _ = rules.needed("payment_period")
    if _in_period(paid, cover_from, period):
        return cover_from
    value, _ = rules.needed("late_payment")
    start = {"payment": paid, "next_day": _next(paid), "month_start": paid[:8] + "01"}
    return max(months_after(start[value["counted_from"]], value["months"]), cover_from)


def _in_period(paid: str, cover_from: str, period: Mapping[str, object]) -> bool:
    """Whether a payment fell into the period before the cover: the one that ends last before or
    on its first year's period end."""
    year = int(cover_from[:4])
    crosses = period["from"] > period["to"]          # October to February of the next year
    ends = year if crosses else year - 1
    first = f"{ends - crosses:04d}-{period['from']}"
    return first <= paid <= f"{ends:04d}-{period['to']}"


def newborn_benefits_from(born: str, paid: str, rules: AreaRules) -> str:
    """First day of benefits of a newborn: birth when paid within the months of the rule, else the
    day of payment; the first year of life is not in a concentrated period."""
    value, _ = rules.needed("newborn")
    return born if paid <= months_after(born, value["months"]) else paid


def joins_from(recognised: str, already_insured: bool, rules: AreaRules) -> str:
    """First day of cover of somebody newly recognised; "" when insured already (BJ-08, BJ-09).

    Up to the last month of the rule: this year, from recognition or from the year's first day;
    later: from the first day of the next.
    """
    if already_insured:
        return ""
    value, _ = rules.needed("new_recognition")
    if int(recognised[5:7]) > value["last_month"]:
        return f"{int(recognised[:4]) + 1:04d}-01-01"
    return recognised if value["starts"] == "recognition" else f"{recognised[:4]}-01-01"


def months_after(day: str, months: int) -> str:
    """The day some months later; the last day of a shorter month."""
    year, month = divmod(int(day[:4]) * 12 + int(day[5:7]) - 1 + months, 12)
    following = date(year + month // 11, (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return f"{year:04d}-{month + 1:02d}-{min(int(day[8:10]), last):02d}"


def known_status(code: str) -> str | None:
    """The name of a status by its code, 中文 or our name; None when there is no such."""
    named = {term.zh: name for name, term in STATUSES.items()}
    return status_of(code) or named.get(code)


def _day(text: object) -> bool:
    return date.fromisoformat(text).isoformat() == text


def _month_day(text: object) -> bool:
    return date.fromisoformat(f"2000-{text}").strftime("%m-%d") == text


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _next(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
