"""What is reachable: one Numba loop written by hand for this workload only, one thread."""
from __future__ import annotations

import numpy as np
from numba import njit
from workload import RESULTS, Claims, P, generate

COLUMNS = ("first", "level", "category", "total", "own", "advance")


def _by_number(table: dict[int, int], size: int) -> np.ndarray:
    return np.array([table.get(number, 0) for number in range(size)], np.int64)


TABLES = (_by_number(P["deductible"], 4), _by_number(P["deductible_share"], 4),
          _by_number(P["ratio"], 4), np.array([edge for edge, _ in P["tiers"]] + [1 << 60]),
          np.array([rate for _, rate in P["tiers"]]), _by_number(P["assistance_ratio"], 3),
          _by_number(P["assistance_deductible"], 3), _by_number(P["assistance_cap"], 3),
          np.array([P[name] for name in ("basic_cap", "critical_cap", "tilt_deductible",
                                         "tilt_ratio", "tilt_cap")]))


@njit(nogil=True)
def _loop(first, level, category, total, own, advance, deductibles, shares, ratios, edges, rates,
          help_ratio, help_deductible, help_cap, single, out1, out2, out3, out4, out5):
    for unit in range(first.shape[0] - 1):
        basics = compliants = criticals = burdens = helps = residuals = tilts = stays = 0
        for i in range(first[unit], first[unit + 1]):
            stays += 1
            lev, cat = level[i], category[i]
            eligible = total[i] - own[i] - advance[i]
            counted = eligible - min(eligible, deductibles[lev] * shares[min(stays, 3)] // 1000)
            basic = min((counted * ratios[lev] + 500) // 1000, single[0] - basics)
            basics += basic
            compliant = eligible - basic + advance[i]
            high = compliants + compliant
            worth = 0
            if high > edges[0]:
                for k in range(rates.shape[0]):
                    stretch = min(high, edges[k + 1]) - max(compliants, edges[k])
                    if stretch > 0:
                        worth += stretch * rates[k]
            compliants = high
            critical = min((worth + 500) // 1000, single[1] - criticals)
            criticals += critical
            burden = compliant - critical
            given = tilt = 0
            if cat > 0:
                line = help_deductible[cat]
                over = max(burdens + burden - line, 0) - max(burdens - line, 0)
                burdens += burden
                given = min((over * help_ratio[cat] + 500) // 1000, help_cap[cat] - helps)
                helps += given
                rest = burden - given
                over = max(residuals + rest - single[2], 0) - max(residuals - single[2], 0)
                residuals += rest
                tilt = min((over * single[3] + 500) // 1000, single[4] - tilts)
                tilts += tilt
            out1[i], out2[i], out3[i], out4[i] = basic, critical, given, tilt
            out5[i] = burden - given - tilt + own[i]


def prepare(claims: Claims) -> list[np.ndarray]:
    """Compiles the loop; gives the result columns, which are reused from run to run."""
    few = generate(10)
    _loop(*(few[name] for name in COLUMNS), *TABLES,
          *(np.empty(len(few["total"]), np.int64) for _ in RESULTS))
    return [np.zeros(len(claims["total"]), np.int64) for _ in RESULTS]


def settle(out: list[np.ndarray], claims: Claims) -> Claims:
    """All claims in one call."""
    _loop(*(claims[name] for name in COLUMNS), *TABLES, *out)
    return dict(zip(RESULTS, out, strict=True))
