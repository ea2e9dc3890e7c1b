"""Sample messages (示例报文): of every transaction offered, made of the demonstration city.

What a field holds is in `sample_values.csv`: by transaction (`field` or `node.field`), or for all
(`*`); `{name}` is a fact of the day, the person or the institution, `?` something an earlier
message answered, which the reader puts in; nothing leaves it out. A sample is as our own model
wants it, and as the published standard does.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files

from ..demo_city import describe
from ..settlement import local_time
from .exchange import packed
from .nodes import HERE, Field, Node, Transaction, input_names
from .profiles import Profile
from .signing import signature

PERSON = "an employee"                 # of the demonstration's people
ANY, ASKED, EMPTY_FILE = "*", "?", "@empty_file"
# How the sample line, 2 x 11.00 of an item of class A, is split by the sample catalogue.
SPLIT = {"own": "0.00", "over": "0.00", "first": "0.00", "inside": "22.00"}
OPERATOR, OPERATOR_NAME, SOFTWARE = "0001", "演示员", "HIS"
NAME_MAX = 20                          # fixmedins_name in the envelope


def sample(model: Transaction, profile: Profile, given: Mapping[str, str], at: datetime,
           day: date) -> dict[str, object]:
    """A message in the dialect of an institution: where to send it, headers, body, and which
    fields (`fill_in`) stand for what an earlier message answered.

    `given`: values of fields, in place of those of the table; `day`: that of the city.
    """
    facts = facts_of(profile, at, day)
    fill: list[str] = []
    nodes = {node.name: _rows(node, model.infno, facts, given, fill)
             for place, node in enumerate(model.inputs)
             if not place or node.required or _has_values(node, model.infno)}
    return {"infno": model.infno, "name": model.name, "path": f"/gateway/{model.infno}",
            "headers": headers(profile, model.infno, at),
            "message": envelope(profile, model.infno, facts, renamed(model, profile, nodes), at),
            "fill_in": sorted(set(fill))}


def envelope(profile: Profile, infno: str, facts: Mapping[str, str], given: object, at: datetime,
             ) -> dict[str, object]:
    """The envelope around an input."""
    moment = local_time(at)
    return {"infno": infno, "msgid": f"{profile.code[:12]:0<12}{_digits(moment)}0001",
            "mdtrtarea_admvs": profile.region, "insuplc_admdvs": profile.region,
            "recer_sys_code": SOFTWARE, "dev_no": "", "dev_safe_info": "", "cainfo": "",
            "signtype": "", "infver": "V1.0", "opter_type": "1", "opter": OPERATOR,
            "opter_name": OPERATOR_NAME, "inf_time": moment[:19].replace("T", " "),
            "fixmedins_code": profile.code, "fixmedins_name": facts["code_name"][:NAME_MAX],
            "sign_no": "", "input": given}


def headers(profile: Profile, infno: str, at: datetime) -> dict[str, str]:
    """What is sent along; signed where everybody knows the secret (demonstration)."""
    made: dict[str, str] = {}
    if profile.family == "A":
        made = {"_api_name": infno, "_api_version": "1.0.0",
                "_api_timestamp": str(int(at.timestamp() * 1000)),
                "_api_access_key": profile.access_key}
    elif profile.family == "B":
        made = {"x-tif-paasid": profile.access_key, "x-tif-nonce": "示例".encode().hex(),
                "x-tif-timestamp": str(int(at.timestamp()))}
    name = {"A": "_api_signature", "B": "x-tif-signature", "C": "apikey"}.get(profile.family)
    if name:
        made[name] = signature(profile.family, made, profile.secret) if profile.demonstration \
            else ASKED
    return {"content-type": "text/plain" if profile.family == "A" else "application/json", **made}


def facts_of(profile: Profile, at: datetime, day: date) -> Mapping[str, str]:
    """Facts of the moment, of the institution, and of a person of the city."""
    city = _city(day)
    who = next(one for one in city["people"] if one["why_en"] == PERSON)
    names = {one["fixmedins_code"]: one["name"] for one in city["institutions"]}
    today = local_time(at)[:10]
    return {"psn_no": who["psn_no"], "psn_name": who["name"], "certno": who["certno"],
            "brdy": who["brdy"], "gend": who["gend"], "age": _age(who["brdy"], today),
            "code": profile.code, "code_name": names.get(profile.code, profile.code),
            "region": profile.region, "today": today, "morning": f"{today} 08:00:00",
            "evening": f"{today} 18:00:00", **SPLIT}


@cache
def _city(day: date) -> Mapping[str, object]:
    return describe(day, True)


@cache
def values() -> Mapping[tuple[str, str], str]:
    """(infno or *, field) -> what the field holds."""
    text = (files(__package__) / "sample_values.csv").read_text("utf-8")
    return {(row["infno"], row["field"]): row["value"] for row in csv.DictReader(io.StringIO(text))}


def renamed(model: Transaction, profile: Profile, nodes: Mapping[str, object]) -> object:
    """Nodes under the names of the institution's dialect."""
    names = input_names(profile.dialect)
    found: dict[str, object] = {}
    for node, rows in nodes.items():
        name = names.get((model.infno, node), node)
        if name == HERE and isinstance(rows, dict):
            found |= rows
        else:
            found[name] = rows
    return found


def _has_values(node: Node, infno: str) -> bool:
    """Whether the table names a field of this very node: nodes without a required field are left
    out otherwise, but for the first."""
    return any((infno, f"{node.name}.{name}") in values() for name in node.fields)


def _rows(node: Node, infno: str, facts: Mapping[str, str], given: Mapping[str, str],
          fill: list[str]) -> object:
    row: dict[str, object] = {}
    for field in node.fields.values():
        value = _value(field, (infno, node.name), facts, given)
        if value == ASKED:
            fill.append(field.name)
            wanted = field.required or (infno, field.name) in values()
            value = f"{ASKED}{field.name}"[:field.length or None] if wanted else None
        if value is not None:
            row[field.name] = value
    for child in node.children:
        if child.required:
            row[child.name] = _rows(child, infno, facts, given, fill)
    return [row] if node.many else row


def _value(field: Field, where: tuple[str, str], facts: Mapping[str, str],
           given: Mapping[str, str]) -> object:
    """What a field of (transaction, node) holds, None where it is left out."""
    if field.name in given:
        return given[field.name]
    infno, node = where
    known = next((found for key in ((infno, f"{node}.{field.name}"), (infno, field.name),
                                    (ANY, field.name))
                  if (found := values().get(key)) is not None), None)
    if known == EMPTY_FILE:
        return list(packed("detail.txt", []))
    if known:
        return known.format(**facts)
    if known == "" or not field.required:
        return None
    if field.kind in "dt":
        return facts["today"] if field.kind == "d" else facts["morning"]
    return [0] if field.kind == "b" else "1"


def _age(born: str, today: str) -> str:
    first, last = date.fromisoformat(born), date.fromisoformat(today)
    return str(last.year - first.year - ((last.month, last.day) < (first.month, first.day)))


def _digits(moment: str) -> str:
    return "".join(one for one in moment if one.isdigit())[:14]
