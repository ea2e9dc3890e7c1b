"""The console over HTTP (联调控制台接口), for the application that serves sessions (`api`).

It asks that application for three things: `state.console`, `state.gate.signed_in`, which finds the
session of a request, and that a TongchouError becomes a reply. An institution's operator sees his
institution; the agency, and to read the auditor, those of their regions.
"""
from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from ..access import Operator
from ..errors import Refusal
from .console import LISTED_MAX, STATES, Console, Wanted
from .envelope import CHINA

PATH = "/gateway/console"
READERS, USERS = ("institution", "agency", "auditor"), ("institution", "agency")
Code = Annotated[str, Query(alias="institution", pattern=r"^[0-9A-Za-z_-]{0,30}$", description=(
    "机构编码；机构操作员可不填。 The institution; its own operator may leave it out."))]
Number = Annotated[str, Path(pattern=r"^[0-9]{30}$", description="inf_refmsgid")]
Infno = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{4,10}$", description="交易编号")]
Moment = Annotated[datetime | None, Query()]

router = APIRouter(prefix=PATH, tags=["联调 gateway console"])


class Pasted(BaseModel):
    """A message nobody has sent: its body as text, and the transaction where it has no infno."""

    model_config = ConfigDict(extra="forbid")
    body: Annotated[str, Field(max_length=2_000_000)]
    infno: Annotated[str, Field(max_length=10)] = ""


class Replay(BaseModel):
    """`repeat`: through the gateway again; `dry`: answered as of now, nothing written."""

    model_config = ConfigDict(extra="forbid")
    mode: Literal["dry", "repeat"] = "dry"


class Signed(BaseModel):
    """Headers as they were sent; `secret` where another than the kept one is to be tried."""

    model_config = ConfigDict(extra="forbid")
    headers: Annotated[dict[Annotated[str, Field(max_length=60)],
                            Annotated[str, Field(max_length=500)]], Field(max_length=60)]
    infno: Annotated[str, Field(max_length=10)] = ""
    secret: Annotated[str | None, Field(max_length=200)] = None
    family: Literal["A", "B", "C", "E", ""] = ""


class Strictness(BaseModel):
    """How strictly fields are checked."""

    model_config = ConfigDict(extra="forbid")
    strictness: Literal["off", "warn", "reject"]


def add_console(app: FastAPI, console: Console) -> None:
    """Adds the console to an application with sessions."""
    app.state.console = console
    app.include_router(router)


class Asked(NamedTuple):
    """The console, an institution, and the operator who asks about it."""

    console: Console
    code: str
    who: Operator


def asked_by(roles: tuple[str, ...]) -> Callable[..., Awaitable[Asked]]:
    """A dependency: who asks, about which institution, if his role may."""
    async def asked(request: Request, institution: Code = "") -> Asked:
        """Raises Refusal `not-signed-in`, `session-ended`, `no-csrf`, `password-change-needed`,
        `not-allowed`, `not-own-institution`, `unknown-institution`, `out-of-region`."""
        state = request.app.state
        signed = await state.gate.signed_in(
            request.headers, request.cookies.get(state.gate.settings.cookie), request.method)
        account = signed.account
        request.scope["tongchou.user"] = account.user_id
        if account.must_change:
            raise Refusal("password-change-needed", "the one-time password must be changed first",
                          "", "", "POST /api/v1/session/password, then sign in again.")
        if account.role not in roles:
            raise Refusal("not-allowed", f"a {account.role} may not do this", "gateway.console", "",
                          f"Allowed: {', '.join(roles)}.")
        code = institution or account.institution
        if account.institution and code != account.institution:
            raise Refusal("not-own-institution", "this belongs to another institution",
                          "institution", "", "An institution sees only its own messages.")
        profile = await run_in_threadpool(state.console.profile, code)
        return Asked(state.console, code, account.acting_in(str(profile["region"])))
    return asked


