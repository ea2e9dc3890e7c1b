"""Records: what is left of a row while it is shuffled, spilled, sorted and settled (记录).

A record is a run of int64 words. The first ten are the same for every pack; `Layout` places the
others, which only some packs need.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..engine.plan import Plan

# Words of a record. CELL: key, policy year << 36, rule day << 45. ROW_WHO: row, birth << 40,
# sex << 57. Then as needed: CHECK, PERSON, END_DAY, EPISODE, facts.
OWNER, CLAIM, TIME, PARTS, CELL, STATUS, ROW_WHO, FIXED = 0, 1, 2, 3, 7, 8, 9, 10
KEY_BITS, YEAR_BITS, DAY_BITS, ROW_BITS = 36, 9, 17, 40


@dataclass(frozen=True)
class Layout:
    """Where the words of a record stand that not every pack needs (-1: nowhere)."""

    check: int
    person: int
    end_day: int
    episode: int
    facts: int
    width: int
    text_ids: bool
    family: bool

    @classmethod
    def of(cls, plan: Plan, text_ids: bool) -> "Layout":
        """The layout of records for a plan."""
        wanted = {"check": text_ids or plan.family, "person": plan.family,
                  "end_day": plan.pack.settings.order == "discharge",
                  "episode": "episode" in plan.scopes}
        places, width = {}, FIXED
        for name, needed in wanted.items():
            places[name] = width if needed else -1
            width += needed
        facts = width if plan.facts else -1
        return cls(**places, facts=facts, width=width + len(plan.facts), text_ids=text_ids,
                   family=plan.family)


class Encoded(NamedTuple):
    """A batch looked up: every field int64[n], except `parts` [4, n] and `extra` [words, n], the
    words after FIXED in the order of `Layout`."""

    owner: np.ndarray
    claim: np.ndarray
    settled: np.ndarray
    parts: np.ndarray
    key: np.ndarray
    year: np.ndarray
    day: np.ndarray
    competing: np.ndarray
    rows: np.ndarray
    born: np.ndarray
    sex: np.ndarray
    extra: np.ndarray
