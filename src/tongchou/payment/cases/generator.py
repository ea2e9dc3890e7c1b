"""Made-up cases that look like a region's: seeded, for tests, tutorials and load (病案生成).

The same scheme, count and seed give the same cases. Costs are log-normal around a mean of the
group, more with complications and in larger hospitals, with a few far outliers; three calendar
years, both insurances, hospitals of three levels. No number here describes a real place.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from .model import SCHEMA
from .recipes import Recipes, recipes_of

if TYPE_CHECKING:
    from ..drg.scheme import Scheme

FIRST_YEAR, YEARS = 2023, 3
HOSPITALS = ((3, 0.16), (3, 0.14), (3, 0.09), (2, 0.13), (2, 0.12), (2, 0.09), (2, 0.07),
             (1, 0.06), (1, 0.05), (1, 0.04), (1, 0.03), (1, 0.02))      # level, share of cases
LEVEL_COST = np.array([0.0, 0.72, 0.9, 1.15])
MEAN_YUAN, DAY_DAYS = 9_000.0, 365.25
FURTHER_MAX = 12


class _Draft(NamedTuple):
    """What the columns are made of, one entry a case."""

    group: np.ndarray
    age_days: np.ndarray
    newborn: np.ndarray
    level: np.ndarray
    hospital: np.ndarray
    heavy: np.ndarray         # how many complications were put in
    operated: np.ndarray


def generate_cases(scheme: Scheme, count: int, seed: int = 1) -> pa.Table:
    """`count` cases aimed at the groups of a scheme, as a case table (SCHEMA).

    About one in eight has an odd principal diagnosis or procedure. Every value agrees with the
    others: ages with dates, parts of the cost with the whole.
    """
    rng = np.random.default_rng(seed)
    recipes = recipes_of(scheme)
    draft, codes = _people(recipes, count, rng)
    columns = {**codes, **_stay(draft, rng), **_money(draft, recipes, seed, rng)}
    columns["case"] = pa.array([f"C{seed}-{number:07d}" for number in range(1, count + 1)])
    columns["year"] = pa.array(columns["discharged"]).cast(pa.timestamp("s")).to_numpy().astype(
        "datetime64[Y]").astype(np.int64) + 1970
    return pa.table([_column(columns[name], kind) for name, kind in
                     zip(SCHEMA.names, SCHEMA.types, strict=True)], schema=SCHEMA)


def _column(values: object, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values.cast(kind)
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(values.data, mask=np.ma.getmaskarray(values)).cast(kind)
    return pa.array(values).cast(kind)


# --- who, and with what ---------------------------------------------------------------------------
def _people(recipes: Recipes, count: int, rng: np.random.Generator,
            ) -> tuple[_Draft, dict[str, object]]:
    groups = len(recipes.sex)
    share = rng.permutation(1.0 / np.arange(3, groups + 3) ** 0.8)
    group = rng.choice(groups, count, p=share / share.sum())
    newborn = recipes.newborn[group]
    age = np.where(newborn, rng.integers(0, 40, count), _ages(count, rng))
    hospital = rng.choice(len(HOSPITALS), count, p=[share for _, share in HOSPITALS])
    sex = np.where(recipes.sex[group] > 0, recipes.sex[group], rng.integers(1, 3, count))
    dx, heavy = _diagnoses(recipes, group, age, rng)
    px, operated = _procedures(recipes, group, rng)
    level = np.array([level for level, _ in HOSPITALS])[hospital]
    low, high = recipes.weight_from_g[group], recipes.weight_to_g[group]
    weight = (low + rng.random(count) * (high - low)).astype(np.int64)
    small = age < 366
    lost = rng.random(count)
    return (_Draft(group, age, newborn, level, hospital, heavy, operated), {
        "dx": dx, "px": px, "sex": np.char.mod("%d", sex),
        "birth_weight_g": np.ma.array(weight, mask=~small),
        "admission_weight_g": np.ma.array(weight + 30 * age, mask=~small | (lost < 0.3)),
        "person": np.char.mod("P%08d", rng.integers(1, int(count * 0.85) + 2, count)),
        "hospital": np.char.mod("H%02d", hospital + 1), "hospital_level": np.char.mod("%d", level),
        "insurance": np.where(rng.random(count) < 0.38, "employees", "residents")})


def _ages(count: int, rng: np.random.Generator) -> np.ndarray:
    """Ages in days of patients who are no newborns: children, adults, and most of all the old."""
    kind = rng.random(count)
    years = np.where(kind < 0.12, rng.random(count) * 15,
                     np.where(kind < 0.4, 15 + rng.random(count) * 35,
                              np.clip(rng.normal(66, 13, count), 40, 103)))
    return np.maximum((years * DAY_DAYS).astype(np.int64), 29)


def _diagnoses(recipes: Recipes, group: np.ndarray, age: np.ndarray, rng: np.random.Generator,
               ) -> tuple[pa.Array, np.ndarray]:
    """Lists of diagnoses, and how many complications each case got."""
    count, everything = len(group), len(recipes.dx_codes)
    principal = recipes.principal.draw(group, rng)
    odd = rng.random(count) < 0.08
    principal[odd] = rng.integers(0, everything, odd.sum())
    wanted = np.minimum(rng.poisson(0.8 + age / 18_000), FURTHER_MAX)
    further = rng.integers(0, everything, (count, FURTHER_MAX))
    serious = rng.random((count, FURTHER_MAX)) < 0.3
    if len(recipes.complications):
        drawn = rng.integers(0, len(recipes.complications), (count, FURTHER_MAX))
        further = np.where(serious, recipes.complications[drawn], further)
    _injuries(recipes, group, wanted, further, rng)
    present = np.arange(FURTHER_MAX) < wanted[:, None]
    rows = np.concatenate([principal[:, None], further], axis=1)
    taken = np.concatenate([np.ones((count, 1), np.bool_), present], axis=1)
    return _lists(recipes.dx_codes, rows, taken), (serious & present).sum(axis=1)


def _injuries(recipes: Recipes, group: np.ndarray, wanted: np.ndarray, further: np.ndarray,
              rng: np.random.Generator) -> None:
    """Diagnoses of other body sites for the groups of multiple injuries, in place."""
    sites = len(recipes.principal.starts) - 1 - recipes.site_from
    hurt = np.flatnonzero(recipes.sites[group] > 0) if sites else np.zeros(0, np.int64)
    for place in range(2):
        pool = recipes.site_from + rng.integers(0, max(sites, 1), len(hurt))
        if len(hurt):
            further[hurt, place] = recipes.principal.draw(pool, rng)
    wanted[hurt] = np.maximum(wanted[hurt], rng.integers(1, 3, len(hurt)))


def _procedures(recipes: Recipes, group: np.ndarray, rng: np.random.Generator,
                ) -> tuple[pa.Array, np.ndarray]:
    """Lists of procedures, and whether the case was operated for its group."""
    count, everything = len(group), len(recipes.px_codes)
    if not everything:
        return pa.array([[]] * count, pa.list_(pa.string())), np.zeros(count, np.bool_)
    rows = rng.integers(0, everything, (count, 4))
    main, second = recipes.main.draw(group, rng), recipes.second.draw(group, rng)
    fits = (main >= 0) & (rng.random(count) < 0.94)
    rows[fits, 0] = main[fits]
    both = fits & (second >= 0)
    rows[both, 1] = second[both]
    chance = np.where(fits, 0.0, 0.16)
    wanted = np.where(fits, 1 + both, (rng.random(count) < chance).astype(np.int64))
    wanted = np.where(wanted > 0, np.minimum(wanted + rng.poisson(0.5, count), 4), 0)
    turned = fits & (rng.random(count) < 0.04) & (wanted > 1)    # the main one noted second
    rows[turned, :2] = rows[turned, 1::-1]
    return _lists(recipes.px_codes, rows, np.arange(4) < wanted[:, None]), fits


def _lists(codes: tuple[str, ...], rows: np.ndarray, taken: np.ndarray) -> pa.Array:
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(taken.sum(axis=1), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(codes, pa.string()).take(
        pa.array(rows[taken])))


# --- when and where -------------------------------------------------------------------------------
def _stay(draft: _Draft, rng: np.random.Generator) -> dict[str, object]:
    count = len(draft.group)
    days = np.maximum(1, rng.lognormal(1.9 + 0.12 * draft.heavy, 0.55).astype(np.int64))
    first = np.datetime64(f"{FIRST_YEAR}-01-01", "D")
    span = (np.datetime64(f"{FIRST_YEAR + YEARS}-01-01", "D") - first).astype(np.int64)
    discharged = first + rng.integers(0, span, count)
    admitted = discharged - days
    born = admitted - draft.age_days
    years = _calendar(admitted) - _calendar(born)
    severe = rng.random(count) < 0.02 + 0.03 * draft.heavy
    icu = np.where(severe, np.minimum(days, 1 + rng.poisson(4, count)), 0)
    hours = np.where(severe & (rng.random(count) < 0.5), rng.integers(4, 24 * (icu + 1)), 0)
    died = rng.random(count) < np.where(severe, 0.12, 0.006)
    way = np.where(died, "5", rng.choice(["1", "2", "4", "9"], count, p=[.9, .05, .04, .01]))
    return {"born": born, "admitted": admitted, "discharged": discharged,
            "age_years": years // 10_000, "age_days": draft.age_days, "stay_days": days,
            "icu_days": icu, "ventilator_hours": hours, "discharge_way": way}


def _calendar(day: np.ndarray) -> np.ndarray:
    """Days as yyyymmdd, so that completed years come out by whole division."""
    months = day.astype("datetime64[M]")
    month = months.astype(np.int64)
    return (month // 12 + 1970) * 10_000 + (month % 12 + 1) * 100 \
        + (day - months).astype(np.int64) + 1


# --- for how much ---------------------------------------------------------------------------------
def _money(draft: _Draft, recipes: Recipes, seed: int, rng: np.random.Generator,
           ) -> dict[str, object]:
    """Costs in fen; each part is at most the whole, and fund and person make it up."""
    count = len(draft.group)
    own = np.random.default_rng(seed + 1)
    mean = MEAN_YUAN * own.lognormal(-0.15, 0.55, len(recipes.sex)) * \
        np.where(recipes.surgical, 2.2, 0.75)
    yuan = mean[draft.group] * LEVEL_COST[draft.level] * (1 + 0.22 * draft.heavy) \
        * rng.lognormal(-0.08, 0.4, count)
    far = rng.random(count)
    yuan *= np.where(far < 0.012, 3.5, np.where(far > 0.985, 0.3, 1.0))
    cost = np.maximum((yuan * 100).astype(np.int64), 10_000)
    drugs = np.where(draft.operated, 0.2, 0.38) * rng.uniform(0.6, 1.3, count)
    things = np.where(draft.operated, 0.28, 0.06) * rng.uniform(0.5, 1.4, count)
    fund = (cost * rng.uniform(0.52, 0.82, count)).astype(np.int64)
    return {"cost_fen": cost, "drug_fen": (cost * drugs).astype(np.int64),
            "consumable_fen": (cost * things).astype(np.int64), "fund_fen": fund,
            "person_fen": cost - fund}
