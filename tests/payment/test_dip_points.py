"""Points: the worked numbers of the draft, methods, splits, clusters, deviations (分值测算)."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from dip_tables import EXAMPLE, cases, catalogue, region

from tongchou.errors import CaseError, Refusal
from tongchou.payment.dip import (
    Built,
    Catalogue,
    Matcher,
    Region,
    Scored,
    Terms,
    build_catalogue,
    read_catalogue,
    read_region,
    score_cases,
    terms_of,
)
from tongchou.payment.dip.coefficients import Factor, FactorTable, hospital_coefficients
from tongchou.payment.dip.price import Standards

YEARS = (2023, 2024, 2025)
WHOLE = {"building__trim_low": 0, "building__trim_high": 1_000_000}
K35 = "layer,seq,dx,px\nbasic,1,K35.9,\nbasic,2,K35.9,47.0901\nbasic,3,K35.9,47.0100\n"


def repeated(*rows: tuple[int, dict[str, object]]) -> pa.Table:
    """Each row as often as its number says."""
    table = cases(*(row for _, row in rows))
    return table.take(pa.array(np.repeat(np.arange(len(rows)), [count for count, _ in rows])))


def appendix(year: int) -> list[tuple[int, dict[str, object]]]:
    """The draft's table of K35.9: conservative, open, laparoscopic."""
    rows = ((6722, [], 9173), (4099, ["47.0901"], 12_103), (7120, ["47.0100"], 13_385))
    return [(count, {"dx": ["K35.900"], "px": px, "cost_fen": yuan * 100, "year": year,
                     "drug_fen": yuan * 20, "consumable_fen": yuan * 10})
            for count, px, yuan in rows]


def built(table: pa.Table, groups: Catalogue | None = None, **changes: object) -> Built:
    settings = {**WHOLE, "building__basic": "data" if groups is None else "national", **changes}
    return build_catalogue(table, groups or Catalogue("none", ()), region(**settings))


def points_of(made: Built) -> dict[str, int | None]:
    return {group.code: group.points_milli for group in made.priced.catalogue.groups}


# --- points by three methods ---------------------------------------------------------------------


def test_the_worked_points_of_k35_9(tmp_path: Path) -> None:
    """M = 11,513.98 gives 796.68, 1051.16 and 1162.50 by the mean method."""
    table = repeated(*(row for year in YEARS for row in appendix(year)))
    made = built(table, catalogue(tmp_path, K35))
    assert made.priced.base_fen == 1_151_398
    assert [round(milli / 10) for milli in points_of(made).values()] == [79_668, 105_116, 116_250]
    drug = [group.drug_milli for group in made.priced.catalogue.groups]
    assert drug == [group.points_milli for group in made.priced.catalogue.groups], "own mean"
    over_total = built(table, catalogue(tmp_path, K35), points__drug_over="total")
    assert over_total.priced.catalogue.groups[0].drug_milli == 159_337, "a fifth of 796.684"


def test_the_three_methods_keep_the_same_proportions(tmp_path: Path) -> None:
    table = repeated(*(row for year in YEARS for row in appendix(year)))
    groups = catalogue(tmp_path, K35)
    disease = built(table, groups, points__method="base_disease", points__base_disease="basic3")
    assert points_of(disease) == {"basic1": 685_319, "basic2": 904_221, "basic3": 1_000_000}
    quota = built(table, groups, points__method="fixed_quota", points__fixed_mean=1_000_000)
    assert points_of(quota) == {"basic1": 917_300, "basic2": 1_210_300, "basic3": 1_338_500}
    for changes in ({"points__method": "base_disease", "points__base_disease": "gone"},
                    {"points__method": "fixed_quota"}):
        with pytest.raises(Refusal):
            built(table, groups, **changes)


