"""What can never happen: conditions that never hold, entries never read, bases always empty.

A claim's classes are independent of each other (but for hospital and place), so a *box*, the
classes still possible in every dimension, says exactly what a nested condition can meet.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..money import PPM
from ..terms import PART_NAMES
from .lint_classes import Possible, place_of, possible_classes
from .lint_finding import Finding, finding
from .model import Conditions, Layer, Pack
from .values import Constant, Given, Table, Value

Entry = tuple[str, tuple[str, ...]]  # where the table stands, keys down to the entry


@dataclass
class Reach:
    """What the variants of a pack read, added up: an entry counts as dead only if no reading
    ever reaches it."""

    seen: dict[Entry, str] = field(default_factory=dict)        # -> clause
    reached: set[Entry] = field(default_factory=set)
    gaps: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    seen_rules: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    live_rules: set[tuple[str, str]] = field(default_factory=set)
    given: set[str] = field(default_factory=set)                # tables of profiles

    def rule(self, where: str, what: str, alive: bool, hint: str, clause: str) -> None:
        """Notes that a rule was seen, and whether it can ever act."""
        self.seen_rules.setdefault((where, what), (hint, clause))
        if alive:
            self.live_rules.add((where, what))


def narrowed(box: Possible, conditions: Conditions) -> Possible | None:
    """The box in which the conditions hold; None when they never do."""
    found = dict(box)
    for dimension, names in conditions.items():
        if dimension not in box:
            continue
        found[dimension] = tuple(name for name in box[dimension] if name in names)
        if not found[dimension]:
            return None
    return found


def layer_box(pack: Pack, layer: Layer) -> Possible | None:
    """Where a layer applies: its conditions less its exceptions; None for nowhere."""
    box = narrowed(possible_classes(pack), layer.conditions)
    for exception in layer.exceptions:
        held = narrowed(box, exception) if box else None
        if held is None:
            continue
        split = [name for name in box if held[name] != box[name]]
        if not split:
            return None
        if len(split) == 1:
            box[split[0]] = tuple(n for n in box[split[0]] if n not in held[split[0]])
    return box


def explore(pack: Pack, reach: Reach) -> None:
    """Adds what one variant of a pack can reach."""
    boxes = {layer.name: layer_box(pack, layer) for layer in pack.layers if not layer.unset}
    for layer in pack.layers:
        if layer.unset:
            continue
        clause = layer.clauses[0] if layer.clauses else ""
        alive = boxes[layer.name] is not None and _wanted(pack, layer, boxes)
        reach.rule(layer.where, f"layer {layer.name} can never apply: no claim fulfils its `for`, "
                   "`except` and `when` together", alive,
                   "Correct the conditions, or delete the layer.", clause)
        if boxes[layer.name] is not None:
            _explore_layer(pack, layer, boxes, reach, clause)


def _wanted(pack: Pack, layer: Layer, boxes: dict[str, Possible | None]) -> bool:
    """Whether every `when` can be true for some claim."""
    for did, name in layer.when:
        other, box = pack.layer(name), boxes.get(name)
        meets = box is not None and narrowed(boxes[layer.name], box) is not None
        if did in ("applied", "paid", "capped") and not meets and not other.unset:
            return False
        if did == "capped" and not other.caps and not other.unset:
            return False
        if did == "not_applied" and not other.unset and _always(other, box, boxes[layer.name]):
            return False
    return True


def _always(layer: Layer, box: Possible | None, inside: Possible) -> bool:
    """Whether a layer applies to every claim of a box."""
    return box is not None and not layer.when and len(layer.exceptions) == 0 and all(
        set(inside[dimension]) <= set(box[dimension]) for dimension in inside)


def _explore_layer(pack: Pack, layer: Layer, boxes: dict[str, Possible | None], reach: Reach,
                   clause: str) -> None:
    box = boxes[layer.name]
    for value in _own_values(layer):
        walk(pack, value, box, reach)
    everywhere = narrowed(possible_classes(pack), layer.conditions)
    for exception in layer.exceptions:
        reach.rule(layer.where, f"an `except` of layer {layer.name} never excludes anybody: "
                   + _words(exception), narrowed(everywhere, exception) is not None,
                   "Delete it, or correct the classes it names.", clause)
    own = [change for part in (layer.deductible,) if part for change in part.adjust]
    for change in (*layer.adjust, *own):
        held = narrowed(box, change.conditions)
        reach.rule(change.where, f"this adjustment of layer {layer.name} never applies: "
                   + _words(change.conditions), held is not None,
                   "Delete it, or correct its `for` or the layer's.", (*change.clauses, clause)[0])
        if held is not None:
            walk(pack, change.operand, held, reach)
    if layer.penalty:
        reach.rule(layer.penalty.where or layer.where, f"the penalty of layer {layer.name} never "
                   "applies", narrowed(box, layer.penalty.conditions) is not None,
                   "Correct its `for`.", clause)
    filled = [_can_fill(pack, layer, item.part, boxes) and not _is(item.weight, 0)
              for item in layer.base]
    reach.rule(layer.where, f"the base of layer {layer.name} is always empty", any(filled),
               "Name parts that earlier layers leave, or bill parts nobody took before.", clause)
    for item, alive in zip(layer.base, filled, strict=True):
        reach.rule(item.where, f"the part {item.part} is always empty when it comes to layer "
                   f"{layer.name}", alive, "Delete it, or draw on what is still there.", clause)


def _words(conditions: Conditions) -> str:
    return ", ".join(f"{name}: {' or '.join(classes)}" for name, classes in conditions.items()) \
        or "no condition"


def _own_values(layer: Layer) -> list[Value]:
    """Values that count wherever the layer applies (adjustments have boxes of their own)."""
    return layer.own_values() + [budget.share for budget in layer.budgets]


def walk(pack: Pack, value: Value, box: Possible, reach: Reach,
         trail: tuple[str, ...] = ()) -> None:
    """Marks the table entries that a value can read for the claims of a box."""
    if isinstance(value, Given):
        reach.given |= {part.where for part in _tables(value.value)}
    if not isinstance(value, Table) or value.dimension not in (*box, "date"):
        for child in value.children():
            walk(pack, child, box, reach)
        return
    names = _days(pack, value) if value.dimension == "date" else box[value.dimension]
    rest = [name for name in names if name not in value.entries]
    children = [((name,), key, child) for key, child in value.entries.items() for name in (key,)]
    if value.otherwise is not None:
        children.append((tuple(rest), "else", value.otherwise))
    elif rest:
        reach.gaps.setdefault((value.where, value.dimension, value.clause), set()).update(rest)
    for classes, key, child in children:
        entry = (value.where, (*trail, key))
        reach.seen.setdefault(entry, value.clause)
        met = tuple(name for name in classes if name in names)
        if met:
            reach.reached.add(entry)
            inner = _inside(pack, box, value.dimension, met)
            same = isinstance(child, Table) and child.where == value.where
            walk(pack, child, inner, reach, (*trail, key) if same else ())


def _tables(value: Value) -> list[Table]:
    own = [value] if isinstance(value, Table) else []
    return own + [table for child in value.children() for table in _tables(child)]


def _inside(pack: Pack, box: Possible, dimension: str, names: tuple[str, ...]) -> Possible:
    inner = {**box, dimension: names} if dimension in box else box
    if dimension == "hospital" and len(names) == 1:
        places = tuple(p for p in box["place"] if p in place_of(pack, names[0]))
        inner = {**inner, "place": places or box["place"]}
    return inner


def _days(pack: Pack, table: Table) -> list[str]:
    """The entries of a dated table in force at some time of the pack; "before" its first one."""
    days = sorted(table.entries)
    met = [day for day, later in zip(days, [*days[1:], "9999"], strict=True)
           if later > pack.force_from and (not pack.force_to or day <= pack.force_to)]
    return (["before"] if not days or days[0] > pack.force_from else []) + met


def _is(value: Value | None, number: int) -> bool:
    """Whether the pack itself writes this number (a parameter may have any value)."""
    return isinstance(value, Constant) and value.number == number


def _can_fill(pack: Pack, layer: Layer, part: str, boxes: dict[str, Possible | None]) -> bool:
    """Whether a part can hold money when it comes to a layer."""
    if part in PART_NAMES:
        return not any(_always(other, boxes.get(other.name), boxes[layer.name])
                       and any(item.part == part and _takes(item.weight) for item in other.base)
                       for other in pack.layers[:_index(pack, layer)] if not other.unset)
    name, _, tail = part.partition(".")
    other = pack.layer(name)
    box = boxes.get(name)
    if other.unset:
        return True
    met = box is not None and narrowed(boxes[layer.name], box) is not None
    if tail in ("unpaid", "residue") and any(
            _can_fill(pack, layer, item.part, boxes) for item in other.base):
        return True
    return met and _leaves(other, tail)


def _takes(weight: Value | None) -> bool:
    """Whether a base item surely takes its part: any written weight but 0% takes it whole."""
    return weight is None or (isinstance(weight, Constant) and weight.number > 0)


def _index(pack: Pack, layer: Layer) -> int:
    return [other.name for other in pack.layers].index(layer.name)


def _leaves(layer: Layer, tail: str) -> bool:
    """Whether a layer can leave a residue behind at all."""
    if tail == "deductible":
        return layer.deductible is not None
    if tail == "over_cap":
        return bool(layer.caps)
    if tail == "penalty":
        return layer.penalty is not None
    if tail == "excluded":
        return any(item.weight is not None for item in layer.base)
    whole = layer.tiers is not None and all(_is(rate, PPM) for rate in layer.tiers.rates)
    if tail == "copayment":
        return not whole
    return layer.deductible is not None or not whole or (tail == "unpaid" and bool(layer.caps))


def findings_of(reach: Reach) -> Iterator[Finding]:
    """What no variant reaches, and the classes for which a table says nothing."""
    for (where, what), (hint, clause) in reach.seen_rules.items():
        if (where, what) not in reach.live_rules:
            code = "base-always-empty" if "always empty" in what else "unreachable"
            severity = "note" if what.startswith("the part") else "warning"
            yield finding(severity, code, where, what, hint, clause)
    for (where, trail), clause in reach.seen.items():
        parent_dead = len(trail) > 1 and (where, trail[:-1]) not in reach.reached
        if (where, trail) not in reach.reached and not parent_dead:
            severity = "note" if where in reach.given else "warning"
            code = "else-never-used" if trail[-1] == "else" else "unreachable-entry"
            yield finding(severity, code, where, f"the entry `{' / '.join(trail)}` of this table "
                          "is never read: no claim that comes here has that class",
                          "Delete it, or correct the conditions around it.", clause)
    for (where, dimension, clause), names in reach.gaps.items():
        severity = "note" if names <= {"other", "unknown"} or where in reach.given else "warning"
        yield finding(severity, "table-gap", where, f"nothing is said for {dimension} "
                      f"{', '.join(sorted(names))}: such claims are refused",
                      "Add the entries or an `else:`, or narrow the layer's `for:`.", clause)
