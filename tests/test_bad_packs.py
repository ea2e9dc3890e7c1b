"""A malformed pack is refused with code, line, column and what to do; never with a traceback."""
import re
from pathlib import Path

import pytest
from broken_texts import MAPPING_CASE, VALID_PACK, check, line_of, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tongchou import PackError, TongchouError, load_pack, settle
from tongchou.policy import source

# What is wrong: (piece of the valid pack, what stands there instead, code). The fault is on the
# line of the replacement, or on the line of the text that FAULT_AT gives.
BROKEN = {
    "a key twice": ("state: in_force\n", "state: in_force\nstate: draft\n", "duplicate-key"),
    "a layer twice": ("  critical:\n", "  basic:\n", "duplicate-key"),
    "a tab": ("    fund: residents_basic", "\tfund: residents_basic", "yaml-syntax"),
    "full-width digits": ("amount: 200000", "amount: ２０００００", "bad-number"),
    "full-width colon": ("state: in_force", "state： in_force", "yaml-syntax"),
    "full-width colon inside a flow": ("{per: year, amount: 12000}",
                                       "{per：year, amount: 12000}", "unknown-key"),
    "full-width comma": ("{per: stay, amount: $deductible}", "{per: stay，amount: $deductible}",
                         "yaml-syntax"),
    "full-width percent": ("level3: 60%", "level3: ６０％", "rate-without-unit"),
    "thousands separator": ("amount: 200000", 'amount: "200,000"', "bad-number"),
    "three decimals": ("amount: 200000", "amount: 200000.125", "bad-number"),
    "an exponent": ("amount: 200000", "amount: 2e5", "bad-number"),
    "not a number": ("amount: 200000", "amount: .nan", "bad-number"),
    "infinite": ("amount: 200000", "amount: .inf", "bad-number"),
    "a word for a number": ("amount: 200000", "amount: plenty", "bad-number"),
    "a negative amount": ("amount: 200000", "amount: -1", "negative-number"),
    "an absurd amount": ("amount: 200000", "amount: 9" + "9" * 30, "bad-number"),
    "an unknown key": ("    ratio: {", "    ratoi: {", "unknown-key"),
    "an unknown key at the top": ("insurance:", "insurence:", "unknown-key"),
    "an unknown key in a deductible": ("{per: year, amount: 12000}",
                                       "{per: year, amont: 12000}", "unknown-key"),
    "an unknown setting": ("insurance:", "settings: {rounding: up}\ninsurance:", "unknown-word"),
    "an unknown layer in a base": ("basic.unpaid", "basik.unpaid", "unknown-part"),
    "a later layer in a base": ("base: in_policy", "base: critical.unpaid", "unknown-part"),
    "an unknown part": ("base: in_policy", "base: in_polcy", "unknown-part"),
    "an unknown residue": ("basic.unpaid", "basic.rest", "unknown-part"),
    "an unknown earlier layer": ("    fund: critical_illness",
                                 "    when: {layer: basik, did: paid}\n    fund: critical_illness",
                                 "unknown-word"),
    "an unknown fund": ("residents_basic", "residents_basics", "unknown-word"),
    "an unknown class": ("level3: 60%", "level4: 60%", "unknown-class"),
    "an unknown class in for": ("visit: inpatient", "visit: inpatients", "unknown-class"),
    "an unknown dimension": ("{by: hospital,", "{by: hospitals,", "unknown-dimension"),
    "an unknown dimension in for": ("{visit: inpatient}", "{visits: inpatient}",
                                    "unknown-dimension"),
    "an unknown insurance": ("[residents]", "[resident]", "unknown-word"),
    "an unknown identity": ("  allowance: {clause", "  allowence: {clause", "unknown-status"),
    "an unknown level": ('{level: "3"}', '{level: "4"}', "unknown-word"),
    "an unknown pot": ("cap: year", "cap: yearly", "unknown-word"),
    "an unknown period": ("{per: year, amount: 12000}", "{per: years, amount: 12000}",
                          "unknown-word"),
    "an unknown unit": ("unit: yuan", "unit: yen", "unknown-word"),
    "a rate above 100%": ("level3: 60%", "level3: 160%", "rate-above-100"),
    "a rate without its sign": ("level3: 60%", "level3: 60", "rate-without-unit"),
    "a rate as a fraction": ("level3: 60%", "level3: 0.6", "rate-without-unit"),
    "tiers that do not rise": ("to 100000: 65%", "to 50000.00: 65%", "tiers-not-rising"),
    "tiers that fall": ("to 100000: 65%", "to 40000: 65%", "tiers-not-rising"),
    "tiers without above": (", above: 75%}", "}", "tiers-gap"),
    "tiers with a strange edge": ("to 100000: 65%", "upto 100000: 65%", "unknown-key"),
    "an edge that is no number": ("to 100000: 65%", "to many: 65%", "bad-number"),
    "a part twice": ("[basic.unpaid, first_self_pay]", "[first_self_pay, first_self_pay]",
                     "part-twice"),
    "an amount and a share": ("{per: year, amount: 12000}",
                              "{per: year, amount: 12000, share: 10%, of: total}",
                              "amount-or-share"),
    "neither amount nor share": ("{per: year, amount: 12000}", "{per: year}", "amount-or-share"),
    "a deductible that says no period": ("{per: year, amount: 12000}", "12000", "unknown-word"),
    "ratio and tiers": ("    cap: year", "    tiers: {above: 60%}\n    cap: year",
                        "one-way-to-pay"),
    "no ratio at all": ("    ratio: {by: hospital, level1: 85%, level3: 60%}\n", "",
                        "one-way-to-pay"),
    "no cap": ("    cap: none\n", "", "missing-key"),
    "no deductible": ("    deductible: {per: year, amount: 12000}\n", "", "missing-key"),
    "no fund": ("    fund: critical_illness\n", "", "missing-key"),
    "no layers": ("layers:\n", "notes:\n", "missing-key"),
    "no city": ("city: springfield\n", "", "missing-key"),
    "no period in force": ("in_force: {from: 2023-01-01, to: 2023-12-31}\n", "", "missing-key"),
    "a parameter without clause": ("{unit: yuan, clause: SP-02}", "{unit: yuan}", "no-clause"),
    "a parameter with unit and choices": ("{unit: yuan, clause", "{unit: yuan, choices: [a], "
                                          "clause", "unit-or-choices"),
    "an undeclared parameter": ("$deductible", "$deductable", "unknown-parameter"),
    "a parameter of another unit": ("{unit: yuan, clause", "{unit: percent, clause", "wrong-unit"),
    "a clause of no source": ("clause: SP-05", "clause: XY-05", "unknown-clause"),
    "a clause that is no clause": ("clause: SP-05", "clause: five", "unknown-clause"),
    "dates out of order": ("to: 2023-12-31", "to: 2022-12-31", "dates-out-of-order"),
    "a date that does not exist": ("to: 2023-12-31", "to: 2023-02-30", "bad-date"),
    "a date in another form": ("to: 2023-12-31", "to: 31.12.2023", "bad-date"),
    "an adjustment that says two things": ("    cap: none", "    adjust: [{set: 90%, plus: 5%}]\n"
                                           "    cap: none", "one-change"),
    "a slope over an unknown number": ("    cap: none", "    adjust: [{fact: years, plus: 1%, "
                                       "at_most: 10%}]\n    cap: none", "unknown-word"),
    "a list for a mapping": ("{per: year, amount: 12000}", "[year, 12000]", "not-a-mapping"),
    "a mapping for a word": ("fund: critical_illness", "fund: {name: critical_illness}",
                             "not-a-word"),
    "nothing for a value": ("level3: 60%", "level3: ", "not-a-value"),
    "a list for a value": ("level3: 60%", "level3: [60%]", "not-a-value"),
    "a mapping that is no value": ("level3: 60%", "level3: {rate: 60%}", "unknown-value"),
    "layers as a list": ("layers:\n  basic:", "layers:\n  - basic:", "yaml-syntax"),
    "an unclosed bracket": ("[SP-01, SP-03]", "[SP-01, SP-03", "yaml-syntax"),
    "an alias without anchor": ("fund: critical_illness", "fund: *basic", "unknown-alias"),
    "a contribution of two kinds": ("personal: 380", "personal: 380, public: 640", "one-kind"),
    "an unknown class of an age": ("statuses:\n", "ages: {child: {to: seventeen}}\nstatuses:\n",
                                   "bad-number"),
    "a name of a layer": ("  critical:\n", "  Critical illness:\n", "bad-name"),
}