@pytest.mark.parametrize(("year_mean", "mean_fen"), [("means", 260_00), ("cases", 250_00)])
def test_years_weigh_one_two_seven(year_mean: str, mean_fen: int, tmp_path: Path) -> None:
    """Means of 100, 200 and 300 yuan: by year 260; case by case the many of 2024 pull it down."""
    row = {"dx": ["K35.900"]}
    table = repeated((20, {**row, "cost_fen": 100_00, "year": 2023}),
                     (70, {**row, "cost_fen": 200_00, "year": 2024}),
                     (20, {**row, "cost_fen": 300_00, "year": 2025}))
    made = built(table, catalogue(tmp_path, K35), building__year_mean=year_mean)
    mean = (20 * 100 + 2 * 70 * 200 + 7 * 20 * 300) / (20 + 140 + 140)
    assert made.priced.base_fen == (mean_fen if year_mean == "means" else round(mean * 100))
    with pytest.raises(Refusal, match="years"):
        built(table.filter(pa.array(table.column("year").to_numpy() > 2023)),
              catalogue(tmp_path, K35))


def test_the_outer_quantiles_are_left_out(tmp_path: Path) -> None:
    """Of 40 cases a year the two and a half percent at either end: rank 1 and rank 39 stay."""
    rows = [(1, {"dx": ["K35.900"], "cost_fen": cost, "year": year}) for year in YEARS
            for cost in (*range(1_000_00, 1_039_00, 100), 90_000_00)]
    made = built(repeated(*rows), catalogue(tmp_path, K35), building__trim_low=25_000,
                 building__trim_high=975_000)
    assert made.priced.trimmed == 3 and made.priced.base_fen == 1_019_00


# --- related procedures split a group ------------------------------------------------------------


def stents(*extra: tuple[str, int], main: str = "36.0700", base: int = 28_033) -> pa.Table:
    """Twenty cases a year with the stent alone, and twenty with each other procedure."""
    rows = [(20, {"dx": ["I21.000"], "px": [main, *px], "cost_fen": yuan * 100, "year": year})
            for year in YEARS for px, yuan in (([], base), *(([one], yuan)
                                                               for one, yuan in extra))]
    return repeated(*rows)


def test_the_worked_splits_of_i21_0() -> None:
    """Two-catheter angiography adds 2.91 %: no split; ultrasound in the vessel 56.97 %: split."""
    made = built(stents(("88.5600", 28_849), ("00.2400", 44_003)))
    weighed = {split.related: split for split in made.splits}
    assert (weighed["88.5600"].extra_ppm, weighed["88.5600"].splits) == (29_109, False)
    assert (weighed["00.2400"].extra_ppm, weighed["00.2400"].splits) == (569_686, True)
    assert sorted(points_of(made)) == ["I21.0:36.0700", "I21.0:36.0700+00.2400"]


@pytest.mark.parametrize(("base", "yuan", "splits"), [
    (28_033, 30_836, False), (28_033, 30_837, True), (28_030, 30_832, False),
    (28_030, 30_833, True)])
def test_a_split_begins_at_ten_percent(base: int, yuan: int, splits: bool) -> None:
    """28,033 x 1.1 = 30,836.30, between two yuan; 28,030 x 1.1 = 30,833, which is enough."""
    made = built(stents(("00.2400", yuan), base=base))
    assert [split.splits for split in made.splits] == [splits]


def test_a_split_holds_only_beside_its_own_main_procedure() -> None:
    """Angiography with a stent costs more than without; a stent with angiography hardly does."""
    table = pa.concat_tables([stents(("88.5600", 28_849)), stents(("36.0700", 28_849),
                                                                  main="88.5600").slice(0, 120)])
    costs = table.column("cost_fen").to_numpy().copy()
    px = table.column("px").to_pylist()
    costs[[one == ["88.5600"] for one in px]] = 6_000_00
    table = table.set_column(table.column_names.index("cost_fen"), "cost_fen", pa.array(costs))
    made = built(table, matching__plus_main="any")
    assert sorted(points_of(made)) == ["I21.0:36.0700", "I21.0:88.5600", "I21.0:88.5600+36.0700"]
    found = Matcher(made.priced.catalogue, region()).match(cases(
        {"dx": ["I21.000"], "px": ["36.0700", "88.5600"]},
        {"dx": ["I21.000"], "px": ["88.5600", "36.0700"]}))
    groups = found.as_table(cases({}, {})).column("group").to_pylist()
    assert groups == ["I21.0:36.0700", "I21.0:88.5600+36.0700"]


# --- thresholds and clusters ---------------------------------------------------------------------

RARE = {f"K35.{stem}00": 5 for stem in "0123"}


