"""Cost-deviation bands: where a ratio begins to matter, with its comparison sign (费用偏差病例).

r is what a case cost over the standard of its group. The score of a case in a band is
RW x (r if `ratio` + `plus` + coefficient if it is added), then times the coefficient if so stated.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ...money import PPM, NumberFault, parse_percent, percent_text
from ...policy import Node
from .region_nodes import amount_ppm, elements, fault, mapping, text

_BOUND = re.compile(r"(<=|<|>=|>)\s*(\S+)\Z")
ENDLESS = 1 << 62
BOUND_MAX_PPM = 50 * PPM     # keeps a bound times the largest bill inside int64


@dataclass(frozen=True)
class Band:
    """One band. Bounds in parts per million of r, `*_in` whether the bound itself belongs.

    `coefficient`: times, plus or none; `review`: candidate of special review (特例单议).
    """

    kind: str
    low_ppm: int = 0
    low_in: bool = True
    high_ppm: int = ENDLESS
    high_in: bool = True
    ratio: bool = True
    plus_ppm: int = 0
    coefficient: str = "times"
    review: bool = False

    def holds(self, cost_fen: int, standard_fen: int) -> bool:
        """Whether a case lies in the band; exact, without division."""
        return bool(self.above(np.int64(cost_fen * PPM), np.int64(standard_fen))
                    and self.below(np.int64(cost_fen * PPM), np.int64(standard_fen)))

    def above(self, cost: np.ndarray, standard_fen: np.ndarray) -> np.ndarray:
        """Whether cost (fen x 10**6) over the standard lies above the lower bound."""
        low = self.low_ppm * standard_fen
        return cost >= low if self.low_in else cost > low

    def below(self, cost: np.ndarray, standard_fen: np.ndarray) -> np.ndarray:
        """Whether cost (fen x 10**6) over the standard lies below the upper bound."""
        if self.high_ppm >= ENDLESS:
            return cost >= 0
        high = self.high_ppm * standard_fen
        return cost <= high if self.high_in else cost < high

    def __str__(self) -> str:
        """The band as a sentence of signs."""
        low = f"{percent_text(self.low_ppm)} {'<=' if self.low_in else '<'} " if self.low_ppm \
            else ""
        high = f" {'<=' if self.high_in else '<'} {percent_text(self.high_ppm)}" \
            if self.high_ppm < ENDLESS else ""
        return f"{self.kind}: {low}r{high}"


KEYS = ("kind", "over", "under", "ratio", "plus", "coefficient", "review")


def read_bands(node: Node) -> tuple[Band, ...]:
    """The bands of a region, refused where two of them take the same r."""
    bands: list[Band] = []
    for one in elements(node):
        band = _band(one)
        for other in bands:
            if _overlap(band, other):
                raise fault(one, "bands-overlap", f"{band} and {other} share cases",
                            "State for each bound to which side it belongs.")
        bands.append(band)
    return tuple(bands)


def _band(node: Node) -> Band:
    items = mapping(node, "a band", KEYS)
    for key in ("kind", "ratio", "coefficient"):
        if key not in items:
            raise fault(node, "missing-key", f"a band needs `{key}`")
    if not {"over", "under"} & set(items):
        raise fault(node, "missing-key", "a band needs `over` or `under`",
                    'Write under: "< 50%" with its sign.')
    low, low_in = _bound(items["over"], ">") if "over" in items else (0, True)
    high, high_in = _bound(items["under"], "<") if "under" in items else (ENDLESS, True)
    if (low, not low_in) >= (high, high_in):
        raise fault(node, "bands-overlap", "the band is empty: `over` lies above `under`")
    ratio = _word(items["ratio"], ("yes", "no")) == "yes"
    plus_ppm = amount_ppm(items["plus"]) if "plus" in items else 0
    if (low if ratio else 0) + plus_ppm < 0:
        raise fault(node, "negative-number", "a case at the lower bound would score below 0",
                    "Lower `plus`, or raise `over`.")
    return Band(text(items["kind"], "a kind"), low, low_in, high, high_in, ratio, plus_ppm,
                _word(items["coefficient"], ("times", "plus", "none")),
                "review" in items and _word(items["review"], ("yes", "no")) == "yes")


def _bound(node: Node, sign: str) -> tuple[int, bool]:
    written = text(node, "a bound")
    found = _BOUND.match(written)
    if not found or found[1][0] != sign:
        raise fault(node, "no-sign", f"the bound {written!r} has no sign `{sign}` or `{sign}=`",
                    f'Write "{sign} 50%" or "{sign}= 50%": half a score may hang on it.')
    try:
        ppm = parse_percent(found[2])
    except NumberFault as problem:
        raise fault(node, "bad-number", str(problem)) from None
    if not 0 <= ppm <= BOUND_MAX_PPM:
        raise fault(node, "bad-number", f"the bound {written!r} is beyond all measure",
                    f"Write 0% to {percent_text(BOUND_MAX_PPM)}.")
    return ppm, len(found[1]) == 2


def _word(node: Node, known: tuple[str, ...]) -> str:
    word = text(node, "a word")
    if word not in known:
        raise fault(node, "unknown-word", f"{word!r} stands here",
                    f"Write one of {', '.join(known)}.")
    return word


def _overlap(one: Band, other: Band) -> bool:
    low, high = sorted((one, other), key=lambda band: (band.low_ppm, not band.low_in))
    return high.low_ppm < low.high_ppm or (
        high.low_ppm == low.high_ppm and high.low_in and low.high_in)
