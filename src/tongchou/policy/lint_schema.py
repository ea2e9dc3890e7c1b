"""Every fault of a pack's spelling at once, in every profile and every reading (全部语法错误).

The reader stops at the first fault of a layer or section. Lint wants them all, so it puts
something harmless in the place of what was faulty and reads again, until nothing new is found.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import PackError
from .lint_finding import place
from .load import bind
from .model import Pack
from .source import Node, parse_yaml

ROUNDS = 80
TRIES = 3  # ways to repair one fault
_HARMLESS = {"fund": "other_fund", "base": "in_policy", "deductible": "none", "cap": "none"}
_HARMLESS_ROOT = {"city": "unnamed", "regime": "unnamed", "title": "unnamed", "state": "draft",
                  "in_force": "{from: 2000-01-01}", "insurance": "residents",
                  "layers": "{nothing: {fund: person, base: in_policy, deductible: none, "
                            "ratio: 0%, cap: none}}"}
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Variant:
    """One way to read a pack: without profile, under a profile, or with another reading of a
    `choose` (`reading` then says which); `profile` is what `load.bind` takes."""

    label: str
    profile: str | dict[str, Node] | None
    reading: bool = False


def section(root: Node, name: str) -> dict[str, Node]:
    """The entries of a top-level mapping; empty where it is missing or no mapping."""
    node = (root.items or {}).get(name)
    return (node.items or {}) if node is not None else {}


def profile_values(root: Node, profile: str) -> dict[str, Node]:
    """The value nodes a profile gives, by parameter."""
    node = section(root, "profiles").get(profile)
    values = (node.items or {}).get("values") if node is not None else None
    return {name: child.items["value"] for name, child in
            ((values.items or {}) if values is not None else {}).items()
            if child.items and "value" in child.items}


def choices_of(root: Node) -> dict[str, list[str]]:
    """Declared choice parameters and their choices."""
    return {name: [part.text or "" for part in node.items["choices"].elements or ()]
            for name, node in section(root, "parameters").items()
            if node.items and "choices" in node.items}


def variants(root: Node) -> list[Variant]:
    """All ways in which the pack must be readable, profiles first."""
    profiles = list(section(root, "profiles"))
    base = profile_values(root, profiles[0]) if profiles else {}
    choices = choices_of(root)
    chosen = {name: base[name].text if name in base else known[0]
              for name, known in choices.items() if known}
    found = [Variant("no profile", None), *(Variant(f"profile {name}", name) for name in profiles)]
    seen = {tuple(sorted((name, str(values.get(name, Node("", 0, 0)).text)) for name in choices))
            for values in (profile_values(root, name) for name in profiles)}
    for assigned in _readings(root, choices, {}):
        full = {**chosen, **assigned}
        key = tuple(sorted((name, str(choice)) for name, choice in full.items()))
        if key in seen:
            continue
        seen.add(key)
        label = ", ".join(f"{name}: {choice}" for name, choice in assigned.items())
        given = {name: node for name, node in base.items() if name not in choices}
        given |= {name: Node(root.file, 1, 1, str(choice)) for name, choice in full.items()}
        found.append(Variant(label, given, True))
    return found


def _readings(node: Node, choices: dict[str, list[str]],
              above: dict[str, str]) -> Iterator[dict[str, str]]:
    """The choices that lead to every branch of every `choose`."""
    if node.items is not None and "choose" in node.items:
        name = (node.items["choose"].text or "").lstrip("$")
        for choice in choices.get(name, ()):
            branch = node.items.get(choice) or node.items.get("else")
            if branch is not None and above.get(name, choice) == choice:
                here = {**above, name: choice}
                yield here
                yield from _readings(branch, choices, here)
        return
    for child in [*(node.items or {}).values(), *(node.elements or ())]:
        yield from _readings(child, choices, above)


def read_all(root: Node, variant: Variant) -> tuple[Pack | None, list[PackError]]:
    """The pack under a variant (None when it has faults) and all faults."""
    problems: list[PackError] = []
    pack = _attempt(root, variant, problems)
    if pack is not None and not problems:
        return pack, []
    return None, _repeat(root, variant, problems)


def _attempt(root: Node, variant: Variant, problems: list[PackError]) -> Pack | None:
    try:
        return bind(root, variant.profile, problems)
    except PackError as problem:
        problems.append(problem)
        return None


def _repeat(root: Node, variant: Variant, problems: list[PackError]) -> list[PackError]:
    """Repairs what was faulty and reads again, until nothing new turns up."""
    found: dict[tuple[str, str, str], PackError] = {}
    tries: dict[tuple[str, str, str], int] = {}
    gone: set[str] = set()
    for _ in range(ROUNDS):
        open_ones = [one for one in problems if tries.get(_key(one), 0) <= TRIES]
        if not open_ones:
            break
        for problem, path in _first(root, open_ones):
            if not _follows(problem, gone):
                found.setdefault(_key(problem), problem)
            tries[_key(problem)] = tries.get(_key(problem), -1) + 1
            root = _repaired(root, problem, path, tries[_key(problem)], gone)
            if path[:1] == ("profiles",) and isinstance(variant.profile, dict):
                given = {name: node for name, node in variant.profile.items()
                         if name not in path}
                variant = replace(variant, profile=given)
        problems = []
        _attempt(root, variant, problems)
    return list(found.values())


def _key(problem: PackError) -> tuple[str, str, str]:
    return problem.code, problem.where, problem.message


def _first(root: Node, problems: list[PackError]) -> list[tuple[PackError, Path]]:
    """The faults to look at now: those of definitions before those of rules that use them, and
    of layers those that do not only miss an earlier layer, which was faulty itself."""
    placed = [(one, path_at(root, one.where)) for one in problems]
    profiles = [(one, path) for one, path in placed if path[:1] == ("profiles",)]
    definitions = [(one, path) for one, path in placed
                   if path[:1] not in (("layers",), ("contributions",), ("profiles",))]
    layers = list(section(root, "layers"))
    own = [(one, path) for one, path in placed if len(path) < 2 or path[1] not in layers
           or not any(f"'{name}." in one.message or f"'{name}'" in one.message
                      for name in layers[:layers.index(str(path[1]))]
                      if one.code.startswith("unknown-"))]
    return definitions or profiles or own or placed


def _follows(problem: PackError, gone: set[str]) -> bool:
    """True for a fault that only says that something taken out for its own fault is missing."""
    return problem.code.startswith("unknown-") and any(
        f"`{name}`" in problem.message or f"`${name}`" in problem.message
        or f"'{name}'" in problem.message for name in gone)


def path_at(root: Node, where: str) -> Path:
    """The path of the deepest node, or key, that stands at `file:line:column`."""
    file, line, column = place(where)
    found: Path = ()
    stack: list[tuple[Path, Node]] = [((), root)]
    while stack:
        path, node = stack.pop()
        if node.line == line and node.column == column and node.file == file \
                and len(path) >= len(found):
            found = path
        if (line, column) in node.keys.values() and node.file == file \
                and len(path) + 1 >= len(found):
            found = (*path, next(k for k, at in node.keys.items() if at == (line, column)))
        stack += [((*path, key), child) for key, child in (node.items or {}).items()]
        stack += [((*path, k), child) for k, child in enumerate(node.elements or ())]
    return found


def replaced(node: Node, path: Path, new: Node | None) -> Node:
    """The tree with another node at a path (None takes it out); the old tree is left as it is."""
    if not path:
        return node if new is None else new
    key, rest = path[0], path[1:]
    if node.items is not None:
        items = dict(node.items)
        child = replaced(items[key], rest, new) if rest and key in items else new
        if child is None:
            items.pop(key, None)
        else:
            items[str(key)] = child
        return Node(node.file, node.line, node.column, items=items, keys=node.keys)
    if node.elements is not None and isinstance(key, int):
        parts = list(node.elements)
        child = replaced(parts[key], rest, new) if rest else new
        parts[key:key + 1] = [] if child is None else [child]
        return Node(node.file, node.line, node.column, elements=parts)
    return node


def _repaired(root: Node, problem: PackError, path: Path, tried: int, gone: set[str]) -> Node:
    """The tree with something harmless in the place of a fault, or without what is faulty."""
    if len(path) == 1 and tried == 0:
        text = _HARMLESS_ROOT.get(str(path[0]))
        return replaced(root, path, parse_yaml(text, root.file) if text else None)
    if len(path) < 2 or tried >= TRIES:
        return _filled(root, (), _HARMLESS_ROOT)
    layer = path[:2]
    if path[0] == "layers" and tried == 0 and len(path) > 2:
        key = str(path[2])
        text = _HARMLESS.get(key)
        root = replaced(root, path[:3], parse_yaml(text, root.file) if text else None)
        return _filled(root, layer, {})
    if path[0] == "layers" and tried <= 1:
        return _filled(root, layer, _HARMLESS)
    if path[0] == "profiles" and len(path) > 3:
        return replaced(root, path[:4], None)
    gone.add(str(path[1]))
    return replaced(root, layer, None)


def _filled(root: Node, path: Path, harmless: dict[str, str]) -> Node:
    """The mapping at a path with what is missing added; a layer gets exactly one way to pay."""
    node = root
    for key in path:
        if node.items is None or key not in node.items:
            return root
        node = node.items[key]
    if node.items is None:
        return root
    missing = {key: text for key, text in harmless.items() if key not in node.items}
    if path:
        ways = [key for key in ("ratio", "tiers", "fill") if key in node.items]
        for extra in ways[1:]:
            root = replaced(root, (*path, extra), None)
        missing |= {} if ways else {"ratio": "0%"}
    for key, text in missing.items():
        root = replaced(root, (*path, key), parse_yaml(text, root.file))
    return root
