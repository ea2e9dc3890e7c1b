"""Alive, ready, figures (运行状况)."""
from __future__ import annotations

import hmac

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from ..errors import Refusal, TongchouError
from . import figures
from .refusals import json_reply

router = APIRouter(tags=["运行 operations"])


@router.get("/healthz", summary="存活 Alive")
async def healthz() -> Response:
    """进程在运行。 The process runs."""
    return json_reply({"alive": True})


@router.get("/readyz", summary="就绪 Ready")
def readyz(request: Request) -> Response:
    """数据库可达、建表完成、内核已预热则 200，否则 503。 200 when it can settle, else 503."""
    try:
        found = request.app.state.ready()
    except TongchouError as error:
        found = {"database": error.code}
    ready = all(value is True for value in found.values())
    return json_reply({"ready": ready, **found}, 200 if ready else 503)


@router.get("/metrics", summary="指标 Figures for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """生产环境须带配置的令牌。 In production with the configured token only."""
    settings = request.app.state.settings
    if settings.production or settings.metrics_token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not settings.metrics_token or not hmac.compare_digest(
                given.encode(), settings.metrics_token.encode()):
            raise Refusal("not-signed-in", "figures need the configured token", "Authorization",
                          "", "Set TONGCHOU_METRICS_TOKEN, and send it as a bearer token.")
    return Response(figures.page(), media_type=figures.CONTENT_TYPE)
