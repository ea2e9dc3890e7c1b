"""What of a patient's orders the list rules speak against (名录规则审核).

A clue always concerns an order at hand (`current`); what was ordered before only counts along.
Amounts are fen, counts ten-thousandths. Nothing here changes what is paid.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ..money import divide_rounded, scaled
from ..terms import LEVELS
from .model import VISIT, ListRule, RuleBook

VIOLATES, INVOLVED = "1", "2"              # vola_item_type
RANKS = {name: place for place, name in enumerate(
    ("none", *(one for one in LEVELS if one != "none")))}
SEXES_ZH = {"1": "男", "2": "女"}
UNITS_ZH = {"y": "岁", "m": "个月", "d": "天", "h": "小时"}
MILD = "3"
MIDNIGHT = "T00:00:00"


class Order(NamedTuple):
    """An order (医嘱): what, how much, when (ISO), `supply_days` where the message has them."""

    rx_id: str
    code: str
    name: str
    begin: str
    count_e4: int
    amount_fen: int
    current: bool = True
    supply_days: int = 0

    @property
    def day(self) -> str:
        """The day it begins."""
        return self.begin[:10]


class Encounter(NamedTuple):
    """A visit with its orders; `facts` insutype, med_type, med_mdtrt_type; `level` is our word."""

    mdtrt_id: str
    facts: Mapping[str, str]
    level: str
    orders: tuple[Order, ...]
    current: bool = True


class Patient(NamedTuple):
    """Whom the orders are for; `sex` 1 or 2, others unknown."""

    patn_id: str
    sex: str
    born: str
    encounters: tuple[Encounter, ...]


class Clue(NamedTuple):
    """What a rule found in a visit: a sentence, the amount in question, (order, kind, fen)."""

    rule: ListRule
    mdtrt_id: str
    zh: str
    amount_fen: int
    parts: tuple[tuple[Order, str, int], ...]
    severity: str


def clues(book: RuleBook, patient: Patient, only: Iterable[str] = ()) -> Iterator[Clue]:
    """Everything the rules find, visit by visit; `only` these rule_ids where any are named."""
    wanted = frozenset(only)
    for encounter in patient.encounters:
        if not encounter.current:
            continue
        by_code: dict[str, list[Order]] = {}
        for order in encounter.orders:
            by_code.setdefault(order.code, []).append(order)
        for code in sorted({one.code for one in encounter.orders if one.current}):
            for rule in dict.fromkeys((*book.of(code), *book.naming(code))):
                if (wanted and rule.rule_id not in wanted) or (
                        rule.code != code and _speaks(rule, by_code)):
                    continue               # the pair is told with its first item
                orders = [one for one in by_code.get(rule.code, ()) if rule.in_force(one.day)]
                if orders:
                    yield from _CHECKS[rule.kind](_Case(book, patient, encounter, by_code, rule,
                                                        orders))


def _speaks(rule: ListRule, by_code: Mapping[str, Sequence[Order]]) -> bool:
    return any(one.current for one in by_code.get(rule.code, ()))


class _Case(NamedTuple):
    """A rule, and the orders of its item in a visit."""

    book: RuleBook
    patient: Patient
    encounter: Encounter
    by_code: Mapping[str, Sequence[Order]]
    rule: ListRule
    orders: Sequence[Order]

    def clue(self, zh: str, parts: Iterable[tuple[Order, str, int]], severity: str = "") -> Clue:
        parts = tuple(parts)
        return Clue(self.rule, self.encounter.mdtrt_id, f"{self.named}{zh}",
                    sum(fen for _, kind, fen in parts if kind == VIOLATES), parts,
                    severity or self.rule.severity)

    @property
    def named(self) -> str:
        return self.rule.name or self.orders[0].name or self.rule.code

    def everywhere(self) -> list[Order]:
        """The orders of the item in every visit of the message, oldest first."""
        return sorted((one for encounter in self.patient.encounters for one in encounter.orders
                       if one.code == self.rule.code), key=lambda one: one.begin)


def _all_of(orders: Iterable[Order]) -> list[tuple[Order, str, int]]:
    return [(one, VIOLATES, one.amount_fen) for one in orders if one.current]


def _sex(case: _Case) -> Iterator[Clue]:
    if case.patient.sex in SEXES_ZH and case.patient.sex != case.rule.asked:
        yield case.clue(f"限{SEXES_ZH[case.rule.asked]}性使用，参保人为"
                        f"{SEXES_ZH[case.patient.sex]}性", _all_of(case.orders))


def _age(case: _Case) -> Iterator[Clue]:
    if not case.patient.born:
        return
    below, asked = case.rule.asked.startswith("<"), case.rule.asked.lstrip("<>=")
    bound, unit = int(asked[:-1]), asked[-1]
    outside = [one for one in case.orders
               if (age_on(case.patient.born, one.day, unit) < bound) != below and one.current]
    if outside:
        age = age_on(case.patient.born, outside[0].day, unit)
        yield case.clue(f"限{'未满' if below else '满'} {bound} {UNITS_ZH[unit]}使用，参保人 {age} "
                        f"{UNITS_ZH[unit]}", _all_of(outside))


def _conditions(case: _Case) -> Iterator[Clue]:
    asked = [tuple(one.split("=")) for one in case.rule.asked.split(";")]
    facts = case.encounter.facts
    if any(facts.get(name, "").startswith(code) for name, code in asked) or not any(
            facts.get(name) for name, _ in asked):
        return
    seen = "、".join(f"{name} {facts[name]}" for name in dict.fromkeys(name for name, _ in asked)
                    if facts.get(name))
    zh = "限规定险种支付" if case.rule.kind == "scheme" else "限规定就医方式使用"
    yield case.clue(f"{zh}（{case.rule.asked}），本次为 {seen}", _all_of(case.orders))


def _level(case: _Case) -> Iterator[Clue]:
    if RANKS.get(case.encounter.level, 0) < RANKS[case.rule.asked]:
        yield case.clue(f"限{LEVELS[case.rule.asked].zh}及以上医疗机构使用，本机构为"
                        f"{LEVELS[case.encounter.level].zh}", _all_of(case.orders))


def _course(case: _Case) -> Iterator[Clue]:
    """Days of supply where they are given, else the days on which it was ordered."""
    limit = int(case.rule.asked)
    given = sum(one.supply_days for one in case.orders)
    days = max(given, len({one.day for one in case.orders if one.count_e4 > 0}))
    if days > limit:
        yield case.clue(f"支付疗程不超过 {limit} 天，本次已开 {days} 天",
                        _all_of(sorted(case.orders, key=lambda one: one.begin)[-1:])
                        or _all_of(case.orders))


def _interval(case: _Case) -> Iterator[Clue]:
    least, last = int(case.rule.asked), ""
    for order in case.everywhere():
        gap = _days_between(last, order.day) if last else None
        if gap and gap < least and order.current and order in case.orders:
            yield case.clue(f"两次间隔不少于 {least} 天，距上次（{last}）{gap} 天",
                            [(order, VIOLATES, order.amount_fen)])
            return
        last = order.day


def _count(case: _Case) -> Iterator[Clue]:
    """The first span of days, ending with an order at hand, that holds more than allowed."""
    limit_e4 = scaled(case.rule.asked, 4, "a count")
    orders = case.orders if case.rule.span == VISIT else case.everywhere()
    for last in sorted({one.day for one in case.orders if one.current}):
        first = "" if case.rule.span == VISIT else (date.fromisoformat(last) - timedelta(
            days=int(case.rule.span[:-1]) - 1)).isoformat()
        inside = [one for one in orders if first <= one.day <= last]
        over_e4 = sum(one.count_e4 for one in inside) - limit_e4
        if over_e4 > 0:
            zh = "每次就诊" if case.rule.span == VISIT else f"每 {case.rule.span[:-1]} 天"
            yield case.clue(f"{zh}不超过 {case.rule.asked}，至 {last} 已有 "
                            f"{_plain(over_e4 + limit_e4)}", _excess(inside, over_e4))
            return


def _excess(inside: Sequence[Order], over_e4: int) -> list[tuple[Order, str, int]]:
    """Orders at hand, the newest first, up to what is too much; the others count along."""
    parts = []
    for one in reversed(inside):
        taken = min(over_e4, one.count_e4) if one.current else 0
        if taken > 0:
            parts.append((one, VIOLATES, divide_rounded(max(one.amount_fen, 0) * taken,
                                                      one.count_e4)))
            over_e4 -= taken
        else:
            parts.append((one, INVOLVED, 0))
    return parts


def _pair(case: _Case) -> Iterator[Clue]:
    rule, severity = case.rule, ""
    others = [one for one in case.by_code.get(rule.other_code, ()) if rule.in_force(one.day)]
    found, mains = [], []
    for other in others:
        near = [one for one in case.orders if (one.current or other.current) and _within(
            one.begin, other.begin, rule.span)]
        if near:
            found.append(other)
            mains += [one for one in near if one not in mains]
            if rule.span.endswith("h") and MIDNIGHT in other.begin + near[0].begin:
                severity = MILD                # a day without its hour proves nothing
    if found:
        said = rule.other_name or found[0].name or rule.other_code
        yield case.clue(f"已含{said}，{_span_zh(rule.span)}不得同时收费",
                        [*((one, VIOLATES, one.amount_fen) for one in found),
                         *((one, INVOLVED, 0) for one in mains)], severity)


def _within(one: str, other: str, span: str) -> bool:
    if span == VISIT:
        return True
    if span.endswith("d") or MIDNIGHT in one + other:
        return abs(_days_between(one[:10], other[:10])) < (
            int(span[:-1]) if span.endswith("d") else 1)
    apart = datetime.fromisoformat(one) - datetime.fromisoformat(other)
    return abs(apart) < timedelta(hours=int(span[:-1]))


def _span_zh(span: str) -> str:
    return "同一次就诊" if span == VISIT else f"{span[:-1]} {UNITS_ZH[span[-1]]}内"


def _group(case: _Case) -> Iterator[Clue]:
    """Several operations of a group on one day: all but the dearest are in question. It is told
    once, with the smallest code."""
    for day in sorted({one.day for one in case.orders if one.count_e4 > 0}):
        there = [one for code, orders in case.by_code.items() for one in orders
                 if one.day == day and one.count_e4 > 0 and any(
                     rule.kind == "group" and rule.asked == case.rule.asked and rule.in_force(day)
                     for rule in case.book.of(code))]
        codes = {one.code for one in there}
        if len(codes) > 1 and case.rule.code == min(codes):
            dearest = max(there, key=lambda one: (one.amount_fen, one.rx_id))
            yield case.clue(f"等 {len(codes)} 项属{case.rule.asked}，{day} 同一切口多项手术应按"
                            "规定折扣收费", [(one, INVOLVED, 0) if one.code == dearest.code else
                                       (one, VIOLATES, one.amount_fen) for one in there])


_CHECKS: Mapping[str, Callable[[_Case], Iterator[Clue]]] = {
    "sex": _sex, "age": _age, "scheme": _conditions, "setting": _conditions, "level": _level,
    "course": _course, "interval": _interval, "count": _count, "pair": _pair, "group": _group}


def age_on(born: str, day: str, unit: str) -> int:
    """Completed years `y`, months `m` or days `d` on a day."""
    birth, on = date.fromisoformat(born), date.fromisoformat(day)
    if unit == "d":
        return (on - birth).days
    months = (on.year - birth.year) * 12 + on.month - birth.month - (on.day < birth.day)
    return months if unit == "m" else months // 12


def _days_between(one: str, other: str) -> int:
    return (date.fromisoformat(other) - date.fromisoformat(one)).days


def _plain(count_e4: int) -> str:
    whole, rest = divmod(count_e4, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
