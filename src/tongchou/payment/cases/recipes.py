"""What a made-up case of each base group needs, read off the tests of a scheme (生成规则).

A recipe is a pool of principal diagnoses, pools for one or two procedures, and what the tests say
about sex, age and birth weight. It aims at the group; whether the case lands there is the
grouper's affair, and that many do not is wanted.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..drg.conditions import (DIAGNOSES, FURTHER, PROCEDURES, Compare, Condition, Every, Member,
                              Sites, Some, looks_at_procedures)
from ..drg.scheme import BaseGroup, MajorClass, Scheme


class Pools(NamedTuple):
    """Pools of codes laid end to end: pool p is `members[starts[p]:starts[p + 1]]`."""

    members: np.ndarray
    starts: np.ndarray

    def draw(self, pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One member of each pool asked for, -1 where the pool is empty."""
        size = self.starts[pool + 1] - self.starts[pool]
        at = self.starts[pool] + (rng.random(len(pool)) * size).astype(np.int64)
        return np.where(size > 0, self.members[np.minimum(at, len(self.members) - 1)], -1)


class Recipes(NamedTuple):
    """Recipes of all base groups of a scheme, at the same places as in its order.

    `principal`, `main` and `second` are pools of code numbers; `sex` 0 is either; `newborn`,
    `surgical` and `sites` (pools of body sites begin at `site_from` in `principal`) are per group;
    `weight_from_g`, `weight_to_g` bound the birth weight of newborns.
    """

    dx_codes: tuple[str, ...]
    px_codes: tuple[str, ...]
    principal: Pools
    main: Pools
    second: Pools
    complications: np.ndarray
    sex: np.ndarray
    newborn: np.ndarray
    surgical: np.ndarray
    sites: np.ndarray
    site_from: int
    weight_from_g: np.ndarray
    weight_to_g: np.ndarray


def recipes_of(scheme: Scheme) -> Recipes:
    """The recipes of a scheme."""
    every = sorted(frozenset().union(*scheme.sets.values()))
    px = tuple(code for code in every if code[:1].isdigit())        # ICD-9-CM-3 begins with digits
    dx = tuple(sorted({code for code in every if not code[:1].isdigit()}
                      | set(scheme.complications)))
    bases = [(major, base) for major in scheme.classes for base in major.base_groups
             if not base.ambiguous]
    sites = sorted({name for major in scheme.classes for leaf in _wanted(major.test)
                    if isinstance(leaf, Sites) for name in leaf.sets})
    principal = [_principal(scheme, major, base, dx) for major, base in bases]
    principal += [scheme.sets[name] for name in sites]
    main, second = zip(*(_procedures(scheme, major, base) for major, base in bases), strict=True)
    facts = np.array([_facts(major, base) for major, base in bases], np.int64)
    return Recipes(dx, px, _pools(principal, dx), _pools(main, px), _pools(second, px),
                   _numbers(scheme.complications, dx), facts[:, 0], facts[:, 1] > 0,
                   np.array([looks_at_procedures(base.test) for _, base in bases]),
                   facts[:, 2], len(bases), facts[:, 3], facts[:, 4])


def _wanted(condition: Condition) -> Iterator[Condition]:
    """Elementary conditions that help a case in; what stands under a negation does not."""
    if isinstance(condition, (Every, Some)):
        for part in condition.parts:
            yield from _wanted(part)
    else:
        yield condition


def _principal(scheme: Scheme, major: MajorClass, base: BaseGroup, dx: tuple[str, ...],
               ) -> frozenset[str]:
    own, above = (frozenset().union(*(scheme.sets[leaf.codes] for leaf in _wanted(test)
                                      if isinstance(leaf, Member) and leaf.kind == DIAGNOSES
                                      and leaf.which != FURTHER))
                  for test in (base.test, major.test))
    return (own & above) or own or above or frozenset(dx)


def _procedures(scheme: Scheme, major: MajorClass, base: BaseGroup,
                ) -> tuple[frozenset[str], frozenset[str]]:
    """Pools of the main and of a second procedure; empty when the tests ask for none."""
    named = [scheme.sets[leaf.codes] for test in (base.test, major.test) for leaf in _wanted(test)
             if isinstance(leaf, Member) and leaf.kind == PROCEDURES]
    return (named or [frozenset()])[0], named[1] if len(named) > 1 else frozenset()


def _facts(major: MajorClass, base: BaseGroup) -> tuple[int, int, int, int, int]:
    """Sex, newborn, body sites wanted, birth weight from and to."""
    sex, newborn, sites, low, high = 0, 0, 0, 1000, 4500
    for leaf in (*_wanted(major.test), *_wanted(base.test)):
        if isinstance(leaf, Sites):
            sites = leaf.least
        if isinstance(leaf, Compare) and leaf.measure == "sex":
            sex = leaf.value
        if isinstance(leaf, Compare) and (leaf.measure == "age_days" or
                                          (leaf.measure, leaf.value) == ("age_years", 0)):
            newborn = 1
        if isinstance(leaf, Compare) and leaf.measure.endswith("_weight_g"):
            low, high = (max(low, leaf.value), high) if leaf.sign.startswith(">") else \
                (low, min(high, leaf.value))
    return sex, newborn, sites, min(low, high - 1), max(high, low + 1)


def _numbers(codes: object, known: tuple[str, ...]) -> np.ndarray:
    place = {code: number for number, code in enumerate(known)}
    return np.array(sorted(place[code] for code in codes), np.int64)


def _pools(pools: list[frozenset[str]] | tuple[frozenset[str], ...],
           known: tuple[str, ...]) -> Pools:
    place = {code: number for number, code in enumerate(known)}
    members = [np.array(sorted(place[code] for code in pool), np.int64) for pool in pools]
    starts = np.concatenate([[0], np.cumsum([len(own) for own in members])]).astype(np.int64)
    return Pools(np.concatenate([*members, [-1]]), starts)
