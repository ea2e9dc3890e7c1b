"""The RAND extract: how it is made, and that the shipped file is the one of its README."""
import csv
import hashlib
import runpy
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "make_rand_extract.py"))
SAMPLE = ROOT / "src" / "tongchou" / "samples" / "rand_hie"
COLUMNS = ["site", "zper", "year", "xage", "female", "num", "outpdol", "drugdol", "inpdol",
           "totadm"]


def made(folder: Path, *rows: list[str], sites: str = "1") -> tuple[list[str], dict[str, int]]:
    """The lines of an extract made of source rows, and its counts."""
    source, out = folder / "source.csv", folder / "claims.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    counts = SCRIPT["make_extract"](source, out, set(sites.split(",")))
    return out.read_text(encoding="utf-8").splitlines()[1:], counts


def test_one_claim_a_kind_and_an_admission(tmp_path: Path) -> None:
    lines, counts = made(tmp_path, ["1", "9", "2", "41.9", "1", "3", "10.005", "2", "100.01", "3"])
    assert lines == ["9,2,41,2,3,outpatient,0,10.01", "9,2,41,2,3,drug,0,2.00",
                     "9,2,41,2,3,inpatient,1,33.35", "9,2,41,2,3,inpatient,2,33.33",
                     "9,2,41,2,3,inpatient,3,33.33"]
    assert counts["cents"] == 1001 + 200 + 10001


def test_money_without_admission_and_admission_without_money(tmp_path: Path) -> None:
    lines, counts = made(tmp_path, ["1", "1", "1", "5", "0", "4", "0", "0", "70", "0"],
                         ["1", "2", "1", "5", "0", "4", "0", "0", "0", "2"])
    assert lines == ["1,1,5,1,4,inpatient,1,70.00"]
    assert (counts["people"], counts["person-years"], counts["without a claim"]) == (2, 2, 1)


def test_other_sites_stay_out_and_rows_are_sorted(tmp_path: Path) -> None:
    lines, _ = made(tmp_path, ["1", "10", "1", "5", "0", "4", "1", "0", "0", "0"],
                    ["2", "5", "1", "5", "0", "4", "1", "0", "0", "0"],
                    ["1", "9", "2", "5", "0", "4", "1", "0", "0", "0"],
                    ["1", "9", "1", "5", "0", "4", "1", "0", "0", "0"])
    assert [line.split(",")[:2] for line in lines] == [["9", "1"], ["9", "2"], ["10", "1"]]


@pytest.mark.parametrize(("text", "cents"), [("0.005", 1), ("1", 100), ("2.344999", 234)])
def test_cents(text: str, cents: int) -> None:
    assert SCRIPT["cents_of"](text) == cents


def test_split_evenly() -> None:
    assert SCRIPT["split_evenly"](100, 3) == [34, 33, 33]


def test_shipped_file_is_the_one_of_the_readme() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    data = (SAMPLE / "claims.csv").read_bytes()
    assert hashlib.sha256(data).hexdigest() in readme
    rows = list(csv.DictReader(data.decode().splitlines()))
    kinds, dollars = Counter(row["kind"] for row in rows), Counter()
    for row in rows:
        dollars[row["kind"]] += Decimal(row["usd"])
    for kind in ("outpatient", "drug", "inpatient"):
        assert f"| claims, {kind} | {kinds[kind]:,} | {dollars[kind]:,} |" in readme
    assert f"| claims, all | {len(rows):,} | {sum(dollars.values()):,} |" in readme
    assert all(Decimal(row["usd"]) > 0 for row in rows)
