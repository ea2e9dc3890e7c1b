"""How a message was understood (报文解读).

Nodes and rows by their standard names, what was ignored, what was not as the standard says - in the
envelope too.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .console_masking import masked
from .envelope import Envelope, text_of
from .nodes import HERE, Field, Node, Transaction, input_aliases
from .reading import Finding, Row, check, fault_of, read_input, sent_for

ROWS_SHOWN = 100
# The envelope of a request: national provider interface, edition V1.1.27, table 2.
ENVELOPE_FIELDS = (
    Field("infno", "s", 6, 0, True), Field("msgid", "s", 30, 0, True),
    Field("mdtrtarea_admvs", "s", 6, 0, True), Field("insuplc_admdvs", "s", 6),
    Field("recer_sys_code", "s", 10, 0, True), Field("dev_no", "s", 100),
    Field("dev_safe_info", "s", 2000), Field("cainfo", "s", 1024), Field("signtype", "s", 10),
    Field("infver", "s", 6, 0, True), Field("opter_type", "s", 3, 0, True),
    Field("opter", "s", 30, 0, True), Field("opter_name", "s", 50, 0, True),
    Field("inf_time", "t", 0, 0, True), Field("fixmedins_code", "s", 12, 0, True),
    Field("fixmedins_name", "s", 20, 0, True), Field("sign_no", "s", 30))


class Understood(NamedTuple):
    """What we made of a message. `aliases`: (node, the name it came under); `ignored`: paths of
    keys nobody reads; `rows`: node -> its rows, masked."""

    name: str
    rows: Mapping[str, object]
    aliases: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, object]:
        """As the console shows it."""
        return {"transaction": self.name, "rows": dict(self.rows),
                "aliases": [{"node": node, "came_as": name} for node, name in self.aliases],
                "ignored": list(self.ignored),
                "findings": [{"field": one.where, "fault": one.zh} for one in self.findings]}


def understood(envelope: Envelope, whole: object, model: Transaction) -> Understood:
    """What a message says to us. Raises Declined `too-many-rows`."""
    found = read_input(envelope.input, model)
    rows = {node.name: [_shown(row) for row in found.rows(node.name)[:ROWS_SHOWN]]
            for node in model.inputs}
    findings = (*_envelope_faults(whole), *check(found, model))
    return Understood(model.name, rows, tuple(_aliases(envelope.input, model)),
                      tuple(_ignored(envelope.input, model)), findings)


def _shown(row: Row) -> dict[str, object]:
    return {**masked(dict(row)), **{name: [_shown(one) for one in rows]
                                    for name, rows in row.children.items() if rows}}


def _envelope_faults(whole: object) -> Iterator[Finding]:
    """The envelope against table 2 of the standard."""
    sent = whole if isinstance(whole, Mapping) else {}
    for field in ENVELOPE_FIELDS:
        if zh := fault_of(field, text_of(sent.get(field.name))):
            yield Finding(field.name, zh)


def _aliases(given: object, model: Transaction) -> Iterator[tuple[str, str]]:
    """Nodes that came under another name than the standard's, or without one."""
    for place, node in enumerate(model.inputs):
        if not isinstance(given, dict) or node.name in given:
            continue
        name = next((one for one in input_aliases().get((model.infno, node.name), ())
                     if one in given), None)
        if name is not None:
            yield node.name, name
        elif sent_for(given, node, model.infno, alone=not place) is given:
            yield node.name, HERE


def _ignored(given: object, model: Transaction) -> Iterator[str]:
    """Keys of an input that nothing reads."""
    if not isinstance(given, dict):
        return
    names = {name for node in model.inputs
             for name in (node.name, *input_aliases().get((model.infno, node.name), ()))}
    direct = any(sent_for(given, node, model.infno, alone=not place) is given
                 for place, node in enumerate(model.inputs))
    if not direct:
        yield from (f"input.{name}"[:100] for name in given if name not in names)
    for place, node in enumerate(model.inputs):
        sent = sent_for(given, node, model.infno, alone=not place)
        yield from _ignored_in(sent, node, "input" if sent is given else node.name)


def _ignored_in(sent: object, node: Node, where: str) -> Iterator[str]:
    seen: set[str] = set()
    children = {one.name: one for one in node.children}
    for row in sent if isinstance(sent, list) else [sent]:
        for name in row if isinstance(row, dict) else ():
            if name in children:
                yield from _ignored_in(row[name], children[name], f"{where}.{name}")
            elif name not in node.fields and name not in seen:
                seen.add(name)
                yield f"{where}.{name}"[:100]
