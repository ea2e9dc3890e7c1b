"""The columns of a catalogue file: headings in Chinese and English, how each is read (列).

A heading is found by any of its names, in any order of columns, without regard to case, spaces
and dashes. Reading, template and report all follow from these two tables.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ...terms import INSURANCE, LEVELS, VISITS, Term
from . import cells
from .codes import CATEGORIES, CLASSES, KINDS

LEVEL_WORDS = {"一级及以下": "1", "level 1 and below": "1", "一级医院": "1", "二级医院": "2",
               "三级医院": "3", "无等级": "none", "未定级": "none"}
CLASS_WORDS = {"甲": "A", "乙": "B", "丙": "C", "1": "A", "2": "B", "3": "C", "自费": "C"}
SEX = {"male": Term("male", "男", "1"), "female": Term("female", "女", "2")}
SEX_WORDS = {"男性": "male", "女性": "female", "m": "male", "f": "female"}
VISIT_WORDS = {"门诊慢特病": "chronic_outpatient", "慢特病": "chronic_outpatient",
               "日间": "day_treatment"}
SCHEME_WORDS = {"职工": "employees", "居民": "residents", "城乡居民": "residents"}
KIND_WORDS = {"药品": "drug", "诊疗项目": "service", "医疗服务": "service", "耗材": "consumable"}
ABOVE = {"over_limit": Term("over the limit", "计入超限价"), "refuse": Term("refused", "拒收")}
RULE_KINDS = {"share": Term("share of the price", "按现行价比例收费"),
              "supply": Term("days of supply", "一次开药天数")}
# 限价（元） is 限价, but 限价（三级） is another column: only such remarks are left out.
REMARKS = re.compile(r"[(（\[【](元|yuan|必填|选填|含|不含|如有)[)）\]】]|[\s_-]+")


class Column(NamedTuple):
    """A column: its key, Chinese heading, English heading, other names, reader, whether needed."""

    key: str
    zh: str
    en: str
    read: Callable[[str], object]
    needed: bool = False
    others: tuple[str, ...] = ()
    example: str = ""
    says: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every heading by which it is found, as `plain` makes them."""
        return tuple(plain(name) for name in (self.key, self.zh, self.en, *self.others))


def plain(heading: str) -> str:
    """A heading without case, spaces, dashes and a remark such as （元）."""
    return REMARKS.sub("", heading.lower())


def _text(text: str) -> str:
    return text


_ratio_zh, _limit_zh = "先行自付比例", "限价"
_level = cells.one_of(LEVELS, LEVEL_WORDS)
_visit, _scheme = cells.one_of(VISITS, VISIT_WORDS), cells.one_of(INSURANCE, SCHEME_WORDS)

FROM = Column("since", "开始日期", "from", cells.day, True, ("begndate", "生效日期", "起始日期"),
              "2023-01-01", "第一天 first day of force")
TO = Column("last", "结束日期", "to", cells.day, False, ("enddate", "失效日期", "终止日期"), "",
            "最后一天（含），空为长期有效 last day included, empty while open")
CLAUSE = Column("clause", "政策依据", "clause", _text)

