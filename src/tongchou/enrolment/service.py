"""Enrolment as a service: register, add, correct, retract, look up (参保登记服务).

    service = Enrolment(database, keys, clock, ids)
    psn_no = service.register(region, document, person, by="clerk 7", why="first enrolment")
    service.add(region, psn_no, Coverage("390", "2024-01-01", "2024-12-31", "2024-01-01"), ...)
    context = service.context(region, psn_no)                 # what a settlement reads

Every change says who made it and why, and is one transaction. Facts are checked by whoever enters
them (`entry`, `imports`); here what is already known decides.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import psycopg
from psycopg import errors as states

from ..database import Database
from ..errors import Refusal
from ..privacy import KeyRing
from . import area_store, directory_store, store
from .area import RULES, AreaRules, check_rule
from .entry import misplaced
from .identity import OTHER, PROVISIONAL_PREFIX, Document, provisional
from .model import (Designation, Institution, InstitutionFact, NewPerson, PersonContext,
                    PersonFact, Referral)
from .sealing import indexes_of, sealed_document, sealed_person, view_of
from .store import Noted, StoredFact

Clock = Callable[[], datetime]
FOUND_MAX = 50
# What two rows that may not stand together are called: table -> code, sentence, what to do.
OVERLAPS: dict[str, tuple[str, str, str]] = {
    "coverage": ("insured-twice", "the person is insured in part of that time already (重复参保)",
                 "End the other insurance relation first, or correct the dates."),
    "status": ("status-overlaps", "the same status is in force in part of that time (身份重叠)",
               "Correct the status that is there instead of adding another."),
    "chronic_certificate": ("certificate-overlaps", "a certificate for this disease is in force "
                            "in part of that time (慢特病资格重叠)", "Correct the one there."),
    "referral": ("referral-known", "this referral is there already (转诊已登记)",
                 "Correct the one that is there."),
    "away_filing": ("filing-overlaps", "such a filing is in force in part of that time (备案重叠)",
                    "Correct the one that is there."),
    "family_member": ("two-families", "the person belongs to a family in part of that time "
                      "(已在其他家庭)", "End the other membership first."),
    "not_enrolled": ("ledger-overlaps", "the ledger names a reason for part of that time "
                     "(台账重叠)", "Correct the entry that is there."),
    "institution": ("institution-overlaps", "the institution is described for part of that time "
                    "(机构信息重叠)", "Correct the row that is there."),
    "designation": ("designation-overlaps", "such a designation is in force in part of that time "
                    "(定点重叠)", "Correct the row that is there."),
    "enrolment_rule": ("rule-overlaps", "the rule is set for part of that time (规则重叠)",
                       "Set it again for the whole time."),
}


@contextmanager
def refusing_overlaps(table: str, where: str) -> Iterator[None]:
    """Constraint violations of a table as the Refusal of `OVERLAPS`."""
    try:
        yield
    except (states.ExclusionViolation, states.UniqueViolation):
        code, message, hint = OVERLAPS[table]
        raise Refusal(code, message, where, hint=hint) from None


class Enrolment:
    """People, covers, statuses, certificates, referrals, families and institutions of regions.

    `clock` gives the moment (UTC), `ids` a new id (letters and digits, up to 30).
    """

    def __init__(self, database: Database, keys: KeyRing, clock: Clock,
                 ids: Callable[[], str]) -> None:
        self.database, self.keys, self.clock, self.ids = database, keys, clock, ids

    # --- persons ---------------------------------------------------------------------------------
    def register(self, region: str, document: Document | None, person: NewPerson, *, by: str,
                 why: str, psn_no: str = "") -> str:
        """Registers a person and gives the number; without a document (a newborn) a provisional
        one stands in. Raises Refusal `unknown-region`, `certificate-taken`, `psn-no-taken`."""
        number = psn_no or self.ids()
        noted = self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            self._need_region(connection, region)
            self.write_person(connection, region, number, document or provisional(number), person,
                              noted)

        self.database.transact(work)
        return number

    def write_person(self, connection: psycopg.Connection, region: str, number: str,
                     document: Document, person: NewPerson, noted: Noted) -> None:
        """A new person with a document, inside the caller's transaction."""
        self._add_document(connection, region, number, document, noted)
        try:
            store.add_persons(connection, region,
                              [(number, self.ids(), sealed_person(self.keys, person))], noted)
        except states.UniqueViolation:
            raise Refusal("psn-no-taken", "another person has this number (人员编号已被使用)",
                          f"person {number}", hint="Leave psn_no empty for a new one.") from None

    def correct_person(self, region: str, psn_no: str, person: NewPerson, *, by: str,
                       why: str) -> None:
        """Replaces what is known of a person. Raises Refusal `unknown-person`."""
        noted = self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            self.rewrite_person(connection, region, psn_no, person, noted)

        self.database.transact(work)

    def rewrite_person(self, connection: psycopg.Connection, region: str, psn_no: str,
                       person: NewPerson, noted: Noted) -> None:
        """As `correct_person`, inside the caller's transaction."""
        found = store.persons(connection, region, [psn_no])
        if psn_no not in found or not store.retract(connection, region, "person", psn_no,
                                                    found[psn_no][0], noted):
            raise _unknown_person(region, psn_no)
        store.add_persons(connection, region,
                          [(psn_no, self.ids(), sealed_person(self.keys, person))], noted)

    def add_document(self, region: str, psn_no: str, document: Document, *, by: str,
                     why: str) -> None:
        """A further document of a person; a provisional one goes (a newborn got its number).

        Raises Refusal `unknown-person`, `certificate-taken`.
        """
        noted = self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            self.write_document(connection, region, psn_no, document, noted)

        self.database.transact(work)

    def write_document(self, connection: psycopg.Connection, region: str, psn_no: str,
                       document: Document, noted: Noted) -> None:
        """As `add_document`, inside the caller's transaction."""
        self._need_person(connection, region, psn_no)
        for one in directory_store.certificates_of(connection, region, [psn_no]):
            if one.kind == OTHER and self.keys.unseal(one.sealed, "certificate") \
                    == PROVISIONAL_PREFIX + psn_no:
                directory_store.retract_certificate(connection, region, one, noted)
        self._add_document(connection, region, psn_no, document, noted)

    def _add_document(self, connection: psycopg.Connection, region: str, number: str,
                      document: Document, noted: Noted) -> None:
        taken = Refusal("certificate-taken", "somebody is registered with this document "
                        "(证件已登记)", f"region {region}",
                        hint="Look the person up by the document; do not register twice.")
        if directory_store.holders(connection, region, indexes_of(self.keys, document)):
            raise taken
        try:
            directory_store.add_certificates(
                connection, region, [sealed_document(self.keys, document, number, self.ids())],
                noted)
        except states.UniqueViolation:
            raise taken from None

    # --- facts of persons ------------------------------------------------------------------------
    def add(self, region: str, psn_no: str, fact: PersonFact, *, by: str, why: str) -> str:
        """Adds a fact and gives its row. Raises Refusal `unknown-person`, `area-contradicts` or one
        of `OVERLAPS`."""
        _check_place(region, fact)
        row_id, noted = self.ids(), self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            self._need_person(connection, region, psn_no)
            with refusing_overlaps(fact.TABLE, f"person {psn_no}"):
                store.add_facts(connection, region, fact.TABLE, [(psn_no, row_id, fact)], noted)

        self.database.transact(work)
        return row_id

    def retract(self, region: str, psn_no: str, table: str, row_id: str, *, by: str,
                why: str) -> None:
        """Ends the belief in a row: it was entered by mistake. Raises Refusal `unknown-row`."""
        noted = self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            if not store.retract(connection, region, table, psn_no, row_id, noted):
                raise _unknown_row(psn_no, row_id)

        self.database.transact(work)

    def correct(self, region: str, psn_no: str, row_id: str, fact: PersonFact, *, by: str,
                why: str) -> str:
        """Retracts a row and puts a fact in its place, in one transaction; gives the new row.

        An end set earlier or later is a correction too: the old answer stays for who asks what
        was known before. Raises Refusal `unknown-row`, `area-contradicts` or one of `OVERLAPS`.
        """
        _check_place(region, fact)
        noted, new_id = self.noted(by, why), self.ids()

        def work(connection: psycopg.Connection) -> None:
            if not store.retract(connection, region, fact.TABLE, psn_no, row_id, noted):
                raise _unknown_row(psn_no, row_id)
            with refusing_overlaps(fact.TABLE, f"person {psn_no}"):
                store.add_facts(connection, region, fact.TABLE, [(psn_no, new_id, fact)], noted)

        self.database.transact(work)
        return new_id

    def register_referral(self, region: str, psn_no: str, row_id: str, *, by: str,
                          why: str = "登记转诊") -> str:
        """The agency registers an electronic referral it has checked (BJ-61); gives its new row.

        Raises Refusal `unknown-row`, `referral-registered`.
        """
        found = next((one for one in self.facts(region, psn_no, Referral)
                      if one.row_id == row_id), None)
        if found is None:
            raise _unknown_row(psn_no, row_id)
        if found.fact.registered_by:
            raise Refusal("referral-registered", "the referral is registered already (已登记)",
                          f"person {psn_no}", hint="Nothing is to be done.")
        fact = replace(found.fact, registered_by=by)
        return self.correct(region, psn_no, row_id, fact, by=by, why=why)

    def relocate(self, from_region: str, psn_no: str, to_region: str, day: str, *, by: str,
                 why: str) -> None:
        """Moves a person's insurance relation to another region from a day on: cover without a
        gap or a wait, statuses and certificates go along (BJ-65, JC-29, GZ-29).

        Raises Refusal `unknown-person`, `unknown-region`, `no-coverage`, `certificate-taken`.
        """
        from .relocation import move_person
        noted = self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            self._need_region(connection, to_region)
            self._need_person(connection, from_region, psn_no)
            move_person(self, connection, from_region, psn_no, to_region, day, noted)

        self.database.transact(work)

    def facts(self, region: str, psn_no: str, kind: type[PersonFact],
              moment: datetime | None = None) -> list[StoredFact]:
        """Facts of one kind with their rows, as known now or at a moment."""
        with self.database.connection() as connection:
            return store.facts_of(connection, region, kind.TABLE, [psn_no], moment)

    # --- looking up ------------------------------------------------------------------------------
    def context(self, region: str, psn_no: str, moment: datetime | None = None) -> PersonContext:
        """What a settlement reads, in one call; with `moment`, as it was known then.

        Raises Refusal `unknown-person`.
        """
        with self.database.connection() as connection:
            return self.read_context(connection, region, psn_no, moment)

    def read_context(self, connection: psycopg.Connection, region: str, psn_no: str,
                     moment: datetime | None = None) -> PersonContext:
        """As `context`, on the caller's connection."""
        found = store.context_of(connection, region, psn_no, moment)
        if found is None:
            raise _unknown_person(region, psn_no)
        return PersonContext.of(found)

    def find(self, region: str, document: Document) -> str | None:
        """The number of a document's holder."""
        with self.database.connection() as connection:
            found = directory_store.holders(connection, region, indexes_of(self.keys, document))
        return next(iter(found.values()), None)

    def find_by_name(self, region: str, name: str, limit: int = FOUND_MAX) -> list[str]:
        """Numbers of people with exactly this name."""
        with self.database.connection() as connection:
            return directory_store.named(connection, region, self.keys.indexes(name, "name"),
                                         limit)

    def find_by_phone(self, region: str, phone: str, limit: int = FOUND_MAX) -> list[str]:
        """Numbers of people with exactly this phone."""
        with self.database.connection() as connection:
            return directory_store.phoned(connection, region, self.keys.indexes(phone, "phone"),
                                          limit)

    def views(self, region: str, numbers: Sequence[str], role: str) -> list[dict[str, object]]:
        """Persons as a role may see them, masked; who reads must be written down by the caller."""
        with self.database.connection() as connection:
            found = store.persons(connection, region, numbers)
            documents = directory_store.certificates_of(connection, region, list(found))
        return [view_of(self.keys, role, number, found[number][1],
                        [one for one in documents if one.psn_no == number])
                for number in numbers if number in found]

    # --- institutions and rules ------------------------------------------------------------------
    def open_region(self, region: str, name: str) -> None:
        """Makes a pooling area known; repeating it changes nothing."""
        self.database.transact(lambda connection: store.add_region(connection, region, name))

    def add_institution(self, region: str, fact: InstitutionFact, *, by: str, why: str) -> str:
        """An institution or a designation; gives its row. Raises Refusal `unknown-region` or one
        of `OVERLAPS`."""
        row_id, noted = self.ids(), self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            self._need_region(connection, region)
            with refusing_overlaps(fact.TABLE, f"institution {fact.code}"):
                area_store.add_institution_fact(connection, region, row_id, fact, noted)

        self.database.transact(work)
        return row_id

    def institution(self, region: str, code: str, day: str,
                    ) -> tuple[Institution, tuple[Designation, ...]]:
        """An institution and its designations on a day: small, the caller may keep it.

        Raises Refusal `unknown-institution`.
        """
        with self.database.connection() as connection:
            found = area_store.institution_on(connection, region, code, day)
        if found is None:
            raise Refusal("unknown-institution", f"no institution {code} on {day} "
                          "(该日无此机构)", f"region {region}",
                          hint="Register it with its level and place, or correct the code.")
        return found

    def institutions(self, region: str, wanted: area_store.Wanted, limit: int,
                     ) -> list[tuple[Institution, tuple[str, ...]]]:
        """Institutions of a day with the kinds they are designated for, by code, `limit` of them.
        """
        with self.database.connection() as connection:
            return area_store.institutions_on(connection, region, wanted, limit)

    def regions(self) -> dict[str, str]:
        """Every pooling area: code -> name."""
        with self.database.connection() as connection:
            return dict(area_store.regions(connection))

    def set_rule(self, region: str, name: str, value: Mapping[str, object], first: str,
                 last: str = "", *, source: str, by: str, why: str) -> None:
        """Sets a rule of the area for a time; what was set for that time is retracted.

        Raises Refusal `bad-rule`, `unknown-region`.
        """
        check_rule(name, value)
        noted = self.noted(by, why)

        def work(connection: psycopg.Connection) -> None:
            self._need_region(connection, region)
            area_store.retract_rules(connection, region, name, first, last, noted)
            with refusing_overlaps("enrolment_rule", name):
                area_store.set_rule(connection, region, name, self.ids(), value,
                                    RULES[name].clause, source, first, last, noted)

        self.database.transact(work)

    def rules(self, region: str, day: str) -> AreaRules:
        """The rules of an area on a day: small, the caller may keep it."""
        with self.database.connection() as connection:
            return area_store.rules_on(connection, region, day)

    # --- shared ----------------------------------------------------------------------------------
    def noted(self, by: str, why: str) -> Noted:
        """Now, by whom, why. Raises Refusal `no-reason` when either is empty."""
        if not by.strip() or not why.strip():
            raise Refusal("no-reason", "who and why must be said (须注明经办人和事由)", "request",
                          hint="Give both; they stay with the entry.")
        return Noted(self.clock(), by, why)

    def require_region(self, region: str) -> None:
        """Raises Refusal `unknown-region`."""
        with self.database.connection() as connection:
            self._need_region(connection, region)

    def _need_region(self, connection: psycopg.Connection, region: str) -> None:
        if not store.regions_known(connection, region):
            raise Refusal("unknown-region", f"there is no region {region} (无此统筹区)", "region",
                          hint="Open it first, or correct the six digits.")

    def _need_person(self, connection: psycopg.Connection, region: str, psn_no: str) -> None:
        if not store.persons(connection, region, [psn_no]):
            raise _unknown_person(region, psn_no)


def _check_place(region: str, fact: PersonFact) -> None:
    fault = misplaced(region, fact)
    if fault is not None:
        raise Refusal(fault.code, f"{fault.en} ({fault.zh})", fault.field, "BJ-66",
                      hint=fault.hint_en)


def _unknown_person(region: str, psn_no: str) -> Refusal:
    return Refusal("unknown-person", f"region {region} knows no person {psn_no} (无此参保人)",
                   f"person {psn_no}", hint="Register the person, or correct the number.")


def _unknown_row(psn_no: str, row_id: str) -> Refusal:
    return Refusal("unknown-row", f"no such row {row_id} is in force (记录不存在或已撤销)",
                   f"person {psn_no}", hint="Read the person again; somebody may have changed it.")
