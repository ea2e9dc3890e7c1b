"""What a region has settled about DIP, each value with its source and grade (地方参数).

No threshold stands in Python. A value that nobody published is left out of the file; whoever needs
it is refused by name (`unset-parameter`). Grades: A official text, B draft or newspaper, C
inference, X placeholder. Everything computed lists the values it used that are not of grade A.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import CaseError, Refusal
from ...money import percent_text, yuan_text
from ...policy import Node, parse_yaml, read_text
from .bands import Band, read_bands
from .region_nodes import (READERS, amount_ppm, elements, fault, mapping, read_sources, text)

# Block -> key -> how it is read; a tuple lists the words that may stand there.
SETTINGS: dict[str, dict[str, object]] = {
    "matching": {"excluded_diagnosis": ("not_grouped", "pre_groups"),
                 "excluded_procedure": ("conservative", "next_procedure"),
                 "plus_main": ("any", "first"), "ties": ("order", "highest_points")},
    "building": {"year_weights": "weights", "year_mean": ("means", "cases"),
                 "basic": ("national", "data"), "threshold_cases": "whole",
                 "core_share": "percent", "comprehensive_cases": "whole",
                 "comprehensive_cv": "percent", "related_extra": "percent",
                 "related_cases": "whole", "trim_low": "percent", "trim_high": "percent",
                 "primary_level": "text", "primary_share": "percent", "primary_cv": "percent"},
    "points": {"method": ("mean", "base_disease", "fixed_quota"), "base_disease": "text",
               "fixed_mean": "yuan", "scale": "whole", "drug_over": ("own", "total")},
    "coefficients": {"method": ("class", "class_case_mix", "class_group"),
                     "by_insurance": ("yes", "no"), "group_cases": "whole",
                     "group_gap": "percent"},
    "auxiliary": {"group_cases_over": "whole", "type_cases_over": "whole", "cv_fall": "percent",
                  "cv_before": "percent", "by_insurance": ("yes", "no")},
    "deviation": {"standard": ("level_mean", "payment_standard"),
                  "missing_standard": ("group_mean", "none")},
    "no_group": {"method": ("share_of_mean", "zero"), "factor": "percent",
                 "coefficient": ("times", "none")},
    "monitoring": {"same_hospital": ("yes", "no"), "same_group": ("yes", "no")},
}
TOP = ("region", "version", "sources", "base", *SETTINGS)


@dataclass(frozen=True)
class Setting:
    """One value of the region's file: what, from which source, how sure, and where it stands."""

    value: object
    source: str
    grade: str
    where: str


@dataclass(frozen=True)
class Class:
    """A class of an auxiliary type or an indicator: a name and the condition text.

    `factor_ppm` only of indicators: what the score of a flagged case is multiplied with, where a
    region still takes points for violations (违规扣分); None says that it only looks.
    """

    name: str
    when: str
    where: str
    factor_ppm: int | None = None


@dataclass(frozen=True)
class AuxiliaryType:
    """An auxiliary type (辅助目录): its classes in order, the first that holds takes the case.

    `groups` says which groups it is for: all, tumour or not_tumour (list `@tumour`).
    """

    name: str
    groups: str
    classes: tuple[Class, ...]


@dataclass(frozen=True)
class Region:
    """A region's parameters. `settings` by path such as `building.related_extra`."""

    name: str
    version: str
    settings: Mapping[str, Setting]
    bands: tuple[Band, ...] = ()
    types: tuple[AuxiliaryType, ...] = ()
    indicators: tuple[Class, ...] = ()
    bonuses: Mapping[str, int] = field(default_factory=dict)
    file: str = ""

    def has(self, path: str) -> bool:
        """Whether the file gives this value."""
        return path in self.settings

    def get(self, path: str) -> object:
        """The value; Refusal `unset-parameter` where the file leaves it open."""
        found = self.settings.get(path)
        if found is None:
            raise Refusal("unset-parameter", f"the region's file does not give {path}", self.file,
                          hint="Write it with its source; docs/payment-dip.md says what it means.")
        return found.value

    def whole(self, path: str) -> int:
        """A whole number, an amount in fen or parts per million."""
        found = self.get(path)
        assert isinstance(found, int), path
        return found

    def word(self, path: str) -> str:
        """A word."""
        found = self.get(path)
        assert isinstance(found, str), path
        return found

    def says(self, path: str, word: str) -> bool:
        """Whether the file gives this word; a value left open says nothing."""
        return self.has(path) and self.word(path) == word

    def unsure(self) -> list[dict[str, str]]:
        """Values of another grade than A, for every output that rests on them."""
        return [{"parameter": path, "value": _shown(path, one.value), "grade": one.grade,
                 "source": one.source} for path, one in sorted(self.settings.items())
                if one.grade != "A"]


def _shown(path: str, value: object) -> str:
    """A value as people write it."""
    block, key = path.split(".")
    show = {"percent": percent_text, "yuan": yuan_text}.get(str(SETTINGS[block].get(key)), str)
    return ":".join(map(str, value)) if isinstance(value, tuple) else show(value)


