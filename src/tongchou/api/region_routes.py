"""Pooling areas, and the packs in force in them (统筹区与政策版本)."""
from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from ..access import SignedIn
from ..errors import Refusal
from ..policy import pack_document, shipped_packs
from ..settlement import Regime
from .fact_routes import Service
from .fields import Body, Name, Reason, Region, Spanned
from .gate import Caller, allow, may, signed_in
from .people_models import From, To
from .refusals import json_reply
from .repeats import Key, once

router = APIRouter(prefix="/api/v1/regions", tags=["统筹区 regions"])


class NewRegion(Body):
    """统筹区 a pooling area."""

    region: Region
    name: Name


class NewPack(Spanned):
    """政策启用 a shipped pack that settles the area from a day on; `profile` fills in its open
    values."""

    pack: Annotated[str, Field(pattern="^[a-z0-9_-]{1,40}/[a-z0-9_-]{1,40}$")]
    profile: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{0,60}$")] = ""
    first: From
    last: To = None
    why: Reason


async def _reader(signed: Annotated[SignedIn, Depends(signed_in)]) -> SignedIn:
    allow(signed.account, "region.read")
    return signed


async def _opener(signed: Annotated[SignedIn, Depends(signed_in)]) -> SignedIn:
    allow(signed.account, "region.open")
    return signed


_reader.permission, _opener.permission = "region.read", "region.open"


@router.get("", summary="统筹区 Pooling areas")
def regions(signed: Annotated[SignedIn, Depends(_reader)], service: Service) -> Response:
    """操作员可办理的；系统管理员见全部。 Those one works in; an administrator sees all."""
    account = signed.account
    return json_reply({"regions": [
        {"region": region, "name": name} for region, name in service.regions().items()
        if account.role == "administrator" or region in account.regions]})


@router.post("", status_code=201, summary="开通统筹区 Open a pooling area")
def open_region(_: Annotated[SignedIn, Depends(_opener)], body: NewRegion, service: Service,
                ) -> Response:
    """重复开通不改变什么。 Repeating it changes nothing."""
    service.open_region(body.region, body.name)
    return json_reply({"region": body.region, "name": service.regions()[body.region]}, 201)


@router.get("/{region}/packs", summary="启用的政策 Packs in force")
def packs(request: Request, caller: Annotated[Caller, Depends(may("pack.read"))]) -> Response:
    """按时间先后；`offered` 为随程序提供的政策。 In order of time; `offered` are those shipped."""
    regimes = request.app.state.platform.regimes
    regimes.refresh()
    return json_reply({"packs": [_shown(one) for one in regimes.of(caller.who.region)],
                       "offered": shipped_packs()})


@router.post("/{region}/packs", status_code=201, summary="启用政策 Put a pack into force")
def put_into_force(request: Request, caller: Annotated[Caller, Depends(may("pack.change"))],
                   body: NewPack, key: Key) -> Response:
    """自某政策年度首日起；此前的政策到前一日为止，已结算的不变。

    From the first day of a policy year; what was in force ends the day before, settled bills stay.
    """
    def work() -> object:
        if body.pack not in shipped_packs():
            raise Refusal("unknown-pack", "this is no shipped pack", "pack", "",
                          "GET .../packs lists those that are offered; a file is put into force "
                          "with `tongchou region pack`.")
        regimes = request.app.state.platform.regimes
        regimes.add(caller.who.region, pack_document(body.pack, body.profile or None), body.first,
                    regimes.day_after(body.last or ""))
        return _shown(next(one for one in regimes.of(caller.who.region)
                           if one.first == body.first))
    return once(request, caller, key, body.plain(), work)


def _shown(found: Regime) -> dict[str, object]:
    pack = found.pack
    return {"pack": pack.name, "pack_hash": pack.pack_hash, "title": dict(pack.title),
            "profile": pack.profile, "from": found.first, "to": found.last_day,
            "policy_year_starts": pack.settings.policy_year_starts}
