"""What a case is answered, and what it asks of settlement (受理单答复). Pure."""
from __future__ import annotations

from ...money import yuan_text
from ...terms import PARTS
from .model import EVENTS, Case, accepted_parts, missing_documents, review_deductions


def shown(case: Case) -> dict[str, object]:
    """A case as it is answered; amounts in yuan as text."""
    accepted = accepted_parts(case)
    return {
        "case_id": case.case_id, "psn_no": case.psn_no, "region": case.region,
        "reason": case.reason, "fixmedins_code": case.institution, "mdtrt_id": case.mdtrt_id,
        "applied_on": case.applied_on.isoformat(), "invoices": list(case.invoices),
        "state": case.state, "excepted": case.excepted, "setl_id": case.setl_id or None,
        "missing": [{"document": name, "title": case.rules.titles[name]}
                    for name in missing_documents(case)],
        "accepted": {PARTS[name].national: yuan_text(fen) for name, fen in accepted.items()},
        "deductions": [{"part": PARTS[one.part].national, "amount": yuan_text(one.amount_fen),
                        "reason": one.reason} for one in review_deductions(case)],
        "advanced": {fund: yuan_text(fen) for fund, fen in case.advanced.items()},
        "events": [{"number": one.number, "what": one.what, "zh": EVENTS[one.what].zh,
                    "on": one.happened_on.isoformat(), "by": one.done_by, "why": one.why,
                    "known_at": one.known_at.isoformat(), "body": dict(one.body)}
                   for one in case.events]}


def settlement_key(case: Case) -> str:
    """The key under which a case settles: one case, one settlement. No caller's key begins so."""
    return f"#manual:{case.case_id}"


def settlement_request(case: Case) -> dict[str, object]:
    """The bill as reviewed, as a request to settle. The time of settlement is that of settling: a
    pack that orders by discharge still puts the stay where it was."""
    parts = {PARTS[name].national: yuan_text(fen) for name, fen in accepted_parts(case).items()}
    bill = {name: value for name, value in case.bill.items() if name not in ("parts", "lines")}
    return {**bill, **parts, "kind": "manual"}
