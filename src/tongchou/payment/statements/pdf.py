"""A statement as a PDF: the bottom line on the first page, then every step (PDF 对账单).

Chinese is set in STSong-Light, a font that PDF readers bring along and that is not embedded; Latin
letters and figures in Helvetica. So no system font is needed to write it, and files stay small.
"""
from __future__ import annotations

import re
from functools import cache
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from ...money import percent_text, yuan_grouped
from ..clearing import PAYMENT_ZH
from .model import Statement, points_text
from .notes import notes_of

if TYPE_CHECKING:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Flowable

CHINESE, LATIN, BOLD = "STSong-Light", "Helvetica", "Helvetica-Bold"
# Latin runs: what Helvetica's own encoding has; everything else is set in the Chinese font.
LATIN_RUN = re.compile(r"[\x20-\x7e]+")
CASES_MAX = 60
GRID, SHADE, STRONG = "#b8c4d6", "#e6f0ff", "#fff7e0"
MARGIN_MM, WIDTH_MM = 16, 178


def pdf_bytes(made: Statement) -> bytes:
    """The PDF of a statement; the same statement gives the same bytes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate
    _register()
    target = BytesIO()
    document = SimpleDocTemplate(
        target, pagesize=A4, leftMargin=MARGIN_MM * mm, rightMargin=MARGIN_MM * mm,
        topMargin=MARGIN_MM * mm, bottomMargin=MARGIN_MM * mm, title=made.title,
        author=made.region, invariant=1)
    document.build([*_first(made), *_chain(made), *_months(made), *_payments(made),
                    *_deductions(made), *_deviating(made), *_notes(made)],
                   onFirstPage=_footer(made), onLaterPages=_footer(made))
    return target.getvalue()


@cache
def _register() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))


def mixed(text: str, bold: bool = False) -> str:
    """Markup that sets Latin runs in Helvetica; a minus sign the fonts lack becomes a hyphen."""
    font = BOLD if bold else LATIN
    plain = text.replace("\u2212", "-")
    parts, last = [], 0
    for run in LATIN_RUN.finditer(plain):
        parts.append(escape(plain[last:run.start()]))
        parts.append(f'<font name="{font}">{escape(run.group())}</font>')
        last = run.end()
    return "".join([*parts, escape(plain[last:])]).replace("\n", "<br/>")


@cache
def _style(size: float, right: bool = False) -> ParagraphStyle:
    from reportlab.lib.styles import ParagraphStyle
    return ParagraphStyle(f"s{size}{right}", fontName=CHINESE, fontSize=size, leading=size * 1.35,
                          wordWrap="CJK", alignment=2 if right else 0, spaceAfter=1)


def _text(text: str, size: float = 8.5, right: bool = False, bold: bool = False) -> Flowable:
    from reportlab.platypus import Paragraph
    return Paragraph(mixed(text, bold), _style(size, right))


def _heading(text: str) -> list[Flowable]:
    from reportlab.platypus import Spacer
    return [Spacer(1, 10), _text(text, 12, bold=True), Spacer(1, 3)]


def _table(rows: list[list[Flowable]], widths_mm: list[float], shaded: tuple[int, ...] = (0,),
           strong: tuple[int, ...] = ()) -> Flowable:
    """A table with a repeated first row; `strong` rows are the totals."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm
    from reportlab.platypus import Table, TableStyle
    scale = WIDTH_MM / sum(widths_mm)
    made = Table(rows, colWidths=[width * scale * mm for width in widths_mm],
                 repeatRows=1 if 0 in shaded else 0)
    commands = [("GRID", (0, 0), (-1, -1), 0.4, HexColor(GRID)),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)]
    commands += [("BACKGROUND", (0, row), (-1, row), HexColor(SHADE)) for row in shaded]
    commands += [("BACKGROUND", (0, row), (-1, row), HexColor(STRONG)) for row in strong]
    made.setStyle(TableStyle(commands))
    return made


