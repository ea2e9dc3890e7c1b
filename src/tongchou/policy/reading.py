"""Reading checked things out of nodes: mappings, words, clauses, values, conditions.

Every function takes the node and says in its error what stood there, where, and what to write.
The `Context` carries what the whole pack knows: classes of every dimension, parameters, sources.
"""
from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from ..errors import PackError
from ..money import NumberFault, parse_percent, parse_yuan, scaled
from .model import Conditions, Parameter
from .source import Node
from .values import Cited, Combined, Constant, Given, Share, Table, Unset, Value

UNITS = ("yuan", "percent", "months", "years", "days", "count", "yes/no")
CLAUSE = re.compile(r"[A-Z]{2,4}(-\d{1,3}|/OF-\d{1,2})\Z")
ISO_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\Z", re.ASCII)
_FULL_WIDTH = "０１２３４５６７８９：，．％（）｛｝＄"


class UnsetChoice(Exception):
    """A `choose:` whose parameter has no value, met where structure is needed."""

    def __init__(self, parameter: str, clause: str, where: str = "") -> None:
        super().__init__(parameter)
        self.parameter = parameter
        self.clause = clause
        self.where = where


def misplaced(choice: UnsetChoice) -> PackError:
    """The fault of a `choose:` where the pack's structure cannot hang on a reading."""
    return PackError("choice-misplaced", f"`choose: ${choice.parameter}` cannot stand here",
                     choice.where, hint="Readings are chosen inside layers, pots and "
                     "contributions.")


@dataclass
class Context:
    """What is known while a pack is read."""

    sources: set[str]
    dimensions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    given: dict[str, Node] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    layer_names: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    resolving: list[str] = field(default_factory=list)


def fault(node: Node, code: str, message: str, hint: str = "", clause: str = "") -> PackError:
    """A PackError at a node."""
    return PackError(code, message, node.where, clause, hint)


def suggest(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    known = list(known)
    if any(sign in _FULL_WIDTH for sign in word):
        return "It has full-width characters (全角); write it in plain ASCII."
    near = difflib.get_close_matches(word, known, 1)
    return f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known) or 'none'}."


def mapping(node: Node, what: str, known: Iterable[str] | None = None) -> dict[str, Node]:
    """The entries of a mapping node; unknown keys are refused with the nearest known one."""
    if node.items is not None and "choose" in node.items:
        raise UnsetChoice(*_choice(node))
    if node.items is None:
        raise fault(node, "not-a-mapping", f"{what} must be a mapping, here stands {node.kind()}",
                    "Write `key: value` lines.")
    if known is not None:
        known = list(known)
        for key in node.items:
            if key not in known:
                raise PackError("unknown-key", f"{what} has no key `{key[:60]}`",
                                node.where_of(key), hint=suggest(key[:60], known))
    return node.items


def _choice(node: Node) -> tuple[str, str, str]:
    name = text(node.items["choose"], "choose").lstrip("$")
    return name, "", node.where


def elements(node: Node, what: str) -> list[Node]:
    """The elements of a list node."""
    if node.items is not None and "choose" in node.items:
        raise UnsetChoice(*_choice(node))
    if node.elements is None:
        raise fault(node, "not-a-list", f"{what} must be a list, here stands {node.kind()}",
                    "Write `[a, b]` or lines beginning with `- `.")
    return node.elements


def text(node: Node, what: str) -> str:
    """The text of a scalar node."""
    if node.items is not None and "choose" in node.items:
        raise UnsetChoice(*_choice(node))
    if node.text is None:
        raise fault(node, "not-a-word", f"{what} must be a word, here stands {node.kind()}",
                    "Write one plain value.")
    return node.text


def word(node: Node, what: str, known: Iterable[str]) -> str:
    """A scalar that must be one of the known words."""
    found = text(node, what)
    known = list(known)
    if found not in known:
        raise fault(node, "unknown-word", f"{found[:60]!r} is no {what}",
                    suggest(found[:60], known))
    return found


def words(node: Node, what: str, known: Iterable[str] | None = None) -> tuple[str, ...]:
    """A word or a list of words."""
    parts = node.elements if node.elements is not None else [node]
    known = list(known) if known is not None else None
    return tuple(word(part, what, known) if known is not None else text(part, what)
                 for part in parts)


