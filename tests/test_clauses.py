"""Every clause a case names is proved: some change of the pack under it makes the case fail."""
from __future__ import annotations

from pathlib import Path

import pytest

from tongchou.claims.promises import case_files, check_promises
from tongchou.policy import mutation, parse_yaml

FILES = case_files()
KILLER = mutation.Killer()

PACK = """
city: village
regime: "2023"
title: {zh: 一村, en: a village}
state: draft
in_force: {from: 2023-01-01}
sources: {TT: {title: a test}}
insurance: [residents]
hospitals: {level1: {level: "1"}, level3: {level: "3"}}
parameters:
  ratio: {unit: percent, clause: TT-02}
profiles:
  candidate: {values: {ratio: {value: 60%, grade: C, source: nowhere}}}
layers:
  basic:
    fund: residents_basic
    for: {visit: inpatient}
    base: in_policy
    deductible: {per: stay, amount: {by: hospital, level1: 100, level3: {value: 700,
                 clause: TT-03}}, clause: TT-01}
    ratio: $ratio
    cap: {per: year, amount: 200000, clause: TT-04}
    clause: TT-05
"""

CASES = """
- name: a stay
  clauses: [TT-01, TT-02, TT-05]
  pack: ../pack.yaml
  profile: candidate
  person: {psn_no: P1, insutype: "390"}
  claims: [{mdtrt_id: C1, med_type: "21", hosp_lev: "1", begndate: 2023-03-02,
            medfee_sumamt: 1100}]
  expect: {C1: {hifp_pay: 600.00}}
- name: a stay that never comes near the cap, nor to a level 3 hospital
  clauses: [TT-03, TT-04, TT-09]
  pack: ../pack.yaml
  profile: candidate
  person: {psn_no: P1, insutype: "390"}
  claims: [{mdtrt_id: C1, med_type: "21", hosp_lev: "1", begndate: 2023-03-02,
            medfee_sumamt: 1100}]
  expect: {C1: {hifp_pay: 600.00}}
- name: without a profile
  clauses: [TT-02]
  pack: ../pack.yaml
  profile: null
  person: {psn_no: P1, insutype: "390"}
  claims: [{mdtrt_id: C1, med_type: "21", hosp_lev: "1", begndate: 2023-03-02,
            medfee_sumamt: 1100}]
  refuse: {code: unset-parameter, clause: TT-02}
"""


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.parent.name}/{path.stem}"
                                             for path in FILES])
def test_cases_prove_the_clauses_they_name(path: Path) -> None:
    broken = [f"{one.where}: {one.case}: {one.clause}: " + (
        f"fails as it is: {one.differences[0]}" if one.differences else
        "no change of what the pack says under this clause is noticed; check more, or take the "
        "clause out of `clauses:`") for one in check_promises([path], KILLER) if not one.holds]
    if broken:
        pytest.fail("\n".join(broken), pytrace=False)


def test_an_empty_promise_is_found(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "cases").mkdir()
    cases = tmp_path / "cases" / "stay.yaml"
    cases.write_text(CASES, encoding="utf-8")
    held = {(one.case.split()[-1], one.clause): one.holds for one in check_promises([cases])}
    assert held == {("stay", "TT-01"): True, ("stay", "TT-02"): True, ("stay", "TT-05"): True,
                    ("hospital", "TT-03"): False, ("hospital", "TT-04"): True,
                    ("hospital", "TT-09"): False, ("profile", "TT-02"): True}


def test_a_change_that_breaks_the_pack_proves_nothing() -> None:
    root = parse_yaml(PACK, "pack.yaml")
    made = list(mutation.mutants(root, "TT-05", "candidate"))
    unreadable = [one.says for one in made if mutation.bound(one, "candidate") is None]
    assert "layers / basic / base: taken out" in unreadable
    assert "layers / basic / for: taken out" in [one.says for one in made]
    assert mutation.bound(made[0], "candidate") is not None


def test_the_original_tree_is_left_as_it_was() -> None:
    root = parse_yaml(PACK, "pack.yaml")
    before = root.plain()
    for clause in ("TT-01", "TT-02", "TT-03", "TT-04", "TT-05"):
        assert list(mutation.mutants(root, clause, "candidate"))
    assert root.plain() == before


@pytest.mark.parametrize(("text", "others"), [
    ("300", ["600", "150", "301", "0"]), ("60%", ["30%", "61%", "0%"]),
    ("62.5%", ["31.2%", "63.5%", "0.0%"]), ("0", ["1"]), ("1", ["2", "0"]),
])
def test_numbers_are_doubled_halved_and_moved(text: str, others: list[str]) -> None:
    assert mutation.other_numbers(text) == others
