"""Outpatient visits (门诊): 2201 to 2208, 2203A."""
from __future__ import annotations

from ...visits import Visit
from .. import fee_lines, prescribing, settling
from ..call import Answer, Asking, Call
from ..reading import Row
from ..refusals import declined
from ..registration import (changing, check_med_type, facts_of, merged, register, registering)
from ..settling import Bill

KIND = "outpatient"


def open_visit(call: Call) -> Answer:
    """2201 门诊挂号."""
    row = call.input.one()
    new, _ = register(call, row, KIND, case_no=row.text("ipt_otp_no"))
    return Answer({"data": {"mdtrt_id": new.mdtrt_id, "psn_no": new.psn_no,
                            "ipt_otp_no": new.case_no}}, (registering(call, new),))


def close_visit(call: Call) -> Answer:
    """2202 门诊挂号撤销: nothing may be charged or settled any more."""
    visit = call.own_visit(KIND, ("open",))
    nothing_left(visit)
    return Answer({}, (changing(call, visit, state="cancelled"),))


def nothing_left(visit: Visit) -> None:
    """Raises Declined `settled-visit`, `charged-visit`."""
    standing = visit.standing()
    if standing is not None:
        raise declined("settled-visit", f"已结算，请先撤销结算 {standing.setl_id}",
                       f"mdtrt_id {visit.mdtrt_id}")
    if visit.unsettled() is not None:
        raise declined("charged-visit", "还有未撤销的费用明细，请先撤销明细",
                       f"mdtrt_id {visit.mdtrt_id}")


def describe(call: Call) -> Answer:
    """2203, 2203A 门诊就诊信息上传: one kind of visit, the diagnoses."""
    visit, row = call.own_visit(KIND, ("open",)), call.input.one("mdtrtinfo")
    med_type = row.need("med_type")
    check_med_type(med_type)
    if visit.med_type and visit.med_type != med_type and visit.batches:
        raise declined("other-visit-kind", f"本次就诊已按医疗类别 {visit.med_type} 上传费用，"
                       "一次就诊只能有一个医疗类别", "med_type")
    return Answer({}, (changing(
        call, visit, med_type=med_type, begin_at=row.moment("begntime") or visit.begin_at,
        disease=row.text("dise_codg"), facts=facts_of(row),
        diagnoses=merged(visit.diagnoses, call.input.rows("diseinfo"))),))


def charge(call: Call) -> Answer:
    """2204 门诊费用明细上传: the split of every line."""
    visit, rows = call.own_visit(KIND, ("open",)), call.input.rows("feedetail")
    prescribing.check_flow(call, visit.psn_no, rows)
    lines, result = fee_lines.split_lines(call, visit, rows)
    for batch in {one.chrg_bchno for one in lines}:
        standing = visit.standing(batch)
        if standing is not None:
            raise declined("settled-batch", f"收费批次 {batch} 已结算（{standing.setl_id}），"
                           "请使用新的批次号", "chrg_bchno")
    return Answer({"result": result}, (lambda connection: call.desk.visits.charge(
        connection, call.region, visit, lines),))


def take_back_charges(call: Call) -> Answer:
    """2205 门诊费用明细撤销: a batch, or 0000 for all that is not settled."""
    visit, row = call.own_visit(KIND), call.input.one()
    batch = row.need("chrg_bchno")
    return Answer({}, (lambda connection: call.desk.visits.void(
        connection, call.region, visit, "chrg_bchno", [batch]),))


def _bill(call: Call, row: Row) -> tuple[Visit, Bill]:
    visit, batch = call.own_visit(KIND, ("open",)), row.need("chrg_bchno")
    lines, parts, last = settling.unsettled(visit, batch)
    med_type = visit.med_type or row.need("med_type")
    if row.text("med_type", med_type) != med_type:
        raise declined("other-visit-kind", f"与就诊信息上传的医疗类别 {med_type} 不一致",
                       "med_type")
    check_med_type(med_type)
    settling.check_stated(row, parts)
    return visit, Bill(batch, lines, parts, visit.begin, max(last, visit.begin), med_type)


def presettle(call: Call) -> Answer:
    """2206 门诊预结算."""
    row = call.input.one()
    visit, bill = _bill(call, row)
    return settling.presettle(call, visit, bill, row)


def settle(call: Call) -> Asking:
    """2207 门诊结算."""
    row = call.input.one()
    visit, bill = _bill(call, row)
    return settling.settle(call, visit, bill, row)


def cancel(call: Call) -> Answer:
    """2208 门诊结算撤销."""
    visit = call.own_visit(KIND)
    return settling.cancel(call, visit, call.input.one().need("setl_id"))


HANDLERS = {"2201": open_visit, "2202": close_visit, "2203": describe, "2203A": describe,
            "2204": charge, "2205": take_back_charges, "2206": presettle, "2207": settle,
            "2208": cancel}
