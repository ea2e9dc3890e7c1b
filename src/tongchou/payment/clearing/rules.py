"""What a region settled about clearing, for one insurance: rules, each with source and grade.

A rule stands under `rules` for both insurances, or under `employees` / `residents` for one of
them, which then counts alone. A rule or a key that is not there is refused by its name.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ...money import PPM
from .model import ELASTIC, FIXED, FLOATING, INSURANCES
from .reading import Basis, Section, malformed, open_section, unset
from .sharing import Sharing, read_sharing

SUBTRACTION, SHARE, GROWTH = "subtraction", "share", "growth"
REGION_RATIO, HOSPITAL_RATIO, LESS_PATIENT = "region_ratio", "hospital_ratio", "less_patient"
ASSESSMENT, SHARING, AUDIT = "assessment", "sharing", "audit"
NAMES = ("budget", "amounts", "value", "prepayment", "monthly", "schedule", "year_end", "sharing")
MONTHS_MOST = 12


@dataclass(frozen=True)
class BudgetRule:
    """How the year's money follows from fund figures: by items, by last year's share, by growth.

    `reserve_inside`: the result still holds the reserve, which comes off before the points.
    """

    method: str
    reserve_inside: bool
    basis: Basis


@dataclass(frozen=True)
class AmountsRule:
    """Cases with an amount, capitation and other fixed money beside the points.

    `paid_as_amount`: a case with points and an amount is paid its amount; `from_budget`: they take
    it out of the budget first; `by_month`: a hospital's fixed money is paid in twelfths.
    """

    paid_as_amount: bool
    from_budget: bool
    by_month: bool
    basis: Basis


@dataclass(frozen=True)
class ValueRule:
    """What a point is worth (点值), and the fund's part of that.

    `fund_part`: the region's payment ratio, the hospital's own, or all less what patients paid.
    `ratio` None is booked / cost of the year. `start_weights` () takes the start value as given,
    else weights the figures' years, oldest first. Elastic: the base volume has the start value,
    or with `base_share_ppm` that share of the money; `growth_most_ppm` bounds the growth's value
    in terms of the base's, None does not.
    """

    kind: str
    fund_part: str
    ratio: Fraction | None
    start_weights: tuple[int, ...]
    base_share_ppm: int | None
    growth_most_ppm: int | None
    basis: Basis


@dataclass(frozen=True)
class PrepaymentRule:
    """Working money at the start of the year (预付金): given, or months of last year's payments."""

    given: bool
    months: int
    basis: Basis


@dataclass(frozen=True)
class MonthlyRule:
    """Share of a month held back as quality deposit (质量保证金); `keep` above the national cap."""

    deposit_ppm: int
    keep: bool
    basis: Basis


@dataclass(frozen=True)
class ScheduleRule:
    """When a month is paid (BJ-47..49): an early share, the rest after the review.

    `file_days` calendar days after the month's end to file; `early_days` and `rest_days` are
    working days; the rest's count from the early due day or from the receipt. An early share of 0
    is one payment, due after `rest_days`.
    """

    file_days: int
    early_ppm: int
    early_days: int
    rest_days: int
    rest_from_receipt: bool
    basis: Basis


@dataclass(frozen=True)
class YearEndRule:
    """The order of assessment, sharing and audit, and whether assessment bites the deposit only.

    Audit before sharing comes off both sides that sharing compares, so that it counts once.
    """

    order: tuple[str, ...]
    assesses_deposit: bool
    basis: Basis

    @property
    def audit_first(self) -> bool:
        """Whether sharing compares with what is booked after audit (审核扣减后的记账金额)."""
        return self.order.index(AUDIT) < self.order.index(SHARING)


@dataclass(frozen=True)
class Rules:
    """All rules of one insurance; `amounts` None as long as nothing needs it."""

    budget: BudgetRule
    amounts: AmountsRule | None
    value: ValueRule
    prepayment: PrepaymentRule
    monthly: MonthlyRule
    schedule: ScheduleRule
    year_end: YearEndRule
    sharing: Sharing
    where: str

    def for_amounts(self) -> AmountsRule:
        """The rule of fixed amounts; Refusal when the region has none but needs it."""
        if self.amounts is None:
            raise unset("rules.amounts", self.where)
        return self.amounts

    def bases(self) -> tuple[Basis, ...]:
        """Where each rule comes from."""
        found = (self.budget, self.amounts, self.value, self.prepayment, self.monthly,
                 self.schedule, self.year_end, self.sharing, *self.sharing.surplus,
                 *self.sharing.overrun)
        return tuple(dict.fromkeys(one.basis for one in found if one is not None))


