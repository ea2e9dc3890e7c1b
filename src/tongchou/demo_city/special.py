"""The people worth trying something on, one case each (特例人员)."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .city import AWAY
from .people import DIABETES, EMPLOYEES, HYPERTENSION, KIDNEY, RESIDENTS, Lists

CITY, COUNTY, VILLAGE = "H52990100001", "H52990200001", "H52990200005"
OUTSIDE = "H33990100001"


class Case(NamedTuple):
    """A person and what is special about them."""

    psn_no: str
    why_zh: str
    why_en: str


Make = Callable[[Lists], str]


def make_cases(lists: Lists) -> list[Case]:
    """Adds the special people; their numbers are the first of the city, whatever else changes."""
    found = []
    for make, late, zh, en in CASES:
        lists.is_late = late
        found.append(Case(make(lists), zh, en))
    lists.is_late = False
    return found


def _resident(lists: Lists, years: int = 45, psn_type: str = "15", **more: str) -> str:
    number = lists.person(lists.born(years), psn_type, **more)
    lists.insure(number)
    return number


def _employee(lists: Lists, years: int, psn_type: str) -> str:
    number = lists.person(lists.born(years), psn_type)
    lists.insure(number, EMPLOYEES)
    return number


def _with_status(code: str, since: int, until: int = 0, known: int = 0,
                 years: int = 50) -> Make:
    def make(lists: Lists) -> str:
        number = _resident(lists, years, "14" if years < 18 else "15")
        lists.status(number, code, lists.ago(since), lists.ago(until) if until else "",
                     lists.ago(known) if known else "")
        return number
    return make


def _two_statuses(lists: Lists) -> str:
    number = _with_status("allowance", 600)(lists)
    lists.status(number, "severely_disabled", lists.ago(700), source="残联（演示）")
    return number


def _waiting(lists: Lists) -> str:
    number = lists.person(lists.born(33), "15")
    lists.cover(number, RESIDENTS, lists.ago(20), "", lists.ago(-70))
    return number


def _ended(lists: Lists) -> str:
    number = lists.person(lists.born(41), "15")
    lists.cover(number, RESIDENTS, lists.ago(800), lists.ago(45))
    return number


def _dead(lists: Lists) -> str:
    number = lists.person(lists.born(81), "16", died=lists.ago(30))
    lists.cover(number, RESIDENTS, lists.ago(900))
    return number


def _newborn(named: bool) -> Make:
    def make(lists: Lists) -> str:
        born = lists.ago(25 if named else 9)
        number = lists.person(born, "14", certificate=None if named else "")
        lists.cover(number, RESIDENTS, born)
        return number
    return make


def _chronic(*diseases: str) -> Make:
    def make(lists: Lists) -> str:
        number = _resident(lists, 62, "16")
        for disease in diseases:
            lists.chronic(number, disease, lists.ago(700))
        return number
    return make


def _expired_certificate(lists: Lists) -> str:
    number = _resident(lists, 58)
    lists.chronic(number, HYPERTENSION, lists.ago(900), lists.ago(60))
    return number


def _referred(registered: bool) -> Make:
    def make(lists: Lists) -> str:
        number = _resident(lists, 52)
        lists.referral(number, f"DE{number}", (COUNTY, CITY, "up"),
                       (lists.ago(5), lists.ago(-60)), registered)
        return number
    return make


def _referred_outside(lists: Lists) -> str:
    number = _resident(lists, 47)
    lists.referral(number, f"DE{number}", (CITY, OUTSIDE, "out"),
                   (lists.ago(12), lists.ago(-80)), True)
    return number


def _filed(place: str, area: str, kind: str) -> Make:
    def make(lists: Lists) -> str:
        number = _resident(lists, 36)
        lists.filing(number, place, area, kind, lists.ago(300))
        return number
    return make


def _changed_insurance(lists: Lists) -> str:
    number = lists.person(lists.born(29), "11")
    lists.cover(number, RESIDENTS, lists.ago(700), lists.ago(121))
    lists.cover(number, EMPLOYEES, lists.ago(120))
    return number


def _foreigner(lists: Lists) -> str:
    number = lists.person(lists.born(38), "11", "1", "DEMO00001", psn_cert_type="08")
    lists.insure(number, EMPLOYEES)
    return number


def _soldier(lists: Lists) -> str:
    number = lists.person(lists.born(20), "15", "1")
    lists.not_enrolled(number, "参军（演示）", "演示-001")
    return number


def _family_head(lists: Lists) -> str:
    head, spouse = _resident(lists, 44), _resident(lists, 42)
    members = [head, spouse, _resident(lists, 12, "14"), _resident(lists, 8, "14"),
               _resident(lists, 71, "16")]
    lists.family(*members)
    for number in members:
        lists.status(number, "allowance", lists.ago(500))
    return head


# how they are made, known only since yesterday, why in 中文 and in English
CASES: tuple[tuple[Make, bool, str, str], ...] = (
    (_resident, False, "普通居民", "a resident, nothing special"),
    (lambda lists: _employee(lists, 40, "11"), False, "在职职工", "an employee"),
    (lambda lists: _employee(lists, 66, "12"), False, "退休职工", "a retired employee"),
    (lambda lists: _resident(lists, 15, "14"), False, "学生", "a pupil"),
    (_with_status("allowance", 600), False, "低保对象", "low-income allowance"),
    (_with_status("extreme_poverty", 800, years=68), False, "特困供养人员", "extreme poverty"),
    (_with_status("borderline", 500), False, "低保边缘家庭成员", "borderline family"),
    (_with_status("monitored", 400), False, "防止返贫监测对象", "monitored"),
    (_with_status("orphan", 900, years=11), False, "孤儿", "an orphan"),
    (_with_status("registered_poor", 2500), False,
     "建档立卡贫困人口：本市政策不再认这一身份",
     "registered poor: the pack knows this status no more"),
    (_with_status("allowance", 800, 150), False, "低保资格已终止", "an allowance that has ended"),
    (_two_statuses, False, "同时有两种身份", "two statuses at once"),
    (_waiting, True, "等待期内：还不能享受待遇", "in the waiting period: no benefits yet"),
    (_ended, False, "参保已中断", "the cover has ended"),
    (_dead, False, "已死亡：死亡以后的费用不能结算", "dead: nothing after that day is settled"),
    (_newborn(False), True, "新生儿，还没有证件号码", "a newborn without a number yet"),
    (_newborn(True), True, "新生儿，已有身份证号码", "a newborn with a number"),
    (_chronic(HYPERTENSION), False, "有一种门诊慢特病资格：高血压",
     "one chronic certificate: hypertension"),
    (_chronic(HYPERTENSION, DIABETES, KIDNEY), False, "有三种门诊慢特病资格",
     "three chronic certificates"),
    (_expired_certificate, False, "门诊慢特病资格已到期", "a chronic certificate that has expired"),
    (_referred(True), False, "转诊到市人民医院，经办机构已登记", "a referral, registered"),
    (_referred(False), False, "转诊到市人民医院，还没有登记", "a referral that nobody registered"),
    (_referred_outside, False, "转外就医，已登记", "referred to another province"),
    (_filed("outside", AWAY, "working"), False, "常驻异地工作，已备案（跨省）",
     "works in another province, filed"),
    (_filed("province", "5298", "settled"), False, "异地安置，已备案（省内）",
     "settled elsewhere in the province, filed"),
    (_changed_insurance, False, "年中由居民转为职工", "changed from residents to employees"),
    (_foreigner, False, "外国人，凭护照参保", "a foreigner with a passport"),
    (_soldier, False, "未参保：参军，有台账", "not enrolled, for a reason on record"),
    (_family_head, False, "五口之家的户主，全家低保", "head of a family of five on allowance"),
    (_with_status("impoverished_by_illness", 100, known=3), True,
     "三天前认定的因病致贫，生效日更早：可追溯重算",
     "recognised three days ago from an earlier day: bills since can be settled again"),
    (_resident, False, "今年住院费用很高，接近封顶线",
     "very high bills this year, near the ceiling"),
)
HIGH_COST = CASES[-1][2]
