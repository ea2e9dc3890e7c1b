"""pandas: every stage as grouped running sums, written by hand for this workload (int64)."""
from __future__ import annotations

import numpy as np
import pandas as pd
from workload import RESULTS, Claims, P

COLUMNS = ("person", "number", "level", "category", "total", "own", "advance")


def prepare(claims: Claims) -> None:
    """Nothing to set up."""


def settle(_: None, claims: Claims) -> Claims:
    """A frame of the columns, the stages, and the results as numpy columns."""
    frame = pd.DataFrame({name: claims[name] for name in COLUMNS})
    return {name: column.to_numpy() for name, column in stages(frame).items()}


def stages(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The five results. A cap of the year is the difference of capped running sums."""
    person = frame["person"]

    def by(column: str, table: dict[int, int]) -> pd.Series:
        return frame[column].map({0: 0} | table).astype("int64")

    def capped(asked: pd.Series, cap: pd.Series | int) -> pd.Series:
        after = asked.groupby(person).cumsum()
        return np.minimum(after, cap) - np.minimum(after - asked, cap)

    def above(amount: pd.Series, line: pd.Series | int) -> pd.Series:
        after = amount.groupby(person).cumsum()
        return (after - line).clip(lower=0) - (after - amount - line).clip(lower=0)

    eligible = frame["total"] - frame["own"] - frame["advance"]
    share = frame["number"].clip(upper=3).map(P["deductible_share"]).astype("int64")
    counted = eligible - np.minimum(eligible, by("level", P["deductible"]) * share // 1000)
    basic = capped((counted * by("level", P["ratio"]) + 500) // 1000, P["basic_cap"])
    compliant = eligible - basic + frame["advance"]
    high = compliant.groupby(person).cumsum()
    low = high - compliant
    worth = 0
    edges = [edge for edge, _ in P["tiers"]]
    for k, (edge, rate) in enumerate(P["tiers"]):
        top = np.minimum(high, edges[k + 1]) if k + 1 < len(edges) else high
        worth = worth + (top - np.maximum(low, edge)).clip(lower=0) * rate
    critical = capped((worth + 500) // 1000, P["critical_cap"])
    burden = compliant - critical
    helped = burden.where(frame["category"] > 0, 0)
    counted = above(helped, by("category", P["assistance_deductible"]))
    assistance = capped((counted * by("category", P["assistance_ratio"]) + 500) // 1000,
                        by("category", P["assistance_cap"]))
    counted = above(helped - assistance, P["tilt_deductible"])
    tilt = capped((counted * P["tilt_ratio"] + 500) // 1000, P["tilt_cap"])
    return dict(zip(RESULTS, (basic, critical, assistance, tilt,
                              burden - assistance - tilt + frame["own"]), strict=True))
