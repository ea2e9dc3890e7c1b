"""Fee lines through the window: split by the catalogue, corrected, settled in portions."""
from __future__ import annotations

import json

import pytest
from town import CLERK, REGION, Town, code_of, stay

from tongchou.database import Database
from tongchou.money import parse_yuan
from tongchou.settlement.catalogue import Deed, import_rows, sample_readings

LINE = {"fee_ocur_time": "2024-03-02", "hosp_appr_flag": "1"}


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town with the sample catalogue."""
    made = Town(database, tmp_path_factory.mktemp("keys"))
    items, _ = sample_readings()
    with database.connection() as connection:
        import_rows(connection, items, Deed(REGION, made.tick(), "tester", "test"))
    return made


def plain_items(town: Town) -> list:
    """Items without restrictions that have a price: a class A and a class B one."""
    with town.platform.database.connection() as connection:
        catalogue = town.platform.catalogues.of(connection, REGION)
    items, _ = sample_readings()
    codes = dict.fromkeys(row.code for row in items.records)
    found = {}
    for code in codes:
        item = catalogue.item(code, "2024-03-02")
        if item and not any(item.restrictions) and item.item_class in ("A", "B"):
            found.setdefault(item.item_class, code)
    return [found["A"], found["B"]]


def line(number: str, code: str, amount: str, **changes: object) -> dict[str, object]:
    return {"feedetl_sn": number, "med_list_codg": code, "cnt": "1", "pric": amount,
            "det_item_fee_sumamt": amount, **LINE, **changes}


def with_lines(psn_no: str, mdtrt_id: str, lines: list, **changes: object) -> dict[str, object]:
    fen = sum(parse_yuan(str(row["det_item_fee_sumamt"]).lstrip("-"))
              * (-1 if str(row["det_item_fee_sumamt"]).startswith("-") else 1) for row in lines)
    request = stay(psn_no, mdtrt_id, f"{fen // 100}.{fen % 100:02d}", feedetail=lines, **changes)
    return {name: value for name, value in request.items()
            if name not in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt")}


def test_lines_are_split_and_stored_with_the_settlement(town: Town) -> None:
    number = town.person()
    first, second = plain_items(town)
    request = with_lines(number, "L1", [line("1", first, "3.00"), line("2", second, "2.00")])
    answer = json.loads(town.settle(request))
    assert answer["medfee_sumamt"] == "5.00"
    found = town.platform.settlement(REGION, number, answer["setl_id"], who=CLERK)
    assert len(found["bill"]["lines"]) == 2 and sum(found["bill"]["parts"]) == 500


def test_a_bill_that_is_not_the_sum_of_its_lines_is_refused(town: Town) -> None:
    number = town.person()
    first, second = plain_items(town)
    request = with_lines(number, "L2", [line("1", first, "3.00"), line("2", second, "2.00")])
    assert code_of(town.settle, {**request, "medfee_sumamt": "9.00"}) == "bill-does-not-add-up"
    stated = {"fulamt_ownpay_amt": "0.00", "overlmt_selfpay": "0.00", "preselfpay_amt": "4.99"}
    assert code_of(town.settle, {**request, **stated}) == "split-differs"
    unknown = with_lines(number, "L3", [line("1", "X00", "3.00")])
    assert code_of(town.settle, unknown) == "unknown-item"


def test_a_later_portion_takes_back_a_line_of_an_earlier_one(town: Town) -> None:
    number = town.person()
    first, second = plain_items(town)
    early = with_lines(number, "L4", [line("1", first, "3.00"), line("2", second, "2.00")],
                       kind="mid_stay", setl_time="2024-03-05T10:00:00", enddate="2024-03-05")
    town.settle(early, "L4a")
    back = line("3", second, "2.00", cnt="-1", det_item_fee_sumamt="-2.00", init_feedetl_sn="2")
    late = with_lines(number, "L4", [line("4", first, "2.50"), back])
    answer = json.loads(town.settle(late, "L4b"))
    assert answer["medfee_sumamt"] == "5.50", "the stay to date: 5.00 + 2.50 - 2.00"
    again = with_lines(number, "L5", [line("4", first, "2.50"), {**back, "feedetl_sn": "9"}])
    assert code_of(town.settle, again) == "correction-without-first"


def test_a_repeat_is_answered_even_if_its_lines_are_known_by_now(town: Town) -> None:
    number = town.person()
    first, _ = plain_items(town)
    request = with_lines(number, "L6", [line("1", first, "3.00")])
    text = town.settle(request, "L6")
    assert town.settle(request, "L6") == text
    assert code_of(town.settle, request, "L6-other") in ("duplicate-line", "already-settled")


# --- what the region decides about splitting ---
def split_as(town: Town, first: str, last: str = "", **value: object) -> None:
    """Sets the region's rule for a time."""
    town.platform.enrolment.set_rule(REGION, "bill_split", {
        "unknown_item": "refuse", "tolerance_fen": 0, "unrated_level": "1", **value}, first, last,
        source="test", by="tester", why="test")
    town.platform.forget()


def test_a_region_decides_what_an_unknown_item_is_and_from_when(town: Town) -> None:
    """Out of the catalogue from 1 March on; a stay that began before is refused as ever."""
    known, number = plain_items(town)[0], town.person()
    lines = [line("1", known, "3.00"), line("2", "NOBODY-KNOWS", "7.00")]
    assert code_of(town.settle, with_lines(number, "U1", lines)) == "unknown-item"
    split_as(town, "2024-03-01", "2024-03-31", unknown_item="class_c")
    answer = json.loads(town.settle(with_lines(number, "U1", lines)))
    bill = town.platform.settlement(REGION, number, answer["setl_id"], who=CLERK)["bill"]
    assert bill["parts"][0] == 700 and sum(bill["parts"]) == 1000
    early = [line("1", "NOBODY-KNOWS", "7.00", fee_ocur_time="2024-02-29")]
    assert code_of(town.settle, with_lines(
        number, "U2", early, begndate="2024-02-29", enddate="2024-02-29",
        setl_time="2024-03-10T10:00:00")) == "unknown-item"
    split_as(town, "2024-03-01", "2024-03-31")
    assert code_of(town.settle, with_lines(number, "U3", lines)) == "unknown-item"


def test_a_region_decides_how_far_a_line_may_be_off(town: Town) -> None:
    known, number = plain_items(town)[0], town.person()
    off = line("1", known, "1.00", cnt="3", det_item_fee_sumamt="3.01")
    assert code_of(town.settle, with_lines(number, "T1", [off])) == "line-does-not-add-up"
    split_as(town, "2024-03-01", tolerance_fen=1)
    assert json.loads(town.settle(with_lines(number, "T1", [off])))["medfee_sumamt"] == "3.01"
    worse = {**off, "det_item_fee_sumamt": "3.02"}
    assert code_of(town.settle, with_lines(number, "T2", [worse])) == "line-does-not-add-up"
