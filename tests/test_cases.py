"""Every worked case that stands beside a pack comes out as it says, one test per case."""
from pathlib import Path

import pytest

from tongchou import CaseError
from tongchou.claims.casefile import CaseEntry, read_case_file, run_case
from tongchou.policy import packs_folder


def collected() -> list[object]:
    """One parameter per case; a file that cannot be read becomes one that fails."""
    found = []
    for path in sorted(packs_folder().glob("*/cases/*.yaml")):
        place = f"{path.parent.parent.name}/{path.stem}"
        try:
            found += [pytest.param(entry, id=f"{place}: {entry.name}")
                      for entry in read_case_file(path)]
        except CaseError as error:
            found.append(pytest.param(error, id=place))
    return found


@pytest.mark.parametrize("entry", collected())
def test_case(entry: CaseEntry | CaseError) -> None:
    if isinstance(entry, CaseError):
        pytest.fail(str(entry), pytrace=False)
    differences = run_case(entry)
    if differences:
        pytest.fail("\n".join([f"{entry.where}: {entry.name}", *differences, entry.by_hand]),
                    pytrace=False)


# --- the runner itself ---------------------------------------------------------------------------

CASE = """\
- name: one stay
  clauses: [SP-01]
  pack: ../pack.yaml
  profile: candidate
  person: {psn_no: P1, insutype: "390", statuses: [{code: allowance, from: 2023-01-01}]}
  claims:
    - {mdtrt_id: C1, med_type: "21", hosp_lev: "3", begndate: 2023-03-02, medfee_sumamt: 86420.00,
       fulamt_ownpay_amt: 4820.00, preselfpay_amt: 2600.00}
  expect:
    C1:
      hifp_pay: 47100.00
      psn_part_amt: 25820.00
      layers: {critical: 13500.00}
      parts: {basic.copayment: 31400.00, basic.deductible: 500.00, out_of_catalogue: 4820.00,
              first_self_pay: 0.00}
      chosen_status: allowance
  by_hand: (79,000 - 500) x 60% = 47,100
- name: no number without a profile
  pack: ../pack.yaml
  profile: null
  person: {psn_no: P1, insutype: "390"}
  claims: [{mdtrt_id: C1, med_type: "21", hosp_lev: "3", begndate: 2023-03-02, medfee_sumamt: 1}]
  refuse: {code: unset-parameter, clause: SP-02}
- name: the contribution
  pack: ../pack.yaml
  contribution: {year: 2023, statuses: [allowance]}
  expect_contribution: {personal: 190.00, public: 0.00, medical_assistance: 190.00}
"""


@pytest.fixture
def casefile(folder: Path) -> Path:
    """A case file that passes, in a folder `cases` beside its pack."""
    (folder / "cases").mkdir()
    (folder / "cases" / "stays.yaml").write_text(CASE, encoding="utf-8")
    return folder / "cases" / "stays.yaml"


def test_runner_passes_what_is_right(casefile: Path) -> None:
    entries = read_case_file(casefile)
    assert [entry.clauses for entry in entries] == [("SP-01",), (), ()]
    assert [run_case(entry) for entry in entries] == [[], [], []]


@pytest.mark.parametrize(("index", "piece", "instead", "said"), [
    (0, "hifp_pay: 47100.00", "hifp_pay: 47100.01", "C1: hifp_pay is 47100.00, not 47100.01"),
    (0, "critical: 13500.00", "critical: 0.00", "C1: layers.critical is 13500.00, not 0.00"),
    (0, "critical: 13500.00", "critisal: 0.00", "there is no layers entry critisal"),
    (0, "basic.deductible: 500.00", "basic.deductible: 5", "basic.deductible is 500.00, not 5.00"),
    (0, "out_of_catalogue: 4820.00", "out_of_catalogue: 0", "is 4820.00, not 0.00"),
    (0, "basic.deductible: 500.00", "basic.deductable: 0", "no parts entry basic.deductable"),
    (0, "chosen_status: allowance", "chosen_status: none", "allowance, not none"),
    (0, "preselfpay_amt: 2600.00", "preselfpay_amt: 99999.00", "refused: "),
    (1, "code: unset-parameter", "code: no-value", "'unset-parameter' instead of 'no-value'"),
    (1, "clause: SP-02", "clause: SP-01", "refused with clause 'SP-02' instead of 'SP-01'"),
    (1, "profile: null", "profile: candidate", "but was settled"),
    (2, "personal: 190.00", "personal: 380.00", "personal pays 190.00, not 380.00"),
])
def test_runner_says_what_is_wrong(index: int, piece: str, instead: str, said: str,
                                   casefile: Path) -> None:
    casefile.write_text(CASE.replace(piece, instead), encoding="utf-8")
    differences = run_case(read_case_file(casefile)[index])
    assert any(said in difference for difference in differences), differences


@pytest.mark.parametrize(("piece", "instead", "code"), [
    ("  by_hand:", "  byhand:", "unknown-key"),
    ("      hifp_pay:", "      hifp:", "unknown-key"),
    ("    C1:\n", "    C2:\n", "unknown-key"),
    ("  refuse: {code: unset-parameter, clause", "  refuse: {clause", "missing-field"),
    ("  refuse: {code", "  refuse: {line: 1, code", "unknown-key"),
    ("  refuse: {code: unset-parameter, clause: SP-02}\n", "", "one-expectation"),
    ("  expect_contribution:", "  expect:", "one-expectation"),
    ("name: the contribution", "name: one stay", "duplicate-name"),
    ("- name: one stay\n", "- note: one stay\n", "missing-field"),
    ("layers: {critical: 13500.00}", "layers: [critical]", "not-a-mapping"),
])
def test_case_file_with_a_slip_is_refused(piece: str, instead: str, code: str,
                                          casefile: Path) -> None:
    casefile.write_text(CASE.replace(piece, instead, 1), encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        read_case_file(casefile)
    assert caught.value.code == code and "stays.yaml:" in caught.value.where


def test_expected_amount_that_is_no_amount(casefile: Path) -> None:
    casefile.write_text(CASE.replace("hifp_pay: 47100.00", "hifp_pay: lots"), encoding="utf-8")
    with pytest.raises(Exception, match="hifp_pay: 'lots'"):
        read_case_file(casefile)
