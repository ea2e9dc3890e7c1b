"""The fast engine: one Numba kernel over the tables of a plan (高速结算内核).

It gives, to the fen, what `reference` gives; read that first. One look-up finds a claim's plan,
then only the rows that apply run: common rules on the short path below, all others through
`kernel_rules`. Everything is int64; fen x ppm stays below 2^63 because `run` bounds what one
owner group can bill in a year.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from ..errors import Refusal
from ..money import PPM
from .columns import Columns, Results
from .kernel_rules import (BASE_FROM, BASE_TO, CAP_LIMIT, CAP_SLOT, COUNTER, DEDUCTIBLE,
                           DEDUCTIBLE_SLOT, FLAGS, LAYER, MEASURE, METHOD, OUT_COPAYMENT,
                           OUT_DEDUCTIBLE, OUT_EXCLUDED, OUT_OVER_CAP, OUT_PENALTY, PER_STAY,
                           PER_YEAR, RATE, RATIO, SCHEDULE_FROM, SCHEDULE_LAST,
                           T_DRAWN, T_ROW, T_WIDTH, TIER_FROM, TIER_SLOT, TIER_TO, U,
                           YEAR_DIFFERENCE, YEAR_EACH_SIDE, cut_cost, general_rule,
                           rounded, wanted)
from .plan import (COUNTED, GENERAL, HAS_WHEN, MEASURES, MERGED, PERSON_PAYS, SCHEDULED,
                   SEEN_GROSS, SHOWS, WEIGHTED, YEAR_CAPPED, Plan)
from .specialise import load_kernel

SUM_LIMIT_FEN = 8 * 10 ** 12


@njit(forceinline=True, _nrt=False)
def common_tiers(tiers, first, last, low, counted, each_side, mode):
    """Gross tiers for the stretch of `counted` fen from `low` (reference._rated)."""
    high = low + counted
    before, running, start = np.int64(0), np.int64(0), np.int64(0)
    for tier in range(first, last):
        end, rate = tiers[U(tier), 0], tiers[U(tier), 1]
        if low < end:
            running += (min(high, end) - max(low, start)) * rate
            if each_side and low > start:
                before += (low - start) * rate
            if high <= end:
                break
        elif each_side:
            before += (end - start) * rate
        start = end
    if each_side:
        return rounded(before + running, mode) - rounded(before, mode)
    return rounded(running, mode)


@njit(forceinline=True, _nrt=False)
def _common_rule(t, q, flags, acc, mine, base, mode):
    """Deductible per stay or year, ratio or gross tiers, a yearly cap, all the person's own.

    Returns like `general_rule`; there is no penalty, and what is below the deductible was charged.
    """
    rows = t.rows
    kind = rows[U(q + DEDUCTIBLE)]
    deductible = np.int64(0)
    if kind == PER_STAY:
        at = rows[U(q + SCHEDULE_FROM)]
        if flags & SCHEDULED:
            counter = t.counters[U(rows[U(q + COUNTER)])]
            at = min(at + acc[U(mine + counter)], rows[U(q + SCHEDULE_LAST)])
        deductible = min(base, t.schedule[U(at)])
    elif kind == PER_YEAR:
        slot = U(mine + rows[U(q + DEDUCTIBLE_SLOT)])
        used = acc[slot]
        deductible = min(base, max(t.schedule[U(rows[U(q + SCHEDULE_FROM)])] - used, 0))
        acc[slot] = used + deductible
    counted = base - deductible
    payable = np.int64(0)
    method = rows[U(q + METHOD)]
    if method == RATIO:
        payable = rounded(counted * rows[U(q + RATE)], mode)
    else:
        if counted > 0:
            low = deductible
            if method >= YEAR_EACH_SIDE:
                low += acc[U(mine + rows[U(q + TIER_SLOT)])]
            payable = common_tiers(t.tiers, rows[U(q + TIER_FROM)], rows[U(q + TIER_TO)], low,
                                   counted, method == YEAR_EACH_SIDE, mode)
        if method >= YEAR_EACH_SIDE:
            acc[U(mine + rows[U(q + TIER_SLOT)])] += base
    paid = payable
    over = np.int64(0)
    if flags & YEAR_CAPPED:
        slot = U(mine + rows[U(q + CAP_SLOT)])
        used = acc[slot]
        room = max(rows[U(q + CAP_LIMIT)] - used, 0)
        if paid > room:
            paid = room
            low = deductible
            if method >= YEAR_EACH_SIDE:
                low += acc[U(mine + rows[U(q + TIER_SLOT)])] - base
            if not flags & MERGED:
                over = min(cut_cost(rows, t.tiers, q, 0, low, low + counted, paid),
                           counted - paid)
        acc[slot] = used + paid
    return paid, deductible, counted - paid - over, over, np.int64(0), paid < payable


@njit(forceinline=True, _nrt=False)
def _chain(t, layers, n_scoped, mode, run, i, parts, facts, scoped, previous, acc, mine, part,
           gross, paid_out, trace):
    """All layers of one plan on one claim (reference._run).

    Returns the person's part, the basic deductible and the capped layers as bits.
    """
    rows, bases = t.rows, t.bases
    at = U(i)
    for k in range(4):
        part[U(k)] = parts[U(k), at]
    for k in range(4, t.zeroed[U(run)]):
        part[U(k)] = 0
    for k in range(layers):
        paid_out[U(k), at] = 0
    for s in range(n_scoped):
        before = previous[t.scope_of[s], i]
        scoped[s, i] = scoped[s, before] if before >= 0 else 0
    person = parts[U(0), at] + parts[U(1), at] + parts[U(2), at] + parts[U(3), at]
    shown, shown_done = np.int64(0), False
    applied, paid_bits, capped_bits = np.int64(0), np.int64(0), np.int64(0)
    pending = np.int64(0)
    step = 0
    for entry in range(t.plan_from[U(run)], t.plan_from[U(run + 1)]):
        q = t.plan_rows[U(entry)]
        flags = rows[U(q + FLAGS)]
        layer = rows[U(q + LAYER)]
        if flags & HAS_WHEN and not wanted(rows, t.whens, q, applied, paid_bits, capped_bits):
            continue
        bit = np.int64(1) << layer
        base, excluded = np.int64(0), np.int64(0)
        if trace is not None:
            for k in range(T_WIDTH):
                trace[step, k] = 0
        for b in range(rows[U(q + BASE_FROM)], rows[U(q + BASE_TO)]):
            slot = U(bases[U(b), 0])
            taken = part[slot]
            part[slot] = 0
            if flags & WEIGHTED:
                whole = taken
                taken = rounded(whole * bases[U(b), 1], 0)
                excluded += whole - taken
            base += taken
            if trace is not None:
                trace[step, T_DRAWN + b - rows[U(q + BASE_FROM)]] = taken
        if flags & GENERAL or trace is not None:
            measured = base
            if flags & MEASURES:
                earlier = rows[U(q + MEASURE)]
                measured = gross[U(earlier)] if applied >> earlier & 1 else np.int64(0)
            if flags & SEEN_GROSS:
                gross[U(layer)] = base
            paid, below, copay, over, penalty, capped, charged = general_rule(
                t, q, parts, facts, scoped, i, acc, mine, base, excluded, measured, trace,
                step)
            part[U(rows[U(q + OUT_PENALTY)])] = penalty
            part[U(rows[U(q + OUT_EXCLUDED)])] = excluded
        else:
            paid, below, copay, over, penalty, capped = _common_rule(t, q, flags, acc, mine, base,
                                                                     mode)
            charged = below
        applied |= bit
        if flags & MERGED:
            part[U(rows[U(q + OUT_COPAYMENT)])] = below + copay + over
        else:
            part[U(rows[U(q + OUT_DEDUCTIBLE)])] = below
            part[U(rows[U(q + OUT_COPAYMENT)])] = copay
            part[U(rows[U(q + OUT_OVER_CAP)])] = over
        paid_out[U(layer), at] = paid
        if flags & COUNTED:
            pending |= np.int64(1) << rows[U(q + COUNTER)]
        paid_bits |= bit if paid > 0 else 0
        capped_bits |= bit if capped else 0
        if flags & SHOWS and not shown_done:
            shown, shown_done = charged, True
        if not flags & PERSON_PAYS:
            person -= paid
        step += 1
    if trace is not None:
        trace[step, T_ROW] = -1
    if pending:
        for k in range(t.sizes[2]):
            if pending >> k & 1:
                acc[U(mine + t.counters[U(k)])] += 1
    return person, shown, capped_bits


@njit(forceinline=True, _nrt=False)
def _first_status(mask):
    """First competing status in the pack's order (1 + its bit), 0 for none."""
    if mask == 0:
        return 0
    status = 1
    while mask >> (status - 1) & 1 == 0:
        status += 1
    return status


