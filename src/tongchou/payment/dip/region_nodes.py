"""Checked things out of the nodes of a region's file."""
from __future__ import annotations

from collections.abc import Iterable

from ...errors import CaseError
from ...money import NumberFault, parse_percent, parse_yuan, scaled
from ...policy import Node, suggest

GRADES = ("A", "B", "C", "X")


def fault(node: Node, code: str, message: str, hint: str = "") -> CaseError:
    """An error at a node."""
    return CaseError(code, message, node.where, hint=hint)


def mapping(node: Node, what: str, known: Iterable[str]) -> dict[str, Node]:
    """The entries of a mapping; an unknown key is refused with the nearest known one."""
    if node.items is None:
        raise fault(node, "not-a-mapping", f"{what} must be a mapping, here stands {node.kind()}",
                    "Write `key: value` lines.")
    for key in node.items:
        if key not in known:
            raise CaseError("unknown-key", f"`{key}` is not known here", node.where_of(key),
                            hint=suggest(key, known))
    return node.items


def elements(node: Node) -> list[Node]:
    """The elements of a list that is not empty."""
    if not node.elements:
        raise fault(node, "not-a-list", f"a list is needed, here stands {node.kind()}",
                    "Write `- ...` lines.")
    return node.elements


def text(node: Node, what: str) -> str:
    """A word or number as it is written."""
    if not node.text:
        raise fault(node, "not-a-word", f"{what} is needed, here stands {node.kind()}")
    return node.text


def whole(node: Node) -> int:
    """A whole number of at least 0."""
    return _number(node, lambda: scaled(text(node, "a number"), 0, "a whole number"))


def percent(node: Node) -> int:
    """A percentage as parts per million, at least 0."""
    return _number(node, lambda: parse_percent(text(node, "a percentage")))


def amount_ppm(node: Node) -> int:
    """A percentage as parts per million; below 0 too."""
    try:
        return parse_percent(text(node, "a percentage"))
    except NumberFault as problem:
        raise fault(node, "bad-number", str(problem), "Rates carry `%`.") from None


def _yuan(node: Node) -> int:
    return _number(node, lambda: parse_yuan(text(node, "an amount")))


def _weights(node: Node) -> tuple[int, ...]:
    found = tuple(whole(one) for one in elements(node))
    if not sum(found):
        raise fault(node, "bad-number", "the weights are all 0")
    return found


def _number(node: Node, read: object) -> int:
    try:
        found = read()
    except NumberFault as problem:
        raise fault(node, "bad-number", str(problem), "Money is in yuan, rates carry `%`.") \
            from None
    if found < 0:
        raise fault(node, "negative-number", f"{node.text!r} is negative", "Write at least 0.")
    return found


READERS = {"whole": whole, "percent": percent, "yuan": _yuan, "weights": _weights,
           "text": lambda node: text(node, "a word")}


def read_sources(node: Node) -> dict[str, str]:
    """Name of a source -> its grade; each has a title too."""
    found = {}
    for name, one in mapping(node, "`sources`", (node.items or {})).items():
        items = mapping(one, "a source", ("title", "grade", "where"))
        if not {"title", "grade"} <= set(items):
            raise fault(one, "missing-key", "a source has `title` and `grade`")
        grade = text(items["grade"], "a grade")
        if grade not in GRADES:
            raise fault(items["grade"], "unknown-word", f"the grade is {grade!r}",
                        f"Write one of {', '.join(GRADES)}.")
        found[name] = grade
    return found
