"""A scenario: under which rules a year of cases is paid (测算方案).

It names a grouping (a DRG scheme with weights, or a region's DIP catalogue), coefficients, and how
points become money. Every key that a method needs must be there: a simulation that filled gaps by
itself would compare something nobody asked for. Paths are relative to the scenario's file.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from ...errors import CaseError, Refusal
from ...money import NumberFault, parse_yuan, scaled
from ...policy import Node, parse_yaml, read_text
from ..dip.region_nodes import elements, fault, mapping, percent, text
from ..drg import TUTORIAL

TOP = ("scenario", "source", "method", "drg", "dip", "priced", "money")
METHODS = ("drg", "dip", "priced")
DRG_KEYS = ("scheme", "weights", "coefficients", "ambiguous", "no_group", "no_group_factor")
DIP_KEYS = ("region", "catalogue", "history", "national", "coefficients", "standard_value")
PRICED_KEYS = ("scheme", "region", "ambiguous")
MONEY_KEYS = ("method", "budget", "value")
INSURANCES = ("employees", "residents")
VALUE_DIGITS = 6


class DrgRules(NamedTuple):
    """Grouping by a DRG scheme with a table of weights (what `payment weights` writes).

    `coefficients` None means that all hospitals are paid alike. `no_group` says what a case without
    a group is worth: nothing, or a share (ppm) of its cost over the mean cost of all.
    """

    scheme: str
    weights: Path
    coefficients: Path | None
    ambiguous: bool
    no_group: Literal["zero", "share_of_mean"]
    no_group_factor_ppm: int


class DipRules(NamedTuple):
    """Grouping by a region's DIP catalogue: its folder, or built from the cases of earlier years.

    `coefficients` stands in for the catalogue's own; `standard_value_micro` is the value of a
    point (millionths of a yuan) where the region compares costs with the payment standard, else 0.
    """

    region: Path
    catalogue: Path | None
    history: tuple[Path, ...]
    national: Path | None
    coefficients: Path | None
    standard_value_micro: int


class PricedRules(NamedTuple):
    """Grouping by a DRG scheme and a region's own pricing rules (`tongchou payment price`)."""

    scheme: str
    region: Path
    ambiguous: bool


@dataclass(frozen=True)
class Scenario:
    """One side of a simulation.

    `floating` shares `budget_fen` of an insurance by points; `fixed` pays `value_micro` millionths
    of a yuan a point; `priced` pays what the pricing rules leave to the fund. A DRG weight of 1
    counts as 1,000 points.
    """

    name: str
    source: str
    rules: DrgRules | DipRules | PricedRules
    money: Literal["floating", "fixed", "priced"]
    budget_fen: Mapping[str, int]
    value_micro: Mapping[str, int]
    file: str = ""

    @property
    def insurances(self) -> tuple[str, ...]:
        """Insurances this scenario pays for."""
        return tuple(self.budget_fen or self.value_micro)


def read_scenario(path: Path | str) -> Scenario:
    """A scenario's file (YAML).

    Raises CaseError (unreadable, an unknown key, a wrong value, a file that is not there; with line
    and column) and Refusal `unset-parameter` for a key that the method needs and the file lacks.
    """
    path = Path(path)
    root = parse_yaml(read_text(path), str(path), CaseError)
    top = mapping(root, "a scenario", TOP)
    method = _word(_needed(root, top, "method"), "method", METHODS)
    others = [other for other in METHODS if other != method]
    for other in [*others, "money"] if method == "priced" else others:
        if other in top:
            raise CaseError("unknown-key", f"`{other}` has no place beside method: {method}",
                            root.where_of(other), hint=f"Take `{other}` out, or change the method.")
    block = _needed(root, top, method)
    rules = {"drg": _drg, "dip": _dip, "priced": _priced}[method](block, path.parent)
    money, budget, value = ("priced", {}, {}) if method == "priced" else _money(
        _needed(root, top, "money"))
    return Scenario(text(_needed(root, top, "scenario"), "a name"),
                    text(_needed(root, top, "source"), "a source"), rules, money, budget, value,
                    str(path))


def _drg(node: Node, folder: Path) -> DrgRules:
    items = mapping(node, "`drg`", DRG_KEYS)
    scheme = _scheme(node, items, folder)
    weights = _file(_needed(node, items, "weights"), folder)
    assert weights is not None
    no_group = _word(_needed(node, items, "no_group"), "no_group", ("zero", "share_of_mean"))
    factor = percent(_needed(node, items, "no_group_factor")) if no_group == "share_of_mean" else 0
    return DrgRules(scheme, weights, _file(items.get("coefficients"), folder),
                    _ambiguous(items), no_group, factor)


