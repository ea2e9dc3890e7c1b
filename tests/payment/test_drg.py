"""The grouper: the published samples, a second interpreter, traces, and the tutorial scheme."""
from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from plain_grouper import PUBLISHED, PlainGrouper

from tongchou.payment import generate_cases, group_cases, load_scheme, read_cases
from tongchou.payment.cases import SCHEMA
from tongchou.payment.drg import REASONS, TRACE, Scheme

VERSIONS = ("chs_drg_10", "chs_drg_11")
TUTORIAL = Path(load_scheme("tutorial").source)
published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"the published tables are not "
                               f"beside this checkout ({PUBLISHED.name})")
LOOKED_AT = ["dx", "px", "sex", "age_years", "age_days", "birth_weight_g"]


@pytest.fixture(scope="module")
def schemes() -> dict[str, Scheme]:
    return {name: load_scheme(PUBLISHED / name) for name in VERSIONS}


def one(**facts: object) -> pa.Table:
    """A case table of one case."""
    return pa.Table.from_pylist([{"case": "1", "px": [], **facts}], schema=SCHEMA)


def answer(scheme: Scheme, **facts: object) -> dict[str, object]:
    options = {name: facts.pop(name) for name in ("ambiguous", "trace") if name in facts}
    return group_cases(one(**facts), scheme, **options).to_pylist()[0]


# --- published tables -----------------------------------------------------------------------------
@published
def test_all_fifty_sample_cases(schemes: dict[str, Scheme]) -> None:
    path = PUBLISHED / "sample-cases.csv"
    with path.open(encoding="utf-8") as file:
        wanted = {row["case"]: row for row in csv.DictReader(file)}
    read = read_cases(path)
    assert read.rejects.num_rows == 0
    right = 0
    for name, scheme in schemes.items():
        for found in group_cases(read.table, scheme).to_pylist():
            row = wanted[found["case"]]
            if row["scheme"] == name:
                assert found["group"] == row["drg"] and found["reason"] == ""
                right += 1
    print(f"\n{right} of 50 sample cases")
    assert right == 50


@published
@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_group_as_a_plain_interpreter(version: str, schemes: dict[str, Scheme]) -> None:
    cases = generate_cases(schemes[version], 50_000, 20_261)
    plain = PlainGrouper(PUBLISHED / version)
    wanted = [plain.group(case) for case in cases.select(LOOKED_AT).to_pylist()]
    found = group_cases(cases, schemes[version]).column("group").to_pylist()
    different = sum(ours != theirs for ours, theirs in zip(found, wanted, strict=True))
    print(f"\n{version}: {len(found):,} cases, {different} different, "
          f"{len(set(found) - {None})} groups, {found.count(None)} without one")
    assert different == 0 and len(set(found)) > 500


@published
@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_group_as_a_plain_interpreter_for_more_cases(
        version: str, schemes: dict[str, Scheme]) -> None:
    plain, different = PlainGrouper(PUBLISHED / version), 0
    for seed in range(6):
        cases = generate_cases(schemes[version], 50_000, seed)
        wanted = [plain.group(case) for case in cases.select(LOOKED_AT).to_pylist()]
        found = group_cases(cases, schemes[version], trace=True).column("group").to_pylist()
        different += sum(ours != theirs for ours, theirs in zip(found, wanted, strict=True))
    print(f"\n{version}: 300,000 cases, {different} different")
    assert different == 0


@published
def test_a_trace_names_what_the_tables_say(schemes: dict[str, Scheme]) -> None:
    scheme = schemes["chs_drg_11"]
    cases = generate_cases(scheme, 5_000, 3)
    traced = group_cases(cases, scheme, trace=True)
    assert traced.select(range(5)).equals(group_cases(cases, scheme))
    for case, row in zip(cases.to_pylist(), traced.to_pylist(), strict=True):
        barred = scheme.exclusions.get(case["dx"][0], frozenset())
        heavy = [code for code in case["dx"][1:] if code in scheme.complications]
        excluded = [code for code in heavy if scheme.complications[code].table in barred]
        assert row["excluded"] == excluded
        assert row["excluded_by"] == [scheme.complications[code].table for code in excluded]
        counting = [code for code in heavy if code not in excluded]
        assert (row["complication"] in counting) if counting else row["complication"] is None
        assert set(row["matched"]) <= set(case["dx"]) | set(case["px"])
        assert row["nearest"] is None or row["nearest"] != row["group"]


# --- the tutorial scheme, case by case ------------------------------------------------------------
@pytest.mark.parametrize(("facts", "group"), [
    ({"dx": ["I21.900"]}, "H25"),
    ({"dx": ["I21.900", "J18.900"]}, "H21"),
    ({"dx": ["I21.900", "I50.900"]}, "H25"),           # excluded beside an infarction
    ({"dx": ["I21.900"], "px": ["36.0700"]}, "H15"),
    ({"dx": ["I21.900", "J96.000"], "px": ["36.0700"]}, "H11"),
    ({"dx": ["I21.900"], "px": ["88.5500", "36.0700"]}, "H25"),   # not the main procedure
    ({"dx": ["P07.100"], "age_years": 0, "age_days": 28, "birth_weight_g": 1499}, "N10"),
    ({"dx": ["P07.100"], "age_years": 0, "age_days": 28, "birth_weight_g": 1500}, "N25"),
    ({"dx": ["P07.100"], "age_years": 0, "age_days": 29, "birth_weight_g": 1499}, "N25"),
    ({"dx": ["P07.100"], "age_years": 0, "birth_weight_g": 1499}, "N25"),   # age in days unknown
    ({"dx": ["i21.900"]}, "H25"),                       # large and small letters
])
def test_tutorial_cases(facts: dict[str, object], group: str) -> None:
    assert answer(load_scheme("tutorial"), **facts)["group"] == group


