"""`tongchou demo`: every bill accounted for, tables that equal the files, the example by hand."""
import contextlib
import csv
import io
import textwrap
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from tongchou.claims import casefile, mapping
from tongchou.cli import run
from tongchou.demo import read_regimes
from tongchou.demo.example import example_case
from tongchou.demo.regimes import sample_folder
from tongchou.demo.words import PHRASES, SEPARATOR, say, sentence
from tongchou.policy import shipped_packs
from tongchou.terms import AMOUNT_FIELDS

BILLS, PEOPLE = 19_371, 10_706

# Person-year 127217-5: 312.84, 3,313.42 and 3,313.42 dollars at 8.357 yuan.
EXPECTED = """
  expect:
    127217-5-outpatient-0:
      hifp_pay: 1000.00
      psn_part_amt: 1614.40
      layers: {outpatient: 1000.00}
      chosen_status: allowance
    127217-5-inpatient-1:
      act_pay_dedc: 300.00
      hifp_pay: 15684.21
      hifmi_pay: 0.00
      maf_pay: 5266.35
      psn_part_amt: 6739.69
      parts: {critical_illness.deductible: 7021.80}
    127217-5-inpatient-2:
      act_pay_dedc: 350.00
      hifp_pay: 13413.61
      hifmi_pay: 4754.23
      maf_pay: 3403.63
      psn_part_amt: 6118.78
      parts: {critical_illness.deductible: 1978.20, critical_illness.copayment: 2559.97}
  by_hand: |
    in policy scope: 82% of 2,614.40 = 2,143.81, and of 27,690.25 = 22,706.01 (the rest of three
    rounded parts)
    outpatient: (2,143.81 - 50) x 50% = 1,046.91, of which the year allows 1,000.00
    stay 1, level 2: (22,706.01 - 300) x 70% = 15,684.21; left 7,021.80
      critical illness: 7,021.80 lie under half of 18,000
      assistance: 7,021.80 x 75% = 5,266.35
    stay 2, level 3: (22,706.01 - 700 x 50%) x 60% = 13,413.61; left 9,292.40
      critical illness: (7,021.80 + 9,292.40 - 9,000) x (60% + 5%) = 4,754.23; left 4,538.17
      assistance: 4,538.17 x 75% = 3,403.63
"""


class Demonstration(NamedTuple):
    """One run of the command."""

    code: int
    text: str
    folder: Path


def demonstrated(folder: Path, *options: str) -> Demonstration:
    """`tongchou demo --out FOLDER OPTIONS`, its standard output and exit code."""
    seen = io.StringIO()
    with contextlib.redirect_stdout(seen), contextlib.redirect_stderr(io.StringIO()):
        code = run(["demo", "--out", str(folder), *options])
    return Demonstration(code, seen.getvalue(), folder)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    """The demonstration in Chinese, all regimes."""
    return demonstrated(tmp_path_factory.mktemp("demo"))


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def settled(shown: Demonstration, pack: str) -> list[dict[str, object]]:
    """The settled bills of a pack."""
    return read_once(shown.folder / f"{pack.replace('/', '-')}.parquet")


@cache
def read_once(path: Path) -> list[dict[str, object]]:
    """The rows of a Parquet file."""
    return pq.read_table(path).to_pylist()


def test_all_shipped_regimes_are_settled(shown: Demonstration) -> None:
    assert shown.code == 0
    assert sorted(regime.pack for regime in read_regimes()) == shipped_packs()


def test_every_bill_is_accounted_for(shown: Demonstration) -> None:
    wanted = Counter("-".join(row[name] for name in ("person", "year", "kind", "admission"))
                     for row in rows_of(sample_folder() / "claims.csv"))
    assert sum(wanted.values()) == BILLS
    for regime in read_regimes():
        bills = settled(shown, regime.pack)
        assert Counter(bill["mdtrt_id"] for bill in bills) == wanted, regime.pack
        assert len({bill["psn_no"] for bill in bills}) == PEOPLE
        assert not (shown.folder / f"{regime.stem}.rejects.parquet").exists()


def test_summary_is_the_sum_of_the_files(shown: Demonstration) -> None:
    summary = rows_of(shown.folder / "summary.csv")
    for regime in read_regimes():
        bills = settled(shown, regime.pack)
        schemes = [row for row in summary if row["pack"] == regime.pack]
        assert sum(int(row["claims"]) for row in schemes) == BILLS
        for name in AMOUNT_FIELDS:
            assert sum(Decimal(row[name]) for row in schemes) == \
                sum(bill[name] for bill in bills), (regime.pack, name)


def test_amounts_of_a_scheme_add_up(shown: Demonstration) -> None:
    for row in rows_of(shown.folder / "summary.csv"):
        amount = {name: Decimal(row[name]) for name in (*AMOUNT_FIELDS, "inscp_scp_amt")}
        assert amount["medfee_sumamt"] == amount["fund_pay_sumamt"] + amount["hosp_part_amt"] \
            + amount["psn_part_amt"]
        tenths = (amount["fund_pay_sumamt"] / amount["medfee_sumamt"] * 1000).quantize(Decimal(1))
        assert row["fund_share_of_total"] == f"{tenths / 10:.1f}%"
        # 12% + 1% + 5% of every bill are outside, each rounded to the fen.
        assert abs(amount["inscp_scp_amt"] - amount["medfee_sumamt"] * Decimal("0.82")) \
            < int(row["claims"]) * Decimal("0.02")


