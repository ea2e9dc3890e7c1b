"""`tongchou settle`: outputs, exit codes, errors as JSON and as sentences."""
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tongchou.terms import AMOUNT_FIELDS

Call = Callable[..., tuple[int, object, str]]
COMMAND = [sys.executable, "-c", "from tongchou.cli import main; main()"]


def started(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, check=False,
                          timeout=60, **options)


class TestJson:
    """The object of the contract."""

    def test_object(self, folder: Path, call: Call) -> None:
        code, found, errors = call("settle", folder / "case.yaml", "--json")
        assert (code, errors) == (0, "")
        assert list(found) == ["pack", "pack_hash", "profile", "candidates", "settlements"]
        assert (found["pack"], found["profile"]) == ("springfield/2023", "candidate")
        assert found["candidates"] == [{"parameter": "deductible", "value": "500", "grade": "C",
                                        "source": "a guess", "clause": "SP-02"}]
        claim = found["settlements"][0]
        assert set(AMOUNT_FIELDS) <= set(claim)
        assert claim["hifp_pay"] == "47100.00"   # (79,000 - 500) x 60%
        assert claim["hifmi_pay"] == "13500.00"  # (31,900 + 2,600 - 12,000) x 60%
        assert claim["psn_part_amt"] == "25820.00"
        assert claim["layers"][0] == {
            "layer": "basic", "fund_pay_type": "390100", "base": "79000.00",
            "deductible": "500.00", "paid": "47100.00",
            "clauses": ["SP-01", "SP-03", "SP-02", "SP-04"]}
        assert set(claim["flows"][0]) == {"part", "layer", "tier", "payer", "amount", "clause"}

    def test_flows_sum_to_the_total(self, folder: Path, call: Call) -> None:
        _, found, _ = call("settle", folder / "case.yaml", "--json")
        claim = found["settlements"][0]
        fen = sum(int(flow["amount"].replace(".", "")) for flow in claim["flows"])
        assert fen == int(claim["medfee_sumamt"].replace(".", ""))

    def test_chosen_and_rejected_status(self, folder: Path, call: Call) -> None:
        _, found, _ = call("settle", folder / "case.yaml", "--json")
        claim = found["settlements"][0]
        assert claim["chosen_status"] == "allowance"
        assert claim["rejected_statuses"] == [{"status": "none", "psn_part_amt": "25820.00"}]

    def test_without_profile_it_is_refused(self, folder: Path, call: Call, case_text: str) -> None:
        (folder / "case.yaml").write_text(case_text.replace("profile: candidate\n", ""),
                                          encoding="utf-8")
        code, found, _ = call("settle", folder / "case.yaml", "--json")
        assert code == 1
        assert set(found["error"]) == {"code", "message", "where", "clause", "hint"}
        assert (found["error"]["code"], found["error"]["clause"]) == ("unset-parameter", "SP-02")

    def test_profile_given_in_the_case(self, folder: Path, call: Call, case_text: str) -> None:
        (folder / "case.yaml").write_text(
            case_text.replace("profile: candidate", "profile: {deductible: 1000}"),
            encoding="utf-8")
        code, found, _ = call("settle", folder / "case.yaml", "--json")
        assert code == 0 and found["profile"] == {"deductible": "1000"}
        assert found["candidates"][0]["grade"] == "given"
        assert found["settlements"][0]["hifp_pay"] == "46800.00"  # (79,000 - 1,000) x 60%

    def test_options_go_before_the_case(self, folder: Path, call: Call, pack_text: str) -> None:
        (folder / "other.yaml").write_text(pack_text.replace("60%", "50%"), encoding="utf-8")
        _, found, _ = call("settle", folder / "case.yaml", "--pack", folder / "other.yaml",
                           "--profile", "candidate", "--json")
        assert found["settlements"][0]["hifp_pay"] == "39250.00"  # (79,000 - 500) x 50%

    def test_claims_come_in_order_of_settlement(self, folder: Path, call: Call,
                                                case_text: str) -> None:
        claim = case_text.partition("claims:\n")[2].replace("C1", "C0").replace("-03-", "-05-")
        head, _, first = case_text.partition("claims:\n")
        (folder / "case.yaml").write_text(f"{head}claims:\n{claim}{first}", encoding="utf-8")
        _, found, _ = call("settle", folder / "case.yaml", "--json")
        assert [entry["mdtrt_id"] for entry in found["settlements"]] == ["C1", "C0"]

    def test_contribution(self, folder: Path, call: Call) -> None:
        (folder / "case.yaml").write_text(
            "pack: pack.yaml\ncontribution: {year: 2023, statuses: [allowance]}\n",
            encoding="utf-8")
        code, found, _ = call("settle", folder / "case.yaml", "--json")
        assert code == 0 and found["settlements"] == []
        assert [(share["payer"], share["amount"]) for share in found["contribution"]] == [
            ("personal", "190.00"), ("public", "0.00"), ("medical_assistance", "190.00")]

    def test_case_in_json(self, folder: Path, call: Call) -> None:
        case = {"pack": "pack.yaml", "profile": "candidate",
                "person": {"psn_no": "P1", "insutype": "390"},
                "claims": [{"mdtrt_id": "C1", "med_type": "21", "hosp_lev": "3",
                            "referred": None, "begndate": "2023-03-02", "medfee_sumamt": 1000.5}]}
        (folder / "case.json").write_text(json.dumps(case, indent="\t"), encoding="utf-8")
        code, found, _ = call("settle", folder / "case.json", "--json")
        assert code == 0 and found["settlements"][0]["hifp_pay"] == "300.30"


