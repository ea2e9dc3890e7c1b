"""Prices from files, and what is refused: rules, weights, groups, cases (成批定价与拒绝)."""
from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from methods_tables import BY_ITEM, FROM, HEAD, bands, case, columns, drg, lines, priced, rules_of
from plain_pricing import prices, weights_of
from test_methods import QUOTA, bed_days, review

from tongchou.cli import run
from tongchou.errors import CaseError, Refusal
from tongchou.payment import cases as case_files
from tongchou.payment import group_cases, load_scheme
from tongchou.payment.methods import price_file, read_groups, weigh_file

EXAMPLE = Path(__file__).parents[2] / "docs/examples/methods"
HEADER = "case,hospital,hospital_level,insurance,discharged,dx,cost_fen,person_fen,fund_fen"


def example(tmp_path: Path, command: str = "price", **files: Path) -> tuple[int, Path]:
    """Runs a command on the example of the page."""
    out = tmp_path / "out.csv"
    code = run(["payment", command, str(files.get("cases", EXAMPLE / "cases.csv")), "--groups",
                str(files.get("groups", EXAMPLE / "groups.csv")), "--region",
                str(files.get("region", EXAMPLE / "methods.yaml")), "--out", str(out), "--json"])
    return code, out


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_example_prices_every_case_and_touches_nobodys_share(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = example(tmp_path)
    said = json.loads(capsys.readouterr().out)
    made, given = rows_of(out), rows_of(EXAMPLE / "cases.csv")
    assert code == 0 and said["cases"] == len(made) == len(given) and said["unpriced"] == {}
    for line, row in zip(made, given, strict=True):
        assert (line["case"], line["cost_fen"], line["patient_fen"], line["fund_fen"]) == (
            row["case"], row["cost_fen"], row["person_fen"], row["fund_fen"])
        assert line["rule"] and line["amount_fen"]
    used = rows_of(Path(said["rules"]))
    assert [line["rule"] for line in used if not line["source"] or not line["grade"]] == []
    assert sum(int(line["amount_fen"]) for line in used) == sum(
        int(line["amount_fen"]) for line in made)
    assert {line["method"] for line in used} >= {"drg", "bed_day", "quota", "tcm", "tcm_day",
                                                 "capitation", "by_item"}


def test_a_plain_reckoning_with_fractions_gives_the_same(tmp_path: Path) -> None:
    """3,000 made-up cases and the example's own, case by case, without one difference."""
    made = case_files.generate_cases(load_scheme("tutorial"), 3000, 11)
    grouped = group_cases(made, load_scheme("tutorial"))
    for name, table in (("cases", made), ("groups", grouped)):
        with case_files.TableFile(tmp_path / f"{name}.csv", table.schema) as file:
            file.write(table)
    seen = set()
    for folder in (EXAMPLE, tmp_path):
        price_file(folder / "cases.csv", folder / "groups.csv", EXAMPLE / "methods.yaml",
                   tmp_path / "out.csv")
        given = rows_of(folder / "cases.csv")
        groups = {line["case"]: line["group"] for line in rows_of(folder / "groups.csv")}
        found = {line["case"]: line for line in rows_of(tmp_path / "out.csv")}
        for name, method, amount in prices(given, groups, weights_of(EXAMPLE / "weights.csv")):
            line = found[name]
            if line["reason"] == "other-year":
                continue
            assert (line["method"], int(line["amount_fen"])) == (method, amount), line
            seen.add(line["price"])
    assert len(seen) >= 9


def test_weights_of_the_example_are_a_table_that_prices(tmp_path: Path) -> None:
    code, out = example(tmp_path, "weights")
    made = rows_of(out)
    assert code == 0 and {line["levels"] for line in made} == {"1", "2|3"}
    assert rules_of(tmp_path, drg(), out.read_text(encoding="utf-8"))


def test_least_cases_and_trimming_leave_cases_out(tmp_path: Path) -> None:
    made = weigh_file(EXAMPLE / "cases.csv", EXAMPLE / "groups.csv", EXAMPLE / "methods.yaml",
                      tmp_path / "weights.parquet")
    table = pq.read_table(tmp_path / "weights.parquet")
    assert made["weights"] == table.num_rows and min(table["cases"].to_pylist()) >= 3


# --- rules that are not set, or wrong ------------------------------------------------------------


@pytest.mark.parametrize(("line", "name"), [
    ("    overrun_borne: 70%", "methods[2].overrun_borne"),
    ("    bed_and_nursing: 30%", "methods[3].bed_and_nursing"),
    ("    counts: each_day", "methods[1].counts"),
    ("      reserve: 5%", "methods[6].rate.reserve"),
    ("      quota: 5%", "methods[6].review.quota"),
    ("  mean: 8000", "currency.mean"),
    ("      against: standard", "methods[6].outliers.against"),
    ("      residents: {fund: 330000, ratio: 70%}", "methods[6].rate.residents")])
def test_an_unset_rule_is_refused_by_name(tmp_path: Path, line: str, name: str,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    text = (EXAMPLE / "methods.yaml").read_text(encoding="utf-8")
    kept = [own for own in text.splitlines() if not own.startswith(line)]
    assert len(kept) == len(text.splitlines()) - 1
    region = tmp_path / "methods.yaml"
    region.write_text("\n".join(kept), encoding="utf-8")
    (tmp_path / "weights.csv").write_bytes((EXAMPLE / "weights.csv").read_bytes())
    code, out = example(tmp_path, region=region)
    assert code == 1 and not out.exists()
    assert f"{name} is not set" in capsys.readouterr().out


def test_a_rule_without_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"methods\[1\].source is not set"):
        rules_of(tmp_path, "  - {name: item, method: by_item, takes: {all: yes}, grade: X}\n")


BANDS = [
    ("'< 50%'", "'<= 30%'"), ("'> 200%'", "'>= 300% <= 400%'"), ("'<= 50%'", "'>= 50%'"),
    ("'> 50% <= 60%'", "'>= 60%'")]


@pytest.mark.parametrize(("one", "other"), BANDS)
def test_overlapping_bands_are_refused(tmp_path: Path, one: str, other: str) -> None:
    table = bands("standard", f"name: a, when: {one}, pay: {{cost: 100%}}",
                  f"name: b, when: {other}, pay: {{cost: 90%}}")
    with pytest.raises(CaseError, match="overlap") as found:
        rules_of(tmp_path, drg(table))
    assert found.value.code == "bad-payment-file"


def test_bands_that_only_touch_or_differ_in_weight_are_fine(tmp_path: Path) -> None:
    assert rules_of(tmp_path, drg(bands(
        "standard", "name: a, when: '< 50%', pay: {cost: 100%}",
        "name: b, when: '>= 50% < 60%', weight: '< 1', pay: {cost: 90%}",
        "name: c, when: '>= 50% < 60%', weight: '>= 1', pay: {cost: 80%}")))


@pytest.mark.parametrize(("days", "message"), [
    (("1-15", "15-60"), "begins with day 15"), (("1-15", "17-60"), "begins with day 17"),
    ((">= 1", "1-60"), "open band"), (("3-15", "16-20"), "day 1"), (("9-3", "4-5"), "stretch")])
def test_stay_bands_follow_one_another(tmp_path: Path, days: tuple[str, str],
                                       message: str) -> None:
    rule = (f"  - {{name: beds, method: bed_day, takes: {{all: yes}}, counts: each_day, {FROM}, "
            f"bands: [{{days: '{days[0]}', yuan: 300}}, {{days: '{days[1]}', yuan: 200}}]}}\n")
    with pytest.raises(CaseError, match=message):
        rules_of(tmp_path, rule)


WRONG = [
    ("a unit", drg().replace("10000}, emp", "1e4}, emp"), "is not an amount"),
    ("the sign", drg(bands("standard", "name: a, when: '50%', pay: {cost: 100%}")), "stretch"),
    ("no per cent", drg(bands("standard", "name: a, when: '< 0.5', pay: {cost: 100%}")), "unit"),
    ("nothing paid", drg(bands("standard", "name: a, when: '< 5%', pay: {cost: 0%}")), "pays"),
    ("unknown key", BY_ITEM.replace("grade", "color: red, grade"), "no key `color`"),
    ("unknown method", BY_ITEM.replace("by_item", "magic"), "no method"),
    ("no selection", BY_ITEM.replace("all: yes", ""), "which cases"),
    ("two selections", BY_ITEM.replace("all: yes", "all: yes, dx: [A]"), "which cases"),
    ("level", BY_ITEM.replace("all: yes", "levels: ['4']"), "no level"),
    ("twice one name", BY_ITEM + BY_ITEM, "two rules"),
    ("unknown group", drg().replace("{all: yes}", "{groups: [G1, GX]}"), "'GX' is no group"),
    ("huge price", QUOTA.replace("6000", "6000000000000"), "larger than any"),
    ("doubled entry", QUOTA.replace("[N18]", "[H25], px: ['13.4']"), "same cases"),
    ("elastic points", drg(method="points", weights="table: weights.csv", rate="kind: elastic, "
                           "over: weight, reserve: 0%"), "fixed or a floating"),
    ("open value", drg(bands("base", "name: a, when: '< 5%', pay: {cost: 100%}"), rate="clearing",
                       method="points", weights="table: weights.csv"), "known last"),
    ("open review", drg(rate="clearing", method="points", weights="table: weights.csv",
                        more=review("5%")), "no standard to review"),
    ("dangling rule", QUOTA.replace("method: quota", "method: tcm").replace(
        "kind: limit, yuan: 4500", "same_as: {rule: groups, group: G1, share: 100%}"), "no rule")]


@pytest.mark.parametrize(("methods", "message"), [one[1:] for one in WRONG],
                         ids=[one[0] for one in WRONG])
def test_wrong_rules_are_refused_with_their_place(tmp_path: Path, methods: str,
                                                  message: str) -> None:
    with pytest.raises(CaseError, match=message) as found:
        rules_of(tmp_path, methods)
    assert found.value.code == "bad-payment-file" and "methods.yaml:" in found.value.where


@pytest.mark.parametrize(("table", "message"), [
    ("group,weight\nG1,\n", "weight of G1"), ("group,weight\nG1,0\n", "not above 0"),
    ("group,weight\nG1,-1\n", "not above 0"), ("group,weight\nG1,1.2345678\n", "decimals"),
    ("group,weight\nG1,1\nG1,2\n", "stands twice"), ("group,weight\n,1\n", "no code"),
    ("group,levels,weight\nG1,1|2,1\nG1,2|3,1\n", "level 2"),
    ("group,levels,weight\nG1,9,1\n", "no list of levels"),
    ("group,weight,mean_yuan\nG1,1,0\n", "mean_yuan"), ("group,cost\nG1,1\n", "no column"),
    ("group,weight\nG1,2000000\n", "beyond a million")])
def test_wrong_weights_are_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(CaseError, match=message):
        rules_of(tmp_path, drg(), table)


def test_a_case_without_weight_group_or_method_says_so(tmp_path: Path) -> None:
    found = lines(priced(tmp_path, drg().replace("all: yes", "insurance: residents"), case(),
                         case(group="G9"), case(group=None), case(insurance="employees"),
                         case(person_fen=500_000)))
    assert [line["reason"] for line in found] == [
        None, "no-weight", "no-group", "no-method", "shares-exceed-cost"]
    assert [line["due_fen"] for line in found[1:]] == [None] * 4


def test_a_hospital_without_coefficient_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="coefficient of H2 is not set"):
        priced(tmp_path, drg(coefficient="hospitals: {H1: 100%}"), case(), case(hospital="H2"))


