"""Who is insured, as what, on a day: pure questions."""
from dataclasses import replace

import pytest

from tongchou.engine import Claim, situate
from tongchou.enrolment import (AreaRules, AwayFiling, ChronicCertificate, Coverage, Institution,
                                Membership, PersonContext, Referral, Status, benefits_from,
                                chronic_on, engine_person, family_on, holds, in_covered_group,
                                insured, joins_from, newborn_benefits_from, referral_of)
from tongchou.errors import Refusal
from tongchou.policy import load_pack

NONE = AreaRules("999901")


def rules(**values: object) -> AreaRules:
    return AreaRules("999901", {name: (value, "") for name, value in values.items()})


def person(**changes: object) -> PersonContext:
    plain = PersonContext("999901", 1, "P1", "1958-03-01", "1", "15",
                          coverages=(Coverage("390", "2023-01-01", "2023-12-31", "2023-01-01"),))
    return replace(plain, **changes)


def status(code: str, first: str, last: str = "") -> Status:
    return Status(code, first, last, first, "civil affairs")


def refusal(call: object, *arguments: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    assert caught.value.hint
    return caught.value


def institution(code: str, level: str, place: str = "local", county: str = "999901",
                ) -> Institution:
    return Institution(code, code, level, (), place, county, "2000-01-01", "")


# --- cover ----------------------------------------------------------------------------------------
def test_insured_on_the_days_of_cover() -> None:
    for day in ("2023-01-01", "2023-07-01", "2023-12-31"):
        assert insured(person(), day).insutype == "390"
    said = refusal(insured, person(), "2024-01-01")
    assert said.code == "no-coverage" and "2023-12-31" in said.hint
    assert "2023-01-01" in refusal(insured, person(), "2022-12-31").hint
    assert "never" in refusal(insured, person(coverages=()), "2023-01-01").hint


def test_refusals_of_cover() -> None:
    assert refusal(insured, person(), "1958-02-28").code == "before-birth"
    dead = person(died="2023-05-01")
    assert insured(dead, "2023-05-01").insutype == "390", "the day of death is covered"
    assert refusal(insured, dead, "2023-05-02").code == "person-dead"
    two = person(coverages=(*person().coverages,
                            Coverage("310", "2023-06-01", "", "2023-06-01")))
    assert insured(two, "2023-05-31").insutype == "390"
    assert refusal(insured, two, "2023-06-01").code == "insured-twice"
    late = person(coverages=(Coverage("390", "2023-02-10", "2023-12-31", "2023-05-10"),))
    assert refusal(insured, late, "2023-05-09").code == "waiting-period"
    assert insured(late, "2023-05-10")


@pytest.mark.clause("ZB-37", "ZB-38")
def test_paid_in_time_or_late() -> None:
    area = rules(payment_period={"from": "09-01", "to": "12-31"},
                 late_payment={"months": 3, "counted_from": "payment"})
    assert benefits_from("2023-12-31", "2024-01-01", area) == "2024-01-01"
    assert benefits_from("2024-01-01", "2024-01-01", area) == "2024-04-01"
    assert benefits_from("2024-11-30", "2024-01-01", area) == "2025-02-28"
    for counted, day in (("next_day", "2024-04-16"), ("month_start", "2024-04-01")):
        other = rules(payment_period={"from": "09-01", "to": "12-31"},
                      late_payment={"months": 3, "counted_from": counted})
        assert benefits_from("2024-01-15", "2024-01-01", other) == day
    crossing = rules(payment_period={"from": "10-01", "to": "02-28"},
                     late_payment={"months": 3, "counted_from": "payment"})
    assert benefits_from("2024-02-28", "2024-01-01", crossing) == "2024-01-01"
    assert benefits_from("2024-02-29", "2024-01-01", crossing) == "2024-05-29"
    assert refusal(benefits_from, "2024-01-15", "2024-01-01", NONE).code == "unset-rule"
    assert refusal(benefits_from, "2024-01-15", "2024-01-01", rules(
        payment_period={"from": "09-01", "to": "12-31"})).clause == "ZB-38"


@pytest.mark.clause("BJ-08", "BJ-09")
def test_newly_recognised_join_this_year_or_the_next() -> None:
    area = rules(new_recognition={"last_month": 8, "starts": "recognition"})
    assert joins_from("2019-08-31", False, area) == "2019-08-31"
    assert joins_from("2019-09-01", False, area) == "2020-01-01"
    assert joins_from("2019-12-31", False, area) == "2020-01-01"
    assert joins_from("2019-10-01", True, area) == "", "who is insured stays insured"
    whole = rules(new_recognition={"last_month": 8, "starts": "year"})
    assert joins_from("2019-08-31", False, whole) == "2019-01-01"
    assert refusal(joins_from, "2019-08-31", False, NONE).clause == "BJ-08"


def test_newborns_are_covered_from_birth_when_paid_in_time() -> None:
    area = rules(newborn={"months": 3})
    assert newborn_benefits_from("2024-01-31", "2024-04-30", area) == "2024-01-31"
    assert newborn_benefits_from("2024-01-31", "2024-05-01", area) == "2024-05-01"


# --- statuses -------------------------------------------------------------------------------------
@pytest.mark.clause("LF-34")
def test_who_left_poverty_keeps_the_benefits_until_the_campaign_ends() -> None:
    left = person(statuses=(status("left_poverty", "2018-01-01"),))
    area = rules(campaign_end={"statuses": ["left_poverty"], "until": "2023-06-30"})
    assert holds(left, "left_poverty", "2023-06-30", area)
    assert not holds(left, "left_poverty", "2023-07-01", area)
    assert engine_person(left, "2023-07-01", area).statuses[0].last == "2023-06-30"
    assert refusal(engine_person, left, "2023-07-01", NONE).clause == "LF-34"
    earlier = person(statuses=(status("left_poverty", "2018-01-01", "2019-01-01"),))
    assert engine_person(earlier, "2023-07-01", area).statuses[0].last == "2019-01-01"


@pytest.mark.clause("BJ-03", "BJ-74", "LF-43")
def test_the_covered_group_is_the_area_s_own_list() -> None:
    poor = person(statuses=(status("registered_poor", "2019-01-01"),))
    veteran = person(statuses=(status("veteran", "2019-01-01"),))
    listed = rules(covered_group={"statuses": ["registered_poor"]})
    longer = rules(covered_group={"statuses": ["registered_poor", "veteran"]})
    assert in_covered_group(poor, "2023-05-01", listed)
    assert not in_covered_group(veteran, "2023-05-01", listed)
    assert in_covered_group(veteran, "2023-05-01", longer)
    assert refusal(in_covered_group, poor, "2023-05-01", NONE).clause == "BJ-03"


def test_the_engine_s_person() -> None:
    context = person(
        psn_type="1403", sex="2", facts={"years_insured": 6},
        statuses=(status("2303", "2023-01-01"), status("extreme_poverty", "2020-01-01")),
        families=((Membership("F1", "", "2020-01-01", ""),
                   (("P1", 1, "2020-01-01", ""), ("P2", 9, "2020-01-01", "2022-12-31"))),))
    found = engine_person(context, "2023-03-01", NONE)
    assert (found.person_id, found.insurance, found.family_id) == ("P1", "residents", "F1")
    assert (found.born, found.sex, found.person_class) == ("1958-03-01", "female", "student")
    assert [span.name for span in found.statuses] == ["allowance", "extreme_poverty"]
    assert found.facts == {"years_insured": 6}
    assert family_on(context, "2023-03-01") == ("F1", (("P1", 1),))
    assert family_on(context, "2022-03-01") == ("F1", (("P1", 1), ("P2", 9)))
    assert family_on(context, "2019-03-01") is None
    other = person(coverages=(Coverage("410", "2023-01-01", "", "2023-01-01"),))
    assert refusal(engine_person, other, "2023-03-01", NONE).code == "unknown-code"


@pytest.mark.clause("BJ-40")
def test_several_statuses_all_reach_the_engine_which_takes_the_best_once() -> None:
    context = person(statuses=(status("allowance", "2023-01-01"),
                               status("extreme_poverty", "2023-02-01")))
    claim = Claim("C1", "P1", "inpatient", "3", "local", "due", "2023-03-01", "2023-03-09",
                  "2023-03-09T12:00:00", (0, 0, 0, 10000))
    found = situate(load_pack("zibo/2023", "candidate"),
                    engine_person(context, "2023-03-09", NONE), claim)
    assert set(found.statuses) - {"none"} == {"allowance", "extreme_poverty"}


# --- chronic certificates ---------------------------------------------------------------
@pytest.mark.clause("LF-37", "LF-24")
def test_every_recognised_disease_counts() -> None:
    context = person(chronic=(ChronicCertificate("M03900", "2023-01-01", "2023-12-31", "H1"),
                              ChronicCertificate("M01600", "2023-06-01", "", "H1"),
                              ChronicCertificate("I10*", "2023-01-01", "", "H1")))
    assert chronic_on(context, "M03900", "2023-07-01") and chronic_on(context, "M01600",
                                                                      "2023-07-01")
    assert chronic_on(context, "I10.x00", "2023-07-01")
    assert chronic_on(context, "M01600", "2023-05-31") is None, "not granted yet"
    assert chronic_on(context, "M03900", "2024-01-01") is None, "expired"
    assert chronic_on(context, "M07800", "2023-07-01") is None
    assert chronic_on(context, "", "2023-07-01") is None


@pytest.mark.clause("LF-35")
def test_whose_diagnosis_counts_stands_with_the_certificate() -> None:
    context = person(chronic=(ChronicCertificate("M03900", "2023-01-01", "", "TOWNSHIP7"),))
    assert chronic_on(context, "M03900", "2023-07-01").institution == "TOWNSHIP7"


# --- referrals --------------------------------------------------------------------------
NEED = rules(referral_needed={"levels": ["2", "3"], "places": ["province", "outside"]})


def referral(**changes: str) -> Referral:
    return replace(Referral("E1", "H2", "H3", "up", "2023-03-05", "2023-04-05", "", "agency"),
                   **changes)


@pytest.mark.clause("BJ-61")
def test_a_referral_counts_once_the_agency_registered_it() -> None:
    city = institution("H3", "3")
    ask = ("2023-03-06", "2023-03-12", NEED)
    sent = referral_of(person(referrals=(referral(registered_by=""),)), city, *ask)
    assert (sent.answer, sent.episode) == ("missing", "") and "未经经办机构登记" in sent.why
    done = referral_of(person(referrals=(referral(),)), city, *ask)
    assert (done.answer, done.episode) == ("due", "E1")
    assert referral_of(person(), city, *ask).answer == "missing"
    assert referral_of(person(), institution("T1", "township"), *ask).answer == "not_needed"
    for day in ("2023-03-04", "2023-04-06"):
        assert referral_of(person(referrals=(referral(),)), city, day, day, NEED).answer \
            == "missing"
    assert refusal(referral_of, person(), city, "2023-03-06", "2023-03-07", NONE).clause == "BJ-61"


@pytest.mark.clause("BJ-21", "BJ-22", "BJ-23")
def test_stays_of_one_chain_share_the_episode() -> None:
    context = person(referrals=(referral(), referral(
        from_institution="H3", to_institution="T1", direction="down", day="2023-03-12")))
    first = referral_of(context, institution("H2", "2"), "2023-03-01", "2023-03-05", NEED)
    up = referral_of(context, institution("H3", "3"), "2023-03-05", "2023-03-12", NEED)
    down = referral_of(context, institution("T1", "township"), "2023-03-12", "2023-03-20", NEED)
    assert [found.episode for found in (first, up, down)] == ["E1"] * 3
    assert (up.answer, down.answer) == ("due", "due")
    later = referral_of(context, institution("H2", "2"), "2023-06-01", "2023-06-05", NEED)
    assert later.episode == "", "a stay outside the chain has a deductible of its own"


@pytest.mark.clause("BJ-24", "BJ-26")
def test_where_the_pack_asks_for_no_referral_a_missing_one_is_not_needed() -> None:
    pack = load_pack("bijie/2019", "candidate")
    classes = {rule.name: rule for rule in pack.diseases}
    conditions = pack.no_referral[0][0]
    code = classes[conditions["disease"][0]].match["codes"][0].rstrip("*")
    asked = referral_of(person(), institution("H3", "3"), "2019-10-01", "2019-10-09", NEED)
    claim = Claim("C1", "P1", "inpatient", "3", "local", asked.answer, "2019-10-01", "2019-10-09",
                  "2019-10-09T12:00:00", (0, 0, 0, 10000), disease=code)
    poor = engine_person(person(coverages=(Coverage("390", "2019-01-01", "", "2019-01-01"),)),
                         "2019-10-09", NONE)
    assert asked.answer == "missing"
    assert situate(pack, poor, claim).cell["referral"] == "not_needed"
    assert situate(pack, poor, replace(claim, disease="")).cell["referral"] == "missing"


@pytest.mark.clause("BJ-66")
def test_filings_for_care_away_from_home() -> None:
    filed = person(filings=(AwayFiling("outside", "3301", "working", "2023-01-01", ""),))
    there = institution("H9", "3", "outside", "330106")
    elsewhere = institution("H8", "3", "outside", "440300")
    ask = ("2023-03-05", "2023-03-12", NEED)
    assert referral_of(filed, there, *ask).answer == "due"
    assert referral_of(filed, elsewhere, *ask).answer == "missing"
    assert referral_of(filed, there, "2022-12-31", "2023-01-04", NEED).answer == "missing"
    anywhere = person(filings=(AwayFiling("outside", "", "settled", "2023-01-01", "2023-12-31"),))
    assert referral_of(anywhere, elsewhere, *ask).answer == "due"
