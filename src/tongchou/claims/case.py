"""A case: some people and their bills under one pack, from YAML, JSON or a mapping (算例).

Reading takes two steps, since a pack may know identities and numbers of its own: `open_case`
gives the document with the pack and profile it names, `read_case` checks the rest against the
loaded pack.
"""
from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..engine import Claim, Person
from ..errors import CaseError, Refusal
from ..policy import FILE_LIMIT_BYTES, Node, Pack, as_node, parse_yaml, read_text
from . import fields
from .case_claim import read_claim
from .case_person import class_of, identity_of, insurance_of, read_person, sex_of

CASE_FIELDS = ("pack", "profile", "person", "persons", "claims", "contribution", "name", "note")
CONTRIBUTION_FIELDS = ("year", "person", "statuses", "insutype", "gend")
_JSON_TABS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\t')


@dataclass(frozen=True)
class CaseDocument:
    """A case file as it stands: the node, the pack and profile it names, where it lies.

    `profile` is a name, a mapping of nodes, or None; `folder` is where relative pack paths start.
    """

    root: Node
    pack: str
    profile: str | Mapping[str, Node] | None
    folder: Path | None


@dataclass(frozen=True)
class ContributionQuestion:
    """Who pays the contribution of `year` for a person class with identities `held`?"""

    year: int
    person: str
    insurance: str
    held: tuple[str, ...]
    sex: str


@dataclass(frozen=True)
class Case:
    """People by psn_no, their claims in the order of the file, and where each claim stands."""

    persons: Mapping[str, Person]
    claims: tuple[Claim, ...]
    places: Mapping[str, str]
    contribution: ContributionQuestion | None = None

    def groups(self) -> list[tuple[dict[str, Person], list[Claim]]]:
        """People who share accumulators (a family, or one person) with their claims."""
        found: dict[tuple[str, str], tuple[dict[str, Person], list[Claim]]] = {}
        for person in self.persons.values():
            key = ("family", person.family_id) if person.family_id else ("", person.person_id)
            found.setdefault(key, ({}, []))[0][person.person_id] = person
        of_person = {name: group for group in found.values() for name in group[0]}
        for claim in self.claims:
            of_person[claim.person_id][1].append(claim)
        return [group for group in found.values() if group[1]]


def open_case(source: str | Path | Mapping[str, object]) -> CaseDocument:
    """The document of a case file, of standard input (`-`), or of a mapping with the same fields.

    Raises CaseError with line and column: unreadable, too large, not YAML, not a case.
    """
    if isinstance(source, Mapping):
        return document(as_node(source, "case"), None)
    if str(source) == "-":
        return document(parse_case(_standard_input(), "standard input"), None)
    path = Path(source)
    return document(parse_case(read_text(path, CaseError), str(path)), path.parent)


def parse_case(text: str, file: str) -> Node:
    """The node tree of a case in YAML or JSON (whose tabs YAML would refuse)."""
    if "\t" in text and text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        text = _JSON_TABS.sub(lambda found: " " if found[0] == "\t" else found[0], text)
    return parse_yaml(text, file, CaseError)


def _standard_input() -> str:
    stream = getattr(sys.stdin, "buffer", None)
    try:
        content = stream.read(FILE_LIMIT_BYTES + 1) if stream else sys.stdin.read().encode()
        if len(content) > FILE_LIMIT_BYTES:
            raise CaseError("file-too-large", "standard input is larger than "
                            f"{FILE_LIMIT_BYTES // 1_000_000} MB", "standard input",
                            hint="Large claims belong in Parquet or CSV: `tongchou batch`.")
        return content.decode("utf-8-sig")
    except (OSError, ValueError):
        raise CaseError("unreadable-file", "standard input is not UTF-8 text", "standard input",
                        hint="Send the case as UTF-8.") from None


