"""The people of a case: insurance, class, identities with their dates, numbers (人员)."""
from __future__ import annotations

from ..engine import Person, StatusSpan
from ..policy import Node, Pack, suggest
from ..terms import (INSURANCE, INSURANCE_OF_CODE, PERSON_OF_CODE, PERSONS, SEXES, STATUS_OF_CODE,
                     STATUSES, person_of, status_of)
from . import fields

PERSON_FIELDS = ("psn_no", "family_id", "insutype", "brdy", "gend", "psn_type", "statuses",
                 "facts")
STATUS_FIELDS = ("code", "from", "to", "recognised")
_SEX_NAMES = sorted(set(SEXES.values()))


def read_person(node: Node, pack: Pack) -> Person:
    """A person of a case, with the identities and numbers that `pack` knows by name.

    Raises CaseError (missing, unknown or mistyped fields) and Refusal (unknown codes, impossible
    or disordered dates, a number the pack does not declare).
    """
    items = fields.mapping(node, "a person", PERSON_FIELDS)
    family, born = fields.optional(items, "family_id"), fields.optional(items, "brdy")
    return Person(
        fields.word(fields.needed(node, "a person", "psn_no"), "psn_no"),
        insurance_of(fields.needed(node, "a person", "insutype")),
        fields.word(family, "family_id") if family else "",
        fields.day(born, "brdy") if born else "",
        sex_of(fields.optional(items, "gend")),
        class_of(fields.optional(items, "psn_type"), "psn_type"),
        read_statuses(fields.optional(items, "statuses"), pack),
        read_facts(fields.optional(items, "facts"), pack))


def insurance_of(node: Node) -> str:
    """insutype: a national code, or our name."""
    code = fields.word(node, "insutype")
    name = code if code in INSURANCE else INSURANCE_OF_CODE.get(code)
    return fields.coded(node, "insutype", name, [*INSURANCE_OF_CODE, *INSURANCE],
                        "an insurance type")


def sex_of(node: Node | None) -> str:
    """gend: 1 male, 2 female, 0 or 9 unknown."""
    if node is None:
        return "unknown"
    code = fields.word(node, "gend")
    name = code if code in _SEX_NAMES else SEXES.get(code)
    return fields.coded(node, "gend", name, [*SEXES, *_SEX_NAMES], "a code of sex")


def class_of(node: Node | None, field: str) -> str:
    """psn_type: a national code (longer ones by their first two digits), or our name."""
    if node is None:
        return "other"
    code = fields.word(node, field)
    digits = code.isascii() and code.isdigit() and len(code) in (2, 4)
    name = code if code in PERSONS else person_of(code) if digits else None
    return fields.coded(node, field, name, [*PERSON_OF_CODE, *PERSONS], "a class of persons")


def identity_of(node: Node, pack: Pack, field: str = "code") -> str:
    """A status or attribute: of the vocabulary, of the pack, or a national identity code."""
    own = [entry.name for entry in (*pack.statuses, *pack.attributes)]
    code = fields.word(node, field)
    name = code if code in own else status_of(code)
    return fields.coded(node, field, name, [*own, *STATUSES, *STATUS_OF_CODE], "an identity")


def read_statuses(node: Node | None, pack: Pack) -> tuple[StatusSpan, ...]:
    """Identities with their days of force; `recognised` may stand instead of `from`."""
    if node is None or node.elements == []:
        return ()
    return tuple(_status(part, pack) for part in fields.elements(node, "statuses"))


def _status(node: Node, pack: Pack) -> StatusSpan:
    items = fields.mapping(node, "a status", STATUS_FIELDS)
    first = fields.optional(items, "from") or fields.optional(items, "recognised") \
        or fields.needed(node, "a status", "from")
    name = identity_of(fields.needed(node, "a status", "code"), pack)
    begin = fields.day(first, "from")
    last = fields.optional(items, "to")
    end = fields.day(last, "to") if last else ""
    if last:
        fields.in_order(begin, end, last, f"the status {name} starts after it ends",
                        "status-dates-out-of-order")
    _check_recognised(items, begin)
    return StatusSpan(name, begin, end)


def _check_recognised(items: dict[str, Node], begin: str) -> None:
    """The look-back is counted from the first day of force, so both dates must agree."""
    recognised = fields.optional(items, "recognised")
    if recognised and fields.day(recognised, "recognised") != begin:
        raise fields.refused(recognised, "dates-out-of-order",
                             f"recognised on {recognised.text}, in force from {begin}",
                             "Give the day of recognition as `from`; the look-back is counted "
                             "from it.")


def read_facts(node: Node | None, pack: Pack) -> dict[str, int]:
    """Numbers about the person; only those that the pack declares."""
    if node is None:
        return {}
    if node.items is None:
        fields.mapping(node, "facts", pack.facts)
    for name, child in node.items.items():
        if name not in pack.facts:
            raise fields.refused(child, "unknown-fact",
                                 f"{pack.name} declares no number `{name[:60]}`",
                                 suggest(name[:60], pack.facts))
    return {name: fields.count(child, name) for name, child in node.items.items()}
