"""Fee lines from national fields, and split bills as they are stored (明细读入与存取)."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from ...money import NumberFault, scaled
from ..catalogue.codes import CATEGORIES
from .checks import refusal
from .model import FeeLine, SplitBill, SplitLine

CATEGORY_OF_CODE = {term.national: name for name, term in CATEGORIES.items()}
NUMBERS = {"cnt": 4, "pric": 6, "det_item_fee_sumamt": 2, "prd_days": 2}
NEEDED = ("feedetl_sn", "med_list_codg", "fee_ocur_time", "cnt", "pric", "det_item_fee_sumamt")


def fee_line(row: Mapping[str, object]) -> FeeLine:
    """A line from the fields of 2204, 2301 or 2102: text, whole numbers or decimals, never floats.

    `fee_ocur_time` may be a day or a moment. Raises Refusal `missing-field`, `bad-number`,
    `bad-date`, `unknown-code`.
    """
    where = f"line {row.get('feedetl_sn', '')}"
    for name in NEEDED:
        if row.get(name) in (None, ""):
            raise refusal("missing-field", f"{name} is not given", "缺少必填项", where,
                          f"Give {name}.")
    numbers = {name: _number(row.get(name), name, digits, where)
               for name, digits in NUMBERS.items()}
    category = str(row.get("med_chrgitm_type") or "")
    if category and category not in CATEGORY_OF_CODE:
        raise refusal("unknown-code", f"med_chrgitm_type is {category!r}", "收费类别无法识别",
                      where, f"One of {', '.join(CATEGORY_OF_CODE)}.")
    return FeeLine(str(row["feedetl_sn"]), str(row["med_list_codg"]),
                   _day(row["fee_ocur_time"], where), numbers["cnt"], numbers["pric"],
                   numbers["det_item_fee_sumamt"], str(row.get("name") or ""),
                   str(row.get("init_feedetl_sn") or ""), str(row.get("hosp_appr_flag") or "0"),
                   str(row.get("lmt_used_flag") or ""), str(row.get("agency_approval") or ""),
                   numbers["prd_days"], CATEGORY_OF_CODE.get(category, ""))


def _number(value: object, name: str, digits: int, where: str) -> int:
    if value in (None, ""):
        return 0
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise refusal("bad-number", f"{name} is {value!r} ({type(value).__name__})",
                      "数字须为文本、整数或定点小数", where, "Send text such as \"12.50\".")
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    try:
        return scaled(text, digits, f"a number with at most {digits} decimals")
    except NumberFault as fault:
        raise refusal("bad-number", f"{name}: {fault}", "数字格式有误", where,
                      f"At most {digits} decimals, no separators.") from None


def _day(value: object, where: str) -> str:
    text = value.isoformat() if isinstance(value, date) else str(value)
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise refusal("bad-date", f"fee_ocur_time is {text!r}", "费用发生时间有误", where,
                      "Write 2023-01-31 or 2023-01-31 08:00:00.") from None


def bill_row(bill: SplitBill) -> dict[str, object]:
    """A split bill as plain JSON; `bill_of` gives back the very same record."""
    return {"region": bill.region, "catalogue_version": bill.catalogue_version,
            "parts": list(bill.parts),
            "lines": [[*split.line, list(split.parts), *split[2:]] for split in bill.lines]}


def bill_of(row: Mapping[str, object]) -> SplitBill:
    """The bill that `bill_row` wrote."""
    width = len(FeeLine._fields)
    lines = tuple(SplitLine(FeeLine(*found[:width]), tuple(found[width]), *found[width + 1:])
                  for found in row["lines"])
    return SplitBill(lines, tuple(row["parts"]), row["region"], row["catalogue_version"])
