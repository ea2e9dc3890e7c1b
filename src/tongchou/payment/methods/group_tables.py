"""The table of groups with weights or points that a region publishes (权重表、分值表)."""
from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import CaseError
from ...money import NumberFault, parse_yuan, scaled
from ...policy import read_text
from ..clearing.reading import malformed
from .bounds import WEIGHT_DIGITS
from .columns import MISSING, CaseColumns
from .selection import LEVELS

WEIGHT_MOST_MICRO = 10 ** 12
COLUMNS = ("group", "levels", "weight", "mean_yuan")


@dataclass(frozen=True)
class GroupTable:
    """Weights in millionths and mean costs by (group, level); level "" stands for unknown ones.

    A mean of -1 is not stated.
    """

    path: str
    rows: dict[tuple[str, str], tuple[int, int]]

    @property
    def groups(self) -> set[str]:
        """The groups that have a weight at some level."""
        return {group for group, _ in self.rows}

    def of_cases(self, cases: CaseColumns, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(weight in millionths, mean in fen) int64 of these cases; -1 where there is none."""
        levels = (*cases.level.words, "")
        cells = [self.rows.get((group, level), (MISSING, MISSING))
                 for group in cases.group.words for level in levels]
        table = np.array([*cells, *[(MISSING, MISSING)] * len(levels)], np.int64)
        level = np.where(cases.level.ids[rows] < 0, len(levels) - 1, cases.level.ids[rows])
        group = cases.group.ids[rows]
        group = np.where(group < 0, len(cases.group.words), group)
        found = table[group.astype(np.int64) * len(levels) + level]
        return found[:, 0], found[:, 1]

    def weight(self, group: str, level: str) -> int:
        """Weight of a group at a level, in millionths; -1 where there is none."""
        return self.rows.get((group, level), (MISSING, MISSING))[0]


def read_group_table(path: Path) -> GroupTable:
    """A CSV with `group`, `weight` (or points) and perhaps `levels` (`2|3`) and `mean_yuan`.

    Raises CaseError for a weight that is missing or not above 0, and for a group that stands twice
    at one level.
    """
    lines = csv.DictReader(read_text(path, CaseError).splitlines())
    names = lines.fieldnames or []
    for name in ("group", "weight"):
        if name not in names:
            raise CaseError("missing-column", f"no column {name!r}", str(path),
                            hint=f"The columns are {', '.join(COLUMNS)}.")
    rows: dict[tuple[str, str], tuple[int, int]] = {}
    for number, line in enumerate(lines, 1):
        where = f"{path}: row {number}"
        group = (line["group"] or "").strip()
        if not group:
            raise malformed(where, "the group has no code", "Fill it in.")
        for level in _levels(line.get("levels") or "", where):
            if (group, level) in rows:
                raise malformed(where, f"{group} stands twice at level {level or 'unknown'}",
                                "Give every group one weight a level.")
            rows[group, level] = (_weight(line["weight"], group, where),
                                  _mean(line.get("mean_yuan"), where))
    return GroupTable(str(path), rows)


def _levels(text: str, where: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split("|") if part.strip())
    if not set(found) <= set(LEVELS):
        raise malformed(where, f"levels: {text[:30]!r} is no list of levels",
                        "Write 1, 2|3, or nothing for all.")
    return found or (*LEVELS, "")


def _weight(text: str | None, group: str, where: str) -> int:
    try:
        found = scaled((text or "").strip(), WEIGHT_DIGITS, "a weight")
    except NumberFault as fault:
        raise malformed(where, f"weight of {group}: {fault}", "Write a number such as 1.25.") \
            from None
    if found <= 0:
        raise malformed(where, f"the weight of {group} is {text}, not above 0",
                        "Take the group out, or give it its weight.")
    if found > WEIGHT_MOST_MICRO:
        raise malformed(where, f"the weight of {group} is beyond a million", "Check it.")
    return found


def _mean(text: str | None, where: str) -> int:
    if not (text or "").strip():
        return MISSING
    try:
        found = parse_yuan((text or "").strip())
    except NumberFault as fault:
        raise malformed(where, f"mean_yuan: {fault}", "Write yuan such as 8123.45.") from None
    if found <= 0:
        raise malformed(where, f"mean_yuan is {text}, not above 0", "Leave it empty if unknown.")
    return found
