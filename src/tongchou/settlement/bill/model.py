"""Fee lines in, split lines out (费用明细). National names where a field is national.

Counts are whole ten-thousandths (`count_e4`), prices whole millionths of a yuan (`price_e6`):
the digits of the national fields cnt (16,4) and pric (16,6). Amounts are fen.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...money import yuan_text
from ...terms import PART_NAMES, PARTS, Term
from ..catalogue.codes import CATEGORIES, CLASSES

OUT, OVER, FIRST, IN = range(4)          # places of terms.PART_NAMES
COUNT_UNIT = 10_000
PRICE_PER_FEN = 10_000
AMOUNT_UNIT = COUNT_UNIT * PRICE_PER_FEN
UNKNOWN_ITEM = ("refuse", "class_c")

# Why a line is not wholly in scope.
REASONS: dict[str, Term] = {
    "class-c": Term("class C: outside the catalogue", "丙类，全自费"),
    "item-unknown": Term("the code is not in the catalogue, counted as class C",
                         "编码不在目录内，按丙类全自费"),
    "hospital-refused": Term("the hospital did not approve the use", "医院审批不通过"),
    "limited-use": Term("limited use without the hospital's approval", "限制使用，医院未审批通过"),
    "agency-approval": Term("needs the agency's approval", "需经办机构审批，未见审批号"),
    "scheme": Term("not for this insurance", "不属本险种支付范围"),
    "visit": Term("not for this kind of visit", "不属本医疗类别支付范围"),
    "level": Term("the hospital's level is too low", "医院等级低于限定"),
    "sex": Term("not for this sex", "不符合限定性别"),
    "age": Term("not for this age", "不符合限定年龄"),
    "diagnosis": Term("no diagnosis it is limited to", "无限定诊断"),
    "supply": Term("more days' supply than one dispensing may hold", "超过一次开药天数"),
    "price-limit": Term("charged above the price limit", "超限价"),
    "visit-share": Term("charged above the share of the price this visit may charge",
                        "超过本类就诊应收比例"),
    "first-self-pay": Term("class B: first self-pay", "乙类先行自付"),
}


class FeeLine(NamedTuple):
    """A line of a bill (feedetail). A correction has a negative count and amount, and names the
    line it takes back from in `init_feedetl_sn`.

    `prd_days_e2`: days of supply in hundredths (prd_days), 0 when not stated. `agency_approval`:
    number of the agency's approval. `med_chrgitm_type` counts for unknown items only.
    """

    feedetl_sn: str
    med_list_codg: str
    day: str
    count_e4: int
    price_e6: int
    amount_fen: int
    name: str = ""
    init_feedetl_sn: str = ""
    hosp_appr_flag: str = "0"
    lmt_used_flag: str = ""
    agency_approval: str = ""
    prd_days_e2: int = 0
    med_chrgitm_type: str = ""

    @classmethod
    def priced(cls, feedetl_sn: str, med_list_codg: str, day: str, price_fen: int, count: int = 1,
               **rest: str | int) -> "FeeLine":
        """A line whose price is whole fen and whose count is whole; the amount follows."""
        return cls(feedetl_sn, med_list_codg, day, count * COUNT_UNIT, price_fen * PRICE_PER_FEN,
                   count * price_fen, **rest)


class Visit(NamedTuple):
    """What the split needs to know: words of terms.py, ISO days, the day of birth, diagnoses."""

    scheme: str
    level: str
    visit: str
    begin: str
    end: str
    born: str = ""
    sex: str = "unknown"
    diagnoses: tuple[str, ...] = ()


class SplitRules(NamedTuple):
    """What a region decides about splitting.

    `unknown_item`: refuse a code the catalogue does not have, or count it as class C.
    `tolerance_fen`: how far a stated amount may be from price times count (the stated one counts).
    `unrated_level`: whose price limits hospitals without a level have.
    """

    unknown_item: str = "refuse"
    tolerance_fen: int = 0
    unrated_level: str = "1"


class SplitLine(NamedTuple):
    """A line and its four parts in fen, in the order of terms.PART_NAMES; they sum to its amount.

    `reason` is a key of REASONS, "" when the line is wholly in scope; `detail` the value seen and
    the one asked; `row_id` the row of the catalogue that decided.
    """

    line: FeeLine
    parts: tuple[int, int, int, int]
    item_class: str
    category: str
    first_self_pay_ppm: int = 0
    price_limit_fen: int | None = None
    reason: str = ""
    detail: str = ""
    clause: str = ""
    row_id: str = ""

    def as_dict(self) -> dict[str, object]:
        """The line as shown: national names, yuan as text, the reason in both languages."""
        said = REASONS.get(self.reason)
        return {"feedetl_sn": self.line.feedetl_sn, "med_list_codg": self.line.med_list_codg,
                "name": self.line.name, "det_item_fee_sumamt": yuan_text(self.line.amount_fen),
                **national_parts(self.parts),
                "chrgitm_lv": CLASSES[self.item_class].national,
                "med_chrgitm_type": CATEGORIES[self.category].national, "reason": self.reason,
                "reason_en": said.en if said else "", "reason_zh": said.zh if said else "",
                "detail": self.detail, "clause": self.clause}


class SplitBill(NamedTuple):
    """All lines in their order, and their sums in fen. `catalogue_version` is what they rest on."""

    lines: tuple[SplitLine, ...]
    parts: tuple[int, int, int, int]
    region: str
    catalogue_version: int

    @property
    def total_fen(self) -> int:
        """medfee_sumamt: the sum of the four parts (I1)."""
        return sum(self.parts)

    @property
    def categories(self) -> dict[str, tuple[int, ...]]:
        """Parts in fen by fee category (codes.CATEGORIES), in the national order."""
        found: dict[str, list[int]] = {}
        for line in self.lines:
            sums = found.setdefault(line.category, [0] * len(PART_NAMES))
            for place, fen in enumerate(line.parts):
                sums[place] += fen
        return {category: tuple(found[category]) for category in CATEGORIES if category in found}

    def as_dict(self) -> dict[str, object]:
        """The bill as shown: national names, yuan as text."""
        return {"medfee_sumamt": yuan_text(self.total_fen), **national_parts(self.parts),
                "catalogue_version": self.catalogue_version,
                "categories": {CATEGORIES[category].national: national_parts(parts)
                               for category, parts in self.categories.items()},
                "lines": [line.as_dict() for line in self.lines]}


def national_parts(parts: tuple[int, ...]) -> Mapping[str, str]:
    """The four parts under their national names, in yuan."""
    return {PARTS[name].national: yuan_text(fen)
            for name, fen in zip(PART_NAMES, parts, strict=True)}
