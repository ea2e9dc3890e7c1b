"""`tongchou payment clear` over files: what it writes, and every bad input (成批清算、坏输入)."""
from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from clearing_tables import FROM, RULES, YEAR, case, cleared, figures, fund, row, rules, write
from xlsxwriter import Workbook

from tongchou.cli import run
from tongchou.errors import TongchouError
from tongchou.payment.clearing import clear_file

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/clearing"
Call = Callable[..., tuple[int, object, str]]


def command(call: Call, folder: Path, *more: str, cases: str = "cases.csv",
            out: str = "out") -> tuple[int, object, str]:
    """The command over the files of a folder."""
    return call("payment", "clear", folder / cases, "--region", folder / "clearing.yaml",
                "--figures", folder / "figures.yaml", "--out", folder / out, *more)


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def good(folder: Path, cases: str = case(1) + case(2, "H2"), funds: str = fund(7000),
         hospitals: str = row("H1") + row("H2"), audit: str = "", **changed: str) -> Path:
    """A folder that clears, with one thing changed."""
    write(folder, rules(**changed), figures({"employees": funds}, bool(audit)), hospitals, cases,
          audit)
    return folder


# --- what it writes ------------------------------------------------------------------------------
def test_the_example_clears_and_its_tables_agree(tmp_path: Path, call: Call) -> None:
    code, said, _ = call("payment", "clear", EXAMPLE / "cases.csv", "--region",
                         EXAMPLE / "clearing.yaml", "--figures", EXAMPLE / "figures.yaml",
                         "--out", tmp_path, "--json")
    assert code == 0 and said["cases"] == 60 and said["flags"] == []
    hospitals, payments = lines(tmp_path / "hospitals.csv"), lines(tmp_path / "payments.csv")
    for year in hospitals:
        own = [one for one in payments if (one["hospital"], one["insurance"]) == (
            year["hospital"], year["insurance"])]
        assert sum(int(one["amount_fen"]) for one in own) == int(year["year_fen"])
    table = pq.read_table(tmp_path / "cases.parquet").to_pylist()
    for year in hospitals:
        own = [one for one in table if (one["hospital"], one["insurance"]) == (
            year["hospital"], year["insurance"])]
        assert len(own) == int(year["cases"])
    for insurance in said["insurances"]:
        paid = sum(one["due_fen"] for one in table if one["insurance"] == insurance["insurance"])
        priced = sum(one["due_fen"] for one in table if one["points_milli"] is None
                     and one["insurance"] == insurance["insurance"])
        assert f"{(paid - priced) // 100}.{(paid - priced) % 100:02d}" == insurance["due"]
    steps = lines(tmp_path / "steps.csv")
    assert {step["step"] for step in steps if step["hospital"] == "" and step["insurance"]
            == "residents"} == {"total", "point_fund", "ratio", "pot", "base", "growth"}
    assert not (tmp_path / "rejects.csv").exists() and not lines(tmp_path / "flags.csv")
    assert len(said["unsure"]) == 9


def test_the_terminal_shows_every_hospital_with_all_digits(tmp_path: Path, call: Call) -> None:
    edge = RULES["sharing"].replace("below: booked", "below: edge")
    code, said, _ = command(call, good(tmp_path, funds=fund("9876543210.98"), sharing=edge.replace(
        "85%", "0%")))
    assert code == 0 and "clearing 清算" in said and "4,938,271,605.49" in said
    assert "not of grade A" in said


def test_every_kind_of_file_gives_the_same(tmp_path: Path) -> None:
    folder = good(tmp_path, case(1) + case(2, "H2", points=77) + case(3, points="", amount=9000))
    first = cleared(folder).hospitals
    table = pa.csv.read_csv(folder / "cases.csv")
    table = table.set_column(table.column_names.index("insurance"), "insurance",
                             pa.array(["310"] * 3))
    table = table.rename_columns(["setl_id" if name == "case" else "score_milli" if name ==
                                  "points_milli" else "person_fen" if name == "patient_fen"
                                  else name for name in table.column_names])
    pq.write_table(table, folder / "cases.parquet")
    with Workbook(str(folder / "cases.xlsx")) as book:
        sheet = book.add_worksheet()
        for place, name in enumerate(table.column_names):
            sheet.write(0, place, name)
            for number, value in enumerate(table.column(name).to_pylist(), 1):
                sheet.write(number, place, value)
    for name in ("cases.parquet", "cases.xlsx"):
        made, report = clear_file(folder / name, folder / "clearing.yaml",
                                  folder / "figures.yaml", folder / "out", None,
                                  lambda stage, done, of: None)
        assert made.hospitals == first and report["refused"] == 0


