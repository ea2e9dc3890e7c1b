"""Audit before and during care (事前、事中审核): 3101, 3102, 3103.

What is found are clues: the message is answered, the settlement is what it was. They are kept with
the answer, and 3103 says what the doctor did about them.
"""
from __future__ import annotations

import orjson

from ...database import shard_of
from ...money import NumberFault, scaled, yuan_text
from ...supervision import KINDS, Clue, Encounter, Order, Patient, clues
from ...supervision import store as supervision_store
from ..call import Answer, Call
from ..reading import Row, plain_number
from ..refusals import declined

AT_HAND = "1"
ITEMS = "2"                    # vola_bhvr_type 项目类
COMPUTED = "1"                 # vola_amt_stas 正常
FACTS = ("insutype", "med_type", "med_mdtrt_type")
WAYS = {"1": "继续执行医嘱", "2": "返回修改医嘱"}
SHARD_DIGITS = 5
NO_RULES = "本统筹区未装载审核规则，未作审核"
CLUES_MAX = 1000


def examine(call: Call) -> Answer:
    """3101 事前分析, 3102 事中分析: clues about the orders at hand."""
    row = call.input.one()
    patients = row.children.get("patient_dtos", ())
    if not patients:
        raise declined("missing-field", "缺少参保人信息 patient_dtos", "data")
    with call.desk.platform.database.connection() as connection:
        book = call.desk.rulebooks.of(connection, call.region)
    level = _own_level(call)
    only = _rule_ids(row.text("rule_ids"))
    results: list[dict[str, object]] = []
    kept: list[tuple[object, ...]] = []
    for patient in patients:
        about = _patient(call, patient, level)
        for clue in clues(book, about, only):
            if len(results) == CLUES_MAX:
                break
            said = _result(call, about, clue, len(results))
            results.append(said)
            kept.append((said["jr_id"], about.patn_id, clue.mdtrt_id, call.profile.code,
                         call.envelope.infno, call.envelope.msgid, clue.rule.rule_id,
                         book.version, clue.amount_fen, said, call.at))
    write = (lambda connection: supervision_store.add_clues(connection, call.region, kept),)
    warning = NO_RULES if not len(book) else (
        f"只给出前 {CLUES_MAX} 条" if len(results) == CLUES_MAX else "")
    return Answer({"result": results}, write if kept else (), warning=warning)


def _own_level(call: Call) -> str:
    """The level the agency knows the institution by, not the one a message says."""
    return call.desk.platform.places.institution(call.region, call.profile.code,
                                                 call.today)[0].level


def _rule_ids(text: str) -> tuple[str, ...]:
    """A list sent as JSON, or names with commas."""
    try:
        found = orjson.loads(text) if text.startswith("[") else text.split(",")
    except orjson.JSONDecodeError:
        raise declined("bad-list", "规则标识集合应为数组", "data.rule_ids") from None
    return tuple(str(one).strip() for one in found if str(one).strip())


# --- what came ----------------------------------------------------------------------------------
def _patient(call: Call, row: Row, level: str) -> Patient:
    at_hand, visits = row.text("curr_mdtrt_id"), row.children.get("fsi_encounter_dtos", ())
    named = any(one.text("mdtrt_id") == at_hand for one in visits)
    return Patient(row.need("patn_id")[:50], row.text("gend"), row.day("brdy"), tuple(
        _encounter(call, one, level, not named or one.text("mdtrt_id") == at_hand)
        for one in visits))


def _encounter(call: Call, row: Row, level: str, current: bool) -> Encounter:
    rows = row.children.get("fsi_order_dtos", ())
    marked = any(one.text("curr_drord_flag") == AT_HAND for one in rows)
    begin = row.moment("adm_date") or call.now
    return Encounter(row.text("mdtrt_id")[:50], {name: row.text(name) for name in FACTS}, level,
                     tuple(_order(one, begin, current and (
                         not marked or one.text("curr_drord_flag") == AT_HAND)) for one in rows),
                     current)


