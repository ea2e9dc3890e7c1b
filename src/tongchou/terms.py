"""The vocabulary: every word of ours with its 中文, its national field name and its codes.

Inside, names are English terms of the field; at every border the national names and codes
stand (national provider interface, dictionary chapter). Nothing else translates between them.
"""
from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """One word: English for reports, 中文, and the national name or code where there is one."""

    en: str
    zh: str
    national: str = ""


# --- the split of a bill (费用四分) --------------------------------------------------------------
PARTS: dict[str, Term] = {
    "out_of_catalogue": Term("out of catalogue", "全自费", "fulamt_ownpay_amt"),
    "over_limit": Term("over price limit", "超限价自费", "overlmt_selfpay"),
    "first_self_pay": Term("first self-pay", "先行自付", "preselfpay_amt"),
    "in_policy": Term("in policy scope", "符合政策范围", "inscp_scp_amt"),
}
PART_NAMES = tuple(PARTS)

# What a layer leaves behind (一层支付后留下的部分).
RESIDUES: dict[str, Term] = {
    "deductible": Term("deductible", "起付线以下"),
    "copayment": Term("co-payment", "按比例自付"),
    "over_cap": Term("over the cap", "超封顶线"),
    "penalty": Term("cost of missing referral", "未按规定转诊多付"),
    "excluded": Term("not counted", "不计入部分"),
}

# --- insurance types (insutype 险种类型) ---------------------------------------------------------
INSURANCE: dict[str, Term] = {
    "employees": Term("employees", "职工基本医疗保险", "310"),
    "residents": Term("residents", "城乡居民基本医疗保险", "390"),
    "urban_residents": Term("urban residents", "城镇居民基本医疗保险", "391"),
    "rural": Term("rural cooperative", "新型农村合作医疗", "380"),
    "retired_cadres": Term("retired cadres", "离休人员医疗保障", "340"),
}
INSURANCE_OF_CODE = {term.national: name for name, term in INSURANCE.items()}

# --- kinds of visit (med_type 医疗类别); longer codes fall back on their first two digits ---------
VISITS: dict[str, Term] = {
    "outpatient": Term("outpatient", "普通门诊", "11"),
    "emergency": Term("emergency", "急诊", "13"),
    "chronic_outpatient": Term("chronic and special outpatient", "门诊慢特病", "14"),
    "special_drug": Term("special-drug outpatient", "特药购药", "18"),
    "inpatient": Term("inpatient", "住院", "21"),
    "injury_inpatient": Term("injury inpatient", "外伤住院", "22"),
    "day_treatment": Term("day treatment", "日间治疗", "28"),
    "pharmacy": Term("pharmacy", "定点药店购药", "41"),
    "antenatal": Term("antenatal and maternity outpatient", "生育门诊", "51"),
    "maternity_inpatient": Term("maternity inpatient", "生育住院", "52"),
    "home_bed": Term("home sickbed", "家庭病床", "71"),
    "two_diseases": Term("hypertension and diabetes outpatient", "门诊两病", "9901"),
    "single_disease_outpatient": Term("single-disease outpatient", "门诊单病种", "990101"),
    "accident_outpatient": Term("accident outpatient", "意外伤害门诊", "9903"),
    "critical_drug": Term("critical-illness special drug", "大病特药", "9904"),
}
VISIT_OF_CODE = {term.national: name for name, term in VISITS.items()}

# --- hospital levels (hosp_lev), places, referral -------------------------------------------------
LEVELS: dict[str, Term] = {
    "village": Term("village clinic", "村卫生室"),
    "township": Term("township health centre", "乡镇卫生院"),
    "1": Term("level 1", "一级"),
    "2": Term("level 2", "二级"),
    "3": Term("level 3", "三级"),
    "none": Term("unrated", "未定级"),
}
PLACES: dict[str, Term] = {
    "local": Term("inside the pooling area", "统筹区内"),
    "province": Term("elsewhere in the province", "省内异地"),
    "outside": Term("outside the province", "跨省异地"),
}
REFERRALS: dict[str, Term] = {
    "due": Term("duly referred or filed", "已转诊备案"),
    "missing": Term("referral missing", "应转诊而未转诊"),
    "not_needed": Term("no referral needed", "无需转诊"),
}

