"""Settlement lists (医疗保障基金结算清单): figures against the settlement, states, the case inside.

    0 未提交 -> 1 已提交 -> 2 审核通过        an institution moves 0 to 1, 3 to 0, 3 to 1
                         -> 3 审核不通过      an agency 1 to 2, 1 to 3, and 2 back to 3

An institution may upload a list anew while it is 0 or 3; each upload is a revision.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple

from psycopg import Connection

from ..errors import Refusal
from ..money import parse_yuan, yuan_text
from . import settlement_list_store as store
from .reading import Input, Row
from .refusals import declined
from .settlement_list_store import List

SEALED_AS = "settlement list"
OPEN, SUBMITTED, APPROVED, REJECTED = "0", "1", "2", "3"
STATES_ZH = {OPEN: "未提交", SUBMITTED: "已提交", APPROVED: "审核通过", REJECTED: "审核不通过"}
MOVES_OF_INSTITUTION = frozenset({(OPEN, SUBMITTED), (REJECTED, OPEN), (REJECTED, SUBMITTED)})
MOVES_OF_AGENCY = frozenset({(SUBMITTED, APPROVED), (SUBMITTED, REJECTED), (APPROVED, REJECTED)})
NODES = ("opspdiseinfo", "diseinfo", "oprninfo", "icuinfo", "payinfo", "bldinfo")
CASE_COLUMNS = ("setl_id", "fixmedins_code", "hosp_lev", "insutype", "psn_no", "gend", "brdy",
                "adm_time", "dscg_time", "nwb_bir_wt", "nwb_adm_wt", "dscg_way", "diag_code",
                "oprn_oprt_code", "vent_used_dura", "medfee_sumamt", "fund_pay_sumamt",
                "psn_part_amt")
# Fields of setlinfo that tell who somebody is or where: kept sealed.
PERSONAL = frozenset({"ntly", "prfs", "curr_addr", "emp_name", "emp_addr", "emp_tel", "poscode",
                      "coner_name", "patn_rlts", "coner_addr", "coner_tel"})
SAME_AS_SETTLED = {"psn_cashpay": "psn_cash_pay", "acct_pay": "acct_pay"}
MAIN, WESTERN = "1", "1"
NUMBER_DIGITS, DIGITS = 9, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HINT = "1"                     # err_lv of what does not keep a list from being submitted


class Settled(NamedTuple):
    """What a list is compared with: setlinfo and setldetail as answered, the days of the visit."""

    info: Mapping[str, object]
    detail: Sequence[Mapping[str, object]]
    first: str
    last: str
    inpatient: bool
    main: str


def number_of(setl_id: str) -> str:
    """setl_list_id, at most nine characters: of the settlement, the same for every revision."""
    rest, found = int.from_bytes(sha256(setl_id.encode()).digest()[:8]), ""
    for _ in range(NUMBER_DIGITS):
        rest, digit = divmod(rest, len(DIGITS))
        found += DIGITS[digit]
    return found


# --- figures --------------------------------------------------------------------------------------
def check_figures(given: Input, settled: Settled) -> None:
    """The list against its settlement: payments fund by fund, own payments, total, days, main
    diagnosis. Raises Declined `list-differs`, `dates-out-of-order`, `main-diagnosis`."""
    info = given.one("setlinfo")
    for where, ours, theirs in (*_payments(given, settled), *_amounts(given, settled)):
        if ours != theirs:
            raise declined("list-differs", f"清单金额 {yuan_text(theirs)} 与结算的 "
                           f"{yuan_text(ours)} 不一致", where)
    for name, other in (("setl_begn_date", "setl_end_date"), ("adm_time", "dscg_time")):
        if info.day(name) and info.day(other) and info.day(other) < info.day(name):
            raise declined("dates-out-of-order", "结束日期早于开始日期", f"setlinfo.{other}")
    for name, ours in _days(info, settled):
        if info.day(name) and info.day(name) != ours:
            raise declined("list-differs", f"{info.day(name)} 与就诊登记的 {ours} 不一致",
                           f"setlinfo.{name}")
    mains = [row for row in given.rows("diseinfo") if row.text("diag_type", WESTERN) == WESTERN
             and row.text("maindiag_flag") == MAIN]
    if settled.inpatient and len(mains) != 1:
        raise declined("main-diagnosis", "住院清单须有且只有一个西医主要诊断，现有 "
                       f"{len(mains)} 个", "diseinfo.maindiag_flag")


def _payments(given: Input, settled: Settled) -> Iterator[tuple[str, int, int]]:
    """(where, of the settlement, of the list) for each kind of fund."""
    ours = _by_fund((str(row["fund_pay_type"]), parse_yuan(str(row["fund_payamt"])))
                    for row in settled.detail)
    theirs = _by_fund((row.need("fund_pay_type"), row.fen("fund_payamt"))
                      for row in given.rows("payinfo"))
    for kind in sorted(ours.keys() | theirs.keys()):
        yield f"payinfo {kind[:6]}", ours.get(kind, 0), theirs.get(kind, 0)


def _by_fund(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, fen in rows:
        if fen:
            found[kind] = found.get(kind, 0) + fen
    return found


def _amounts(given: Input, settled: Settled) -> Iterator[tuple[str, int, int]]:
    info = given.one("setlinfo")
    for name, of_settlement in SAME_AS_SETTLED.items():
        if info.text(name):
            yield f"setlinfo.{name}", parse_yuan(str(settled.info[of_settlement])), info.fen(name)
    if given.rows("iteminfo"):
        yield ("iteminfo.amt", parse_yuan(str(settled.info["medfee_sumamt"])),
               sum(row.fen("amt") for row in given.rows("iteminfo")))


def _days(info: Row, settled: Settled) -> Iterator[tuple[str, str]]:
    """(field, day) where the visit knows the day; a settlement in the middle of a stay has its own
    period inside it."""
    if settled.inpatient:
        yield "adm_time", settled.first
        if settled.last:
            yield "dscg_time", settled.last
    yield from (("setl_begn_date", settled.first),) if (
        info.day("setl_begn_date") < settled.first) else ()
    last = settled.last or str(settled.info["setl_time"])[:10]
    yield from (("setl_end_date", last),) if info.day("setl_end_date") > last else ()


# --- quality --------------------------------------------------------------------------------------
def findings(given: Input, settled: Settled) -> list[dict[str, str]]:
    """What quality control has to say of a list that is taken: hints, none of them a refusal."""
    info = given.one("setlinfo")
    found: list[tuple[str, str, str]] = []
    main = next((row.text("diag_code") for row in given.rows("diseinfo")
                 if row.text("maindiag_flag") == MAIN), "")
    if settled.main and main and main != settled.main:
        found.append(("diag_code", f"主要诊断与出院登记的 {settled.main} 不同", main))
    if settled.inpatient and not info.text("dscg_way"):
        found.append(("dscg_way", "未填离院方式", ""))
    if info.text("nwb_adm_type"):
        found += [(name, "新生儿未填体重", "") for name in ("nwb_bir_wt", "nwb_adm_wt")
                  if not info.fen(name)]
    codes = [row.text("diag_code") for row in given.rows("diseinfo")]
    found += [("diag_code", "诊断重复", code) for code in sorted(set(codes))
              if code and codes.count(code) > 1]
    for node, first, last in (("icuinfo", "scs_cutd_inpool_time", "scs_cutd_exit_time"),
                              ("oprninfo", "oprn_oprt_begntime", "oprn_oprt_endtime")):
        found += [(last, "结束时间早于开始时间", row.moment(last)) for row in given.rows(node)
                  if row.moment(last) and row.moment(last) < row.moment(first)]
    return [{"exam_data_fld": field, "qltctrl_chk_rslt": zh, "err_lv": HINT, "init_val": value[:60]}
            for field, zh, value in found]


# --- what is kept ---------------------------------------------------------------------------------
def facts_of(given: Input) -> dict[str, object]:
    """Every node as it was sent, without personal fields."""
    return {"setlinfo": {name: value for name, value in given.one("setlinfo").items()
                         if value and name not in PERSONAL},
            **{node: [{name: value for name, value in row.items() if value}
                      for row in given.rows(node)] for node in NODES}}


def case_of(given: Input, settled: Settled, who: Mapping[str, str]) -> dict[str, str]:
    """The stay as provider payment reads cases (`tongchou payment`); nothing of an outpatient."""
    if not settled.inpatient:
        return {}
    info = given.one("setlinfo")
    return {"setl_id": info["setl_id"], **who,
            "adm_time": settled.first, "dscg_time": settled.last,
            "nwb_bir_wt": _grams(info, "nwb_bir_wt"), "nwb_adm_wt": _grams(info, "nwb_adm_wt"),
            "dscg_way": info.text("dscg_way"),
            "diag_code": _codes(given.rows("diseinfo"), "diag_code", "maindiag_flag"),
            "oprn_oprt_code": _codes(given.rows("oprninfo"), "oprn_oprt_code", "oprn_oprt_type"),
            "vent_used_dura": str(duration(info.text("vent_used_dura"))[0]),
            **{name: str(settled.info[name]) for name in ("medfee_sumamt", "fund_pay_sumamt",
                                                          "psn_part_amt")}}


def case_in(one: List, unseal: Callable[[bytes, str], str]) -> dict[str, str]:
    """The case of a kept list (CASE_COLUMNS); nothing of an outpatient's."""
    return json.loads(unseal(one.stay, SEALED_AS))


