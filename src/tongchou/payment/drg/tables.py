"""The plain-table layout of a scheme: one CSV for each list, one row for each test (方案表).

Files: `mdc.csv`, `mdc_dx.csv`, `adrg.csv`, `adrg_dx.csv`, `adrg_px.csv`, `drg.csv`,
`complication.csv`, `principal_exclusion.csv`, `valid_px.csv`; optional `ambiguous.csv`,
`mdc_names.csv`, `dx_names.csv`, `px_names.csv` (also one folder up, shared by versions).
docs/payment-grouping.md describes every column.
"""
from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from .conditions import (ALWAYS, COMPLICATION, DIAGNOSES, EITHER, FIRST, MAJOR, PROCEDURES,
                         Compare, Condition, Member, Not, Severity, Sites, every,
                         looks_at_procedures)
from .scheme import (VALID, BaseGroup, Complication, Group, MajorClass, Scheme, digest_of)
from .sheets import Row, Sheet, codes_of, names_of, read_sheet
from .slots import read_slots

NEWBORN_DAYS = 28          # what the column `newborn_28d` says
DX_RULES = {"principal": FIRST, "any": EITHER}
SEVERITIES = {"any": ALWAYS, "mcc": Severity(MAJOR), "mcc_or_cc": Severity(COMPLICATION)}
LEVELS = {"MCC": MAJOR, "CC": COMPLICATION}
COMPLICATION_COLUMNS = ("level", "dx", "exclusion_table")
EXCLUSION_COLUMNS = ("dx", "exclusion_table")


def read_table_scheme(folder: Path) -> Scheme:
    """A scheme in the plain-table layout. Raises CaseError with file, row and value."""
    majors = read_sheet(folder, "mdc.csv", ("order", "mdc", "dx_rule", "other_conditions"))
    bases = read_sheet(folder, "adrg.csv", ("mdc", "order", "adrg", "dx_rule", "px_rule",
                                            "newborn_28d", "weight_ge_g", "weight_lt_g", "drgs"))
    groups = read_sheet(folder, "drg.csv", ("drg", "adrg", "order", "severity", "name"))
    sets, sites = _sets(folder, majors, bases)
    majors.unlike("mdc")
    majors.unlike("order")
    by_base = _groups(groups, bases)
    by_major = _base_groups(bases, majors, by_base, sets)
    ambiguous = _ambiguous(folder, majors)
    for major, code in ambiguous.items():
        by_major[major] = _with_misfits(by_major[major], code)
    titles = names_of(folder, "mdc_names.csv", "mdc")
    classes = tuple(MajorClass(row["mdc"], titles.get(row["mdc"], ""),
                               _major_test(row, sets, sites), tuple(by_major[row["mdc"]]))
                    for row in majors.in_order("order"))
    return Scheme(folder.name, classes, {name: frozenset(codes) for name, codes in sets.items()},
                  read_complications(read_sheet(folder, "complication.csv", COMPLICATION_COLUMNS)),
                  read_exclusions(read_sheet(folder, "principal_exclusion.csv",
                                             EXCLUSION_COLUMNS)),
                  names_of(folder, "dx_names.csv", "dx"), names_of(folder, "px_names.csv", "px"),
                  str(folder), digest_of(folder))