def test_the_order_of_a_file_moves_no_fen(tmp_path: Path) -> None:
    """Seven equal cases share 1 yuan: who gets the odd fen hangs on the case, not on its row."""
    cases = [case(number, "H1" if number % 2 else "H2") for number in range(7)]
    one, two = (cleared(good(tmp_path, "".join(found), fund(1)))
                for found in (cases, cases[::-1]))
    assert one.hospitals == two.hospitals
    assert one.cases.column("case").to_pylist() == two.cases.column("case").to_pylist()[::-1]
    assert one.cases.sort_by("case") == two.cases.sort_by("case")
    assert len(set(one.cases.column("due_fen").to_pylist())) > 1


def test_a_day_of_discharge_serves_as_the_month(tmp_path: Path) -> None:
    folder = good(tmp_path, case(1, month="2025-03-31"))
    assert cleared(folder).hospitals[0].months[0].month == "2025-03"


# --- rows ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("line", "code", "field"), [
    (case(9, "H7"), "unknown-hospital", "hospital"),
    (case(9, insurance="residents"), "unknown-hospital", "hospital"),
    (case(9, insurance="soldiers"), "unknown-code", "insurance"),
    (case(9, cost=-5), "negative-amount", "cost_fen"),
    (case(9, points=-1), "negative-amount", "points_milli"),
    (case(9, cost=10**10), "amount-too-large", "cost_fen"),
    (case(9, month="2024-12"), "other-year", "month"),
    (case(9, month="2026-01"), "other-year", "month"),
    (case(9, month="2025-13"), "bad-month", "month"),
    (case(9, month="March"), "bad-month", "month"),
    (case(9, points=""), "no-score", "points_milli"),
    (case(9, patient=3001), "shares-exceed-cost", "cost_fen"),
    (case(1, "H2"), "duplicate-case", "case"),
    (case("", "H2"), "missing-field", "case"),
    (case(9, "H1").replace("1000000", "1.5"), "bad-amount", "points_milli"),
    ("9,H1,employees\n", "broken-row", "")])
def test_a_wrong_row_stops_the_clearing_and_is_named(tmp_path: Path, call: Call, line: str,
                                                     code: str, field: str) -> None:
    folder = good(tmp_path, case(1) + case(2, "H2") + line)
    exit_code, said, _ = command(call, folder, "--json")
    assert exit_code == 1 and said["error"]["code"] == "cases-refused"
    assert not (folder / "out/hospitals.csv").exists()
    rejects = lines(folder / "out/rejects.csv")
    assert [(one["row"], one["code"], one["field"]) for one in rejects] == [("3", code, field)]
    assert rejects[0]["reason"]
    exit_code, said, _ = command(call, folder, "--leave-out-refused", "--json")
    assert exit_code == 1 and (said["cases"], said["refused"]) == (2, 1)


def test_a_clean_run_takes_the_old_report_away(tmp_path: Path, call: Call) -> None:
    command(call, good(tmp_path, case(1) + case(2, "H9")))
    assert (tmp_path / "out/rejects.csv").exists()
    assert command(call, good(tmp_path))[0] == 0
    assert not (tmp_path / "out/rejects.csv").exists()


# --- rules and figures ---------------------------------------------------------------------------
ELASTIC = f"kind: elastic, fund_part: region_ratio, ratio: booked, start: given, {FROM}"
BANDS = "below: booked, limit: none, " + FROM