@dataclass(frozen=True)
class RegionRules:
    """A region's file: its name, the year, and the rules by insurance."""

    region: str
    year: int
    rules: Mapping[str, Rules]


def read_rules(path: Path) -> RegionRules:
    """Reads clearing.yaml. Raises CaseError `bad-payment-file` and Refusal `unset-payment-rule`."""
    top = open_section(path)
    region, year = top.text("region"), top.count("year")
    shared = top.section("rules")
    own = {name: top.section(name) for name in INSURANCES if top.has(name)}
    top.done()
    for section in (shared, *own.values()):
        for name in section.keys():
            if name not in NAMES:
                raise malformed(section.node.where_of(name), f"there is no rule `{name[:60]}`",
                                f"Rules are {', '.join(NAMES)}.")
    return RegionRules(region, year, {
        insurance: _rules(shared, own.get(insurance)) for insurance in INSURANCES})


def _rules(shared: Section, own: Section | None) -> Rules:
    def rule(name: str) -> Section:
        if own is not None and own.has(name):
            return own.section(name)
        return shared.section(name)
    amounts = (own is not None and own.has("amounts")) or shared.has("amounts")
    return Rules(_budget(rule("budget")), _amounts(rule("amounts")) if amounts else None,
                 _value(rule("value")), _prepayment(rule("prepayment")),
                 _monthly(rule("monthly")), _schedule(rule("schedule")),
                 _year_end(rule("year_end")), read_sharing(rule("sharing")), shared.where)


def _closed(section: Section) -> Basis:
    """The rule's basis, after which no key may be left unread."""
    basis = section.basis()
    section.done()
    return basis


def _budget(section: Section) -> BudgetRule:
    method = section.word("method", (SUBTRACTION, SHARE, GROWTH))
    # Subtracting items takes the reserve off by its own formula; the others must say so.
    inside = method == SUBTRACTION or section.word("reserve", ("inside", "apart")) == "inside"
    return BudgetRule(method, inside, _closed(section))


def _amounts(section: Section) -> AmountsRule:
    return AmountsRule(section.word("paid", ("amount", "points")) == "amount",
                       section.word("from", ("budget", "outside")) == "budget",
                       section.word("hospital_amounts", ("monthly", "year_end")) == "monthly",
                       _closed(section))


def _value(section: Section) -> ValueRule:
    kind = section.word("kind", (FLOATING, FIXED, ELASTIC))
    part = section.word("fund_part", (REGION_RATIO, HOSPITAL_RATIO, LESS_PATIENT))
    ratio = None
    if part != LESS_PATIENT and section.text("ratio") != "booked":
        ratio = Fraction(section.ppm("ratio"), PPM)
        if not ratio:
            raise malformed(section.where, f"{section.name}.ratio is 0%",
                            "Write the share of cost that the fund pays.")
    weights = () if section.word("start", ("given", "history")) == "given" \
        else section.counts("weights")
    share = most = None
    if kind == ELASTIC:
        if section.word("base", ("start_value", "share")) == "share":
            share = section.ppm("base_share")
        if section.text("growth_most") != "none":
            most = section.ppm("growth_most", 100 * PPM)
    return ValueRule(kind, part, ratio, weights, share, most, _closed(section))


def _prepayment(section: Section) -> PrepaymentRule:
    given = section.word("method", ("given", "last_year")) == "given"
    months = 0 if given else section.count("months")
    if months > MONTHS_MOST:
        raise malformed(section.where, f"{months} months of a year", "Write about 1.")
    return PrepaymentRule(given, months, _closed(section))


def _monthly(section: Section) -> MonthlyRule:
    return MonthlyRule(section.ppm("deposit"), section.yes("keep_above_cap"), _closed(section))


def _schedule(section: Section) -> ScheduleRule:
    early = section.ppm("early")
    return ScheduleRule(section.count("file_days"), early,
                        section.count("early_workdays") if early else 0,
                        section.count("rest_workdays"),
                        not early or section.word("rest_from", ("early_due", "receipt"))
                        == "receipt", _closed(section))


def _year_end(section: Section) -> YearEndRule:
    order = section.words("order")
    if sorted(order) != sorted((ASSESSMENT, SHARING, AUDIT)):
        raise malformed(section.where, f"{section.name}.order is {', '.join(order) or 'empty'}",
                        f"Put {ASSESSMENT}, {SHARING} and {AUDIT} in their order.")
    return YearEndRule(order, section.word("assessment", ("amount", "deposit")) == "deposit",
                       _closed(section))
