"""Lists of people, covers, statuses and the rest, from Excel and CSV, with every refused row."""
import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from enrolled import REGION
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from tongchou.database import Database
from tongchou.enrolment import Enrolment, check_digit, imports, insured, read_document, reports
from tongchou.enrolment.kinds import KINDS
from tongchou.errors import CaseError, Refusal

NOTE = {"by": "clerk 7", "why": "list of January"}


def number(order: int) -> str:
    body = f"13010119800215{order:03d}"
    return body + check_digit(body)


def write(path: Path, rows: list[list[str]], encoding: str = "utf-8-sig") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def load(fresh_database: Database, clock: object, make_enrolment: Callable, tmp_path: Path,
         ) -> Callable[..., imports.ImportReport]:
    """load(kind, rows...) imports a CSV; load.service is the service."""
    service = make_enrolment(fresh_database, clock)

    def loading(kind: str, *rows: list[str], encoding: str = "utf-8-sig", **options: object,
                ) -> imports.ImportReport:
        path = write(tmp_path / f"{kind}.csv", list(rows), encoding)
        made = imports.import_list(service, kind, path, REGION, **NOTE, **options)
        json.dumps(made.as_dict())
        return made

    loading.service = service
    return loading


PERSON = ["证件号码", "姓名", "性别", "人员类别", "手机号", "缴费年限"]
COVER = ["证件号码", "险种", "起始日期", "终止日期", "待遇起始日"]


def people(load: Callable, *orders: int) -> imports.ImportReport:
    return load("persons", PERSON, *[[number(order), f"测试{'甲乙丙丁'[order % 4]}", "", "15",
                                      "13800001234", "6"] for order in orders])


def counts(report: imports.ImportReport) -> tuple[int, int, int, int]:
    return (report.outcomes["added"], report.outcomes["corrected"],
            report.outcomes["unchanged"], report.refused)


def codes(report: imports.ImportReport) -> list[tuple[int, str, str]]:
    return [(one.row, one.field, one.fault.code) for one in report.faults]


def test_persons_once_twice_and_corrected(load: Callable) -> None:
    assert counts(people(load, 1, 3, 5)) == (3, 0, 0, 0)
    assert counts(people(load, 1, 3, 5, 7, 7)) == (1, 0, 4, 0), "the same list twice adds nothing"
    changed = [PERSON, [number(1), "测试改", "男", "12", "", "7"]]
    assert codes(load("persons", *changed)) == [(2, "psn_name", "person-differs")]
    assert counts(load("persons", *changed, correct=True)) == (0, 1, 0, 0)
    assert counts(load("persons", *changed)) == (0, 0, 1, 0)
    found = load.service.find(REGION, read_document("01", number(1)))
    assert load.service.context(REGION, found).facts == {"years_insured": 7}


def test_every_fault_of_a_row_is_reported_with_masked_values(load: Callable) -> None:
    wrong = number(9)[:-1] + ("0" if number(9)[-1] != "0" else "1")
    made = load("persons", PERSON, [wrong, "张3", "女人", "77", "12", "-1"],
                [number(9), "好人", "", "15", "", ""], ["", "无证", "", "15", "", ""],
                [number(11), "性别错", "女", "15", "", "", "多一列"])
    assert counts(made) == (1, 0, 0, 3)
    assert codes(made) == [
        (2, "certno", "identity-check-digit"), (2, "psn_name", "bad-name"),
        (2, "gend", "unknown-code"), (2, "psn_type", "unknown-code"), (2, "tel", "bad-phone"),
        (2, "years_insured", "bad-number"), (4, "brdy", "missing-field"),
        (5, "", "broken-row"), (5, "certno", "identity-sex-differs")]
    said = json.dumps(made.as_dict(), ensure_ascii=False)
    assert wrong not in said and number(11) not in said and "张3" not in said
    assert all(one["reason"] and one["reason_zh"] and one["hint"] and one["hint_zh"]
               for one in made.as_dict()["faults"])


def test_a_shifted_column_shows_no_number(load: Callable) -> None:
    made = load("coverages", COVER, [number(1), number(3), "2024-01-01", "", ""])
    assert number(3) not in json.dumps(made.as_dict()) and counts(made) == (0, 0, 0, 1)


