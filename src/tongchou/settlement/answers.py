"""What a request is answered (答复): the statement of the contract, and every difference made.

Amounts are yuan as text; a difference is signed.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

import orjson

from ..money import yuan_text
from ..policy import Pack
from .money import Money
from .year import Outcome, Stored


def as_text(answer: Mapping[str, object]) -> str:
    """The answer as it is stored and sent: a repeat gives it back byte for byte."""
    return orjson.dumps(answer).decode()


def body_hash(body: Mapping[str, object]) -> str:
    """What tells a repeated request from another one under the same key."""
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str)
    return sha256(text).hexdigest()


def settled(pack: Pack, own: Outcome, others: Iterable[Outcome]) -> dict[str, object]:
    """The answer of a settlement: its statement, and what moved because of it."""
    return {"setl_id": own.stored.setl_id, "psn_no": own.stored.psn_no,
            "mdtrt_id": own.stored.claim.claim_id, "kind": own.stored.kind,
            "setl_time": own.stored.claim.settled, "year": own.stored.year, "pack": pack.name,
            "pack_hash": pack.pack_hash, **own.statement, "this_settlement": money_row(own.money),
            "changed": [difference_row(one.stored, one.difference) for one in others]}


def changed(cause: Mapping[str, object], outcomes: Iterable[Outcome]) -> dict[str, object]:
    """The answer of a reversal or recomputation: signed differences by settlement."""
    return {**cause, "changed": [difference_row(one.stored, one.difference) for one in outcomes
                                 if one.difference or one.reason == "reverse"]}


def difference_row(stored: Stored, difference: Money) -> dict[str, object]:
    """What a settlement's money changed by."""
    return {"setl_id": stored.setl_id, "mdtrt_id": stored.claim.claim_id,
            "psn_no": stored.psn_no, "revision": stored.revision + 1,
            "difference": money_row(difference)}


def money_row(money: Money) -> dict[str, object]:
    """Fund by fund, the person and the institution, in yuan."""
    return {"funds": {fund: yuan_text(fen) for fund, fen in money.paid.items()},
            "fund_pay_sumamt": yuan_text(sum(money.paid.values())),
            "psn_part_amt": yuan_text(money.person_fen),
            "hosp_part_amt": yuan_text(money.absorbed_fen)}