class TestPeople:
    """What is shown to people."""

    def test_table_names_payers_in_both_languages(self, folder: Path, call: Call) -> None:
        code, out, _ = call("settle", folder / "case.yaml")
        assert code == 0
        for word in ("居民基本医保", "residents' basic", "47,100.00", "大病保险", "13,500.00",
                     "个人负担", "25,820.00", "86,420.00", "SP-05", "低保对象", "candidate"):
            assert word in out, word

    def test_table_of_a_contribution(self, folder: Path, call: Call) -> None:
        (folder / "case.yaml").write_text("pack: pack.yaml\ncontribution: {year: 2023}\n",
                                          encoding="utf-8")
        code, out, _ = call("settle", folder / "case.yaml")
        assert code == 0 and "380.00" in out and "个人缴费" in out

    def test_error_is_a_sentence(self, folder: Path, call: Call, case_text: str) -> None:
        (folder / "case.yaml").write_text(case_text.replace('"21"', '"88"'), encoding="utf-8")
        code, out, errors = call("settle", folder / "case.yaml")
        assert (code, out) == (1, "")
        assert "case.yaml:13:15: med_type: '88' is not a kind of visit" in errors

    @pytest.mark.parametrize("lang", ["zh", "en"])
    def test_explanation(self, lang: str, folder: Path, call: Call) -> None:
        code, out, _ = call("settle", folder / "case.yaml", "--explain", "--lang", lang)
        assert code == 0 and "47,100.00" in out and "SP-05" in out

    def test_page(self, folder: Path, call: Call) -> None:
        code, _, _ = call("settle", folder / "case.yaml", "--html", folder / "page.html")
        assert code == 0
        assert "47,100.00" in (folder / "page.html").read_text(encoding="utf-8")
        assert not [path for path in folder.iterdir() if path.name.startswith(".page")]


