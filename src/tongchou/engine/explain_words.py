"""The words of an explanation in Chinese and English (结算说明的用语).

Chinese reads like the form of a 经办 clerk: 基数、起付线、支付比例、封顶线、个人负担. Every phrase
stands here once in both languages; code elsewhere fills in numbers only.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..money import percent_text, yuan_grouped
from ..policy import Cap, Pack
from ..terms import (INSURANCE, LEVELS, PARTS, PERSONS, PLACES, REFERRALS, RESIDUES, STATUSES,
                     VISITS)
from .situation import LOOKBACK

LANGUAGES = ("zh", "en")


class Words(NamedTuple):
    """One phrase in both languages."""

    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        """`{"zh": ..., "en": ...}`."""
        return {"zh": self.zh, "en": self.en}

    def of(self, lang: str) -> str:
        """The phrase in `zh` or `en`."""
        return self.zh if lang == "zh" else self.en


NOTHING = Words("", "")

LABELS = {
    "base": Words("基数", "base"),
    "measured": Words("计算口径", "measured on"),
    "deductible": Words("起付线", "deductible"),
    "cumulated": Words("年度累计", "year"),
    "slope": Words("比例加点", "points"),
    "cost_cap": Words("费用限额", "cost limit"),
    "ratio": Words("支付比例", "ratio"),
    "tier": Words("第{n}段", "tier {n}"),
    "entitled": Words("全年应付", "entitled"),
    "granted": Words("以前已付", "granted"),
    "fill": Words("补足", "fill"),
    "minimum": Words("保底", "minimum"),
    "limit": Words("封顶线", "limit"),
    "penalty": Words("未转诊多付", "no referral"),
    "paid": Words("支付", "paid"),
    "left": Words("剩余", "left"),
    "budget": Words("资金分担", "budgets"),
}

PHRASES = {
    "part_of": Words("{layer}·{residue}", "{residue} of {layer}"),
    "weighted": Words("{part} {fen}（按 {rate} 计入）", "{part} {fen} (counted at {rate})"),
    "part": Words("{part} {fen}", "{part} {fen}"),
    "excluded": Words("；另有 {fen} 按规定不计入", "; a further {fen} does not count"),
    "empty_base": Words("没有可计入的费用，本层不支付", "nothing to pay on here"),
    "measured": Words("起付线、分段和比例按「{layer}」的全部基数计算",
                      "deductible, tiers and ratio look at the whole base of {layer}"),
    # deductible
    "no_deductible": Words("不设起付线", "none"),
    "waived": Words("起付标准为 0（免除）", "waived (0)"),
    "reached": Words("家庭中已有一人达到起付线，本次免除",
                     "a family member has reached it, so this claim is exempt"),
    "borne": Words("本次计入起付线 {fen}", "{fen} borne on this claim"),
    "standard": Words("起付标准 {fen}", "standard {fen}"),
    "admission": Words("第 {n} 次住院起付标准 {fen}（{schedule}）",
                       "admission {n}: {fen} ({schedule})"),
    "nth": Words("第 {n} 次 {fen}", "{n}: {fen}"),
    "nth_on": Words("第 {n} 次起 {fen}", "from {n} on: {fen}"),
    "story": Words("{fen}（{how}）", "{fen} ({how})"),
    "set_to": Words("{before} 改为 {fen}", "{before} set to {fen}"),
    "share": Words("{rate} × 费用 {cost} = {fen}", "{rate} × cost {cost} = {fen}"),
    "share_floor": Words("，不低于 {fen}", ", at least {fen}"),
    "share_ceiling": Words("，不高于 {fen}", ", at most {fen}"),
    "year_standard": Words("年度起付线 {fen} - 本年已计 {used}",
                           "{fen} a year - {used} borne before"),
    "family_standard": Words("家庭共用年度起付线 {fen} - 已计 {used}",
                             "family deductible {fen} a year - {used} borne before"),
    "episode_standard": Words("本次转诊起付标准 {fen} - 同一转诊链已计 {used}",
                              "standard {fen} - {used} counted in this referral chain"),
    "year_total": Words("全年起付线合计 {fen} - 已计 {used}",
                        "the year's deductibles together {fen} - {used}"),
    "only_base": Words("基数 {fen}", "base {fen}"),
    # tiers and ratio
    "cumulated": Words("本次以前 {before}，本次以后 {after}；其中起付线 {deductible}",
                       "{before} before, {after} after; deductible {deductible}"),
    "cumulated_net": Words("起付线以上：本次以前 {before}，本次以后 {after}",
                           "above the deductible: {before} before, {after} after"),
    "family_cumulated": Words("（全家累计）", " (the family's)"),
    "difference": Words("({high} - {low}) × {rate}", "({high} - {low}) × {rate}"),
    "product": Words("{high} × {rate}", "{high} × {rate}"),
    "bracket": Words("全额 {high} × {rate}（所在档的比例）",
                     "the whole {high} × {rate}, the rate of its bracket"),
    "each_side": Words("；付本次前后全年应付之差，各取整到分",
                       "; pays the year's entitlement after less before, each rounded"),
    "rate_story": Words("（{how}）", " ({how})"),
    "up_to": Words("（至 {fen}）", " (to {fen})"),
    "above": Words("（{fen} 以上）", " (above {fen})"),
    "all_below": Words("费用没有超过起付线", "the cost does not exceed the deductible"),
    "slope": Words("{fact} {number}：超过 {above} 的部分每 1 加 {rate}，最高 {most}；加 {points}",
                   "{fact} {number}: {rate} for each beyond {above}, at most {most}; {points}"),
    "entitled": Words("{stretches}", "{stretches}"),
    "granted": Words("本年本次以前已付", "paid earlier this year"),
    "true_up": Words("{entitled} - {granted}", "{entitled} - {granted}"),
    "true_up_none": Words("{entitled} 少于已付 {granted}，本次不付",
                          "{entitled} is less than {granted} paid before: nothing"),
    "true_up_bare": Words("全年应付减去以前已付", "the year's entitlement less what was paid"),
    "fill_bare": Words("补足到自付不超过 {rate} × {of}", "until the burden is {rate} × {of}"),
    "fill": Words("自付 {left} - {rate} × {of} {cost}", "burden {left} - {rate} × {of} {cost}"),
    "fill_none": Words("自付 {left} 不超过 {rate} × {of} {cost}，不需补足",
                       "burden {left} is within {rate} × {of} {cost}"),
    "fill_base": Words("min({formula}, 本次基数 {base})", "min({formula}, this base {base})"),
    "minimum_bites": Words("基数 {base} × {rate}，高于按比例 {computed}，按保底支付",
                           "base {base} × {rate} is more than {computed}: the minimum is paid"),
    "minimum_rests": Words("基数 {base} × {rate} 不高于按比例 {computed}，保底不起作用",
                           "base {base} × {rate} is not above {computed}"),
    "at_most_base": Words("min({computed}, 基数 {base})", "min({computed}, base {base})"),
    # caps
    "no_cap": Words("不设封顶线", "none set"),
    "cap": Words("封顶线 {fen}", "cap {fen}"),
    "cap_used": Words("封顶线 {fen} - {period}已用 {used}", "cap {fen} - {used} used {period}"),
    "cap_cuts": Words("min({asked}, {cap})", "min({asked}, {cap})"),
    "cap_rests": Words("未达到（{period} {after} / {fen}）",
                       "not reached ({after} of {fen} {period})"),
    "cap_full": Words("已满（{period} {after} / {fen}）", "just full ({after} of {fen} {period})"),
    "on_cost": Words("，限额针对费用", ", a limit on cost"),
    "family_pot": Words("，全家共用", ", the family's"),
    "shared_pot": Words("，「{name}」由 {others} 共用", ", pot {name} shared by {others}"),
    "named_cap": Words("（{name}）", " ({name})"),
    "cut_cost": Words("；封顶线以上的费用 {fen} 为超封顶线部分",
                      "; the cost above the point where it bites, {fen}, is the over-cap part"),
    "cut_payment": Words("；被封顶线砍掉的金额 {fen} 为超封顶线部分",
                         "; the amount it cut off, {fen}, is the over-cap part"),
    # penalty, result
    "penalty_bare": Words("不进入以后各层", "kept out of later layers"),
    "penalty": Words("按已转诊应付 {as_if} - 实付 {paid}，不进入以后各层；其余按已转诊留给以后各层",
                     "duly referred {as_if} - paid {paid}; kept out of later layers, which see "
                     "what a duly referred patient would have left"),
    "paid_by": Words("付款方：{fund}", "by {fund}"),
    "bound_cap": Words("，受封顶线限制", ", held by the cap"),
    "bound_cost": Words("，受费用限额限制", ", held by the limit on cost"),
    "bound_minimum": Words("，按保底", ", by the minimum"),
    "bound_base": Words("，以基数为限", ", held by the base"),
    "bound_deductible": Words("，起付线以下", ", below the deductible"),
    "to": Words("{part} {fen} → {where}", "{part} {fen} → {where}"),
    "person": Words("个人", "the person"),
    "all_paid": Words("全部支付", "nothing"),
    "budget": Words("{name} {rate} {fen}", "{name} {rate} {fen}"),
    # candidates
    "candidate": Words("{clause}（候选值 {value}，{grade} 级）",
                       "{clause} (candidate {value}, grade {grade})"),
    "placeholder": Words("{clause}（占位值 {value}，没有出处）",
                         "{clause} (placeholder {value}, no source)"),
    "reading": Words("{clause} 的读法：{title}：{value}（{grade} 级）",
                     "reading of {clause}: {title}: {value} (grade {grade})"),
    "reading_given": Words("{clause} 的读法：{title}：{value}（本案给定）",
                           "reading of {clause}: {title}: {value} (given by the case)"),
    "given": Words("{clause}（本案给定 {value}）", "{clause} ({value}, given by the case)"),
    # why a layer did not apply
    "not_class": Words("{dimension}为「{seen}」", "{dimension} is {seen}"),
    "exception": Words("属于除外情形", "an exception applies"),
    "when": Words("前面的层不满足条件（{layer}）", "what {layer} did rules it out"),
}

HEADINGS = {
    "claim": Words("结算单", "Settlement"),
    "pack": Words("政策", "Policy"),
    "profile": Words("参数", "Parameters"),
    "bill": Words("费用构成", "Bill"),
    "situation": Words("就诊情形", "Situation"),
    "status": Words("适用身份", "Status"),
    "rejected": Words("未选：{status}，个人将负担 {fen}",
                      "not chosen: {status}, the person would pay {fen}"),
    "tie": Words("相同时按政策包中的次序", "ties go by the order in the pack"),
    "no_profile": Words("没有使用候选值", "no candidate values"),
    "candidates": Words("本表使用候选值（方案 {name}），不是公布的标准",
                        "This run uses candidate values (profile {name}), not published figures"),
    "total": Words("医疗费总额", "total cost"),
    "who_paid": Words("谁付了多少", "Who paid what"),
    "of_person": Words("个人负担", "left to the person"),
    "assumptions": Words("引用条款的读法（我们的假定）", "How we read the clauses cited"),
    "not_applied": Words("没有适用的层", "Layers that did not apply"),
    "sum": Words("合计", "sum"),
    "no_layers": Words("没有任何一层适用，费用全部由个人负担",
                       "No layer applies: the person pays all"),
}

PERIODS = {"stay": Words("本次", "this claim"), "day": Words("当日", "that day"),
           "month": Words("本月", "this month"), "year": Words("本年", "this year")}
DIMENSIONS = {
    "insurance": Words("险种", "insurance"), "visit": Words("医疗类别", "visit"),
    "hospital": Words("医院类别", "hospital class"), "place": Words("就医地", "place"),
    "referral": Words("转诊", "referral"), "status": Words("身份", "status"),
    "disease": Words("病种", "disease"), "age": Words("年龄段", "age"),
    "person": Words("人员类别", "person"), "sex": Words("性别", "sex"),
    "date": Words("日期", "date"),
}
_TERMS = {"insurance": INSURANCE, "visit": VISITS, "place": PLACES, "referral": REFERRALS,
          "person": PERSONS, "status": STATUSES, "level": LEVELS}
_ANSWERS = {"yes": Words("是", "yes"), "no": Words("否", "no"), "male": Words("男", "male"),
            "female": Words("女", "female"), "other": Words("其他", "other")}
_CLASSES = {"hospital": "hospitals", "person": "persons", "age": "ages", "disease": "diseases"}
_BUDGETS = {"central": Words("中央", "central"), "province": Words("省级", "province"),
            "city": Words("市级", "city"), "county": Words("县级", "county")}


def fill(words: Words, **values: object) -> Words:
    """A phrase with its places filled; a value that is Words gives its own language."""
    return Words(*(words.of(lang).format(**{
        key: value.of(lang) if isinstance(value, Words) else value
        for key, value in values.items()}) for lang in LANGUAGES))


def say(key: str, **values: object) -> Words:
    """The phrase `key` filled in; integers are amounts in fen and are written as yuan."""
    shown = {name: yuan_grouped(value) if isinstance(value, int) else value
             for name, value in values.items()}
    return fill(PHRASES[key], **shown)


def joined(parts: Iterable[Words], zh: str = " + ", en: str = " + ") -> Words:
    """Phrases in a row."""
    parts = list(parts)
    return Words(zh.join(part.zh for part in parts), en.join(part.en for part in parts))


def label(key: str, number: str = "") -> Words:
    """The label at the beginning of a line."""
    return fill(LABELS[key], n=number)


def titled(title: dict[str, str], otherwise: Words) -> Words:
    """A pack's `{zh, en}` title; one language stands in for the other, else `otherwise`."""
    if not title:
        return otherwise
    either = title.get("zh") or title.get("en") or ""
    return Words(title.get("zh", either), title.get("en", either))


