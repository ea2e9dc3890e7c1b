"""A drugstore's side of electronic prescriptions (处方流转, ZB-02): 7201, 7204 to 7208, 7211."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ...settlement.catalogue import CLASSES
from ...visits import store as visit_store
from .. import persons, prescription_store, prescribing
from ..call import Answer, Call
from ..prescription_store import Prescription, Use
from ..reading import Row
from ..refusals import declined
from .prescriptions import SERVICE_TYPES, positive, shown
from .queries import list_type

PASSED, REFUSED = "1", "0"
PAGE_MAX = 100


def authorise(call: Call) -> Answer:
    """7201 电子处方线下流转授权: the patient shows a credential at the drugstore; it gets a token
    for each of the prescriptions that can be used."""
    row = call.input.one()
    prescribing.own_code(call, row)
    prescribing.must_dispense(call)
    row.need("ecToken"), row.need("psnName")
    named = Row(psn_cert_type=row.text("psnCertType", persons.RESIDENT),
                certno=row.need("certno"), psn_name=row["psnName"])
    psn_no = persons.find(call, named)
    persons.check_same(named, persons.block(call, psn_no, named["certno"]))
    with call.desk.platform.database.connection() as connection:
        found = [(one, prescription_store.uses(connection, call.region, one.rx_no))
                 for one in prescription_store.of_person(connection, call.region, psn_no)
                 if one.state == "valid"]
    call.looked_at(psn_no, ("prescriptions",))
    return Answer({"data": [_authorised(call, one) for one, uses in found
                            if prescribing.status(call, one) == prescribing.VALID
                            and prescribing.use_status(one, prescribing.progress_of(
                                call, one, uses)) == prescribing.UNUSED]})


def _authorised(call: Call, one: Prescription) -> dict[str, object]:
    said = prescribing.opened(call, one.content)
    token, until = prescribing.token_for(call, one.rx_no)
    visit = said["mdtrtinfo"]
    return {"authRxno": one.rx_no, "epcToken": token, "expiresIn": until,
            "fixmedinsCode": one.institution, "fixmedinsName": visit.get("fixmedinsName"),
            "prscTime": one.prescribed_at.isoformat(), "deptName": visit.get("prscDeptName"),
            "diseCodg": visit.get("diseCodg"), "diseName": visit.get("diseName"),
            "valiEndTime": one.valid_until.isoformat(),
            "rxExraAttrCode": said["data"].get("rxExraAttrCode")}


def download(call: Call) -> Answer:
    """7204 电子处方下载."""
    row = call.input.one()
    one, uses = prescribing.with_token(call, row, row.need("authRxno"))
    call.looked_at(one.psn_no, ("prescription",))
    return Answer(shown(call, one, uses, prescribing.opened(call, one.content)))


def verify(call: Call) -> Answer:
    """7205 电子处方信息核验: the file is the one that was uploaded and signed."""
    row = call.input.one()
    one, uses = prescribing.with_token(call, row, row.need("hiRxno"))
    prescribing.must_be_usable(call, one, uses)
    uploaded = prescribing.opened(call, one.upload)
    key = prescribing.signed_by(call, row.need("rxFile"), str(uploaded["signDigest"]))
    if key is None or row.need("rxTraceCode") != one.trace_no:
        raise declined("bad-signature", "处方文件或追溯码与上传的不一致，验签未通过", "rxFile")
    return Answer({"data": {"flag": True, **prescribing.certificate(key),
                            "rxSignVerifySn": prescribing.verification_number(call, one.rx_no)}})


def review(call: Call) -> Answer:
    """7206 电子处方审核信息上传: the drugstore's pharmacist passes it or does not."""
    row = call.input.one()
    one, uses = prescribing.with_token(call, row, row.need("hiRxno"))
    prescribing.must_be_usable(call, one, uses)
    if row.need("rxSignVerifySn") != prescribing.verification_number(call, one.rx_no):
        raise declined("not-verified", "请先核验处方（7205）", "rxSignVerifySn")
    result = row.need("rxChkStasCodg")
    if result not in (PASSED, REFUSED):
        raise declined("unknown-code", "处方审核状态应为 0 或 1", "rxChkStasCodg")
    row.need("pharCode"), row.need("pharName")
    use = Use(f"C{call.today.replace('-', '')}{call.slot.digest.hex()[:20]}", call.profile.code,
              result == PASSED, prescribing.sealed(call, row), call.at)
    return Answer({"data": {"flag": True, "rxChkBizSn": use.use_no}}, (
        lambda connection: prescription_store.add_review(connection, call.region, one.rx_no,
                                                         use),))


