"""The 25 working days, and a case that comes late: its place in the year, differences after it."""
from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from counter import DOCUMENTS, FIRST, Counter, shipped_rules
from town import Town, code_of, stay

from tongchou.database import Database
from tongchou.errors import CaseError
from tongchou.ledger import due_on, read_calendar
from tongchou.settlement.manual import read_manual_rules

PACK = """
city: village
regime: "2024"
title: {zh: 一村, en: a village}
state: draft
in_force: {from: 2024-01-01}
sources: {TT: {title: a test}}
settings: {order: %s}
insurance: [residents]
hospitals: {level2: {level: "2"}, level3: {level: "3"}}
layers:
  basic:
    fund: residents_basic
    for: {visit: inpatient}
    base: in_policy
    deductible: {per: year, amount: 1000, clause: TT-01}
    ratio: {by: hospital, level2: 80%%, level3: 50%%}
    cap: none
    clause: TT-02
"""
RULES = "name,value,clause,note\nstart,received,,\ndocuments_wait,yes,,\nuntil,paid,,\n" \
        "document.identity,all,,card\n"


@pytest.fixture(scope="module")
def make_town(database: Database, tmp_path_factory: pytest.TempPathFactory,
              ) -> Callable[[str, str], Town]:
    """A town whose pack orders the year by settlement or by discharge."""
    def make(order: str, region: str) -> Town:
        folder = tmp_path_factory.mktemp("keys")
        (folder / "pack.yaml").write_text(PACK % order, encoding="utf-8")
        return Town(database, folder, str(folder / "pack.yaml"), None, region)
    return make


# --- late and out of order ------------------------------------------------------------------------
@pytest.mark.parametrize(("order", "region", "moved"), [
    ("settlement", "990201", {}),
    # The stay of March now bears the year's deductible of 1,000 at 50%, that of May no longer:
    # the later stay gets 80% of 1,000 more.
    ("discharge", "990202", {"fund_pay_sumamt": "800.00", "psn_part_amt": "-800.00"})])
def test_a_late_case_takes_its_place(make_town: Callable[[str, str], Town], order: str,
                                     region: str, moved: dict[str, str]) -> None:
    """Policy-semantics 9: a case of March settled in June comes last by settlement, first by
    discharge; what was settled since follows as signed differences."""
    town = make_town(order, region)
    counter = Counter(town)
    number = town.person()
    parts = {"fulamt_ownpay_amt": "0.00", "preselfpay_amt": "0.00"}
    may = json.loads(town.settle(stay(number, "MAY", "5000.00", begndate="2024-05-01",
                                      enddate="2024-05-09", setl_time="2024-05-09T10:00:00",
                                      **parts)))
    assert may["fund_pay_sumamt"] == "3200.00"
    case = counter.settled(counter.handed_in(number, "MAR", "5000.00", fixmedins_code="W3",
                                             **parts))
    own = case["events"][-1]["body"]["money"]["fund_pay_sumamt"]
    assert own == ("2000.00" if order == "discharge" else "2500.00")
    found = town.platform.settlement(region, number, may["setl_id"], who=counter.clerk)
    assert len(found["outcomes"]) == (2 if moved else 1)
    explained = town.platform.explanation(region, number, may["setl_id"], "en",
                                          who=counter.clerk)
    for name, difference in moved.items():
        sign = "" if difference.startswith("-") else "+"
        assert explained["changes"][0]["difference"][name] == sign + difference
        assert "visit MAR" in explained["changes"][0]["cause_words"]
    for row in town.platform.history(region, number, who=counter.clerk):
        assert town.platform.replay(region, number, row["setl_id"], who=counter.clerk)["equal"]


# --- the term -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def town(make_town: Callable[[str, str], Town]) -> Town:
    """One town for the terms."""
    return make_town("settlement", "990203")


def term(counter: Counter, case: dict[str, object]) -> dict[str, object]:
    return counter.shown(case)["term"]


@pytest.mark.clause("BJ-51")
def test_the_term_is_twenty_five_working_days(town: Town) -> None:
    """From the day of receipt, which does not count; 10 June 2024 was a holiday."""
    counter = Counter(town)
    case = counter.handed_in(town.person(), "T1")
    last = due_on(date(2024, 6, 3), 25, read_calendar())
    assert last == date(2024, 7, 9)
    assert term(counter, case)["due"] == "2024-07-09" and term(counter, case)["overdue"]
    rows = {row["case_id"]: row for row in counter.desk.overdue(date(2024, 7, 9),
                                                                who=counter.clerk)}
    assert not rows[case["case_id"]]["overdue"]
    rows = {row["case_id"]: row for row in counter.desk.overdue(date(2024, 7, 11),
                                                                who=counter.clerk)}
    assert rows[case["case_id"]]["late_days"] == 2
    settled = counter.settled(case, "2024-07-09")
    assert term(counter, settled)["overdue"], "settled in time, not paid"
    counter.step(case, "pay", "2024-07-10")
    assert term(counter, case)["late_days"] == 1
    assert case["case_id"] not in {row["case_id"] for row in counter.desk.overdue(
        who=counter.clerk)}


