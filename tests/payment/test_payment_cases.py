"""Reading cases: every row is in the table or in the report, whatever the file is (病案读入)."""
from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xlsxwriter import Workbook

from tongchou.errors import CaseError
from tongchou.payment import generate_cases, iter_cases, load_scheme, needs_of, read_cases
from tongchou.payment.cases import GROUPING, SCHEMA, TableFile

HEADER = "case,sex,age_years,born,admitted,discharged,dx,px,cost_yuan"
FINE = "A1,1,43,1980-05-06,2024-02-01,2024-02-09,I10.x00|E11.900,39.90,1234.5"


def written(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "cases.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def told(path: Path, needs: object = GROUPING) -> list[tuple[object, ...]]:
    """(row, field, value, code, refused) of everything reported."""
    return [(line["row"], line["field"], line["value"], line["code"], line["refused"])
            for line in read_cases(path, needs).rejects.to_pylist()]


def test_a_fine_row_is_read_and_completed(tmp_path: Path) -> None:
    read = read_cases(written(tmp_path, FINE))
    assert read.table.schema == SCHEMA and read.rejects.num_rows == 0 and read.refused == 0
    row = read.table.to_pylist()[0]
    assert row["dx"] == ["I10.x00", "E11.900"] and row["px"] == ["39.90"]
    assert (row["cost_fen"], row["stay_days"], row["year"]) == (123450, 8, 2024)
    assert row["age_days"] == (date(2024, 2, 1) - date(1980, 5, 6)).days


BAD = [
    ("sex", "A1,7,43,,,,I10.x00,,", ("sex", "7", "unknown-code", True)),
    ("principal", "A1,1,43,,,,,,", ("dx", None, "missing-principal-diagnosis", True)),
    ("principal first", "A1,1,43,,,,|I10.x00,,", ("dx", "|I10.x00",
                                                 "missing-principal-diagnosis", True)),
    ("main procedure", "A1,1,43,,,,I10.x00,|39.90,", ("px", "|39.90", "missing-main-procedure",
                                                      True)),
    ("no code", "A1,1,43,,,,高血压,,", ("dx", "高血压", "bad-code", True)),
    ("further no code", "A1,1,43,,,,I10.x00|??,,", ("dx", "??", "bad-code", False)),
    ("age and birth", "A1,1,50,1980-05-06,2024-02-01,2024-02-09,I10.x00,,",
     ("age_years", "50", "age-and-birth-disagree", True)),
    ("discharge first", "A1,1,43,1980-05-06,2024-02-09,2024-02-01,I10.x00,,",
     ("discharged", "2024-02-01", "dates-out-of-order", True)),
    ("born later", "A1,1,,2025-05-06,2024-02-01,2024-02-09,I10.x00,,",
     ("born", "2025-05-06", "born-after-admission", True)),
    ("no day", "A1,1,43,1980-05-06,2024-02-30,2024-03-01,I10.x00,,",
     ("admitted", "2024-02-30", "bad-date", True)),
    ("negative cost", "A1,1,43,,,,I10.x00,,-5", ("cost_yuan", "-5", "negative-amount", True)),
    ("fractions of fen", "A1,1,43,,,,I10.x00,,12.345", ("cost_yuan", "12.345", "bad-amount",
                                                        True)),
    ("no number", "A1,1,4x,,,,I10.x00,,", ("age_years", "4x", "bad-number", True)),
    ("no case", ",1,43,,,,I10.x00,,", ("case", None, "missing-field", True)),
]


@pytest.mark.parametrize(("line", "wanted"), [case[1:] for case in BAD],
                         ids=[case[0] for case in BAD])
def test_a_wrong_value_is_reported_with_row_field_and_reason(
        line: str, wanted: tuple[object, ...], tmp_path: Path) -> None:
    path = written(tmp_path, FINE.replace("A1", "A0"), line)
    assert told(path) == [(2, *wanted)]
    assert read_cases(path).table.num_rows == (1 if wanted[-1] else 2)


def test_what_a_use_does_not_need_is_reported_and_kept(tmp_path: Path) -> None:
    path = written(tmp_path, "A1,x9,1,I10.x00", header="case,insurance,sex,dx")
    assert told(path) == [(1, "insurance", "x9", "unknown-code", False)]
    assert read_cases(path).table["insurance"].to_pylist() == [None]
    assert told(path, needs_of("dx")) == [(1, "insurance", "x9", "unknown-code", True)]


def test_a_needed_amount_that_is_missing_refuses_the_row(tmp_path: Path) -> None:
    path = written(tmp_path, FINE, "A2,1,43,,,2024-02-09,I10.x00,,")
    needs = needs_of("dx", "cost_fen", "year")
    assert told(path, needs) == [(2, "cost_yuan", None, "missing-field", True)]
    with pytest.raises(CaseError, match="no column") as fault:
        read_cases(path, needs_of("hospital"))
    assert fault.value.code == "missing-column"


def test_a_case_in_two_rows_counts_once_even_across_batches(tmp_path: Path) -> None:
    path = written(tmp_path, *(FINE.replace("A1", f"A{number % 5}") for number in range(7)))
    parts = list(iter_cases(path, 2))
    assert sum(part.table.num_rows for part in parts) == 5
    assert [line["row"] for part in parts for line in part.rejects.to_pylist()] == [6, 7]


def test_a_row_with_too_many_fields_pushes_later_numbers_down(tmp_path: Path) -> None:
    path = written(tmp_path, FINE, "x," * 20, "A3,7,43,,,,I10.x00,,")
    assert told(path) == [(2, "", None, "broken-row", True), (3, "sex", "7", "unknown-code", True)]


def test_national_names_and_codes_are_understood(tmp_path: Path) -> None:
    path = written(tmp_path, "S9,H01,5,310,P1,2,1980-05-06,43,2024-02-01 08:00:00,20240209,8,2,"
                   "I10.x00,39.90,1234.50,1/2/30",
                   header="setl_id,fixmedins_code,hosp_lv,insutype,psn_no,gend,brdy,age,adm_time,"
                   "dscg_time,act_ipt_days,dscg_way,dx,px,medfee_sumamt,vent_used_dura")
    read = read_cases(path, needs_of("dx", "cost_fen", "hospital_level"))
    row = read.table.to_pylist()[0]
    assert read.rejects.num_rows == 0
    assert (row["case"], row["hospital_level"], row["insurance"]) == ("S9", "2", "employees")
    assert (row["cost_fen"], row["ventilator_hours"]) == (123450, 26)
    assert row["discharged"] == date(2024, 2, 9)


def test_the_three_kinds_of_files_say_the_same(tmp_path: Path) -> None:
    made = generate_cases(load_scheme("tutorial"), 300, 5)
    for kind in ("csv", "parquet", "xlsx"):
        with TableFile(tmp_path / f"cases.{kind}", made.schema) as file:
            file.write(made)
    tables = [read_cases(tmp_path / f"cases.{kind}", needs_of("dx", "cost_fen", "year"))
              for kind in ("csv", "parquet", "xlsx")]
    for read in tables:
        assert read.rejects.num_rows == 0
        assert read.table.equals(made)


def test_a_workbook_with_numbers_and_dates_as_cells(tmp_path: Path) -> None:
    path = tmp_path / "cases.xlsx"
    with Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        form = book.add_format({"num_format": "yyyy-mm-dd"})
        for place, name in enumerate(("case", "sex", "age_years", "discharged", "dx", "cost_yuan")):
            sheet.write_string(0, place, name)
        sheet.write_row(1, 0, (17, 1, 43.0))
        sheet.write_datetime(1, 3, date(2024, 2, 9), form)
        sheet.write_row(1, 4, ("I10.x00", 1234.56))
    row = read_cases(path, needs_of("dx", "cost_fen", "year")).table.to_pylist()[0]
    assert (row["case"], row["cost_fen"], row["year"]) == ("17", 123456, 2024)


def test_a_run_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), TableFile(path, SCHEMA) as file:
        file.write(SCHEMA.empty_table())
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "content", "code"), [
    ("none.csv", None, "unreadable-file"), ("cases.txt2", "x", "unknown-kind"),
    ("empty.csv", "", "broken-file"), ("twice.csv", "case,case\n1,2\n", "duplicate-column"),
    ("cases.parquet", "no parquet", "broken-file"), ("nodx.csv", "case,sex\n1,2\n",
                                                     "missing-column")])
