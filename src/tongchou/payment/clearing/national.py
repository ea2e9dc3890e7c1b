"""What the nation says about clearing: deposit cap, elastic split, days to be done by (全国要求).

Data lies in national.yaml with its sources. Nothing of it changes an amount but the deposit's cap,
and that only where the region does not keep its own, which is flagged either way.
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from ...money import percent_text
from .model import Flag
from .reading import Basis, Section, malformed, open_section
from .rules import MonthlyRule

FILE = Path(__file__).with_name("national.yaml")


@dataclass(frozen=True)
class National:
    """`days`: year -> (cleared by, share of the clearing at most in ppm); `later` for the others.

    `later` is (month, day, share) of the year after the one cleared; years before the first in
    `days` have neither.
    """

    deposit_cap_ppm: int
    deposit_basis: Basis
    elastic_ppm: tuple[int, int]
    days: dict[int, tuple[date, int]]
    later: tuple[int, int, int]
    clearing_basis: Basis

    def clear_by(self, year: int) -> tuple[date, int] | None:
        """The day by which `year` is to be cleared, and the clearing's share at most."""
        if year in self.days:
            return self.days[year]
        if year < min(self.days):
            return None
        month, day, share = self.later
        return date(year + 1, month, day), share


@cache
def national() -> National:
    """The shipped file."""
    top = open_section(FILE)
    deposit, elastic, clearing = (top.section(name) for name in ("deposit", "elastic", "clearing"))
    days = {row.count("year"): (_day(row), row.ppm("share")) for row in clearing.rows("years")}
    later = clearing.section("later")
    return National(deposit.ppm("cap"), deposit.basis(), (elastic.ppm("low"), elastic.ppm("high")),
                    days, (later.count("month"), later.count("day"), later.ppm("share")),
                    clearing.basis())


def _day(row: Section) -> date:
    try:
        return date.fromisoformat(row.text("by"))
    except ValueError:
        raise malformed(row.where, f"{row.text('by')!r} is no day", "Write 2026-05-31.") from None


def deposit_ppm(rule: MonthlyRule) -> tuple[int, tuple[Flag, ...]]:
    """The deposit that is held, and a flag where the region's is above the national cap."""
    cap, where = national().deposit_cap_ppm, rule.basis.place
    own = percent_text(rule.deposit_ppm)
    if rule.deposit_ppm <= cap:
        return rule.deposit_ppm, ()
    if rule.keep:
        return rule.deposit_ppm, (Flag(
            "deposit-above-cap", where, f"the deposit of {own} is above {percent_text(cap)}",
            f"质量保证金{own}高于{percent_text(cap)}上限"),)
    return cap, (Flag("deposit-capped", where, f"the deposit of {own} is cut to "
                      f"{percent_text(cap)}", f"质量保证金{own}按{percent_text(cap)}上限执行"),)
