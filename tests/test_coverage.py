"""The coverage table counts a clause as done only when a test names it."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tongchou.policy import coverage

CLAUSES_IN_THE_SHEETS = 236


def test_every_clause_of_the_sheets_has_a_row() -> None:
    found = coverage.find_coverage()
    assert len(found.rows) == CLAUSES_IN_THE_SHEETS
    assert found.tests_folder is not None and found.faults == []
    for counts in (found.summary("city"), found.summary("kind")):
        assert sum(sum(row.values()) for row in counts.values()) == CLAUSES_IN_THE_SHEETS


def test_a_mark_counts_as_a_test() -> None:
    row = next(row for row in coverage.find_coverage().rows if row.clause == "BJ-40")
    assert row.state == "done"
    assert any("test_a_status_never_costs" in place for place in row.tests)


def test_marks_are_found_without_running_anything(tmp_path: Path) -> None:
    path = tmp_path / "test_some.py"
    path.write_text('import pytest\n\n@pytest.mark.clause("AA-01", "AA-02")\ndef test_one():\n'
                    '    raise SystemExit\n\n@pytest.mark.other("AA-03")\ndef test_two():\n'
                    '    pass\n\n@pytest.mark.clause("AA-04")\nclass TestThree:\n    pass\n',
                    encoding="utf-8")
    assert list(coverage.marked_tests(path)) == [
        ("AA-01", "test_some.py:4 test_one"), ("AA-02", "test_some.py:4 test_one"),
        ("AA-04", "test_some.py:12 TestThree")]


def test_a_mark_of_a_clause_that_does_not_exist_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        'import pytest\n\n@pytest.mark.clause("BJ-999", "QQ-01")\ndef test_one(): ...\n',
        encoding="utf-8")
    assert coverage.find_coverage(tmp_path).faults == \
        ["test_some.py:4 test_one: BJ-999 is in no fact sheet"]


@pytest.mark.parametrize(("fields", "state"), [
    ({}, "nothing yet"), ({"assumptions": ["a"]}, "assumption"),
    ({"assumptions": ["a"], "parameters": ["p"]}, "parameter"),
    ({"parameters": ["p"], "rules": ["r"]}, "rule"), ({"rules": ["r"], "tests": ["t"]}, "done"),
    ({"cases": ["c"]}, "done"),
])
def test_the_state_is_the_strongest_proof(fields: dict[str, list[str]], state: str) -> None:
    assert coverage.Row("AA-01", "here", "I", "benefit", "seed", "a rule", **fields).state == state


def test_percentages_have_one_decimal() -> None:
    assert coverage.percentage(1, 3) == "33.3%"
    assert coverage.percentage(236, 236) == "100.0%"
    assert coverage.percentage(0, 0) == "-"


def test_an_installed_package_says_that_it_has_no_tests(
        monkeypatch: pytest.MonkeyPatch, call: Callable[..., tuple[int, object, str]]) -> None:
    monkeypatch.setattr(coverage, "own_tests", lambda: None)
    code, text, _ = call("pack", "coverage")
    assert code == 0 and "without the folder tests/" in text


def test_the_command_prints_counts_and_rows(
        call: Callable[..., tuple[int, object, str]]) -> None:
    code, found, _ = call("pack", "coverage", "--json")
    assert code == 0 and found["clauses"] == CLAUSES_IN_THE_SHEETS and found["tests_read"]
    row = next(row for row in found["rows"] if row["clause"] == "LF-19")
    assert row["state"] == "done" and row["rules"] and row["cases"]
    code, text, _ = call("pack", "coverage", "--all")
    assert code == 0 and "LF-19" in text and f"of {CLAUSES_IN_THE_SHEETS} clauses" in text
