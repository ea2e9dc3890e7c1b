"""`tongchou ledger ...` on a real database: what it prints, writes, refuses and leaves behind."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from beancount import loader
from journal_rows import INSTITUTION, REGION, fill, noon, settle, tampering
from tongchou.database import Database

Call = Callable[..., tuple[int, object, str]]
DAY = "2024-03-01"
BASIC_FEN = 20 * 100_00 + 2 * sum(range(10))


@pytest.fixture
def books(fresh_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Two days of bills; DATABASE_URL names their database."""
    fill(fresh_database)
    monkeypatch.setenv("DATABASE_URL", fresh_database.url)
    return fresh_database


def test_verify_says_what_is_wrong(books: Database, call: Call) -> None:
    code, found, _ = call("ledger", "verify", "--json")
    assert code == 0 and found["sound"] and found["entries"] == 20
    with tampering(books) as connection:
        connection.execute("update journal_entry set amounts[1] = amounts[1] + 1 "
                           "where shard = 7 and seq = 3")
    code, found, _ = call("ledger", "verify", "--json")
    assert code == 1 and [(row["region"], row["shard"], row["seq"], row["what"])
                          for row in found["findings"]] == [(REGION, 7, 3, "posting 1")]
    code, text, _ = call("ledger", "verify", "--region", REGION)
    assert code == 1 and f"{REGION} shard 7 seq 3: posting 1" in text


def test_close_and_export(books: Database, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "close.json"
    words = ("ledger", "close", "--region", REGION, "--day", DAY)
    code, text, _ = call(*words, "--out", out)
    assert code == 0 and "待遇支出" in text
    sealed = json.loads(out.read_text("utf-8"))
    code, again, _ = call(*words, "--json")
    assert code == 0 and again == sealed
    export = ("ledger", "export", "--region", REGION, "--day", DAY, "--out")
    for name in ("day.beancount", "day.xlsx"):
        assert call(*export, tmp_path / name)[0] == 0
    entries, errors, _ = loader.load_file(str(tmp_path / "day.beancount"))
    assert entries and not errors
    assert call(*export, tmp_path / "day.txt")[0] == 2
    assert call("ledger", "export", "--region", REGION, "--day", "2024-03-02", "--out",
                tmp_path / "x.xlsx")[0] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["close.json", "day.beancount",
                                                                "day.xlsx"]


@pytest.mark.parametrize(("words", "code"), [
    (("close", "--region", REGION, "--day", "2099-01-01"), 1),
    (("close", "--region", REGION, "--day", "yesterday"), 2),
    (("close", "--region", "999999", "--day", DAY), 1),
    (("pay", "--region", REGION, "--filing", "F", "--step", "x", "--on", DAY, "--amount", "a=1"),
     2),
    (("filings", "--region", REGION, "--rules", "nowhere"), 2),
    (("filings", "--region", REGION, "--rules", "no/such/file.csv"), 2),
    (("workdays", "--from", "2026-12-30", "--days", "9"), 1)])
def test_wrong_words_end_in_a_sentence(books: Database, call: Call, words: tuple[str, ...],
                                       code: int) -> None:
    found, out, errors = call("ledger", *words)
    assert found == code and errors and "internal" not in errors + str(out)


def test_a_database_must_be_named(call: Call, monkeypatch: pytest.MonkeyPatch,
                                  tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    code, found, _ = call("ledger", "verify", "--json")
    assert code == 2 and found["error"]["code"] == "no-database"
    code, found, _ = call("ledger", "verify", "--data", tmp_path / "none", "--json")
    assert code == 2 and found["error"]["code"] == "no-database"
    assert not list(tmp_path.iterdir())
    code, found, _ = call("ledger", "verify", "--database", "postgresql:///x?host=/nowhere",
                          "--json")
    assert code == 1 and found["error"]["code"] == "database-unavailable"


def test_reconcile_names_the_lines(books: Database, call: Call, tmp_path: Path) -> None:
    with books.connection() as connection:
        settle(connection, "P1", "SX", {"residents_basic": 5}, noon(DAY, 1500), institution="H2")
        settle(connection, "P1", "SX", {"residents_basic": -5}, noon(DAY, 1501), institution="H2",
               kind="reversal", person_fen=-30_00)
    day = ("--region", REGION, "--day", "2024-03-02")
    call("ledger", "close", *day)
    theirs = tmp_path / "day.csv"
    words = ("ledger", "reconcile", *day, "--institution", "H2", "--theirs", theirs, "--json")
    head = "setl_id,refd_setl_flag,medfee_sumamt,fund_pay_sumamt,psn_part_amt\n"
    theirs.write_text(head + "SX,0,30.05,0.05,30.00\nSX,1,-30.05,-0.05,-30.00\n", "utf-8")
    code, found, _ = call(*words)
    assert code == 0 and found["equal"] and found["ours_count"] == 2, found
    theirs.write_text(head + 2 * "SX,0,30.06,0.05,30.01\n" + "SY,0,1,1,0\n", "utf-8")
    code, found, _ = call(*words)
    assert code == 1
    assert [row["setl_id"] for row in found["theirs_only"]] == ["SX", "SY"]
    assert [row["refund"] for row in found["ours_only"]] == ["1"] and len(found["different"]) == 1
    assert "金额不符" in call(*words[:-1])[1]


@pytest.mark.clause("BJ-47", "BJ-48", "BJ-49")
def test_a_month_is_cleared_from_the_command_line(books: Database, call: Call) -> None:
    call("ledger", "close", "--region", REGION, "--day", "2024-03-31")
    where = ("--region", REGION, "--json")
    filing = ("--filing", "F1")
    rules = ("--rules", "bijie")
    code, found, _ = call("ledger", "filings", *where, *rules, "--today", "2024-04-16")
    assert code == 0 and [row["payer"] for row in found["unfiled"]] == ["agency", "insurer"]
    assert all(row["overdue"] for row in found["unfiled"])
    yuan = f"residents_basic={BASIC_FEN // 100}.{BASIC_FEN % 100:02d}"
    code, found, _ = call("ledger", "file", *where, *filing, *rules, "--institution", INSTITUTION,
                          "--month", "2024-03", "--payer", "agency", "--received", "2024-04-03",
                          "--amount", yuan)
    assert code == 0 and found["due_fen"] == {"residents_basic": 140063}, found
    pay = ("ledger", "pay", *where, *filing, "--step")
    code, found, _ = call(*pay, "advance", "--on", "2024-04-10", "--amount",
                          "residents_basic=1400.64")
    assert code == 1 and found["error"]["code"] == "payment-differs"
    early = ("advance", "--on", "2024-04-10", "--amount", "residents_basic=1400.63")
    assert call(*pay, *early)[0] == 0 and call(*pay, *early)[0] == 0
    code, found, _ = call("ledger", "review", *where, *filing, "--on", "2024-04-20", "--deduct",
                          "residents_basic=0.27", "--why", "double line")
    assert code == 0 and found["due_fen"] == {"residents_basic": 60000}
    code, found, _ = call("ledger", "filings", *where, *rules, "--today", "2024-05-30")
    assert [(row["overdue"], row["owed_fen"]) for row in found["filings"]] == [("rest", 60000)]
    assert call(*pay, "rest", "--on", "2024-04-25", "--amount", "residents_basic=600")[0] == 0
    code, found, _ = call("ledger", "verify", "--json")
    assert code == 0 and {"region": REGION, "account": "bank", "fund": "residents_basic",
                          "institution": "", "amount_fen": -200063} in found["balances"]
