"""What is refused at the counter (受理审查), before a case exists."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from psycopg import Connection

from ...database import shard_of
from ...errors import Refusal
from ...ledger import CHINA_TIME
from .. import store as settlements
from .model import REASONS, Case, NewCase
from .rules import ManualRules


def check_day(day: date, case: Case | None, now: datetime) -> None:
    """Raises Refusal `wrong-day` for a day to come, or before the step before."""
    earliest = None
    if case is not None:
        earliest = case.events[-1].happened_on if case.events else case.applied_on
    early = earliest is not None and day < earliest
    if early or day > now.astimezone(CHINA_TIME).date():
        where = f"before {earliest}, the step before" if early else "in the future"
        raise Refusal("wrong-day", f"{day} lies {where} (日期有误)", "on", "", "Enter the day on "
                      "which it happens, in the order in which it happened.")


def check_new(new: NewCase, rules: ManualRules) -> None:
    """Raises Refusal `unknown-reason`, `no-reason`, `no-invoice`, `unknown-document`."""
    if new.reason not in REASONS:
        raise Refusal("unknown-reason", f"{new.reason!r} is no reason for a manual reimbursement",
                      "reason", "BJ-50", f"Reasons: {', '.join(REASONS)}.")
    if new.reason == "other" and not new.why.strip():
        raise Refusal("no-reason", "the reason `other` is not explained (须说明原因)", "why", "",
                      "Say why it was not settled on the spot.")
    if new.advanced and new.reason != "away":
        raise Refusal("unknown-reason", "only an institution away from home advances a part "
                      "(仅市外就医有医院垫付)", "advanced", "BJ-52", "Give the reason `away`.")
    if not new.invoices or len(set(new.invoices)) < len(new.invoices) \
            or not all(one.strip() for one in new.invoices):
        raise Refusal("no-invoice", "invoice numbers are missing, empty or repeated (发票号有误)",
                      "invoices", "BJ-50", "Give the number of every original invoice once.")
    check_documents(new.documents, rules)


def check_documents(documents: Sequence[str], rules: ManualRules) -> None:
    """Raises Refusal `unknown-document`."""
    unknown = [name for name in documents if name not in rules.documents]
    if unknown:
        raise Refusal("unknown-document", f"{unknown[0]!r} is no document of the list "
                      "(材料名称有误)", "documents", "BJ-50",
                      f"The list: {', '.join(rules.documents)}.")


def refuse_settled_stay(connection: Connection, region: str, new: NewCase) -> None:
    """The same stay is not claimed beside a settlement that stands: Refusal `stay-settled`."""
    rows = settlements.history(connection, region, shard_of(region, new.psn_no), new.psn_no, None)
    for row in rows:
        if row["outcomes"][-1]["reason"] != "reverse" and _same_stay(row, new):
            raise Refusal("stay-settled", f"the stay was settled as {row['setl_id']} "
                          "(该次就医已结算)", f"mdtrt_id {row['mdtrt_id']}", "",
                          "Reverse that settlement first, or correct the dates.")


def _same_stay(row: Mapping[str, object], new: NewCase) -> bool:
    """The same number; or at the same institution days in bed that overlap (leaving and coming
    back on one day are two stays); or a visit of the same day and total."""
    if row["mdtrt_id"] == new.bill["mdtrt_id"]:
        return True
    first, last = str(new.bill["begndate"]), str(new.bill["enddate"])
    claim = row["claim"]
    if row["institution"] != new.institution:
        return False
    if first < last and claim["begin"] < claim["end"]:
        return claim["begin"] < last and first < claim["end"]
    return (claim["begin"], claim["end"]) == (first, last) \
        and sum(claim["parts"]) == sum(new.bill["parts"].values())
