"""The web application put together (应用): routes, gate, shell, refusals."""
from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from .. import __version__
from ..access import AccessService
from ..errors import TongchouError
from . import (catalogue_routes, clearing_routes, explanation_routes, fact_routes, import_routes,
               institution_routes, ledger_routes, operations_routes, people_routes,
               region_routes, reimbursement_routes, session_routes, settlement_routes)
from .gate import Gate
from .hot_settlement import HotSettlement
from .refusals import bad_fields, fault_reply, refusal_reply, refused_by_database
from .schema import described
from .settings import Settings
from .shell import Receive, Scope, Send, Shell

if TYPE_CHECKING:
    from ..platform import Platform

THREADS = min(32, 8 * (os.cpu_count() or 2))
ROUTERS = (operations_routes, session_routes, region_routes, people_routes, fact_routes,
           institution_routes, catalogue_routes, settlement_routes, explanation_routes,
           ledger_routes, clearing_routes, import_routes, reimbursement_routes)
DESCRIPTION = (
    "统筹区结算平台接口：金额为元、两位小数的文本，编码与字段名用国家标准。 The settlement "
    "platform of a pooling area: amounts are yuan as text with two decimals, codes and field "
    "names are the national ones.")
_PLAIN_HTTP = {404: "no-such-path", 405: "no-such-method", 413: "body-too-large",
               400: "bad-body", 415: "bad-body"}


class Application(FastAPI):
    """FastAPI inside the shell, so that hot requests pass none of its layers."""

    shell: Shell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every request goes through the shell first."""
        await self.shell(scope, receive, send)


def create_app(platform: Platform, access: AccessService | None = None,
               settings: Settings = Settings(),
               ready: Callable[[], Mapping[str, bool]] | None = None) -> FastAPI:
    """The application of a platform.

    `ready` tells what must be true before requests are taken: name -> bool.
    """
    access = access or AccessService(platform.database.connection, platform.clock, platform.ids)
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tongchou-http")
    gate = Gate(access, settings, threads)

    app = Application(title="统筹 Tongchou", version=__version__, description=DESCRIPTION,
                      redoc_url=None, docs_url=None if settings.production else "/docs",
                      openapi_url="/openapi.json")
    app.state.platform, app.state.gate, app.state.settings = platform, gate, settings
    app.state.ready = ready or (lambda: {})
    for module in ROUTERS:
        app.include_router(module.router)
    app.add_exception_handler(TongchouError, _refused)
    app.add_exception_handler(RequestValidationError, _bad_fields)
    app.add_exception_handler(HTTPException, _bad_request)
    app.add_exception_handler(Exception, _fault)
    app.shell = Shell(super(Application, app).__call__, settings,
                      HotSettlement(platform, gate, threads))
    described(app, settings)
    return app


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, TongchouError)
    return refusal_reply(error)


async def _bad_fields(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return refusal_reply(bad_fields(error.errors()))


async def _fault(request: Request, fault: Exception) -> Response:
    if refused := refused_by_database(fault):
        return refusal_reply(refused)
    return fault_reply(str(request.scope["tongchou.request_id"]))


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _PLAIN_HTTP.get(error.status_code, "bad-body")
    reply = refusal_reply(TongchouError(code, f"HTTP {error.status_code}: {error.detail}"[:200],
                                        hint="See /openapi.json for paths and methods."))
    for name, value in (error.headers or {}).items():
        reply.headers[name] = value
    return reply