@pytest.mark.parametrize(("facts", "reason"), [
    ({"dx": []}, "no-principal-diagnosis"), ({"dx": None}, "no-principal-diagnosis"),
    ({"dx": ["Q99.999"]}, "unknown-principal-diagnosis"),
    ({"dx": ["J96.000"]}, "principal-not-in-any-mdc"),
    ({"dx": ["P07.100"], "age_years": 3}, "principal-not-in-any-mdc")])
def test_a_case_without_a_group_has_the_reason(facts: dict[str, object], reason: str) -> None:
    found = answer(load_scheme("tutorial"), **facts)
    assert found["group"] is None and found["reason"] == reason in REASONS


def test_an_operation_that_fits_nowhere_is_ambiguous_on_request() -> None:
    scheme = load_scheme("tutorial")
    misfit = {"dx": ["I21.900"], "px": ["47.0100"]}
    assert answer(scheme, **misfit)["group"] == "H25"
    assert answer(scheme, **misfit, ambiguous=True)["group"] == "HQY"
    traced = answer(scheme, **misfit, ambiguous=True, trace=True)
    assert (traced["nearest"], traced["matched"]) == ("H25", ["47.0100"])
    assert answer(scheme, dx=["I21.900"], px=["36.0700"], ambiguous=True)["group"] == "H15"
    assert answer(scheme, dx=["I21.900"], px=["39.9500"], ambiguous=True)["group"] == "H25"


def test_a_trace_explains() -> None:
    found = answer(load_scheme("tutorial"), dx=["I21.900", "I50.900", "J18.900", "Z99.999"],
                   px=["36.0700"], trace=True)
    assert set(found) == set(TRACE.names)
    assert found["test"] == "main procedure in H1 list 1" and found["matched"] == ["36.0700"]
    assert (found["group"], found["severity"]) == ("H15", "no test")
    assert (found["complication"], found["complication_level"]) == ("J18.900", "CC")
    assert (found["excluded"], found["excluded_by"]) == (["I50.900"], ["1"])
    assert (found["nearest"], found["nearest_why"]) == (
        "H11", "if a major complication (MCC) counted")
    assert found["unknown"] == ["Z99.999"]


def test_codes_of_another_version_are_translated_first() -> None:
    cases = one(dx=["I21.9"])
    scheme = load_scheme("tutorial")
    assert group_cases(cases, scheme).to_pylist()[0]["group"] is None
    maps = {"dx": {"I21.9": "I21.900"}}
    assert group_cases(cases, scheme, maps=maps).to_pylist()[0]["group"] == "H25"


def test_no_case_no_group() -> None:
    for trace in (False, True):
        found = group_cases(SCHEMA.empty_table(), load_scheme("tutorial"), trace=trace)
        assert found.num_rows == 0


# --- the command ----------------------------------------------------------------------------------
Call = Callable[..., tuple[int, object, str]]


def test_the_command_answers_every_case_and_reports_every_fault(call: Call, tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.csv", tmp_path / "groups.csv"
    cases.write_text("case,sex,dx,px,cost_yuan\nA,1,I21.900,,5\nB,8,I21.900,,5\nC,1,K99.900,,5\n"
                     "D,1,I21.900|E99.999,,5\nA,1,I21.900,,5\n", encoding="utf-8")
    code, made, _ = call("payment", "group", cases, "--scheme", "tutorial", "--out", out, "--json")
    assert code == 1 and made["cases"] == 5 and made["refused"] == 2 and made["grouped"] == 2
    with out.open(encoding="utf-8") as file:
        rows = [(row["case"], row["group"], row["reason"]) for row in csv.DictReader(file)]
    assert rows == [("A", "H25", ""), ("B", "", "unknown-code"),
                    ("C", "", "unknown-principal-diagnosis"), ("D", "H25", "")]
    with (tmp_path / "groups.rejects.csv").open(encoding="utf-8") as file:
        report = [(row["row"], row["code"], row["refused"]) for row in csv.DictReader(file)]
    assert report == [("2", "unknown-code", "true"), ("3", "unknown-diagnosis", "false"),
                      ("4", "unknown-diagnosis", "false"), ("5", "duplicate-case", "true")]


def test_generate_then_group(call: Call, tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.parquet", tmp_path / "groups.xlsx"
    assert call("payment", "generate", cases, "--count", 500, "--json")[0] == 0
    code, made, _ = call("payment", "group", cases, "--scheme", TUTORIAL, "--out", out, "--trace",
                         "--json")
    assert code == 0 and made["cases"] == 500 and made["rejects"] is None and out.is_file()
    assert len(json.dumps(made["ungrouped"])) and made["groups"] == 12


@pytest.mark.parametrize(("scheme", "out", "code"), [
    ("nowhere", "o.csv", "unreadable-file"), ("tutorial", "o.doc", "unknown-kind"),
    (".", "o.csv", "unknown-kind"), ("tutorial", "no/folder/o.csv", "unwritable-output")])
def test_what_cannot_be_used_is_one_sentence(scheme: str, out: str, code: str, call: Call,
                                             tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cases.csv").write_text("case,dx\nA,I21.900\n", encoding="utf-8")
    ended, made, _ = call("payment", "group", "cases.csv", "--scheme", scheme, "--out", out,
                          "--json")
    assert ended == 2 and made["error"]["code"] == code
