"""Settlement lists (医疗保障基金结算清单): 4101 to 4105."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import orjson

from ...money import parse_yuan, yuan_text
from ...settlement import local_time
from ...visits import KeptSettlement, Visit
from ...visits import store as visit_store
from .. import fee_lines, nodes, persons, settlement_list_store, settlement_lists
from ..call import Answer, Call
from ..reading import Row, day_of
from ..refusals import declined
from ..settlement_list_store import List
from ..settlement_lists import OPEN, STATES_ZH, SUBMITTED, Settled
from .paging import page_of

NOT_SUBMITTED = "清单未提交，请用 4102 提交"
BY_ITEM = "1"                  # hi_paymtd 按项目, where the list does not say
CLASS_FIELDS = {"A": "item_claa_sumfee", "B": "item_clab_amt"}
YES, NO = "1", "0"
QUALITY_RULES = "1"            # qltctrl_ver
LEVELS = ("1", "2", "3")


# --- upload ---------------------------------------------------------------------------------------
def upload(call: Call) -> Answer:
    """4101 信息上传: a revision of the list of a settlement, when its figures agree."""
    info = call.input.one("setlinfo")
    visit, setl_id = call.own_visit(), info.need("setl_id")
    kept = _standing(visit, setl_id)
    state = info.text("stas_type") or nodes.unsaid(call.profile.dialect).get(
        ("4101", "stas_type"), OPEN)
    if state not in (OPEN, SUBMITTED):
        raise declined("unknown-code", "上传时清单状态为 0 未提交 或 1 已提交",
                       "setlinfo.stas_type")
    person = call.person_of(visit)
    settled = _settled(visit, kept)
    settlement_lists.check_figures(call.input, settled)
    seal = call.desk.platform.enrolment.keys.seal
    facts = settlement_lists.facts_of(call.input) | {"items": _items(call, visit, setl_id)}
    shown = {name: value for name, value in info.items()
             if value and name in settlement_lists.PERSONAL}
    one = List(
        visit.psn_no, setl_id, 0, settlement_lists.number_of(setl_id), visit.mdtrt_id,
        visit.institution, state, str(kept.answer["setlinfo"]["setl_time"])[:10], facts,
        seal(json.dumps(person | shown, ensure_ascii=False), settlement_lists.SEALED_AS),
        seal(json.dumps(settlement_lists.case_of(call.input, settled, _who(call, visit, person))),
             settlement_lists.SEALED_AS),
        settlement_lists.findings(call.input, settled), call.at, call.at, call.who.user_id)
    return Answer({"data": {"setl_list_id": one.list_no}},
                  (lambda connection: settlement_lists.put(connection, call.region, one),),
                  warning=NOT_SUBMITTED if state == OPEN else "")


def _standing(visit: Visit, setl_id: str) -> KeptSettlement:
    kept = visit.settlement(setl_id)
    if kept is None or not kept.answer:
        raise declined("unknown-settlement", "本次就诊无此结算，请核对结算编号",
                       f"setl_id {setl_id[:30]}")
    if kept.reversed_at is not None:
        raise declined("already-reversed", f"该结算已撤销，撤销编号 {kept.reversal_id}",
                       f"setl_id {setl_id}")
    return kept


def _settled(visit: Visit, kept: KeptSettlement) -> Settled:
    main = next((one["diag_code"] for one in visit.diagnoses
                 if one.get("maindiag_flag") == YES), "")
    return Settled(kept.answer["setlinfo"], kept.answer["setldetail"], visit.begin, visit.end,
                   visit.kind == "inpatient", main)


def _who(call: Call, visit: Visit, person: Mapping[str, str]) -> dict[str, str]:
    """The columns of a case that the list does not bring itself."""
    institution = call.desk.platform.places.institution(call.region, visit.institution,
                                                        visit.begin)[0]
    return {"fixmedins_code": visit.institution, "hosp_lev": institution.level,
            "insutype": visit.insutype, "psn_no": visit.psn_no, "gend": person["gend"],
            "brdy": person["brdy"]}


def _items(call: Call, visit: Visit, setl_id: str) -> list[dict[str, str]]:
    """Amounts by fee category, as the lines were split: class A, class B, wholly own, the rest."""
    where = visit_store.place(call.region, visit.psn_no, visit.mdtrt_id)
    with call.desk.platform.database.connection() as connection:
        rows = visit_store.lines(connection, where, settled=True)
    found: dict[str, dict[str, int]] = {}
    for *_, of, _, split in rows:
        if of != setl_id:
            continue
        line = fee_lines.kept_line(call.region, split)
        own_fen, amount_fen = line.parts[0], sum(line.parts)
        sums = found.setdefault(str(line.as_dict()["med_chrgitm_type"]), dict.fromkeys(
            ("item_sumamt", *CLASS_FIELDS.values(), "item_fulamt_ownpay_amt",
             "item_ownpay_amt"), 0))
        sums["item_sumamt"] += amount_fen
        sums["item_fulamt_ownpay_amt"] += own_fen
        sums[CLASS_FIELDS.get(line.item_class, "item_ownpay_amt")] += amount_fen - own_fen
    return [{"med_chrgitm_type": kind, **{name: yuan_text(fen) for name, fen in sums.items()}}
            for kind, sums in sorted(found.items())]


# --- states ---------------------------------------------------------------------------------------
def change_state(call: Call) -> Answer:
    """4102 状态修改: all rows or none; `stastinfo` is what other clients call the node."""
    rows = call.input.rows("data") or call.input.rows("stastinfo")
    if not rows:
        raise declined("missing-field", "没有清单", "data")
    asked = [((row.need("psn_no"), row.need("setl_id")), row.need("stas_type")) for row in rows]
    for _, state in asked:
        if state not in STATES_ZH:
            raise declined("unknown-code", f"清单状态 {state[:10]} 无法识别", "data.stas_type")

    def write(connection: object) -> None:
        for which, state in sorted(asked):
            settlement_lists.move(connection, call.region, which, state,
                                  (call.at, call.who.user_id), call.profile.code)

    return Answer({}, (write,))


# --- queries --------------------------------------------------------------------------------------
def query(call: Call) -> Answer:
    """4103 信息查询: the newest revision, with the settlement's amounts."""
    row = call.input.one()
    psn_no, setl_id = row.need("psn_no"), row.need("setl_id")
    with call.desk.platform.database.connection() as connection:
        one = settlement_list_store.newest(connection, call.region, psn_no, setl_id)
        visit = one and call.desk.visits.read(connection, call.region, psn_no, one.mdtrt_id)
    if one is None or visit is None or one.institution != call.profile.code:
        raise settlement_lists.unknown(setl_id)
    call.looked_at(psn_no, persons.IN_FULL)
    named = {"setl_id": setl_id, "psn_no": psn_no, "mdtrt_id": one.mdtrt_id}
    settlement = visit.settlement(setl_id)
    assert settlement is not None, setl_id
    return Answer({"setlinfo": {**named, **_setlinfo(call, one, visit, settlement.answer)},
                   **{node: [{**named, **fields, **found} for fields, found in zip(
                       _numbers(one, node), one.facts[node], strict=True)]
                      for node in settlement_lists.NODES},
                   "payinfo": [{**named, **paid, "poolarea_fund_pay_type": paid["fund_pay_type"],
                                "poolarea_fund_pay_name": paid["fund_pay_type_name"]}
                               for paid in settlement.answer["setldetail"]],
                   "iteminfo": [{**named, "etl_list_chrgitm_id": f"{one.list_no}-{place}",
                                 "setl_list_chrgitm_id": f"{one.list_no}-{place}", **item}
                                for place, item in enumerate(one.facts["items"], 1)]},
                  warning="该结算已撤销" if settlement.reversed_at else "")


