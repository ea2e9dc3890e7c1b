"""The gate (鉴权): whose request it is, whether he may, and what he may see.

A browser carries the session in a cookie and proves with X-CSRF-Token that its own page asks; a
machine carries the token in the Authorization header.
"""
from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Request
from starlette.datastructures import Headers

from ..access import (PURPOSES, AccessService, Account, Look, Operator, SignedIn,
                      token_hash)
from ..errors import Refusal
from ..privacy import ROLES as FULL_VIEW
from ..privacy import shown
from .fields import Region
from .permissions import PERMISSIONS
from .settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_MAX = 200


@dataclass(frozen=True)
class Caller:
    """An operator in a region, asking for something with a stated purpose or none."""

    who: Operator
    purpose: str
    route: str
    request_id: str
    access: AccessService

    def unmasked(self) -> tuple[str, ...]:
        """Fields this caller sees in full: those of his role, when he states a purpose."""
        return tuple(sorted(FULL_VIEW[self.who.role])) if self.purpose else ()

    def show(self, field: str, value: str) -> str:
        """A name, certificate or phone as this caller may see it."""
        return shown(self.who.role if self.purpose else "", field, value)

    def looked_at(self, *psn_nos: str, fields: tuple[str, ...] | None = None) -> None:
        """Writes that persons were read; before the reply leaves."""
        seen = self.unmasked() if fields is None else fields
        self.access.log.write(*(Look(self.who, psn_no, self.purpose, seen, self.route, True,
                                     self.request_id) for psn_no in psn_nos))

    def refused(self, psn_no: str) -> None:
        """Writes that a read of a person was refused."""
        self.access.log.write(Look(self.who, psn_no, self.purpose, (), self.route, False,
                                   self.request_id))

    def own(self, institution: str, psn_no: str = "") -> None:
        """An institution only touches its own. Raises Refusal `not-own-institution`."""
        if self.who.role == "institution" and institution != self.who.institution:
            if psn_no:
                self.refused(psn_no)
            raise Refusal("not-own-institution", "this belongs to another institution",
                          "fixmedins_code", "", "An institution sees and settles only its own.")


class Gate:
    """Finds sessions: in memory at once, else in a thread with the database."""

    def __init__(self, access: AccessService, settings: Settings, threads: Executor) -> None:
        self.access, self.settings, self.threads = access, settings, threads

    async def signed_in(self, headers: Headers, cookie: str | None, method: str) -> SignedIn:
        """The session of a request. Raises Refusal `not-signed-in`, `session-ended`, `no-csrf`,
        `database-...`."""
        authorization = headers.get("authorization", "")
        by_cookie = not authorization
        token = cookie if by_cookie else authorization.removeprefix("Bearer ").strip()
        if not token or len(token) > TOKEN_MAX or (
                authorization and not authorization.startswith("Bearer ")):
            raise Refusal("not-signed-in", "this needs a session", "Authorization", "",
                          "Sign in: POST /api/v1/session.")
        hashed = token_hash(token)
        signed = self.access.known(hashed)
        if signed is None:
            signed = await asyncio.get_running_loop().run_in_executor(
                self.threads, self.access.session, hashed)
        if by_cookie and method not in SAFE and not hmac.compare_digest(
                headers.get("x-csrf-token", "").encode(), signed.csrf.encode()):
            raise Refusal("no-csrf", "the page's token is missing or wrong", "X-CSRF-Token", "",
                          "Send `csrf_token` of GET /api/v1/session in X-CSRF-Token.")
        return signed

    def caller(self, signed: SignedIn, permission: str, region: str, purpose: str, route: str,
               request_id: str) -> Caller:
        """The caller, when he may. Raises Refusal `password-change-needed`, `not-allowed`,
        `out-of-region`, `unknown-purpose`."""
        allow(signed.account, permission)
        if purpose and purpose not in PURPOSES:
            raise Refusal("unknown-purpose", "this is no purpose", "X-Purpose", "",
                          f"One of {', '.join(PURPOSES)}.")
        return Caller(signed.account.acting_in(region), purpose, route, request_id, self.access)


def allow(account: Account, permission: str) -> None:
    """Raises Refusal `password-change-needed` or `not-allowed`."""
    if account.must_change:
        raise Refusal("password-change-needed", "the one-time password must be changed first",
                      "", "", "POST /api/v1/session/password, then sign in again.")
    if account.role not in PERMISSIONS[permission]:
        raise Refusal("not-allowed", f"a {account.role} may not do this", permission, "",
                      f"Allowed: {', '.join(sorted(PERMISSIONS[permission]))}.")


Purpose = Annotated[str, Header(alias="X-Purpose", max_length=40, pattern="^[a-z]*$", description=(
    "查阅目的: 说明目的后按角色显示完整姓名、证件与电话，并记入日志。 Why personal data is "
    f"shown in full; logged. One of {', '.join(PURPOSES)}."))]


def may(permission: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller in the region of the path, if his role has the permission."""
    assert permission in PERMISSIONS, permission

    async def caller(request: Request, region: Region, purpose: Purpose = "") -> Caller:
        state = request.app.state
        signed = await signed_in(request)
        route = f"{request.method} {request.scope['route'].path}"
        try:
            return state.gate.caller(signed, permission, region, purpose, route,
                                     request.scope["tongchou.request_id"])
        except Refusal:
            psn_no = request.path_params.get("psn_no")
            if psn_no and psn_no.isalnum() and psn_no.isascii():
                await _log_refusal(request, signed.account, region, psn_no, route)
            raise

    caller.permission = permission
    return caller


async def signed_in(request: Request) -> SignedIn:
    """A dependency: the session, whatever its role."""
    gate: Gate = request.app.state.gate
    found = await gate.signed_in(request.headers, request.cookies.get(gate.settings.cookie),
                                 request.method)
    request.scope["tongchou.user"] = found.account.user_id
    return found


async def _log_refusal(request: Request, account: Account, region: str, psn_no: str,
                       route: str) -> None:
    gate: Gate = request.app.state.gate
    look = Look(Operator(account.user_id, account.role, region, account.institution), psn_no, "",
                (), route, False, request.scope["tongchou.request_id"])
    await asyncio.get_running_loop().run_in_executor(gate.threads, gate.access.log.write, look)
