"""From a bound node tree to a `Pack` (see docs/pack-reference.md, section by section)."""
from __future__ import annotations

import hashlib
import json

from ..errors import PackError
from ..terms import FUND_FIELDS, FUNDS, INSURANCE, LEVELS, PERSONS, PLACES, REFERRALS, STATUSES
from ..terms import VISITS, Fund
from . import layers as layer_reader
from . import reading
from .model import (Candidate, Cap, ClassRule, Contribution, Layer, Pack, Parameter, Settings,
                    Status)
from .reading import Context, UnsetChoice, clauses, fault, mapping, needed, text, word, words
from .source import Node

PACK_KEYS = ("city", "regime", "title", "state", "in_force", "extends", "sources", "settings",
             "insurance", "hospitals", "persons", "ages", "diseases", "statuses", "attributes",
             "facts", "referral", "parameters", "profiles", "funds", "pots", "layers",
             "contributions", "assumptions", "notes")
SETTINGS: dict[str, tuple[str, ...]] = {
    "rule_date": ("discharge", "admission", "settlement"),
    "year_by": ("discharge", "admission", "settlement", "refuse"),
    "order": ("settlement", "discharge"),
    "age_at": ("admission", "discharge", "year_start"),
    "rounding": ("half_up", "half_even", "down"),
    "status_choice": ("best_or_none", "held"),
}


def read_pack(root: Node, profile: str | None, given: dict[str, Node],
              candidates: tuple[Candidate, ...], problems: list[PackError]) -> Pack:
    """The pack at a root node. Faults are appended to `problems`; what can be read is read."""
    items = mapping(root, "a pack", PACK_KEYS)
    context = Context(set(_sources(items)), given=given)
    pack = _Collector(problems)
    context.parameters = pack(lambda: read_parameters(items.get("parameters"), context), {})
    context.facts = tuple(mapping(items["facts"], "facts")) if "facts" in items else ()
    classes = {kind: pack(lambda kind=kind: _classes(kind, items.get(kind), context), ())
               for kind in ("hospitals", "persons", "ages", "diseases")}
    insurance = pack(lambda: words(needed(root, "a pack", "insurance"), "insurance type",
                                   INSURANCE), ())
    statuses, attributes = (pack(lambda kind=kind: _statuses(items.get(kind), context), ())
                            for kind in ("statuses", "attributes"))
    context.dimensions = _dimensions(insurance, classes, statuses, attributes)
    statuses = pack(lambda: _statuses(items.get("statuses"), context), statuses)
    funds = pack(lambda: _funds(items.get("funds")), dict(FUNDS))
    pots = {name: cap for name, cap in
            ((name, pack(lambda n=name, c=child: layer_reader.read_cap(context, f"pot:{n}", c, ""),
                         None))
             for name, child in (items["pots"].items or {}).items()) if cap} \
        if "pots" in items else {}
    found_layers = tuple(layer for layer in _layers(root, context, funds, pots, pack) if layer)
    force = _in_force(root)
    return Pack(
        f"{text(needed(root, 'a pack', 'city'), 'city')}/"
        f"{text(needed(root, 'a pack', 'regime'), 'regime')}",
        text(items["city"], "city"), text(items["regime"], "regime"),
        layer_reader.title(needed(root, "a pack", "title")),
        word(needed(root, "a pack", "state"), "state", ("draft", "in_force", "superseded")),
        force[0], force[1], _sources(items), pack(lambda: _settings(items.get("settings")),
                                                  Settings()),
        insurance, classes["hospitals"], classes["persons"], classes["ages"], classes["diseases"],
        statuses, attributes, context.facts,
        pack(lambda: _referral(items.get("referral"), context), ()),
        context.parameters, _profile_titles(items.get("profiles")), profile, candidates, funds,
        found_layers, pack(lambda: _contributions(items.get("contributions"), context, funds), ()),
        _assumptions(items.get("assumptions"), context), _hash(root, given), root.file,
        text(items["extends"], "extends") if "extends" in items else "", _date_edges(root))


class _Collector:
    """Runs a reader and keeps its fault, so that lint can show all faults at once."""

    def __init__(self, problems: list[PackError]) -> None:
        self.problems = problems

    def __call__(self, reader, otherwise):  # noqa: ANN001 - any reader, its own default
        try:
            return reader()
        except PackError as problem:
            self.problems.append(problem)
        except UnsetChoice as choice:
            self.problems.append(reading.misplaced(choice))
        return otherwise


