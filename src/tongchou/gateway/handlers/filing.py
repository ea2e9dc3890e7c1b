"""Filings of persons (备案): 2501 to 2507.

Referrals, chronic certificates and filings for care away from home are facts of enrolment, which
settlement reads: `Enrolment` writes them and commits by itself. A try that broke off in between is
taken up by its repeat, which finds the fact. A referral counts once the agency has registered it
(BJ-61); until then its institution may withdraw it.
"""
from __future__ import annotations

import json

from ...enrolment import AwayFiling, ChronicCertificate, Institution, Referral, entry, in_force
from ...settlement import local_time
from .. import filing_store, persons
from ..call import Answer, Call
from ..filing_store import Filing
from ..reading import Row
from ..refusals import declined

SEALED_AS = "filing"
REFERRAL, CHRONIC, PROVIDER, INJURY = "referral", "chronic", "provider", "injury"
IN_AREA, AGREED, CHRONIC_KIND = "1", "1", "chronic"
SORTS = tuple(f"{number:02d}" for number in (*range(1, 21), 22, 23, 32, 99))   # biz_appy_type
# biz_appy_type of care away from home -> why (06 转诊转院, 07 异地急诊住院, 08 异地安置). It opens
# the city of the institution, the first four digits of its area (national rule of 2022 on direct
# settlement across provinces: a filing names a city).
REFER = "06"
AWAY = {REFER: "referred", "07": "other", "08": "settled"}
CITY_DIGITS = 4
HOME, NEVER = "local", "9999-12-31"
REFERRAL_TYPES = ("1", "2", "3")       # 市内, 省内异地, 省外异地
LEVEL_ORDER = ("none", "village", "township", "1", "2", "3")


def number_of(call: Call) -> str:
    """trt_dcla_detl_sn of the filing a message makes: the same for every repeat."""
    return f"B{local_time(call.at)[:10].replace('-', '')}{call.slot.digest.hex()[:20]}"


def _filing(call: Call, row: Row, kind: str, subject: str, first: str, last: str) -> Filing:
    """A filing of the message; its person must be ours. Raises Declined `dates-out-of-order`,
    `person-differs` and what the platform refuses."""
    psn_no = row.need("psn_no")
    persons.check_same(row, persons.block(call, psn_no, row.text("certno")))
    if last and last < first:
        raise declined("dates-out-of-order", f"结束日期 {last} 早于开始日期 {first}", "enddate")
    sealed = call.desk.platform.enrolment.keys.seal(
        json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False),
        SEALED_AS)
    return Filing(psn_no, number_of(call), kind, call.profile.code, subject,
                  row.text("biz_appy_type"), row.text("fix_srt_no"), first, last, sealed, call.at,
                  call.who.user_id)


def _code(row: Row, name: str) -> str:
    """A code that must be there. Raises Declined `missing-field`, `bad-code`."""
    try:
        return entry.code_of(name, row.need(name))
    except entry.Fault as fault:
        raise declined(fault.code, fault.zh, name) from None


def sent_of(call: Call, one: Filing) -> dict[str, str]:
    """The fields of a filing as they came."""
    return json.loads(call.desk.platform.enrolment.keys.unseal(one.sent, SEALED_AS))


def known(call: Call, psn_no: str, kind: str) -> list[Filing]:
    """Filings of a person."""
    with call.desk.platform.database.connection() as connection:
        return filing_store.filings(connection, call.region, psn_no, kind)


def _standing(call: Call, row: Row, kind: str) -> Filing:
    """The filing a message names. Raises Declined `unknown-filing`, `not-own-institution`,
    `filing-withdrawn`."""
    number = row.need("trt_dcla_detl_sn")
    found = next((one for one in known(call, row.need("psn_no"), kind)
                  if one.filing_no == number), None)
    where = f"trt_dcla_detl_sn {number[:30]}"
    if found is None:
        raise declined("unknown-filing", "查无此备案，请核对待遇申报明细流水号和人员编号", where)
    if found.institution != call.profile.code:
        raise declined("not-own-institution", "该备案不是本机构办理的", where)
    if found.withdrawn:
        raise declined("filing-withdrawn", "该备案已撤销", where)
    return found


def _answer(call: Call, one: Filing, warning: str = "") -> Answer:
    return Answer({"result": {"trt_dcla_detl_sn": one.filing_no}},
                  (lambda connection: filing_store.add(connection, call.region, one),),
                  warning=warning)


def _withdrawal(call: Call, one: Filing, why: str) -> Answer:
    deed = {"at": call.at, "by": call.who.user_id, "why": why}
    return Answer({}, (lambda connection: filing_store.withdraw(connection, call.region, one,
                                                                deed),))


