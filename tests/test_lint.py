"""`pack lint` names every fault of a pack at once, with its place and what to do."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tongchou.engine.checks import check_pack
from tongchou.errors import PackError
from tongchou.policy import lint, pack_file, shipped_packs

PACK = """\
city: village
regime: "2023"
title: {zh: 一村, en: a village}
state: draft
in_force: {from: 2023-01-01}
sources: {TT: {title: a test}}
insurance: [residents]
hospitals:
  private: {tag: private}
  level1: {level: [village, township, "1", none]}
  level2: {level: "2"}
  level3: {level: "3"}
persons:
  young: {person: student}
  old: {person: [elder, retired]}
ages:
  child: {to: 17}
  adult: {from: 18}
diseases:
  kidney: {codes: ["N18*"], clause: TT-01}
statuses:
  allowance: {clause: TT-02}
  borderline: {clause: TT-02}
attributes:
  late: {title: {zh: 迟缴, en: late}, clause: TT-02}
facts: {years_insured: {unit: years}}
parameters:
  ratio: {unit: percent, by: hospital, clause: TT-03, title: {zh: 比例, en: ratio}}
  reading: {choices: [cost, payment], clause: TT-03, title: {zh: 读法, en: reading}}
profiles:
  candidate:
    title: {zh: 候选值, en: candidates}
    values:
      ratio: {value: {private: 40%, level1: 80%, level2: 70%, level3: 60%}, grade: C,
              source: a page}
      reading: {value: cost, grade: C, source: our reading}
pots:
  year: {per: year, amount: 200000, clause: TT-05}
layers:
  basic:
    title: {zh: 基本, en: basic}
    fund: residents_basic
    for: {visit: [inpatient, outpatient]}
    except: {late: "yes"}
    base: in_policy
    deductible: {per: stay, amount: {by: [hospital, age], level1: {child: 50, else: 100},
                                     else: 300},
                 adjust: [{for: {status: allowance}, times: 50%}], clause: TT-04}
    ratio: $ratio
    adjust:
      - {fact: years_insured, plus: 1%, above: 3, at_most: 10%}
      - {for: {person: young}, plus: 2%}
      - {for: {disease: kidney}, plus: 3%}
    cap: year
    clause: TT-03
  critical:
    title: {zh: 大病, en: critical illness}
    fund: critical_illness
    for: {visit: [inpatient, outpatient]}
    base: [basic.unpaid, {part: first_self_pay, weight: 50%}]
    deductible: {per: year, amount: 18000}
    tiers: {of: year, to 100000: 60%, to 200000: 65%, above: 75%}
    adjust: [{for: {person: old}, plus: 5%}]
    cap: {per: year, amount: 400000}
    over_cap: {choose: $reading, cost: cost, payment: payment}
    clause: TT-06
  assistance:
    title: {zh: 救助, en: assistance}
    fund: medical_assistance
    for: {status: [allowance, borderline], visit: [inpatient, outpatient]}
    base: critical.unpaid
    deductible: {per: year, amount: {by: status, allowance: 0, borderline: 3000}}
    ratio: 70%
    cap: none
    budgets: {province: 50%, city: 20%, county: 30%}
    clause: TT-07