FAULT_AT = {
    "a key twice": "state: draft", "full-width colon": "in_force:",
    "ratio and tiers": "    fund: residents_basic", "no ratio at all": "    fund: residents_basic",
    "no cap": "    fund: critical_illness", "no deductible": "    fund: critical_illness",
    "no fund": "    base: [basic", "no layers": "city:", "no city": "regime:",
    "no period in force": "city:", "an unclosed bracket": "  critical:",
    "a parameter of another unit": "amount: $deductible", "layers as a list": "  critical:",
    "a name of a layer": "    fund: critical",
}


def test_the_unbroken_pack_loads(folder: Path) -> None:
    assert load_pack(folder / "pack.yaml", "candidate").name == "springfield/2023"


@pytest.mark.parametrize("name", BROKEN)
def test_malformed_pack(name: str, folder: Path, pack_text: str) -> None:
    piece, instead, code = BROKEN[name]
    line = line_of(pack_text, piece)
    broken = pack_text.replace(piece, instead, 1)
    if name in FAULT_AT:
        line = line_of(broken, FAULT_AT[name])
    (folder / "bad.yaml").write_text(broken, encoding="utf-8")
    with pytest.raises(PackError) as caught:
        load_pack(folder / "bad.yaml")
    check(caught.value, code, line)


