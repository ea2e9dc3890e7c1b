"""The case table: one row is one hospital stay, whatever file it came from (病案首页与结算清单).

Every part of provider payment (DRG, DIP, money) takes this table and nothing else. Its columns
are fixed; what a file does not have is a column of nulls. Names of other files are understood
through `COLUMNS`: ours, those of the national settlement list (医疗保障基金结算清单, transaction
4101) and of the published sample cases.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

TEXT, CODE, DAY, COUNT, FEN, CODES = "text", "code", "day", "count", "fen", "codes"


class Column(NamedTuple):
    """One column of the case table: its type, how a file's value is read, and its other names.

    `names` are tried in order after `name` itself; `words` translate codes (a value that is not
    among them is a fault, one that maps to "" means "not stated"); `largest` bounds counts.
    """

    name: str
    reads: str
    kind: pa.DataType
    zh: str
    names: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    largest: int = 0


_LEVELS = (("1", "1"), ("2", "2"), ("3", "3"), ("一级", "1"), ("二级", "2"), ("三级", "3"),
           ("township", "1"), ("village", "1"), ("none", ""))
# hosp_lv 医院等级 of the national code tables: grade and class in one code.
_GRADES = tuple((str(code), level) for level, codes in
                (("3", (1, 2, 3, 4, 12)), ("2", (5, 6, 7, 13)), ("1", (8, 9, 10, 14)), ("", (11,)))
                for code in codes)
_INSURANCE = (("employees", "employees"), ("residents", "residents"), ("310", "employees"),
              ("390", "residents"), ("职工", "employees"), ("居民", "residents"))
_SEXES = (("1", "1"), ("2", "2"), ("男", "1"), ("女", "2"), ("male", "1"), ("female", "2"),
          ("0", ""), ("9", ""))
_WAYS = tuple((code, code) for code in "123459") + (("死亡", "5"),)

COLUMNS: tuple[Column, ...] = (
    Column("case", TEXT, pa.string(), "病案", ("setl_id", "mdtrt_id", "medcasno")),
    Column("hospital", TEXT, pa.string(), "医疗机构", ("fixmedins_code",)),
    Column("hospital_level", CODE, pa.string(), "医院级别", ("hosp_lev", "hosp_lv"), _LEVELS),
    Column("insurance", CODE, pa.string(), "险种", ("insutype", "hi_type"), _INSURANCE),
    Column("person", TEXT, pa.string(), "人员编号", ("psn_no",)),
    Column("sex", CODE, pa.string(), "性别", ("gend",), _SEXES),
    Column("born", DAY, pa.date32(), "出生日期", ("brdy",)),
    Column("admitted", DAY, pa.date32(), "入院日期", ("adm_time", "begndate", "adm_date")),
    Column("discharged", DAY, pa.date32(), "出院日期", ("dscg_time", "enddate", "dscg_date")),
    Column("age_years", COUNT, pa.int16(), "年龄", ("age",), largest=150),
    Column("age_days", COUNT, pa.int32(), "日龄", ("nwb_age",), largest=60_000),
    Column("birth_weight_g", COUNT, pa.int32(), "出生体重", ("weight_g", "nwb_bir_wt"),
           largest=20_000),
    Column("admission_weight_g", COUNT, pa.int32(), "新生儿入院体重", ("nwb_adm_wt",),
           largest=20_000),
    Column("stay_days", COUNT, pa.int32(), "住院天数", ("los_days", "act_ipt_days"),
           largest=50_000),
    Column("discharge_way", CODE, pa.string(), "离院方式", ("dscg_way",), _WAYS),
    Column("dx", CODES, pa.list_(pa.string()), "诊断", ("diag_code",)),
    Column("px", CODES, pa.list_(pa.string()), "手术及操作", ("oprn_oprt_code",)),
    Column("ventilator_hours", COUNT, pa.int32(), "呼吸机使用时间", ("vent_used_dura",),
           largest=1_000_000),
    Column("icu_days", COUNT, pa.int32(), "重症监护天数", (), largest=50_000),
    Column("cost_fen", FEN, pa.int64(), "总费用", ("cost_yuan", "medfee_sumamt")),
    Column("drug_fen", FEN, pa.int64(), "药品费", ("drug_yuan",)),
    Column("consumable_fen", FEN, pa.int64(), "耗材费", ("consumable_yuan",)),
    Column("fund_fen", FEN, pa.int64(), "基金支付", ("fund_yuan", "fund_pay_sumamt")),
    Column("person_fen", FEN, pa.int64(), "个人负担", ("person_yuan", "psn_part_amt")),
    Column("year", COUNT, pa.int16(), "年度", (), largest=2200),
)
COLUMN = {column.name: column for column in COLUMNS}
SCHEMA = pa.schema([(column.name, column.kind) for column in COLUMNS])
WORDS_OF_NAME = {"hosp_lv": _GRADES}   # other codes than the canonical column

REJECTS = pa.schema([("row", pa.int64()), ("case", pa.string()), ("field", pa.string()),
                     ("value", pa.string()), ("code", pa.string()), ("reason", pa.string()),
                     ("refused", pa.bool_())])


class Needs(NamedTuple):
    """What a use of cases needs: columns that `must` be there, and others that `may` matter.

    A wrong value in either refuses the row. A wrong value elsewhere is reported, emptied, and the
    row is kept: nobody's group waits for a bed number.
    """

    must: tuple[str, ...]
    may: tuple[str, ...]


_PATIENT = ("sex", "born", "admitted", "discharged", "age_years", "age_days",
            "birth_weight_g", "admission_weight_g", "px")
# A wrong or negative total is no amount to group: it marks a reversal, which is no stay.
GROUPING = Needs(("case", "dx"), (*_PATIENT, "cost_fen"))
ANYTHING = Needs(("case",), tuple(column.name for column in COLUMNS))


def needs_of(*must: str) -> Needs:
    """Needs of a use for which these columns must be there and every other one must be right.

    Raises KeyError for a name that is no column of the case table.
    """
    return Needs(("case", *(COLUMN[name].name for name in must if name != "case")),
                 tuple(COLUMN))


class CasesRead(NamedTuple):
    """Cases of a file: the `table` (SCHEMA), what was wrong (REJECTS), and what was not read.

    A row of `rejects` with `refused` true is not in the table; with false it is, and the value
    named is emptied there. `rows` counts the rows of the file, `ignored` names its other columns,
    `kept` int64[n] are the row numbers of the table's rows in the file, from 1 below the header.
    """

    table: pa.Table
    rejects: pa.Table
    rows: int
    ignored: tuple[str, ...]
    kept: np.ndarray

    @property
    def refused(self) -> int:
        """Rows of the file that are not in the table."""
        return self.rows - self.table.num_rows