def test_a_fund_that_paid_nothing_cannot_be_converted(tmp_path: Path) -> None:
    rate = "kind: floating, over: weight, reserve: 0%, residents: {fund: 9, ratio: booked}"
    with pytest.raises(Refusal) as found:
        priced(tmp_path, drg(rate=rate), case(fund_fen=0))
    assert found.value.code == "no-booked-fund"


def test_scores_must_be_in_the_file_of_groups(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="score_milli"):
        priced(tmp_path, drg(rate="clearing", method="points", weights="table: scores"), case())


def test_cases_of_another_year_are_not_in_a_years_lump_sum(tmp_path: Path) -> None:
    rule = (f"  - {{name: budget, method: global, takes: {{all: yes}}, budgets: {{H1: 12000}}, "
            f"months: equal, unused: lapses, {FROM}}}\n")
    found = lines(priced(tmp_path, rule, case(), case(discharged=case()["discharged"].replace(
        year=2024))))
    assert [line["reason"] for line in found] == [None, "other-year"]


# --- files of cases and groups -------------------------------------------------------------------


def files(tmp_path: Path, *rows: str, groups: str = "case,group\nA,G1\n",
          methods: str = "") -> dict[str, object]:
    (tmp_path / "cases.csv").write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")
    (tmp_path / "groups.csv").write_text(groups, encoding="utf-8")
    (tmp_path / "weights.csv").write_text("group,weight\nG1,1\n", encoding="utf-8")
    (tmp_path / "methods.yaml").write_text(HEAD + (methods or drg()), encoding="utf-8")
    return price_file(tmp_path / "cases.csv", tmp_path / "groups.csv", tmp_path / "methods.yaml",
                      tmp_path / "out.csv")


