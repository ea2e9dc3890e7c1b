"""What hospitals are compared by: case-mix, time and cost index, indicators (监测指标).

An index of 1 (10**6 ppm) is average (CMI、时间和费用消耗指数). An indicator is a condition over a
case (low-standard admission, re-admission, death in a low-risk group, over-long stay) that the
region's file writes; a flagged case is a question, not a fault.
"""
from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa

from ...money import PPM
from .auxiliary import first_of
from .derived import ratio_ppm
from .encode import Encoded, words_of
from .model import POINT, Catalogue
from .region import Region
from .statistics import rounded

AVERAGE_POINTS = 1000


def indices(scored: pa.Table, by: str = "hospital") -> pa.Table:
    """CMI, time and cost index of each value of a column of the scored table, all in ppm.

    CMI = points of the groups / cases / 1000. Time index = mean over grouped cases of days / mean
    days of the group among `scored`; cost index likewise. Null where nothing can be compared.
    """
    ids, words = words_of(scored, by)
    groups = words_of(scored, "group")[0].astype(np.int64)
    points = scored.column("group_points_milli").to_numpy()
    cost = _ratios(scored, "cost_fen", groups)
    time = _ratios(scored, "stay_days", groups)
    rows = []
    for place, word in enumerate(words):
        mine = ids == place
        grouped = mine & (groups >= 0)
        cases, count = int(mine.sum()), int(grouped.sum())
        total = int(points[grouped].sum()) * PPM
        rows.append({by: word, "cases": cases, "grouped": count, "cmi_ppm": rounded(
            Fraction(total, count * POINT * AVERAGE_POINTS)) if count else None,
            "time_index_ppm": _mean(time, grouped), "cost_index_ppm": _mean(cost, grouped)})
    fields = [(by, pa.string()), *((name, pa.int64()) for name in (
        "cases", "grouped", "cmi_ppm", "time_index_ppm", "cost_index_ppm"))]
    return pa.Table.from_pylist(rows, pa.schema(fields)).sort_by(by)


def _ratios(scored: pa.Table, name: str, groups: np.ndarray) -> np.ndarray | None:
    """Of each case its value over its group's mean, in ppm; -1 where the mean is 0."""
    if name not in scored.column_names:
        return None
    values = np.maximum(scored.column(name).fill_null(0).to_numpy().astype(np.int64), 0)
    size = int(groups.max(initial=-1)) + 2
    count, total = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.add.at(count, groups, 1)
    np.add.at(total, groups, values)
    below = total[groups]
    return np.where(below > 0, values * count[groups] * PPM // np.maximum(below, 1), -1) \
        if values.max(initial=0) * int(count.max(initial=1)) < (1 << 62) // PPM \
        else _exact(values, count[groups], below)


def _exact(values: np.ndarray, counts: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The same where a product would leave int64."""
    return np.array([value * count * PPM // total if total else -1 for value, count, total in zip(
        values.tolist(), counts.tolist(), below.tolist(), strict=True)], np.int64)


def _mean(ratios: np.ndarray | None, mine: np.ndarray) -> int | None:
    if ratios is None:
        return None
    chosen = ratios[mine & (ratios >= 0)]
    return rounded(Fraction(int(chosen.sum()), len(chosen))) if len(chosen) else None


def flagged(region: Region, catalogue: Catalogue, encoded: Encoded) -> dict[str, np.ndarray]:
    """bool[n] by name of the indicator: the cases it points at."""
    return {one.name: first_of((one,), catalogue, encoded) == 0 for one in region.indicators}


def monitoring(table: pa.Table, flags: dict[str, np.ndarray], by: str = "hospital") -> pa.Table:
    """Cases and share (ppm) of each indicator by the values of a column."""
    ids, words = words_of(table, by)
    cases = np.bincount(ids + 1, minlength=len(words) + 1)[1:].astype(np.int64)
    rows: dict[str, list[object]] = {by: [], "indicator": [], "cases": [], "flagged": [],
                                     "share_ppm": []}
    for name, flag in flags.items():
        found = np.bincount(ids[flag] + 1, minlength=len(words) + 1)[1:]
        shares = ratio_ppm(found.astype(np.int64), cases)
        for place, word in enumerate(words):
            rows[by].append(word)
            rows["indicator"].append(name)
            rows["cases"].append(int(cases[place]))
            rows["flagged"].append(int(found[place]))
            rows["share_ppm"].append(int(shares[place]))
    return pa.table(rows)
