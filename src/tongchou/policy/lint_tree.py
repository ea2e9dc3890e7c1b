"""Checks on what a pack file says, before anything is computed: clauses, names, titles, profiles.

They look at the whole tree, unchosen readings included, so a name that only another reading uses
counts as used.
"""
from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from .lint_finding import Finding, finding, key_where
from .lint_schema import profile_values, section
from .load import pack_file
from .source import Node

NUMBER = re.compile(r"[+-]?\d[\d.]*%?\Z")
NUMBER_SECTIONS = ("layers", "pots", "contributions", "statuses", "attributes", "referral")
NOT_NUMBERS = ("clause", "clauses", "title", "year", "round_to", "fund_pay_type", "note")
SHEET_KINDS = ("benefit", "funding", "scope")
_CONDITIONS = ("for", "except", "as_if")
_DIMENSION_OF = {"hospitals": "hospital", "persons": "person", "ages": "age",
                 "diseases": "disease", "statuses": "status"}


def cited_by(node: Node) -> list[tuple[str, Node]]:
    """Clauses that a mapping itself names, with the node that names each."""
    found = []
    for key in ("clause", "clauses"):
        child = (node.items or {}).get(key)
        if child is not None:
            found += [(part.text, part) for part in child.elements or [child] if part.text]
    return found


def check_tree(root: Node, path: Path) -> list[Finding]:
    """All findings that need only the tree; `path` is the pack's file (for the fact sheet)."""
    return [*_without_clause(root), *_unused(root), *_titles(root), *_profiles(root),
            *check_sheet(root, path)]


def _without_clause(root: Node) -> Iterator[Finding]:
    for name, layer in section(root, "layers").items():
        if not cited_by(layer):
            yield finding("error", "layer-without-clause", key_where(root.items["layers"], name),
                          f"layer {name} rests on no clause",
                          "Add `clauses: [XX-01]`: what document says that this fund pays?")
    for name in NUMBER_SECTIONS:
        if name in (root.items or {}):
            yield from _numbers(root.items[name], False)


def _numbers(node: Node, covered: bool) -> Iterator[Finding]:
    covered = covered or bool(cited_by(node))
    if node.text is not None and NUMBER.match(node.text) and not node.quoted and not covered:
        yield finding("warning", "number-without-clause", node.where,
                      f"no clause stands over the number {node.text}",
                      "Add `clause:` beside it or to the mapping around it.")
    for key, child in (node.items or {}).items():
        if key not in NOT_NUMBERS or child.items is not None:
            yield from _numbers(child, covered)
    for child in node.elements or ():
        yield from _numbers(child, covered)


# --- names nobody uses ---------------------------------------------------------------------------


def _unused(root: Node) -> Iterator[Finding]:
    rules = [root.items[name] for name in (*NUMBER_SECTIONS, "settings")
             if name in (root.items or {})]
    used = set().union(*(parameters_in(node) for node in rules), set())
    for name, node in section(root, "parameters").items():
        if name not in used:
            yield _nobody(root, "parameters", name, "warning", "no rule asks for it", node)
    pots = {name for layer in section(root, "layers").values()
            for name in _pots_of((layer.items or {}).get("cap"))}
    for name in section(root, "pots"):
        if name not in pots:
            yield _nobody(root, "pots", name, "warning", "no layer names it under `cap:`")
    yield from _unused_words(root, "facts", "fact")
    yield from _unused_words(root, "funds", "fund")
    yield from _unused_classes(root)


def _pots_of(cap: Node | None) -> set[str]:
    """Pots named by a `cap:`, in a list and in every reading too."""
    if cap is None or (cap.items is not None and "choose" not in cap.items):
        return set()
    if cap.text is not None:
        return {cap.text}
    branches = [child for key, child in (cap.items or {}).items() if key != "choose"]
    return set().union(*(_pots_of(part) for part in (*branches, *(cap.elements or ()))), set())


def _nobody(root: Node, kind: str, name: str, severity: str, why: str,
            node: Node | None = None) -> Finding:
    cited = cited_by(node) if node is not None else []
    word = {"statuses": "status", "classes": "class"}.get(kind, kind[:-1])
    return finding(severity, f"unused-{word}", key_where(root.items[kind], name),
                   f"nobody uses `{name}` of `{kind}:`: {why}",
                   "Delete it, or name it where it should count.", cited[0][0] if cited else "")


def parameters_in(node: Node) -> set[str]:
    """Names of the parameters a part of the tree asks for, in any reading."""
    found = set()
    for part in node.walk():
        if part.text and part.text.startswith("$"):
            found.add(part.text[1:])
        if part.items:
            found |= {key[4:].strip() for key in part.items if key.startswith("to $")}
            if "choose" in part.items:
                found.add((part.items["choose"].text or "").lstrip("$"))
    return found


def _unused_words(root: Node, kind: str, key: str) -> Iterator[Finding]:
    used = {part.items[key].text for part in root.walk() if part.items and key in part.items}
    for name in section(root, kind):
        if name not in used:
            yield _nobody(root, kind, name, "warning", f"no rule has `{key}: {name}`")


def _unused_classes(root: Node) -> Iterator[Finding]:
    named: set[tuple[str, str]] = set()
    for name in (*NUMBER_SECTIONS, "parameters"):
        if name in (root.items or {}):
            named |= mentions(root.items[name])
    named |= _mentioned_by_profiles(root)
    for kind, dimension in _DIMENSION_OF.items():
        # Where rules name some class of an institution, person or age, the others are its rest.
        rest = kind not in ("diseases", "statuses") and dimension in {d for d, _ in named}
        for name, node in section(root, kind).items():
            if (dimension, name) not in named and not rest:
                severity = "warning" if kind == "statuses" else "note"
                yield _nobody(root, kind, name, severity,
                              "no rule tells it from the others", node)
    for name, node in section(root, "attributes").items():
        if not any(dimension == name for dimension, _ in named):
            yield _nobody(root, "attributes", name, "warning", "no rule asks for it", node)


