"""A hospital's side of electronic prescriptions (电子处方, ZB-02): 7101 to 7107."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from ...settlement import local_time
from ...visits import store as visit_store
from .. import persons, prescription_store, prescribing
from ..call import Answer, Call
from ..prescription_store import Prescription
from ..reading import Row
from ..refusals import declined
from .queries import list_type

SERVICE_TYPES = ("201", "301", "105")
MAY_REPEAT = "1"
USES_MAX, INTERVAL_MAX_DAYS = 99, 366
QUANTITY_BELOW, QUANTITY_STEP = 10 ** 12, Decimal("0.0001")      # 16 digits, 4 of them decimals


def check(call: Call) -> Answer:
    """7101 电子处方上传预核验: the visit is the hospital's, the person is right, every drug is in
    the catalogue; gives the prescription its number."""
    head, visit_row = call.input.one("data"), call.input.one("mdtrtinfo")
    prescribing.own_code(call, visit_row)
    psn_no = _visited(call, visit_row)
    _check_drugs(call, head)
    prescribed, until = (datetime.fromisoformat(_moment(head, name))
                         for name in ("prscTime", "valiEndTime"))
    if until < prescribed:
        raise declined("dates-out-of-order", "有效截止时间早于开方时间", "valiEndTime")
    if until < prescribing.civil_now(call):
        raise declined("prescription-not-valid", "处方已过有效截止时间", "valiEndTime")
    one = Prescription(
        prescribing.rx_number(call, psn_no), f"T{call.slot.digest.hex()[:19]}", psn_no,
        call.profile.code, visit_row["mdtrtId"], head.need("hospRxno"), "checked", prescribed,
        until, _count(head, "maxReptCnt", USES_MAX) or 1
        if head.text("reptFlag") == MAY_REPEAT else 1,
        _count(head, "minInrvDays", INTERVAL_MAX_DAYS), prescribing.sealed(call, {
            "data": head, "mdtrtinfo": visit_row,
            "drugs": call.input.rows("rxdrugdetail"), "diseases": call.input.rows("diseinfo")}))
    with call.desk.platform.database.connection() as connection:
        others = prescription_store.of_person(connection, call.region, psn_no)
    same = next((other for other in others if other.state == "valid" and (
        other.institution, other.hospital_rx) == (one.institution, one.hospital_rx)), None)
    if same is not None:
        raise declined("prescription-known", f"该处方已上传，医保处方编号 {same.rx_no}", "hospRxno")
    return Answer({"data": {"rxTraceCode": one.trace_no, "hiRxno": one.rx_no}}, (
        lambda connection: prescription_store.add(connection, call.region, one, call.at),))


def _visited(call: Call, row: Row) -> str:
    """The person of a visit of the hospital's own. Raises Declined `unknown-visit`,
    `not-own-institution`, `person-differs`."""
    psn_no, number = row.need("psnNo"), row.need("mdtrtId")
    with call.desk.platform.database.connection() as connection:
        visit = call.desk.visits.read(connection, call.region, psn_no, number)
    if visit is None or visit.state == "cancelled":
        raise declined("unknown-visit", "查无此就诊登记，请核对就诊编号和人员编号",
                       f"mdtrtId {number[:30]}")
    if visit.institution != call.profile.code:
        raise declined("not-own-institution", "该就诊不属于本机构", f"mdtrtId {number[:30]}")
    person = persons.block(call, psn_no, row.text("certno"))
    row.need("patnName"), row.need("certno")
    prescribing.check_person(row, {"patnName": person["psn_name"], "certno": person["certno"]})
    return psn_no


def _check_drugs(call: Call, head: Row) -> None:
    """Every drug is known on the day. Raises Declined `no-lines`, `unknown-drug`, `bad-amount`."""
    rows, day = call.input.rows("rxdrugdetail"), _moment(head, "prscTime")[:10]
    if not rows:
        raise declined("no-lines", "没有处方药品明细", "rxdrugdetail")
    with call.desk.platform.database.connection() as connection:
        catalogue = call.desk.platform.catalogues.of(connection, call.region)
    for row in rows:
        code = row.need("medListCodg")
        item = catalogue.item(code, day)
        if item is None or list_type(code, item) in SERVICE_TYPES:
            raise declined("unknown-drug", f"{code[:30]} 不是当日医保目录内的药品",
                           f"{row.where}.medListCodg")
        positive(row, "drugCnt"), row.need("drugDosunt")


def positive(row: Row, name: str) -> Decimal:
    """A quantity above 0. Raises Declined `bad-amount`, `missing-field`."""
    try:
        found = Decimal(row.need(name))
        if found.is_finite() and 0 < found < QUANTITY_BELOW \
                and found == found.quantize(QUANTITY_STEP):
            return found
    except InvalidOperation:
        pass
    raise declined("bad-amount", "数量应为正数，至多四位小数", f"{row.where}.{name}")


def _moment(row: Row, name: str) -> str:
    row.need(name)
    return row.moment(name)


def _count(row: Row, name: str, most: int) -> int:
    """A small whole number, 0 where nothing is said. Raises Declined `bad-number`."""
    text = row.text(name, "0").partition(".")[0]
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > most:
        raise declined("bad-number", f"应为 0 至 {most} 的整数", name)
    return int(text)


def sign(call: Call) -> Answer:
    """7102 电子处方医保电子签名: of the file, with this platform's own key."""
    row = call.input.one()
    prescribing.own_code(call, row)
    row.need("originalValue")
    file = row.need("originalRxFile")
    return Answer({"data": {"rxFile": file, **prescribing.sign(call, file)}})


