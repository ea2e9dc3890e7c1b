"""Statements: what stands on them adds up, formulas work out to the fen, Chinese is readable."""
from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pytest
from cleared_year import cleared
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdfium2 import PdfDocument
from sheet_formulas import Book

from tongchou.cli import run
from tongchou.errors import CaseError
from tongchou.money import yuan_grouped, yuan_text
from tongchou.payment.clearing import Flag
from tongchou.payment.statements import (pdf_bytes, read_told, statements_of, workbook_bytes,
                                         write_statements)
from tongchou.payment.statements.pdf import mixed

SHEETS = ["结论", "依据", "月度", "拨付", "病例", "偏差病例", "扣款", "说明", "校验"]
DUE = [[1_234_567 + 77 * month for month in range(12)], [100, 5, 7]]
months = st.lists(st.integers(0, 10 ** 9), min_size=1, max_size=12)


def one(**how: object) -> object:
    return next(statements_of(*cleared(DUE, **how)))


def text_of(pdf: bytes) -> str:
    with closing(PdfDocument(pdf)) as document:
        return "\f".join(page.get_textpage().get_text_range() for page in document)


@settings(max_examples=20, deadline=None)
@given(due=months, audit=st.integers(0, 10 ** 6), assessment=st.integers(-10 ** 6, 10 ** 6),
       sharing=st.integers(-10 ** 6, 10 ** 6))
def test_every_formula_works_out_to_the_fen(due: list[int], audit: int, assessment: int,
                                            sharing: int) -> None:
    """All formulas from the plain cells give what is stored, and every check says equal."""
    made = next(statements_of(*cleared([due], audit, (assessment, sharing))))
    book = Book(workbook_bytes(made))
    assert book.sheets == SHEETS
    assert len(book.formulas) > 10
    for (sheet, cell), formula in book.formulas.items():
        worked, stored = book.work_out(sheet, formula), book.stored[sheet, cell]
        if isinstance(worked, bool):
            assert worked and stored == "1", (sheet, cell)
        else:
            assert round(worked, 2) == round(Fraction(stored), 2), (sheet, cell, formula)


def test_the_bottom_line_follows_the_months() -> None:
    """A changed month changes the clearing: totals are formulas, not pictures of numbers."""
    made = one(audit_fen=100)
    book = Book(workbook_bytes(made))
    bottom = max((cell for sheet, cell in book.formulas if sheet == "结论"),
                 key=lambda cell: int(cell[1:]))
    before = book.work_out("结论", book.formulas["结论", bottom])
    assert before == Fraction(yuan_text(made.clearing.amount_fen))
    book.stored["月度", "D2"] = str(Fraction(book.stored["月度", "D2"]) + 1)
    book.value.cache_clear()
    assert book.work_out("结论", book.formulas["结论", bottom]) == before - 1


def test_lines_sum_to_the_year_and_the_year_to_its_payments() -> None:
    for made in statements_of(*cleared(DUE, 1234, (-500, 3))):
        payable = made.payable.amount_fen
        assert payable == sum(line.amount_fen for line in made.year_lines)
        assert payable == sum(line.amount_fen for line in made.paid_lines) + \
            made.clearing.amount_fen
        assert sum(made.cases.column("due_fen").to_pylist()) == made.totals.due_fen
        assert [step.key for step in made.steps] == [
            "fund", "value", "due", "assessment", "sharing", "audit", "year"]


def test_deductions_name_every_month_once() -> None:
    found = one(audit_fen=1234, changes=(-500, 3)).deductions
    assert sum(row.amount_fen for row in found) == -1234 * 12 - 500
    assert [row.month for row in found] == [f"2025-{number:02d}" for number in range(1, 13)] + [""]
    assert all(row.why for row in found)
    assert one().deductions == ()


def test_deviating_cases_are_the_banded_and_the_reviewed() -> None:
    clearing, told = cleared(DUE)
    first, second = statements_of(clearing, told)
    assert first.deviating.num_rows == 24 and second.deviating.num_rows == 6
    assert set(first.deviating.column("deviation").to_pylist()) == {"low", "high"}
    assert set(first.deviating.column("hospital").to_pylist()) == {"H01"}
    bare = next(statements_of(clearing))
    assert bare.deviating.num_rows == 0 and bare.cases.num_rows == 36
    turned = told.take(pa.array(range(told.num_rows - 1, -1, -1)))      # the order is no matter
    assert next(statements_of(clearing, turned)).cases.equals(first.cases)


def test_a_quota_price_is_no_deviation() -> None:
    clearing, told = cleared(DUE)
    kinds = [("drg", "low"), ("quota", "angina"), ("drg", None)]
    rows = [kinds[number % 3] for number in range(told.num_rows)]
    priced = pa.table({"case": told.column("case"), "method": [row[0] for row in rows],
                       "price": pa.array([row[1] for row in rows], pa.string())})
    first = next(statements_of(clearing, priced))
    assert set(first.deviating.column("price").to_pylist()) == {"low"}
    assert first.deviating.num_rows == 12 and first.deviation_known


def test_flags_of_another_hospital_stay_away() -> None:
    clearing, told = cleared(DUE)
    more = tuple(Flag("deposit-high", where, "x", "x") for where in (
        "H011", "H01 residents", "H01 employees", "residents.value", "employees.value",
        "rules.sharing"))
    first, second = statements_of(replace(clearing, flags=(*clearing.flags, *more)), told)
    assert [flag.where for flag in first.flags] == ["H01", "H01 employees", "employees.value",
                                                    "rules.sharing"]
    assert [flag.where for flag in second.flags] == ["employees.value", "rules.sharing"]


