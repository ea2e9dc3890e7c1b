"""A hospital's year (年终清算): its cases, assessment, sharing, audit, and what is still due.

    due + amounts + assessment + sharing + audit = year amount
    year amount - prepayment - monthly payments - deposit = clearing amount
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...errors import Refusal
from ...money import PPM, percent_text, yuan_grouped
from .budget import operand
from .exact import part, rounded, spread
from .figures import Deduction, HospitalFigures
from .model import Budget, Flag, HospitalYear, Month, PointValue, Step
from .rules import ASSESSMENT, AUDIT, HOSPITAL_RATIO, LESS_PATIENT, SHARING, Rules
from .sharing import Band, shared_fen

MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class YearSums:
    """What one hospital brings to its year's end in one insurance; fen and thousandths.

    `points_cost_fen`, `patient_fen` and `booked_fen` are of cases paid by points, `cases` and
    `cost_fen` of all; `case_amounts_fen` is the fund's part of cases with an amount; `worth` are
    the steps to `standard_fen`.
    """

    figures: HospitalFigures
    cases: int
    points_milli: int
    cost_fen: int
    points_cost_fen: int
    patient_fen: int
    booked_fen: int
    standard_fen: int
    due_fen: int
    worth: tuple[Step, ...]
    case_amounts_fen: int
    deductions: tuple[Deduction, ...]
    months: tuple[Month, ...]

    @property
    def audit_fen(self) -> int:
        """All audit deductions of the year."""
        return sum(one.amount_fen for one in self.deductions)

    @property
    def held_fen(self) -> int:
        """The quality deposit that the months held back."""
        return sum(month.deposit_fen for month in self.months)


@dataclass(frozen=True)
class _Changes:
    """Signed changes of the year's end, what was assessed, and D and B of the sharing."""

    assessed_fen: int
    assessment_fen: int
    sharing_fen: int
    audit_fen: int
    standard_fen: int
    booked_fen: int


def close_years(sums: Sequence[YearSums], value: PointValue, budget: Budget, rules: Rules,
                ) -> tuple[tuple[HospitalYear, ...], tuple[Flag, ...]]:
    """All hospitals of one insurance; what overrun gets may be bounded by the reserve.

    Raises Refusal `unset-payment-rule` for a figure that a rule needs and the row does not have.
    """
    wishes = [_changes(one, rules, None).sharing_fen for one in sums]
    given, flags = _within_reserve(wishes, budget, rules)
    years = tuple(_year(one, value, rules, sharing) for one, sharing in
                  zip(sums, given, strict=True))
    return years, (*flags, *_over_budget(years, sums, budget, rules))


def _within_reserve(wishes: list[int], budget: Budget, rules: Rules,
                    ) -> tuple[list[int], tuple[Flag, ...]]:
    """Sharing by hospital: above the reserve, what overrun gets is cut in proportion."""
    gains = [max(wish, 0) for wish in wishes]
    if not rules.sharing.from_reserve or sum(gains) <= budget.reserve_fen:
        return wishes, ()
    paid = spread([budget.reserve_fen], np.zeros(len(gains), np.int64),
                  np.array(gains, np.int64)).tolist()
    flag = Flag("reserve-short", rules.sharing.basis.place,
                f"overrun of {yuan_grouped(sum(gains))} yuan shares a reserve of "
                f"{yuan_grouped(budget.reserve_fen)}",
                f"超支分担{yuan_grouped(sum(gains))}元，调节金仅"
                f"{yuan_grouped(budget.reserve_fen)}元，按比例分配")
    return [got if wish > 0 else wish for got, wish in zip(paid, wishes, strict=True)], (flag,)