@njit(forceinline=True, _nrt=False)
def _next_status(mask, status, held_only):
    """The next competing status, 0 (none) last unless only held ones compete, -1 at the end."""
    if status == 0:
        return -1
    rest = mask >> status
    if rest == 0:
        return -1 if held_only else 0
    status += 1
    while rest & 1 == 0:
        rest >>= 1
        status += 1
    return status


@njit(_nrt=False)
def _best_status(t, key, mask, held_only, i, parts, facts, scoped, previous, acc, saved, mine,
                 part, gross, paid_out):
    """The competing status that leaves the person least (BJ-40); accumulators stay as they were."""
    slots = t.sizes[1]
    for s in range(slots):
        saved[U(s)] = acc[U(s)]
        saved[U(slots + s)] = acc[U(mine + s)]
    status = _first_status(mask)
    best, least = -1, np.int64(0)
    while status >= 0:
        run = t.route[U(key[i]), U(status)]
        person, _, _ = _chain(t, t.sizes[4], t.sizes[3], t.sizes[5], run, i, parts, facts, scoped,
                              previous, acc, mine, part, gross, paid_out, None)
        for s in range(slots):
            acc[U(s)] = saved[U(s)]
            acc[U(mine + s)] = saved[U(slots + s)]
        if best < 0 or person < least:
            best, least = status, person
        status = _next_status(mask, status, held_only)
    return best