def yes_no(node: Node, what: str) -> bool:
    """`yes` or `no`."""
    return word(node, what, ("yes", "no", "true", "false")) in ("yes", "true")


def day(node: Node, what: str) -> str:
    """An ISO date."""
    found = text(node, what)
    if not is_day(found):
        raise fault(node, "bad-date", f"{what}: {found!r} is not a date", "Write 2023-01-31.")
    return found


def is_day(written: str) -> bool:
    """True for a date of the calendar in the form 2023-01-31."""
    if not ISO_DATE.match(written):
        return False
    try:
        return bool(date.fromisoformat(written))
    except ValueError:
        return False


def clauses(items: dict[str, Node], context: Context) -> tuple[str, ...]:
    """Clause numbers under `clause` or `clauses`, checked against the pack's sources."""
    found: list[str] = []
    for key in ("clause", "clauses"):
        if key not in items:
            continue
        node = items[key]
        for part in node.elements if node.elements is not None else [node]:
            clause = text(part, "clause")
            if not CLAUSE.match(clause) or re.split("[-/]", clause)[0] not in context.sources:
                raise fault(part, "unknown-clause", f"{clause!r} is no clause of this pack",
                            "Write PREFIX-NN or PREFIX/OF-n; prefixes of `sources:` are "
                            f"{', '.join(sorted(context.sources)) or 'none'}.")
            found.append(clause)
    return tuple(found)


def number(node: Node, unit: str) -> int:
    """A written number in the unit of its place: fen, ppm, or a count."""
    written = text(node, "a number")
    try:
        if unit == "yuan":
            return parse_yuan(written)
        if unit == "percent":
            return parse_percent(written)
        if unit == "yes/no":
            return int(yes_no(node, "answer"))
        return scaled(written, 0, f"a whole number of {unit}")
    except NumberFault as problem:
        code = "rate-without-unit" if unit == "percent" else "bad-number"
        raise fault(node, code, str(problem), "Money is in yuan, rates carry `%`.") from None


_COMBINED = ("plus", "minus", "at_least", "at_most")


def value(context: Context, node: Node, unit: str, clause: str = "") -> Value:
    """A value expression at a node; see docs/pack-reference.md, "Values"."""
    if node.elements is not None or node.is_null:
        raise fault(node, "not-a-value", f"a {unit} value is needed, here stands {node.kind()}",
                    "Write a number, `$parameter` or `{by: ...}`.", clause)
    if node.items is None:
        written = text(node, "a value")
        if written.startswith("$"):
            return _parameter(context, node, written[1:], unit)
        constant = Constant(number(node, unit), node.where)
        if constant.number < 0:
            raise fault(node, "negative-number", f"{written!r} is negative",
                        "Write amounts, rates and counts of at least 0.", clause)
        if unit == "percent" and constant.number > 1_000_000:
            raise fault(node, "rate-above-100", f"{written} is above 100%",
                        "No layer pays more than its base.", clause)
        return constant
    return _expression(context, node, unit, clause)


def _expression(context: Context, node: Node, unit: str, clause: str) -> Value:
    items = node.items
    if "choose" in items:
        name = _choice(node)[0]
        if name not in context.parameters:
            raise fault(node, "unknown-parameter", f"`choose: ${name}` is no declared choice",
                        suggest(name, context.parameters))
        return Unset(name, context.parameters[name].clause, node.where)
    if "by" in items:
        return _table(context, node, words(items["by"], "dimension"), unit, clause)
    if "value" in items:
        mapping(node, "a value", ("value", "clause", "clauses"))
        own = clauses(items, context)
        return Cited(value(context, items["value"], unit, clause), own, node.where)
    if "times" in items:
        mapping(node, "a share", ("times", "of", "round_to"))
        step = parse_step(items.get("round_to"))
        return Share(value(context, items["times"], "percent", clause),
                     value(context, _needed(node, "of"), unit, clause), step, node.where)
    for how in _COMBINED:
        if how in items:
            mapping(node, "a value", (how, "of"))
            return Combined(how, value(context, items[how], unit, clause),
                            value(context, _needed(node, "of"), unit, clause), node.where)
    raise fault(node, "unknown-value", "this mapping is no value",
                "Begin it with one of: by, value, times, plus, minus, at_least, at_most, choose.")


