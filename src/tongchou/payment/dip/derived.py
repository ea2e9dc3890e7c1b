"""Numbers that are worked out for conditions: shares, ratios, Charlson index, re-admissions."""
from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from ...money import PPM
from .encode import MISSING, Codes, int_column, words_of
from .match import Matched
from .model import POINT, Catalogue, longest

_SHARES = {"drug_share": "drug_fen", "consumable_share": "consumable_fen",
           "treatment_share": "treatment_fen"}


def derive(table: pa.Table, matched: Matched, standard_fen: np.ndarray,
           same_hospital: bool = True, same_group: bool = True) -> dict[str, np.ndarray]:
    """int64 columns by field, MISSING where they cannot be worked out; ratios in ppm.

    `standard_fen` int64[n] is the cost standard of each case, 0 for none. A re-admission counts
    days from the same person's discharge before (of the same hospital, of the same group).
    """
    numbers = matched.encoded.numbers
    costs = int_column(table, "cost_fen")
    found = {field: ratio_ppm(int_column(table, column), costs)
             for field, column in _SHARES.items() if column in table.column_names}
    found["cost_ratio"] = ratio_ppm(costs, standard_fen)
    groups = matched.catalogue.groups
    days = np.array([*(group.mean_days_milli or 0 for group in groups), 0], np.int64)
    if "stay_days" in numbers:
        stay = numbers["stay_days"]
        found["stay_ratio"] = ratio_ppm(np.where(stay < 0, MISSING, stay * POINT),
                                        days[matched.group])
    rates = np.array([*(MISSING if group.death_rate_ppm is None else group.death_rate_ppm
                        for group in groups), MISSING], np.int64)
    found["death_rate"] = rates[matched.group]
    found["charlson"] = charlson(matched.encoded.dx, matched.catalogue)
    if {"person", "admitted", "discharged"} <= set(table.column_names):
        found["readmission_days"] = readmission_days(table, matched.group, same_hospital,
                                                     same_group)
    return found


def ratio_ppm(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole in parts per million, halves up; MISSING where either is missing or 0 below.

    Exact for parts up to a billion yuan.
    """
    known = (part >= 0) & (whole > 0)
    below = np.where(known, whole, 1)
    count, rest = np.divmod(np.where(known, part, 0) * PPM, below)
    return np.where(known, count + (2 * rest >= below), MISSING)


def charlson(dx: Codes, catalogue: Catalogue) -> np.ndarray:
    """int64[n]: Charlson index over other diagnoses, each class counted once (查尔森指数)."""
    classes = {name: weight for name, weight in catalogue.charlson.values()}
    names = list(classes)
    assert len(names) < 63
    of_word = np.full(len(dx.words) + 1, -1, np.int64)
    for place, word in enumerate(dx.words):
        found = longest(catalogue.charlson, word)
        if found is not None:
            of_word[place] = names.index(found[0])
    weights = np.array([*classes.values(), 0], np.int64)
    out = np.zeros(len(dx.offsets) - 1, np.int64)
    _charlson(dx.offsets, dx.ids, of_word, weights, out)
    return out


@njit(nogil=True, cache=True)
def _charlson(at, ids, of_word, weights, out):
    """Adds the weight of every class that an other diagnosis belongs to."""
    for case in range(len(out)):
        seen = 0
        for k in range(at[case] + 1, at[case + 1]):
            kind = of_word[ids[k]] if ids[k] >= 0 else -1
            if kind >= 0 and not seen >> kind & 1:
                seen |= 1 << kind
                out[case] += weights[kind]


def readmission_days(table: pa.Table, groups: np.ndarray, same_hospital: bool,
                     same_group: bool) -> np.ndarray:
    """int64[n]: days since the person's discharge before (same hospital, group), or MISSING."""
    person, hospital = (words_of(table, name)[0] for name in ("person", "hospital"))
    admitted, discharged = (pc.fill_null(pc.cast(table.column(name), pa.int32()), -1).to_numpy()
                            .astype(np.int64) for name in ("admitted", "discharged"))
    order = np.lexsort((discharged, admitted, *([groups] if same_group else []),
                        *([hospital] if same_hospital else []), person))
    before, after = order[:-1], order[1:]
    same = (person[before] == person[after]) & (person[after] >= 0)
    if same_hospital:
        same &= hospital[before] == hospital[after]
    if same_group:
        same &= (groups[before] == groups[after]) & (groups[after] >= 0)
    gap = admitted[after] - discharged[before]
    found = np.full(len(person), MISSING, np.int64)
    found[after] = np.where(same & (gap >= 0) & (discharged[before] >= 0), gap, MISSING)
    return found
