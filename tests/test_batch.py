"""A batch gives, to the fen, what the reference gives one by one, in whatever order rows stand."""
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from claims_rows import (Row, as_table, by_reference, fen, good_row, random_rows, text_table)
from random_packs import pack_text as random_pack_text

from tongchou.claims import stream
from tongchou.claims import shuffle as shuffling
from tongchou.engine.compile import compile_pack
from tongchou.errors import CaseError
from tongchou.policy import Pack, load_pack, shipped_packs

PEER = Path(__file__).parent.parent / "bench" / "packs" / "peer_workload.yaml"
FAMILY_PACK = """
city: t
regime: "1"
title: t
state: draft
in_force: {from: 2023-01-01}
sources: {XX: {title: t}}
insurance: [residents]
layers:
  basic:
    fund: residents_basic
    base: in_policy
    deductible: {per: year, amount: 3000, owner: family}
    ratio: 50%
    cap: {per: month, amount: 20000, owner: family}
    clause: XX-01
"""


def check_against_reference(pack: Pack, rows: list[Row], families: bool) -> None:
    """Every amount, status, layer and cap of every claim, and every refusal, agree."""
    settled, refused = by_reference(pack, rows, families)
    results, rejected, made = stream.settle_table(pack, as_table(rows))
    assert {row["mdtrt_id"]: row["code"] for row in rejected.to_pylist()} == refused
    found = {row["mdtrt_id"]: row for row in results.to_pylist()}
    assert found.keys() == settled.keys()
    for name, (amounts, status, layers, capped) in settled.items():
        row = found[name]
        assert {field: fen(row[field]) for field in amounts} == amounts, name
        assert {layer: fen(row[f"paid_{layer}"]) for layer in layers} == layers, name
        assert row["chosen_status"] == status, name
        assert set(filter(None, row["capped"].split(";"))) == capped, name
    assert made["claims"] + made["rejected"] == len(rows)


@pytest.mark.parametrize("seed", range(3))
def test_batch_equals_reference_on_the_peer_workload(seed: int) -> None:
    pack = load_pack(PEER)
    check_against_reference(pack, random_rows(pack, seed, 80), False)


@pytest.mark.parametrize("name", shipped_packs())
def test_batch_equals_reference_on_shipped_packs(name: str) -> None:
    for profile in (None, *load_pack(name).profiles):
        pack = load_pack(name, profile)
        families = compile_pack(pack).family
        check_against_reference(pack, random_rows(pack, 5, 80, families), families)


