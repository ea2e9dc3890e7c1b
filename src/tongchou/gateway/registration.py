"""Registering a visit, whatever its kind (就诊登记)."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from ..terms import visit_of
from ..visits import NewVisit, Visit
from . import persons
from .call import Call
from .envelope import CHINA
from .reading import Row
from .refusals import declined
from .settling import MED_TYPE_AS

# Fields that name people other than the insured one; they are not kept in clear.
PRIVATE = frozenset({"coner_name", "tel", "certno", "psn_name", "mdtrt_cert_no", "cert_type"})
NOT_FACTS = PRIVATE | {"psn_no", "insutype", "begntime", "endtime", "med_type", "dise_codg",
                       "ipt_otp_no", "ipt_no", "mdtrt_id", "exp_content"}
VOID = "0"
PLACED = "diag_srt_no"
STAYS = ("inpatient", "injury_inpatient", "maternity_inpatient", "day_treatment", "home_bed")


def number_of(digest: bytes, arrived_at: datetime) -> str:
    """mdtrt_id of the visit a message makes: the same for every repeat, and nobody else's.

    In the order of arrival: what is settled within one second follows the order of the numbers.
    """
    return f"M{arrived_at.astimezone(CHINA):%y%m%d%H%M%S%f}{digest.hex()[:11]}"


def register(call: Call, row: Row, kind: str, med_type: str = "", case_no: str = "",
             diagnoses: Iterable[Row] = ()) -> tuple[NewVisit, dict[str, str]]:
    """A visit and the person block. Raises Declined and what `insured` refuses."""
    psn_no, begin_at = row.need("psn_no"), row.moment("begntime") or call.now
    person = persons.on_day(call, psn_no, begin_at[:10], row.text("certno"))
    persons.check_same(row, person)
    insutype = row.text("insutype") or person["insutype"]
    if insutype != person["insutype"]:
        raise declined("other-insurance", f"险种不符：当日参保险种为 {person['insutype']}",
                       "insutype")
    call.desk.platform.places.designated(call.region, call.profile.code,
                                         check_med_type(med_type) if med_type else "outpatient",
                                         begin_at[:10])
    mdtrt_id = number_of(call.slot.digest, call.at)
    shown = {**person, "mdtrt_id": mdtrt_id, "mdtrt_cert_type": row.text("mdtrt_cert_type")}
    return NewVisit(call.region, psn_no, mdtrt_id, call.profile.code, kind, insutype, begin_at,
                    call.sealed(shown), call.who.user_id, med_type, case_no,
                    row.text("dise_codg"), merged((), diagnoses), facts_of(row)), shown


def registering(call: Call, new: NewVisit) -> object:
    """The write that registers a visit."""
    return lambda connection: call.desk.visits.register(connection, new)


def changing(call: Call, visit: Visit, needs: tuple[str, ...] = ("open",), **changes: object,
             ) -> object:
    """The write that changes a visit."""
    return lambda connection: call.desk.visits.change(connection, call.region, visit, needs,
                                                      **changes)


def check_med_type(med_type: str) -> str:
    """Our word for a kind of visit. Raises Declined `unknown-code`."""
    kind = visit_of(MED_TYPE_AS.get(med_type, med_type))
    if kind is None:
        raise declined("unknown-code", f"医疗类别 {med_type[:10]} 无法识别", "med_type")
    return kind


def merged(known: Iterable[Mapping[str, str]], rows: Iterable[Row],
           ) -> tuple[dict[str, str], ...]:
    """Diagnoses with new rows: the same diag_type and diag_srt_no replaces, vali_flag 0 removes."""
    found = {(one.get("diag_type", ""), one.get(PLACED, "")): dict(one) for one in known}
    for row in rows:
        place = row.text("diag_type"), row.text(PLACED)
        if row.text("vali_flag") == VOID:
            found.pop(place, None)
        else:
            row.need("diag_code")
            found[place] = {name: value for name, value in row.items()
                            if value and name not in ("mdtrt_id", "psn_no")}
    return tuple(found[place] for place in sorted(found, key=_order))


def _order(place: tuple[str, str]) -> tuple[int, str]:
    number = place[1]
    return (int(number) if number.isdecimal() else 0), place[0]


def facts_of(row: Row) -> dict[str, str]:
    """The other national fields of a registration, without personal ones."""
    return {name: value for name, value in row.items() if value and name not in NOT_FACTS}
