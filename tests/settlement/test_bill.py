"""A bill in four parts: sums, limits, restrictions, corrections, refusals (费用拆分)."""
from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongchou.errors import Refusal
from tongchou.settlement.bill import (FeeLine, SplitRules, Visit, bill_of, bill_row, compare_parts,
                                      split_bill)
from tongchou.settlement.catalogue import (Age, Catalogue, Item, Restrictions, VisitRule,
                                           sample_catalogue)

DAY = "2024-03-05"
STAY = Visit("residents", "3", "inpatient", "2024-03-01", "2024-03-10", "1958-03-06", "female",
             ("I63.900", "I10.x00"))


def item(code: str, item_class: str = "A", category: str = "treatment", **rest: object) -> Item:
    return Item(code, f"item {code}", item_class, category, "service", "2018-01-01", **rest)


ITEMS = (
    item("A"), item("B", "B", first_self_pay_ppm={"": 100_000, "employees": 50_000}),
    item("C", "C"), item("LIMIT", price_limits_fen={"3": 1000, "1": 600}),
    item("BOTH", "B", first_self_pay_ppm={"": 333_333}, price_limits_fen={"": 1000}),
    item("BED", category="bed", price_limits_fen={"3": 3555, "2": 3000}),
    item("NURSE", category="nursing", price_limits_fen={"3": 2450}),
    item("UNPRICED-BED", category="bed"),
    item("HALF", "B", first_self_pay_ppm={"employees": 0}),
    item("DRUG", category="western_drugs"),
    item("WOMEN", restrictions=Restrictions(sex="female")),
    item("MEN", restrictions=Restrictions(sex="male")),
    item("ADULT", restrictions=Restrictions(age_from=Age(18, "y"))),
    item("OLD", restrictions=Restrictions(age_from=Age(66, "y"))),
    item("NEWBORN", restrictions=Restrictions(age_below=Age(28, "d"))),
    item("STROKE", restrictions=Restrictions(diagnoses=("I63", "I64"))),
    item("CANCER", restrictions=Restrictions(diagnoses=("C",))),
    item("BIG", restrictions=Restrictions(level_min="2")),
    item("WARD", restrictions=Restrictions(visits=("inpatient",))),
    item("CHRONIC", restrictions=Restrictions(visits=("chronic_outpatient",))),
    item("WORKERS", restrictions=Restrictions(schemes=("employees",))),
    item("LIMITED", restrictions=Restrictions(limited=True), note="second line only"),
    item("IMPLANT", "B", first_self_pay_ppm={"": 500_000},
         restrictions=Restrictions(agency_approval=True), clause="BJ-58"),
    Item("CHANGED", "old", "A", "treatment", "service", "2018-01-01", "2024-03-05",
         price_limits_fen={"": 500}),
    Item("CHANGED", "new", "A", "treatment", "service", "2024-03-05",
         price_limits_fen={"": 300}),
)
RULES = (
    VisitRule("share", "day_treatment", "bed", "", "2023-01-01", share_ppm=300_000, clause="ZB-06"),
    VisitRule("share", "day_treatment", "nursing", "", "2023-01-01", share_ppm=300_000,
              clause="ZB-06"),
    VisitRule("supply", "chronic_outpatient", "", "", "2018-01-01", days_max=62, clause="LF-39"),
)
CATALOGUE = Catalogue("370300", 7, ITEMS, RULES)


def line(code: str, price_fen: int = 1000, count: int = 1, number: str = "1", **rest: object,
         ) -> FeeLine:
    return FeeLine.priced(number, code, rest.pop("day", DAY), price_fen, count, **rest)


def parts(code: str, price_fen: int = 1000, count: int = 1, visit: Visit = STAY,
          **rest: object) -> tuple[int, ...]:
    return split_bill([line(code, price_fen, count, **rest)], CATALOGUE, visit).parts


def reason(code: str, visit: Visit = STAY, **rest: object) -> str:
    found = split_bill([line(code, **rest)], CATALOGUE, visit).lines[0]
    assert (found.parts[0] == found.line.amount_fen) is bool(found.reason)
    return found.reason