def upload(call: Call) -> Answer:
    """7103 电子处方上传: reviewed by the hospital's pharmacist and signed; it may flow now."""
    row = call.input.one()
    one, _, said = prescribing.own(call, row)
    if row.need("rxTraceCode") != one.trace_no:
        raise declined("prescription-differs", "处方追溯码与预核验的不一致", "rxTraceCode")
    if one.state != "checked":
        raise declined("prescription-known", "该处方已上传或已撤销", f"hiRxno {one.rx_no}")
    row.need("pharCode"), row.need("pharName")
    if prescribing.signed_by(call, row.need("rxFile"), row.need("signDigest")) is None:
        raise declined("bad-signature", "签名与处方文件不符，请先用 7102 签名", "signDigest")
    if prescribing.civil_now(call) > one.valid_until:
        raise declined("prescription-not-valid", "处方已过有效截止时间", f"hiRxno {one.rx_no}")
    kept = prescribing.sealed(call, row)

    def write(connection: object) -> None:
        if not prescription_store.upload(connection, call.region, one.rx_no, kept, call.at):
            raise declined("prescription-known", "该处方已上传或已撤销", f"hiRxno {one.rx_no}")

    return Answer({"data": _state(one, prescribing.VALID)}, (write,))


def _state(one: Prescription, state: tuple[str, str]) -> dict[str, object]:
    return {"hiRxno": one.rx_no, "rxStasCodg": state[0], "rxStasName": state[1]}


def withdraw(call: Call) -> Answer:
    """7104 电子处方撤销: while nothing of it is handed out."""
    row = call.input.one()
    one, uses, _ = prescribing.own(call, row)
    row.need("undoRea")
    if one.state == "withdrawn":
        raise declined("prescription-not-valid", "处方已撤销", f"hiRxno {one.rx_no}")
    kept = prescribing.sealed(call, row)

    def write(connection: object) -> None:
        if not prescription_store.withdraw(connection, call.region, one.rx_no, kept, call.at):
            raise declined("prescription-used", "处方已取药，不能撤销", f"hiRxno {one.rx_no}")

    if prescribing.used(uses):
        raise declined("prescription-used", "处方已取药，不能撤销", f"hiRxno {one.rx_no}")
    return Answer({"data": _state(one, prescribing.WITHDRAWN)}, (write,))