def _layers(root: Node, context: Context, funds: dict[str, Fund], pots: dict[str, Cap],
            pack: _Collector) -> list[Layer | None]:
    node = needed(root, "a pack", "layers")
    entries = mapping(node, "layers")
    if not entries:
        pack.problems.append(fault(node, "no-layers", "a pack needs at least one layer",
                                   "Add one."))
    return [pack(lambda n=name, c=child: layer_reader.read_layer(context, n, c, set(funds), pots),
                 None) for name, child in entries.items()]


def _hash(root: Node, given: dict[str, Node]) -> str:
    content = [root.plain(), {name: node.plain() for name, node in sorted(given.items())}]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _date_edges(root: Node) -> tuple[str, ...]:
    return tuple(sorted({key for node in root.walk() if node.items and "by" in node.items
                         for key in node.items if reading.ISO_DATE.match(key)}))


def _sources(items: dict[str, Node]) -> dict[str, dict[str, str]]:
    if "sources" not in items:
        return {}
    return {prefix: {key: text(value, "source") for key, value in mapping(child, "source").items()}
            for prefix, child in mapping(items["sources"], "sources").items()}


def _in_force(root: Node) -> tuple[str, str]:
    node = needed(root, "a pack", "in_force")
    items = mapping(node, "in_force", ("from", "to"))
    first = reading.day(needed(node, "in_force", "from"), "from")
    last = reading.day(items["to"], "to") if "to" in items and not items["to"].is_null else ""
    if last and last < first:
        raise fault(items["to"], "dates-out-of-order", f"in force to {last}, before {first}",
                    "Exchange or correct the dates.")
    return first, last


def read_parameters(node: Node | None, context: Context) -> dict[str, Parameter]:
    """Declared parameters; `by` dimensions are checked when a value is read."""
    found = {}
    for name, child in mapping(node, "parameters").items() if node else ():
        items = mapping(child, f"parameter {name}",
                        ("unit", "by", "choices", "clause", "clauses", "title", "note"))
        if ("unit" in items) == ("choices" in items):
            raise fault(child, "unit-or-choices", f"parameter {name} needs `unit:` or `choices:`",
                        "Keep one of them.")
        cited = clauses(items, context)
        if not cited:
            raise fault(child, "no-clause", f"parameter {name} names no clause",
                        "Say which clause leaves the number open: `clause: XX-01`.")
        found[name] = Parameter(
            name, word(items["unit"], "unit", reading.UNITS) if "unit" in items else "",
            words(items["by"], "dimension") if "by" in items else (),
            words(items["choices"], "choice") if "choices" in items else (), cited[0],
            layer_reader.title(items.get("title")), child.where)
    return found


_CLASS_KEYS = {
    "hospitals": {"level": [*LEVELS], "tag": None, "place": [*PLACES], "not_tag": None},
    "persons": {"person": [*PERSONS, "other"]},
    "ages": {"from": None, "to": None},
    "diseases": {"codes": None},
}


def _classes(kind: str, node: Node | None, context: Context) -> tuple[ClassRule, ...]:
    found = []
    keys = _CLASS_KEYS[kind]
    for name, child in mapping(node, kind).items() if node else ():
        items = mapping(child, f"class {name}", (*keys, "clause", "clauses", "title"))
        match = {key: words(items[key], key, known)
                 for key, known in keys.items() if key in items}
        if kind == "ages":
            match = {key: (str(reading.number(items[key], "years")),) for key in match}
        found.append(ClassRule(name, match, child.where, clauses(items, context),
                               layer_reader.title(items.get("title"))))
    return tuple(found)


def _statuses(node: Node | None, context: Context) -> tuple[Status, ...]:
    found = []
    for name, child in mapping(node, "statuses").items() if node else ():
        items = {} if child.is_null else mapping(
            child, f"status {name}", ("title", "lookback_months", "clause", "clauses"))
        titled = layer_reader.title(items.get("title"))
        if name not in STATUSES and not titled:
            raise fault(child, "unknown-status", f"`{name}` is no identity of the vocabulary",
                        "Give it a `title: {zh: .., en: ..}`, or "
                        + reading.suggest(name, STATUSES))
        term = STATUSES.get(name)
        lookback = items.get("lookback_months")
        found.append(Status(
            name, titled or {"zh": term.zh, "en": term.en},
            reading.value(context, lookback, "months") if lookback and context.dimensions
            else None, child.where, clauses(items, context)))
    return tuple(found)