def test_covers_and_who_is_insured_twice(load: Callable) -> None:
    people(load, 1, 3)
    rows = [COVER, [number(1), "390", "2024-01-01", "2024-12-31", ""],
            [number(3), "城乡居民基本医疗保险", "20240210", "2024/12/31", "2024年5月10日"],
            [number(1), "310", "2024-06-01", "", ""],            # twice, inside one list
            [number(5), "390", "2024-01-01", "", ""],            # nobody
            [number(3), "320", "2025-01-01", "", ""],            # a supplement is no cover
            [number(3), "390", "2025-02-30", "", ""],
            [number(3), "390", "2025-02-03", "2025-01-01", ""]]
    made = load("coverages", *rows)
    assert counts(made) == (2, 0, 0, 5)
    assert codes(made) == [(4, "from", "insured-twice"), (5, "certno", "unknown-person"),
                           (6, "insutype", "unknown-code"), (7, "from", "bad-date"),
                           (8, "to", "dates-out-of-order")]
    again = load("coverages", *rows)
    assert counts(again) == (0, 0, 2, 5)
    service: Enrolment = load.service
    late = service.context(REGION, service.find(REGION, read_document("01", number(3))))
    with pytest.raises(Refusal, match="2024-05-10"):
        insured(late, "2024-05-09")
    ended = [COVER, [number(1), "390", "2024-01-01", "2024-05-31", ""],
             [number(1), "310", "2024-06-01", "", ""]]
    assert codes(load("coverages", *ended))[0] == (2, "to", "differs")
    assert counts(load("coverages", *ended, correct=True)) == (1, 1, 0, 0)
    assert counts(load("coverages", *ended)) == (0, 0, 2, 0)


@pytest.mark.clause("LF-37")
def test_statuses_certificates_and_the_rest(load: Callable) -> None:
    people(load, 1, 3)
    who = number(1)
    assert counts(load("statuses", ["证件号码", "身份", "起始日期", "认定部门"],
                       [who, "2302", "2024-01-01", "乡村振兴局"],
                       [who, "建档立卡贫困人口", "2024-01-01", "乡村振兴局"],
                       [who, "low income", "2024-01-01", "民政局"],
                       [who, "veteran", "2024-01-01", ""])) == (1, 0, 1, 2)
    assert counts(load("statuses", ["证件号码", "身份", "起始日期", "认定部门"],
                       [who, "severe_granted", "2024-01-01", "x"],
                       own=frozenset({"severe_granted"}))) == (1, 0, 0, 0)
    assert counts(load("chronic", ["证件号码", "病种编码", "起始日期", "鉴定机构编码"],
                       [who, "M03900", "2024-01-01", "T1"],
                       [who, "M01600", "2024-01-01", "T1"])) == (2, 0, 0, 0)
    assert counts(load("referrals", [column.zh for column in KINDS["referrals"].columns],
                       ["", who, "", "E1", "H2", "H3", "上转", "2024-03-05", "2024-04-05", "", ""],
                       ["", who, "", "E1", "H2", "H3", "向上", "2024-03-05", "2024-04-05", "", ""],
                       )) == (1, 0, 0, 1)
    assert counts(load("filings", [column.zh for column in KINDS["filings"].columns],
                       ["", who, "", "跨省异地", "330100", "working", "2024-01-01", ""],
                       ["", who, "", "local", "", "working", "2024-01-01", ""])) == (1, 0, 0, 1)
    assert counts(load("families", ["证件号码", "家庭编号", "与户主关系", "起始日期"],
                       [who, "F1", "户主", "2024-01-01"], [number(3), "F1", "配偶", "2024-01-01"],
                       [number(3), "F2", "配偶", "2024-02-01"])) == (2, 0, 0, 1)
    found = load.service.context(REGION, load.service.find(REGION, read_document("01", who)))
    assert [one.disease for one in found.chronic] == ["M01600", "M03900"]
    assert {one.code for one in found.statuses} == {"registered_poor", "severe_granted"}
    assert found.filings[0].area == "3301" and len(found.families[0][1]) == 2
    assert not found.referrals[0].registered_by


STATUS = ["证件号码", "身份", "起始日期", "终止日期", "认定部门"]


