"""Cells of a row put together: an item or a rule, or what contradicts itself (一行成一项)."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from ...money import PPM
from .cells import Fault
from .codes import ANY_CODE, CODE_SHAPES
from .model import Item, Restrictions, VisitRule

FOREVER = "9999-12-31"


def item_of(cells: Mapping[str, object]) -> Item:
    """The item of a row's values by column key. Raises Fault."""
    _check_code(cells["code"], cells["kind"])
    restrictions = Restrictions(**{name: cells[name] for name in Restrictions._fields
                                   if name in cells})
    _check_ages(restrictions)
    item = Item(cells["code"], cells["name"], cells["item_class"], cells["category"],
                cells["kind"], cells["since"], _until(cells), cells.get("unit", ""),
                _keyed(cells, "ratio:"), _keyed(cells, "limit:"), restrictions,
                cells.get("negotiated", False), cells.get("note", ""), cells.get("clause", ""))
    _check_ratios(item)
    return item


def rule_of(cells: Mapping[str, object]) -> VisitRule:
    """The rule of a row's values by column key. Raises Fault."""
    needed = "share_ppm" if cells["kind"] == "share" else "days_max"
    for name in ("share_ppm", "days_max"):
        if (name in cells) != (name == needed):
            raise Fault("contradiction", f"a rule `{cells['kind']}` has {needed} and nothing else",
                        "规则与所填数值不符", "Give the share for `share`, the days for `supply`.",
                        "按比例收费填比例，开药天数填天数。", name)
    return VisitRule(cells["kind"], cells["visit"], cells.get("category", ""),
                     cells.get("scheme", ""), cells["since"], _until(cells),
                     cells.get("share_ppm"), cells.get("above_share", "over_limit"),
                     cells.get("days_max"), cells.get("clause", ""), cells.get("source", ""))


def _keyed(cells: Mapping[str, object], prefix: str) -> dict[str, int]:
    return {key.removeprefix(prefix): value for key, value in cells.items()
            if key.startswith(prefix)}


def _until(cells: Mapping[str, object]) -> str:
    """The day after the last; "" when open."""
    last = cells.get("last", FOREVER)
    if last == FOREVER:
        return ""
    if last < cells["since"]:
        raise Fault("dates-out-of-order", f"ends {last}, before it begins", "结束日期早于开始日期",
                    "Correct one of the two days.", "改正两个日期之一。", "last")
    return (date.fromisoformat(last) + timedelta(days=1)).isoformat()


def _check_code(code: str, kind: str) -> None:
    shape, en, zh = CODE_SHAPES.get(kind, ANY_CODE)
    if shape.fullmatch(code):
        return
    lost = kind == "service" and code.isdigit() and len(code) < 15
    hint = ("Excel took the leading zeros: format the column as text. ",
            "Excel 去掉了前面的 0：请把该列设为文本。") if lost else ("", "")
    raise Fault("bad-code", f"{code!r} is no code of a {kind}: {en}", f"编码格式不符：{zh}",
                hint[0] + f"Write {en}.", hint[1] + f"应为{zh}。", "code")


def _check_ages(asked: Restrictions) -> None:
    low, below = asked.age_from, asked.age_below
    if low is not None and below is not None and low.unit == below.unit \
            and low.value >= below.value:
        raise Fault("contradiction", f"from {low} on and below {below}: nobody", "年龄范围为空",
                    "Correct one of the two ages.", "改正年龄范围。", "age_below")


def _check_ratios(item: Item) -> None:
    ratios = item.first_self_pay_ppm
    if item.item_class == "B" and not ratios:
        raise Fault("missing-value", "class B without a first self-pay", "乙类未填先行自付比例",
                    "Write its ratio; 0% where there is none.", "填写比例；没有则写 0%。", "ratio:")
    wrong = {"A": 0, "C": PPM}.get(item.item_class)
    for scheme, ppm in ratios.items():
        if wrong is not None and ppm != wrong:
            raise Fault("contradiction", f"class {item.item_class} with a first self-pay",
                        "甲类、丙类不应有先行自付比例", "Leave the ratio out, or write class B.",
                        "删去比例，或改为乙类。", f"ratio:{scheme}")