Reader = Annotated[Asked, Depends(asked_by(READERS))]
User = Annotated[Asked, Depends(asked_by(USERS))]


@router.get("/messages", summary="收到的报文 Messages that arrived")
def messages(asked: Reader, since: Moment = None, until: Moment = None,
             infno: Annotated[str, Query(max_length=10)] = "",
             state: Annotated[Literal[("", *STATES)], Query()] = "",
             problems: Annotated[bool, Query()] = False,
             limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 50) -> dict[str, object]:
    """按时间倒序；`problems` 只列有拒绝或字段提示的。 Newest first."""
    return {"messages": asked.console.messages(Wanted(
        asked.code, _in_china(since), _in_china(until), infno, state, problems, limit))}


@router.get("/turned-away", summary="未受理的报文 Messages that were not let in")
def turned_away(asked: Reader) -> dict[str, object]:
    """签名、信封有误或未开通的交易：不留存，仅本进程记得最近的。 Not kept."""
    return {"messages": asked.console.turned_away(asked.code)}


@router.get("/messages/{number}", summary="报文解读 One message, understood")
def message(asked: Reader, number: Number) -> dict[str, object]:
    """个人信息已脱敏，查阅记入日志。 Masked; the look is logged."""
    return asked.console.message(asked.code, number, asked.who)


@router.post("/messages/{number}/replay", summary="重放 The message once more")
def replay(asked: User, number: Number, body: Replay) -> dict[str, object]:
    """dry 试算：不写入；repeat 原样重发：得到原回复。 Dry writes nothing."""
    return asked.console.replay(asked.code, number, body.mode)


@router.post("/understood", summary="解读粘贴的报文 A message nobody has sent")
def understood(asked: Reader, body: Pasted) -> dict[str, object]:
    """只解读，不办理。 Nothing is done."""
    return asked.console.understood(asked.code, body.body.encode("utf-8", "replace"), body.infno)


@router.get("/transactions", summary="已开通的交易 Transactions offered")
def transactions(asked: Reader) -> dict[str, object]:
    """编号与名称。 Number and name."""
    return {"transactions": asked.console.transactions()}


@router.get("/transactions/{infno}", summary="交易的字段 Nodes and fields")
def fields(asked: Reader, infno: Infno) -> dict[str, object]:
    """节点、字段、类型、长度、必填。 As the gateway reads and writes them."""
    return asked.console.fields(infno)


@router.get("/transactions/{infno}/sample", summary="示例报文 A sample message")
def sample(request: Request, asked: Reader, infno: Infno) -> dict[str, object]:
    """以演示市的人员与机构构造；查询参数可改任一字段（如 mdtrt_id）。

    Made of people and institutions of the demonstration city; any field may be given as a
    query parameter.
    """
    given = {name: value for name, value in request.query_params.items()
             if name != "institution"}
    return asked.console.sample(asked.code, infno, given)


@router.post("/signature", summary="签名调试 A signature taken apart")
def signature(asked: User, body: Signed) -> dict[str, object]:
    """待签名串、收到的与应有的签名、常见错误。 String to sign, both digests, advice."""
    return asked.console.signature(asked.code, body.headers, body.infno, body.secret, body.family)


@router.get("/profile", summary="接入配置 How an institution speaks")
def profile(asked: Reader) -> dict[str, object]:
    """签名方式、方言、严格程度；不含密钥。 Without secrets."""
    return asked.console.profile(asked.code)


@router.put("/profile/strictness", summary="校验严格程度 How strictly fields are checked")
def strictness(asked: User, body: Strictness) -> dict[str, object]:
    """off 不查，warn 在 warn_msg 提示，reject 拒绝。"""
    return asked.console.set_strictness(asked.code, body.strictness, asked.who.user_id)


def _in_china(moment: datetime | None) -> datetime | None:
    """A moment without a zone is civil time in China."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=CHINA)
