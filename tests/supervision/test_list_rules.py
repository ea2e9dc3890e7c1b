"""List rules against orders: every kind of rule on both sides of its bound."""
from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tongchou.supervision import (Clue, Encounter, ListRule, Order, Patient, RuleBook, clues)

A, B = "001204000902000", "003109000901000"
SOURCE = "a test"


def rule(kind: str, asked: str = "", span: str = "", code: str = A, **more: str) -> ListRule:
    return ListRule(kind, code, "item", asked, span, **{"first": "2020-01-01", "source": SOURCE}
                    | more)


def order(begin: str = "2024-05-01T09:00:00", code: str = A, count: int = 1, fen: int = 1000,
          rx: str = "1", current: bool = True, days: int = 0) -> Order:
    return Order(rx, code, code, begin, count * 10_000, fen, current, days)


def found(rules: ListRule | list[ListRule], *orders: Order, sex: str = "2",
          born: str = "2010-05-01", level: str = "2", earlier: tuple[Order, ...] = (),
          **facts: str) -> list[Clue]:
    visits = [Encounter("M1", facts, level, orders)]
    if earlier:
        visits.insert(0, Encounter("M0", facts, level, earlier, current=False))
    book = RuleBook("529900", 1, rules if isinstance(rules, list) else [rules])
    return list(clues(book, Patient("P", sex, born, tuple(visits))))


@pytest.mark.parametrize(("sex", "expected"), [("1", 1), ("2", 0), ("0", 0), ("9", 0), ("", 0)])
def test_sex(sex: str, expected: int) -> None:
    assert len(found(rule("sex", "2"), order(), sex=sex)) == expected


@pytest.mark.parametrize(("asked", "born", "expected"), [
    ("<14y", "2010-05-02", 0), ("<14y", "2010-05-01", 1),        # 14 on the day of the order
    (">=60y", "1964-05-01", 0), (">=60y", "1964-05-02", 1),
    ("<28d", "2024-04-04", 0), ("<28d", "2024-04-03", 1),
    ("<36m", "2021-05-02", 0), ("<36m", "2021-05-01", 1), ("<14y", "", 0)])
def test_age(asked: str, born: str, expected: int) -> None:
    assert len(found(rule("age", asked), order(), born=born)) == expected


def test_an_age_counts_on_the_day_of_each_order() -> None:
    clue, = found(rule("age", "<14y"), order("2024-04-30T23:59:59", rx="1"),
                  order("2024-05-01T00:00:00", rx="2"))
    assert [part[0].rx_id for part in clue.parts] == ["2"] and clue.amount_fen == 1000


@pytest.mark.parametrize(("kind", "asked", "facts", "expected"), [
    ("scheme", "insutype=410;insutype=510", {"insutype": "510"}, 0),
    ("scheme", "insutype=410;insutype=510", {"insutype": "310"}, 1),
    ("scheme", "insutype=410", {}, 0),                           # nothing said, nothing told
    ("setting", "med_type=2;med_mdtrt_type=2", {"med_type": "21"}, 0),
    ("setting", "med_type=2;med_mdtrt_type=2", {"med_type": "11"}, 1),
    ("setting", "med_type=2;med_mdtrt_type=2", {"med_type": "11", "med_mdtrt_type": "2"}, 0)])
def test_scheme_and_setting(kind: str, asked: str, facts: dict[str, str], expected: int) -> None:
    assert len(found(rule(kind, asked), order(), **facts)) == expected


@pytest.mark.parametrize(("level", "expected"), [
    ("3", 0), ("2", 0), ("1", 1), ("township", 1), ("village", 1), ("none", 1)])
def test_level(level: str, expected: int) -> None:
    assert len(found(rule("level", "2"), order(), level=level)) == expected


@pytest.mark.parametrize(("days", "expected"), [(7, 0), (8, 1)])
def test_course_of_a_supply(days: int, expected: int) -> None:
    clue = found(rule("course", "7"), order(days=days))
    assert len(clue) == expected
    assert not clue or "7" in clue[0].zh and "8" in clue[0].zh


@pytest.mark.parametrize(("number", "expected"), [(7, 0), (8, 1)])
def test_course_of_days_on_which_it_was_ordered(number: int, expected: int) -> None:
    days = [order(f"2024-05-{day:02d}T09:00:00", rx=str(day)) for day in range(1, number + 1)]
    assert len(found(rule("course", "7"), *days)) == expected
    assert not found(rule("course", "7"), *[one._replace(begin=days[0].begin) for one in days])


@pytest.mark.parametrize(("day", "expected"), [("2024-05-14", 1), ("2024-05-15", 0)])
def test_interval(day: str, expected: int) -> None:
    now, before = order(f"{day}T08:00:00"), order("2024-05-01T20:00:00", current=False, rx="0")
    assert len(found(rule("interval", "14"), now, earlier=(before,))) == expected
    assert len(found(rule("interval", "14"), before, now)) == expected
    assert not found(rule("interval", "14"), order(), order(rx="2"))     # one day is one time


@pytest.mark.parametrize(("count", "expected", "amount"), [(24, 0, 0), (25, 1, 100)])
def test_number_in_a_day(count: int, expected: int, amount: int) -> None:
    clue = found(rule("count", "24", "1d"), order(count=count, fen=100 * count))
    assert len(clue) == expected and sum(one.amount_fen for one in clue) == amount


