"""Signing in and out, operators, the access log (登录、操作员、访问日志)."""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from ..access import ABSOLUTE, ROLES, AccessService, Account, SignedIn
from .fields import Body, Day, InstitutionCode, Name, PersonNumber, Region
from .gate import Caller, allow, may, signed_in
from .refusals import json_reply

UserId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{1,31}$", description="用户名 user id")]
Password = Annotated[str, Field(min_length=1, max_length=200, description="口令 password")]
Regions = Annotated[list[Region], Field(max_length=100)]
LOG_MAX = 1000

router = APIRouter(prefix="/api/v1", tags=["访问 access"])


class SignIn(Body):
    """登录 sign in; `session` chooses a cookie (browsers) or a token (machines)."""

    user_id: UserId
    password: Password
    session: Literal["cookie", "bearer"] = "cookie"


class NewPassword(Body):
    """修改口令 change of the own password."""

    old: Password
    new: Password


class NewOperator(Body):
    """新操作员 an operator to be made; the reply carries his one-time password."""

    user_id: UserId
    name: Name
    role: Annotated[Literal[tuple(ROLES)], Field(description="角色 role")]
    regions: Regions = []
    institution: InstitutionCode | None = None


class OperatorChange(Body):
    """变更操作员 other regions, or disabled."""

    regions: Regions | None = None
    disabled: bool | None = None


Session = Annotated[SignedIn, Depends(signed_in)]


def _service(request: Request) -> AccessService:
    return request.app.state.gate.access


Service = Annotated[AccessService, Depends(_service)]


async def _administrator(signed: Session) -> SignedIn:
    allow(signed.account, "operator.manage")
    return signed


_administrator.permission = "operator.manage"
Administrator = Annotated[SignedIn, Depends(_administrator)]


@router.post("/session", summary="登录 Sign in", status_code=201)
def sign_in(request: Request, body: SignIn, service: Service) -> Response:
    """成功后浏览器用 Cookie，机器用 Bearer 令牌。

    A cookie for browsers, a bearer token for machines. A few failures in a quarter
    of an hour close the door for the rest of it.
    """
    address = request.client.host if request.client else ""
    token, signed = service.sign_in(body.user_id, body.password, address, body.session)
    shown = _session(signed)
    if body.session == "bearer":
        return json_reply({**shown, "token": token}, 201)
    settings = request.app.state.settings
    reply = json_reply(shown, 201)
    reply.set_cookie(settings.cookie, token, path="/", secure=settings.production, httponly=True,
                     samesite="strict", max_age=int(ABSOLUTE.total_seconds()))
    return reply


@router.get("/session", summary="当前会话 This session")
async def session(signed: Session) -> Response:
    """操作员、角色、统筹区，以及页面写操作所需的 csrf_token。

    Who is signed in, and the page's token.
    """
    return json_reply(_session(signed))


@router.delete("/session", summary="退出 Sign out", status_code=204)
def sign_out(request: Request, signed: Session, service: Service) -> Response:
    """会话立即失效。 The session ends at once."""
    service.sign_out(signed.token_hash)
    reply = Response(status_code=204)
    settings = request.app.state.settings
    reply.delete_cookie(settings.cookie, path="/", secure=settings.production, httponly=True,
                        samesite="strict")
    return reply


@router.post("/session/password", summary="修改口令 Change the own password", status_code=204)
def change_password(body: NewPassword, signed: Session, service: Service) -> Response:
    """本人全部会话随之失效，须重新登录。 All sessions end; sign in again."""
    service.change_password(signed, body.old, body.new)
    return Response(status_code=204)


@router.get("/operators", summary="操作员列表 All operators")
def operators(_: Administrator, service: Service) -> Response:
    """按用户名排序。 By user id."""
    return json_reply({"operators": [account.as_dict() for account in service.operators()]})


@router.post("/operators", summary="新增操作员 Make an operator", status_code=201)
def make_operator(body: NewOperator, signed: Administrator, service: Service) -> Response:
    """返回一次性口令，首次登录须修改。 Answers a one-time password that must be changed."""
    account = Account(body.user_id, body.name, body.role, tuple(body.regions),
                      body.institution or "")
    password = service.create(account, signed.account.user_id)
    return json_reply({**account.as_dict(), "must_change": True, "one_time_password": password},
                      201)


@router.patch("/operators/{user_id}", summary="变更操作员 Change an operator")
def change_operator(user_id: UserId, body: OperatorChange, signed: Administrator,
                    service: Service) -> Response:
    """其会话随之失效。 His sessions end."""
    account = service.change(user_id, signed.account.user_id, regions=body.regions,
                             disabled=body.disabled)
    return json_reply(account.as_dict())


@router.post("/operators/{user_id}/password", summary="重置口令 Reset a password",
             status_code=201)
def reset_password(user_id: UserId, signed: Administrator, service: Service) -> Response:
    """返回新的一次性口令。 Answers a new one-time password."""
    return json_reply({"user_id": user_id, "one_time_password": service.reset_password(
        user_id, signed.account.user_id)}, 201)


@router.get("/regions/{region}/access-log", summary="访问日志 Who read what about whom")
def access_log(caller: Annotated[Caller, Depends(may("access.read"))], since: Day, until: Day,
               psn_no: PersonNumber | None = None, user_id: UserId | None = None,
               limit: Annotated[int, Query(ge=1, le=LOG_MAX)] = 100) -> Response:
    """从 since 起至 until（含）止，最新在前。 Of the days since to until, newest first."""
    begin = datetime.fromisoformat(since + "T00:00:00+08:00")
    end = datetime.fromisoformat(until + "T00:00:00+08:00") + timedelta(days=1)
    found = caller.access.log.find(caller.who.region, psn_no, user_id, begin, end, limit)
    return json_reply({"reads": found})


def _session(signed: SignedIn) -> dict[str, object]:
    return {**signed.account.as_dict(), "session": signed.kind, "csrf_token": signed.csrf,
            "ends_at": signed.ends_at.isoformat()}
