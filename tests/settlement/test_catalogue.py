"""Catalogue files: what is read, what is told of every wrong row, what a change is (目录)."""
from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xlsxwriter import Workbook

from tongchou.errors import CaseError
from tongchou.settlement.bill import FeeLine, Visit, split_bill
from tongchou.settlement.catalogue import (Age, Catalogue, Item, Reading, Restrictions, read_items,
                                           read_rules, sample_catalogue, sample_readings,
                                           write_report, write_template)
from tongchou.settlement.catalogue.merge import changes

GOOD = {"医保目录编码": "001109000010300", "项目名称": "三人间", "收费项目等级": "甲类",
        "收费类别": "床位费", "目录类别": "医疗服务项目", "开始日期": "2023-01-01"}
DRUG = {**GOOD, "医保目录编码": "XJ01CRA901A0010101990011"[:23], "目录类别": "西药中成药",
        "收费类别": "09", "收费项目等级": "02", "先行自付比例": "10%"}


def write_csv(path: Path, rows: list[dict[str, str]], encoding: str = "utf-8-sig",
              delimiter: str = ",") -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, names, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_sheet(path: Path, rows: list[dict[str, object]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, names)
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, [row.get(name, "") for name in names])
    return path


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Reading]:
    return lambda *rows, **how: read_items(write_csv(tmp_path / "items.csv", list(rows), **how))


# --- the sample -----------------------------------------------------------------------------------


def test_the_sample_reads_without_a_fault() -> None:
    items, rules = sample_readings()
    assert (len(items.records), len(rules.records)) == (216, 3)
    assert not items.faults and not rules.faults and not items.ignored
    assert all("虚构" in item.note for item in items.records)
    assert {item.item_class for item in items.records} == {"A", "B", "C"}


@pytest.mark.clause("BJ-59")
def test_negotiated_drugs_services_and_rehabilitation_are_paid() -> None:
    catalogue = sample_catalogue()
    known = {item.name: item for code in catalogue._items for item in catalogue.known(code)}
    visit = Visit("residents", "3", "inpatient", "2024-03-01", "2024-03-10", "1958-03-06",
                  "female", ("C34.900",))
    names = ("奥希替尼片", "普通针刺", "言语训练", "熟地黄（饮片）")
    assert known["奥希替尼片"].negotiated and known["言语训练"].clause == "BJ-59"
    bill = split_bill([FeeLine.priced(name, known[name].code, "2024-03-05", 20)
                       for name in names], catalogue, visit)
    assert [line.parts for line in bill.lines] == [(0, 0, 4, 16)] + [(0, 0, 0, 20)] * 3
    assert bill.lines[2].clause == "BJ-59"


@pytest.mark.clause("ZB-06")
def test_the_samples_day_treatment_pays_30_percent_of_bed_and_nursing() -> None:
    catalogue = sample_catalogue()
    known = {item.name: item for code in catalogue._items for item in catalogue.known(code)}
    visit = Visit("residents", "2", "day_treatment", "2023-11-10", "2023-11-20")
    bill = split_bill([FeeLine.priced(name, known[name].code, "2023-11-12", fen) for name, fen in
                       (("普通病房床位费（三人间）", 3200), ("Ⅱ级护理", 585), ("普通针刺", 2400))],
                      catalogue, visit)
    assert [line.parts for line in bill.lines] == [(0, 2240, 0, 960), (0, 0, 0, 585),
                                                   (0, 0, 0, 2400)]


# --- reading --------------------------------------------------------------------------------------


def test_english_headings_codes_and_any_order(read: Callable[..., Reading]) -> None:
    found = read({"chrgitm_lv": "02", "name": "Bed", "begndate": "2023/1/1", "to": "20231231",
                  "kind": "service", "Price Limit 3": "40", "fee category": "bed",
                  "first self-pay 310": "0.05", "First_Self-Pay": "10%", "code": "001109000010300",
                  "sex": "f", "age from": "6月", "diagnoses": "I63；I64", "visits": "21;28",
                  "lowest level": "二级", "limited use": "1"})
    assert found.faults == () and found.ignored == ()
    assert found.records == (Item(
        "001109000010300", "Bed", "B", "bed", "service", "2023-01-01", "2024-01-01", "",
        {"employees": 50_000, "": 100_000}, {"3": 4000}, Restrictions(
            "female", Age(6, "m"), None, ("I63", "I64"), "2", ("inpatient", "day_treatment"),
            limited=True)),)