# --- persons (psn_type 人员类别); longer codes fall back on their first two digits ---------------
PERSONS: dict[str, Term] = {
    "working": Term("working", "在职", "11"),
    "retired": Term("retired", "退休", "12"),
    "retired_cadre": Term("retired cadre", "离休", "13"),
    "student": Term("student or child", "学生儿童", "14"),
    "resident": Term("adult resident", "居民（成年）", "15"),
    "elder": Term("elderly resident", "居民（老年）", "16"),
    "flexible": Term("urban and rural resident", "城乡居民", "17"),
    "herder": Term("farmers and herders", "农牧民", "18"),
    "disabled_soldier": Term("disabled soldier", "残疾军人", "33"),
    "old_worker": Term("worker from before 1949", "建国前老工人", "34"),
    "other": Term("other", "其他", "99"),
}
PERSON_OF_CODE = {term.national: name for name, term in PERSONS.items()}
SEXES = {"1": "male", "2": "female", "0": "unknown", "9": "unknown"}

# --- identities of people (psn_idet_type, mat_idet_code 人员身份) ---------------------------------
STATUSES: dict[str, Term] = {
    "registered_poor": Term("registered poor", "建档立卡贫困人口", "2302"),
    "extreme_poverty": Term("extreme poverty", "特困供养人员", "2304"),
    "allowance": Term("low-income allowance", "低保对象", "2303"),
    "orphan": Term("orphan", "孤儿", "2361"),
    "unsupported_child": Term("de facto unsupported child", "事实无人抚养儿童", "2370"),
    "hardship_child": Term("key child in hardship", "困境儿童", "236046"),
    "borderline": Term("borderline family", "低保边缘家庭成员", "236074"),
    "monitored": Term("monitored against falling back", "防止返贫监测对象", ""),
    "fallen_back": Term("fallen back into poverty", "返贫致贫人口", "226104"),
    "unstable_ex_poor": Term("unstable ex-poor", "脱贫不稳定户", "226101"),
    "at_risk": Term("borderline at risk of poverty", "边缘易致贫户", "226102"),
    "sudden_hardship": Term("sudden serious hardship", "突发严重困难户", "226103"),
    "impoverished_by_illness": Term("impoverished by illness", "因病致贫重病患者", "2306"),
    "hardship_employee": Term("employee in hardship", "困难职工", ""),
    "low_income": Term("low income", "低收入救助对象", "2305"),
    "left_poverty": Term("left poverty by procedure", "按程序脱贫人口", ""),
    "veteran": Term("subsidised veterans group", "优抚对象", "21"),
    "retrenched_worker": Term("early-1960s retrenched worker", "精减退职老职工", ""),
    "aids": Term("AIDS and opportunistic infection", "艾滋病人", ""),
    "mental_hardship": Term("mental patient in hardship", "困难精神病人", "236021"),
    "mental_danger": Term("dangerous mental patient", "肇事肇祸精神病人", ""),
    "severely_disabled": Term("severely disabled", "重度残疾人", "230801"),
    "family_planning": Term("only-child and two-daughter families", "计生两户", "31"),
    "student": Term("student", "学生", ""),
    "minimum_relief": Term("other relief client", "其他救助对象", "2360"),
}
STATUS_OF_CODE = {term.national: name for name, term in STATUSES.items() if term.national}

# --- funds: where money comes from (基金), national amount field and fund_pay_type ----------------
class Fund(NamedTuple):
    """A payer: names, the national amount field it is summed into, and its fund_pay_type."""

    en: str
    zh: str
    field: str
    fund_pay_type: str


