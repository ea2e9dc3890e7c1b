"""Lists about the area itself: where filings and institutions lie, and the area's own rules."""
import json
from collections.abc import Callable

import pytest
from enrolled import REGION
from test_imports import codes, counts, load, number, people  # noqa: F401 - load is a fixture

from tongchou.enrolment import read_document
from tongchou.enrolment.kinds import KINDS


@pytest.mark.parametrize(("place", "area", "stored"), [
    ("跨省异地", "330100", "3301"), ("跨省异地", "330000", "33"), ("跨省异地", "33", "33"),
    ("跨省异地", "330106", "330106"), ("跨省异地", "", ""), ("省内异地", "990200", "9902"),
    ("跨省异地", "３３０１００", "3301")])
@pytest.mark.clause("BJ-66")
def test_a_filing_is_for_an_area_there_is(load: Callable, place: str, area: str, stored: str,
                                          ) -> None:
    people(load, 1)
    heads = [column.zh for column in KINDS["filings"].columns]
    made = load("filings", heads, ["", number(1), "", place, area, "working", "2024-01-01", ""])
    assert counts(made) == (1, 0, 0, 0), made.as_dict()
    found = load.service.context(REGION, load.service.find(REGION, read_document("01", number(1))))
    assert found.filings[0].area == stored


@pytest.mark.parametrize(("place", "area", "code"), [
    ("跨省异地", "3301001", "bad-code"), ("跨省异地", "330", "bad-code"),
    ("跨省异地", "杭州", "bad-code"), ("跨省异地", "830", "bad-code"),
    ("跨省异地", "160000", "unknown-area"), ("跨省异地", "000000", "unknown-area"),
    ("跨省异地", "990100", "area-contradicts"), ("省内异地", "330100", "area-contradicts")])
def test_a_filing_for_no_area_is_refused(load: Callable, place: str, area: str, code: str) -> None:
    people(load, 1)
    heads = [column.zh for column in KINDS["filings"].columns]
    made = load("filings", heads, ["", number(1), "", place, area, "working", "2024-01-01", ""])
    assert [(row[1], row[2]) for row in codes(made)] == [("area", code)]


@pytest.mark.parametrize(("county", "code"), [
    ("9999", "bad-code"), ("999901x", "bad-code"), ("160101", "unknown-area")])
def test_an_institution_lies_in_an_area_there_is(load: Callable, county: str, code: str) -> None:
    heads = [column.zh for column in KINDS["institutions"].columns]
    made = load("institutions", heads, ["H1", "第一医院", "三级", "", "统筹区内", county,
                                        "2024-01-01", ""])
    assert [(row[1], row[2]) for row in codes(made)] == [("county", code)]


# --- rules of the area ---
RULE = ["规则", "取值", "来源", "起始日期", "终止日期"]
SPLIT = '{"unknown_item": "class_c", "tolerance_fen": 1, "unrated_level": "1"}'
STRICT = '{"unknown_item": "refuse", "tolerance_fen": 0, "unrated_level": "2"}'


def test_rules_of_the_area_are_imported_with_their_days(load: Callable) -> None:
    rows = [["bill_split", SPLIT, "文件1号", "2024-01-01", "2024-12-31"],
            ["费用拆分口径", STRICT, "文件2号", "2025-01-01", ""],
            ["newborn", '{"months": 3}', "文件1号", "2024-01-01", ""]]
    assert counts(load("rules", RULE, *rows)) == (3, 0, 0, 0)
    assert counts(load("rules", RULE, *rows)) == (0, 0, 3, 0)
    on = load.service.rules
    assert on(REGION, "2024-12-31").values["bill_split"][0]["unknown_item"] == "class_c"
    assert on(REGION, "2025-01-01").values["bill_split"][0]["unrated_level"] == "2"
    assert on(REGION, "2025-01-01").values["newborn"] == ({"months": 3}, "ZB-38")
    assert "bill_split" not in on(REGION, "2023-12-31").values


def test_a_rule_that_contradicts_is_refused_until_it_is_a_correction(load: Callable) -> None:
    load("rules", RULE, ["bill_split", SPLIT, "文件1号", "2024-01-01", ""])
    other = ["bill_split", STRICT, "文件1号", "2024-01-01", ""]
    assert codes(load("rules", RULE, other)) == [(2, "value", "differs")]
    assert codes(load("rules", RULE, [*other[:3], "2024-06-01", ""])) == [
        (2, "from", "rule-overlaps")]
    assert counts(load("rules", RULE, other, correct=True)) == (0, 1, 0, 0)
    found = load.service.rules(REGION, "2024-06-01").values["bill_split"][0]
    assert found == json.loads(STRICT)


@pytest.mark.parametrize(("name", "value", "code"), [
    ("bill_split", "", "bad-rule"), ("bill_split", "[]", "bad-rule"),
    ("bill_split", "{", "bad-rule"), ("bill_split", "[" * 10_000, "bad-rule"),
    ("bill_split", '{"unknown_item": "refuse"}', "bad-rule"),
    ("bill_split", SPLIT.replace("1,", "101,"), "bad-rule"),
    ("bill_split", SPLIT.replace("1,", "-1,"), "bad-rule"),
    ("bill_split", SPLIT.replace("1,", "true,"), "bad-rule"),
    ("bill_split", SPLIT.replace("1,", "0.5,"), "bad-rule"),
    ("bill_split", SPLIT.replace("class_c", "ignore"), "bad-rule"),
    ("bill_split", SPLIT.replace('"1"}', '"none"}'), "bad-rule"),
    ("bill_split", SPLIT.replace("}", ', "more": 1}'), "bad-rule"),
    ("no_such_rule", SPLIT, "unknown-code"), ("", SPLIT, "missing-field")])
def test_a_rule_that_cannot_be_is_refused(load: Callable, name: str, value: str, code: str) -> None:
    found = codes(load("rules", RULE, [name, value, "文件", "2024-01-01", ""]))
    assert [row[2] for row in found] == [code]