def _priced(node: Node, folder: Path) -> PricedRules:
    items = mapping(node, "`priced`", PRICED_KEYS)
    region = _file(_needed(node, items, "region"), folder)
    assert region is not None
    return PricedRules(_scheme(node, items, folder), region, _ambiguous(items))


def _scheme(node: Node, items: Mapping[str, Node], folder: Path) -> str:
    named = text(_needed(node, items, "scheme"), "a scheme's folder")
    return named if named == TUTORIAL else str(_there(items["scheme"], folder))


def _ambiguous(items: Mapping[str, Node]) -> bool:
    return "ambiguous" in items and \
        _word(items["ambiguous"], "ambiguous", ("yes", "no")) == "yes"


def _dip(node: Node, folder: Path) -> DipRules:
    items = mapping(node, "`dip`", DIP_KEYS)
    region = _file(_needed(node, items, "region"), folder)
    _either(node, items, "catalogue", "history")
    assert region is not None
    national = items.get("national")
    return DipRules(region, _folder(items["catalogue"], folder) if "catalogue" in items else None,
                    _files(items.get("history"), folder),
                    _there(national, folder) if national else None,
                    _file(items.get("coefficients"), folder),
                    _value(items["standard_value"]) if "standard_value" in items else 0)


def _money(node: Node) -> tuple[Literal["floating", "fixed"], dict[str, int], dict[str, int]]:
    items = mapping(node, "`money`", MONEY_KEYS)
    method = _word(_needed(node, items, "method"), "method", ("floating", "fixed"))
    wanted, other = ("budget", "value") if method == "floating" else ("value", "budget")
    if other in items:
        raise CaseError("unknown-key", f"`{other}` has no place beside method: {method}",
                        node.where_of(other), hint=f"A {method} method takes `{wanted}`.")
    inner = _needed(node, items, wanted)
    amounts = mapping(inner, f"`{wanted}`", INSURANCES)
    if not amounts:
        raise fault(inner, "missing-key", f"`{wanted}` names no insurance",
                    f"Write one of {', '.join(INSURANCES)}.")
    if method == "floating":
        return "floating", {name: _yuan(one) for name, one in amounts.items()}, {}
    return "fixed", {}, {name: _value(one) for name, one in amounts.items()}


# --- keys and files -------------------------------------------------------------------------------
def _needed(node: Node, items: Mapping[str, Node], key: str) -> Node:
    if key not in items or items[key].is_null:
        raise Refusal("unset-parameter", f"the scenario does not give `{key}` 未设定", node.where,
                      hint=f"Write `{key}:`; docs/payment-simulation.md says what it means.")
    return items[key]


def _either(node: Node, items: Mapping[str, Node], first: str, second: str) -> None:
    """Exactly one of two keys."""
    if first in items and second in items:
        raise CaseError("unknown-key", f"`{second}` has no place beside `{first}`",
                        node.where_of(second), hint="Keep one of them.")
    if second not in items:
        _needed(node, items, first)


def _word(node: Node, key: str, known: tuple[str, ...]) -> str:
    found = text(node, f"`{key}`")
    if found not in known:
        raise fault(node, "unknown-word", f"`{key}` is {found[:40]!r}",
                    f"Write one of {', '.join(known)}.")
    return found


def _yuan(node: Node) -> int:
    return _number(node, parse_yuan)


def _value(node: Node) -> int:
    return _number(node, lambda written: scaled(written, VALUE_DIGITS, "yuan a point"))


def _number(node: Node, read: object) -> int:
    try:
        found = read(text(node, "a number"))
    except NumberFault as problem:
        raise fault(node, "bad-number", str(problem)) from None
    if found < 0:
        raise fault(node, "negative-number", f"{node.text!r} is negative", "Write at least 0.")
    return found


def _there(node: Node, folder: Path) -> Path:
    path = folder / text(node, "a path")
    if not path.exists():
        raise fault(node, "unreadable-file", f"{path} does not exist",
                    "Paths are relative to the scenario's file.")
    return path


def _file(node: Node | None, folder: Path) -> Path | None:
    if node is None:
        return None
    path = _there(node, folder)
    if not path.is_file():
        raise fault(node, "unreadable-file", f"{path} is no file")
    return path


def _folder(node: Node, folder: Path) -> Path:
    path = _there(node, folder)
    if not path.is_dir():
        raise fault(node, "unreadable-file", f"{path} is no folder")
    return path


def _files(node: Node | None, folder: Path) -> tuple[Path, ...]:
    if node is None:
        return ()
    found = elements(node) if node.elements is not None else [node]
    return tuple(path for one in found if (path := _file(one, folder)) is not None)
