"""The centre's side of reconciliation (对账): what an institution was answered, row by row.

A settlement is a plus row on the day of its setl_time, its cancellation a minus row on its own day.
What was never told to anybody counts for neither side, and neither does what the institution took
back by 2601: it then says that it has not got it.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from ..money import parse_yuan, yuan_text
from ..visits import store as visit_store
from . import exchange, message_store
from .call import Call
from .envelope import CHINA
from .reading import Row, plain_number
from .refusals import declined

DAYS_MAX = 92
EVEN, UNEVEN = "0", "1"                # stmt_rslt
REFUND, SETTLEMENT = "1", "0"          # refd_setl_flag
AMOUNTS = {"medfee_sumamt": "医疗费总额", "fund_pay_sumamt": "基金支付总额",
           "acct_pay": "个人账户支付", "cash_payamt": "现金支付"}
SENT_COLUMNS = ("setl_id", "mdtrt_id", "psn_no", "medfee_sumamt", "fund_pay_sumamt", "acct_pay",
                "refd_setl_flag")
COMPARED = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")


class Entry(NamedTuple):
    """A row of the centre: amounts in fen, of a refund negative. `numbers`: under which setl_id
    the institution may have it."""

    numbers: tuple[str, ...]
    refund: str
    mdtrt_id: str
    psn_no: str
    msgid: str
    insutype: str
    clr_type: str
    clr_optins: str
    fen: Mapping[str, int]


def period(row: Row) -> tuple[datetime, datetime]:
    """[first midnight, midnight after the last day) of a message. Raises Declined `bad-date`."""
    first, last = (date.fromisoformat(row.day(name) or row.need(name))
                   for name in ("stmt_begndate", "stmt_enddate"))
    if not first <= last < first + timedelta(days=DAYS_MAX):
        raise declined("bad-date", f"对账日期有误，一次至多 {DAYS_MAX} 天", "stmt_enddate")
    return midnight(first), midnight(last + timedelta(days=1))


def midnight(day: date) -> datetime:
    """The beginning of a civil day in China."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def entries(call: Call, row: Row, since: datetime, until: datetime) -> list[Entry]:
    """The rows a message asks about: of its days, insurance, clearing class and agency."""
    with call.desk.platform.database.connection() as connection:
        found = visit_store.settlements_of(connection, call.profile.code, since, until)
        back = message_store.taken_back(connection, call.profile.code, since)
    wanted = {"insutype": row.text("insutype"), "clr_type": row.text("clr_type"),
              "clr_optins": row.text("setl_optins") or row.text("clr_optins"),
              "refund": row.text("refd_setl_flag")}
    return [entry for one in found for entry in _rows(one, since, until, back)
            if all(not value or getattr(entry, name) == value for name, value in wanted.items())]


def _rows(one: Sequence[object], since: datetime, until: datetime,
          back: set[tuple[str, str, str]]) -> Iterable[Entry]:
    """The plus row and the minus row of a settlement, where they fall into the period."""
    (psn_no, setl_id, mdtrt_id, infno, msgid, answer, setl_at, reversed_at, reversal_id,
     reversal_msgid) = one
    if not answer or (reversed_at is not None and (psn_no, msgid, infno) in back):
        return
    info = answer["setlinfo"]
    fen = {name: parse_yuan(str(info[name])) for name in COMPARED}
    fen["cash_payamt"] = parse_yuan(str(info["psn_cash_pay"]))
    kinds = info["insutype"], info["clr_type"], info["clr_optins"]
    if since <= setl_at < until:
        yield Entry((setl_id,), SETTLEMENT, mdtrt_id, psn_no, msgid, *kinds, fen)
    if reversed_at is not None and since <= reversed_at < until:
        yield Entry((reversal_id, setl_id), REFUND, mdtrt_id, psn_no, reversal_msgid or "", *kinds,
                    {name: -amount for name, amount in fen.items()})


def totals(found: Iterable[Entry]) -> tuple[int, dict[str, int]]:
    """How many rows, and their sums in fen."""
    count, sums = 0, dict.fromkeys(AMOUNTS, 0)
    for entry in found:
        count += 1
        for name in sums:
            sums[name] += entry.fen[name]
    return count, sums


