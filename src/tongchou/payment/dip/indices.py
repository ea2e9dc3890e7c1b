"""How a hospital compares: case-mix, time and cost index; 1 is average (CMI、时间和费用消耗指数)."""
from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa

from ...money import PPM
from .encode import words_of
from .model import POINT
from .statistics import rounded

AVERAGE_POINTS = 1000


def indices(scored: pa.Table, by: str = "hospital") -> pa.Table:
    """CMI, time and cost index of each value of a column of the scored table, all in ppm.

    CMI = points of the groups / cases / 1000. Time index = mean over grouped cases of days / mean
    days of the group among `scored`; cost index likewise. Null where nothing can be compared.
    """
    ids, words = words_of(scored, by)
    groups = words_of(scored, "group")[0].astype(np.int64)
    points = scored.column("points_milli").to_numpy()
    cost = _ratios(scored, "cost_fen", groups)
    time = _ratios(scored, "stay_days", groups)
    rows = []
    for place, word in enumerate(words):
        mine = ids == place
        grouped = mine & (groups >= 0)
        cases, count = int(mine.sum()), int(grouped.sum())
        rows.append({by: word, "cases": cases, "grouped": count,
                     "cmi_ppm": rounded(Fraction(int(points[grouped].sum()) * PPM,
                                                 count * POINT * AVERAGE_POINTS)) if count else None,
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
