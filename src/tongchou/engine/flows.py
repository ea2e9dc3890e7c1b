"""The one table a settlement is: (part, layer, tier, payer, amount, clause) (资金流).

Explanation, Sankey, postings, `setldetail` and statistics read it; nothing computes an amount a
second time. The rows sum to the bill.
"""
from __future__ import annotations

from typing import NamedTuple

from ..money import PPM, share_out, yuan_text
from ..policy import Pack
from ..terms import BASIC_FIELD, FUND_FIELDS
from .records import LayerTrace, Settlement


class Flow(NamedTuple):
    """Fen that go from a part of the bill to a payer. `layer` and `tier` are "" for what is left
    to the person; `tier` is a number from 1, "minimum", or "" where there is a single ratio."""

    part: str
    layer: str
    tier: str
    payer: str
    amount_fen: int
    clause: str

    def as_dict(self) -> dict[str, object]:
        """The row of the contract."""
        return {"part": self.part, "layer": self.layer or None, "tier": self.tier or None,
                "payer": self.payer, "amount": yuan_text(self.amount_fen), "clause": self.clause}


def flows_of(settlement: Settlement) -> list[Flow]:
    """All flows of a settlement, layers in order, then what is left to the person."""
    rows = [row for trace in settlement.layers for row in _layer_flows(trace)]
    traces = {trace.rule.layer: trace for trace in settlement.layers}
    for part, fen in settlement.left.items():
        layer, _, residue = part.partition(".")
        clause = residue_clause(traces[layer], residue) if residue else ""
        rows.append(Flow(part, "", "", "person", fen, clause))
    assert sum(row.amount_fen for row in rows) == settlement.claim.total_fen
    return rows


def tier_payments(trace: LayerTrace) -> list[tuple[str, int, tuple[str, ...]]]:
    """(tier, fen paid, clauses) of a layer: what a cap cuts is taken from the last tiers."""
    rule = trace.rule
    amounts = list(trace.tier_amounts)
    names = [str(index + 1) if len(amounts) > 1 else "" for index in range(len(amounts))]
    clauses = rule.tiers.clauses if rule.tiers else ()
    cited = [clauses[index] if index < len(clauses) else () for index in range(len(amounts))]
    extra = trace.payable - sum(amounts)
    if extra > 0:
        amounts.append(extra)
        names.append("minimum")
        cited.append(())
    over = sum(amounts) - trace.paid
    for index in range(len(amounts) - 1, -1, -1):
        cut = min(over, amounts[index])
        amounts[index] -= cut
        over -= cut
    return [(name, fen, clause) for name, fen, clause in zip(names, amounts, cited, strict=True)
            if fen]


def _layer_flows(trace: LayerTrace) -> list[Flow]:
    """Draw order: the deductible comes off the first parts, payments off the following ones."""
    rule = trace.rule
    rest, skip = [], trace.residues["deductible"]
    for part, fen in trace.drawn:
        taken = min(fen, skip)
        skip -= taken
        rest.append([part, fen - taken])
    rows = []
    for tier, fen, cited in tier_payments(trace):
        for entry in rest:
            amount = min(fen, entry[1])
            if amount:
                rows.append(Flow(entry[0], rule.layer, tier, rule.fund, amount,
                                 rule.cited(cited)))
                entry[1] -= amount
                fen -= amount
        assert fen == 0
    return rows


def residue_clause(trace: LayerTrace, residue: str) -> str:
    """Clauses of the rule that left a part behind."""
    return trace.rule.residue_clauses.get(residue) or trace.rule.cited(())


def amount_fields(pack: Pack, settlement: Settlement) -> dict[str, int]:
    """The national amount fields in fen; fund_pay_sumamt + psn_part_amt + hosp_part_amt = total."""
    fields = dict.fromkeys(("medfee_sumamt", "act_pay_dedc", *FUND_FIELDS, "fund_pay_sumamt",
                            "hosp_part_amt", "psn_part_amt"), 0)
    fields["medfee_sumamt"] = settlement.claim.total_fen
    for trace in settlement.layers:
        fields[pack.funds[trace.rule.fund].field] += trace.paid
    fields["psn_part_amt"] = settlement.person_part
    fields["fund_pay_sumamt"] = sum(fields[name] for name in FUND_FIELDS)
    fields["act_pay_dedc"] = deductible_of(pack, settlement)
    assert fields["medfee_sumamt"] == fields["fund_pay_sumamt"] + fields["psn_part_amt"] \
        + fields["hosp_part_amt"]
    return fields


def deductible_of(pack: Pack, settlement: Settlement) -> int:
    """实际支付起付线: the deductible borne under the first layer of a basic fund (fen).

    With a penalty it is the one really charged, not the one a due referral would have had.
    """
    for trace in settlement.layers:
        if pack.funds[trace.rule.fund].field == BASIC_FIELD:
            return min(trace.deductible, trace.base - trace.paid)
    return 0


def budget_split(pack: Pack, trace: LayerTrace, cell: dict[str, str]) -> dict[str, int]:
    """A layer's money by budget, by largest remainder (BJ-15); empty where it has no budgets."""
    budgets = pack.layer(trace.rule.layer).budgets
    if not budgets:
        return {}
    weights = [budget.share.at(cell) for budget in budgets]
    assert sum(weights) == PPM, "budget shares sum to 100% (checked by lint)"
    return dict(zip([budget.name for budget in budgets], share_out(trace.paid, weights),
                    strict=True))
