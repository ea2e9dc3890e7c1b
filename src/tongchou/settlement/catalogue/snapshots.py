"""Snapshots of the catalogue in memory, kept by region and version (目录快照)."""
from __future__ import annotations

import threading
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from psycopg import Connection

from ...errors import Refusal
from . import store
from .model import Catalogue
from .reading import Reading, read_items, read_rules

KEPT = 8


class Catalogues:
    """Loads each version of a region once; a version never changes. Safe between threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Catalogue] = {}
        self._lock = threading.Lock()

    def of(self, connection: Connection, region: str, version: int | None = None) -> Catalogue:
        """The newest catalogue of a region, or a version for a replay.

        Asks the database for the newest version number (one indexed row), nothing else when that
        is kept. Raises Refusal `no-catalogue`.
        """
        if version is None:
            version, known_at = store.last_edition(connection, region)
        elif (region, version) in self._kept:
            return self._kept[region, version]
        else:
            known_at = store.edition_time(connection, region, version)
        if known_at is None:
            raise Refusal("no-catalogue", f"region {region} has no catalogue"
                          + (f" of version {version}" if version else "") + " (统筹区未导入目录)",
                          "catalogue", "", "`tongchou catalogue import FILE --region REGION`.")
        with self._lock:
            if (region, version) not in self._kept:
                if len(self._kept) >= KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[region, version] = Catalogue(
                    region, version, store.items(connection, region, known_at),
                    store.rules(connection, region, known_at))
            return self._kept[region, version]

    def editions(self, connection: Connection, region: str) -> dict[int, datetime]:
        """Number -> moment it became known of every edition of a region."""
        return store.editions(connection, region)


def sample_files() -> tuple[Path, Path]:
    """The sample's items and rules; codes, prices and ratios in them are invented."""
    folder = files("tongchou").joinpath("samples")
    return Path(str(folder.joinpath("catalogue.csv"))), \
        Path(str(folder.joinpath("catalogue-rules.csv")))


def sample_readings() -> tuple[Reading, Reading]:
    """The sample's two files as read."""
    items, rules = sample_files()
    return read_items(items), read_rules(rules)


def sample_catalogue(region: str = "000000") -> Catalogue:
    """The sample as a snapshot without a database."""
    items, rules = sample_readings()
    return Catalogue(region, 1, items.records, rules.records)
