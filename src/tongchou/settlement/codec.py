"""Claims and persons as they are stored: plain JSON that gives back the very same record (存取)."""
from __future__ import annotations

from collections.abc import Mapping

from ..engine import Claim, Person, StatusSpan


def claim_row(claim: Claim) -> dict[str, object]:
    """A claim as JSON; fen in `parts`."""
    return {"claim_id": claim.claim_id, "person_id": claim.person_id, "visit": claim.visit,
            "level": claim.level, "place": claim.place, "referral": claim.referral,
            "begin": claim.begin, "end": claim.end, "settled": claim.settled,
            "parts": list(claim.parts), "tags": sorted(claim.tags), "disease": claim.disease,
            "episode": claim.episode, "hospital_id": claim.hospital_id}


def claim_of(row: Mapping[str, object]) -> Claim:
    """The claim that `claim_row` wrote."""
    return Claim(**{**row, "parts": tuple(row["parts"]), "tags": frozenset(row["tags"])})


def person_row(person: Person) -> dict[str, object]:
    """A person as the rules see them: no name, no number of a document."""
    return {"person_id": person.person_id, "insurance": person.insurance,
            "family_id": person.family_id, "born": person.born, "sex": person.sex,
            "person_class": person.person_class,
            "statuses": [[span.name, span.first, span.last] for span in person.statuses],
            "facts": dict(sorted(person.facts.items()))}


def person_of(row: Mapping[str, object]) -> Person:
    """The person that `person_row` wrote."""
    return Person(**{**row, "statuses": tuple(StatusSpan(*span) for span in row["statuses"])})
