"""A person moves to another pooling area: the relation is transferred, benefits go on (BJ-65)."""
from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import psycopg

from ..errors import Refusal
from . import directory_store, store
from .model import ChronicCertificate, Coverage, PersonFact, Status, in_force
from .sealing import opened_person, sealed_person
from .store import Noted

if TYPE_CHECKING:
    from .service import Enrolment


def move_person(service: Enrolment, connection: psycopg.Connection, old: str, psn_no: str,
                new: str, day: str, noted: Noted) -> None:
    """Ends cover, statuses and certificates of a person in one region the day before, and begins
    them in the other; documents and the person are known in both. Inside one transaction."""
    covers = store.facts_of(connection, old, Coverage.TABLE, [psn_no])
    present = [one for one in covers if in_force(one.fact.first, one.fact.last, day)]
    if not present:
        raise Refusal("no-coverage", f"nobody insures the person on {day}, so nothing can be "
                      "transferred (无可转移的参保关系)", f"person {psn_no}",
                      hint="Correct the day, or enrol the person anew.")
    _copy_person(service, connection, old, psn_no, new, noted)
    for kind in (Coverage, Status, ChronicCertificate):
        for one in store.facts_of(connection, old, kind.TABLE, [psn_no]):
            if not one.fact.last or one.fact.last >= day:
                _split(service, connection, (old, new), one, day, noted)


def _copy_person(service: Enrolment, connection: psycopg.Connection, old: str, psn_no: str,
                 new: str, noted: Noted) -> None:
    if store.persons(connection, new, [psn_no]):      # moved back: known there from before
        return
    documents = directory_store.certificates_of(connection, old, [psn_no])
    held = directory_store.holders(connection, new, [one.index for one in documents])
    if held:
        raise Refusal("certificate-taken", "somebody is registered there with the same document "
                      "(转入地已有登记)", f"region {new}", hint="Clear up the double registration "
                      "first; it may be the same person with another number.")
    person = opened_person(service.keys, store.persons(connection, old, [psn_no])[psn_no][1])
    directory_store.add_certificates(connection, new, [
        replace(one, row_id=service.ids()) for one in documents], noted)
    store.add_persons(connection, new, [(psn_no, service.ids(),
                                         sealed_person(service.keys, person))], noted)


def _split(service: Enrolment, connection: psycopg.Connection, regions: tuple[str, str],
           one: store.StoredFact, day: str, noted: Noted) -> None:
    """Ends a fact in the old region before the day and begins the same in the new."""
    old, new = regions
    fact: PersonFact = one.fact
    table = fact.TABLE
    store.retract(connection, old, table, one.psn_no, one.row_id, noted)
    if fact.first < day:
        before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
        store.add_facts(connection, old, table,
                        [(one.psn_no, service.ids(), replace(fact, last=before))], noted)
    begins = {"first": max(fact.first, day)}
    if isinstance(fact, Coverage):        # who still waits goes on waiting, nobody waits anew
        begins["benefits_from"] = max(fact.benefits_from, begins["first"])
    store.add_facts(connection, new, table,
                    [(one.psn_no, service.ids(), replace(fact, **begins))], noted)
