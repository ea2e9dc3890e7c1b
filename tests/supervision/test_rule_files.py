"""Files of list rules: what is taken, what is wrong, and the national points as such a file."""
from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tongchou.cli import run
from tongchou.errors import CaseError, TongchouError
from tongchou.supervision import KINDS, points, read_rules, sample_rules, write_rules

HEADINGS = "规则,编码,名称,限定,期限,关联编码,关联名称,严重程度,开始日期,结束日期,来源"
LIBRARIES = Path(__file__).parents[2].parent / "shared/catalogue/two-libraries"
WORDS = """词义,,儿童,<18y,,,,,,,a test
词义,,婴幼儿,<36m,,,,,,,a test
词义,,新生儿,<29d,,,,,,,a test
词义,,住院,med_mdtrt_type=2;med_type=21,,,,,,,a test
词义,,工伤,insutype=410,,,,,,,a test
词义,,生育,insutype=510,,,,,,,a test
"""


def file_of(folder: Path, *rows: str, encoding: str = "utf-8") -> Path:
    path = folder / "rules.csv"
    path.write_bytes("\n".join([HEADINGS, *rows]).encode(encoding))
    return path


def test_the_sample_has_every_kind_and_no_fault() -> None:
    reading = sample_rules()
    assert not reading.faults and {one.kind for one in reading.rules} == KINDS.keys()
    assert all(one.source for one in reading.rules)


def test_a_word_has_the_meaning_of_its_file(tmp_path: Path) -> None:
    rows = ("词义,,儿童,<14y,,,,,,,s", "限年龄,001,甲,儿童,,,,,2024-01-01,,s")
    assert read_rules(file_of(tmp_path, *rows)).rules[0].asked == "<14y"
    assert read_rules(file_of(tmp_path, *rows, encoding="gb18030")).rules[0].name == "甲"
    fault, = read_rules(file_of(tmp_path, rows[1])).faults
    assert fault.code == "bad-limit" and fault.row == 2 and "词义" in fault.zh


@pytest.mark.parametrize(("row", "code", "column"), [
    ("限什么,001,甲,女,,,,,2024-01-01,,s", "unknown-kind", "kind"),
    ("限性别,,甲,女,,,,,2024-01-01,,s", "missing-value", "code"),
    ("限性别,0 1,甲,女,,,,,2024-01-01,,s", "bad-code", "code"),
    ("限性别,001,甲,女,,,,,2024-01-01,,", "missing-value", "source"),
    ("限性别,001,甲,女,,,,,,,s", "missing-value", "first"),
    ("限性别,001,甲,女,,,,4,2024-01-01,,s", "unknown-code", "severity"),
    ("限性别,001,甲,其他,,,,,2024-01-01,,s", "bad-limit", "asked"),
    ("限年龄,001,甲,14岁,,,,,2024-01-01,,s", "bad-limit", "asked"),
    ("限间隔天数,001,甲,0,,,,,2024-01-01,,s", "bad-limit", "asked"),
    ("限频次,001,甲,1,6小时,,,,2024-01-01,,s", "bad-limit", "span"),
    ("限频次,001,甲,1,,,,,2024-01-01,,s", "bad-limit", "span"),
    ("不得同时收费,001,甲,,单日,,,,2024-01-01,,s", "missing-value", "other_code"),
    ("限性别,001,甲,女,,,,,1.1.2024,,s", "bad-date", "first"),
    ("限性别,001,甲,女,,,,,2024-01-01,2023-12-31,s", "dates-out-of-order", "last"),
    ("词义,,儿童,14,,,,,,,s", "bad-limit", "asked"),
    ("词义,,儿童,<14y,,,,,,,", "missing-value", "source")])
def test_a_wrong_row_is_told_with_its_column(tmp_path: Path, row: str, code: str, column: str,
                                             ) -> None:
    reading = read_rules(file_of(tmp_path, row))
    fault, = reading.faults
    assert (fault.row, fault.code, fault.column) == (2, code, column) and not reading.rules