def _order(row: Row, begin: str, current: bool) -> Order:
    begins, ends = row.moment("drord_begn_date") or begin, row.day("drord_stop_date")
    if ends and ends < begins[:10]:
        raise declined("dates-out-of-order", "医嘱停止日期早于开始日期",
                       f"{row.where}.drord_stop_date")
    extended = row.children.get("extend_order_map", ())
    return Order(row.text("rx_id")[:50], row.need("hilist_code"), row.text("hilist_name"), begins,
                 _count(row), row.fen("sumamt"), current,
                 _days(extended[0].text("o_prdDays")) if extended else 0)


def _count(row: Row) -> int:
    try:
        return scaled(plain_number(row.text("cnt", "1")), 4, "a count")
    except (NumberFault, ArithmeticError, ValueError):
        raise declined("bad-number", "数量格式有误", f"{row.where}.cnt") from None


def _days(text: str) -> int:
    """Days of a supply; what is no number says nothing."""
    whole = text.partition(".")[0]
    return int(whole) if whole.isdecimal() and len(whole) <= 4 else 0


# --- what is told -------------------------------------------------------------------------------
def _result(call: Call, patient: Patient, clue: Clue, place: int) -> dict[str, object]:
    number = _number(call, patient.patn_id, place)
    return {"jr_id": number, "rule_id": clue.rule.rule_id,
            "rule_name": _rule_name(clue), "vola_cont": clue.zh[:500], "patn_id": patient.patn_id,
            "mdtrt_id": clue.mdtrt_id, "vola_amt": yuan_text(clue.amount_fen),
            "vola_amt_stas": COMPUTED, "sev_deg": clue.severity,
            "vola_evid": clue.rule.source[:500], "vola_bhvr_type": ITEMS,
            "task_id": call.envelope.msgid,
            "judge_result_detail_dtos": [
                {"jrd_id": f"{number}-{part}", "patn_id": patient.patn_id,
                 "mdtrt_id": clue.mdtrt_id, "rx_id": order.rx_id, "vola_item_type": kind,
                 "vola_amt": yuan_text(fen)}
                for part, (order, kind, fen) in enumerate(clue.parts, 1)]}


def _rule_name(clue: Clue) -> str:
    return f"{KINDS[clue.rule.kind].zh}：{clue.rule.name or clue.rule.code}"[:200]


def _number(call: Call, patn_id: str, place: int) -> str:
    """jr_id: of the message, and where the clue lies."""
    shard = shard_of(call.region, patn_id)
    return f"J{shard:0{SHARD_DIGITS}d}{call.slot.digest.hex()[:20]}{place:04d}"


def feed_back(call: Call) -> Answer:
    """3103: what the doctor did; told again, the last word stands."""
    row = call.input.one()
    warns = row.children.get("warns", ())
    if not warns:
        raise declined("missing-field", "缺少处理数据 warns", "data")
    told = [(_place_of(one.need("warn_rslt_id")), one) for one in warns]
    for _, one in told:
        if one.need("dspo_way") not in WAYS:
            raise declined("unknown-code", "处理方式为 1 继续执行医嘱 或 2 返回修改医嘱",
                           f"{one.where}.dspo_way")

    def write(connection: object) -> None:
        for (shard, number), one in told:
            if not supervision_store.feed_back(
                    connection, call.region, shard, number, call.profile.code,
                    (one["dspo_way"], one.text("dspo_way_rea")[:500], call.at,
                     call.who.user_id)):
                raise declined("unknown-clue", "本机构无此审核结果，请核对违规标识",
                               f"warn_rslt_id {number[:40]}")

    return Answer({}, (write,))


def _place_of(number: str) -> tuple[int, str]:
    digits = number[1:1 + SHARD_DIGITS]
    known = number[:1] == "J" and digits.isascii() and digits.isdigit() and int(digits) < 1 << 15
    return (int(digits) if known else 0), number[:50]


HANDLERS = {"3101": examine, "3102": examine, "3103": feed_back}
