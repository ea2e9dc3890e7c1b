"""Cases under a region's own pricing rules: DRG rates, outliers, bed-days, quotas (按规则定价)."""
from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import CaseError
from ..dip.score import CARRIED
from ..drg import group_cases, load_scheme
from ..methods import REASONS, Groups, columns_of, price_cases, read_rules
from ..methods.rules import GroupPricing
from .scenario import PricedRules


def priced_cases(cases: pa.Table, rules: PricedRules) -> pa.Table:
    """One row a case: group or rule, reason, points, score, and `due_fen` that the fund pays.

    A case that a rule without groups prices (bed-day, quota, capitation ...) stands under the
    rule's name; one without a price under none, and the fund pays nothing for it. Raises CaseError
    for cases that do not say what patient and fund paid, and what pricing raises.
    """
    for name in ("person_fen", "fund_fen"):
        if cases.column(name).null_count:
            raise CaseError("missing-value", f"{cases.column(name).null_count} cases have no "
                            f"{name}, which pricing rules need", name,
                            hint="Give the cases with what patient and fund paid.")
    placed = group_cases(cases, load_scheme(rules.scheme), ambiguous=rules.ambiguous)
    known = placed.column("group").combine_chunks()
    how = read_rules(rules.region)
    found = price_cases(columns_of(cases, Groups(placed.column("case").combine_chunks(), known,
                                                 None)), how)
    by_group = np.array([isinstance(rule.terms, GroupPricing) for rule in how.rules] + [False])
    names = pa.array([*(rule.name for rule in how.rules), None], pa.string()).take(
        pa.array(np.where(found.rule < 0, len(how.rules), found.rule)))
    paid = found.reason < 0
    named = pc.if_else(pa.array(by_group[found.rule]), known, names)
    reasons = pa.array([*REASONS, "matched"], pa.string()).take(
        pa.array(np.where(paid, len(REASONS), found.reason)))
    points = np.maximum(found.points_milli, 0)
    columns = {
        "case": cases.column("case"), "group": pc.if_else(pa.array(paid), named, None),
        "reason": reasons,
        "group_points_milli": pa.array(np.where(found.weight_micro >= 0, found.weight_micro,
                                                points)),
        "score_milli": pa.array(np.where(paid, points, 0)),
        "due_fen": pa.array(np.where(paid, np.maximum(found.due_fen, 0), 0))}
    return pa.table(columns | {name: cases.column(name) for name in CARRIED})