def refusal_of(path: Path, text: str | bytes, profile: object = None) -> PackError:
    """The error of a pack file with this content."""
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(PackError) as caught:
        load_pack(path, profile)
    assert caught.value.hint and caught.value.message
    return caught.value


WHOLE_FILES = {
    "empty": ("", "empty-file", 1),
    "only a comment": ("# nothing\n", "empty-file", 1),
    "null": ("~\n", "empty-file", 1),
    "a word": ("pack\n", "not-a-mapping", 1),
    "a list": ("- city: a\n- city: b\n", "not-a-mapping", 1),
    "two documents": ("city: a\n---\ncity: b\n", "several-documents", 2),
    "a control character": ("city: a\nregime: b\x00\n", "yaml-syntax", 2),
    "a key that is a list": ("city: a\n? [b]\n: c\n", "bad-key", 2),
    "nesting without end": ("city: " + "[" * 100_000, "nested-too-deeply", 1),
    "lists in lists": ("- " * 50_000 + "a", "nested-too-deeply", 1),
    "an alias loop": ("city: a\nlayers: &x\n  b: *x\n", "yaml-loop", 3),
    "a bomb of aliases": ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join(['*' + chr(97 + k)] * 10)}]\n"
        for k in range(9)), "too-many-fields", 6),
    "a field without end": ("city: " + "a" * 200_000, "field-too-long", 1),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_file_that_is_no_pack(name: str, tmp_path: Path) -> None:
    text, code, line = WHOLE_FILES[name]
    check(refusal_of(tmp_path / "bad.yaml", text), code, line)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\x00", "城市".encode("gb18030"),
                                     "city: a".encode("utf-16")])
def test_file_that_is_no_text(content: bytes, tmp_path: Path) -> None:
    error = refusal_of(tmp_path / "bad.yaml", content)
    assert error.code == "unreadable-file" and "UTF-8" in error.message + error.hint