ITEM_COLUMNS: tuple[Column, ...] = (
    Column("code", "医保目录编码", "code", _text, True,
           ("med_list_codg", "hilist_code", "item_code", "医保编码", "国家编码", "编码"),
           "001109000010300", "国家编码，Excel 中须为文本 national code, as text"),
    Column("name", "项目名称", "name", _text, True, ("hilist_name", "名称", "医保目录名称"),
           "普通病房床位费（三人间）"),
    Column("item_class", "收费项目等级", "class",
           cells.one_of(CLASSES, {word: name for word, name in CLASS_WORDS.items()}), True,
           ("chrgitm_lv", "甲乙丙", "甲乙类", "目录等级", "item class"), "乙类", "甲类 乙类 丙类"),
    Column("category", "收费类别", "fee category", cells.one_of(CATEGORIES), True,
           ("med_chrgitm_type", "医疗收费项目类别", "费用类别", "category"), "床位费"),
    Column("kind", "目录类别", "kind", cells.one_of(KINDS, KIND_WORDS), True,
           ("list_type", "项目类别"), "医疗服务项目"),
    FROM, TO,
    Column("unit", "单位", "unit", _text, False, ("计价单位", "prcunt"), "床日"),
    Column("ratio:", _ratio_zh, "first self-pay", cells.ratio, False,
           ("selfpay_prop", "自付比例", "先自付比例"), "10%",
           "10% 或 0.1；乙类必填 needed for class B"),
    Column("ratio:employees", "职工" + _ratio_zh, "first self-pay 310", cells.ratio),
    Column("ratio:residents", "居民" + _ratio_zh, "first self-pay 390", cells.ratio),
    Column("limit:", _limit_zh, "price limit", cells.amount, False,
           ("hilist_pric_uplmt_amt", "最高限价", "pric_uplmt_amt"), "", "元 yuan; 各等级通用"),
    Column("limit:3", "三级" + _limit_zh, "price limit 3", cells.amount, example="40.00"),
    Column("limit:2", "二级" + _limit_zh, "price limit 2", cells.amount, example="30.00"),
    Column("limit:1", "一级" + _limit_zh, "price limit 1", cells.amount, False,
           ("一级及以下限价",), "20.00"),
    Column("limit:township", "乡镇卫生院" + _limit_zh, "price limit township", cells.amount),
    Column("limit:village", "村卫生室" + _limit_zh, "price limit village", cells.amount),
    Column("limit:none", "未定级" + _limit_zh, "price limit none", cells.amount),
    Column("sex", "限性别", "sex", cells.one_of(SEX, SEX_WORDS), example="女"),
    Column("age_from", "年龄起", "age from", cells.age, False, ("最小年龄",), "",
           "从该年龄起 from this age on"),
    Column("age_below", "未满年龄", "age below", cells.age, False, (), "14岁",
           "未满该年龄 before this age is reached"),
    Column("diagnoses", "限诊断", "diagnoses", cells.words, False, ("限病种",), "I63;I64",
           "诊断编码前缀，; 分隔 prefixes of codes"),
    Column("level_min", "最低医院等级", "lowest level", _level, False, ("限医院等级",), "二级"),
    Column("visits", "限医疗类别", "visits", cells.several(_visit), False, ("限就诊类别",),
           "住院;日间治疗"),
    Column("schemes", "限险种", "schemes", cells.several(_scheme), False, (), "职工"),
    Column("limited", "限制使用", "limited use", cells.flag, False,
           ("lmt_used_flag", "限制使用标志"), "是", "须医院审批 needs the hospital's approval"),
    Column("agency_approval", "需经办审批", "agency approval", cells.flag, False, (), "否"),
    Column("negotiated", "谈判药品", "negotiated", cells.flag, False,
           ("hi_nego_drug_flag", "医保谈判药品标志"), "否"),
    CLAUSE,
    Column("note", "备注", "note", _text, False, ("memo", "限定支付范围"), "示例"),
)

RULE_COLUMNS: tuple[Column, ...] = (
    Column("kind", "规则", "rule", cells.one_of(RULE_KINDS), True),
    Column("visit", "医疗类别", "visit", _visit, True, ("med_type",)),
    Column("category", "收费类别", "fee category", cells.one_of(CATEGORIES), False,
           ("med_chrgitm_type",)),
    Column("scheme", "险种", "scheme", _scheme, False, ("insutype",)),
    FROM, TO,
    Column("share_ppm", "收费比例", "share", cells.ratio),
    Column("above_share", "超出处理", "above", cells.one_of(ABOVE)),
    Column("days_max", "最多天数", "days", cells.whole_days),
    CLAUSE,
    Column("source", "来源", "source", _text),
)


def by_heading(columns: tuple[Column, ...]) -> Mapping[str, Column]:
    """Heading as `plain` makes it -> column."""
    return {name: column for column in columns for name in column.names}
