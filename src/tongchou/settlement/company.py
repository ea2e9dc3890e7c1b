"""How long a round waits for those who were here a moment ago (等待同伴).

A round has a fixed cost: a round of four costs half of four rounds. Clients that were served
together come again at nearly the same time, when they have read their answers; a round that began
with the first of them would leave the others to the next, and all rounds would stay small.
"""
from __future__ import annotations

MOST = 32
WAIT_SECONDS = 0.003       # at most; who comes alone does not wait


class Company:
    """How many are expected: as many as the last round served and as came meanwhile."""

    def __init__(self) -> None:
        self._expected = 1

    def complete(self, waiting: int) -> bool:
        """Whether a round may begin with so many at once."""
        return waiting >= self._expected

    def served(self, served: int, came: int) -> None:
        """A round has ended: so many were in it, so many came meanwhile."""
        self._expected = max(1, min(MOST, served + came))
