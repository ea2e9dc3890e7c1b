"""A scheme as the workbook in which the national 3.0 version is published (配置信息工作簿).

Six sheets: MDC, ADRG, DRG (code, name, rule text, parent, order), 集合 (sets), CC (complications
and their exclusion tables) and 排除表 (principal diagnoses of each table). Columns are found by
the words of their header, because editions have moved them. ADRG codes ending in QY are ambiguous
groups, those ending in 00 without a rule the rest of their MDC. docs/payment-grouping.md says
where this layout is known from.
"""
from __future__ import annotations

import hashlib
from pathlib import Path

from ...claims import excel
from ...errors import CaseError
from .rule_files import AMBIGUOUS, REST, RuleBook, scheme_of
from .scheme import Scheme
from .sheets import Row, Sheet, names_of

HEADER_WITHIN = 5          # rows; the first may be a title
Columns = dict[str, tuple[str, ...]]
LEVELS: dict[str, Columns] = {
    "MDC": {"code": ("MDC编码",), "name": ("MDC名称",), "rule": ("MDC规则",), "order": ("排序",)},
    "ADRG": {"code": ("ADRG编码",), "name": ("ADRG名称",), "rule": ("ADRG规则",),
             "parent": ("所属MDC编码",), "order": ("MDC内排序", "排序")},
    "DRG": {"code": ("DRG编码", "DRG"), "name": ("DRG名称",), "rule": ("DRG规则",),
            "parent": ("所属ADRG编码",), "order": ("排序",)}}
SETS: Columns = {"set": ("集合编号",), "code": ("ICD编码",)}
COMPLICATIONS: Columns = {"dx": ("疾病编码", "ICD编码"), "level": ("类型", "类型编号"),
                          "exclusion_table": ("排除表",)}
EXCLUSIONS: Columns = {"exclusion_table": ("集合编号",), "dx": ("ICD编码",)}
# Excel writes a line break inside a cell as _x000D_; blanks of other widths come from typesetting.
_BLANKS = str.maketrans({"\u00a0": " ", "\u3000": " ", "\u200b": "", "\ufeff": ""})


def read_workbook(path: Path) -> Scheme:
    """A scheme from one workbook. Raises CaseError with sheet, row and value."""
    try:
        from python_calamine import CalamineWorkbook
        book = CalamineWorkbook.from_path(str(path))
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
                  for name in book.sheet_names}
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except Exception as fault:  # the reader has errors of many kinds, all of them a broken file
        raise CaseError("broken-file", f"cannot read the workbook: {fault}", str(path),
                        hint="Save it again as .xlsx; it must not be protected.") from None
    rules = [_rule(row, level.lower()) for level, columns in LEVELS.items()
             for row in _rows(path, sheets, level, columns)]
    return scheme_of(RuleBook(
        path.stem, str(path), digest, Sheet(tuple(rules)), Sheet(_rows(path, sheets, "集合", SETS)),
        Sheet(_rows(path, sheets, "CC", COMPLICATIONS)),
        Sheet(_rows(path, sheets, "排除表", EXCLUSIONS)),
        (names_of(path.parent, "dx_names.csv", "dx"), names_of(path.parent, "px_names.csv", "px"))))


def _rows(path: Path, sheets: dict[str, list[list[object]]], name: str,
          columns: Columns) -> tuple[Row, ...]:
    """The rows of a sheet below its header, those without any value left out."""
    if name not in sheets:
        raise CaseError("missing-column", f"the workbook has no sheet {name!r}", str(path),
                        hint=f"It has {', '.join(sheets)}.")
    places, header = _header(path, name, sheets[name], columns)
    found = []
    for line, cells in enumerate(sheets[name][header:], start=header + 1):
        values = {column: _text(cells[place]) for column, place in places.items()}
        if any(values.values()):
            found.append(Row(f"{path.name}[{name}]", line, values))
    return tuple(found)


def _header(path: Path, name: str, rows: list[list[object]],
            columns: Columns) -> tuple[dict[str, int], int]:
    """Column -> its place, and how many rows the header takes with what is above it."""
    for line, cells in enumerate(rows[:HEADER_WITHIN], start=1):
        words = [_text(cell) for cell in cells]
        places = {column: words.index(word) for column, known in columns.items()
                  for word in reversed(known) if word in words}
        if len(places) == len(columns):
            return places, line
    wanted = ", ".join(known[0] for known in columns.values())
    raise CaseError("missing-column", f"sheet {name!r} has no header with the columns {wanted}",
                    str(path), hint=f"It must be among the first {HEADER_WITHIN} rows.")


def _text(cell: object) -> str:
    text = (excel.cell_text(cell) or "").translate(_BLANKS)
    return text.replace("_x000D_", "").replace("\\\n", "\n").replace("\r", "").strip()


def _rule(row: Row, level: str) -> Row:
    """A row as `rules.csv` would have it."""
    cells = {"level": level, "parent": "", **row.cells, "kind": ""}
    for column in ("code", "parent"):
        cells[column] = cells[column].removeprefix("MDC")
    if level == "adrg" and cells["code"].endswith("QY"):
        cells["kind"] = AMBIGUOUS
    if level == "adrg" and cells["code"].endswith("00") and not cells["rule"]:
        cells["kind"] = REST
    return row._replace(cells=cells)
