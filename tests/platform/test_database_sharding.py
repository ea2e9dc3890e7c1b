"""One pooling area over two plain PostgreSQL clusters: every person's rows lie in one of them."""
from collections.abc import Callable, Iterator

import psycopg
import pytest
from servers import DEBIAN_PROGRAMS, make_database
from plain_orders import REGION, books, order, write

from tongchou.database import (SHARDS, Database, LocalServer, Router, ShardRange, migrate,
                               parse_ranges, shard_of)
from tongchou.errors import Refusal

PEOPLE = [f"P{number:04}" for number in range(200)]
PERSON_TABLES = ("settlement", "outcome", "person_year", "journal_entry", "idempotency",
                 "outbox", "chain")


@pytest.fixture(scope="module")
def router(new_server: Callable[..., LocalServer]) -> Iterator[Router]:
    """Shards 0-31 in one cluster, 32-63 in another: Debian's where there is one."""
    kinds = ("embedded", "debian" if DEBIAN_PROGRAMS.exists() else "embedded")
    halves = []
    for kind, first in zip(kinds, (0, 32), strict=True):
        server = new_server(kind)
        make_database(server, "tongchou")
        database = Database(server.url(), server=server)
        migrate(database)
        halves.append(ShardRange("*", first, first + 31, database))
    made = Router(halves)
    for number, psn_no in enumerate(PEOPLE):
        place = made.database_of(REGION, shard_of(REGION, psn_no))
        place.transact(lambda c, n=number, p=psn_no: write(c, order(p, f"S{n}", n + 1)),
                                repeatable=True)
    yield made
    made.close()


def test_the_clusters_are_two(router: Router) -> None:
    def cluster(connection: psycopg.Connection) -> tuple[int, str]:
        row = connection.execute("select system_identifier, version() from pg_control_system()")
        return row.fetchone()  # type: ignore[return-value]

    identifiers = router.everywhere(cluster)
    print(*(version.split(" on ")[0] for _, version in identifiers), sep=" and ")
    assert len({identifier for identifier, _ in identifiers}) == 2


def test_a_persons_rows_lie_in_one_cluster_only(router: Router) -> None:
    for table in PERSON_TABLES:
        def shards(connection: psycopg.Connection, table: str = table) -> set[int]:
            return {row[0] for row in connection.execute(f"select distinct shard from {table}")}

        first, second = router.everywhere(shards)
        assert first and second and max(first) < 32 <= min(second), table
        assert first | second == {shard_of(REGION, psn_no) for psn_no in PEOPLE}, table


def test_the_sums_over_both_are_right(router: Router) -> None:
    parts = router.everywhere(books)
    expected = sum(range(1, len(PEOPLE) + 1))
    totals = {}
    for part in parts:
        for account, _, _, fen in part["sums"]:
            totals[account] = totals.get(account, 0) + fen
    counts = [part["settlements"][0] for part in parts]
    print(f"{counts[0]} + {counts[1]} settlements, {expected} fen in all")
    assert totals == {"expense": expected, "payable": -expected} and sum(counts) == len(PEOPLE)


def test_a_retry_is_not_written_again_where_the_first_was(router: Router) -> None:
    again = order(PEOPLE[0], "S0", 1)
    place = router.database_of(REGION, again["years"][0]["shard"])
    for known in (again, again | {"years": [{**again["years"][0], "version": 1}]}):
        with pytest.raises(psycopg.Error) as caught, place.connection() as connection:
            write(connection, known)
        assert caught.value.sqlstate == "TC003"
    with place.connection() as connection:
        assert connection.execute("select reply from idempotency where key = %s",
                                  [again["answers"][0]["key"]]).fetchone() == (again["reply"],)


def test_people_in_two_clusters_are_not_written_together(router: Router) -> None:
    assert router.together(REGION, [3, 31]) is router.database_of(REGION, 3)
    with pytest.raises(Refusal) as refused:
        router.together(REGION, [3, 32])
    assert refused.value.code == "shards-apart"


def test_what_is_wrong_with_the_ranges_is_said() -> None:
    one, two = Database("dbname=one"), Database("dbname=two")
    cases = {"shards-uncovered": [ShardRange("*", 0, 30, one), ShardRange("*", 32, 63, two)],
             "shards-doubled": [ShardRange("*", 0, 32, one), ShardRange("*", 32, 63, two)]}
    for code, ranges in cases.items():
        with pytest.raises(Refusal) as refused:
            Router(ranges)
        assert refused.value.code == code
    only = Router([ShardRange("110000", 0, SHARDS - 1, one)])
    with pytest.raises(Refusal) as refused:
        only.database_of("120000", 0)
    assert refused.value.code == "region-not-routed"


def test_ranges_are_read_from_text() -> None:
    text = "# north and south\n* 0-31 host=a\n* 32-63 host=b\n\n110000 0-63 host=a\n"
    ranges = parse_ranges(text, Database)
    router = Router(ranges)
    assert [one.url for one in router.databases] == ["host=b", "host=a"] or len(ranges) == 3
    assert router.database_of("120000", 40).url == "host=b"
    assert router.database_of("110000", 40) is router.database_of("120000", 4)
    for line in ("* 0-64 host=a", "* 0 host=a", "* 5-4 host=a", "nonsense"):
        with pytest.raises(Refusal) as refused:
            parse_ranges(line, Database)
        assert refused.value.code == "shards-unreadable"
