"""Stays (住院): 2401 to 2405, 2301 to 2305."""
from __future__ import annotations

from dataclasses import replace

from ...visits import Visit
from .. import fee_lines, persons, settling
from ..call import Answer, Asking, Call
from ..reading import Row
from ..refusals import declined
from ..registration import (changing, check_med_type, facts_of, merged, register, registering)
from ..settling import Bill
from .outpatient import nothing_left

KIND = "inpatient"
WHOLE = ""                     # a stay has no batches
MID_STAY = "1"


def admit(call: Call) -> Answer:
    """2401 入院办理."""
    row = call.input.one("mdtrtinfo")
    new, _ = register(call, row, KIND, row.need("med_type"), row.text("ipt_no"),
                      call.input.rows("diseinfo"))
    return Answer({"result": {"mdtrt_id": new.mdtrt_id}}, (registering(call, new),))


def discharge(call: Call) -> Answer:
    """2402 出院办理: the last day and the diagnoses of discharge."""
    visit, row = call.own_visit(KIND, ("open",)), call.input.one("dscginfo")
    end_at = row.moment("endtime") or call.now
    if end_at < visit.begin_at:
        raise declined("discharge-before-admission", "出院时间早于入院时间", "endtime")
    return Answer({}, (changing(
        call, visit, state="discharged", end_at=end_at, facts=facts_of(row),
        disease=row.text("dise_codg") or visit.disease,
        diagnoses=merged(visit.diagnoses, call.input.rows("diseinfo"))),))


def change(call: Call) -> Answer:
    """2403 住院信息变更: a diagnosis with a known diag_srt_no replaces the one there. Lines not
    settled yet are split anew where what the split asks has changed."""
    visit, row = call.own_visit(KIND, ("open",)), call.input.one("adminfo")
    med_type = row.text("med_type") or visit.med_type
    kind, begin_at = check_med_type(med_type), row.moment("begntime") or visit.begin_at
    if visit.batches and begin_at[:10] > min(one.first for one in visit.batches):
        raise declined("admission-after-charges", "入院日期晚于已上传费用的日期", "begntime")
    moved = med_type != visit.med_type or begin_at[:10] != visit.begin
    if moved and visit.standing() is not None:
        raise declined("settled-visit", f"已有中途结算 {visit.standing().setl_id}，请先撤销，再改"
                       "入院日期或医疗类别", f"mdtrt_id {visit.mdtrt_id}")
    if moved:
        persons.on_day(call, visit.psn_no, begin_at[:10])
        call.desk.platform.places.designated(call.region, call.profile.code, kind, begin_at[:10])
    changes = {"med_type": med_type, "begin_at": begin_at, "facts": facts_of(row),
               "case_no": row.text("ipt_otp_no") or visit.case_no,
               "disease": row.text("dise_codg") or visit.disease,
               "diagnoses": merged(visit.diagnoses, call.input.rows("diseinfo"))}
    after = replace(visit, **{name: value for name, value in changes.items() if name != "facts"})
    if visit.unsettled() is None \
            or fee_lines.circumstances(call, visit) == fee_lines.circumstances(call, after):
        return Answer({}, (changing(call, visit, **changes),))
    lines = fee_lines.split_anew(call, after)
    same = tuple(sum(column) for column in zip(*(one.parts for one in lines), strict=True)) \
        == visit.unsettled().parts
    return Answer({}, (lambda connection: call.desk.visits.split_anew(
        connection, call.region, visit, lines, **changes),),
        warning="" if same else "已上传费用按变更后的信息重新拆分，请重新预结算")


def cancel_admission(call: Call) -> Answer:
    """2404 入院撤销."""
    visit = call.own_visit(KIND, ("open",))
    nothing_left(visit)
    return Answer({}, (changing(call, visit, state="cancelled"),))


def cancel_discharge(call: Call) -> Answer:
    """2405 出院撤销: not while the whole stay is settled."""
    visit = call.own_visit(KIND, ("discharged",))
    if visit.unsettled() is None and visit.standing() is not None:
        raise declined("settled-visit", f"已结算，请先撤销结算 {visit.standing().setl_id}",
                       f"mdtrt_id {visit.mdtrt_id}")
    return Answer({}, (changing(call, visit, ("discharged",), state="open", end_at=None),))


def charge(call: Call) -> Answer:
    """2301 住院费用明细上传, in portions; a refund names its first line."""
    visit, rows = call.own_visit(KIND, ("open",)), call.input.rows("feedetail")
    lines, result = fee_lines.split_lines(call, visit, rows, WHOLE)
    return Answer({"result": result}, (lambda connection: call.desk.visits.charge(
        connection, call.region, visit, lines),))


def take_back_charges(call: Call) -> Answer:
    """2302 住院费用明细撤销: lines by number, 0000 for all that are not settled."""
    visit = call.own_visit(KIND)
    numbers = [row.need("feedetl_sn") for row in call.input.rows("data")]
    if not numbers:
        raise declined("missing-field", "缺少必填项 feedetl_sn", "data")
    return Answer({}, (lambda connection: call.desk.visits.void(
        connection, call.region, visit, "feedetl_sn", numbers),))


def _bill(call: Call, row: Row, settles: bool) -> tuple[Visit, Bill]:
    visit = call.own_visit(KIND)
    mid_stay = row.text("mid_setl_flag") == MID_STAY
    lines, parts, last = settling.unsettled(visit, WHOLE)
    if settles and not mid_stay and visit.state != "discharged":
        raise declined("not-discharged", "请先办理出院（2402），或按中途结算办理",
                       f"mdtrt_id {visit.mdtrt_id}")
    settling.check_stated(row, parts)
    end = visit.end or max(row.day("dscgTime") or call.today, last)
    if last > end:
        raise declined("line-outside-stay", f"有 {last} 的费用，晚于出院日期 {end}", "endtime")
    return visit, Bill(WHOLE, lines, parts, visit.begin, end, visit.med_type,
                       "mid_stay" if mid_stay else "on_the_spot")


def presettle(call: Call) -> Answer:
    """2303 住院预结算, at any time of the stay."""
    row = call.input.one()
    visit, bill = _bill(call, row, settles=False)
    return settling.presettle(call, visit, bill, row)


def settle(call: Call) -> Asking:
    """2304 住院结算, of the stay or (mid_setl_flag 1) of a portion."""
    row = call.input.one()
    visit, bill = _bill(call, row, settles=True)
    return settling.settle(call, visit, bill, row)


def cancel(call: Call) -> Answer:
    """2305 住院结算撤销."""
    visit = call.own_visit(KIND)
    return settling.cancel(call, visit, call.input.one().need("setl_id"))


HANDLERS = {"2401": admit, "2402": discharge, "2403": change, "2404": cancel_admission,
            "2405": cancel_discharge, "2301": charge, "2302": take_back_charges,
            "2303": presettle, "2304": settle, "2305": cancel}
