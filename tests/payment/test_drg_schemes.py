"""Schemes as data: both layouts mean the same, and one that contradicts itself is refused."""
from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongchou.errors import CaseError
from tongchou.payment import generate_cases, group_cases, load_scheme
from tongchou.payment.cases import SCHEMA
from tongchou.payment.drg import Scheme, read_rule
from tongchou.payment.drg.conditions import (COMPARISONS, DIAGNOSES, EITHER, FIRST, FURTHER,
                                             MEASURES, PROCEDURES, Compare, Counted, Every, Member,
                                             Not, Severity, Sites, Some)
from tongchou.payment.drg.scheme import VALID, BaseGroup, Complication, Group, MajorClass

TUTORIAL = Path(load_scheme("tutorial").source)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tutorial scheme, to be spoilt."""
    return Path(shutil.copytree(TUTORIAL, tmp_path / "scheme"))


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


SPOILT = [
    ("adrg_dx.csv", "H2,I21.000", "H9,I21.000", "unknown-word", "adrg_dx.csv:2"),
    ("adrg.csv", "H21|H25", "H21|H26", "unknown-word", "adrg.csv:5"),
    ("adrg.csv", "H21|H25", "H21", "unknown-word", "adrg.csv:5"),
    ("adrg.csv", "H,2,H2", "Q,2,H2", "unknown-word", "adrg.csv:5"),
    ("adrg.csv", "H,2,H2", "H,1,H2", "same-place", "adrg.csv:5"),
    ("drg.csv", "H25,H2,2", "H25,H2,1", "same-place", "drg.csv:8"),
    ("mdc.csv", "2,H", "1,H", "same-place", "mdc.csv:3"),
    ("mdc.csv", "2,H,principal", "2,H,maybe", "unknown-word", "mdc.csv:3"),
    ("mdc.csv", "age_years=0", "age_years~0", "unknown-word", "mdc.csv:2"),
    ("mdc.csv", "age_years=0", "sites>=2", "unknown-word", "mdc.csv:2"),
    ("adrg.csv", "none,principal,,,,H11", "none,third,,,,H11", "unknown-word", "adrg.csv:4"),
    ("adrg.csv", "none,principal,,,,H11", "none,slots:(1|1,,,,H11", "unknown-word", "adrg.csv:4"),
    ("adrg.csv", "none,principal,,,,H11", "none,any1_and_any2,,,,H11", "empty-list", "adrg.csv:4"),
    ("adrg.csv", ",1500,N10", ",1.5kg,N10", "bad-number", "adrg.csv:2"),
    ("drg.csv", "H21,H2,1,mcc_or_cc", "H21,H2,1,bad", "unknown-word", "drg.csv:7"),
    ("complication.csv", "MCC,N17.900", "BIG,N17.900", "unknown-word", "complication.csv:3"),
    ("complication.csv", "MCC,N17.900", "CC,J96.000", "duplicate-key", "complication.csv:3"),
    ("ambiguous.csv", "H,HQY", "X,HQY", "unknown-word", "ambiguous.csv:2"),
    ("mdc_dx.csv", "mdc,dx,site", "mdc,dx,place", "missing-column", "mdc_dx.csv"),
    ("drg.csv", "H25,H2,2,any", "H25,H2,2,any,1,2", "broken-row", "drg.csv:8"),
    ("adrg_px.csv", "H1,1,36.0600", "H1,one,36.0600", "bad-number", "adrg_px.csv:2"),
]


@pytest.mark.parametrize(("file", "old", "new", "code", "where"), SPOILT,
                         ids=[f"{row[0]} {row[2]}" for row in SPOILT])
def test_a_spoilt_table_is_refused_with_its_place(file: str, old: str, new: str, code: str,
                                                  where: str, folder: Path) -> None:
    spoil(folder, file, old, new)
    with pytest.raises(CaseError) as fault:
        load_scheme(folder)
    assert fault.value.code == code and fault.value.where.endswith(where), str(fault.value)


def test_a_missing_table_is_named(folder: Path) -> None:
    (folder / "drg.csv").unlink()
    with pytest.raises(CaseError, match="drg.csv") as fault:
        load_scheme(folder)
    assert fault.value.code == "unreadable-file"


# --- rule text ------------------------------------------------------------------------------------
RULES = """level,code,parent,order,rule,name,kind
mdc,N,,1,ZYZD in DI_N and NL = 0,,
mdc,H,,2,ZYZD in DI_H,,
mdc,B,,3,ZYZD in {DI_B},,
adrg,N1,N,1,XSRTL <= 28 and ZYZD in DI_SMALL,,
adrg,N2,N,2,1,,
adrg,H1,H,1,ZYSS in OP_H1,,
adrg,H2,H,2,（ZYZD in DI_H2）,,
adrg,H3,H,3,ZYZD not in DI_H2,,
adrg,HQY,H,9,ZYSS in OP_ALL,,ambiguous
adrg,B1,B,1,zyss IN op_b1,,
adrg,B2,B,2,,,
adrg,BQY,B,9,ZYSS in OP_ALL,,ambiguous
drg,N10,N1,1,,,
drg,N21,N2,1,QTZD in MCC,,
drg,N25,N2,2,,,
drg,H11,H1,1,QTZD in MCC,,
drg,H15,H1,2,,,
drg,H21,H2,1,QTZD in CC,,
drg,H25,H2,2,,,
drg,H30,H3,1,,,
drg,B11,B1,1,"QTZD in {MCC, CC}",,
drg,B15,B1,2,,,
drg,B21,B2,1,QTZD in MCC,,
drg,B25,B2,2,,,
"""


@pytest.fixture
def rules(folder: Path, tmp_path: Path) -> Path:
    """The tutorial scheme told as rule text; low weight is a diagnosis there."""
    made = tmp_path / "rules"
    made.mkdir()
    tables = load_scheme(folder)
    names = {"MDCN": "DI_N", "MDCH": "DI_H", "MDCB": "DI_B", "H2": "DI_H2", "H1 list 1": "OP_H1",
             "B1 list 1": "OP_B1", VALID: VALID}
    lines = [f"{names[name]},{code}" for name in names for code in sorted(tables.sets[name])]
    (made / "sets.csv").write_text("set,code\n" + "\n".join([*lines, "DI_SMALL,P07.100"]) + "\n",
                                   encoding="utf-8")
    (made / "rules.csv").write_text(RULES, encoding="utf-8")
    for file in ("complication.csv", "principal_exclusion.csv"):
        shutil.copy(folder / file, made)
    return made


def test_rule_text_groups_like_the_tables(rules: Path, folder: Path) -> None:
    spoil(folder, "adrg.csv", "N,1,N1,none,none,1,,1500", "N,1,N1,principal,none,1,,")
    with (folder / "adrg_dx.csv").open("a", encoding="utf-8") as file:
        file.write("N1,P07.100\n")
    tables, text = load_scheme(folder), load_scheme(rules)
    cases = generate_cases(tables, 5_000, 11)
    for ambiguous in (False, True):
        ours = group_cases(cases, text, ambiguous=ambiguous)
        assert ours.equals(group_cases(cases, tables, ambiguous=ambiguous))
    assert len(set(ours["group"].to_pylist()) - {None}) == 14


@pytest.mark.parametrize(("rule", "column", "said"), [
    ("ZYZD in DI_NONE", 9, "no set 'DI_NONE'"), ("ZYZD in OP_A", 9, "does not hold"),
    ("ZYZD of DI_A", 6, "expected 'IN'"), ("(ZYZD in DI_A", 14, "expected ')'"),
    ("{ZYZD, ZYSS} in DI_A", 8, "cannot be in one list"), ("NL >> 3", 5, "whole number"),
    ("NL = x", 6, "whole number"), ("ZYZD in MCC", 9, "only QTZD"),
    ("ZYZD in DI_A or", 16, "expected one of"), ("ZYZD in DI_A ; 1", 14, "means nothing"),
    ("length(DI_A ∩ {ZYZD, QTZD}) < 2", 8, "compared with"), ("ZYZD in and", 9, "name of a set"),
    ("(" * 200 + "1", 102, "deep"), ("NL = 99999999999", 6, "nine digits")])
def test_a_wrong_rule_is_refused_with_the_column(rule: str, column: int, said: str) -> None:
    with pytest.raises(CaseError, match="bad-rule|") as fault:
        read_rule(rule, {"DI_A", "OP_A"}, "rules.csv:7")
    assert fault.value.code == "bad-rule" and said in fault.value.message
    assert fault.value.where == f"rules.csv:7:{column}"


def test_what_rules_can_say() -> None:
    sets = {"DI_A", "DI_B", "OP_A", "OP_ALL"}
    either = Member(PROCEDURES, EITHER, "OP_A")
    assert read_rule("{ZYSS, QTSS} in OP_A", sets) == either
    assert read_rule("ZYSS not in OP_ALL", sets) == Not(Member(PROCEDURES, FIRST, "OP_ALL"))
    assert read_rule("QTZD in {DI_A, DI_B}", sets) == Some((Member(DIAGNOSES, FURTHER, "DI_A"),
                                                           Member(DIAGNOSES, FURTHER, "DI_B")))
    assert read_rule("length(OP_A ∩ {ZYSS, QTSS})>=2 and XB＝1", sets) == Every(
        (Counted(PROCEDURES, EITHER, "OP_A", 2), Compare("sex", "=", 1)))
    newborn = "((NL=0) and (XSRTL>=29) and (ZYSS not in OP_ALL)) or ((NL=0) and (XSRTL<29))"
    assert isinstance(read_rule(newborn, sets), Some)
    assert read_rule("NL ≥ 18 and not (XB = 2)", sets) == Every(
        (Compare("age_years", ">=", 18), Not(Compare("sex", "=", 2))))


@pytest.mark.parametrize(("file", "old", "new", "code", "where"), [
    ("rules.csv", "adrg,H2,H,2", "adrg,H2,H,1", "same-place", "rules.csv:8"),
    ("rules.csv", "adrg,H2,H,2", "adrg,H2,X,2", "unknown-word", "rules.csv:8"),
    ("rules.csv", "drg,H30,H3,1", "drg,H30,H4,1", "unknown-word", "rules.csv:21"),
    ("rules.csv", "zyss IN op_b1", "zyss IN op_b2", "bad-rule", "rules.csv:11:9"),
    ("sets.csv", "OP_H1,", "XX_H1,", "bad-name", ":22")])
def test_a_spoilt_rule_file_is_refused(file: str, old: str, new: str, code: str, where: str,
                                       rules: Path) -> None:
    spoil(rules, file, old, new)
    with pytest.raises(CaseError) as fault:
        load_scheme(rules)
    assert fault.value.code == code, str(fault.value)
    assert fault.value.where.endswith(where) or code == "bad-name"


# --- any condition at all -------------------------------------------------------------------------
DX, PX = [f"D{n}.00" for n in range(6)], [f"{n}1.00" for n in range(5)]
SETS = {"D0": {DX[0], DX[1]}, "D1": {DX[1], DX[2], DX[3]}, "D2": {DX[4]}, "P0": {PX[0], PX[1]},
        "P1": {PX[2]}, VALID: set(PX[:4])}
COMPLICATIONS = {DX[1]: Complication(1, "a"), DX[2]: Complication(2, "b"),
                 DX[4]: Complication(1, "b")}
EXCLUSIONS = {DX[0]: frozenset("a"), DX[3]: frozenset("ab")}
LEAVES = st.one_of(
    st.builds(Member, st.just(DIAGNOSES), st.integers(1, 3), st.sampled_from(["D0", "D1", "D2"])),
    st.builds(Member, st.just(PROCEDURES), st.integers(1, 3), st.sampled_from(["P0", "P1", VALID])),
    st.builds(Counted, st.just(DIAGNOSES), st.integers(1, 3), st.just("D1"), st.integers(1, 3)),
    st.builds(Sites, st.just(("D0", "D1", "D2")), st.integers(1, 3)),
    st.builds(Compare, st.sampled_from(MEASURES), st.sampled_from(COMPARISONS),
              st.integers(0, 3)),
    st.builds(Severity, st.integers(1, 2)))
TESTS = st.recursive(LEAVES, lambda inner: st.one_of(
    st.builds(Every, st.lists(inner, max_size=3).map(tuple)),
    st.builds(Some, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    st.builds(Not, inner)), max_leaves=8)
NUMBER = st.one_of(st.none(), st.integers(0, 3))
CASES = st.lists(st.fixed_dictionaries({
    "dx": st.lists(st.sampled_from([*DX, "Z9"]), min_size=1, max_size=5),
    "px": st.lists(st.sampled_from([*PX, "99.9"]), max_size=3), "age_years": NUMBER,
    "age_days": NUMBER, "birth_weight_g": NUMBER,
    "sex": st.sampled_from([None, "1", "2"])}), min_size=1, max_size=6)


def holds(test: object, case: dict[str, object]) -> bool:
    """What a condition means, said once more in the plainest way."""
    if isinstance(test, Every):
        return all(holds(part, case) for part in test.parts)
    if isinstance(test, Some):
        return any(holds(part, case) for part in test.parts)
    if isinstance(test, Not):
        return not holds(test.part, case)
    if isinstance(test, Sites):
        return sum(bool(SETS[name] & set(case["dx"])) for name in test.sets) >= test.least
    if isinstance(test, Compare):
        value = case[test.measure]
        compare: dict[str, Callable[[int, int], bool]] = {
            "=": int.__eq__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}
        return value is not None and compare[test.sign](int(value), test.value)
    if isinstance(test, Severity):
        barred = EXCLUSIONS.get(case["dx"][0], ())
        return any(COMPLICATIONS[code].level >= test.level for code in case["dx"][1:]
                   if code in COMPLICATIONS and COMPLICATIONS[code].table not in barred)
    codes = case[test.kind]
    seen = {FIRST: codes[:1], FURTHER: codes[1:], EITHER: codes}[test.which]
    return len(set(seen) & SETS[test.codes]) >= getattr(test, "least", 1)


@settings(max_examples=150, deadline=None)
@given(TESTS, TESTS, CASES)
def test_a_compiled_test_holds_when_its_meaning_does(
        first: object, second: object, cases: list[dict[str, object]]) -> None:
    groups = (Group("G1", "", second), Group("G2", "", Every(())))
    scheme = Scheme("any", (
        MajorClass("M", "", Every(()), (BaseGroup("B1", "", first, groups),)),
        MajorClass("R", "", Every(()), (BaseGroup("B2", "", Every(()), (Group("G3", "", Every(())),
                                                                      )),))),
        {name: frozenset(codes) for name, codes in SETS.items()}, COMPLICATIONS, EXCLUSIONS)
    rows = [{"case": str(number), **case} for number, case in enumerate(cases)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    found = group_cases(table, scheme)["group"].to_pylist()
    wanted = ["G3" if not holds(first, case) else "G1" if holds(second, case) else "G2"
              for case in cases]
    assert found == wanted
    assert group_cases(table, scheme, trace=True)["group"].to_pylist() == wanted
