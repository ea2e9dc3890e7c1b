"""One item of the catalogue, one rule for a kind of visit, and a snapshot of both (目录模型).

Days are ISO text; `since` is the first day of force, `until` the day after the last ("" open).
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

EVER = "9999-99-99"
KINDS_OF_RULE = ("share", "supply")
ABOVE_SHARE = ("over_limit", "refuse")


class Age(NamedTuple):
    """An age with its unit: days `d`, completed months `m` or completed years `y`."""

    value: int
    unit: str

    def __str__(self) -> str:
        return f"{self.value}{self.unit}"


class Restrictions(NamedTuple):
    """When an item is payable (限定支付范围). Empty means: no such condition.

    Ages: from `age_from` on, and before `age_below` is reached (未满). `diagnoses` are prefixes of
    codes. `limited` marks a condition no machine checks: the hospital answers for it
    (hosp_appr_flag). `agency_approval`: the agency of the area approves each use (BJ-58).
    """

    sex: str = ""
    age_from: Age | None = None
    age_below: Age | None = None
    diagnoses: tuple[str, ...] = ()
    level_min: str = ""
    visits: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    limited: bool = False
    agency_approval: bool = False


NO_RESTRICTIONS = Restrictions()


class Item(NamedTuple):
    """An item for a time: class A, B or C, first self-pay by scheme, price limit by level.

    `first_self_pay_ppm` has a scheme of terms.INSURANCE, or "" for all others, as key;
    `price_limits_fen` a level of terms.LEVELS, or "" for all others. `clause` is the policy that
    restricts it, `note` its words.
    """

    code: str
    name: str
    item_class: str
    category: str
    kind: str
    since: str
    until: str = ""
    unit: str = ""
    first_self_pay_ppm: Mapping[str, int] = {}
    price_limits_fen: Mapping[str, int] = {}
    restrictions: Restrictions = NO_RESTRICTIONS
    negotiated: bool = False
    note: str = ""
    clause: str = ""
    row_id: str = ""

    @property
    def key(self) -> str:
        """What no two rows in force on one day may share."""
        return self.code

    def price_limit_fen(self, levels: Iterable[str]) -> int | None:
        """The limit of the first of these levels that has one; None: no limit."""
        limits = self.price_limits_fen
        for level in levels:
            if level in limits:
                return limits[level]
        return None


class VisitRule(NamedTuple):
    """What a kind of visit changes, as data: a share of the price, or the days of a supply.

    `share`: of the current price (the item's price limit at that hospital) only `share_ppm` is
    payable; what a bill charges above it is over the limit, or refused (`above_share`).
    `supply`: one dispensing holds at most `days_max` days. `category` and `scheme`: "" means all.
    """

    kind: str
    visit: str
    category: str
    scheme: str
    since: str
    until: str = ""
    share_ppm: int | None = None
    above_share: str = "over_limit"
    days_max: int | None = None
    clause: str = ""
    source: str = ""
    row_id: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What no two rows in force on one day may share."""
        return self.kind, self.visit, self.category, self.scheme

    def applies(self, category: str, scheme: str, day: str) -> bool:
        """Whether it governs a line of this category and scheme on that day."""
        return (self.category in ("", category) and self.scheme in ("", scheme)
                and self.since <= day < (self.until or EVER))


class Catalogue:
    """The catalogue of a region as believed at one version; read only, safe to share.

    `version` numbers the editions of a region; 0 is the empty one.
    """

    def __init__(self, region: str, version: int, items: Iterable[Item],
                 rules: Iterable[VisitRule] = ()) -> None:
        self.region, self.version = region, version
        found: dict[str, list[tuple[str, str, Item]]] = {}
        for item in items:
            found.setdefault(item.code, []).append((item.since, item.until or EVER, item))
        self._items = {code: tuple(sorted(rows, key=lambda row: row[0]))
                       for code, rows in found.items()}
        self._rules: dict[str, tuple[VisitRule, ...]] = {}
        for rule in sorted(rules, key=lambda rule: (rule.visit, rule.kind, not rule.category,
                                                    not rule.scheme, rule.since)):
            self._rules[rule.visit] = (*self._rules.get(rule.visit, ()), rule)

    def __len__(self) -> int:
        """How many codes it has."""
        return len(self._items)

    def item(self, code: str, day: str) -> Item | None:
        """The item in force that day, None when the code is unknown or not in force."""
        for since, until, item in self._items.get(code, ()):
            if since <= day < until:
                return item
        return None

    def in_force(self, day: str) -> Iterator[Item]:
        """Every item in force that day, by code."""
        return (item for code in sorted(self._items)
                if (item := self.item(code, day)) is not None)

    def all_rows(self) -> Iterator[Item]:
        """Every row, in force or not, by code and day."""
        return (item for code in sorted(self._items) for _, _, item in self._items[code])

    def known(self, code: str) -> tuple[Item, ...]:
        """Every row of a code, oldest first."""
        return tuple(item for _, _, item in self._items.get(code, ()))

    def rules(self, visit: str) -> tuple[VisitRule, ...]:
        """Rules of a kind of visit, those for a category or scheme before those for all."""
        return self._rules.get(visit, ())
