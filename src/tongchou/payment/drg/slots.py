"""`slots:` expressions of adrg.csv: list numbers, `&`, `|` and brackets, such as `(1|(2&3))`."""
from __future__ import annotations

import re
from collections.abc import Callable

from .conditions import Condition, every, some
from .sheets import Row

_TOKEN = re.compile(r"\s*([()&|]|\d+)")


def read_slots(text: str, slot: Callable[[int], Condition], row: Row) -> Condition:
    """The expression over `slot(number)`; `&` binds closer than `|`.

    Raises CaseError with the column in the text where it stops making sense.
    """
    tokens: list[tuple[str, int]] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise row.fault("px_rule", "unknown-word", f"cannot read {text!r} at character "
                            f"{at + 1}")
        tokens.append((match[1], match.start(1) + 1))
        at = match.end()
    tokens.append(("", len(text) + 1))

    def stop(place: int) -> Exception:
        return row.fault("px_rule", "unknown-word", f"cannot read {text!r} at character "
                         f"{tokens[place][1]}")

    def either(place: int) -> tuple[Condition, int]:
        parts, place = _listed(place, both, "|")
        return some(*parts), place

    def both(place: int) -> tuple[Condition, int]:
        parts, place = _listed(place, one, "&")
        return every(*parts), place

    def _listed(place: int, read: Callable, sign: str) -> tuple[list[Condition], int]:
        part, place = read(place)
        parts = [part]
        while tokens[place][0] == sign:
            part, place = read(place + 1)
            parts.append(part)
        return parts, place

    def one(place: int) -> tuple[Condition, int]:
        word = tokens[place][0]
        if word.isdigit():
            return slot(int(word)), place + 1
        if word != "(":
            raise stop(place)
        inner, place = either(place + 1)
        if tokens[place][0] != ")":
            raise stop(place)
        return inner, place + 1

    found, end = either(0)
    if tokens[end][0]:
        raise stop(end)
    return found
