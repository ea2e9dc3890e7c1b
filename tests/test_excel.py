"""Claims from a workbook settle like the same claims from CSV; results go back into one."""
from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from tongchou.claims.excel import cell_text, read_sheet
from tongchou.cli.main import run
from tongchou.errors import CaseError

HEADER = ["psn_no", "mdtrt_id", "insutype", "med_type", "hosp_lev", "begndate", "enddate",
          "medfee_sumamt"]
ROWS = [["P1", "C1", 390, 21, "3", date(2023, 3, 2), date(2023, 3, 18), 86420.1],
        ["P1", "C2", 390, 21, "2", date(2023, 5, 2), date(2023, 5, 3), 1000],
        ["P2", "C3", 390, 21, "2", date(2023, 5, 2), date(2023, 5, 3), 10.005]]


def _workbook(path: Path, rows: list[list[object]]) -> Path:
    with Workbook(str(path)) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, place, value, day)
                else:
                    sheet.write(number, place, value)
    return path


def test_a_workbook_settles_like_csv(tmp_path: Path) -> None:
    book = _workbook(tmp_path / "claims.xlsx", [HEADER, *ROWS])
    csv = tmp_path / "claims.csv"
    csv.write_text("\n".join(",".join(map(str, row)) for row in [HEADER, *ROWS]),
                   encoding="utf-8")
    results = []
    for source in (book, csv):
        out = tmp_path / f"{source.suffix[1:]}.parquet"
        book_out = out.with_name(f"{out.stem}-results.xlsx")
        code = run(["batch", str(source), "--pack", "zibo/2023", "--profile", "candidate",
                    "--out", str(out), "--excel", str(book_out)])
        assert code == 1      # the third row has three decimals
        results.append(pq.read_table(out))
        assert pq.read_table(out.with_suffix(".rejects.parquet"))["code"].to_pylist() \
            == ["too-many-decimals"]
    assert results[0].equals(results[1]) and results[0].num_rows == 2
    sheets = CalamineWorkbook.from_path(str(tmp_path / "xlsx-results.xlsx"))
    rows = sheets.get_sheet_by_index(0).to_python()
    assert rows[0] == results[0].schema.names
    assert sorted(row[2] for row in rows[1:]) == [1000, 86420.1]
    assert len(sheets.get_sheet_by_index(1).to_python()) == 2


@pytest.mark.parametrize(("cell", "text"), [
    (None, None), ("", None), (1000.0, "1000"), (86420.1, "86420.1"), (0.1 + 0.2, "0.3"),
    (10.005, "10.005"), (True, "true"), (date(2023, 1, 31), "2023-01-31"),
    (datetime(2023, 1, 31), "2023-01-31"), (datetime(2023, 1, 31, 9, 5), "2023-01-31T09:05:00"),
    ("  0390 ", "0390"), (float("nan"), "nan")])
def test_cells_are_read_as_people_see_them(cell: object, text: str | None) -> None:
    assert cell_text(cell) == text


@pytest.mark.parametrize(("rows", "code"), [
    ([], "broken-file"), ([["a", ""], ["1", "2"]], "broken-file"),
    ([["a", "a"], ["1", "2"]], "duplicate-column")])
def test_a_sheet_that_is_no_table_is_refused(tmp_path: Path, rows: list, code: str) -> None:
    with pytest.raises(CaseError) as told:
        read_sheet(_workbook(tmp_path / "x.xlsx", rows))
    assert told.value.code == code and told.value.hint


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(CaseError) as told:
        read_sheet(path)
    assert told.value.code == "broken-file"
