"""Institutions and entitlement (机构、待遇): 1201, 2001."""
from __future__ import annotations

from ...enrolment import (Coverage, Designation, Institution, area_store, chronic_on, in_force,
                          insured)
from ...errors import Refusal
from ...money import parse_yuan
from ...terms import FUNDS, INSURANCE
from .. import money
from ..call import Answer, Call
from ..reading import Row
from ..refusals import declined, err_msg
from ..registration import check_med_type
from ..settling import MED_TYPE_AS

HOSPITAL, DRUGSTORE = "1", "2"         # fixmedins_type
DISPENSING = "dispensing"
LISTED_MAX = 20
# hosp_lv of our levels: the national table adds the grade, which we do not hold (12: 三级无等 ...).
HOSPITAL_LEVELS = {"3": "12", "2": "13", "1": "14"}
UNRATED = "11"
ENJOYED, NOT_ENJOYED, FUND_CHECK = "1", "0", "01"
# What is asked of the rules on trial: so large a bill that every fund that would pay does.
TRIAL_FEN = 10 ** 7
CHRONIC_VISIT = "chronic_outpatient"


def institution(call: Call) -> Answer:
    """1201 医药机构信息获取, by code or by its whole name."""
    row = call.input.one("medinsinfo")
    code, name = row.text("fixmedins_code"), row.text("fixmedins_name")
    if not code and not name:
        raise declined("missing-field", "请提供机构编号或机构名称", "fixmedins_code")
    found, kinds = _by_code(call, code) if code else _by_name(call, name)
    if name and found.name != name:
        raise declined("institution-differs", f"该编号的机构是 {found.name[:40]}",
                       "fixmedins_name")
    sort = DRUGSTORE if kinds == {DISPENSING} else HOSPITAL
    if row.text("fixmedins_type", sort) != sort and sort == DRUGSTORE:
        raise declined("unknown-institution", "该类型下无此机构", "fixmedins_type")
    return Answer({"medinsinfo": {"fixmedins_code": found.code, "fixmedins_name": found.name,
                                  "uscc": "", "fixmedins_type": sort, "hosp_lv": level_of(found)}})


def level_of(found: Institution) -> str:
    """hosp_lv of an institution, without a grade."""
    return HOSPITAL_LEVELS.get(found.level, UNRATED)


def _by_code(call: Call, code: str) -> tuple[Institution, set[str]]:
    found, designations = call.desk.platform.places.institution(call.region, code, call.today)
    return found, _kinds(designations)


def _kinds(designations: tuple[Designation, ...]) -> set[str]:
    return {one.kind for one in designations}


def _by_name(call: Call, name: str) -> tuple[Institution, set[str]]:
    wanted = area_store.Wanted(call.today, name=name)
    found = [(one, set(kinds)) for one, kinds in call.desk.platform.enrolment.institutions(
        call.region, wanted, LISTED_MAX) if one.name == name]
    if len(found) != 1:
        raise declined("unknown-institution", "有多家机构同名，请提供机构编号" if found
                       else "查无此机构，请提供完整名称或机构编号", "fixmedins_name")
    return found[0]


# --- entitlement ----------------------------------------------------------------------------------
def entitlement(call: Call) -> Answer:
    """2001 人员待遇享受检查: fund by fund, whether it would pay on a visit, or why none would.

    The rules themselves answer: a trial bill is presettled, which leaves no trace.
    """
    row = call.input.one()
    psn_no, med_type = row.need("psn_no"), row.need("med_type")
    visit, day = check_med_type(med_type), row.day("begntime") or call.today
    code = row.text("fixmedins_code") or call.profile.code
    if code != call.profile.code:
        raise declined("not-own-institution", "只能检查在本机构的待遇", "fixmedins_code")
    context = call.desk.platform.enrolment.context(call.region, psn_no)
    try:
        coverage = insured(context, day)
        if row.text("insutype", coverage.insutype) != coverage.insutype:
            raise declined("other-insurance", f"险种不符：当日参保险种为 {coverage.insutype}",
                           "insutype")
        disease = row.text("dise_codg")
        if visit == CHRONIC_VISIT and not _certified(context, disease, day):
            raise declined("no-chronic-certificate", "当日无该病种的门诊慢特病资格", "dise_codg")
        return Answer({"trtinfo": _funds(call, row, coverage, day)})
    except Refusal as refusal:
        if refusal.code == "unknown-person":
            raise
        return Answer({"trtinfo": [_line(psn_no, _basic_fund(row), NOT_ENJOYED, day, "",
                                         err_msg(refusal, call.desk.sentences))]})


def _basic_fund(row: Row) -> str:
    """fund_pay_type of the basic fund a refusal speaks of."""
    employees = row.text("insutype") == INSURANCE["employees"].national
    return FUNDS["employees_basic" if employees else "residents_basic"].fund_pay_type


def _certified(context: object, disease: str, day: str) -> bool:
    """Whether a person holds the certificate of a disease, or of any where none is named."""
    if disease:
        return chronic_on(context, disease, day) is not None
    return any(in_force(one.first, one.last, day) for one in context.chronic)


def _funds(call: Call, row: Row, coverage: Coverage, day: str) -> list[dict[str, str]]:
    """A row for every fund of the rules: whether it pays of the trial bill."""
    asked = {"region": call.region, "psn_no": row["psn_no"],
             "mdtrt_id": f"2001{call.slot.digest.hex()[:20]}",
             "med_type": MED_TYPE_AS.get(row["med_type"], row["med_type"]),
             "fixmedins_code": call.profile.code, "begndate": day, "enddate": day,
             "insutype": coverage.insutype, "kind": "on_the_spot",
             **money.part_fields((0, 0, 0, TRIAL_FEN))}
    if row.text("dise_codg"):
        asked["dise_codg"] = row["dise_codg"]
    answer = call.desk.platform.presettle(asked, who=call.who)
    pack = call.desk.platform.regimes.pack(answer["pack_hash"])
    paid: dict[str, bool] = {}
    for fund, kind in pack.funds.items():
        if kind.fund_pay_type and kind != FUNDS["hospital"]:
            pays = parse_yuan(answer["this_settlement"]["funds"].get(fund, "0")) > 0
            paid[kind.fund_pay_type] = paid.get(kind.fund_pay_type, False) or pays
    return [_line(row["psn_no"], kind, ENJOYED if pays else NOT_ENJOYED, day,
                  coverage.last, "" if pays else "按当前身份和累计，本次不由该基金支付")
            for kind, pays in paid.items()]


def _line(psn_no: str, fund: str, flag: str, first: str, last: str, why: str) -> dict[str, str]:
    return {"psn_no": psn_no, "trt_chk_type": FUND_CHECK, "fund_pay_type": fund,
            "trt_enjymnt_flag": flag, "begndate": first, "enddate": last, "trt_chk_rslt": why}


HANDLERS = {"1201": institution, "2001": entitlement}
