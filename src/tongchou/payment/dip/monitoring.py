"""Monitoring indicators: what a bureau looks at, never points (监测指标).

Each indicator is a condition over a case (low-standard admission, re-admission, death in a low-risk
group, over-long stay); the region's file writes them. A flagged case is a question, not a fault.
"""
from __future__ import annotations

import numpy as np
import pyarrow as pa

from .auxiliary import first_of
from .derived import ratio_ppm
from .encode import Encoded, words_of
from .model import Catalogue
from .region import Region


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
