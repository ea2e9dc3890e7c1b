"""A settlement as the contract shows it: national amount fields, layers and flows (结算单).

Amounts are yuan as text with two decimals. `settle --json` and the platform answer the same.
"""
from __future__ import annotations

from ..engine import LayerTrace, Settlement, amount_fields, budget_split, flows_of
from ..money import yuan_text
from ..policy import Pack


def settlement_dict(pack: Pack, settlement: Settlement) -> dict[str, object]:
    """One settlement with the national amount fields, layers, flows and the status chosen."""
    amounts = amount_fields(pack, settlement)
    return {"mdtrt_id": settlement.claim.claim_id, "psn_no": settlement.claim.person_id,
            **{name: yuan_text(fen) for name, fen in amounts.items()},
            "chosen_status": settlement.status,
            "rejected_statuses": [{"status": status, "psn_part_amt": yuan_text(fen)}
                                  for status, fen in settlement.rejected],
            "layers": [_layer_dict(pack, settlement, trace) for trace in settlement.layers],
            "flows": [flow.as_dict() for flow in flows_of(settlement)]}


def _layer_dict(pack: Pack, settlement: Settlement, trace: LayerTrace) -> dict[str, object]:
    rule = trace.rule
    found = {"layer": rule.layer, "fund_pay_type": pack.funds[rule.fund].fund_pay_type,
             "base": yuan_text(trace.base), "deductible": yuan_text(trace.deductible),
             "paid": yuan_text(trace.paid), "clauses": list(layer_clauses(trace))}
    cell = {**settlement.situation.cell, "status": settlement.status}
    budgets = budget_split(pack, trace, cell)
    if budgets:
        found["budgets"] = {name: yuan_text(fen) for name, fen in budgets.items()}
    return found


def layer_clauses(trace: LayerTrace) -> tuple[str, ...]:
    """Every clause a layer's numbers rest on, its own first."""
    return trace.rule.all_clauses
