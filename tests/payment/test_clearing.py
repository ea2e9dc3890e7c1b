"""Worked clearings by hand: budgets, values, months, terms, the year's end (清算手算例)."""
from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from clearing_tables import FROM, RULES, case, cleared, figures, fund, row, rules, write

from tongchou.ledger import due_on, read_calendar
from tongchou.payment.clearing import Clearing, HospitalYear, national
from tongchou.payment.clearing.budget import start_value
from tongchou.payment.clearing.figures import read_figures
from tongchou.payment.clearing.rules import read_rules
from tongchou.payment.clearing.schedule import filed_by

YUAN = 100
ELASTIC = "kind: elastic, fund_part: region_ratio, ratio: booked, start: given, "


def one(folder: Path, cases: str, hospitals: str, funds: str, audit: str = "",
        **changed: str) -> Clearing:
    """A clearing of employees."""
    write(folder, rules(**changed), figures({"employees": funds}, bool(audit)), hospitals, cases,
          audit)
    return cleared(folder)


def by_name(made: Clearing) -> dict[str, HospitalYear]:
    return {year.hospital: year for year in made.hospitals}


# --- the budget ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("rule", "figure", "total", "left"), [
    ("method: subtraction", "inpatient_budget: 1000, away_from_home: 150, items_outside: 50, "
     "reserve: 40", 800, 760),
    ("method: share, reserve: inside", "inpatient_budget: 1000, last_year_paid: 630, "
     "last_year_inpatient: 900, reserve: 35", 700, 665),
    ("method: share, reserve: apart", "inpatient_budget: 1000, last_year_paid: 630, "
     "last_year_inpatient: 900, reserve: 35", 700, 700),
    ("method: growth, reserve: inside", "last_year_paid: 900, growth: 6.5%, reserve: 58.50", 958.5,
     900),
    ("method: growth, reserve: apart", "last_year_paid: 900, growth: -2%, reserve: 0", 882, 882)])
def test_a_budget_by_each_of_the_three_ways(tmp_path: Path, rule: str, figure: str, total: float,
                                            left: int) -> None:
    made = one(tmp_path, case(1), row("H1"), f"{figure}, start_value: 10",
               budget=f"{rule}, {FROM}")
    assert made.budgets[0].total_fen == round(total * YUAN)
    assert made.budgets[0].fund_fen == left * YUAN
    assert made.hospitals[0].due_fen == left * YUAN


def test_employees_and_residents_share_nothing(tmp_path: Path) -> None:
    write(tmp_path, rules(), figures({"employees": fund(700), "residents": fund(140)}),
          row("H1") + row("H1", "residents"),
          case(1) + case(2) + case(3, insurance="residents", points=7))
    made = cleared(tmp_path)
    assert [(year.insurance, year.due_fen) for year in made.hospitals] == [
        ("employees", 700 * YUAN), ("residents", 140 * YUAN)]
    assert [value.points_milli for value in made.values] == [2_000_000, 7000]


def test_capitation_and_priced_cases_come_off_the_budget_first(tmp_path: Path) -> None:
    cases = case(1) + case(2, "H2") + case(3, "H2", points="", amount=9000, patient=8500, fund=500)
    hospitals = row("H1", capitation=100) + row("H2", other=60, why="special review")
    alone = RULES["sharing"].replace("overrun: [{from: 100%, to: 115%, paid: 70%}]", "overrun: []")
    inside = one(tmp_path, cases, hospitals, fund(2000), sharing=alone)
    assert inside.budgets[0].aside_fen == (500 + 100 + 60) * YUAN
    assert [year.due_fen for year in inside.hospitals] == [670 * YUAN] * 2
    assert [year.amounts_fen for year in inside.hospitals] == [100 * YUAN, 560 * YUAN]
    assert sum(year.year_fen for year in inside.hospitals) == 2000 * YUAN
    outside = one(tmp_path, cases, hospitals, fund(2000), sharing=alone,
                  amounts=RULES["amounts"].replace("from: budget", "from: outside"))
    assert [year.due_fen for year in outside.hospitals] == [1000 * YUAN] * 2
    assert sum(year.year_fen for year in outside.hospitals) == 2660 * YUAN
    assert "above-budget" not in {flag.code for flag in outside.flags}