class TestExitCodes:
    """0 settled, 1 refused for what it asks, 2 wrong usage or unreadable."""

    @pytest.mark.parametrize(("piece", "instead", "code", "name"), [
        ('"21"', '"88"', 1, "unknown-code"), ('"390"', '"310"', 1, "no-coverage"),
        ("79000.00", "1.00", 1, "split-does-not-add-up"),
        ("begndate: 2023-03-02", "begndate: 2023-02-30", 1, "bad-date"),
        ("pack: pack.yaml", "pack: nowhere/1999", 2, "unknown-pack"),
        ("profile: candidate", "profile: nobody", 2, "unknown-profile"),
        ("psn_no: P1", "psn_no: [", 2, "yaml-syntax"),
        ("med_type", "med_typ", 2, "unknown-key"),
    ])
    def test_codes(self, piece: str, instead: str, code: int, name: str, folder: Path,
                   call: Call, case_text: str) -> None:
        (folder / "case.yaml").write_text(case_text.replace(piece, instead, 1), encoding="utf-8")
        seen, found, errors = call("settle", folder / "case.yaml", "--json")
        assert (seen, found["error"]["code"], errors) == (code, name, "")
        seen, out, errors = call("settle", folder / "case.yaml")
        assert (seen, out) == (code, "") and errors

    @pytest.mark.parametrize("arguments", [
        ["settle"], ["settle", "a", "b"], ["settle", "a", "--nothing"], ["nothing"],
        ["settle", "a", "--lang", "fr"], ["settle", "nowhere.yaml"],
        ["settle", "a", "--explain", "--html", "x.html"]])
    def test_wrong_usage(self, arguments: list[str], call: Call) -> None:
        code, found, errors = call(*arguments, "--json")
        assert code == 2 and found["error"]["hint"] and errors == ""
        code, _, errors = call(*arguments)
        assert code == 2 and errors

    def test_page_that_cannot_be_written(self, folder: Path, call: Call) -> None:
        code, _, errors = call("settle", folder / "case.yaml", "--html", folder / "no" / "page")
        assert code == 2 and "no" in errors

    def test_no_command_shows_the_help(self, call: Call) -> None:
        code, out, errors = call()
        assert code == 2 and "settle" in out + errors

    def test_version(self, call: Call) -> None:
        assert call("--version")[:2] == (0, "tongchou 0.1.0\n")

    def test_a_fault_of_our_own(self, folder: Path, call: Call,
                                monkeypatch: pytest.MonkeyPatch) -> None:
        def failing(*_: object) -> None:
            raise AssertionError("flows do not sum")

        monkeypatch.setattr("tongchou.app.settle", failing)
        code, found, _ = call("settle", folder / "case.yaml", "--json")
        assert (code, found["error"]["code"]) == (70, "internal-error")
        code, _, errors = call("settle", folder / "case.yaml")
        assert code == 70 and "report it" in errors and "TONGCHOU_DEBUG=1" in errors

    def test_stopped_by_the_user(self, folder: Path, call: Call,
                                 monkeypatch: pytest.MonkeyPatch) -> None:
        def stopped(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("tongchou.app.settle", stopped)
        assert call("settle", folder / "case.yaml")[0] == 130


class TestProcess:
    """What only shows in a process of its own."""

    def test_standard_input_and_a_pack_beside_the_caller(self, folder: Path,
                                                         case_text: str) -> None:
        done = started("settle", "-", "--json", input=case_text.encode(), cwd=folder)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["settlements"][0]["hifp_pay"] == "47100.00"

    def test_standard_input_that_is_no_text(self) -> None:
        done = started("settle", "-", "--json", input=b"\xff\xfe\x00")
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["code"] == "unreadable-file"

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a shell with pipes")
    def test_reader_that_goes_away(self, folder: Path) -> None:
        words = " ".join(f"'{word}'" for word in [*COMMAND, "settle", folder / "case.yaml"])
        done = subprocess.run(["sh", "-c", f"{words} --json | true"], capture_output=True,
                              timeout=60, check=False)
        assert done.stderr == b""

    def test_full_disk(self, folder: Path) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full here")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*COMMAND, "settle", str(folder / "case.yaml")], stdout=full,
                                  stderr=subprocess.PIPE, timeout=60, check=False)
        assert done.returncode == 2 and b"Traceback" not in done.stderr and done.stderr

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
    def test_terminal_without_chinese(self, encoding: str, folder: Path) -> None:
        environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
        for option in ("--json", "--explain", "--lang=zh"):
            done = started("settle", folder / "case.yaml", option, env=environment)
            assert done.returncode == 0, done.stderr
        done = started("settle", folder / "case.yaml", "--json", env=environment)
        assert json.loads(done.stdout)["pack"] == "springfield/2023"
