"""Claims as columns: what the kernel reads and writes (成批结算的列).

Rows are sorted by owner group (person, or family), then policy year, then the pack's claim
order; `offsets` cuts them into units with empty accumulators (one owner group in one policy
year). Everything is an integer; classes were looked up and refusals taken out before.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Columns:
    """Input of the kernel for n claims in u units.

    `key`      int64[n]  cell without status: sum of class index x stride (see `Plan.dimensions`)
    `statuses` int64[n]  bit k set: the k-th status of `Plan.statuses` competes for the claim
    `parts`    int64[4, n]  the bill's four parts in fen, in the order of terms.PART_NAMES
    `offsets`  int64[u + 1]  first row of every unit, and n
    `member`   int64[n]  index of the person inside the unit (0.. ), all 0 without families
    `previous` scope -> int64[n]: row of the person's (or family's) previous claim in the same
               episode, day or month, or -1; only the scopes of `Plan.scopes` are needed
    `facts`    int64[f, n]  the numbers of `Plan.facts`
    """

    key: np.ndarray
    statuses: np.ndarray
    parts: np.ndarray
    offsets: np.ndarray
    member: np.ndarray
    previous: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    @property
    def claims(self) -> int:
        """Number of claims."""
        return len(self.key)


@dataclass
class Results:
    """Output of the kernel, in the order of the rows that went in.

    `paid`       int64[layers, n]  fen paid by each layer of the pack
    `person`     int64[n]  个人负担 in fen
    `deductible` int64[n]  实际支付起付线 in fen
    `status`     int16[n]  status chosen: 0 none, else 1 + its place in `Plan.statuses`
    `capped`     int64[n]  bit k set: layer k was cut by a cap
    """

    paid: np.ndarray
    person: np.ndarray
    deductible: np.ndarray
    status: np.ndarray
    capped: np.ndarray
