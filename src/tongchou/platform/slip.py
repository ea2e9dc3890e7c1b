"""The settlement slip as one object with national names (结算单): what 2304 and 5203 answer.

`setlinfo` is the bill itself: for a portion of a stay its own money, while `stay` holds the
statement of the stay to date.
"""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter

from ..enrolment import Institution
from ..ledger import CHINA_TIME
from ..money import yuan_text
from ..settlement import bill_of
from ..terms import (AMOUNT_FIELDS, FUND_FIELDS, FUNDS, INSURANCE, LEVELS, PARTS, PERSONS, SEXES,
                     VISITS)
from .explain import Found, money_by_payer

GENDERS = {name: code for code, name in reversed(SEXES.items())}
FLAGS = {False: "0", True: "1"}
AT_THE_AGENCY, AT_THE_INSTITUTION = "1", "2"    # pay_loc 支付地点类别


def slip_of(found: Found, institution: Institution) -> dict[str, object]:
    """Slip data of a settlement as it stands now; amounts are yuan as text."""
    own, outcome = found.own, found.outcomes[-1]
    return {"setlinfo": _info(found, outcome, institution),
            "setldetail": _details(found, outcome),
            "feedetail": bill_of(own["bill"]).as_dict()["lines"] if own["bill"] else [],
            "stay": outcome["result"]["statement"] or None}


def _info(found: Found, outcome: Mapping[str, object], institution: Institution,
          ) -> dict[str, object]:
    own, claim, person = found.own, found.own["claim"], outcome["person"]
    parts = dict(zip((part.national for part in PARTS.values()), map(yuan_text, claim["parts"]),
                     strict=True))
    return {
        "setl_id": own["setl_id"], "mdtrt_id": own["mdtrt_id"], "psn_no": own["psn_no"],
        "gend": GENDERS[person["sex"]], "brdy": person["born"],
        "insutype": INSURANCE[person["insurance"]].national,
        "psn_type": PERSONS[person["person_class"]].national,
        "med_type": VISITS[claim["visit"]].national, "dise_codg": claim["disease"] or None,
        "fixmedins_code": own["institution"], "fixmedins_name": institution.name,
        "hosp_lv": claim["level"], "hosp_lv_name": LEVELS[claim["level"]].zh,
        "begndate": claim["begin"], "enddate": claim["end"],
        "setl_time": claim["settled"].replace("T", " "),
        "mid_setl_flag": FLAGS[own["kind"] == "mid_stay"],
        "pay_loc": AT_THE_AGENCY if own["kind"] == "manual" else AT_THE_INSTITUTION,
        "refd_setl_flag": FLAGS[outcome["reason"] == "reverse"],
        "revision": outcome["revision"],
        "known_at": _china(outcome["known_at"]), "pack": found.pack.name,
        "pack_hash": own["pack_hash"], "kernel_version": own["kernel_version"],
        "medfee_sumamt": yuan_text(sum(claim["parts"])), **parts,
        "act_pay_dedc": (outcome["result"]["statement"] or {}).get("act_pay_dedc", "0.00"),
        **_amounts(found, outcome)}


def _amounts(found: Found, outcome: Mapping[str, object]) -> dict[str, str]:
    """This bill's own money under the national fields; they sum to it, or to zero once reversed."""
    fields = dict.fromkeys(FUND_FIELDS, 0)
    for fund, fen in outcome["result"]["money"]["paid"].items():
        fields[found.pack.funds[fund].field] += fen
    money = money_by_payer(outcome)
    assert sum(fields.values()) == money["fund_pay_sumamt"], outcome
    return {name: yuan_text(fen) for name, fen in {**fields, **money}.items()
            if name in AMOUNT_FIELDS}


def _details(found: Found, outcome: Mapping[str, object]) -> list[dict[str, str]]:
    """One row a fund that pays for this bill, by its national number."""
    rows = [{"fund_pay_type": found.pack.funds[fund].fund_pay_type,
             "fund_pay_type_name": FUNDS[fund].zh if fund in FUNDS else fund,
             "fund_payamt": yuan_text(fen)}
            for fund, fen in outcome["result"]["money"]["paid"].items()]
    return sorted(rows, key=itemgetter("fund_pay_type"))


def _china(moment: object) -> str:
    return datetime.fromisoformat(str(moment)).astimezone(CHINA_TIME).strftime(
        "%Y-%m-%d %H:%M:%S")
