"""Queries of visits (就诊查询): 5101, 5102, 5201 to 5204. An institution sees its own visits."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ...settlement import local_time
from ...settlement.catalogue import KINDS, Catalogue, Item
from ...visits import KeptSettlement, Visit
from ...visits import store as visit_store
from .. import fee_lines, persons
from ..call import Answer, Call
from ..reading import Row, day_of
from ..refusals import declined
from ..settling import negatives
from .entitlement import level_of

NAMED_DAYS = 366               # how far back departments and doctors are gathered
DOCTOR = "1"
IN_HOSPITAL, GONE = "1", "0"
AT_INSTITUTION = "2"           # pay_loc 医疗机构
INTO, OUT_OF = "1", "2"        # inout_diag_type
GATHERED = "由本机构一年内上传的就诊信息归纳，未建机构科室和人员库"
DEPARTMENTS = (("dept_code", "dept_name", "caty"), ("adm_dept_codg", "adm_dept_name", "caty"))
DOCTORS = (("atddr_no", "dr_name"), ("atddr_no", "chfpdr_name"))


def _gathered(call: Call, field_sets: tuple[tuple[str, ...], ...]) -> dict[str, tuple[str, ...]]:
    """code -> (name, ..., first day) of what the institution's own visits have named."""
    since = local_time(call.at - timedelta(days=NAMED_DAYS))
    found: dict[str, tuple[str, ...]] = {}
    with call.desk.platform.database.connection() as connection:
        for fields in field_sets:
            for code, *rest in visit_store.named_by(connection, call.profile.code, since, fields):
                if rest[0]:
                    found.setdefault(code, tuple(rest))
    return found


def departments(call: Call) -> Answer:
    """5101 科室信息查询."""
    return Answer({"feedetail": [
        {"hosp_dept_codg": code, "hosp_dept_name": name, "caty": caty or "", "begntime": first,
         "poolarea_no": call.region} for code, (name, caty, first)
        in sorted(_gathered(call, DEPARTMENTS).items())]}, warning=GATHERED)


def practitioners(call: Call) -> Answer:
    """5102 医执人员信息查询: doctors by code or name."""
    row = call.input.one()
    code, name = row.text("prac_psn_code"), row.text("prac_psn_name")
    found = _gathered(call, DOCTORS) if row.text("prac_psn_type", DOCTOR) == DOCTOR else {}
    return Answer({"feedetail": [
        {"prac_psn_code": one, "prac_psn_no": one, "prac_psn_name": said[0],
         "prac_psn_type": DOCTOR, "hi_dr_flag": "1", "begntime": said[-1]}
        for one, said in sorted(found.items())
        if code in ("", one) and name in ("", said[0])]}, warning=GATHERED)


# --- visits ---------------------------------------------------------------------------------------
def span_of(call: Call, row: Row) -> tuple[str, str]:
    """begntime and endtime of a query as moments; a day is whole. Raises Declined
    `dates-out-of-order`."""
    first, last = row.moment("begntime") or f"{call.today}T00:00:00", row.moment("endtime")
    last = last or call.now
    if last.endswith("00:00:00"):
        last = f"{last[:10]}T23:59:59"
    if last < first:
        raise declined("dates-out-of-order", "结束时间早于开始时间", "endtime")
    return first, last


def visits(call: Call) -> Answer:
    """5201 就诊信息查询: a person's visits here that began in a time."""
    row = call.input.one()
    psn_no, med_type, wanted = row.need("psn_no"), row.text("med_type"), row.text("mdtrt_id")
    with call.desk.platform.database.connection() as connection:
        found = visit_store.visits_of(connection, call.region, call.profile.code,
                                      *span_of(call, row), psn_no,
                                      {"med_type": med_type} if med_type else {})
    call.looked_at(psn_no, persons.IN_FULL)
    return Answer({"mdtrtinfo": [_visit_row(call, one) for one in found
                                 if one.state != "cancelled" and wanted in ("", one.mdtrt_id)]})


def _visit_row(call: Call, visit: Visit) -> dict[str, object]:
    person, facts = call.person_of(visit), visit.facts
    inpatient = visit.kind == "inpatient"
    return {**facts, **person, "mdtrt_id": visit.mdtrt_id, "insutype": visit.insutype,
            "age": persons.age_on(person["brdy"], visit.begin), "med_type": visit.med_type,
            "insu_optins": call.region, "begntime": visit.begin_at,
            "endtime": visit.end_at or ("" if inpatient else visit.begin_at),
            "ipt_otp_no": visit.case_no, "dise_codg": visit.disease,
            "adm_dept_codg": facts.get("adm_dept_codg") or facts.get("dept_code"),
            "adm_dept_name": facts.get("adm_dept_name") or facts.get("dept_name"),
            "inhosp_stas": IN_HOSPITAL if inpatient and visit.state == "open" else GONE,
            "ipt_days": _days(visit) if inpatient else ""}


