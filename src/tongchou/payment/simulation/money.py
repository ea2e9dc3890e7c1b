"""What every case brings its hospital under a scenario, to the fen (点值与病例金额)."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ...errors import Refusal
from ...money import FEN
from ..clearing.exact import scaled_half_up, spread, total
from ..dip.encode import words_of
from ..dip.model import POINT
from .scenario import VALUE_DIGITS, Scenario


class Pool(NamedTuple):
    """An insurance under a scenario: points in thousandths, and what the fund pays for them."""

    insurance: str
    points_milli: int
    amount_fen: int

    @property
    def value_micro(self) -> int:
        """Value of a point in millionths of a yuan, rounded down; for showing."""
        return self.amount_fen * POINT * 10 ** VALUE_DIGITS // (self.points_milli * FEN) \
            if self.points_milli else 0


def pay_cases(scored: pa.Table, scenario: Scenario) -> tuple[np.ndarray, list[Pool]]:
    """(int64[n] fen of every case, the pools). Floating amounts sum to the budget exactly.

    Raises Refusal: `no-budget` for cases of an insurance the scenario does not pay for,
    `no-points` for a budget that no point shares.
    """
    ids, words = words_of(scored, "insurance")
    names = scenario.insurances or tuple(sorted(words))
    for place, word in enumerate(words):
        if word not in names:
            raise Refusal("no-budget", f"{int((ids == place).sum())} cases are of {word}, for "
                          f"which the scenario {scenario.name!r} has no money", scenario.file,
                          hint=f"Write `{word}:` under `money`.")
    owner = np.array([*(names.index(word) for word in words), -1], np.int64)[ids]
    score = scored.column("score_milli").to_numpy()
    points = [total(score[owner == place]) for place in range(len(names))]
    if scenario.money == "floating":
        budget = [scenario.budget_fen[name] for name in names]
        for name, amount, base in zip(names, budget, points, strict=True):
            if amount and not base:
                raise Refusal("no-points", f"no case of {name} has points, so its budget cannot "
                              "be shared", scenario.file,
                              hint="Give the cases of this insurance too, or take its budget out.")
        paid = spread(budget, owner, score)
    elif scenario.money == "priced":
        paid = scored.column("due_fen").to_numpy()
    else:
        paid = np.zeros(len(score), np.int64)
        for place, name in enumerate(names):
            paid[owner == place] = scaled_half_up(
                score[owner == place], scenario.value_micro[name] * FEN, POINT * 10 ** VALUE_DIGITS)
    return paid, [Pool(name, points[place], total(paid[owner == place]))
                  for place, name in enumerate(names)]
