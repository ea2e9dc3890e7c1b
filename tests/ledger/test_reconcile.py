"""Reconciliation with an institution: what is lost, doubled or changed is found, nothing else."""
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tongchou.errors import CaseError
from tongchou.ledger import Line, compare, read_lines


def lines(count: int) -> list[Line]:
    return [Line(f"S{n}", str(n % 7 == 0 and 1 or 0),
                 {"residents_basic": n * 101, "fund_pay_sumamt": n * 101, "medfee_sumamt": n * 150})
            for n in range(count)]


def test_equal_days_are_equal_in_any_order() -> None:
    found = compare(lines(500), reversed(lines(500)))
    assert found.equal and found.ours_count == found.theirs_count == 500
    assert found.ours_sums == found.theirs_sums


@given(st.data())
def test_lost_doubled_and_changed_lines_are_found_and_no_others(data: st.DataObject) -> None:
    ours = lines(40)
    numbers = data.draw(st.lists(st.integers(0, 39), unique=True, max_size=12))
    lost, doubled, changed = numbers[::3], numbers[1::3], numbers[2::3]
    theirs = [line for n, line in enumerate(ours) if n not in (*lost, *changed)]
    theirs += [ours[n] for n in doubled]
    theirs += [ours[n]._replace(amounts={**ours[n].amounts, "medfee_sumamt": -1 - n})
               for n in changed]
    found = compare(ours, data.draw(st.permutations(theirs)))
    assert sorted(found.ours_only) == sorted(ours[n] for n in lost)
    assert sorted(found.theirs_only) == sorted(ours[n] for n in doubled)
    assert sorted(one.setl_id for one, _ in found.different) == sorted(f"S{n}" for n in changed)
    assert found.equal == (not numbers)
    back = compare(theirs, ours)
    assert sorted(back.theirs_only) == sorted(found.ours_only)


def test_a_changed_and_an_equal_line_of_one_number_are_told_apart() -> None:
    one, other = Line("S1", "2", {"a": 1}), Line("S1", "2", {"a": 2})
    assert compare([one, other], [other, one]).equal
    found = compare([one, other], [Line("S1", "2", {"a": 9}), one])
    assert found.different == [(other, Line("S1", "2", {"a": 9}))] and not found.ours_only


def test_a_file_is_read_in_yuan(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("setl_id,refd_setl_flag,medfee_sumamt\nS1,0,12.30\nS1,1,-12.30\n", "utf-8")
    assert read_lines(path) == [Line("S1", "0", {"medfee_sumamt": 1230}),
                                Line("S1", "1", {"medfee_sumamt": -1230})]


@pytest.mark.parametrize("text", ["setl_id\nS1\n", "id,amount\nS1,1\n", "setl_id,a\n,1\n",
                                  "setl_id,a\nS1,1.234\n", "setl_id,a\nS1,1,2\n",
                                  "setl_id,a,b\nS1,1\n"])
def test_a_broken_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "day.csv").write_text(text, "utf-8")
    with pytest.raises(CaseError) as refused:
        read_lines(tmp_path / "day.csv")
    assert "day.csv" in refused.value.where
