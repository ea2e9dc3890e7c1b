"""Messages without personal data (脱敏): what the console shows of requests and replies.

By the name of the field: names of people, documents, telephones, addresses, days of birth, tokens.
A value under a name nobody knows is not shown at all, and in free text a citizen's number or a
mobile number is starred wherever it stands. Numbers of persons (`psn_no`), visits and settlements
stay: without them a message cannot be found again.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache

from ..privacy import mask_certificate, mask_name, mask_phone
from .nodes import Node, transactions

HIDDEN = "***"
UNKNOWN = "（未知字段，不显示）"
LONG = 200                             # a text longer than this is shown by its length
NAMES = re.compile(
    r"(?:psn|patn|coner|agnter|opter|dr|prdr|phar|nurs|dor|resper|crter|dspeer|chfpdr|acct)_?name"
    r"|fill_psn\Z", re.IGNORECASE)
CERTIFICATES = re.compile(r"cert_?no\Z|card_?sn\Z|acct_?no\Z|bankacct\Z", re.IGNORECASE)
PHONES = re.compile(r"tel\Z|mob\Z|mobile\Z|phone\Z", re.IGNORECASE)
SECRETS = re.compile(r"token|cainfo|passwd|password|addr\Z|dev_safe_info|originalvalue|rxfile"
                     r"|signdigest|certdn\Z|safe_?code", re.IGNORECASE)
BIRTHS = frozenset({"brdy", "brthdy", "birthday"})
ENVELOPE = frozenset({
    "infno", "msgid", "mdtrtarea_admvs", "insuplc_admdvs", "recer_sys_code", "dev_no",
    "dev_safe_info", "cainfo", "signtype", "infver", "opter_type", "opter", "opter_name",
    "inf_time", "fixmedins_code", "fixmedins_name", "sign_no", "input", "infcode", "inf_refmsgid",
    "refmsg_time", "respond_time", "err_msg", "warn_msg", "output", "code", "message", "type",
    "data", "bytes", "sha256"})
_CITIZEN = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])")
_MOBILE = re.compile(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])")


def masked(found: object, key: str = "") -> object:
    """A message or a part of it as the console shows it."""
    if isinstance(found, Mapping):
        return {str(name)[:60]: masked(value, str(name)) for name, value in found.items()}
    if isinstance(found, list):
        if len(found) > LONG and not any(isinstance(one, (dict, list)) for one in found):
            return f"（{len(found)} 项）"
        return [masked(one, key) for one in found]
    if found is None or isinstance(found, bool):
        return found
    if key and key not in _known():
        return UNKNOWN
    text = str(found)
    shown = _by_name(key)(text)
    return found if shown == text else shown


def masked_text(text: str) -> str:
    """Free text without the numbers of citizens and mobile telephones."""
    text = _CITIZEN.sub(lambda one: mask_certificate(one.group()), text)
    return _MOBILE.sub(lambda one: mask_phone(one.group()), text)


def _by_name(key: str) -> Callable[[str], str]:
    """How a field of this name is shown."""
    if key == "exp_content":
        return _json_inside
    if key in BIRTHS:
        return lambda text: f"{text[:4]}-**-**" if text else ""
    for pattern, mask in ((NAMES, mask_name), (CERTIFICATES, mask_certificate),
                          (PHONES, mask_phone), (SECRETS, lambda text: HIDDEN if text else "")):
        if pattern.search(key):
            return mask
    return _plain


def _plain(text: str) -> str:
    return masked_text(text) if len(text) <= LONG else f"（{len(text)} 字符）"


def _json_inside(text: str) -> str:
    """exp_content: a text that holds JSON, with keys nobody has listed."""
    try:
        found = json.loads(text)
    except ValueError:
        return HIDDEN if text else ""
    return json.dumps(masked(found), ensure_ascii=False)


@cache
def _known() -> frozenset[str]:
    """Names of all fields and nodes of the transactions offered, and of the envelope."""
    found = set(ENVELOPE)

    def note(node: Node) -> None:
        found.update(node.fields, (node.name,))
        for child in node.children:
            note(child)

    for model in transactions().values():
        for node in (*model.inputs, *model.outputs):
            note(node)
    return frozenset(found | BIRTHS)
