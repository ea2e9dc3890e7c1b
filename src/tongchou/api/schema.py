"""What the OpenAPI document says beyond the routes: errors, sessions, tags (接口说明)."""
from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .settings import Settings

TAGS = [
    ("运行 operations", "存活、就绪与指标。 Alive, ready, figures."),
    ("访问 access", "登录、会话、操作员与访问日志。 Sessions, operators, the access log."),
    ("统筹区 regions", "统筹区与启用的政策。 Pooling areas and the packs in force."),
    ("参保 people", "参保人及其参保、身份、家庭、慢特病、转诊与备案。 People and their facts."),
    ("机构 institutions", "定点医药机构与统筹区规则。 Institutions and the area's rules."),
    ("目录 catalogue", "医保目录导入与查询。 Import and look-up of the catalogue."),
    ("结算 settlement", "预结算、结算、冲正、追溯、重放。 Settle, reverse, recognise, replay."),
    ("报销 reimbursement", "手工报销：材料、期限、结算与拨付。 Cases handed in at the agency."),
    ("账簿 ledger", "日结、试算平衡、验账与导出。 Closes, balances, verification, export."),
    ("清算 clearing", "月度申报与拨付。 Monthly filings and payments."),
    ("导入 imports", "参保与机构数据的批量导入。 Lists of people and institutions."),
]
ERROR = {
    "type": "object", "required": ["error"], "properties": {"error": {
        "type": "object",
        "required": ["code", "message", "message_zh", "where", "clause", "hint"],
        "properties": {
            "code": {"type": "string", "description": "稳定的错误码 stable, for programs"},
            "message": {"type": "string"}, "message_zh": {"type": "string"},
            "where": {"type": "string", "description": "位置 which field or thing"},
            "clause": {"type": "string", "description": "条款 clause of the policy"},
            "hint": {"type": "string", "description": "如何处理 what to do"}}}}}
REFUSALS = {
    "400": "请求无法读取 unreadable", "401": "未登录或会话已结束 not signed in",
    "403": "无权 not allowed", "404": "不存在 unknown", "405": "方法不对 no such method",
    "409": "与现状冲突 conflicts with what is there", "413": "过大 too large",
    "422": "不予受理，说明原因 refused, with the reason", "429": "尝试过多 too many tries",
    "503": "暂不可用，可重试 try again shortly",
}
OPEN = {("/healthz", "get"), ("/readyz", "get"), ("/metrics", "get"), ("/api/v1/session", "post")}


def described(app: FastAPI, settings: Settings) -> None:
    """Makes `app.openapi()` carry tags, the two ways to be signed in, and every refusal."""
    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app, settings)
        return app.openapi_schema

    app.openapi = openapi


def _made(app: FastAPI, settings: Settings) -> dict[str, object]:
    found = get_openapi(title=app.title, version=app.version, description=app.description,
                        routes=app.routes,
                        tags=[{"name": name, "description": said} for name, said in TAGS])
    parts = found.setdefault("components", {})
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": settings.cookie}}
    schemas = parts.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Refusal"] = ERROR
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _describe(operation, path, method)
    return found


def _describe(operation: dict[str, object], path: str, method: str) -> None:
    if (path, method) not in OPEN:
        operation["security"] = [{"bearer": []}, {"cookie": []}]
    for status, said in REFUSALS.items():
        operation["responses"].setdefault(status, {})
        operation["responses"][status] = {"description": said, "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}}
    if path == "/readyz":
        operation["responses"]["503"]["content"] = {"application/json": {"schema": {
            "type": "object"}}}
