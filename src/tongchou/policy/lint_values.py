"""Checks on the numbers of a pack: rates above 100%, budgets that do not add up (数值检查)."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ..errors import Refusal
from ..money import PPM, percent_text, yuan_text
from .lint_classes import Possible, possible_classes
from .lint_finding import Finding, finding
from .lint_reach import layer_box, narrowed
from .model import Budget, Layer, Pack
from .values import Value

COMBINATIONS_MAX = 4096  # of the classes that the values of one check depend on


def cells(values: list[Value], box: Possible, day: str) -> Iterator[dict[str, str]]:
    """The cells in which the values can differ, the first COMBINATIONS_MAX of them."""
    dimensions = sorted(set().union(*(value.dimensions() for value in values), set()) & set(box))
    days = sorted({day, *set().union(*(value.dates() for value in values), set())})
    names = [box[dimension] for dimension in dimensions]
    for count, (date, *classes) in enumerate(product(days, *names)):
        if count >= COMBINATIONS_MAX:
            return
        yield {**dict(zip(dimensions, classes, strict=True)), "date": max(date, day)}


def check_values(pack: Pack) -> Iterator[Finding]:
    """All findings on the numbers of a pack bound to a profile; unset parameters are passed by."""
    for layer in pack.layers:
        box = None if layer.unset else layer_box(pack, layer)
        if box is not None:
            yield from _rates(pack, layer, box)
            yield from _edges(pack, layer, box)
            yield from _budgets(pack, layer.budgets, box, layer.where, layer.clauses)
    for line in pack.contributions:
        box = narrowed(possible_classes(pack), line.conditions)
        if box is not None:
            yield from _budgets(pack, line.budgets, box, line.where, line.clauses)


def _at(value: Value, cell: dict[str, str]) -> int | None:
    try:
        return value.at(cell)
    except Refusal:
        return None


def _rates(pack: Pack, layer: Layer, box: Possible) -> Iterator[Finding]:
    """Points that lift a rate above 100% are lost: the engine stops at 100%."""
    rates = layer.tiers.rates if layer.tiers else ()
    for change in layer.adjust:
        held = narrowed(box, change.conditions)
        if change.how != "plus" or held is None:
            continue
        extra = change.at_most if change.fact else change.operand
        for cell in cells([*rates, extra], held, pack.force_from):
            found = [(_at(rate, cell), _at(extra, cell)) for rate in rates]
            above = [rate + more for rate, more in found
                     if rate is not None and more is not None and rate + more > PPM]
            if above:
                yield finding("warning", "rate-above-100", change.where, f"{layer.name} would pay "
                              f"{percent_text(max(above))} ({_words(cell)}); it is cut to 100%",
                              "Correct the points, or write `set: 100%` for these claims.",
                              (*change.clauses, *layer.clauses, "")[0])
                break


def _words(cell: dict[str, str]) -> str:
    return ", ".join(f"{name} {word}" for name, word in cell.items())


def _edges(pack: Pack, layer: Layer, box: Possible) -> Iterator[Finding]:
    """Tiers whose edges come from parameters or tables must rise too."""
    edges = list(layer.tiers.edges) if layer.tiers else []
    for cell in cells(edges, box, pack.force_from) if edges else ():
        found = [_at(edge, cell) for edge in edges]
        for earlier, later in zip(found, found[1:], strict=False):
            if earlier is not None and later is not None and later <= earlier:
                yield finding("error", "tiers-not-rising", layer.tiers.where, f"the tiers of "
                              f"{layer.name} overlap: {yuan_text(later)} follows "
                              f"{yuan_text(earlier)} ({_words(cell)})",
                              "Correct the edges or the parameters they use.",
                              (*layer.tiers.clauses, *layer.clauses, "")[0])
                return


def _budgets(pack: Pack, budgets: tuple[Budget, ...], box: Possible, where: str,
             clauses: tuple[str, ...]) -> Iterator[Finding]:
    shares = [budget.share for budget in budgets]
    for cell in cells(shares, box, pack.force_from) if shares else ():
        found = [_at(share, cell) for share in shares]
        if None not in found and sum(found) != PPM:
            yield finding("error", "budgets-not-100", where, f"the budgets "
                          f"{', '.join(budget.name for budget in budgets)} carry "
                          f"{percent_text(sum(found))} together ({_words(cell)})",
                          "Shares of budgets must add up to 100%.", clauses[0] if clauses else "")
            return
