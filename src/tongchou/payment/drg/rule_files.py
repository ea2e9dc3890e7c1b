"""The rule-text layout of a scheme: `rules.csv` and `sets.csv` (规则文本方案).

`rules.csv`: `level` mdc, adrg or drg; `code`; `parent` (the MDC of an ADRG, the ADRG of a DRG);
`order` among those of one parent; `rule`; `name`; optional `kind`, `ambiguous` for the group of an
MDC that takes misfitting operations. `sets.csv`: `set` and `code`. Complications and exclusions
stand in the files of the plain-table layout.
"""
from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from .conditions import Condition, Severity, leaves
from .rule_text import KINDS, SEVERITIES, read_rule
from .scheme import BaseGroup, Complication, Group, MajorClass, Scheme, digest_of
from .sheets import Row, Sheet, names_of, read_sheet
from .tables import read_complications, read_exclusions

LEVELS = {"mdc": "", "adrg": "mdc", "drg": "adrg"}
AMBIGUOUS = "ambiguous"


def read_rule_scheme(folder: Path) -> Scheme:
    """A scheme in rule text. Raises CaseError with file, line, and the column in the rule."""
    rules = read_sheet(folder, "rules.csv", ("level", "code", "parent", "order", "rule", "name"))
    sets = _sets(folder)
    below = _below(rules)
    complications: dict[str, Complication] = {}
    exclusions: dict[str, frozenset[str]] = {}
    classes = tuple(_major(row, below, sets) for row in below["mdc", ""])
    if (folder / "complication.csv").is_file():
        complications, exclusions = read_complications(folder), read_exclusions(folder)
    elif row := _speaks_of_severity(classes, rules):
        raise row.fault("rule", "empty-list", "the rule asks for complications, but there is no "
                        "complication.csv")
    return Scheme(folder.name, classes, sets, complications, exclusions,
                  names_of(folder, "dx_names.csv", "dx"), names_of(folder, "px_names.csv", "px"),
                  str(folder), digest_of(folder))


def _sets(folder: Path) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in read_sheet(folder, "sets.csv", ("set", "code")).rows:
        name = row.code("set").upper()
        if name in SEVERITIES or name[:2] not in KINDS:
            raise row.fault("set", "bad-name", "a set is named DI_... (diagnoses) or OP_... "
                            "(procedures)")
        found[name].add(row.code("code"))
    return {name: frozenset(codes) for name, codes in found.items()}


def _below(rules: Sheet) -> dict[tuple[str, str], list[Row]]:
    """(level, parent) -> rows in order; every parent exists and no two rows share a place."""
    rules.unlike("level", "code")
    ordinary = Sheet(tuple(row for row in rules.rows if not _is_ambiguous(row)))
    ordinary.unlike("level", "parent", "order")
    known = {level: {row["code"] for row in ordinary.rows if row["level"] == level}
             for level in LEVELS}
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rules.rows:
        above = LEVELS[row.one_of("level", LEVELS)]
        row.code("code")
        if above:
            row.one_of("parent", known[above], f"rules.csv ({above})")
        elif row["parent"]:
            raise row.fault("parent", "unknown-word", "an MDC has no parent")
        kind = AMBIGUOUS if _is_ambiguous(row) else row["level"]
        found[kind, row["parent"]].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.number("order"))
    return found


def _is_ambiguous(row: Row) -> bool:
    return row.cells.get("kind", "") == AMBIGUOUS


def _major(row: Row, below: dict[tuple[str, str], list[Row]],
           sets: dict[str, frozenset[str]]) -> MajorClass:
    misfits = below.get((AMBIGUOUS, row["code"]), [])
    if len(misfits) > 1:
        raise misfits[1].fault("kind", "duplicate-key", "the MDC has two ambiguous groups")
    return MajorClass(row["code"], row["name"], _test(row, sets), tuple(
        BaseGroup(base["code"], base["name"], _test(base, sets), tuple(
            Group(group["code"], group["name"], _test(group, sets))
            for group in _some_groups(base, below)))
        for base in below.get(("adrg", row["code"]), [])), misfits[0]["code"] if misfits else "")


def _some_groups(base: Row, below: dict[tuple[str, str], list[Row]]) -> list[Row]:
    if not below.get(("drg", base["code"])):
        raise base.fault("code", "empty-field", "the ADRG has no group")
    return below["drg", base["code"]]


def _test(row: Row, sets: dict[str, frozenset[str]]) -> Condition:
    return read_rule(row["rule"], sets, f"{row.file}:{row.line}")


def _speaks_of_severity(classes: tuple[MajorClass, ...], rules: Sheet) -> Row | None:
    """The first rule that asks for complications."""
    asking = {group.code for major in classes for base in major.base_groups
              for group in base.groups
              if any(isinstance(leaf, Severity) for leaf in leaves(group.test))}
    return next((row for row in rules.rows if row["code"] in asking), None)
