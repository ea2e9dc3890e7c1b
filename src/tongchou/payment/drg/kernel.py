"""The walk of a case through a scheme, compiled: classes, base groups, groups, in their order.

Plain loops over the integers of a `Plan`; there is no rule in here. `place_cases` says where every
case ends, `trace_cases` also what brought it there. Everything is int32 or bits; a value that a
case does not have is MISSING and fails every comparison.
"""
from __future__ import annotations

import numpy as np
from numba import njit

# These numbers are part of the compiled code, whose cache notices changes of this file only: they
# stand here, `compile` imports them.
FIRST, MAJOR = 1, 2                        # of `conditions`
ACCEPT, REJECT = -1, -2                    # ends of a test
# What a branch looks at, in column OP; A, B, C are its numbers, YES and NO where it goes on.
DX_MEMBER, PX_MEMBER, DX_COUNTED, PX_COUNTED, TOUCHED_SITES, COMPARED, SEVERE = range(7)
OP, A, B, C, YES, NO = range(6)
# Columns of `Plan.bases`; the first three are those of `Plan.classes` too.
TEST, FIRST_BELOW, AFTER_BELOW, ON_REQUEST = range(4)
MISSING = -(1 << 30)
# Why a case has no group, in `out[:, REASON]`; 0 when it has one.
PLACED, NO_PRINCIPAL, UNKNOWN_PRINCIPAL, NO_CLASS, NO_BASE, NO_GROUP, REST = range(7)
MAJOR_AT, BASE_AT, GROUP_AT, REASON, NEXT_BASE, NEXT_GROUP, COUNTING, NEAR_GROUP = range(8)
WIDTH = 8
MATCHES = 4                # codes named in a trace as those that met the test


