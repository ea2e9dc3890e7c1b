"""Repeated writes (重复请求): the same key and body give the same reply, and do nothing twice.

Settlements keep their key in the same transaction as the money. The writes here (registrations,
filings, imports) keep it beside: when the process dies between the two, the repeat is done again,
and what is there already refuses it.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

from fastapi import Header, Request
from starlette.responses import Response

from ..errors import CaseError, Refusal
from . import reply_store
from .gate import Caller
from .hot_settlement import KEY
from .refusals import as_json, json_reply

Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=80,
                            pattern=r"^[\x21-\x7e]{1,80}$", description=(
    "每件事一个新键（UUID）；重发同一请求用同一键。 A new key for each thing, kept for a repeat."))]


def once(request: Request, caller: Caller, key: str, body: object, work: Callable[[], object],
         status: int = 201) -> Response:
    """The reply of `work`, or the one it gave before under the key.

    Raises Refusal `key-reused`, `request-under-way`, and what `work` raises.
    """
    if not KEY.match(key):
        raise CaseError("no-key", "a write needs a key of its own", "Idempotency-Key",
                        hint="Make a new one (a UUID) for each thing you do.")
    platform, user_id = request.app.state.platform, caller.who.user_id
    route = f"{caller.route} {caller.who.region}"
    hashed = sha256(json.dumps([request.url.path, body], sort_keys=True).encode()).digest()
    with platform.database.connection() as connection:
        claimed, kept_hash, kept_route, kept_status, reply = reply_store.begin(
            connection, user_id, key, route, hashed, platform.clock())
    if (kept_hash, kept_route) != (hashed, route):
        raise Refusal("key-reused", "the key was used for another request", "Idempotency-Key", "",
                      "Take a new key for a new request.")
    if not claimed:
        if reply is None:
            raise Refusal("request-under-way", "the first request with this key is under way",
                          "Idempotency-Key", "", "Wait a moment and ask again.")
        return json_reply(reply, kept_status)
    try:
        text = as_json(work()).decode()
    except BaseException:
        with platform.database.connection() as connection:
            reply_store.forget(connection, user_id, key)
        raise
    with platform.database.connection() as connection:
        reply_store.finish(connection, user_id, key, status, text)
    return json_reply(text, status)