@pytest.mark.parametrize(("changed", "code", "word"), [
    ({"funds": fund(100, 101)}, "budget-below-reserve", "100.00"),
    ({"cases": case(1, points=0)}, "no-points", "employees"),
    ({"cases": case(1, fund=0)}, "no-booked-fund", "employees"),
    ({"hospitals": row("H1", capitation=7001) + row("H2")}, "budget-below-amounts", "7,001.00"),
    ({"funds": fund(7000).replace("reserve: 0, ", "")}, "unset-payment-rule",
     "figures.employees.reserve"),
    ({"funds": fund(7000).replace(", start_value: 10", "")}, "unset-payment-rule", "start_value"),
    ({"budget": f"method: growth, reserve: apart, {FROM}", "funds": "last_year_paid: 5, reserve: "
      "0, start_value: 1"}, "unset-payment-rule", "figures.employees.growth"),
    ({"budget": f"method: share, reserve: apart, {FROM}", "funds": fund(
        7000, more=", last_year_paid: 5, last_year_inpatient: 4")}, "bad-figure", "5.00"),
    ({"budget": f"method: growth, {FROM}"}, "unset-payment-rule", "rules.budget.reserve"),
    ({"hospitals": row("H1", assessment="") + row("H2")}, "unset-payment-rule", "assessment"),
    ({"hospitals": row("H1", prepayment="") + row("H2")}, "unset-payment-rule", "prepayment"),
    ({"amounts": "", "hospitals": row("H1", capitation=1) + row("H2")}, "unset-payment-rule",
     "rules.amounts"),
    ({"value": ELASTIC}, "unset-payment-rule", "rules.value.base"),
    ({"value": ELASTIC.replace("start: given", "start: given, base: start_value")},
     "unset-payment-rule", "rules.value.growth_most"),
    ({"value": ELASTIC.replace("start: given", "start: given, base: start_value, growth_most: "
                               "none")}, "unset-payment-rule", "base_points"),
    ({"value": ELASTIC.replace("start: given", "start: given, base: start_value, growth_most: "
                               "none"), "hospitals": row("H1", base=1000) + row("H2", base=9)},
     "budget-below-base", "10,000.00"),
    ({"value": RULES["value"].replace("given", "history, weights: [1, 2, 7]")},
     "unset-payment-rule", "history of 3 years"),
    ({"sharing": f"surplus: [{{from: 100%, to: 85%, kept: 100%}}], overrun: [], {BANDS}"},
     "bands-out-of-order", "100%-85%"),
    ({"sharing": f"surplus: [{{from: 85%, to: 95%, kept: 100%}}], overrun: [], {BANDS}"},
     "bands-out-of-order", "end at 100%"),
    ({"sharing": "surplus: [], overrun: [{from: 105%, to: 115%, paid: 70%}], " + BANDS},
     "bands-out-of-order", "begin at 100%"),
    ({"sharing": "surplus: [], overrun: [{from: 100%, to: 115%, paid: 70%}, {from: 110%, to: "
      "120%, paid: 50%}], " + BANDS}, "bands-out-of-order", "110%-120%"),
    ({"year_end": f"order: [sharing, audit], assessment: amount, {FROM}"}, "bad-payment-file",
     "order"),
    ({"year_end": f"order: [assessment, audit, sharing], assessment: deposit, {FROM}",
      "hospitals": row("H1", assessment="101%") + row("H2")}, "bad-figure", "101%"),
    ({"prepayment": f"method: last_year, months: 13, {FROM}"}, "bad-payment-file", "13 months"),
    ({"monthly": f"deposit: 5, keep_above_cap: no, {FROM}"}, "bad-payment-file", "no unit"),
    ({"monthly": "deposit: 5%, keep_above_cap: no, grade: A"}, "unset-payment-rule",
     "rules.monthly.source"),
    ({"value": RULES["value"].replace("booked", "0%")}, "bad-payment-file", "0%"),
    ({"hospitals": row("H1") + row("H1")}, "bad-payment-file", "two rows"),
    ({"hospitals": row("H1", other=3) + row("H2")}, "bad-payment-file", "without a reason"),
    ({"hospitals": row("H1", "soldiers")}, "bad-payment-file", "soldiers"),
    ({"hospitals": row("H1", prepayment=-1)}, "bad-payment-file", "negative"),
    ({"hospitals": row("H1", prepayment=10**20)}, "bad-payment-file", "too large"),
    ({"funds": fund(10**20)}, "bad-payment-file", "larger than any"),
    ({"value": RULES["value"].replace("floating", "fixed"), "cases": case(1, points=10**8),
      "funds": fund(7000).replace("start_value: 10", "start_value: 999999999")},
     "amount-overflow", "units"),
    ({"hospitals": row("H1", assessment="98")}, "bad-payment-file", "98%"),
    ({"hospitals": "H1,employees\n"}, "bad-payment-file", "fields"),
    ({"audit": "H9,employees,2025-01,5,x\n"}, "bad-payment-file", "H9"),
    ({"audit": "H1,employees,2024-01,5,x\n"}, "bad-payment-file", "2024-01"),
    ({"audit": "H1,employees,2025-01,5,\n"}, "bad-payment-file", "reason"),
    *(({name: ""}, "unset-payment-rule", f"rules.{name}") for name in RULES if name != "amounts")])
