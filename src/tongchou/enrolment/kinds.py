"""The lists that can be imported: their columns, and how a row becomes a record (名单种类).

A column is found by its 中文 heading or its national name. Every fault of a row is collected, so
that a list is corrected once.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import Refusal
from ..privacy import mask_certificate, mask_name, mask_phone
from . import entry
from .area import RULES, check_rule
from .entry import Fault
from .identity import CERTIFICATE_KINDS, RESIDENT, Document, IdentityFault, read_document
from .model import (AwayFiling, ChronicCertificate, Coverage, Designation, Institution,
                    Membership, NewPerson, NotEnrolled, Referral, SetRule, Status)
from .sheets import SheetRow

SHOWN_CHARACTERS = 40
_LONG_NUMBER = re.compile(r"[0-9]{11,}[Xx]?")


class Column(NamedTuple):
    """A column: our name, the heading, whether it must be filled, what it means, an example."""

    name: str
    zh: str
    needed: bool
    note: str
    example: str = ""


@dataclass(frozen=True)
class Record:
    """A row that was read: who it is about (document or number), and what it says."""

    row: int
    document: Document | None
    psn_no: str
    said: object


class Row:
    """A row being read: `take` reads one field and remembers its fault."""

    def __init__(self, sheet_row: SheetRow, places: dict[str, int], own: frozenset[str]) -> None:
        self.number, self.own = sheet_row.number, own
        self._cells, self._inexact, self._places = sheet_row.cells, sheet_row.inexact, places
        self.faults: list[Fault] = []

    def text(self, name: str) -> str:
        """The cell of a column; "" where the list has none."""
        place = self._places.get(name, -1)
        return self._cells[place] if 0 <= place < len(self._cells) else ""

    def take(self, read: Callable, name: str, *rest: object, default: object = "") -> object:
        """`read(name, cell, *rest)`, or the default and a fault noted."""
        try:
            if self._places.get(name, -1) in self._inexact:
                raise Fault(name, "excel-number", "Excel 已把长号码改成了数字，末几位已丢失",
                            "Excel made a number of it and its last digits are lost",
                            "把该列设为文本后重新录入。", "Make the column text and type it again.")
            return read(name, self.text(name), *rest)
        except Fault as fault:
            self.faults.append(fault)
        return default

    def days(self) -> tuple[str, str]:
        """The columns `from` and `to`."""
        try:
            return entry.span_of(self.text("from"), self.text("to"))
        except Fault as fault:
            self.faults.append(fault)
            return "", ""

    def document(self, born: str = "", sex: str = "") -> Document | None:
        """The document of the row; None when there is none or it is wrong."""
        kind = self.take(_certificate_kind, "psn_cert_type")
        number = self.take(lambda _, text: text, "certno")
        if not number or not kind:
            return None
        try:
            return read_document(kind, number, born, sex)
        except IdentityFault as fault:
            self.faults.append(Fault("certno", fault.code, fault.zh, fault.en, fault.hint,
                                     fault.hint))
            return None

    def who(self) -> tuple[Document | None, str]:
        """The person a fact is about: by document, or by number."""
        document = self.document()
        number = self.take(entry.code_of, "psn_no", False)
        if not self.text("certno") and not self.text("psn_no"):
            self.faults.append(Fault("certno", "missing-field", "证件号码和人员编号都为空",
                                     "neither document nor number is given", "填其中一项。",
                                     "Give one of the two."))
        return document, number


def _certificate_kind(name: str, text: str) -> str:
    return entry.choice_of(name, text or RESIDENT, CERTIFICATE_KINDS)


def _person(row: Row) -> Record:
    born = row.take(entry.day_of, "brdy", False)
    sex = row.take(entry.sex_of, "gend")
    document = row.document(born, sex)
    if not row.text("certno") and not born:
        row.faults.append(Fault("brdy", "missing-field", "无证件号码时须填出生日期",
                                "without a document the birth date is needed", "补填。",
                                "Fill it in."))
    if document and not document.born and not born:
        row.faults.append(Fault("brdy", "missing-field", "该证件不含出生日期，须填",
                                "this document does not tell the birth date", "补填。",
                                "Fill it in."))
    facts = {}
    for name in FACT_COLUMNS:
        value = row.take(entry.number_of, name, default=None)
        if value is not None:
            facts[name] = value
    born = born or (document.born if document else "")
    died = row.take(entry.day_of, "died", False)
    if died and born and died < born:
        row.faults.append(Fault("died", "dates-out-of-order", "死亡日期早于出生日期",
                                "death before birth", "更正。", "Correct one of them."))
    person = NewPerson(
        row.take(entry.name_of, "psn_name"), born,
        sex if sex in ("1", "2") else (document.sex if document else "") or sex or "9",
        row.take(entry.person_class_of, "psn_type"), row.take(entry.phone_of, "tel"), died, facts)
    return Record(row.number, document, row.take(entry.code_of, "psn_no", False), person)


def _coverage(row: Row) -> Record:
    document, number = row.who()
    first, last = row.days()
    starts = row.take(entry.day_of, "benefits_from", False) or first
    if starts < first:
        row.faults.append(Fault("benefits_from", "dates-out-of-order", "待遇起始日早于参保起始日",
                                "benefits before the cover begins", "更正。", "Correct it."))
    return Record(row.number, document, number, Coverage(
        row.take(entry.insurance_of, "insutype"), first, last, starts,
        row.take(entry.text_of, "evidence")))


def _status(row: Row) -> Record:
    document, number = row.who()
    first, last = row.days()
    recognised = row.take(entry.day_of, "recognised", False) or first
    return Record(row.number, document, number, Status(
        row.take(entry.status_name_of, "code", row.own), first, last, recognised,
        row.take(entry.text_of, "source", True), row.take(entry.text_of, "evidence")))


def _chronic(row: Row) -> Record:
    document, number = row.who()
    first, last = row.days()
    return Record(row.number, document, number, ChronicCertificate(
        row.take(entry.code_of, "disease"), first, last,
        row.take(entry.code_of, "institution"), row.take(entry.text_of, "evidence")))


def _referral(row: Row) -> Record:
    document, number = row.who()
    day = row.take(entry.day_of, "day")
    until = row.take(entry.day_of, "valid_until")
    if day and until and until < day:
        row.faults.append(Fault("valid_until", "dates-out-of-order", "有效期止早于转诊日期",
                                "valid until before the referral", "更正。", "Correct it."))
    return Record(row.number, document, number, Referral(
        row.take(entry.code_of, "episode"), row.take(entry.code_of, "from_institution"),
        row.take(entry.code_of, "to_institution"), row.take(entry.direction_of, "direction"),
        day, until, row.take(entry.code_of, "disease", False),
        row.take(entry.text_of, "registered_by")))


def _filing(row: Row) -> Record:
    document, number = row.who()
    first, last = row.days()
    place = row.take(entry.choice_of, "place", {code: word for code, word
                                                in entry.PLACE_WORDS.items() if code != "local"})
    return Record(row.number, document, number, AwayFiling(
        place, row.take(entry.area_of, "area"), row.take(entry.filing_kind_of, "kind"), first,
        last))


def _family(row: Row) -> Record:
    document, number = row.who()
    first, last = row.days()
    return Record(row.number, document, number, Membership(
        row.take(entry.code_of, "family_id"), row.take(entry.text_of, "relation"), first, last))


def _not_enrolled(row: Row) -> Record:
    document, number = row.who()
    first, last = row.days()
    return Record(row.number, document, number, NotEnrolled(
        row.take(entry.text_of, "reason", True), row.take(entry.text_of, "evidence", True),
        first, last))


def _institution(row: Row) -> Record:
    first, last = row.days()
    tags = sorted({row_tag for row_tag in re.split(r"[;；,，、\s]+", row.text("tags")) if row_tag})
    return Record(row.number, None, "", Institution(
        row.take(entry.code_of, "code"), row.take(entry.text_of, "name", True),
        row.take(entry.choice_of, "level", entry.LEVEL_WORDS), tuple(tags),
        row.take(entry.choice_of, "place", entry.PLACE_WORDS),
        row.take(entry.county_of, "county"), first, last))


def _designation(row: Row) -> Record:
    first, last = row.days()
    return Record(row.number, None, "", Designation(
        row.take(entry.code_of, "code"), row.take(entry.designation_of, "kind"),
        row.take(entry.yes_no_of, "networked", default=False), first, last))


def _rule(row: Row) -> Record:
    first, last = row.days()
    name = row.take(entry.choice_of, "code", {name: kind.zh for name, kind in RULES.items()})
    value = row.take(_rule_value, "value", name, default={}) if name else {}
    return Record(row.number, None, "", SetRule(
        name, value, row.take(entry.text_of, "source", True), first, last))


def _rule_value(field: str, text: str, name: str) -> dict[str, object]:
    """The JSON object of a rule, as `area.RULES` describes it."""
    try:
        found = json.loads(text)
        check_rule(name, found if isinstance(found, dict) else {})
        return found
    except (ValueError, RecursionError, Refusal):
        example = RULES[name].example
        raise Fault(field, "bad-rule", f"{RULES[name].zh}的取值不对", f"`{name}` cannot have this "
                    "value", f"例如 {example}", f"For example {example}") from None


FACT_COLUMNS = ("years_insured", "continuous_years_insured")
_WHO = (Column("psn_cert_type", "证件类型", False, "国家编码或名称；空为居民身份证", "01"),
        Column("certno", "证件号码", False, "与人员编号二选一", "11010519491231002X"),
        Column("psn_no", "人员编号", False, "与证件号码二选一"))
_DAYS = (Column("from", "起始日期", True, "含当日", "2024-01-01"),
         Column("to", "终止日期", False, "含当日；空为长期", "2024-12-31"))
_EVIDENCE = Column("evidence", "依据", False, "文件、名册或票据编号；不要写个人信息")


class Kind(NamedTuple):
    """A kind of list: its title, its columns, and how a row is read."""

    zh: str
    columns: tuple[Column, ...]
    read: Callable[[Row], Record]


KINDS: dict[str, Kind] = {
    "persons": Kind("人员", (
        *_WHO[:2], Column("psn_name", "姓名", True, "", "张三"),
        Column("gend", "性别", False, "男、女；空取自身份证号", "男"),
        Column("brdy", "出生日期", False, "空取自身份证号", "1949-12-31"),
        Column("psn_type", "人员类别", True, "国家编码或名称", "15"),
        Column("tel", "手机号", False, "", "13800001234"),
        Column("psn_no", "人员编号", False, "空则新编；新生儿取得证件时填原编号"),
        Column("died", "死亡日期", False, ""),
        Column("years_insured", "缴费年限", False, "整年", "6"),
        Column("continuous_years_insured", "连续参保年限", False, "整年", "4")), _person),
    "coverages": Kind("参保", (
        *_WHO, Column("insutype", "险种", True, "国家编码或名称", "390"), *_DAYS,
        Column("benefits_from", "待遇起始日", False, "空同起始日期；等待期内则晚于它"),
        _EVIDENCE), _coverage),
    "statuses": Kind("身份", (
        *_WHO, Column("code", "身份", True, "名称或国家编码", "建档立卡贫困人口"), *_DAYS,
        Column("recognised", "认定日期", False, "空同起始日期", "2024-01-01"),
        Column("source", "认定部门", True, "", "民政局"), _EVIDENCE), _status),
    "chronic": Kind("慢特病资格", (
        *_WHO, Column("disease", "病种编码", True, "一人可有多行，一病一行", "M03900"), *_DAYS,
        Column("institution", "鉴定机构编码", True, "", "H001"), _EVIDENCE), _chronic),
    "referrals": Kind("转诊", (
        *_WHO, Column("episode", "转诊链编号", True, "同一次病程相同", "E2024001"),
        Column("from_institution", "转出机构编码", True, "", "H001"),
        Column("to_institution", "转入机构编码", True, "", "H002"),
        Column("direction", "方向", True, "上转、下转、转外", "上转"),
        Column("day", "转诊日期", True, "", "2024-03-05"),
        Column("valid_until", "有效期止", True, "含当日", "2024-04-05"),
        Column("disease", "病种编码", False, ""),
        Column("registered_by", "登记经办机构", False, "空为尚未登记")), _referral),
    "filings": Kind("异地备案", (
        *_WHO, Column("place", "就医地", True, "省内异地、跨省异地", "跨省异地"),
        Column("area", "就医地区划", False, "空为不限", "330100"),
        Column("kind", "备案类型", True, "", "常驻异地工作"), *_DAYS), _filing),
    "families": Kind("家庭", (
        *_WHO, Column("family_id", "家庭编号", True, "", "F0001"),
        Column("relation", "与户主关系", False, "", "配偶"), *_DAYS), _family),
    "not-enrolled": Kind("未参保台账", (
        *_WHO, Column("reason", "未参保原因", True, "", "参军"),
        Column("evidence", "证明材料", True, "编号；不要写个人信息", "2019-017"), *_DAYS),
        _not_enrolled),
    "institutions": Kind("医药机构", (
        Column("code", "机构编码", True, "fixmedins_code", "H001"),
        Column("name", "机构名称", True, "", "第一医院"),
        Column("level", "级别", True, "村卫生室、乡镇卫生院、一级、二级、三级、未定级", "三级"),
        Column("tags", "标签", False, "分号隔开", "tcm"),
        Column("place", "所在地", True, "统筹区内、省内异地、跨省异地", "统筹区内"),
        Column("county", "区划代码", False, "", "330106"), *_DAYS), _institution),
    "designations": Kind("定点", (
        Column("code", "机构编码", True, "", "H001"),
        Column("kind", "定点类型", True, "", "定点医疗机构"),
        Column("networked", "是否联网", True, "是、否", "是"), *_DAYS), _designation),
    "rules": Kind("统筹区规则", (
        Column("code", "规则", True, "名称，见 docs/people.md", "bill_split"),
        Column("value", "取值", True, "JSON", RULES["bill_split"].example),
        Column("source", "来源", True, "文件名称与文号", "统筹区文件"), *_DAYS), _rule),
}


def shown_value(name: str, text: str) -> str:
    """A cell for a report: personal fields masked, and long numbers wherever they stand."""
    masks = {"certno": mask_certificate, "psn_name": mask_name, "tel": mask_phone}
    if name in masks:
        return masks[name](text)[:SHOWN_CHARACTERS]
    return _LONG_NUMBER.sub(lambda found: mask_certificate(found.group()), text)[:SHOWN_CHARACTERS]
