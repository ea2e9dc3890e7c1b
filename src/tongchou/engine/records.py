"""What a settlement is made of while it is made: traces, accumulators, a claim on its way.

Amounts are fen, rates ppm. `reference` and the kernel's `trace` both produce `LayerTrace`.
"""
from __future__ import annotations

from dataclasses import dataclass, field

from ..money import PPM, divide_rounded
from .rules import LayerRule
from .situation import Claim, Situation

RESIDUE_NAMES = ("deductible", "copayment", "over_cap", "penalty", "excluded")


@dataclass
class LayerTrace:
    """What one layer did on one claim, every number a line of the explanation needs (fen)."""

    rule: LayerRule
    drawn: tuple[tuple[str, int], ...]         # part, fen taken, in draw order
    base: int
    measured: int
    deductible: int
    cumulated_before: int
    tier_from: int
    tier_to: int
    slope_ppm: int
    tier_amounts: tuple[int, ...]
    payable: int                               # before caps on payments
    minimum_bites: bool
    paid: int
    caps: tuple[tuple[int, int], ...]          # used before, room left before; per cap of the rule
    capped: bool
    residues: dict[str, int]
    seen: dict[str, int] = field(default_factory=dict)   # what the rule looked up, by name
    as_if: "LayerTrace | None" = None          # the same claim, duly referred


@dataclass
class Settlement:
    """One claim settled: traces in chain order, what stays with the person, and the choice made."""

    claim: Claim
    situation: Situation
    status: str
    rejected: tuple[tuple[str, int], ...]      # other statuses and the person's part under each
    layers: list[LayerTrace]
    left: dict[str, int]                       # unpaid parts (fen), all of them the person's

    @property
    def person_part(self) -> int:
        """个人负担 in fen: what is left, and what a rule gave to the person."""
        return sum(self.left.values()) + sum(t.paid for t in self.layers
                                             if t.rule.fund == "person")


@dataclass
class State:
    """Accumulators of one owner group (a person, or a family) in one policy year.

    `year` holds running amounts by (owner, name); `scoped` those of an episode, day or month;
    `admissions` counts stays. Owner is a person id, or "" for the family.
    """

    year: dict[tuple[str, str], int] = field(default_factory=dict)
    scoped: dict[tuple[str, str, str], int] = field(default_factory=dict)
    admissions: dict[tuple[str, str], int] = field(default_factory=dict)

    def copy(self) -> "State":
        """An independent copy, for trying a status."""
        return State(dict(self.year), dict(self.scoped), dict(self.admissions))


@dataclass
class Step:
    """One claim on its way down the chain: parts still unpaid, bases seen, deeds done."""

    claim: Claim
    situation: Situation
    state: State
    rounding: str
    parts: dict[str, int]
    gross: dict[str, int] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)
    capped: set[str] = field(default_factory=set)
    counters: set[str] = field(default_factory=set)

    def owner(self, kind: str) -> str:
        """Whose accumulator: the person's own, or the family's."""
        return "" if kind == "family" else self.claim.person_id

    def scope_key(self, per: str) -> str:
        """What an accumulator that is not yearly is kept under."""
        if per == "episode":
            return self.claim.episode
        return self.situation.rule_date[:7 if per == "month" else 10]

    def rounded(self, exact: int) -> int:
        """Fen of an amount in fen x ppm: the layer's one rounding."""
        return divide_rounded(exact, PPM, self.rounding)
