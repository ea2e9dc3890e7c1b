"""Signed day closes: whoever can write every row, but lacks the key file, is named."""
from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psycopg
import pytest
from journal_rows import REGION, fill, noon, tampering

from tongchou.database import Database
from tongchou.ledger import (PublicKey, check_signatures, close_day, close_signature, public_keys,
                             verify)
from tongchou.ledger.canonical import canonical_text
from tongchou.ledger.close_store import close_hash
from tongchou.privacy import (KeyRing, SigningKey, add_signing_key, is_signed, make_key_file,
                              read_keys)

DAYS = [date(2024, 3, day) for day in (1, 2, 4)]
LATER = noon("2024-03-10")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key file with a signing key that is older than every close here."""
    path = tmp_path / "keys.json"
    make_key_file(path)
    found = json.loads(path.read_text())
    found["signing"][0]["made"] = "2024-01-01T00:00:00+00:00"
    path.write_text(json.dumps(found))
    return path


@pytest.fixture
def books(fresh_database: Database, key_file: Path) -> Database:
    """Two days of bills and three signed closes."""
    fill(fresh_database)
    with fresh_database.connection() as connection:
        for day in DAYS:
            close_day(connection, REGION, day, LATER, "tester", read_keys(key_file).signer)
    return fresh_database


def checked(books: Database, ring: KeyRing) -> list[str]:
    """What verification of books and signatures names."""
    with books.connection() as connection:
        findings = verify(connection).findings
        findings += check_signatures(connection, public_keys(ring)).findings
    return [one.what for one in findings]


def forge(connection: psycopg.Connection) -> None:
    """Makes the last two closes anew, hashes and all, as if the second day had been quiet."""
    before = connection.execute("select hash from day_close where day = %s",
                                (DAYS[0],)).fetchone()[0]
    for day in DAYS[1:]:
        body = json.loads(connection.execute("select body from day_close where day = %s",
                                             (day,)).fetchone()[0])
        body["closed_by"] = "nobody"
        text = canonical_text(body)
        hashed = close_hash(bytes(before), text)
        connection.execute("update day_close set body = %s, prev_hash = %s, hash = %s "
                           "where day = %s", (text, before, hashed, day))
        before = hashed


def test_every_close_is_signed_and_the_signature_is_of_it(books: Database, key_file: Path) -> None:
    ring = read_keys(key_file)
    with books.connection() as connection:
        found = check_signatures(connection, public_keys(ring))
        again = close_day(connection, REGION, DAYS[1], LATER, "another", ring.signer)
        one = close_signature(connection, again)
    assert (found.signed, found.unsigned, found.findings) == (3, 0, [])
    assert is_signed(ring.signer.public, b"tongchou day close\n" + again.hash, one.signature)
    assert not is_signed(ring.signer.public, b"tongchou day close\n" + again.prev_hash,
                         one.signature)
    assert checked(books, ring) == []


def test_closes_made_anew_are_named(books: Database, key_file: Path) -> None:
    """The chain of hashes is sound again; the signature is what tells."""
    with tampering(books) as connection:
        forge(connection)
    with books.connection() as connection:
        assert verify(connection).sound, "hashes alone cannot know"
    assert checked(books, read_keys(key_file)) == [
        f"signature of the close of {day}" for day in DAYS[1:]]


@pytest.mark.parametrize(("change", "what"), [
    ("update close_signature set signature = set_byte(signature, 5, 1 - get_byte(signature, 5) "
     "% 2) where day = '2024-03-02'", "signature of the close of 2024-03-02"),
    ("update close_signature set public_key = set_byte(public_key, 0, 255 - "
     "get_byte(public_key, 0)) where day = '2024-03-04'", "signing key of the close of 2024-03-04"),
    ("update close_signature a set signature = b.signature from close_signature b "
     "where a.day = '2024-03-01' and b.day = '2024-03-02'", "signature of the close of 2024-03-01"),
    ("delete from close_signature where day = '2024-03-02'",
     "signature of the close of 2024-03-02"),
    ("delete from day_close where day = '2024-03-04'",
     "signature without a close of the close of 2024-03-04")])
def test_a_tampered_signature_is_named(change: str, what: str, books: Database, key_file: Path,
                                       ) -> None:
    with tampering(books) as connection:
        connection.execute(change)
    assert checked(books, read_keys(key_file)) == [what]


def test_another_key_signs_nothing(books: Database, key_file: Path) -> None:
    """Who has taken the server but not the key file signs with a key of his own."""
    own = SigningKey(1, b"k" * 32, "2024-01-01")
    with tampering(books) as connection:
        forge(connection)
        for day, hashed in connection.execute("select day, hash from day_close").fetchall():
            connection.execute(
                "update close_signature set public_key = %s, signature = %s where day = %s",
                (own.public, own.sign(b"tongchou day close\n" + bytes(hashed)), day))
    assert checked(books, read_keys(key_file)) == [
        f"signing key of the close of {day}" for day in DAYS]


def test_all_signatures_taken_away_are_named(books: Database, key_file: Path) -> None:
    """The key is older than the closes, so they must have had one."""
    with tampering(books) as connection:
        connection.execute("delete from close_signature")
    assert checked(books, read_keys(key_file)) == [
        f"signature of the close of {day}" for day in DAYS]
    with books.connection() as connection:
        assert check_signatures(connection, []).as_dict() == {"signed": 0, "unsigned": 3}


def test_the_service_cannot_change_a_signature(books: Database) -> None:
    for change in ("update close_signature set key_id = 2", "delete from close_signature"):
        with books.connection() as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute(change)
        assert refused.value.sqlstate == "42501"


def test_a_new_key_signs_from_now_on(books: Database, key_file: Path) -> None:
    """Older closes stay with the older key; without it they are of a key nobody knows."""
    added = add_signing_key(key_file)
    ring = read_keys(key_file)
    assert ring.signer == added and added.key_id == 2
    with books.connection() as connection:
        close = close_day(connection, REGION, date(2024, 3, 5), LATER, "tester", ring.signer)
        assert close_signature(connection, close).key_id == 2
        assert check_signatures(connection, public_keys(ring)).findings == []
        only_new = check_signatures(connection, [PublicKey(added.public)])
    assert len(only_new.findings) == len(DAYS)


def test_closes_before_there_was_a_key(fresh_database: Database, key_file: Path) -> None:
    fill(fresh_database)
    ring = read_keys(key_file)
    with fresh_database.connection() as connection:
        for day, signer in zip(DAYS, (None, ring.signer, None), strict=True):
            close_day(connection, REGION, day, LATER, "tester", signer)
        known = [PublicKey(ring.signer.public)]
        assert [one.what for one in check_signatures(connection, known).findings] == [
            f"signature of the close of {DAYS[2]}"], "after a signed one all are"


# --- the command ----------------------------------------------------------------------------------
@pytest.fixture
def run(books: Database, key_file: Path, monkeypatch: pytest.MonkeyPatch,
        call: Callable[..., tuple[int, object, str]]) -> Callable:
    """The command line with this database and key file."""
    monkeypatch.setenv("DATABASE_URL", books.url)
    monkeypatch.setenv("TONGCHOU_KEY_FILE", str(key_file))
    return lambda *words: call("ledger", *words)


def test_the_command_checks_signatures_and_kept_closes(
        run: Callable, books: Database, key_file: Path, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "close.json"
    code, found, _ = run("close", "--region", REGION, "--day", "2024-03-02", "--out", out, "--json")
    assert code == 0 and json.loads(out.read_text()) == found and found["key_id"] == 1
    code, keys, _ = run("public-key", "--json")
    assert code == 0 and keys[0]["public_key"] == found["public_key"]
    for words in ((), ("--close", out), ("--public-key", found["public_key"], "--close", out)):
        code, report, _ = run("verify", "--json", *words)
        assert code == 0 and report["signed"] == 3 and report["signatures_checked"], words
    code, report, _ = run("verify", "--json", "--public-key", "0" * 64)
    assert code == 1 and {row["what"] for row in report["findings"]} == {
        f"signing key of the close of {day}" for day in DAYS}
    assert run("verify", "--public-key", "12")[0] == 2
    with tampering(books) as connection:
        forge(connection)
        connection.execute("delete from close_signature")
    monkeypatch.delenv("TONGCHOU_KEY_FILE")
    code, report, _ = run("verify", "--json", "--data", tmp_path / "none")
    assert code == 0 and not report["signatures_checked"], "nothing to check them with"
    code, report, _ = run("verify", "--json", "--data", tmp_path / "none", "--close", out)
    assert code == 1 and report["findings"][0]["what"] == \
        "hash in the database of the close of 2024-03-02"
    assert run("public-key", "--data", tmp_path / "none")[0] == 2


def test_a_kept_close_that_was_changed_is_named(run: Callable, tmp_path: Path) -> None:
    out = tmp_path / "close.json"
    run("close", "--region", REGION, "--day", "2024-03-02", "--out", out)
    found = json.loads(out.read_text())
    changed = {"body": {**found, "close": {**found["close"], "closed_by": "x"}},
               "signature": {**found, "signature": "00" * 64},
               "unsigned": {name: value for name, value in found.items() if name != "signature"}}
    for name, content in changed.items():
        out.write_text(json.dumps(content))
        code, report, _ = run("verify", "--json", "--close", out)
        named = {row["what"].split(" of the close")[0] for row in report["findings"]}
        assert code == 1 and "signature in the file" in named, (name, named)
        assert ("hash in the file" in named) == (name == "body")
    for content in ("", "{}", "[]", '{"close": {"day": "x"}}', "\0"):
        out.write_text(content)
        code, report, _ = run("verify", "--json", "--close", out)
        assert code == 2 and report["error"]["code"] == "bad-close-file", content


def test_signing_keys_of_the_key_file(key_file: Path,
                                      call: Callable[..., tuple[int, object, str]]) -> None:
    code, text, _ = call("people", "new-key", key_file, "--signing")
    ring = read_keys(key_file)
    assert code == 0 and ring.signer.public.hex() in text and len(ring.signing) == 2
    found = json.loads(key_file.read_text())
    del found["signing"]
    key_file.write_text(json.dumps(found))
    assert read_keys(key_file).signer is None, "a file of an earlier version signs nothing"
    for wrong in ([{"id": 1}], [{"id": 1, "secret": "AAAA", "made": ""}], "x"):
        key_file.write_text(json.dumps({**found, "signing": wrong}))
        with pytest.raises(Exception, match="cannot be used"):
            read_keys(key_file)
