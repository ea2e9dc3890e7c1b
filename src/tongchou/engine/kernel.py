"""The fast engine: one Numba kernel over the tables of a plan (高速结算内核).

It gives, to the fen, what `reference` gives; read that first. One look-up finds a claim's plan,
then only the rows that apply run: common rules on the short path below, all others through
`kernel_rules`. Everything is int64; fen x ppm stays below 2^63 because `run` bounds what one
owner group can bill in a year.
"""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from ..errors import Refusal
from ..money import PPM
from .columns import Columns, Results
from .kernel_rules import (BASE_FROM, BASE_TO, CAP_LIMIT, CAP_SLOT, COUNTER, COUNTS, DEDUCTIBLE,
                           DEDUCTIBLE_SLOT, FLAGS, LAYER, MEASURE, METHOD, OUT_COPAYMENT,
                           OUT_DEDUCTIBLE, OUT_EXCLUDED, OUT_OVER_CAP, OUT_PENALTY, PER_STAY,
                           PER_YEAR, PERSON_PAYS, RATE, RATIO, SCHEDULE_FROM, SCHEDULE_LAST,
                           SHOWS_DEDUCTIBLE, T_DRAWN, T_ROW, TIER_FROM, TIER_SLOT, TIER_TO, U,
                           WIDTH, YEAR_DIFFERENCE, YEAR_EACH_SIDE, cut_cost, general_rule,
                           rounded, wanted)
from .plan import GENERAL, HAS_WHEN, MEASURES, SEEN_GROSS, WEIGHTED, YEAR_CAPPED, Plan

SUM_LIMIT_FEN = 8 * 10 ** 12


@njit(forceinline=True, _nrt=False)
def _common_tiers(t, q, acc, mine, counted, deductible, mode):
    """Gross tiers of the stay or the year, on the short path (reference._rated)."""
    rows, tiers = t.rows, t.tiers
    method = rows[U(q + METHOD)]
    low = deductible
    if method >= YEAR_EACH_SIDE:
        low += acc[U(mine + rows[U(q + TIER_SLOT)])]
    high = low + counted
    before, running, start = np.int64(0), np.int64(0), np.int64(0)
    for tier in range(rows[U(q + TIER_FROM)], rows[U(q + TIER_TO)]):
        end, rate = tiers[U(tier), 0], tiers[U(tier), 1]
        if low < end:
            running += (min(high, end) - max(low, start)) * rate
            if high <= end:
                if method == YEAR_EACH_SIDE and low > start:
                    before += (low - start) * rate
                break
        if method == YEAR_EACH_SIDE and low > start:
            before += (min(low, end) - start) * rate
        start = end
    if method == YEAR_EACH_SIDE:
        return rounded(before + running, mode) - rounded(before, mode)
    return rounded(running, mode)


@njit(forceinline=True, _nrt=False)
def _common_rule(t, q, flags, acc, mine, base):
    """Deductible per stay or year, ratio or gross tiers, a yearly cap, all the person's own.

    Returns like `general_rule` (no penalty).
    """
    rows, mode = t.rows, t.sizes[5]
    kind = rows[U(q + DEDUCTIBLE)]
    deductible = np.int64(0)
    if kind == PER_STAY:
        at = rows[U(q + SCHEDULE_FROM)]
        counter = rows[U(q + COUNTER)]
        if counter >= 0:
            at = min(at + acc[U(mine + t.counters[U(counter)])], rows[U(q + SCHEDULE_LAST)])
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
            payable = _common_tiers(t, q, acc, mine, counted, deductible, mode)
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
            over = min(cut_cost(rows, t.tiers, q, 0, low, low + counted, paid), counted - paid)
        acc[slot] = used + paid
    return paid, deductible, counted - paid - over, over, np.int64(0), paid < payable


@njit(forceinline=True, _nrt=False)
def _chain(t, run, i, parts, facts, scoped, previous, acc, mine, part, gross, paid_out, trace):
    """All layers of one plan on one claim (reference._run).

    Returns the person's part, the basic deductible and the capped layers as bits.
    """
    rows, bases = t.rows, t.bases
    for k in range(4):
        part[U(k)] = parts[k, i]
    for k in range(4, t.sizes[0]):
        part[U(k)] = 0
    for k in range(t.sizes[4]):
        paid_out[k, i] = 0
    for s in range(t.sizes[3]):
        before = previous[t.scope_of[s], i]
        scoped[s, i] = scoped[s, before] if before >= 0 else 0
    person = parts[0, i] + parts[1, i] + parts[2, i] + parts[3, i]
    shown, shown_done = np.int64(0), False
    applied, paid_bits, capped_bits = np.int64(0), np.int64(0), np.int64(0)
    pending = np.int64(0)
    step = 0
    for entry in range(t.plan_from[U(run)], t.plan_from[U(run + 1)]):
        row = t.plan_rows[U(entry)]
        q = row * WIDTH
        flags = rows[U(q + FLAGS)]
        layer = rows[U(q + LAYER)]
        if flags & HAS_WHEN and not wanted(rows, t.whens, q, applied, paid_bits, capped_bits):
            continue
        bit = np.int64(1) << layer
        base, excluded = np.int64(0), np.int64(0)
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
            paid, below, copay, over, penalty, capped = general_rule(
                t, q, row, parts, facts, scoped, i, acc, mine, base, excluded, measured, trace,
                step)
            part[U(rows[U(q + OUT_PENALTY)])] = penalty
            part[U(rows[U(q + OUT_EXCLUDED)])] = excluded
        else:
            paid, below, copay, over, penalty, capped = _common_rule(t, q, flags, acc, mine, base)
        applied |= bit
        part[U(rows[U(q + OUT_DEDUCTIBLE)])] = below
        part[U(rows[U(q + OUT_COPAYMENT)])] = copay
        part[U(rows[U(q + OUT_OVER_CAP)])] = over
        paid_out[layer, i] = paid
        counter = rows[U(q + COUNTER)]
        if counter >= 0 and rows[U(q + COUNTS)]:
            pending |= np.int64(1) << counter
        if paid > 0:
            paid_bits |= bit
        if capped:
            capped_bits |= bit
        if rows[U(q + SHOWS_DEDUCTIBLE)] and not shown_done:
            shown, shown_done = below, True
        if not rows[U(q + PERSON_PAYS)]:
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


