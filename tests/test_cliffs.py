"""Cliffs are found to the fen, and reasonable packs have none."""
from __future__ import annotations

from pathlib import Path

import pytest

from tongchou.engine import Claim, Person, State, settle_claim
from tongchou.engine.checks import check_pack
from tongchou.engine.cliffs import Cliff, find_cliffs
from tongchou.policy import Pack, load_pack, parse_yaml
from tongchou.policy.load import bind

HEAD = """
city: village
regime: "2023"
title: {zh: 一村, en: a village}
state: draft
in_force: {from: 2023-01-01}
sources: {TT: {title: a test}}
insurance: [residents]
"""

# The readings of a limit of 70,000 at 80%: what the next layer, at 90%, takes as its base.
ASSISTANCE = HEAD + """
parameters:
  reading: {choices: [cost_above_cap, once_reached, amount_cut_off, all_beyond], clause: TT-42,
            title: {zh: 读法, en: reading}}
layers:
  assistance:
    fund: medical_assistance
    base: in_policy
    deductible: none
    ratio: 80%
    cap: {per: year, amount: 70000, clause: TT-20}
    over_cap: {choose: $reading, amount_cut_off: payment, else: cost}
    clause: TT-19
  major_illness:
    fund: medical_assistance
    when: {choose: $reading, once_reached: {layer: assistance, did: capped}, else: {}}
    base: {choose: $reading, once_reached: assistance.unpaid, all_beyond: assistance.unpaid,
           else: assistance.over_cap}
    measure: {choose: $reading, all_beyond: assistance.gross, else: none}
    deductible: {choose: $reading, all_beyond: {per: year, amount: 70000}, else: none}
    ratio: 90%
    cap: none
    clause: TT-21
"""


def pack_of(text: str, **profile: str) -> Pack:
    """A pack from its text, with the readings given."""
    problems: list = []
    pack = bind(parse_yaml(text, "pack.yaml"), profile or None, problems)
    assert not problems
    return pack


def cliffs_of(text: str, **profile: str) -> list[Cliff]:
    """All its cliffs."""
    return find_cliffs(pack_of(text, **profile))[0]


def one_layer(rest: str) -> str:
    """A pack of one layer."""
    return HEAD + f"layers:\n  basic: {{fund: residents_basic, base: in_policy, {rest}, " \
        "clause: TT-01}\n"


def test_a_limit_that_opens_the_next_layer_for_everything_is_a_cliff() -> None:
    found = cliffs_of(ASSISTANCE, reading="once_reached")
    assert len(found) == 1
    cliff = found[0]
    assert cliff.kind == "fall" and cliff.layers == ("assistance", "major_illness")
    # 80% of 87,500.00 is the limit; half a fen above it the payment still rounds to 70,000.00.
    assert (cliff.cost_from, cliff.cost_to) == (8_750_000, 8_750_001)
    assert (cliff.pays_before, cliff.pays_after) == (1_750_000, 175_000)
    assert "17,500.00 to 1,750.00" in cliff.says()


@pytest.mark.parametrize("reading", ["cost_above_cap", "amount_cut_off"])
def test_the_other_readings_have_none(reading: str) -> None:
    assert cliffs_of(ASSISTANCE, reading=reading) == []


def test_the_reading_that_pays_a_yuan_twice_is_refused() -> None:
    cliffs, search = find_cliffs(pack_of(ASSISTANCE, reading="all_beyond"))
    assert cliffs == [] and [code for code, _ in search.refusals] == ["pays-twice"]


def test_an_unset_reading_is_passed_by() -> None:
    cliffs, search = find_cliffs(pack_of(ASSISTANCE))
    assert cliffs == [] and {code for code, _ in search.refusals} == {"unset-parameter"}


