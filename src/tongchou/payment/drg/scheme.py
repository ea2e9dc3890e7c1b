"""A grouping scheme as it stands on paper: classes, tests in order, lists of codes (分组方案).

`load_scheme` reads a folder in either layout, the plain tables (`mdc.csv`, `adrg.csv` ..., see
`tables`) or rule text (`rules.csv`, `sets.csv`, see `rule_text`), or a published workbook (see
`workbook`). A scheme that contradicts itself is refused with file, row and value. No rule of any
version stands in Python.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import CaseError
from .conditions import Condition

if TYPE_CHECKING:
    from .compile import Plan

TUTORIAL = "tutorial"
VALID = "OP_ALL"               # the set of procedures that count as an operation, in every layout
MAJOR_SET, MINOR_SET = "MCC", "CC"


class Group(NamedTuple):
    """A payment group (DRG): code, name, and its test, tried in order inside the ADRG."""

    code: str
    name: str
    test: Condition


class BaseGroup(NamedTuple):
    """A base group (ADRG, 核心疾病诊断相关组): cases alike in diagnosis and treatment.

    `ambiguous` marks the xQY group of its class (歧义组): it is tried in its place, on request
    only. Without `groups` it is the class's rest (x00): its cases are not grouped.
    """

    code: str
    name: str
    test: Condition
    groups: tuple[Group, ...]
    ambiguous: bool = False


class MajorClass(NamedTuple):
    """A major diagnostic category (MDC, 主要诊断大类)."""

    code: str
    name: str
    test: Condition
    base_groups: tuple[BaseGroup, ...]


class Complication(NamedTuple):
    """A diagnosis that makes a case heavier: `level` of `conditions`, its exclusion table."""

    level: int
    table: str


@dataclass(frozen=True)
class Scheme:
    """One version of a grouping scheme. `classes` are tried in order, as are the groups inside.

    `sets` are the lists of codes the tests name; `exclusions` gives for a principal diagnosis the
    tables whose complications do not count. `dx_names` and `px_names` are empty when the scheme
    brings no list of names; `source` is its folder and `digest` the SHA-256 of its files.
    """

    name: str
    classes: tuple[MajorClass, ...]
    sets: dict[str, frozenset[str]]
    complications: dict[str, Complication]
    exclusions: dict[str, frozenset[str]]
    dx_names: dict[str, str] = field(default_factory=dict)
    px_names: dict[str, str] = field(default_factory=dict)
    source: str = ""
    digest: str = ""

    @cached_property
    def plan(self) -> Plan:
        """The compiled scheme; made once, when the first case is grouped."""
        from .compile import compile_scheme
        return compile_scheme(self)

    @cached_property
    def group_names(self) -> dict[str, str]:
        """Code -> name of every payment group, in the order of the tests."""
        return {group.code: group.name for major in self.classes
                for base in major.base_groups for group in base.groups}


def load_scheme(folder: Path | str) -> Scheme:
    """The scheme of a folder or a workbook; `tutorial` is the small one that is shipped.

    Raises CaseError when a file is missing or unreadable, a code dangles, two groups have one
    place in the order, or a rule is unknown.
    """
    from . import rule_files, tables, workbook
    path = Path(__file__).with_name("tutorial_scheme") if str(folder) == TUTORIAL and \
        not Path(folder).exists() else Path(folder)
    if path.suffix.lower() == ".xlsx" and path.is_file():
        return workbook.read_workbook(path)
    if not path.is_dir():
        raise CaseError("unreadable-file", "there is no such folder or workbook", str(folder),
                        hint="Name the folder of a scheme, its .xlsx workbook, or `tutorial` for "
                        "the shipped one.")
    if (path / "rules.csv").is_file():
        return rule_files.read_rule_scheme(path)
    if (path / "mdc.csv").is_file():
        return tables.read_table_scheme(path)
    raise CaseError("unknown-kind", "the folder is no scheme: it has neither mdc.csv nor rules.csv",
                    str(folder), hint="docs/payment-grouping.md lists the files of a scheme.")


def digest_of(folder: Path) -> str:
    """SHA-256 over names and contents of the folder's CSV files."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.csv")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
