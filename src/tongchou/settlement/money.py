"""What a settlement moved, fund by fund (结算金额): the numbers that postings are made of."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..engine import Settlement
from ..policy import Pack
from ..terms import FUND_FIELDS


@dataclass(frozen=True)
class Money:
    """Fen by fund, fen of the person and fen the institution bears; signed for a difference.

    Funds with nothing are left out, so that equal money compares equal.
    """

    paid: Mapping[str, int] = field(default_factory=dict)
    person_fen: int = 0
    absorbed_fen: int = 0

    @property
    def total_fen(self) -> int:
        """The bill: everything somebody pays."""
        return sum(self.paid.values()) + self.person_fen + self.absorbed_fen

    def __add__(self, other: "Money") -> "Money":
        return self._joined(other, 1)

    def __sub__(self, other: "Money") -> "Money":
        return self._joined(other, -1)

    def __bool__(self) -> bool:
        return bool(self.paid or self.person_fen or self.absorbed_fen)

    def _joined(self, other: "Money", sign: int) -> "Money":
        if not other:
            return self
        sums = {fund: self.paid.get(fund, 0) + sign * other.paid.get(fund, 0)
                for fund in sorted({*self.paid, *other.paid})}
        return Money({fund: fen for fund, fen in sums.items() if fen},
                     self.person_fen + sign * other.person_fen,
                     self.absorbed_fen + sign * other.absorbed_fen)

    def as_dict(self) -> dict[str, object]:
        """The form that is stored beside an outcome."""
        return {"paid": dict(self.paid), "person_fen": self.person_fen,
                "absorbed_fen": self.absorbed_fen}

    @classmethod
    def of(cls, found: Mapping[str, object]) -> "Money":
        """Back from the stored form."""
        return cls(dict(found["paid"]), found["person_fen"], found["absorbed_fen"])


NOTHING = Money()


def money_of(pack: Pack, settlement: Settlement) -> Money:
    """What each fund pays, and what stays with the person and the institution."""
    paid: dict[str, int] = {}
    absorbed_fen = 0
    for trace in settlement.layers:
        kind = pack.funds[trace.rule.fund].field
        if kind in FUND_FIELDS:
            paid[trace.rule.fund] = paid.get(trace.rule.fund, 0) + trace.paid
        elif kind == "hosp_part_amt":
            absorbed_fen += trace.paid
    found = Money({fund: fen for fund, fen in sorted(paid.items()) if fen},
                  settlement.person_part, absorbed_fen)
    assert found.total_fen == settlement.claim.total_fen, (found, settlement.claim)
    return found


def sum_of(entries: Iterable[Money]) -> Money:
    """All of them together."""
    total = NOTHING
    for entry in entries:
        total += entry
    return total
