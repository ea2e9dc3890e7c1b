"""Rows of a list against what is known: new, known already, a correction, or refused (比对入库).

Works on a batch in one transaction. What a batch adds counts as known for the rows after it.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import errors as states

from ..errors import Refusal
from . import area_store, directory_store, store
from .entry import Fault, misplaced
from .identity import OTHER, provisional
from .kinds import Record
from .model import AREA_TABLES, NewPerson
from .sealing import (index_of, indexes_of, opened_person, sealed_document,
                      sealed_person)
from .service import OVERLAPS, Enrolment
from .store import Noted, StoredFact

# Fields that two facts must share to exclude each other in time; referrals have no time of force.
SCOPES: dict[str, tuple[str, ...]] = {
    "coverage": (), "status": ("code",), "chronic_certificate": ("disease",),
    "away_filing": ("place", "area", "kind"), "family_member": (), "not_enrolled": (),
    "institution": ("code",), "designation": ("code", "kind"), "enrolment_rule": ("code",)}
Result = str | Fault


@dataclass(frozen=True)
class Change:
    """What a row asks of the database: a new fact, and the row it replaces if any."""

    place: int
    psn_no: str
    row_id: str
    fact: object
    replaces: str = ""


class Matcher:
    """Stores records of one import; `store` gives for each "added", "corrected", "unchanged" or
    the Fault for which it was refused."""

    def __init__(self, service: Enrolment, region: str, noted: Noted, correct: bool) -> None:
        self.service, self.region, self.noted, self.correct = service, region, noted, correct

    def store(self, connection: psycopg.Connection, records: Sequence[Record]) -> list[Result]:
        """Stores a batch inside the caller's transaction."""
        if not records:
            return []
        said = records[0].said
        if isinstance(said, NewPerson):
            return self._persons(connection, records)
        results: list[Result] = ["unchanged"] * len(records)
        if said.TABLE in AREA_TABLES:
            numbers: list[str | Fault] = [record.said.code for record in records]
            known = defaultdict(list)
            codes = sorted({str(number) for number in numbers})
            for row_id, fact in area_store.area_facts(connection, self.region, said.TABLE, codes):
                known[fact.code].append(StoredFact(fact.code, row_id, fact))
        else:
            numbers = self._numbers(connection, records)
            known = defaultdict(list)
            found = sorted({number for number in numbers if isinstance(number, str)})
            for one in store.facts_of(connection, self.region, said.TABLE, found):
                known[one.psn_no].append(one)
        changes = []
        for place, (record, number) in enumerate(zip(records, numbers, strict=True)):
            decided = number if isinstance(number, Fault) \
                else self._decide(place, number, record.said, known[number])
            if isinstance(decided, Change):
                results[place] = "corrected" if decided.replaces else "added"
                changes.append(decided)
            else:
                results[place] = decided
        self._write(connection, said.TABLE, changes, results)
        return results

    def _numbers(self, connection: psycopg.Connection, records: Sequence[Record],
                 ) -> list[str | Fault]:
        """The person of each row, or why there is none."""
        indexes = [index for record in records if record.document
                   for index in indexes_of(self.service.keys, record.document)]
        holders = directory_store.holders(connection, self.region, indexes)
        given = [record.psn_no for record in records if record.psn_no]
        known = store.persons(connection, self.region, given) if given else {}
        return [self._number(record, holders, known) for record in records]

    def _number(self, record: Record, holders: dict[bytes, str], known: dict) -> str | Fault:
        holder = ""
        if record.document:
            holder = next((holders[index] for index
                           in indexes_of(self.service.keys, record.document) if index in holders),
                          "")
            if not holder:
                return Fault("certno", "unknown-person", "本统筹区无此证件的登记人员",
                             "nobody is registered with this document", "先导入人员名单。",
                             "Import the person first.")
        if record.psn_no and record.psn_no not in known:
            return Fault("psn_no", "unknown-person", "本统筹区无此人员编号",
                         "nobody has this number", "更正，或先导入人员名单。",
                         "Correct it, or import the person first.")
        if holder and record.psn_no and holder != record.psn_no:
            return Fault("psn_no", "two-persons", "证件号码与人员编号不是同一人",
                         "document and number are of two persons", "更正其中一项。",
                         "Correct one of the two.")
        return holder or record.psn_no

    def _decide(self, place: int, number: str, fact: object, known: list[StoredFact],
                ) -> Change | Result:
        """New, the same, a correction or a contradiction; what is decided counts as known."""
        if any(one.fact == fact for one in known):
            return "unchanged"
        if (fault := misplaced(self.region, fact)) is not None:
            return fault
        key = [getattr(fact, name) for name in fact.KEY]
        same = next((one for one in known
                     if [getattr(one.fact, name) for name in fact.KEY] == key), None)
        if same is not None and not (self.correct and same.row_id):
            return _differs(same, fact)
        others = [one for one in known if one is not same]
        against = next((one for one in others if _overlap(one.fact, fact)), None)
        if against is not None:
            return _overlaps(against)
        change = Change(place, number, self.service.ids(), fact, same.row_id if same else "")
        known[:] = [*others, StoredFact(number, "", fact)]   # no row: this list itself said it
        return change

    def _write(self, connection: psycopg.Connection, table: str, changes: list[Change],
               results: list[Result]) -> None:
        """All changes at once; one by one when somebody else wrote in the meantime."""
        try:
            with connection.transaction():
                self._write_all(connection, table, changes)
            return
        except (states.ExclusionViolation, states.UniqueViolation, _Moved):
            pass
        for change in changes:
            try:
                with connection.transaction():
                    self._write_all(connection, table, [change])
            except (states.ExclusionViolation, states.UniqueViolation, _Moved):
                results[change.place] = _meanwhile(table)

    def _write_all(self, connection: psycopg.Connection, table: str, changes: list[Change],
                   ) -> None:
        if not changes:
            return
        persons = table not in AREA_TABLES
        ending = store.retract if persons else area_store.retract_area_fact
        for change in changes:
            if change.replaces and not ending(connection, self.region, table, change.psn_no,
                                              change.replaces, self.noted):
                raise _Moved
        if persons:
            store.add_facts(connection, self.region, table,
                            [(one.psn_no, one.row_id, one.fact) for one in changes], self.noted)
        else:
            for one in changes:
                area_store.add_area_fact(connection, self.region, one.row_id, one.fact,
                                         self.noted)

    # --- persons ---------------------------------------------------------------------------------
    def _persons(self, connection: psycopg.Connection, records: Sequence[Record]) -> list[Result]:
        indexes = [index for record in records if record.document
                   for index in indexes_of(self.service.keys, record.document)]
        holders = directory_store.holders(connection, self.region, indexes)
        given = [record.psn_no for record in records if record.psn_no]
        numbers = sorted({*holders.values(), *given})
        known = {number: opened_person(self.service.keys, sealed) for number, (_, sealed)
                 in store.persons(connection, self.region, numbers).items()}
        fresh = self._fresh(connection, records, holders, known)
        return ["added" if place in fresh else self._person(connection, record, holders, known)
                for place, record in enumerate(records)]

    def _fresh(self, connection: psycopg.Connection, records: Sequence[Record],
               holders: dict[bytes, str], known: dict[str, NewPerson]) -> frozenset[int]:
        """Stores at once the persons nobody has heard of, the bulk of a first list; gives their
        places. None are stored when somebody registers one of them at the same moment, or when two
        rows ask for one number: then each row is tried by itself."""
        keys, service, seen = self.service.keys, self.service, {}
        for place, record in enumerate(records):
            if record.document and record.psn_no not in known \
                    and holders.keys().isdisjoint(indexes_of(keys, record.document)):
                seen.setdefault(index_of(keys, record.document),
                                (place, record, record.psn_no or service.ids()))
        if not seen:
            return frozenset()
        try:
            with connection.transaction():
                directory_store.add_certificates(
                    connection, self.region,
                    [sealed_document(keys, record.document, number, service.ids())
                     for _, record, number in seen.values()], self.noted)
                store.add_persons(
                    connection, self.region,
                    [(number, service.ids(), sealed_person(keys, record.said))
                     for _, record, number in seen.values()], self.noted)
        except states.UniqueViolation:
            return frozenset()
        for index, (_, record, number) in seen.items():
            holders[index] = number
            known[number] = record.said
        return frozenset(place for place, _, _ in seen.values())

    def _person(self, connection: psycopg.Connection, record: Record, holders: dict[bytes, str],
                known: dict[str, NewPerson]) -> Result:
        person: NewPerson = record.said
        number = self._holder(connection, record, holders, known)
        if number and record.psn_no and number != record.psn_no:
            return Fault("psn_no", "two-persons", "证件号码与人员编号不是同一人",
                         "document and number are of two persons", "更正其中一项。",
                         "Correct one of the two.")
        if not number and record.psn_no in known:       # a known person shows another document
            return self._try(connection, lambda: self._further(connection, record, holders,
                                                               known))
        if number and known[number] == person:
            return "unchanged"
        if number and not self.correct:
            return _person_differs(known[number], person)
        if number:
            done = self._try(connection, lambda: self._rewrite(connection, number, person))
        else:
            number = record.psn_no or self.service.ids()
            done = self._try(connection, lambda: self._new(connection, number, record, holders))
        if isinstance(done, str):
            known[number] = person
        return done

    def _holder(self, connection: psycopg.Connection, record: Record, holders: dict[bytes, str],
                known: dict[str, NewPerson]) -> str:
        """The number of the person a row is about; of a newborn without a document, that of the
        same name, birth date and sex who has a provisional one."""
        keys, person = self.service.keys, record.said
        if record.document:
            return next((holders[index] for index in indexes_of(keys, record.document)
                         if index in holders), "")
        if record.psn_no:
            return record.psn_no if record.psn_no in known else ""
        found = directory_store.named(connection, self.region, keys.indexes(person.name, "name"),
                                      limit=1000)
        for number, (_, sealed) in store.persons(connection, self.region, found).items():
            if (sealed.born, sealed.sex) == (person.born, person.sex) and any(
                    one.kind == OTHER and one.index == index_of(keys, provisional(number)) for one
                    in directory_store.certificates_of(connection, self.region, [number])):
                known[number] = opened_person(keys, sealed)
                return number
        return ""

    def _new(self, connection: psycopg.Connection, number: str, record: Record,
             holders: dict[bytes, str]) -> str:
        document = record.document or provisional(number)
        self.service.write_person(connection, self.region, number, document, record.said,
                                  self.noted)
        holders[index_of(self.service.keys, document)] = number
        return "added"

    def _rewrite(self, connection: psycopg.Connection, number: str, person: NewPerson) -> str:
        self.service.rewrite_person(connection, self.region, number, person, self.noted)
        return "corrected"

    def _further(self, connection: psycopg.Connection, record: Record, holders: dict[bytes, str],
                 known: dict[str, NewPerson]) -> Result:
        """Another document for a known person: the number a newborn has received (BJ-05)."""
        number, person = record.psn_no, record.said
        if (known[number].born, known[number].sex) != (person.born, person.sex):
            return _person_differs(known[number], person)
        self.service.write_document(connection, self.region, number, record.document, self.noted)
        if known[number] != person:
            self.service.rewrite_person(connection, self.region, number, person, self.noted)
        holders[index_of(self.service.keys, record.document)] = number
        known[number] = person
        return "corrected"

    def _try(self, connection: psycopg.Connection, work: Callable[[], Result]) -> Result:
        try:
            with connection.transaction():
                return work()
        except Refusal as refusal:
            field = "psn_no" if refusal.code == "psn-no-taken" else "certno"
            return Fault(field, refusal.code, refusal.message, refusal.message, refusal.hint,
                         refusal.hint)


