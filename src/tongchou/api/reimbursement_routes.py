"""Manual reimbursement over HTTP (手工报销, BJ-50 to BJ-52): cases at the agency's counter."""
from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from ..errors import CaseError, Refusal
from ..ledger import Calendar
from ..platform.manual import STEPS, ManualDesk
from ..settlement import manual
from ..terms import FUNDS, PARTS
from .fields import AmountYuan, Body, Day, Identifier, PersonNumber, Reason, Text
from .gate import Caller, may
from .hot_settlement import checked_key
from .refusals import json_reply
from .repeats import Key
from .settlement_models import Bill

router = APIRouter(prefix="/api/v1/regions/{region}", tags=["报销 reimbursement"])
Number = Annotated[PersonNumber, Path()]
CaseNumber = Annotated[Identifier, Path(description="受理单编号")]
Document = Annotated[str, Field(pattern="^[a-z_]{1,40}$", description="材料 document")]
Documents = Annotated[list[Document], Field(max_length=50)]
Part = Literal[tuple(part.national for part in PARTS.values())]
ByFund = Annotated[dict[Literal[tuple(FUNDS)], AmountYuan], Field(max_length=40)]
BASE = "/persons/{psn_no}/reimbursements"


class NewCase(Bill):
    """手工报销 a bill the person paid in full, with what was handed in with it."""

    kind: Literal["manual"] = "manual"
    received_on: Day
    reason: Annotated[Literal[tuple(manual.REASONS)], Field(description="未能直接结算的情形")]
    invoices: Annotated[list[Identifier], Field(min_length=1, max_length=50)]
    documents: Documents = []
    advanced: ByFund | None = None
    why: Text | None = None


class Deduction(Body):
    """审核扣减 what a review takes off a part of the bill, and why."""

    part: Part
    amount: AmountYuan
    reason: Reason


class NewStep(Body):
    """办理一步 what happened to the case; which fields belong to it, the step says."""

    step: Annotated[Literal[STEPS], Field(description="步骤 step")]
    on: Day | None = None
    why: Text | None = None
    documents: Documents | None = None
    deductions: Annotated[list[Deduction], Field(max_length=100)] | None = None
    amounts: ByFund | None = None


def _desk(request: Request, region: str) -> ManualDesk:
    settings = request.app.state.settings
    rules = settings.manual.get(region)
    if rules is None:
        raise CaseError("no-manual-rules", "the server has no rules of manual reimbursement for "
                        "this region", "region", hint="Start it with them: docs/http-api.md.")
    return request.app.state.platform.manual(rules, calendar_of(request))


def calendar_of(request: Request) -> Calendar:
    """The server's calendar of working days. Raises Refusal `no-calendar`."""
    found = request.app.state.settings.calendar
    if found is None:
        raise Refusal("no-calendar", "the server has no working-day calendar", "calendar", "",
                      "Start it with one: docs/http-api.md.")
    return found


@router.post(BASE, status_code=201, summary="受理手工报销 Take a case")
def take(request: Request, caller: Annotated[Caller, Depends(may("reimbursement.take"))],
         psn_no: Number, body: NewCase, key: Key) -> Response:
    """期限按工作日计算（BJ-51）；缺件可后补。 The clock runs; documents may follow."""
    if body.psn_no != psn_no:
        raise Refusal("other-person", "the bill is of another person", "psn_no", "",
                      "Take it as a case of that person.")
    desk = _desk(request, caller.who.region)
    return json_reply(desk.register({"region": caller.who.region, **body.plain()},
                                    checked_key(key, caller), who=caller.who), 201)


@router.post(BASE + "/{case_id}/steps", status_code=201, summary="办理一步 Take a step")
def step(request: Request, caller: Annotated[Caller, Depends(may("reimbursement.take"))],
         psn_no: Number, case_id: CaseNumber, body: NewStep, key: Key) -> Response:
    """补件、初审、复审、结算、拨付等；初审与复审须为两人。 Reviews are by two different people."""
    asked = {name: value for name, value in body.plain().items() if name != "step"}
    return json_reply(_desk(request, caller.who.region).step(
        case_id, body.step, {"psn_no": psn_no, **asked}, checked_key(key, caller),
        who=caller.who), 201)


@router.get(BASE + "/{case_id}", summary="受理单 A case")
def case(request: Request, caller: Annotated[Caller, Depends(may("reimbursement.read"))],
         psn_no: Number, case_id: CaseNumber) -> Response:
    """材料、期限、各步骤与应付。 Documents, term, steps, and what is owed."""
    caller.looked_at(psn_no, fields=())
    return json_reply(_desk(request, caller.who.region).case(psn_no, case_id, who=caller.who))


@router.get("/reimbursements", summary="未办结受理单与期限 Cases that have not ended")
def open_cases(request: Request, caller: Annotated[Caller, Depends(may("reimbursement.read"))],
               today: Annotated[Day | None, Query()] = None) -> Response:
    """逾期最久者在前。 The latest first."""
    found = _desk(request, caller.who.region).overdue(
        date.fromisoformat(today) if today else None, who=caller.who)
    caller.looked_at(*{str(row["psn_no"]) for row in found}, fields=())
    return json_reply({"cases": found})