def pack_title(pack: Pack) -> Words:
    """The pack's title, or its name."""
    return titled(pack.title, Words(pack.name, pack.name))


def fund_title(pack: Pack, fund: str) -> Words:
    """A payer's name."""
    return Words(pack.funds[fund].zh, pack.funds[fund].en)


def layer_title(pack: Pack, name: str) -> Words:
    """A layer's title, or its fund's."""
    layer = pack.layer(name)
    return titled(layer.title, fund_title(pack, layer.fund))


def part_title(pack: Pack, part: str) -> Words:
    """A part of the bill, or what a layer left behind."""
    if part in PARTS:
        return Words(PARTS[part].zh, PARTS[part].en)
    layer, _, residue = part.partition(".")
    return say("part_of", layer=layer_title(pack, layer), residue=residue_title(residue))


def residue_title(residue: str) -> Words:
    """What a layer leaves behind, without the layer."""
    return Words(RESIDUES[residue].zh, RESIDUES[residue].en)


def status_title(pack: Pack, status: str) -> Words:
    """An identity by the pack's title or the vocabulary's."""
    name = status.removesuffix(LOOKBACK)
    if name == "none":
        return Words("无身份", "no status")
    term = STATUSES.get(name)
    found = Words(term.zh, term.en) if term else Words(name, name)
    for known in (*pack.statuses, *pack.attributes):
        if known.name == name:
            found = titled(known.title, found)
    if status.endswith(LOOKBACK):
        return Words(f"{found.zh}（认定前追溯期）", f"{found.en} (look-back before recognition)")
    return found


