"""The person as the interface shows it (人员信息): found by a document, checked on a day."""
from __future__ import annotations

from collections.abc import Mapping

from ..enrolment import CERTIFICATE_KINDS, IdentityFault, PersonContext, insured, read_document
from ..terms import status_of
from .call import Call
from .reading import Row, moment_of
from .refusals import declined

IN_FULL = ("name", "certificate")
FULL_VIEW = "clerk"            # the role whose view has names and documents in full
INSURED, NOT_INSURED = "1", "0"
CIVIL_SERVANT = "civil_servant"


def find(call: Call, row: Row) -> str:
    """The number of the person a 1101 names. Raises Declined `unknown-person`."""
    number, kind = row.text("certno"), row.text("psn_cert_type", "01")
    if not number and row.text("mdtrt_cert_type") == "02":
        number, kind = row.need("mdtrt_cert_no"), "01"
    if not number:
        raise declined("unknown-person", "请提供证件号码；医保电子凭证和社保卡须由前置解码",
                       "certno")
    if kind not in CERTIFICATE_KINDS:
        raise declined("unknown-code", "证件类型代码有误", "psn_cert_type")
    try:
        document = read_document(kind, number)
    except IdentityFault as fault:
        raise declined(fault.code, fault.zh, "certno") from None
    psn_no = call.desk.platform.enrolment.find(call.region, document)
    if psn_no is None:
        raise declined("unknown-person", "本统筹区查无此参保人", "certno")
    return psn_no


def block(call: Call, psn_no: str) -> dict[str, str]:
    """Name, document, sex, birth of a person. Raises Declined `unknown-person`."""
    found = call.desk.platform.enrolment.views(call.region, [psn_no], FULL_VIEW)
    if not found:
        raise declined("unknown-person", "查无此人", f"psn_no {psn_no[:30]}")
    person = found[0]
    documents = person["certificates"] or [{"psn_cert_type": "99", "certno": ""}]
    return {"psn_no": psn_no, "psn_name": person["psn_name"], "gend": person["gend"],
            "brdy": person["brdy"], "psn_type": person["psn_type"], "naty": "",
            **{name: documents[0][name] for name in ("psn_cert_type", "certno")}}


def on_day(call: Call, psn_no: str, day: str) -> dict[str, str]:
    """The block with the insurance of a day. Raises what `insured` refuses."""
    context = call.desk.platform.enrolment.context(call.region, psn_no)
    coverage = insured(context, day)
    return {**block(call, psn_no), "insutype": coverage.insutype,
            "cvlserv_flag": cvlserv(context, day)}


def check_same(row: Row, person: Mapping[str, str]) -> None:
    """Name and document of a message against ours. Raises Declined `person-differs`."""
    for name in ("psn_name", "certno"):
        given = row.text(name)
        if given and person[name] and given.upper() != person[name].upper():
            raise declined("person-differs", "与参保信息不一致，请重新获取人员信息", name)


def cvlserv(context: PersonContext, day: str) -> str:
    """cvlserv_flag: whether a status of the day is that of civil servants."""
    return "1" if any(status_of(one.code) == CIVIL_SERVANT and one.first <= day
                      for one in context.statuses) else "0"


def age_on(born: str, day: str) -> str:
    """Completed years on a day, "" when the birth is unknown."""
    born_on, on = moment_of(born), moment_of(day)
    if born_on is None or on is None:
        return ""
    return str(on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day)))