@pytest.mark.clause("BJ-51")
def test_where_the_term_starts_and_ends_is_a_parameter(town: Town) -> None:
    """Received, registered or complete; kept by the payment or by the second review."""
    some = DOCUMENTS[:3]
    starts = {}
    for start in ("received", "registered", "complete"):
        counter = Counter(town, start=start)
        case = counter.handed_in(town.person(), f"U-{start}", documents=some)
        assert (term(counter, case)["start"] is None) == (start == "complete")
        case = counter.step(case, "documents", "2024-06-11", documents=DOCUMENTS[3:])
        starts[start] = term(counter, case)["start"]
    assert starts == {"received": "2024-06-03", "registered": "2024-12-30",
                      "complete": "2024-06-11"}
    counter = Counter(town, until="reviewed")
    case = counter.handed_in(town.person(), "U-reviewed")
    counter.reviewed(case, "2024-07-09")
    assert not term(counter, case)["overdue"]


@pytest.mark.clause("BJ-50", "BJ-51")
def test_the_clock_waits_for_documents_where_the_rules_say_so(town: Town) -> None:
    """Asked on 4 June, complete on 14 June: seven working days (one a holiday) do not count."""
    dues = {}
    for waits in (True, False):
        counter = Counter(town, documents_wait=waits)
        case = counter.handed_in(town.person(), f"V-{waits}", documents=DOCUMENTS[:4])
        counter.step(case, "ask", "2024-06-04")
        if waits:
            assert term(counter, case)["due"] is None and not term(counter, case)["overdue"]
        counter.step(case, "documents", "2024-06-14", documents=DOCUMENTS[4:])
        dues[waits] = term(counter, case)["due"]
    assert dues == {True: "2024-07-18", False: "2024-07-09"}


@pytest.mark.clause("BJ-51")
def test_special_and_doubtful_cases_are_excepted(town: Town) -> None:
    counter = Counter(town)
    case = counter.handed_in(town.person(), "W1")
    assert code_of(counter.step, case, "except", "2024-06-05") == "no-reason"
    counter.step(case, "except", "2024-06-05", why="the invoice is being verified")
    assert code_of(counter.step, case, "except", "2024-06-06", why="x") == "wrong-step"
    found = term(counter, case)
    assert found["excepted"] and not found["overdue"] and found["due"] is None
    counter.step(case, "resume", "2024-09-02", why="verified")
    found = term(counter, case)
    assert not found["excepted"] and found["due"] > "2024-09-30"
    counter.reviewed(case, "2024-09-03")


def test_a_year_without_a_calendar_is_refused(town: Town) -> None:
    counter = Counter(town)
    case = counter.handed_in(town.person(), "X1", received_on="2024-06-03")
    assert code_of(counter.desk.overdue, date(2031, 1, 2), who=counter.clerk) == "no-calendar"
    assert case["state"] == "complete"


# --- the rules as data ----------------------------------------------------------------------------
def test_the_shipped_rules_name_the_documents() -> None:
    rules = shipped_rules()
    assert rules.days == 25 and list(rules.documents)[:5] == DOCUMENTS
    assert "discharge_note" not in rules.needed("outpatient", "not_networked")
    assert rules.needed("inpatient", "away")[-1] == "settlement_slip"
    assert rules.of(json.loads(json.dumps(rules.as_dict()))) == rules


@pytest.mark.parametrize(("old", "new", "line"), [
    ("start,received", "start,monday", ":2"), ("until,paid,,\n", "", ""),
    ("document.identity,all", "document.identity,inpatiant", ":5"),
    ("document.identity", "documnt.identity", ":5"), ("name,value,clause,note", "a,b", ""),
    ("document.identity,all,,card\n", "", ""), ("until,paid", "start,paid", ":4")])
def test_wrong_rules_are_refused_with_their_line(tmp_path: Path, old: str, new: str, line: str,
                                                 ) -> None:
    path = tmp_path / "manual.csv"
    path.write_text(RULES, encoding="utf-8")
    assert read_manual_rules(path, 25).documents == {"identity": ("all",)}
    path.write_text(RULES.replace(old, new), encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        read_manual_rules(path, 25)
    assert caught.value.code == "bad-manual-rules" and caught.value.hint
    assert f"manual.csv{line}" in caught.value.where
    with pytest.raises(CaseError):
        read_manual_rules(tmp_path / "none.csv", 25)


def test_a_reviewer_needs_a_key_of_his_own(town: Town) -> None:
    counter = Counter(town)
    case = counter.handed_in(town.person(), "Y1")
    counter.step(case, "first_review", "2024-06-05", FIRST, key="Y1")
    assert code_of(counter.step, case, "first_review", "2024-06-06", FIRST, key="Y1") \
        == "key-reused"
