"""Lists of people and institutions by file (批量导入), each with a report of refused rows."""
from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Request, UploadFile
from starlette.responses import Response

from ..enrolment.imports import KINDS, import_list
from .fields import Reason
from .gate import Caller, may
from .fact_routes import Service
from .refusals import json_reply
from .repeats import Key, once
from .uploads import digest, stored

router = APIRouter(prefix="/api/v1/regions/{region}/imports", tags=["导入 imports"])
FAULTS_MAX = 1000
Kind = Annotated[Literal[tuple(KINDS)], Path(description="名单种类 kind of list")]


@router.get("", summary="名单种类与列 Kinds of lists and their columns")
def kinds(_: Annotated[Caller, Depends(may("import.run"))]) -> Response:
    """列名用中文或字段名均可。 Headings in 中文 or as field names."""
    return json_reply({"kinds": {name: {"zh": kind.zh, "columns": [
        {"name": column.name, "zh": column.zh, "needed": column.needed, "note": column.note,
         "example": column.example} for column in kind.columns]}
        for name, kind in KINDS.items()}})


@router.post("/{kind}", status_code=201, summary="导入名单 Import a list")
def import_file(request: Request, caller: Annotated[Caller, Depends(may("import.run"))],
                kind: Kind, key: Key, file: UploadFile, why: Annotated[Reason, Form()],
                service: Service, correct: Annotated[bool, Form()] = False) -> Response:
    """逐行办理；未采用的行说明原因与改法。

    Row by row; every row not taken is told, with what to do.
    """
    def work() -> object:
        with stored(file) as path:
            report = import_list(service, kind, path, caller.who.region, by=caller.who.user_id,
                                 why=why, correct=correct)
        request.app.state.platform.places.forget()
        found = report.as_dict()
        return {**found, "file": "upload", "faults": found["faults"][:FAULTS_MAX],
                "faults_total": len(found["faults"])}
    return once(request, caller, key, {"file": digest(file), "why": why, "correct": correct},
                work)
