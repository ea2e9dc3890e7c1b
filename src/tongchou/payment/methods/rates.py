"""What weight 1 is paid: fixed, floating or elastic rate (费率:固定、浮动、弹性).

A floating rate = fund converted to total cost / total weight. It is a fraction; nothing is
rounded before the standard of a case.
"""
from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ...errors import Refusal
from ...money import PPM
from ..clearing.reading import Basis, Section, malformed
from .bounds import WEIGHT_DIGITS, fund_fen, price_fen
from .columns import INSURANCES

KINDS = ("fixed", "floating", "elastic")
WEIGHT_UNIT = 10 ** WEIGHT_DIGITS
WEIGHT_MILLI = WEIGHT_UNIT // 1000


@dataclass(frozen=True)
class Fund:
    """The rate of one insurance: `fixed_fen` a unit of weight, or a fund to be divided.

    `ratio_ppm` is the fund's share of the total cost; None: as booked in the cases. For the
    elastic kind `base_micro` is each hospital's agreed volume in millionths of weight,
    `base_share_ppm` the part of the money for it, and `growth_most_ppm` bounds the rate of the
    growth by the rate of the base volume (None: no bound).
    """

    fixed_fen: int = 0
    fund_fen: int = 0
    ratio_ppm: int | None = None
    base_micro: tuple[tuple[str, int], ...] = ()
    base_share_ppm: int = 0
    growth_most_ppm: int | None = None


@dataclass(frozen=True)
class Volume:
    """What was done under a rule for one insurance: weight by hospital, in fractions of weight.

    Money is booked fen of the cases that have a weight.
    """

    weight: dict[str, Fraction]
    fund_fen: int
    cost_fen: int

    @property
    def total(self) -> Fraction:
        """Weight of all hospitals."""
        return sum(self.weight.values(), Fraction())


@dataclass(frozen=True)
class Rates:
    """The rate of a rule: kind, fund by insurance, whether coefficients count in the weight.

    `reserve_ppm` of the fund is held back for the year's adjustment (调节金).
    """

    kind: str
    funds: dict[str, Fund]
    with_coefficient: bool
    reserve_ppm: int
    basis: Basis


def converted(fund: Fund, volume: Volume, name: str) -> Fraction:
    """The fund as total cost (基金折算总费用), in fen: fund / the fund's share of the cost."""
    if fund.ratio_ppm is not None:
        return Fraction(fund.fund_fen * PPM, fund.ratio_ppm)
    if not volume.fund_fen:
        raise Refusal("no-booked-fund", f"the fund paid nothing in the cases of {name}, so there "
                      "is no share to convert it with", hint="Write `ratio` as a percentage.")
    return Fraction(fund.fund_fen * volume.cost_fen, volume.fund_fen)


def shared_money(rates: Rates, insurance: str, volume: Volume) -> Fraction:
    """Fen of total cost that a floating or elastic rate divides: the fund less its reserve."""
    return converted(rates.funds[insurance], volume, insurance) * Fraction(
        PPM - rates.reserve_ppm, PPM)


def rate_of(rates: Rates, insurance: str, volume: Volume) -> dict[str, Fraction]:
    """Fen for weight 1 by hospital; "" where every hospital has the same.

    Raises Refusal `unset-payment-rule` for an insurance that is not set.
    """
    fund = rates.funds.get(insurance)
    if fund is None:
        raise Refusal("unset-payment-rule", f"{rates.basis.place}.{insurance} is not set "
                      "未设定", rates.basis.place, hint="Set it with its source.")
    if rates.kind == "fixed":
        return dict.fromkeys((*volume.weight, ""), Fraction(fund.fixed_fen))
    if not volume.total:
        return {}
    money = shared_money(rates, insurance, volume)
    if rates.kind == "floating":
        return dict.fromkeys((*volume.weight, ""), money / volume.total)
    return _elastic(fund, volume, money)


def _elastic(fund: Fund, volume: Volume, money: Fraction) -> dict[str, Fraction]:
    """Base volume at a rate known in advance, what is beyond it at what is left for growth."""
    base = {name: Fraction(micro, WEIGHT_UNIT) for name, micro in fund.base_micro}
    share = Fraction(fund.base_share_ppm, PPM)
    fixed = money * share / sum(base.values(), Fraction())
    grown = {name: max(weight - base.get(name, Fraction()), Fraction())
             for name, weight in volume.weight.items()}
    growth, rate = sum(grown.values(), Fraction()), Fraction()
    if growth:
        rate = money * (1 - share) / growth
        if fund.growth_most_ppm is not None:
            rate = min(rate, fixed * Fraction(fund.growth_most_ppm, PPM))
    return {name: (fixed * (weight - grown[name]) + rate * grown[name]) / weight
            for name, weight in volume.weight.items() if weight}


def read_rates(rule: Section) -> Rates:
    """`rate` of a rule."""
    section = rule.section("rate")
    kind = section.word("kind", KINDS)
    counted = kind != "fixed" and section.word(
        "over", ("weight", "weight_and_coefficient")) == "weight_and_coefficient"
    funds = {}
    for insurance in INSURANCES:
        if section.has(insurance):
            part = section.section(insurance)
            funds[insurance] = _fund(part, kind)
            part.done()
    made = Rates(kind, funds, counted, 0 if kind == "fixed" else section.ppm("reserve"),
                 section.basis())
    section.done()
    return made


def _fund(part: Section, kind: str) -> Fund:
    if kind == "fixed":
        return Fund(fixed_fen=price_fen(part, "yuan"))
    ratio = None if part.text("ratio") == "booked" else part.ppm("ratio")
    if ratio == 0:
        raise malformed(part.where, f"{part.name}.ratio is 0", "A fund pays some share.")
    money_fen = fund_fen(part, "fund")
    if kind == "floating":
        return Fund(fund_fen=money_fen, ratio_ppm=ratio)
    base = part.section("base_weights")
    volumes = tuple((name, base.points_milli(name) * WEIGHT_MILLI) for name in base.keys())
    if not sum(micro for _, micro in volumes):
        raise malformed(base.where, f"{base.name} has no volume", "Write `hospital: weight`.")
    return Fund(0, money_fen, ratio, volumes, part.ppm("base_share"),
                part.ppm("growth_most") if part.has("growth_most") else None)
