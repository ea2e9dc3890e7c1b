"""The explanation says the settlement's own numbers, its limiting terms and its clauses."""
from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongchou.engine.explain import (WIDTH, explain_json, explain_lines, explain_text, payers,
                                     person_parts, text_width, wrapped)
from tongchou.engine.explain_steps import Line
from tongchou.engine.reference import Settlement, settle_year
from tongchou.engine.situation import Claim, Person, StatusSpan
from tongchou.errors import Refusal
from tongchou.policy import Pack, load_pack, shipped_packs
from tongchou.terms import LEVELS, PERSONS, PLACES, REFERRALS, VISITS

HEAD = """
city: village
regime: "2023"
title: {zh: 样例, en: sample}
state: draft
in_force: {from: 2023-01-01}
sources: {TT: {title: a test, publisher: us, date: 2023-01-01}}
insurance: [residents]
hospitals: {low: {level: "1"}, high: {level: ["2", "3", none]}}
statuses: {allowance: {clause: TT-40}, borderline: {clause: TT-41}}
facts: {years_insured: {unit: years}}
assumptions: [{clause: TT-01, says: {zh: 我们这样读, en: we read it so}}]
"""
BASIC = """
  basic:
    title: {zh: 基本医保, en: basic}
    fund: residents_basic
    base: in_policy
    clause: TT-01
"""


def pack_of(tmp_path: Path, layers: str, more: str = "",
            profile: str | dict[str, str] | None = None) -> Pack:
    path = tmp_path / "pack.yaml"
    path.write_text(f"{HEAD}{more}\nlayers:{layers}", encoding="utf-8")
    return load_pack(path, profile)


def claim_of(number: int, in_policy: int, **more: str) -> Claim:
    day = f"2023-{number:02d}-10"
    fields = {"visit": "inpatient", "level": "3", "place": "local", "referral": "not_needed",
              "person_id": "P1", "begin": day, "end": day, "settled": f"{day}T10:00:00",
              "parts": (1_000, 0, 500, in_policy)}
    return Claim(claim_id=f"C{number}", **(fields | more))


def settle(pack: Pack, *claims: Claim, **person: object) -> list[Settlement]:
    people = {name: Person(name, "residents", **person) for name in ("P1", "P2")}
    return settle_year(pack, people, claims)


def line_of(pack: Pack, settlement: Settlement, key: str, layer: int = -1) -> Line:
    return next(line for line in explain_lines(pack, settlement)[layer].lines if line.key == key)


def told(pack: Pack, settlement: Settlement, key: str, layer: int = -1) -> tuple[str, int | None]:
    line = line_of(pack, settlement, key, layer)
    return line.formula.en, line.amount_fen


RATED = BASIC + "    deductible: {deductible}\n    {ratio}\n    cap: {cap}\n"


def rated(tmp_path: Path, deductible: str = "none", ratio: str = "ratio: 60%", cap: str = "none",
          more: str = "") -> Pack:
    return pack_of(tmp_path, RATED.replace("{deductible}", deductible).replace("{ratio}", ratio)
                   .replace("{cap}", cap) + more)


# --- the mark to beat ---------------------------------------------------------------------------
def test_the_sample_of_the_design(tmp_path: Path) -> None:
    critical = """
  critical_illness:
    title: {zh: 大病保险, en: critical illness}
    fund: critical_illness
    base: [basic.deductible, basic.copayment]
    deductible: {per: year, amount: $line, clause: TT-17}
    tiers: {of: year, edges: gross, to 100000: 60%, above: 75%, clause: TT-15}
    cap: {per: year, amount: 400000, clause: TT-16}
    clause: TT-15
"""
    more = """
parameters: {line: {unit: yuan, clause: TT-17, title: {zh: 起付线, en: deductible}}}
profiles:
  guess: {title: a guess, values: {line: {value: 18000, grade: C, source: a page}}}
"""
    basic = RATED.replace("{deductible}", "{per: stay, amount: 700}") \
        .replace("{ratio}", "ratio: 60%").replace("{cap}", "none")
    pack = pack_of(tmp_path, basic + critical, more, "guess")
    text = explain_text(pack, settle(pack, claim_of(3, 5_820_000))[0], "en")
    assert "[TT-17 (candidate 18,000, grade C)]" in " ".join(text.split())
    for row in ("base             23,700.00   deductible of basic 700.00 + co-payment of basic "
                "23,000.00", "0.00 before, 23,700.00 after; deductible 18,000.00",
                "tier 1            3,420.00   (23,700.00 - 18,000.00) × 60% (to 100,000.00)",
                "not reached (3,420.00 of 400,000.00 this year)  [TT-16]",
                "critical illness "):
        assert row in text
    chinese = explain_text(pack, settle(pack, claim_of(3, 5_820_000))[0])
    assert "\n大病保险  " in chinese and "critical" not in chinese


