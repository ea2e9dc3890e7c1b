"""Queries of persons (人员查询): 5205, 5206, 5301 to 5304."""
from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from ...money import parse_yuan, yuan_text
from ...terms import FUNDS, INSURANCE, VISITS
from ...visits import store as visit_store
from .. import persons
from ..call import Answer, Call
from ..refusals import declined
from .filing import CHRONIC, PROVIDER, REFERRAL, known, sent_of
from .queries import line_row, span_of

CHRONIC_TYPES = tuple(VISITS[name].national for name in ("chronic_outpatient", "two_diseases"))
DRUG_TYPES = ("101", "102", "103", "104", "106")
FROM_INSTITUTION, LOCAL, AWAY = "01", "0", "1"
IN_AREA = "1"                  # refl_type 市内转院
MONTHS = 12


def chronic_drugs(call: Call) -> Answer:
    """5205 人员慢特病用药记录查询: drugs of chronic visits, wherever they were handed out."""
    row = call.input.one()
    psn_no, (first, last) = row.need("psn_no"), span_of(call, row)
    platform, found = call.desk.platform, []
    with platform.database.connection() as connection:
        rows = visit_store.lines_of_person(connection, call.region, psn_no, CHRONIC_TYPES,
                                           first[:10], last[:10])
        catalogue = platform.catalogues.of(connection, call.region)
    for code, med_type, sent, split in rows:
        shown = line_row(call, catalogue, med_type, sent, split)
        if shown["list_type"] in DRUG_TYPES:
            name = platform.places.institution(call.region, code, last[:10])[0].name
            found.append({**shown, "psn_no": psn_no, "fixmedins_code": code,
                          "fixmedins_name": name})
    call.looked_at(psn_no, ("chronic drugs",))
    return Answer({"feedetail": found})


# --- cumulative figures ---------------------------------------------------------------------------
def cumulated(call: Call) -> Answer:
    """5206 人员累计信息查询: counts, costs and payments of a policy year up to a month, settlements
    that stand, with the codes of `cumulative.csv` (README 7: undocumented in the standard)."""
    row = call.input.one()
    psn_no, month = row.need("psn_no"), row.text("cum_ym") or call.today[:7].replace("-", "")
    if len(month) != 6 or not month.isascii() or not month.isdigit() \
            or not "01" <= month[4:] <= "12":
        raise declined("bad-date", "累计年月应为 yyyyMM", "cum_ym")
    upto = f"{month[:4]}-{month[4:]}"
    call.desk.platform.enrolment.context(call.region, psn_no)      # refuses an unknown person
    found: dict[tuple[str, str, str], int] = {}
    dedc: dict[tuple[str, str, str], int] = {}
    for one in call.desk.platform.history(call.region, psn_no, who=call.who):
        if _counts(one, upto):
            _add(call, one, found, dedc)
    for (year, insutype, _), fen in dedc.items():
        key = (year, insutype, "Q0000")
        found[key] = found.get(key, 0) + fen
    call.looked_at(psn_no, ("cumulative figures",))
    return Answer({"cuminfo": [
        {"insutype": insutype, "year": year, "cum_ym": month, "cum_type_code": code,
         "cum": str(value) if code == "C0000" else yuan_text(value)}
        for (year, insutype, code), value in sorted(found.items())]})


def _counts(one: Mapping[str, object], upto: str) -> bool:
    """Whether a settlement stands and belongs to the policy year of a month, up to it."""
    first = str(one["year"])[:7]
    months = (int(upto[:4]) - int(first[:4])) * MONTHS + int(upto[5:]) - int(first[5:])
    return 0 <= months < MONTHS and str(one["claim"]["settled"])[:7] <= upto \
        and all(other["reason"] != "reverse" for other in one["outcomes"])


def _add(call: Call, one: Mapping[str, object], found: dict[tuple[str, str, str], int],
         dedc: dict[tuple[str, str, str], int]) -> None:
    """Adds a settlement; the deductible is that of the whole stay, told by its last portion."""
    first, _, scheme = str(one["year"]).partition(":")
    year, insutype = first[:4], INSURANCE[scheme].national if scheme in INSURANCE else ""
    parts, result = one["claim"]["parts"], one["outcomes"][-1]["result"]
    pack = call.desk.platform.regimes.pack(one["pack_hash"])
    amounts = {"C0000": 1, "F0000": sum(parts), "S0000": parts[-1]}
    for fund, fen in result["money"]["paid"].items():
        code = fund_codes().get(pack.funds[fund].fund_pay_type,
                                f"D{pack.funds[fund].fund_pay_type}")
        amounts[code] = amounts.get(code, 0) + fen
    hospital_fen = result["money"].get("absorbed_fen", 0)
    if hospital_fen:
        amounts[fund_codes()[FUNDS["hospital"].fund_pay_type]] = hospital_fen
    for code, value in amounts.items():
        found[year, insutype, code] = found.get((year, insutype, code), 0) + value
    borne = (result["statement"] or {}).get("act_pay_dedc", "0")
    dedc[year, insutype, str(one["mdtrt_id"])] = parse_yuan(str(borne))


