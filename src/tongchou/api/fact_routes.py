"""What is known of a person, kind by kind (参保事实): enter, correct, retract, list.

One set of routes for every kind of `people_models.KINDS`. Annotations are evaluated here as they
stand, since each route has the body of its kind.
"""
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from ..enrolment import Enrolment, Referral
from .fields import OUTSIDE, Identifier, PersonNumber
from .gate import Caller, may
from .people_models import KINDS, Because
from .refusals import json_reply
from .repeats import Key, once

router = APIRouter(prefix="/api/v1/regions/{region}/persons", tags=["参保 people"])
RowId = Annotated[Identifier, Path()]
Number = Annotated[PersonNumber, Path()]


def enrolment(request: Request) -> Enrolment:
    """The service of people."""
    return request.app.state.platform.enrolment


Service = Annotated[Enrolment, Depends(enrolment)]


def known(caller: Caller, service: Enrolment, psn_no: str) -> dict[str, object]:
    """All facts of a person: kind -> rows."""
    return {path: _rows(caller, service, psn_no, kind)
            for path, (_, _, kind, _) in KINDS.items()}


def _rows(caller: Caller, service: Enrolment, psn_no: str, kind: type) -> list[dict[str, object]]:
    hidden = {"evidence"} if caller.who.role == "institution" else set()
    return [{"row_id": one.row_id, **{OUTSIDE.get(name, name): value for name, value
                                      in asdict(one.fact).items() if name not in hidden}}
            for one in service.facts(caller.who.region, psn_no, kind)]


def _fact_routes(path: str, called: str, model: type[BaseModel], kind: type, permission: str,
                 ) -> None:
    """Entering, correcting, retracting and listing one kind of fact."""
    what = path.replace("-", "_")

    def add(request: Request, caller: Annotated[Caller, Depends(may(permission))],
            psn_no: Number, body: model, key: Key, service: Service) -> Response:
        fact = body.fact()
        if isinstance(fact, Referral):
            caller.own(fact.from_institution, psn_no)
        return once(request, caller, key, body.plain(), lambda: {"row_id": service.add(
            caller.who.region, psn_no, fact, by=caller.who.user_id, why=body.why)})

    def correct_row(request: Request, caller: Annotated[Caller, Depends(may("person.change"))],
                    psn_no: Number, row_id: RowId, body: model, key: Key, service: Service,
                    ) -> Response:
        return once(request, caller, key, body.plain(), lambda: {"row_id": service.correct(
            caller.who.region, psn_no, row_id, body.fact(), by=caller.who.user_id,
            why=body.why)}, 200)

    def retract(request: Request, caller: Annotated[Caller, Depends(may("person.change"))],
                psn_no: Number, row_id: RowId, body: Because, key: Key, service: Service,
                ) -> Response:
        def work() -> object:
            service.retract(caller.who.region, psn_no, kind.TABLE, row_id,
                            by=caller.who.user_id, why=body.why)
            return {"row_id": row_id, "retracted": True}
        return once(request, caller, key, body.plain(), work)

    def rows(caller: Annotated[Caller, Depends(may("person.read"))], psn_no: Number,
             service: Service) -> Response:
        caller.looked_at(psn_no, fields=())
        return json_reply({path: _rows(caller, service, psn_no, kind)})

    base = f"/{{psn_no}}/{path}"
    for method, tail, route, summary in (
            ("POST", "", add, f"新增{called}: add"), ("GET", "", rows, f"查询{called}: list"),
            ("PUT", "/{row_id}", correct_row, f"更正{called}: correct"),
            ("POST", "/{row_id}/retraction", retract, f"撤销{called}: retract")):
        made = 201 if method == "POST" else 200
        router.add_api_route(base + tail, route, methods=[method], summary=summary,
                             status_code=made, operation_id=f"{route.__name__}_{what}",
                             description=model.__doc__)


for _path, (_called, _model, _kind, _permission) in KINDS.items():
    _fact_routes(_path, _called, _model, _kind, _permission)
