"""Clearing rules are data: read with their places, refused when they say too little."""
from __future__ import annotations

from pathlib import Path

import pytest
from tongchou.errors import CaseError, Refusal
from tongchou.ledger import ClearingRules, clearing_file, read_rules

TEXT = clearing_file("bijie").read_text(encoding="utf-8")


@pytest.mark.clause("BJ-47", "BJ-48", "BJ-49")
def test_the_shipped_rules_are_those_of_the_text() -> None:
    rules = read_rules(clearing_file("bijie"))
    assert (rules.file_within_days, rules.advance_rate_ppm, rules.advance_days, rules.rest_days) \
        == (14, 700_000, 10, 15)
    assert rules.payer_of("residents_basic") == rules.payer_of("medical_assistance") == "agency"
    assert rules.payer_of("critical_illness") == "insurer"
    assert ClearingRules.of(rules.as_dict()) == rules
    with pytest.raises(Refusal) as refused:
        rules.payer_of("residents_basics")
    assert "residents_basic" in refused.value.hint


@pytest.mark.parametrize(("old", "new"), [
    ("advance_days,10", "advance_days,ten"), ("advance_days,10", "advance_days,-1"),
    ("advance_rate,70%", "advance_rate,70"), ("advance_rate,70%", "advance_rate,170%"),
    ("advance_binding,no", "advance_binding,maybe"), ("rest_from,advance_due", "rest_from,then"),
    ("rest_days,15", "rest_day,15"), ("rounding,down", "rounding,up"),
    ("aging_days,10;30;90", "aging_days,30;10"), ("deposit_rate,0%", "rest_days,15"),
    ("payer.critical_illness,insurer", "payer.critical_illness,"), ("name,value", "a,b")])
def test_broken_rules_are_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    (tmp_path / "rules.csv").write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(CaseError) as refused:
        read_rules(tmp_path / "rules.csv")
    assert refused.value.code == "bad-clearing-rules" and refused.value.hint


def test_a_city_without_rules_is_told() -> None:
    with pytest.raises(CaseError, match="--rules"):
        clearing_file("published")