def test_the_same_row_twice_is_told(tmp_path: Path) -> None:
    row = "限性别,001,甲,女,,,,,2024-01-01,,s"
    reading = read_rules(file_of(tmp_path, row, ",,,,,,,,,,", row))
    assert len(reading.rules) == 1 and reading.faults[0].row == 4


def test_a_file_that_is_none(tmp_path: Path) -> None:
    for content, code in ((b"", "missing-column"), (b"a,b\n1,2\n", "missing-column"),
                          (b"\xff\xfe\x00\xd8", "broken-file")):
        (tmp_path / "rules.csv").write_bytes(content)
        with pytest.raises(CaseError) as told:
            read_rules(tmp_path / "rules.csv")
        assert told.value.code == code
    with pytest.raises(CaseError):
        read_rules(tmp_path / "absent.csv")


# --- the national points --------------------------------------------------------------------------
def small_library(folder: Path) -> Path:
    tables = {"drug_rules.csv": "batch,rule,drug_name,limit\n1,sex,丸,女\n"
              "1,payment_course,片,7天\n",
              "drug_codes.csv": "rule,drug_name,drug_code\nsex,丸,ZA1\nsex,丸,ZA2\n"
              "payment_course,片,XA1\n",
              "service_duplicate_pairs.csv": "seq,window,main_name,main_code,sub_name,sub_code\n"
              "1,6小时,甲,001,乙,002\n",
              "service_frequency.csv": "seq,item_name,limit_qty,unit,item_code\n1,甲,24,小时,001\n"
              "2,丙,1,日,\n",
              "service_course.csv": "seq,item_name,max_days,min_interval_days,item_code\n"
              "1,甲,90,14,001\n"}
    for name, text in tables.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def test_points_become_rules_that_name_their_row(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    written = write_rules(small_library(tmp_path), None, out, "2024-01-01", "两库")
    reading = read_rules(out)
    assert written.rules == 7 == len(reading.rules) and not reading.faults
    assert [(one.table, one.line) for one in written.left_out] == [("service_frequency.csv", 3)]
    assert {(one.kind, one.code, one.asked, one.span, one.other_code) for one in reading.rules} == {
        ("sex", "ZA1", "2", "", ""), ("sex", "ZA2", "2", "", ""), ("course", "XA1", "7", "", ""),
        ("pair", "001", "", "6h", "002"), ("count", "001", "24", "1d", ""),
        ("course", "001", "90", "", ""), ("interval", "001", "14", "", "")}
    assert reading.rules[0].source == "两库，drug_rules.csv 第 2 行"


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    for content, code in (("", "broken-file"), ("rule,item_code\n", "missing-column"),
                          ("rule,item_code,item_name,limit\nodd,1,a,b\n", "unknown-kind")):
        if content:
            (tmp_path / "service_rules.csv").write_text(content, "utf-8")
        with pytest.raises(TongchouError) as told:
            list(points(tmp_path))
        assert told.value.code == code


def test_every_national_point_is_a_rule(tmp_path: Path) -> None:
    if not LIBRARIES.exists():
        pytest.skip("shared/catalogue/two-libraries is not on this machine")
    words, out = file_of(tmp_path, WORDS), tmp_path / "out.csv"
    written = write_rules(LIBRARIES, words, out, "2024-01-01", "两库")
    reading = read_rules(out)
    assert not reading.faults and len(reading.rules) == written.rules > 15_000
    kinds = Counter(one.kind for one in reading.rules)
    assert kinds["pair"] == 900 and kinds["group"] == 378 and kinds.keys() == KINDS.keys()
    assert len(written.left_out) <= 2


# --- commands -------------------------------------------------------------------------------------
def test_check_and_convert_on_the_command_line(tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clues", "check", "sample"]) == 0 and "有误 0 行" in capsys.readouterr().out
    wrong = file_of(tmp_path, "限性别,,甲,女,,,,,2024-01-01,,s")
    assert run(["clues", "check", str(wrong), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"][0]["code"] == "missing-value"
    assert run(["clues", "convert", str(small_library(tmp_path)), str(tmp_path / "out.csv"),
                "--first", "2024-01-01", "--source", "两库"]) == 1
    assert "service_frequency.csv row 3" in capsys.readouterr().out
