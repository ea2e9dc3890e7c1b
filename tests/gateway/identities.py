"""Laws of the replies: the identities of money, and the national model where it is here."""
from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "hifdm_pay",
         "oth_pay")
SHARED = Path(__file__).parents[2].parent / "shared/national-interface/transactions.json"


def check_money(output: Mapping[str, object]) -> None:
    """I1 to I6 of a settlement, a pre-settlement or a cancellation."""
    info = {name: Decimal(str(value)) for name, value in output["setlinfo"].items()
            if name.endswith(("amt", "_pay", "_selfpay", "dedc"))}
    assert info["medfee_sumamt"] == (info["fulamt_ownpay_amt"] + info["overlmt_selfpay"]
                                     + info["preselfpay_amt"] + info["inscp_scp_amt"])
    person = info.get("psn_part_amt", info["acct_pay"] + info.get("psn_cash_pay", 0))
    hospital = info.get("hosp_part_amt", 0)
    assert info["medfee_sumamt"] == info["fund_pay_sumamt"] + person + hospital
    assert person == info["acct_pay"] + info["psn_cash_pay"]
    assert info["fund_pay_sumamt"] == sum(info[name] for name in FUNDS)
    assert abs(info["acct_mulaid_pay"]) <= abs(info["acct_pay"])
    assert sum(Decimal(str(row["fund_payamt"])) for row in output["setldetail"]) == (
        info["fund_pay_sumamt"] + hospital + info["acct_pay"])


def check_line(row: Mapping[str, object]) -> None:
    """I7 of a line's split."""
    amount, *parts = (Decimal(str(row[name])) for name in (
        "det_item_fee_sumamt", "fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt",
        "inscp_scp_amt"))
    assert amount == sum(parts)
    assert abs(Decimal(str(row["pric"])) * Decimal(str(row["cnt"])) - amount) <= Decimal("0.01")


def check_negative(settled: Mapping[str, object], cancelled: Mapping[str, object]) -> None:
    """I8: the same fields with the opposite sign."""
    for name, value in cancelled["setlinfo"].items():
        if name.endswith(("amt", "_pay", "_selfpay", "dedc")) and name in settled["setlinfo"] \
                and name != "pool_prop_selfpay":
            assert Decimal(str(value)) == -Decimal(str(settled["setlinfo"][name])), name
    assert len(settled["setldetail"]) == len(cancelled["setldetail"])


@cache
def national() -> Mapping[str, object]:
    """The national model; empty where it is not on this machine."""
    return json.loads(SHARED.read_text("utf-8"))["transactions"] if SHARED.exists() else {}


def unlike_the_standard(infno: str, output: object, renamed: Mapping[str, str]) -> list[str]:
    """What of a reply is not as the national model says: a node or a required field that is
    missing, a value of another type or too long. `renamed`: node -> its name in the dialect."""
    wrong = []
    for node in national()[infno]["output"] if national() else ():
        name = renamed.get(node["node"], node["node"])
        found = output if name in (None, ".") else output.get(name)
        if found is None:
            wrong.append(f"{infno} lacks {name}")
            continue
        rows = found if isinstance(found, list) else [found]
        for row in rows:
            wrong += [f"{infno}.{name}.{field['name']}: {said}" for field in node["fields"]
                      if (said := _unlike(field, row))]
    return wrong


def _unlike(field: Mapping[str, object], row: Mapping[str, object]) -> str:
    value = row.get(field["name"])
    if value in (None, ""):
        return "missing" if field.get("required") and field["name"] not in row else ""
    length = str(field.get("max_length") or "")
    if field["type"] == "decimal":
        try:
            Decimal(str(value))
        except ArithmeticError:
            return f"{value!r} is no number"
        return ""
    return f"{value!r} is longer than {length}" if length.isdigit() \
        and field["type"] == "string" and len(str(value)) > int(length) else ""
