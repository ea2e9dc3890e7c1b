"""A read file becomes a new edition of a region's catalogue, or changes nothing (目录导入)."""
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from psycopg import Connection

from ...errors import Refusal
from . import store
from .merge import Change, changes
from .model import Item
from .reading import Reading

CLOCK_SLACK = timedelta(minutes=1)
REGION = re.compile(r"[0-9]{6}")


@dataclass(frozen=True)
class Imported:
    """What an import did: the version now, rows added, retracted and as they were."""

    version: int
    added: int
    retracted: int
    unchanged: int

    def as_dict(self) -> dict[str, int]:
        """The counts of `--json`."""
        return {"version": self.version, "added": self.added, "retracted": self.retracted,
                "unchanged": self.unchanged}


def import_rows(connection: Connection, reading: Reading, deed: store.Deed,
                region_name: str = "") -> Imported:
    """Writes the rows of a reading as one edition; the caller commits.

    With `region_name` a region nobody knows yet is added under that name.

    Rows that say what is believed already change nothing, and a file of such rows makes no
    edition. Raises Refusal `bad-region`, `unknown-region`, `clock-went-back`.
    """
    if not REGION.fullmatch(deed.region):
        raise Refusal("bad-region", f"{deed.region!r} is not six digits (统筹区为六位数字)",
                      "region", "", "Write the national area code, such as 370300.")
    if region_name:
        store.open_region(connection, deed.region, region_name)
    if not store.region_exists(connection, deed.region):
        raise Refusal("unknown-region", f"region {deed.region!r} is not in this database "
                      "(统筹区未登记)", "region", "",
                      "Check the number, or give the region's name to add it.")
    store.lock(connection, deed.region)
    version, known_at = store.last_edition(connection, deed.region)
    items = [one for one in reading.records if isinstance(one, Item)]
    rules = [one for one in reading.records if not isinstance(one, Item)]
    of_items = changes(store.items(connection, deed.region, "infinity") if items else (), items)
    of_rules = changes(store.rules(connection, deed.region, "infinity") if rules else (), rules)
    unchanged = of_items.unchanged + of_rules.unchanged
    if not of_items and not of_rules:
        return Imported(version, 0, 0, unchanged)
    deed = _after(deed, known_at)
    version += 1
    added = _write(connection, deed, version, of_items, of_rules)
    retracted = len(of_items.retract) + len(of_rules.retract)
    store.add_edition(connection, deed, version, (reading.source, reading.digest),
                      (added, retracted))
    return Imported(version, added, retracted, unchanged)


def _after(deed: store.Deed, known_at: datetime | None) -> store.Deed:
    """The deed at a moment after the last edition: imports wait for one another, so a moment may
    have passed; a clock that is further behind is refused."""
    if known_at is None or deed.at > known_at:
        return deed
    if known_at - deed.at > CLOCK_SLACK:
        raise Refusal("clock-went-back", f"it is {deed.at.isoformat()}, and the last edition is "
                      f"of {known_at.isoformat()} (系统时间早于上一版目录)", "clock", "",
                      "Correct the clock of this machine.")
    return replace(deed, at=known_at + timedelta(microseconds=1))


def _write(connection: Connection, deed: store.Deed, version: int, of_items: Change,
           of_rules: Change) -> int:
    number = 0
    for table, change, add in (("catalogue_item", of_items, store.add_items),
                               ("catalogue_rule", of_rules, store.add_rules)):
        if not change:
            continue
        store.retract(connection, deed, table, [row.row_id for row in change.retract])
        rows = [row._replace(row_id=f"{version}-{number + place}")
                for place, row in enumerate(change.add, start=1)]
        add(connection, deed, rows)
        number += len(rows)
    return number


def joined(items: Reading, rules: Reading | None) -> Reading:
    """Items and rules of two files as one reading, so that they make one edition."""
    if rules is None:
        return items
    return replace(items, source=f"{items.source} + {rules.source}",
                   digest=f"{items.digest} {rules.digest}",
                   records=(*items.records, *rules.records),
                   faults=(*items.faults, *rules.faults),
                   ignored=(*items.ignored, *rules.ignored),
                   empty_rows=items.empty_rows + rules.empty_rows)
