"""Between what people type and what the tables hold: sealing, indexing, opening (加密与盲索引)."""
from __future__ import annotations

from ..privacy import KeyRing, shown
from .directory_store import StoredCertificate
from .identity import Document
from .model import NewPerson
from .store import SealedPerson

NAME, PHONE, CERTIFICATE = "name", "phone", "certificate"


def sealed_person(keys: KeyRing, person: NewPerson) -> SealedPerson:
    """A person with name and phone sealed."""
    return SealedPerson(
        keys.seal(person.name, NAME), keys.index(person.name, NAME),
        keys.seal(person.phone, PHONE) if person.phone else None,
        keys.index(person.phone, PHONE) if person.phone else None,
        person.born, person.sex, person.psn_type, person.facts, person.died)


def opened_person(keys: KeyRing, sealed: SealedPerson) -> NewPerson:
    """The person inside. Raises KeyFault when a key is missing or a value was changed."""
    phone = keys.unseal(sealed.phone_sealed, PHONE) if sealed.phone_sealed else ""
    return NewPerson(keys.unseal(sealed.name_sealed, NAME), sealed.born, sealed.sex,
                     sealed.psn_type, phone, sealed.died, dict(sealed.facts))


def sealed_document(keys: KeyRing, document: Document, psn_no: str, row_id: str,
                    ) -> StoredCertificate:
    """A document for the directory."""
    return StoredCertificate(psn_no, row_id, document.kind, index_of(keys, document),
                             keys.seal(document.number, CERTIFICATE))


def index_of(keys: KeyRing, document: Document) -> bytes:
    """The index of a document: the same in every region, so that double enrolment shows."""
    return keys.index(_searched(document), CERTIFICATE)


def indexes_of(keys: KeyRing, document: Document) -> list[bytes]:
    """The index under every key, for a look-up."""
    return keys.indexes(_searched(document), CERTIFICATE)


def _searched(document: Document) -> str:
    return f"{document.kind}|{document.number}"


def view_of(keys: KeyRing, role: str, psn_no: str, sealed: SealedPerson,
            documents: list[StoredCertificate]) -> dict[str, object]:
    """A person as a role may see it: names of fields are the national ones."""
    person = opened_person(keys, sealed)
    return {
        "psn_no": psn_no, "psn_name": shown(role, NAME, person.name), "gend": person.sex,
        "brdy": person.born, "psn_type": person.psn_type,
        "tel": shown(role, PHONE, person.phone), "died": person.died,
        "facts": dict(person.facts),
        "certificates": [{"psn_cert_type": one.kind, "certno": shown(
            role, CERTIFICATE, keys.unseal(one.sealed, CERTIFICATE))} for one in documents]}
