"""A Chinese reader reads Chinese, an English reader English: what packs say stands in both."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_explain import RATED, claim_of, pack_of, settle

from tongchou.engine.explain import explain_text
from tongchou.policy import load_pack, shipped_packs


def test_classes_and_limits_go_by_their_titles(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, RATED.replace("{deductible}", "none").replace(
        "{ratio}", "ratio: 60%").replace("{cap}", "year"),
        "ages: {grown: {from: 18, title: {zh: 成人, en: grown-up}}}\n"
        "pots: {year: {per: year, amount: 9000, title: {zh: 年度限额, en: yearly limit}}}")
    done = settle(pack, claim_of(1, 200_000), born="1970-01-01")[0]
    chinese, english = explain_text(pack, done), explain_text(pack, done, "en")
    assert "年龄段 成人" in chinese and "（年度限额）" in chinese
    assert "age grown-up" in english and "(yearly limit)" in english


@pytest.mark.parametrize("name", [name for name in shipped_packs() if "published" not in name])
def test_what_a_shipped_pack_says_is_said_in_both_languages(name: str) -> None:
    pack = load_pack(name)
    for entry in pack.assumptions:
        assert re.search("[一-鿿]", entry["zh"]) and entry["en"] != entry["zh"], entry["clause"]
    limits = [cap for layer in pack.layers for cap in layer.caps if cap.name.startswith("pot:")]
    named = [*pack.hospitals, *pack.persons, *pack.ages, *pack.diseases, *limits]
    assert not [one.name for one in named if set(one.title) != {"zh", "en"}]
