"""Sums for hospitals as a whole: capitation and global budgets (按人头付费、总额预算)."""
from __future__ import annotations

from dataclasses import dataclass

from ...money import PPM
from ..clearing.reading import Section, malformed
from .bounds import FUND_LIMIT_FEN, fund_fen, price_fen

MONTHS = 12


@dataclass(frozen=True)
class County:
    """A close-knit county group (紧密型医共体): its hospitals, its insured, their amount a head.

    `elsewhere_fen` is what its insured cost the fund in hospitals outside the group.
    """

    name: str
    hospitals: tuple[str, ...]
    heads: int
    head_fen: int
    elsewhere_fen: int


@dataclass(frozen=True)
class Capitation:
    """Groups; the share of a surplus they keep, of an overrun that the fund bears up to a bound.

    Overrun beyond `bound_ppm` of the amount is the group's own.
    """

    counties: tuple[County, ...]
    kept_ppm: int
    borne_ppm: int
    bound_ppm: int


@dataclass(frozen=True)
class GlobalBudget:
    """Yearly fund budgets by hospital, their monthly shares in ppm, and whether unused money
    waits for later months."""

    budgets_fen: tuple[tuple[str, int], ...]
    month_ppm: tuple[int, ...]
    carried: bool


def read_capitation(rule: Section) -> Capitation:
    """`groups`, `surplus_kept`, `overrun_borne` and `overrun_bound`."""
    counties, seen = [], set()
    for row in rule.rows("groups"):
        one = County(row.text("name"), row.words("hospitals"), row.count("heads"),
                     price_fen(row, "yuan_a_head"), fund_fen(row, "spent_elsewhere_yuan"))
        row.done()
        if one.heads * one.head_fen > FUND_LIMIT_FEN:
            raise malformed(row.where, f"{row.name}: heads x amount is larger than any fund",
                            "Check heads and yuan_a_head.")
        if twice := seen & set(one.hospitals):
            raise malformed(row.where, f"{min(twice)} is in two groups", "A hospital has one.")
        seen |= set(one.hospitals)
        counties.append(one)
    return Capitation(tuple(counties), rule.ppm("surplus_kept"), rule.ppm("overrun_borne"),
                      rule.ppm("overrun_bound", 10 * PPM))


def read_global(rule: Section) -> GlobalBudget:
    """`budgets`, `months` (equal, or twelve percentages that make 100%) and `unused`."""
    section = rule.section("budgets")
    budgets = tuple((name, fund_fen(section, name)) for name in section.keys())
    if rule.node.items.get("months") and rule.node.items["months"].text == "equal":
        assert rule.has("months")
        months: tuple[int, ...] = (1,) * MONTHS
    else:
        part = rule.section("months")
        months = tuple(part.ppm(f"{month:02d}") for month in range(1, MONTHS + 1))
        part.done()
        if sum(months) != PPM:
            raise malformed(part.where, "the shares of the months do not make 100%",
                            "Write 01 to 12, or `months: equal`.")
    return GlobalBudget(budgets, months,
                        rule.word("unused", ("carried", "lapses")) == "carried")
