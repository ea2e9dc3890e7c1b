"""Fields of a case checked and converted: amounts, dates, codes (算例字段).

A case that cannot be read as one (a missing or unknown field, a list where a word belongs) is a
`CaseError`. A field that reads well but says something impossible or unknown is a `Refusal`.
Both name the line and column, the field and what to write.
"""
from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime

from ..errors import CaseError, Refusal
from ..money import NumberFault, parse_yuan, scaled
from ..policy import Node, suggest

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?\Z", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+\.?(\d*)\Z", re.ASCII)
_ANSWERS = {"true": True, "yes": True, "false": False, "no": False}


def malformed(node: Node, code: str, message: str, hint: str) -> CaseError:
    """A CaseError at a node."""
    return CaseError(code, message, node.where, hint=hint)


def refused(node: Node, code: str, message: str, hint: str) -> Refusal:
    """A Refusal at a node."""
    return Refusal(code, message, node.where, hint=hint)


def mapping(node: Node, what: str, known: Iterable[str]) -> dict[str, Node]:
    """The fields of a mapping; an unknown one is refused with the nearest known name."""
    known = list(known)
    if node.items is None:
        raise malformed(node, "not-a-mapping", f"{what} must be a mapping, here stands "
                        f"{node.kind()}", f"Write `field: value` lines: {', '.join(known[:6])} ...")
    for key in node.items:
        if key not in known:
            raise CaseError("unknown-key", f"{what} has no field `{key[:60]}`",
                            node.where_of(key), hint=suggest(key[:60], known))
    return node.items


def elements(node: Node, what: str) -> list[Node]:
    """The elements of a list that must not be empty."""
    if node.elements is None:
        raise malformed(node, "not-a-list", f"{what} must be a list, here stands {node.kind()}",
                        "Write lines beginning with `- `.")
    if not node.elements:
        raise malformed(node, "empty-list", f"{what} is empty", "Write at least one entry.")
    return node.elements


def needed(node: Node, what: str, key: str) -> Node:
    """A field that must be there and not be null."""
    found = (node.items or {}).get(key)
    if found is None or found.is_null:
        raise malformed(node, "missing-field", f"{what} needs `{key}`", f"Add `{key}: ...`.")
    return found


def optional(items: Mapping[str, Node], key: str) -> Node | None:
    """A field that may be left out or null."""
    found = items.get(key)
    return None if found is None or found.is_null else found


def word(node: Node, what: str) -> str:
    """The text of a scalar, without blanks around it."""
    if node.text is None:
        raise malformed(node, "not-a-word", f"{what} must be one value, here stands {node.kind()}",
                        "Write one plain value.")
    found = node.text.strip()
    if not found:
        raise malformed(node, "empty-field", f"{what} is empty", "Write a value or leave it out.")
    return found


def words(node: Node | None, what: str) -> tuple[str, ...]:
    """A list of words, empty when it is left out."""
    if node is None or node.elements == []:
        return ()
    return tuple(word(part, what) for part in elements(node, what))


def fen(node: Node, field: str) -> int:
    """An amount in yuan, quoted or not, as fen."""
    try:
        amount = parse_yuan(word(node, field))
    except NumberFault as fault:
        raise refused(node, _amount_code(node.text or ""), f"{field}: {fault}",
                      "Write yuan with at most two decimals, such as 86420.00.") from None
    if amount < 0:
        raise refused(node, "negative-amount", f"{field}: {node.text!r} is negative",
                      "Write the amount of the bill; a reversal is not a claim.")
    return amount


def _amount_code(written: str) -> str:
    """The code of a text that is no amount; a claims file gives the same ones."""
    number = _NUMBER.match(written.strip())
    if not number:
        return "bad-amount"
    return "too-many-decimals" if len(number[1].rstrip("0")) > 2 else "amount-too-large"


def count(node: Node, field: str) -> int:
    """A whole number of at least 0."""
    try:
        number = scaled(word(node, field), 0, "a whole number")
    except NumberFault as fault:
        raise refused(node, "bad-number", f"{field}: {fault}",
                      "Write a number such as 6.") from None
    if not 0 <= number < 1 << 31:
        raise refused(node, "bad-number", f"{field}: {node.text!r} is out of range",
                      "Write a number of at least 0.")
    return number


def day(node: Node, field: str) -> str:
    """A date that exists, as ISO text."""
    found = word(node, field)
    if not _DATE.match(found):
        raise refused(node, "bad-date", f"{field}: {found[:40]!r} is not a date",
                      "Write year, month and day: 2023-01-31.")
    try:
        return date.fromisoformat(found).isoformat()
    except ValueError:
        raise refused(node, "bad-date", f"{field}: there is no day {found}",
                      "Correct the date.") from None


def moment(node: Node, field: str) -> str:
    """A time of settlement as ISO text without zone; a date alone is taken at noon."""
    found = word(node, field)
    if _DATE.match(found):
        return f"{day(node, field)}T12:00:00"
    if not _TIME.match(found):
        raise refused(node, "bad-date", f"{field}: {found[:40]!r} is not a time",
                      "Write local time without a zone: 2023-03-18T10:00:00.")
    try:
        return datetime.fromisoformat(found).isoformat()
    except ValueError:
        raise refused(node, "bad-date", f"{field}: there is no time {found}",
                      "Correct the date or the time.") from None


def answer(node: Node, field: str) -> bool:
    """true or false."""
    found = word(node, field).lower()
    if found not in _ANSWERS:
        raise refused(node, "unknown-code", f"{field}: {found[:40]!r} is neither true nor false",
                      "Write true, false or null.")
    return _ANSWERS[found]


def coded(node: Node, field: str, name: str | None, known: Collection[str],
          what: str = "a code of the tables") -> str:
    """The name found for a code, or the refusal of an unknown one with its nearest neighbours."""
    if name is None:
        raise refused(node, "unknown-code", f"{field}: {(node.text or '')[:40]!r} is not {what}",
                      suggest(word(node, field)[:40], known))
    return name


def in_order(first: str, last: str, node: Node, message: str,
             code: str = "dates-out-of-order") -> None:
    """Refuses dates out of order, at the later one's node."""
    if last < first:
        raise refused(node, code, f"{message} ({last} is before {first})",
                      "Exchange or correct the dates.")