def class_title(pack: Pack, dimension: str, name: str) -> Words:
    """A class of a dimension by the pack's title or the vocabulary's."""
    if dimension == "status":
        return status_title(pack, name)
    term = _TERMS.get(dimension, {}).get(name)
    if term is None and dimension == "hospital":
        term = LEVELS.get(name.removeprefix("level"))
    found = Words(term.zh, term.en) if term else _ANSWERS.get(name, Words(name, name))
    rules = getattr(pack, _CLASSES[dimension]) if dimension in _CLASSES else ()
    return next((titled(rule.title, found) for rule in rules if rule.name == name), found)


def answer_title(text: str) -> Words:
    """A value as it is written; `yes` and `no` in words."""
    return _ANSWERS.get(text, Words(text, text))


def cap_title(cap: Cap) -> Words:
    """A limit's title, or the name of the pot."""
    name = cap.name.removeprefix("pot:")
    return titled(cap.title, Words(name, name))


def dimension_title(pack: Pack, dimension: str) -> Words:
    """A dimension in words; an attribute by its title."""
    return DIMENSIONS.get(dimension) or status_title(pack, dimension)


def budget_title(name: str) -> Words:
    """A budget by its usual name."""
    return _BUDGETS.get(name, Words(name, name))


def short_yuan(fen: int) -> str:
    """Yuan with separators, without `.00`: the form of candidate values."""
    return yuan_grouped(fen).removesuffix(".00")


def number_text(number: int, unit: str) -> str:
    """A parameter's value in its unit: `18,000`, `62.5%`, `6`."""
    if unit == "yuan":
        return short_yuan(number)
    if unit == "percent":
        return percent_text(number)
    return ("yes" if number else "no") if unit == "yes/no" else str(number)