def _numbers(one: List, node: str) -> list[dict[str, object]]:
    """What a row of a node is called by, and the names under which the query shows its fields."""
    name = {"opspdiseinfo": "setl_list_opsp_trt_id", "diseinfo": "setl_list_diag_id",
            "oprninfo": "setl_list_oprn_id", "icuinfo": "setl_list_scs_cutd_id"}.get(node, "")
    opsp = one.facts["setlinfo"] if node == "opspdiseinfo" else {}
    return [{name: f"{one.list_no}-{place}", "main_oprn_flag": row.get("oprn_oprt_type"),
             "oprn_oprt_date": row.get("oprn_oprt_begntime"), "diag_code": opsp.get(
                 "wm_dise_code"), "diag_name": opsp.get("otp_wm_dise")}
            for place, row in enumerate(one.facts[node], 1)]


def _setlinfo(call: Call, one: List, visit: Visit, answer: Mapping[str, Mapping[str, object]],
              ) -> dict[str, object]:
    person = _person(call, one)
    sent, info = one.facts["setlinfo"], answer["setlinfo"]
    institution = call.desk.platform.places.institution(call.region, one.institution,
                                                        visit.begin)[0]
    days = (day_of(visit.end) - day_of(visit.begin)).days if visit.end else 0
    age = persons.age_on(person["brdy"], visit.begin)
    return {
        **person, **sent, **_own_payments(info), **_durations(sent),
        "setl_list_sn": f"{one.list_no}-{one.revision}", "fixmedins_code": one.institution,
        "fixmedins_name": institution.name,
        "hi_setl_lv": institution.level if institution.level in LEVELS else "",
        "age": age, "age_daus": (day_of(visit.begin) - day_of(person["brdy"])).days
        if age == "0" else "",
        "patn_cert_type": person["psn_cert_type"], "emp_poscode": person.get("poscode"),
        "insutype": visit.insutype, "hi_type": visit.insutype, "insu_admdvs": call.region,
        "ipt_med_type": "1" if visit.kind == "inpatient" else "2",
        "opsp_mdtrt_time": sent.get("opsp_mdtrt_date"), "adm_way_code": sent.get("adm_way"),
        "adm_caty": sent.get("adm_caty") or visit.facts.get("adm_dept_codg"),
        "refl_caty": sent.get("refldept_dept"), "act_ipt_days": max(days, 1) if visit.end else "",
        "otp_wm_diag_dise_code": sent.get("wm_dise_code"),
        "otp_tcm_diag_dise_code": sent.get("tcm_dise_code"),
        "opsp_dise_name": sent.get("otp_wm_dise"), "opsp_dise_code": sent.get("wm_dise_code"),
        "diag_code_cnt": len(one.facts["diseinfo"]),
        "oprn_oprt_code_cnt": len(one.facts["oprninfo"]),
        "hi_paymtd": sent.get("hi_paymtd") or BY_ITEM, "stas_type": one.state,
        "chk_cont": one.note, "hsorg_opter": "" if one.state in (OPEN, SUBMITTED) else one.moved_by,
        "hsorg_code": call.region, "adm_dept_codg": sent.get("adm_dept_code"),
        "dscg_dept_codg": sent.get("dscg_dept_code"), "setl_time": info["setl_time"]}