def test_bad_rules_and_figures_are_refused_by_name(tmp_path: Path, changed: dict[str, str],
                                                   code: str, word: str) -> None:
    folder = good(tmp_path, **changed)
    with pytest.raises(TongchouError) as fault:
        cleared(folder)
    assert fault.value.code == code
    assert word in str(fault.value) and fault.value.hint


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(("name", "old", "new", "code", "word"), [
    ("clearing.yaml", "  budget:", "  bugdet:", "bad-payment-file", "bugdet"),
    ("clearing.yaml", "year: 2025", "year: 2024", "bad-figure", "2024"),
    ("figures.yaml", "year: 2025", "year: 2025\ncolour: red", "bad-payment-file", "colour"),
    ("figures.yaml", "audit: none", "", "unset-payment-rule", "audit"),
    ("figures.yaml", "hospitals.csv", "nowhere.csv", "unreadable-file", "nowhere.csv"),
    ("figures.yaml", "employees:", "residents:", "unset-payment-rule", "figures.employees"),
    ("hospitals.csv", "last_year_yuan", "last_year", "bad-payment-file", "last_year"),
    ("hospitals.csv", ",other_why", "", "missing-column", "other_why"),
    ("cases.csv", "cost_fen", "price", "missing-column", "cost_fen"),
    ("cases.csv", "points_milli,amount_fen", "a,b", "missing-column", "points_milli"),
    ("cases.csv", "1,H1,employees", "1,H9,employees", "no-cases", "unknown-hospital")])
def test_files_that_contradict_are_refused(tmp_path: Path, name: str, old: str, new: str,
                                           code: str, word: str) -> None:
    folder = good(tmp_path, case(1), hospitals=row("H1"))
    change(folder, name, old, new)
    if name == "clearing.yaml" and old.startswith("year"):
        change(folder, "cases.csv", "2025-01", "2024-01")
    with pytest.raises(TongchouError) as fault:
        clear_file(folder / "cases.csv", folder / "clearing.yaml", folder / "figures.yaml",
                   folder / "out", None, lambda stage, done, of: None)
    assert fault.value.code == code and word in str(fault.value)


def test_a_year_without_a_working_day_calendar_is_refused(tmp_path: Path, call: Call) -> None:
    folder = good(tmp_path)
    for name in ("clearing.yaml", "figures.yaml", "cases.csv"):
        change(folder, name, str(YEAR), "2029")
    code, said, _ = command(call, folder, "--json")
    assert code == 1 and said["error"]["code"] == "no-calendar"


def test_one_insurance_may_have_rules_of_its_own(tmp_path: Path) -> None:
    folder = good(tmp_path)
    change(folder, "clearing.yaml", "rules:", "residents:\n  monthly: {deposit: 1%, "
           f"keep_above_cap: no, {FROM}}}\nrules:")
    change(folder, "figures.yaml", "hospitals:", f"residents: {{{fund(70)}}}\nhospitals:")
    write(folder, (folder / "clearing.yaml").read_text(), (folder / "figures.yaml").read_text(),
          row("H1") + row("H1", "residents"), case(1) + case(2, insurance="residents"))
    assert [year.deposit_fen for year in cleared(folder).hospitals] == [35_000, 7000]


# --- size ----------------------------------------------------------------------------------------
def many(folder: Path, count: int) -> None:
    """`count` made-up cases of 100 hospitals."""
    draw = np.random.default_rng(7)
    cost = draw.integers(100_000, 9_000_000, count)
    booked = cost * draw.integers(50, 90, count) // 100
    good(folder, "", fund(7_000_000 * count // 1000), "".join(
        row(f"H{place:02d}") for place in range(100)))
    pq.write_table(pa.table({
        "case": np.char.add("C", draw.permutation(count).astype(str)),
        "hospital": pa.array([f"H{place:02d}" for place in range(100)]).take(
            pa.array(draw.integers(0, 100, count))),
        "insurance": pa.array(["employees"]).take(pa.array(np.zeros(count, np.int64))),
        "month": pa.array([f"2025-{month:02d}" for month in range(1, 13)]).take(
            pa.array(draw.integers(0, 12, count))),
        "points_milli": draw.integers(50_000, 5_000_000, count), "cost_fen": cost,
        "patient_fen": cost - booked, "fund_fen": booked}), folder / "cases.parquet")


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_million_cases_clear_in_seconds(tmp_path: Path, count: int) -> None:
    """Processor time, for the machine may be busy: at most 15 s a million (4 to 6 s measured)."""
    many(tmp_path, count)
    begun = time.process_time()
    assert run(["payment", "clear", str(tmp_path / "cases.parquet"), "--region",
                str(tmp_path / "clearing.yaml"), "--figures", str(tmp_path / "figures.yaml"),
                "--out", str(tmp_path / "out")]) == 0
    seconds = time.process_time() - begun
    table = pq.read_table(tmp_path / "out/cases.parquet")
    assert sum(table.column("due_fen").to_pylist()) == 7_000_000 * count // 1000 * 100
    print(f"{count:,} cases cleared in {seconds:.1f} s of processor time")
    assert seconds < 3 + 12 * count / 1_000_000