def read_region(path: Path) -> Region:
    """A region's file (YAML), over the file its `base` names. Raises CaseError with its place."""
    root = parse_yaml(read_text(path), str(path), CaseError)
    top = mapping(root, "a region's file", TOP)
    if "base" not in top:
        return region_of(root, str(path))
    below = path.parent / text(top["base"], "a file")
    inner = parse_yaml(read_text(below), str(below), CaseError)
    if "base" in mapping(inner, "a region's file", TOP):
        raise fault(top["base"], "nested-base", f"{below} has a base of its own",
                    "Let a file rest on one other at most.")
    return region_of(root, str(path), region_of(inner, str(below)))


def region_of(root: Node, file: str = "", base: Region | None = None) -> Region:
    """A region from nodes; what it leaves open is as in `base`. See `read_region`."""
    top = mapping(root, "a region's file", TOP)
    for key in ("region", "version", "sources"):
        if key not in top:
            raise fault(root, "missing-key", f"`{key}` is missing")
    sources = read_sources(top["sources"])
    settings: dict[str, Setting] = dict(base.settings) if base else {}
    extra: dict[str, object] = {name: getattr(base, name) if base else empty for name, empty in (
        ("bands", ()), ("types", ()), ("indicators", ()), ("bonuses", {}))}
    for block in SETTINGS:
        if block in top:
            _read_block(block, top[block], sources, settings, extra)
    return Region(text(top["region"], "a name"), text(top["version"], "a version"), settings,
                  file=file, **extra)


LISTS = {"deviation": "bands", "auxiliary": "types", "monitoring": "indicators",
         "coefficients": "bonuses"}


def _read_block(block: str, node: Node, sources: Mapping[str, str],
                settings: dict[str, Setting], extra: dict[str, object]) -> None:
    kinds = SETTINGS[block]
    inner = LISTS.get(block, "")
    items = mapping(node, f"`{block}`", ("source", *kinds, *([inner] if inner else [])))
    common = _source(items.get("source"), sources)
    for key, kind in kinds.items():
        if key in items:
            one, source = items[key], common
            if one.items is not None:
                leaf = mapping(one, f"`{key}`", ("value", "source"))
                if "value" not in leaf:
                    raise fault(one, "missing-key", "`value` is missing")
                one, source = leaf["value"], _source(leaf.get("source"), sources) or common
            if not source:
                raise fault(one, "no-source", f"`{block}.{key}` names no source",
                            "Write `source:` in the block, or {value: ..., source: ...}.")
            settings[f"{block}.{key}"] = Setting(_value(one, key, kind), source, sources[source],
                                                 one.where)
    if inner in items:
        if not common:
            raise fault(node, "no-source", f"`{block}.{inner}` names no source", "Write `source:`.")
        extra[inner] = _INNER[inner](items[inner])
        settings[f"{block}.{inner}"] = Setting(f"{len(extra[inner])} rows", common,
                                               sources[common], items[inner].where)


def _source(node: Node | None, sources: Mapping[str, str]) -> str:
    if node is None:
        return ""
    name = text(node, "a source")
    if name not in sources:
        raise fault(node, "unknown-source", f"the source {name!r} is not among `sources`")
    return name


def _value(node: Node, key: str, kind: object) -> object:
    if isinstance(kind, tuple):
        word = text(node, f"`{key}`")
        if word not in kind:
            raise fault(node, "unknown-word", f"`{key}` is {word!r}",
                        f"Write one of {', '.join(kind)}.")
        return word
    return READERS[str(kind)](node)


def _classes(node: Node) -> tuple[Class, ...]:
    found = []
    for one in elements(node):
        items = mapping(one, "a class", ("name", "when"))
        if set(items) != {"name", "when"}:
            raise fault(one, "missing-key", "a class has `name` and `when`")
        when = items["when"]
        found.append(Class(text(items["name"], "a name"), when.text or "", when.where))
    return tuple(found)


def _indicators(node: Node) -> tuple[Class, ...]:
    found = []
    for one in elements(node):
        items = mapping(one, "an indicator", ("name", "when", "factor"))
        if not {"name", "when"} <= set(items):
            raise fault(one, "missing-key", "an indicator has `name` and `when`")
        factor = READERS["percent"](items["factor"]) if "factor" in items else None
        found.append(Class(text(items["name"], "a name"), items["when"].text or "",
                           items["when"].where, factor))
    return tuple(found)


def _types(node: Node) -> tuple[AuxiliaryType, ...]:
    found = []
    for one in elements(node):
        items = mapping(one, "an auxiliary type", ("name", "groups", "classes"))
        if not {"name", "classes"} <= set(items):
            raise fault(one, "missing-key", "an auxiliary type has `name` and `classes`")
        groups = _value(items["groups"], "groups", ("all", "tumour", "not_tumour")) \
            if "groups" in items else "all"
        found.append(AuxiliaryType(text(items["name"], "a name"), str(groups),
                                   _classes(items["classes"])))
    return tuple(found)


def _bonuses(node: Node) -> dict[str, int]:
    """Hospital -> what is added to its coefficient (speciality, CMI, review), ppm."""
    found: dict[str, int] = {}
    for one in elements(node):
        items = mapping(one, "a bonus", ("hospital", "add", "why"))
        if set(items) != {"hospital", "add", "why"}:
            raise fault(one, "missing-key", "a bonus has `hospital`, `add` and `why`")
        hospital = text(items["hospital"], "a hospital")
        found[hospital] = found.get(hospital, 0) + amount_ppm(items["add"])
    return found


_INNER = {"bands": read_bands, "types": _types, "indicators": _indicators, "bonuses": _bonuses}
