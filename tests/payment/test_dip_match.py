"""Matching: the same group as a plain reading, the order of layers, each special rule (入组)."""
from __future__ import annotations

import csv
import random
from pathlib import Path

import pyarrow as pa
import pytest
from dip_tables import EXAMPLE, NATIONAL, cases, catalogue, region
from plain_dip import plain_group, rows_of, ways

from tongchou.errors import CaseError
from tongchou.payment.dip import Matcher, read_catalogue, trace_case

NUMBERS = ("age_years", "age_days", "birth_weight_g", "stay_days", "icu_days")
PX = [f"{n}.{n}0{n}x00{k}" for n in (33, 36, 39, 47) for k in range(3)]
DX = [f"{stem}.{k}00" for stem in ("A09", "I21", "K35", "P07") for k in (0, 1, 9)]


def expression(draw: random.Random) -> str:
    one = draw.sample(PX, 4)
    return draw.choice(["", "", one[0], "|".join(one[:3]), f"{one[0]}+{one[1]}",
                        f"({one[0]}|{one[1]})+{one[2]}", f"{one[0]}|({one[1]}+{one[2]})"])


def condition(draw: random.Random) -> str:
    tests = ["age_days<29", "age_years=14-60", "birth_weight_g=1000-1999", "stay_days>=5",
             f"dx_other={draw.choice(DX)[:3]}", "dx_any=A00-A09|K35.9", f"px_any={PX[0][:2]}"]
    return ";".join(draw.sample(tests, draw.choice([0, 0, 0, 1, 2])))


def random_groups(draw: random.Random, count: int) -> str:
    """Groups that collide a lot: few codes, all layers, all signs."""
    rows, seen = ["layer,seq,dx,px,condition,property,day_points"], set()
    for seq in range(count):
        layer = draw.choice(["bed_day", "pre_group", "merged", "auxiliary", "basic", "basic",
                             "basic", "comprehensive"])
        dx, px, tests, kind = draw.choice(DX)[:draw.choice([3, 5, 5, 7])], "", "", ""
        if layer == "comprehensive":
            dx, kind = dx[:3], draw.choice(["medical", "operation", "diagnostic"])
        else:
            px, tests = expression(draw), condition(draw)
            tests = ";".join(filter(None, [draw.choice(["", "", "px_main_first"]), tests]))
        if layer == "pre_group":
            dx = draw.choice(["*", "*", dx])
            tests = ";".join(filter(None, [draw.choice(["", "px_any_position", "dx_any_position"]),
                                           tests]))
        elif draw.random() < 0.2 and layer != "comprehensive":
            dx = f"{dx}|{draw.choice(DX)[:5]}"
        placed = tuple if "px_main_first" in tests else frozenset
        signs = frozenset(placed(map(frozenset, way)) for way in ways(px)) if px else px
        key = (layer, frozenset(dx.split("|")), signs, frozenset(filter(None, tests.split(";"))),
               kind)
        if key in seen or dx.split("|")[0] in dx.split("|")[1:]:
            continue
        seen.add(key)
        rows.append(f"{layer},{seq},{dx},{px},{tests},{kind},"
                    f"{'1:40' if layer == 'bed_day' else ''}")
    return "\n".join(rows) + "\n"


def random_cases(draw: random.Random, count: int, dx: list[str], px: list[str]) -> pa.Table:
    def number(high: int) -> int | None:
        return draw.randrange(high) if draw.random() < 0.8 else None
    return cases(*({"dx": draw.choices(dx, k=draw.choice([0, 1, 1, 2, 3, 4])),
                    "px": draw.choices(px, k=draw.choice([0, 0, 1, 2, 3])),
                    "age_days": number(60), "birth_weight_g": number(3000),
                    "age_years": number(90), "stay_days": number(12)} for _ in range(count)))


EXCLUSIONS = "kind,code,allowed_dx\ndx,A09.9,\npx,33,\npx,33.3303x001,K35\npx,36.3603,I21|P07\n"
PROPERTIES = "px,property\n36,operation\n47,operation\n39,diagnostic\n"


def compare(made: pa.Table, folder: Path, groups: Path, settings: dict[str, str]) -> int:
    """Every case in both; gives how many were grouped."""
    matcher = Matcher(read_catalogue(groups), region(
        **{f"matching__{key}": value for key, value in settings.items()}))
    found = matcher.match(made).as_table(made).column("group").to_pylist()
    rows = rows_of(groups / "groups.csv" if groups.is_dir() else groups)
    exclusions = list(csv.DictReader((folder / "exclusions.csv").open())) if groups.is_dir() else []
    properties = {row["px"]: row["property"] for row in csv.DictReader(
        (folder / "properties.csv").open())} if groups.is_dir() else {}
    for got, case in zip(found, made.to_pylist(), strict=True):
        assert (got or "") == plain_group(rows, exclusions, properties, settings, case), case
    return sum(one is not None for one in found)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_group_as_a_plain_reading(seed: int, tmp_path: Path) -> None:
    """8 x 2,000 cases over catalogues made to collide, and 4,000 of the sample below."""
    draw = random.Random(seed)
    catalogue(tmp_path, random_groups(draw, 70), exclusions=EXCLUSIONS, properties=PROPERTIES)
    made = random_cases(draw, 2000, DX, PX)
    settings = {"plus_main": draw.choice(["any", "first"]),
                "excluded_procedure": draw.choice(["conservative", "next_procedure"])}
    grouped = compare(made, tmp_path, tmp_path, settings)
    assert 500 < grouped < 2000