@pytest.mark.parametrize(("day", "expected"), [("2024-05-15", 1), ("2024-05-16", 0)])
def test_number_in_a_span_of_days(day: str, expected: int) -> None:
    before = order("2024-05-01T20:00:00", current=False, rx="0")
    clue = found(rule("count", "1", "15d"), order(f"{day}T08:00:00"), earlier=(before,))
    assert len(clue) == expected
    assert not clue or [(part[0].rx_id, part[1]) for part in clue[0].parts] == [
        ("1", "1"), ("0", "2")]


def test_number_in_a_visit_leaves_other_visits_alone() -> None:
    before = order("2024-05-01T08:00:00", current=False, rx="0")
    one = rule("count", "1", "visit")
    assert not found(one, order(), earlier=(before,))
    assert len(found(one, order(), order(rx="2"))) == 1


@pytest.mark.parametrize(("span", "begin", "expected"), [
    ("1d", "2024-05-01T23:00:00", 1), ("1d", "2024-05-02T01:00:00", 0),
    ("2d", "2024-05-02T01:00:00", 1), ("2d", "2024-05-03T01:00:00", 0),
    ("6h", "2024-05-01T14:59:59", 1), ("6h", "2024-05-01T15:00:00", 0),
    ("visit", "2024-06-30T15:00:00", 1)])
def test_a_pair_within_a_span(span: str, begin: str, expected: int) -> None:
    one = rule("pair", "", span, other_code=B, other_name="other")
    clue = found(one, order(), order(begin, B, rx="2", fen=300))
    assert len(clue) == expected
    if clue:                                   # the included item is in question, not the other
        assert clue[0].amount_fen == 300 and "other" in clue[0].zh
        assert not found(one, order()) and not found(one, order(code=B))


def test_a_pair_without_hours_is_only_a_slight_suspicion() -> None:
    one = rule("pair", "", "6h", other_code=B, severity="1")
    assert found(one, order(), order(code=B))[0].severity == "1"
    assert found(one, order(), order("2024-05-01T00:00:00", B))[0].severity == "3"


def test_a_pair_is_told_when_either_item_is_at_hand_and_once() -> None:
    one = rule("pair", "", "1d", other_code=B)
    for mine, other in ((True, False), (False, True), (True, True)):
        assert len(found(one, order(current=mine), order(code=B, current=other))) == 1
    assert not found(one, order(current=False), order(code=B, current=False))


def test_a_group_in_one_operation() -> None:
    rules = [rule("group", "G", code=A), rule("group", "G", code=B), rule("group", "H", code="C")]
    clue, = found(rules, order(fen=900), order(code=B, fen=400, rx="2"))
    assert clue.amount_fen == 400 and clue.rule.code == A        # the dearest is paid in full
    assert not found(rules, order(fen=900))
    assert not found(rules, order(), order("2024-05-02T09:00:00", B))
    assert not found(rules, order(), order(code="C"))            # another group


@pytest.mark.parametrize(("day", "expected"), [
    ("2023-12-31", 0), ("2024-01-01", 1), ("2024-06-30", 1), ("2024-07-01", 0)])
def test_a_rule_governs_its_days(day: str, expected: int) -> None:
    one = rule("sex", "1", first="2024-01-01", last="2024-06-30")
    assert len(found(one, order(f"{day}T09:00:00"))) == expected


def test_only_the_rules_that_are_named() -> None:
    one, patient = rule("sex", "1"), Patient("P", "2", "", (Encounter("M", {}, "2", (order(),)),))
    book = RuleBook("529900", 1, [one])
    assert len(list(clues(book, patient, [one.rule_id]))) == 1
    assert not list(clues(book, patient, ["another"]))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-3, 5), st.booleans()), max_size=12),
       st.integers(1, 6), st.integers(1, 10))
def test_a_count_is_told_exactly_when_a_span_holds_too_many(
        drawn: list[tuple[int, int, bool]], limit: int, span: int) -> None:
    first = datetime(2024, 1, 1, 9)
    orders = [order((first + timedelta(days=day)).isoformat(), count=count, rx=str(place),
                    current=current) for place, (day, count, current) in enumerate(drawn)]
    too_many = any(sum(count for other, count, _ in drawn if day - span < other <= day) > limit
                   for day, _, current in drawn if current)
    assert bool(found(rule("count", str(limit), f"{span}d"), *orders)) == too_many


@given(st.lists(st.tuples(st.sampled_from([A, B, "C"]), st.integers(-2000, 9000),
                          st.integers(1, 4), st.booleans()), max_size=10))
def test_what_is_in_question_never_exceeds_the_orders_at_hand(
        drawn: list[tuple[str, int, int, bool]]) -> None:
    orders = [order(code=code, fen=fen, count=count, rx=str(place), current=current)
              for place, (code, fen, count, current) in enumerate(drawn)]
    rules = [rule("sex", "1"), rule("count", "1", "1d"), rule("course", "1"),
             rule("pair", "", "1d", other_code=B), rule("sex", "1", code=B)]
    for clue in found(rules, *orders):
        assert clue.amount_fen <= sum(max(one.amount_fen, 0) for one in orders)
        assert any(part[0].current for part in clue.parts)
