"""`pack diff` says in plain words what one regime says otherwise than another."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tongchou.errors import PackError
from tongchou.policy.diff import compare

OLD = """
city: village
regime: "2023"
title: {zh: 一村, en: a village}
state: in_force
in_force: {from: 2023-01-01, to: 2023-12-31}
sources: {TT: {title: a test}}
insurance: [residents]
hospitals: {level1: {level: "1"}, level3: {level: "3"}}
layers:
  basic:
    fund: residents_basic
    base: [in_policy, first_self_pay]
    deductible: {per: stay, amount: {by: hospital, level1: 100, level3: 700}, clause: TT-01}
    ratio: 60%
    cap: none
    clause: TT-02
  critical:
    fund: critical_illness
    base: basic.unpaid
    deductible: {per: year, amount: 18000, clause: TT-03}
    ratio: 50%
    cap: none
    clause: TT-04
"""
NEW = """
extends: old.yaml
regime: "2024"
in_force: {from: 2024-01-01, to: ~}
layers:
  basic:
    deductible: {amount: {by: hospital, level1: 150, level3: 700}}
  critical: {ratio: 55%, base: [basic.unpaid, first_self_pay]}
  assistance:
    fund: medical_assistance
    before: critical
    base: over_limit
    deductible: none
    ratio: 70%
    cap: none
    clause: TT-05
"""


@pytest.fixture
def regimes(tmp_path: Path) -> tuple[Path, Path]:
    """A regime and the next year's, an overlay."""
    (tmp_path / "old.yaml").write_text(OLD, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(NEW, encoding="utf-8")
    return tmp_path / "old.yaml", tmp_path / "new.yaml"


def test_an_overlay_is_compared_with_everything_it_keeps(regimes: tuple[Path, Path]) -> None:
    rows = {row.what: row for row in compare(*regimes)}
    deductible = rows["basic / deductible / amount / level1"]
    assert (deductible.clause, deductible.old, deductible.new) == ("TT-01", "100", "150")
    assert deductible.where.endswith("new.yaml:7:49")
    ratio = rows["critical / ratio"]
    assert (ratio.clause, ratio.old, ratio.new) == ("TT-04", "50%", "55%")
    assert rows["critical / base"].new == "[basic.unpaid, first_self_pay]"
    assert rows["in_force / to"].new == "—"
    assert rows["assistance"].old == "—" and rows["assistance"].clause == "TT-05"
    assert rows["regime"].new == "2024"
    assert not any("title" in what or "extends" in what for what in rows)


def test_the_order_of_layers_is_a_difference(tmp_path: Path) -> None:
    head, basic, critical = OLD.partition("  basic:")[0], *(
        "  basic:" + OLD.partition("  basic:")[2]).split("  critical:")
    critical = "  critical:" + critical.replace("basic.unpaid", "in_policy")
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(head + basic + critical, encoding="utf-8")
    new.write_text(head + critical + basic, encoding="utf-8")
    assert [(row.what, row.old, row.new) for row in compare(old, new)] == \
        [("layers / order", "basic, critical", "critical, basic")]


def test_a_list_is_compared_entry_by_entry(regimes: tuple[Path, Path]) -> None:
    old, new = regimes
    new.write_text(OLD.replace("[in_policy, first_self_pay]", "[in_policy]"), encoding="utf-8")
    assert [(row.what, row.old, row.new) for row in compare(old, new)] == \
        [("basic / base", "first_self_pay", "—")]


def test_a_pack_is_itself(regimes: tuple[Path, Path]) -> None:
    assert compare(regimes[0], regimes[0]) == []


def test_an_unknown_pack_is_refused() -> None:
    with pytest.raises(PackError) as caught:
        compare("nowhere/1900", "nowhere/1901")
    assert caught.value.code == "unknown-pack"


def test_the_command_prints_rows(regimes: tuple[Path, Path],
                                 call: Callable[..., tuple[int, object, str]]) -> None:
    code, rows, _ = call("pack", "diff", *regimes, "--json")
    assert code == 0
    assert {"clause": "TT-04", "what": "critical / ratio", "old": "50%", "new": "55%"}.items() <= \
        next(row for row in rows if row["what"] == "critical / ratio").items()
    code, text, _ = call("pack", "diff", *regimes)
    assert code == 0 and "critical / ratio" in text
    assert call("pack", "diff", regimes[0], regimes[0])[1] == "Both say the same.\n"