def test_the_pdf_says_the_bottom_line_first() -> None:
    made = one(audit_fen=1234, changes=(-5000, 12))
    pages = text_of(pdf_bytes(made)).split("\f")
    for wanted in ("年度应付", "年终清算", "质量保证金", "云滨市人民医院", "职工",
                   yuan_grouped(made.payable.amount_fen),
                   yuan_grouped(made.totals.monthly_fen), yuan_grouped(made.clearing.amount_fen)):
        assert wanted in pages[0], wanted
    rest = "\n".join(pages[1:])
    for wanted in ("points x value", "8.123456 yuan", "2025-12", "扣款", "I21.0:36.0700",
                   "质量保证金高于 5%", "our own choice"):
        assert wanted in rest, wanted


def test_the_pdf_is_drawn_with_glyphs() -> None:
    """Rendered, the first page has ink where the Chinese heading stands."""
    with closing(PdfDocument(pdf_bytes(one()))) as document:
        page = document[0].render(scale=50 / 72, grayscale=True).to_numpy()
    dark = (page[35:52] < 128).sum()                        # the title's line
    assert dark > 200, "the title is not there"


def test_the_same_statement_gives_the_same_bytes() -> None:
    assert pdf_bytes(one()) == pdf_bytes(one())
    assert workbook_bytes(one()) == workbook_bytes(one())


def test_text_is_never_markup_nor_formula() -> None:
    assert mixed("a<b & 中") == '<font name="Helvetica">a&lt;b &amp; </font>中'
    clearing, told = cleared(DUE)
    odd = replace(clearing.hospitals[0], name="=1+1 <b>&中")
    made = next(statements_of(replace(clearing, hospitals=(odd,)), told))
    book = Book(workbook_bytes(made))
    assert not any("1+1" in formula for formula in book.formulas.values())
    assert pdf_bytes(made).startswith(b"%PDF")


def test_files_of_a_folder(tmp_path: Path) -> None:
    clearing, told = cleared(DUE)
    steps: list[tuple[str, int, int]] = []
    names = write_statements(clearing, tmp_path / "o", told,
                             progress=lambda *step: steps.append(step))
    assert names == ["2025-H01-employees.xlsx", "2025-H01-employees.pdf",
                     "2025-H02-employees.xlsx", "2025-H02-employees.pdf"]
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == sorted(names)
    assert steps[-1] == ("statements", 2, 2)


def test_an_unknown_kind_and_two_hospitals_of_one_file_are_refused(tmp_path: Path) -> None:
    clearing, told = cleared(DUE)
    with pytest.raises(CaseError) as caught:
        write_statements(clearing, tmp_path / "o", told, kinds=("docx",))
    assert caught.value.code == "unknown-kind" and not (tmp_path / "o").exists()
    twice = tuple(replace(year, hospital=name, due_fen=0, assessment_fen=0, year_fen=0,
                          monthly_fen=0, deposit_fen=0, clearing_fen=0)
                  for year, name in zip(clearing.hospitals, ("H/1", "H*1"), strict=True))
    with pytest.raises(CaseError) as caught:
        write_statements(replace(clearing, hospitals=twice), tmp_path, told, kinds=("pdf",))
    assert caught.value.code == "duplicate-file"


# --- from the command ----------------------------------------------------------------------------
CLEARING = Path(__file__).parents[2] / "docs/examples/clearing"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The statements that `tongchou payment clear` writes for the example."""
    made = tmp_path_factory.mktemp("cleared")
    code = run(["payment", "clear", str(CLEARING / "cases.csv"), "--region",
                str(CLEARING / "clearing.yaml"), "--figures", str(CLEARING / "figures.yaml"),
                "--out", str(made / "o"), "--statements", str(made / "s")])
    assert code == 0
    return made / "s"


def test_statements_of_a_real_clearing_recompute(folder: Path) -> None:
    """Each hospital and insurance has both files, and all formulas agree with the clearing."""
    books = sorted(folder.glob("*.xlsx"))
    assert [path.stem for path in books] == [path.stem for path in sorted(folder.glob("*.pdf"))]
    assert len(books) == 6
    for path in books:
        book = Book(path.read_bytes())
        for (sheet, cell), formula in book.formulas.items():
            worked, stored = book.work_out(sheet, formula), Fraction(book.stored[sheet, cell])
            assert worked is True if isinstance(worked, bool) else \
                round(worked, 2) == round(stored, 2), (path.name, sheet, cell, formula)


def test_a_hospital_can_recompute_each_case(folder: Path) -> None:
    """due of a case = due of all x its points / all points, to the fen below or above."""
    checked = 0
    for path in folder.glob("*.xlsx"):
        book = Book(path.read_bytes())
        for sheet, cell in book.formulas:
            if sheet == "病例" and "/SUM" in book.formulas[sheet, cell]:
                due = Fraction(book.stored[sheet, f"E{cell.lstrip('ABCDEFGHIJKLMNOP')}"])
                assert abs(book.value(sheet, cell) - due) <= Fraction("0.01")
                checked += 1
    assert checked > 30


def test_scores_of_any_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("case,group,cost_fen,deviation,review,ratio_ppm,other\n"
                                    "1,001,500,high,true,x,9\n2,,,,false,1500000,9\n")
    made = read_told(tmp_path / "a.csv").to_pylist()
    assert made == [
        {"case": "1", "group": "001", "cost_fen": 500, "deviation": "high", "ratio_ppm": None,
         "review": True},
        {"case": "2", "group": None, "cost_fen": None, "deviation": None, "ratio_ppm": 1_500_000,
         "review": False}]