def test_the_same_group_on_the_national_sample(tmp_path: Path) -> None:
    if not NATIONAL.is_file():
        pytest.skip("the sample of the national catalogue is not here")
    rows = rows_of(NATIONAL)
    draw = random.Random(9)
    px = [code for row in rows for code in row["px"].replace("+", "|").split("|") if code]
    dx = [f"{row['dx']}00" for row in rows if row["dx"] != "*"]
    made = random_cases(draw, 4000, dx, px)
    assert len(read_catalogue(NATIONAL).groups) == 195
    settings = {"plus_main": "any", "excluded_procedure": "conservative"}
    assert compare(made, tmp_path, NATIONAL, settings) > 1000


# --- one rule each, on the example catalogue -----------------------------------------------------


def group_of(**row: object) -> str | None:
    made = cases(row)
    matcher = Matcher(read_catalogue(EXAMPLE / "national"), region())
    return matcher.match(made).as_table(made).column("group")[0].as_py()


def test_pair_before_single_though_its_number_is_higher() -> None:
    assert group_of(dx=["J18.900"], px=["96.7201"]) == "XQ2"
    assert group_of(dx=["J18.900"], px=["39.9500x007", "96.7201"]) == "XQ3"
    assert group_of(dx=["Z99.900"], px=["47.0100", "39.6500"]) == "XQ1", "any place, any diagnosis"


@pytest.mark.parametrize(("weight_g", "age_days", "group"), [
    (999, 28, "XQ4"), (1000, 0, "XQ5"), (1499, 0, "XQ5"), (1500, 0, None), (999, 29, None),
    (None, 3, None)])
def test_low_birth_weight_bands(weight_g: int | None, age_days: int, group: str | None) -> None:
    assert group_of(dx=["Z38.000", "P07.100"], age_days=age_days, age_years=0,
                    birth_weight_g=weight_g) == group


def test_merged_before_basic_and_either_procedure() -> None:
    assert group_of(dx=["J18.900"], px=["33.2400x001"]) == "BX1"
    assert group_of(dx=["J18.900"], px=["33.2400x002", "47.0100"]) == "BX1"
    assert group_of(dx=["J18.900"], px=["47.0100", "33.2400x002"]) is None, "not the main one"


def test_auxiliary_diagnosis_groups() -> None:
    assert group_of(dx=["T20.300", "T31.400"], age_years=14) == "FZ1"
    assert group_of(dx=["T20.300", "T31.400"], age_years=13) is None
    assert group_of(dx=["T20.300"], age_years=30) is None
    assert group_of(dx=["Z51.100", "C75.900"], px=["99.2500"]) == "FZ2"
    assert group_of(dx=["Z51.100", "C76.000"], px=["99.2500"]) is None


def test_paid_apart_comes_first() -> None:
    assert group_of(dx=["S52.500"], px=["99.9200x01"], stay_days=5) is None
    assert group_of(dx=["F20.000"], stay_days=60) == "BED1"
    assert group_of(dx=["F20.000"], stay_days=59) is None


GROUPS = """layer,seq,dx,px,condition,property
merged,1,K35,,,
basic,1,K35.9,47.0100,,
basic,2,K35.9,,,
basic,3,K35.9,47.0100+54.1100,,
basic,4,I20.0,,,
comprehensive,1,K35,,,operation
comprehensive,2,I20,,,operation
"""


def test_most_related_procedures_then_the_closest_diagnosis(tmp_path: Path) -> None:
    matcher = Matcher(catalogue(tmp_path, GROUPS, properties="px,property\n45,operation\n"),
                      region())
    made = cases({"dx": ["K35.900"], "px": ["47.0100", "54.1100"]},
                 {"dx": ["K35.900"], "px": ["47.0100"]}, {"dx": ["K35.900"]},
                 {"dx": ["K35.900"], "px": ["45.0000"]}, {"dx": ["K35.900"], "px": ["46.0000"]},
                 {"dx": ["Q00.000"]}, {"dx": []})
    found = matcher.match(made).as_table(made)
    assert found.column("group").to_pylist() == [
        "basic3", "basic1", "merged1", "comprehensive1", None, None, None]
    assert found.column("reason").to_pylist()[4:] == [
        "no-group-for-procedure", "unknown-diagnosis", "no-principal-diagnosis"]