def rare(count: int = 5, costs: tuple[int, ...] = (1000, 1100)) -> pa.Table:
    """Four diagnoses of one category with `count` cases a year each, and a common one."""
    rows = [(count, {"dx": [dx], "px": ["47.0100"], "cost_fen": costs[k % len(costs)] * 100,
                     "year": year}) for year in YEARS for k, dx in enumerate(RARE)]
    return repeated(*rows, *((30, {"dx": ["J18.900"], "year": year}) for year in YEARS))


def clusters(made: Built) -> list[str]:
    return [group.code for group in made.priced.catalogue.groups
            if group.layer == "comprehensive"]


def test_rare_groups_join_a_cluster_by_property(tmp_path: Path) -> None:
    base = catalogue(tmp_path, K35, properties="px,property\n47,operation\n")
    made = built(rare(), base, building__basic="data", building__threshold_cases=16)
    assert clusters(made) == ["K35:operation"]
    assert made.core_share_ppm == 600_000
    few = built(rare(), base, building__basic="data", building__threshold_cases=16,
                building__comprehensive_cases=61)
    assert not clusters(few) and few.dropped["clusters_under_threshold"] == 1
    uneven = built(rare(costs=(100, 9000)), base, building__basic="data",
                   building__threshold_cases=16, building__comprehensive_cv=900_000)
    assert not clusters(uneven) and uneven.dropped["clusters_over_cv"] == 1


def test_the_threshold_is_in_or_found_by_the_core_share(tmp_path: Path) -> None:
    base = catalogue(tmp_path, K35)
    exact = built(rare(), base, building__basic="data", building__threshold_cases=15)
    assert exact.core_share_ppm == 1_000_000, "15 cases are enough where 15 are asked"
    found = built(rare(), base, building__basic="data", building__threshold_cases=None,
                  building__core_share=600_000)
    assert (found.threshold_cases, found.core_share_ppm) == (90, 600_000)
    more = built(rare(), base, building__basic="data", building__threshold_cases=None,
                 building__core_share=600_001)
    assert more.threshold_cases == 15


def test_primary_care_groups_are_common_there_and_even() -> None:
    def made(level: str, costs: tuple[int, int]) -> bool:
        table = repeated(*((20, {"dx": ["J06.900"], "cost_fen": cost, "year": year,
                                 "hospital_level": one}) for year in YEARS
                           for cost, one in zip(costs, ("1", level), strict=True)))
        return built(table, building__primary_share=600_000).priced.catalogue.groups[0].primary_care
    assert made("1", (1000_00, 1100_00)) and not made("2", (1000_00, 1100_00))
    assert not made("1", (100_00, 9000_00)), "the coefficient of variation is above 0.7"


# --- deviations ----------------------------------------------------------------------------------

ONE = "layer,seq,dx,px,points\nbasic,1,K35.9,,1000\n"
RULES = {path.stem: path for path in (EXAMPLE / "deviations").glob("*.yaml")}


def scored(rules: Region, tmp_path: Path, factor_ppm: int, *rows: dict[str, object]) -> Scored:
    """Cases scored where the group has 1,000 points and a mean of 10,000 yuan; a point is 10."""
    groups = catalogue(tmp_path, ONE)
    mean = np.full((1, 4), 1_000_000, np.int64)
    terms = Terms(Standards(mean, mean, 1_000_000, 2025), FactorTable((Factor(factor_ppm),)),
                  values={"": 10_000_000})
    table = cases(*({"dx": ["K35.900"], **row} for row in rows))
    return score_cases(table, Matcher(groups, rules).match(table), rules, terms)


@pytest.mark.parametrize(("rules", "wanted"), [
    ("base-rule", {"4000": 400, "4999.99": 499.999, "5000": 1000, "10000": 1000, "20000": 1000,
                   "20000.01": 1000.001, "26000": 1600}),
    ("variant", {"4000": 400, "5000": 500, "5000.01": 1000, "10000": 1000, "20000": 1000,
                 "26000": 1600, "50000": 4000, "50000.01": 1000}),
    ("national-draft", {"4000": 400, "5000": 1000, "20000": 1000, "26000": 1000, "31000": 1000})])
