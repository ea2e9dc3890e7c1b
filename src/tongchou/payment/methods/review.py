"""Special review (特例单议): which of the costly cases fit into the quota."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...money import PPM
from .rules import Review


class Reviewed(NamedTuple):
    """Places of the `chosen` cases, number of `candidates`, and the `quota` of all."""

    chosen: np.ndarray
    candidates: int
    quota: int


def reviewed(review: Review, cost_fen: np.ndarray, standard_fen: np.ndarray,
             hospital: np.ndarray, discharges: np.ndarray) -> Reviewed:
    """The candidates of highest rank within the quota; the first in the file wins ties.

    Columns int64[m] of the cases with a standard; `hospital` their hospitals' numbers,
    `discharges` those of every discharge that the quota is a share of.
    """
    candidate = np.zeros(len(cost_fen), np.bool_)
    known = standard_fen > 0
    candidate[known] = review.over.holds(cost_fen[known] * PPM, standard_fen[known])
    places = np.flatnonzero(candidate)
    measure = cost_fen[places] - standard_fen[places] if review.rank == "excess" else \
        cost_fen[places] * PPM // standard_fen[places]
    places = places[np.argsort(-measure, kind="stable")]
    if not review.by_hospital:
        quota = len(discharges) * review.quota_ppm // PPM
        return Reviewed(np.sort(places[:quota]), len(places), quota)
    quotas = np.bincount(discharges, minlength=int(hospital.max(initial=0)) + 1) * \
        review.quota_ppm // PPM
    own = hospital[places]
    order = np.argsort(own, kind="stable")            # by hospital, highest rank first
    ranked = own[order]
    nth = np.arange(len(order)) - np.searchsorted(ranked, ranked)
    return Reviewed(np.sort(places[order[nth < quotas[ranked]]]), len(places), int(quotas.sum()))