def _yuan(fen: int, bold: bool = False, size: float = 8.5) -> Flowable:
    return _text(yuan_grouped(fen), size, right=True, bold=bold)


# --- first page ---
def _first(made: Statement) -> list[Flowable]:
    from reportlab.platypus import PageBreak, Spacer
    who = _table([[_text(name, 9.5), _text(value, 9.5, bold=True)] for name, value in made.of_whom],
                 [50, 128], shaded=())
    rows = [[_text("项目 Item", 10, bold=True), _text("金额（元）Yuan", 10, True, True)]]
    rows += [[_text(f"{line.zh} {line.en}", 10), _yuan(line.amount_fen, size=10)]
             for line in made.year_lines]
    strong = [len(rows)]
    rows.append(_strong(f"{made.payable.zh} {made.payable.en}", made.payable.amount_fen))
    rows += [[_text(f"减：{line.zh} less: {line.en}", 10), _yuan(-line.amount_fen, size=10)]
             for line in made.paid_lines]
    strong.append(len(rows))
    rows.append(_strong(f"{made.clearing.zh} {made.clearing.en}", made.clearing.amount_fen))
    said = "基金应付医疗机构 The fund pays the hospital" if made.clearing.amount_fen >= 0 else \
        "医疗机构应退回基金 The hospital pays back"
    by = f"，期限 by {made.clear_by}" if made.clear_by else ""
    return [_text(made.title, 15, bold=True), Spacer(1, 8), who, Spacer(1, 10),
            _table(rows, [128, 50], strong=tuple(strong)), Spacer(1, 8),
            _text(f"{said}：{yuan_grouped(abs(made.clearing.amount_fen))} 元 yuan{by}", 11,
                  bold=True), PageBreak()]


def _strong(name: str, fen: int) -> list[Flowable]:
    return [_text(name, 11, bold=True), _yuan(fen, True, 11)]


# --- why ---
def _chain(made: Statement) -> list[Flowable]:
    rows = [[_text(name, bold=True) for name in (
        "序", "项目 Item", "公式与数值 Formula and figures", "金额（元）Yuan", "依据 Source")]]
    for number, step in enumerate(made.steps, 1):
        figures = "\n".join(f"{name} = {value}" for name, value in step.operands)
        rows.append([_text(str(number)), _text(f"{step.label_zh}\n{step.label_en}"),
                     _text(f"{step.formula}\n{figures}".rstrip()),
                     _text("") if step.amount_fen is None else _yuan(step.amount_fen),
                     _text(f"{step.basis.source} ({step.basis.grade})", 7.5)])
    return [*_heading("计算依据 How the amount comes about"), _table(rows, [8, 38, 66, 30, 36])]


def _months(made: Statement) -> list[Flowable]:
    if not made.months:
        return []
    names = ("月份 Month", "病例 Cases", "标准 Standard", "分值外 Beside", "个人负担 Patients",
             "留存 Held", "审核扣款 Audit", "拨付 Paid", "结转 Carried")
    rows = [[_text(name.replace(" ", "\n", 1), 7.5, bold=True) for name in names]]
    for month in made.months:
        rows.append([_text(month.month, 7.5), _text(f"{month.cases:,}", 7.5, True), *(
            _yuan(fen, size=7.5) for fen in (
                month.standard_fen, month.amounts_fen, month.patient_fen, month.deposit_fen,
                month.audit_fen, month.pay_fen, month.carried_out_fen))])
    sums = [sum(getattr(month, key) for month in made.months) for key in (
        "standard_fen", "amounts_fen", "patient_fen", "deposit_fen", "audit_fen", "pay_fen")]
    rows.append([_text("合计 Total", 7.5), _text(f"{sum(m.cases for m in made.months):,}", 7.5,
                                               True),
                 *(_yuan(fen, True, 7.5) for fen in sums), _text("")])
    note = "拨付 = 标准 + 分值外 - 个人负担 - 留存 - 审核扣款 - 上月结转；不足时结转下月。 " \
        "Paid = standard + beside points - patients - held - audit - carried in; " \
        "below 0 is carried on."
    return [*_heading("月度结算 Months"), _table(
        rows, [19, 13, 24, 21, 22, 20, 20, 24, 17], strong=(len(rows) - 1,)), _text(note, 7.5)]


