"""A catalogue in the database: editions, both time axes, what is kept in memory (目录入库)."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from tongchou.database import Database
from tongchou.errors import Refusal
from tongchou.settlement.catalogue import (Catalogues, Deed, Imported, Item, Reading, import_rows,
                                           joined, sample_catalogue, sample_readings)

REGION, NOON = "999912", datetime(2024, 3, 1, 12, tzinfo=UTC)
BED = Item("001109000010300", "bed", "A", "bed", "service", "2023-01-01",
           price_limits_fen={"3": 4000})


def reading(*items: Item) -> Reading:
    return Reading("items.csv", "00", items, ())


def put(connection: psycopg.Connection, found: Reading, hours: int = 0, name: str = "示范区",
        ) -> Imported:
    return import_rows(connection, found, Deed(REGION, NOON + timedelta(hours=hours), "clerk",
                                               "test"), name)


@pytest.mark.both_servers
def test_the_sample_comes_back_as_it_was_and_twice_changes_nothing(
        connection: psycopg.Connection) -> None:
    both = joined(*sample_readings())
    assert put(connection, both) == Imported(1, 219, 0, 0)
    assert put(connection, both, 1) == Imported(1, 0, 0, 219)
    found, sample = Catalogues().of(connection, REGION), sample_catalogue(REGION)
    assert found.version == 1 and len(found) == len(sample) == 211
    for code in sample._items:
        assert [item._replace(row_id="") for item in found.known(code)] == list(sample.known(code))
    assert [rule._replace(row_id="") for rule in found.rules("day_treatment")] == list(
        sample.rules("day_treatment"))


@pytest.mark.both_servers
def test_a_correction_retracts_and_adds_and_the_past_stays_readable(
        connection: psycopg.Connection) -> None:
    put(connection, reading(BED))
    dearer = BED._replace(since="2024-01-01", price_limits_fen={"3": 4200})
    assert put(connection, reading(dearer), 1) == Imported(2, 2, 1, 0)
    known = Catalogues()
    old, new = known.of(connection, REGION, 1), known.of(connection, REGION)
    day = "2024-02-01"
    assert old.item(BED.code, day).price_limits_fen == {"3": 4000}
    assert new.item(BED.code, day).price_limits_fen == {"3": 4200}
    assert new.item(BED.code, "2023-12-31").price_limits_fen == {"3": 4000}
    assert new.item(BED.code, day).row_id == "2-2"
    rows = connection.execute("select count(*), count(retracted_at) from catalogue_item").fetchone()
    assert rows == (3, 1)


def test_versions_are_loaded_once(connection: psycopg.Connection) -> None:
    put(connection, reading(BED))
    known = Catalogues()
    first = known.of(connection, REGION)
    assert known.of(connection, REGION) is first is known.of(connection, REGION, 1)
    put(connection, reading(BED._replace(name="other")), 1)
    assert known.of(connection, REGION).version == 2
    assert known.of(connection, REGION, 1) is first


@pytest.mark.both_servers
def test_the_database_itself_refuses_an_overlap_and_a_change(
        connection: psycopg.Connection) -> None:
    put(connection, reading(BED))
    copy = "insert into catalogue_item select region, code, 'x', name, item_class, category, " \
        "kind, daterange('2025-01-01', null), unit, first_self_pay_ppm, price_limits_fen, " \
        "restrictions, negotiated, note, clause, known_at, known_by, why from catalogue_item"
    for statement, error in ((copy, psycopg.errors.ExclusionViolation),
                             ("update catalogue_item set name = 'x'",
                              psycopg.errors.InsufficientPrivilege),
                             ("delete from catalogue_item", psycopg.errors.InsufficientPrivilege),
                             ("delete from catalogue_edition",
                              psycopg.errors.InsufficientPrivilege)):
        with pytest.raises(error), connection.transaction():
            connection.execute(statement)


def refused(connection: psycopg.Connection, code: str, work: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        work()
    assert caught.value.code == code and caught.value.hint


def test_what_is_refused(connection: psycopg.Connection) -> None:
    refused(connection, "unknown-region", lambda: put(connection, reading(BED), name=""))
    refused(connection, "bad-region", lambda: import_rows(
        connection, reading(BED), Deed("3703", NOON, "clerk", "test"), "x"))
    refused(connection, "no-catalogue", lambda: Catalogues().of(connection, REGION))
    put(connection, reading(BED))
    refused(connection, "no-catalogue", lambda: Catalogues().of(connection, REGION, 9))
    refused(connection, "clock-went-back",
            lambda: put(connection, reading(BED._replace(name="x")), -1))


def test_imports_at_once_make_one_edition_each(fresh_database: Database) -> None:
    """All at the same moment: each waits for the one before and becomes known just after it."""
    done: list[Imported] = []

    def work(number: int) -> None:
        with fresh_database.connection() as connection:
            mine = BED._replace(code=f"0011090000{number:05d}")
            done.append(put(connection, reading(mine, BED._replace(name=f"bed {number}"))))

    threads = [Thread(target=work, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.version for one in done) == [1, 2, 3, 4, 5, 6]
    with fresh_database.connection() as connection:
        known = Catalogues()
        assert [len(known.of(connection, REGION, version)) for version in range(1, 7)] == [
            2, 3, 4, 5, 6, 7]


@pytest.mark.long
def test_50_000_items_are_imported_and_loaded_in_a_minute(fresh_database: Database) -> None:
    many = replace(reading(), records=tuple(BED._replace(code=f"00{number:013d}")
                                            for number in range(50_000)))
    begun = time.perf_counter()
    with fresh_database.connection() as connection:
        put(connection, many)
    imported = time.perf_counter()
    with fresh_database.connection() as connection:
        assert len(Catalogues().of(connection, REGION)) == 50_000
    loaded = time.perf_counter()
    with fresh_database.connection() as connection:
        assert put(connection, many, 1).unchanged == 50_000
    again = time.perf_counter()
    print(f"\n50,000 items: imported in {imported - begun:.1f} s, loaded in "
          f"{loaded - imported:.1f} s, imported again unchanged in {again - loaded:.1f} s")
    assert again - begun < 60


def test_import_from_the_command_line(tmp_path: Path, server: object, fresh_database: Database,
                                      call: Callable[..., tuple[int, object, str]]) -> None:
    good = "编码,名称,甲乙丙,收费类别,目录类别,开始日期,限价\n" \
        "001109000010300,床,甲,01,201,2023-01-01,40\n"
    path = tmp_path / "items.csv"
    path.write_text(good + "001109000010400,床,甲,01,201,2023-01-01,x\n", encoding="gb18030")
    asked = ("catalogue", "import", path, "--region", REGION, "--database", fresh_database.url,
             "--report", tmp_path / "report.xlsx", "--by", "clerk")
    code, _, said = call(*asked)
    assert code == 1 and "unknown-region" not in said and "not in this database" in said
    code, out, _ = call(*asked, "--name", "示范区", "--json")
    assert code == 1 and out["imported"] == {"version": 1, "added": 1, "retracted": 0,
                                             "unchanged": 0}
    assert out["faults"][0]["row"] == 3 and (tmp_path / "report.xlsx").is_file()
    path.write_text(good, encoding="utf-8")
    code, out, _ = call(*asked, "--json")
    assert code == 0 and out["imported"]["unchanged"] == 1