def _dimensions(insurance: tuple[str, ...], classes: dict[str, tuple[ClassRule, ...]],
                statuses: tuple[Status, ...], attributes: tuple[Status, ...],
                ) -> dict[str, tuple[str, ...]]:
    names = {kind: tuple(rule.name for rule in rules) for kind, rules in classes.items()}
    persons = names["persons"] or tuple(PERSONS)
    return {
        "insurance": insurance, "visit": (*VISITS, "other"),
        "hospital": (*names["hospitals"], "other"), "place": tuple(PLACES),
        "referral": tuple(REFERRALS), "status": (*(s.name for s in statuses), "none"),
        "disease": (*names["diseases"], "other"), "age": (*names["ages"], "other"),
        "person": (*(name for name in persons if name != "other"), "other"),
        "sex": ("male", "female", "unknown"),
        **{attribute.name: ("yes", "no") for attribute in attributes},
    }


def _settings(node: Node | None) -> Settings:
    if node is None:
        return Settings()
    items = mapping(node, "settings", (*SETTINGS, "policy_year_starts", "clause", "clauses"))
    found = {key: word(items[key], key, known) for key, known in SETTINGS.items() if key in items}
    if "policy_year_starts" in items:
        start = text(items["policy_year_starts"], "policy_year_starts")
        if not reading.is_day(f"2023-{start}"):
            raise fault(items["policy_year_starts"], "bad-date", f"{start!r} is no month-day",
                        "Write 01-01 or 07-01.")
        found["policy_year_starts"] = start
    return Settings(**found)


def _referral(node: Node | None, context: Context) -> tuple:
    if node is None:
        return ()
    items = mapping(node, "referral", ("not_needed",))
    found = []
    for part in reading.elements(needed(node, "referral", "not_needed"), "not_needed") \
            if items else ():
        rule = mapping(part, "not_needed", ("for", "clause", "clauses"))
        found.append((reading.conditions(context, rule.get("for"), "for"),
                      clauses(rule, context)))
    return tuple(found)


def _profile_titles(node: Node | None) -> dict[str, dict[str, str]]:
    return {name: layer_reader.title(mapping(child, "profile").get("title")) or
            {"zh": name, "en": name}
            for name, child in (mapping(node, "profiles").items() if node else ())}


def _funds(node: Node | None) -> dict[str, Fund]:
    found = dict(FUNDS)
    for name, child in mapping(node, "funds").items() if node else ():
        items = mapping(child, f"fund {name}", ("title", "field", "fund_pay_type", "clause",
                                                "clauses"))
        titled = layer_reader.title(needed(child, f"fund {name}", "title"))
        found[name] = Fund(titled.get("en", name), titled.get("zh", name),
                           word(items["field"], "amount field", FUND_FIELDS)
                           if "field" in items else "oth_pay",
                           text(items["fund_pay_type"], "fund_pay_type")
                           if "fund_pay_type" in items else "999997")
    return found


def _contributions(node: Node | None, context: Context,
                   funds: dict[str, Fund]) -> tuple[Contribution, ...]:
    kinds = {"personal": "yuan", "public": "yuan", "subsidy": "percent", "subsidy_amount": "yuan"}
    found = []
    for part in reading.elements(node, "contributions") if node else ():
        items = mapping(part, "contribution", (*kinds, "year", "for", "fund", "budgets", "clause",
                                               "clauses"))
        kind = [key for key in kinds if key in items]
        if len(kind) != 1:
            raise fault(part, "one-kind", "a contribution line needs exactly one of "
                        f"{', '.join(kinds)}", "Keep one.")
        cited = clauses(items, context)
        first = cited[0] if cited else ""
        found.append(Contribution(
            reading.number(items["year"], "years") if "year" in items else 0, kind[0],
            reading.value(context, items[kind[0]], kinds[kind[0]], first),
            reading.conditions(context, items.get("for"), "for"),
            word(items["fund"], "fund", [*funds]) if "fund" in items else "",
            layer_reader.read_budgets(context, items.get("budgets"), first), cited, part.where))
    return tuple(found)


def _assumptions(node: Node | None, context: Context) -> tuple[dict[str, str], ...]:
    found = []
    for part in reading.elements(node, "assumptions") if node else ():
        items = mapping(part, "assumption", ("clause", "clauses", "says"))
        said = layer_reader.title(needed(part, "assumption", "says"), "says")
        either = said.get("zh") or said.get("en")
        if not either:
            raise fault(items["says"], "missing-key", "an assumption needs words",
                        "Write `says: {zh: ..., en: ...}`.")
        found.append({"clause": ", ".join(clauses(items, context)),
                      "zh": said.get("zh", either), "en": said.get("en", either)})
    return tuple(found)
