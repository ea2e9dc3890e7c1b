"""Finding, overlaying, binding and reading packs: `load_pack` (政策包装载)."""
from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from pathlib import Path

from ..errors import PackError, Refusal
from . import reading
from .model import Candidate, Pack
from .overlay import merge
from .schema import read_pack
from .source import Node, parse_yaml, read_text

GRADES = ("A", "B", "C", "X")
EXTENDS_LIMIT = 20


def packs_folder() -> Path:
    """The folder of shipped packs."""
    return Path(str(resources.files("tongchou").joinpath("packs")))


def shipped_packs() -> list[str]:
    """Names CITY/REGIME of the packs that ship, in order."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in packs_folder().glob("*/*.yaml")
                  if path.parent.name != "published")


def clause_texts(pack: Pack) -> dict[str, str]:
    """Clause -> what it says, from the fact sheet beside a shipped pack; empty without one."""
    sheet = packs_folder() / pack.city / "clauses.csv"
    if not sheet.is_file():
        return {}
    with sheet.open(newline="", encoding="utf-8") as rows:
        return {row["clause"]: row["rule"] for row in csv.DictReader(rows)}


def pack_file(name: str, beside: Path | None = None) -> Path:
    """The file of a shipped name or a path (relative paths are seen from `beside`)."""
    shipped = packs_folder() / f"{name}.yaml"
    if "\x00" not in name and len(name) < 400:
        if name.count("/") == 1 and ".." not in name and shipped.is_file():
            return shipped
        for base in ([beside] if beside else []) + [Path.cwd()]:
            if (base / name).is_file():
                return base / name
    raise PackError("unknown-pack", f"there is no pack {name[:80]!r}", hint="Shipped packs: "
                    f"{', '.join(shipped_packs())}. Or give the path of a pack file.")


def load_pack(name: str | Path, profile: str | Mapping[str, object] | None = None,
              beside: Path | None = None) -> Pack:
    """The pack `name` (CITY/REGIME or a path) bound to a profile.

    `profile` is the name of a profile of the pack, a mapping {parameter: value as text}, or None.
    Raises PackError (malformed, unknown pack, profile or parameter).
    """
    problems: list[PackError] = []
    pack = read_with_problems(pack_file(str(name), beside), profile, problems)
    if problems:
        raise problems[0]
    return pack


def read_with_problems(path: Path, profile: str | Mapping[str, object] | None,
                       problems: list[PackError]) -> Pack | None:
    """Like `load_pack` for a file, but collects faults (for lint); None if nothing is readable."""
    try:
        root = read_tree(path)
        return bind(root, profile, problems)
    except PackError as problem:
        problems.append(problem)
    except reading.UnsetChoice as choice:
        problems.append(reading.misplaced(choice))
    return None


def read_tree(path: Path) -> Node:
    """The node tree of a pack file with all it extends merged in."""
    stat = path.stat()
    return _read_tree(str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _read_tree(path_text: str, _changed: int, _size: int) -> Node:
    path, asked = Path(path_text), None
    chain: list[Node] = []
    seen: set[Path] = set()
    while True:
        if path.resolve() in seen or len(seen) > EXTENDS_LIMIT:
            raise PackError("extends-loop", f"{path.name} extends itself in a circle",
                            asked.where if asked else str(path),
                            hint="Break the circle of `extends:`.")
        seen.add(path.resolve())
        node = parse_yaml(read_text(path, PackError), _short(path))
        reading.mapping(node, "a pack")
        chain.append(node)
        if "extends" not in node.items:
            break
        asked = node.items["extends"]
        path = _parent(asked, path.parent)
    merged = chain.pop()
    while chain:
        merged = merge(merged, chain.pop())
    return merged


def _parent(node: Node, folder: Path) -> Path:
    """The file of the pack that another extends, or an error at `extends:`."""
    try:
        return pack_file(reading.text(node, "extends"), folder)
    except PackError as problem:
        problem.where = problem.where or node.where
        raise


def _short(path: Path) -> str:
    for whole, folder, shown in ((path.resolve(), packs_folder().resolve(), Path("packs")),
                                 (path, Path.cwd(), Path())):
        if whole.is_relative_to(folder):
            return str(shown / whole.relative_to(folder))
    return str(path)


def bind(root: Node, profile: str | Mapping[str, object] | None,
         problems: list[PackError]) -> Pack:
    """A tree bound to a profile: choices substituted, parameters given, then read."""
    items = reading.mapping(root, "a pack")
    declared = items["parameters"].items or {} if "parameters" in items else {}
    name, given, candidates = _given(root, profile, declared)
    chosen = _chosen(declared, given)
    clean = Node(root.file, root.line, root.column,
                 items={key: child if key in ("parameters", "profiles") else
                        _substitute(child, chosen, declared) for key, child in items.items()},
                 keys=root.keys)
    return read_pack(clean, name, given, candidates, problems)


def _given(root: Node, profile: str | Mapping[str, object] | None,
           declared: dict[str, Node]) -> tuple[str | None, dict[str, Node],
                                               tuple[Candidate, ...]]:
    items = root.items
    if profile is None:
        return None, {}, ()
    if isinstance(profile, str):
        profiles = items["profiles"].items or {} if "profiles" in items else {}
        if profile not in profiles:
            raise PackError("unknown-profile", f"the pack has no profile {profile!r}",
                            items.get("profiles", root).where,
                            hint=reading.suggest(profile, profiles))
        values = reading.mapping(reading.needed(profiles[profile], "profile", "values"), "values")
        entries = {name: reading.mapping(node, f"candidate {name}",
                                         ("value", "grade", "source", "note"))
                   for name, node in values.items()}
        given = {name: reading.needed(values[name], "candidate", "value") for name in entries}
        grades = {name: (reading.word(reading.needed(values[name], "candidate", "grade"), "grade",
                                      GRADES),
                         reading.text(reading.needed(values[name], "candidate", "source"),
                                      "source")) for name in entries}
        name = profile
    else:
        return _given_by_case(root, profile, declared)
    _known(given, declared)
    candidates = tuple(Candidate(key, _written(node), *grades[key], _clause(declared[key]))
                       for key, node in given.items())
    return name, given, candidates


def _given_by_case(root: Node, profile: Mapping[str, object], declared: dict[str, Node],
                   ) -> tuple[str | None, dict[str, Node], tuple[Candidate, ...]]:
    """Values of a case; `from: NAME` takes a profile of the pack and changes some of it."""
    own = {key: entry for key, entry in profile.items() if key != "from"}
    given = {key: as_node(entry, f"profile.{key}") for key, entry in own.items()}
    _known(given, declared)
    base: dict[str, Node] = {}
    candidates: tuple[Candidate, ...] = ()
    name = "(case)"
    if "from" in profile:
        parent = as_node(profile["from"], "profile.from")
        name, base, candidates = _given(root, reading.text(parent, "profile"), declared)
        name = f"{name} (case)"
    candidates = tuple(one for one in candidates if one.parameter not in given) + tuple(
        Candidate(key, _written(node), "given", "the case", _clause(declared[key]))
        for key, node in given.items())
    return name, {**base, **given}, candidates


def _known(given: dict[str, Node], declared: dict[str, Node]) -> None:
    for parameter, node in given.items():
        if parameter not in declared:
            raise PackError("unknown-parameter", f"the profile sets `{parameter}`, which the pack "
                            "does not declare", node.where,
                            hint=reading.suggest(parameter, declared))


def _clause(node: Node) -> str:
    found = (node.items or {}).get("clause") or (node.items or {}).get("clauses")
    if found is not None and found.elements:
        found = found.elements[0]
    return (found.text or "") if found is not None else ""


def _written(node: Node) -> str:
    if node.items is not None:
        return "{" + ", ".join(f"{key}: {_written(child)}" for key, child in node.items.items()) \
            + "}"
    return node.text or ""


def as_node(value: object, name: str) -> Node:
    """A plain Python value (text, number, date, list, mapping) as a node; a node as itself.

    `name` stands where a file would in messages and grows with the way down: `case.claims[0]`.
    """
    if isinstance(value, str):         # by far the most frequent first
        return Node(name, 0, 0, text=str(value))
    if isinstance(value, Node):
        return value
    if value is None:
        return Node(name, 0, 0)
    if isinstance(value, Mapping):
        return Node(name, 0, 0, items={
            str(key): Node(f"{name}.{key}", 0, 0, child) if type(child) is str
            else as_node(child, f"{name}.{key}") for key, child in value.items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        return Node(name, 0, 0, elements=[as_node(child, f"{name}[{index}]")
                                          for index, child in enumerate(value)])
    if isinstance(value, bool):
        return Node(name, 0, 0, text="yes" if value else "no")
    if isinstance(value, Decimal):
        return Node(name, 0, 0, text=f"{value:f}")
    return Node(name, 0, 0, text=value.isoformat() if isinstance(value, date) else str(value))


def _chosen(declared: dict[str, Node], given: dict[str, Node]) -> dict[str, str]:
    chosen = {}
    for name, node in declared.items():
        items = node.items or {}
        if name in given and "choices" in items:
            chosen[name] = reading.word(given[name], f"choice of {name}",
                                        reading.words(items["choices"], "choice"))
    return chosen


def _substitute(node: Node, chosen: dict[str, str], declared: dict[str, Node]) -> Node:
    if node.elements is not None:
        return Node(node.file, node.line, node.column,
                    elements=[_substitute(child, chosen, declared) for child in node.elements])
    if node.items is None:
        return node
    if "choose" in node.items:
        return _choose(node, chosen, declared)
    return Node(node.file, node.line, node.column, keys=node.keys,
                items={key: _substitute(child, chosen, declared)
                       for key, child in node.items.items()})


def _choose(node: Node, chosen: dict[str, str], declared: dict[str, Node]) -> Node:
    name = reading.text(node.items["choose"], "choose").lstrip("$")
    items = declared[name].items if name in declared else None
    if items is None or "choices" not in items:
        raise reading.fault(node, "unknown-parameter", f"`choose: ${name}` is no declared choice",
                            "Declare it under `parameters:` with `choices: [...]`. "
                            + reading.suggest(name, declared))
    choices = reading.words(items["choices"], "choice")
    for key in node.items:
        if key not in ("choose", "else", *choices):
            raise reading.fault(node, "unknown-choice", f"`{name}` has no choice `{key}`",
                                reading.suggest(key, choices))
    missing = [choice for choice in choices if choice not in node.items]
    if missing and "else" not in node.items:
        raise reading.fault(node, "choice-missing", f"nothing is said for {', '.join(missing)}",
                            "Add an entry for it or an `else:`.")
    if name not in chosen:
        return node
    return _substitute(node.items.get(chosen[name]) or node.items["else"], chosen, declared)


def unset_choice(parameter: str, clause: str, where: str) -> Refusal:
    """The refusal of a run that needs a reading nobody chose."""
    return Refusal("unset-parameter", f"the reading `{parameter}` is not chosen", where, clause,
                   "Choose a profile (`--profile NAME`) or give "
                   f"`profile: {{{parameter}: ...}}` in the case.")