# --- referrals ------------------------------------------------------------------------------------
def refer(call: Call) -> Answer:
    """2501 转院备案: an electronic referral, which the agency has yet to register (BJ-61)."""
    row = call.input.one("refmedin")
    day = row.day("refl_date") or call.today
    if row.text("hosp_agre_refl_flag", AGREED) != AGREED:
        raise declined("referral-not-agreed", "医院不同意转院，不能备案", "hosp_agre_refl_flag")
    target, until = _code(row, "reflin_medins_no"), row.day("enddate")
    if not until:
        raise declined("missing-field", "缺少必填项 enddate：转院备案须注明有效期止", "refmedin")
    one = _filing(call, row, REFERRAL, target, day, until)
    fact = Referral(_episode(call, one, day), call.profile.code, target, _direction(call, row, day),
                    day, until, _code(row, "diag_code"))
    enrolment = call.desk.platform.enrolment
    there = [stored.fact for stored in enrolment.facts(call.region, one.psn_no, Referral)]
    same = next((other for other in there if (other.from_institution, other.to_institution,
                                              other.day) == (call.profile.code, target, day)), None)
    if same is None:
        enrolment.add(call.region, one.psn_no, fact, by=call.who.user_id, why="转院备案 2501")
    elif not _unanswered(call, one):
        raise declined("referral-known", f"{day} 转往 {target} 的转院已备案", "reflin_medins_no")
    return _answer(call, one, "已收到，经办机构登记后生效")


def _unanswered(call: Call, one: Filing) -> bool:
    """Whether a fact that is there came of a try of this message, or of one that nobody was
    told of: no standing filing says the same."""
    return not any((other.subject, other.first) == (one.subject, one.first)
                   and not other.withdrawn and other.filing_no != one.filing_no
                   for other in known(call, one.psn_no, one.kind))


def _episode(call: Call, one: Filing, day: str) -> str:
    """The chain this referral belongs to: that of the referral by which the person came here, or a
    new one (BJ-21..23)."""
    context = call.desk.platform.enrolment.context(call.region, one.psn_no)
    came_by = [other for other in context.referrals if other.to_institution == call.profile.code
               and in_force(other.day, other.valid_until, day)]
    return came_by[-1].episode if came_by else one.filing_no


def _direction(call: Call, row: Row, day: str) -> str:
    """up, down or out. Raises Declined `unknown-code` and what the platform refuses."""
    kind = row.need("refl_type")
    if kind not in REFERRAL_TYPES:
        raise declined("unknown-code", f"转院类型 {kind[:10]} 无法识别", "refl_type")
    if kind != IN_AREA:
        return "out"
    places = call.desk.platform.places
    own, other = (places.institution(call.region, code, day)[0].level
                  for code in (call.profile.code, row["reflin_medins_no"]))
    return "up" if LEVEL_ORDER.index(other) >= LEVEL_ORDER.index(own) else "down"


def withdraw_referral(call: Call) -> Answer:
    """2502 转院备案撤销: while the agency has not registered it."""
    row = call.input.one()
    one = _standing(call, row, REFERRAL)
    enrolment = call.desk.platform.enrolment
    stored = next((found for found in enrolment.facts(call.region, one.psn_no, Referral)
                   if (found.fact.from_institution, found.fact.to_institution, found.fact.day)
                   == (one.institution, one.subject, one.first)), None)
    if stored is not None and stored.fact.registered_by:
        raise declined("referral-registered", "经办机构已登记该转院，请向经办机构申请撤销",
                       f"trt_dcla_detl_sn {one.filing_no}")
    if stored is not None:
        enrolment.retract(call.region, one.psn_no, Referral.TABLE, stored.row_id,
                          by=call.who.user_id, why=row.text("memo") or "转院备案撤销 2502")
    return _withdrawal(call, one, row.text("memo"))


# --- chronic diseases -----------------------------------------------------------------------------
def certify(call: Call) -> Answer:
    """2503 人员慢特病备案: a certificate; with the number of one that stands, a change of it."""
    row = call.input.one()
    disease, judge = _code(row, "opsp_dise_code"), _code(row, "ide_fixmedins_no")
    first, last = row.day("begndate") or call.today, row.day("enddate")
    _check_judge(call, judge, row.day("hosp_ide_date") or first)
    one = _filing(call, row, CHRONIC, disease, first, last)
    named = _standing(call, row, CHRONIC) if row.text("trt_dcla_detl_sn") else None
    number = named.filing_no if named else one.filing_no
    fact = ChronicCertificate(disease, first, last, judge, number)
    stored = _certificate(call, one.psn_no, number)
    enrolment, by = call.desk.platform.enrolment, call.who.user_id
    if stored is None:
        enrolment.add(call.region, one.psn_no, fact, by=by, why="人员慢特病备案 2503")
    elif stored.fact != fact:
        enrolment.correct(call.region, one.psn_no, stored.row_id, fact, by=by,
                          why="人员慢特病备案变更 2503")
    if named is None:
        return _answer(call, one)
    changed = one._replace(filing_no=number)
    return Answer({"result": {"trt_dcla_detl_sn": number}}, (
        lambda connection: filing_store.change(connection, call.region, changed),))


def _certificate(call: Call, psn_no: str, number: str) -> object | None:
    """The certificate a filing made, with its row."""
    return next((found for found in call.desk.platform.enrolment.facts(
        call.region, psn_no, ChronicCertificate) if found.fact.evidence == number), None)