def test_fixed_money_may_be_paid_in_twelfths(tmp_path: Path) -> None:
    """100 yuan of capitation: 8.34 in four months, 8.33 in eight, 5% held."""
    made = one(tmp_path, case(1), row("H1", capitation=100), fund(7100),
               amounts=RULES["amounts"].replace("year_end", "monthly"))
    months = made.hospitals[0].months
    assert [month.amounts_fen for month in months] == [834] * 4 + [833] * 8
    assert [month.pay_fen for month in months[1:]] == [792] * 3 + [791] * 8
    assert sum(month.deposit_fen for month in months) == 350 * YUAN + 12 * 42


def test_a_case_with_both_is_paid_as_the_region_says(tmp_path: Path) -> None:
    cases = case(1) + case(2, "H2", amount=3100)
    as_amount = one(tmp_path, cases, row("H1") + row("H2"), fund(1000))
    assert [year.due_fen for year in as_amount.hospitals] == [900 * YUAN, 0]
    as_points = one(tmp_path, cases, row("H1") + row("H2"), fund(1000),
                    amounts=RULES["amounts"].replace("paid: amount", "paid: points"))
    assert [year.due_fen for year in as_points.hospitals] == [500 * YUAN] * 2
    of_capitation = one(tmp_path, cases + case(3, "H2", points=0, amount=0), row("H1") + row("H2"),
                        fund(1000), amounts=RULES["amounts"].replace("paid: amount",
                                                                     "paid: points"))
    assert [year.booked_fen for year in of_capitation.hospitals] == [7000 * YUAN] * 2


# --- the value of a point ------------------------------------------------------------------------
def test_the_settlement_value_is_budget_over_ratio_over_points(tmp_path: Path) -> None:
    """Fund 4,200 of a ratio 70% covers 6,000; 600 points are worth 10 yuan each."""
    made = one(tmp_path, case(1, points=400) + case(2, "H2", points=200), row("H1") + row("H2"),
               fund(4200))
    value = made.values[0]
    assert (value.standard_fen, value.value_micro) == (6000 * YUAN, 10_000_000)
    assert [(year.standard_fen, year.due_fen) for year in made.hospitals] == [
        (4000 * YUAN, 2800 * YUAN), (2000 * YUAN, 1400 * YUAN)]
    assert value.left_fen == 0


def test_the_odd_fen_goes_to_the_largest_remainder(tmp_path: Path) -> None:
    """0.10 yuan over 1 : 1 : 1 points gives 4 + 3 + 3 fen; over 4 : 3 : 4, 4 + 3 + 3."""
    even = one(tmp_path, case(1) + case(2, "H2") + case(3, "H3"),
               row("H1") + row("H2") + row("H3"), fund("0.10"))
    assert [year.due_fen for year in even.hospitals] == [4, 3, 3]
    # 10 x 4/11 = 3.64, 10 x 3/11 = 2.73, 10 x 4/11 = 3.64: 3 + 2 + 3, two fen over, both to 2.73
    # first and then to the first of the equals.
    other = one(tmp_path, case(1, points=4) + case(2, "H2", points=3) + case(3, "H3", points=4),
                row("H1") + row("H2") + row("H3"), fund("0.10"))
    assert [year.due_fen for year in other.hospitals] == [4, 3, 3]


def test_the_start_value_weighs_three_years_1_2_7(tmp_path: Path) -> None:
    """(1 x 90 + 2 x 100 + 7 x 110) / (1 x 10 + 2 x 10 + 7 x 10) = 1060 / 100 = 10.6 yuan."""
    history = ", history: [{year: 2022, cost: 90, points: 10}, {year: 2023, cost: 100, points: " \
        "10}, {year: 2024, cost: 110, points: 10}]"
    write(tmp_path, rules(value=RULES["value"].replace("given", "history, weights: [1, 2, 7]")),
          figures({"employees": fund(more=history)}), row("H1"), case(1))
    assert cleared(tmp_path).values[0].start_value_micro == 10_600_000


