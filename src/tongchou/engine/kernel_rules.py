"""Every rule a row can hold, on one base: the kernel's general path (通用支付规则).

Mirrors `reference`, function by function. Rows whose rule is of the common kind take the short
path of `kernel` instead; both are held against the reference. Indices are cast to unsigned (`U`)
so that no code is spent on negative ones, and nothing here allocates or counts references.
"""
from __future__ import annotations

import numpy as np
from numba import njit

from ..money import PPM
from . import plan as p
from .compiled_cache import drop_stale
from .plan import ROW

drop_stale()

# The columns of `Tables.rows` as constants that Numba folds.
(LAYER, WHEN_FROM, WHEN_TO, BASE_FROM, BASE_TO, MEASURE, DEDUCTIBLE, SCHEDULE_FROM,
 SCHEDULE_LAST, COUNTER, DEDUCTIBLE_SLOT, DEDUCTIBLE_OWNER, REACHED_SLOT, SHARE, SHARE_OF,
 FLOOR, CEILING, TOTAL_SLOT, TOTAL_LIMIT, METHOD, TIER_FROM, TIER_TO, TIER_SLOT, TIER_OWNER,
 GRANTED_SLOT, BORNE_SLOT, NET, FACT, SLOPE, SLOPE_ABOVE, SLOPE_MOST, MINIMUM, FILL, FILL_OF,
 FILL_LEFT_SLOT, FILL_COST_SLOT, CAP_FROM, CAP_TO, CUT_AS_PAYMENT, AS_IF, OUT_DEDUCTIBLE,
 OUT_COPAYMENT, OUT_OVER_CAP, OUT_PENALTY, OUT_EXCLUDED, COST_CAPS,
 FLAGS, RATE, CAP_LIMIT, CAP_SLOT) = (ROW[name] for name in p.ROW_FIELDS)
NO_DEDUCTIBLE, PER_STAY, PER_YEAR, PER_EPISODE = (p.NO_DEDUCTIBLE, p.PER_STAY, p.PER_YEAR,
                                                  p.PER_EPISODE)
ANY_MEMBER = p.ANY_MEMBER
RATIO, STAY_TIERS, YEAR_EACH_SIDE, YEAR_DIFFERENCE, YEAR_TRUE_UP, BRACKET, FILL_STAY, FILL_YEAR = (
    p.RATIO, p.STAY_TIERS, p.YEAR_EACH_SIDE, p.YEAR_DIFFERENCE, p.YEAR_TRUE_UP, p.BRACKET,
    p.FILL_STAY, p.FILL_YEAR)
CAP_STAY, CAP_YEAR = p.CAP_STAY, p.CAP_YEAR
# Columns of a trace row (`trace.py`): numbers, then drawn amounts, cap rooms and tier amounts.
(T_ROW, T_BASE, T_MEASURED, T_DEDUCTIBLE, T_CUMULATED, T_FROM, T_TO, T_SLOPE, T_PAYABLE, T_MINIMUM,
 T_PAID, T_CAPPED, T_BELOW, T_COPAYMENT, T_OVER, T_PENALTY, T_EXCLUDED) = range(17)
T_DRAWN, T_CAPS, T_TIERS, T_WIDTH = 17, 41, 53, 77


U = np.uint64