FINE = "A,H1,2,residents,2025-03-01,I10,1000000,300000,700000"


def test_negative_and_missing_amounts_are_refused_by_row(tmp_path: Path) -> None:
    made = files(tmp_path, FINE, "B,H1,2,residents,2025-03-01,I10,-5,0,0",
                 "C,H1,2,residents,2025-03-01,I10,100,,100",
                 "D,H1,2,residents,2025-13-01,I10,100,0,100")
    told = rows_of(Path(made["rejects"]))
    assert [(line["case"], line["field"], line["code"]) for line in told] == [
        ("B", "cost_fen", "negative-amount"), ("C", "person_fen", "missing-field"),
        ("D", "discharged", "bad-date")]
    assert (made["cases"], made["refused"]) == (1, 3)


def test_a_case_that_is_not_in_the_groups_and_groups_of_no_case(tmp_path: Path) -> None:
    made = files(tmp_path, FINE, FINE.replace("A,", "Z,", 1),
                 groups="case,group\nA,G1\nY,G1\n")
    assert made["unpriced"] == {"not-in-groups": 1} and made["unknown_cases"] == 1


@pytest.mark.parametrize(("groups", "code"), [
    ("case,group\nA,G1\nA,G1\n", "duplicate-case"), ("case,mdc\nA,G1\n", "missing-column"),
    ("case,group\nA,G1,X\n", "broken-row"), ("case,group,score_milli\nA,G1,x\n", "bad-number"),
    ("case,group,score_milli\nA,G1,-7\n", "negative-number")])
