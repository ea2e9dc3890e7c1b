"""The state of a pricing run: every case's rule, amount, points and why (定价结果)."""
from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pyarrow as pa

from ...money import AMOUNT_LIMIT_FEN, PPM
from ..clearing.exact import scaled_half_up
from ..clearing.reading import Basis, malformed
from .columns import MISSING, CaseColumns, Words
from .rules import Currency

(NO_METHOD, NOT_GROUPED, NO_GROUP, NO_WEIGHT, NO_MEAN, NO_SCORE, NO_DAYS, NO_BAND, SHARES, NO_RATE,
 OTHER_YEAR) = (
    "no-method", "not-in-groups", "no-group", "no-weight", "no-mean", "no-score", "no-stay-days",
    "no-band-for-stay", "shares-exceed-cost", "no-rate", "other-year")
REASONS = (NO_METHOD, NOT_GROUPED, NO_GROUP, NO_WEIGHT, NO_MEAN, NO_SCORE, NO_DAYS, NO_BAND,
           SHARES, NO_RATE, OTHER_YEAR)

PRICED = pa.schema([
    ("case", pa.string()), ("hospital", pa.string()), ("insurance", pa.string()),
    ("month", pa.string()), ("method", pa.string()), ("rule", pa.string()),
    ("left_by", pa.string()), ("group", pa.string()), ("weight_micro", pa.int64()),
    ("coefficient_ppm", pa.int64()), ("standard_fen", pa.int64()), ("price", pa.string()),
    ("points_milli", pa.int64()), ("amount_fen", pa.int64()), ("cost_fen", pa.int64()),
    ("patient_fen", pa.int64()), ("fund_fen", pa.int64()), ("due_fen", pa.int64()),
    ("reason", pa.string())])
ACCOUNTS = pa.schema([
    ("rule", pa.string()), ("account", pa.string()), ("month", pa.string()),
    ("standard_fen", pa.int64()), ("booked_fen", pa.int64()), ("pay_fen", pa.int64()),
    ("kept_fen", pa.int64()), ("overrun_fen", pa.int64())])


@dataclass
class Priced:
    """Columns int64[n], -1 where there is nothing; `price` names the band or entry that counted.

    `lump_due_fen` is what the fund pays for a case of a global budget, -1 elsewhere.
    """

    cases: CaseColumns
    currency: Currency
    rule: np.ndarray
    left_by: np.ndarray
    weight_micro: np.ndarray
    coefficient_ppm: np.ndarray
    standard_fen: np.ndarray
    price: np.ndarray
    points_milli: np.ndarray
    amount_fen: np.ndarray
    lump_due_fen: np.ndarray
    reason: np.ndarray
    prices: list[str] = field(default_factory=list)
    exclusions: list[str] = field(default_factory=list)
    accounts: list[dict[str, object]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    rates: dict[str, dict[tuple[str, str], Fraction]] = field(default_factory=dict)

    def name_of(self, text: str) -> int:
        """The number under which `price` shows a band or an entry."""
        if text not in self.prices:
            self.prices.append(text)
        return self.prices.index(text)

    def fail(self, rows: np.ndarray, reason: str) -> None:
        """These cases have a rule but no price."""
        self.reason[rows] = REASONS.index(reason)

    def pay(self, rows: np.ndarray, amount_fen: np.ndarray, basis: Basis) -> None:
        """An amount for these cases, and its points in the one currency."""
        within(amount_fen, basis)
        self.amount_fen[rows] = amount_fen
        self.points_milli[rows] = self.in_points(amount_fen)

    def in_points(self, amount_fen: np.ndarray) -> np.ndarray:
        """Thousandths of points of amounts, halves up."""
        return scaled_half_up(amount_fen, self.currency.points_milli, self.currency.mean_fen)

    @property
    def due_fen(self) -> np.ndarray:
        """What is left to the fund: amount - patient - other payers, at least 0, -1 without one.

        The patient's share lies inside the amount and is never touched (BJ-38).
        """
        cases = self.cases
        due = np.maximum(self.amount_fen - (cases.cost_fen - cases.fund_fen), 0)
        due = np.where(self.amount_fen < 0, MISSING, due)
        return np.where(self.lump_due_fen >= 0, self.lump_due_fen, due)

    def table(self, names: tuple[str, ...], methods: tuple[str, ...]) -> pa.Table:
        """PRICED; `names` and `methods` are those of the rules."""
        cases = self.cases
        return pa.table([
            cases.table.column("case"), cases.table.column("hospital"),
            cases.table.column("insurance"), _words(cases.month), _named(methods, self.rule),
            _named(names, self.rule), _named(self.exclusions, self.left_by), _words(cases.group),
            *(_numbers(column) for column in (self.weight_micro, self.coefficient_ppm,
                                              self.standard_fen)),
            _named(self.prices, self.price), _numbers(self.points_milli),
            _numbers(self.amount_fen), cases.table.column("cost_fen"),
            cases.table.column("person_fen"), cases.table.column("fund_fen"),
            _numbers(self.due_fen), _named(REASONS, self.reason)], schema=PRICED)


def start(cases: CaseColumns, currency: Currency) -> Priced:
    """A run in which nothing is priced yet; cases whose shares exceed their cost never are."""
    def none(kind: type = np.int64) -> np.ndarray:
        return np.full(cases.size, MISSING, kind)
    made = Priced(cases, currency, none(np.int32), none(np.int32), none(), none(), none(),
                  none(np.int32), none(), none(), none(), none(np.int32))
    made.fail(np.flatnonzero(cases.patient_fen + cases.fund_fen > cases.cost_fen), SHARES)
    return made


def within(amount_fen: np.ndarray, basis: Basis) -> None:
    """Refuses amounts that no bill has. Raises CaseError `bad-payment-file`."""
    if len(amount_fen) and int(amount_fen.max()) > AMOUNT_LIMIT_FEN:
        raise malformed(basis.place, f"{basis.place} pays a case more than any bill",
                        "Check the units of prices, rates and weights.")


def plain_coefficient(size: int) -> np.ndarray:
    """Coefficients of 1."""
    return np.full(size, PPM, np.int64)


def _named(names: list[str] | tuple[str, ...], places: np.ndarray) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(places, pa.int32(), mask=places < 0))


def _words(column: Words) -> pa.Array:
    return _named(column.words, column.ids)


def _numbers(column: np.ndarray) -> pa.Array:
    return pa.array(column, pa.int64(), mask=column < 0)