"""
# What is done to PACK: (piece, what stands there instead, code, beginning of the line named).
FAULTS: dict[str, tuple[str, str, str, str]] = {
    "a layer without a clause": ("    clause: TT-06\n", "", "layer-without-clause", "  critical:"),
    "a number without a clause": ("amount: 200000, clause: TT-05", "amount: 200000",
                                  "number-without-clause", "  year: {"),
    "a parameter nobody asks for": ("  reading: {choices", "  spare: {unit: yuan, clause: TT-03}\n"
                                    "  reading: {choices", "unused-parameter", "  spare:"),
    "a pot nobody names": ("    cap: year\n", "    cap: none\n", "unused-pot", "  year: {"),
    "a status nobody names": ("  borderline: {clause", "  orphan: {clause: TT-02}\n"
                              "  borderline: {clause", "unused-status", "  orphan:"),
    "a fact nobody uses": ("facts: {years", "facts: {pension: {unit: yuan}, years", "unused-fact",
                           "facts:"),
    "an attribute nobody uses": ('    except: {late: "yes"}\n', "", "unused-attribute", "  late:"),
    "a class nobody names": ("      - {for: {disease: kidney}, plus: 3%}\n", "", "unused-disease",
                             "  kidney:"),
    "a class that an earlier one swallows": ('level2: {level: "2"}', 'level2: {level: "1"}',
                                             "class-swallowed", "  level2:"),
    "an age that an earlier class swallows": ("adult: {from: 18}", "adult: {from: 10, to: 16}",
                                              "class-swallowed", "  adult:"),
    "a code in two diseases": ('  kidney: {codes: ["N18*"]', '  renal: {codes: ["N1*"], clause: '
                               'TT-01}\n  kidney: {codes: ["N18*"]', "class-swallowed",
                               "  kidney:"),
    "a condition outside the layer's": ("    for: {visit: [inpatient, outpatient]}\n"
                                        "    except", "    for: {visit: [inpatient, outpatient], "
                                        "person: old}\n    except", "unreachable",
                                        "      - {for: {person: young}"),
    "a layer for nobody": ("    base: critical.unpaid\n", "    except: {status: [allowance, "
                           "borderline]}\n    base: critical.unpaid\n", "unreachable",
                           "    title: {zh: 救助"),
    "a layer after one that always comes": (
        "    base: critical.unpaid\n", "    when: {layer: critical, did: not_applied}\n"
        "    base: critical.unpaid\n", "unreachable", "    title: {zh: 救助"),
    "an exception of nobody": ('    except: {late: "yes"}', '    except: [{late: "yes"}, '
                               "{visit: pharmacy}]", "unreachable", "    title: {zh: 基本"),
    "an entry outside the layer's": ("borderline: 3000}", "borderline: 3000, none: 5}",
                                     "unreachable-entry", "    deductible: {per: year, amount: "
                                     "{by: status"),
    "an else that nothing reaches": ("borderline: 3000}", "borderline: 3000, else: 5}",
                                     "else-never-used", "    deductible: {per: year, amount: "
                                     "{by: status"),
    "a table that forgets a class": ("                                     else: 300}",
                                     "                                     level3: 300}",
                                     "table-gap",
                                     "    deductible: {per: stay"),
    "a base that is always empty": ("    base: critical.unpaid\n", "    base: critical.penalty\n",
                                    "base-always-empty", "    title: {zh: 救助"),
    "a base another layer has taken": ("    base: critical.unpaid\n", "    base: first_self_pay\n",
                                       "base-always-empty", "    title: {zh: 救助"),
    "points above 100%": ("    ratio: 70%\n", "    ratio: 70%\n    adjust: [{for: {status: "
                          "allowance}, plus: 40%}]\n", "rate-above-100", "    adjust: [{for: "
                          "{status: allowance}, plus: 40%}]"),
    "budgets above 100%": ("county: 30%", "county: 40%", "budgets-not-100", "    title: {zh: 救助"),
    "tiers that fall for a class": ("to 200000: 65%", "to $edge: 65%", "unknown-parameter",
                                    "    tiers:"),
    "a profile without a value": ("      reading: {value: cost, grade: C, source: our reading}\n",
                                  "", "profile-without-value", "  candidate:"),
    "a candidate without a grade": ("grade: C, source: our reading", "source: our reading",
                                    "missing-key", "      reading:"),
    "a candidate without a source": ("source: our reading", 'source: ""',
                                     "candidate-without-source", "      reading:"),
    "a title in one language": ("title: {zh: 大病, en: critical illness}", "title: {zh: 大病}",
                                "title-missing", "  critical:"),
    "a pack title in one language": ("title: {zh: 一村, en: a village}", "title: 一村",
                                     "title-missing", "title: 一村"),
    "a fault in a reading nobody chose": ("payment: payment}", "payment: paymint}", "unknown-word",
                                          "    over_cap:"),
    "a reading nobody defines": (", payment: payment}", "}", "choice-missing", "    over_cap:"),
    "a gap above the tiers": (", above: 75%}", "}", "tiers-gap", "    tiers:"),
    "tiers that overlap": ("to 200000: 65%", "to 90000: 65%", "tiers-not-rising", "    tiers:"),
    "a rate above 100%": ("    ratio: 70%", "    ratio: 170%", "rate-above-100", "    ratio: 170%"),
}


def findings(text: str, folder: Path) -> list[lint.Finding]:
    """What lint finds in a pack."""
    path = folder / "pack.yaml"
    path.write_text(text, encoding="utf-8")
    return [one for one in check_pack(path, 4) if one.code != "cliffs-sampled"]


def test_a_sound_pack_has_nothing_to_say(tmp_path: Path) -> None:
    assert findings(PACK, tmp_path) == []


@pytest.mark.parametrize("what", FAULTS)
def test_every_fault_is_named_where_it_stands(what: str, tmp_path: Path) -> None:
    old, new, code, line = FAULTS[what]
    assert PACK.count(old) == 1, f"{old!r} stands {PACK.count(old)} times"
    text = PACK.replace(old, new)
    found = [one for one in findings(text, tmp_path) if one.code == code]
    assert found, [one.code for one in findings(text, tmp_path)]
    lines = text.splitlines()
    assert any(lines[one.line - 1].startswith(line) for one in found), \
        [(lines[one.line - 1], one.message) for one in found]
    assert all(one.hint and one.message for one in found)


def test_all_faults_of_the_spelling_are_found_at_once(tmp_path: Path) -> None:
    text = PACK
    broken = {"state: draft": "state: drft", "fund: critical_illness": "fund: nobody",
              "base: [basic.unpaid,": "base: [basik.unpaid,", "above: 75%": "above: 175%",
              "    ratio: 70%": "    ratoi: 70%", "amount: 400000": "amount: plenty",
              "allowance: {clause: TT-02}": "allowanse: {clause: TT-02}",
              "borderline: 3000": "borderlin: 3000", "level3: 60%}, grade: C":
              "level3: 60%}, grade: Q"}
    for old, new in broken.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    found = [one for one in findings(text, tmp_path) if one.severity == "error"]
    lines = text.splitlines()
    told = {new for one in found for new in broken.values() if new.strip() in lines[one.line - 1]}
    assert told == set(broken.values()), set(broken.values()) - told


def test_yaml_that_cannot_be_read_is_one_finding(tmp_path: Path) -> None:
    found = findings(PACK.replace("    fund: medical", "\tfund: medical"), tmp_path)
    assert [(one.code, one.severity) for one in found] == [("yaml-syntax", "error")]
    assert found[0].line > 1


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(PackError) as caught:
        check_pack(tmp_path / "pack.yaml")
    assert caught.value.code == "unreadable-file"


def test_clauses_of_the_fact_sheet_are_held_against_the_pack(tmp_path: Path) -> None:
    rows = ["clause,part,kind,status,rule,status_note"]
    rows += [f"TT-{number:02d},I,benefit,seed,a rule," for number in range(1, 9) if number != 5]
    rows += ["TT-20,I,stat,seed,a figure,"]
    (tmp_path / "clauses.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = findings(PACK, tmp_path)
    assert {(one.code, one.clause, one.severity) for one in found} == {
        ("clause-not-cited", "TT-08", "note"), ("clause-not-in-sheet", "TT-05", "error")}


def test_budgets_of_parameters_are_added_under_the_profile(tmp_path: Path) -> None:
    text = PACK.replace("county: 30%", "county: $share").replace(
        "  reading: {choices", "  share: {unit: percent, clause: TT-07, title: 份额}\n"
        "  reading: {choices").replace("      reading: {value", "      share: {value: 31%, "
                                       "grade: X, source: nowhere}\n      reading: {value")
    assert [one.code for one in findings(text, tmp_path)] == ["budgets-not-100"]


def test_edges_of_parameters_must_rise_too(tmp_path: Path) -> None:
    text = PACK.replace("to 200000: 65%", "to $edge: 65%").replace(
        "  reading: {choices", "  edge: {unit: yuan, clause: TT-07, title: 段}\n"
        "  reading: {choices").replace("      reading: {value", "      edge: {value: 90000, "
                                       "grade: X, source: nowhere}\n      reading: {value")
    assert [one.code for one in findings(text, tmp_path)] == ["tiers-not-rising"]


def test_an_overlay_is_checked_with_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(PACK, encoding="utf-8")
    found = findings('extends: parent.yaml\nregime: "2024"\nlayers:\n  critical: {cap: {amount: '
                     "many}}\n", tmp_path)
    assert [(one.code, one.line) for one in found] == [("bad-number", 4)]
    assert found[0].file.endswith("pack.yaml")


@pytest.mark.parametrize("name", shipped_packs())
def test_shipped_packs_have_no_errors_and_no_warnings(name: str) -> None:
    found = check_pack(pack_file(name), 8)
    assert [one for one in found if one.severity != "note"] == []


def test_the_command_prints_findings(tmp_path: Path,
                                     call: Callable[..., tuple[int, object, str]]) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text(PACK, encoding="utf-8")
    code, text, _ = call("pack", "lint", path, "--quiet")
    assert code == 0 and text.startswith(f"{path}: 0 errors, 0 warnings, ")
    path.write_text(PACK.replace("    ratio: 70%", "    ratio: 70"), encoding="utf-8")
    code, found, _ = call("pack", "lint", path, "--json")
    assert code == 1 and found[0]["code"] == "rate-without-unit"
    assert set(found[0]) == {"file", "line", "column", "code", "severity", "message", "hint",
                             "clause"}
    code, text, _ = call("pack", "lint", path)
    assert code == 1 and "write 70%" in text
    assert call("pack", "lint", tmp_path / "none.yaml", "--json")[0] == 2


def test_packs_are_listed_and_shown(call: Callable[..., tuple[int, object, str]]) -> None:
    code, rows, _ = call("pack", "list", "--json")
    assert code == 0 and [row["name"] for row in rows] == shipped_packs()
    assert set(rows[0]) >= {"name", "city", "title", "state", "from", "to", "profiles"}
    assert call("pack", "list")[0] == 0
    for name in shipped_packs():
        code, text, _ = call("pack", "show", name)
        assert code == 0 and "支付顺序 layers" in text
    code, text, _ = call("pack", "show", "langfang/2018", "--lang", "zh", "--profile", "candidate")
    assert "支付顺序\n" in text and "$resident_ratio = {" in text
    code, shown, _ = call("pack", "show", "langfang/2018", "--json")
    assert [layer["layer"] for layer in shown["layers"]][0] == "basic_inpatient"
    assert call("pack", "show", "langfang/2018", "--lang", "fr")[0] == 2