def test_wrong_files_of_groups_are_refused(tmp_path: Path, groups: str, code: str) -> None:
    with pytest.raises(CaseError) as found:
        files(tmp_path, FINE, groups=groups)
    assert found.value.code == code


def test_a_file_without_one_good_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError) as found:
        files(tmp_path, "B,H1,2,residents,2025-03-01,I10,-5,0,0")
    assert found.value.code == "no-cases" and "negative-amount" in found.value.hint


def test_reports_of_an_older_run_are_taken_away(tmp_path: Path) -> None:
    assert files(tmp_path, FINE, "B,H1,2,residents,2025-03-01,I10,-5,0,0")["rejects"]
    assert files(tmp_path, FINE)["rejects"] is None
    assert not (tmp_path / "out.rejects.csv").exists()


def test_empty_and_null_groups_are_no_group(tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text('case,group\nA,""\nB,\nC,G1\n', encoding="utf-8")
    assert read_groups(tmp_path / "groups.csv").group.to_pylist() == [None, None, "G1"]


@pytest.mark.long
def test_a_million_cases_in_seconds(tmp_path: Path) -> None:
    check_speed(tmp_path, 1_000_000, 20)


def test_two_hundred_thousand_cases(tmp_path: Path) -> None:
    check_speed(tmp_path, 200_000, 10)


def check_speed(tmp_path: Path, size: int, most_seconds: int) -> None:
    """Prices `size` cases of 40 hospitals by a floating rate, outliers and a review."""
    import time

    from tongchou.payment.methods import price_cases
    rng = np.random.default_rng(1)
    few = columns(*(case(group=f"G{at % 300}", hospital=f"H{at % 40}",
                         hospital_level=str(at % 3 + 1)) for at in range(2000)))
    at = rng.integers(0, 2000, size)
    table = few.table.take(pa.array(at))
    cost = rng.integers(10_000, 10_000_000, size)
    for name, values in (("case", pa.array([str(one) for one in range(size)])),
                         ("cost_fen", pa.array(cost)), ("person_fen", pa.array(cost * 3 // 10)),
                         ("fund_fen", pa.array(cost - cost * 3 // 10))):
        table = table.set_column(case_files.SCHEMA.get_field_index(name), name, values)
    from tongchou.payment.methods import Groups, columns_of
    groups = Groups(table.column("case").combine_chunks(), pa.array(
        [f"G{one % 300}" for one in at]), None)
    rate = "kind: floating, over: weight, reserve: 5%, residents: {fund: 5000000000, ratio: booked}"
    rules = rules_of(tmp_path, bed_days("each_day") + QUOTA + drg(
        bands("standard", "name: low, when: '< 50%', pay: {cost: 100%}",
              "name: high, when: '> 200%', pay: {cost: 100%, standard: -100%}"), rate=rate,
        more=review("5%")),
        "group,weight\n" + "".join(f"G{one},{1 + one}.5\n" for one in range(300)))
    begun = time.perf_counter()
    state = price_cases(columns_of(table, groups), rules)
    seconds = time.perf_counter() - begun
    assert (state.reason < 0).all() and (state.amount_fen >= 0).all()
    print(f"{size:,} cases priced in {seconds:.2f} s")
    assert seconds < most_seconds