def dispense(call: Call) -> Answer:
    """7207 药品销售出库明细上传: what was handed out after a review that passed."""
    row, rows = call.input.one(), call.input.rows("rxSaleDrugDetl")
    prescribing.own_code(call, row)
    prescribing.must_dispense(call)
    one, uses = prescribing.read(call, row.need("hiRxno"))
    use = next((use for use in uses if use.use_no == row.need("rxChkBizSn")
                and use.institution == call.profile.code), None)
    if use is None or not use.passed:
        raise declined("not-reviewed", "本店没有审核通过该处方（7206）", "rxChkBizSn")
    if use.dispensed_no is not None:
        raise declined("prescription-used", f"该次审核已出库，流水号 {use.dispensed_no}",
                       "rxChkBizSn")
    prescribing.must_be_usable(call, one, uses)
    given, warning = _handed_out(call, one, uses, rows)
    deed = use._replace(
        dispensed_no=f"S{call.today.replace('-', '')}{call.slot.digest.hex()[:20]}",
        dispensed_at=call.at, dispensing=prescribing.sealed(call, {
            "data": row, "drugs": rows,
            prescribing.GIVEN: {code: str(count) for code, count in given.items()}}))

    def write(connection: object) -> None:
        prescription_store.lock(connection, call.region, one.rx_no)
        uses_now = prescription_store.uses(connection, call.region, one.rx_no)
        if _handed_out(call, one, uses_now, rows)[0] != given or not prescription_store.dispense(
                connection, call.region, one.rx_no, use.use_no, deed):
            raise declined("prescription-used", "该次审核已出库，或处方已撤销",
                           f"hiRxno {one.rx_no}")

    return Answer({"data": {"flag": True, "selStooutSn": deed.dispensed_no}}, (write,),
                  warning=warning)


def _handed_out(call: Call, one: Prescription, uses: list[Use], rows: tuple[Row, ...],
                ) -> tuple[dict[str, Decimal], str]:
    """Quantity by prescribed code: only what was prescribed, by code or generic name, and no more
    than is left of it. A line in another unit counts as all that is left: no table converts them.

    Raises Declined `no-lines`, `not-prescribed`, `more-than-prescribed`, `bad-amount`."""
    if not rows:
        raise declined("no-lines", "没有药品出库明细", "rxSaleDrugDetl")
    drugs = prescribing.opened(call, one.content)["drugs"]
    left, found, warning = dict(prescribing.progress_of(call, one, uses).left), {}, ""
    for row in rows:
        drug = _prescribed(row, drugs)
        code, count = drug["medListCodg"], positive(row, "drugTotlcnt")
        unit = drug["drugDosunt"]
        if row.text("drugTotlcntEmp", unit) != unit:
            count, warning = left[code], f"出库单位不是处方单位（{unit}），按全部取走计"
        if not 0 < count <= left[code]:
            raise declined("more-than-prescribed", f"{code[:30]} 尚可取 {left[code]:f} {unit}",
                           f"{row.where}.drugTotlcnt")
        left[code] -= count
        found[code] = found.get(code, Decimal(0)) + count
    return found, warning


def _prescribed(row: Row, drugs: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """The prescribed drug a line hands out. Raises Declined `not-prescribed`."""
    code, name = row.need("medListCodg"), row.text("drugGenname")
    by_code = [drug for drug in drugs if drug["medListCodg"] == code]
    found = by_code or [drug for drug in drugs if name and drug.get("drugGenname") == name]
    if not found:
        raise declined("not-prescribed", f"处方中没有 {code[:30]}", f"{row.where}.medListCodg")
    return found[0]


def take_back(call: Call) -> Answer:
    """7208 药品销售出库明细撤销: drugs came back; a settlement of them goes first."""
    row = call.input.one()
    prescribing.own_code(call, row)
    one, uses = prescribing.read(call, row.need("hiRxno"))
    number = row.text("selStooutSn")
    found = [use for use in uses if use.counts and use.institution == call.profile.code
             and number in ("", use.dispensed_no)]
    if not found:
        raise declined("nothing-to-void", "没有可撤销的出库记录", f"hiRxno {one.rx_no}")
    with call.desk.platform.database.connection() as connection:
        settled = visit_store.settled_with_prescription(connection, call.region, one.psn_no,
                                                        one.rx_no)
    if settled and prescribing.used(uses) <= len(settled):
        raise declined("settled-visit", "该处方已医保结算，请先撤销结算（2103 或 2208）",
                       f"hiRxno {one.rx_no}")
    return Answer({"data": {"flag": True}}, tuple(
        (lambda connection, use=use: prescription_store.take_back(
            connection, call.region, one.rx_no, use.dispensed_no, call.at)) for use in found))


def drugs(call: Call) -> Answer:
    """7211 电子处方药品目录查询: drugs of our catalogue by code or part of the name, paged."""
    row = call.input.one()
    code, name = row.text("medListCodg"), row.text("drugName")
    page, size = (_count(row, field) for field in ("pageNum", "pageSize"))
    with call.desk.platform.database.connection() as connection:
        catalogue = call.desk.platform.catalogues.of(connection, call.region)
    found = sorted((item for item in catalogue.in_force(call.today)
                    if list_type(item.code, item) not in SERVICE_TYPES and code in ("", item.code)
                    and name in item.name), key=lambda item: item.code)
    shown_ = found[(page - 1) * size:page * size]
    return Answer({"data": {"total": len(found), "size": len(shown_)}, "list": [
        {"medListCodg": item.code, "regName": item.name, "genname": item.name,
         "listType": list_type(item.code, item), "minPacunt": item.unit, "poolareaNo": call.region,
         "begntime": item.since, "endtime": item.until, "natHiDruglistMemo": item.note,
         "chrgitmLv": CLASSES[item.item_class].national} for item in shown_]})


def _count(row: Row, name: str) -> int:
    """A page or its size, from 1. Raises Declined `bad-number`."""
    text = row.text(name, "1").partition(".")[0]
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 7) or int(text) < 1:
        raise declined("bad-number", "应为正整数", name)
    return min(int(text), PAGE_MAX) if name == "pageSize" else int(text)


HANDLERS = {"7201": authorise, "7204": download, "7205": verify, "7206": review, "7207": dispense,
            "7208": take_back, "7211": drugs}