def test_the_worked_deviations_on_both_sides_of_each_sign(
        rules: str, wanted: dict[str, float], tmp_path: Path) -> None:
    """RW 1000, mean 10,000: at 5,000 half the score hangs on `<` or `<=`."""
    rows = [{"cost_fen": round(float(yuan) * 100)} for yuan in wanted]
    found = scored(read_region(RULES[rules]), tmp_path, 1_000_000, *rows)
    assert found.score_milli.tolist() == [round(points * 1000) for points in wanted.values()]


def test_review_begins_where_the_region_says(tmp_path: Path) -> None:
    costs = [2_000_000, 2_000_001, 3_000_000, 3_000_001, 5_000_001]
    for rules, review in (("national-draft", [False, True, True, True, True]),
                          ("variant", [False, False, False, False, True])):
        found = scored(read_region(RULES[rules]), tmp_path, 1_000_000,
                       *({"cost_fen": cost} for cost in costs)).table
        assert found.column("review").to_pylist() == review
    assert found.column("deviation").to_pylist() == [None, "high", "high", "high", "extreme"]


@pytest.mark.parametrize(("rules", "low", "high"), [
    ("base-rule", 480, 1920), ("variant", 400, 1800)])
def test_the_hospital_coefficient_is_multiplied_or_added(rules: str, low: int, high: int,
                                                         tmp_path: Path) -> None:
    found = scored(read_region(RULES[rules]), tmp_path, 1_200_000, {"cost_fen": 400_000},
                   {"cost_fen": 2_600_000})
    assert found.score_milli.tolist() == [low * 1000, high * 1000]


def test_the_payment_standard_carries_the_coefficient(tmp_path: Path) -> None:
    """Score x cost / (standard x coefficient): the coefficient cancels out of a low score."""
    found = scored(read_region(RULES["national-draft"]), tmp_path, 1_200_000,
                   {"cost_fen": 599_999}, {"cost_fen": 600_000})
    assert found.table.column("standard_fen").to_pylist() == [1_200_000, 1_200_000]
    assert found.score_milli.tolist() == [599_999, 1_200_000]


def test_no_group_is_worth_a_share_of_its_cost_over_the_mean(tmp_path: Path) -> None:
    found = scored(read_region(RULES["variant"]), tmp_path, 1_200_000,
                   {"dx": ["Q00.000"], "cost_fen": 2_000_000})
    assert found.score_milli.tolist() == [1_400_000]
    found = scored(region(no_group__method="zero"), tmp_path, 1_200_000, {"dx": ["Q00.000"]})
    assert found.score_milli.tolist() == [0]


# --- who is paid apart ---------------------------------------------------------------------------


def test_day_points_and_chinese_medicine(tmp_path: Path) -> None:
    """A day clinic of Chinese medicine gets what the operation gets; 62 days are 60 x 42 + 2 x
    36.5, whatever the hospital and the cost."""
    groups = catalogue(tmp_path, "layer,seq,dx,px,condition,code,points,same_as,day_points\n"
                       "tcm,1,S52.5,,px_any=99,TCM1,,B1,\nbed_day,1,F20,,,BED1,,,1:42|61:36.5\n"
                       "basic,1,S52.5,79.1200,,B1,800,,\n")
    mean = np.zeros((3, 4), np.int64)
    terms = Terms(Standards(mean, mean, 1_000_000, 2025), FactorTable((Factor(1_100_000),)))
    table = cases({"dx": ["S52.500"], "px": ["99.9200"]}, {"dx": ["F20.000"], "stay_days": 62},
                  {"dx": ["S52.500"], "px": ["79.1200"]}, {"dx": ["F20.000"], "stay_days": 0})
    rules = region()
    found = score_cases(table, Matcher(groups, rules).match(table), rules, terms)
    assert found.score_milli.tolist() == [880_000, 2_593_000, 880_000, 42_000]


def test_bad_amounts_are_refused(tmp_path: Path) -> None:
    for cost in (-1, None, 10 ** 11 + 1):
        with pytest.raises(CaseError, match="row 2, case C1, cost_fen"):
            scored(region(), tmp_path, 1_000_000, {}, {"cost_fen": cost})
    with pytest.raises(CaseError, match="ppm of the standard") as refused:
        scored(region(), tmp_path, 10 ** 14, {"cost_fen": 10 ** 11})
    assert refused.value.code == "score-too-large"