def _days(visit: Visit) -> str:
    if not visit.end:
        return ""
    return str(max((day_of(visit.end) - day_of(visit.begin)).days, 1))


def diagnoses(call: Call) -> Answer:
    """5202 诊断信息查询."""
    visit = call.own_visit()
    return Answer({"diseinfo": [
        {**one, "diag_info_id": f"{visit.mdtrt_id[-20:]}-{one.get('diag_type', '')}-"
         f"{one.get('diag_srt_no', '')}"[:30], "mdtrt_id": visit.mdtrt_id, "psn_no": visit.psn_no,
         "inout_diag_type": OUT_OF if visit.state == "discharged" else INTO,
         "maindiag_flag": one.get("maindiag_flag") or ("1" if place == 0 else "0")}
        for place, one in enumerate(visit.diagnoses)]})


# --- settlements ----------------------------------------------------------------------------------
def _settlement(call: Call) -> tuple[Visit, KeptSettlement, bool]:
    """The settlement a message names by its own number or that of its cancellation.

    Raises Declined `unknown-settlement`."""
    visit, number = call.own_visit(), call.input.one().need("setl_id")
    for one in visit.settlements:
        if number in (one.setl_id, one.reversal_id) and one.answer:
            return visit, one, number == one.reversal_id
    raise declined("unknown-settlement", "本次就诊无此结算，请核对结算编号",
                   f"setl_id {number[:30]}")


def settlement(call: Call) -> Answer:
    """5203 结算信息查询; by the number of a cancellation its negative amounts."""
    visit, kept, is_reversal = _settlement(call)
    person = call.person_of(visit)
    answer = kept.answer if not is_reversal else {
        **(found := negatives(call, kept)), "setlinfo": {
            **found["setlinfo"], "setl_time": local_time(datetime.fromisoformat(
                str(kept.reversed_at)))}}
    info = answer["setlinfo"]
    institution = call.desk.platform.places.institution(call.region, visit.institution,
                                                        visit.begin)[0]
    last = visit.end or str(info["setl_time"])[:10]
    return Answer({"setlinfo": {
        **person, **info, "age": persons.age_on(person["brdy"], last),
        "insu_optins": call.region, "pay_loc": AT_INSTITUTION,
        "fixmedins_code": visit.institution, "fixmedins_name": institution.name,
        "hosp_lv": level_of(institution), "fixmedins_poolarea": call.profile.region,
        "begndate": visit.begin, "enddate": last, "psn_pay": info["psn_part_amt"],
        "cash_payamt": info["psn_cash_pay"], "refd_setl_flag": "1" if is_reversal else "0",
        "year": last[:4], "dise_codg": visit.disease,
        "opt_time": info["setl_time"]}, "setldetail": answer["setldetail"]})


def lines(call: Call) -> Answer:
    """5204 费用明细查询: the lines a settlement took, with their split."""
    visit, kept, is_reversal = _settlement(call)
    where = visit_store.place(call.region, visit.psn_no, visit.mdtrt_id)
    with call.desk.platform.database.connection() as connection:
        found = visit_store.lines(connection, where, settled=True)
        catalogue = call.desk.platform.catalogues.of(connection, call.region)
    found.sort(key=lambda one: (one[3]["fee_ocur_time"], one[0].zfill(30)))
    return Answer({".": [line_row(call, catalogue, visit.med_type, sent, split)
                         | {"mdtrt_id": visit.mdtrt_id, "setl_id": setl_id}
                         for _, _, setl_id, sent, split in found if setl_id == kept.setl_id]},
                  warning="该结算已撤销，明细已恢复为未结算" if is_reversal or kept.reversed_at
                  else "")


def line_row(call: Call, catalogue: Catalogue, med_type: str, sent: Mapping[str, str],
             split: Mapping[str, object]) -> dict[str, object]:
    """A stored line with its split under the national names."""
    line = fee_lines.kept_line(call.region, split)
    code = line.line.med_list_codg
    item = catalogue.item(code, line.line.day)
    name = item.name if item else line.line.name
    found = fee_lines.result_row(Row(sent), line)
    return {**sent, **found, "med_type": med_type, "pric": sent.get("pric"),
            "rx_drord_no": sent.get("rxno") or sent.get("drord_no"),
            "hilist_code": code, "hilist_name": name, "medins_list_name": line.line.name or name,
            "list_type": list_type(code, item)}


def list_type(code: str, item: Item | None = None) -> str:
    """list_type of an item; where the catalogue does not tell, by the shape of its national code.
    """
    if item is not None and item.kind in KINDS:
        return KINDS[item.kind].national
    return KINDS[SHAPES.get(code[:1].upper(), "service")].national


SHAPES = {"X": "drug", "Z": "drug", "T": "herbal_pieces", "C": "consumable"}
HANDLERS = {"5101": departments, "5102": practitioners, "5201": visits, "5202": diagnoses,
            "5203": settlement, "5204": lines}
