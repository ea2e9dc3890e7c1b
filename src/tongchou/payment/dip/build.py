"""A region's own catalogue from three years of cases (本地病种目录).

National pre-groups, merged and auxiliary-diagnosis groups stay if they have enough cases. What they
leave forms basic groups (diagnosis of four characters + main procedure), split where a related
procedure adds enough cost; what is too rare joins comprehensive clusters of three characters.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pyarrow as pa

from ...errors import Refusal
from ...money import PPM
from .conditions import MAIN_FIRST, read_condition
from .expressions import read_expression
from .match import EXCLUDED, NO_PRINCIPAL, Matched, Matcher
from .model import EVERY, Catalogue, Group
from .price import Priced, amounts, price, year_places, years_of
from .region import Region
from .statistics import Moments, moments, rounded

FORMED = ("basic", "comprehensive")


@dataclass(frozen=True)
class Split:
    """A related procedure that was weighed: means in fen with it and without, extra cost in ppm."""

    dx: str
    main: str
    related: str
    with_fen: int
    base_fen: int
    extra_ppm: int
    splits: bool


@dataclass
class Built:
    """The priced catalogue, the matching it rests on, and how it was made."""

    priced: Priced
    matched: Matched
    threshold_cases: int
    splits: list[Split] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def core_share_ppm(self) -> int:
        """Cases in core groups among all cases, ppm."""
        core = np.array([*(group.core for group in self.matched.catalogue.groups), False])
        return rounded(Fraction(int(core[self.matched.group].sum()) * PPM,
                                max(len(self.matched.group), 1)))


def build_catalogue(table: pa.Table, national: Catalogue, region: Region,
                    version: str = "") -> Built:
    """The region's catalogue with points from a table of several years of cases.

    Raises Refusal (open parameter, too few years, no cases) and CaseError (missing column,
    missing or negative cost).
    """
    years = years_of(table, region)
    table = table.filter(pa.array(year_places(table, years) >= 0))
    own = region.word("building.basic") == "data"
    kept = tuple(group for group in national.groups
                 if group.layer not in (FORMED if own else FORMED[1:]))
    draft = replace(national, groups=kept, version=version or national.version)
    matched = Matcher(draft, region).match(table)
    free = (matched.group < 0) & (matched.reason != EXCLUDED) & (matched.reason != NO_PRINCIPAL)
    costs = amounts(table, "cost_fen")
    pairs = _Pairs(matched, free, costs) if own else None
    threshold = _threshold(matched, pairs, region)
    counts = np.bincount(matched.group[matched.group >= 0], minlength=len(kept))
    groups = [group for place, group in enumerate(kept)
              if counts[place] >= threshold or group.days or group.same_as]
    codes = {group.code for group in groups}
    groups = [group for group in groups if not group.same_as or group.same_as in codes]
    dropped = {"national_under_threshold": len(kept) - len(codes),
               "priced_as_a_dropped_group": len(codes) - len(groups)}
    splits: list[Split] = []
    if pairs is not None:
        groups += pairs.groups(threshold, region, splits)
    core = Matcher(replace(draft, groups=tuple(groups)), region).match(table)
    groups += _comprehensive(core, costs, region, dropped)
    if not groups:
        raise Refusal("empty-catalogue", f"no group has {threshold} cases",
                      hint="Lower building.threshold_cases, or bring more cases.")
    final = Matcher(replace(draft, groups=tuple(groups)), region).match(table)
    priced = price(table, final, region)
    final = replace(final, catalogue=priced.catalogue)
    return Built(priced, final, threshold, splits, dropped)


def dx_of_four(dx: str) -> str:
    """Four characters of a diagnosis (K35.9), three where the fourth is x (B07.x00 is B07)."""
    return dx[:5] if len(dx) >= 5 and dx[4] != "X" else dx[:3]


class _Pairs:
    """Cases without a national group by (diagnosis of four characters, main procedure)."""

    def __init__(self, matched: Matched, free: np.ndarray, costs: np.ndarray) -> None:
        self.encoded, self.costs = matched.encoded, costs
        fours: dict[str, int] = {}
        places = [fours.setdefault(dx_of_four(word), len(fours))
                  for word in matched.encoded.dx.words]
        self.fours, self.px = list(fours), ["", *matched.encoded.px.words]
        four = np.array([*places, -1], np.int64)[matched.principal]
        key = np.where(free, four * len(self.px) + matched.main + 1, -1)
        self.keys, inverse = np.unique(key, return_inverse=True)
        if len(self.keys) and self.keys[0] == -1:
            self.keys, inverse = self.keys[1:], inverse - 1
        self.pair, self.main = inverse, matched.main
        self.counts = np.bincount(inverse[inverse >= 0], minlength=len(self.keys))

    def name(self, pair: int) -> tuple[str, str]:
        """Diagnosis and main procedure ("" for none) of a pair."""
        four, px = divmod(int(self.keys[pair]), len(self.px))
        return self.fours[four], self.px[px]

    def groups(self, threshold: int, region: Region, splits: list[Split]) -> list[Group]:
        """Basic groups of the pairs with enough cases, split by related procedures."""
        splits += self._weighed(threshold, region)
        related: dict[tuple[str, str], list[Split]] = {}
        for split in splits:
            if split.splits:
                related.setdefault((split.dx, split.main), []).append(split)
        found: list[tuple[str, str]] = []
        for pair in np.flatnonzero(self.counts >= threshold).tolist():
            dx, main = self.name(pair)
            # The costlier related procedure comes first: it takes the case that has both.
            extra = sorted(related.get((dx, main), ()), key=lambda one: -one.extra_ppm)
            found += [(dx, f"{main}+{split.related}") for split in extra] + [(dx, main)]
        found.sort(key=lambda one: one[0])
        return [_basic(number, *one) for number, one in enumerate(found, start=1)]

    def _weighed(self, threshold: int, region: Region) -> list[Split]:
        """Every related procedure frequent enough beside a main procedure, with its extra cost.

        Compared with the cases that have none of these procedures; where those are too few, with
        the cases that lack this one.
        """
        least, extra = region.whole("building.related_cases"), region.whole(
            "building.related_extra")
        at = self.encoded.px.offsets
        case = np.repeat(np.arange(self.encoded.size), np.diff(at))
        px = self.encoded.px.ids.astype(np.int64)
        enough = np.append(self.counts >= threshold, False)
        wanted = (px >= 0) & enough[self.pair[case]] & (self.main[case] >= 0) \
            & (px != self.main[case])
        one = np.unique(np.column_stack([case[wanted], px[wanted]]), axis=0)
        if not len(one):
            return []
        case, key = one[:, 0], self.pair[one[:, 0]] * len(self.px) + one[:, 1]
        keys, inverse = np.unique(key, return_inverse=True)
        having = moments(inverse, self.costs[case], len(keys))
        common = having.cases >= least
        plain = np.ones(self.encoded.size, bool)
        plain[case[common[inverse]]] = False
        whole = moments(self.pair, self.costs, len(self.keys))
        alone = moments(np.where(plain, self.pair, -1), self.costs, len(self.keys))
        return [made for place in np.flatnonzero(common).tolist() if (made := self._split(
            int(keys[place]), having, place, whole, alone, least, extra)) is not None]

    def _split(self, key: int, having: Moments, place: int, whole: Moments, alone: Moments,
               least: int, extra_ppm: int) -> Split | None:
        pair, px = divmod(key, len(self.px))
        cases, total = int(having.cases[place]), int(having.sum[place])
        base_cases, base_sum = int(alone.cases[pair]), int(alone.sum[pair])
        if base_cases < least:
            base_cases, base_sum = int(whole.cases[pair]) - cases, int(whole.sum[pair]) - total
        if base_cases < least or not base_sum:
            return None
        mean, base = Fraction(total, cases), Fraction(base_sum, base_cases)
        more = (mean - base) / base * PPM
        sign = -1 if more < 0 else 1
        return Split(*self.name(pair), self.px[px + 1], rounded(mean), rounded(base),
                     sign * rounded(abs(more)), more >= extra_ppm)


def _basic(number: int, dx: str, px: str) -> Group:
    # A split was weighed beside this main procedure: beside the other one it may add nothing.
    written = MAIN_FIRST if "+" in px else ""
    return Group(f"{dx}:{px}", "basic", number, (dx,), read_expression(px), px,
                 read_condition(written), written)


def _threshold(matched: Matched, pairs: _Pairs | None, region: Region) -> int:
    """Cases a core group needs: the region's number, or the largest that keeps its core share."""
    if region.has("building.threshold_cases"):
        return region.whole("building.threshold_cases")
    counts = np.bincount(matched.group[matched.group >= 0],
                         minlength=len(matched.catalogue.groups))
    if pairs is not None:
        counts = np.concatenate([counts, pairs.counts])
    sizes = np.sort(counts[counts > 0])[::-1]
    wanted = region.whole("building.core_share") * len(matched.group)
    reached = np.flatnonzero(np.cumsum(sizes) * PPM >= wanted)
    return int(sizes[reached[0]]) if len(reached) else 1