def test_schemes_are_those_of_the_mapping(shown: Demonstration) -> None:
    found: dict[str, Counter[str]] = {}
    for row in rows_of(shown.folder / "summary.csv"):
        found.setdefault(row["pack"], Counter())[row["insutype"]] += int(row["claims"])
    years = Counter(row["year"] for row in rows_of(sample_folder() / "claims.csv"))
    three = {"310": years["1"], "391": years["2"],
             "380": years["3"] + years["4"] + years["5"]}
    two = {"310": years["3"], "390": BILLS - years["3"]}
    wanted = [three, two, {"390": BILLS}]
    assert len(found) == 5
    assert all(dict(schemes) in wanted for schemes in found.values())
    assert all(schemes in map(dict, found.values()) for schemes in wanted)


def test_layers_are_the_sums_of_the_files(shown: Demonstration) -> None:
    layers = rows_of(shown.folder / "layers.csv")
    for regime in read_regimes():
        bills = settled(shown, regime.pack)
        for row in (row for row in layers if row["pack"] == regime.pack):
            paid = [bill for bill in bills if bill[f"paid_{row['layer']}"]]
            capped = [bill for bill in bills if row["layer"] in bill["capped"].split(";")]
            assert Decimal(row["paid"]) == sum(bill[f"paid_{row['layer']}"] for bill in bills)
            assert (int(row["claims_paid"]), int(row["persons_paid"])) == \
                (len(paid), len({bill["psn_no"] for bill in paid}))
            assert (int(row["claims_capped"]), int(row["persons_capped"])) == \
                (len(capped), len({bill["psn_no"] for bill in capped}))


def test_output_says_whose_bills_and_what_is_a_candidate(shown: Demonstration) -> None:
    for words in ("没有一个是中国患者", "候选值", "19,371", "按比例自付", "ZB-15"):
        assert words in shown.text
    for path in shown.folder.iterdir():
        assert path.name in shown.text
    page = (shown.folder / "explanation.html").read_text(encoding="utf-8")
    assert "不是中国患者" in page
    assert "127217-5-outpatient-0" in page
    assert "…" not in shown.text, "a cell was cut"
    lines = [line for line in shown.text.splitlines() if str(shown.folder) not in line]
    assert max(map(len, lines)) < 160, "lines without a path of the reader's fit the terminal"


def test_workbook(shown: Demonstration) -> None:
    book = CalamineWorkbook.from_path(str(shown.folder / "summary.xlsx"))
    names = [say(name, "zh") for name in ("sheet_paid", "sheet_kinds", "sheet_layers",
                                          "sheet_assumed", "sheet_candidates")]
    assert book.sheet_names == names
    paid = book.get_sheet_by_name(names[0]).to_python()
    assert paid[0][0] == say("caution", "zh")
    summary = rows_of(shown.folder / "summary.csv")
    total = sum(Decimal(row["medfee_sumamt"]) for row in summary
                if row["pack"] == paid[3][0])
    assert round(Decimal(paid[3][5]), 2) == total
    said = {row[1] for row in book.get_sheet_by_name(names[3]).to_python()[3:]}
    assert said == {sentence(text, "zh") for regime in read_regimes()
                    for text in (*regime.shared, *regime.own)}


def test_written_mapping_settles_the_same_again(shown: Demonstration, tmp_path: Path) -> None:
    regime = read_regimes()[-1]
    again = tmp_path / "again.parquet"
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(["batch", str(sample_folder() / "claims.csv"), "--mapping",
                    str(shown.folder / f"{regime.stem}.mapping.yaml"), "--out", str(again)])
    assert code == 0
    first = pq.read_table(shown.folder / f"{regime.stem}.parquet")
    assert pq.read_table(again).equals(first)
    read = mapping.read_mapping(shown.folder / f"{regime.stem}.mapping.yaml")
    assert list(read.assumptions) == [*regime.shared, *regime.own]


def test_assumptions_and_phrases_stand_in_both_languages() -> None:
    for regime in read_regimes():
        for text in (*regime.shared, *regime.own):
            zh, between, en = text.partition(SEPARATOR)
            assert between, text
            assert not zh.isascii(), text
            assert en.isascii(), text
    for zh, en in PHRASES.values():
        assert zh and en.isascii()


def test_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = [regime for regime in read_regimes() if len(regime.own) == 2]
    monkeypatch.setattr("tongchou.demo.read_regimes", lambda: one)
    found = demonstrated(tmp_path / "en", "--lang", "en")
    assert found.code == 0
    assert "none of them is a Chinese patient" in found.text
    assert "19,371 settled, 0 not settled" in found.text
    assert "…" not in found.text, "a cell was cut"


def test_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert run(["demo", "--out", str(tmp_path / "file" / "demo")]) == 2
    said = capsys.readouterr().err
    assert "cannot write there" in said
    assert "--out" in said


def test_example_by_hand(tmp_path: Path) -> None:
    case = example_case().read_text(encoding="utf-8")
    text = "- name: three bills of a year\n" + textwrap.indent(case, "  ") + EXPECTED
    (tmp_path / "case.yaml").write_text(text, encoding="utf-8")
    entry, = casefile.read_case_file(tmp_path / "case.yaml")
    assert casefile.run_case(entry) == []


def test_example_is_what_the_batch_settles(shown: Demonstration) -> None:
    from tongchou.app import settle
    case = settle(example_case())
    bills = {bill["mdtrt_id"]: bill for bill in settled(shown, case.pack.name)}
    for claim in case.as_dict()["settlements"]:
        bill = bills[claim["mdtrt_id"]]
        for name in AMOUNT_FIELDS:
            assert Decimal(claim[name]) == bill[name], (claim["mdtrt_id"], name)
        assert claim["chosen_status"] == bill["chosen_status"]