def test_field_of_a_gigabyte(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    with path.open("wb") as stream:  # sparse: it takes no room on the disk
        stream.write(b"city: ")
        stream.truncate(1 << 30)
    with pytest.raises(PackError) as caught:
        load_pack(path)
    assert caught.value.code == "file-too-large" and "64 MB" in caught.value.message


def test_a_file_just_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FILE_LIMIT_BYTES", 1000)
    assert refusal_of(tmp_path / "bad.yaml", "a" * 1001).code == "file-too-large"
    assert refusal_of(tmp_path / "bad.yaml", "a" * 1000).code == "not-a-mapping"


def test_a_folder_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(PackError) as caught:
        load_pack(tmp_path)
    assert caught.value.code == "unknown-pack" and caught.value.hint


@pytest.mark.parametrize("name", ["", "nowhere/1999", "no/such/file.yaml", "a\x00b", "x" * 5000,
                                  "../../no/such/pack", "zibo/"])
def test_a_pack_that_is_nowhere(name: str) -> None:
    with pytest.raises(PackError) as caught:
        load_pack(name)
    assert caught.value.code == "unknown-pack" and "Shipped packs" in caught.value.hint


class TestProfiles:
    """A profile that does not fit its pack."""

    def test_unknown_profile(self, folder: Path) -> None:
        with pytest.raises(PackError) as caught:
            load_pack(folder / "pack.yaml", "candidates")
        assert caught.value.code == "unknown-profile"
        assert caught.value.hint == "Did you mean `candidate`?"
        assert caught.value.where

    def test_sets_an_unknown_parameter(self, folder: Path, pack_text: str) -> None:
        bad = pack_text.replace("      deductible: {value", "      deductable: {value")
        error = refusal_of(folder / "bad.yaml", bad, "candidate")
        check(error, "unknown-parameter", line_of(bad, "deductable"))
        assert "`deductible`" in error.hint

    def test_given_mapping_sets_an_unknown_parameter(self, folder: Path) -> None:
        with pytest.raises(PackError) as caught:
            load_pack(folder / "pack.yaml", {"deductable": "500"})
        assert caught.value.code == "unknown-parameter" and caught.value.where

    @pytest.mark.parametrize(("entry", "code"), [
        ("{value: 500, grade: E, source: x}", "unknown-word"),
        ("{value: 500, source: x}", "missing-key"),
        ("{value: 500, grade: C}", "missing-key"),
        ("{grade: C, source: x}", "missing-key"),
        ("500", "not-a-mapping"),
        ("{value: lots, grade: C, source: x}", "bad-number"),
        ("{value: 5%, grade: C, source: x}", "bad-number"),
        ("{value: $deductible, grade: C, source: x}", "parameter-loop"),
        ("{value: {choose: $nothing, a: 1}, grade: C, source: x}", "unknown-parameter"),
        ("{value: {by: hospital, level9: 1}, grade: C, source: x}", "unknown-class"),
        ("{value: [500], grade: C, source: x}", "not-a-value"),
        ("{value: ~, grade: C, source: x}", "not-a-value"),
    ])
    def test_malformed_candidate(self, entry: str, code: str, folder: Path,
                                 pack_text: str) -> None:
        bad = pack_text.replace("{value: 500, grade: C, source: a guess}", entry)
        check(refusal_of(folder / "bad.yaml", bad, "candidate"), code, line_of(bad, entry))


class TestOverlays:
    """`extends` that leads nowhere or into a circle."""

    def test_extends_itself(self, tmp_path: Path) -> None:
        error = refusal_of(tmp_path / "bad.yaml", "extends: bad.yaml\ncity: a\n")
        assert error.code == "extends-loop" and "bad.yaml:1:10" in error.where

    def test_extends_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text("extends: b.yaml\n", encoding="utf-8")
        error = refusal_of(tmp_path / "b.yaml", "extends: a.yaml\n")
        assert error.code == "extends-loop"

    def test_missing_parent(self, tmp_path: Path) -> None:
        error = refusal_of(tmp_path / "bad.yaml", "city: a\nextends: parent.yaml\n")
        check(error, "unknown-pack", 2)

    def test_fault_in_the_parent_names_the_parent(self, folder: Path, pack_text: str) -> None:
        (folder / "parent.yaml").write_text(pack_text.replace("60%", "60"), encoding="utf-8")
        error = refusal_of(folder / "bad.yaml", "extends: parent.yaml\nregime: '2024'\n")
        assert "parent.yaml:" in error.where and error.code == "rate-without-unit"

    def test_place_of_a_new_layer(self, folder: Path, pack_text: str) -> None:
        error = refusal_of(folder / "bad.yaml", "extends: pack.yaml\nlayers:\n"
                           "  tilt: {after: nothing, fund: charity}\n")
        check(error, "unknown-layer", 3)

    def test_choice_where_none_can_stand(self, folder: Path, pack_text: str) -> None:
        bad = pack_text.replace("{from: 2023-01-01, to: 2023-12-31}",
                                "{choose: $reading, a: {from: 2023-01-01}, else: ~}").replace(
            "parameters:\n", "parameters:\n  reading: {choices: [a, b], clause: SP-01}\n")
        check(refusal_of(folder / "bad.yaml", bad), "choice-misplaced", line_of(bad, "in_force:"))


# --- any text at all ---------------------------------------------------------------------------

@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutated_pack_loads_or_says_why(
        data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = data.draw(mutated(VALID_PACK))
    (folder / "fuzz.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        pack = load_pack(folder / "fuzz.yaml", data.draw(st.sampled_from((None, "candidate"))))
        settle({**MAPPING_CASE}, pack=pack)
    except TongchouError as error:
        assert error.code and error.message and str(error)