def _payments(made: Statement) -> list[Flowable]:
    if not made.payments:
        return []
    rows = [[_text(name, bold=True) for name in ("款项 Payment", "月份 Month", "期限 Due on",
                                                 "金额（元）Yuan", "依据 Source")]]
    rows += [[_text(f"{PAYMENT_ZH.get(one.kind, '')} {one.kind}"), _text(one.month),
              _text(str(one.due_on or "")), _yuan(one.amount_fen), _text(one.basis.source, 7.5)]
             for one in made.payments]
    return [*_heading("拨付计划 Payments"), _table(rows, [40, 22, 26, 34, 56])]


def _deductions(made: Statement) -> list[Flowable]:
    rows = [[_text(name, bold=True) for name in ("扣款 Deduction", "月份 Month", "金额（元）Yuan",
                                                 "依据 Source")]]
    rows += [[_text(f"{one.zh} {one.en}"), _text(one.month or "全年 year"), _yuan(one.amount_fen),
              _text(one.why, 7.5)] for one in made.deductions]
    if len(rows) == 1:
        return [*_heading("扣款 Deductions"), _text("无 none")]
    return [*_heading("扣款 Deductions"), _table(rows, [60, 24, 34, 60])]


def _deviating(made: Statement) -> list[Flowable]:
    cases = made.deviating
    heading = _heading(f"费用偏差病例 Cases whose cost deviates: {cases.num_rows:,}")
    if not cases.num_rows:
        return [*heading, _text("无 none" if made.deviation_known else
                                "计分文件未注明偏差 the file of scores does not tell deviations")]
    first = cases.sort_by([("due_fen", "descending"), ("case", "ascending")]).slice(0, CASES_MAX)
    rows = [[_text(name, 7.5, bold=True) for name in (
        "病案 Case", "病组 Group", "偏差 Deviation", "总费用 Cost", "费用比 Ratio", "分值 Points",
        "基金应付 Due")]]
    for row in first.to_pylist():
        cost, ratio = row.get("cost_fen"), row.get("ratio_ppm")
        rows.append([_text(row["case"], 7.5), _text(row.get("group") or "", 7.5),
                     _text(row.get("deviation") or row.get("price") or "", 7.5),
                     _text("", 7.5) if cost is None else _yuan(cost, size=7.5),
                     _text("" if ratio is None else percent_text(ratio), 7.5, True),
                     _text(points_text(row["points_milli"]), 7.5, True),
                     _yuan(row["due_fen"], size=7.5)])
    left = cases.num_rows - first.num_rows
    more = [_text(f"另有 {left:,} 例见工作簿 {left:,} more stand in the workbook", 7.5)] \
        if left else []
    return [*heading, _table(rows, [28, 30, 24, 26, 20, 24, 26]), *more]


def _notes(made: Statement) -> list[Flowable]:
    return [*_heading("说明 Notes"), *(_text(note, 8) for note in notes_of(made))]


def _footer(made: Statement) -> object:
    """Hospital, insurance and page on every page."""
    from reportlab.lib.units import mm

    def draw(canvas: object, document: object) -> None:
        canvas.saveState()
        canvas.setFont(LATIN, 7)
        canvas.drawString(MARGIN_MM * mm, 9 * mm, made.file_name)
        canvas.drawRightString((MARGIN_MM + WIDTH_MM) * mm, 9 * mm, str(document.page))
        canvas.restoreState()
    return draw
