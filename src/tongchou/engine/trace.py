"""One claim at once, with its trace, in microseconds (实时结算): the kernel for one person-year.

`Settler` keeps a compiled plan with every part apart and replays a person's year through the
kernel; the last claim's rows come back as `LayerTrace` records, the same as the reference gives,
so that flows and explanations read them alike.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from struct import Struct

import numpy as np

from ..policy import Pack
from ..terms import PART_NAMES
from .compile import compile_pack
from .kernel_rules import T_CAPS, T_DRAWN, T_TIERS, T_WIDTH
from .kernel_single import FIELDS, lay_out, places, settle_single
from .plan import ROW_FIELDS, Plan
from .records import RESIDUE_NAMES, LayerTrace, Settlement
from .rules import LayerRule, require_facts
from .situation import CellEntry, Claim, Person, Situation, Situations

ROW_WIDTH = len(ROW_FIELDS)
# The columns T_ROW to T_EXCLUDED of a trace row; the residues go by the names of RESIDUE_NAMES.
SCALARS = ("_", "base", "measured", "borne", "cumulated", "tier_from", "tier_to", "slope",
           "payable", "minimum", "paid", "capped", *RESIDUE_NAMES)
BASE_LIMIT, CAP_LIMIT, TIER_LIMIT = T_CAPS - T_DRAWN, (T_TIERS - T_CAPS) // 2, T_WIDTH - T_TIERS

Reader = Callable[[memoryview, int, dict[str, int]], LayerTrace]
OWN_PAY, OVER_LIMIT, FIRST_PAY, IN_POLICY = PART_NAMES


def encode(plan: Plan, situation: Situation | CellEntry) -> tuple[int, int]:
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


def _reader(plan: Plan, index: int) -> Reader:
    """Writes the function that reads a rule's trace row: only what the rule uses, in one step."""
    rule, parts = plan.rules[index], [part for part, _, _ in plan.steps[index].drawn]
    if len(rule.caps) > CAP_LIMIT or len(parts) > BASE_LIMIT \
            or (rule.tiers and len(rule.tiers.rates) > TIER_LIMIT):
        raise ValueError(f"{plan.pack.name}: layer {rule.layer} is too wide for a trace row")
    tiers = len(rule.tiers.rates) if rule.tiers else 1
    if rule.tiers and rule.tiers.rounding == "true_up" and rule.tiers.of == "year":
        tiers = 1
    caps = len(rule.caps)
    row = Struct(f"={T_DRAWN + len(parts)}q{8 * (T_CAPS - T_DRAWN - len(parts))}x{2 * caps}q"
                 f"{8 * (T_TIERS - T_CAPS - 2 * caps)}x{tiers}q")
    known = {"unpack": row.unpack_from, "rule": rule, "LayerTrace": LayerTrace}
    exec(_reader_source(rule.layer, parts, caps, tiers), known)
    return known["read"]


def _reader_source(layer: str, parts: list[str], caps: int, tiers: int) -> str:
    drawn = [f"drawn{k}" for k in range(len(parts))]
    limits = [(f"used{k}", f"room{k}") for k in range(caps)]
    rates = [f"tier{k}" for k in range(tiers)]
    names = [*SCALARS, *drawn, *(name for limit in limits for name in limit), *rates]
    lines = [f"    {', '.join(names)} = unpack(memory, at)", "    taken = ()"]
    for name, part in zip(drawn, parts, strict=True):
        lines += [f"    left[{part!r}] = 0", f"    if {name}:",
                  f"        taken += (({part!r}, {name}),)"]
    for residue in RESIDUE_NAMES:
        lines += [f"    if {residue}:", f"        left['{layer}.{residue}'] = {residue}"]
    lines += ["    return LayerTrace(",
              "        rule, taken, base, measured, borne, cumulated, tier_from, tier_to, slope,",
              f"        ({''.join(f'{name}, ' for name in rates)}), payable, minimum != 0, paid,",
              f"        ({''.join(f'({used}, {room}), ' for used, room in limits)}), capped != 0,",
              f"        {{{', '.join(f'{name!r}: {name}' for name in RESIDUE_NAMES)}}})"]
    return "\n".join(["def read(memory, at, left):", *lines])


