"""The Python API: what `import tongchou` offers, and that mappings work like files."""
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from broken_texts import MAPPING_CASE

import tongchou

PUBLIC = {"CaseError", "Pack", "PackError", "Refusal", "SettledCase", "TongchouError",
          "__version__", "load_pack", "settle", "settle_table", "shipped_packs"}


def test_public_names() -> None:
    assert set(tongchou.__all__) == PUBLIC == set(dir(tongchou))
    for name in PUBLIC:
        assert getattr(tongchou, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tongchou.nothing


def test_it_says_that_it_is_typed() -> None:
    assert (Path(tongchou.__file__).parent / "py.typed").is_file()


def test_shipped_packs_load() -> None:
    for name in tongchou.shipped_packs():
        assert tongchou.load_pack(name).name == name


def test_mapping_with_python_values(folder: Path) -> None:
    claim = {**MAPPING_CASE["claims"][0], "begndate": date(2023, 3, 2), "referred": True,
             "setl_time": datetime(2023, 3, 18, 10), "medfee_sumamt": Decimal("86420.00"),
             "hosp_tags": ("tcm",), "episode": None, "preselfpay_amt": 2600}
    settled = tongchou.settle({"person": MAPPING_CASE["person"], "claims": [claim]},
                              folder / "pack.yaml", {"deductible": 500})
    assert settled.as_dict()["settlements"][0]["hifp_pay"] == "49992.00"  # 83,320 x 60%
    assert settled.settlements[0].claim.settled == "2023-03-18T10:00:00"


def test_place_in_a_mapping_is_its_path(folder: Path) -> None:
    claim = {**MAPPING_CASE["claims"][0], "medfee_sumamt": float("nan")}
    with pytest.raises(tongchou.Refusal) as caught:
        tongchou.settle({**MAPPING_CASE, "claims": [claim]}, folder / "pack.yaml")
    assert caught.value.where == "case.claims[0].medfee_sumamt"


def test_errors_form_one_tree() -> None:
    for name in ("PackError", "CaseError", "Refusal"):
        assert issubclass(getattr(tongchou, name), tongchou.TongchouError)
    error = tongchou.Refusal("code", "message", "file:1:2", "SP-01", "do this")
    assert str(error) == "file:1:2: message [SP-01]\n  do this"
    assert list(error.as_dict()) == ["code", "message", "where", "clause", "hint"]


def test_national_codes_and_our_names_say_the_same(folder: Path) -> None:
    """Codes of the national tables, longer ones by their beginning, beside the words we use."""
    national = {"insutype": 390, "gend": "2", "psn_type": "1403", "med_type": "2101",
                "code": "2303", "referred": False}
    ours = {"insutype": "residents", "gend": "female", "psn_type": "student",
            "med_type": "inpatient", "code": "allowance", "referred": "no"}
    read = []
    for words in (national, ours):
        person = {"psn_no": "P1", "statuses": [{"code": words["code"], "from": "2023-01-01"}],
                  **{key: words[key] for key in ("insutype", "gend", "psn_type")}}
        claim = {**MAPPING_CASE["claims"][0], "med_type": words["med_type"],
                 "referred": words["referred"], "hosp_tags": []}
        case = tongchou.settle({"person": person, "claims": [claim]}, folder / "pack.yaml",
                               "candidate").case
        read.append((case.persons, case.claims))
    assert read[0] == read[1]
    claim = read[0][1][0]
    assert (claim.referral, claim.place, claim.end) == ("missing", "local", "2023-03-02")
    assert claim.settled == "2023-03-02T12:00:00"