# --- deductibles --------------------------------------------------------------------------------
@pytest.mark.parametrize(("deductible", "number", "formula", "fen"), [
    ("none", 1, "none", 0),
    ("{per: stay, amount: 700}", 1, "standard 700.00", 70_000),
    ("{per: stay, amount: 700, then: [100%, 50%, 0%]}", 2,
     "admission 2: 350.00 (1: 700.00, 2: 350.00, from 3 on: 0.00)", 35_000),
    ("{per: stay, amount: 700, then: [100%, 50%, 0%]}", 3, "waived (0)", 0),
    ("{per: year, amount: 3000}", 2, "3,000.00 a year - 2,000.00 borne before", 100_000),
    ("{per: year, amount: 9000}", 1, "min(9,000.00 a year - 0.00 borne before, base 2,000.00)",
     200_000),
    ("{per: episode, amount: {by: hospital, low: 300, high: 700}}", 1,
     "standard 700.00 - 0.00 counted in this referral chain", 70_000),
    ("{per: stay, share: 20%, of: total, at_least: 100, at_most: 900}", 1,
     "20% × cost 2,015.00 = 403.00, at least 100.00, at most 900.00", 40_300),
    ("{per: stay, amount: 700, year_total_at_most: 1000}", 2,
     "min(standard 700.00, the year's deductibles together 1,000.00 - 700.00)", 30_000),
    ("{per: year, amount: 3000, owner: family}", 2,
     "family deductible 3,000.00 a year - 2,000.00 borne before", 100_000),
    ("{per: year, amount: 1000, owner: any_member}", 2,
     "a family member has reached it, so this claim is exempt", 0),
])
def test_every_deductible_shows_its_arithmetic(tmp_path, deductible, number, formula, fen) -> None:
    pack = rated(tmp_path, deductible)
    last = settle(pack, *(claim_of(n, 200_000) for n in range(1, number + 1)))[-1]
    assert told(pack, last, "deductible") == (formula, fen)


def test_a_halved_deductible_shows_the_half(tmp_path: Path) -> None:
    pack = rated(tmp_path, "{per: stay, amount: 600, adjust: "
                 "[{for: {status: allowance}, times: 50%, clause: TT-11}]}")
    held = (StatusSpan("allowance", "2023-01-01"),)
    line = line_of(pack, settle(pack, claim_of(1, 200_000), statuses=held)[0], "deductible")
    assert line.formula.zh == "起付标准 300.00（600.00 × 50%）" and "TT-11" in line.clauses


# --- ratio, tiers, points, minimum, fill ------------------------------------------------------
@pytest.mark.parametrize(("ratio", "key", "formula", "fen"), [
    ("ratio: 60%", "ratio", "2,000.00 × 60%", 120_000),
    ("tiers: {of: stay, edges: gross, to 500: 10%, above: 50%}", "tier",
     "500.00 × 10% (to 500.00)", 5_000),
    ("tiers: {of: stay, edges: bracket, to 500: 10%, above: 50%}", "tier",
     "the whole 2,000.00 × 50%, the rate of its bracket (above 500.00)", 100_000),
    ("{ratio: 60%, adjust: [{fact: years_insured, plus: 1%, above: 3, at_most: 10%}]}", "slope",
     "years_insured 6: 1% for each beyond 3, at most 10%; 3%", None),
    ("{ratio: 60%, adjust: [{fact: years_insured, plus: 1%, above: 3, at_most: 10%}]}", "ratio",
     "2,000.00 × 63% (60% + 3%)", 126_000),
    ("{ratio: 40%, minimum: 45%}", "minimum",
     "base 2,000.00 × 45% is more than 800.00: the minimum is paid", 90_000),
    ("{ratio: 60%, minimum: 45%}", "minimum", "base 2,000.00 × 45% is not above 1,200.00", None),
    ("fill: {share: 10%, of: in_policy, per: stay}", "fill",
     "burden 2,000.00 - 10% × in policy scope 2,000.00", 180_000),
])
def test_every_way_to_pay_shows_its_arithmetic(tmp_path, ratio, key, formula, fen) -> None:
    written = "\n    ".join(ratio.strip("{}").split(", ", 1)) if ratio.startswith("{") else ratio
    pack = rated(tmp_path, ratio=written)
    last = settle(pack, claim_of(1, 200_000), facts={"years_insured": 6})[-1]
    assert told(pack, last, key) == (formula, fen)


