"""Dictionary, catalogues and the institution's own list: 1901, 1301 to 1306A with 9102, 1304, 1312,
1316 to 1319, 3301, 3302."""
from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from gateway_city import City
from hospital import Hospital, read
from identities import SHARED, national, unlike_the_standard
from standard import both, request_unlike, standard  # noqa: F401

from tongchou.gateway import catalogue_files, dictionary
from tongchou.settlement import catalogue

STANDARD, LIKE_S3 = "H52990100001", "H52990100002"
REGION = "529900"
INFUSION, DRUG = "001204000902000", "XC08CAB927A001010199027"
DOWNLOADS = {"1301": "drug", "1302": "herbal_pieces", "1303": "", "1305": "service",
             "1306": "consumable", "1306A": "consumable"}
PAGE = {"page_num": 1, "page_size": 100, "updt_time": "2018-01-01"}
# Node names of S3, and the list without a name that it expects.
NAMED = {"3301": "catalogcompin", "3302": "catalog"}


@pytest.fixture(params=(STANDARD, LIKE_S3))
def hospital(city: City, request: pytest.FixtureRequest) -> Hospital:
    """A standard client and one like that of S3."""
    return city.hospital(request.param)


def like_s3(hospital: Hospital) -> bool:
    return hospital.profile.dialect == "guangzhou"


def rows_of(hospital: Hospital, infno: str, **asked: object) -> list[dict[str, object]]:
    """The rows of a paged query whose request and reply are as the standard says."""
    given = {"data": {**PAGE, **asked}}
    assert not request_unlike(infno, given)
    output = hospital.ok(infno, given)
    rows = output if like_s3(hospital) and infno != "1304" else output["data"]
    assert isinstance(rows, list)
    wrong = [said for row in rows for said in unlike_the_standard(infno, row, {})]
    assert not wrong, wrong[:5]
    return rows


