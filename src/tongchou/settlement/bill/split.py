"""From fee lines to the four parts (费用四分): pure, no database, no clock.

A line's amount is taken apart in this order: outside the catalogue (class C, or a restriction not
met: all of it) - above the price limit - first self-pay of class B - the rest is in scope. Every
step rounds half up to the fen once. Corrections come last: see corrections.py.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...money import AMOUNT_LIMIT_FEN, PPM, divide_rounded, yuan_text
from ...terms import PART_NAMES, PARTS
from ..catalogue.codes import PRICE_LEVELS
from ..catalogue.model import Catalogue, Item, VisitRule
from .checks import check_line, check_order, refusal
from .corrections import Corrections
from .model import (AMOUNT_UNIT, COUNT_UNIT, PRICE_PER_FEN, FeeLine, SplitBill, SplitLine,
                    SplitRules, Visit)
from .restrictions import Person, why_not

DEFAULT_RULES = SplitRules()


def split_bill(lines: Sequence[FeeLine], catalogue: Catalogue, visit: Visit,
               rules: SplitRules = DEFAULT_RULES, stated_total_fen: int | None = None,
               earlier: Sequence[SplitLine] = ()) -> SplitBill:
    """The bill in four parts, every line with its own and the reason (I1 holds for all of them).

    `stated_total_fen` is compared with the sum of the lines. `earlier` are split lines of portions
    of the stay settled before (中途结算): corrections may refer to them, they are not summed. A
    portion that takes back more than it charges has negative parts; with the earlier portions no
    part is below zero.
    Raises Refusal: `no-lines`, `duplicate-line`, `line-outside-stay`, `zero-count`,
    `negative-price`, `line-does-not-add-up`, `unknown-item`, `no-first-self-pay`,
    `no-current-price`, `charged-above-share`, `missing-fact`, `unknown-code`,
    `correction-without-first`, `correction-differs`, `corrected-too-much`,
    `bill-does-not-add-up`, `amount-too-large`.
    """
    check_order(lines, earlier)
    splitter = _Splitter(catalogue, visit, rules)
    corrections = Corrections(earlier, rules.tolerance_fen)
    found: list[SplitLine | None] = [None] * len(lines)
    for place, line in enumerate(lines):
        if line.count_e4 > 0 and not line.init_feedetl_sn:
            found[place] = split = splitter.split(line)
            corrections.remember(split)
    for place, line in enumerate(lines):
        if found[place] is None:
            check_line(line, visit)
            found[place] = corrections.take_back(line)
    parts = tuple(map(sum, zip(*(split.parts for split in found), strict=True)))
    bill = SplitBill(tuple(found), parts, catalogue.region, catalogue.version)
    assert min(parts) >= 0 or earlier, parts
    _check_total(bill, stated_total_fen)
    return bill


def compare_parts(bill: SplitBill, stated: Mapping[str, int]) -> None:
    """Compares the four parts a hospital states (national names, fen) with this split.

    Raises Refusal `split-differs` for the first that differs; parts not stated are not compared.
    """
    for name, fen in zip(PART_NAMES, bill.parts, strict=True):
        field = PARTS[name].national
        if field in stated and stated[field] != fen:
            raise refusal("split-differs", f"{field} is {yuan_text(stated[field])}, this centre's "
                          f"split gives {yuan_text(fen)}", f"{PARTS[name].zh}与中心拆分不符", field,
                          "Take the split of the uploaded fee lines; the reason stands on each "
                          "line.")


class _Splitter:
    """Splits lines of one visit; what is the same for all of them is found once."""

    def __init__(self, catalogue: Catalogue, visit: Visit, rules: SplitRules) -> None:
        for word, known in ((visit.level, PRICE_LEVELS), (rules.unrated_level, PRICE_LEVELS)):
            if word not in known:
                raise refusal("unknown-code", f"{word!r} is no hospital level", "医院等级无法识别",
                              "hosp_lev", f"One of {', '.join(PRICE_LEVELS)}.")
        self._catalogue, self._visit, self._rules = catalogue, visit, rules
        self._levels = PRICE_LEVELS[visit.level]
        if visit.level == "none":
            self._levels += PRICE_LEVELS[rules.unrated_level]
        self._person = Person(visit)
        self._visit_rules = catalogue.rules(visit.visit)

    def split(self, line: FeeLine) -> SplitLine:
        """The parts of a line that is no correction."""
        check_line(line, self._visit)
        self._check_amount(line)
        item = self._catalogue.item(line.med_list_codg, line.day)
        if item is None:
            return self._unknown(line)
        amount_fen = line.amount_fen
        share, supply = self._rules_of(item, line) if self._visit_rules else (None, None)
        why = why_not(item, line, self._person, supply)
        if why is not None:
            reason, detail, clause = why
            return SplitLine(line, (amount_fen, 0, 0, 0), item.item_class, item.category, 0,
                             None, reason, detail, clause, item.row_id)
        return self._payable(line, item, share)

    def _payable(self, line: FeeLine, item: Item, share: VisitRule | None) -> SplitLine:
        amount_fen, reason, detail = line.amount_fen, "", ""
        limit_fen = item.price_limit_fen(self._levels) if item.price_limits_fen else None
        if share is not None:
            limit_fen = _share_of_price(line, item, share, limit_fen)
        over_fen = first_fen = ppm = 0
        if item.item_class == "B":
            ppm = self._first_self_pay(item)
            reason = "first-self-pay" if ppm else ""
        if limit_fen is not None and line.price_e6 > limit_fen * PRICE_PER_FEN:
            within_fen = divide_rounded(line.count_e4 * limit_fen, COUNT_UNIT)
            over_fen = max(amount_fen - within_fen, 0)
            reason = "price-limit" if share is None else "visit-share"
            detail = f"{_price_text(line.price_e6)} > {yuan_text(limit_fen)}"
        if ppm:
            first_fen = divide_rounded((amount_fen - over_fen) * ppm, PPM)
        parts = (0, over_fen, first_fen, amount_fen - over_fen - first_fen)
        assert min(parts) >= 0 and sum(parts) == amount_fen, (line, parts)
        return SplitLine(line, parts, item.item_class, item.category, ppm, limit_fen, reason,
                         detail, item.clause if share is None else share.clause, item.row_id)

    def _first_self_pay(self, item: Item) -> int:
        ratios = item.first_self_pay_ppm
        ppm = ratios.get(self._visit.scheme, ratios.get(""))
        if ppm is None:
            raise refusal("no-first-self-pay", f"item {item.code} {item.name} is class B and has "
                          f"no first self-pay for {self._visit.scheme}",
                          "乙类项目缺少本险种先行自付比例", f"catalogue {item.code}",
                          "Add the ratio to the catalogue; 0% where there is none.")
        return ppm

    def _rules_of(self, item: Item, line: FeeLine) -> tuple[VisitRule | None, VisitRule | None]:
        """The share and the supply rule of the visit that govern this line."""
        found: dict[str, VisitRule] = {}
        for rule in self._visit_rules:
            if rule.kind not in found and rule.applies(item.category, self._visit.scheme,
                                                       line.day):
                found[rule.kind] = rule
        return found.get("share"), found.get("supply")

    def _check_amount(self, line: FeeLine) -> None:
        if line.price_e6 < 0 or line.amount_fen < 0:
            raise refusal("negative-price", "price or amount is negative; only the count of a "
                          "correction may be", "单价、金额不得为负，冲减只用负数量",
                          f"line {line.feedetl_sn}", "Send a correction as a negative count with "
                          "init_feedetl_sn.")
        due_fen = divide_rounded(line.count_e4 * line.price_e6, AMOUNT_UNIT)
        if abs(due_fen - line.amount_fen) > self._rules.tolerance_fen:
            raise refusal("line-does-not-add-up", f"price times count is {yuan_text(due_fen)} "
                          f"(half up to the fen), the line says {yuan_text(line.amount_fen)}",
                          "单价乘数量与明细金额不符", f"line {line.feedetl_sn}",
                          "Correct pric, cnt or det_item_fee_sumamt.")

    def _unknown(self, line: FeeLine) -> SplitLine:
        rows = self._catalogue.known(line.med_list_codg)
        said = "is not in force that day" if rows else "is not in the catalogue"
        if self._rules.unknown_item == "class_c":
            return SplitLine(line, (line.amount_fen, 0, 0, 0), "C",
                             line.med_chrgitm_type or "other", 0, None, "item-unknown",
                             f"{line.med_list_codg} {line.day}")
        raise refusal("unknown-item", f"item {line.med_list_codg!r} {said} ({line.day})",
                      "目录中无此编码，或当日未生效", f"line {line.feedetl_sn}",
                      "Import the item, or correct med_list_codg; a region may count unknown items "
                      "as class C.")


def _share_of_price(line: FeeLine, item: Item, share: VisitRule, price_fen: int | None) -> int:
    """What may be charged: the share of the current price, half up to the fen (ZB-06)."""
    if price_fen is None:
        raise refusal("no-current-price", f"item {item.code} {item.name} has no price in the "
                      f"catalogue of which a {share.visit} visit may charge a share",
                      "目录无现行价格，无法按比例收费", f"line {line.feedetl_sn}",
                      "Add the price limit of this hospital level to the catalogue.", share.clause)
    limit_fen = divide_rounded(price_fen * share.share_ppm, PPM)
    if share.above_share == "refuse" and line.price_e6 > limit_fen * PRICE_PER_FEN:
        raise refusal("charged-above-share", f"charged {_price_text(line.price_e6)}, at most "
                      f"{yuan_text(limit_fen)} may be", "收费高于应收比例",
                      f"line {line.feedetl_sn}", "Charge the share of the current price.",
                      share.clause)
    return limit_fen


def _price_text(price_e6: int) -> str:
    whole, rest = divmod(price_e6, 1_000_000)
    decimals = f"{rest:06d}".rstrip("0")
    return f"{whole}.{decimals.ljust(2, '0')}"


def _check_total(bill: SplitBill, stated_total_fen: int | None) -> None:
    if abs(bill.total_fen) > AMOUNT_LIMIT_FEN:
        raise refusal("amount-too-large", f"the lines sum to {yuan_text(bill.total_fen)}",
                      "费用总额过大", "feedetail", "Correct pric or cnt; no bill is that large.")
    stated = bill.total_fen if stated_total_fen is None else stated_total_fen
    if stated != bill.total_fen:
        raise refusal("bill-does-not-add-up", f"the lines sum to {yuan_text(bill.total_fen)}, the "
                      f"bill says {yuan_text(stated)}", "明细合计与总额不符", "medfee_sumamt",
                      "Upload the missing lines, or correct medfee_sumamt.")