def test_tiers_of_the_year_show_their_stretches(tmp_path: Path) -> None:
    tiers = "tiers: {of: year, edges: gross, to 3000: 10%, above: 50%}"
    pack = rated(tmp_path, "{per: year, amount: 1000}", tiers)
    last = settle(pack, claim_of(1, 200_000), claim_of(2, 200_000))[-1]
    assert [line.formula.en for line in explain_lines(pack, last)[0].lines
            if line.key == "tier"] == ["(3,000.00 - 2,000.00) × 10% (to 3,000.00)",
                                       "(4,000.00 - 3,000.00) × 50% (above 3,000.00)"]
    assert told(pack, last, "cumulated")[0].startswith("2,000.00 before, 4,000.00 after")


def test_a_true_up_shows_what_was_granted(tmp_path: Path) -> None:
    tiers = "tiers: {of: year, edges: net, rounding: true_up, to 3000: 10%, above: 50%}"
    pack = rated(tmp_path, ratio=tiers)
    last = settle(pack, claim_of(1, 200_000), claim_of(2, 200_000))[-1]
    assert told(pack, last, "entitled") == ("3,000.00 × 10% + (4,000.00 - 3,000.00) × 50%", 80_000)
    assert told(pack, last, "ratio") == ("800.00 - 200.00", 60_000)


# --- caps ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("cap", "key", "formula", "fen", "limiting"), [
    ("none", "limit", "none set", None, ""),
    ("{per: year, amount: 9000}", "limit", "not reached (2,400.00 of 9,000.00 this year)", None,
     ""),
    ("{per: year, amount: 1500}", "limit", "min(1,200.00, cap 1,500.00 - 1,200.00 used this year);"
     " the cost above the point where it bites, 1,500.00, is the over-cap part", 30_000,
     "cap:basic"),
    ("{per: stay, amount: 1000}\n    over_cap: payment", "limit", "min(1,200.00, cap 1,000.00); "
     "the amount it cut off, 200.00, is the over-cap part", 100_000, "cap:basic"),
    ("{per: day, amount: 1000}", "limit", "min(1,200.00, cap 1,000.00); the cost above the point "
     "where it bites, 333.33, is the over-cap part", 100_000, "cap:basic"),
    ("{per: month, amount: 5000, owner: family}", "limit",
     "not reached (1,200.00 of 5,000.00 this month), the family's", None, ""),
    ("{per: year, amount: 3000, on: cost}", "cost_cap", "min(2,000.00, cap 3,000.00 - 2,000.00 "
     "used this year), a limit on cost", 100_000, "cost:basic"),
])
def test_a_cap_that_cuts_shows_and_one_that_does_not_says_so(tmp_path, cap, key, formula, fen,
                                                             limiting) -> None:
    pack = rated(tmp_path, cap=cap)
    last = settle(pack, claim_of(1, 200_000), claim_of(2, 200_000))[-1]
    line = line_of(pack, last, key)
    assert (line.formula.en, line.amount_fen, line.limiting) == (formula, fen, limiting)
    assert explain_lines(pack, last)[0].limiting == (limiting or "ratio")


def test_a_shared_pot_names_those_who_share_it(tmp_path: Path) -> None:
    second = BASIC.replace("basic:", "more:").replace("基本医保", "补充").replace(
        "in_policy", "basic.copayment") + "    deductible: none\n    ratio: 50%\n    cap: pool\n"
    pack = pack_of(tmp_path, RATED.replace("{deductible}", "none").replace(
        "{ratio}", "ratio: 60%").replace("{cap}", "pool") + second,
        "pots: {pool: {per: year, amount: 1300, clause: TT-05}}")
    line = line_of(pack, settle(pack, claim_of(1, 200_000))[0], "limit")
    assert "「pool」由 基本医保、补充 共用" in line.formula.zh and line.clauses == ("TT-05",)
    assert line.formula.en.startswith("min(400.00, cap 1,300.00 - 1,200.00 used this year)")


