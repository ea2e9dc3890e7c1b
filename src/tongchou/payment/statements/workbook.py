"""A statement as a workbook whose totals are formulas, so that an official can check them (Excel).

Amounts stand in yuan with two decimals; every total is a formula over the cells it sums, with the
clearing's own figure as its stored value, and the last sheet compares the two.
"""
from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import pyarrow as pa

from ...errors import CaseError
from ...money import PPM, divide_rounded, yuan_text
from .model import Statement, points_text

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

FIRST, CHAIN, MONTHS, PAID, CASES, ODD, TAKEN, NOTES, CHECKS = (
    "结论", "依据", "月度", "拨付", "病例", "偏差病例", "扣款", "说明", "校验")
SHEET_ROWS_MAX = (1 << 20) - 2
MONTH_COLUMNS = (("month", "月份 Month"), ("cases", "病例 Cases"), ("points_milli", "分值 Points"),
                 ("standard_fen", "标准 Standard"), ("amounts_fen", "分值外 Beside points"),
                 ("patient_fen", "个人负担 Patients"), ("deposit_fen", "留存保证金 Held"),
                 ("audit_fen", "审核扣款 Audit"), ("carried_in_fen", "上月结转 Carried in"),
                 ("pay_fen", "拨付 Paid"), ("carried_out_fen", "结转下月 Carried out"))
CASE_ZH = {"case": "病案 Case", "month": "月份 Month", "points_milli": "分值 Points",
           "standard_fen": "标准 Standard", "due_fen": "基金应付 Due", "group": "病组 Group",
           "cost_fen": "总费用 Cost", "method": "方式 Method", "deviation": "偏差 Deviation",
           "price": "价格 Priced as",
           "ratio_ppm": "费用比 Ratio", "multiplier_ppm": "偏差系数 Multiplier",
           "coefficient_ppm": "机构系数 Coefficient", "review": "特例单议 Review",
           "auxiliary": "辅助目录 Auxiliary"}


def workbook_bytes(made: Statement) -> bytes:
    """The workbook of a statement; the same statement gives the same bytes.

    Raises CaseError `too-many-rows` when the cases do not fit a sheet.
    """
    from xlsxwriter import Workbook
    if made.cases.num_rows > SHEET_ROWS_MAX:
        raise CaseError("too-many-rows", f"{made.cases.num_rows} cases do not fit a sheet",
                        made.file_name, hint="Take the PDF, and the cases from the clearing.")
    target = BytesIO()
    book = Workbook(target, {"in_memory": True})
    book.set_properties({"title": made.title, "created": datetime(made.year, 12, 31)})
    _Writer(book, made).write()
    book.close()
    return target.getvalue()


def yuan_number(fen: int) -> float:
    """Fen as the number a sheet takes: yuan with two decimals, exact to 15 digits."""
    return float(yuan_text(fen))


