"""Which groups a pair (principal diagnosis, main procedure) may fall into, in order (候选病种).

Whatever can be decided from the pair alone is decided here, once a pair; what is left to test
for each case are other procedures and diagnoses, ages, weights and days.
"""
from __future__ import annotations

from collections import defaultdict

from .conditions import MAIN_FIRST, Test
from .model import EVERY, LAYERS, OPEN_LAYERS, Catalogue, Group
from .region import Region
from .rules import SLOT, Rules

Found = tuple[tuple[int, ...], int, int]     # rank, group, rule
NONE, ANY = "", "*"                          # as main procedure: nothing was done; not asked


class Candidates:
    """The catalogue indexed by layer, diagnosis prefix and main procedure.

    `rules` receives one rule for each way into a group; `group_of[rule]` is the group's place.
    """

    def __init__(self, catalogue: Catalogue, region: Region) -> None:
        self.catalogue, self.rules = catalogue, Rules()
        self.group_of: list[int] = []
        self._index: dict[str, dict[tuple[str, str], list[Found]]] = {
            layer: defaultdict(list) for layer in LAYERS}
        self._any_main = region.word("matching.plus_main") == "any"
        self._by_points = region.word("matching.ties") == "highest_points"
        self._prefixes: dict[str, tuple[str, ...]] = {}
        order = _order(catalogue)
        for place, group in enumerate(catalogue.groups):
            self._add(place, group, order[place])

    def _add(self, place: int, group: Group, order: int) -> None:
        tests, dx = list(group.condition.tests), group.dx
        if "dx_any_position" in group.condition.flags and dx != (EVERY,):
            tests.append(Test("dx_any", codes=dx))
            dx = (EVERY,)
        for main, slots, others in self._ways(group):
            needed = (*tests, *(Test(SLOT, codes=tuple(sorted(slot))) for slot in others))
            rule = self.rules.rule(needed)
            self.group_of.append(place)
            for prefix in dx:
                rank = self._rank(group, slots, prefix, order)
                for code in main:
                    self._index[group.layer][prefix, code].append((rank, place, rule))

    def _ways(self, group: Group) -> list[tuple[frozenset[str], int, tuple[frozenset[str], ...]]]:
        """(main procedures, number of slots, slots still to be found) of each way in."""
        if group.layer == "comprehensive":
            return [(frozenset({group.procedure_property}), 0, ())]
        if not group.ways:
            conservative = group.layer not in OPEN_LAYERS or "px_none" in group.condition.flags
            return [(frozenset({NONE if conservative else ANY}), 0, ())]
        if "px_any_position" in group.condition.flags:
            return [(frozenset({ANY}), len(way), way) for way in group.ways]
        found = []
        any_main = self._any_main and MAIN_FIRST not in group.condition.flags
        for way in group.ways:
            for number in range(len(way) if any_main else 1):
                found.append((way[number], len(way), (*way[:number], *way[number + 1:])))
        return found

    def _rank(self, group: Group, slots: int, prefix: str, order: int) -> tuple[int, ...]:
        """Smaller is tried first. Pre-groups and their like go by order alone; elsewhere the
        most procedures matched, then the closest diagnosis, then the region's own rule."""
        if group.layer in OPEN_LAYERS:
            return (order,)
        points = -(group.points_milli or 0) if self._by_points else 0
        return (-slots, -len(prefix), points, order)

    def of_pair(self, dx: str, px: str, excluded: bool = False) -> tuple[int, ...]:
        """Rules to try in order for a principal diagnosis and a main procedure ("" for none).

        `excluded` leaves only pre-groups. The list ends with the first rule that needs no test.
        """
        found: list[int] = []
        for layer in ("pre_group",) if excluded else LAYERS:
            for _, _, rule in sorted(self.in_layer(layer, dx, px)):
                if rule not in found:
                    found.append(rule)
                if not self.rules.rules[rule]:
                    return tuple(found)
        return tuple(found)

    def in_layer(self, layer: str, dx: str, px: str) -> list[Found]:
        """Everything a layer has for a pair of codes, in no order: (rank, group, rule)."""
        index = self._index[layer]
        if not index:
            return []
        if layer == "comprehensive":
            kind = self.catalogue.property_of(px) if px else "medical"
            return list(index.get((dx[:3], kind), ()))
        mains = (px, ANY) if px else (NONE, ANY)
        return [one for prefix in self.prefixes(dx) for main in mains
                for one in index.get((prefix, main), ())]

    def prefixes(self, dx: str) -> tuple[str, ...]:
        """`*` and every prefix of a diagnosis from three characters on."""
        found = self._prefixes.get(dx)
        if found is None:
            found = (EVERY, *(dx[:length] for length in range(3, len(dx) + 1))) if dx else (EVERY,)
            self._prefixes[dx] = found
        return found

    def names_diagnosis(self, dx: str) -> bool:
        """Whether any merged, auxiliary, basic or comprehensive group has this diagnosis."""
        wanted = set(self.prefixes(dx)) - {EVERY}
        return any(not wanted.isdisjoint(self._known(layer)) for layer in LAYERS[3:])

    def _known(self, layer: str) -> set[str]:
        known = self.__dict__.setdefault("_known_dx", {})
        if layer not in known:
            known[layer] = {prefix for prefix, _ in self._index[layer]}
        return known[layer]


def _order(catalogue: Catalogue) -> list[int]:
    """Order of trial: the catalogue's own, but a pre-group that asks for more procedures than
    another with the same diagnoses goes before it (the pair test comes first)."""
    places = list(range(len(catalogue.groups)))
    pre = [place for place in places if catalogue.groups[place].layer == "pre_group"]
    queue: list[int] = []
    for place in pre:
        at = next((number for number, earlier in enumerate(queue)
                   if _narrower(catalogue.groups[place], catalogue.groups[earlier])), len(queue))
        queue.insert(at, place)
    for place, chosen in zip(pre, queue, strict=True):
        places[chosen] = place
    return places


def _narrower(one: Group, other: Group) -> bool:
    """Whether every case of `one` would be taken by `other` because its procedures suffice."""
    same = one.dx == other.dx and set(other.condition.tests) <= set(one.condition.tests) \
        and one.condition.flags == other.condition.flags
    return same and bool(other.ways) and one.slots > other.slots and all(
        any(set(way) < set(mine) for way in other.ways) for mine in one.ways)