@pytest.mark.parametrize("how", [{"encoding": "utf-8"}, {"encoding": "gb18030"},
                                 {"delimiter": ";"}, {"delimiter": "\t"}])
def test_texts_of_other_programs(read: Callable[..., Reading], how: dict[str, str]) -> None:
    assert [item.name for item in read(GOOD, **how).records] == ["三人间"]


def test_a_workbook_reads_as_its_csv(tmp_path: Path, read: Callable[..., Reading]) -> None:
    sheet = write_sheet(tmp_path / "items.xlsx", [{**DRUG, "三级限价": 12.35, "先行自付比例": 0.1}])
    assert read_items(sheet).records == read({**DRUG, "三级限价": "12.35"}).records
    lost = write_sheet(tmp_path / "lost.xlsx", [{**GOOD, "医保目录编码": 1109000010300}])
    fault, = read_items(lost).faults
    assert fault.code == "bad-code" and "leading zeros" in fault.todo_en and "文本" in fault.todo_zh


WRONG = [
    ({"医保目录编码": "X123"}, "医保目录编码", "bad-code"),
    ({"医保目录编码": ""}, "医保目录编码", "missing-value"),
    ({"项目名称": "  "}, "项目名称", "missing-value"),
    ({"收费项目等级": "丁类"}, "收费项目等级", "unknown-code"),
    ({"收费类别": "99"}, "收费类别", "unknown-code"),
    ({"目录类别": "?"}, "目录类别", "unknown-code"),
    ({"开始日期": "2023-02-30"}, "开始日期", "bad-date"),
    ({"开始日期": "昨天"}, "开始日期", "bad-date"),
    ({"结束日期": "2022-12-31"}, "结束日期", "dates-out-of-order"),
    ({"收费项目等级": "乙类", "先行自付比例": ""}, "先行自付比例", "missing-value"),
    ({"收费项目等级": "乙类", "先行自付比例": "10"}, "先行自付比例", "bad-ratio"),
    ({"收费项目等级": "乙类", "先行自付比例": "1"}, "先行自付比例", "bad-ratio"),
    ({"收费项目等级": "乙类", "先行自付比例": "110%"}, "先行自付比例", "bad-ratio"),
    ({"收费项目等级": "乙类", "先行自付比例": "-5%"}, "先行自付比例", "bad-ratio"),
    ({"收费项目等级": "乙类", "先行自付比例": "一成"}, "先行自付比例", "bad-ratio"),
    ({"先行自付比例": "10%"}, "先行自付比例", "contradiction"),
    ({"收费项目等级": "丙类", "居民先行自付比例": "10%"}, "居民先行自付比例", "contradiction"),
    ({"三级限价": "12.345"}, "三级限价", "bad-amount"),
    ({"三级限价": "1,200"}, "三级限价", "bad-amount"),
    ({"限价": "-1"}, "限价", "bad-amount"), ({"限价": "NaN"}, "限价", "bad-amount"),
    ({"限性别": "X"}, "限性别", "unknown-code"), ({"年龄起": "18"}, "年龄起", "bad-age"),
    ({"年龄起": "18岁", "未满年龄": "14岁"}, "未满年龄", "contradiction"),
    ({"最低医院等级": "特级"}, "最低医院等级", "unknown-code"),
    ({"限医疗类别": "21;住店"}, "限医疗类别", "unknown-code"),
    ({"限险种": "商业"}, "限险种", "unknown-code"), ({"限制使用": "也许"}, "限制使用", "bad-flag"),
    ({"备注": "x" * 2001}, "备注", "field-too-long"),
]


