"""Generated visits of all kinds keep I1 to I9; so do the published settlements."""
from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace

import pytest
from gateway_city import City
from generated_visits import visited
from identities import SHARED, check_money

from tongchou.gateway import money
from tongchou.money import yuan_text

GOLDEN = SHARED.with_name("code-tables.json")
FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "hifdm_pay",
         "oth_pay")


def test_generated_visits_keep_every_identity(city: City) -> None:
    visited(city, 60, 300)


# --- the published settlements --------------------------------------------------------------------
def golden() -> list[Mapping[str, object]]:
    """The published settlements; none where they are not on this machine."""
    return json.loads(GOLDEN.read_text("utf-8"))["golden_samples"] if GOLDEN.exists() else []


@pytest.mark.parametrize("sample", golden(), ids=lambda one: one["id"])
def test_published_settlements_keep_the_identities_we_check(sample: Mapping[str, object]) -> None:
    """They say what our check says: the check is not stricter than production, nor laxer."""
    def amount(name: str) -> Decimal:
        return Decimal(str(sample.get(name) or 0))
    detail = {kind: Decimal(yuan) for kind, yuan in sample["setldetail"]}
    info = {name: amount(name) for name in (*money.SIGNED, "hosp_part_amt")}
    if "psn_part_amt" not in sample or sample["psn_part_amt"] is None:   # a cancellation
        info["psn_part_amt"] = info["acct_pay"] + info["psn_cash_pay"]
        info["hosp_part_amt"] = detail.get("999997", Decimal())
    rows = [{"fund_payamt": str(one)} for one in detail.values()]
    check_money({"setlinfo": info, "setldetail": rows})


@pytest.mark.parametrize("sample", [one for one in golden() if one["id"] in ("G1", "G2")],
                         ids=lambda one: one["id"])
def test_our_fields_of_a_published_settlement_are_its_own(sample: Mapping[str, object]) -> None:
    """The same parts and payers give the same national fields; accounts are cash here."""
    fund = sample.get("hifob_pay", "0.00")
    own = {"funds": {"large": fund}, "psn_part_amt": sample["psn_part_amt"],
           "hosp_part_amt": sample["hosp_part_amt"]}
    answer = {"this_settlement": own, "act_pay_dedc": sample["act_pay_dedc"], "layers": [],
              "year": "2024:employees", "chosen_status": ""}
    kind = SimpleNamespace(field="hifob_pay", fund_pay_type="330101", zh="大额")
    pack = SimpleNamespace(funds={"large": kind})
    parts = tuple(int(Decimal(sample[name]) * 100) for name in money.PART_FIELDS)
    shown = money.amounts(answer, pack, parts, None)
    for name in ("medfee_sumamt", "act_pay_dedc", "fund_pay_sumamt", "psn_part_amt",
                 "hosp_part_amt", *money.PART_FIELDS):
        assert Decimal(shown[name]) == Decimal(sample[name]), name
    assert sum(Decimal(shown[name]) for name in FUNDS) == Decimal(sample["fund_pay_sumamt"])
    cash = Decimal(sample["acct_pay"]) + Decimal(sample["psn_cash_pay"])
    assert Decimal(shown["psn_cash_pay"]) == cash
    rows = {row["fund_pay_type"]: row["fund_payamt"] for row in money.details(answer, pack)}
    assert {code: yuan for code, yuan in rows.items() if yuan != yuan_text(0)} == {
        code: yuan for code, yuan in sample["setldetail"] if not code.startswith("3102")}
