"""What a region settled about paying cases: an ordered list of rules, each with its source.

The first rule that takes a case prices it; what a rule leaves `outside` goes on to the next ones.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..clearing.reading import Basis, Section, malformed, open_section
from .coefficients import Coefficients, read_coefficients
from .formula import Outliers, Pay, ratio, read_outliers, read_pay
from .bounds import Bounds, price_fen
from .group_tables import GroupTable, read_group_table
from .lump_rules import Capitation, GlobalBudget, read_capitation, read_global
from .price_rules import BedDays, PriceList, read_bed_days, read_day_treatment, read_prices
from .rates import Rates, read_rates
from .selection import Exclusion, Selection, read_outside, read_takes

POINTS_MOST = 1 << 24         # thousandths of points a fen: keeps points inside int64
MEASURES = ("excess", "ratio")


@dataclass(frozen=True)
class Currency:
    """The one point currency: cases of `mean_fen` are worth `points_milli` (统一点数)."""

    mean_fen: int
    points_milli: int
    basis: Basis


@dataclass(frozen=True)
class Review:
    """Special review (特例单议): candidates, how many of the discharges, in which order, their pay.

    `of_all`: the share is of all cases of the file, else of the rule's. `by_hospital`: each
    hospital has its own quota. A share of a discharge is dropped.
    """

    over: Bounds
    quota_ppm: int
    of_all: bool
    by_hospital: bool
    rank: str
    pay: Pay
    basis: Basis


@dataclass(frozen=True)
class GroupPricing:
    """DRG by weight and rate, or points: `table` None takes the scores of the file of groups.

    `rates` None leaves the value of a point to the clearing.
    """

    table: GroupTable | None
    rates: Rates | None
    coefficients: Coefficients
    outliers: Outliers
    review: Review | None
    points: bool


@dataclass(frozen=True)
class ByItem:
    """Pays the cost itself (按项目付费)."""


Terms = GroupPricing | BedDays | PriceList | Capitation | GlobalBudget | ByItem


@dataclass(frozen=True)
class Rule:
    """One rule: its name, its method, the cases it takes and leaves, and its terms."""

    name: str
    method: str
    takes: Selection
    outside: tuple[Exclusion, ...]
    terms: Terms
    basis: Basis


@dataclass(frozen=True)
class Rules:
    """The rules of a region for a year, in order."""

    region: str
    year: int
    currency: Currency
    rules: tuple[Rule, ...]


METHODS = ("drg", "points", "bed_day", "quota", "tcm", "tcm_day", "capitation", "global",
           "by_item")


def read_rules(path: Path) -> Rules:
    """A file of rules. Raises CaseError `bad-payment-file` and Refusal `unset-payment-rule`."""
    top = open_section(path)
    part = top.section("currency")
    currency = Currency(price_fen(part, "mean"), part.points_milli("points"), part.basis())
    part.done()
    if not currency.mean_fen or not 0 < currency.points_milli <= POINTS_MOST * currency.mean_fen:
        raise malformed(part.where, "the currency has a 0, or points out of all proportion",
                        "Write the mean cost of a case and its points.")
    rules = tuple(_rule(section, path.parent) for section in top.rows("methods"))
    names = [rule.name for rule in rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise malformed(top.where, f"two rules are named {min(twice)!r}", "Name them apart.")
    top.has("weighing")          # read by `weighing`, which needs no rules
    made = Rules(top.text("region"), top.count("year"), currency, rules)
    top.done()
    _check_references(made, top)
    return made


def _rule(section: Section, folder: Path) -> Rule:
    method = section.word("method", METHODS)
    takes, outside = read_takes(section), read_outside(section)
    terms = _terms(section, method, folder)
    made = Rule(section.text("name"), method, takes, outside, terms, section.basis())
    section.done()
    if isinstance(terms, GroupPricing) and terms.table:
        _known(takes.groups, terms.table, section)
    return made


def _terms(section: Section, method: str, folder: Path) -> Terms:
    if method in ("drg", "points"):
        return _group_pricing(section, folder, method == "points")
    if method == "bed_day":
        return read_bed_days(section)
    if method == "tcm_day":
        return read_day_treatment(section)
    if method in ("quota", "tcm"):
        return read_prices(section, method == "tcm")
    if method == "capitation":
        return read_capitation(section)
    return read_global(section) if method == "global" else ByItem()


def _group_pricing(section: Section, folder: Path, points: bool) -> GroupPricing:
    scores = points and section.text("table") == "scores"
    table = None if scores else read_group_table(
        folder / section.text("table" if points else "weights"))
    later = points and section.has("rate") and section.node.items["rate"].text == "clearing"
    made = GroupPricing(table, None if later else read_rates(section),
                        read_coefficients(section), read_outliers(section), _review(section),
                        points)
    _check_points(section, made)
    return made


def _check_points(section: Section, made: GroupPricing) -> None:
    """What points cannot have: their value is known last, so costs are compared with means."""
    bands, rates = made.outliers.bands, made.rates
    if made.points and made.table is None and (bands or made.coefficients.by_hospital
                                               or made.coefficients.by_level):
        raise malformed(section.where, "scores have outliers and coefficients in them already",
                        "Take `outliers` out and write `coefficient: none`.")
    if made.points and bands and made.outliers.against != "mean":
        raise malformed(section.where, f"{section.name}: the value of a point is known last",
                        "Compare costs `against: mean`.")
    if made.points and rates is not None and (rates.kind == "elastic" or rates.with_coefficient):
        raise malformed(section.where, f"{section.name}: points have a fixed or a floating value "
                        "over their sum", "Write `kind: floating` and `over: weight`.")
    if rates is None and made.review:
        raise malformed(section.where, f"{section.name}: points whose value is open have no "
                        "standard to review by", "Give a rate, or leave `review` out.")


def _review(rule: Section) -> Review | None:
    if not rule.has("review"):
        return None
    section = rule.section("review")
    made = Review(ratio(section, "over"), section.ppm("quota"),
                  section.word("of", ("all", "rule")) == "all",
                  section.word("per", ("region", "hospital")) == "hospital",
                  section.word("rank", MEASURES), read_pay(section), section.basis())
    section.done()
    return made


def _known(groups: tuple[str, ...], table: GroupTable, section: Section) -> None:
    for group in groups:
        if group not in table.groups:
            raise malformed(section.where, f"{section.name}: {group[:40]!r} is no group of "
                            f"{table.path}", "Write a group of the table, or complete it.")


def _check_references(rules: Rules, top: Section) -> None:
    """`same_as` of a TCM price names a rule with weights and a group in its table."""
    tables = {rule.name: rule.terms.table for rule in rules.rules
              if isinstance(rule.terms, GroupPricing) and rule.terms.rates}
    for rule in rules.rules:
        for entry in rule.terms.entries if isinstance(rule.terms, PriceList) else ():
            if entry.same_rule and tables.get(entry.same_rule) is None:
                raise malformed(top.where, f"{rule.name}: {entry.same_rule!r} is no rule with "
                                "weights and a rate", "Name a `drg` rule of this file.")
            if entry.same_rule:
                _known((entry.same_group,), tables[entry.same_rule], top)
