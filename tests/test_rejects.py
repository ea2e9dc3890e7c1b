"""Every reason a row can be rejected for, and every type a column may have."""
import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from claims_rows import Row, good_row, text_table

from tongchou.claims import stream
from tongchou.policy import Pack, load_pack

PEER = Path(__file__).parent.parent / "bench" / "packs" / "peer_workload.yaml"


@pytest.fixture(scope="module")
def pack() -> Pack:
    """The peer workload's pack."""
    return load_pack(PEER)


REJECTED: list[tuple[str, str, Row]] = [
    ("missing-field", "psn_no", {"psn_no": None}),
    ("missing-field", "psn_no", {"psn_no": ""}),
    ("missing-field", "mdtrt_id", {"mdtrt_id": None}),
    ("missing-field", "insutype", {"insutype": None}),
    ("missing-field", "med_type", {"med_type": " "}),
    ("missing-field", "begndate", {"begndate": None}),
    ("missing-field", "medfee_sumamt", {"medfee_sumamt": ""}),
    ("negative-amount", "medfee_sumamt", {"medfee_sumamt": "-1000.00"}),
    ("negative-amount", "preselfpay_amt", {"preselfpay_amt": "-0.01"}),
    ("bad-amount", "medfee_sumamt", {"medfee_sumamt": "1,000.00"}),
    ("bad-amount", "medfee_sumamt", {"medfee_sumamt": "１０００"}),
    ("bad-amount", "medfee_sumamt", {"medfee_sumamt": "1e3"}),
    ("bad-amount", "medfee_sumamt", {"medfee_sumamt": "NaN"}),
    ("bad-amount", "medfee_sumamt", {"medfee_sumamt": "1000."}),
    ("bad-amount", "fulamt_ownpay_amt", {"fulamt_ownpay_amt": "--1"}),
    ("too-many-decimals", "medfee_sumamt", {"medfee_sumamt": "1000.001"}),
    ("amount-too-large", "medfee_sumamt", {"medfee_sumamt": "1" + "0" * 30}),
    ("amount-too-large", "medfee_sumamt", {"medfee_sumamt": "1000000000.01"}),
    ("split-does-not-add-up", "medfee_sumamt", {"fulamt_ownpay_amt": "950.01"}),
    ("split-does-not-add-up", "medfee_sumamt", {"inscp_scp_amt": "849.99"}),
    ("dates-out-of-order", "enddate", {"enddate": "2023-03-01"}),
    ("dates-out-of-order", "setl_time", {"setl_time": "2023-03-01T23:59:59"}),
    ("bad-date", "begndate", {"begndate": "2023-02-29"}),
    ("bad-date", "begndate", {"begndate": "2.3.2023"}),
    ("bad-date", "enddate", {"enddate": "2023-13-01"}),
    ("bad-date", "setl_time", {"setl_time": "2023-03-18T25:00:00"}),
    ("bad-date", "brdy", {"brdy": "1780-01-01"}),
    ("unknown-code", "insutype", {"insutype": "999"}),
    ("unknown-code", "med_type", {"med_type": "77"}),
    ("unknown-code", "hosp_lev", {"hosp_lev": "4"}),
    ("unknown-code", "place", {"place": "moon"}),
    ("unknown-code", "referred", {"referred": "maybe"}),
    ("unknown-code", "gend", {"gend": "x"}),
    ("unknown-code", "psn_type", {"psn_type": "77"}),
    ("unknown-code", "statuses", {"statuses": "rich:2023-01-01"}),
    ("bad-status", "statuses", {"statuses": "allowance:2023-01-01:2023-02-01:x"}),
    ("bad-date", "statuses", {"statuses": "allowance:2023-02-30"}),
    ("status-dates-out-of-order", "statuses", {"statuses": "allowance:2023-02-01:2023-01-01"}),
    ("no-coverage", "insutype", {"insutype": "310"}),
    ("not-in-force", "enddate", {"begndate": "2022-03-02", "enddate": "2022-03-18"}),
    ("not-in-force", "enddate", {"enddate": "2024-01-01", "setl_time": None}),
    ("no-value", "", {"hosp_lev": "village"}),
    ("field-too-long", "psn_no", {"psn_no": "P" * 5000}),
    ("field-too-long", "statuses", {"statuses": "x" * 200_000}),
]


