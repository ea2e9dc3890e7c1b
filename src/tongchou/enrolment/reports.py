"""Lists for those who must act: who of a list is not enrolled, who is enrolled twice (参保核查).

Persons are masked for the role that reads. A list that came from elsewhere is only compared;
nothing of it is stored.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import directory_store, entry, store
from .imports import columns_of
from .kinds import Column, Kind, Record, Row, shown_value
from .model import Coverage, NotEnrolled, in_force
from .sealing import index_of
from .service import Enrolment
from .sheets import read_list

STATES = {"insured": "已参保", "waiting": "等待期内", "excused": "有正当理由未参保",
          "not_insured": "已登记未参保", "not_registered": "未登记", "unreadable": "无法核对",
          "not_recorded": "身份未登记"}
TO_DO = ("not_registered", "not_insured", "unreadable")


def _listed(row: Row) -> Record:
    document, number = row.who()
    return Record(row.number, document, number, row.take(entry.text_of, "psn_name"))


LISTED = Kind("核查名单", (
    Column("psn_cert_type", "证件类型", False, "空为居民身份证", "01"),
    Column("certno", "证件号码", False, "与人员编号二选一"),
    Column("psn_no", "人员编号", False, "与证件号码二选一"),
    Column("psn_name", "姓名", False, "")), _listed)


@dataclass(frozen=True)
class Checked:
    """One person of a list: the row, masked document and name, a state of `STATES`, and why."""

    row: int
    certno: str
    psn_name: str
    state: str
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        """The row of `--json`."""
        return {"row": self.row, "certno": self.certno, "psn_name": self.psn_name,
                "state": self.state, "state_zh": STATES[self.state], "why": self.why}


def check_list(service: Enrolment, path: Path, region: str, day: str) -> list[Checked]:
    """Every row of a list with its state of enrolment on a day (LF-01: who is missing; BJ-04).

    Raises CaseError when the file is no such list.
    """
    sheet = read_list(path)
    places, _ = columns_of(LISTED, sheet, path)
    rows = {one.number: Row(one, places, frozenset()) for one in sheet.rows}
    records = [LISTED.read(row) for row in rows.values()]
    good = [record for record in records if not rows[record.row].faults]
    numbers = _numbers(service, region, good)
    found = sorted({number for number in numbers.values() if number})
    with service.database.connection() as connection:
        covers = store.facts_of(connection, region, Coverage.TABLE, found)
        reasons = store.facts_of(connection, region, NotEnrolled.TABLE, found)
    made = []
    for record in records:
        faults = rows[record.row].faults
        if faults:
            state, why = "unreadable", "; ".join(f"{one.code} {one.zh}" for one in faults)
        else:
            number = numbers[record.row]
            state, why = _state(number, [one.fact for one in covers if one.psn_no == number],
                                [one.fact for one in reasons if one.psn_no == number], day)
        made.append(_checked(rows[record.row], record.row, (state, why)))
    return made


def _numbers(service: Enrolment, region: str, records: list[Record]) -> dict[int, str]:
    indexes = {record.row: index_of(service.keys, record.document) for record in records
               if record.document}
    with service.database.connection() as connection:
        held = directory_store.holders(connection, region, list(indexes.values()))
        given = store.persons(connection, region, [one.psn_no for one in records if one.psn_no])
    return {record.row: held.get(indexes.get(record.row, b""), "") if record.document
            else record.psn_no if record.psn_no in given else "" for record in records}


def _state(number: str, covers: list[Coverage], reasons: list[NotEnrolled], day: str,
           ) -> tuple[str, str]:
    if not number:
        return "not_registered", ""
    present = [one for one in covers if in_force(one.first, one.last, day)]
    if present:
        waits = present[0].benefits_from > day
        return ("waiting", f"待遇 {present[0].benefits_from} 起") if waits else ("insured", "")
    excuse = next((one for one in reasons if in_force(one.first, one.last, day)), None)
    if excuse:
        return "excused", f"{excuse.reason} ({excuse.evidence})"
    return "not_insured", ""


@dataclass(frozen=True)
class ListComparison:
    """An office's list against what is recorded as recognised by it: how many stand on both, who
    only on the list (to be recorded), whose status only here (gone from the list)."""

    both: int
    only_list: tuple[Checked, ...]
    only_here: tuple[dict[str, object], ...]

    @property
    def equal(self) -> bool:
        """Whether nothing is to be done."""
        return not self.only_list and not self.only_here

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`."""
        return {"equal": self.equal, "both": self.both,
                "only_list": [one.as_dict() for one in self.only_list],
                "only_here": list(self.only_here)}


def compare_list(service: Enrolment, path: Path, region: str, code: str, source: str, day: str,
                 role: str) -> ListComparison:
    """The list that an office keeps of a status against what is recorded from that office: civil
    affairs for assistance clients, the poverty office for the registered poor (BJ-07, BJ-10).

    What another office has recognised is left alone. Raises CaseError when the file is no list.
    """
    sheet = read_list(path)
    places, _ = columns_of(LISTED, sheet, path)
    rows = {one.number: Row(one, places, frozenset()) for one in sheet.rows}
    records = {number: LISTED.read(row) for number, row in rows.items()}
    numbers = _numbers(service, region, [record for number, record in records.items()
                                         if not rows[number].faults])
    with service.database.connection() as connection:
        here = set(directory_store.recognised_by(connection, region, code, source, day))
    listed = {number for number in numbers.values() if number}
    missing = [_checked(rows[number], number, _why_not_here(rows[number], numbers.get(number, "")))
               for number in rows if numbers.get(number, "") not in here]
    views = service.views(region, sorted(here - listed), role)
    return ListComparison(len(here & listed), tuple(missing), tuple(views))


def _why_not_here(row: Row, psn_no: str) -> tuple[str, str]:
    if row.faults:
        return "unreadable", "; ".join(f"{one.code} {one.zh}" for one in row.faults)
    return ("not_recorded", "") if psn_no else ("not_registered", "")


def _checked(row: Row, number: int, found: tuple[str, str]) -> Checked:
    return Checked(number, shown_value("certno", row.text("certno")) or row.text("psn_no"),
                   shown_value("psn_name", row.text("psn_name")), *found)


def not_enrolled(service: Enrolment, region: str, codes: list[str], day: str, role: str,
                 ) -> list[dict[str, object]]:
    """People with one of the statuses and no insurance relation on a day, as a role sees them;
    `reason` is that of the ledger, "" where somebody must act (LF-01, BJ-05)."""
    with service.database.connection() as connection:
        rows = list(directory_store.without_cover(connection, region, codes, day))
    views = {one["psn_no"]: one for one in service.views(region, [row[0] for row in rows], role)}
    return [{**views[number], "status": code, "reason": reason, "evidence": evidence}
            for number, code, reason, evidence in rows]


def insured_twice(service: Enrolment, day: str, role: str) -> list[dict[str, object]]:
    """Documents whose holders are insured more than once on a day, over all regions (JC-33)."""
    with service.database.connection() as connection:
        rows = list(directory_store.insured_in_several(connection, day))
    made = []
    for regions, numbers, kinds in rows:
        view = service.views(regions[0], [numbers[0]], role)[0]
        made.append({"psn_name": view["psn_name"], "certificates": view["certificates"],
                     "covers": [{"region": region, "psn_no": number, "insutype": kind}
                                for region, number, kind
                                in zip(regions, numbers, kinds, strict=True)]})
    return made
