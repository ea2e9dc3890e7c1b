"""Reading a catalogue: the national layout, or our folder with lists and points (病种目录文件).

`groups.csv` alone is enough. Beside it may lie `exclusions.csv`, `properties.csv` and `lists.csv`;
a region's own catalogue also has `standards.csv` and its kin (see docs/payment-dip.md). All faults
of the groups are found before the first is raised; its hint says how many more there are.
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import CaseError
from .conditions import MAIN_FIRST, ConditionFault, code_list, normal_code, read_condition
from .expressions import read_expression
from .model import (EVERY, LAYERS, NATIONAL_LAYERS, PROPERTIES, Catalogue, DayBand, Exclusions,
                    Group)
from .rows import Row, read_rows

NATIONAL = ("layer", "seq", "dx", "px", "condition")
OURS = (*NATIONAL, "code", "property", "name", "points", "drug_points", "consumable_points",
        "mean", "mean_days", "cases", "cv", "death_rate", "primary_care", "same_as", "day_points")
GROUPS, EXCLUSIONS, PROPERTIES_FILE, LISTS = (
    "groups.csv", "exclusions.csv", "properties.csv", "lists.csv")
CHARLSON = "charlson"
YES_NO = {"": False, "no": False, "yes": True}


def read_catalogue(path: Path, version: str = "") -> Catalogue:
    """The catalogue in a folder, or in one CSV of groups.

    Raises CaseError with file, row and column: unreadable, malformed, two groups of one order, two
    groups of the same tests, a reference that leads nowhere.
    """
    folder = path if path.is_dir() else None
    groups = folder / GROUPS if folder else path
    lists, charlson = _lists(folder / LISTS) if _has(folder, LISTS) else ({}, {})
    exclusions = _exclusions(folder / EXCLUSIONS, lists) if _has(folder, EXCLUSIONS) \
        else Exclusions()
    properties = _properties(folder / PROPERTIES_FILE) if _has(folder, PROPERTIES_FILE) else {}
    return Catalogue(version or path.stem, _groups(groups, lists), exclusions, properties, lists,
                     charlson)


def _has(folder: Path | None, name: str) -> bool:
    return folder is not None and (folder / name).is_file()


def _groups(path: Path, lists: Mapping[str, tuple[str, ...]]) -> tuple[Group, ...]:
    found: list[Group] = []
    faults: list[CaseError] = []
    for row in read_rows(path, NATIONAL[:3], OURS):
        try:
            found.append(_group(row, lists))
        except CaseError as fault:
            faults.append(fault)
    faults += check_groups(found, str(path))
    if faults:
        first = faults[0]
        if len(faults) > 1:
            first.hint = f"{first.hint} {len(faults) - 1} more faults follow.".strip()
        raise first
    if not found:
        raise CaseError("empty-catalogue", "the catalogue has no groups", str(path),
                        hint="Write one row a group below the header.")
    return tuple(sorted(found, key=lambda group: (LAYERS.index(group.layer), group.seq)))


def _group(row: Row, lists: Mapping[str, tuple[str, ...]]) -> Group:
    layer = row.word("layer", (*NATIONAL_LAYERS, *LAYERS))
    layer = NATIONAL_LAYERS.get(layer, layer)
    seq = row.whole("seq")
    if seq is None:
        raise row.error("missing-value", "seq is empty", "seq")
    written = row.needed("dx")
    dx = (EVERY,) if written == EVERY else row.reading(
        "dx", lambda: code_list(written, lists, diagnoses=True))
    px = row.text("px")
    ways = row.reading("px", lambda: read_expression(px))
    condition = row.reading("condition", lambda: read_condition(row.text("condition"), lists))
    kind = row.word("property", PROPERTIES) if layer == "comprehensive" else ""
    if layer == "comprehensive" and (ways or any(len(code) != 3 for code in dx)):
        raise row.error("bad-group", "a comprehensive group is a diagnosis of three characters "
                        "and a property, without procedures", "dx")
    flag = row.text("primary_care")
    if flag not in YES_NO:
        raise row.error("bad-flag", f"primary_care is {flag!r}", "primary_care", "Write yes or no.")
    return Group(row.text("code") or f"{row.text('layer')}{seq}", layer, seq, dx, ways, px,
                 condition, row.text("condition"), kind, row.text("name"), row.milli("points"),
                 row.milli("drug_points"), row.milli("consumable_points"), row.fen("mean"),
                 row.milli("mean_days"), row.whole("cases", 0) or 0, row.ppm("cv"),
                 row.ppm("death_rate"), YES_NO[flag], row.text("same_as"), _bands(row), row.line)


def _bands(row: Row) -> tuple[DayBand, ...]:
    """`1:40|31:32.5`: points a day from the day named on."""
    bands = []
    for item in filter(None, row.text("day_points").split("|")):
        day, _, points = item.partition(":")
        part = Row(row.file, row.line, {"day_points": points, "first day": day})
        first, milli = part.whole("first day"), part.milli("day_points")
        if not first or milli is None or (bands and first <= bands[-1].first):
            raise row.error("bad-day-points", f"{item!r} is no band", "day_points",
                            "Write FIRST_DAY:POINTS with rising days, such as 1:40|31:32.5.")
        bands.append(DayBand(first, milli))
    if bands and bands[0].first != 1:
        raise row.error("bad-day-points", "the first band must begin with day 1", "day_points")
    if (row.text("layer") == "bed_day") != bool(bands):
        raise row.error("bad-day-points", "day_points belong to bed_day groups, each needs them",
                        "day_points")
    return tuple(bands)


def check_groups(groups: list[Group], file: str) -> list[CaseError]:
    """Groups that contradict one another: one code, one order or the same tests twice, and
    references to groups that are not there or lead on to others."""
    faults: list[CaseError] = []
    codes = {group.code: group for group in groups}
    seen: dict[tuple[object, ...], Group] = {}
    for group in groups:
        where = f"{file}:{group.line}"
        for key, code, said in _keys(group):
            other = seen.setdefault(key, group)
            if other is not group:
                faults.append(CaseError(code, f"{group.code} has the same {said} as {other.code} "
                                        f"(row {other.line})", where,
                                        hint="A case could be in either; keep one."))
        if group.same_as:
            target = codes.get(group.same_as)
            if target is None or target.same_as:
                faults.append(CaseError("dangling-group", f"{group.code} is priced as "
                              f"{group.same_as!r}, which is "
                              f"{'no group' if target is None else 'itself a reference'}",
                              f"{where}, same_as", hint="Name a group that has points."))
    return faults


def _keys(group: Group) -> list[tuple[tuple[object, ...], str, str]]:
    ways = frozenset(group.ways if MAIN_FIRST in group.condition.flags
                     else map(frozenset, group.ways))
    return [(("order", group.layer, group.seq), "duplicate-order", "order"),
            (("code", group.code), "duplicate-group", "code"),
            (("tests", group.layer, frozenset(group.dx), ways, group.condition.flags,
              frozenset(group.condition.tests), group.procedure_property), "same-tests", "tests")]


def _exclusions(path: Path, lists: Mapping[str, tuple[str, ...]]) -> Exclusions:
    dx: set[str] = set()
    px: dict[str, tuple[str, ...]] = {}
    for row in read_rows(path, ("kind", "code"), ("kind", "code", "allowed_dx")):
        diagnosis = row.word("kind", ("dx", "px")) == "dx"
        written, allowed = row.needed("code"), row.text("allowed_dx")
        codes = row.reading("code", lambda w=written, d=diagnosis: code_list(w, lists, d))
        if diagnosis:
            dx.update(codes)
        else:
            within = row.reading("allowed_dx", lambda a=allowed: code_list(a, lists, True)) \
                if allowed else ()
            px.update(dict.fromkeys(codes, within))
    return Exclusions(frozenset(dx), px)


def _properties(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in read_rows(path, ("px", "property"), ("px", "property", "name")):
        code = normal_code(row.needed("px"))
        kind = row.word("property", PROPERTIES[1:])
        if found.setdefault(code, kind) != kind:
            raise row.error("contradiction", f"{code} is {found[code]} above and {kind} here", "px")
    return found


def _lists(path: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, int]]]:
    lists: dict[str, tuple[str, ...]] = {}
    charlson: dict[str, tuple[str, int]] = {}
    columns = ("list", "code", "class", "weight", "source")
    for row in read_rows(path, columns[:2], columns):
        name, written = row.needed("list"), row.needed("code")
        diagnoses = not written.strip()[:1].isdigit()
        try:
            codes = code_list(written, lists, diagnoses)
        except ConditionFault as fault:
            raise row.error("bad-condition", str(fault), "code") from None
        if name == CHARLSON:
            weight = row.whole("weight")
            if not weight or not row.text("class"):
                raise row.error("missing-value", "a row of the Charlson index needs class and "
                                "weight", "weight")
            charlson.update(dict.fromkeys(codes, (row.text("class"), weight)))
        lists[name] = tuple(dict.fromkeys((*lists.get(name, ()), *codes)))
    return lists, charlson