# --- the rest of a layer ------------------------------------------------------------------------
def test_weights_penalty_budgets_and_measure(tmp_path: Path) -> None:
    layers = """
  basic:
    title: {zh: 基本, en: basic}
    fund: residents_basic
    base: [in_policy, {part: first_self_pay, weight: 50%}]
    deductible: none
    ratio: {by: referral, missing: 40%, else: 60%}
    cap: none
    penalty: {for: {referral: missing}, as_if: {referral: due}, clause: TT-63}
    budgets: {province: 50%, city: 20%, county: 30%}
    clause: TT-01
  again:
    title: {zh: 再付, en: again}
    fund: medical_assistance
    base: basic.unpaid
    measure: basic.gross
    deductible: {per: year, amount: 500}
    ratio: 30%
    cap: none
    clause: TT-02
"""
    pack = pack_of(tmp_path, layers)
    one = settle(pack, claim_of(1, 200_000, referral="missing"))[0]
    assert told(pack, one, "base", 0) == (
        "in policy scope 2,000.00 + first self-pay 2.50 (counted at 50%); "
        "a further 2.50 does not count", 200_250)
    assert told(pack, one, "penalty", 0) == (
        "duly referred 1,201.50 - paid 801.00; kept out of later layers, which see what a duly "
        "referred patient would have left", 40_050)
    assert line_of(pack, one, "penalty", 0).clauses == ("TT-63",)
    assert told(pack, one, "budget", 0)[0] == "province 50% 400.50 + city 20% 160.20 + " \
        "county 30% 240.30"
    assert told(pack, one, "left", 0)[0].startswith("co-payment 801.00 → again; cost of missing "
                                                    "referral 400.50 → the person")
    assert told(pack, one, "measured")[1] == 200_250


def test_chosen_and_rejected_statuses_and_layers_that_did_not_apply(tmp_path: Path) -> None:
    aid = """
  aid:
    title: {zh: 救助, en: aid}
    fund: medical_assistance
    for: {status: [allowance, borderline]}
    base: basic.unpaid
    deductible: none
    ratio: {by: status, allowance: 75%, borderline: 50%}
    cap: none
    clause: TT-20
"""
    pack = rated(tmp_path, more=aid)
    held = tuple(StatusSpan(name, "2023-01-01") for name in ("borderline", "allowance"))
    one = settle(pack, claim_of(1, 200_000), statuses=held)[0]
    text = explain_text(pack, one)
    assert "适用身份    低保对象  [TT-40]  个人负担 215.00" in text
    assert "未选：低保边缘家庭成员，个人将负担 415.00" in text
    assert "未选：无身份，个人将负担 815.00" in text
    assert explain_json(pack, one)["status"] == {
        "chosen": "allowance", "clauses": ["TT-40"], "rejected": [
            {"status": "borderline", "psn_part_amt": "415.00"},
            {"status": "none", "psn_part_amt": "815.00"}]}
    assert "救助: 身份为「无身份」" in explain_text(pack, settle(pack, claim_of(1, 200_000))[0])


def test_the_pack_s_readings_and_assumptions_are_told(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, RATED.replace("{deductible}", "none").replace(
        "{ratio}", "ratio: 60%").replace("{cap}", "{per: stay, amount: 1000}")
        + "    over_cap: {choose: $reading, cost_above: cost, cut_off: payment}\n",
        "parameters: {reading: {choices: [cost_above, cut_off], clause: TT-01}}",
        {"reading": "cut_off"})
    one = settle(pack, claim_of(1, 200_000))[0]
    text = explain_text(pack, one, "en")
    assert "reading of TT-01: reading: cut_off" in text and "we read it so" in text
    assert "我们这样读" in explain_text(pack, one) and "我们这样读" not in text
    assert "candidate values (profile (case))" in text
    assert explain_json(pack, one)["assumptions"] == [
        {"clause": "TT-01", "zh": "我们这样读", "en": "we read it so"}]