@pytest.mark.parametrize(("change", "column", "code"), WRONG)
def test_every_wrong_row_is_told_and_the_others_kept(
        read: Callable[..., Reading], change: dict[str, str], column: str, code: str) -> None:
    other = {**GOOD, "医保目录编码": "001109000010400"}
    found = read({**DRUG, "结束日期": ""}, {**GOOD, **change}, other)
    assert [(fault.row, fault.column, fault.code) for fault in found.faults] == [(3, column, code)]
    fault = found.faults[0]
    assert fault.value == (change.get(column, "").strip())[:100]
    assert fault.en and fault.zh and fault.todo_en and fault.todo_zh and fault.file == "items.csv"
    assert [item.code[-5:] for item in found.records] == [DRUG["医保目录编码"][-5:], "10400"]


def test_all_wrong_cells_of_a_row_are_told(read: Callable[..., Reading]) -> None:
    found = read({**GOOD, "开始日期": "x", "限价": "y"})
    assert [fault.code for fault in found.faults] == ["bad-date", "bad-amount"]
    assert found.wrong_rows == 1


def test_rows_that_clash(read: Callable[..., Reading]) -> None:
    ended = {**GOOD, "结束日期": "2023-06-30"}
    found = read(ended, {**GOOD, "开始日期": "2023-07-01"}, ended,
                 {**GOOD, "开始日期": "2024-01-01"})
    assert [(fault.row, fault.code) for fault in found.faults] == [
        (4, "duplicate-row"), (5, "overlapping-dates")]
    assert "row 3" in found.faults[1].en and len(found.records) == 2


def test_nothing_is_left_out_in_silence(read: Callable[..., Reading]) -> None:
    found = read({**GOOD, "颜色": "红", "限价（元）": "4", "限价（三级）": "9"},
                 dict.fromkeys(GOOD, ""))
    assert (found.ignored, found.empty_rows) == (("颜色", "限价（三级）"), 1)
    assert found.records[0].price_limits_fen == {"": 400}


def test_more_cells_than_headings(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "items.csv", [GOOD])
    path.write_text(path.read_text(encoding="utf-8-sig") + "\n" + ",".join(GOOD.values()) + ",13\n",
                    encoding="utf-8")
    assert [fault.code for fault in read_items(path).faults] == ["too-many-cells"]


@pytest.mark.parametrize(("content", "code"), [
    (b"", "missing-column"), (b"\xff\xfe\x00", "broken-file"),
    (b'code,name\n"open', "missing-column"),
    ("编码,编码\n".encode(), "duplicate-column"), (b"PK\x03\x04", "missing-column")])