@pytest.mark.parametrize(("code", "field", "changes"), REJECTED)
def test_each_reason(code: str, field: str, changes: Row, pack: Pack) -> None:
    rows = [good_row(mdtrt_id="A", psn_no="P0"), good_row(**changes)]
    results, rejected, made = stream.settle_table(pack, text_table(rows))
    assert results["mdtrt_id"].to_pylist() == ["A"]
    row = rejected.to_pylist()[0]
    assert (row["code"], row["field"] or "", row["row"]) == (code, field, 1)
    assert row["reason"] and row["hint"]
    seen = changes.get(field)
    if seen and code != "split-does-not-add-up":
        assert row["value"].startswith(str(seen)[:60]) and len(row["value"]) < 100
    assert made["claims"] == 1 and made["rejected"] == 1


def codes_of(pack: Pack, rows: list[Row]) -> list[tuple[int, str]]:
    """(row, code) of the rejects, in order of rows."""
    _, rejected, made = stream.settle_table(pack, text_table(rows))
    assert made["claims"] + made["rejected"] == len(rows)
    return sorted((row["row"], row["code"]) for row in rejected.to_pylist())


def test_duplicates(pack: Pack) -> None:
    same, other = good_row(), good_row(medfee_sumamt="1000.01")
    assert codes_of(pack, [same, same]) == [(1, "duplicate-claim")]
    assert codes_of(pack, [same, other]) == [(0, "duplicate-differs"), (1, "duplicate-differs")]
    assert codes_of(pack, [same, good_row(psn_no="P2")]) == []
    many = [good_row(mdtrt_id=f"C{k % 100}") for k in range(150)]
    assert codes_of(pack, many) == [(k, "duplicate-claim") for k in range(100, 150)]


def test_contradictions(pack: Pack) -> None:
    rows = [good_row(), good_row(mdtrt_id="C2", brdy="1980-01-02"), good_row(psn_no="P2")]
    assert codes_of(pack, rows) == [(0, "person-contradiction"), (1, "person-contradiction")]
    rows[1] |= {"brdy": "1980-01-01", "gend": "2"}
    assert codes_of(pack, rows) == [(0, "person-contradiction"), (1, "person-contradiction")]


def test_a_year_beyond_the_arithmetic_is_rejected_whole(pack: Pack) -> None:
    rows = [good_row(mdtrt_id=f"C{k}", medfee_sumamt="999999999") for k in range(90)]
    rows.append(good_row(psn_no="P2"))
    assert codes_of(pack, rows) == [(k, "amount-overflow") for k in range(90)]


def test_all_rejected_still_writes(pack: Pack) -> None:
    assert codes_of(pack, [good_row(medfee_sumamt="x")]) == [(0, "bad-amount")]
    results, _, made = stream.settle_table(pack, text_table([good_row()]).slice(0, 0))
    assert results.num_rows == 0 and made["claims"] == 0


def settle_columns(pack: Pack, **columns: pa.Array) -> tuple[list[dict], list[str]]:
    """Good rows with some columns replaced: results and codes of rejects."""
    size = len(next(iter(columns.values())))
    table = text_table([good_row(mdtrt_id=f"C{k}", statuses="") for k in range(size)])
    for name, array in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, array)
    results, rejected, _ = stream.settle_table(pack, table)
    return results.to_pylist(), [row["code"] for row in rejected.to_pylist()]


@pytest.mark.parametrize("total", [
    pa.array([Decimal("1000.00")], pa.decimal128(18, 2)),
    pa.array([Decimal("1000.0000")], pa.decimal128(30, 4)),
    pa.array([Decimal("1000")], pa.decimal128(20, 0)),
    pa.array([Decimal("1000.00")], pa.decimal64(18, 2)),
    pa.array([Decimal("1000.00")], pa.decimal256(60, 2)),
    pa.array([1000], pa.int16()), pa.array([1000], pa.uint64()), pa.array([1000.0]),
    pa.array([1000.0], pa.float32()), pa.array(["1000"]).dictionary_encode(),
    pa.array(["1000.000"], pa.large_string()), pa.array([" 1000.0 "], pa.string_view()),
    pa.array([None, Decimal("1000.00")], pa.decimal128(18, 2)).slice(1)])
