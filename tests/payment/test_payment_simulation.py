"""Two scenarios over the same cases: what must hold for any of them, and what is refused."""
from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow.parquet import read_table as read_parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from tongchou.cli import run
from tongchou.errors import CaseError, Refusal
from tongchou.money import yuan_text
from tongchou.payment import generate_cases, load_scheme, read_cases
from tongchou.payment.methods import price_file
from tongchou.payment.simulation import (NEEDS, charts, read_scenario, score_scenario, simulate,
                                         simulate_file)

EXAMPLES = Path(__file__).parents[2] / "docs/examples/simulation"
SCHEME = load_scheme("tutorial")
CASES = generate_cases(SCHEME, 400, 5)
CASES = CASES.filter(pc.equal(CASES["year"], 2024))
SUMS = ("hospitals", "shares", "groups", "moves", "pools", "cases", "whole")


def written(folder: Path, name: str, *, weights: dict[str, str], budget: dict[str, str],
            extra: str = "no_group: zero") -> Path:
    """A DRG scenario's file."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text("group,weight\n" + "".join(
        f"{code},{weight}\n" for code, weight in weights.items()))
    pools = ", ".join(f"{key}: {value}" for key, value in budget.items())
    path = folder / f"{name}.yaml"
    path.write_text(f"scenario: {name}\nsource: test\nmethod: drg\ndrg:\n  scheme: tutorial\n"
                    f"  weights: {name}.csv\n  {extra}\n"
                    f"money: {{method: floating, budget: {{{pools}}}}}\n")
    return path


def total(table: pa.Table, name: str = "delta_fen") -> int:
    return sum(table.column(name).to_pylist())


def by_key(table: pa.Table, keys: tuple[str, ...], name: str) -> dict[tuple[str, ...], int]:
    return {tuple(row[key] for key in keys): row[name] for row in table.to_pylist()}


weights = st.fixed_dictionaries({code: st.integers(1, 5 * 10 ** 6).map(
    lambda millionths: f"{millionths // 10 ** 6}.{millionths % 10 ** 6:06d}")
    for code in SCHEME.group_names})
budgets = st.fixed_dictionaries({name: st.integers(0, 10 ** 10).map(yuan_text)
                                 for name in ("employees", "residents")})


# --- laws ----------------------------------------------------------------------------------------
@settings(max_examples=25, deadline=None)
@given(left=weights, right=weights, before=budgets, after=budgets)
def test_sums_agree_and_a_swap_negates(tmp_path_factory: pytest.TempPathFactory, left: dict,
                                       right: dict, before: dict, after: dict) -> None:
    folder = tmp_path_factory.mktemp("laws")
    a = read_scenario(written(folder, "a", weights=left, budget=before))
    b = read_scenario(written(folder, "b", weights=right, budget=after))
    made, swapped = simulate(CASES, a, b), simulate(CASES, b, a)
    wanted = sum(b.budget_fen.values()) - sum(a.budget_fen.values())
    for name in SUMS:
        assert total(getattr(made, name)) == wanted, name
        assert total(getattr(swapped, name)) == -wanted, name
    for name, keys in (("hospitals", ("hospital",)), ("groups", ("group",)),
                       ("shares", ("hospital", "insurance")), ("cases", ("case",))):
        there, back = (by_key(getattr(one, name), keys, "delta_fen") for one in (made, swapped))
        assert there == {key: -value for key, value in back.items()}
    rates = by_key(made.hospitals, ("hospital",), "amount_after_fen")
    assert rates == by_key(swapped.hospitals, ("hospital",), "amount_before_fen")


@settings(max_examples=15, deadline=None)
@given(only=weights, budget=budgets)
def test_the_same_scenario_twice_changes_nothing(tmp_path_factory: pytest.TempPathFactory,
                                                 only: dict, budget: dict) -> None:
    one = read_scenario(written(tmp_path_factory.mktemp("same"), "one", weights=only,
                                budget=budget))
    made = simulate(CASES, one, one)
    for name in SUMS:
        assert set(getattr(made, name).column("delta_fen").to_pylist()) == {0}
    assert made.moves.column("group_before").equals(made.moves.column("group_after"))
    for name in ("cmi", "time_index", "cost_index"):
        assert made.hospitals.column(f"{name}_before_ppm").equals(
            made.hospitals.column(f"{name}_after_ppm"))


def test_pools_pay_their_budget_to_the_fen_and_keep_insurances_apart(tmp_path: Path) -> None:
    same = dict.fromkeys(SCHEME.group_names, "1")
    a = read_scenario(written(tmp_path, "a", weights=same, budget={
        "employees": "1000.01", "residents": "2000.02"}))
    b = read_scenario(written(tmp_path, "b", weights=same, budget={
        "employees": "1000.02", "residents": "2000.02"}))
    made = simulate(CASES, a, b)
    assert total(made.shares.filter(pc.equal(made.shares["insurance"], "residents"))) == 0
    assert made.pools.select(["insurance", "delta_fen"]).to_pylist() == [
        {"insurance": "employees", "delta_fen": 1}, {"insurance": "residents", "delta_fen": 0}]


def test_a_fixed_value_pays_points_times_value(tmp_path: Path) -> None:
    path = written(tmp_path, "a", weights=dict.fromkeys(SCHEME.group_names, "1.5"), budget={})
    text = path.read_text().replace("{method: floating, budget: {}}",
                                    "{method: fixed, value: {employees: 9.5, residents: 8.123456}}")
    path.write_text(text)
    fixed = read_scenario(path)
    made = simulate(CASES, fixed, fixed)
    for row in made.cases.to_pylist():
        value = 950 if row["insurance"] == "employees" else 812.3456
        assert row["amount_after_fen"] == round(1500 * value if row["group_after"] else 0)


# --- the shipped example -------------------------------------------------------------------------
def example(name: str) -> object:
    return read_scenario(EXAMPLES / f"{name}.yaml")


@pytest.fixture(scope="module")
def year() -> pa.Table:
    read = read_cases(EXAMPLES / "cases.csv", NEEDS)
    assert not read.refused
    return read.table


def test_cases_no_side_can_group_are_reported_with_both_reasons(year: pa.Table) -> None:
    made = simulate(year, example("now"), example("dip"))
    pairs = made.ungrouped.select(["reason_before", "reason_after"]).to_pylist()
    assert {"reason_before": "matched", "reason_after": "no-group-for-procedure"} in pairs
    assert {"reason_before": "principal-not-in-any-mdc", "reason_after": "unknown-diagnosis"} \
        in pairs
    assert {"reason_before": "matched", "reason_after": "matched"} not in pairs
    free = sum(not row["group_before"] or not row["group_after"] for row in made.cases.to_pylist())
    assert total(made.ungrouped, "cases") == free
    assert total(made.hospitals, "ungrouped_after") == sum(
        not group for group in made.cases.column("group_after").to_pylist())
    assert total(made.whole) == 0 and made.cases.num_rows == year.num_rows


def test_higher_coefficients_move_money_to_higher_levels(year: pa.Table) -> None:
    made = simulate(year, example("now"), example("coefficients"))
    for row in made.hospitals.to_pylist():
        assert (row["delta_fen"] > 0) == (row["hospital_level"] == "3")
        assert row["cmi_before_ppm"] == row["cmi_after_ppm"]
    assert total(made.whole) == 3_900_000


def test_weights_of_a_level_hold_for_its_hospitals(tmp_path: Path) -> None:
    """Weight tables may differ by level; a point is a thousandth of a weight."""
    path = written(tmp_path, "a", weights={"H15": "1"}, budget={"employees": "5", "residents": "5"})
    (tmp_path / "a.csv").write_text("group,levels,weight\nH15,1|2,1\nH15,3,2.000001\n")
    for row in score_scenario(CASES, read_scenario(path)).to_pylist():
        if row["group"] == "H15":
            assert row["score_milli"] == (2_000_001 if row["hospital_level"] == "3" else 10 ** 6)
        else:
            assert row["group"] is None and row["score_milli"] == 0


def test_charts_are_options_with_data_only(year: pa.Table) -> None:
    made = simulate(year, example("now"), example("dip"))
    drawn = json.loads(json.dumps(charts(made), allow_nan=False))
    bars = drawn["hospitals"]["series"][0]["data"]
    assert [bar["value"] for bar in bars] == [
        float(yuan_text(fen)) for fen in made.hospitals.column("delta_fen").to_pylist()]
    flow = drawn["moves"]["series"][0]
    names = {node["name"] for node in flow["data"]}
    assert all({link["source"], link["target"]} <= names for link in flow["links"])
    assert not {link["source"] for link in flow["links"]} & {
        link["target"] for link in flow["links"]}                # a sankey has no circle
    changed = sum(row["group_before"] != row["group_after"] for row in made.cases.to_pylist())
    assert sum(link["value"] for link in flow["links"]) == changed
    assert {series["type"] for series in drawn["mix_and_cost"]["series"]} == {"scatter"}


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_the_command_writes_a_folder(tmp_path: Path, kind: str,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["payment", "simulate", str(EXAMPLES / "cases.csv"), "--before",
                 str(EXAMPLES / "now.yaml"), "--after", str(EXAMPLES / "coefficients.yaml"),
                 "--out", str(tmp_path / "o"), "--kind", kind]
    assert run(arguments) == 0
    assert "H01" in capsys.readouterr().out
    assert run([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["delta"] == "39000.00" and told["winners"] + told["losers"] == 12
    assert {path.name for path in (tmp_path / "o").iterdir()} == set(told["files"])


# --- bad input -----------------------------------------------------------------------------------
GOOD = (EXAMPLES / "now.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("old", "new", "code"), [
    ("source: invented for this example\n", "", "unset-parameter"),
    ("  no_group: share_of_mean\n", "", "unset-parameter"),
    ("  no_group_factor: 70%\n", "", "unset-parameter"),
    ("  weights: weights.csv\n", "", "unset-parameter"),
    ("  weights: weights.csv\n", "  weights: null\n", "unset-parameter"),
    ("  budget: {employees: 700000.00, residents: 1300000.00}\n", "", "unset-parameter"),
    ("  no_group:", "  no_grup: zero\n  no_group:", "unknown-key"),
    ("money:\n", "dip: {}\nmoney:\n", "unknown-key"),
    ("  budget:", "  value: {employees: 1}\n  budget:", "unknown-key"),
    ("{employees: 700000.00, ", "{soldiers: 1, employees: 700000.00, ", "unknown-key"),
    ("weights.csv", "no-such.csv", "unreadable-file"),
    ("scheme: tutorial", "scheme: no-such-folder", "unreadable-file"),
    ("method: drg", "method: drgs", "unknown-word"),
    ("700000.00", "'700,000.00'", "bad-number"),
    ("700000.00", "-1", "negative-number"),
    ("budget: {employees: 700000.00, residents: 1300000.00}", "budget: {}", "missing-key"),
])
def test_a_scenario_that_says_too_little_or_too_much_is_refused(
        tmp_path: Path, old: str, new: str, code: str) -> None:
    for name in ("weights.csv", "cases.csv", "coefficients.csv"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    assert GOOD.count(old) >= 1
    path = tmp_path / "a.yaml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises((CaseError, Refusal)) as caught:
        read_scenario(path)
    assert caught.value.code == code and str(path) in caught.value.where
    assert caught.value.hint or caught.value.message


def test_an_insurance_without_money_and_money_without_cases(tmp_path: Path) -> None:
    same = dict.fromkeys(SCHEME.group_names, "1")
    one = read_scenario(written(tmp_path, "a", weights=same, budget={"employees": "5"}))
    with pytest.raises(Refusal, match="residents"):
        simulate(CASES, one, one)
    two = read_scenario(written(tmp_path, "b", weights=same, budget={
        "employees": "5", "residents": "5"}))
    with pytest.raises(Refusal) as caught:
        simulate(CASES.filter(pc.equal(CASES["insurance"], "employees")), two, two)
    assert caught.value.code == "no-points"


def test_several_years_no_case_and_an_unknown_kind(tmp_path: Path, year: pa.Table) -> None:
    now = example("now")
    with pytest.raises(Refusal) as caught:
        simulate(generate_cases(SCHEME, 50, 1), now, now)
    assert caught.value.code == "several-years"
    with pytest.raises(Refusal) as caught:
        simulate(year.slice(0, 0), now, now)
    assert caught.value.code == "no-cases"
    paths = [EXAMPLES / name for name in ("cases.csv", "now.yaml", "now.yaml")]
    with pytest.raises(Refusal, match="1999"):
        simulate_file(*paths, tmp_path / "o", year=1999)
    with pytest.raises(CaseError) as fault:
        simulate_file(*paths, tmp_path / "o", kind="pdf")
    assert fault.value.code == "unknown-kind" and not (tmp_path / "o").exists()


def test_refused_rows_are_told_and_written(tmp_path: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    lines = (EXAMPLES / "cases.csv").read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",-5.00"
    (tmp_path / "c.csv").write_text("\n".join(lines) + "\n")
    now = str(EXAMPLES / "now.yaml")
    code = run(["payment", "simulate", str(tmp_path / "c.csv"), "--before", now, "--after", now,
                "--out", str(tmp_path / "o")])
    assert code == 1 and "1 rows refused" in capsys.readouterr().out
    assert "cost_yuan" in (tmp_path / "o/rejects.csv").read_text()


def test_weights_of_another_scheme_are_refused(tmp_path: Path) -> None:
    one = read_scenario(written(tmp_path, "a", weights={"H15": "1", "ZZ9": "1"},
                                budget={"employees": "5", "residents": "5"}))
    with pytest.raises(CaseError, match="ZZ9") as caught:
        simulate(CASES, one, one)
    assert caught.value.code == "dangling-group" and "a.csv" in caught.value.where


def test_a_group_without_weight_is_no_silent_zero(tmp_path: Path) -> None:
    some = {code: "1" for code in SCHEME.group_names if code != "H15"}
    one = read_scenario(written(tmp_path, "a", weights=some, budget={
        "employees": "5", "residents": "5"}))
    made = simulate(CASES, one, one)
    assert "group-without-weight" in made.ungrouped.column("reason_after").to_pylist()


@pytest.mark.parametrize("name", ["hospital", "insurance", "cost_fen"])
def test_a_table_with_holes_is_refused(year: pa.Table, name: str) -> None:
    place = year.column_names.index(name)
    holed = year.set_column(place, name, pa.nulls(year.num_rows, year.schema.field(name).type))
    with pytest.raises(CaseError, match=name) as caught:
        simulate(holed, example("now"), example("now"))
    assert caught.value.code == "missing-value"


def test_python_on_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    root = EXAMPLES.parents[2]
    monkeypatch.chdir(root)
    blocks = re.findall(r"^```python\n(.*?)^```", (root / "docs/payment-simulation.md").read_text(
        encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 1
    exec(compile(blocks[0], "docs/payment-simulation.md", "exec"), {})  # noqa: S102 - our page


# --- a region's own pricing rules ----------------------------------------------------------------
METHODS = EXAMPLES.parent / "methods"


@pytest.fixture(scope="module")
def billed() -> pa.Table:
    return read_cases(METHODS / "cases.csv", NEEDS).table


def test_pricing_rules_pay_what_price_says(billed: pa.Table, tmp_path: Path) -> None:
    """The amount of a side is what `tongchou payment price` leaves to the fund, case by case."""
    made = simulate(billed, example("priced"), example("priced"))
    assert set(made.cases.column("delta_fen").to_pylist()) == {0}
    told = price_file(METHODS / "cases.csv", METHODS / "groups.csv", METHODS / "methods.yaml",
                      tmp_path / "p.parquet")
    priced = read_parquet(told["out"]).to_pylist()
    due = {row["case"]: 0 if row["reason"] else row["due_fen"] for row in priced}
    assert {row["case"]: row["amount_after_fen"] for row in made.cases.to_pylist()} == due
    assert sum(due.values()) > 0


def test_another_outlier_rule_moves_money(billed: pa.Table, tmp_path: Path) -> None:
    (tmp_path / "weights.csv").write_bytes((METHODS / "weights.csv").read_bytes())
    text = (METHODS / "methods.yaml").read_text(encoding="utf-8")
    low = '''          when: "< 50%"
          pay: {cost: 100%}'''
    assert text.count(low) == 1
    (tmp_path / "methods.yaml").write_text(text.replace(low, low.replace("100%", "60%")),
                                           encoding="utf-8")
    (tmp_path / "b.yaml").write_text((EXAMPLES / "priced.yaml").read_text(
        encoding="utf-8").replace("../methods/", ""), encoding="utf-8")
    other = read_scenario(tmp_path / "b.yaml")
    made, back = simulate(billed, example("priced"), other), simulate(billed, other,
                                                                      example("priced"))
    assert total(made.whole) < 0 and total(made.whole) == -total(back.whole)
    assert total(made.hospitals) == total(made.groups) == total(made.whole) == total(made.pools)


def test_pricing_needs_what_patient_and_fund_paid(year: pa.Table) -> None:
    with pytest.raises(CaseError, match="person_fen") as caught:
        simulate(year, example("priced"), example("priced"))
    assert caught.value.code == "missing-value"


def test_money_has_no_place_beside_pricing_rules(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text((EXAMPLES / "priced.yaml").read_text(encoding="utf-8") +
                    "money: {method: floating, budget: {employees: 1}}\n", encoding="utf-8")
    with pytest.raises(CaseError, match="money") as caught:
        read_scenario(path)
    assert caught.value.code == "unknown-key"
