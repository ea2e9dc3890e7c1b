"""From files to files: both commands, what clearing gets, what is refused, indices (成批运行)."""
from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from dip_tables import EXAMPLE, cases

from tongchou.cli import run
from tongchou.errors import CaseError, TongchouError
from tongchou.payment import generate_cases, load_scheme
from tongchou.payment.clearing import read_scored
from tongchou.payment.dip import (
    indices,
    monitoring,
    read_catalogue,
    read_region,
    read_terms,
)

REGION = str(EXAMPLE / "region.yaml")
# What `tongchou payment clear` reads of a case.
FOR_CLEARING = {"case", "hospital", "insurance", "month", "score_milli", "cost_fen",
                "patient_fen", "fund_fen"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cases and the catalogue that the command builds from them."""
    folder = tmp_path_factory.mktemp("dip")
    pq.write_table(generate_cases(load_scheme("tutorial"), 4000, 2), folder / "cases.parquet")
    assert run(["payment", "catalogue", str(folder / "cases.parquet"), "--region", REGION,
                "--national", str(EXAMPLE / "national"), "--out", str(folder / "own")]) == 0
    return folder


def points(made: Path, *more: str, file: str = "cases.parquet", out: str = "points.csv") -> int:
    return run(["payment", "points", str(made / file), "--region", REGION, "--catalogue",
                str(made / "own"), "--out", str(made / out), *more])


def test_the_catalogue_says_what_it_rests_on(made: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["payment", "catalogue", str(made / "cases.parquet"), "--region", REGION,
                "--national", str(EXAMPLE / "national"), "--out", str(made / "again"),
                "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["years"] == [2023, 2024, 2025] and said["groups"]["basic"] > 20
    assert said["core_share_ppm"] > 500_000 and said["bonus_unused"] == []
    assert {"parameter": "building.related_extra", "value": "10%", "grade": "B",
            "source": "draft"} in said["candidates"]
    assert 500_000 <= round(float(said["values"]["all"]) * 1000) * 1000 <= 50_000_000


def test_the_catalogue_of_the_page_is_what_the_command_gives(tmp_path: Path) -> None:
    assert run(["payment", "catalogue", str(EXAMPLE / "cases.csv"), "--region", REGION,
                "--national", str(EXAMPLE / "national"), "--out", str(tmp_path)]) == 0
    for file in (EXAMPLE / "catalogue").glob("*.csv"):
        assert (tmp_path / file.name).read_text(encoding="utf-8") == file.read_text(
            encoding="utf-8"), file.name


def test_a_catalogue_read_again_is_the_same(made: Path, tmp_path: Path) -> None:
    from tongchou.payment.dip.catalogue_write import write_catalogue
    first = read_catalogue(made / "own", "v")
    write_catalogue(first, tmp_path / "copy")
    assert read_catalogue(tmp_path / "copy", "v") == first


@pytest.mark.parametrize("out", ["points.csv", "points.parquet", "points.xlsx"])
def test_scores_in_every_format_carry_what_clearing_reads(made: Path, out: str) -> None:
    assert points(made, out=out) == 0
    if out.endswith(".xlsx"):
        return
    table = pq.read_table(made / out) if out.endswith("parquet") else pa.csv.read_csv(made / out)
    assert FOR_CLEARING <= set(table.column_names) and table.num_rows == 4000
    assert min(table.column("score_milli").to_pylist()) >= 0
    assert set(table.column("insurance").to_pylist()) == {"employees", "residents"}
    assert all(len(month) == 7 for month in table.column("month").cast(pa.string()).to_pylist())


@pytest.mark.parametrize("out", ["year.csv", "year.parquet"])
def test_clearing_takes_what_points_writes(made: Path, out: str) -> None:
    table = pq.read_table(made / "cases.parquet")
    pq.write_table(table.filter(pa.compute.field("year") == 2025), made / "year-cases.parquet")
    assert points(made, file="year-cases.parquet", out=out) == 0
    known = {(hospital, insurance) for hospital in table.column("hospital").to_pylist()
             for insurance in ("employees", "residents")}
    read = read_scored(made / out, 2025, known)
    assert read.refused == 0 and read.rows > 1000 and min(read.cases.points_milli) >= 0


def test_a_case_in_two_files_is_told(made: Path, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    file = str(made / "cases.parquet")
    assert run(["payment", "catalogue", file, file, "--region", REGION, "--national",
                str(EXAMPLE / "national"), "--out", str(tmp_path), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["rejected"] == 4000 and said["cases"] == 4000


def test_every_factor_of_a_score_stands_beside_it(made: Path) -> None:
    """The printed factors, multiplied by hand in their order, give the printed score."""
    points(made)
    with (made / "points.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["group"]:
                score = int(row["group_points_milli"])
                for factor in ("multiplier_ppm", "coefficient_ppm", "auxiliary_ppm",
                               "violation_ppm"):
                    score = (2 * score * int(row[factor]) + 10 ** 6) // (2 * 10 ** 6)
                assert score == int(row["score_milli"]), row


def test_a_trace_and_reports_by_command(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert points(made, "--trace", "C2-0000002", "--trace", "C2-0000001", "--reports",
                  str(made / "reports")) == 0
    said = capsys.readouterr().out
    assert "C2-0000002: principal" in said and "takes it" in said and "nearest other" in said
    with (made / "reports" / "indices.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and sum(int(row["cases"]) for row in rows) == 4000
    assert points(made, "--trace", "nobody") == 2
    assert points(made, "--reports", str(made / "cases.parquet")) == 2, "a file is in the way"
    assert "cannot make the folder" in capsys.readouterr().err


BAD = """case,hospital,hospital_level,insurance,dx,px,cost_yuan,admitted,discharged,age_years,born
A1,H1,3,employees,I10.x00,,1000,2025-01-02,2025-01-05,,
A2,H1,3,employees,,,1000,2025-01-02,2025-01-05,,
A3,H1,3,employees,I10.x00,,-5,2025-01-02,2025-01-05,,
A4,H1,3,employees,I10.x00,,1000,2025-01-05,2025-01-02,,
A5,H1,3,employees,I10.x00,,1000,2025-01-02,2025-01-05,7,1980-01-01
A6,H1,9,employees,I10.x00,,1000,2025-01-02,2025-01-05,,
A7,H1,3,,I10.x00,,1000,2025-01-02,2025-01-05,,
A1,H1,3,employees,I10.x00,,1000,2025-01-02,2025-01-05,,
A8,H1,3,employees,I10.x00,,,2025-01-02,2025-01-05,,
"""


def test_bad_rows_are_refused_with_row_field_and_reason(made: Path) -> None:
    (made / "bad.csv").write_text(BAD, encoding="utf-8")
    assert points(made, file="bad.csv", out="bad-points.csv") == 1
    with (made / "bad-points.rejects.csv").open(newline="", encoding="utf-8") as file:
        told = {(row["row"], row["field"], row["code"]) for row in csv.DictReader(file)}
    assert told == {("2", "dx", "missing-principal-diagnosis"),
                    ("3", "cost_yuan", "negative-amount"),
                    ("4", "discharged", "dates-out-of-order"),
                    ("5", "age_years", "age-and-birth-disagree"),
                    ("6", "hospital_level", "unknown-code"), ("7", "insurance", "missing-field"),
                    ("8", "case", "duplicate-case"), ("9", "cost_yuan", "missing-field")}
    with (made / "bad-points.csv").open(encoding="utf-8") as file:
        assert [row["case"] for row in csv.DictReader(file)] == ["A1"]


@pytest.mark.parametrize(("old", "new", "code", "said"), [
    ("source: draft\n  standard", "standard", "no-source", "deviation"),
    ('under: "< 50%"', 'under: "50%"', "no-sign", "< 50%"),
    ('over: "> 200%"', 'over: "> 40%"', "bands-overlap", "share cases"),
    ('under: "<= 300%"', 'under: "< 100%"', "bands-overlap", "empty"),
    ('over: "> 300%"', 'over: ">= 300%"', "bands-overlap", "share cases"),
    ("plus: 100%", "plus: -100%", "negative-number", "below 0"),
    ("standard: payment", "standart: payment", "unknown-key", "standart"),
    ("payment_standard", "paid", "unknown-word", "level_mean"),
    ("source: draft\n  standard", "source: nobody\n  standard", "unknown-source", "nobody"),
    ("grade: B", "grade: D", "unknown-word", "A, B, C, X"),
    ('"> 300%"', '"> 5001%"', "bad-number", "5000%"),
    ("base: ../region.yaml", "base: gone.yaml", "unreadable-file", "gone.yaml"),
    ("base: ../region.yaml", "base: again.yaml", "nested-base", "again.yaml")])
def test_a_wrong_region_is_refused_with_line_and_column(old: str, new: str, code: str, said: str,
                                                        tmp_path: Path) -> None:
    text = (EXAMPLE / "deviations" / "national-draft.yaml").read_text(encoding="utf-8")
    assert old in text
    folder = tmp_path / "deviations"
    folder.mkdir()
    for place, own in ((tmp_path / "region.yaml", (EXAMPLE / "region.yaml").read_text(
            encoding="utf-8")), (folder / "again.yaml", text),
            (folder / "wrong.yaml", text.replace(old, new, 1))):
        place.write_text(own, encoding="utf-8")
    with pytest.raises(TongchouError) as refused:
        read_region(folder / "wrong.yaml")
    assert refused.value.code == code and said in str(refused.value)


def test_a_value_nobody_settled_is_asked_for_by_name(made: Path, tmp_path: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(REGION).read_text(encoding="utf-8").replace("  related_extra: 10%\n", "")
    (tmp_path / "open.yaml").write_text(text, encoding="utf-8")
    assert run(["payment", "catalogue", str(made / "cases.parquet"), "--region",
                str(tmp_path / "open.yaml"), "--out", str(tmp_path / "own"), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)["error"]
    assert said["code"] == "unset-parameter" and "building.related_extra" in said["message"]


@pytest.mark.parametrize(("file", "row", "code"), [
    ("standards.csv", "gone,1,2025,5,100", "dangling-group"),
    ("standards.csv", "all,all,2025,,100", "duplicate-row"),
    ("standards.csv", "all,3,2024,,100", "bad-standards"),
    ("coefficients.csv", ",,4,,100%,", "unknown-word"),
    ("coefficients.csv", ",,3,,100%,", "duplicate-row"),
    ("coefficients.csv", ",,,gone,100%,", "dangling-group"),
    ("coefficients.csv", ",,,,much,", "bad-number"),
    ("auxiliary.csv", "gone,age,old,120%,,,", "dangling-group"),
    ("values.csv", "somebody,0", "bad-number")])
def test_a_wrong_catalogue_folder_is_refused(made: Path, file: str, row: str, code: str,
                                             tmp_path: Path) -> None:
    for one in (made / "own").glob("*.csv"):
        (tmp_path / one.name).write_bytes(one.read_bytes())
    with (tmp_path / file).open("a", encoding="utf-8") as target:
        target.write(row + "\n")
    with pytest.raises(CaseError) as refused:
        read_terms(tmp_path, read_catalogue(tmp_path))
    assert refused.value.code == code and file in refused.value.where


def test_indices_compare_with_the_mean_of_each_group() -> None:
    """H1 has the costly group at half its usual days; 1 is average."""
    table = cases(*({"hospital": hospital, "stay_days": days, "cost_fen": fen * 100}
                    for hospital, days, fen in (("H1", 5, 300), ("H2", 15, 100))))
    table = table.append_column("group", pa.array(["A", "A"])).append_column(
        "group_points_milli", pa.array([1_500_000, 1_500_000]))
    found = indices(table).to_pylist()
    assert [row["cmi_ppm"] for row in found] == [1_500_000, 1_500_000]
    assert [row["time_index_ppm"] for row in found] == [500_000, 1_500_000]
    assert [row["cost_index_ppm"] for row in found] == [1_500_000, 500_000]


def test_indicators_count_by_hospital() -> None:
    table = cases({"hospital": "H1"}, {"hospital": "H1"}, {"hospital": "H2"})
    found = monitoring(table, {"over-long": pa.array([True, False, False]).to_numpy(
        zero_copy_only=False)}).to_pylist()
    assert [(row["hospital"], row["flagged"], row["share_ppm"]) for row in found] == [
        ("H1", 1, 500_000), ("H2", 0, 0)]