def test_types_of_amounts(total: pa.Array, pack: Pack) -> None:
    results, rejected = settle_columns(pack, medfee_sumamt=total)
    assert not rejected and results[0]["medfee_sumamt"] == Decimal("1000.00")


@pytest.mark.parametrize(("amount", "code"), [
    (1000.005, "too-many-decimals"), (float("nan"), "bad-amount"), (float("inf"), "bad-amount"),
    (1e300, "amount-too-large"), (-5.0, "negative-amount")])
def test_floats_are_never_rounded(amount: float, code: str, pack: Pack) -> None:
    assert settle_columns(pack, medfee_sumamt=pa.array([amount]))[1] == [code]


def test_floats_that_are_cents_pass(pack: Pack) -> None:
    results, rejected = settle_columns(pack, medfee_sumamt=pa.array([1000.1 + 0.2, 1234.56]))
    assert not rejected
    assert [row["medfee_sumamt"] for row in results] == [Decimal("1000.30"), Decimal("1234.56")]


def test_large_decimals(pack: Pack) -> None:
    large = pa.array([Decimal(2) ** 70, Decimal(-1), Decimal("0.001")], pa.decimal128(38, 3))
    assert sorted(settle_columns(pack, medfee_sumamt=large)[1]) == [
        "amount-too-large", "negative-amount", "too-many-decimals"]


@pytest.mark.parametrize("day", [
    pa.array([datetime.date(2023, 3, 2)]), pa.array([datetime.date(2023, 3, 2)], pa.date64()),
    pa.array([datetime.datetime(2023, 3, 2, 23)]), pa.array([20230302]), pa.array(["20230302"]),
    pa.array([datetime.datetime(2023, 3, 2, 1)], pa.timestamp("s", "Asia/Shanghai")),
    pa.array([datetime.datetime(2023, 3, 2)], pa.timestamp("ns")),
    pa.array(["2023-03-02 08:00"]).dictionary_encode()])
def test_types_of_days(day: pa.Array, pack: Pack) -> None:
    results, rejected = settle_columns(pack, begndate=day)
    assert not rejected and len(results) == 1


@pytest.mark.parametrize("held", [
    pa.array([["allowance:2023-01-01"]]), pa.array([["2303"]]), pa.array(["x;allowance"]).slice(0),
    pa.array([[{"code": "allowance", "from": datetime.date(2023, 1, 1), "to": None}]]),
    pa.array(["allowance:2023-01-01:9999-12-31"]), pa.array(["allowance; borderline:2023-05-01"])])
def test_types_of_statuses(held: pa.Array, pack: Pack) -> None:
    results, rejected = settle_columns(pack, statuses=held)
    if held[0].as_py() == "x;allowance":
        assert rejected == ["unknown-code"]
    else:
        assert results[0]["chosen_status"] == "allowance"


def test_codes_as_numbers(pack: Pack) -> None:
    results, rejected = settle_columns(
        pack, insutype=pa.array([390]), med_type=pa.array([21.0, None])[:1],
        hosp_lev=pa.array([3], pa.int8()), gend=pa.array([1]), referred=pa.array([True]))
    assert not rejected and results


def test_broken_csv_rows_keep_their_numbers(pack: Pack, tmp_path: Path) -> None:
    fields = [name for name, value in good_row().items() if value is not None]
    lines = [",".join(fields)]
    for number in range(6):
        row = good_row(mdtrt_id=f"C{number}", medfee_sumamt="-1" if number == 4 else "1000")
        lines.append(",".join(row[name] for name in fields) + (",x" if number in (1, 3) else ""))
    (tmp_path / "c.csv").write_text("\n".join(lines), encoding="utf-8")
    made = stream.settle_files(pack, tmp_path / "c.csv", tmp_path / "o.parquet")
    rejected = pa.parquet.read_table(made["rejects"]).to_pylist()
    assert sorted((row["row"], row["code"]) for row in rejected) == [
        (1, "broken-row"), (3, "broken-row"), (4, "negative-amount")]
    assert made["claims"] == 3 and made["rows"] == 6
