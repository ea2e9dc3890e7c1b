"""The answers all others are held against: plain Python `decimal` in yuan, claim by claim."""
from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from workload import RESULTS, Claims, P

ZERO, CENT, HUNDRED, THOUSAND = Decimal(0), Decimal("0.01"), Decimal(100), Decimal(1000)
TABLES = ("deductible", "assistance_deductible", "assistance_cap")
RATES = ("deductible_share", "ratio", "assistance_ratio")
AMOUNTS = ("basic_cap", "critical_cap", "tilt_deductible", "tilt_cap")


@dataclass
class Year:
    """What a person-year carries from claim to claim (yuan)."""

    admissions: int = 0
    basic: Decimal = ZERO
    compliant: Decimal = ZERO          # compliant self-payment, the measure of critical illness
    critical: Decimal = ZERO
    burden: Decimal = ZERO             # left after critical illness, the measure of assistance
    assistance: Decimal = ZERO
    residual: Decimal = ZERO           # left after assistance, the measure of the tilt
    tilt: Decimal = ZERO


def to_cent(amount: Decimal) -> Decimal:
    """Half up to the fen."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def above(before: Decimal, more: Decimal, line: Decimal) -> Decimal:
    """The part of `more`, coming on top of `before`, that lies above a line."""
    return max(before + more - line, ZERO) - max(before - line, ZERO)


def prepare(claims: Claims) -> dict[str, object]:
    """The parameters as Decimal: yuan, and rates as fractions."""
    rules: dict[str, object] = {name: {key: Decimal(fen) / HUNDRED for key, fen in P[name].items()}
                                for name in TABLES}
    rules |= {name: {key: Decimal(rate) / THOUSAND for key, rate in P[name].items()}
              for name in RATES}
    rules |= {name: Decimal(P[name]) / HUNDRED for name in AMOUNTS}
    edges = [Decimal(fen) / HUNDRED for fen, _ in P["tiers"]]
    rates = [Decimal(rate) / THOUSAND for _, rate in P["tiers"]]
    rules["tiers"] = list(zip(edges, [*edges[1:], Decimal("Infinity")], rates, strict=True))
    return rules | {"tilt_ratio": Decimal(P["tilt_ratio"]) / THOUSAND}


def settle_claim(rules: dict, year: Year, level: int, category: int, total: Decimal, own: Decimal,
                 advance: Decimal) -> tuple[Decimal, ...]:
    """The five results of one claim in yuan; moves `year` on."""
    year.admissions += 1
    eligible = total - own - advance
    share = rules["deductible_share"][min(year.admissions, 3)]
    counted = eligible - min(eligible, rules["deductible"][level] * share)
    basic = min(to_cent(counted * rules["ratio"][level]), rules["basic_cap"] - year.basic)
    year.basic += basic
    compliant = eligible - basic + advance
    low, high = year.compliant, year.compliant + compliant
    year.compliant = high
    worth = sum((max(min(high, end) - max(low, start), ZERO) * rate
                 for start, end, rate in rules["tiers"]), ZERO)
    critical = min(to_cent(worth), rules["critical_cap"] - year.critical)
    year.critical += critical
    burden = compliant - critical
    assistance, tilt = assist(rules, year, category, burden) if category else (ZERO, ZERO)
    return basic, critical, assistance, tilt, burden - assistance - tilt + own


def assist(rules: dict, year: Year, category: int, burden: Decimal) -> tuple[Decimal, Decimal]:
    """Assistance and tilt assistance for categories 1 and 2."""
    counted = above(year.burden, burden, rules["assistance_deductible"][category])
    year.burden += burden
    assistance = min(to_cent(counted * rules["assistance_ratio"][category]),
                     rules["assistance_cap"][category] - year.assistance)
    year.assistance += assistance
    residual = burden - assistance
    counted = above(year.residual, residual, rules["tilt_deductible"])
    year.residual += residual
    tilt = min(to_cent(counted * rules["tilt_ratio"]), rules["tilt_cap"] - year.tilt)
    year.tilt += tilt
    return assistance, tilt


def settle(rules: dict[str, object], claims: Claims) -> Claims:
    """All claims, one after the other."""
    found = {name: np.empty(len(claims["total"]), np.int64) for name in RESULTS}
    columns = [claims[name].tolist() for name in ("level", "category")]
    columns += [[Decimal(fen) / HUNDRED for fen in claims[name].tolist()]
                for name in ("total", "own", "advance")]
    rows = list(zip(*columns, strict=True))
    first = claims["first"].tolist()
    for begin, end in zip(first[:-1], first[1:], strict=True):
        year = Year()
        for row in range(begin, end):
            settled = settle_claim(rules, year, *rows[row])
            for name, amount in zip(RESULTS, settled, strict=True):
                found[name][row] = int(amount * 100)
    return found