class _Writer:
    """One workbook under way; remembers the cells that other sheets refer to."""

    def __init__(self, book: Workbook, made: Statement) -> None:
        self.book, self.made = book, made
        self.head = book.add_format({"bold": True, "bg_color": "#e6f0ff", "border": 1,
                                     "text_wrap": True, "valign": "vcenter"})
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.yuan = book.add_format({"num_format": "#,##0.00", "border": 1})
        self.total = book.add_format({"num_format": "#,##0.00", "border": 1, "bold": True,
                                      "bg_color": "#fff7e0"})
        self.points = book.add_format({"num_format": "#,##0.000", "border": 1})
        self.rate = book.add_format({"num_format": "0.0000%", "border": 1})
        self.text = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
        self.checks: list[tuple[str, str, int]] = []
        self.due_cell = ""

    def write(self) -> None:
        """All sheets, the bottom line first."""
        names = (FIRST, CHAIN, MONTHS, PAID, CASES, ODD, TAKEN, NOTES, CHECKS)
        sheets = {name: self.book.add_worksheet(name) for name in names}
        monthly = self._months(sheets[MONTHS])
        self._first(sheets[FIRST], monthly)
        self._chain(sheets[CHAIN])
        self._payments(sheets[PAID])
        self._cases(sheets[CASES], self.made.cases, f"'{CASES}'!", True)
        self._cases(sheets[ODD], self.made.deviating, f"'{ODD}'!", False)
        self._deductions(sheets[TAKEN])
        self._notes(sheets[NOTES])
        self._checked(sheets[CHECKS])
        for sheet in sheets.values():
            sheet.set_landscape()
            sheet.set_paper(9)
            sheet.fit_to_pages(1, 0)

    def _header(self, sheet: Worksheet, names: list[str], row: int = 0) -> None:
        for place, name in enumerate(names):
            sheet.write_string(row, place, name, self.head)
        sheet.freeze_panes(row + 1, 0)

    # --- the bottom line ---
    def _first(self, sheet: Worksheet, monthly: str) -> None:
        made = self.made
        sheet.set_column(0, 0, 46)
        sheet.set_column(1, 1, 22)
        sheet.write_string(0, 0, made.title, self.title)
        row = 2
        for name, value in made.of_whom:
            sheet.write_string(row, 0, name, self.head)
            sheet.write_string(row, 1, value, self.text)
            row += 1
        row += 1
        first = row
        self.due_cell = f"'{FIRST}'!$B${row + 1}"
        for line in made.year_lines:
            row = self._line(sheet, row, line.zh, line.en, line.amount_fen)
        payable = made.payable
        self._sum(sheet, row, f"{payable.zh} {payable.en}", f"=SUM(B{first + 1}:B{row})",
                  payable.amount_fen, FIRST)
        owed, row = row + 1, row + 2
        first = row
        for line in made.paid_lines:
            if line.key == "monthly" and monthly:
                sheet.write_string(row, 0, f"减：{line.zh} less: {line.en}", self.text)
                sheet.write_formula(row, 1, f"={monthly}", self.yuan, yuan_number(line.amount_fen))
                row += 1
            else:
                row = self._line(sheet, row, f"减：{line.zh}", f"less: {line.en}", line.amount_fen)
        last = made.clearing
        self._sum(sheet, row, f"{last.zh} {last.en}", f"=B{owed}-SUM(B{first + 1}:B{row})",
                  last.amount_fen, FIRST)
        if made.clear_by:
            sheet.write_string(row + 2, 0, f"清算期限 To be cleared by {made.clear_by}", self.text)

    def _line(self, sheet: Worksheet, row: int, zh: str, en: str, fen: int) -> int:
        sheet.write_string(row, 0, f"{zh} {en}", self.text)
        sheet.write_number(row, 1, yuan_number(fen), self.yuan)
        return row + 1

    def _sum(self, sheet: Worksheet, row: int, name: str, formula: str, fen: int,
             where: str) -> None:
        sheet.write_string(row, 0, name, self.head)
        sheet.write_formula(row, 1, formula, self.total, yuan_number(fen))
        self.checks.append((name, f"'{where}'!B{row + 1}", fen))

    # --- why ---
    def _chain(self, sheet: Worksheet) -> None:
        self._header(sheet, ["序 No.", "项目 Item", "公式 Formula", "数值 Figures",
                             "金额（元）Yuan", "依据 Source", "等级 Grade"])
        for place, width in enumerate((6, 30, 44, 52, 18, 44, 8)):
            sheet.set_column(place, place, width)
        for row, step in enumerate(self.made.steps, 1):
            sheet.write_number(row, 0, row, self.text)
            figures = "\n".join(f"{name} = {value}" for name, value in step.operands)
            for place, text in ((1, f"{step.label_zh}\n{step.label_en}"), (2, step.formula),
                                (3, figures), (5, step.basis.source), (6, step.basis.grade)):
                sheet.write_string(row, place, text, self.text)
            if step.amount_fen is None:
                sheet.write_string(row, 4, "", self.text)
            else:
                sheet.write_number(row, 4, yuan_number(step.amount_fen), self.yuan)

    # --- months ---
    def _months(self, sheet: Worksheet) -> str:
        """The months with a payable column; gives the cell of what was paid, "" when none."""
        names = [zh for _, zh in MONTH_COLUMNS]
        self._header(sheet, [*names[:6], "应付 Payable", *names[6:]])
        sheet.set_column(0, len(names), 17)
        months = self.made.months
        for row, month in enumerate(months, 1):
            at = row + 1
            payable = month.standard_fen + month.amounts_fen - month.patient_fen
            for place, (key, _) in enumerate(MONTH_COLUMNS):
                self._cell(sheet, row, place + (place > 5), key, getattr(month, key))
            sheet.write_formula(row, 6, f"=D{at}+E{at}-F{at}", self.yuan, yuan_number(payable))
            left = f"G{at}-H{at}-I{at}-J{at}"
            sheet.write_formula(row, 10, f"=MAX(0,{left})", self.yuan, yuan_number(month.pay_fen))
            sheet.write_formula(row, 11, f"=MAX(0,-({left}))", self.yuan,
                                yuan_number(month.carried_out_fen))
        if not months:
            return ""
        end = len(months) + 1
        sheet.write_string(end, 0, "合计 Total", self.head)
        for place, key in ((3, "standard_fen"), (4, "amounts_fen"), (5, "patient_fen"),
                           (7, "deposit_fen"), (8, "audit_fen"), (10, "pay_fen")):
            letter, fen = chr(ord("A") + place), sum(getattr(month, key) for month in months)
            sheet.write_formula(end, place, f"=SUM({letter}2:{letter}{end})", self.total,
                                yuan_number(fen))
            self.checks.append((f"{MONTHS} {dict(MONTH_COLUMNS)[key]}",
                                f"'{MONTHS}'!{letter}{end + 1}", fen))
        paid = sum(month.pay_fen for month in months)
        return f"'{MONTHS}'!K{end + 1}" if paid == self.made.totals.monthly_fen else ""

    def _cell(self, sheet: Worksheet, row: int, place: int, key: str, value: object) -> None:
        """One value by the unit its name ends in."""
        if value is None:
            sheet.write_blank(row, place, None, self.text)
        elif key.endswith("_fen"):
            sheet.write_number(row, place, yuan_number(int(value)), self.yuan)
        elif key.endswith("_milli"):
            sheet.write_number(row, place, float(points_text(int(value)).replace(",", "")),
                               self.points)
        elif key.endswith("_ppm"):
            sheet.write_number(row, place, int(value) / PPM, self.rate)
        elif isinstance(value, bool):
            sheet.write_string(row, place, "是 yes" if value else "", self.text)
        elif isinstance(value, int):
            sheet.write_number(row, place, value, self.text)
        else:
            sheet.write_string(row, place, str(value), self.text)

    # --- lists ---
    def _payments(self, sheet: Worksheet) -> None:
        from ..clearing import PAYMENT_ZH
        self._header(sheet, ["款项 Payment", "月份 Month", "期限 Due on", "金额（元）Yuan",
                             "依据 Source"])
        sheet.set_column(0, 4, 24)
        for row, one in enumerate(self.made.payments, 1):
            for place, text in ((0, f"{PAYMENT_ZH.get(one.kind, '')} {one.kind}"), (1, one.month),
                                (2, str(one.due_on or "")), (4, one.basis.source)):
                sheet.write_string(row, place, text, self.text)
            sheet.write_number(row, 3, yuan_number(one.amount_fen), self.yuan)
        self._total(sheet, len(self.made.payments), 3, PAID,
                    sum(one.amount_fen for one in self.made.payments))

    def _total(self, sheet: Worksheet, rows: int, place: int, where: str, fen: int) -> None:
        """A row of a sum below `rows` rows."""
        if not rows:
            return
        letter = chr(ord("A") + place)
        sheet.write_string(rows + 1, 0, "合计 Total", self.head)
        sheet.write_formula(rows + 1, place, f"=SUM({letter}2:{letter}{rows + 1})", self.total,
                            yuan_number(fen))
        self.checks.append((f"{where} 合计 Total", f"'{where}'!{letter}{rows + 2}", fen))

    def _cases(self, sheet: Worksheet, cases: pa.Table, where: str, summed: bool) -> None:
        names = [name for name in cases.column_names if name in CASE_ZH]
        self._header(sheet, [CASE_ZH[name] for name in names])
        sheet.set_column(0, len(names), 16)
        for row, values in enumerate(zip(*(cases.column(name).to_pylist() for name in names),
                                         strict=True), 1):
            for place, (name, value) in enumerate(zip(names, values, strict=True)):
                self._cell(sheet, row, place, name, value)
        if summed and cases.num_rows:
            due = sum(value or 0 for value in cases.column("due_fen").to_pylist())
            self._total(sheet, cases.num_rows, names.index("due_fen"), where.strip("'!"), due)
            self._recomputed(sheet, len(names), chr(ord("A") + names.index("points_milli")))

    def _recomputed(self, sheet: Worksheet, place: int, points: str) -> None:
        """A column that works out each case's due from its points; one fen either way is the
        largest remainder. Cases with an amount of their own have no points and stay empty."""
        made, rows = self.made, self.made.cases.select(["points_milli", "due_fen"]).to_pylist()
        whole = sum(row["points_milli"] or 0 for row in rows)
        scored = sum(row["due_fen"] for row in rows if row["points_milli"])
        if not whole or scored != made.totals.due_fen:
            return
        sheet.write_string(0, place, "按分值复算 Recomputed", self.head)
        for number, row in enumerate(rows, 2):
            if row["points_milli"]:
                fen = divide_rounded(abs(scored) * row["points_milli"], whole)
                sheet.write_formula(
                    number - 1, place, f"=ROUND({self.due_cell}*{points}{number}"
                    f"/SUM({points}2:{points}{len(rows) + 1}),2)", self.yuan,
                    yuan_number(fen if scored >= 0 else -fen))

    def _deductions(self, sheet: Worksheet) -> None:
        self._header(sheet, ["扣款 Deduction", "月份 Month", "金额（元）Yuan", "依据 Source"])
        sheet.set_column(0, 3, 30)
        for row, one in enumerate(self.made.deductions, 1):
            for place, text in ((0, f"{one.zh} {one.en}"), (1, one.month), (3, one.why)):
                sheet.write_string(row, place, text, self.text)
            sheet.write_number(row, 2, yuan_number(one.amount_fen), self.yuan)

    def _notes(self, sheet: Worksheet) -> None:
        from .notes import notes_of
        sheet.set_column(0, 0, 110)
        for row, text in enumerate(notes_of(self.made)):
            sheet.write_string(row, 0, text, self.text)

    def _checked(self, sheet: Worksheet) -> None:
        self._header(sheet, ["合计 Total", "表内公式 Formula in the sheet",
                             "清算结果 Figure of the clearing", "一致 Equal"])
        sheet.set_column(0, 3, 36)
        for row, (name, cell, fen) in enumerate(self.checks, 1):
            sheet.write_string(row, 0, name, self.text)
            sheet.write_formula(row, 1, f"={cell}", self.yuan, yuan_number(fen))
            sheet.write_number(row, 2, yuan_number(fen), self.yuan)
            sheet.write_formula(row, 3, f"=ROUND(B{row + 1}-C{row + 1},2)=0", self.text, True)
        if self.made.share:
            self._shared(sheet, len(self.checks) + 1)

    def _shared(self, sheet: Worksheet, row: int) -> None:
        """The hospital's part of what all points are worth, from the region's own totals."""
        share, own = self.made.share, self.made.totals
        assert share is not None
        names = ("全区分值总额 Worth of all points", "全区分值 All points", "本院分值 Own points",
                 "本院标准 = 总额 × 本院分值 ÷ 全区分值（最大余数，差不过一分）"
                 "Own standard, within one fen")
        for number, name in enumerate(names):
            sheet.write_string(row + number, 0, name, self.text)
        first = row + 1
        sheet.write_number(row, 1, yuan_number(share.standard_fen), self.yuan)
        self._cell(sheet, row + 1, 1, "points_milli", share.points_milli)
        self._cell(sheet, row + 2, 1, "points_milli", own.points_milli)
        fen = divide_rounded(share.standard_fen * own.points_milli, share.points_milli)
        sheet.write_formula(row + 3, 1, f"=ROUND(B{first}*B{first + 2}/B{first + 1},2)", self.yuan,
                            yuan_number(fen))
        sheet.write_number(row + 3, 2, yuan_number(own.standard_fen), self.yuan)
        near = abs(fen - own.standard_fen) <= 1
        sheet.write_formula(row + 3, 3, f"=ABS(ROUND(B{first + 3}-C{first + 3},2))<=0.01",
                            self.text, near)