class Settler:
    """Settles single claims of a pack fast. Build it once: it compiles the pack and the kernel.

    Raises Refusal as `situate` and the rules do; ValueError when a rule has more base parts,
    caps or tiers than a trace row holds (24, 6, 24). Not for two threads at a time: another thread
    takes a `twin`.
    """

    def __init__(self, pack: Pack, like: Settler | None = None) -> None:
        self.pack = pack
        self.plan = like.plan if like else compile_pack(pack, detailed=True)
        self._readers = like._readers if like else [
            _reader(self.plan, index) for index in range(len(self.plan.rules))]
        self._situations = Situations(pack)
        self._order = attrgetter("end", "settled", "claim_id") \
            if pack.settings.order == "discharge" else attrgetter("settled", "claim_id")
        self._room(16)

    def twin(self) -> Settler:
        """One for another thread: nothing is compiled again, its working memory is its own."""
        return Settler(self.pack, self)

    def _room(self, claims: int) -> None:
        """Lays out tables and working memory for so many claims of one person-year."""
        plan = self.plan
        sizes = [int(size) for size in plan.tables.sizes]
        shapes = {"parts": (4, claims), "offsets": 2,
                  "previous": (max(len(plan.scopes), 1), claims),
                  "facts": (max(len(plan.facts), 1), claims), "paid": (len(plan.layers), claims),
                  "acc": 2 * sizes[1], "saved": 2 * sizes[1], "part": sizes[0],
                  "gross": len(plan.layers), "scoped": (max(sizes[3], 1), claims),
                  "trace": (len(plan.layers) + 1, T_WIDTH)}
        arrays = {name: np.zeros(shapes.get(name, claims), np.int64) for name in FIELDS}
        self._memory = lay_out(arrays | plan.tables._asdict())
        self._view = memoryview(self._memory)
        self._claims = claims
        (self._key, self._statuses, self._parts, self._end, self._previous, self._facts,
         self._status, self._trace) = places(self._memory, (
             "key", "statuses", "parts", "offsets", "previous", "facts", "status", "trace"))

    def settle(self, person: Person, claim: Claim, earlier: Sequence[Claim] = ()) -> Settlement:
        """Settles `claim` after the `earlier` claims of the same person and policy year.

        Packs in which a family shares accumulators go through the reference.
        """
        last = len(earlier)
        if last >= self._claims:
            self._room(2 * last + 2)
        history = sorted(earlier, key=self._order) if last > 1 else earlier
        situation = self._fill(person, (*history, claim))
        self._view[self._end + 1] = last + 1
        settle_single(self._memory)
        return self._read(claim, situation, last)

    def _fill(self, person: Person, claims: tuple[Claim, ...]) -> Situation:
        """Writes the claims into the working memory; the situation of the last one."""
        view, place, room = self._view, self._situations.place, self._claims
        key_at, statuses_at, at = self._key, self._statuses, self._parts
        for claim in claims:
            entry, rule_date = place(person, claim)
            view[key_at], view[statuses_at] = entry.note or self._encode(entry)
            view[at], view[at + room], view[at + 2 * room], view[at + 3 * room] = claim.parts
            key_at, statuses_at, at = key_at + 1, statuses_at + 1, at + 1
        if self.plan.facts or self.plan.scopes:
            self._fill_more(person, claims)
        return self._situations.told(person, claim, entry, rule_date)

    def _encode(self, entry: CellEntry) -> tuple[int, int]:
        """Key and status bits of a cell, kept with it. Raises the refusal of its rules."""
        key, bits = encode(self.plan, entry)
        number = int(self.plan.refusal(np.array([key]), np.array([bits]))[0])
        if number >= 0:
            raise self.plan.refusals[number]
        entry.note = key, bits
        return entry.note

    def _fill_more(self, person: Person, claims: Sequence[Claim]) -> None:
        """Writes what few packs ask for: numbers about the person, claims of the same episode."""
        found = [self._situations.of(person, claim) for claim in claims]
        for index, fact in enumerate(self.plan.facts):
            for row, (entry, situation) in enumerate(found):
                if fact not in situation.facts:
                    self._require(claims[row], *entry.note, situation.facts)
                at = self._facts + index * self._claims + row
                self._view[at] = situation.facts.get(fact, 0)
        situations = [situation for _, situation in found]
        for index, scope in enumerate(self.plan.scopes):
            at = self._previous + index * self._claims
            self._memory[at:at + len(claims)] = previous_rows(scope, claims, situations)

    def _require(self, claim: Claim, key: int, bits: int, facts: Mapping[str, int]) -> None:
        """Refuses a claim when a rule of a status that competes needs a number nobody gave."""
        tables = self.plan.tables
        for status in range(len(self.plan.statuses) + 1):
            plan = int(tables.route[key, status])
            competes = bits >> (status - 1) & 1 if status else not bits or not tables.sizes[6]
            if plan >= 0 and competes:
                rows = tables.plan_rows[tables.plan_from[plan]:tables.plan_from[plan + 1]]
                require_facts([self.plan.rules[int(row) // ROW_WIDTH] for row in rows], facts,
                              f"claim {claim.claim_id}")

    def _read(self, claim: Claim, situation: Situation, row: int) -> Settlement:
        view, at, readers, traces = self._view, self._trace, self._readers, []
        own_pay, over_limit, first_pay, in_policy = claim.parts
        left = {OWN_PAY: own_pay, OVER_LIMIT: over_limit, FIRST_PAY: first_pay,
                IN_POLICY: in_policy}
        while (offset := view[at]) >= 0:
            traces.append(readers[offset // ROW_WIDTH](view, 8 * at, left))
            at += T_WIDTH
        status = view[self._status + row]
        chosen = self.plan.statuses[status - 1] if status else "none"
        return Settlement(claim, situation, chosen, (), traces,
                          {part: fen for part, fen in left.items() if fen})


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