@njit(cache=True, nogil=True, _nrt=False)
def settle_units(t, key, statuses, parts, offsets, member, previous, facts, first, last, paid_out,
                 person_out, deductible_out, status_out, capped_out, acc, saved, part, gross,
                 scoped, trace):
    """Settles units `first` to `last` - 1 (reference.settle_claim, claim by claim).

    With `trace` (int64[layers + 1, T_WIDTH]) it holds the rows of the last claim settled.
    """
    slots, layers, n_scoped, mode = t.sizes[1], t.sizes[4], t.sizes[3], t.sizes[5]
    held_only, families = t.sizes[6] == 1, t.sizes[7] == 1
    for unit in range(first, last):
        for s in range(0 if families else slots, len(acc)):
            acc[U(s)] = 0
        for i in range(offsets[unit], offsets[unit + 1]):
            mine = (member[i] + 1) * slots if families else slots
            mask = statuses[i]
            status = _first_status(mask)
            if _next_status(mask, status, held_only) >= 0:
                status = _best_status(t, key, mask, held_only, i, parts, facts, scoped, previous,
                                      acc, saved, mine, part, gross, paid_out)
            person, shown, capped = _chain(t, layers, n_scoped, mode,
                                           t.route[U(key[i]), U(status)], i, parts, facts, scoped,
                                           previous, acc, mine, part, gross, paid_out, trace)
            person_out[i] = person
            deductible_out[i] = shown
            status_out[i] = status
            capped_out[i] = capped


def empty_results(plan: Plan, claims: int) -> Results:
    """Room for the results of that many claims, reusable from run to run."""
    return Results(np.zeros((len(plan.layers), claims), np.int64), np.zeros(claims, np.int64),
                   np.zeros(claims, np.int64), np.zeros(claims, np.int16),
                   np.zeros(claims, np.int64))