# --- lists of codes -------------------------------------------------------------------------------
def _sets(folder: Path, majors: Sheet, bases: Sheet) -> tuple[dict[str, set[str]],
                                                             dict[str, list[str]]]:
    """Set name -> codes, and the names of the site sets of each MDC that has sites."""
    sets: dict[str, set[str]] = defaultdict(set)
    sites: dict[str, list[str]] = defaultdict(list)
    known, bases_known = majors.values("mdc"), bases.values("adrg")
    for row in read_sheet(folder, "mdc_dx.csv", ("mdc", "dx", "site")).rows:
        major = row.one_of("mdc", known, "mdc.csv")
        sets[f"MDC{major}"].add(row.code("dx"))
        if site := row["site"]:
            name = f"MDC{major}:{site}"
            if name not in sets:
                sites[major].append(name)
            sets[name].add(row["dx"])
    for row in read_sheet(folder, "adrg_dx.csv", ("adrg", "dx")).rows:
        sets[row.one_of("adrg", bases_known, "adrg.csv")].add(row.code("dx"))
    for row in read_sheet(folder, "adrg_px.csv", ("adrg", "slot", "px")).rows:
        base = row.one_of("adrg", bases_known, "adrg.csv")
        sets[f"{base} list {row.number('slot')}"].add(row.code("px"))
    sets[VALID] = set(codes_of(read_sheet(folder, "valid_px.csv", ("px",)), "px"))
    return sets, sites


def read_complications(sheet: Sheet) -> dict[str, Complication]:
    """Diagnosis -> level and exclusion table; one that stands twice must say the same."""
    found: dict[str, Complication] = {}
    for row in sheet.rows:
        entry = Complication(LEVELS[row.one_of("level", LEVELS)], row["exclusion_table"])
        if found.setdefault(row.code("dx"), entry) != entry:
            raise row.fault("dx", "duplicate-key", "this complication stands twice")
    return found