FUNDS: dict[str, Fund] = {
    "residents_basic": Fund("residents' basic fund", "居民基本医保", "hifp_pay", "390100"),
    "residents_outpatient": Fund("residents' outpatient fund", "居民门诊统筹", "hifp_pay",
                                 "390102"),
    "employees_basic": Fund("employees' basic fund", "职工基本医保", "hifp_pay", "310100"),
    "employees_outpatient": Fund("employees' outpatient fund", "职工门诊统筹", "hifp_pay",
                                 "310102"),
    "rural_basic": Fund("rural cooperative fund", "新农合基金", "hifp_pay", "390100"),
    "critical_illness": Fund("critical illness insurance", "大病保险", "hifmi_pay", "390200"),
    "large_amount": Fund("employees' large-amount fund", "职工大额医疗补助", "hifob_pay",
                         "330100"),
    "employer_supplement": Fund("employer supplement", "企业补充医疗保险", "hifes_pay",
                                "370100"),
    "civil_servants": Fund("civil-servant supplement", "公务员医疗补助", "cvlserv_pay",
                           "320100"),
    "disabled": Fund("disabled persons' fund", "伤残人员医疗保障", "hifdm_pay", "350100"),
    "medical_assistance": Fund("medical assistance", "医疗救助", "maf_pay", "610100"),
    "family_planning_fund": Fund("family-planning guidance fund", "计生利导基金", "oth_pay",
                                 "999997"),
    "commercial": Fund("commercial city product", "惠民保", "oth_pay", "620100"),
    "charity": Fund("charity", "慈善救助", "oth_pay", "999997"),
    "government_top_up": Fund("government top-up", "政府兜底", "oth_pay", "640100"),
    "other_fund": Fund("other fund", "其他基金", "oth_pay", "999997"),
    "hospital": Fund("hospital", "医院负担", "hosp_part_amt", "999996"),
    "person": Fund("person", "个人负担", "psn_part_amt", ""),
}
BASIC_FIELD = "hifp_pay"  # 统筹基金: its deductible is the act_pay_dedc of a settlement
FUND_FIELDS = ("hifp_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "cvlserv_pay",
               "hifdm_pay", "oth_pay")
AMOUNT_FIELDS: dict[str, Term] = {
    "medfee_sumamt": Term("total cost", "医疗费总额", "medfee_sumamt"),
    "act_pay_dedc": Term("deductible", "实际支付起付线", "act_pay_dedc"),
    "hifp_pay": Term("basic fund", "基本医保统筹基金", "hifp_pay"),
    "hifes_pay": Term("employer supplement", "企业补充", "hifes_pay"),
    "hifmi_pay": Term("critical illness", "居民大病保险", "hifmi_pay"),
    "hifob_pay": Term("large amount", "职工大额补助", "hifob_pay"),
    "maf_pay": Term("medical assistance", "医疗救助", "maf_pay"),
    "cvlserv_pay": Term("civil servants", "公务员补助", "cvlserv_pay"),
    "hifdm_pay": Term("disabled persons", "伤残人员保障", "hifdm_pay"),
    "oth_pay": Term("other payers", "其他支出", "oth_pay"),
    "fund_pay_sumamt": Term("all funds", "基金支付总额", "fund_pay_sumamt"),
    "hosp_part_amt": Term("hospital", "医院负担", "hosp_part_amt"),
    "psn_part_amt": Term("person", "个人负担", "psn_part_amt"),
}


def visit_of(med_type: str) -> str | None:
    """Our visit name of a national med_type (`"2101"` -> inpatient), None when unknown."""
    if med_type in VISIT_OF_CODE:
        return VISIT_OF_CODE[med_type]
    if len(med_type) in (4, 5) and med_type[:2] in ("11", "13", "21"):
        return VISIT_OF_CODE[med_type[:2]]
    return None


def person_of(psn_type: str) -> str | None:
    """Our person class of a national psn_type (`"1403"` -> student), None when unknown."""
    return PERSON_OF_CODE.get(psn_type) or PERSON_OF_CODE.get(psn_type[:2])


def status_of(code: str) -> str | None:
    """Our status name of a code of `STATUSES` or a national identity code."""
    return code if code in STATUSES else STATUS_OF_CODE.get(code)
