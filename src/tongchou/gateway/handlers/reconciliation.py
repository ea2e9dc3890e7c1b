"""Reconciliation (对账): 3201 totals, 3202 details."""
from __future__ import annotations

from ...settlement import local_time
from .. import exchange, reconciling
from ..call import Answer, Call

TOLD_MAX = 200


def totals(call: Call) -> Answer:
    """3201 医药机构费用结算对总账: even, or what differs."""
    row = call.input.one()
    count, sums = reconciling.totals(reconciling.entries(call, row, *reconciling.period(row)))
    said = reconciling.differences(row, count, sums)
    return Answer({"stmtinfo": {
        "setl_optins": row.text("setl_optins") or call.region,
        "stmt_rslt": reconciling.UNEVEN if said else reconciling.EVEN,
        "stmt_rslt_dscr": "；".join(said)[:TOLD_MAX] or "平"}})


def details(call: Call) -> Answer:
    """3202 医药机构费用结算对明细账: an uploaded file in, a file with the result of each row."""
    row = call.input.one()
    since, until = reconciling.period(row)
    sent = reconciling.sent_rows(exchange.kept(call, row.need("file_qury_no")))
    result = reconciling.compared(sent, reconciling.entries(call, row, since, until))
    stated = reconciling.differences(row, len(sent), {
        name: sum(one.fen.get(name, 0) for one in sent) if name in reconciling.COMPARED
        else row.fen(name) for name in reconciling.AMOUNTS})
    filename = f"3202_{call.profile.code}_{local_time(since)[:10]}.txt"
    content = exchange.packed(filename, result)
    return Answer({"fileinfo": {
        "file_qury_no": exchange.number_of(call), "filename": f"{filename}.zip",
        "dld_end_time": local_time(exchange.until(call))}},
        (exchange.keeping(call, f"{filename}.zip", "result", content),),
        warning=f"所报总额与文件不一致：{stated[0]}"[:TOLD_MAX].replace("中心", "文件")
        if stated else "")


HANDLERS = {"3201": totals, "3202": details}
