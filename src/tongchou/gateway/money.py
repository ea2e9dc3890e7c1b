"""Amounts of a settlement in the national fields (结算金额): identities I1 to I9.

    I1 medfee = fulamt_ownpay + overlmt + preselfpay + inscp_scp     I3 psn_part = acct + cash
    I2 medfee = fund_pay + psn_part + hosp_part                       I5 acct_mulaid <= acct
    I4 fund_pay = hifp + cvlserv + hifes + hifmi + hifob + maf + hifdm + oth
    I6 sum(setldetail) = fund_pay + hosp_part + acct

Everything comes from what settlement answered (`this_settlement`: the portion at hand), nothing is
computed a second time. Personal accounts come with an issue of their own: `acct_pay` is 0 here.
"""
from __future__ import annotations

from collections.abc import Mapping

from ..money import divide_rounded, parse_yuan, yuan_text
from ..policy import Cell, Pack
from ..terms import FUND_FIELDS, FUNDS, PARTS
from ..visits import Visit

PART_FIELDS = tuple(term.national for term in PARTS.values())
SIGNED = ("medfee_sumamt", *PART_FIELDS, "act_pay_dedc", *FUND_FIELDS, "fund_pay_sumamt",
          "psn_part_amt", "acct_pay", "psn_cash_pay", "hosp_part_amt", "acct_mulaid_pay")
SIGNED_DETAIL = ("inscp_scp_amt", "crt_payb_lmt_amt", "fund_payamt")
HOSPITAL = FUNDS["hospital"]
_LIMITS: dict[tuple[str, ...], int] = {}
RATIO_UNIT = 10_000                    # pool_prop_selfpay has four decimals


def part_fields(parts: tuple[int, ...]) -> dict[str, str]:
    """The four parts and their sum under their national names."""
    return {"medfee_sumamt": yuan_text(sum(parts)),
            **{name: yuan_text(fen) for name, fen in zip(PART_FIELDS, parts, strict=True)}}


def amounts(answer: Mapping[str, object], pack: Pack, parts: tuple[int, ...],
            visit: Visit | None) -> dict[str, object]:
    """The amount fields of setlinfo for the portion that was settled."""
    own = answer["this_settlement"]
    fields = dict.fromkeys(FUND_FIELDS, 0)
    for fund, yuan in own["funds"].items():
        fields[pack.funds[fund].field] += parse_yuan(yuan)
    dedc_fen = parse_yuan(answer["act_pay_dedc"]) - _dedc_before(answer, visit)
    person_fen, hospital_fen = parse_yuan(own["psn_part_amt"]), parse_yuan(own["hosp_part_amt"])
    fund_fen = sum(fields.values())
    assert sum(parts) == fund_fen + person_fen + hospital_fen, (parts, own)
    base_fen = parts[-1] - dedc_fen
    ratio = divide_rounded(fields["hifp_pay"] * RATIO_UNIT, base_fen) if base_fen > 0 else 0
    return {**part_fields(parts), "act_pay_dedc": yuan_text(dedc_fen),
            **{name: yuan_text(fen) for name, fen in fields.items()},
            "pool_prop_selfpay": f"{ratio // RATIO_UNIT}.{ratio % RATIO_UNIT:04d}",
            "fund_pay_sumamt": yuan_text(fund_fen), "psn_part_amt": yuan_text(person_fen),
            "acct_pay": "0.00", "psn_cash_pay": yuan_text(person_fen),
            "hosp_part_amt": yuan_text(hospital_fen), "balc": "0.00", "acct_mulaid_pay": "0.00"}


def _dedc_before(answer: Mapping[str, object], visit: Visit | None) -> int:
    """What portions of the stay settled before have borne of the deductible."""
    if visit is None or visit.kind != "inpatient":
        return 0
    return sum(parse_yuan(one.answer["setlinfo"]["act_pay_dedc"]) for one in visit.settlements
               if one.reversed_at is None and one.setl_id != answer["setl_id"])


def details(answer: Mapping[str, object], pack: Pack, visit: str = "") -> list[dict[str, object]]:
    """setldetail: one row a fund_pay_type that paid, then the hospital's share. Base and limit of a
    type are those of its first layer that paid; `visit` is our word for the kind of visit."""
    own, found = answer["this_settlement"], {}
    first = {layer["fund_pay_type"]: layer for layer in reversed(answer["layers"])
             if parse_yuan(layer["paid"])}
    cell = {"insurance": str(answer.get("year", "")).partition(":")[2], "visit": visit,
            "status": answer.get("chosen_status") or "none"}
    for fund, yuan in own["funds"].items():
        kind = pack.funds[fund]
        layer = first.get(kind.fund_pay_type)
        row = found.setdefault(kind.fund_pay_type, {
            "fund_pay_type": kind.fund_pay_type, "fund_pay_type_name": kind.zh,
            "inscp_scp_amt": layer["base"] if layer else "0.00",
            "crt_payb_lmt_amt": yuan_text(_limit_fen(pack, layer["layer"], cell) if layer else 0),
            "fund_payamt": "0.00", "setl_proc_info": ""})
        row["fund_payamt"] = yuan_text(parse_yuan(row["fund_payamt"]) + parse_yuan(yuan))
    if parse_yuan(own["hosp_part_amt"]):
        found[HOSPITAL.fund_pay_type] = {
            "fund_pay_type": HOSPITAL.fund_pay_type, "fund_pay_type_name": HOSPITAL.zh,
            "inscp_scp_amt": "0.00", "crt_payb_lmt_amt": "0.00",
            "fund_payamt": own["hosp_part_amt"], "setl_proc_info": ""}
    return list(found.values())


def _limit_fen(pack: Pack, layer: str, cell: Cell) -> int:
    """limit_fen, kept: it is asked for every settlement, and there are few answers."""
    key = pack.pack_hash, layer, *cell.values()
    if key not in _LIMITS:
        _LIMITS[key] = limit_fen(pack, layer, cell)
    return _LIMITS[key]


def limit_fen(pack: Pack, layer: str, cell: Cell) -> int:
    """The tightest limit on payments that a layer has in a class of settlements (封顶线, whole,
    whatever is used of it), in fen; 0 where the pack has none, or one that hangs on what a
    settlement's answer does not tell (`cell`: insurance, visit, status)."""
    caps = [cap for one in pack.layers if one.name == layer for cap in one.caps
            if cap.on == "payment" and cap.amount.dimensions() <= cell.keys()]
    return min((cap.amount.at(cell) for cap in caps), default=0)


def negated(kept: Mapping[str, object]) -> dict[str, object]:
    """A cancellation: the same fields, every amount with the opposite sign (I8)."""
    info = kept["setlinfo"]
    return {"setlinfo": {**info, **{name: _minus(info[name]) for name in SIGNED}},
            "setldetail": [{**row, **{name: _minus(row[name]) for name in SIGNED_DETAIL}}
                           for row in kept["setldetail"]]}


def _minus(yuan: object) -> str:
    return yuan_text(-parse_yuan(str(yuan)))