@cache
def fund_codes() -> Mapping[str, str]:
    """fund_pay_type -> cumulative code."""
    text = (files(__package__.rpartition(".")[0]) / "cumulative.csv").read_text("utf-8")
    return {row["fund_pay_type"]: row["code"] for row in csv.DictReader(io.StringIO(text))}


# --- filings --------------------------------------------------------------------------------------
def certificates(call: Call) -> Answer:
    """5301 人员慢特病备案查询: certificates in force today or later."""
    psn_no = call.input.one().need("psn_no")
    context = call.desk.platform.enrolment.context(call.region, psn_no)
    names = {one.subject: sent_of(call, one).get("opsp_dise_name", "")
             for one in known(call, psn_no, CHRONIC)}
    call.looked_at(psn_no, ("chronic certificates",))
    return Answer({"feedetail": [
        {"opsp_dise_code": one.disease, "opsp_dise_name": names.get(one.disease) or one.disease,
         "begndate": one.first, "enddate": one.last}
        for one in context.chronic if not one.last or one.last >= call.today]})


def providers(call: Call) -> Answer:
    """5302 人员定点信息查询."""
    row = call.input.one()
    psn_no, sort = row.need("psn_no"), row.text("biz_appy_type")
    context = call.desk.platform.enrolment.context(call.region, psn_no)
    insutype = context.coverages[-1].insutype if context.coverages else ""
    found = []
    for one in known(call, psn_no, PROVIDER):
        if not one.withdrawn and sort in ("", one.sort):
            sent = sent_of(call, one)
            found.append({"psn_no": psn_no, "insutype": insutype, "fix_srt_no": one.rank,
                          "fixmedins_code": one.subject, "memo": sent.get("memo", ""),
                          "fixmedins_name": sent.get("fixmedins_name", ""),
                          "begndate": one.first, "enddate": one.last})
    return Answer({"psnfixmedin": found})


def referrals(call: Call) -> Answer:
    """5304 转院信息查询: those filed from a day to another, not withdrawn."""
    row = call.input.one()
    psn_no, first = row.need("psn_no"), row.day("begntime") or call.today
    last = row.day("endtime")
    person = persons.block(call, psn_no)
    context = call.desk.platform.enrolment.context(call.region, psn_no)
    insutype = context.coverages[-1].insutype if context.coverages else ""
    registered = {(one.from_institution, one.to_institution, one.day)
                  for one in context.referrals if one.registered_by}
    call.looked_at(psn_no, persons.IN_FULL)
    found = []
    for one in known(call, psn_no, REFERRAL):
        if one.withdrawn or one.first < first or (last and one.first > last):
            continue
        sent = sent_of(call, one)
        is_known = (one.institution, one.subject, one.first) in registered
        found.append({**sent, **person, "insutype": sent.get("insutype") or insutype,
                      "dcla_souc": FROM_INSTITUTION, "insu_optins": call.region,
                      "out_flag": LOCAL if sent.get("refl_type") == IN_AREA else AWAY,
                      "begndate": one.first, "enddate": one.last,
                      "refl_date": one.first, "hosp_agre_refl_flag": "1",
                      "opter_name": "经办机构已登记" if is_known else "待经办机构登记"})
    return Answer({"refmedin": found})


def in_hospital(call: Call) -> Answer:
    """5303 在院信息查询: stays here that go on, of a person or of everybody."""
    row = call.input.one()
    psn_no = row.text("psn_no")
    with call.desk.platform.database.connection() as connection:
        found = visit_store.visits_of(connection, call.region, call.profile.code,
                                      *span_of(call, row), psn_no,
                                      {"kind": "inpatient", "state": "open"})
    rows = []
    for one in found:
        person = call.person_of(one)
        rows.append({**person, "mdtrt_id": one.mdtrt_id, "insutype": one.insutype,
                     "age": persons.age_on(person["brdy"], call.today), "begndate": one.begin,
                     "med_type": one.med_type, "ipt_otp_no": one.case_no, "out_flag": LOCAL})
        call.looked_at(one.psn_no, persons.IN_FULL)
    return Answer({"data": rows})


HANDLERS = {"5205": chronic_drugs, "5206": cumulated, "5301": certificates, "5302": providers,
            "5303": in_hospital, "5304": referrals}
