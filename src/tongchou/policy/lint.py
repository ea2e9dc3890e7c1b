"""All checks of a pack file that need no settlement (`engine.checks` adds those that do).

`check_file` is what `pack lint` prints: every schema fault at once, in every profile and every
reading, then what the pack says about nothing, twice, or never. See docs/pack-reference.md.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import PackError
from .lint_classes import check_classes, place_of, possible_classes
from .lint_finding import Finding, finding, in_order, of_error
from .lint_reach import Reach, explore, findings_of
from .lint_schema import Variant, read_all, variants
from .lint_tree import check_tree
from .lint_values import check_values
from .load import read_tree
from .model import Pack

__all__ = ["Finding", "check_file", "finding", "in_order", "in_reading", "of_error", "place_of",
           "possible_classes", "read_and_check"]


def check_file(path: Path) -> list[Finding]:
    """All findings of the policy floor on a pack file, in its order.

    Raises PackError only when the file cannot be opened at all (`unreadable-file`,
    `file-too-large`); faults of YAML are findings.
    """
    return in_order(read_and_check(path)[0])


def read_and_check(path: Path) -> tuple[list[Finding], list[tuple[Variant, Pack]]]:
    """Findings, and the pack under every variant that could be read."""
    try:
        root = read_tree(path)
    except PackError as problem:
        if problem.code in ("unreadable-file", "file-too-large"):
            raise
        return [of_error(problem, str(path))], []
    found: list[Finding] = []
    packs: list[tuple[Variant, Pack]] = []
    for variant in variants(root):
        pack, problems = read_all(root, variant)
        found += [of_error(problem, root.file) for problem in problems]
        if pack is not None:
            packs.append((variant, pack))
    if root.items is not None:
        found += check_tree(root, path)
    if packs and not any(one.severity == "error" and one.code != "layer-without-clause"
                         for one in found):
        found += _semantic(packs)
    return found, packs


def _semantic(packs: list[tuple[Variant, Pack]]) -> list[Finding]:
    reach, found = Reach(), list(check_classes(packs[0][1]))
    for variant, pack in packs:
        if not any(layer.unset for layer in pack.layers):
            explore(pack, reach)
        told = {(one.code, one.line, one.column, one.file) for one in found}
        found += [in_reading(one, variant) for one in check_values(pack)
                  if not variant.reading or (one.code, one.line, one.column, one.file) not in told]
    return [*found, *findings_of(reach)]


def in_reading(found: Finding, variant: Variant) -> Finding:
    """A finding of a reading that no profile chooses is a note that names the reading."""
    if not variant.reading:
        return found
    return replace(found, severity="note", message=f"{found.message} (only under the reading "
                   f"{variant.label}, which no profile chooses)")
