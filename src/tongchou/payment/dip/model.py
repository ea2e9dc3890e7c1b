"""A DIP catalogue: groups in layers, and the lists that go with them (病种目录).

Points are whole thousandths of a point (`_milli`), money is fen, shares are parts per million.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .conditions import Condition
from .expressions import Alternative

POINT = 1000                # thousandths in one point
# Order of testing. Cases paid by their own price or by the day are taken out before all others.
LAYERS = ("tcm", "bed_day", "pre_group", "merged", "auxiliary", "basic", "comprehensive")
NATIONAL_LAYERS = {"XQ": "pre_group", "BX": "merged", "FZ": "auxiliary", "JC": "basic",
                   "ZH": "comprehensive"}
# Layers in which no procedure named means "whatever was done", not "nothing was done" (保守治疗).
OPEN_LAYERS = ("tcm", "bed_day", "pre_group", "auxiliary")
CORE_LAYERS = ("pre_group", "merged", "auxiliary", "basic")
PROPERTIES = ("medical", "diagnostic", "therapeutic", "operation")
EVERY = "*"


@dataclass(frozen=True)
class DayBand:
    """Points a day from day `first` on of a stay paid by the day (床日)."""

    first: int
    day_milli: int


@dataclass(frozen=True)
class Group:
    """One group (病种): its tests, and, once a region has worked them out, its points.

    `dx` are prefixes of the principal diagnosis or `*`; `ways` the procedure expression, empty
    for none; `procedure_property` only in the comprehensive layer. `line` is the row of the file.
    """

    code: str
    layer: str
    seq: int
    dx: tuple[str, ...]
    ways: tuple[Alternative, ...] = ()
    px: str = ""
    condition: Condition = Condition()
    written_condition: str = ""
    procedure_property: str = ""
    name: str = ""
    points_milli: int | None = None
    drug_milli: int | None = None
    consumable_milli: int | None = None
    mean_fen: int | None = None
    mean_days_milli: int | None = None
    cases: int = 0
    cv_ppm: int | None = None
    death_rate_ppm: int | None = None
    primary_care: bool = False
    same_as: str = ""
    days: tuple[DayBand, ...] = ()
    line: int = 0

    @property
    def core(self) -> bool:
        """Whether it is a core group (核心病种), the only ones with auxiliary types."""
        return self.layer in CORE_LAYERS

    @property
    def slots(self) -> int:
        """How many procedures its expression asks for together."""
        return max((len(way) for way in self.ways), default=0)


@dataclass(frozen=True)
class Exclusions:
    """Codes that may not form groups: `dx` prefixes, `px` prefix -> principal diagnoses that
    allow it after all (often none)."""

    dx: frozenset[str] = frozenset()
    px: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """A versioned catalogue. `properties` gives the property of procedure prefixes for the
    comprehensive layer, `lists` the named code lists, `charlson` the weight of prefixes."""

    version: str
    groups: tuple[Group, ...]
    exclusions: Exclusions = Exclusions()
    properties: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    charlson: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Place of a group in `groups` by its code."""
        return {group.code: place for place, group in enumerate(self.groups)}

    def property_of(self, px: str) -> str:
        """Property of a procedure by its longest listed prefix, "" when no prefix is listed."""
        return longest(self.properties, px) or ""


def longest(table: Mapping[str, object], code: str) -> object | None:
    """The entry of the longest prefix of `code` that the table has, or None."""
    for length in range(len(code), 0, -1):
        if code[:length] in table:
            return table[code[:length]]
    return None