def mentions(node: Node) -> set[tuple[str, str]]:
    """(dimension, class) that conditions and tables of a part of the tree name."""
    found = set()
    for part in node.walk():
        for key in _CONDITIONS:
            if part.items and key in part.items:
                found |= _conditions(part.items[key])
        if part.items and "by" in part.items:
            found |= _table(part, [word.text or "" for word in
                                   part.items["by"].elements or [part.items["by"]]])
    return found


def _conditions(node: Node) -> set[tuple[str, str]]:
    found = set()
    for part in node.elements or ():
        found |= _conditions(part)
    for key, child in (node.items or {}).items():
        if "choose" in node.items:
            found |= _conditions(child)
        else:
            found |= {(key, word.text) for word in child.walk() if word.text}
    return found


def _table(node: Node, dimensions: list[str]) -> set[tuple[str, str]]:
    found = {(dimensions[0], key) for key in node.items or {}}
    if len(dimensions) > 1:
        for child in (node.items or {}).values():
            found |= _table(child, dimensions[1:])
    return found


def _mentioned_by_profiles(root: Node) -> set[tuple[str, str]]:
    found = set()
    for profile in section(root, "profiles"):
        for name, node in profile_values(root, profile).items():
            declared = section(root, "parameters").get(name)
            by = (declared.items or {}).get("by") if declared is not None else None
            if by is not None and node.items and "by" not in node.items:
                found |= _table(node, [word.text or "" for word in by.elements or [by]])
            else:
                found |= mentions(node)
    return found


# --- titles and profiles -------------------------------------------------------------------------


def _titles(root: Node) -> Iterator[Finding]:
    title = (root.items or {}).get("title")
    if title is not None and (title.items is None or not {"zh", "en"} <= set(title.items)):
        yield finding("warning", "title-missing", title.where, "the pack needs a title in both "
                      "languages", "Write `title: {zh: ..., en: ...}`.")
    for kind in ("layers", "parameters", "profiles", "funds", "attributes"):
        for name, node in section(root, kind).items():
            given = (node.items or {}).get("title")
            words = set(given.items or ()) if given is not None else set()
            if given is None or (given.items is not None and not {"zh", "en"} <= words):
                lacks = " and ".join(sorted({"zh", "en"} - words))
                yield finding("note", "title-missing", key_where(root.items[kind], name),
                              f"`{name}` of `{kind}:` has no title in {lacks}",
                              "Add `title: {zh: ..., en: ...}`; reports show it.")


def _profiles(root: Node) -> Iterator[Finding]:
    declared = section(root, "parameters")
    for profile, node in section(root, "profiles").items():
        values = profile_values(root, profile)
        for name, parameter in declared.items():
            if name not in values:
                cited = cited_by(parameter)
                yield finding("warning", "profile-without-value",
                              key_where(root.items["profiles"], profile),
                              f"profile {profile} gives `{name}` no value: claims that need it "
                              "are refused", "Add a candidate with grade and source, or leave it "
                              "open on purpose.", cited[0][0] if cited else "")
        entries = (node.items or {}).get("values")
        for name, entry in ((entries.items or {}) if entries is not None else {}).items():
            source = (entry.items or {}).get("source")
            if source is not None and not (source.text or "").strip():
                yield finding("error", "candidate-without-source", entry.where,
                              f"the candidate of `{name}` names no source",
                              "Say which page it was read on, or `source: our reading`.")


# --- the city's fact sheet -----------------------------------------------------------------------


def sheet_of(path: Path, name: str = "clauses.csv") -> Path | None:
    """The fact sheet beside a pack, or beside what it extends; None where there is none."""
    for _ in range(20):
        beside = path.parent / name
        if beside.is_file():
            return beside
        parent = re.search(r"^extends: *[\"']?([^\s\"'#]+)", path.read_text(encoding="utf-8-sig"),
                           re.MULTILINE)
        if not parent:
            return None
        path = pack_file(parent.group(1), path.parent)
    return None


def read_sheet(path: Path) -> list[dict[str, str]]:
    """Rows of a clauses.csv or facts.csv."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def check_sheet(root: Node, path: Path) -> Iterator[Finding]:
    """Clauses of the fact sheet that nothing cites, and citations that the sheet does not have."""
    sheet = sheet_of(path)
    if sheet is None:
        return
    rows = {row["clause"]: row for row in read_sheet(sheet)}
    prefixes = {clause.partition("-")[0] for clause in rows}
    cited = [entry for node in root.walk() for entry in cited_by(node)]
    for clause, node in cited:
        if clause.partition("-")[0] in prefixes and clause not in rows:
            yield finding("error", "clause-not-in-sheet", node.where, f"{clause} is not in the "
                          "fact sheet", f"Correct the number; see {sheet.name} beside the pack.",
                          clause)
    known = {clause for clause, _ in cited}
    for clause, row in rows.items():
        if row["kind"] in SHEET_KINDS and clause not in known:
            yield finding("note", "clause-not-cited", f"{root.file}:1:1", f"nothing here cites "
                          f"{clause} ({row['kind']}): {row['rule'][:90]}",
                          "Add the rule, a parameter or an assumption that cites it, or leave it "
                          "to another part of the system.", clause)
