"""Several databases side by side, each with its range of shards (分库路由).

A distributed PostgreSQL does this by itself; with plain servers the application asks here. A
person's rows lie in one database only, small tables in every one, and sums are added up.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from ..errors import Refusal
from .connections import Database
from .sharding import SHARDS

Result = TypeVar("Result")
ANY_REGION = "*"


@dataclass(frozen=True)
class ShardRange:
    """The shards `first` to `last` (both included) of a region, or of "*" for those not named."""

    region: str
    first: int
    last: int
    database: Database


class Router:
    """Says which database holds a (region, shard).

    Raises Refusal `shards-uncovered` or `shards-doubled` when the ranges leave a gap or overlap.
    """

    def __init__(self, ranges: Sequence[ShardRange]) -> None:
        self._places: dict[str, list[Database]] = {}
        for region in sorted({one.region for one in ranges}):
            self._places[region] = _spread(region, [r for r in ranges if r.region == region])
        distinct = {id(one.database): one.database for one in ranges}
        self.databases: tuple[Database, ...] = tuple(distinct.values())

    @classmethod
    def single(cls, database: Database) -> Router:
        """Everything in one database: how a small pooling area runs."""
        return cls([ShardRange(ANY_REGION, 0, SHARDS - 1, database)])

    def database_of(self, region: str, shard: int) -> Database:
        """The database of a person's rows. Raises Refusal `region-not-routed`."""
        assert 0 <= shard < SHARDS, shard
        places = self._places.get(region) or self._places.get(ANY_REGION)
        if places is None:
            raise Refusal("region-not-routed", f"no database holds the region {region} "
                          "(统筹区未分配数据库)", where=region,
                          hint=f"Add its range of shards, or one for {ANY_REGION}.")
        return places[shard]

    def together(self, region: str, shards: Iterable[int]) -> Database:
        """The one database of several shards that one transaction touches, a family's say.

        Raises Refusal `shards-apart` when they lie in different databases.
        """
        found = {id(one): one for one in (self.database_of(region, shard) for shard in shards)}
        if len(found) != 1:
            raise Refusal("shards-apart", "these people's rows lie in different databases and "
                          "cannot be written in one transaction (跨库事务)", where=region,
                          hint="Settle them one after the other, or let one database hold the "
                          "whole region.")
        return next(iter(found.values()))

    def everywhere(self, work: Callable[[psycopg.Connection], Result]) -> list[Result]:
        """Runs `work` in every database at the same time, one transaction each, results in order.

        For small tables that lie on every node, and for sums. Each transaction stands alone: when
        one fails the others may have happened, so `work` must be safe to repeat.
        """
        with ThreadPoolExecutor(len(self.databases)) as threads:
            return list(threads.map(lambda one: one.transact(work, repeatable=True),
                                    self.databases))

    def close(self) -> None:
        """Closes every database."""
        for database in self.databases:
            database.close()


def parse_ranges(text: str, open_one: Callable[[str], Database]) -> list[ShardRange]:
    """Ranges from lines such as `* 0-31 postgresql://…`; `open_one` opens a URL, once each.

    Empty lines and those that begin with # are skipped. Raises Refusal `shards-unreadable`.
    """
    opened: dict[str, Database] = {}
    ranges = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        region, _, rest = line.strip().partition(" ")
        span, _, url = rest.strip().partition(" ")
        first, dash, last = span.partition("-")
        if not (dash and url and first.isdecimal() and last.isdecimal()
                and int(first) <= int(last) < SHARDS):
            raise Refusal("shards-unreadable", f"line {number} is no range of shards: {line!r} "
                          "(分片范围无法识别)", where=f"line {number}",
                          hint=f"Write: region or {ANY_REGION}, first-last of 0 to {SHARDS - 1}, "
                          "the address of the database.")
        if url not in opened:
            opened[url] = open_one(url.strip())
        ranges.append(ShardRange(region, int(first), int(last), opened[url]))
    return ranges


def _spread(region: str, ranges: list[ShardRange]) -> list[Database]:
    places: list[Database | None] = [None] * SHARDS
    for one in ranges:
        for shard in range(one.first, one.last + 1):
            if places[shard] is not None:
                raise Refusal("shards-doubled", f"shard {shard} of {region} is in two databases "
                              "(分片重复)", where=region, hint="Let the ranges not overlap.")
            places[shard] = one.database
    whole = [place for place in places if place is not None]
    if len(whole) < SHARDS:
        raise Refusal("shards-uncovered", f"shard {places.index(None)} of {region} is in no "
                      "database (分片缺失)", where=region,
                      hint=f"Let the ranges cover 0 to {SHARDS - 1}.")
    return whole
