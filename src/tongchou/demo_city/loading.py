"""The city into a database: lists, catalogue, rules, a year of bills, operators (演示市装载)."""
from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Protocol

import structlog

from ..access import AccessService, Operator, make_demonstration_operators
from ..database import Database, shard_of
from ..enrolment import Enrolment, area_store, imports
from ..errors import Refusal
from ..policy import pack_document
from ..settlement import Regimes, catalogue, local_time
from ..supervision import import_rules, sample_rules
from . import city
from .bills import BILLS, Bill, make_bills
from .people import PEOPLE, Lists, Row, fill
from .special import Case, make_cases

LISTS = ("persons", "coverages", "statuses", "chronic", "referrals", "filings", "families",
         "not-enrolled")
WINDOWS = 3                 # bills that are settled at once
KNOWN_BEFORE = 400          # days before the city's own on which its people became known
Progress = Callable[[str, int, int], None]

_log = structlog.get_logger("tongchou.demo_city")


class Host(Protocol):
    """What the city asks of a platform."""

    database: Database
    enrolment: Enrolment
    regimes: Regimes
    clock: Callable[[], datetime]
    ids: Callable[[], str]

    def at(self, clock: Callable[[], datetime], ids: Callable[[], str]) -> Host:
        """The same platform under another clock."""

    def settle(self, request: Mapping[str, object], key: str, *, who: Operator) -> str:
        """结算."""

    def settlement(self, region: str, psn_no: str, setl_id: str, *, who: Operator) -> object:
        """A settlement; refuses where there is none."""

    def forget(self) -> None:
        """Reads institutions and rules anew."""


@dataclass
class Loaded:
    """What was loaded: rows by list, settlements, and what was refused (nothing, one hopes)."""

    day: str
    rows: dict[str, int] = field(default_factory=dict)
    settled: int = 0
    operators: int = 0
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0


class PastClock:
    """A clock that shows a day of the past and goes on a millisecond at every look."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def __call__(self) -> datetime:
        self._moment += timedelta(milliseconds=1)
        return self._moment

    def reach(self, moment: datetime) -> None:
        """Goes forward to a moment; never back."""
        self._moment = max(self._moment, moment)


def load(platform: Host, access: AccessService, *, people: int = PEOPLE, bills: int = BILLS,
         progress: Progress | None = None) -> Loaded:
    """Loads the demonstration city; what is there already stays, so a second call only completes.

    Everything is known, settled and booked at moments of the past year. Raises Refusal
    `not-demonstration` when the region is in use for something else.
    """
    begun, report = monotonic(), progress or _logged
    day = made_on(platform.database)
    made = day or date.fromisoformat(local_time(platform.clock())[:10])
    lists, cases = made_city(made, people)
    # A city that was half loaded goes on with the real clock: others may have settled since.
    clock = PastClock(_moment(lists.ago(KNOWN_BEFORE)) if day is None else platform.clock())
    past = platform.at(clock, platform.ids)
    found = Loaded(made.isoformat())
    _open(platform, past, made, report)
    for name in ("institutions", "designations"):
        _import(past, name, city.list_file(f"{name}.csv"), found, report)
    _import_lists(past, lists.rows, found, report)
    asked = make_bills(lists, cases, bills)
    there = {bill.key for bill in asked if day and _is_there(platform, bill)}
    found.settled = len(there)
    _settle(platform, clock(), [bill for bill in asked if bill.key not in there], found, report)
    clock.reach(_moment(lists.ago(1)))
    _import_lists(past, lists.late, found, report)
    operators = make_demonstration_operators(access, [city.REGION], [
        row["code"] for row in city.institutions()])
    found.operators, found.seconds = len(operators), monotonic() - begun
    platform.forget()
    report("done", 1, 1)
    return found


def made_city(day: date, people: int = PEOPLE) -> tuple[Lists, list[Case]]:
    """The city's people as of a day: the same day gives the same city."""
    lists = Lists(day)
    cases = make_cases(lists)
    fill(lists, people)
    return lists, cases


def made_on(database: Database) -> date | None:
    """The day of the city in this database, None when there is none.

    Raises Refusal `not-demonstration`.
    """
    with database.connection() as connection:
        rules = area_store.rules_of(connection, city.REGION)
    if not rules:
        return None
    firsts = {first for name, _, _, first, _ in rules if name == "newborn"}
    if len(firsts) != 1:
        raise Refusal("not-demonstration", f"region {city.REGION} is in use and is not the "
                      "demonstration city (该统筹区不是演示市)", f"region {city.REGION}", "",
                      "Use another database for the demonstration.")
    return city.day_of_rules(firsts.pop())


