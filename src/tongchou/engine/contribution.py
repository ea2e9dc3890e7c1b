"""Who pays the yearly contribution for one person (缴费与资助).

Personal and public amounts come from the pack's lines for the year; assistance pays part or all
of the personal amount for some identities, never more than that amount. Several identities never
add up: the one that is subsidised most counts, on a tie the first in the pack's order (BJ-40).
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..errors import Refusal
from ..money import PPM, divide_rounded, share_out
from ..policy import Cell, Contribution, Pack, unique
from .situation import competing, date_class, holds, person_class


@dataclass(frozen=True)
class ContributionShare:
    """One payer's share of a year's contribution in fen.

    `payer` is `personal`, `public` or a fund; `budgets` says which budgets carry the share.
    """

    payer: str
    amount_fen: int
    clauses: tuple[str, ...]
    budgets: Mapping[str, int] = field(default_factory=dict)


def contribution_shares(pack: Pack, year: int, person: str, insurance: str, held: Iterable[str],
                        sex: str = "unknown") -> list[ContributionShare]:
    """The shares of a person's contribution for `year`, `personal` first.

    `person` is a class of persons of the vocabulary, `held` the names of statuses and attributes.
    Raises Refusal `no-coverage`, `no-contribution` (the pack says nothing about the year) and
    what a value raises (`unset-parameter`, `no-value`).
    """
    if insurance not in pack.insurance:
        raise Refusal("no-coverage", f"{pack.name} does not cover insurance {insurance!r}",
                      hint=f"It covers {', '.join(pack.insurance)} (insutype).")
    lines = [line for line in pack.contributions if line.year in (0, year)]
    if not any(line.kind in ("personal", "public") for line in lines):
        raise Refusal("no-contribution", f"{pack.name} gives no contribution for {year}",
                      hint="Add a line under `contributions:` or ask for another year.")
    held = list(held)
    cell = _cell(pack, year, person, insurance, held, sex)
    trials = [_shares(lines, {**cell, "status": status}) for status in competing(pack, held)]
    return min(trials, key=lambda shares: shares[0].amount_fen)


def _cell(pack: Pack, year: int, person: str, insurance: str, held: list[str],
          sex: str) -> dict[str, str]:
    cell = {"insurance": insurance, "visit": "other", "hospital": "other", "place": "local",
            "referral": "not_needed", "sex": sex, "disease": "other", "age": "other",
            "date": date_class(pack, f"{year:04d}-01-01"),
            "person": person_class(pack.persons, person)}
    for attribute in pack.attributes:
        cell[attribute.name] = "yes" if attribute.name in held else "no"
    return cell


def _shares(lines: list[Contribution], cell: Cell) -> list[ContributionShare]:
    """Shares under one status: the person's is what the subsidies leave of the personal amount."""
    personal, public = (_level(lines, kind, cell) for kind in ("personal", "public"))
    left, subsidies = personal.amount_fen, []
    for line in lines:
        if line.kind.startswith("subsidy") and holds(line.conditions, cell):
            amount = line.amount.at(cell)
            if line.kind == "subsidy":
                amount = divide_rounded(personal.amount_fen * amount, PPM)
            subsidies.append(_share(line, line.fund or "other_fund", min(amount, left), cell))
            left -= subsidies[-1].amount_fen
    return [replace(personal, amount_fen=left), public, *subsidies]


def _level(lines: list[Contribution], kind: str, cell: Cell) -> ContributionShare:
    """The amount of a kind: that of the first line that applies; a line of the year goes before
    one that names no year."""
    applying = [line for line in lines if line.kind == kind and holds(line.conditions, cell)]
    for line in sorted(applying, key=lambda line: line.year == 0):
        return _share(line, kind, line.amount.at(cell), cell)
    return ContributionShare(kind, 0, ())


def _share(line: Contribution, payer: str, amount_fen: int, cell: Cell) -> ContributionShare:
    cited = unique((*line.clauses, *line.amount.cited(cell)))
    return ContributionShare(payer, amount_fen, cited, _budgets(line, amount_fen, cell))


def _budgets(line: Contribution, paid: int, cell: Cell) -> dict[str, int]:
    if not line.budgets:
        return {}
    weights = [budget.share.at(cell) for budget in line.budgets]
    if sum(weights) != PPM:
        raise Refusal("budgets-not-whole", "the budgets of this subsidy do not add up to 100%",
                      line.where, line.clauses[0] if line.clauses else "",
                      "Correct the shares or the parameters they use.")
    return dict(zip([budget.name for budget in line.budgets], share_out(paid, weights),
                    strict=True))
