"""Surplus kept, reasonable overrun shared (结余留用、合理超支分担), by bands of booked / standard.

With D the amount by points, B the booked amount and u = B / D: below the lowest band the fund pays
B; up to 1 it pays B and the kept share of the surplus; above 1 D and the fund's share of the
overrun inside the bands; nothing beyond the last one.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ...errors import Refusal
from ...money import PPM, percent_text
from .exact import rounded
from .reading import Basis, Section

BAND_LIMIT_PPM = 100 * PPM


@dataclass(frozen=True)
class Band:
    """From `lo_ppm` to `hi_ppm` of the standard, `share_ppm` is kept (surplus) or paid (overrun).

    Both edges belong to it: the amount is the same from either side.
    """

    lo_ppm: int
    hi_ppm: int
    share_ppm: int
    basis: Basis


@dataclass(frozen=True)
class Sharing:
    """`surplus` ends at 100%, `overrun` begins there.

    `edge_kept`: below the lowest band a hospital keeps what it would keep at that band's edge
    (no jump), else nothing (a jump, as city rules often have it). `from_reserve`: what hospitals
    get for overrun is not more than the reserve.
    """

    surplus: tuple[Band, ...]
    overrun: tuple[Band, ...]
    edge_kept: bool
    from_reserve: bool
    basis: Basis


def read_sharing(section: Section) -> Sharing:
    """The rule `sharing`; Refusal `bands-out-of-order` where bands overlap, gap or turn around."""
    surplus = _bands(section, "surplus", "kept")
    overrun = _bands(section, "overrun", "paid")
    if surplus and surplus[-1].hi_ppm != PPM:
        raise _disorder(section, "the last surplus band must end at 100%")
    if overrun and overrun[0].lo_ppm != PPM:
        raise _disorder(section, "the first overrun band must begin at 100%")
    made = Sharing(surplus, overrun, section.word("below", ("booked", "edge")) == "edge",
                   section.word("limit", ("reserve", "none")) == "reserve", section.basis())
    section.done()
    return made


def _bands(section: Section, key: str, share: str) -> tuple[Band, ...]:
    found = []
    for row in section.rows(key):
        basis = row.basis() if row.has("source") else section.basis()
        found.append(Band(row.ppm("from", BAND_LIMIT_PPM), row.ppm("to", BAND_LIMIT_PPM),
                          row.ppm(share), basis))
        row.done()
        if found[-1].lo_ppm >= found[-1].hi_ppm:
            raise _disorder(row, f"{_named(found[-1])} does not rise")
    for low, high in zip(found, found[1:]):
        if low.hi_ppm != high.lo_ppm:
            raise _disorder(section, f"after {_named(low)} of {key} comes {_named(high)}")
    return tuple(found)


def _named(band: Band) -> str:
    return f"{percent_text(band.lo_ppm)}-{percent_text(band.hi_ppm)}"


def _disorder(section: Section, message: str) -> Refusal:
    return Refusal("bands-out-of-order", f"{section.name}: {message} 分段顺序有误", section.where,
                   hint="Bands rise, touch one another, and meet at 100%.")


def shared_fen(standard_fen: int, booked_fen: int, rule: Sharing) -> int:
    """What the fund pays for D = `standard_fen` and B = `booked_fen`; halves away from zero.

    D and B must be >= 0. Continuous in B, but for the jump at the lowest band without `edge_kept`.
    """
    assert standard_fen >= 0 and booked_fen >= 0, (standard_fen, booked_fen)
    if booked_fen > standard_fen:
        return standard_fen + _inside(rule.overrun, standard_fen, standard_fen, booked_fen)
    lowest = rule.surplus[0].lo_ppm if rule.surplus else PPM
    if booked_fen * PPM < lowest * standard_fen and not rule.edge_kept:
        return booked_fen
    return booked_fen + _inside(rule.surplus, standard_fen, booked_fen, standard_fen)


def _inside(bands: Sequence[Band], standard_fen: int, lo_fen: int, hi_fen: int) -> int:
    """Sum over bands of share x (the part of lo_fen..hi_fen inside the band), rounded once."""
    whole = Fraction(0)
    for band in bands:
        lo = max(Fraction(band.lo_ppm * standard_fen, PPM), lo_fen)
        hi = min(Fraction(band.hi_ppm * standard_fen, PPM), hi_fen)
        whole += Fraction(band.share_ppm, PPM) * max(hi - lo, 0)
    return rounded(whole)
