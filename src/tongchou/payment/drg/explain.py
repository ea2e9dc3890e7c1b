"""Why one case is where it is, in sentences for the people of a hospital (单病例入组说明)."""
from __future__ import annotations

import pyarrow as pa

from .grouper import REASONS, CodeMap, group_cases
from .scheme import Scheme
from .trace import WHYS
from .words import in_words

_ZH = {
    "group": "结果：入组 {code}", "none": "结果：未入组。{reason}（{code}）",
    "case": "病例：{facts}", "principal": "主要诊断 {codes}", "further": "其他诊断 {codes}",
    "px": "手术操作 {codes}", "sex": "性别 {value}", "age_years": "年龄 {value} 岁",
    "age_days": "日龄 {value} 天", "birth_weight_g": "出生体重 {value} 克",
    "admission_weight_g": "入院体重 {value} 克",
    "tried": "先符合但没有核心组（ADRG）可入的大类：{codes}",
    "mdc": "主要诊断大类（MDC）：{code}，条件：{test}",
    "adrg": "核心组（ADRG）：{code}，条件：{test}", "met": "，由 {codes} 满足",
    "drg": "病组（DRG）：{code}，条件：{test}",
    "complication": "合并症或并发症：{code} 计为 {level}",
    "excluded": "不计的合并症或并发症：{code}，因为主要诊断在其排除表 {table} 内",
    "nearest": "最近的其他病组：{code}，{why}", "unknown": "本方案没有的编码：{codes}",
    "reasons": dict(zip(REASONS, (
        "", "没有主要诊断", "主要诊断编码不在本方案的任何目录内", "主要诊断不属于任何大类",
        "符合大类，但不符合其中任何核心组", "符合核心组，但不符合其中任何病组",
        "落入本大类的未入组（x00）", ), strict=True)),
    "whys": dict(zip(WHYS, (
        "如果没有计入的合并症或并发症", "如果有一个一般合并症或并发症（CC）计入",
        "如果有一个严重合并症或并发症（MCC）计入", "它是其后第一个符合条件的组",
        "其条件只差一项", ), strict=True))}
_EN = {
    "group": "Result: group {code}", "none": "Result: no group. {reason} ({code})",
    "case": "Case: {facts}", "principal": "principal diagnosis {codes}",
    "further": "other diagnoses {codes}", "px": "procedures {codes}", "sex": "sex {value}",
    "age_years": "age {value} years", "age_days": "age {value} days",
    "birth_weight_g": "birth weight {value} g", "admission_weight_g": "weight at admission "
    "{value} g", "tried": "Classes whose test held but none of whose base groups did: {codes}",
    "mdc": "Class (MDC) {code}: {test}", "adrg": "Base group (ADRG) {code}: {test}",
    "met": ", met by {codes}", "drg": "Group (DRG) {code}: {test}",
    "complication": "Complication that counts: {code} as {level}",
    "excluded": "Complication that does not count: {code}; the principal diagnosis is in its "
    "exclusion table {table}", "nearest": "Nearest other group: {code}, {why}",
    "unknown": "Codes that this scheme does not have: {codes}",
    "reasons": dict(zip(REASONS, (
        "", "There is no principal diagnosis", "The principal diagnosis is in no list of the "
        "scheme", "The principal diagnosis is in no class", "The class has no base group for it",
        "The base group has no group for it", "It is the rest (x00) of its class"), strict=True)),
    "whys": {why: why for why in WHYS}}
_SAY = {"zh": _ZH, "en": _EN}


def explain_case(case: pa.Table, scheme: Scheme, *, ambiguous: bool = False,
                 maps: CodeMap | None = None, lang: str = "zh",
                 ) -> tuple[dict[str, object], tuple[str, ...]]:
    """The traced answer of a table of one case, and the same as lines of text (`zh` or `en`)."""
    assert case.num_rows == 1, case.num_rows
    row = group_cases(case, scheme, ambiguous=ambiguous, trace=True, maps=maps).to_pylist()[0]
    return row, tuple(_Teller(scheme, lang).lines(case.to_pylist()[0], row))


class _Teller:
    """Writes the lines; codes stand with their names where the scheme has them."""

    def __init__(self, scheme: Scheme, lang: str) -> None:
        self._scheme, self._lang, self._say = scheme, lang, _SAY[lang]
        self._names = {**scheme.px_names, **scheme.dx_names}

    def lines(self, case: dict[str, object], row: dict[str, object]) -> list[str]:
        say, names = self._say, self._scheme.group_names
        found = [say["group"].format(code=_titled(row["group"], names[row["group"]]))
                 if row["group"] else
                 say["none"].format(code=row["reason"], reason=say["reasons"][row["reason"]])]
        found.append(say["case"].format(facts=self._facts(case)))
        if row["mdc_tried"]:
            found.append(say["tried"].format(codes=self._joined(row["mdc_tried"])))
        found += self._levels(row)
        if row["complication"]:
            found.append(say["complication"].format(code=self._named(row["complication"]),
                                                    level=row["complication_level"]))
        found += [say["excluded"].format(code=self._named(code), table=table) for code, table in
                  zip(row["excluded"], row["excluded_by"], strict=True)]
        if row["nearest"]:
            found.append(say["nearest"].format(
                code=_titled(row["nearest"], names[row["nearest"]]),
                why=say["whys"][row["nearest_why"]]))
        if row["unknown"]:
            found.append(say["unknown"].format(codes=self._joined(row["unknown"])))
        return found

    def _facts(self, case: dict[str, object]) -> str:
        say, dx = self._say, case["dx"] or []
        parts = [say[kind].format(codes=self._joined(codes)) for kind, codes in
                 (("principal", dx[:1]), ("further", dx[1:]), ("px", case["px"])) if codes]
        parts += [say[name].format(value=case[name]) for name in
                  ("sex", "age_years", "age_days", "birth_weight_g", "admission_weight_g")
                  if case[name] is not None]
        return "；".join(parts) if self._lang == "zh" else "; ".join(parts)

    def _levels(self, row: dict[str, object]) -> list[str]:
        """The class, base group and group the case is in, each with its test."""
        say, found = self._say, []
        major = next((own for own in self._scheme.classes if own.code == row["mdc"]), None)
        base = next((own for own in major.base_groups if own.code == row["adrg"]), None) \
            if major else None
        group = next((own for own in base.groups if own.code == row["group"]), None) \
            if base else None
        for kind, own in (("mdc", major), ("adrg", base), ("drg", group)):
            if own:
                line = say[kind].format(code=_titled(own.code, own.name),
                                        test=in_words(own.test, self._lang))
                if kind == "adrg" and row["matched"]:
                    line += say["met"].format(codes=self._joined(row["matched"]))
                found.append(line)
        return found

    def _joined(self, codes: list[str]) -> str:
        return ("、" if self._lang == "zh" else ", ").join(map(self._named, codes))

    def _named(self, code: str) -> str:
        return _titled(code, self._names.get(code, ""))


def _titled(code: str, name: str) -> str:
    return f"{code} {name}".rstrip()
