"""Every phrase of the demonstration in Chinese and English (演示用语)."""
from __future__ import annotations

PHRASES: dict[str, tuple[str, str]] = {
    "banner": ("统筹演示：美国兰德健康保险实验（RAND HIE，1974-1982）的真实医疗费用，"
               "按 {count} 个地方政策结算",
               "Tongchou demonstration: real spending of the RAND Health Insurance Experiment "
               "(1974-1982), settled under {count} regimes"),
    "caution": ("费用数据来自美国居民，没有一个是中国患者；政策原文没有公布的数用"
                "候选值（candidate），其中不少是占位值。各地年份、险种不同，"
                "结果只说明规则怎样起作用，不能用来评价任何地方。",
                "The bills are of people in the United States; none of them is a Chinese patient. "
                "Numbers that no document publishes are candidate values, many of them "
                "placeholders. Regimes are of different years and schemes: the tables show how "
                "the rules work, not how any place performs."),
    "origin": ("账单来自美国兰德健康保险实验（RAND HIE，1974-1982）的一个人-年（127217 号，"
               "第 5 年），金额按 1 美元 8.357 元折算；不是中国患者，"
               "日期、医院级别、费用四分和身份都是假定的。",
               "These bills are a person-year of the RAND Health Insurance Experiment (1974-1982; "
               "person 127217, year 5) at 8.357 yuan a dollar; not a Chinese patient. Dates, "
               "hospital levels, the split of the bill and the status are assumed."),
    "example": ("一、一张账单是怎样结算的（样本里的一个人-年，全年三张账单见网页）",
                "1. How one bill was settled (a person-year of the sample; the page shows all "
                "three bills of the year)"),
    "paid": ("二、谁付了多少（{unit}）", "2. Who paid what ({unit})"),
    "kinds": ("三、基金支付占费用的比例，按就诊类别（占总费用 / 占政策范围内；- 为不支付）",
              "3. Share the funds paid, by kind of visit (of the bill / of its in-policy part; - "
              "is nothing)"),
    "layers": ("四、每一层支付到多少人，封顶线截断了多少",
               "4. How many each layer reached and how many a cap cut"),
    "idle": ("下列各层没有支付（样本里没有这类账单或人员，或费用没有到那一层）：",
             "Layers that paid nothing (no such bills or people in the sample, or no cost that "
             "gets so far):"),
    "assumed": ("五、假定（完整的在各 mapping.yaml 和 summary.xlsx 里）",
                "5. What was assumed (in full in every mapping.yaml and in summary.xlsx)"),
    "written": ("六、写出的文件", "6. Files written"),
    "counted": ("每个政策 {rows:,} 张账单、{people:,} 人：结算 {claims}，未结算 {rejected}",
                "{rows:,} bills of {people:,} people under every regime: {claims} settled, "
                "{rejected} not settled"),
    "again": ("同样的结果可以这样再算一遍：", "To settle one of them again:"),
    "wan": ("万元", "1,000 yuan"),
    "regime": ("政策", "regime"), "scheme": ("险种", "scheme"), "bills": ("账单", "bills"),
    "people": ("人数", "people"), "total": ("总费用", "total"),
    "rejected": ("未结算", "not settled"),
    "hifp_pay": ("基本\n医保", "basic"), "hifmi_pay": ("大病\n保险", "critical\nillness"),
    "hifob_pay": ("大额\n补助", "large\namount"), "maf_pay": ("医疗\n救助", "assis-\ntance"),
    "other": ("商保等", "others"), "hosp_part_amt": ("医院", "hospital"),
    "psn_part_amt": ("个人", "person"),
    "of_total": ("基金占\n总费用", "funds\n/ total"),
    "of_policy": ("占政策\n范围内", "/ in\npolicy"),
    "all_schemes": ("合计", "all"),
    "layer": ("层", "layer"), "money": ("支付", "paid"),
    "capped_bills": ("封顶账单", "bills cut\nby a cap"),
    "capped_people": ("封顶人数", "people cut\nby a cap"),
    "all_visits": ("全部", "all"),
    "compiling": ("第一次运行要编译结算引擎，约 20 至 60 秒",
                  "the first run compiles the engine, about 20 to 60 seconds"),
    "settling": ("结算 {what}", "settling {what}"),
    "reading": ("准备", "getting ready"),
    "candidates": ("{pack} 候选值 {count} 个（按等级 {grades}）",
                   "{pack}: {count} candidate values (by grade {grades})"),
    "grades": ("等级：A 政府网页，B 报纸或保险公司，C 汇编网页或推断，X 占位值，没有出处",
               "grades: A government page, B newspaper or insurer, C aggregator or inference, X "
               "placeholder without a source"),
    "applies_to": ("适用", "holds for"), "says": ("假定", "assumption"),
    "every_regime": ("全部政策", "every regime"),
    "parameter": ("参数", "parameter"), "value": ("取值", "value"), "grade": ("等级", "grade"),
    "source": ("出处", "source"), "clause": ("条款", "clause"),
    "sheet_paid": ("谁付了多少", "who paid what"),
    "sheet_kinds": ("按就诊类别", "by kind of visit"),
    "sheet_layers": ("各层", "layers"), "sheet_assumed": ("假定", "assumptions"),
    "sheet_candidates": ("候选值", "candidate values"),
    "visit": ("就诊类别", "kind of visit"),
}
# Schemes in a narrow column; the full names are those of terms.INSURANCE.
SCHEMES: dict[str, tuple[str, str]] = {
    "employees": ("职工", "employees"), "residents": ("居民", "residents"),
    "urban_residents": ("城镇居民", "urban"), "rural": ("新农合", "rural"),
    "retired_cadres": ("离休", "cadres"),
}
SEPARATOR = " / "


def say(key: str, lang: str, **values: object) -> str:
    """The phrase `key` in `zh` or `en`, filled in."""
    zh, en = PHRASES[key]
    return (zh if lang == "zh" else en).format(**values)


def scheme(name: str, lang: str) -> str:
    """The short name of an insurance type."""
    return SCHEMES[name][0 if lang == "zh" else 1]


def sentence(both: str, lang: str) -> str:
    """One language of an assumption that stands in both, ` / ` between them."""
    zh, _, en = both.partition(SEPARATOR)
    return zh if lang == "zh" or not en else en
