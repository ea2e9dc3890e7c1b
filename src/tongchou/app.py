"""The joining point: packs, cases and the engine put together (汇合处).

    settled = settle("case.yaml", profile="candidate")
    settled.as_dict()        # the JSON of `tongchou settle --json`
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .claims import (Case, CaseDocument, open_case, read_case, settle_claims, settlement_dict,
                     share_contribution)
from .engine import ContributionShare, Settlement
from .errors import CaseError
from .money import yuan_text
from .policy import Node, Pack, load_pack

Profile = str | Mapping[str, object]


@dataclass(frozen=True)
class SettledCase:
    """A case settled under a pack: its claims in order of settlement, or a contribution shared.

    `profile` is what was asked for: a name, a mapping {parameter: text}, or None.
    """

    pack: Pack
    profile: object
    case: Case
    settlements: tuple[Settlement, ...]
    contribution: tuple[ContributionShare, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`: amounts in yuan as text with two decimals."""
        found: dict[str, object] = {
            "pack": self.pack.name, "pack_hash": self.pack.pack_hash, "profile": self.profile,
            "candidates": [{"parameter": entry.parameter, "value": entry.text,
                            "grade": entry.grade, "source": entry.source, "clause": entry.clause}
                           for entry in self.pack.candidates],
            "settlements": [settlement_dict(self.pack, entry) for entry in self.settlements]}
        if self.case.contribution:
            found["contribution"] = [contribution_dict(share) for share in self.contribution]
        return found


def settle(case: str | Path | Mapping[str, object] | CaseDocument,
           pack: str | Path | Pack | None = None, profile: Profile | None = None) -> SettledCase:
    """Settles a case: a file (YAML or JSON), `-` for standard input, or a mapping.

    `pack` (a shipped name, a path or a loaded Pack) and `profile` go before those of the case; a
    loaded Pack keeps the profile it is bound to. Raises CaseError (the case cannot be read),
    PackError (the pack or profile cannot) and Refusal (the rules do not give an answer).
    """
    opened = case if isinstance(case, CaseDocument) else open_case(case)
    chosen = profile if profile is not None else opened.profile
    if isinstance(pack, Pack):
        if profile is not None:
            raise ValueError("a loaded Pack is bound to its profile: give one or the other")
        bound, chosen = pack, pack.profile
    else:
        bound = _load(opened, pack, chosen)
    read = read_case(opened, bound)
    return SettledCase(bound, _plain(chosen), read, settle_claims(bound, read),
                       share_contribution(bound, read))


def _load(opened: CaseDocument, pack: str | Path | None, profile: Profile | None) -> Pack:
    if pack is not None:
        return load_pack(pack, profile)
    if not opened.pack:
        raise CaseError("missing-field", "the case names no pack", opened.root.where,
                        hint="Add `pack: CITY/REGIME` to the case or give `--pack`.")
    return load_pack(opened.pack, profile, opened.folder)


def _plain(profile: object) -> object:
    """A profile as JSON can carry it."""
    if isinstance(profile, Mapping):
        return {key: _plain(value) for key, value in profile.items()}
    if isinstance(profile, Node):
        return profile.plain()
    return profile if profile is None or isinstance(profile, str) else str(profile)


def contribution_dict(share: ContributionShare) -> dict[str, object]:
    """One payer of a contribution: amount in yuan, clauses, budgets where the pack splits it."""
    found: dict[str, object] = {"payer": share.payer, "amount": yuan_text(share.amount_fen),
                                "clauses": list(share.clauses)}
    if share.budgets:
        found["budgets"] = {name: yuan_text(fen) for name, fen in share.budgets.items()}
    return found
