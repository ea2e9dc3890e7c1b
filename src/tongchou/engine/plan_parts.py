"""Which parts of a bill can hold money at each step of a plan (计划中的费用去向).

A layer's base names every part it may draw on. Inside one plan it is known which layers come
before, so most of those parts are certainly empty; and residues that are always drawn together
need no separate place. Both are settled here, once, when the pack is compiled.
"""
from __future__ import annotations

from dataclasses import dataclass

from ..money import PPM
from ..terms import PART_NAMES
from .records import RESIDUE_NAMES
from .rules import LayerRule

UNPAID = ("deductible", "copayment", "over_cap")


@dataclass(frozen=True)
class StepParts:
    """One rule's place in a plan: the parts it draws on (name, slot, weight) and the slots its
    five residues go to (in the order of `RESIDUE_NAMES`); `merged` residues share one slot."""

    drawn: tuple[tuple[str, int, int], ...]
    outs: tuple[int, ...]
    merged: bool


def place_parts(rules: list[LayerRule], merge: bool) -> tuple[list[StepParts], int]:
    """Slots of a plan's parts and how many there are; the last slot is read by nobody.

    With `merge` residues that are always drawn together share a slot (no trace can then tell
    them apart).
    """
    drawn, produced = _live(rules)
    readers: dict[str, list[tuple[int, int]]] = {}
    for index, entries in enumerate(drawn):
        for part, weight in entries:
            readers.setdefault(part, []).append((index, weight))
    slots = {name: index for index, name in enumerate(PART_NAMES)}
    merged = []
    for rule, names in zip(rules, produced, strict=True):
        unpaid = [f"{rule.layer}.{tail}" for tail in UNPAID if f"{rule.layer}.{tail}" in names]
        together = merge and _always_together(unpaid, readers)
        merged.append(together)
        for part in names:
            if part in readers:
                shared = slots.get(unpaid[0]) if together and part in unpaid else None
                slots.setdefault(part, len(set(slots.values())) if shared is None else shared)
    nowhere = len(set(slots.values()))
    steps = []
    for rule, entries, together in zip(rules, drawn, merged, strict=True):
        seen: dict[int, tuple[str, int, int]] = {}
        for part, weight in entries:
            seen.setdefault(slots[part], (part, slots[part], weight))
        outs = [slots.get(f"{rule.layer}.{tail}", nowhere) for tail in RESIDUE_NAMES]
        if together:
            outs[1] = min(outs[:3])
        steps.append(StepParts(tuple(seen.values()), tuple(outs), together))
    return steps, nowhere + 1


def _always_together(parts: list[str], readers: dict[str, list[tuple[int, int]]]) -> bool:
    """True when the same layers draw on all the parts, each time whole."""
    first = readers.get(parts[0], []) if parts else []
    return bool(parts) and all(readers.get(part, []) == first for part in parts) \
        and all(weight == PPM for _, weight in first)


def _live(rules: list[LayerRule]) -> tuple[list[list[tuple[str, int]]], list[list[str]]]:
    """Per rule: the base entries that may hold money, and the residues it may leave."""
    possible = set(PART_NAMES)
    drawn, produced = [], []
    for rule in rules:
        live = [(part, weight) for part, weight in rule.base if part in possible]
        drawn.append(live)
        if not rule.when:
            possible -= {part for part, _ in live}
        left = [f"{rule.layer}.{tail}" for tail in _residues(rule)]
        possible |= set(left)
        produced.append(left)
    return drawn, produced


def _residues(rule: LayerRule) -> list[str]:
    """Residues a rule can leave with money in them."""
    both = [rule, rule.as_if] if rule.as_if else [rule]
    found = ["deductible"] if any(one.deductible for one in both) else []
    if rule.as_if or not rule.tiers or min(rule.tiers.rates) < PPM:
        found.append("copayment")
    if any(one.caps for one in both):
        found.append("over_cap")
    if rule.as_if:
        found.append("penalty")
    if any(weight != PPM for _, weight in rule.base):
        found.append("excluded")
    return found