@njit(cache=True, nogil=True, _nrt=False)
def settle_units(t, key, statuses, parts, offsets, member, previous, facts, first, last, paid_out,
                 person_out, deductible_out, status_out, capped_out, acc, saved, part, gross,
                 scoped, trace):
    """Settles units `first` to `last` - 1 (reference.settle_claim, claim by claim).

    With `trace` (int64[layers + 1, T_WIDTH]) it holds the rows of the last claim settled.
    """
    slots = t.sizes[1]
    held_only, families = t.sizes[6] == 1, t.sizes[7] == 1
    for unit in range(first, last):
        for s in range(0 if families else slots, len(acc)):
            acc[U(s)] = 0
        for i in range(offsets[unit], offsets[unit + 1]):
            mine = (member[i] + 1) * slots if families else slots
            mask = statuses[i]
            status = _first_status(mask)
            final = _next_status(mask, status, held_only) < 0
            trying = not final
            best, best_person = -1, np.int64(0)
            if trying:
                for s in range(slots):
                    saved[U(s)] = acc[U(s)]
                    saved[U(slots + s)] = acc[U(mine + s)]
            while True:
                if trying:
                    for s in range(slots):
                        acc[U(s)] = saved[U(s)]
                        acc[U(mine + s)] = saved[U(slots + s)]
                person, shown, capped = _chain(t, t.route[key[i], status], i, parts, facts, scoped,
                                               previous, acc, mine, part, gross, paid_out, trace)
                if final:
                    break
                if best < 0 or person < best_person:
                    best, best_person = status, person
                following = _next_status(mask, status, held_only)
                if following >= 0:
                    status = following
                elif status == best:
                    break
                else:
                    status, final = best, True
            person_out[i] = person
            deductible_out[i] = shown
            status_out[i] = status
            capped_out[i] = capped


def empty_results(plan: Plan, claims: int) -> Results:
    """Room for the results of that many claims, reusable from run to run."""
    return Results(np.zeros((len(plan.layers), claims), np.int64), np.zeros(claims, np.int64),
                   np.zeros(claims, np.int64), np.zeros(claims, np.int16),
                   np.zeros(claims, np.int64))


def run(plan: Plan, columns: Columns, threads: int = 1, out: Results | None = None) -> Results:
    """Settles columns under a plan; with threads the units are cut at owner-group boundaries.

    Raises Refusal `amount-overflow` when one owner group bills more than the arithmetic holds.
    Rows that the plan refuses (`Plan.refusal`) must have been taken out before.
    """
    check_sums(columns)
    out = out or empty_results(plan, columns.claims)
    previous = np.zeros((max(len(plan.scopes), 1), columns.claims if plan.scopes else 1), np.int64)
    for index, scope in enumerate(plan.scopes):
        previous[index] = columns.previous[scope]
    facts = columns.facts if len(plan.facts) else np.zeros((1, 1), np.int64)
    units = len(columns.offsets) - 1
    cuts = _cuts(columns.offsets, max(1, min(threads, units)))
    slots, layers = int(plan.tables.sizes[1]), len(plan.layers)
    members = int(columns.member.max()) + 1 if plan.family and columns.claims else 1
    scoped_slots = int(plan.tables.sizes[3])
    scoped = np.zeros((max(scoped_slots, 1), columns.claims if scoped_slots else 1), np.int64)

    def settle(span: tuple[int, int]) -> None:
        acc = np.zeros((members + 1) * slots, np.int64)
        saved, part = np.zeros(2 * slots, np.int64), np.zeros(plan.tables.sizes[0], np.int64)
        settle_units(plan.tables, columns.key, columns.statuses, columns.parts, columns.offsets,
                     columns.member, previous, facts, span[0], span[1], out.paid, out.person,
                     out.deductible, out.status, out.capped, acc, saved, part,
                     np.zeros(layers, np.int64), scoped, None)

    spans = list(zip(cuts[:-1], cuts[1:], strict=True))
    if len(spans) == 1:
        settle(spans[0])
    else:
        with ThreadPoolExecutor(len(spans)) as pool:
            list(pool.map(settle, spans))
    return out


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