@pytest.mark.clause("BJ-07")
def test_each_office_sends_its_list_and_they_are_kept_apart(load: Callable, tmp_path: Path) -> None:
    """Civil affairs names assistance clients, the poverty office the registered poor; each list is
    compared with what is recorded from that office, and with nothing else."""
    people(load, 1, 2, 3, 4)
    load("statuses", STATUS, [number(1), "allowance", "2024-01-01", "", "民政局"],
         [number(2), "allowance", "2024-01-01", "", "民政局"],
         [number(2), "registered_poor", "2024-01-01", "", "扶贫办"],
         [number(3), "registered_poor", "2024-01-01", "2024-06-30", "扶贫办"],
         [number(4), "allowance", "2024-01-01", "", "残联"])
    nobody = number(9)
    path = write(tmp_path / "list.csv", [["证件号码", "姓名"], [number(2), "乙"], [number(3), "丙"],
                                         [nobody, "某某"], ["12", "丁"]])

    def compared(code: str, source: str, day: str) -> tuple[int, list[str], int]:
        found = reports.compare_list(load.service, path, REGION, code, source, day, "auditor")
        assert number(1) not in json.dumps(found.as_dict(), ensure_ascii=False)
        return found.both, [one.state for one in found.only_list], len(found.only_here)

    left, new = ["not_registered", "unreadable"], "not_recorded"
    assert compared("allowance", "民政局", "2024-03-01") == (1, [new, *left], 1)
    assert compared("registered_poor", "扶贫办", "2024-03-01") == (2, left, 0)
    assert compared("registered_poor", "扶贫办", "2024-07-01") == (1, [new, *left], 0)
    assert compared("registered_poor", "民政局", "2024-03-01") == (0, [new, new, *left], 0)


def test_institutions_and_designations(load: Callable) -> None:
    heads = [column.zh for column in KINDS["institutions"].columns]
    rows = [heads, ["H1", "第一医院", "三级", "tcm；provincial_1", "统筹区内", "999901",
                    "2020-01-01", ""], ["H2", "某卫生院", "乡镇卫生院", "", "local", "",
                                        "2020-01-01", ""],
            ["H3", "某院", "特级", "", "local", "", "2020-01-01", ""]]
    assert counts(load("institutions", *rows)) == (2, 0, 0, 1)
    assert counts(load("institutions", *rows)) == (0, 0, 2, 1)
    assert counts(load("designations", ["机构编码", "定点类型", "是否联网", "起始日期"],
                       ["H1", "定点医疗机构", "是", "2020-01-01"],
                       ["H1", "general", "否", "2021-01-01"],
                       ["H1", "chronic", "也许", "2021-01-01"])) == (1, 0, 0, 2)
    found, given = load.service.institution(REGION, "H1", "2024-01-01")
    assert found.tags == ("provincial_1", "tcm") and given[0].networked


def test_newborns_in_lists(load: Callable) -> None:
    heads = ["证件号码", "姓名", "性别", "出生日期", "人员类别", "人员编号"]
    baby = ["", "张宝宝", "女", "2024-03-01", "1401", ""]
    assert counts(load("persons", heads, baby, baby)) == (1, 0, 1, 0)
    given = load.service.find_by_name(REGION, "张宝宝")[0]
    body = "13010120240301002"
    real = body + check_digit(body)
    row = [real, "张宝宝", "女", "2024-03-01", "1401", given]
    assert counts(load("persons", heads, row)) == (0, 1, 0, 0)
    assert counts(load("persons", heads, row)) == (0, 0, 1, 0)
    assert load.service.find(REGION, read_document("01", real)) == given
    other = ["", "", "", "", "", ""]
    assert counts(load("persons", heads, other, [real, "张宝宝", "女", "", "1401", "NOBODY"])) \
        == (0, 0, 0, 1)


def test_encodings(load: Callable) -> None:
    rows = [PERSON, [number(1), "测试甲", "", "15", "", ""]]
    assert load("persons", *rows).notes == []
    made = load("persons", *rows, encoding="gb18030")
    assert counts(made) == (0, 0, 1, 0) and "GB18030" in made.notes[0]


