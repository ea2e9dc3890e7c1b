"""Prices a region writes down: bed-days, per-disease quotas, TCM diseases, TCM day treatment."""
from __future__ import annotations

from dataclasses import dataclass, replace

from ...money import PPM
from ..clearing.reading import Section, malformed
from .bounds import Bounds, days, price_fen
from .selection import Selection, read_selection

DAYS_MOST = 36_600


@dataclass(frozen=True)
class DayBand:
    """Days `first` to `last` of a stay (None: without end) at `price_fen` a day."""

    first: int
    last: int | None
    price_fen: int


@dataclass(frozen=True)
class BedDays:
    """Bed-day prices in stay bands (按床日付费).

    `each_day`: every day at the price of its own band; else all days at the price of the band
    that the whole stay reaches.
    """

    bands: tuple[DayBand, ...]
    each_day: bool


@dataclass(frozen=True)
class Price:
    """One entry: the cases it is for and their price in fen, or another group's standard.

    `limit`: a ceiling (限额), the cost is paid where lower; else a quota (定额), paid whatever
    the cost. `bed_fen` is the part of the price for bed and nursing, charged at `charged_ppm`.
    """

    name: str
    which: Selection
    price_fen: int
    limit: bool = False
    same_rule: str = ""
    same_group: str = ""
    share_ppm: int = PPM
    bed_fen: int = 0
    charged_ppm: int = PPM


@dataclass(frozen=True)
class PriceList:
    """Entries in order; the first that fits prices the case, one that fits none goes on to the
    next rules."""

    entries: tuple[Price, ...]


def read_bed_days(rule: Section) -> BedDays:
    """`counts` and `bands` of a bed-day rule; bands follow one another without gap or overlap."""
    bands, at = [], None
    for row in rule.rows("bands"):
        found = days(row, "days")
        band = DayBand(*_whole(found, row), price_fen(row, "yuan"))
        row.done()
        if at is not None and band.first != at + 1:
            raise malformed(row.where, f"{row.name}: the band begins with day {band.first}, the "
                            f"one before ends with day {at} (区间重叠或不连续)",
                            "Let bands follow one another, the last open at its end.")
        if bands and bands[-1].last is None:
            raise malformed(row.where, f"{row.name} comes after an open band (区间重叠)",
                            "The open band is the last one.")
        bands.append(band)
        at = band.last
    if not bands or bands[0].first > 1:
        raise malformed(rule.where, f"{rule.name}: the first band does not begin with day 1",
                        "Write bands from day 1 on.")
    return BedDays(tuple(bands), rule.word("counts", ("each_day", "whole_stay")) == "each_day")


def _whole(found: Bounds, row: Section) -> tuple[int, int | None]:
    """First and last day of a stretch."""
    low = 0 if found.low is None else found.low + (not found.low_in)
    high = None if found.high is None else found.high - (not found.high_in)
    if max(low, high or 0) > DAYS_MOST:
        raise malformed(row.where, f"{row.name}: no stay is that long", "Write days.")
    return low, high


def read_prices(rule: Section, same_as: bool) -> PriceList:
    """`prices` of a per-disease quota, or of TCM diseases (`same_as` another group)."""
    return PriceList(_distinct(tuple(_price(row, same_as) for row in rule.rows("prices")), rule))


def _price(row: Section, same_as: bool) -> Price:
    made = Price(row.text("name"), _entry_selection(row), 0)
    if same_as and row.has("same_as"):
        part = row.section("same_as")
        made = replace(made, same_rule=part.text("rule"), same_group=part.text("group"),
                       share_ppm=part.ppm("share"))
        part.done()
    else:
        made = replace(made, price_fen=price_fen(row, "yuan"),
                       limit=row.word("kind", ("quota", "limit")) == "limit")
    row.done()
    return made


def read_day_treatment(rule: Section) -> PriceList:
    """`prices` of TCM day treatment: the inpatient price, its bed and nursing part charged less.

    ZB-06: bed and nursing at a share of the current price, which the region writes as
    `bed_and_nursing`.
    """
    charged = rule.ppm("bed_and_nursing")
    entries = []
    for row in rule.rows("prices"):
        price, bed = price_fen(row, "inpatient_yuan"), price_fen(row, "bed_nursing_yuan")
        if bed > price:
            raise malformed(row.where, f"{row.name}: bed and nursing cost more than the whole",
                            "Write the part of the inpatient price.")
        entries.append(Price(row.text("name"), _entry_selection(row), price, bed_fen=bed,
                             charged_ppm=charged))
        row.done()
    return PriceList(_distinct(tuple(entries), rule))


def _entry_selection(row: Section) -> Selection:
    made = read_selection(row)
    if made == Selection():
        raise malformed(row.where, f"{row.name} is for every case", "Name diseases or groups.")
    return made


def _distinct(entries: tuple[Price, ...], rule: Section) -> tuple[Price, ...]:
    for place, entry in enumerate(entries):
        if entry.which in [other.which for other in entries[:place]]:
            raise malformed(rule.where, f"{rule.name}: {entry.name} is for the same cases as an "
                            "entry before", "Take one of the two out.")
    return entries
