"""The dictionary (字典表): codes of ours that stand in messages, with their 中文.

Made of the vocabulary (`terms`, the catalogue's codes) and of what this gateway answers; nothing is
listed that no message of ours can carry.
"""
from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from ..settlement.catalogue import CATEGORIES, CLASSES, KINDS
from ..terms import FUNDS, INSURANCE, PERSONS, STATUSES, VISITS

VERSION, SINCE = 1, "2024-01-01"

# Small tables of what we read and answer: type -> code -> 中文.
OWN: Mapping[str, Mapping[str, str]] = {
    "gend": {"1": "男", "2": "女", "0": "未知", "9": "未说明性别"},
    "mdtrt_cert_type": {"01": "医保电子凭证", "02": "居民身份证", "03": "社会保障卡"},
    "psn_insu_stas": {"1": "正常参保", "2": "暂停参保", "4": "终止参保"},
    "cvlserv_flag": {"0": "否", "1": "是"},
    "vali_flag": {"0": "无效", "1": "有效"},
    "mid_setl_flag": {"0": "否", "1": "是"},
    "clr_way": {"1": "按项目"},
    "dscg_way": {"1": "医嘱离院", "2": "医嘱转院", "3": "医嘱转社区卫生服务机构/乡镇卫生院",
                 "4": "非医嘱离院", "5": "死亡", "9": "其他"},
    "diag_type": {"1": "西医诊断", "2": "中医主病诊断", "3": "中医主证诊断"},
    "sev_deg": {"1": "明确违规", "2": "高度可疑", "3": "轻度可疑"},
    "vola_item_type": {"1": "违规项", "2": "涉及项"},
    "vola_bhvr_type": {"1": "就诊类", "2": "项目类"},
    "dspo_way": {"1": "继续执行医嘱", "2": "返回修改医嘱"},
    "stas_type": {"0": "未提交", "1": "已提交", "2": "审核通过", "3": "审核不通过"},
    "hilist_lmtpric_type": {"1": "一级及以下", "2": "二级", "3": "三级"},
    "selfpay_prop_type": {"10": "目录先自付比例"},
    "selfpay_prop_psn_type": {"310": "城镇职工", "390": "城乡居民", "330": "离休人员",
                              "99": "其他"},
}


class Entry(NamedTuple):
    """A code of a dictionary type."""

    type: str
    value: str
    zh: str
    place: int


@cache
def entries() -> tuple[Entry, ...]:
    """Every code, by type and in its order."""
    tables = {"insutype": INSURANCE, "med_type": VISITS, "psn_type": PERSONS,
              "psn_idet_type": STATUSES, "chrgitm_lv": CLASSES, "med_chrgitm_type": CATEGORIES,
              "list_type": KINDS}
    found = {name: {term.national: term.zh for term in terms.values() if term.national}
             for name, terms in tables.items()}
    found["fund_pay_type"] = {}
    for fund in FUNDS.values():
        if fund.fund_pay_type:
            found["fund_pay_type"].setdefault(fund.fund_pay_type, fund.zh)
    return tuple(Entry(name, value, zh, place) for name, codes in sorted((found | OWN).items())
                 for place, (value, zh) in enumerate(codes.items(), 1))


def of_type(name: str) -> tuple[Entry, ...]:
    """The codes of one type; none where it is no dictionary of ours."""
    return tuple(one for one in entries() if one.type == name)