def of_month(connection: Connection, region: str, month: str, institution: str = "",
             states: Sequence[str] = ()) -> list[List]:
    """The lists of a month yyyyMM, in these states (all where none is named).

    Raises Declined `bad-date`.
    """
    return store.lists_of(connection, region, *month_of(month), institution, states)


def _grams(info: Row, name: str) -> str:
    return info.text(name).partition(".")[0]


def _codes(rows: Sequence[Row], name: str, main: str) -> str:
    """Codes, the main one first, the others as they were sent."""
    ordered = sorted(rows, key=lambda row: row.text(main) != MAIN)
    return "|".join(row[name] for row in ordered if row.text(name))


def duration(text: str) -> tuple[int, tuple[int, int, int]]:
    """Whole hours, and days, hours, minutes, of `1/2/30` (days/hours/minutes) or of hours."""
    parts = [int(one) if one.isascii() and one.isdigit() else 0 for one in text.split("/")]
    days, hours, minutes = parts if len(parts) == 3 else (0, parts[0], 0)
    return days * 24 + hours, (days + hours // 24, hours % 24, minutes)


# --- states ---------------------------------------------------------------------------------------
def put(connection: Connection, region: str, one: List) -> None:
    """Keeps a revision. Raises Declined `already-reversed`, `list-submitted`."""
    store.lock(connection, one.psn_no, one.setl_id)
    if not store.stands(connection, region, one.psn_no, one.setl_id):
        raise declined("already-reversed", "该结算已撤销，不能上传清单", f"setl_id {one.setl_id}")
    known = store.newest(connection, region, one.psn_no, one.setl_id)
    if known is not None and known.state in (SUBMITTED, APPROVED):
        raise declined("list-submitted", f"清单 {known.list_no} {STATES_ZH[known.state]}，"
                       "不能修改；须先由经办机构退回", f"setl_id {one.setl_id}")
    store.add(connection, region, one._replace(revision=known.revision + 1 if known else 1))


def move(connection: Connection, region: str, which: tuple[str, str], state: str,
         told: tuple[datetime, str], institution: str) -> None:
    """An institution moves its list (`which`: psn_no, setl_id) into another state.

    Raises Refusal `unknown-list`, `list-state`, Declined `already-reversed`.
    """
    known = _known(connection, region, which, institution)
    if (known.state, state) not in MOVES_OF_INSTITUTION:
        raise _not_moved(known, state)
    if state == SUBMITTED and not store.stands(connection, region, *which):
        raise declined("already-reversed", "该结算已撤销，不能提交清单", f"setl_id {which[1]}")
    store.move(connection, region, known, state, told, known.note)


def review(connection: Connection, region: str, which: tuple[str, str], state: str,
           told: tuple[datetime, str], note: str = "") -> List:
    """An agency approves a list, rejects it, or takes an approval back; the list as it was.

    Raises Refusal `unknown-list`, `list-state`, `no-reason`.
    """
    known = _known(connection, region, which, "")
    if (known.state, state) not in MOVES_OF_AGENCY:
        raise _not_moved(known, state)
    if state == REJECTED and not note:
        raise Refusal("no-reason", "a rejection says why (退回清单须说明原因)", "note", "",
                      "Say what the institution has to correct.")
    store.move(connection, region, known, state, told, note)
    return known


def _known(connection: Connection, region: str, which: tuple[str, str], institution: str) -> List:
    store.lock(connection, *which)
    known = store.newest(connection, region, *which)
    if known is None or institution not in ("", known.institution):
        raise unknown(which[1])
    return known


def unknown(setl_id: str) -> Refusal:
    """What is said of a settlement without a list, or with another institution's."""
    return Refusal("unknown-list", "no list of this settlement (未上传该结算的清单，请核对"
                   "人员编号和结算编号)", f"setl_id {setl_id[:30]}", "", "4101 uploads it.")


def _not_moved(known: List, state: str) -> Refusal:
    return Refusal("list-state", f"the list is in state {known.state}, not to be {state[:1]} "
                   f"(清单状态为{STATES_ZH[known.state]}，不能改为{STATES_ZH.get(state, '其他')})",
                   f"setl_id {known.setl_id}", "", "States and moves: docs/gateway.md.")


def month_of(text: str) -> tuple[str, str]:
    """First day of a month yyyyMM and of the next. Raises Declined `bad-date`."""
    if len(text) == 6 and text.isascii() and text.isdigit() and 1 <= int(text[4:]) <= 12 \
            and int(text[:4]):
        year, month = int(text[:4]), int(text[4:])
        following = (year + month // 12, month % 12 + 1)
        if following[0] <= date.max.year:
            return f"{year:04d}-{month:02d}-01", f"{following[0]:04d}-{following[1]:02d}-01"
    raise declined("bad-date", "清算年月应为 yyyyMM", "data.setl_ym")