def _open(platform: Host, past: Host, day: date, report: Progress) -> None:
    """Region, rules, pack and catalogue."""
    region, note = city.REGION, {"by": city.BY, "why": city.WHY}
    report("rules", 0, 1)
    past.enrolment.open_region(region, city.NAME)
    with platform.database.connection() as connection:
        known = {name for name, *_ in area_store.rules_of(connection, region)}
    for name, value in sorted(city.RULES.items(), key=lambda item: item[0] != "newborn"):
        if name not in known:
            past.enrolment.set_rule(region, name, value, city.first_of_rules(day),
                                    source=city.WHY, **note)
    if not platform.regimes.packs(region):
        platform.regimes.add(region, pack_document(city.PACK, city.PROFILE), city.PACK_FROM)
    report("catalogue", 0, 1)
    deed = catalogue.Deed(region, past.clock(), city.BY, city.WHY)
    with platform.database.connection() as connection:
        catalogue.import_rows(connection, catalogue.joined(*catalogue.sample_readings()), deed)
        import_rules(connection, region, sample_rules(), past.clock(), city.BY, city.WHY)


def _import_lists(past: Host, rows: dict[str, list[Row]], found: Loaded,
                  report: Progress) -> None:
    with tempfile.TemporaryDirectory(prefix="tongchou-demo-") as folder:
        for kind in LISTS:
            if rows.get(kind):
                _import(past, kind, _written(Path(folder, f"{kind}.csv"), rows[kind]), found,
                        report)


def _written(path: Path, rows: list[Row]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _import(past: Host, kind: str, path: Path, found: Loaded, report: Progress) -> None:
    done = imports.import_list(past.enrolment, kind, path, city.REGION, by=city.BY, why=city.WHY,
                               progress=lambda done, of: report(kind, done, of))
    found.rows[kind] = found.rows.get(kind, 0) + done.rows
    found.refused += [f"{kind} row {fault.row}: {fault.fault.code}" for fault in done.faults]


def _settle(platform: Host, start: datetime, bills: list[Bill], found: Loaded,
            report: Progress) -> None:
    """Settles each bill at its own moment; some at once, each person's and chain's in order."""
    def work(own: list[Bill]) -> list[str]:
        clock, numbers = PastClock(start), iter([bill.setl_id for bill in own])
        past = platform.at(clock, lambda: next(numbers))
        return [said for bill in own if (said := _settled(past, clock, bill))]

    report("settlements", 0, len(bills))
    parts: list[list[Bill]] = [[] for _ in range(WINDOWS)]
    for bill in bills:
        # Chains of the journal go by shard, and no entry may be earlier than the one before it.
        parts[shard_of(city.REGION, str(bill.request["psn_no"])) % WINDOWS].append(bill)
    with ThreadPoolExecutor(WINDOWS) as windows:
        refused = [said for part in windows.map(work, parts) for said in part]
    found.refused += refused
    found.settled += len(bills) - len(refused)
    report("settlements", len(bills), len(bills))


def _settled(past: Host, clock: PastClock, bill: Bill) -> str:
    """Settles one bill; gives why not, "" when it was."""
    clock.reach(datetime.fromisoformat(f"{bill.request['setl_time']}+08:00"))
    try:
        past.settle({name: value for name, value in bill.request.items() if value is not None},
                    bill.key, who=_operator(bill))
    except Refusal as refusal:
        return f"{bill.request['mdtrt_id']}: {refusal.code}"
    return ""


def _is_there(platform: Host, bill: Bill) -> bool:
    try:
        platform.settlement(city.REGION, str(bill.request["psn_no"]), bill.setl_id,
                            who=_operator(bill))
    except Refusal:
        return False
    return True


def _operator(bill: Bill) -> Operator:
    return Operator(f"inst-{bill.institution.lower()}", "institution", city.REGION,
                    bill.institution)


def _moment(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T09:00:00+08:00")


def _logged(step: str, done: int, of: int) -> None:
    if done == of or done == 0:
        _log.info("demonstration city", step=step, rows=of)
