"""Settling a visit's charges (结算), the same for outpatients, stays and drugstores.

The platform settles under a key made of the visit and its portion, not of the message: whatever
breaks between the settlement and the reply, the same charges are settled once, and a repeat finds
the answer.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from ..errors import Refusal
from ..money import yuan_text
from ..settlement import local_time
from ..terms import visit_of
from ..visits import KeptSettlement, Visit
from . import money, persons
from .call import Answer, Asking, Call, Noting
from .reading import Row
from .refusals import Declined, declined

# Kinds of visit the rules have no word for, and under which they are settled.
MED_TYPE_AS = {"12": "11"}     # 门诊挂号: a registration fee is an ordinary outpatient bill
# The national interface cancels in reverse order: what was answered of later settlements stands.
# To let them move is the agency's deed (`recompute` on the platform).
REFUND = "refuse_unless_last"
CLR_WAY = "1"                  # 按项目
OWN_SHOWN = 3                  # settlements named in a refusal of 200 characters


class Bill(NamedTuple):
    """What is settled: a batch of a visit ("" for a stay), its parts in fen, its days."""

    batch: str
    lines: int
    parts: tuple[int, int, int, int]
    first: str
    last: str
    med_type: str
    kind: str = "on_the_spot"


def unsettled(visit: Visit, batch: str) -> tuple[int, tuple[int, int, int, int], str]:
    """Lines, parts and last day of what is charged and not settled.

    Raises Declined `already-settled` (with the settlement's number), `nothing-to-settle`.
    """
    found = visit.unsettled(batch)
    if found is not None:
        return found.lines, found.parts, found.last
    standing = visit.standing(batch)
    if standing is not None:
        raise declined("already-settled", f"该次费用已结算，结算编号 {standing.setl_id}，"
                       "不能重复结算", f"mdtrt_id {visit.mdtrt_id}")
    raise declined("nothing-to-settle", "没有未结算的费用明细，请先上传明细",
                   f"mdtrt_id {visit.mdtrt_id}" + (f" chrg_bchno {batch}" if batch else ""))


def check_stated(row: Row, parts: tuple[int, int, int, int]) -> None:
    """Amounts of the message against the split of the uploaded lines. Raises Declined
    `split-differs`."""
    stated = {"medfee_sumamt": sum(parts), **dict(zip(money.PART_FIELDS, parts, strict=True))}
    for name, fen in stated.items():
        if row.text(name) and row.fen(name) != fen:
            raise declined("split-differs", f"{yuan_text(row.fen(name))} 与中心按已上传明细计算的"
                           f" {yuan_text(fen)} 不一致", name)


def presettle(call: Call, visit: Visit, bill: Bill, row: Row) -> Answer:
    """预结算: the same fields as the settlement, no trace."""
    answer = call.desk.platform.presettle(_request(call, visit, bill), who=call.who)
    return Answer(shown(call, visit, _kept(call, visit, bill, row, answer)))


def settle(call: Call, visit: Visit, bill: Bill, row: Row) -> Asking:
    """结算. When the visit has moved on meanwhile, nothing is settled; a settlement that was made
    before its visit was written (a drugstore's) is taken back."""
    portion = sum(one.chrg_bchno == bill.batch for one in visit.settlements)

    def then(said: str | Exception) -> Answer:
        return _settled(call, visit, bill, row, said)

    return Asking(_request(call, visit, bill),
                  f"gateway:{visit.mdtrt_id}:{bill.batch}:{portion}", call.who, then)


def _settled(call: Call, visit: Visit, bill: Bill, row: Row, said: str | Exception) -> Answer:
    """What a settlement is answered, and noted with the visit."""
    if isinstance(said, Refusal) and said.code == "key-reused":
        raise declined("already-settled", "此前有一笔结算未收到回复，费用已有变化：请先对原结算"
                       "报文冲正（2601），再结算", f"mdtrt_id {visit.mdtrt_id}") from None
    if isinstance(said, Exception):
        raise said
    answer = orjson.loads(said)
    kept = _kept(call, visit, bill, row, answer)
    noted = {"setl_id": str(answer["setl_id"]), "chrg_bchno": bill.batch,
             "institution": visit.institution, "infno": call.envelope.infno,
             "msgid": call.envelope.msgid, "answer": kept,
             "setl_at": f"{answer['setl_time']}+08:00"}
    return Answer(
        shown(call, visit, kept),
        (Noting(call.desk.visits, call.region, visit, bill.batch, noted, bill.lines),),
        lambda: undo(call, visit.psn_no, visit.mdtrt_id, noted))


def undo(call: Call, psn_no: str, mdtrt_id: str, noted: Mapping[str, object]) -> None:
    """Takes a settlement back that nobody was told of. It is noted first: what breaks between the
    two leaves a settlement that 2601 finds, never one that is told twice."""
    setl_id = str(noted["setl_id"])
    with call.desk.platform.database.connection() as connection:
        call.desk.visits.taken_back(connection, call.region, psn_no, mdtrt_id, noted,
                                    f"{setl_id}R", call.envelope.msgid)
    reverse(call, psn_no, setl_id)


def cancel(call: Call, visit: Visit, setl_id: str) -> Answer:
    """结算撤销: exact negatives of what was answered. Raises Declined `unknown-settlement`,
    `already-reversed`, and what the platform refuses."""
    kept = visit.settlement(setl_id)
    if kept is None:
        raise declined("unknown-settlement", "本次就诊无此结算，请核对结算编号",
                       f"setl_id {setl_id[:30]}")
    if kept.reversed_at is not None:
        raise declined("already-reversed", f"该结算已撤销，撤销编号 {kept.reversal_id}",
                       f"setl_id {setl_id}")
    reverse(call, visit.psn_no, setl_id)
    return Answer(shown(call, visit, negatives(call, kept)), (cancelling(call, visit, kept),))


def cancelling(call: Call, visit: Visit, kept: KeptSettlement) -> object:
    """The write that notes a cancellation."""
    return lambda connection: call.desk.visits.cancelled(
        connection, call.region, visit, kept, f"{kept.setl_id}R", call.envelope.msgid, call.at)


def negatives(call: Call, kept: KeptSettlement) -> dict[str, object]:
    """The answer to a cancellation."""
    found = money.negated(kept.answer)
    found["setlinfo"] |= {"setl_id": f"{kept.setl_id}R", "setl_time": local_time(call.at),
                          "medins_setl_id": call.envelope.msgid}
    return found


def reverse(call: Call, psn_no: str, setl_id: str) -> None:
    """冲正 on the platform; what was reversed before, by an earlier try, is done. Raises Declined
    `not-last` and what the platform refuses."""
    try:
        call.desk.platform.reverse({"region": call.region, "psn_no": psn_no, "setl_id": setl_id},
                                   f"gateway:reverse:{setl_id}", who=call.who, refund=REFUND)
    except Refusal as refusal:
        if refusal.code == "not-last":
            raise _not_last(call, psn_no, setl_id) from None
        if refusal.code not in ("already-reversed", "key-reused"):
            raise


def _not_last(call: Call, psn_no: str, setl_id: str) -> Declined:
    """What stands in the way of a cancellation, so that a clerk knows where to begin."""
    rows = call.desk.platform.history(call.region, psn_no, who=call.who)
    year = next((row["year"] for row in rows if row["setl_id"] == setl_id), "")
    standing = [row for row in rows if row["year"] == year
                and all(one["reason"] != "reverse" for one in row["outcomes"])]
    ids = [row["setl_id"] for row in standing]
    later = standing[ids.index(setl_id) + 1:] if setl_id in ids else standing
    with call.desk.platform.database.connection() as connection:
        own = [str(row["setl_id"]) for row in later if (visit := call.desk.visits.read(
            connection, call.region, psn_no, str(row["mdtrt_id"]).partition("-")[0]))
            and visit.institution == call.profile.code]
    said = [f"本机构 {'、'.join(reversed(own[-OWN_SHOWN:]))}" if own else "",
            f"其他机构 {len(later) - len(own)} 笔" if len(later) > len(own) else ""]
    return declined("not-last", f"其后本年度还有 {len(later)} 笔结算（"
                    f"{'，'.join(part for part in said if part)}），请从最后一笔起依次撤销，"
                    "或请经办机构重算", f"setl_id {setl_id}")


def shown(call: Call, visit: Visit, kept: Mapping[str, object]) -> dict[str, object]:
    """setlinfo with the whole person block, which is not kept with the amounts."""
    person = call.person_of(visit)
    return {"setlinfo": {**person, **kept["setlinfo"],
                         "age": persons.age_on(person["brdy"], call.today)},
            "setldetail": kept["setldetail"]}


def _request(call: Call, visit: Visit, bill: Bill) -> dict[str, object]:
    """The bill for the platform; a batch of an outpatient visit is a bill of its own."""
    claim = f"{visit.mdtrt_id}-{bill.batch}" if bill.batch else visit.mdtrt_id
    found = {"region": call.region, "psn_no": visit.psn_no, "mdtrt_id": claim,
             "med_type": MED_TYPE_AS.get(bill.med_type, bill.med_type),
             "fixmedins_code": visit.institution, "begndate": bill.first, "enddate": bill.last,
             "insutype": visit.insutype, "kind": bill.kind, **money.part_fields(bill.parts)}
    return found | ({"dise_codg": visit.disease} if visit.disease else {})


def _kept(call: Call, visit: Visit, bill: Bill, row: Row, answer: Mapping[str, object],
          ) -> dict[str, object]:
    """setlinfo without the person, and setldetail: what is kept with the visit."""
    pack = call.desk.platform.regimes.pack(answer["pack_hash"])
    info = {"mdtrt_id": visit.mdtrt_id, "setl_id": answer["setl_id"] or "",
            "insutype": visit.insutype, "setl_time": answer["setl_time"],
            "mdtrt_cert_type": row.text("mdtrt_cert_type"), "med_type": bill.med_type,
            **money.amounts(answer, pack, bill.parts, visit),
            "medins_setl_id": call.envelope.msgid, "clr_optins": call.region, "clr_way": CLR_WAY,
            "clr_type": bill.med_type[:2], "invono": row.text("invono")}
    return {"setlinfo": info, "setldetail": money.details(
        answer, pack, visit_of(bill.med_type) or "")}
