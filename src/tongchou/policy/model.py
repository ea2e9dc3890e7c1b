"""What a pack says, as plain frozen records (政策模型).

Every record mirrors one heading of docs/pack-reference.md. Numbers are `Value` trees until
`engine.rules` evaluates them for one class of claims. `where` is `file:line:column`.
"""
from __future__ import annotations

from dataclasses import dataclass, field

from ..terms import Fund
from .values import Value

Conditions = dict[str, tuple[str, ...]]  # dimension -> admitted classes; all must hold


@dataclass(frozen=True)
class ClassRule:
    """One class of a dimension: a claim belongs to the first class that matches."""

    name: str
    match: dict[str, tuple[str, ...]]
    where: str = ""
    clauses: tuple[str, ...] = ()
    title: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """An identity (身份) that competes with others for a stay (BJ-40)."""

    name: str
    title: dict[str, str]
    lookback_months: Value | None = None
    where: str = ""
    clauses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A number nobody published: unit or choices, shape, clause; never a default."""

    name: str
    unit: str
    by: tuple[str, ...]
    choices: tuple[str, ...]
    clause: str
    title: dict[str, str]
    where: str = ""


@dataclass(frozen=True)
class Candidate:
    """A candidate value of a profile with its grade and source; `text` is as written."""

    parameter: str
    text: str
    grade: str
    source: str
    clause: str = ""


@dataclass(frozen=True)
class BaseItem:
    """A part a layer draws on, and the share of it that counts. `part` is a part's full name."""

    part: str
    weight: Value | None
    where: str = ""


@dataclass(frozen=True)
class Adjustment:
    """A change for some claims: `times`, `set`, `plus`, `minus` (or a fact's slope)."""

    how: str
    operand: Value
    conditions: Conditions
    step_fen: int = 1
    fact: str = ""
    above: Value | None = None
    at_most: Value | None = None
    clauses: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Deductible:
    """起付线 of a layer."""

    per: str                                  # stay | year | episode
    amount: Value | None
    share: Value | None = None
    share_of: tuple[str, ...] = ()
    at_least: Value | None = None
    at_most: Value | None = None
    then: tuple[Value, ...] = ()
    then_minus: Value | None = None
    then_at_least: Value | None = None
    counter: str = ""
    counts: Value | None = None
    year_total_at_most: Value | None = None
    adjust: tuple[Adjustment, ...] = ()
    owner: str = "person"                     # person | family | any_member
    accumulator: str = ""
    clauses: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Tiers:
    """支付比例: one ratio (a single open tier) or tiers of the stay's or the year's amount."""

    rates: tuple[Value, ...]
    edges: tuple[Value, ...]                  # upper edges; one fewer than rates
    of: str = "stay"                          # stay | year
    edge_kind: str = "gross"                  # gross | net | bracket
    rounding: str = "each_side"               # each_side | difference | true_up
    owner: str = "person"
    accumulator: str = ""
    clauses: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Fill:
    """Top-up until the person's share of `of` is at most `share`."""

    share: Value
    of: tuple[str, ...]
    per: str
    clauses: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Cap:
    """封顶线: a limit per stay, day, month or year on payments or cost; pots are shared by name."""

    name: str
    per: str
    amount: Value
    on: str = "payment"
    owner: str = "person"
    clauses: tuple[str, ...] = ()
    where: str = ""
    title: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Penalty:
    """Missing referral: pay as it is, but leave later layers what `as_if` would have left."""

    conditions: Conditions
    as_if: dict[str, str]
    clauses: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Budget:
    """A budget that carries a share of a layer's money."""

    name: str
    share: Value


@dataclass(frozen=True)
class Layer:
    """One payer in the chain. `unset` holds the refusal of a layer whose structure hangs on an
    unset choice: any claim that reaches the layer is refused with it."""

    name: str
    title: dict[str, str]
    fund: str
    conditions: Conditions
    exceptions: tuple[Conditions, ...]
    when: tuple[tuple[str, str], ...]         # (did, layer)
    base: tuple[BaseItem, ...]
    deductible: Deductible | None
    tiers: Tiers | None
    fill: Fill | None
    minimum: Value | None
    adjust: tuple[Adjustment, ...]
    caps: tuple[Cap, ...]
    over_cap: str
    penalty: Penalty | None
    measure: str
    looks_back: bool
    budgets: tuple[Budget, ...]
    clauses: tuple[str, ...]
    unset: tuple[str, str] | None = None      # (parameter, clause)
    where: str = ""

    def own_values(self) -> list[Value]:
        """Values that count wherever the layer applies: all but adjustments and budgets."""
        found = [item.weight for item in self.base] + [cap.amount for cap in self.caps]
        if self.deductible:
            rule = self.deductible
            found += [rule.amount, rule.share, rule.at_least, rule.at_most, *rule.then,
                      rule.then_minus, rule.then_at_least, rule.counts, rule.year_total_at_most]
        if self.tiers:
            found += [*self.tiers.rates, *self.tiers.edges]
        found += [self.fill.share if self.fill else None, self.minimum]
        return [value for value in found if value is not None]


@dataclass(frozen=True)
class Settings:
    """The pack's conventions; defaults are those of the reference page."""

    policy_year_starts: str = "01-01"
    rule_date: str = "discharge"
    year_by: str = "discharge"
    order: str = "settlement"
    age_at: str = "admission"
    rounding: str = "half_up"
    status_choice: str = "best_or_none"


@dataclass(frozen=True)
class Contribution:
    """One line on who pays the yearly contribution (缴费与资助)."""

    year: int
    kind: str                                 # personal | public | subsidy | subsidy_amount
    amount: Value
    conditions: Conditions
    fund: str
    budgets: tuple[Budget, ...]
    clauses: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True)
class Pack:
    """One regime of one city, bound to a profile (or to none)."""

    name: str
    city: str
    regime: str
    title: dict[str, str]
    state: str
    force_from: str
    force_to: str
    sources: dict[str, dict[str, str]]
    settings: Settings
    insurance: tuple[str, ...]
    hospitals: tuple[ClassRule, ...]
    persons: tuple[ClassRule, ...]
    ages: tuple[ClassRule, ...]
    diseases: tuple[ClassRule, ...]
    statuses: tuple[Status, ...]
    attributes: tuple[Status, ...]
    facts: tuple[str, ...]
    no_referral: tuple[tuple[Conditions, tuple[str, ...]], ...]
    parameters: dict[str, Parameter]
    profiles: dict[str, dict[str, str]]       # name -> title
    profile: str | None                       # name of the bound profile, "(case)", or None
    candidates: tuple[Candidate, ...]
    funds: dict[str, Fund]
    layers: tuple[Layer, ...]
    contributions: tuple[Contribution, ...]
    assumptions: tuple[dict[str, str], ...]   # clause, zh, en
    pack_hash: str
    file: str = ""
    extends: str = ""
    date_edges: tuple[str, ...] = field(default=())

    def layer(self, name: str) -> Layer:
        """The layer of that name; KeyError if the pack has none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)
