"""Sign-in and persons (签到、人员信息): 9001, 9002, 1101."""
from __future__ import annotations

from ...enrolment import PersonContext, in_force
from ...terms import STATUS_OF_CODE, status_of, STATUSES
from .. import persons, profile_store
from ..call import Answer, Call
from ..refusals import declined

PAUSED, NORMAL, ENDED = "2", "1", "4"


def sign_in(call: Call) -> Answer:
    """9001 签到: a number for the operator's later messages. It may be left out there."""
    opter_no = call.input.one("signIn").text("opter_no") or call.envelope.opter
    sign_no = f"SN{call.slot.digest.hex()[:26]}"
    at = call.at
    return Answer({"signinoutb": {"sign_time": call.now, "sign_no": sign_no}},
                  (lambda connection: profile_store.sign_in(
                      connection, sign_no, call.profile.code, opter_no, at),))


def sign_out(call: Call) -> Answer:
    """9002 签退; signing out twice is no fault."""
    sign_no = call.input.one("signOut").text("sign_no") or call.envelope.sign_no

    def write(connection: object) -> None:
        if not profile_store.sign_out(connection, sign_no, call.profile.code, call.at):
            raise declined("unknown-sign-in", "本机构没有此签到编号", f"sign_no {sign_no[:30]}")

    return Answer({"sign_time": {"sign_time": call.now}}, (write,))


def person(call: Call) -> Answer:
    """1101 人员信息获取: who it is, insured as what, with which identities, on a day."""
    row = call.input.one("data")
    psn_no = persons.find(call, row)
    found = persons.block(call, psn_no, row.text("certno") or row.text("mdtrt_cert_no"))
    persons.check_same(row, found)
    day = row.day("begntime") or call.today
    context = call.desk.platform.enrolment.context(call.region, psn_no)
    call.looked_at(psn_no, persons.IN_FULL)
    return Answer({
        "baseinfo": {**found, "age": persons.age_on(found["brdy"], day)},
        "insuinfo": [_insurance(call, context, one, day) for one in context.coverages
                     if one.first <= day],
        "idetinfo": [_identity(one) for one in context.statuses if one.first <= day]})


def _insurance(call: Call, context: PersonContext, coverage: object, day: str,
               ) -> dict[str, object]:
    """A row of insuinfo; a cover that waits or has ended is shown as such."""
    open_today = in_force(coverage.first, coverage.last, day)
    state = NORMAL if open_today and day >= coverage.benefits_from else (
        PAUSED if open_today else ENDED)
    return {"balc": "0.00", "insutype": coverage.insutype, "psn_type": context.psn_type,
            "psn_insu_stas": state, "psn_insu_date": coverage.first,
            "paus_insu_date": coverage.last, "cvlserv_flag": persons.cvlserv(context, day),
            "insuplc_admdvs": context.region, "emp_name": ""}


def _identity(status: object) -> dict[str, object]:
    """A row of idetinfo: the national code where the status has one, else its name in memo."""
    name = status_of(status.code)
    national = status.code if status.code in STATUS_OF_CODE else (
        STATUSES[name].national if name else "")
    return {"psn_idet_type": national or "60", "psn_type_lv": "",
            "memo": STATUSES[name].zh if name else status.code,
            "begntime": f"{status.first} 00:00:00",
            "endtime": f"{status.last} 23:59:59" if status.last else ""}


HANDLERS = {"9001": sign_in, "9002": sign_out, "1101": person}