class _Moved(Exception):
    """A row to be corrected was retracted by somebody else in the meantime."""


def _overlap(one: object, other: object) -> bool:
    scope = SCOPES.get(other.TABLE)
    if scope is None or any(getattr(one, name) != getattr(other, name) for name in scope):
        return False
    return (not one.last or other.first <= one.last) and (not other.last or one.first <= other.last)


def _span(fact: object) -> str:
    first = getattr(fact, "first", "") or getattr(fact, "day", "")
    last = getattr(fact, "last", "") or getattr(fact, "valid_until", "")
    return f"{first}..{last}"


def _differs(same: StoredFact, fact: object) -> Fault:
    names = [name for name in fact.__dataclass_fields__ if name not in ("TABLE", "KEY")
             and getattr(same.fact, name) != getattr(fact, name)]
    field = {"first": "from", "last": "to"}.get(names[0], names[0])
    where = "" if same.row_id else "（同一名单中）"
    return Fault(field, "differs", f"与已登记的同一条记录不一致{where}（{_span(same.fact)}）",
                 f"it contradicts what is known ({_span(same.fact)})",
                 "核实；确为更正时加 --correct 重新导入。",
                 "Check it; when it is a correction, import again with --correct.")


def _overlaps(against: StoredFact) -> Fault:
    code, message, hint = OVERLAPS[against.fact.TABLE]
    english, _, chinese = message.partition(" (")
    span = _span(against.fact)
    what = getattr(against.fact, "insutype", "") or getattr(against.fact, "family_id", "")
    return Fault("from", code, f"{chinese.rstrip(')')}：已有 {what} {span}".replace("  ", " "),
                 f"{english}: {what} {span}".replace("  ", " "),
                 "先更正已登记的那一条，或改正起止日期。", hint)


def _meanwhile(table: str) -> Fault:
    code, message, hint = OVERLAPS[table]
    return Fault("from", code, f"{message}；刚被他人登记", f"{message}; entered just now by "
                 "somebody else", "重新导入即可看到已登记的内容。", hint)


def _person_differs(known: NewPerson, person: NewPerson) -> Fault:
    columns = {"name": "psn_name", "born": "brdy", "sex": "gend", "psn_type": "psn_type",
               "phone": "tel", "died": "died", "facts": "years_insured"}
    name = next((name for name in columns if getattr(known, name) != getattr(person, name)),
                "name")
    return Fault(columns[name], "person-differs", "与已登记的人员信息不一致",
                 "it contradicts what is known of the person",
                 "核实；确为更正时加 --correct 重新导入。",
                 "Check it; when it is a correction, import again with --correct.")