# --- coefficients --------------------------------------------------------------------------------


def levels(*rows: tuple[str, int, str]) -> pa.Table:
    """Forty cases a year of each (level, cost in yuan, diagnosis)."""
    return repeated(*((40, {"dx": [dx], "hospital_level": level, "hospital": f"H{level}",
                            "cost_fen": yuan * 100, "year": year,
                            "insurance": "employees" if level == "3" else "residents"})
                      for year in YEARS for level, yuan, dx in rows))


def factors(table: pa.Table, **changes: object) -> dict[tuple[str, str, str, str], int]:
    made = built(table)
    rules = region(coefficients__group_cases=30, **changes)
    return {one.key: one.coefficient_ppm
            for one in hospital_coefficients(table, made.matched, rules)}


MIX = levels(("1", 800, "J18.900"), ("2", 1000, "J18.900"), ("3", 1200, "J18.900"),
             ("3", 5000, "K35.900"))


def test_coefficients_by_class_and_by_case_mix() -> None:
    plain = factors(MIX, coefficients__method="class")
    assert plain["", "", "1", ""] == 400_000 and plain["", "", "3", ""] == 1_550_000
    mixed = factors(MIX, coefficients__method="class_case_mix")
    assert mixed["", "", "1", ""] == 800_000 and mixed["", "", "3", ""] == 1_033_333


def test_coefficients_by_group_need_a_gap_and_no_inversion() -> None:
    wide = factors(MIX, coefficients__method="class_group", coefficients__group_gap=500_000)
    assert wide["", "", "3", "J18.9:"] == 1_200_000
    for changed in ({"coefficients__group_gap": 500_001}, {"coefficients__group_cases": 41}):
        narrow = {**{"coefficients__method": "class_group", "coefficients__group_gap": 500_000},
                  **changed}
        made = built(MIX)
        found = hospital_coefficients(MIX, made.matched, region(
            **{"coefficients__group_cases": 30, **narrow}))
        assert not any(one.group for one in found)
    turned = levels(("1", 1200, "J18.900"), ("2", 1000, "J18.900"), ("3", 1300, "J18.900"))
    assert not any(key[3] for key in factors(turned, coefficients__method="class_group",
                                             coefficients__group_gap=0))


def test_each_insurance_has_coefficients_of_its_own() -> None:
    found = factors(MIX, coefficients__method="class", coefficients__by_insurance="yes")
    assert found["residents", "", "1", ""] == 888_889, "800 over the 900 of residents"
    table = FactorTable(tuple(Factor(ppm, *key) for key, ppm in found.items()))
    asked = cases({"hospital_level": "1", "insurance": "residents"}, {"hospital_level": "1",
                                                                      "insurance": None})
    assert table.of_cases(asked, np.array([-1, -1]), []).tolist() == [888_889, 400_000]


# --- auxiliary types -----------------------------------------------------------------------------


def aged(old: int, young: int, old_yuan: int, **changes: object) -> list[tuple[str, int]]:
    """(class, coefficient) found for one group with old and young patients."""
    table = repeated(*((count, {"dx": ["J18.900"], "age_years": age, "cost_fen": yuan * 100,
                                "year": year}) for year in YEARS
                       for count, age, yuan in ((old, 70, old_yuan), (young, 40, 1000))))
    made = built(table, read_catalogue(EXAMPLE / "national"), building__basic="data")
    rules = region(coefficients__method="class", **changes)
    return [(one.name, one.coefficient_ppm) for one in terms_of(table, made, rules).triggers
            if one.type == "age"]


def test_a_type_counts_for_enough_cases_and_a_fall_of_spread() -> None:
    """Means 3,000 and 1,000 beside 2,000: coefficient 1.5 for the old, none for the rest."""
    assert aged(20, 20, 3000) == [("65 and older", 1_500_000)]
    assert aged(5, 20, 3000) == [], "the class must have more than 5 cases"
    assert aged(6, 9, 3000) == [], "the group must have more than 15"
    assert aged(6, 10, 3000) == [("65 and older", 1_714_286)]
    assert aged(20, 20, 3000, auxiliary__cv_before=700_000) == [], "0.5 is below 0.7"
    assert aged(20, 20, 3000, auxiliary__cv_before=500_000) == [("65 and older", 1_500_000)]
