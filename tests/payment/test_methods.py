"""What one case is paid: worked numbers, both sides of every sign, clauses (病例定价)."""
from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from methods_tables import BY_ITEM, FROM, bands, case, drg, lines, priced

from tongchou.payment.methods.lump import month_payments, year_end
from tongchou.payment.methods.lump_rules import Capitation

POINTS = {"method": "points", "weights": "table: weights.csv", "rate": "clearing"}
RW = "group,weight,mean_yuan\nG1,1000,10000\n"
HIGH = "name: high, when: '> 200%', pay: {cost: 100%, base: -100%}"


def points_of(folder: Path, rows: str, *costs_yuan: int, **more: str) -> list[int]:
    """Points of cases of G1 (RW 1000, mean 10,000) by a table of bands against the mean."""
    found = priced(folder, drg(bands("mean", *rows.split("\n")), **POINTS, **more),
                   *(case(cost_fen=cost * 100) for cost in costs_yuan), weights=RW)
    return [milli // 1000 for milli in found.points_milli.tolist()]


# --- worked numbers of the design, section 4 -----------------------------------------------------


def test_the_worked_numbers_with_a_sharp_sign(tmp_path: Path) -> None:
    low = "name: low, when: '< 50%', pay: {cost: 100%}"
    assert points_of(tmp_path, f"{low}\n{HIGH}", 4000, 10_000, 26_000, 5000) == \
        [400, 1000, 1600, 1000]


def test_the_boundary_belongs_where_the_sign_says(tmp_path: Path) -> None:
    low = "name: low, when: '<= 50%', pay: {cost: 100%}"
    assert points_of(tmp_path, f"{low}\n{HIGH}", 4999, 5000, 5001, 20_000, 20_001) == \
        [499, 500, 1000, 1000, 1000]
    assert points_of(tmp_path, "name: high, when: '>= 200%', pay: {cost: 100%, base: -150%}",
                     19_999, 20_000) == [1000, 500]


def test_the_variant_with_the_hospital_factor(tmp_path: Path) -> None:
    """r <= 0.5: r; 2 < r <= 5: r - 2 + factor; r > 5: the factor only, then review."""
    rows = ("name: low, when: '<= 50%', pay: {cost: 100%}\n"
            "name: high, when: '> 200% <= 500%', pay: {cost: 100%, base: -200%, standard: 100%}\n"
            "name: extreme, when: '> 500%', pay: {standard: 100%}")
    found = points_of(tmp_path, rows, 5000, 5001, 20_000, 20_010, 50_000, 50_001,
                      coefficient="default: 110%")
    assert found == [500, 1100, 1100, 1101, 4100, 1100]


def test_the_national_draft_pays_low_cases_their_share_of_the_standard(tmp_path: Path) -> None:
    """score x cost / (standard x coefficient): in money, the cost itself."""
    rule = drg(bands("standard", "name: low, when: '< 50%', pay: {cost: 100%}"),
               coefficient="hospitals: {H1: 105%}")
    found = priced(tmp_path, rule, case(cost_fen=524_999), case(cost_fen=525_000))
    assert found.amount_fen.tolist() == [524_999, 1_050_000]


def test_a_band_may_hold_for_light_or_heavy_groups_only(tmp_path: Path) -> None:
    rule = drg(bands("standard",
                     "name: light, when: '> 300%', weight: '< 1', pay: {standard: 50%}",
                     "name: heavy, when: '> 200%', weight: '>= 1', pay: {standard: 200%}"))
    found = priced(tmp_path, rule, case(group="A", cost_fen=2_500_000),
                   case(group="B", cost_fen=2_500_000), case(group="A", cost_fen=2_997_001),
                   case(group="B", cost_fen=2_000_000),
                   weights="group,weight\nA,0.999\nB,1\n")
    assert found.amount_fen.tolist() == [999_000, 2_000_000, 499_500, 1_000_000]


# --- weight x rate x coefficient -----------------------------------------------------------------


def test_the_standard_is_weight_times_rate_times_coefficient(tmp_path: Path) -> None:
    rule = drg(coefficient="hospitals: {H1: 104%}, levels: {'1': 90%}, default: 100%")
    found = priced(tmp_path, rule, case(), case(hospital="H2"),
                   case(hospital="H3", hospital_level="1"), case(insurance="employees"),
                   weights="group,weight\nG1,1.2345\n")
    assert found.amount_fen.tolist() == [1_283_880, 1_234_500, 1_111_050, 1_540_656]
    assert found.standard_fen.tolist() == found.amount_fen.tolist()


def test_weights_by_level_of_hospital(tmp_path: Path) -> None:
    table = "group,levels,weight\nG1,1,0.8\nG1,2|3,1.1\n"
    found = lines(priced(tmp_path, drg(), case(hospital_level="1"), case(hospital_level="3"),
                         case(hospital_level=None), weights=table))
    assert [line["amount_fen"] for line in found] == [800_000, 1_100_000, None]
    assert found[2]["reason"] == "no-weight"


def test_a_floating_rate_divides_the_fund_as_total_cost(tmp_path: Path) -> None:
    """Fund 14,000, less 5%, at 70% of the cost is 19,000 of cost; weights 1 and 3."""
    rate = "kind: floating, over: weight, reserve: 5%, residents: {fund: 14000, ratio: 70%}"
    found = priced(tmp_path, drg(rate=rate), case(), case(group="G3"),
                   weights="group,weight\nG1,1\nG3,3\n")
    assert found.amount_fen.tolist() == [475_000, 1_425_000]
    assert found.rates["groups"]["residents", ""] == 475_000
    booked = rate.replace("70%", "booked")
    assert priced(tmp_path, drg(rate=booked), case(), case(group="G3"),
                  weights="group,weight\nG1,1\nG3,3\n").amount_fen.tolist() == [475_000, 1_425_000]


def test_coefficients_may_count_in_the_total_weight(tmp_path: Path) -> None:
    rate = "kind: floating, over: {}, reserve: 0%, residents: {{fund: 7000, ratio: 70%}}"
    factors = {"coefficient": "hospitals: {H1: 150%}, default: 50%"}
    for over, sums in (("weight", [750_000, 250_000]), ("weight_and_coefficient",
                                                        [750_000, 250_000])):
        found = priced(tmp_path, drg(rate=rate.format(over), **factors), case(),
                       case(hospital="H2"))
        assert found.amount_fen.tolist() == sums
    uneven = [case(), case(), case(hospital="H2")]
    kept = priced(tmp_path, drg(rate=rate.format("weight_and_coefficient"), **factors), *uneven)
    free = priced(tmp_path, drg(rate=rate.format("weight"), **factors), *uneven)
    assert abs(int(kept.amount_fen.sum()) - 1_000_000) <= 2
    assert int(free.amount_fen.sum()) > 1_000_000


def test_an_elastic_rate_pays_base_volume_fixed_and_growth_from_the_rest(tmp_path: Path) -> None:
    """10,000 of cost, 8:2; base 2 units: 4,000 each; 2 units beyond share 2,000."""
    rate = ("kind: elastic, over: weight, reserve: 0%, residents: {fund: 7000, ratio: 70%, "
            "base_weights: {H1: 1, H2: 1}, base_share: 80%}")
    found = priced(tmp_path, drg(rate=rate), *[case()] * 3, case(hospital="H2"))
    assert found.rates["groups"]["residents", "H2"] == 400_000
    assert found.rates["groups"]["residents", "H1"] == Fraction(400_000 + 200_000, 3)
    assert found.amount_fen.tolist() == [200_000, 200_000, 200_000, 400_000]


def test_volume_below_the_base_is_paid_at_its_rate_and_growth_is_bounded(tmp_path: Path) -> None:
    """Base 4 units at 2,000; H2 did 1 of its 2; the unit beyond in H1 would get 2,000 of growth."""
    rate = ("kind: elastic, over: weight, reserve: 0%, residents: {fund: 7000, ratio: 70%, "
            "base_weights: {H1: 2, H2: 2}, base_share: 80%, growth_most: 75%}")
    rows = [*[case()] * 3, case(hospital="H2")]
    found = priced(tmp_path, drg(rate=rate), *rows).rates["groups"]
    assert found["residents", "H2"] == 200_000
    assert found["residents", "H1"] == Fraction(2 * 200_000 + 150_000, 3)
    free = priced(tmp_path, drg(rate=rate.replace(", growth_most: 75%", "")), *rows)
    assert free.rates["groups"]["residents", "H1"] == 200_000


# --- the point method ----------------------------------------------------------------------------


def test_points_share_the_fund_less_its_reserve_to_the_fen(tmp_path: Path) -> None:
    rate = "kind: floating, over: weight, reserve: 5%, residents: {fund: 7000, ratio: 70%}"
    rule = drg(rate=rate, method="points", weights="table: weights.csv")
    found = priced(tmp_path, rule, *[case()] * 3, weights="group,weight\nG1,100\n")
    assert found.points_milli.tolist() == [100_000] * 3
    assert found.amount_fen.tolist() == [316_667, 316_667, 316_666]


def test_scores_of_dip_are_taken_as_they_are(tmp_path: Path) -> None:
    rule = drg(rate="clearing", method="points", weights="table: scores")
    found = lines(priced(tmp_path, rule, case(score_milli=812_345), case()))
    assert (found[0]["points_milli"], found[0]["amount_fen"]) == (812_345, None)
    assert found[1]["reason"] == "no-score"


# --- exclusions and special review ---------------------------------------------------------------


def test_stays_outside_go_on_to_the_next_rule(tmp_path: Path) -> None:
    """Qingyang: at most 2 days and at least 60 days are outside DRG."""
    more = ("    outside:\n"
            f"      - {{name: short, stay_days: '<= 2', {FROM}}}\n"
            f"      - {{name: long, stay_days: '>= 60', {FROM}}}\n")
    found = lines(priced(tmp_path, drg(more=more) + BY_ITEM,
                         *(case(stay_days=days, cost_fen=500_000) for days in (2, 3, 59, 60))))
    assert [line["rule"] for line in found] == ["1", "0", "0", "1"]
    assert [line["left_by"] for line in found] == ["groups: short", None, None, "groups: long"]
    assert [line["amount_fen"] for line in found] == [500_000, 1_000_000, 1_000_000, 500_000]


def review(quota: str, rank: str = "excess", per: str = "region") -> str:
    return ("    review:\n      over: '> 200%'\n      of: all\n      pay: {cost: 100%}\n"
            f"      quota: {quota}\n      rank: {rank}\n      per: {per}\n      source: rules\n"
            "      grade: B\n")


def test_special_review_is_a_share_of_the_discharges(tmp_path: Path) -> None:
    """5% of 40 are 2 of the 3 candidates; 2 x the standard itself is no candidate."""
    rows = [case()] * 36 + [case(cost_fen=cost) for cost in
                            (2_000_000, 2_000_001, 2_600_000, 2_500_000)]
    found = priced(tmp_path, drg(more=review("5%")), *rows)
    assert found.amount_fen[36:].tolist() == [1_000_000, 1_000_000, 2_600_000, 2_500_000]
    assert found.figures["review"]["groups"] == {"candidates": 3, "quota": 2, "reviewed": 2}
    assert priced(tmp_path, drg(more=review("0.5%")), *rows).amount_fen[36:].tolist() == \
        [1_000_000] * 4                                # DIP: 5 per mille of 40 is none


def test_special_review_by_ratio_and_by_hospital(tmp_path: Path) -> None:
    table = "group,weight\nG1,1\nG5,5\n"
    rows = [case()] * 9 + [case(cost_fen=3_000_000), case(group="G5", cost_fen=14_000_000)] + \
        [case(hospital="H2")] * 9 + [case(hospital="H2", cost_fen=2_100_000)]
    excess = priced(tmp_path, drg(more=review("5%")), *rows, weights=table)
    ratio = priced(tmp_path, drg(more=review("5%", "ratio")), *rows, weights=table)
    own = priced(tmp_path, drg(more=review("10%", per="hospital")), *rows, weights=table)
    assert [excess.amount_fen[at] for at in (9, 10, 20)] == [1_000_000, 14_000_000, 1_000_000]
    assert [ratio.amount_fen[at] for at in (9, 10, 20)] == [3_000_000, 5_000_000, 1_000_000]
    assert [own.amount_fen[at] for at in (9, 10, 20)] == [1_000_000, 14_000_000, 2_100_000]


def test_special_review_of_scores_keeps_points_and_money_together(tmp_path: Path) -> None:
    rule = drg(rate="kind: fixed, residents: {yuan: 10}", method="points",
               weights="table: scores", more=review("50%"))
    found = priced(tmp_path, rule, case(score_milli=1_000_000),
                   case(score_milli=1_000_000, cost_fen=2_500_000))
    assert found.amount_fen.tolist() == [1_000_000, 2_500_000]
    assert found.points_milli.tolist() == [1_000_000, 2_500_000]


# --- prices --------------------------------------------------------------------------------------

QUOTA = f"""  - name: quota
    method: quota
    takes: {{all: yes}}
    {FROM.replace(', ', '''
    ''')}
    prices:
      - {{name: cataract, dx: [H25], px: ['13.4'], kind: quota, yuan: 6000}}
      - {{name: dialysis, dx: [N18], kind: limit, yuan: 4500}}
"""


@pytest.mark.clause("BJ-38")
def test_a_quota_disease_is_paid_its_price_with_the_patients_share_inside(tmp_path: Path) -> None:
    rows = [case(dx=["H25.900"], px=["13.4100"], cost_fen=450_000),
            case(dx=["H25.900"], px=["13.4100"], cost_fen=900_000),
            case(dx=["N18.500"], cost_fen=400_000), case(dx=["N18.500"], cost_fen=800_000),
            case(dx=["H25.900"])]
    found = lines(priced(tmp_path, QUOTA + BY_ITEM, *rows))
    assert [line["amount_fen"] for line in found] == [600_000, 600_000, 400_000, 450_000,
                                                      1_000_000]
    assert [line["price"] for line in found] == ["cataract", "cataract", "dialysis", "dialysis",
                                                 None]
    for row, line in zip(rows, found, strict=True):       # the three layers settled as usual
        assert (line["patient_fen"], line["fund_fen"]) == (row["person_fen"], row["fund_fen"])
        assert line["due_fen"] == line["amount_fen"] - row["person_fen"]


def bed_days(counts: str) -> str:
    return f"""  - name: beds
    method: bed_day
    takes: {{dx: [F20]}}
    counts: {counts}
    {FROM.replace(', ', '''
    ''')}
    bands:
      - {{days: 1-15, yuan: 320}}
      - {{days: 16-60, yuan: 260}}
      - {{days: '>= 61', yuan: 190}}
"""


def test_bed_days_in_stay_bands(tmp_path: Path) -> None:
    rows = [case(dx=["F20.900"], stay_days=days) for days in (1, 15, 16, 60, 61, 0)]
    found = lines(priced(tmp_path, bed_days("each_day"), *rows))
    assert [line["amount_fen"] for line in found] == \
        [32_000, 480_000, 506_000, 1_650_000, 1_669_000, None]
    assert found[5]["reason"] == "no-band-for-stay"
    whole = lines(priced(tmp_path, bed_days("whole_stay"), *rows))
    assert [line["amount_fen"] for line in whole[:5]] == \
        [32_000, 480_000, 416_000, 1_560_000, 1_159_000]


TCM_DAY = f"""  - name: day
    method: tcm_day
    takes: {{hospitals: [H8, H9]}}
    bed_and_nursing: 30%
    {FROM.replace(', ', '''
    ''')}
    prices:
      - {{name: lumbago, dx: [M54.5], levels: ['2'], inpatient_yuan: 3600, bed_nursing_yuan: 700}}
      - {{name: lumbago 3, dx: [M54.5], levels: ['3'], inpatient_yuan: 4200, bed_nursing_yuan: 900}}
"""


@pytest.mark.clause("ZB-06")
def test_tcm_day_treatment_pays_bed_and_nursing_at_their_share(tmp_path: Path) -> None:
    """3,600 - 700 + 30% of 700 = 3,110."""
    found = priced(tmp_path, TCM_DAY, case(hospital="H8", dx=["M54.500"], cost_fen=300_000))
    assert found.amount_fen.tolist() == [311_000]


def test_tcm_day_treatment_is_priced_by_the_level_like_a_stay(tmp_path: Path) -> None:
    """The price is that of a stay at the same level; what the patient paid stays what it was."""
    rows = [case(hospital="H8", dx=["M54.500"], hospital_level=level, cost_fen=300_000)
            for level in ("2", "3")]
    found = lines(priced(tmp_path, TCM_DAY, *rows))
    assert [line["amount_fen"] for line in found] == [311_000, 357_000]
    assert [line["patient_fen"] for line in found] == [90_000, 90_000]


@pytest.mark.clause("ZB-07")
@pytest.mark.clause("ZB-08")
def test_tcm_day_treatment_is_for_listed_diseases_in_listed_institutions(tmp_path: Path) -> None:
    rows = [case(hospital="H9", dx=["M54.500"]), case(hospital="H9", dx=["I10"]),
            case(hospital="H1", dx=["M54.500"])]
    found = lines(priced(tmp_path, TCM_DAY + BY_ITEM, *rows))
    assert [line["rule"] for line in found] == ["0", "1", "1"]


def test_tcm_diseases_are_paid_like_the_operation(tmp_path: Path) -> None:
    rule = f"""  - name: tcm
    method: tcm
    takes: {{all: yes}}
    {FROM.replace(', ', '''
    ''')}
    prices:
      - {{name: reduction, dx: [S72], px: ['79.0'],
          same_as: {{rule: groups, group: G2, share: 90%}}}}
"""
    found = lines(priced(tmp_path, rule + drg(coefficient="default: 110%"),
                         case(dx=["S72.0"], px=["79.0500"], group="G1"), case(),
                         weights="group,weight\nG1,1\nG2,2\n"))
    assert [line["amount_fen"] for line in found] == [1_980_000, 1_100_000]


# --- sums for hospitals --------------------------------------------------------------------------


@pytest.mark.clause("JC-28")
def test_capitation_per_disease_and_global_prepayment_stand_side_by_side(tmp_path: Path) -> None:
    """JC-28 mixes them; each case belongs to one of them, and every fen of the months adds up."""
    lump = f"""  - name: heads
    method: capitation
    takes: {{all: yes}}
    surplus_kept: 100%
    overrun_borne: 60%
    overrun_bound: 110%
    {FROM.replace(', ', '''
    ''')}
    groups:
      - {{name: county, hospitals: [H7], heads: 100, yuan_a_head: 100, spent_elsewhere_yuan: 1000}}
  - name: budget
    method: global
    takes: {{all: yes}}
    budgets: {{H5: 12000}}
    months: equal
    unused: carried
    {FROM.replace(', ', '''
    ''')}
"""
    rows = [case(hospital="H7", fund_fen=700_000, person_fen=300_000),
            case(hospital="H5"), case(hospital="H5", fund_fen=350_000, cost_fen=500_000,
                                      person_fen=150_000),
            case(dx=["N18.5"]), case()]
    state = priced(tmp_path, lump + QUOTA + BY_ITEM, *rows)
    found = lines(state)
    assert [line["rule"] for line in found] == ["0", "1", "1", "2", "3"]
    assert [line["due_fen"] for line in found] == [0, 200_000, 100_000, 150_000, 700_000]
    assert [line["amount_fen"] for line in found][:3] == [0, 500_000, 250_000]
    months = [one for one in state.accounts if one["account"] == "county"]
    assert sum(one["pay_fen"] for one in months[:12]) == 1_000_000
    assert months[12]["booked_fen"] == 800_000 and months[12]["kept_fen"] == 200_000
    march = [one for one in state.accounts if one["account"] == "H5"][2]
    assert (march["standard_fen"], march["booked_fen"], march["pay_fen"],
            march["overrun_fen"]) == (100_000, 1_050_000, 300_000, 750_000)


def test_surplus_is_kept_and_overrun_shared_up_to_a_bound() -> None:
    terms = Capitation((), 500_000, 600_000, 1_100_000)
    assert year_end(1000, 800, terms) == (900, 100, 0)
    assert year_end(1000, 1000, terms) == (1000, 0, 0)
    assert year_end(1000, 1050, terms) == (1030, 0, 20)
    assert year_end(1000, 1100, terms) == (1060, 0, 40)
    assert year_end(1000, 1500, terms) == (1060, 0, 440)


def test_unused_months_wait_or_lapse() -> None:
    assert month_payments([100, 100, 100], [50, 200, 90], True) == [50, 150, 90]
    assert month_payments([100, 100, 100], [50, 200, 90], False) == [50, 100, 90]


# --- one currency --------------------------------------------------------------------------------


def test_every_amount_is_in_the_one_currency(tmp_path: Path) -> None:
    """10,000 yuan are 1,000 points."""
    found = priced(tmp_path, bed_days("each_day") + QUOTA + drg(), case(dx=["F20"], stay_days=10),
                   case(dx=["N18"]), case())
    assert found.points_milli.tolist() == [320_000, 450_000, 1_000_000]