def test_files_that_are_none(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(content)
    with pytest.raises(CaseError) as caught:
        read_items(path)
    assert caught.value.code == code


def test_a_broken_quote_and_a_broken_workbook(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "items.csv", [GOOD])
    path.write_bytes(path.read_bytes() + b'"open')
    with pytest.raises(CaseError, match="cannot read the table"):
        read_items(path)
    (tmp_path / "items.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(CaseError, match="cannot read the workbook"):
        read_items(tmp_path / "items.xlsx")


def test_rules_say_one_thing_each(tmp_path: Path) -> None:
    rule = {"规则": "share", "医疗类别": "28", "开始日期": "2023-01-01", "收费比例": "30%",
            "最多天数": ""}
    rows = [rule, {**rule, "医疗类别": "14"}, {**rule, "最多天数": "30"},
            {**rule, "规则": "supply"}, {**rule, "规则": "supply", "收费比例": "", "最多天数": "0"}]
    found = read_rules(write_csv(tmp_path / "rules.csv", rows))
    assert len(found.records) == 2
    assert [fault.code for fault in found.faults] == ["contradiction", "contradiction", "bad-days"]


# --- workbooks ------------------------------------------------------------------------------------


def test_the_template_is_a_good_file(tmp_path: Path) -> None:
    write_template(tmp_path / "template.xlsx")
    found = read_items(tmp_path / "template.xlsx")
    assert not found.faults and not found.ignored and len(found.records) == 1


def test_the_report_tells_every_fault(tmp_path: Path, read: Callable[..., Reading]) -> None:
    from python_calamine import CalamineWorkbook
    found = read(*({**GOOD, **change} for change, _, _ in WRONG))
    write_report(tmp_path / "report.xlsx", found)
    book = CalamineWorkbook.from_path(str(tmp_path / "report.xlsx"))
    rows = book.get_sheet_by_index(0).to_python()
    assert len(rows) == len(found.faults) + 1 > len(WRONG)
    assert rows[1][:5] == ["items.csv", 2.0, "医保目录编码", "X123", "bad-code"]
    assert all(all(str(cell) for cell in row[5:]) for row in rows[1:])


def test_check_and_template_from_the_command_line(
        tmp_path: Path, call: Callable[..., tuple[int, object, str]]) -> None:
    path = write_csv(tmp_path / "items.csv", [GOOD, {**GOOD, "限价": "x"}])
    code, out, _ = call("catalogue", "check", path, "--report", tmp_path / "r.xlsx", "--json")
    assert code == 1 and (out["rows"], out["wrong_rows"]) == (1, 1)
    assert out["faults"][0]["column"] == "限价" and (tmp_path / "r.xlsx").is_file()
    code, out, _ = call("catalogue", "check", path)
    assert code == 1 and "row 3, 限价 = x: bad-amount" in out
    assert call("catalogue", "template", tmp_path / "t.xlsx")[0] == 0
    assert call("catalogue", "check", tmp_path / "t.xlsx")[0] == 0
    assert call("catalogue", "check", tmp_path / "none.csv")[0] == 2
    code, out, _ = call("catalogue", "check", "sample", "--json")
    assert code == 0 and out["rows"] == 219


# --- snapshots and changes ------------------------------------------------------------------------


def one(code: str, since: str, until: str = "", name: str = "") -> Item:
    return Item(code, name, "A", "bed", "service", since, until)


def test_lookups_by_day() -> None:
    catalogue = Catalogue("370300", 1, [one("A", "2023-01-01", "", "new"),
                                        one("A", "2022-01-01", "2022-07-01", "old")])
    named = {day: found and found.name for day in ("2021-12-31", "2022-01-01", "2022-06-30",
                                                   "2022-07-01", "2023-01-01", "2099-01-01")
             for found in [catalogue.item("A", day)]}
    assert list(named.values()) == [None, "old", "old", None, "new", "new"]
    assert catalogue.item("B", "2023-01-01") is None and len(catalogue) == 1


def test_a_new_row_rules_over_its_days_and_the_old_one_over_the_rest() -> None:
    found = changes([one("A", "2020-01-01", "", "old")._replace(row_id="1-1")],
                    [one("A", "2022-01-01", "2023-01-01", "new")])
    assert [row.row_id for row in found.retract] == ["1-1"]
    assert found.add == (one("A", "2020-01-01", "2022-01-01", "old"),
                         one("A", "2023-01-01", "", "old"),
                         one("A", "2022-01-01", "2023-01-01", "new"))


spans = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6), st.booleans()), max_size=5)


def rows_of(found: list[tuple[int, int, bool]], name: str) -> list[Item]:
    """Rows that do not overlap: each begins after the one before."""
    rows, at = [], 0
    for place, (gap, length, is_open) in enumerate(found):
        first = at + gap % 4
        until = "" if is_open and place == len(found) - 1 else f"2023-{first + length + 10}-01"
        rows.append(one("A", f"2023-{first + 10}-01", until, f"{name}{length % 3}"))
        at = first + length
    return rows


def shown(rows: list[Item]) -> list[str]:
    days = [f"2023-{month}-01" for month in range(10, 70)]
    catalogue = Catalogue("370300", 1, rows)
    return [found.name if (found := catalogue.item("A", day)) else "" for day in days]


@given(spans, spans)
def test_after_a_change_new_rows_show_and_old_ones_elsewhere(old: list, new: list) -> None:
    believed, incoming = rows_of(old, "o"), rows_of(new, "n" if len(new) % 2 else "o")
    found = changes(believed, incoming)
    after = [row for row in believed if row not in found.retract] + list(found.add)
    assert shown(after) == [b or a for a, b in zip(shown(believed), shown(incoming), strict=True)]
    again = changes(after, incoming)
    assert not again and again.unchanged == len(incoming)