def test_points_of_the_mean_method_are_worth_the_mean_over_1000(tmp_path: Path) -> None:
    """The K35.9 table: 6,722, 4,099 and 7,120 cases of 9,173, 12,103 and 13,385 yuan.

    M = 11,513.98; RW 796.68, 1051.16, 1162.50, here to the thousandth; value 11.51398 yuan.
    """
    cost = 6722 * 9173 + 4099 * 12103 + 7120 * 13385
    milli = [(2 * mean * 1_000_000 * 17941 + cost) // (2 * cost) for mean in (9173, 12103, 13385)]
    assert [round(one, -1) for one in milli] == [796_680, 1_051_160, 1_162_500]
    points = 6722 * milli[0] + 4099 * milli[1] + 7120 * milli[2]
    text = f"{points // 1000}.{points % 1000:03d}"
    more = f", history: [{{year: 2024, cost: {cost}, points: {text}}}]"
    write(tmp_path, rules(value=RULES["value"].replace("given", "history, weights: [1]")),
          figures({"employees": fund(more=more)}), row("H1"), case(1))
    found = read_figures(tmp_path / "figures.yaml").funds["employees"]
    rule = read_rules(tmp_path / "clearing.yaml").rules["employees"].value
    assert round(start_value(found, rule) * 1000 * 1000) == 11_513_98   # fen a point, x 1000
    assert cleared(tmp_path).values[0].start_value_micro // 100 == 115_139


def test_a_fixed_value_leaves_or_overdraws_the_budget(tmp_path: Path) -> None:
    """600 points x 10 yuan x 70% = 4,200, whatever the budget."""
    fixed = RULES["value"].replace("floating", "fixed")
    for budget, left in ((5000, 800), (4000, -200)):
        made = one(tmp_path, case(1, points=600), row("H1"), fund(budget), value=fixed)
        assert (made.values[0].due_fen, made.values[0].left_fen) == (4200 * YUAN, left * YUAN)
    assert "above-budget" in {flag.code for flag in made.flags}


def test_an_elastic_year_pays_growth_what_the_base_leaves(tmp_path: Path) -> None:
    """Covered cost 10,000: base 500 + 300 points x 10 = 8,000, the rest over 200 + 200 points.

    The split 8:2 the draft names: growth is worth 5 yuan a point, H3 is below its base.
    """
    cases = case(1, points=700) + case(2, "H2", points=300) + case(3, "H3", points=200)
    hospitals = row("H1", base=500) + row("H2", base=100) + row("H3", base=260)
    made = one(tmp_path, cases, hospitals, fund(7000),
               value=f"{ELASTIC} base: start_value, growth_most: none, {FROM}")
    assert [year.standard_fen for year in made.hospitals] == [6000 * YUAN, 2000 * YUAN, 2000 * YUAN]
    assert made.values[0].growth_value_micro == 5_000_000
    assert sum(year.due_fen for year in made.hospitals) == 7000 * YUAN
    assert {step.key: step.amount_fen for step in by_name(made)["H1"].steps}["base"] == 5000 * YUAN
    assert "elastic-split" not in {flag.code for flag in made.flags}


def test_an_elastic_year_by_a_share_and_with_a_bound(tmp_path: Path) -> None:
    """Share 80%: 8,000 over 800 points of base; bound 40%: growth at most 4 yuan, 800 of 2,000."""
    cases = case(1, points=700) + case(2, "H2", points=500)
    hospitals = row("H1", base=500) + row("H2", base=300)
    shared = one(tmp_path, cases, hospitals, fund(7000),
                 value=f"{ELASTIC} base: share, base_share: 80%, growth_most: none, {FROM}")
    assert [year.standard_fen for year in shared.hospitals] == [6000 * YUAN, 4000 * YUAN]
    bound = one(tmp_path, cases, hospitals, fund(7000),
                value=f"{ELASTIC} base: share, base_share: 80%, growth_most: 40%, {FROM}")
    assert [year.standard_fen for year in bound.hospitals] == [5800 * YUAN, 3800 * YUAN]
    assert bound.values[0].left_fen == 280 * YUAN          # 400 not paid, at 70%
    assert "elastic-split" in {flag.code for flag in bound.flags}


def test_the_funds_part_by_the_hospitals_own_ratio_or_less_patients(tmp_path: Path) -> None:
    cases = case(1, cost=100, patient=20, fund=80) + case(2, "H2", cost=100, patient=40, fund=60)
    both = row("H1") + row("H2")
    own = one(tmp_path, cases, both, fund(700),
              value=RULES["value"].replace("region_ratio", "hospital_ratio"))
    assert [year.due_fen for year in own.hospitals] == [400 * YUAN, 300 * YUAN]
    less = one(tmp_path, cases, both, fund(140), value="kind: floating, fund_part: less_patient, "
               f"start: given, {FROM}")
    assert [(year.standard_fen, year.due_fen) for year in less.hospitals] == [
        (100 * YUAN, 80 * YUAN), (100 * YUAN, 60 * YUAN)]
    assert less.values[0].ratio is None and less.values[0].left_fen == 0


# --- months, deposit, terms ----------------------------------------------------------------------
def test_a_month_is_points_less_patients_less_deposit_less_audit(tmp_path: Path) -> None:
    """(1,000 x 10 - 3,000) x 95% - 150 = 6,500; the deposit is 350."""
    made = one(tmp_path, case(1), row("H1", prepayment=400), fund(7000),
               audit="H1,employees,2025-01,150,doubled items\n")
    month = made.hospitals[0].months[0]
    assert (month.standard_fen, month.deposit_fen, month.pay_fen) == (
        10_000 * YUAN, 350 * YUAN, 6500 * YUAN)
    year = made.hospitals[0]
    assert (year.audit_fen, year.year_fen) == (-150 * YUAN, 6850 * YUAN)
    assert year.clearing_fen == (6850 - 400 - 6500 - 350) * YUAN


def test_what_a_month_cannot_take_is_carried(tmp_path: Path) -> None:
    cases = case(1, points=10, month="2025-03", cost=110, patient=30, fund=70) \
        + case(2, points=10, month="2025-05", cost=110, patient=30, fund=70)
    made = one(tmp_path, cases, row("H1"), fund(140),
               audit="H1,employees,2025-03,100,upcoding\n")
    months = made.hospitals[0].months                    # (100 - 30) x 95% = 66.50
    assert [(month.month, month.pay_fen, month.carried_out_fen) for month in months] == [
        ("2025-03", 0, 3350), ("2025-04", 0, 3350), ("2025-05", 3300, 0)]


@pytest.mark.parametrize(("deposit", "keep", "held", "flag"), [
    ("5%", "no", 350, None), ("10%", "no", 350, "deposit-capped"),
    ("10%", "yes", 700, "deposit-above-cap"), ("3%", "yes", 210, None)])
def test_the_deposit_is_capped_unless_kept_and_flagged_either_way(
        tmp_path: Path, deposit: str, keep: str, held: int, flag: str | None) -> None:
    made = one(tmp_path, case(1), row("H1"), fund(7000),
               monthly=f"deposit: {deposit}, keep_above_cap: {keep}, {FROM}")
    assert made.hospitals[0].deposit_fen == held * YUAN
    assert [one.code for one in made.flags if one.code.startswith("deposit")] == (
        [flag] if flag else [])


def test_prepayment_is_a_month_of_last_year(tmp_path: Path) -> None:
    write(tmp_path, rules(prepayment=f"method: last_year, months: 1, {FROM}"),
          figures({"employees": fund(7000)}), "H1,,employees,100%,,1200.00,,,,\n", case(1))
    assert cleared(tmp_path).hospitals[0].prepayment_fen == 100 * YUAN


def terms(folder: Path, month: str = "2025-01",
          **changed: str) -> list[tuple[str, date | None, int]]:
    """(kind, day, fen) of the payments of a month of 6,650 yuan."""
    write(folder, rules(**changed), figures({"employees": fund(7000)}), row("H1"),
          case(1, month=month))
    days = read_calendar()
    made = cleared(folder, lambda received, count: due_on(received, count, days))
    return [(one.kind, one.due_on, one.amount_fen) for one in made.payments]


@pytest.mark.clause("BJ-47", "BJ-48", "BJ-49")
def test_a_month_is_filed_in_two_weeks_paid_70_in_ten_days_the_rest_in_fifteen_more(
        tmp_path: Path) -> None:
    """January 2025: filed by 14 February (a Friday), 70% by the 28th, the rest by 21 March."""
    assert terms(tmp_path) == [
        ("prepayment", None, 0), ("early", date(2025, 2, 28), 4655 * YUAN),
        ("rest", date(2025, 3, 21), 1995 * YUAN), ("deposit", date(2026, 5, 31), 350 * YUAN),
        ("clearing", date(2026, 5, 31), 0)]


@pytest.mark.clause("BJ-47", "BJ-48", "BJ-49")
def test_terms_count_working_days_over_a_make_up_sunday_and_a_holiday(tmp_path: Path) -> None:
    """March 2025: filed by 14 April; the tenth working day is Sunday 27 April, worked for 1 May."""
    assert [day for _, day, _ in terms(tmp_path, "2025-03")[1:3]] == [
        date(2025, 4, 27), date(2025, 5, 21)]
    rule = read_rules(tmp_path / "clearing.yaml").rules["employees"].schedule
    assert [filed_by(month, rule) for month in ("2024-02", "2025-12")] == [
        date(2024, 3, 14), date(2026, 1, 14)]


def test_the_rest_may_count_from_receipt_and_a_region_may_pay_once(tmp_path: Path) -> None:
    """The clause leaves the start day open, so both readings are rules."""
    receipt = RULES["schedule"].replace("early_due", "receipt")
    assert terms(tmp_path, schedule=receipt)[2][1] == date(2025, 3, 7)
    once = f"file_days: 14, early: 0%, rest_workdays: 20, {FROM}"
    assert terms(tmp_path, schedule=once)[1] == ("monthly", date(2025, 3, 14), 6650 * YUAN)


def test_an_audit_comes_off_the_rest_first(tmp_path: Path) -> None:
    """6,650 filed: 70% early is 4,655; of 150 audited the rest bears all."""
    for audit, early, rest in ((150, 4655, 1845), (2500, 4150, None)):
        made = one(tmp_path, case(1), row("H1"), fund(7000),
                   audit=f"H1,employees,2025-01,{audit},upcoding\n")
        paid = {payment.kind: payment.amount_fen for payment in made.payments}
        assert (paid["early"], paid.get("rest")) == (early * YUAN, rest and rest * YUAN)


# --- the year's end ------------------------------------------------------------------------------
@pytest.mark.parametrize(("booked", "year"), [
    (840, 840),             # under 85%: what is booked
    (850, 1000),            # at 85%: all of the surplus is kept
    (999, 1000), (1000, 1000), (1001, 1000.7),
    (1150, 1105),           # to 115% the fund bears 70%
    (1151, 1105), (2000, 1105)])
def test_both_sides_of_every_edge_of_the_sharing(tmp_path: Path, booked: int,
                                                 year: float) -> None:
    """The form of the design notes with D = 1,000, lo 85%, hi 115%, share 70%."""
    made = one(tmp_path, case(1, cost=4000, patient=2000, fund=booked), row("H1"), fund(1000))
    found = made.hospitals[0]
    assert found.due_fen == 1000 * YUAN and found.year_fen == round(year * YUAN)


def test_below_the_lowest_band_the_edge_may_be_kept(tmp_path: Path) -> None:
    edge = RULES["sharing"].replace("below: booked", "below: edge")
    for booked, year in ((840, 990), (850, 1000), (851, 1000)):
        made = one(tmp_path, case(1, cost=4000, patient=2000, fund=booked), row("H1"), fund(1000),
                   sharing=edge)
        assert made.hospitals[0].year_fen == year * YUAN


def test_overrun_shares_no_more_than_the_reserve(tmp_path: Path) -> None:
    """Two hospitals over by 200 and 100 of 1,000 each would get 105 and 70; the reserve has 50."""
    cases = case(1, fund=1200, cost=5000) + case(2, "H2", fund=1100, cost=5000)
    limited = RULES["sharing"].replace("limit: none", "limit: reserve")
    both = row("H1") + row("H2")
    free = one(tmp_path, cases, both, fund(2050, 50))
    assert [year.sharing_fen for year in free.hospitals] == [105 * YUAN, 70 * YUAN]
    assert "above-budget" in {flag.code for flag in free.flags}
    made = one(tmp_path, cases, both, fund(2050, 50), sharing=limited)
    assert [year.sharing_fen for year in made.hospitals] == [3000, 2000]
    assert [flag.code for flag in made.flags if flag.code in ("reserve-short", "above-budget")] \
        == ["reserve-short"]


@pytest.mark.parametrize(("order", "year"), [
    # D = 1,000, B = 900, factor 98%, audit 20, kept 100%: assessment first or last, no band hurt.
    ("assessment, audit, sharing", 960), ("audit, assessment, sharing", 960.4),
    ("assessment, sharing, audit", 960)])
def test_the_order_of_the_year_end_is_the_regions(tmp_path: Path, order: str, year: float) -> None:
    made = one(tmp_path, case(1, fund=900, cost=3900), row("H1", assessment="98%"), fund(1000),
               audit="H1,employees,,20,low-standard admission\n",
               year_end=f"order: [{order}], assessment: amount, {FROM}")
    assert made.hospitals[0].year_fen == round(year * YUAN)


def test_an_audit_counts_once_below_the_lowest_band(tmp_path: Path) -> None:
    """B = 500, audit 20: 480 is paid, whether the deduction comes before or after sharing."""
    for order in ("assessment, audit, sharing", "assessment, sharing, audit"):
        made = one(tmp_path, case(1, fund=500, cost=3500), row("H1"), fund(1000),
                   audit="H1,employees,,20,low-standard admission\n",
                   year_end=f"order: [{order}], assessment: amount, {FROM}")
        assert made.hospitals[0].year_fen == 480 * YUAN


def test_an_assessment_may_bite_the_deposit_only(tmp_path: Path) -> None:
    made = one(tmp_path, case(1), row("H1", assessment="90%"), fund(7000),
               year_end=f"order: [assessment, audit, sharing], assessment: deposit, {FROM}")
    found = made.hospitals[0]
    assert (found.assessment_fen, found.deposit_fen) == (-35 * YUAN, 315 * YUAN)
    assert found.year_fen == found.prepayment_fen + found.monthly_fen + found.deposit_fen \
        + found.clearing_fen


def test_every_amount_of_a_hospital_has_its_line(tmp_path: Path) -> None:
    made = one(tmp_path, case(1) + case(2, points="", amount=9000, patient=8500, fund=500),
               row("H1", capitation=10, other=5, why="special review"), fund(7000),
               audit="H1,employees,2025-01,150,doubled items\n")
    steps = {step.key: step for step in made.hospitals[0].steps}
    assert list(steps) == ["standard", "due", "case_amounts", "capitation", "other", "assessment",
                           "audit", "sharing", "year", "prepayment", "monthly", "deposit",
                           "clearing"]
    year = made.hospitals[0]
    assert [steps[name].amount_fen for name in ("standard", "due", "assessment", "audit",
                                                "sharing", "year", "clearing")] == [
        year.standard_fen, year.due_fen, year.assessment_fen, year.audit_fen, year.sharing_fen,
        year.year_fen, year.clearing_fen]
    assert sum(steps[name].amount_fen or 0 for name in
               ("case_amounts", "capitation", "other")) == year.amounts_fen
    assert all(step.basis.source for step in steps.values())
    assert steps["audit"].operands == (("2025-01 doubled items", "150.00 yuan"),)


@pytest.mark.parametrize(("year", "day", "share"), [
    (2025, date(2026, 5, 31), 50_000), (2026, date(2027, 4, 30), 50_000),
    (2027, date(2028, 3, 31), 30_000), (2031, date(2032, 3, 31), 30_000)])
def test_the_national_calendar_of_clearing(year: int, day: date, share: int) -> None:
    assert national().clear_by(year) == (day, share)
    assert national().clear_by(2024) is None


def test_a_clearing_that_pays_more_than_the_plan_is_flagged(tmp_path: Path) -> None:
    """Without prepayment all of 7,000 but January's share is left for the clearing."""
    made = one(tmp_path, case(1, points=100, cost=1000, patient=300, fund=700), row("H1"),
               fund(7000), sharing=RULES["sharing"].replace("below: booked", "below: edge"))
    assert "clearing-share" in {flag.code for flag in made.flags}