def differences(row: Row, count: int, sums: Mapping[str, int]) -> list[str]:
    """What of a message's totals is not as the centre has it, in 中文; amounts it leaves out are
    not compared. Raises Declined `bad-amount`."""
    said = []
    stated = row.text("fixmedins_setl_cnt")
    try:
        if stated and int(plain_number(stated)) != count:
            said.append(f"笔数 机构 {stated} 中心 {count}")
    except (ArithmeticError, ValueError):
        raise declined("bad-amount", "笔数应为整数", "fixmedins_setl_cnt") from None
    for name, zh in AMOUNTS.items():
        if row.text(name) and row.fen(name) != sums[name]:
            said.append(f"{zh} 机构 {yuan_text(row.fen(name))} 中心 {yuan_text(sums[name])}")
    return said


# --- details ------------------------------------------------------------------------------------
class Sent(NamedTuple):
    """A row the institution sent; amounts in fen."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    refund: str
    fen: Mapping[str, int]


def sent_rows(content: bytes) -> list[Sent]:
    """The rows of an uploaded file. Raises Declined `bad-file` with the line."""
    found = []
    for number, values in exchange.rows_of(content):
        if values[0].lower() == "setl_id":
            continue                   # a heading, which the standard has not
        row = Row(zip(SENT_COLUMNS, values, strict=False))
        row.where = f"第 {number} 行"
        if len(values) < len(SENT_COLUMNS) - 1:
            raise declined("bad-file", f"应有 {len(SENT_COLUMNS)} 列（TAB 分隔）", row.where)
        fen = {name: row.fen(name) for name in COMPARED}
        flag = row.text("refd_setl_flag") or (REFUND if fen["medfee_sumamt"] < 0 else SETTLEMENT)
        found.append(Sent(row.need("setl_id"), row.text("mdtrt_id"), row.text("psn_no"), flag,
                          fen))
    return found


def compared(sent: Iterable[Sent], centre: Sequence[Entry]) -> list[tuple[str, ...]]:
    """The result: every row that was sent, then what only the centre has (with empty setl_id and
    mdtrt_id). Columns: psn_no, mdtrt_id, setl_id, msgid, stmt_rslt, refd_setl_flag, memo,
    medfee_sumamt, fund_pay_sumamt, acct_pay; amounts are the centre's where it has the row."""
    by_number = {(number, entry.refund): entry for entry in centre for number in entry.numbers}
    seen: set[tuple[str, str]] = set()
    rows = []
    for one in sent:
        entry = by_number.get((one.setl_id, one.refund))
        memo = _memo(one, entry, seen)
        if entry is not None:
            seen.add((entry.numbers[0], one.refund))
        rows.append(_result(one.psn_no, one.mdtrt_id, one.setl_id, entry.msgid if entry else "",
                            one.refund, memo, entry.fen if entry else one.fen))
    return rows + [_result(entry.psn_no, "", "", entry.msgid, entry.refund,
                           f"中心有，机构无：结算编号 {entry.numbers[0]}", entry.fen)
                   for entry in centre if (entry.numbers[0], entry.refund) not in seen]


def _memo(one: Sent, entry: Entry | None, seen: set[tuple[str, str]]) -> str:
    """What is wrong with a row, "" when nothing is."""
    if entry is None:
        return "机构有，中心无（本次对账范围内）"
    if (entry.numbers[0], one.refund) in seen:
        return "机构重复上报"
    said = [f"{AMOUNTS[name]} 机构 {yuan_text(one.fen[name])} 中心 {yuan_text(entry.fen[name])}"
            for name in COMPARED if one.fen[name] != entry.fen[name]]
    said += [f"{name} 与中心不一致" for name in ("mdtrt_id", "psn_no")
             if getattr(one, name) and getattr(one, name) != getattr(entry, name)]
    return "；".join(said)


def _result(psn_no: str, mdtrt_id: str, setl_id: str, msgid: str, refund: str, memo: str,
            fen: Mapping[str, int]) -> tuple[str, ...]:
    show: Callable[[int], str] = yuan_text
    return (psn_no, mdtrt_id, setl_id, msgid, UNEVEN if memo else EVEN, refund, memo[:500],
            *(show(fen[name]) for name in COMPARED))
