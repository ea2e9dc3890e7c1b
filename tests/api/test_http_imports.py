"""Every list by a real multipart upload: rows taken, rows refused with what to do, a repeat."""
from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from http_town import BASE
from starlette.testclient import TestClient
from town import CLERK, Town, stay
from xlsxwriter import Workbook

from tongchou.enrolment import check_digit
from tongchou.enrolment.kinds import KINDS
from tongchou.settlement.catalogue import sample_readings

Signed = Callable[[str], dict[str, str]]
FROM, TO = "2024-01-01", "2024-12-31"


def certno(order: int) -> str:
    """A number that passes every check, of nobody."""
    body = f"52240119580301{order:03d}"
    return body + check_digit(body)


MISSING = certno(999)
# kind -> headings, a good row, a bad one, and (field, code) of what is said of the bad one.
LISTS: dict[str, tuple[list[str], list[str], list[str], tuple[str, str]]] = {
    "persons": (["证件号码", "姓名", "人员类别"], [certno(1), "测试甲", "15"],
                [certno(2)[:-1] + "0", "测试乙", "15"], ("certno", "identity-check-digit")),
    "coverages": (["证件号码", "险种", "起始日期", "终止日期"], [certno(1), "390", FROM, TO],
                  [certno(1), "390", "2024-06-01", ""], ("from", "insured-twice")),
    "statuses": (["证件号码", "身份", "起始日期", "认定部门"],
                 [certno(1), "allowance", FROM, "民政局"],
                 [certno(1), "贵宾", FROM, "民政局"], ("code", "unknown-code")),
    "chronic": (["证件号码", "病种编码", "起始日期", "鉴定机构编码"],
                [certno(1), "M03900", FROM, "H2"],
                [MISSING, "M03900", FROM, "H2"], ("certno", "unknown-person")),
    "referrals": (["证件号码", "转诊链编号", "转出机构编码", "转入机构编码", "方向", "转诊日期",
                   "有效期止"],
                  [certno(1), "E1", "H1", "H2", "上转", "2024-03-01", "2024-04-01"],
                  [certno(1), "E1", "H1", "H2", "上转", "2024-03-01", "2024-02-01"],
                  ("valid_until", "dates-out-of-order")),
    "filings": (["证件号码", "就医地", "就医地区划", "备案类型", "起始日期"],
                [certno(1), "跨省异地", "330100", "常驻异地工作", FROM],
                [certno(1), "火星", "330100", "常驻异地工作", FROM], ("place", "unknown-code")),
    "families": (["证件号码", "家庭编号", "起始日期"], [certno(1), "F1", FROM],
                 [certno(1), "F2", "2024-02-01"], ("from", "two-families")),
    "not-enrolled": (["证件号码", "未参保原因", "证明材料", "起始日期"],
                     [certno(1), "参军", "2024-1", "2025-01-01"],
                     [certno(1), "", "2024-1", "2026-01-01"], ("reason", "missing-field")),
    "institutions": (["机构编码", "机构名称", "级别", "所在地", "起始日期"],
                     ["M1", "新医院", "二级", "统筹区内", FROM],
                     ["M2", "新医院", "十级", "统筹区内", FROM], ("level", "unknown-code")),
    "designations": (["机构编码", "定点类型", "是否联网", "起始日期"],
                     ["M1", "定点医疗机构", "是", FROM],
                     ["M1", "定点医疗机构", "也许", FROM], ("networked", "unknown-code")),
    "rules": (["规则", "取值", "来源", "起始日期"], ["newborn", '{"months": 3}', "文件", FROM],
              ["newborn", '{"months": "three"}', "文件", FROM], ("value", "bad-rule")),
}


def as_csv(rows: list[list[str]], encoding: str) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def as_workbook(rows: list[list[str]]) -> bytes:
    file = io.BytesIO()
    with Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row, book.add_format({"num_format": "@"}))
    return file.getvalue()


def sent(client: TestClient, headers: dict[str, str], path: str, name: str, content: bytes,
         **form: str) -> object:
    """An upload as a browser sends it."""
    return client.post(f"{BASE}/{path}", headers=headers, data={"why": "年度名单", **form},
                       files={"file": (name, content)})


def test_there_is_a_case_for_every_kind() -> None:
    assert LISTS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("form", ["utf-8-sig", "gb18030", "xlsx"])
def test_a_list_is_uploaded_with_one_wrong_row(kind: str, form: str, client: TestClient,
                                               signed: Signed, town: Town) -> None:
    """Whatever the file is made with: the good row is stored once, the wrong one is told."""
    headings, good, bad, (field, code) = LISTS[kind]
    if kind != "persons" and "证件号码" in headings:      # each kind can run alone
        sent(client, signed("agency"), "imports/persons", "p.csv",
             as_csv(list(LISTS["persons"][:2]), "utf-8"))
    rows = [headings, good, bad]
    content = as_workbook(rows) if form == "xlsx" else as_csv(rows, form)
    name = "名单.xlsx" if form == "xlsx" else "名单.csv"
    headers = signed("agency")
    reply = sent(client, headers, f"imports/{kind}", name, content)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert made["rows"] == 2 and made["added"] + made["unchanged"] == 1, made
    assert made["refused"] == made["faults_total"] == 1
    fault = made["faults"][0]
    assert (fault["row"], fault["field"], fault["code"]) == (3, field, code)
    assert fault["reason_zh"] and fault["reason"] and fault["hint_zh"] and fault["hint"]
    assert certno(1) not in str(fault), "a whole number of a document in a report"
    again = sent(client, headers, f"imports/{kind}", name, content)
    assert again.content == reply.content, "the same key and file: the same answer"
    later = sent(client, signed("agency"), f"imports/{kind}", name, content).json()
    assert (later["added"], later["unchanged"], later["refused"]) == (0, 1, 1)


