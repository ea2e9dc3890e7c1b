"""Reading one layer of a pack: base, deductible, ratio or tiers, caps, penalty (一层支付规则)."""
from __future__ import annotations

import re
from dataclasses import replace

from ..terms import PART_NAMES, RESIDUES
from . import reading
from .model import (Adjustment, BaseItem, Budget, Cap, Conditions, Deductible, Fill, Layer,
                    Penalty, Tiers)
from .reading import Context, UnsetChoice, clauses, fault, mapping, needed, text, word, words
from .source import Node
from .values import Constant, Value

LAYER_KEYS = ("title", "fund", "for", "except", "when", "base", "deductible", "ratio", "tiers",
              "fill", "minimum", "adjust", "cap", "over_cap", "penalty", "measure", "looks_back",
              "budgets", "clause", "clauses", "after", "before")
DEEDS = ("paid", "not_paid", "capped", "applied", "not_applied")
PERIODS = ("stay", "day", "month", "year")
_TIER_KEYS = ("of", "edges", "rounding", "owner", "accumulator", "clause", "clauses", "above")


def read_layer(context: Context, name: str, node: Node, funds: set[str],
               pots: dict[str, Cap]) -> Layer:
    """The layer at a node; a layer whose structure hangs on an unset choice comes back `unset`."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise fault(node, "bad-name", f"{name!r} is no layer name", "Use a-z, 0-9 and _.")
    try:
        layer = _read(context, name, node, funds, pots)
    except UnsetChoice as choice:
        declared = context.parameters.get(choice.parameter)
        clause = declared.clause if declared else ""
        layer = _unset_layer(context, name, node, (choice.parameter, clause))
    context.layer_names.append(name)
    return layer


def _unset_layer(context: Context, name: str, node: Node, unset: tuple[str, str]) -> Layer:
    items = mapping(node, f"layer {name}", LAYER_KEYS)
    scoped = _readable_conditions(context, items.get("for"))
    exception = items.get("except")
    listed = exception.elements if exception is not None and exception.elements is not None \
        else [exception]
    exceptions = tuple(found for part in listed if part is not None and part.text is None
                       and (found := _readable_conditions(context, part))
                       and len(found) == len(part.items))
    return Layer(name, title(items.get("title")), "other_fund", scoped, exceptions, (), (), None,
                 None, None, None, (), (), "cost", None, "", False, (), clauses(items, context),
                 unset, node.where)


def _readable_conditions(context: Context, node: Node | None) -> Conditions:
    """The conditions that hang on no unset choice, so that only claims the layer reaches stop."""
    if node is None or node.items is None or "choose" in node.items:
        return {}
    found: Conditions = {}
    for dimension, child in node.items.items():
        one = Node(node.file, node.line, node.column, items={dimension: child}, keys=node.keys)
        try:
            found |= reading.conditions(context, one, "for")
        except UnsetChoice:
            continue
    return found


def title(node: Node | None, entry: str = "title") -> dict[str, str]:
    """`{zh, en}`; a plain word serves for both. `entry` is its name in errors."""
    if node is None:
        return {}
    if node.items is None:
        both = text(node, entry)
        return {"zh": both, "en": both}
    return {key: text(child, entry)
            for key, child in mapping(node, entry, ("zh", "en")).items()}


def _read(context: Context, name: str, node: Node, funds: set[str],
          pots: dict[str, Cap]) -> Layer:
    what = f"layer {name}"
    items = mapping(node, what, LAYER_KEYS)
    own = clauses(items, context)
    first = own[0] if own else ""
    ways = [key for key in ("ratio", "tiers", "fill") if key in items]
    if len(ways) != 1:
        raise fault(node, "one-way-to-pay", f"{what} needs exactly one of ratio, tiers, fill; "
                    f"it has {', '.join(ways) or 'none'}", "Keep one.", first)
    ratio = items.get("ratio")
    tiers = Tiers((reading.value(context, ratio, "percent", first),), (), where=ratio.where) \
        if ratio else None
    if "tiers" in items:
        tiers = read_tiers(context, name, items["tiers"], first)
    minimum = items.get("minimum")
    return Layer(
        name, title(items.get("title")), word(needed(node, what, "fund"), "fund", funds),
        reading.conditions(context, items.get("for"), "for"),
        _exceptions(context, items.get("except")),
        _deeds(context, items.get("when")),
        read_base(context, needed(node, what, "base")),
        read_deductible(context, name, needed(node, what, "deductible"), first),
        tiers, _fill(context, items.get("fill"), first),
        reading.value(context, minimum, "percent", first) if minimum else None,
        read_adjust(context, items.get("adjust"), "percent", first),
        read_caps(context, name, needed(node, what, "cap"), pots, first),
        word(items["over_cap"], "over_cap", ("cost", "payment")) if "over_cap" in items else "cost",
        _penalty(context, items.get("penalty")),
        _measure(context, items.get("measure")),
        reading.yes_no(items["looks_back"], "looks_back") if "looks_back" in items else False,
        read_budgets(context, items.get("budgets"), first), own, None, node.where)


def _exceptions(context: Context, node: Node | None) -> tuple[Conditions, ...]:
    if node is None or node.text == "none":
        return ()
    parts = node.elements if node.elements is not None else [node]
    found = (reading.conditions(context, part, "except") for part in parts)
    return tuple(conditions for conditions in found if conditions)


def _deeds(context: Context, node: Node | None) -> tuple[tuple[str, str], ...]:
    if node is None or node.text == "none":
        return ()
    found = []
    for part in node.elements if node.elements is not None else [node]:
        items = mapping(part, "when", ("layer", "did"))
        if not items:
            continue
        layer = word(needed(part, "when", "layer"), "earlier layer", context.layer_names)
        found.append((word(needed(part, "when", "did"), "deed", DEEDS), layer))
    return tuple(found)


def read_base(context: Context, node: Node) -> tuple[BaseItem, ...]:
    """The parts a layer draws on, in draw order."""
    parts = node.elements if node.elements is not None else [node]
    found = []
    for part in parts:
        if part.items is None:
            found.append(BaseItem(_part(context, part), None, part.where))
            continue
        items = mapping(part, "base item", ("part", "weight", "clause", "clauses"))
        weight = items.get("weight")
        found.append(BaseItem(_part(context, needed(part, "base item", "part")),
                              reading.value(context, weight, "percent") if weight else None,
                              part.where))
    names = [item.part for item in found]
    for twice in {name for name in names if names.count(name) > 1}:
        raise fault(node, "part-twice", f"the base names {twice} twice", "Name each part once.")
    return tuple(found)


def _part(context: Context, node: Node) -> str:
    name = text(node, "part")
    if name in PART_NAMES:
        return name
    layer, _, residue = name.partition(".")
    known = [*RESIDUES, "unpaid", "residue"]
    if layer not in context.layer_names or residue not in known:
        names = [*PART_NAMES, *(f"{earlier}.{tail}" for earlier in context.layer_names
                                for tail in known)]
        raise fault(node, "unknown-part", f"{name!r} is no part at this point of the chain",
                    reading.suggest(name, names))
    return name


def _share_of(context: Context, node: Node) -> tuple[str, ...]:
    names = words(node, "part", [*PART_NAMES, "total"])
    return PART_NAMES if "total" in names else names


def read_deductible(context: Context, layer: str, node: Node, clause: str) -> Deductible | None:
    """起付线: none, or per stay, year or episode."""
    if node.text is not None:
        word(node, "deductible (a number alone does not say per what)", ("none",))
        return None
    what = f"deductible of {layer}"
    items = mapping(node, what, ("per", "amount", "share", "of", "at_least", "at_most", "then",
                                 "counter", "counts", "year_total_at_most", "adjust", "owner",
                                 "accumulator", "clause", "clauses"))
    per = word(needed(node, what, "per"), "period", ("stay", "year", "episode"))
    if ("amount" in items) == ("share" in items):
        raise fault(node, "amount-or-share", f"{what} needs either `amount:` or `share:`",
                    "Keep one of them.", clause)

    _refuse_idle_keys(node, items, per, clause)

    def yuan(key: str, unit: str = "yuan") -> Value | None:
        return reading.value(context, items[key], unit, clause) if key in items else None

    deductible = Deductible(
        per, yuan("amount"), yuan("share", "percent"),
        _share_of(context, needed(node, what, "of")) if "share" in items else (),
        yuan("at_least"), yuan("at_most"),
        counter=text(items["counter"], "counter") if "counter" in items else layer,
        counts=yuan("counts", "yes/no"), year_total_at_most=yuan("year_total_at_most"),
        adjust=read_adjust(context, items.get("adjust"), "yuan", clause),
        owner=word(items["owner"], "owner", ("person", "family", "any_member"))
        if "owner" in items else "person",
        accumulator=text(items["accumulator"], "accumulator") if "accumulator" in items else layer,
        clauses=clauses(items, context), where=node.where)
    if "then" in items:
        deductible = _then(context, deductible, items["then"], clause)
    if deductible.owner != "person" and per != "year":
        raise fault(node, "owner-needs-year", "a shared deductible must be `per: year`",
                    "Write `per: year`.", clause)
    return deductible


def _refuse_idle_keys(node: Node, items: dict[str, Node], per: str, clause: str) -> None:
    """Keys that would be read and then do nothing are refused: nothing on a page is idle."""
    way, idle = ("share", ("then", "adjust", "counter", "counts")) if "share" in items else \
        ("amount", ("at_least", "at_most", "of"))
    for key in idle:
        if key in items:
            raise fault(items[key], "idle-key", f"`{key}` does nothing beside `{way}`",
                        f"Take it out, or write the deductible without `{way}:`.", clause)
    if "share" in items and (per != "stay" or "owner" in items):
        raise fault(node, "share-per-stay", "a share of the bill is a deductible of the stay",
                    "Write `per: stay` and no `owner:`.", clause)


def _then(context: Context, deductible: Deductible, node: Node, clause: str) -> Deductible:
    if node.items is not None and "minus" in node.items:
        items = mapping(node, "then", ("minus", "at_least"))
        floor = items.get("at_least")
        return replace(deductible,
                       then_minus=reading.value(context, items["minus"], "yuan", clause),
                       then_at_least=reading.value(context, floor, "yuan", clause)
                       if floor else Constant(0))
    shares = tuple(reading.value(context, part, "percent", clause)
                   for part in reading.elements(node, "then"))
    if not shares:
        raise fault(node, "empty-list", "`then:` is empty", "Write [100%, 50%, 0%].", clause)
    return replace(deductible, then=shares)


def read_tiers(context: Context, layer: str, node: Node, clause: str) -> Tiers:
    """Tiers: `to 100000: 60%` ... `above: 75%`, edges rising."""
    items = mapping(node, "tiers")
    rates, edges, last = [], [], -1
    for key, child in items.items():
        if key.startswith("to "):
            line, column = node.keys.get(key, (node.line, node.column))
            edge_node = Node(node.file, line, column, key[3:].strip())
            edge = reading.value(context, edge_node, "yuan", clause)
            if isinstance(edge, Constant):
                if edge.number <= last:
                    raise fault(edge_node, "tiers-not-rising", f"the tier `{key}` does not rise",
                                "Tiers must not overlap: write edges in rising order.", clause)
                last = edge.number
            edges.append(edge)
            rates.append(reading.value(context, child, "percent", clause))
        elif key not in _TIER_KEYS:
            raise fault(child, "unknown-key", f"tiers have no key `{key}`",
                        "Write `to 100000: 60%` and `above: 75%`. "
                        + reading.suggest(key, _TIER_KEYS))
    if "above" not in items:
        raise fault(node, "tiers-gap", "the tiers end: nothing says what is paid above the last",
                    "Add `above: 75%` (or `above: 0%`).", clause)
    rates.append(reading.value(context, items["above"], "percent", clause))

    def option(key: str, known: tuple[str, ...]) -> str:
        return word(items[key], key, known) if key in items else known[0]

    tiers = Tiers(tuple(rates), tuple(edges), option("of", ("stay", "year")),
                  option("edges", ("gross", "net", "bracket")),
                  option("rounding", ("each_side", "difference", "true_up")),
                  option("owner", ("person", "family")),
                  text(items["accumulator"], "accumulator") if "accumulator" in items else layer,
                  clauses(items, context), node.where)
    if tiers.edge_kind == "bracket" and tiers.of == "year":
        raise fault(node, "bracket-needs-stay", "`edges: bracket` works on a stay only",
                    "Write `of: stay`.", clause)
    return tiers


def _fill(context: Context, node: Node | None, clause: str) -> Fill | None:
    if node is None:
        return None
    items = mapping(node, "fill", ("share", "of", "per", "clause", "clauses"))
    return Fill(reading.value(context, needed(node, "fill", "share"), "percent", clause),
                _share_of(context, needed(node, "fill", "of")),
                word(needed(node, "fill", "per"), "period", ("stay", "year")),
                clauses(items, context), node.where)


def read_adjust(context: Context, node: Node | None, unit: str,
                clause: str) -> tuple[Adjustment, ...]:
    """Changes for some claims, in order; a `fact` makes one a slope."""
    if node is None:
        return ()
    found = []
    for part in reading.elements(node, "adjust"):
        items = mapping(part, "adjustment", ("for", "times", "set", "plus", "minus", "round_to",
                                             "fact", "above", "at_most", "clause", "clauses"))
        hows = [key for key in ("times", "set", "plus", "minus") if key in items]
        if len(hows) != 1:
            raise fault(part, "one-change", "an adjustment needs exactly one of times, set, plus, "
                        "minus", "Keep one.", clause)
        how = hows[0]
        own = clauses(items, context)
        first = own[0] if own else clause
        operand = reading.value(context, items[how], "percent" if how == "times" else unit, first)
        adjustment = Adjustment(how, operand, reading.conditions(context, items.get("for"), "for"),
                                reading.parse_step(items.get("round_to")), clauses=own,
                                where=part.where)
        if "fact" in items:
            adjustment = _slope(context, part, adjustment, first)
        found.append(adjustment)
    if sum(bool(one.fact) for one in found) > 1:
        raise fault(node, "one-slope", "a layer may have one slope over a fact", "Keep one.",
                    clause)
    return tuple(found)


def _slope(context: Context, node: Node, adjustment: Adjustment, clause: str) -> Adjustment:
    items = node.items
    fact = word(items["fact"], "fact", ("age", *context.facts))
    if adjustment.how != "plus":
        raise fault(node, "slope-needs-plus", "a fact's slope is written with `plus:`",
                    "Write `plus: 1%`.", clause)
    above = items.get("above")
    at_most = needed(node, "slope", "at_most")
    return replace(adjustment, fact=fact,
                   above=reading.value(context, above, "count", clause) if above else Constant(0),
                   at_most=reading.value(context, at_most, "percent", clause))


def read_cap(context: Context, name: str, node: Node, clause: str) -> Cap:
    """One limit."""
    what = f"cap {name}"
    items = mapping(node, what, ("per", "amount", "on", "owner", "clause", "clauses", "title"))
    own = clauses(items, context)
    return Cap(name, word(needed(node, what, "per"), "period", PERIODS),
               reading.value(context, needed(node, what, "amount"), "yuan",
                             own[0] if own else clause),
               word(items["on"], "on", ("payment", "cost")) if "on" in items else "payment",
               word(items["owner"], "owner", ("person", "family")) if "owner" in items
               else "person", own, node.where, title(items.get("title")))


def read_caps(context: Context, layer: str, node: Node, pots: dict[str, Cap],
              clause: str) -> tuple[Cap, ...]:
    """`none`, a pot, a limit, or a list of them."""
    if node.text == "none":
        return ()
    found = []
    for part in node.elements if node.elements is not None else [node]:
        if part.text is not None:
            found.append(pots[word(part, "pot (or `none`)", [*pots])])
        else:
            own = f"{layer}#{len(found)}" if found else layer
            found.append(read_cap(context, own, part, clause))
    return tuple(found)


def _penalty(context: Context, node: Node | None) -> Penalty | None:
    if node is None:
        return None
    items = mapping(node, "penalty", ("for", "as_if", "clause", "clauses"))
    as_if = reading.conditions(context, needed(node, "penalty", "as_if"), "as_if")
    return Penalty(reading.conditions(context, needed(node, "penalty", "for"), "for"),
                   {dimension: names[0] for dimension, names in as_if.items()},
                   clauses(items, context), node.where)


def _measure(context: Context, node: Node | None) -> str:
    if node is None or node.is_null or node.text == "none":
        return ""
    name = text(node, "measure")
    known = [f"{layer}.gross" for layer in context.layer_names]
    return word(node, "measure", known).partition(".")[0] if name else ""


def read_budgets(context: Context, node: Node | None, clause: str) -> tuple[Budget, ...]:
    """Shares of the money by budget, in order of remainder ties."""
    if node is None:
        return ()
    return tuple(Budget(name, reading.value(context, child, "percent", clause))
                 for name, child in mapping(node, "budgets").items())
