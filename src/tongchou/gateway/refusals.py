"""What a clerk reads when something is refused (拒绝): 中文 first, at most 200 characters.

Refusals of the platform come with a code and an English sentence; `sentences` (code -> 中文) are
those of the HTTP interface, handed in by the server. What the gateway itself refuses says it in
中文 right away (`declined`).
"""
from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import Refusal, TongchouError

ERR_MSG_MAX = 200
# What may be otherwise in a moment: the message is not answered for good.
PASSING = frozenset({"database-busy", "database-full", "database-read-only",
                     "database-unavailable", "database-outcome-unknown", "too-busy",
                     "clock-went-back", "internal-error", "visit-moved-on"})
UNKNOWN_ZH = "未受理"
_OWN_WORDS = re.compile(r"[（(]([^()（）]*[\u4e00-\u9fff][^()（）]*)[)）]")


class Declined(Refusal):
    """A refusal of the gateway: `message` is the sentence for the clerk."""


def declined(code: str, zh: str, where: str = "", hint: str = "") -> Declined:
    """A refusal in 中文; `where` names the field or number."""
    return Declined(code, zh, where, "", hint)


def err_msg(error: TongchouError, sentences: Mapping[str, str]) -> str:
    """The sentence for `err_msg`: 中文, where, then the details with their numbers."""
    if isinstance(error, Declined):
        parts = [error.message, error.where and f"（{error.where}）", error.hint]
    else:
        own = _OWN_WORDS.search(error.message)
        zh = sentences.get(error.code) or (own.group(1) if own else UNKNOWN_ZH)
        parts = [zh, error.where and f"（{error.where}）", "：" + _OWN_WORDS.sub("", error.message)]
    text = "".join(part for part in parts if part).strip()
    return f"[{error.code}] {text}"[:ERR_MSG_MAX]