@njit(forceinline=True, _nrt=False)
def rounded(exact, mode):
    """Fen of an exact amount in fen x ppm; `mode` as in plan.ROUNDING."""
    if mode == 0:
        return np.int64(np.uint64(exact + PPM // 2) // np.uint64(PPM))
    whole = np.int64(np.uint64(exact) // np.uint64(PPM))
    rest = exact - whole * PPM
    if mode == 1 and (2 * rest > PPM or (2 * rest == PPM and whole & 1 == 1)):
        return whole + 1
    return whole


@njit(forceinline=True, _nrt=False)
def _cost(parts, i, mask):
    """Sum of the bill's parts named by a bit mask."""
    total = np.int64(0)
    for k in range(4):
        if mask >> k & 1:
            total += parts[k, i]
    return total


@njit(forceinline=True, _nrt=False)
def cut_cost(rows, tiers, q, slope, low, high, paid):
    """Cost above the point where a payment of `paid` is reached (reference._cut_by_cap)."""
    money = paid * PPM
    for tier in range(rows[U(q + TIER_FROM)], rows[U(q + TIER_TO)]):
        end = tiers[U(tier), 0]
        start = tiers[U(tier - 1), 0] if tier > rows[U(q + TIER_FROM)] else 0
        a = min(max(low, start), high)
        b = max(min(high, end), a)
        rate = min(tiers[U(tier), 1] + slope, PPM)
        if (b - a) * rate >= money:
            if money > 0:
                a += (money + rate - 1) // rate
            return high - a
        money -= (b - a) * rate
    return np.int64(0)


@njit(forceinline=True, _nrt=False)
def _deductible_amount(t, q, acc, mine, parts, i, mode):
    """The standard of this claim before what was borne earlier."""
    rows = t.rows
    if rows[U(q + SHARE)] > 0:
        exact = _cost(parts, i, rows[U(q + SHARE_OF)]) * rows[U(q + SHARE)]
        amount = max(rounded(exact, mode), rows[U(q + FLOOR)])
        return min(amount, rows[U(q + CEILING)])
    if rows[U(q + COUNTER)] >= 0:
        at = rows[U(q + SCHEDULE_FROM)] + acc[U(mine + t.counters[U(rows[U(q + COUNTER)])])]
        return t.schedule[U(min(at, rows[U(q + SCHEDULE_LAST)]))]
    return t.schedule[U(rows[U(q + SCHEDULE_FROM)])]


@njit(forceinline=True, _nrt=False)
def _deductible_room(t, q, acc, mine, parts, i, scoped, mode):
    """起付线 still to be borne at this claim (reference._deductible_room)."""
    rows = t.rows
    amount = _deductible_amount(t, q, acc, mine, parts, i, mode)
    if rows[U(q + DEDUCTIBLE)] == PER_YEAR:
        if rows[U(q + DEDUCTIBLE_OWNER)] == ANY_MEMBER and acc[U(rows[U(q + REACHED_SLOT)])] > 0:
            return np.int64(0)
        owner = 0 if rows[U(q + DEDUCTIBLE_OWNER)] == 0 else mine
        amount = max(amount - acc[U(owner + rows[U(q + DEDUCTIBLE_SLOT)])], 0)
    elif rows[U(q + DEDUCTIBLE)] == PER_EPISODE:
        amount = max(amount - scoped[rows[U(q + DEDUCTIBLE_SLOT)], i], 0)
    if rows[U(q + TOTAL_SLOT)] >= 0:
        used = acc[U(mine + rows[U(q + TOTAL_SLOT)])]
        amount = min(amount, max(rows[U(q + TOTAL_LIMIT)] - used, 0))
    return amount


@njit(forceinline=True, _nrt=False)
def _cap_used(t, c, acc, mine, scoped, i):
    """What a limit has already given in its period."""
    if t.caps[U(c), 2] == CAP_YEAR:
        return acc[U((0 if t.caps[U(c), 3] == 0 else mine) + t.caps[U(c), 1])]
    if t.caps[U(c), 2] == CAP_STAY:
        return np.int64(0)
    return scoped[t.caps[U(c), 1], i]


@njit(forceinline=True, _nrt=False)
def _rated(t, q, acc, mine, measured, counted, slope, low, high, mode, trace, step):
    """Tiers, in every way of counting, of the stretch low..high (reference._rated)."""
    rows = t.rows
    method = rows[U(q + METHOD)]
    tiers = t.tiers
    if method == BRACKET:
        tier = rows[U(q + TIER_FROM)]
        while measured > tiers[U(tier), 0]:
            tier += 1
        amount = rounded(counted * min(tiers[U(tier), 1] + slope, PPM), mode)
        if trace is not None:
            trace[step, T_TIERS + tier - rows[U(q + TIER_FROM)]] = amount
        return amount
    owner = 0 if rows[U(q + TIER_OWNER)] == 0 else mine
    if method == YEAR_TRUE_UP:
        borne = low - acc[U(owner + rows[U(q + TIER_SLOT)])]
        borne += acc[U(owner + rows[U(q + BORNE_SLOT)])]
        low = np.int64(0) if rows[U(q + NET)] else borne
    before, running, start = np.int64(0), np.int64(0), np.int64(0)
    line = np.int64(0)
    each_side = method == YEAR_EACH_SIDE
    for tier in range(rows[U(q + TIER_FROM)], rows[U(q + TIER_TO)]):
        end = tiers[U(tier), 0]
        rate = min(tiers[U(tier), 1] + slope, PPM)
        if each_side and low > start:
            before += (min(low, end) - start) * rate
        if high > start and low < end:
            running += (min(high, end) - max(low, start)) * rate
        start = end
        if trace is not None:
            trace[step, T_TIERS + tier - rows[U(q + TIER_FROM)]] = running
    if each_side:
        line = rounded(before, mode)
        done = rounded(before + running, mode) - line
    else:
        done = rounded(running, mode)
    if method == YEAR_TRUE_UP:
        done = max(done - acc[U(owner + rows[U(q + GRANTED_SLOT)])], 0)
        if trace is not None:
            for k in range(T_TIERS, T_WIDTH):
                trace[step, k] = 0
            trace[step, T_TIERS] = done
    elif trace is not None:
        earlier = np.int64(0)
        for tier in range(rows[U(q + TIER_TO)] - rows[U(q + TIER_FROM)]):
            total = rounded(before + trace[step, T_TIERS + tier], mode) - line
            trace[step, T_TIERS + tier] = total - earlier
            earlier = total
    return done


@njit(forceinline=True, _nrt=False)
def _filled(rows, q, acc, mine, parts, i, base, mode):
    """Top-up until the person's share is at most the rule's (reference._fill)."""
    cost = _cost(parts, i, rows[U(q + FILL_OF)])
    left = base
    if rows[U(q + METHOD)] == FILL_YEAR:
        left += acc[U(mine + rows[U(q + FILL_LEFT_SLOT)])]
        cost += acc[U(mine + rows[U(q + FILL_COST_SLOT)])]
    return min(max(left - rounded(cost * rows[U(q + FILL)], mode), 0), base)


@njit(forceinline=True, _nrt=False)
def _evaluate(t, q, acc, mine, parts, facts, scoped, i, base, measured, mode, trace, step):
    """One rule on a base, nothing moved yet (reference._compute)."""
    rows = t.rows
    caps = t.caps
    deductible = np.int64(0)
    if rows[U(q + DEDUCTIBLE)] != NO_DEDUCTIBLE:
        deductible = min(measured, _deductible_room(t, q, acc, mine, parts, i, scoped, mode))
    covered = measured - deductible
    counted = covered
    if rows[U(q + COST_CAPS)]:
        for c in range(rows[U(q + CAP_FROM)], rows[U(q + CAP_TO)]):
            if caps[U(c), 4]:
                left = caps[U(c), 0] - _cap_used(t, c, acc, mine, scoped, i)
                counted = min(counted, max(left, 0))
    slope = np.int64(0)
    cumulated = np.int64(0)
    low, high = np.int64(0), np.int64(0)
    method = rows[U(q + METHOD)]
    if method >= FILL_STAY:
        payable = _filled(rows, q, acc, mine, parts, i, base, mode)
        if trace is not None:
            trace[step, T_TIERS] = payable
    else:
        if rows[U(q + FACT)] >= 0:
            above = max(facts[rows[U(q + FACT)], i] - rows[U(q + SLOPE_ABOVE)], 0)
            slope = min(above * rows[U(q + SLOPE)], rows[U(q + SLOPE_MOST)])
        if method >= YEAR_EACH_SIDE and method <= YEAR_TRUE_UP:
            owner = 0 if rows[U(q + TIER_OWNER)] == 0 else mine
            cumulated = acc[U(owner + rows[U(q + TIER_SLOT)])]
        low = cumulated if rows[U(q + NET)] else cumulated + deductible
        high = low + counted
        payable = np.int64(0)
        if method == RATIO:
            rate = min(t.tiers[U(rows[U(q + TIER_FROM)]), 1] + slope, PPM)
            payable = rounded(counted * rate, mode)
            if trace is not None:
                trace[step, T_TIERS] = payable
        elif counted > 0 or method == YEAR_TRUE_UP:
            payable = _rated(t, q, acc, mine, measured, counted, slope, low, high, mode, trace,
                             step)
    minimum = False
    if rows[U(q + MINIMUM)] > 0:
        floor = rounded(base * rows[U(q + MINIMUM)], mode)
        minimum = floor > payable
        payable = max(payable, floor)
    payable = min(payable, base)
    paid = payable
    for c in range(rows[U(q + CAP_FROM)], rows[U(q + CAP_TO)]):
        if not caps[U(c), 4]:
            paid = min(paid, max(caps[U(c), 0] - _cap_used(t, c, acc, mine, scoped, i), 0))
    below, over = np.int64(0), np.int64(0)
    unpaid = base - paid
    if method < FILL_STAY and rows[U(q + MEASURE)] < 0:
        below = min(deductible, unpaid)
        over = min(covered - counted, unpaid - below)
        if paid < payable:
            cut = payable - paid
            plain = method != BRACKET and method != YEAR_TRUE_UP and not minimum
            if plain and not rows[U(q + CUT_AS_PAYMENT)]:
                cut = cut_cost(rows, t.tiers, q, slope, low, high, paid)
            over += min(cut, unpaid - below - over)
    capped = paid < payable or counted < covered
    return (deductible, cumulated, low, high, slope, payable, minimum, paid, capped, below,
            unpaid - below - over, over)


@njit(forceinline=True, _nrt=False)
def _move(t, q, acc, mine, parts, scoped, i, base, measured, deductible, low, high, payable,
          paid, mode):
    """Accumulators after a layer (reference._move_accumulators)."""
    rows = t.rows
    kind = rows[U(q + DEDUCTIBLE)]
    if kind == PER_YEAR:
        at = (0 if rows[U(q + DEDUCTIBLE_OWNER)] == 0 else mine) + rows[U(q + DEDUCTIBLE_SLOT)]
        acc[U(at)] += deductible
        if rows[U(q + DEDUCTIBLE_OWNER)] == ANY_MEMBER:
            standard = t.schedule[U(rows[U(q + SCHEDULE_FROM)])]
            if standard > 0 and acc[U(at)] >= standard:
                acc[U(rows[U(q + REACHED_SLOT)])] = 1
    elif kind == PER_EPISODE:
        at = t.schedule[U(rows[U(q + SCHEDULE_FROM)])]
        if rows[U(q + COUNTER)] >= 0:
            first = rows[U(q + SCHEDULE_FROM)] + acc[U(mine + t.counters[U(rows[U(q + COUNTER)])])]
            at = t.schedule[U(min(first, rows[U(q + SCHEDULE_LAST)]))]
        scoped[rows[U(q + DEDUCTIBLE_SLOT)], i] = max(scoped[rows[U(q + DEDUCTIBLE_SLOT)], i], at)
    if rows[U(q + TOTAL_SLOT)] >= 0:
        acc[U(mine + rows[U(q + TOTAL_SLOT)])] += deductible
    method = rows[U(q + METHOD)]
    if method >= YEAR_EACH_SIDE and method <= YEAR_TRUE_UP:
        owner = 0 if rows[U(q + TIER_OWNER)] == 0 else mine
        if rows[U(q + NET)]:
            acc[U(owner + rows[U(q + TIER_SLOT)])] += high - low
        else:
            gross = measured if rows[U(q + MEASURE)] >= 0 else deductible + high - low
            acc[U(owner + rows[U(q + TIER_SLOT)])] += gross
        if method == YEAR_TRUE_UP:
            acc[U(owner + rows[U(q + GRANTED_SLOT)])] += payable
            acc[U(owner + rows[U(q + BORNE_SLOT)])] += deductible
    elif method == FILL_YEAR:
        acc[U(mine + rows[U(q + FILL_LEFT_SLOT)])] += base - paid
        acc[U(mine + rows[U(q + FILL_COST_SLOT)])] += _cost(parts, i, rows[U(q + FILL_OF)])
    for c in range(rows[U(q + CAP_FROM)], rows[U(q + CAP_TO)]):
        used = high - low if t.caps[U(c), 4] else paid
        if t.caps[U(c), 2] == CAP_YEAR:
            acc[U((0 if t.caps[U(c), 3] == 0 else mine) + t.caps[U(c), 1])] += used
        elif t.caps[U(c), 2] != CAP_STAY:
            scoped[t.caps[U(c), 1], i] += used


@njit(forceinline=True, _nrt=False)
def wanted(rows, whens, q, applied, paid_bits, capped_bits):
    """`when`: what earlier layers did on this claim."""
    for w in range(rows[U(q + WHEN_FROM)], rows[U(q + WHEN_TO)]):
        earlier = np.int64(1) << whens[w, 1]
        deed = whens[w, 0]
        if deed == 0 and applied & earlier == 0:
            return False
        if deed == 1 and applied & earlier != 0:
            return False
        if deed == 2 and paid_bits & earlier == 0:
            return False
        if deed == 3 and paid_bits & earlier != 0:
            return False
        if deed == 4 and capped_bits & earlier == 0:
            return False
    return True


@njit(_nrt=False)
def general_rule(t, q, parts, facts, scoped, i, acc, mine, base, excluded, measured, trace,
                 step):
    """One rule of any kind on a base (reference.settle_layer); accumulators move on.

    Returns paid, below the deductible, co-payment, over the cap, penalty, whether a cap cut, and
    the deductible really charged.
    """
    rows, mode = t.rows, t.sizes[5]
    if trace is not None:
        for c in range(rows[U(q + CAP_FROM)], rows[U(q + CAP_TO)]):
            used = _cap_used(t, c, acc, mine, scoped, i)
            at = T_CAPS + 2 * (c - rows[U(q + CAP_FROM)])
            trace[step, at] = used
            trace[step, at + 1] = max(t.caps[U(c), 0] - used, 0)
    # BJ-63: the as-if rule first, only looked at, then the rule itself.
    if_paid, if_below = np.int64(-1), np.int64(0)
    if_copay, if_over = np.int64(0), np.int64(0)
    now = q
    if rows[U(q + AS_IF)] >= 0:
        now = rows[U(q + AS_IF)]
    while True:
        (deductible, cumulated, low, high, slope, payable, minimum, paid, capped, below, copay,
         over) = _evaluate(t, now, acc, mine, parts, facts, scoped, i, base, measured, mode,
                           trace, step)
        if now == q:
            break
        if_paid, if_below, if_copay, if_over = paid, below, copay, over
        now = q
        if trace is not None:
            for k in range(T_TIERS, T_WIDTH):
                trace[step, k] = 0
    penalty = np.int64(0)
    if if_paid > paid:
        penalty = if_paid - paid
        below, copay, over = if_below, if_copay, if_over
    _move(t, q, acc, mine, parts, scoped, i, base, measured, deductible, low, high, payable, paid,
          mode)
    if trace is not None:
        values = (q, base, measured, deductible, cumulated, low, high, slope, payable,
                  np.int64(minimum), paid, np.int64(capped), below, copay, over, penalty, excluded)
        for k in range(17):
            trace[step, k] = values[k]
    return paid, below, copay, over, penalty, capped, min(deductible, base - paid)
