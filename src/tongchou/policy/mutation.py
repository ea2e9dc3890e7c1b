"""Packs that say a little less or a little else under one clause (变异), to test what cases prove.

A case promises clauses: some change of what the pack says under each must make it fail. The
changes are made on copies of the node tree; a pack that cannot be read any more proves nothing,
so its reader's refusal does not count.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..errors import PackError
from .lint_schema import Path, profile_values, replaced, section
from .lint_tree import NUMBER, cited_by, parameters_in
from .load import bind
from .model import Pack
from .schema import SETTINGS
from .source import Node

_KEPT = ("clause", "clauses", "title", "note", "says", "choose", "fund_pay_type", "label")
_WORDS = {
    "per": ("stay", "year", "month", "day", "episode"), "edges": ("gross", "net"),
    "over_cap": ("cost", "payment"), "of": ("stay", "year", "total", "in_policy"),
    "on": ("payment", "cost"), "owner": ("person", "family", "any_member"),
    "rounding": ("each_side", "difference", "true_up"), "did": ("paid", "not_paid", "capped",
                                                                 "applied", "not_applied"),
    "fund": ("other_fund",), "looks_back": ("yes", "no"), "accumulator": ("other",),
    "counter": ("other",), "measure": ("none",), **SETTINGS,
}


@dataclass(frozen=True)
class Mutant:
    """A changed tree, what was changed, and values of a profile that were changed instead."""

    says: str
    root: Node
    given: dict[str, Node | None] = field(default_factory=dict)


def places(root: Node, clause: str) -> list[Path]:
    """Paths of the mappings that cite a clause, outside assumptions."""
    found: list[Path] = []
    stack: list[tuple[Path, Node]] = [((key,), child) for key, child in (root.items or {}).items()
                                      if key not in ("assumptions", "profiles", "sources")]
    while stack:
        path, node = stack.pop()
        if any(cited == clause for cited, _ in cited_by(node)):
            found.append(path)
        stack += [((*path, key), child) for key, child in (node.items or {}).items()]
        stack += [((*path, k), child) for k, child in enumerate(node.elements or ())]
    return sorted(found, key=lambda path: (-len(path), str(path)))


def node_at(root: Node, path: Path) -> Node:
    """The node at a path."""
    for key in path:
        root = root.items[key] if root.items is not None else root.elements[key]
    return root


def mutants(root: Node, clause: str, profile: object = None) -> Iterator[Mutant]:
    """Changed packs for one clause: the narrowest places first, numbers before words, what a
    profile gives to parameters named there, then entries and mappings taken out."""
    cited = places(root, clause)
    later: list[Iterator[Mutant]] = []
    for path in cited:
        node = node_at(root, path)
        if path[0] == "parameters":
            yield from _given(root, {str(path[1])}, profile, everything=True)
            continue
        yield from _scalars(root, path, node)
        yield from _given(root, parameters_in(node), profile, everything=False)
        later.append(_structure(root, path, node))
    for rest in later:
        yield from rest
    yield from _all_set(root, [str(path[1]) for path in cited if path[0] == "parameters"], profile)


def _own(path: Path, node: Node) -> Iterator[tuple[Path, Node]]:
    """The places below a citing mapping that no nested clause takes over."""
    children = [(key, child) for key, child in (node.items or {}).items() if key not in _KEPT]
    for key, child in [*children, *enumerate(node.elements or ())]:
        yield (*path, key), child
        if not cited_by(child):
            yield from _own((*path, key), child)


def _scalars(root: Node, path: Path, node: Node) -> Iterator[Mutant]:
    for where, child in _own(path, node):
        if child.text is None:
            continue
        for text in _others(str(where[-1]), child.text):
            yield Mutant(f"{_words(where)}: {child.text} -> {text}",
                         replaced(root, where, _text(child, text)))


def _others(key: str, text: str) -> list[str]:
    """Other things that could stand in the place of a scalar."""
    if NUMBER.match(text):
        return other_numbers(text)
    if text in ("yes", "no"):
        return ["no" if text == "yes" else "yes"]
    return [word for word in _WORDS.get(key, ()) if word != text]


def other_numbers(text: str) -> list[str]:
    """Twice, half and one more of a written number, its unit kept."""
    sign = "%" if text.endswith("%") else ""
    whole, _, decimals = text.rstrip("%").partition(".")
    digits = len(decimals)
    number = int(whole + decimals)
    candidates = dict.fromkeys((2 * number, number // 2, number + 10 ** digits, 0))
    found = [_decimal(other, digits) + sign for other in candidates
             if other != number and (not sign or other <= 100 * 10 ** digits)]
    return found


def _decimal(number: int, digits: int) -> str:
    text = str(number).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def _text(node: Node, text: str) -> Node:
    return Node(node.file, node.line, node.column, text, quoted=node.quoted)


def _words(path: Path) -> str:
    return " / ".join(str(key) for key in path)


def _given(root: Node, names: set[str], profile: object, everything: bool) -> Iterator[Mutant]:
    """What a profile gives to parameters, perturbed or taken away, other choices made."""
    values = profile_values(root, profile) if isinstance(profile, str) else dict(profile or {})
    for name in sorted(names):
        declared = section(root, "parameters").get(name)
        if declared is None:
            continue
        choices = [part.text for part in (declared.items or {}).get(
            "choices", Node("", 0, 0)).elements or ()]
        value = values.get(name)
        for part_path, part in ([((), value), *_own((), value)] if isinstance(value, Node) else ()):
            texts = [choice for choice in choices if choice != part.text] if choices else \
                _others("", part.text or "")
            for text in texts if part.text is not None else ():
                yield Mutant(f"profile: {name} {_words(part_path)}: {part.text} -> {text}", root,
                             {name: replaced(value, part_path, _text(part, text))})
        if everything and isinstance(value, Node):
            yield Mutant(f"profile: {name} unset", root, {name: None})
        elif everything:
            yield from _set(root, name, declared, choices)


def _set(root: Node, name: str, declared: Node, choices: list[str]) -> Iterator[Mutant]:
    """A parameter nobody set gets a value: a case of its refusal must notice."""
    unit = (declared.items or {}).get("unit")
    texts = choices or {"percent": ["50%"], "yes/no": ["yes"]}.get(unit.text if unit else "",
                                                                 ["100"])
    for text in texts:
        yield Mutant(f"profile: {name} set to {text}", root,
                     {name: Node(root.file, declared.line, declared.column, text)})


def _all_set(root: Node, names: list[str], profile: object) -> Iterator[Mutant]:
    """All open parameters of a clause get values together: one alone may not let a case pass."""
    values = profile_values(root, profile) if isinstance(profile, str) else dict(profile or {})
    given: dict[str, Node | None] = {}
    for name in names:
        if name not in values:
            declared = section(root, "parameters")[name]
            choices = [part.text for part in (declared.items or {}).get(
                "choices", Node("", 0, 0)).elements or ()]
            given |= next(_set(root, name, declared, choices)).given
    if len(given) > 1:
        yield Mutant(f"profile: {', '.join(given)} set together", root, given)


def _structure(root: Node, path: Path, node: Node) -> Iterator[Mutant]:
    """Entries, keys and the whole mapping taken out; a condition turned into its exception."""
    for where, _child in _own(path, node):
        yield Mutant(f"{_words(where)}: taken out", replaced(root, where, None))
    condition = (node.items or {}).get("for")
    if path[0] == "layers" and len(path) == 2 and condition is not None \
            and "except" not in node.items and "choose" not in (condition.items or {}):
        inverted = {key: child for key, child in node.items.items() if key != "for"}
        inverted["except"] = condition
        yield Mutant(f"{_words(path)}: `for` turned into `except`",
                     replaced(root, path, Node(node.file, node.line, node.column,
                                               items=inverted, keys=node.keys)))
    yield Mutant(f"{_words(path)}: taken out", replaced(root, path, None))


def bound(mutant: Mutant, profile: object) -> Pack | None:
    """The mutant as a pack under a profile; None when it cannot be read any more."""
    given = profile
    if mutant.given:
        values = profile_values(mutant.root, profile) if isinstance(profile, str) \
            else dict(profile or {})
        values |= {name: node for name, node in mutant.given.items() if node is not None}
        given = {name: value for name, value in values.items()
                 if mutant.given.get(name, value) is not None}
    problems: list[PackError] = []
    try:
        pack = bind(mutant.root, given, problems)
    except (PackError, AttributeError, KeyError):
        return None
    return None if problems else pack


class Killer:
    """Finds for a case and a clause a change that the case notices; packs are bound once.

    Changes that killed before are tried first, since cases of one clause resemble each other.
    """

    def __init__(self) -> None:
        self._mutants: dict[tuple, list[Mutant]] = {}
        self._packs: dict[tuple, Pack | None] = {}
        self._best: dict[tuple, list[int]] = {}
        self._roots: dict[int, Node] = {}  # kept alive, so that an id stays one tree's
        self.tried = 0

    def kill(self, root: Node, profile: object, clause: str,
             notices: Callable[[Pack], bool]) -> str:
        """What was changed when the case noticed; "" when no change under the clause matters."""
        self._roots[id(root)] = root
        key = (id(root), _profile_key(profile), clause)
        if key not in self._mutants:
            self._mutants[key] = list(mutants(root, clause, profile))
        known, best = self._mutants[key], self._best.setdefault(key, [])
        order = [*best, *(k for k in range(len(known)) if k not in best)]
        for k in order:
            pack = self._pack((*key, k), known[k], profile)
            if pack is None:
                continue
            self.tried += 1
            if notices(pack):
                if k not in best:
                    best.append(k)
                return known[k].says
        return ""

    def _pack(self, key: tuple, mutant: Mutant, profile: object) -> Pack | None:
        if key not in self._packs:
            self._packs[key] = bound(mutant, profile)
        return self._packs[key]


def _profile_key(profile: object) -> str:
    if isinstance(profile, str) or profile is None:
        return repr(profile)
    return repr({name: node.plain() if isinstance(node, Node) else node
                 for name, node in dict(profile).items()})
