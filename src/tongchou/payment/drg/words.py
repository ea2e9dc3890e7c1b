"""A condition as a part of a sentence, in English for data and in Chinese for people (条件说明)."""
from __future__ import annotations

from .conditions import (DIAGNOSES, EITHER, FIRST, FURTHER, MAJOR, PROCEDURES, Compare, Condition,
                         Counted, Every, Member, Not, Severity, Sites)

LANGUAGES = ("en", "zh")
_WHO = {
    "en": {(DIAGNOSES, FIRST): "principal diagnosis", (DIAGNOSES, FURTHER): "another diagnosis",
           (DIAGNOSES, EITHER): "a diagnosis", (PROCEDURES, FIRST): "main procedure",
           (PROCEDURES, FURTHER): "another procedure", (PROCEDURES, EITHER): "a procedure"},
    "zh": {(DIAGNOSES, FIRST): "主要诊断", (DIAGNOSES, FURTHER): "某个其他诊断",
           (DIAGNOSES, EITHER): "某个诊断", (PROCEDURES, FIRST): "主要手术操作",
           (PROCEDURES, FURTHER): "某个其他手术操作", (PROCEDURES, EITHER): "某个手术操作"}}
_MEASURE = {
    "en": {"sex": "sex", "age_years": "age in years", "age_days": "age in days",
           "birth_weight_g": "birth weight in grams",
           "admission_weight_g": "weight at admission in grams"},
    "zh": {"sex": "性别代码", "age_years": "年龄（岁）", "age_days": "日龄（天）",
           "birth_weight_g": "出生体重（克）", "admission_weight_g": "入院体重（克）"}}
_PHRASE = {
    "en": {"member": "{who} in {codes}", "counted": "{least} or more different of {who} in {codes}",
           "sites": "diagnoses of {least} or more of {of} body sites", "major": "a major "
           "complication", "minor": "a complication", "not": "not ({part})", "always": "no test",
           "and": " and ", "or": " or ", "bracket": "({part})"},
    "zh": {"member": "{who}在 {codes} 内",
           "counted": "{who}在 {codes} 内且至少 {least} 个不同编码",
           "sites": "全部诊断涉及 {of} 个部位中的至少 {least} 个",
           "major": "有严重合并症或并发症（MCC）", "minor": "有合并症或并发症（CC 或 MCC）",
           "not": "不满足（{part}）", "always": "无附加条件",
           "and": " 且 ", "or": " 或 ", "bracket": "（{part}）"}}


def in_words(condition: Condition, lang: str = "en") -> str:
    """The condition as a part of a sentence: `main procedure in BB1 and sex = 2`."""
    say, who = _PHRASE[lang], _WHO[lang]
    if isinstance(condition, Member):
        return say["member"].format(who=who[condition.kind, condition.which],
                                    codes=condition.codes)
    if isinstance(condition, Counted):
        return say["counted"].format(who=who[condition.kind, condition.which],
                                     codes=condition.codes, least=condition.least)
    if isinstance(condition, Sites):
        return say["sites"].format(least=condition.least, of=len(condition.sets))
    if isinstance(condition, Compare):
        return f"{_MEASURE[lang][condition.measure]} {condition.sign} {condition.value}"
    if isinstance(condition, Severity):
        return say["major" if condition.level == MAJOR else "minor"]
    if isinstance(condition, Not):
        return say["not"].format(part=in_words(condition.part, lang))
    if not condition.parts:
        return say["always"]
    joint = say["and" if isinstance(condition, Every) else "or"]
    return joint.join(_nested(part, say, lang) for part in condition.parts)


def _nested(part: Condition, say: dict[str, str], lang: str) -> str:
    text = in_words(part, lang)
    return say["bracket"].format(part=text) if hasattr(part, "parts") else text
