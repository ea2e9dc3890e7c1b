"""A case that is malformed or says something impossible is refused with place and advice."""
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from broken_texts import MAPPING_CASE, VALID_CASE, VALID_PACK, check, line_of, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tongchou import CaseError, PackError, Refusal, TongchouError, load_pack, settle
from tongchou.claims import open_case
from tongchou.policy import source

# Malformed: (piece of the valid case, what stands there instead, code).
MALFORMED = {
    "an unknown field of a claim": ("med_type:", "med_typ:", "unknown-key"),
    "an unknown field of a person": ("  insutype:", "  insurtype:", "unknown-key"),
    "an unknown field of a status": ("from: 2023-01-01", "form: 2023-01-01", "unknown-key"),
    "an unknown field at the top": ("claims:", "claim:", "unknown-key"),
    "full-width colon": ("psn_no: P1", "psn_no： P1", "yaml-syntax"),
    "a tab": ("    med_type", "\tmed_type", "yaml-syntax"),
    "no claims": ("claims:\n", "claims: []\nnote:\n", "empty-list"),
    "claims as a word": ("claims:\n", "claims: none\nnote:\n", "not-a-list"),
    "a claim as a word": ("claims:\n", "claims:\n  - C0\n", "not-a-mapping"),
    "a person as a list": ("person:\n", "person: [P1]\nnote:\n", "not-a-mapping"),
    "statuses as a word": ("statuses:\n    - {code: allowance, from: 2023-01-01, to: 2023-12-31}",
                           "statuses: allowance", "not-a-list"),
    "a status as a word": ("{code: allowance, from: 2023-01-01, to: 2023-12-31}", "allowance",
                           "not-a-mapping"),
    "tags as a word": ("    place: local", "    hosp_tags: tcm", "not-a-list"),
    "facts as a list": ("{years_insured: 6}", "[6]", "not-a-mapping"),
    "an amount as a list": ('"86420.00"', "[86420.00]", "not-a-word"),
    "an empty text": ("mdtrt_id: C1", 'mdtrt_id: ""', "empty-field"),
    "a date as a mapping": ("begndate: 2023-03-02", "begndate: {day: 2}", "not-a-word"),
    "a profile as a list": ("profile: candidate", "profile: [candidate]", "wrong-type"),
    "person and persons": ("claims:\n", "persons: []\nclaims:\n", "person-or-persons"),
    "a contribution beside claims": ("claims:\n", "contribution: {year: 2023}\nclaims:\n",
                                     "wrong-type"),
}
MISSING = ("  psn_no: P1\n", '  insutype: "390"\n', '    med_type: "21"\n',
           "    begndate: 2023-03-02\n", '    medfee_sumamt: "86420.00"\n')