def refused(code: str, *lines: FeeLine, visit: Visit = STAY, **rest: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        split_bill(lines, CATALOGUE, visit, **rest)
    assert caught.value.code == code
    assert caught.value.where and caught.value.hint
    return caught.value


# --- what becomes of a line -----------------------------------------------------------------------


def test_class_decides() -> None:
    assert parts("A") == (0, 0, 0, 1000)
    assert parts("B") == (0, 0, 100, 900)
    assert parts("C") == (1000, 0, 0, 0)


def test_first_self_pay_is_the_schemes_and_rounds_half_up() -> None:
    assert parts("B", 1050) == (0, 0, 105, 945)
    assert parts("B", 1045) == (0, 0, 105, 940)           # 104.5
    assert parts("B", 1044) == (0, 0, 104, 940)
    assert parts("B", visit=STAY._replace(scheme="employees")) == (0, 0, 50, 950)
    assert parts("HALF", visit=STAY._replace(scheme="employees")) == (0, 0, 0, 1000)
    refused("no-first-self-pay", line("HALF"))


def test_above_the_limit_comes_before_first_self_pay() -> None:
    assert parts("LIMIT", 1250, 3) == (0, 750, 0, 3000)
    assert parts("LIMIT", 990) == (0, 0, 0, 990)
    assert parts("BOTH", 1300, 2) == (0, 600, 667, 1333)


@pytest.mark.parametrize(("level", "over"), [
    ("3", 0), ("2", 0), ("1", 400), ("township", 400), ("village", 400), ("none", 400)])
def test_price_limits_go_by_level(level: str, over: int) -> None:
    """National lists hold 一级及以下: villages and townships; the unrated by a region's choice."""
    assert parts("LIMIT", 1000, visit=STAY._replace(level=level))[1] == over


def test_the_row_in_force_on_the_day_counts() -> None:
    assert parts("CHANGED", 600, day="2024-03-04") == (0, 100, 0, 500)
    assert parts("CHANGED", 600, day="2024-03-05") == (0, 300, 0, 300)


@pytest.mark.clause("BJ-19")
@pytest.mark.parametrize(("code", "said"), [
    ("WOMEN", ""), ("MEN", "sex"), ("ADULT", ""), ("NEWBORN", "age"), ("STROKE", ""),
    ("CANCER", "diagnosis"), ("BIG", ""), ("WARD", ""), ("CHRONIC", "visit"),
    ("WORKERS", "scheme"), ("C", "class-c"), ("IMPLANT", "agency-approval")])
def test_outside_its_scope_an_item_is_the_persons(code: str, said: str) -> None:
    if code != "IMPLANT":
        assert reason(code) == said
    else:
        assert split_bill([line(code)], CATALOGUE, STAY).lines[0].reason == said


def test_levels_below_the_lowest_do_not_pay() -> None:
    assert [level for level in ("none", "village", "township", "1", "2", "3")
            if reason("BIG", STAY._replace(level=level))] == ["none", "village", "township", "1"]


def test_ages_are_completed_on_the_day_of_the_line() -> None:
    assert reason("OLD", day="2024-03-05") == "age"        # born 6 March 1958
    assert reason("OLD", day="2024-03-06") == ""
    baby = STAY._replace(born="2024-02-07")
    assert reason("NEWBORN", baby, day="2024-03-05") == ""     # 27 days
    assert reason("NEWBORN", baby, day="2024-03-06") == "age"


def test_a_fact_that_is_asked_must_be_known() -> None:
    refused("missing-fact", line("WOMEN"), visit=STAY._replace(sex="unknown"))
    refused("missing-fact", line("ADULT"), visit=STAY._replace(born=""))
    assert reason("A", STAY._replace(sex="unknown", born="")) == ""


@pytest.mark.parametrize(("code", "flag", "said"), [
    ("LIMITED", "0", "limited-use"), ("LIMITED", "2", "hospital-refused"), ("LIMITED", "1", ""),
    ("A", "0", ""), ("A", "1", ""), ("A", "2", "hospital-refused")])
def test_the_hospitals_approval(code: str, flag: str, said: str) -> None:
    """hosp_appr_flag x lmt_used_flag of the national interface."""
    assert reason(code, hosp_appr_flag=flag) == said


def test_a_line_may_add_the_flag_of_limited_use_but_not_take_it_away() -> None:
    assert reason("A", lmt_used_flag="1") == "limited-use"
    assert reason("LIMITED", lmt_used_flag="0") == "limited-use"
    refused("unknown-code", line("A", hosp_appr_flag="9"))


@pytest.mark.clause("BJ-58")
def test_high_value_consumables_need_the_agencys_approval() -> None:
    found = split_bill([line("IMPLANT", 720_000)], CATALOGUE, STAY).lines[0]
    assert (found.parts, found.reason, found.clause) == ((720_000, 0, 0, 0), "agency-approval",
                                                         "BJ-58")
    approved = line("IMPLANT", 720_000, agency_approval="2024-017")
    assert split_bill([approved], CATALOGUE, STAY).parts == (0, 0, 360_000, 360_000)


# --- what a kind of visit changes -----------------------------------------------------------------

DAY_TREATMENT = STAY._replace(visit="day_treatment")


@pytest.mark.clause("ZB-06")
def test_day_treatment_charges_30_percent_of_the_price_of_bed_and_nursing() -> None:
    # Bed 35.55: 30% is 10.665, half up 10.67. Nursing 24.50: 7.35.
    assert parts("BED", 1067, visit=DAY_TREATMENT) == (0, 0, 0, 1067)
    found = split_bill([line("BED", 3555, number="1"), line("NURSE", 2450, 2, number="2"),
                        line("A", 1000, number="3")], CATALOGUE, DAY_TREATMENT)
    assert [one.parts for one in found.lines] == [
        (0, 2488, 0, 1067), (0, 3430, 0, 1470), (0, 0, 0, 1000)]
    assert [one.clause for one in found.lines] == ["ZB-06", "ZB-06", ""]
    assert found.lines[0].reason == "visit-share"
    assert parts("BED", 3555) == (0, 0, 0, 3555)            # an ordinary stay
    assert parts("BED", 3000, visit=DAY_TREATMENT._replace(level="2")) == (0, 2100, 0, 900)


def test_a_share_needs_a_price_to_be_a_share_of() -> None:
    said = refused("no-current-price", line("UNPRICED-BED"), visit=DAY_TREATMENT)
    assert said.clause == "ZB-06"


def test_a_region_may_refuse_what_is_charged_above_the_share() -> None:
    rules = [RULES[0]._replace(above_share="refuse")]
    with pytest.raises(Refusal, match="at most 10.67"):
        split_bill([line("BED", 1068)], Catalogue("370300", 1, ITEMS, rules), DAY_TREATMENT)


@pytest.mark.clause("LF-39")
def test_a_dispensing_holds_two_months() -> None:
    chronic = STAY._replace(visit="chronic_outpatient")
    found = split_bill([line("DRUG", prd_days_e2=62_00, number="1"),
                        line("DRUG", prd_days_e2=62_50, number="2")], CATALOGUE, chronic)
    assert [(one.reason, one.clause) for one in found.lines] == [("", ""), ("supply", "LF-39")]
    assert found.lines[1].detail == "62.5 > 62"
    assert found.parts == (1000, 0, 0, 1000)


# --- corrections ----------------------------------------------------------------------------------


def back(first: str, count: int, price_fen: int = 1000, number: str = "R1", code: str = "BOTH",
         ) -> FeeLine:
    return line(code, price_fen, -count, number, init_feedetl_sn=first)


def test_taking_all_back_leaves_nothing() -> None:
    found = split_bill([line("BOTH", 1301, 7), back("1", 2, 1301, "R1"), back("1", 5, 1301, "R2")],
                       CATALOGUE, STAY)
    assert found.parts == (0, 0, 0, 0)
    assert all(max(one.parts) <= 0 for one in found.lines[1:])


def test_a_correction_may_stand_before_its_line() -> None:
    assert split_bill([back("1", 1), line("BOTH", 1000, 2)], CATALOGUE, STAY).total_fen == 1000


def test_corrections_that_cannot_be() -> None:
    first = line("BOTH", 1000, 2)
    refused("correction-without-first", first, back("7", 1))
    refused("correction-without-first", line("A", 1000, -1))
    refused("corrected-too-much", first, back("1", 3))
    refused("corrected-too-much", first, back("1", 2, number="R1"), back("1", 1, number="R2"))
    refused("correction-differs", first, back("1", 1, code="A"))
    refused("correction-differs", first, back("1", 1, 900))
    refused("correction-differs", first, back("1", 1), back("R1", 1, number="R2"))
    refused("correction-differs", first, line("A", 1000, 1, "2", init_feedetl_sn="1"))
    refused("line-does-not-add-up", first, back("1", 1)._replace(amount_fen=-999))


def test_portions_of_a_stay_correct_earlier_lines() -> None:
    before = split_bill([line("BOTH", 1301, 7), back("1", 2, 1301)], CATALOGUE, STAY)
    now = split_bill([line("A", 9000, number="2"), back("1", 5, 1301, "R2")], CATALOGUE, STAY,
                     earlier=before.lines)
    assert now.total_fen == 9000 - 5 * 1301
    refused("corrected-too-much", line("A", 9999, number="2"), back("1", 6, 1301, "R2"),
            earlier=before.lines)
    only_back = split_bill([back("1", 5, 1301, "R2")], CATALOGUE, STAY, earlier=before.lines)
    assert [a + b for a, b in zip(before.parts, only_back.parts, strict=True)] == [0, 0, 0, 0]
    refused("duplicate-line", line("A"), earlier=before.lines)


def test_prices_below_a_fen() -> None:
    """A third of a pack at 0.333: three come to 1.00, and taking them back one by one too."""
    def tablet(number: str, count_e4: int, amount_fen: int, first: str = "") -> FeeLine:
        return FeeLine(number, "B", DAY, count_e4, 333_333, amount_fen, init_feedetl_sn=first)
    bill = [tablet("1", 30_000, 100), tablet("2", -10_000, -33, "1"),
            tablet("3", -10_000, -33, "1"), tablet("4", -10_000, -34, "1")]
    assert split_bill(bill, CATALOGUE, STAY).parts == (0, 0, 0, 0)
    refused("line-does-not-add-up", *bill[:3], bill[3]._replace(amount_fen=-33))


counts = st.integers(1, 9)
priced = st.tuples(st.sampled_from(["A", "B", "C", "LIMIT", "BOTH", "MEN", "NURSE"]),
                   st.integers(0, 5_000_000), counts, st.lists(counts, max_size=4))


@given(st.lists(priced, min_size=1, max_size=12), st.sampled_from([STAY, DAY_TREATMENT]))
def test_every_line_and_the_bill_add_up(bill: list, visit: Visit) -> None:
    """I1: the four parts of each line sum to its amount, those of the bill to its total; what
    corrections leave of a line is never below zero, and nothing when all was taken back."""
    lines, whole = [], set()
    for place, (code, price_e4, count, refunds) in enumerate(bill):
        first = FeeLine(str(place), code, DAY, count * 10_000, price_e4 * 100,
                        (count * price_e4 + 50) // 100)
        lines.append(first)
        have_fen, left = first.amount_fen, count
        for number, wanted in enumerate(refunds):
            taken = min(wanted, left)
            if taken:
                left -= taken
                fen = have_fen if not left else min((taken * price_e4 + 50) // 100, have_fen)
                have_fen -= fen
                lines.append(first._replace(
                    feedetl_sn=f"{place}-{number}", count_e4=-taken * 10_000, amount_fen=-fen,
                    init_feedetl_sn=str(place)))
        if not left:
            whole.add(str(place))
    found = split_bill(lines, CATALOGUE, visit)
    assert found.total_fen == sum(one.amount_fen for one in lines)
    kept: dict[str, list[int]] = {}
    for one in found.lines:
        assert sum(one.parts) == one.line.amount_fen
        assert (min(one.parts) >= 0) if one.line.count_e4 > 0 else (max(one.parts) <= 0)
        first = one.line.init_feedetl_sn or one.line.feedetl_sn
        kept[first] = [a + b for a, b in zip(kept.get(first, [0] * 4), one.parts, strict=True)]
    for first, rest in kept.items():
        assert min(rest) >= 0
        assert first not in whole or rest == [0, 0, 0, 0]
    assert tuple(map(sum, zip(*kept.values(), strict=True))) == found.parts
    assert tuple(map(sum, zip(*found.categories.values(), strict=True))) == found.parts
    assert bill_of(bill_row(found)) == found


# --- refusals -------------------------------------------------------------------------------------


def test_bills_that_cannot_be() -> None:
    refused("no-lines")
    refused("duplicate-line", line("A"), line("B"))
    refused("line-outside-stay", line("A", day="2024-02-29"))
    refused("line-outside-stay", line("A", day="2024-03-11"))
    refused("zero-count", line("A", count=0))
    refused("negative-price", line("A", -5))
    said = refused("line-does-not-add-up", line("A", 1000, 2)._replace(amount_fen=2001))
    assert "20.00" in said.message and "20.01" in said.message and "单价" in said.message
    refused("bill-does-not-add-up", line("A"), stated_total_fen=1001)
    refused("amount-too-large", line("A", 10 ** 9, 1000))
    refused("unknown-code", line("A"), visit=STAY._replace(level="4"))


def test_unknown_items_are_refused_or_class_c_as_the_region_says() -> None:
    assert "is not in the catalogue" in refused("unknown-item", line("NEW")).message
    early = STAY._replace(begin="2017-03-01")
    assert "not in force" in refused("unknown-item", line("A", day="2017-03-05"),
                                     visit=early).message
    found = split_bill([line("NEW")], CATALOGUE, STAY, SplitRules(unknown_item="class_c"))
    assert (found.parts, found.lines[0].reason) == ((1000, 0, 0, 0), "item-unknown")


def test_a_tolerance_is_a_regions_explicit_choice() -> None:
    off = line("B", 333, 3)._replace(amount_fen=1000)
    refused("line-does-not-add-up", off)
    assert split_bill([off], CATALOGUE, STAY, SplitRules(tolerance_fen=1)).parts == (0, 0, 100, 900)


def test_a_hospitals_own_split_is_compared() -> None:
    found = split_bill([line("B")], CATALOGUE, STAY)
    compare_parts(found, {"preselfpay_amt": 100, "inscp_scp_amt": 900})
    with pytest.raises(Refusal, match=r"preselfpay_amt is 0.00.* 1.00"):
        compare_parts(found, {"fulamt_ownpay_amt": 0, "preselfpay_amt": 0})


def test_what_is_shown_has_the_national_names() -> None:
    shown = split_bill([line("BED", 3555)], CATALOGUE, DAY_TREATMENT).as_dict()
    assert shown["medfee_sumamt"] == "35.55" and shown["overlmt_selfpay"] == "24.88"
    assert shown["categories"]["01"]["inscp_scp_amt"] == "10.67"
    assert shown["lines"][0]["chrgitm_lv"] == "01" and shown["catalogue_version"] == 7
    assert "比例" in shown["lines"][0]["reason_zh"]


# --- speed ----------------------------------------------------------------------------------------


def sample_bill() -> tuple[list[FeeLine], Catalogue, Visit]:
    """300 lines of the sample catalogue, every tenth a correction."""
    catalogue = sample_catalogue()
    codes = sorted(catalogue._items)
    lines: list[FeeLine] = []
    for number in range(300):
        if number % 10 == 9:
            first = lines[-1]
            lines.append(first._replace(feedetl_sn=str(number), count_e4=-10_000,
                                        amount_fen=-(first.amount_fen // 3),
                                        init_feedetl_sn=first.feedetl_sn))
        else:
            lines.append(FeeLine.priced(str(number), codes[number * 7 % len(codes)], DAY,
                                        97 + number * 13, 3))
    return lines, catalogue, STAY


LINES_MAX_S, TRIES_MAX = 0.003, 400


def test_300_lines_take_less_than_3_ms() -> None:
    """In processor time of this thread, and as often as needed: a loud neighbour slows every try
    by the caches it takes, a slow split fails all of them."""
    lines, catalogue, visit = sample_bill()
    best = 1.0
    for tries in range(1, TRIES_MAX + 1):
        begun = time.thread_time()
        found = split_bill(lines, catalogue, visit)
        best = min(best, time.thread_time() - begun)
        if best < LINES_MAX_S and tries >= 20:
            break
    assert len(found.lines) == 300 and min(found.parts) > 0
    print(f"\n300 fee lines split in {best * 1000:.2f} ms")
    assert best < LINES_MAX_S, f"the best of {TRIES_MAX} tries took {best * 1000:.2f} ms"
