"""National codes of a catalogue: class, fee category, kind of item, order of hospital levels."""
from __future__ import annotations

import re

from ...terms import Term

# chrgitm_lv 收费项目等级
CLASSES: dict[str, Term] = {
    "A": Term("class A", "甲类", "01"),
    "B": Term("class B", "乙类", "02"),
    "C": Term("class C", "丙类", "03"),
}

# med_chrgitm_type 医疗收费项目类别
CATEGORIES: dict[str, Term] = {
    "bed": Term("bed", "床位费", "01"),
    "consultation": Term("consultation", "诊察费", "02"),
    "examination": Term("examination", "检查费", "03"),
    "laboratory": Term("laboratory", "化验费", "04"),
    "treatment": Term("treatment", "治疗费", "05"),
    "surgery": Term("surgery", "手术费", "06"),
    "nursing": Term("nursing", "护理费", "07"),
    "materials": Term("materials", "卫生材料费", "08"),
    "western_drugs": Term("western drugs", "西药费", "09"),
    "herbal_pieces": Term("herbal pieces", "中药饮片费", "10"),
    "patent_drugs": Term("Chinese patent drugs", "中成药费", "11"),
    "general_practice": Term("general practice", "一般诊疗费", "12"),
    "registration": Term("registration", "挂号费", "13"),
    "other": Term("other", "其他费", "14"),
}

# list_type 目录类别
KINDS: dict[str, Term] = {
    "drug": Term("western or Chinese patent drug", "西药中成药", "101"),
    "herbal_pieces": Term("herbal pieces", "中药饮片", "102"),
    "own_preparation": Term("preparation of the institution", "自制剂", "103"),
    "ethnic_drug": Term("ethnic drug", "民族药", "104"),
    "other": Term("other", "其他", "105"),
    "herbal_granules": Term("herbal granules", "中药配方颗粒", "106"),
    "service": Term("medical service", "医疗服务项目", "201"),
    "consumable": Term("consumable", "医用耗材", "301"),
}

# Shapes of national codes, and what to say of a code that is not one.
CODE_SHAPES: dict[str, tuple[re.Pattern[str], str, str]] = {
    "drug": (re.compile(r"X[0-9A-Z]{22}|Z[0-9A-Z]{19}"),
             "23 characters beginning with X, or 20 beginning with Z",
             "西药为 X 开头的 23 位，中成药为 Z 开头的 20 位"),
    "service": (re.compile(r"00\d{13}(-[0-9A-Za-z]{1,20})?"),
                "15 digits beginning with 00", "00 开头的 15 位数字"),
    "consumable": (re.compile(r"C\d{14}([0-9A-Z]{1,12})?"),
                   "C and 14 digits", "C 加 14 位数字"),
}
ANY_CODE = (re.compile(r"[0-9A-Za-z._-]{1,50}"), "letters, digits, dots and dashes, at most 50",
            "字母、数字、点和横线，最多 50 位")

# Which level is higher, for items that need a level (最低医院等级); unrated ones are the lowest.
LEVEL_RANKS = {"none": 0, "village": 1, "township": 2, "1": 3, "2": 4, "3": 5}

# Where a level looks for its price limit; national lists hold 一级及以下, 二级 and 三级.
PRICE_LEVELS: dict[str, tuple[str, ...]] = {
    "village": ("village", "township", "1", ""),
    "township": ("township", "1", ""),
    "1": ("1", ""), "2": ("2", ""), "3": ("3", ""), "none": ("none", ""),
}
