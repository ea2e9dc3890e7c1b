"""Hospital coefficients (医疗机构系数): what a hospital's work is worth beside the region's."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...money import PPM
from ..clearing.reading import Basis, Section, unset
from .columns import CaseColumns

MOST_PPM = 5 * PPM           # with WEIGHT_MOST it keeps weight x coefficient inside int64


@dataclass(frozen=True)
class Coefficients:
    """Parts per million by hospital, then by level, then `default_ppm` (None: must be named)."""

    by_hospital: dict[str, int]
    by_level: dict[str, int]
    default_ppm: int | None
    basis: Basis | None

    def of_cases(self, cases: CaseColumns, rows: np.ndarray) -> np.ndarray:
        """int64 ppm of these cases. Refusal `unset-payment-rule` names a hospital left open."""
        levels = (*cases.level.words, "")
        names = cases.hospital.words
        table = np.array([[self._of(name, level) for level in levels] for name in names] or
                         [[0]], np.int64).reshape(-1, len(levels))
        level = np.where(cases.level.ids[rows] < 0, len(levels) - 1, cases.level.ids[rows])
        found = table[cases.hospital.ids[rows], level]
        if (missing := np.flatnonzero(found < 0)).size:
            name = names[cases.hospital.ids[rows[missing[0]]]]
            assert self.basis is not None
            raise unset(f"{self.basis.place}: the coefficient of {name}", self.basis.place)
        return found

    def _of(self, hospital: str, level: str) -> int:
        found = self.by_hospital.get(hospital, self.by_level.get(level, self.default_ppm))
        return -1 if found is None else found


def read_coefficients(rule: Section) -> Coefficients:
    """`coefficient` of a rule: `none`, or hospitals, levels and a default."""
    if rule.has("coefficient") and rule.node.items["coefficient"].text == "none":
        return Coefficients({}, {}, PPM, None)
    section = rule.section("coefficient")
    parts = {}
    for key in ("hospitals", "levels"):
        parts[key] = {}
        if section.has(key):
            part = section.section(key)
            parts[key] = {name: part.ppm(name, MOST_PPM) for name in part.keys()}
    made = Coefficients(parts["hospitals"], parts["levels"],
                        section.ppm("default", MOST_PPM) if section.has("default") else None,
                        section.basis())
    section.done()
    return made