def _check_judge(call: Call, code: str, day: str) -> None:
    """The institution whose diagnosis counts must be designated for chronic diseases (LF-35).

    Raises Declined `not-designated` and what the platform refuses."""
    _, designations = call.desk.platform.places.institution(call.region, code, day)
    if not any(one.kind == CHRONIC_KIND for one in designations):
        raise declined("not-designated", f"{code[:12]} 不是门诊慢特病定点机构，其鉴定不能备案",
                       "ide_fixmedins_no")


def withdraw_certificate(call: Call) -> Answer:
    """2504 人员慢特病备案撤销."""
    row = call.input.one()
    one = _standing(call, row, CHRONIC)
    stored = _certificate(call, one.psn_no, one.filing_no)
    if stored is not None:
        call.desk.platform.enrolment.retract(
            call.region, one.psn_no, ChronicCertificate.TABLE, stored.row_id, by=call.who.user_id,
            why=row.text("memo") or "人员慢特病备案撤销 2504")
    return _withdrawal(call, one, row.text("memo"))


# --- providers and injuries -----------------------------------------------------------------------
def choose_provider(call: Call) -> Answer:
    """2505 人员定点备案: which institution a person chose for what; one at a time of a kind and
    rank. For care away from home it is what referrals are asked against, from its first day."""
    row = call.input.one()
    code, first = row.need("fixmedins_code"), row.day("begndate") or call.today
    if row.need("biz_appy_type") not in SORTS:
        raise declined("unknown-code", f"业务申请类型 {row['biz_appy_type'][:10]} 无法识别",
                       "biz_appy_type")
    row.need("fix_srt_no")
    one = _filing(call, row, PROVIDER, code, first, row.day("enddate"))
    fact = _away_of(call, one)
    if fact is not None and _away_fact(call, one.psn_no, fact) is None:
        _must_be_free(call, one)
        call.desk.platform.enrolment.add(call.region, one.psn_no, fact, by=call.who.user_id,
                                         why="异地就医备案 2505")
    return _answer(call, one)


def _must_be_free(call: Call, one: Filing) -> None:
    """No other filing of the kind and rank stands in the time. Raises Declined `filing-known`."""
    for other in known(call, one.psn_no, PROVIDER):
        if not other.withdrawn and (other.sort, other.rank) == (one.sort, one.rank) \
                and other.first <= (one.last or NEVER) and one.first <= (other.last or NEVER):
            raise declined("filing-known", "该时段已有同类、同序号的定点备案，请先撤销原备案",
                           "fix_srt_no")


def _away(one: Filing, institution: Institution) -> AwayFiling | None:
    """What a filing says of care away from home; None for a choice at home.

    Raises Declined `not-away`."""
    kind = AWAY.get(one.sort)
    if kind is None or (one.sort == REFER and institution.place == HOME):
        return None
    if institution.place == HOME:
        raise declined("not-away", f"{institution.code} 就在本统筹区，无需异地就医备案",
                       "fixmedins_code")
    return AwayFiling(institution.place, institution.county[:CITY_DIGITS], kind, one.first,
                      one.last)


def _away_of(call: Call, one: Filing) -> AwayFiling | None:
    """What a filing that was taken says of care away from home."""
    return _away(one, call.desk.platform.places.institution(call.region, one.subject,
                                                            one.first)[0])


def _away_fact(call: Call, psn_no: str, fact: AwayFiling) -> object | None:
    """The same filing as it is known, with its row."""
    return next((found for found in call.desk.platform.enrolment.facts(
        call.region, psn_no, AwayFiling) if found.fact == fact), None)


def withdraw_provider(call: Call) -> Answer:
    """2506 人员定点备案撤销."""
    row = call.input.one()
    one = _standing(call, row, PROVIDER)
    fact = _away_of(call, one)
    stored = _away_fact(call, one.psn_no, fact) if fact else None
    if stored is not None and not any(
            _away_of(call, other) == fact for other in known(call, one.psn_no, PROVIDER)
            if not other.withdrawn and other.filing_no != one.filing_no):
        call.desk.platform.enrolment.retract(
            call.region, one.psn_no, AwayFiling.TABLE, stored.row_id, by=call.who.user_id,
            why=row.text("memo") or "异地就医备案撤销 2506")
    return _withdrawal(call, one, row.text("memo"))


def report_injury(call: Call) -> Answer:
    """2507 人员意外伤害备案: how, when and where, for the agency to look into."""
    row = call.input.one()
    first = row.day("begndate") or call.today
    hurt = row.day("trum_time")
    if hurt > call.today:
        raise declined("bad-date", "受伤时间晚于今天", "trum_time")
    if row.text("fixmedins_code"):
        call.desk.platform.places.institution(call.region, row["fixmedins_code"], first)
    return _answer(call, _filing(call, row, INJURY, row.text("fixmedins_code"), first,
                                 row.day("enddate")))


HANDLERS = {"2501": refer, "2502": withdraw_referral, "2503": certify,
            "2504": withdraw_certificate, "2505": choose_provider, "2506": withdraw_provider,
            "2507": report_injury}
