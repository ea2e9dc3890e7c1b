"""What an unusual case is worth, as three shares that a region writes down (异常病例计算式).

    worth = `cost` x r x compared worth + `base` x worth without hospital coefficient
            + `standard` x worth with it,          r = cost / compared amount

`{cost: 100%}` is the cost itself (in points r x RW), `{cost: 100%, base: -200%, standard: 100%}` is
r - 2 + k, `{standard: 100%}` the standard. Nothing is ever worth less than 0.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...money import PPM, NumberFault, parse_percent
from ..clearing.reading import Basis, Section, malformed
from .bounds import Bounds, percents, weights

AGAINST = ("standard", "base", "mean")
WORTH_MOST = 1 << 62
RATIO_MOST_PPM = 50 * PPM     # keeps cost x ppm inside int64


class Worth(NamedTuple):
    """What cases are normally worth, int64[n], in fen or parts of points.

    `plain` is without hospital coefficient, `normal` with it; `unit` is that of the two which
    `compared_fen` stands for.
    """

    plain: np.ndarray
    normal: np.ndarray
    unit: np.ndarray
    compared_fen: np.ndarray


@dataclass(frozen=True)
class Pay:
    """The three shares in parts per million; `base` and `standard` may be negative."""

    cost_ppm: int = 0
    base_ppm: int = 0
    standard_ppm: int = 0

    def of(self, worth: Worth, cost_fen: np.ndarray, at: np.ndarray) -> np.ndarray:
        """int64[len(at)] in the unit of `worth`, halves up, at least 0, of the cases at `at`.

        Exact: made with unbounded whole numbers and rounded once. What is compared is above 0.
        """
        plain, normal, unit, compared, cost = (
            column[at].astype(object) for column in (worth.plain, worth.normal, worth.unit,
                                                     worth.compared_fen, cost_fen))
        inner = unit * cost * self.cost_ppm + compared * (
            plain * self.base_ppm + normal * self.standard_ppm)
        below = compared * PPM
        found = np.maximum((2 * inner + below) // (2 * below), 0)
        if len(found) and found.max() > WORTH_MOST:
            raise malformed("pay", "a band makes a case worth more than any bill",
                            "Check shares, means and weights.")
        return found.astype(np.int64)


@dataclass(frozen=True)
class Band:
    """Cases whose cost / compared amount lies in `when` and whose weight lies in `weight`."""

    name: str
    when: Bounds
    weight: Bounds
    pay: Pay
    basis: Basis

    def meets(self, other: "Band") -> bool:
        """Whether one case could lie in both."""
        return self.when.meets(other.when) and self.weight.meets(other.weight)


@dataclass(frozen=True)
class Outliers:
    """Bands that never overlap, and what the cost is compared with.

    `standard` has the hospital coefficient in it, `base` has not, `mean` is the mean cost of the
    group in its table.
    """

    against: str = "standard"
    bands: tuple[Band, ...] = ()

    def band_of(self, cost_fen: np.ndarray, compared_fen: np.ndarray,
                weight_micro: np.ndarray) -> np.ndarray:
        """int16[n]: the place of the band of each case, -1 for a normal one."""
        found = np.full(len(cost_fen), -1, np.int16)
        for place, band in enumerate(self.bands):
            inside = band.when.holds(cost_fen * PPM, compared_fen)
            inside &= band.weight.holds(weight_micro)
            found[inside] = place
        return found


def read_pay(section: Section) -> Pay:
    """`pay` of a band or of a special review."""
    part = section.section("pay")
    shares = {key: _share(part, key) for key in ("cost", "base", "standard") if part.has(key)}
    part.done()
    if not any(shares.values()):
        raise malformed(part.where, f"{part.name} pays nothing",
                        "Write shares of cost, base and standard such as {cost: 100%}.")
    return Pay(shares.get("cost", 0), shares.get("base", 0), shares.get("standard", 0))


def _share(section: Section, key: str) -> int:
    try:
        found = parse_percent(section.text(key))
    except NumberFault as fault:
        raise malformed(section.node.items[key].where, f"{section.name}.{key}: {fault}",
                        "Write a percentage such as 100% or -200%.") from None
    if abs(found) > RATIO_MOST_PPM or (key == "cost" and found < 0):
        raise malformed(section.node.items[key].where,
                        f"{section.name}.{key}: {section.text(key)} is out of range",
                        "A share of the cost is never negative; nothing is beyond 5000%.")
    return found


def read_outliers(rule: Section) -> Outliers:
    """`outliers` of a rule; without it no case is an outlier."""
    if not rule.has("outliers"):
        return Outliers()
    section = rule.section("outliers")
    bands = []
    for row in section.rows("bands"):
        bands.append(Band(row.text("name"), ratio(row, "when"),
                          weights(row, "weight") if row.has("weight") else Bounds(),
                          read_pay(row), row.basis()))
        row.done()
    made = Outliers(section.word("against", AGAINST), tuple(bands))
    section.done()
    for place, band in enumerate(made.bands):
        for other in made.bands[:place]:
            if band.meets(other):
                raise malformed(section.where, f"bands {other.name!r} and {band.name!r} overlap "
                                f"(区间重叠): one case could lie in both",
                                "Give each ratio and weight to one band; mind the signs.")
    return made


def ratio(section: Section, key: str) -> Bounds:
    """A stretch of cost over the compared amount."""
    found = percents(section, key)
    if max(found.low or 0, found.high or 0) > RATIO_MOST_PPM:
        raise malformed(section.node.items[key].where, f"{section.name}.{key} is beyond 5000%",
                        "Write a smaller multiple.")
    return found
