"""A pack in words, for `pack show`: layers in the order of money, parameters, assumptions."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..policy import Layer, Node, Pack, diff, read_tree

LANGUAGES = ("both", "zh", "en")
WIDTH = 100
# What a reader wants first; other keys of a layer follow as they stand in the file.
_ORDER = ("for", "except", "when", "base", "deductible", "ratio", "tiers", "fill", "minimum",
          "adjust", "cap", "over_cap", "penalty", "measure", "looks_back", "budgets")
_CLASSES = ("hospitals", "persons", "ages", "diseases", "statuses", "attributes")
_WORDS = {
    "for": ("对象", "for"), "except": ("除外", "except"), "when": ("条件", "when"),
    "base": ("基数", "base"), "deductible": ("起付线", "deductible"), "ratio": ("比例", "ratio"),
    "tiers": ("分段", "tiers"), "fill": ("补足", "fill"), "minimum": ("保底", "minimum"),
    "adjust": ("调整", "adjust"), "cap": ("封顶线", "cap"), "over_cap": ("超封顶", "over cap"),
    "penalty": ("未转诊", "penalty"), "measure": ("计量", "measure"),
    "looks_back": ("追溯", "looks back"), "budgets": ("分担", "budgets"),
    "from": ("资金", "fund"), "assumptions": ("我们的读法", "our readings"),
    "parameters": ("原文没有的数", "numbers no document gives"), "layers": ("支付顺序", "layers"),
    "contributions": ("缴费与资助", "contributions"), "sources": ("来源", "sources"),
    "classes": ("类别", "classes"), "pots": ("共用限额", "pots"),
    "hospitals": ("医疗机构", "hospitals"), "persons": ("人员", "persons"),
    "ages": ("年龄", "ages"), "diseases": ("病种", "diseases"),
    "statuses": ("身份", "statuses"), "attributes": ("其他条件", "attributes"),
    "profile": ("候选值", "profile"), "no value": ("没有取值", "no value"),
}


def describe(path: Path, pack: Pack) -> dict[str, object]:
    """Everything `pack show` says, as plain values (also its `--json`)."""
    root = read_tree(path)
    entries = root.items or {}
    layers = entries["layers"].items or {}
    return {
        "name": pack.name, "title": pack.title, "state": pack.state, "from": pack.force_from,
        "to": pack.force_to or None, "extends": pack.extends or None, "profile": pack.profile,
        "pack_hash": pack.pack_hash, "sources": pack.sources, "insurance": list(pack.insurance),
        "layers": [_layer(pack, layer, layers[layer.name]) for layer in pack.layers],
        "classes": {kind: {rule.name: rule.title for rule in getattr(pack, kind)}
                    for kind in _CLASSES if getattr(pack, kind)},
        "pots": _pots(pack),
        "parameters": _parameters(entries, pack),
        "contributions": [diff.written(node) for node in
                          (entries["contributions"].elements or ())]
        if "contributions" in entries else [],
        "assumptions": [dict(entry) for entry in pack.assumptions],
    }


def _layer(pack: Pack, layer: Layer, node: Node) -> dict[str, object]:
    items = node.items or {}
    fund = items.get("fund")
    name = fund.text if fund is not None and fund.text else layer.fund
    known = pack.funds.get(name)
    title = layer.title or ({"zh": known.zh, "en": known.en} if known else {})
    values = {one.parameter: f"{one.text} ({one.grade})" for one in pack.candidates}
    says = {key: _filled(items[key], values) for key in _ORDER if key in items}
    return {"layer": layer.name, "title": title, "fund": name,
            "fund_title": {"zh": known.zh, "en": known.en} if known else {},
            "says": says, "clauses": list(layer.clauses), "where": layer.where}


def _pots(pack: Pack) -> dict[str, dict[str, str]]:
    """Pot -> title, in the order in which money meets them."""
    return {cap.name.removeprefix("pot:"): cap.title for layer in pack.layers
            for cap in layer.caps if cap.name.startswith("pot:")}


def _filled(node: Node, values: dict[str, str]) -> object:
    """A node as plain values; `$name` is followed by what the profile gives it."""
    if node.items is not None:
        return {key: _filled(child, values) for key, child in node.items.items()}
    if node.elements is not None:
        return [_filled(child, values) for child in node.elements]
    text = " ".join((node.text or "~").split())
    return f"{text} = {values[text[1:]]}" if text[:1] == "$" and text[1:] in values else text


def _parameters(entries: dict[str, Node], pack: Pack) -> list[dict[str, object]]:
    found = {name: {"name": name, "title": declared.title, "clause": declared.clause,
                    "unit": declared.unit or "choice", "by": list(declared.by),
                    "choices": list(declared.choices), "candidates": []}
             for name, declared in pack.parameters.items()}
    profiles = entries["profiles"].items or {} if "profiles" in entries else {}
    for profile, node in profiles.items():
        for name, entry in ((node.items or {})["values"].items or {}).items():
            items = entry.items or {}
            found[name]["candidates"].append(
                {"profile": profile, "value": diff.written(items["value"]),
                 "grade": items["grade"].text, "source": diff.written(items["source"])})
    return list(found.values())


def page(described: dict[str, object], lang: str) -> Iterator[str]:
    """The lines of `pack show`; `lang` is one of LANGUAGES."""
    until = described["to"] or "..."
    yield f"{described['name']}  {_title(described['title'], lang)}"
    yield f"  {described['state']}, {described['from']} - {until}, {described['pack_hash']}"
    if described["extends"]:
        yield f"  extends {described['extends']}"
    for prefix, source in described["sources"].items():
        yield f"  {prefix}: {', '.join(source.values())}"
    yield from ("", _word("layers", lang))
    for number, layer in enumerate(described["layers"], 1):
        yield from _layer_lines(number, layer, lang)
    yield from _name_lines(described, lang)
    if described["contributions"]:
        yield from ("", _word("contributions", lang))
        yield from (f"  {line}" for line in described["contributions"])
    if described["parameters"]:
        yield from ("", _word("parameters", lang))
        for parameter in described["parameters"]:
            yield from _parameter_lines(parameter, lang)
    if described["assumptions"]:
        yield from ("", _word("assumptions", lang))
        yield from (f"  {one['clause']}: {' '.join(_title(one, lang).split())}"
                    for one in described["assumptions"])


def _name_lines(described: dict[str, object], lang: str) -> Iterator[str]:
    """What the classes and pots that rules name are called; those with a title only."""
    named = {**described["classes"], "pots": described["pots"]}
    shown = {kind: {name: title for name, title in titles.items() if title}
             for kind, titles in named.items()}
    if any(shown.values()):
        yield from ("", _word("classes", lang))
    for kind, titles in shown.items():
        if titles:
            yield f"  {_word(kind, lang)}:"
            yield from (f"    {name}: {_title(title, lang)}" for name, title in titles.items())


def _layer_lines(number: int, layer: dict[str, object], lang: str) -> Iterator[str]:
    yield f"{number:>3}. {layer['layer']}  {_title(layer['title'], lang)}" \
        f"  [{', '.join(layer['clauses'])}]"
    yield f"       {_word('from', lang)}: {_title(layer['fund_title'], lang) or layer['fund']}"
    for key, said in layer["says"].items():
        yield from _said(f"       {_word(key, lang)}: ", said, " " * 9)


def _said(head: str, said: object, indent: str) -> Iterator[str]:
    """A value on one line where it fits, else entry by entry below its head."""
    line = head + _inline(said)
    if len(line) <= WIDTH or isinstance(said, str):
        yield line
    elif isinstance(said, dict):
        yield head.rstrip()
        for key, child in said.items():
            yield from _said(f"{indent}{key}: ", child, indent + "  ")
    else:
        yield head.rstrip()
        for child in said:
            yield from _said(f"{indent}- ", child, indent + "  ")


def _inline(said: object) -> str:
    if isinstance(said, dict):
        return ", ".join(f"{key}: {_inline(child)}" if not isinstance(child, dict)
                         else f"{key}: ({_inline(child)})" for key, child in said.items())
    if isinstance(said, list):
        return ", ".join(f"({_inline(child)})" if isinstance(child, dict) else _inline(child)
                         for child in said)
    return str(said)


def _parameter_lines(parameter: dict[str, object], lang: str) -> Iterator[str]:
    shape = ", ".join(parameter["choices"]) or parameter["unit"]
    by = f" by {', '.join(parameter['by'])}" if parameter["by"] else ""
    title = _title(parameter["title"], lang)
    yield f"  ${parameter['name']}  {title}  [{parameter['clause']}] ({shape}{by})"
    for one in parameter["candidates"]:
        yield f"       {one['profile']}: {one['value']}  ({one['grade']}: {one['source']})"
    if not parameter["candidates"]:
        yield f"       {_word('no value', lang)}"


def _title(title: dict[str, str], lang: str) -> str:
    words = [title.get(one, "") for one in (("zh", "en") if lang == "both" else (lang,))]
    return " ".join(dict.fromkeys(word for word in words if word))


def _word(key: str, lang: str) -> str:
    zh, en = _WORDS[key]
    return {"zh": zh, "en": en}.get(lang, f"{zh} {en}")