def test_a_file_that_is_none_is_one_sentence(name: str, content: str | None, code: str,
                                             tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(CaseError) as fault:
        read_cases(tmp_path / name)
    assert fault.value.code == code and fault.value.hint


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["C1", "C2", "C3", "", "C4"]),
                          st.sampled_from(["1", "2", "7", ""]), st.sampled_from(["", "5", "-1"]),
                          st.sampled_from(["I10.x00", "", "|I10.x00", "I10.x00|?|E11.900"]),
                          st.sampled_from(["", "12.3", "-4", "1e3"])), max_size=8))
def test_rows_taken_and_rows_refused_add_up(rows: list[tuple[str, ...]]) -> None:
    with TemporaryDirectory() as folder:
        read = read_cases(written(Path(folder), *(",".join(row) for row in rows),
                                  header="case,sex,age_years,dx,cost_yuan"))
    refused = pc.unique(read.rejects.filter(read.rejects["refused"])["row"]).to_pylist()
    assert read.rows == len(rows) == read.table.num_rows + len(refused)
    assert sorted([*read.kept.tolist(), *refused]) == list(range(1, len(rows) + 1))


def test_the_same_seed_makes_the_same_cases_and_they_agree_with_themselves() -> None:
    scheme = load_scheme("tutorial")
    made = generate_cases(scheme, 2000, 9)
    assert made.equals(generate_cases(scheme, 2000, 9))
    assert not made.equals(generate_cases(scheme, 2000, 10))
    whole = pc.add(made["fund_fen"], made["person_fen"])
    assert pc.all(pc.equal(whole, made["cost_fen"])).as_py()
    assert sorted(pc.unique(made["year"]).to_pylist()) == [2023, 2024, 2025]
    assert set(pc.unique(made["hospital_level"]).to_pylist()) == {"1", "2", "3"}


def test_lists_of_a_parquet_file_may_be_lists(tmp_path: Path) -> None:
    table = pa.table({"case": ["1", "2"], "dx": [["I10.x00", None, " E11.900 "], None]})
    pq.write_table(table, tmp_path / "cases.parquet")
    read = read_cases(tmp_path / "cases.parquet")
    assert read.table["dx"].to_pylist() == [["I10.x00", "E11.900"]]
    assert read.rejects["code"].to_pylist() == ["missing-principal-diagnosis"]