def read_exclusions(sheet: Sheet) -> dict[str, frozenset[str]]:
    """Principal diagnosis -> the tables whose complications it bars."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in sheet.rows:
        found[row.code("dx")].add(row.code("exclusion_table"))
    return {dx: frozenset(tables) for dx, tables in found.items()}


# --- tests ----------------------------------------------------------------------------------------
def _groups(groups: Sheet, bases: Sheet) -> dict[str, dict[str, Group]]:
    """ADRG -> code -> group."""
    found: dict[str, dict[str, Group]] = defaultdict(dict)
    known = bases.values("adrg")
    groups.unlike("drg", "adrg")
    groups.unlike("adrg", "order")
    for row in groups.rows:
        base = row.one_of("adrg", known, "adrg.csv")
        test = SEVERITIES[row.one_of("severity", SEVERITIES)]
        found[base][row["drg"]] = Group(row["drg"], row["name"], test)
    return found


def _base_groups(bases: Sheet, majors: Sheet, by_base: dict[str, dict[str, Group]],
                 sets: dict[str, set[str]]) -> dict[str, list[BaseGroup]]:
    """MDC -> its base groups in order."""
    bases.unlike("adrg")
    bases.unlike("mdc", "order")
    found: dict[str, list[BaseGroup]] = defaultdict(list)
    known = majors.values("mdc")
    for row in bases.in_order("order"):
        major, code = row.one_of("mdc", known, "mdc.csv"), row["adrg"]
        own = by_base.get(code, {})
        wanted = [name for name in row["drgs"].split("|") if name]
        if not wanted:
            raise row.fault("drgs", "empty-field", "the ADRG has no group")
        for name in wanted:
            if name not in own:
                raise row.fault("drgs", "unknown-word", f"{name!r} is no group of {code} in "
                                "drg.csv")
        if left := sorted(set(own) - set(wanted)):
            raise row.fault("drgs", "unknown-word", f"drg.csv has {left[0]!r} for {code}, which "
                            "`drgs` does not list")
        found[major].append(BaseGroup(code, "", _base_test(row, sets),
                                      tuple(own[name] for name in wanted)))
    return found


def _major_test(row: Row, sets: dict[str, set[str]], sites: dict[str, list[str]]) -> Condition:
    own = f"MDC{row['mdc']}"
    parts: list[Condition] = []
    if row.one_of("dx_rule", {**DX_RULES, "none": 0}) != "none":
        row.needs_set(sets, own, "mdc_dx.csv")
        parts.append(Member(DIAGNOSES, DX_RULES[row["dx_rule"]], own))
    for word in filter(None, row["other_conditions"].split(";")):
        parts.append(_other(row, word.strip(), tuple(sites[row["mdc"]])))
    return every(*parts) if parts else ALWAYS


def _other(row: Row, word: str, sites: tuple[str, ...]) -> Condition:
    name, sign, value = word.partition(">=") if ">=" in word else word.partition("=")
    if word == "principal_px_valid":
        return Member(PROCEDURES, FIRST, VALID)
    if name in ("sex", "age_years", "age_days", "birth_weight_g") and value.isdigit():
        return Compare(name, sign, int(value))
    if name == "sites" and sign == ">=" and value.isdigit():
        if not sites:
            raise row.fault("other_conditions", "unknown-word", "mdc_dx.csv has no site for this "
                            "MDC")
        return Sites(sites, int(value))
    raise row.fault("other_conditions", "unknown-word", f"{word!r} is no condition of this layout")


def _base_test(row: Row, sets: dict[str, set[str]]) -> Condition:
    code = row["adrg"]
    parts: list[Condition] = []
    if row.one_of("dx_rule", {**DX_RULES, "none": 0}) != "none":
        row.needs_set(sets, code, "adrg_dx.csv")
        parts.append(Member(DIAGNOSES, DX_RULES[row["dx_rule"]], code))
    parts += _procedure_test(row, sets)
    if row["newborn_28d"]:
        row.one_of("newborn_28d", ("1", "0"))
        if row["newborn_28d"] == "1":
            parts.append(Compare("age_days", "<=", NEWBORN_DAYS))
    for column, sign in (("weight_ge_g", ">="), ("weight_lt_g", "<")):
        if row[column]:
            parts.append(Compare("birth_weight_g", sign, row.number(column)))
    return every(*parts) if parts else ALWAYS


def _procedure_test(row: Row, sets: dict[str, set[str]]) -> list[Condition]:
    rule, code = row["px_rule"], row["adrg"]

    def slot(number: int, which: int = EITHER) -> Condition:
        name = f"{code} list {number}"
        row.needs_set(sets, name, "adrg_px.csv")
        return Member(PROCEDURES, which, name)

    if rule == "none":
        return []
    if rule == "principal":
        return [slot(1, FIRST)]
    if rule == "any":
        return [slot(1)]
    if rule == "any1_and_any2":
        return [slot(1), slot(2)]
    if rule == "principal_valid":
        return [Member(PROCEDURES, FIRST, VALID)]
    if rule == "no_valid_px":
        return [Not(Member(PROCEDURES, FIRST, VALID))]
    if rule.startswith("slots:"):
        return [read_slots(rule.removeprefix("slots:"), slot, row)]
    raise row.fault("px_rule", "unknown-word", f"{rule!r} is no rule of this layout")


def _ambiguous(folder: Path, majors: Sheet) -> dict[str, str]:
    """MDC -> its group for operations that do not fit (xQY), from `ambiguous.csv` if there is one.

    Without the file every MDC that is entered by its principal diagnosis has one, named as the
    national schemes do: the letter and QY.
    """
    if not (folder / "ambiguous.csv").is_file():
        return {row["mdc"]: f"{row['mdc']}QY" for row in majors.rows
                if row["dx_rule"] == "principal"}
    sheet = read_sheet(folder, "ambiguous.csv", ("mdc", "group"))
    sheet.unlike("mdc")
    known = majors.values("mdc")
    return {row.one_of("mdc", known, "mdc.csv"): row.code("group") for row in sheet.rows}


def _with_misfits(bases: list[BaseGroup], code: str) -> list[BaseGroup]:
    """The base groups of a class with its xQY group behind the last that looks at procedures."""
    after = 1 + max((place for place, base in enumerate(bases)
                     if looks_at_procedures(base.test)), default=-1)
    group = Group(code, "", ALWAYS)
    own = BaseGroup(code, "", Member(PROCEDURES, FIRST, VALID), (group,), ambiguous=True)
    return [*bases[:after], own, *bases[after:]]