def document(root: Node, folder: Path | None) -> CaseDocument:
    """The document at a node; only the pack and the profile are looked at."""
    if root.elements is not None:
        raise fields.malformed(root, "not-a-mapping", "a case must be a mapping, here stands a "
                               "list", "Give one case: `person:` and `claims:` at the left edge.")
    items = fields.mapping(root, "a case", CASE_FIELDS)
    pack, profile = fields.optional(items, "pack"), fields.optional(items, "profile")
    if profile is not None and profile.elements is not None:
        raise fields.malformed(profile, "wrong-type", "profile is a list",
                               "Write the name of a profile or {parameter: value}.")
    given = None if profile is None else profile.items or fields.word(profile, "profile") \
        if profile.items != {} else {}
    return CaseDocument(root, fields.word(pack, "pack") if pack else "", given, folder)


def read_case(opened: CaseDocument, pack: Pack) -> Case:
    """The people and claims of a document, checked; identities and numbers as `pack` knows them.

    Raises CaseError (malformed) and Refusal (unknown codes, impossible values); see the readers.
    """
    items = opened.root.items
    if "contribution" in items:
        return _contribution_case(items, pack)
    persons = _persons(opened.root, pack)
    only = next(iter(persons)) if len(persons) == 1 else ""
    claims: dict[str, Claim] = {}
    places: dict[str, str] = {}
    for node in fields.elements(fields.needed(opened.root, "a case", "claims"), "claims"):
        claim = read_claim(node, only)
        if claim.claim_id in claims:
            raise fields.refused(node.items["mdtrt_id"], "duplicate-claim",
                                 f"two claims are called {claim.claim_id!r}",
                                 f"The first stands at {places[claim.claim_id]}; rename one.")
        _check_person(node, claim, persons)
        claims[claim.claim_id], places[claim.claim_id] = claim, node.where
    return Case(persons, tuple(claims.values()), places)


def _persons(root: Node, pack: Pack) -> dict[str, Person]:
    items = root.items
    if ("person" in items) == ("persons" in items):
        raise fields.malformed(root, "person-or-persons", "a case needs `person:` or, for a "
                               "family, a list `persons:`", "Write exactly one of them.")
    if "person" in items:
        person = read_person(items["person"], pack)
        return {person.person_id: person}
    found: dict[str, Person] = {}
    for node in fields.elements(items["persons"], "persons"):
        person = read_person(node, pack)
        if person.person_id in found:
            raise fields.refused(node.items["psn_no"], "duplicate-person",
                                 f"two persons are called {person.person_id!r}", "Rename one.")
        found[person.person_id] = person
    return found


def _check_person(node: Node, claim: Claim, persons: Mapping[str, Person]) -> None:
    person = persons.get(claim.person_id)
    if person is None:
        raise fields.refused(node.items["psn_no"], "missing-person",
                             f"the case has no person {claim.person_id[:40]!r}",
                             f"It has {', '.join(list(persons)[:10])}.")
    if person.born > claim.end:
        raise Refusal("dates-out-of-order", f"{claim.person_id} is born on {person.born}, after "
                      f"the claim {claim.claim_id} ends ({claim.end})", node.where,
                      hint="Correct brdy or the dates of the claim.")


def _contribution_case(items: Mapping[str, Node], pack: Pack) -> Case:
    root = items["contribution"]
    for key in ("person", "persons", "claims"):
        if key in items:
            raise fields.malformed(items[key], "wrong-type", f"`{key}` stands beside "
                                   "`contribution`", "Ask one thing in a case.")
    given = fields.mapping(root, "contribution", CONTRIBUTION_FIELDS)
    insurance = fields.optional(given, "insutype")
    statuses = fields.optional(given, "statuses")
    held = statuses.elements if statuses and statuses.elements is not None else \
        fields.elements(statuses, "statuses") if statuses else []
    question = ContributionQuestion(
        fields.count(fields.needed(root, "contribution", "year"), "year"),
        class_of(fields.optional(given, "person"), "person"),
        insurance_of(insurance) if insurance else pack.insurance[0],
        tuple(identity_of(node, pack, "statuses") for node in held),
        sex_of(fields.optional(given, "gend")))
    return Case({}, (), {}, question)
