"""Mapping files: every form, exact decimals, and errors with file, line and column."""
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tongchou.claims import stream
from tongchou.claims.mapping import Mapping, mapping_of, read_mapping
from tongchou.errors import CaseError
from tongchou.policy import load_pack, parse_yaml

PEER = Path(__file__).parent.parent / "bench" / "packs" / "peer_workload.yaml"
BASE = """
columns:
  psn_no: {join: [person, year], with: "/"}
  mdtrt_id: {row: R}
  insutype: {const: "390"}
  gend: {from: sex, map: {M: "1", F: "2"}, else: "9"}
  brdy: {years_before: age, of: in_force}
  med_type: {from: kind, map: {inpatient: "21"}}
  hosp_lev: {const: "3"}
  begndate: {year: {from: year, plus: 2022}, month: 6, day: 15}
  medfee_sumamt: {from: usd, times: 1.053, round: fen}
  fulamt_ownpay_amt: {of: medfee_sumamt, times: 5%}
where:
  - {column: kind, not_in: [dental], reason: dentists are left out}
  - {column: usd, at_least: 1, reason: under a dollar}
assumptions:
  - one dollar is 1.053 yuan
"""


def mapped(text: str) -> Mapping:
    """The mapping of a text."""
    return mapping_of(parse_yaml(text, "map.yaml", CaseError))


def table(**changes: list) -> pa.Table:
    """Rows of somebody's file."""
    columns = {"person": [1, 2, 3], "year": [1, 1, 1], "sex": ["M", "F", "?"],
               "age": [40, 0, 70], "kind": ["inpatient"] * 3,
               "usd": ["1000.005", "99.999999", "1.50"]}
    return pa.table(columns | changes)


def settle(text: str, claims: pa.Table) -> tuple[list[dict], list[dict]]:
    """Results in order of their claims, and rejects."""
    results, rejected, _ = stream.settle_table(load_pack(PEER), claims, mapped(text))
    return (sorted(results.to_pylist(), key=lambda row: row["mdtrt_id"]),
            sorted(rejected.to_pylist(), key=lambda row: row["row"]))


def test_every_form() -> None:
    results, rejected = settle(BASE, table())
    assert not rejected
    assert [row["psn_no"] for row in results] == ["1/1", "2/1", "3/1"]
    assert [row["mdtrt_id"] for row in results] == ["R0", "R1", "R2"]
    # 1000.005 x 1.053 = 1053.005265; 99.999999 x 1.053 = 105.29...; 1.50 x 1.053 = 1.5795
    assert [row["medfee_sumamt"] for row in results] == [
        Decimal("1053.01"), Decimal("105.30"), Decimal("1.58")]


@pytest.mark.parametrize(("usd", "times", "fen"), [
    ("0.5", "0.01", "0.01"), ("0.49", "0.01", "0.00"), ("1.005", "1", "1.01"),
    ("2.675", "1", "2.68"), ("33333333.333333", "3", "100000000.00")])
def test_amounts_are_rounded_half_up_in_decimals(usd: str, times: str, fen: str) -> None:
    text = BASE.replace("1.053, round: fen", times).replace(
        "  - {column: usd, at_least: 1, reason: under a dollar}\n", "")
    results, _ = settle(text, table(usd=[usd] * 3))
    assert results[0]["medfee_sumamt"] == Decimal(fen)


@pytest.mark.parametrize("usd", [[1000.005, 99.999999, 1.5], [Decimal("1.50")] * 3, [7, 8, 9]])
def test_sources_of_any_type(usd: list) -> None:
    results, rejected = settle(BASE, table(usd=usd))
    assert len(results) == 3 and not rejected


def test_filters_and_unreadable_values_are_rejected_with_reasons() -> None:
    results, rejected = settle(BASE, table(kind=["dental", "inpatient", "spa"],
                                           usd=["5", "0.5", "5"]))
    assert not results
    assert [(row["code"], row["reason"]) for row in rejected] == [
        ("left-out", "dentists are left out"), ("left-out", "under a dollar"),
        ("unknown-code", "med_type is not a code of the tables")]
    assert [row["value"] for row in rejected] == ["dental", "0.5", "spa"]
    _, rejected = settle(BASE, table(usd=["1.0000001", "5", "5"], year=[1, 500, 1]))
    assert [row["code"] for row in rejected] == ["too-many-decimals", "bad-date"]


def test_birth_from_age() -> None:
    text = BASE.replace("of: in_force", "of: begndate")
    results, rejected = settle(text, table(age=["x", "5", "200"]))
    assert [row["code"] for row in rejected] == ["bad-date", "bad-date"] and len(results) == 1


def test_what_the_run_says(call, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(f"pack: {PEER}\n{BASE}", encoding="utf-8")
    pa.csv.write_csv(table(), tmp_path / "c.csv")
    code, made, _ = call("batch", tmp_path / "c.csv", "--mapping", tmp_path / "map.yaml", "--out",
                         tmp_path / "o.parquet", "--json")
    assert code == 0 and made["assumptions"] == ["one dollar is 1.053 yuan"]
    assert made["mapping_hash"] == read_mapping(tmp_path / "map.yaml").digest
    said = pa.parquet.read_metadata(tmp_path / "o.parquet").metadata
    assert said[b"tongchou.mapping_hash"].decode() == made["mapping_hash"]
    assert "one dollar" in said[b"tongchou.assumptions"].decode()


@pytest.mark.parametrize(("old", "new", "code", "where"), [
    ("psn_no:", "person_no:", "unknown-key", "map.yaml:3:3"),
    ("{row: R}", "{rows: R}", "unknown-form", "map.yaml:4:13"),
    ("{row: R}", "{row: R, of: x}", "unknown-key", "map.yaml:4:22"),
    ("1.053", "1.0.5", "bad-number", "map.yaml:11:37"),
    ("1.053", "-1", "factor-out-of-range", "map.yaml:11:37"),
    ("round: fen", "round: cent", "unknown-rounding", "map.yaml:11:51"),
    ("{of: medfee_sumamt,", "{", "from-or-of", "map.yaml:12:22"),
    ("month: 6, ", "", "missing-field", "map.yaml:10:13"),
    (", reason: under a dollar", "", "missing-field", "map.yaml:15:5"),
    ("at_least: 1, ", "", "no-test", "map.yaml:15:5"),
    ("assumptions:", "assumption:", "unknown-key", "map.yaml:16:1"),
    ("from: usd", "from: eur", "unknown-column", "map.yaml:11:25"),
    ("{column: usd", "{column: eur", "unknown-column", "map.yaml"),
    ("of: medfee_sumamt", "of: medfee_sum", "unknown-field", "map.yaml:12:27"),
    ("from: usd, times", "of: fulamt_ownpay_amt, times", "mapping-loop", "map.yaml:12:27"),
    ("join: [person, year]", "join: person", "not-a-list", "map.yaml:3:18"),
])
def test_errors_have_a_place(old: str, new: str, code: str, where: str) -> None:
    assert old in BASE
    with pytest.raises(CaseError) as error:
        settle(BASE.replace(old, new), table())
    assert (error.value.code, error.value.where) == (code, where)
    assert error.value.hint


def test_no_pack_is_said(call, tmp_path: Path) -> None:
    pa.csv.write_csv(table(), tmp_path / "c.csv")
    code, made, _ = call("batch", tmp_path / "c.csv", "--out", tmp_path / "o.parquet", "--json")
    assert code == 2 and made["error"]["code"] == "no-pack"
