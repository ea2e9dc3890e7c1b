"""What becomes known later: reversals under both refund policies, statuses, referrals."""
from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from town import CLERK, NOTE, REGION, Clerk, Town, code_of, stay

from tongchou.database import Database
from tongchou.enrolment import Referral, Status

BIJIE = "990301"
BEFORE_ASSISTANCE = ("hifp_pay", "hifmi_pay", "hifob_pay", "oth_pay", "act_pay_dedc")


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town under the province's frame of 2024."""
    return Town(database, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def bijie(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town where third-level hospitals ask for a referral."""
    town = Town(database, tmp_path_factory.mktemp("keys"), "bijie/2019", "candidate", BIJIE)
    town.platform.enrolment.set_rule(BIJIE, "referral_needed", {"levels": ["3"]}, "2020-01-01",
                                     source="test", **NOTE)
    town.platform.places.forget()
    return town


def month(number: str, visit: str, place: int, total: str = "60000.00") -> dict[str, object]:
    """A stay of nine days in a month."""
    day = f"2024-{place:02d}"
    return stay(number, visit, total, begndate=f"{day}-01", enddate=f"{day}-09",
                setl_time=f"{day}-09T10:00:00")


def now_of(town: Town, psn_no: str, setl_id: str) -> Mapping[str, object]:
    """The newest outcome of a settlement."""
    return town.platform.settlement(town.region, psn_no, setl_id,
                                    who=Clerk(region=town.region))["outcomes"][-1]


def statement(town: Town, psn_no: str, setl_id: str) -> Mapping[str, str]:
    return now_of(town, psn_no, setl_id)["result"]["statement"]


# --- both refund policies (policy-semantics 9) ----------------------------------------------------
def test_by_default_only_the_last_is_taken_back(town: Town) -> None:
    number = town.person()
    first, second = (json.loads(town.settle(month(number, f"A{place}", place)))["setl_id"]
                     for place in (1, 2))
    request = {"psn_no": number, "setl_id": first, "reason": "x"}
    assert code_of(town.platform.reverse, request, "A-first", who=CLERK) == "not-last"
    for place, setl_id in enumerate((second, first)):
        town.platform.reverse({**request, "setl_id": setl_id}, f"A-{place}", who=CLERK)
    rows = town.platform.history(REGION, number, who=CLERK)
    assert all(row["outcomes"][-1]["reason"] == "reverse" for row in rows)


def test_recompute_lets_later_ones_follow(town: Town) -> None:
    """What is left equals a year in which the first was never settled; the differences are signed
    and in the answer."""
    number, other = town.person(), town.person()
    first, *later = (json.loads(town.settle(month(number, f"B{place}", place, "150000.00")))
                     for place in (1, 2, 3))
    text = town.platform.reverse({"psn_no": number, "setl_id": first["setl_id"], "reason": "x"},
                                 "B-first", who=CLERK, refund="recompute")
    plain = [json.loads(town.settle(month(other, f"C{place}", place, "150000.00")))
             for place in (2, 3)]
    for one, fresh in zip(later, plain, strict=True):
        found = statement(town, number, one["setl_id"])
        assert {name: found[name] for name in BEFORE_ASSISTANCE} == {
            name: fresh[name] for name in BEFORE_ASSISTANCE}
        assert found["psn_part_amt"] == fresh["psn_part_amt"]
    changed = {row["setl_id"]: row["difference"] for row in json.loads(text)["changed"]}
    assert changed[first["setl_id"]]["psn_part_amt"] == f"-{first['psn_part_amt']}"
    assert any(one["setl_id"] in changed for one in later), "the later ones moved"


# --- looking back (GZ-26) -------------------------------------------------------------------------
@pytest.mark.clause("GZ-26")
@pytest.mark.parametrize(("code", "inside", "outside"), [
    ("allowance", "2025-03-09", "2025-03-10"),          # 12 months under the candidate values
    ("borderline", "2024-09-09", "2024-09-10")])        # 6 months
def test_the_window_of_looking_back(town: Town, code: str, inside: str, outside: str) -> None:
    """A discharge on 9 March is assisted when the status came within the window, to the day."""
    for first, moves in ((inside, True), (outside, False)):
        number = town.person()
        setl_id = json.loads(town.settle(month(number, f"{code}{first}", 3)))["setl_id"]
        text = town.platform.recognise({"psn_no": number, "code": code, "from": first,
                                        "source": "x"}, f"{code}{first}", who=CLERK)
        assert bool(json.loads(text)["changed"]) == moves, (code, first)
        assert now_of(town, number, setl_id)["revision"] == (2 if moves else 1)


@pytest.mark.clause("GZ-26")
def test_looking_back_leaves_the_layers_before_assistance_alone(town: Town) -> None:
    """Held from the start, the status would have raised critical illness as well."""
    number, held = town.person(), town.person()
    answer = json.loads(town.settle(month(number, "D1", 3, "150000.00")))
    town.platform.recognise({"psn_no": number, "code": "extreme_poverty", "from": "2024-06-01",
                             "source": "x"}, "D-status", who=CLERK)
    found = statement(town, number, answer["setl_id"])
    assert {name: found[name] for name in BEFORE_ASSISTANCE} == {
        name: answer[name] for name in BEFORE_ASSISTANCE}
    assert found["maf_pay"] > answer["maf_pay"] == "0.00"
    town.platform.enrolment.add(REGION, held, Status(
        "extreme_poverty", "2024-01-01", "", "2024-01-01", "x"), **NOTE)
    assert json.loads(town.settle(month(held, "D2", 3, "150000.00")))["hifmi_pay"] \
        > answer["hifmi_pay"]


@pytest.mark.clause("GZ-26")
def test_of_two_stays_the_one_in_the_window_is_assisted(town: Town) -> None:
    number = town.person()
    early, late = (json.loads(town.settle(month(number, f"E{place}", place)))["setl_id"]
                   for place in (1, 5))
    text = town.platform.recognise({"psn_no": number, "code": "borderline", "from": "2024-09-01",
                                    "source": "x"}, "E-status", who=CLERK)
    assert [row["setl_id"] for row in json.loads(text)["changed"]] == [late]
    assert now_of(town, number, early)["revision"] == 1


# --- several statuses (BJ-40) ---------------------------------------------------------------------
@pytest.mark.clause("BJ-40")
def test_of_several_statuses_the_best_counts_once(bijie: Town) -> None:
    """A better status replaces the one before, never both; a worse one moves nothing."""
    who = Clerk(region=BIJIE)
    number = bijie.person()
    bijie.platform.enrolment.add(BIJIE, number, Status(
        "allowance", "2024-01-01", "", "2024-01-01", "x"), **NOTE)
    setl_id = json.loads(bijie.settle(month(number, "F1", 3)))["setl_id"]
    bills = {}
    for code in ("allowance", "extreme_poverty", "family_planning"):
        alone = bijie.person()
        bijie.platform.enrolment.add(BIJIE, alone, Status(
            code, "2024-01-01", "", "2024-01-01", "x"), **NOTE)
        bills[code] = json.loads(bijie.settle(month(alone, f"F-{code}", 3)))
    better = float(bills["extreme_poverty"]["psn_part_amt"])
    assert better < float(bills["allowance"]["psn_part_amt"]) \
        < float(bills["family_planning"]["psn_part_amt"])
    for code, winner, moved in (("family_planning", "allowance", 0),
                                ("extreme_poverty", "extreme_poverty", 1)):
        text = bijie.platform.recognise({"psn_no": number, "code": code, "from": "2024-01-01",
                                         "source": "x"}, f"F-{code}-status", who=who)
        assert len(json.loads(text)["changed"]) == moved
        found = statement(bijie, number, setl_id)
        assert found["psn_part_amt"] == bills[winner]["psn_part_amt"]
        assert found["maf_pay"] == bills[winner]["maf_pay"], "one benefit for one cost"


# --- a referral registered afterwards (BJ-61..63) -------------------------------------------------
def unreferred(bijie: Town, number: str, visit: str) -> dict[str, object]:
    return json.loads(bijie.settle({**month(number, visit, 3), "fixmedins_code": "H3"}))


def layer(answer: Mapping[str, object], name: str) -> Mapping[str, str]:
    return next(one for one in answer["layers"] if one["layer"] == name)


@pytest.mark.clause("BJ-61", "BJ-62", "BJ-63")
def test_a_referral_counts_once_it_is_registered(bijie: Town) -> None:
    """Sent but not registered: the unreferred ratio and deductible, and what they cost the person
    stays out of critical illness and assistance. Registered: the referred ones."""
    people = [bijie.person() for _ in range(2)]
    for number in people:
        bijie.platform.enrolment.add(BIJIE, number, Status(
            "registered_poor", "2024-01-01", "", "2024-01-01", "x"), **NOTE)
        row_id = bijie.platform.enrolment.add(BIJIE, number, Referral(
            f"E{number}", "H2", "H3", "up", "2024-02-28", "2024-03-30"), **NOTE)
        if number == people[1]:
            bijie.platform.enrolment.register_referral(BIJIE, number, row_id, by="agency")
    missing, due = (unreferred(bijie, number, f"G-{number}") for number in people)
    assert float(missing["hifp_pay"]) < float(due["hifp_pay"])
    assert float(missing["act_pay_dedc"]) > float(due["act_pay_dedc"])
    assert layer(missing, "critical_illness")["base"] == layer(due, "critical_illness")["base"]
    for name in ("hifmi_pay", "maf_pay"):
        assert missing[name] == due[name], "the extra self-pay is the person's alone"


@pytest.mark.clause("BJ-61")
def test_a_referral_registered_after_the_bill_needs_a_new_bill(bijie: Town) -> None:
    """BJ-61 says "only then": the year recomputed keeps the answer of the day it was settled, and
    an audit replays it; taken back and settled anew, the bill has the referred ratio."""
    who = Clerk(region=BIJIE)
    number, other = bijie.person(), bijie.person()
    before = unreferred(bijie, number, "H1")
    for one in (number, other):
        row_id = bijie.platform.enrolment.add(BIJIE, one, Referral(
            f"E{one}", "H2", "H3", "up", "2024-02-28", "2024-03-30"), **NOTE)
        bijie.platform.enrolment.register_referral(BIJIE, one, row_id, by="agency")
    text = bijie.platform.recompute({"psn_no": number, "reason": "referral"}, "H1-again", who=who)
    assert json.loads(text)["changed"] == []
    assert bijie.platform.replay(BIJIE, number, before["setl_id"], who=who)["equal"]
    bijie.platform.reverse({"psn_no": number, "setl_id": before["setl_id"], "reason": "referral "
                            "registered"}, "H1-back", who=who)
    anew = json.loads(bijie.settle({**month(number, "H1", 3), "fixmedins_code": "H3"}, "H1-anew"))
    assert anew["psn_part_amt"] == unreferred(bijie, other, "H2")["psn_part_amt"]
    assert float(anew["hifp_pay"]) > float(before["hifp_pay"])