# Readable, but impossible or unknown: refused.
IMPOSSIBLE = {
    "three decimals": ('"86420.00"', "86420.005", "too-many-decimals"),
    "not a number": ('"86420.00"', ".nan", "bad-amount"),
    "infinite": ('"86420.00"', ".inf", "bad-amount"),
    "words": ('"86420.00"', "many", "bad-amount"),
    "a thousands separator": ('"86420.00"', '"86,420.00"', "bad-amount"),
    "full-width digits": ('"86420.00"', "８６４２０", "bad-amount"),
    "Arabic digits": ('"86420.00"', "٨٦٤٢٠", "bad-amount"),
    "an exponent": ('"86420.00"', "8.642e4", "bad-amount"),
    "a sign of money": ('"86420.00"', "￥86420", "bad-amount"),
    "absurdly much": ('"86420.00"', "9" * 30, "amount-too-large"),
    "longer than any number": ('"86420.00"', "9" * 5000, "amount-too-large"),
    "a negative amount": ('"86420.00"', '"-86420.00"', "negative-amount"),
    "a negative part": ('"4820.00"', "-4820.00", "negative-amount"),
    "a split that does not add up": ("79000.00", "79000.01", "split-does-not-add-up"),
    "self-paid parts above the total": ('"86420.00"', "7000", "split-does-not-add-up"),
    "an end before the beginning": ("enddate: 2023-03-18", "enddate: 2023-03-01",
                                    "dates-out-of-order"),
    "a settlement before the beginning": ("setl_time: 2023-03-18T10:00:00",
                                          "setl_time: 2023-03-01T10:00:00", "dates-out-of-order"),
    "a status that starts after it ends": ("to: 2023-12-31", "to: 2022-12-31",
                                           "status-dates-out-of-order"),
    "a status recognised on another day": ("to: 2023-12-31", "recognised: 2023-06-01",
                                           "dates-out-of-order"),
    "born after the stay": ("brdy: 1958-03-01", "brdy: 2023-03-19", "dates-out-of-order"),
    "a day that does not exist": ("begndate: 2023-03-02", "begndate: 2023-02-30", "bad-date"),
    "a month that does not exist": ("begndate: 2023-03-02", "begndate: 2023-13-02", "bad-date"),
    "the year nought": ("brdy: 1958-03-01", "brdy: 0000-03-01", "bad-date"),
    "a date in another form": ("begndate: 2023-03-02", "begndate: 02/03/2023", "bad-date"),
    "a date without strokes": ("begndate: 2023-03-02", "begndate: 20230302", "bad-date"),
    "a week for a date": ("begndate: 2023-03-02", "begndate: 2023-W09-4", "bad-date"),
    "an hour that does not exist": ("T10:00:00", "T25:00:00", "bad-date"),
    "a time with a zone": ("T10:00:00", "T10:00:00Z", "bad-date"),
    "an unknown kind of visit": ('med_type: "21"', 'med_type: "88"', "unknown-code"),
    "a kind of visit mistyped": ('med_type: "21"', "med_type: inpatent", "unknown-code"),
    "an unknown insurance": ('insutype: "390"', 'insutype: "393"', "unknown-code"),
    "an unknown sex": ('gend: "1"', "gend: M", "unknown-code"),
    "an unknown level": ('hosp_lev: "3"', 'hosp_lev: "4"', "unknown-code"),
    "a level in words": ('hosp_lev: "3"', "hosp_lev: 三级", "unknown-code"),
    "an unknown place": ("place: local", "place: locale", "unknown-code"),
    "a referral that is no answer": ("referred: true", "referred: perhaps", "unknown-code"),
    "an unknown identity": ("code: allowance", "code: allowence", "unknown-code"),
    "an unknown identity code": ("code: allowance", 'code: "2399"', "unknown-code"),
    "an unknown class of persons": ('gend: "1"', 'psn_type: "77"', "unknown-code"),
    "a number the pack does not know": ("years_insured: 6", "years_insurd: 6", "unknown-fact"),
    "a number that is a fraction": ("years_insured: 6", "years_insured: 6.5", "bad-number"),
    "a number below nought": ("years_insured: 6", "years_insured: -6", "bad-number"),
    "a number beyond reason": ("years_insured: 6", "years_insured: 99999999999", "bad-number"),
    "a claim of somebody else": ("mdtrt_id: C1", "mdtrt_id: C1\n    psn_no: P2",
                                 "missing-person"),
    "insurance that is not covered": ('insutype: "390"', 'insutype: "310"', "no-coverage"),
}
FAULT_AT = {
    "a contribution beside claims": "psn_no: P1",
    "full-width colon": "insutype", "a claim as a word": "- C0",
    "no claims": "claims:", "person and persons": "pack:", "born after the stay": "- mdtrt_id",
    "self-paid parts above the total": "7000", "a claim of somebody else": "psn_no: P2",
}


def broken(folder: Path, piece: str, instead: str) -> str:
    """Writes the valid case with a piece replaced as bad.yaml; gives its text."""
    assert VALID_CASE.count(piece) >= 1, f"{piece!r} is not in the valid case"
    text = VALID_CASE.replace(piece, instead, 1)
    (folder / "bad.yaml").write_text(text, encoding="utf-8")
    return text


def test_the_unbroken_case_settles(folder: Path) -> None:
    settled = settle(folder / "case.yaml").as_dict()
    assert settled["settlements"][0]["hifp_pay"] == "47100.00"  # (79,000 - 500) x 60%


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_case(name: str, folder: Path) -> None:
    piece, instead, code = MALFORMED[name]
    text = broken(folder, piece, instead)
    with pytest.raises(CaseError) as caught:
        settle(folder / "bad.yaml")
    check(caught.value, code, line_of(text, FAULT_AT.get(name, instead)))


def test_a_field_twice(folder: Path) -> None:
    text = broken(folder, '  gend: "1"\n', '  gend: "1"\n  psn_no: P2\n')
    with pytest.raises(CaseError) as caught:
        settle(folder / "bad.yaml")
    check(caught.value, "duplicate-key", line_of(text, "psn_no: P2"))