def _person(call: Call, one: List) -> dict[str, str]:
    unseal = call.desk.platform.enrolment.keys.unseal
    return json.loads(unseal(one.person, settlement_lists.SEALED_AS))


def _own_payments(info: Mapping[str, object]) -> dict[str, str]:
    """个人自费 what no fund covers of wholly own items, 个人自付 the rest of the person's part."""
    person_fen = parse_yuan(str(info["psn_part_amt"]))
    own_fen = min(parse_yuan(str(info["fulamt_ownpay_amt"])), person_fen)
    return {"psn_ownpay": yuan_text(own_fen), "psn_selfpay": yuan_text(person_fen - own_fen),
            "acct_pay": str(info["acct_pay"]), "psn_cashpay": str(info["psn_cash_pay"])}


def _durations(sent: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for name, begin in (("vent_used_dura", "vent_used"), ("pwcry_bfadm_coma_dura", "bfadm_coma"),
                        ("pwcry_afadm_coma_dura", "afadm_coma")):
        parts = settlement_lists.duration(sent.get(name, ""))[1]
        found |= dict(zip((f"{begin}_days", f"{begin}_h_cnt", f"{begin}_m_cnt"), parts,
                          strict=True))
    return found


def quality(call: Call) -> Answer:
    """4104 质控结果查询: the lists of a month, with what was found."""
    row = call.input.one()
    if row.text("fixmedins_code", call.profile.code) != call.profile.code:
        raise declined("not-own-institution", "只能查询本机构的清单", "fixmedins_code")
    with call.desk.platform.database.connection() as connection:
        found = settlement_lists.of_month(connection, call.region, row.need("setl_ym"),
                                          call.profile.code)
    name = call.desk.platform.places.institution(call.region, call.profile.code,
                                                 call.today)[0].name
    rows = (one for one in found if _asked_for(row, one))
    return page_of(call, rows, lambda one: _quality_row(call, one, name))


def _asked_for(row: Row, one: List) -> bool:
    level = settlement_lists.HINT if one.findings else NO
    given = {"setl_id": one.setl_id, "psn_no": one.psn_no, "err_lv": level,
             "retn_flag": _returned(one)}
    return all(row.text(name) in ("", value) for name, value in given.items())


def _returned(one: List) -> str:
    return YES if one.state == settlement_lists.REJECTED else NO


def _quality_row(call: Call, one: List, name: str) -> dict[str, object]:
    person = _person(call, one)
    call.looked_at(one.psn_no, persons.IN_FULL)
    return {"fixmedins_code": one.institution, "fixmedins_name": name,
            "setl_ym": one.settled_on[:7].replace("-", ""), "setl_id": one.setl_id,
            "psn_no": one.psn_no, "psn_name": person["psn_name"],
            "qltctrl_rslt": NO if one.findings else YES,
            "err_lv": settlement_lists.HINT if one.findings else NO, "retn_flag": _returned(one),
            "qltctrl_ver": QUALITY_RULES, "psn_cert_type": person["psn_cert_type"],
            "cert_no": person["certno"], "qltctrl_time": local_time(one.sent_at),
            "detailinfo": [{**found, "retn_flag": _returned(one)} for found in one.findings]}


def count(call: Call) -> Answer:
    """4105 数量统计查询: settlements that stand, by kind of visit and time, and those of them with
    a list."""
    row = call.input.one()
    if row.need("fixmedins_code") != call.profile.code:
        raise declined("not-own-institution", "只能查询本机构的清单", "fixmedins_code")
    first, last = (_moment(row, name) for name in ("stt_begntime", "stt_endtime"))
    if last < first:
        raise declined("dates-out-of-order", "结束时间早于开始时间", "data.stt_endtime")
    kinds = _kinds(row.get("medtype_list"))
    with call.desk.platform.database.connection() as connection:
        settled = visit_store.settlements_of(connection, call.profile.code, f"{first}+08:00",
                                             f"{last}+08:00")
        known = settlement_list_store.uploaded(connection, call.profile.code, first[:10],
                                               last[:10])
    wanted = {str(setl_id) for _, setl_id, _, _, _, answer, _, reversed_at, *_ in settled
              if reversed_at is None and answer
              and (not kinds or answer["setlinfo"]["med_type"] in kinds)}
    return Answer({".": {"needUploadCnt": len(wanted), "uploadedCnt": len(wanted & known)}})


def _moment(row: Row, name: str) -> str:
    row.need(name)
    found = row.moment(name)
    return f"{found[:10]}T23:59:59.999999" if name.endswith("endtime") and found.endswith(
        "00:00:00") else found


def _kinds(given: object) -> Sequence[str]:
    """medtype_list: a list, or its text. Raises Declined `bad-list`."""
    try:
        found = orjson.loads(given) if isinstance(given, str) and given.startswith("[") else given
    except orjson.JSONDecodeError:
        raise declined("bad-list", "医疗类别集合应为数组", "data.medtype_list") from None
    return [str(one) for one in found] if isinstance(found, list) else \
        [one for one in str(found or "").split(",") if one]


HANDLERS = {"4101": upload, "4102": change_state, "4103": query, "4104": quality, "4105": count}
