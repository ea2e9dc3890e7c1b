"""`tongchou people`, from a template to a check, against an embedded database of its own."""
from collections.abc import Callable
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from tongchou.database import LocalServer
from tongchou.enrolment import check_digit

BODY = "37030219900101001"
NUMBER = BODY + check_digit(BODY)


@pytest.fixture
def where(server: LocalServer, fresh_database: object, tmp_path: Path) -> list[object]:
    return ["--database", fresh_database.url, "--data", tmp_path / "data"]


def fill(template: Path, path: Path, rows: list[list[str]]) -> Path:
    heads = CalamineWorkbook.from_path(str(template)).get_sheet_by_index(0).to_python()[0]
    with Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for line, row in enumerate([heads, *rows]):
            sheet.write_row(line, 0, row)
    return path


def test_from_a_template_to_a_check(call: Callable, where: list[object], tmp_path: Path) -> None:
    template, report = tmp_path / "t.xlsx", tmp_path / "report.xlsx"
    assert call("people", "template", "persons", template)[0] == 0
    people = fill(template, tmp_path / "p.xlsx", [
        ["", NUMBER, "王小明", "", "", "15", "13800001234"],
        ["", NUMBER[:17] + "?", "李四", "", "", "15", ""]])
    code, out, _ = call("people", "import", "persons", people, "--region", "999901", "--name",
                        "示范区", "--report", report, *where, "--json")
    assert code == 1 and (out["added"], out["refused"]) == (1, 1)
    assert out["faults"][0]["code"] == "identity-form" and NUMBER[:17] not in str(out)
    assert "identity-form" in str(CalamineWorkbook.from_path(str(report))
                                  .get_sheet_by_index(0).to_python())
    code, out, _ = call("people", "find", "--region", "999901", "--certno", NUMBER, *where,
                        "--json")
    assert code == 0 and out[0]["psn_name"] == "王*"
    number = out[0]["psn_no"]
    code, out, _ = call("people", "check", people, "--region", "999901", *where)
    assert code == 1 and "not_insured" in out and "unreadable" in out
    call("people", "template", "coverages", template)
    cover = fill(template, tmp_path / "c.xlsx",
                 [["", NUMBER, "", "390", "2024-01-01", "2024-12-31"]])
    assert call("people", "import", "coverages", cover, "--region", "999901", *where)[0] == 0
    assert "1 unchanged" in call("people", "import", "coverages", cover, "--region", "999901",
                                 *where)[1]
    code, out, _ = call("people", "show", number, "--region", "999901", *where)
    assert code == 0 and '"insutype": "390"' in out
    code, out, _ = call("people", "missing", "--region", "999901", "--status", "2302", *where)
    assert code == 0 and out.startswith("0 not insured")
    compare = ("people", "compare", people, "--region", "999901", "--source", "民政局", *where)
    code, out, _ = call(*compare, "--status", "2302")
    assert code == 1 and "2 to be recorded" in out and "not_recorded" in out, out
    assert call(*compare, "--status", "rich")[0] == 2
    code, out, _ = call("people", "duplicates", *where, "--json")
    assert (code, out) == (0, [])


def test_wrong_use_is_told(call: Callable, where: list[object], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("证件号码,姓名,人员类别\n", encoding="utf-8")
    for words, wanted in (
            (["import", "pets", path, "--region", "999901"], (2, "unknown-kind")),
            (["import", "persons", path, "--region", "999901"], (1, "unknown-region")),
            (["import", "persons", path, "--region", "99", "--name", "x"], (2, "bad-region")),
            (["import", "persons", tmp_path / "none.csv", "--region", "999901", "--name", "x"],
             (2, "unreadable-file")),
            (["find", "--region", "999901", "--certno", "12"], (2, "identity-form")),
            (["find", "--region", "999901", "--name", "无此人"], (1, "unknown-person")),
            (["check", path, "--region", "999901", "--day", "2024-02-30"], (2, "bad-date")),
            (["missing", "--region", "999901", "--status", "rich"], (2, "unknown-code"))):
        code, out, _ = call("people", *words, *where, "--json")
        described = out["error"] if isinstance(out, dict) else {}
        assert (code, described.get("code")) == wanted, words
        assert described["hint"]
    code, _, errors = call("people", "show", "nobody", "--region", "999901", *where)
    assert code == 1 and "nobody" in errors


def test_keys_are_made_and_rotated(call: Callable, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert "made with key 1" in call("people", "new-key", path)[1]
    assert "key 2 seals" in call("people", "new-key", path, "--suite", "international")[1]
    assert call("people", "new-key", path, "--suite", "rot13")[0] == 2
