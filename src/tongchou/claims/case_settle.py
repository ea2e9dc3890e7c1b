"""A read case settled: each family or person on its own, then in order of settlement."""
from __future__ import annotations

from ..engine import (ContributionShare, RuleCache, Settlement, claim_order, contribution_shares,
                      settle_year)
from ..errors import Refusal
from ..policy import Pack
from .case import Case


def settle_claims(pack: Pack, case: Case) -> tuple[Settlement, ...]:
    """The settlements of a case's claims, in the pack's order of settlement.

    Raises Refusal for the first claim that cannot be settled, with its place in the file.
    """
    rules = RuleCache(pack)
    found: list[Settlement] = []
    for persons, claims in case.groups():
        try:
            found += settle_year(pack, persons, claims, rules)
        except Refusal as refusal:
            raise _placed(refusal, case) from None
    return tuple(sorted(found, key=lambda entry: claim_order(pack, entry.claim)))


def _placed(refusal: Refusal, case: Case) -> Refusal:
    """A refusal that names a claim, with the claim's place in the file."""
    name = refusal.where.removeprefix("claim ")
    if name != refusal.where and name in case.places:
        refusal.where = f"{case.places[name]} (claim {name})"
    return refusal


def share_contribution(pack: Pack, case: Case) -> tuple[ContributionShare, ...]:
    """Who pays the contribution a case asks about; nobody when it asks about claims."""
    asked = case.contribution
    if asked is None:
        return ()
    return tuple(contribution_shares(pack, asked.year, asked.person, asked.insurance, asked.held,
                                     asked.sex))