def test_what_was_uploaded_is_settled_with(client: TestClient, signed: Signed, town: Town) -> None:
    """People, cover and a new hospital by upload, then a bill of theirs."""
    lists = {"persons": [[certno(7), "测试丁", "15"]],
             "coverages": [[certno(7), "390", FROM, TO]],
             "institutions": [["M7", "上传医院", "二级", "统筹区内", FROM]],
             "designations": [["M7", "定点医疗机构", "是", FROM]]}
    for kind, rows in lists.items():
        made = sent(client, signed("agency"), f"imports/{kind}", "list.csv",
                    as_csv([LISTS[kind][0], *rows], "utf-8")).json()
        assert made["added"] == 1 and not made["faults"], made
    found = client.post(f"{BASE}/persons/search", headers=signed("clerk"),
                        json={"psn_cert_type": "01", "certno": certno(7)}).json()
    bill = stay(found["psn_no"], "UPLOADED", fixmedins_code="M7")
    assert '"setl_id"' in town.platform.settle(bill, "UPLOADED", who=CLERK)


# --- the catalogue --------------------------------------------------------------------------------
ITEM = ["编码", "名称", "甲乙丙", "收费类别", "目录类别", "开始日期", "限价"]
GOOD_ITEM = ["001109000010300", "床", "甲", "01", "201", "2023-01-01", "40"]


def test_a_catalogue_is_uploaded_with_wrong_rows(client: TestClient, signed: Signed) -> None:
    rows = [ITEM, GOOD_ITEM, [*GOOD_ITEM[:6], "x"], ["", *GOOD_ITEM[1:]]]
    for form in ("gb18030", "xlsx"):
        content = as_workbook(rows) if form == "xlsx" else as_csv(rows, form)
        reply = sent(client, signed("agency"), "catalogue/imports",
                     "c.xlsx" if form == "xlsx" else "c.csv", content)
        assert reply.status_code == 201, reply.text
        made = reply.json()
        assert (made["rows_taken"], made["rows_refused"]) == (1, 2), made
        assert sorted({fault["row"] for fault in made["faults"]}) == [3, 4]
        assert all(fault["todo_zh"] and fault["todo_en"] for fault in made["faults"])
    found = client.get(f"{BASE}/catalogue/items/{GOOD_ITEM[0]}", params={"day": "2024-03-01"},
                       headers=signed("institution"))
    assert found.json()["price_limits"] == {"": "40.00"}


def test_the_sample_and_its_rules_go_up_together(client: TestClient, signed: Signed) -> None:
    folder = Path(__file__).parents[2] / "src/tongchou/samples"
    files = {"file": ("items.csv", (folder / "catalogue.csv").read_bytes()),
             "rules": ("rules.csv", (folder / "catalogue-rules.csv").read_bytes())}
    reply = client.post(f"{BASE}/catalogue/imports", headers=signed("agency"),
                        data={"why": "示范"}, files=files)
    items, rules = sample_readings()
    assert reply.status_code == 201, reply.text
    assert reply.json()["rows_taken"] == len(items.records) + len(rules.records)


# --- what is no list ------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["imports/persons", "catalogue/imports"])
@pytest.mark.parametrize(("name", "content"), [
    ("list.pdf", b"%PDF"), ("list.csv", b""), ("list.xlsx", b"PK\x03\x04 cut"), ("list.csv", b"\0"),
    ("../../etc/passwd", b"x"), ("list.csv", "单列\n1\n".encode())])
def test_a_file_that_is_no_list_is_refused_whole(path: str, name: str, content: bytes,
                                                 client: TestClient, signed: Signed) -> None:
    reply = sent(client, signed("agency"), path, name, content)
    assert 400 <= reply.status_code < 500, reply.text
    error = reply.json()["error"]
    assert error["message_zh"] and error["hint"] and "upload" not in error["message"], error


def test_an_upload_needs_a_reason_and_the_right_role(client: TestClient, signed: Signed) -> None:
    content = as_csv(list(LISTS["persons"][:2]), "utf-8")
    reply = client.post(f"{BASE}/imports/persons", headers=signed("agency"),
                        files={"file": ("p.csv", content)})
    assert reply.json()["error"]["code"] == "bad-field"
    for role in ("clerk", "institution", "auditor", "administrator"):
        assert sent(client, signed(role), "imports/persons", "p.csv", content).status_code == 403