@pytest.mark.parametrize("piece", MISSING)
def test_missing_field(piece: str, folder: Path) -> None:
    text = VALID_CASE.replace(piece, "")
    (folder / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        settle(folder / "bad.yaml")
    field = piece.strip().partition(":")[0]
    check(caught.value, "missing-field", None)
    assert f"`{field}`" in caught.value.message


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_case(name: str, folder: Path) -> None:
    piece, instead, code = IMPOSSIBLE[name]
    text = broken(folder, piece, instead)
    with pytest.raises(Refusal) as caught:
        settle(folder / "bad.yaml")
    error = caught.value
    if code == "no-coverage":
        error.where = error.where.partition(" (claim")[0]
        check(error, code, line_of(text, "- mdtrt_id"))
    else:
        check(error, code, line_of(text, FAULT_AT.get(name, instead)))
    assert len(error.message) < 300


@pytest.mark.parametrize(("piece", "instead", "near"), [
    ("code: allowance", "code: allowence", "`allowance`"),
    ("place: local", "place: locla", "`local`"),
    ("med_type: \"21\"", "med_type: inpatent", "`inpatient`"),
    ("years_insured: 6", "years_insurd: 6", "`years_insured`"),
    ("med_type:", "med_typ:", "`med_type`"),
])
def test_hint_names_the_nearest_word(piece: str, instead: str, near: str, folder: Path) -> None:
    broken(folder, piece, instead)
    with pytest.raises(TongchouError) as caught:
        settle(folder / "bad.yaml")
    assert near in caught.value.hint


def test_two_claims_with_one_id(folder: Path) -> None:
    claim = VALID_CASE.partition("claims:\n")[2]
    (folder / "bad.yaml").write_text(VALID_CASE + claim, encoding="utf-8")
    with pytest.raises(Refusal) as caught:
        settle(folder / "bad.yaml")
    check(caught.value, "duplicate-claim", None)
    assert "bad.yaml:12:5" in caught.value.hint


class TestFamilies:
    """`persons:` and whose claim is whose."""

    def case(self, **changes: object) -> dict[str, object]:
        """A family of two with a claim each."""
        people = [{"psn_no": name, "insutype": "390", "family_id": "F"} for name in ("P1", "P2")]
        claims = [{**MAPPING_CASE["claims"][0], "mdtrt_id": f"C{name}", "psn_no": name}
                  for name in ("P1", "P2")]
        return {"persons": people, "claims": claims, **changes}

    def test_settles(self, folder: Path) -> None:
        found = settle(self.case(), folder / "pack.yaml", "candidate").as_dict()
        assert [entry["psn_no"] for entry in found["settlements"]] == ["P1", "P2"]

    def test_a_claim_must_say_whose(self, folder: Path) -> None:
        case = self.case(claims=[MAPPING_CASE["claims"][0]])
        with pytest.raises(CaseError) as caught:
            settle(case, folder / "pack.yaml", "candidate")
        assert caught.value.code == "missing-field" and caught.value.where == "case.claims[0]"

    def test_two_people_with_one_number(self, folder: Path) -> None:
        person = MAPPING_CASE["person"]
        with pytest.raises(Refusal) as caught:
            settle(self.case(persons=[person, person]), folder / "pack.yaml", "candidate")
        assert caught.value.code == "duplicate-person"

    def test_nobody(self, folder: Path) -> None:
        with pytest.raises(CaseError) as caught:
            settle(self.case(persons=[]), folder / "pack.yaml", "candidate")
        assert caught.value.code == "empty-list"


class TestRulesThatGiveNoAnswer:
    """Well-formed cases that the pack refuses."""

    def test_unset_parameter_names_the_clause(self, folder: Path) -> None:
        with pytest.raises(Refusal) as caught:
            settle({**MAPPING_CASE}, folder / "pack.yaml")
        assert (caught.value.code, caught.value.clause) == ("unset-parameter", "SP-02")
        assert "profile" in caught.value.hint

    def test_not_in_force(self, folder: Path) -> None:
        claim = {**MAPPING_CASE["claims"][0], "begndate": "2024-01-01"}
        with pytest.raises(Refusal) as caught:
            settle({**MAPPING_CASE, "claims": [claim]}, folder / "pack.yaml", "candidate")
        assert caught.value.code == "not-in-force"
        assert caught.value.where == "case.claims[0] (claim C1)"

    @pytest.mark.parametrize(("fact", "hint"), [("years_insured", "years_insured"),
                                                ("age", "brdy")])
    def test_missing_fact(self, fact: str, hint: str, folder: Path) -> None:
        pack = VALID_PACK.replace("    cap: none", f"    adjust: [{{fact: {fact}, plus: 1%, "
                                  "at_most: 10%, clause: SP-09}]\n    cap: none")
        (folder / "pack.yaml").write_text(pack, encoding="utf-8")
        with pytest.raises(Refusal) as caught:
            settle({**MAPPING_CASE}, folder / "pack.yaml", "candidate")
        assert (caught.value.code, caught.value.clause) == ("missing-fact", "SP-09")
        assert hint in caught.value.hint and "claim C1" in caught.value.where

    def test_no_value_for_a_class(self, folder: Path) -> None:
        claim = {**MAPPING_CASE["claims"][0], "hosp_lev": "2"}
        with pytest.raises(Refusal) as caught:
            settle({**MAPPING_CASE, "claims": [claim]}, folder / "pack.yaml", "candidate")
        assert caught.value.code == "no-value" and caught.value.hint

    def test_contribution_of_an_unknown_year(self, folder: Path) -> None:
        with pytest.raises(Refusal) as caught:
            settle({"contribution": {"year": 1999}}, folder / "pack.yaml")
        assert caught.value.code == "no-contribution"


class TestFiles:
    """What is no case at all."""

    @pytest.mark.parametrize(("content", "code"), [
        (b"", "empty-file"), (b"- a\n- b\n", "not-a-mapping"), (b"case", "not-a-mapping"),
        (b"\x89PNG\r\n\x1a\n", "unreadable-file"), ("个".encode("gb18030"), "unreadable-file"),
        (b"a: " + b"[" * 100_000, "nested-too-deeply"), (b"a: &a [*a]", "yaml-loop"),
        (b"pack: " + b"x" * 200_000, "field-too-long"), (b'{"pack": "a", }}', "yaml-syntax"),
        (b'{"pack": "a"', "yaml-syntax")])
    def test_no_case(self, content: bytes, code: str, tmp_path: Path) -> None:
        (tmp_path / "bad.yaml").write_bytes(content)
        with pytest.raises(CaseError) as caught:
            settle(tmp_path / "bad.yaml")
        assert caught.value.code == code and caught.value.hint and caught.value.where

    def test_field_of_a_gigabyte(self, tmp_path: Path) -> None:
        with (tmp_path / "bad.yaml").open("wb") as stream:
            stream.write(b"pack: ")
            stream.truncate(1 << 30)
        with pytest.raises(CaseError) as caught:
            settle(tmp_path / "bad.yaml")
        assert caught.value.code == "file-too-large"

    def test_no_file_and_no_right(self, tmp_path: Path) -> None:
        for path in (tmp_path / "nowhere.yaml", tmp_path):
            with pytest.raises(CaseError) as caught:
                settle(path)
            assert caught.value.code == "unreadable-file"

    def test_no_pack_named(self) -> None:
        with pytest.raises(CaseError) as caught:
            settle(MAPPING_CASE)
        assert caught.value.code == "missing-field" and "--pack" in caught.value.hint

    def test_unknown_pack_and_profile(self, folder: Path) -> None:
        for change in ({"pack": "nowhere/1999"}, {"pack": "pack.yaml", "profile": "candidates"},
                       {"pack": "pack.yaml", "profile": {"deductable": 1}}):
            with pytest.raises(PackError) as caught:
                settle({"pack": "pack.yaml", **MAPPING_CASE, **change}, **(
                    {"pack": folder / "pack.yaml"} if "profile" in change else {}))
            assert caught.value.hint

    @pytest.mark.parametrize(("content", "code"), [(b"\xff\xfe", "unreadable-file"),
                                                   (b"", "empty-file"),
                                                   (b"x" * 2000, "file-too-large")])
    def test_standard_input(self, content: bytes, code: str,
                            monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tongchou.claims.case.FILE_LIMIT_BYTES", 1000)
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        with pytest.raises(CaseError) as caught:
            open_case("-")
        assert caught.value.code == code and "standard input" in caught.value.where


def test_json_may_be_indented_with_tabs(folder: Path) -> None:
    text = '{\n\t"pack": "a\\tb",\t"name": "\\u4f4e\\u4fdd",\n\t"claims": []\n}'
    (folder / "bad.json").write_text(text, encoding="utf-8")
    opened = open_case(folder / "bad.json")
    assert opened.pack == "a\tb" and opened.root.items["name"].text == "低保"


def test_limits_leave_room_for_real_files() -> None:
    assert source.FILE_LIMIT_BYTES == 64_000_000 and source.SIZE_LIMIT >= 1_000_000


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutated_case_settles_or_says_why(data: st.DataObject,
                                          tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "pack.yaml").write_text(VALID_PACK, encoding="utf-8")
    text = data.draw(mutated(VALID_CASE))
    (folder / "fuzz.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        settle(folder / "fuzz.yaml").as_dict()
    except TongchouError as error:
        assert error.code and error.message and str(error)


def test_a_loaded_pack_keeps_its_profile(folder: Path) -> None:
    pack = load_pack(folder / "pack.yaml", "candidate")
    assert settle(folder / "case.yaml", pack).as_dict()["profile"] == "candidate"
    with pytest.raises(ValueError, match="bound to its profile"):
        settle(folder / "case.yaml", pack, "candidate")