def run(plan: Plan, columns: Columns, threads: int = 1, out: Results | None = None,
        specialised: bool = False) -> Results:
    """Settles columns under a plan; with threads the units are cut at owner-group boundaries.

    `specialised` writes and compiles a kernel for the pack's structure first (some seconds, kept
    on disk): worth it from a few million claims on. The amounts are the same.
    Raises Refusal `amount-overflow` when one owner group bills more than the arithmetic holds.
    Rows that the plan refuses (`Plan.refusal`) must have been taken out before.
    """
    check_sums(columns)
    out = out or empty_results(plan, columns.claims)
    job = _Job(plan, columns, out)
    task = job.specialised() if specialised and not plan.family else job.general
    units = len(columns.offsets) - 1
    cuts = _cuts(columns.offsets, max(1, min(threads, units)))
    spans = list(zip(cuts[:-1], cuts[1:], strict=True))
    if len(spans) == 1:
        task(*spans[0])
    else:
        with ThreadPoolExecutor(len(spans)) as pool:
            list(pool.map(lambda span: task(*span), spans))
    return out


class _Job:
    """One run's shared arrays, and the two ways to settle a span of units."""

    def __init__(self, plan: Plan, columns: Columns, out: Results) -> None:
        self.plan, self.columns, self.out = plan, columns, out
        claims = columns.claims
        self.previous = np.zeros((max(len(plan.scopes), 1), claims if plan.scopes else 1),
                                 np.int64)
        for index, scope in enumerate(plan.scopes):
            self.previous[index] = columns.previous[scope]
        self.facts = columns.facts if plan.facts else np.zeros((1, 1), np.int64)
        self.members = int(columns.member.max()) + 1 if plan.family and claims else 1
        scoped_slots = int(plan.tables.sizes[3])
        self.scoped = np.zeros((max(scoped_slots, 1), claims if scoped_slots else 1), np.int64)

    def general(self, first: int, last: int) -> None:
        """Settles units first..last - 1 by the general kernel."""
        plan, columns, out = self.plan, self.columns, self.out
        slots = int(plan.tables.sizes[1])
        settle_units(plan.tables, columns.key, columns.statuses, columns.parts, columns.offsets,
                     columns.member, self.previous, self.facts, first, last, out.paid, out.person,
                     out.deductible, out.status, out.capped,
                     np.zeros((self.members + 1) * slots, np.int64), np.zeros(2 * slots, np.int64),
                     np.zeros(plan.tables.sizes[0], np.int64),
                     np.zeros(len(plan.layers), np.int64), self.scoped, None)

    def specialised(self) -> Callable[[int, int], None]:
        """A task that settles a span by the written kernel, then what it deferred."""
        plan, columns, out = self.plan, self.columns, self.out
        if plan.written is None:
            plan.written = load_kernel(plan)
        module, place = plan.written

        def settle(first: int, last: int) -> None:
            deferred = np.empty(last - first, np.int64)
            late = module.settle(plan.tables, place, columns.key, columns.statuses, columns.parts,
                                 columns.offsets, first, last, out.paid, out.person,
                                 out.deductible, out.status, out.capped, deferred)
            for begin, end in _runs(deferred[:late]):
                self.general(begin, end)

        return settle


def _runs(units: np.ndarray) -> list[tuple[int, int]]:
    """Neighbouring unit numbers as (first, last + 1) runs."""
    if not len(units):
        return []
    breaks = np.flatnonzero(np.diff(units) != 1) + 1
    starts, ends = np.concatenate([[0], breaks]), np.concatenate([breaks, [len(units)]])
    return [(int(units[a]), int(units[b - 1]) + 1) for a, b in zip(starts, ends, strict=True)]


def _cuts(offsets: np.ndarray, threads: int) -> list[int]:
    """Unit numbers that cut the claims into about equal spans."""
    claims = int(offsets[-1])
    wanted = [claims * k // threads for k in range(1, threads)]
    inner = [int(np.searchsorted(offsets, claim)) for claim in wanted]
    return [0, *inner, len(offsets) - 1]


def check_sums(columns: Columns) -> None:
    """Refuses columns whose sums could leave int64 after multiplication by a rate."""
    if columns.claims == 0:
        return
    most = int(columns.parts.max()) * 4
    longest = int(np.diff(columns.offsets).max())
    if most * longest <= SUM_LIMIT_FEN:
        return
    totals = np.add.reduceat(columns.parts.sum(axis=0), columns.offsets[:-1])
    if int(totals.max()) > SUM_LIMIT_FEN:
        raise Refusal("amount-overflow", "one person's (family's) year bills over "
                      f"{SUM_LIMIT_FEN // 100} yuan", hint="Check the scale of the amounts.")