def test_excluded_procedures_three_ways(tmp_path: Path) -> None:
    """As conservative treatment, the next one instead, or allowed inside a range of diagnoses."""
    made_of = catalogue(tmp_path, "layer,seq,dx,px\nbasic,1,K35.9,\nbasic,2,K35.9,47.0100\n"
                        "basic,3,J96.0,\nbasic,4,J96.0,93.9000\n",
                        exclusions="kind,code,allowed_dx\npx,93.9000,J96\ndx,Z00,\n")
    made = cases({"dx": ["K35.900"], "px": ["93.9000", "47.0100"]},
                 {"dx": ["J96.000"], "px": ["93.9000"]}, {"dx": ["Z00.000"]})
    for setting, groups in (("conservative", ["basic1", "basic4", None]),
                            ("next_procedure", ["basic2", "basic4", None])):
        matched = Matcher(made_of, region(matching__excluded_procedure=setting)).match(made)
        found = matched.as_table(made)
        assert found.column("group").to_pylist() == groups
        assert found.column("reason").to_pylist()[2] == "excluded-diagnosis"
        assert found.column("main_procedure_is").to_pylist() == [
            f"excluded_{setting.partition('_')[0]}", "as_given", "none"]


def test_an_excluded_diagnosis_may_be_kept_for_pre_groups() -> None:
    made = cases({"dx": ["Z00.000"], "px": ["39.6500"]}, {"dx": ["Z00.000"]})
    for setting, groups in (("not_grouped", [None, None]), ("pre_groups", ["XQ1", None])):
        matcher = Matcher(read_catalogue(EXAMPLE / "national"),
                          region(matching__excluded_diagnosis=setting))
        found = matcher.match(made).as_table(made)
        assert found.column("group").to_pylist() == groups
        assert found.column("reason")[1].as_py() == "excluded-diagnosis"


def test_ties_by_the_regions_own_rule(tmp_path: Path) -> None:
    made_of = catalogue(tmp_path, "layer,seq,dx,px,points\nbasic,1,K35.9,47.01+54.11,800\n"
                        "basic,2,K35.9,47.01+54.12,1200\n")
    made = cases({"dx": ["K35.900"], "px": ["47.01", "54.11", "54.12"]})
    for ties, group in (("order", "basic1"), ("highest_points", "basic2")):
        found = Matcher(made_of, region(matching__ties=ties)).match(made).as_table(made)
        assert found.column("group")[0].as_py() == group


def test_a_trace_says_what_was_asked_and_seen(tmp_path: Path) -> None:
    matcher = Matcher(read_catalogue(EXAMPLE / "national"), region())
    made = cases({"dx": ["Z38.000", "P07.100"], "age_days": 3, "birth_weight_g": 1200})
    trace = trace_case(matcher, made, 0)
    said = "\n".join(trace.lines())
    assert trace.group == "XQ5" and [step.took for step in trace.steps][-1]
    assert "birth_weight_g=0-999 fails: birth_weight_g is 1200" in said
    assert trace.nearest == "XQ4"


@pytest.mark.parametrize(("row", "code", "said"), [
    ("basic,1,K35.9,47.01x,\nbasic,1,K36.9,,", "duplicate-order", "basic1 (row 2)"),
    ("basic,1,K35.9,,\nbasic,2,K35.9,,", "same-tests", "basic1"),
    ("basic,1,@nowhere,,", "bad-condition", "@nowhere"),
    ("basic,1,K35.9,47.01|54.11+54.12,", "bad-condition", "mixed"),
    ("basic,1,K35.9,47.01+47.01,", "bad-condition", "both sides"),
    ("basic,1,35.9,,", "bad-condition", "not a diagnosis code"),
    ("basic,1,K35.9,(47.01,", "bad-condition", "bracket"),
    ("basic,1,K35.9,,age<3", "bad-condition", "not a field"),
    ("basic,1,K35.9,,age_days=9-3", "bad-condition", "larger"),
    ("basic,x,K35.9,,", "bad-number", "seq"),
    ("basis,1,K35.9,,", "unknown-word", "layer"),
    ("basic,1,,,", "missing-value", "dx"),
    ("basic,1,K35.9", "broken-row", "3 fields")])
def test_a_wrong_catalogue_is_refused_with_row_and_column(row: str, code: str, said: str,
                                                          tmp_path: Path) -> None:
    with pytest.raises(CaseError) as refused:
        catalogue(tmp_path, f"layer,seq,dx,px,condition\n{row}\n")
    assert refused.value.code == code
    assert said in str(refused.value) and "groups.csv:" in refused.value.where


def test_a_reference_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError) as refused:
        catalogue(tmp_path, "layer,seq,dx,same_as\ntcm,1,S52,gone\n")
    assert refused.value.code == "dangling-group" and ":2, same_as" in refused.value.where
