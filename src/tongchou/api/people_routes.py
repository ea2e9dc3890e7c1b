"""People and what is known of them (参保人): register, read, search, add, correct, retract."""
from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from ..enrolment import Enrolment
from ..errors import Refusal
from .gate import Caller, may
from .fact_routes import Number, RowId, Service, known
from .people_models import (Because, FurtherCertificate, Move, PersonCorrection, Registration,
                            Search)
from .refusals import json_reply
from .repeats import Key, once

router = APIRouter(prefix="/api/v1/regions/{region}/persons", tags=["参保 people"])


@router.post("", status_code=201, summary="参保登记 Register a person")
def register(request: Request, caller: Annotated[Caller, Depends(may("person.register"))],
             body: Registration, key: Key, service: Service) -> Response:
    """返回人员编号 psn_no。新生儿可无证件。 Answers psn_no; a newborn may have no document."""
    def work() -> object:
        document = body.certificate.document(body.brdy, body.gend) if body.certificate else None
        return {"psn_no": service.register(caller.who.region, document, body.person(),
                                           by=caller.who.user_id, why=body.why)}
    return once(request, caller, key, body.plain(), work)


@router.post("/search", summary="按证件查找 Find a person by a document")
def search(caller: Annotated[Caller, Depends(may("person.search"))], body: Search,
           service: Service) -> Response:
    """证件号码只出现在请求体中，不进入地址与日志。

    The number stands in the body, so that no log has it.
    """
    region = caller.who.region
    psn_no = service.find(region, body.document())
    caller.looked_at(psn_no or "")
    if psn_no is None:
        raise Refusal("unknown-person", "nobody is registered with this document", "certno", "",
                      "Compare kind and number, or register the person.")
    return json_reply(_view(caller, service, psn_no))


@router.get("/{psn_no}", summary="参保人信息 A person")
def read(caller: Annotated[Caller, Depends(may("person.read"))], psn_no: Number,
         service: Service) -> Response:
    """姓名、证件、电话按角色脱敏；说明目的（X-Purpose）方可完整显示。

    Masked unless a purpose is given.
    """
    caller.looked_at(psn_no)
    return json_reply({**_view(caller, service, psn_no), **known(caller, service, psn_no)})


@router.put("/{psn_no}", summary="更正参保人信息 Correct a person")
def correct(request: Request, caller: Annotated[Caller, Depends(may("person.change"))],
            psn_no: Number, body: PersonCorrection, key: Key, service: Service) -> Response:
    """旧记录保留并标记撤销。 The old row stays, retracted."""
    def work() -> object:
        service.correct_person(caller.who.region, psn_no, body.person(), by=caller.who.user_id,
                               why=body.why)
        return {"psn_no": psn_no}
    return once(request, caller, key, body.plain(), work, 200)


@router.post("/{psn_no}/certificates", status_code=201, summary="补录证件 Add a document")
def add_certificate(request: Request, caller: Annotated[Caller, Depends(may("person.change"))],
                    psn_no: Number, body: FurtherCertificate, key: Key, service: Service,
                    ) -> Response:
    """新生儿上户后补录身份证号。 A newborn got its number."""
    def work() -> object:
        service.add_document(caller.who.region, psn_no, body.document(), by=caller.who.user_id,
                             why=body.why)
        return {"psn_no": psn_no}
    return once(request, caller, key, body.plain(), work)


@router.post("/{psn_no}/relocation", status_code=201, summary="关系转移 Move to another region")
def relocate(request: Request, caller: Annotated[Caller, Depends(may("person.change"))],
             psn_no: Number, body: Move, key: Key, service: Service) -> Response:
    """自某日起转入另一统筹区，待遇不间断。 From a day on, without a gap."""
    def work() -> object:
        service.relocate(caller.who.region, psn_no, body.to_region, body.day,
                         by=caller.who.user_id, why=body.why)
        return {"psn_no": psn_no, "region": body.to_region, "from": body.day}
    return once(request, caller, key, body.plain(), work)


@router.post("/{psn_no}/referrals/{row_id}/registration", status_code=201,
             summary="登记转诊 Register a referral")
def register_referral(request: Request, caller: Annotated[Caller, Depends(may("person.change"))],
                      psn_no: Number, row_id: RowId, body: Because, key: Key, service: Service,
                      ) -> Response:
    """经办机构核对后登记，方可按转诊待遇结算（BJ-61）。 It counts once the agency registers it."""
    def work() -> object:
        return {"row_id": service.register_referral(
            caller.who.region, psn_no, row_id, by=caller.who.user_id, why=body.why)}
    return once(request, caller, key, body.plain(), work)


def _view(caller: Caller, service: Enrolment, psn_no: str) -> dict[str, object]:
    role = caller.who.role if caller.purpose else ""
    found = service.views(caller.who.region, [psn_no], role)
    if not found:
        raise Refusal("unknown-person", "there is no such person in this region", "psn_no", "",
                      "Check the number and the region.")
    return found[0]
