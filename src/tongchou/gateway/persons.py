"""The person as the interface shows it (人员信息): found by a document, checked on a day."""
from __future__ import annotations

from collections.abc import Mapping

from ..enrolment import (CERTIFICATE_KINDS, Document, IdentityFault, PersonContext, insured,
                         read_document)
from ..terms import status_of
from .call import Call
from .reading import Row, moment_of
from .refusals import Declined, declined

IN_FULL = ("name", "certificate")
FULL_VIEW = "clerk"            # the role whose view has names and documents in full
INSURED, NOT_INSURED = "1", "0"
CIVIL_SERVANT = "civil_servant"
RESIDENT, CARD = "01", "90"
TELLING = ("01", "07", "17")   # kinds whose number has birth, sex and a check digit in it
# mdtrt_cert_type -> the kinds of document its number may be. 01, the token of the electronic
# credential, is decoded only by the credential's own centre: it comes with certno.
SHOWN_AS = {"02": (RESIDENT,), "03": (CARD, RESIDENT)}


def find(call: Call, row: Row) -> str:
    """The number of the person a 1101 names: by the document it gives, else by the certificate of
    the visit. A document whose number tells nothing of its holder needs the name too.

    Raises Declined `unknown-person`, `unknown-code`, `missing-field` and the faults of a document.
    """
    places = _documents(row)
    if not places:
        raise declined("unknown-person", "请提供证件类型和证件号码：医保电子凭证令牌、社保卡"
                       "由前置解码后随证件号码上传", "certno")
    faults: list[Declined] = []
    for kind, number, field in places:
        try:
            document = _document(kind, number, field)
        except Declined as wrong:
            faults.append(wrong)
            continue
        psn_no = call.desk.platform.enrolment.find(call.region, document)
        if psn_no is not None:
            if kind not in TELLING and not row.text("psn_name"):
                raise declined("missing-field", "此类证件须同时提供姓名", "psn_name")
            return psn_no
    if len(faults) == len(places):
        raise faults[0]
    raise declined("unknown-person", "本统筹区查无此参保人", places[0][2])


def _documents(row: Row) -> list[tuple[str, str, str]]:
    """(kind, number, field) of the documents a message gives, in the order they are tried. A social
    security card counts by its own number, or by the resident's number it often carries."""
    found = []
    if row.text("certno"):
        found.append((row.text("psn_cert_type", RESIDENT), row["certno"], "certno"))
    shown, number = row.text("mdtrt_cert_type"), row.text("mdtrt_cert_no")
    if number and not found:
        found += [(kind, number, "mdtrt_cert_no") for kind in SHOWN_AS.get(shown, ())]
    return found


def _document(kind: str, number: str, field: str) -> Document:
    if kind not in CERTIFICATE_KINDS:
        raise declined("unknown-code", "证件类型代码有误", "psn_cert_type")
    try:
        return read_document(kind, number)
    except IdentityFault as fault:
        raise declined(fault.code, fault.zh, field) from None


def block(call: Call, psn_no: str, certno: str = "") -> dict[str, str]:
    """Name, document, sex, birth of a person; of several documents the one a message names, else
    the first. Raises Declined `unknown-person`."""
    found = call.desk.platform.enrolment.views(call.region, [psn_no], FULL_VIEW)
    if not found:
        raise declined("unknown-person", "查无此人", f"psn_no {psn_no[:30]}")
    person = found[0]
    documents = person["certificates"] or [{"psn_cert_type": "99", "certno": ""}]
    shown = next((one for one in documents if one["certno"].upper() == certno.upper()),
                 documents[0])
    return {"psn_no": psn_no, "psn_name": person["psn_name"], "gend": person["gend"],
            "brdy": person["brdy"], "psn_type": person["psn_type"], "naty": "",
            **{name: shown[name] for name in ("psn_cert_type", "certno")}}


def on_day(call: Call, psn_no: str, day: str, certno: str = "") -> dict[str, str]:
    """The block with the insurance of a day. Raises what `insured` refuses."""
    context = call.desk.platform.enrolment.context(call.region, psn_no)
    coverage = insured(context, day)
    return {**block(call, psn_no, certno), "insutype": coverage.insutype,
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
