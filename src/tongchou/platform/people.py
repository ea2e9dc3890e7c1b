"""Enrolment as settlement asks for it: the person of a claim, and the family (参保与结算之间)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..engine import Claim, Person
from ..enrolment import PersonContext, engine_person, family_on
from .places import Places


class InsuredPeople:
    """Persons as the rules see them; `settlement.People` for the service."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def person(self, psn_no: str, context: Mapping[str, object], claim: Claim) -> Person:
        """The person, insured on the day of admission or of the visit. Raises what `insured` does.

        That the first day decides is our reading: no source says what happens to a stay in which
        the cover ends.
        """
        found = PersonContext.of(context)
        assert found.psn_no == psn_no
        return engine_person(found, claim.begin, self._places.rules(found.region, claim.begin))

    def family(self, context: Mapping[str, object]) -> Sequence[str]:
        """The other members of the family the person belongs to today or belonged to last."""
        found = PersonContext.of(context)
        if not found.families:
            return ()
        newest = max(membership.first for membership, _ in found.families)
        family = family_on(found, newest)
        return [number for number, _ in family[1] if number != found.psn_no] if family else ()
