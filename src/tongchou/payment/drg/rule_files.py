"""The rule-text layout of a scheme: `rules.csv` and `sets.csv` (规则文本方案).

`rules.csv`: `level` mdc, adrg or drg; `code`; `parent` (the MDC of an ADRG, the ADRG of a DRG);
`order` among those of one parent; `rule`; `name`; optional `kind` of an ADRG: `ambiguous` (xQY,
tried in its place, on request only) or `rest` (x00, takes last what no other takes, ungrouped).
`sets.csv`: `set` and `code`. Complications and exclusions stand in the files of the plain-table
layout. `workbook` reads the same from the sheets of a workbook.
"""
from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from .conditions import ALWAYS, Severity, leaves
from .rule_text import KINDS, SEVERITIES, read_rule
from .scheme import BaseGroup, Group, MajorClass, Scheme, digest_of
from .sheets import Row, Sheet, names_of, read_sheet
from .tables import COMPLICATION_COLUMNS, EXCLUSION_COLUMNS, read_complications, read_exclusions

ABOVE = {"mdc": "", "adrg": "mdc", "drg": "adrg"}
AMBIGUOUS, REST = "ambiguous", "rest"
NO_ROWS = Sheet(())
Sets = dict[str, frozenset[str]]


class RuleBook(NamedTuple):
    """The lists of a scheme in rule text, whatever file they came from.

    `names` are the texts of diagnoses and of procedures by code.
    """

    name: str
    source: str
    digest: str
    rules: Sheet
    sets: Sheet
    complications: Sheet
    exclusions: Sheet
    names: tuple[dict[str, str], dict[str, str]]


def read_rule_scheme(folder: Path) -> Scheme:
    """A scheme in rule text. Raises CaseError with file, line, and the column in the rule."""
    rules = read_sheet(folder, "rules.csv", ("level", "code", "parent", "order", "rule", "name"))
    complications, exclusions = NO_ROWS, NO_ROWS
    if (folder / "complication.csv").is_file():
        complications = read_sheet(folder, "complication.csv", COMPLICATION_COLUMNS)
        exclusions = read_sheet(folder, "principal_exclusion.csv", EXCLUSION_COLUMNS)
    return scheme_of(RuleBook(
        folder.name, str(folder), digest_of(folder), rules,
        read_sheet(folder, "sets.csv", ("set", "code")), complications, exclusions,
        (names_of(folder, "dx_names.csv", "dx"), names_of(folder, "px_names.csv", "px"))))


def scheme_of(book: RuleBook) -> Scheme:
    """The scheme that these lists state. Raises CaseError with the place of what is wrong."""
    sets = _sets(book.sets)
    _check(book.rules)
    below = _below(book.rules)
    classes = tuple(_major(row, below, sets) for row in below["mdc", ""])
    if not book.complications.rows and (row := _asks_for_severity(classes, book.rules)):
        raise row.fault("rule", "empty-list", "the rule asks for complications, but the scheme "
                        "lists none")
    return Scheme(book.name, classes, sets, read_complications(book.complications),
                  read_exclusions(book.exclusions), *book.names, book.source, book.digest)


def _sets(sheet: Sheet) -> Sets:
    found: dict[str, set[str]] = defaultdict(set)
    for row in sheet.rows:
        name = row.code("set").upper()
        if name in SEVERITIES or name[:2] not in KINDS:
            raise row.fault("set", "bad-name", "a set is named DI_... (diagnoses) or OP_... "
                            "(procedures)")
        found[name].add(row.code("code"))
    return {name: frozenset(codes) for name, codes in found.items()}


def _check(rules: Sheet) -> None:
    """Every parent exists, and no two rows share a code or a place.

    A DRG may stand under two ADRGs. The place of a `rest` does not matter: the 3.0 workbook gives
    one of them (O00) that of another group.
    """
    rules.unlike("level", "code", "parent")
    Sheet(tuple(row for row in rules.rows if row["level"] != "drg")).unlike("level", "code")
    Sheet(tuple(row for row in rules.rows if _kind(row) != REST)).unlike("level", "parent", "order")
    known = {level: {row["code"] for row in rules.rows if row["level"] == level}
             for level in ABOVE}
    for row in rules.rows:
        above = ABOVE[row.one_of("level", ABOVE)]
        row.code("code")
        if above:
            row.one_of("parent", known[above], f"the rules ({above})")
        elif row["parent"]:
            raise row.fault("parent", "unknown-word", "an MDC has no parent")
        if _kind(row) not in (("", AMBIGUOUS, REST) if row["level"] == "adrg" else ("",)):
            raise row.fault("kind", "unknown-word", "an ADRG may be ambiguous or rest, nothing "
                            "else")


def _below(rules: Sheet) -> dict[tuple[str, str], list[Row]]:
    """(level, parent) -> rows in order, the rest of a class last."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rules.rows:
        found[row["level"], row["parent"]].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (_kind(row) == REST, row.number("order")))
    return found


def _kind(row: Row) -> str:
    return row.cells.get("kind", "")


def _major(row: Row, below: dict[tuple[str, str], list[Row]], sets: Sets) -> MajorClass:
    bases = below.get(("adrg", row["code"]), [])
    for kind in (AMBIGUOUS, REST):
        if len(twice := [base for base in bases if _kind(base) == kind]) > 1:
            raise twice[1].fault("kind", "duplicate-key", f"the MDC has two {kind} groups")
    return MajorClass(row["code"], row["name"], read_rule(row["rule"], sets, row.place),
                      tuple(_base(base, below, sets) for base in bases))


def _base(row: Row, below: dict[tuple[str, str], list[Row]], sets: Sets) -> BaseGroup:
    kind, rows = _kind(row), below.get(("drg", row["code"]), [])
    groups = tuple(Group(group["code"], group["name"],
                         read_rule(group["rule"], sets, group.place)) for group in rows)
    if kind == REST:
        groups = ()
    elif kind == AMBIGUOUS:
        groups = groups or (Group(row["code"], row["name"], ALWAYS),)
    elif not groups:
        raise row.fault("code", "empty-field", "the ADRG has no group")
    return BaseGroup(row["code"], row["name"], read_rule(row["rule"], sets, row.place), groups,
                     kind == AMBIGUOUS)


def _asks_for_severity(classes: tuple[MajorClass, ...], rules: Sheet) -> Row | None:
    """The first rule that asks for complications."""
    asking = {group.code for major in classes for base in major.base_groups
              for group in base.groups
              if any(isinstance(leaf, Severity) for leaf in leaves(group.test))}
    return next((row for row in rules.rows if row["code"] in asking), None)