def test_lint_names_the_cliff_of_a_reading_nobody_chose(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(ASSISTANCE, encoding="utf-8")
    found = {one.code: one for one in check_pack(tmp_path / "pack.yaml")}
    assert found["cliff-fall"].severity == "note" and found["pays-twice"].severity == "note"
    assert "once_reached" in found["cliff-fall"].message
    assert found["cliff-fall"].line == 15 and found["pays-twice"].line == 23
    assert not [one for one in found.values() if one.severity == "error"]


@pytest.mark.parametrize("rest", [
    "deductible: none, ratio: 60%, cap: none",
    "deductible: {per: stay, amount: 700}, ratio: 60%, cap: none",
    "deductible: {per: year, amount: 700}, ratio: 60%, cap: {per: year, amount: 50000}",
    "deductible: none, ratio: 60%, cap: {per: stay, amount: 50000, on: cost}",
    "deductible: {per: stay, amount: 500}, cap: none, "
    "tiers: {of: year, edges: net, to 10000: 50%, to 20000: 90%, above: 10%}",
    "deductible: {per: stay, amount: 500}, cap: none, minimum: 30%, "
    "tiers: {of: stay, edges: gross, to 10000: 50%, above: 10%}",
    "deductible: {per: stay, share: 20%, of: total, at_least: 2000, at_most: 10000}, "
    "ratio: 100%, cap: none",
])
def test_ordinary_rules_have_no_cliff(rest: str) -> None:
    assert cliffs_of(one_layer(rest)) == []


def test_a_bracket_whose_rate_falls_is_a_jump() -> None:
    found = cliffs_of(one_layer("deductible: none, cap: none, tiers: {of: stay, edges: bracket, "
                                "to 10000: 80%, above: 60%}"))
    assert [(one.kind, one.cost_from, one.cost_to, one.pays_before, one.pays_after)
            for one in found] == [("jump", 1_000_000, 1_000_001, 200_000, 400_000)]


def test_a_bracket_whose_rate_rises_is_a_fall() -> None:
    found = cliffs_of(one_layer("deductible: none, cap: none, tiers: {of: stay, edges: bracket, "
                                "to 10000: 60%, above: 80%}"))
    assert [(one.kind, one.pays_before, one.pays_after) for one in found] == \
        [("fall", 400_000, 200_000)]


def test_a_layer_that_pays_only_when_another_did_not_is_found() -> None:
    found = cliffs_of(HEAD + """
layers:
  first: {fund: residents_basic, base: in_policy, deductible: {per: stay, amount: 1000},
          ratio: 10%, cap: none, clause: TT-01}
  second: {fund: medical_assistance, when: {layer: first, did: not_paid}, base: first.unpaid,
           deductible: none, ratio: 90%, cap: none, clause: TT-02}
""")
    assert [(one.kind, one.layers) for one in found] == [("jump", ("first", "second"))]
    assert found[0].cost_from == 100_004 and found[0].cost_to == 100_005


def test_a_cliff_of_one_class_names_the_class() -> None:
    found = cliffs_of(HEAD + """
hospitals: {level1: {level: "1"}, level3: {level: "3"}}
layers:
  basic: {fund: residents_basic, base: in_policy, deductible: none, cap: none, clause: TT-01,
          tiers: {of: stay, edges: bracket, to 10000: 80%,
                  above: {by: hospital, level3: 60%, else: 80%}}}
""")
    assert len(found) == 1 and dict(found[0].cell)["hospital"] == "level3"


def test_what_is_reported_is_what_the_engine_settles() -> None:
    pack = pack_of(ASSISTANCE, reading="once_reached")
    cliff = find_cliffs(pack)[0][0]
    pays = []
    for cost in (cliff.cost_from, cliff.cost_to):
        claim = Claim("C1", "P1", "inpatient", "3", "local", "due", "2023-02-01", "2023-02-01",
                      "2023-02-01", (0, 0, 0, cost))
        pays.append(settle_claim(pack, Person("P1", "residents"), claim, State()).person_part)
    assert pays == [cliff.pays_before, cliff.pays_after]


def test_shipped_packs_have_no_cliff_under_their_candidates() -> None:
    for name in ("jincheng/2015", "langfang/2018"):
        assert find_cliffs(load_pack(name, "candidate"))[0] == []