def _changes(one: YearSums, rules: Rules, sharing_fen: int | None) -> _Changes:
    """Walks the three in the region's order; `sharing_fen` None asks what sharing would give."""
    found, running, standard = dict.fromkeys((ASSESSMENT, SHARING, AUDIT), 0), one.due_fen, 0
    assessed = 0
    booked = max(one.booked_fen - (one.audit_fen if rules.year_end.audit_first else 0), 0)
    for name in rules.year_end.order:
        if name == ASSESSMENT:
            assessed = one.held_fen if rules.year_end.assesses_deposit else running
            found[name] = part(assessed, _factor(one, rules)) - assessed
        elif name == AUDIT:
            found[name] = -one.audit_fen
        else:
            standard = max(running, 0)
            found[name] = shared_fen(standard, booked, rules.sharing) - standard \
                if sharing_fen is None else sharing_fen
        running += found[name]
    return _Changes(assessed, found[ASSESSMENT], found[SHARING], found[AUDIT], standard, booked)


def _factor(one: YearSums, rules: Rules) -> int:
    factor = one.figures.need("assessment_ppm")
    if rules.year_end.assesses_deposit and factor > PPM:
        raise Refusal("bad-figure", f"{one.figures.hospital}: an assessment of "
                      f"{percent_text(factor)} cannot give more than the deposit",
                      one.figures.where, hint="Write at most 100%, or assess the amount.")
    return factor


def _year(one: YearSums, value: PointValue, rules: Rules, sharing_fen: int) -> HospitalYear:
    changes = _changes(one, rules, sharing_fen)
    figures = one.figures
    amounts = one.case_amounts_fen + figures.capitation_fen + figures.other_fen
    year = one.due_fen + amounts + changes.assessment_fen + changes.sharing_fen + changes.audit_fen
    deposit = one.held_fen + (changes.assessment_fen if rules.year_end.assesses_deposit else 0)
    prepaid, prepaid_step = _prepayment(figures, rules)
    monthly = sum(month.pay_fen for month in one.months)
    clearing = year - prepaid - monthly - deposit
    end = rules.year_end.basis
    steps = (
        *one.worth, _due_step(one, value, rules),
        *_amount_steps(one, rules), *_change_steps(one, rules, changes),
        Step("year", "year amount", "年度应付总额",
             "due + amounts + assessment + sharing + audit",
             (operand("due", one.due_fen), operand("amounts", amounts),
              operand("assessment", changes.assessment_fen),
              operand("sharing", changes.sharing_fen), operand("audit", changes.audit_fen)),
             year, end),
        prepaid_step,
        Step("monthly", "monthly payments", "月度拨付合计", "sum of months",
             (("months", str(len(one.months))),), monthly, rules.monthly.basis),
        Step("deposit", "quality deposit given back", "返还质量保证金", "held - lost by assessment",
             (operand("held", one.held_fen),
              operand("lost by assessment", one.held_fen - deposit)), deposit,
             rules.monthly.basis),
        Step("clearing", "clearing amount" if clearing >= 0 else "clearing amount, owed back",
             "清算金额" if clearing >= 0 else "清算金额（应退回）",
             "year - prepayment - monthly - deposit",
             (operand("year", year), operand("prepayment", prepaid), operand("monthly", monthly),
              operand("deposit", deposit)), clearing, end))
    assert year == prepaid + monthly + deposit + clearing
    return HospitalYear(
        figures.hospital, figures.name, figures.insurance, one.cases, one.points_milli,
        one.cost_fen, one.patient_fen, one.booked_fen, one.standard_fen, one.due_fen, amounts,
        changes.assessment_fen, changes.sharing_fen, changes.audit_fen, year, prepaid, monthly,
        deposit, clearing, one.months, steps)


def _prepayment(figures: HospitalFigures, rules: Rules) -> tuple[int, Step]:
    rule = rules.prepayment
    if rule.given:
        amount = figures.need("prepayment_fen")
        return amount, Step("prepayment", "prepayment", "预付金", "as given", (), amount,
                            rule.basis)
    last = figures.need("last_year_fen")
    amount = rounded(Fraction(last * rule.months, MONTHS_A_YEAR))
    return amount, Step("prepayment", "prepayment", "预付金", "last year x months / 12",
                        (operand("last year", last), ("months", str(rule.months))), amount,
                        rule.basis)