def parse_step(node: Node | None) -> int:
    """`round_to` in yuan as a step in fen (1 fen when it is left out)."""
    return 1 if node is None else max(number(node, "yuan"), 1)


def _needed(node: Node, key: str) -> Node:
    if key not in node.items:
        raise fault(node, "missing-key", f"`{key}:` is missing here", f"Add `{key}: ...`.")
    return node.items[key]


def needed(node: Node, what: str, key: str) -> Node:
    """The entry `key` of a mapping that must have it."""
    items = mapping(node, what)
    if key not in items:
        raise fault(node, "missing-key", f"{what} needs `{key}:`", f"Add `{key}: ...`.")
    return items[key]


def _table(context: Context, node: Node, dimensions: tuple[str, ...], unit: str,
           clause: str) -> Value:
    items = {key: child for key, child in node.items.items()
             if key not in ("by", "clause", "clauses")}
    own = clauses(node.items, context)
    table = _nested(context, node, items, dimensions, unit, own[0] if own else clause)
    return Cited(table, own, node.where) if own else table


def _nested(context: Context, node: Node, items: dict[str, Node], dimensions: tuple[str, ...],
            unit: str, clause: str) -> Table:
    dimension, rest = dimensions[0], dimensions[1:]
    known_dimension(context, node, dimension)
    entries: dict[str, Value] = {}
    otherwise = None
    for key, child in items.items():
        leaf = (_nested(context, child, mapping(child, "table"), rest, unit, clause)
                if rest and child.items is not None and "by" not in child.items
                else value(context, child, unit, clause))
        if key == "else":
            otherwise = leaf
            continue
        known_class(context, node, dimension, key)
        entries[key] = leaf
    return Table(dimension, entries, otherwise, node.where, clause)


def known_dimension(context: Context, node: Node, dimension: str) -> None:
    """Refuses a dimension the pack does not have."""
    if dimension not in context.dimensions and dimension != "date":
        raise fault(node, "unknown-dimension", f"`{dimension}` is no dimension of this pack",
                    suggest(dimension, [*context.dimensions, "date"]))


def known_class(context: Context, node: Node, dimension: str, name: str) -> None:
    """Refuses a class that its dimension does not have."""
    where = node.where_of(name)
    if dimension == "date":
        if not is_day(name):
            raise PackError("bad-date", f"{name!r} is not a date", where, hint="Write 2020-04-01.")
    elif name not in context.dimensions[dimension]:
        raise PackError("unknown-class", f"{dimension} has no class `{name}`", where,
                        hint=suggest(name, context.dimensions[dimension]))


def _parameter(context: Context, node: Node, name: str, unit: str) -> Value:
    declared = context.parameters.get(name)
    if declared is None:
        raise fault(node, "unknown-parameter", f"`${name}` is not declared",
                    "Declare it under `parameters:` with its unit and clause. "
                    + suggest(name, context.parameters))
    context.used.add(name)
    if declared.choices or declared.unit != unit:
        declared_as = "a choice" if declared.choices else declared.unit
        raise fault(node, "wrong-unit", f"`${name}` is {declared_as}, here {unit} is needed",
                    "Use `choose: $name` for choices; otherwise correct the unit.", declared.clause)
    if name not in context.given:
        return Unset(name, declared.clause, node.where)
    if name in context.resolving:
        raise fault(context.given[name], "parameter-loop", f"`${name}` is given as itself",
                    "Write a number.", declared.clause)
    context.resolving.append(name)
    try:
        return Given(name, given_value(context, declared), node.where, declared.clause)
    finally:
        context.resolving.pop()


def given_value(context: Context, declared: Parameter) -> Value:
    """The value a profile gave a parameter, in the shape it was declared with."""
    node = context.given[declared.name]
    shaped = node.items is not None and "by" not in node.items and "times" not in node.items
    if declared.by and shaped:
        return _nested(context, node, node.items, declared.by, declared.unit, declared.clause)
    return value(context, node, declared.unit, declared.clause)


def conditions(context: Context, node: Node | None, what: str) -> Conditions:
    """`for:` or `except:`: dimension -> admitted classes."""
    if node is None:
        return {}
    found: Conditions = {}
    for dimension, child in mapping(node, what).items():
        known_dimension(context, node, dimension)
        names = words(child, dimension)
        for name in names:
            known_class(context, child, dimension, name)
        found[dimension] = names
    return found