# --- queries --------------------------------------------------------------------------------------
def query(call: Call) -> Answer:
    """7105 电子处方信息查询."""
    one, uses, said = prescribing.own(call, call.input.one())
    return Answer(shown(call, one, uses, said))


def shown(call: Call, one: Prescription, uses: list, said: Mapping[str, object],
          ) -> dict[str, object]:
    """A whole prescription: head, drugs, visit, diagnoses."""
    head, visit, upload_ = said["data"], said["mdtrtinfo"], prescribing.opened(call, one.upload)
    far = prescribing.progress_of(call, one, uses)
    state, used = prescribing.status(call, one), prescribing.use_status(one, far)
    return {"data": {**head, **_state(one, state), "fixmedinsCode": one.institution,
                     "fixmedinsName": visit.get("fixmedinsName"), "rxTraceCode": one.trace_no,
                     "rxUsedStasCodg": used[0], "rxUsedStasName": used[1],
                     "reptFlag": head.get("reptFlag") or "0", "reptdCnt": far.times,
                     "prscDeptName": visit.get("prscDeptName"),
                     "rxFile": upload_.get("rxFile"), "fileSuffix": "pdf"},
            "rxDetlList": [{**drug, "takeDrugFlag": "1" if far.taken(drug["medListCodg"]) else "0",
                            "drugTotlcnt": drug["drugCnt"],
                            "drugTotlcntEmp": drug["drugDosunt"]} for drug in said["drugs"]],
            "rxOtpinfo": {**visit, "iptOpNo": visit.get("iptOtpNo"),
                          "insutype": _insutype(call, one),
                          "pharName": upload_.get("pharName"),
                          "pharChkTime": upload_.get("pharChkTime")},
            "rxDiseList": said["diseases"]}


def _insutype(call: Call, one: Prescription) -> str:
    with call.desk.platform.database.connection() as connection:
        visit = call.desk.visits.read(connection, call.region, one.psn_no, one.mdtrt_id)
    return visit.insutype if visit else ""


def review_result(call: Call) -> Answer:
    """7106 电子处方审核结果查询: the newest review of a drugstore."""
    one, uses, _ = prescribing.own(call, call.input.one())
    if not uses:
        raise declined("not-reviewed", "药店尚未审核该处方", f"hiRxno {one.rx_no}")
    review = prescribing.opened(call, uses[-1].review)
    return Answer({"data": {**review, **_state(one, prescribing.status(call, one)),
                            "rxChkStasName": "审核通过" if uses[-1].passed else "审核不通过"}})


def dispensing_result(call: Call) -> Answer:
    """7107 电子处方取药结果查询: what was handed out, and when it was settled."""
    one, uses, said = prescribing.own(call, call.input.one())
    given = [use for use in uses if use.counts]
    used = prescribing.use_status(one, prescribing.progress_of(call, one, uses))
    with call.desk.platform.database.connection() as connection:
        settled = visit_store.settled_with_prescription(connection, call.region, one.psn_no,
                                                        one.rx_no)
    moment = local_time(datetime.fromisoformat(settled[-1])) if settled else (
        local_time(given[-1].dispensed_at) if given else "")
    prescribed = {drug["medListCodg"]: drug for drug in said["drugs"]}
    rows = [drug for use in given for drug in prescribing.opened(call, use.dispensing)["drugs"]]
    return Answer({"data": {**_state(one, prescribing.status(call, one)), "setlTime": moment,
                            "rxUsedStasCodg": used[0], "rxUsedStasName": used[1]},
                   "seltdelts": [{**prescribed.get(row["medListCodg"], {}), **row,
                                  "cnt": row.get("drugTotlcnt"), "takeDrugFlag": "1"}
                                 for row in rows]})


HANDLERS = {"7101": check, "7102": sign, "7103": upload, "7104": withdraw, "7105": query,
            "7106": review_result, "7107": dispensing_result}