def _comprehensive(core: Matched, costs: np.ndarray, region: Region,
                   dropped: dict[str, int]) -> list[Group]:
    """Clusters of three characters x property among the cases no core group took."""
    free = (core.group < 0) & (core.reason != EXCLUDED) & (core.reason != NO_PRINCIPAL)
    kinds = ["medical", *(core.catalogue.property_of(word) for word in core.encoded.px.words)]
    names: dict[tuple[str, str], int] = {}
    cells = np.full(len(costs), -1, np.int64)
    words = core.encoded.dx.words
    for case in np.flatnonzero(free).tolist():
        kind = kinds[core.main[case] + 1]
        if kind:
            name = (words[core.principal[case]][:3], kind)
            cells[case] = names.setdefault(name, len(names))
    found = moments(cells, costs, len(names))
    least, limit = region.whole("building.comprehensive_cases"), region.whole(
        "building.comprehensive_cv")
    kept = []
    for (dx, kind), cell in sorted(names.items()):
        if found.cases[cell] < least:
            dropped["clusters_under_threshold"] = dropped.get("clusters_under_threshold", 0) + 1
        elif found.cv_over(cell, limit):
            dropped["clusters_over_cv"] = dropped.get("clusters_over_cv", 0) + 1
        else:
            kept.append((dx, kind))
    assert EVERY not in {dx for dx, _ in kept}
    return [Group(f"{dx}:{kind}", "comprehensive", number, (dx,), procedure_property=kind)
            for number, (dx, kind) in enumerate(kept, start=1)]
