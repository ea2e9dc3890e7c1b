"""Schemes as data: both layouts mean the same, and one that contradicts itself is refused."""
from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import rule_writer
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_grouper import PUBLISHED, rows_of

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
adrg,H2,H,3,（ZYZD in DI_H2）,,
adrg,H3,H,4,ZYZD not in DI_H2,,
adrg,HQY,H,2,ZYSS in OP_ALL,,ambiguous
adrg,B1,B,1,zyss IN op_b1,,
adrg,B2,B,3,,,
adrg,BQY,B,2,ZYSS in OP_ALL,,ambiguous
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


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published tables are not beside this "
                    "checkout")
@pytest.mark.parametrize("version", ["chs_drg_10", "chs_drg_11"])
def test_a_published_scheme_as_rule_text_groups_like_its_tables(version: str,
                                                                tmp_path: Path) -> None:
    tables = load_scheme(PUBLISHED / version)
    text = load_scheme(rule_writer.write_folder(PUBLISHED / version, tmp_path / version))
    cases = generate_cases(tables, 50_000, 4)
    for ambiguous in (False, True):
        wanted = group_cases(cases, tables, ambiguous=ambiguous)
        assert group_cases(cases, text, ambiguous=ambiguous).equals(wanted)
    rules = sum(bool(row["rule"]) for row in rule_writer.rules_of(PUBLISHED / version))
    print(f"\n{version}: {rules} rules of text, 50,000 cases, twice, 0 different")


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial scheme as a workbook, with the defect of the official one: the rest of a class
    has the place of another group.
    """
    rules = rule_writer.rules_of(TUTORIAL)
    rest = rule_writer.row_of("adrg", "H00", "H", 20, "")
    rest_group = rule_writer.row_of("drg", "H000", "H00", 1, "")
    return rule_writer.write_workbook(
        tmp_path_factory.mktemp("book") / "scheme.xlsx", [*rules, rest, rest_group],
        rule_writer.sets_of(TUTORIAL), rows_of(TUTORIAL, "complication"),
        rows_of(TUTORIAL, "principal_exclusion"))


def test_a_workbook_groups_like_the_tables(workbook: Path) -> None:
    tables, book = load_scheme(TUTORIAL), load_scheme(workbook)
    cases = generate_cases(tables, 5_000, 12)
    for ambiguous in (False, True):
        assert group_cases(cases, book, ambiguous=ambiguous).equals(
            group_cases(cases, tables, ambiguous=ambiguous))
    assert book.group_names["H21"] == tables.group_names["H21"] and book.digest


def test_the_rest_of_a_class_takes_last_what_nobody_takes(folder: Path, tmp_path: Path) -> None:
    rules = [row for row in rule_writer.rules_of(folder) if row["code"] not in ("H3", "H30")]
    rules += [rule_writer.row_of("adrg", "H00", "H", 10, "")]
    book = load_scheme(rule_writer.write_workbook(
        tmp_path / "a.xlsx", rules, rule_writer.sets_of(folder), rows_of(folder, "complication"),
        rows_of(folder, "principal_exclusion")))
    cases = [{"case": "1", "dx": ["I20.000"], "px": []}, {"case": "2", "dx": ["I21.000"], "px": []}]
    found = group_cases(pa.Table.from_pylist(cases, schema=SCHEMA), book).to_pylist()
    assert found[0] == {"case": "1", "group": None, "adrg": "H00", "mdc": "H",
                        "reason": "rest-of-mdc"}
    assert found[1]["group"] == "H25"


@pytest.mark.parametrize(("sheet", "said"), [
    (lambda row: {**row, "code": "H9"} if row["code"] == "H2" else row, "the code dangles"),
    (lambda row: {**row, "order": 10} if row["code"] == "H2" else row, "has the same"),
    (lambda row: {**row, "rule": "ZYZD in DI_NO"} if row["code"] == "H2" else row, "no set")])
def test_a_spoilt_workbook_is_refused_with_sheet_and_row(
        sheet: Callable[[dict[str, object]], dict[str, object]], said: str,
        tmp_path: Path) -> None:
    path = rule_writer.write_workbook(
        tmp_path / "bad.xlsx", [sheet(row) for row in rule_writer.rules_of(TUTORIAL)],
        rule_writer.sets_of(TUTORIAL), rows_of(TUTORIAL, "complication"),
        rows_of(TUTORIAL, "principal_exclusion"))
    with pytest.raises(CaseError, match=said) as fault:
        load_scheme(path)
    assert fault.value.where.startswith("bad.xlsx[")


def test_what_is_no_workbook_of_a_scheme_is_said(workbook: Path, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("no workbook", encoding="utf-8")
    with pytest.raises(CaseError) as fault:
        load_scheme(tmp_path / "a.xlsx")
    assert fault.value.code == "broken-file"
    cases = tmp_path / "cases.xlsx"
    with rule_writer.Workbook(str(cases)) as book:
        book.add_worksheet("MDC").write_string(0, 0, "case")
    with pytest.raises(CaseError, match="no header") as fault:
        load_scheme(cases)
    assert fault.value.code == "missing-column"


# How the 3.0 workbook states its hardest tests, with sets of our own.
OFFICIAL = {
    "((NL=0) and (XSRTL>=29) and (XSRTL<366) and (ZYZD in DI_A) and (ZYSS not in OP_ALL)) or "
    "((NL=0) and (XSRTL<29))": {
        (0, 28, 3000, "X", "Q"): True, (0, 29, 3000, "D", "P"): True,
        (0, 29, 3000, "D", "Q"): False, (0, 366, 3000, "D", "P"): False,
        (0, None, 3000, "D", "P"): False},
    "(XSRTL<29) and (XSRTZ>=1000) and (XSRTZ<=1499) and ({ZYZD, QTZD} in DI_A)": {
        (0, 3, 1000, "D", "P"): True, (0, 3, 1499, "D", "P"): True, (0, 3, 1500, "D", "P"): False,
        (0, 3, 999, "D", "P"): False, (0, 3, None, "D", "P"): False, (0, 3, 1200, "X", "P"): False},
    "(ZYZD in DI_A) \nOR\n(ZYSS in OP_ALL and \n(NL>=70 or XB=1))": {
        (3, 900, None, "D", "P"): True, (70, None, None, "X", "Q"): True,
        (69, None, None, "X", "Q"): False},
    "length(OP_ALL ∩ {ZYSS, QTSS})>=2 and ZYSS in OP_ALL": {
        (3, None, None, "D", "Q|R"): True, (3, None, None, "D", "Q|Q"): False,
        (3, None, None, "D", "P|Q|R"): False}}


@pytest.mark.parametrize("rule", OFFICIAL)
def test_rules_of_the_3_0_kind_mean_what_they_say(rule: str) -> None:
    sets = {"DI_A": frozenset("D"), "OP_ALL": frozenset("QR")}
    scheme = Scheme("any", (MajorClass("M", "", read_rule(rule, sets), (
        BaseGroup("B", "", Every(()), (Group("G", "", Every(())),)),)),), sets, {}, {})
    rows = [{"case": str(number), "age_years": years, "age_days": days, "sex": "2",
             "admission_weight_g": weight, "dx": [dx], "px": px.split("|")}
            for number, (years, days, weight, dx, px) in enumerate(OFFICIAL[rule])]
    found = group_cases(pa.Table.from_pylist(rows, schema=SCHEMA), scheme)["group"].to_pylist()
    assert [group == "G" for group in found] == list(OFFICIAL[rule].values())


def test_the_order_of_the_classes_is_data(folder: Path) -> None:
    twins = {"case": "1", "dx": ["P22.000"], "px": [], "age_years": 0, "age_days": 3}
    cases = pa.Table.from_pylist([twins], schema=SCHEMA)
    with (folder / "mdc_dx.csv").open("a", encoding="utf-8") as file:
        file.write("B,P22.000,\n")           # now two classes want the case
    assert group_cases(cases, load_scheme(folder))["mdc"].to_pylist() == ["N"]
    spoil(folder, "mdc.csv", "1,N,principal", "4,N,principal")
    assert group_cases(cases, load_scheme(folder))["adrg"].to_pylist() == ["N2"]    # B has no place
    with (folder / "adrg_dx.csv").open("a", encoding="utf-8") as file:
        file.write("B2,P22.000\n")
    assert group_cases(cases, load_scheme(folder))["adrg"].to_pylist() == ["B2"]


@pytest.mark.parametrize(("rule", "column", "said"), [
    ("ZYZD in DI_NONE", 9, "no set 'DI_NONE'"), ("ZYZD in OP_A", 9, "does not hold"),
    ("ZYZD of DI_A", 6, "expected 'IN'"), ("(ZYZD in DI_A", 14, "expected ')'"),
    ("{ZYZD, ZYSS} in DI_A", 8, "cannot be in one list"), ("NL >> 3", 5, "whole number"),
    ("NL = x", 6, "whole number"), ("ZYZD in MCC", 9, "only QTZD"),
    ("ZYZD in DI_A or", 16, "expected one of"), ("ZYZD in DI_A ; 1", 14, "means nothing"),
    ("length(DI_A ∩ {ZYZD, QTZD}) < 2", 8, "compared with"), ("ZYZD in and", 9, "name of a set"),
    ("(" * 200 + "1", 102, "deep"), ("NL = 99999999999", 6, "nine digits"),
    ("ZYZD in DI_A\n  or NL in 3", "2:9", "expected = !="), ("XB = 1\n\nand", "3:4", "the end")])
def test_a_wrong_rule_is_refused_with_line_and_column(rule: str, column: int | str,
                                                      said: str) -> None:
    with pytest.raises(CaseError) as fault:
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
    ("rules.csv", "adrg,H2,H,3", "adrg,H2,H,1", "same-place", "rules.csv:8"),
    ("rules.csv", "adrg,H2,H,3", "adrg,H2,X,3", "unknown-word", "rules.csv:8"),
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
    "age_days": NUMBER, "birth_weight_g": NUMBER, "admission_weight_g": NUMBER,
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