def test_a_status_seen_backwards_says_how_far(tmp_path: Path) -> None:
    rated(tmp_path)
    text = (tmp_path / "pack.yaml").read_text(encoding="utf-8").replace(
        "allowance: {clause: TT-40}", "allowance: {lookback_months: $months, clause: TT-40}")
    text = text.replace("facts:", "parameters: {months: {unit: months, clause: TT-26}}\nfacts:")
    (tmp_path / "back.yaml").write_text(text, encoding="utf-8")
    pack = load_pack(tmp_path / "back.yaml", {"months": "6"})
    pack = replace(pack, settings=replace(pack.settings, status_choice="held"))
    held = (StatusSpan("allowance", "2023-03-01"),)
    told = explain_text(pack, settle(pack, claim_of(1, 200_000), statuses=held)[0])
    assert "低保对象（认定前追溯期）  [TT-40, TT-26（本案给定 6）]" in told


# --- laws ---------------------------------------------------------------------------------------
def random_case(pack: Pack, seed: int) -> list[Settlement]:
    """A person-year under a pack: whatever it covers, with statuses and attributes it knows."""
    dice = random.Random(seed)
    known = [status.name for status in (*pack.statuses, *pack.attributes)]
    spans = tuple(StatusSpan(name, pack.force_from)
                  for name in dice.sample(known, min(len(known), dice.randrange(4))))
    codes = [code.rstrip("*") for rule in pack.diseases for code in rule.match.get("codes", ())]
    person = Person("P1", dice.choice(pack.insurance), born="1958-03-01", sex="female",
                    person_class=dice.choice([*PERSONS]), statuses=spans,
                    facts={fact: dice.randrange(8) for fact in pack.facts})
    settled = []
    for number in range(1, 4):
        day = f"{pack.force_from[:4]}-{number + 9:02d}-10"
        claim = Claim(f"C{number}", "P1", dice.choice([*VISITS, *["inpatient"] * 12]),
                      dice.choice([*LEVELS]), dice.choice([*PLACES]), dice.choice([*REFERRALS]),
                      day, day, f"{day}T10:00:00",
                      tuple(dice.choice([0, 99_999, 40_000_000]) for _ in range(3))
                      + (dice.randrange(90_000_000),),
                      disease=dice.choice(["", *codes]))
        settled.append(claim)
    try:
        return settle_year(pack, {"P1": person}, settled)
    except Refusal:
        return []


def packs_with_values() -> list[Pack]:
    return [load_pack(name, next(iter(load_pack(name).profiles), None))
            for name in shipped_packs()]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(packs_with_values()), st.integers(0, 10 ** 9))
def test_the_explanation_of_any_settlement_is_its_own_numbers(pack: Pack, seed: int) -> None:
    for one in random_case(pack, seed):
        for trace, layer in zip(one.layers, explain_lines(pack, one), strict=True):
            amounts = {line.key: line.amount_fen for line in layer.lines}
            assert amounts["base"] == trace.base and layer.paid_fen == trace.paid
            assert not trace.base or amounts["paid"] == trace.paid
            assert not layer.capped or layer.limiting.startswith(("cap:", "cost:"))
            assert all(line.clauses for line in layer.lines)
        assert sum(fen for _, _, fen, _ in person_parts(pack, one)) == one.person_part
        assert sum(fen for _, _, fen in payers(pack, one)) + one.person_part \
            == one.claim.total_fen
        for lang in ("zh", "en"):
            text = explain_text(pack, one, lang)
            assert all(text_width(row) <= WIDTH for row in text.splitlines())
        assert json.loads(json.dumps(explain_json(pack, one)))["mdtrt_id"] == one.claim.claim_id


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(packs_with_values()), st.integers(0, 10 ** 9))
def test_a_trace_without_look_ups_is_explained_more_briefly(pack: Pack, seed: int) -> None:
    for one in random_case(pack, seed):
        full = [line.amount_fen for layer in explain_lines(pack, one) for line in layer.lines
                if line.key not in ("entitled", "granted")]
        one.layers = [replace(trace, seen={}, as_if=None) for trace in one.layers]
        brief = [line.amount_fen for layer in explain_lines(pack, one) for line in layer.lines]
        assert brief == full


@given(st.text("ab 基数，（）[]", max_size=60), st.integers(8, 30))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    assert "".join(wrapped(text, width)).replace(" ", "") == text.replace(" ", "")