@pytest.mark.parametrize("seed", range(12))
def test_batch_equals_reference_on_random_packs(seed: int, tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(random_pack_text(random.Random(seed)), encoding="utf-8")
    pack = load_pack(tmp_path / "pack.yaml")
    families = compile_pack(pack).family
    check_against_reference(pack, random_rows(pack, seed, 40, families), families)


def test_families_share_across_their_members(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(FAMILY_PACK, encoding="utf-8")
    pack = load_pack(tmp_path / "pack.yaml")
    check_against_reference(pack, random_rows(pack, 3, 90, True), True)


def test_person_in_two_families_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(FAMILY_PACK, encoding="utf-8")
    rows = [good_row(family_id="F1"), good_row(mdtrt_id="C2", family_id="F2"),
            good_row(psn_no="P2", mdtrt_id="C3", family_id="F1")]
    results, rejected, _ = stream.settle_table(load_pack(tmp_path / "pack.yaml"),
                                               text_table(rows))
    assert results["mdtrt_id"].to_pylist() == ["C3"]
    assert rejected["code"].to_pylist() == ["family-contradiction"] * 2


def write(path: Path, rows: list[Row]) -> Path:
    """Rows as Parquet or CSV by the name of the file."""
    table = as_table(rows)
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        pq.write_table(table, path, row_group_size=50)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_order_files_partitions_and_spilling_change_nothing(
        threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = load_pack(PEER)
    rows = random_rows(pack, 9, 120)
    write(tmp_path / "one.parquet", rows)
    one = stream.settle_files(pack, tmp_path / "one.parquet", tmp_path / "a.parquet", threads=1)
    random.Random(1).shuffle(rows)
    folder = tmp_path / "several"
    folder.mkdir()
    half = len(rows) // 2
    write(folder / "1.parquet", rows[:half])
    write(folder / "2.csv", rows[half:])
    monkeypatch.setattr(shuffling, "PARTITION_ROWS", 20)
    other = stream.settle_files(pack, folder, tmp_path / "b.parquet", threads=threads,
                                kept_bytes=10_000)
    first, second = (pq.read_table(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert first.equals(second)
    assert one["totals"] == other["totals"] and one["claims"] == other["claims"]
    assert one["persons"] == other["persons"] and one["rejected"] == other["rejected"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.parquet", "a.rejects.parquet", "b.parquet", "b.rejects.parquet", "one.parquet",
        "several"]


def test_whole_number_ids_give_the_same_as_text_ids() -> None:
    pack = load_pack(PEER)
    rows = random_rows(pack, 4, 60)
    for row in rows:
        row["mdtrt_id"] = row["mdtrt_id"].replace("C", "").replace("-", "0000")
        row["psn_no"] = row["psn_no"].replace("P", "7")
    table = as_table(rows)
    as_numbers = table
    for name in ("psn_no", "mdtrt_id"):
        index = table.schema.get_field_index(name)
        as_numbers = as_numbers.set_column(index, name, table[name].cast(pa.int64()))
    texts, _, _ = stream.settle_table(pack, table)
    numbers, _, _ = stream.settle_table(pack, as_numbers)
    assert numbers["psn_no"].type == pa.int64()
    key = {row["mdtrt_id"]: row for row in texts.to_pylist()}
    for row in numbers.to_pylist():
        assert {**row, "psn_no": str(row["psn_no"]), "mdtrt_id": str(row["mdtrt_id"])} \
            == key[str(row["mdtrt_id"])]


def test_the_command(call, tmp_path: Path) -> None:
    write(tmp_path / "claims.parquet", random_rows(load_pack(PEER), 2, 30))
    out = tmp_path / "deep" / "out.parquet"
    arguments = ("batch", tmp_path / "claims.parquet", "--pack", PEER, "--out", out)
    code, made, _ = call(*arguments, "--json")
    assert code == 1 and made["rejected"] > 0
    assert list(made)[:6] == ["claims", "persons", "rejected", "seconds", "claims_per_second",
                              "totals"]
    assert list(made["totals"])[:3] == ["medfee_sumamt", "act_pay_dedc", "hifp_pay"]
    assert made["rows"] == made["claims"] + made["rejected"]
    results = pq.read_table(out)
    assert results.num_rows == made["claims"]
    assert str(sum(results["medfee_sumamt"].to_pylist())) == made["totals"]["medfee_sumamt"]
    assert pq.read_metadata(made["rejects"]).num_rows == made["rejected"]
    said = pq.read_metadata(out).metadata
    assert said[b"tongchou.pack_hash"].decode() == made["pack_hash"]
    assert results.schema.field("hifp_pay").type == pa.decimal128(18, 2)
    again, made_again, _ = call(*arguments, "--json")
    assert again == 1 and made_again["totals"] == made["totals"]
    code, text, _ = call(*arguments)
    assert code == 1 and "rows were not settled" in text


def test_a_clean_run_removes_old_rejects(call, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    for rows, expected in (([good_row(medfee_sumamt="-1")], 1), ([good_row()], 0)):
        pq.write_table(text_table(rows), tmp_path / "claims.parquet")
        code, made, _ = call("batch", tmp_path / "claims.parquet", "--pack", PEER, "--out", out,
                             "--json")
        assert code == expected
        assert (tmp_path / "out.rejects.parquet").exists() == bool(expected)
    assert made["rejects"] is None and made["claims"] == 1


@pytest.mark.parametrize("kind", ["cut", "noise", "empty", "missing", "folder", "csv", "xlsx"])
def test_what_cannot_be_read_leaves_nothing(kind: str, call, tmp_path: Path) -> None:
    claims = tmp_path / "claims.parquet"
    write(claims, random_rows(load_pack(PEER), 2, 60))
    data = claims.read_bytes()
    if kind == "cut":
        claims.write_bytes(data[:len(data) // 2])
    elif kind == "noise":
        claims.write_bytes(data[:400] + bytes(600) + data[1000:])
    elif kind == "empty":
        claims.write_bytes(b"")
    elif kind == "csv":
        claims = tmp_path / "claims.csv"
        claims.write_bytes(b'psn_no,mdtrt_id\n"P1')
    elif kind == "xlsx":
        claims = claims.rename(tmp_path / "claims.xlsx")
    else:
        claims.unlink()
        claims = tmp_path / "empty" if kind == "folder" else claims
        (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    code, made, _ = call("batch", claims, "--pack", PEER, "--out", tmp_path / "out.parquet",
                         "--json")
    assert code == 2 and made["error"]["code"] and made["error"]["message"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("data", "code"), [
    ("psn_no,psn_no\n1,2\n".encode(), "duplicate-column"),
    ("psn_no,备注\n1,张三\n".encode("gbk"), "broken-file"),
    (b'psn_no,mdtrt_id\n1,"' + b"x" * 40_000_000 + b'"\n', "broken-file"),
    (b"psn_no,mdtrt_id\n1,2\n", "missing-column")])
def test_csv_that_cannot_be_read(data: bytes, code: str, call, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(data)
    status, made, _ = call("batch", tmp_path / "c.csv", "--pack", PEER, "--out",
                           tmp_path / "o.parquet", "--json")
    assert status == 2 and made["error"]["code"] == code and made["error"]["hint"]
    assert [path.name for path in tmp_path.iterdir()] == ["c.csv"]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    table = text_table([good_row()]).drop_columns(["insutype", "begndate"])
    with pytest.raises(CaseError, match="insutype, begndate"):
        stream.settle_table(load_pack(PEER), table)


def test_json_is_one_object(call, tmp_path: Path) -> None:
    pq.write_table(text_table([good_row()]), tmp_path / "c.parquet")
    _, made, _ = call("batch", tmp_path / "c.parquet", "--pack", PEER, "--out",
                      tmp_path / "o.parquet", "--json")
    assert made["totals"]["hifp_pay"] == "0.00" and json.dumps(made)