def test_wrong_files(load: Callable, tmp_path: Path) -> None:
    def code_of(path: Path, kind: str = "persons") -> str:
        with pytest.raises(CaseError) as caught:
            imports.import_list(load.service, kind, path, REGION, **NOTE)
        assert caught.value.hint
        return caught.value.code

    assert code_of(tmp_path / "none.csv") == "unreadable-file"
    assert code_of(tmp_path / "none.csv", "pets") == "unknown-kind"
    raw = tmp_path / "raw.csv"
    for content, code in ((b"", "broken-file"), (b"\xff\xfe\xff", "bad-encoding"),
                          (b"a\0b,c\n", "broken-file"), (b'"a,b\nc', "broken-file"),
                          ("姓名\n张三".encode(), "missing-column"),
                          ("证件号码,姓名,姓名,人员类别\n".encode(), "duplicate-column")):
        raw.write_bytes(content)
        assert code_of(raw) == code, content
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\3\4 not a workbook")
    assert code_of(broken) == "broken-file"
    good = write(tmp_path / "good.csv", [PERSON])
    with pytest.raises(Refusal, match="999999"):
        imports.import_list(load.service, "persons", good, "999999", **NOTE)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_templates_are_lists_themselves(load: Callable, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.xlsx"
    imports.write_template(kind, path)
    made = imports.import_list(load.service, kind, path, REGION, **NOTE)
    assert made.rows == 0 and made.notes == []
    explained = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("说明").to_python()
    assert len(explained) == len(KINDS[kind].columns) + 1


def test_excel_cells(load: Callable, tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    with Workbook(str(path)) as book:
        sheet, dates = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["证件号码*", "姓名", "人员类别", "出生日期", "手机号", "备注"])
        sheet.write_row(1, 0, [number(1), "测试甲", 15])
        sheet.write_number(1, 3, 29266, dates)          # 1980-02-15
        sheet.write_number(1, 4, 13800001234)
        sheet.write_row(2, 0, [int(number(3)[:17] + "0"), "测试乙", 15])
    made = imports.import_list(load.service, "persons", path, REGION, **NOTE)
    assert counts(made) == (1, 0, 0, 1) and codes(made)[0] == (3, "certno", "excel-number")
    assert made.notes == ["列“备注”不读取 (column '备注' is not read)"]
    report = tmp_path / "report.xlsx"
    made.write(report)
    rows = CalamineWorkbook.from_path(str(report)).get_sheet_by_index(0).to_python()
    assert rows[0] == list(imports.REPORT_HEADINGS) and rows[1][4] == "excel-number"


def test_batches_and_a_crash_between_them(load: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH_ROWS", 3)
    orders = list(range(1, 21, 2))

    def stop(done: int, of: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    rows = [[number(order), "测试", "", "15", "", ""] for order in orders]
    with pytest.raises(KeyboardInterrupt):
        load("persons", PERSON, *rows, progress=stop)
    assert counts(load("persons", PERSON, *rows)) == (4, 0, 6, 0)


@pytest.mark.clause("LF-01", "BJ-04", "BJ-05")
def test_who_of_a_list_is_not_enrolled(load: Callable, tmp_path: Path) -> None:
    people(load, 1, 3, 5, 7)
    load("coverages", COVER, [number(1), "390", "2024-01-01", "2024-12-31", ""],
         [number(3), "390", "2024-02-01", "2024-12-31", "2024-08-01"])
    load("not-enrolled", ["证件号码", "未参保原因", "证明材料", "起始日期"],
         [number(5), "参军", "2023-017", "2023-09-01"])
    load("statuses", ["证件号码", "身份", "起始日期", "认定部门"],
         *[[number(order), "2302", "2024-01-01", "乡村振兴局"] for order in (1, 5, 7)])
    path = write(tmp_path / "poor.csv", [["证件号码", "姓名"]] + [
        [number(order), "某某"] for order in (1, 3, 5, 7, 9)] + [["123", "某某"]])
    found = reports.check_list(load.service, path, REGION, "2024-06-01")
    assert [one.state for one in found] == ["insured", "waiting", "excused", "not_insured",
                                            "not_registered", "unreadable"]
    assert all("*" in one.certno for one in found)
    missing = reports.not_enrolled(load.service, REGION, ["registered_poor"], "2024-06-01",
                                   "auditor")
    assert sorted(one["reason"] for one in missing) == ["", "参军"]
    assert all(one["psn_name"] == "测*" for one in missing)


@pytest.mark.clause("JC-33")
def test_enrolled_in_two_regions(load: Callable, tmp_path: Path) -> None:
    load.service.open_region("999902", "邻区")
    people(load, 1, 3)
    load("coverages", COVER, [number(1), "390", "2024-01-01", "2024-12-31", ""],
         [number(3), "390", "2024-01-01", "2024-12-31", ""])
    for kind, rows in (("persons", [PERSON, [number(1), "测试甲", "", "11", "", ""]]),
                       ("coverages", [COVER, [number(1), "310", "2024-03-01", "", ""]])):
        path = write(tmp_path / "other.csv", rows)
        assert imports.import_list(load.service, kind, path, "999902", **NOTE).refused == 0
    assert reports.insured_twice(load.service, "2024-02-01", "auditor") == []
    found = reports.insured_twice(load.service, "2024-04-01", "auditor")
    assert [(one["region"], one["insutype"]) for one in found[0]["covers"]] \
        == [(REGION, "390"), ("999902", "310")] and len(found) == 1