# --- why -----------------------------------------------------------------------------------------
def _due_step(one: YearSums, value: PointValue, rules: Rules) -> Step:
    """From the cost that the points stand for to the fund's part of it."""
    standard = operand("points at their value", one.standard_fen)
    if rules.value.fund_part == LESS_PATIENT:
        how, operands = "points at their value - patients", (operand("patients", one.patient_fen),)
    elif rules.value.fund_part == HOSPITAL_RATIO:
        how, operands = "points at their value x booked / cost", (
            operand("booked", one.booked_fen), operand("cost", one.points_cost_fen))
    else:
        assert value.ratio is not None
        how, operands = "points at their value x ratio", (
            ("ratio", f"{value.ratio.numerator}/{value.ratio.denominator}"),)
    return Step("due", "the fund's part", "基金应付", how, (standard, *operands), one.due_fen,
                rules.value.basis)


def _amount_steps(one: YearSums, rules: Rules) -> tuple[Step, ...]:
    figures = one.figures
    lines = (("case_amounts", "cases with an amount", "按定额付费病例", one.case_amounts_fen),
             ("capitation", "capitation", "按人头付费", figures.capitation_fen),
             ("other", figures.other_why, figures.other_why, figures.other_fen))
    return tuple(Step(key, english, chinese, "as priced" if key == "case_amounts" else "as given",
                      (), amount, rules.for_amounts().basis)
                 for key, english, chinese, amount in lines if amount)


def _change_steps(one: YearSums, rules: Rules, changes: _Changes) -> tuple[Step, ...]:
    end = rules.year_end.basis
    factor = ("factor", percent_text(one.figures.need("assessment_ppm")))
    base = "deposit held" if rules.year_end.assesses_deposit else "amount so far"
    found = {
        ASSESSMENT: Step(ASSESSMENT, "assessment", "年度考核", f"{base} x (factor - 1)",
                         (operand(base, changes.assessed_fen), factor), changes.assessment_fen,
                         end),
        SHARING: _sharing_step(rules, changes),
        AUDIT: Step(AUDIT, "audit deductions", "审核扣款", "- sum of deductions", tuple(
            operand(f"{each.month or 'year end'} {each.why}", each.amount_fen)
            for each in one.deductions), changes.audit_fen, end)}
    return tuple(found[name] for name in rules.year_end.order)


def _sharing_step(rules: Rules, changes: _Changes) -> Step:
    """Which side, which bands, and D and B; the source is the band's where one band decides."""
    standard, booked, rule = changes.standard_fen, changes.booked_fen, rules.sharing
    over = booked > standard
    bands = rule.overrun if over else rule.surplus
    label = ("overrun shared", "合理超支分担") if over else ("surplus kept", "结余留用")
    operands = (operand("standard", standard), operand("booked", booked),
                ("booked / standard", percent_text(booked * PPM // standard) if standard else "-"),
                *(_band_text(band, over) for band in bands))
    wish = shared_fen(standard, booked, rule) - standard
    if wish != changes.sharing_fen:
        operands = (*operands, operand("before the reserve was shared out", wish))
    return Step(SHARING, *label, "bands over standard and booked", operands, changes.sharing_fen,
                bands[0].basis if len(bands) == 1 else rule.basis)


def _band_text(band: Band, over: bool) -> tuple[str, str]:
    return (f"{percent_text(band.lo_ppm)}-{percent_text(band.hi_ppm)}",
            f"{'paid' if over else 'kept'} {percent_text(band.share_ppm)}")


def _over_budget(years: Sequence[HospitalYear], sums: Sequence[YearSums], budget: Budget,
                 rules: Rules) -> tuple[Flag, ...]:
    """A flag where all years together need more than the whole budget, reserve inside."""
    outside = rules.amounts is not None and not rules.amounts.from_budget
    whole = sum(year.year_fen - (year.amounts_fen if outside else 0) for year in years)
    most = budget.total_fen + (0 if rules.budget.reserve_inside else budget.reserve_fen)
    if whole <= most:
        return ()
    return (Flag("above-budget", budget.insurance, f"the years come to {yuan_grouped(whole)} "
                 f"yuan, the budget with its reserve to {yuan_grouped(most)}",
                 f"年度应付{yuan_grouped(whole)}元，高于总额（含调节金）{yuan_grouped(most)}元"),)