@njit(cache=True, inline="always")
def _has(bits, code, bit):
    return (bits[code, bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1)


@njit(cache=True)
def _member(bits, codes, first, after, which, bit):
    """Place of the first code of the case that is in the set, -1 when none is."""
    begin = first if which & FIRST else first + 1
    end = after if which != FIRST else min(after, first + 1)
    for k in range(begin, end):
        if _has(bits, codes[k], bit):
            return k
    return -1


@njit(cache=True)
def _counted(bits, codes, first, after, which, bit):
    """Different codes of the case in the set."""
    found = 0
    begin = first if which & FIRST else first + 1
    end = after if which != FIRST else min(after, first + 1)
    for k in range(begin, end):
        if _has(bits, codes[k], bit):
            fresh = True
            for j in range(begin, k):
                fresh &= codes[j] != codes[k]
            found += fresh
    return found


@njit(cache=True)
def _sites(bits, codes, first, after, bit, count):
    """How many of `count` sets in a row some diagnosis is in."""
    found = 0
    for site in range(bit, bit + count):
        for k in range(first, after):
            if _has(bits, codes[k], site):
                found += 1
                break
    return found


@njit(cache=True)
def _barred(barred_from, barred, table, principal, code):
    """Whether this complication does not count beside this principal diagnosis."""
    for k in range(barred_from[principal], barred_from[principal + 1]):
        if barred[k] == table[code]:
            return True
    return False


@njit(cache=True)
def _severity(level, table, barred_from, barred, codes, first, after):
    """Place of the heaviest complication that counts (the earliest of them), -1 without one."""
    best = -1
    for k in range(first + 1, after):
        code = codes[k]
        if level[code] > 0 and (best < 0 or level[code] > level[codes[best]]) and \
                not _barred(barred_from, barred, table, codes[first], code):
            best = k
            if level[code] == MAJOR:
                break
    return best


@njit(cache=True)
def _compared(value, sign, bound):
    if value == MISSING:
        return False
    if sign == 0:
        return value == bound
    if sign == 1:
        return value < bound
    if sign == 2:
        return value <= bound
    if sign == 3:
        return value > bound
    return value >= bound


@njit(cache=True, inline="always")
def _holds_one(at, branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures, heaviest, found):
    """Whether branch `at` is met; the place of a member, from 1 and negative for a procedure, is
    left in `found` if it has room.
    """
    op, a, b, c = branches[at, OP], branches[at, A], branches[at, B], branches[at, C]
    if op == DX_MEMBER:
        place = _member(dx_bits, dx, d0, d1, a, b)
        if found.size and place >= 0:
            found[0] = place - d0 + 1
        return place >= 0
    if op == PX_MEMBER:
        place = _member(px_bits, px, p0, p1, a, b)
        if found.size and place >= 0:
            found[0] = p0 - place - 1
        return place >= 0
    if op == DX_COUNTED:
        return _counted(dx_bits, dx, d0, d1, a, b) >= c
    if op == PX_COUNTED:
        return _counted(px_bits, px, p0, p1, a, b) >= c
    if op == TOUCHED_SITES:
        return _sites(dx_bits, dx, d0, d1, a, b) >= c
    if op == SEVERE:
        return heaviest >= a
    return _compared(measures[a], b, c)


@njit(cache=True)
def _holds(at, branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures, heaviest, matches):
    """Whether the test that begins at branch `at` holds; members met are noted in `matches`.

    `heaviest` is the level of the heaviest complication that counts. A diagnosis is noted as its
    place in the case from 1, a procedure as the negative of its place.
    """
    noted = 0
    while at >= 0:
        met = _holds_one(at, branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures,
                         heaviest, matches[noted:])
        if met and noted < matches.size and branches[at, OP] <= PX_MEMBER:
            noted += 1
        at = branches[at, YES] if met else branches[at, NO]
    return at == ACCEPT


@njit(cache=True)
def _group_of(base, branches, bases, groups, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures,
              heaviest, nothing):
    """The first group of a base group whose test holds, -1 without one."""
    if base >= 0:
        for g in range(bases[base, FIRST_BELOW], bases[base, AFTER_BELOW]):
            if _holds(groups[g], branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures,
                      heaviest, nothing):
                return g
    return -1


@njit(cache=True)
def _nearly(at, branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures, heaviest, nothing):
    """Whether the test fails in one point only, and that point is no diagnosis."""
    while at >= 0:
        met = _holds_one(at, branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures,
                         heaviest, nothing)
        following = branches[at, YES] if met else branches[at, NO]
        if following == REJECT and branches[at, OP] not in (DX_MEMBER, DX_COUNTED, TOUCHED_SITES):
            other = branches[at, NO] if met else branches[at, YES]
            return other == ACCEPT or _holds(other, branches, dx_bits, px_bits, dx, d0, d1, px,
                                             p0, p1, measures, heaviest, nothing)
        at = following
    return False


@njit(cache=True)
def _near_base(branches, classes, bases, dx_bits, px_bits, ambiguous, dx, d0, d1, px, p0, p1,
               measures, heaviest, nothing, m, own):
    """The first base group of class m, but `own`, whose test fails in one point only; or -1."""
    for k in range(classes[m, FIRST_BELOW], classes[m, AFTER_BELOW]):
        if k == own or bases[k, ON_REQUEST] > ambiguous:
            continue
        if _nearly(bases[k, TEST], branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1, measures,
                   heaviest, nothing):
            return k
    return -1


@njit(cache=True)
def _walk(branches, classes, bases, groups, dx_bits, px_bits, ambiguous, heaviest,
          dx, d0, d1, px, p0, p1, measures, after_base, out, tried, matches):
    """Walks one case; base groups up to `after_base` are left out (-1: none).

    Writes MAJOR_AT, BASE_AT, GROUP_AT and REASON of `out`; marks in `tried` the classes
    whose test held but none of whose base groups took the case.
    """
    nothing = matches[:0]
    out[MAJOR_AT] = out[BASE_AT] = out[GROUP_AT] = -1
    out[REASON] = NO_CLASS
    for m in range(classes.shape[0]):
        if classes[m, AFTER_BELOW] <= after_base and after_base >= 0:
            continue
        if not _holds(classes[m, TEST], branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1,
                      measures, heaviest, nothing):
            continue
        base = -1
        for k in range(max(classes[m, FIRST_BELOW], after_base + 1), classes[m, AFTER_BELOW]):
            if bases[k, ON_REQUEST] > ambiguous:
                continue
            matches[:] = 0
            if _holds(bases[k, TEST], branches, dx_bits, px_bits, dx, d0, d1, px, p0, p1,
                      measures, heaviest, matches):
                base = k
                break
        if out[MAJOR_AT] < 0 or base >= 0:
            out[MAJOR_AT] = m
        if base < 0:
            out[REASON] = NO_BASE
            tried[m] = True
            continue
        out[BASE_AT] = base
        out[REASON] = NO_GROUP if bases[base, FIRST_BELOW] < bases[base, AFTER_BELOW] else REST
        group = _group_of(base, branches, bases, groups, dx_bits, px_bits, dx, d0, d1, px, p0, p1,
                          measures, heaviest, nothing)
        if group >= 0:
            out[GROUP_AT], out[REASON] = group, PLACED
        return


@njit(cache=True, nogil=True)
def place_cases(branches, classes, bases, groups, dx_bits, px_bits, level, table,
                barred_from, barred, ambiguous, dx_from, dx, px_from, px, measures, out):
    """Where every case ends: `out` int32[n, 8], its first four columns.

    Codes of case i are `dx[dx_from[i]:dx_from[i + 1]]`; `measures` int32[n, 5]. Base groups
    marked ON_REQUEST are tried when `ambiguous` is 1, not when it is 0.
    """
    matches, tried = np.zeros(1, np.int32), np.zeros(classes.shape[0], np.bool_)
    nothing = matches[:0]
    for i in range(out.shape[0]):
        d0, d1 = dx_from[i], dx_from[i + 1]
        if d0 == d1:
            out[i, MAJOR_AT] = out[i, BASE_AT] = out[i, GROUP_AT] = -1
            out[i, REASON] = NO_PRINCIPAL
            continue
        best = _severity(level, table, barred_from, barred, dx, d0, d1)
        heaviest = level[dx[best]] if best >= 0 else 0
        _walk(branches, classes, bases, groups, dx_bits, px_bits, ambiguous, heaviest,
              dx, d0, d1, px, px_from[i], px_from[i + 1], measures[i], -1, out[i], tried, nothing)
        if out[i, REASON] == NO_CLASS and dx[d0] == 0:
            out[i, REASON] = UNKNOWN_PRINCIPAL


@njit(cache=True, nogil=True)
def trace_cases(branches, classes, bases, groups, dx_bits, px_bits, level, table,
                barred_from, barred, ambiguous, dx_from, dx, px_from, px, measures, out, tried,
                matches, excluded):
    """What brought every case there: all columns of `out`.

    `tried` bool[n, classes]: the class's test held, that of none of its base groups; `matches`
    int32[n, 4]: codes that met the test of the base group; `excluded` bool per diagnosis: a
    complication that the principal diagnosis bars. NEXT_BASE and NEXT_GROUP say where the case
    would go if its base group did not exist; COUNTING is the place of the complication that counts.
    """
    spare, unused = np.zeros(WIDTH, np.int32), np.zeros(classes.shape[0], np.bool_)
    ignored = np.zeros(1, np.int32)[:0]
    for i in range(out.shape[0]):
        d0, d1, p0, p1 = dx_from[i], dx_from[i + 1], px_from[i], px_from[i + 1]
        out[i, NEXT_BASE] = out[i, NEXT_GROUP] = out[i, COUNTING] = out[i, NEAR_GROUP] = -1
        if d0 == d1:
            out[i, MAJOR_AT] = out[i, BASE_AT] = out[i, GROUP_AT] = -1
            out[i, REASON] = NO_PRINCIPAL
            continue
        best = _severity(level, table, barred_from, barred, dx, d0, d1)
        heaviest = level[dx[best]] if best >= 0 else 0
        out[i, COUNTING] = best - d0 if best >= 0 else -1
        for k in range(d0 + 1, d1):
            excluded[k] = level[dx[k]] > 0 and _barred(barred_from, barred, table, dx[d0], dx[k])
        _walk(branches, classes, bases, groups, dx_bits, px_bits, ambiguous, heaviest,
              dx, d0, d1, px, p0, p1, measures[i], -1, out[i], tried[i], matches[i])
        if out[i, REASON] == NO_CLASS and dx[d0] == 0:
            out[i, REASON] = UNKNOWN_PRINCIPAL
        base = out[i, BASE_AT]
        if base >= 0:
            _walk(branches, classes, bases, groups, dx_bits, px_bits, ambiguous, heaviest,
                  dx, d0, d1, px, p0, p1, measures[i], base, spare, unused, ignored)
            out[i, NEXT_BASE], out[i, NEXT_GROUP] = spare[BASE_AT], spare[GROUP_AT]
        if out[i, NEXT_BASE] < 0 and out[i, MAJOR_AT] >= 0:
            near = _near_base(branches, classes, bases, dx_bits, px_bits, ambiguous, dx, d0, d1,
                              px, p0, p1, measures[i], heaviest, ignored, out[i, MAJOR_AT], base)
            out[i, NEAR_GROUP] = _group_of(near, branches, bases, groups, dx_bits, px_bits, dx, d0,
                                           d1, px, p0, p1, measures[i], heaviest, ignored)