def text_of(content: bytes) -> list[list[str]]:
    """The rows of a downloaded file."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        name, = packed.namelist()
        return [line.split("\t") for line in packed.read(name).decode().splitlines()]


def fetched(hospital: Hospital, found: Mapping[str, object]) -> bytes:
    """9102, as every client asks for a catalogue: under the code plc."""
    path, headers = "/gateway/9102", hospital.headers("9102")
    message = hospital.envelope("9102", {"fsDownloadIn": {
        "file_qury_no": found["file_qury_no"], "filename": found["filename"],
        "fixmedins_code": "plc"}})
    return hospital.raw(path, headers, json.dumps(message).encode())


# --- dictionary -----------------------------------------------------------------------------------
def test_a_dictionary_type_and_all_of_them_as_a_file(city: City, hospital: Hospital) -> None:
    asked = {"data": {"type": "insutype", "parent_value": "0", "admdvs": REGION,
                      "date": city.today, "Vali_Flag": "1"}}
    rows = both(hospital, "1901", asked)["list"]
    assert {row["value"]: row["label"] for row in rows}["310"].startswith("职工")
    assert [row["sort"] for row in rows] == list(range(1, len(rows) + 1))
    reply = hospital.send("1901", {"data": {**asked["data"], "type": "no_such_type"}})
    assert reply["output"]["list"] == [] and "no_such_type" in reply["warn_msg"]
    whole = hospital.ok("1901", {"data": {"admdvs": REGION}})["fileinfo"]
    lines = text_of(fetched(hospital, whole))
    assert len({line[0] for line in lines}) > 10 and all(len(line) == 9 for line in lines)


def test_small_tables_say_what_the_standard_says() -> None:
    path = SHARED.with_name("code-tables.json")
    if not path.exists():
        pytest.skip("shared/national-interface is not on this machine")
    tables = json.loads(path.read_text("utf-8"))["tables"]
    known = [name for name in dictionary.OWN if name in tables]
    assert len(known) > 12
    for name in known:
        assert dictionary.OWN[name].items() <= tables[name]["codes"].items(), name
    for entry in dictionary.entries():
        assert entry in dictionary.of_type(entry.type)


# --- downloads ------------------------------------------------------------------------------------
@pytest.mark.parametrize("infno", DOWNLOADS)
def test_a_catalogue_is_a_file_with_the_columns_of_the_standard(
        city: City, hospital: Hospital, infno: str) -> None:
    found = both(hospital, infno, {"data": {"ver": "0"}})
    content = fetched(hospital, found)
    lines = text_of(content)
    items = [one for one in catalogue.sample_catalogue().all_rows()
             if one.kind == DOWNLOADS[infno]]
    assert len(lines) == int(found["data_cnt"]) == len(items)
    assert [line[0] for line in lines] == [one.code for one in items]
    assert all(len(line) == len(catalogue_files.columns()[infno]) for line in lines)
    assert fetched(hospital, found) == content          # the same number, the same bytes
    assert found["dld_end_time"][:10] > city.today


@pytest.mark.usefixtures("standard")
def test_the_columns_are_those_of_the_standard() -> None:
    for infno in DOWNLOADS:
        fields = national()[infno]["output"][0]["fields"]
        columns = next(one["file_columns_zh"] for one in fields if one["name"] == "filename")
        ours = [one.replace("/", "") for one in catalogue_files.columns()[infno]]
        assert ours == [re.sub(r"[\s/]", "", one) for one in columns], infno


def test_what_a_client_has_already_is_not_sent_again(city: City) -> None:
    hospital = city.hospital(STANDARD)
    first = hospital.ok("1305", {"data": {"ver": ""}})
    version = text_of(fetched(hospital, first))[0][-5]
    reply = hospital.send("1305", {"data": {"ver": version}})
    assert int(reply["output"]["data_cnt"]) == 0 and "最新版本" in reply["warn_msg"]
    assert text_of(fetched(hospital, reply["output"])) == []
    reply = hospital.send("1305", {"data": {"ver": "F001_20210101"}})
    assert reply["output"]["data_cnt"] == first["data_cnt"] and "全量" in reply["warn_msg"]


@pytest.mark.parametrize("number", ["L1305-99-0", "L1305-1-2", "L9999-1-0", "L1901-7-0",
                                    "L1305-0-0", "F123", ""])
def test_a_file_that_is_none(city: City, number: str) -> None:
    said = city.hospital(STANDARD).refused("9102", {"fsDownloadIn": {
        "file_qury_no": number, "filename": "x", "fixmedins_code": "plc"}})
    assert "查无此文件" in said or "缺少必填项" in said


# --- paged queries --------------------------------------------------------------------------------
def test_items_by_code_name_and_class(hospital: Hospital) -> None:
    row, = rows_of(hospital, "1312", hilist_code=INFUSION)
    assert row["chrgitm_lv"] == "01" and row["list_type"] == "201"
    named = rows_of(hospital, "1312", hilist_name="护理", list_type="201")
    assert named and all("护理" in one["hilist_name"] for one in named)
    assert rows_of(hospital, "1312", hilist_code="no-such-item") == []
    assert rows_of(hospital, "1312", insu_admdvs="110100") == []
    assert rows_of(hospital, "1312", updt_time="2099-01-01") == []
    limited = rows_of(hospital, "1312", lmt_used_flag="1")
    assert limited and {one["lmt_used_flag"] for one in limited} == {"1"}


def test_pages_have_every_row_once(city: City) -> None:
    hospital = city.hospital(STANDARD)
    whole, pages = len(list(catalogue.sample_catalogue().all_rows())), []
    for page in range(1, 5):
        output = hospital.ok("1312", {"data": {**PAGE, "page_num": page, "page_size": 60}})
        assert output["pages"] == -(-whole // 60) and output["size"] == 60
        pages += [row["rid"] for row in output["data"]]
    assert len(pages) == len(set(pages)) == whole
    assert hospital.ok("1312", {"data": {**PAGE, "page_num": 9}})["data"] == []
    for wrong in ({"page_num": 0}, {"page_size": 0}, {"page_size": 1001}, {"page_num": "-1"},
                  {"page_num": "x"}):
        assert "页" in hospital.refused("1312", {"data": {**PAGE, **wrong}})


def test_what_we_hold_no_rows_of_is_empty(hospital: Hospital) -> None:
    assert rows_of(hospital, "1304", med_list_codg="") == []


def test_an_item_has_one_code_in_both_catalogues(hospital: Hospital) -> None:
    row, = rows_of(hospital, "1316", hilist_code=DRUG)
    assert row["med_list_codg"] == DRUG and row["list_type"] == "101"
    assert rows_of(hospital, "1316", hilist_code=DRUG, med_list_codg=INFUSION) == []


def test_price_limits_by_level(hospital: Hospital) -> None:
    item = catalogue.sample_catalogue().known(INFUSION)[0]
    rows = rows_of(hospital, "1318", hilist_code=INFUSION)
    assert {row["hilist_lmtpric_type"]: Decimal(str(row["hilist_pric_uplmt_amt"]))
            for row in rows} == {level: Decimal(item.price_limit_fen((level, ""))).scaleb(-2)
                                 for level in ("1", "2", "3")}
    assert len(rows_of(hospital, "1318", hilist_code=INFUSION, hilist_lmtpric_type="3")) == 1


def test_first_self_pay_by_insurance(hospital: Hospital) -> None:
    by_class = {one.item_class: one.code for one in catalogue.sample_catalogue().all_rows()
                if not one.first_self_pay_ppm}
    for item_class, whole in (("A", "0"), ("C", "1")):
        row, = rows_of(hospital, "1319", hilist_code=by_class[item_class])
        assert Decimal(str(row["selfpay_prop"])) == Decimal(whole)
        assert row["selfpay_prop_psn_type"] == "99"
    shared = next(one for one in catalogue.sample_catalogue().all_rows()
                  if len(one.first_self_pay_ppm) > 1)
    rows = rows_of(hospital, "1319", hilist_code=shared.code)
    assert {Decimal(str(row["selfpay_prop"])) for row in rows} == {
        Decimal(ppm).scaleb(-6) for ppm in shared.first_self_pay_ppm.values()}


# --- the institution's own list -------------------------------------------------------------------
def mapping(hospital: Hospital, own: str, code: str = INFUSION, **more: object,
            ) -> dict[str, object]:
    row = {"fixmedins_hilist_id": own, "fixmedins_hilist_name": "静脉输液", "list_type": "201",
           "med_list_codg": code, "begndate": "2024-01-01", "enddate": "2099-12-31",
           "spec": "次", **more}
    assert not request_unlike("3301", {"data": [row]})
    return {NAMED["3301"] if like_s3(hospital) else "data": [row]}


def withdrawal(hospital: Hospital, own: str, code: str = INFUSION, **more: object,
               ) -> dict[str, object]:
    row = {"fixmedins_code": hospital.profile.code, "fixmedins_hilist_id": own,
           "list_type": "201", "med_list_codg": code, **more}
    return {NAMED["3302"] if like_s3(hospital) else "data": row}


def test_a_mapping_and_its_withdrawal(hospital: Hospital) -> None:
    hospital.ok("3301", mapping(hospital, "A1"))
    row, = rows_of(hospital, "1317", medins_list_codg="A1")
    assert row["vali_flag"] == "1" and row["med_list_codg"] == INFUSION and row["spec"] == "次"
    hospital.ok("3301", mapping(hospital, "A1", spec="组"))     # sent again: in its place
    assert [one["spec"] for one in rows_of(hospital, "1317", medins_list_codg="A1",
                                           vali_flag="1")] == ["组"]
    other = "001109000905000"
    assert INFUSION in hospital.refused("3301", mapping(hospital, "A1", other))
    hospital.ok("3302", withdrawal(hospital, "A1"))
    assert {one["vali_flag"] for one in rows_of(hospital, "1317", medins_list_codg="A1")} == {"0"}
    assert "已撤销" in hospital.refused("3302", withdrawal(hospital, "A1"))
    hospital.ok("3301", mapping(hospital, "A1", other))         # free for another item now
    assert [one["med_list_codg"] for one in rows_of(
        hospital, "1317", medins_list_codg="A1", vali_flag="1")] == [other]


def test_a_mapping_sent_twice_is_one(city: City) -> None:
    hospital = city.hospital(STANDARD)
    first = hospital.send("3301", mapping(hospital, "B1"))
    assert hospital.again() == first
    assert len(rows_of(hospital, "1317", medins_list_codg="B1")) == 1


def test_all_rows_of_a_mapping_or_none(city: City) -> None:
    hospital = city.hospital(STANDARD)
    good, = mapping(hospital, "C1")["data"]
    wrong, = mapping(hospital, "C2")["data"]
    said = hospital.refused("3301", {"data": [good, wrong | {"med_list_codg": "no-such"}]})
    assert "no-such" in said and "data[2]" in said
    assert not rows_of(hospital, "1317", medins_list_codg="C1")
    clash = good | {"med_list_codg": "001109000905000"}
    assert "已对照" in hospital.refused("3301", {"data": [good, clash]})
    assert not rows_of(hospital, "1317", medins_list_codg="C1")


@pytest.mark.parametrize(("more", "said"), [
    ({"list_type": "101"}, "201"), ({"list_type": "zz"}, "目录类别"),
    ({"enddate": "2023-12-31"}, "早于"), ({"begndate": "1.1.2024"}, "日期"),
    ({"begndate": ""}, "begndate"), ({"fixmedins_hilist_id": ""}, "fixmedins_hilist_id")])
def test_mappings_that_are_refused(city: City, more: Mapping[str, object], said: str) -> None:
    hospital = city.hospital(STANDARD)
    row, = mapping(hospital, "D1")["data"]
    assert said in hospital.refused("3301", {"data": [row | dict(more)]})


def test_another_institutions_list_is_not_touched(city: City) -> None:
    one, other = city.hospital(STANDARD), city.hospital(LIKE_S3)
    one.ok("3301", mapping(one, "E1"))
    assert "已撤销" in other.refused("3302", withdrawal(other, "E1"))
    assert "本机构" in other.refused("3302", withdrawal(other, "E1", fixmedins_code=STANDARD))
    assert "本机构" in other.refused("1317", {"data": {**PAGE, "fixmedins_code": STANDARD}})
    assert len(rows_of(one, "1317", medins_list_codg="E1")) == 1


def test_one_item_stands_for_one_when_two_are_sent_at_once(city: City) -> None:
    hospital, other = city.hospital(STANDARD), "001109000905000"
    messages = [json.dumps(hospital.envelope("3301", mapping(hospital, "F1", code)),
                           ensure_ascii=False).encode() for code in (INFUSION, other) * 4]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda body: read(hospital.raw(
            "/gateway/3301", hospital.headers("3301"), body)), messages))
    standing = rows_of(hospital, "1317", medins_list_codg="F1", vali_flag="1")
    assert len(standing) == 1
    for reply, code in zip(replies, (INFUSION, other) * 4, strict=True):
        assert int(reply["infcode"]) == (0 if code == standing[0]["med_list_codg"] else -1)
        assert not reply["err_msg"] or "already-mapped" in reply["err_msg"]


# --- a second edition; last, since it stays -------------------------------------------------------
def test_what_changed_since_the_clients_version(city: City) -> None:
    hospital = city.hospital(STANDARD)
    before = hospital.ok("1305", {"data": {"ver": ""}})
    old = catalogue.sample_catalogue().known(INFUSION)[0]._replace(row_id="")
    dearer = old._replace(since="2017-01-01", price_limits_fen={"": 9900})
    reading = replace(catalogue.sample_readings()[0], records=(dearer,), digest="1" * 64)
    deed = catalogue.Deed(REGION, datetime.now(UTC), "test", "a test")
    with city.platform.database.connection() as connection:
        assert catalogue.import_rows(connection, reading, deed).version == 2
    version = text_of(fetched(hospital, before))[0][-5]
    found = hospital.ok("1305", {"data": {"ver": version}})
    columns = catalogue_files.columns()["1305"]
    rows = [dict(zip(columns, row, strict=True)) for row in text_of(fetched(hospital, found))]
    assert [tuple(row[name] for name in ("医疗目录编码", "开始日期", "有效标志", "版本号"))
            for row in rows] == [(INFUSION, "2017-01-01", "1", "00000002"),
                                 (INFUSION, "2018-01-01", "0", "00000002")]
    assert int(found["data_cnt"]) == 2
    assert len(text_of(fetched(hospital, before))) == int(before["data_cnt"])   # as it was
    row, *_ = rows_of(hospital, "1318", hilist_code=INFUSION, hilist_lmtpric_type="3")
    assert Decimal(str(row["hilist_pric_uplmt_amt"])) == 99
    assert rows_of(hospital, "1312", hilist_code=INFUSION, query_date="2016-12-31") == []
    assert len(rows_of(hospital, "1312", hilist_code=INFUSION, query_date="2017-06-30")) == 1
