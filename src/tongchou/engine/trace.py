"""One claim at once, with its trace, in microseconds (实时结算): the kernel for one person-year.

`Settler` keeps a compiled plan with every part apart and replays a person's year through the
kernel; the last claim's rows come back as `LayerTrace` records, the same as the reference gives,
so that flows and explanations read them alike.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..policy import Pack
from ..terms import PART_NAMES
from .compile import compile_pack
from .kernel import settle_units
from .kernel_rules import (T_BASE, T_CAPPED, T_CAPS, T_COPAYMENT, T_CUMULATED, T_DEDUCTIBLE,
                           T_DRAWN, T_EXCLUDED, T_FROM, T_MEASURED, T_MINIMUM, T_OVER, T_PAID,
                           T_PAYABLE, T_BELOW, T_PENALTY, T_ROW, T_SLOPE, T_TIERS, T_TO, T_WIDTH)
from .plan import ROW_FIELDS, Plan
from .records import LayerTrace, Settlement
from .reference import claim_order
from .situation import Claim, Person, Situation, situate

BASE_LIMIT, CAP_LIMIT, TIER_LIMIT = T_CAPS - T_DRAWN, (T_TIERS - T_CAPS) // 2, T_WIDTH - T_TIERS


def encode(plan: Plan, situation: Situation) -> tuple[int, int]:
    """Key and status bits of a situation under a plan (see `columns.Columns`)."""
    key = 0
    for name, classes in plan.dimensions:
        found = situation.cell.get(name, "other")
        index = classes.index(found) if found in classes else len(classes) - 1
        key += index * plan.strides[name]
    bits = 0
    for status in situation.statuses:
        if status != "none":
            bits |= 1 << plan.statuses.index(status)
    return key, bits


class Settler:
    """Settles single claims of a pack fast. Build it once: it compiles the pack and the kernel.

    Raises Refusal as `situate` and the rules do; ValueError when a rule has more base parts,
    caps or tiers than a trace row holds (24, 6, 24).
    """

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.plan = compile_pack(pack, detailed=True)
        for rule in self.plan.rules:
            if len(rule.caps) > CAP_LIMIT or len(rule.base) > BASE_LIMIT \
                    or (rule.tiers and len(rule.tiers.rates) > TIER_LIMIT):
                raise ValueError(f"{pack.name}: layer {rule.layer} is too wide for a trace row")
        sizes = self.plan.tables.sizes
        layers = len(self.plan.layers)
        self._trace = np.zeros((layers + 1, T_WIDTH), np.int64)
        self._acc = np.zeros(2 * int(sizes[1]), np.int64)
        self._saved = np.zeros(2 * int(sizes[1]), np.int64)
        self._part, self._gross = np.zeros(sizes[0], np.int64), np.zeros(layers, np.int64)
        self._room(16)

    def _room(self, claims: int) -> None:
        plan = self.plan
        self._claims = claims
        self._key, self._statuses = np.zeros(claims, np.int64), np.zeros(claims, np.int64)
        self._parts = np.zeros((4, claims), np.int64)
        self._offsets, self._member = np.zeros(2, np.int64), np.zeros(claims, np.int64)
        self._previous = np.full((max(len(plan.scopes), 1), claims), -1, np.int64)
        self._facts = np.zeros((max(len(plan.facts), 1), claims), np.int64)
        self._scoped = np.zeros((max(int(plan.tables.sizes[3]), 1), claims), np.int64)
        self._paid = np.zeros((len(plan.layers), claims), np.int64)
        self._out = (np.zeros(claims, np.int64), np.zeros(claims, np.int64),
                     np.zeros(claims, np.int16), np.zeros(claims, np.int64))

    def settle(self, person: Person, claim: Claim, earlier: Sequence[Claim] = ()) -> Settlement:
        """Settles `claim` after the `earlier` claims of the same person and policy year.

        Packs in which a family shares accumulators go through the reference.
        """
        history = sorted(earlier, key=lambda one: claim_order(self.pack, one)) if earlier else []
        situations = [situate(self.pack, person, one) for one in (*history, claim)]
        self._fill((*history, claim), situations)
        settle_units(self.plan.tables, self._key, self._statuses, self._parts, self._offsets,
                     self._member, self._previous, self._facts, 0, 1, self._paid, *self._out,
                     self._acc, self._saved, self._part, self._gross, self._scoped, self._trace)
        return self._read(claim, situations[-1], len(history))

    def _fill(self, claims: Sequence[Claim], situations: Sequence[Situation]) -> None:
        if len(claims) > self._claims:
            self._room(2 * len(claims))
        plan = self.plan
        for row, (claim, situation) in enumerate(zip(claims, situations, strict=True)):
            key, bits = encode(plan, situation)
            self._refuse(key, bits)
            self._key[row], self._statuses[row] = key, bits
            self._parts[:, row] = claim.parts
            for index, fact in enumerate(plan.facts):
                self._facts[index, row] = situation.facts[fact]
        if plan.scopes:
            for index, scope in enumerate(plan.scopes):
                self._previous[index, :len(claims)] = previous_rows(scope, claims, situations)
        self._offsets[1] = len(claims)

    def _refuse(self, key: int, bits: int) -> None:
        if self.plan.refusals:
            number = int(self.plan.refusal(np.array([key]), np.array([bits]))[0])
            if number >= 0:
                raise self.plan.refusals[number]

    def _read(self, claim: Claim, situation: Situation, row: int) -> Settlement:
        width = len(ROW_FIELDS)
        left: dict[str, int] = dict(zip(PART_NAMES, claim.parts, strict=True))
        traces = []
        for line in self._trace.tolist():
            if line[T_ROW] < 0:
                break
            index = line[T_ROW] // width
            trace = self._layer(line, index)
            for part, _, _ in self.plan.steps[index].drawn:
                left.pop(part, None)
            for name, fen in trace.residues.items():
                if fen:
                    left[f"{trace.rule.layer}.{name}"] = fen
            traces.append(trace)
        status = int(self._out[2][row])
        chosen = self.plan.statuses[status - 1] if status else "none"
        return Settlement(claim, situation, chosen, (), traces,
                          {part: fen for part, fen in left.items() if fen})

    def _layer(self, line: list[int], index: int) -> LayerTrace:
        rule, step = self.plan.rules[index], self.plan.steps[index]
        drawn = tuple((part, line[T_DRAWN + place])
                      for place, (part, _, _) in enumerate(step.drawn) if line[T_DRAWN + place])
        caps = tuple((line[T_CAPS + 2 * place], line[T_CAPS + 2 * place + 1])
                     for place in range(len(rule.caps)))
        tiers = len(rule.tiers.rates) if rule.tiers else 1
        if rule.tiers and rule.tiers.rounding == "true_up" and rule.tiers.of == "year":
            tiers = 1
        residues = {"deductible": line[T_BELOW], "copayment": line[T_COPAYMENT],
                    "over_cap": line[T_OVER], "penalty": line[T_PENALTY],
                    "excluded": line[T_EXCLUDED]}
        return LayerTrace(rule, drawn, line[T_BASE], line[T_MEASURED], line[T_DEDUCTIBLE],
                          line[T_CUMULATED], line[T_FROM], line[T_TO], line[T_SLOPE],
                          tuple(line[T_TIERS:T_TIERS + tiers]), line[T_PAYABLE],
                          bool(line[T_MINIMUM]), line[T_PAID], caps, bool(line[T_CAPPED]),
                          residues)


def previous_rows(scope: str, claims: Sequence[Claim], situations: Sequence[Situation],
                  ) -> list[int]:
    """Row of the previous claim in the same episode, day or month, -1 without one.

    `scope` may end in `:family`; then the person does not matter.
    """
    kind, _, shared = scope.partition(":")
    last: dict[tuple[str, str], int] = {}
    found = []
    for row, (claim, situation) in enumerate(zip(claims, situations, strict=True)):
        scope_key = {"episode": claim.episode, "day": situation.rule_date,
                     "month": situation.rule_date[:7]}[kind]
        key = ("" if shared else claim.person_id, scope_key)
        found.append(last.get(key, -1) if scope_key else -1)
        if scope_key:
            last[key] = row
    return found

